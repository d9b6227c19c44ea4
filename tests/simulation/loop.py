"""Virtual time: an event loop that never waits, and the clocks that follow it.

Nothing here has threads or sockets, so the loop may jump to its next timer whenever nothing is ready.
"""

from __future__ import annotations

import asyncio
from asyncio import base_events
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context, copy_context
from datetime import UTC, datetime, timedelta
from functools import partial
from heapq import heapify, heappop, heappush
from itertools import repeat
from typing import Any, TypeVar

import time_machine

T = TypeVar("T")
START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
EPOCH, MICROSECOND = datetime.fromtimestamp(0, UTC), timedelta(microseconds=1)


class Stuck(Exception):
    """Everything waits and no timer runs, nothing lets time pass, or time passes for ever."""


BUSY = 10_000
"""Turns of the loop without time passing, after which it is taken for endless."""
LONGEST = 8 * 3600.0
"""Seconds of virtual time after which a history has no end; all its waits together take no more than four hours."""
INSTANT = 1e-9
"""Timers that are as many seconds apart, by the rounding of sums, are due together."""
MANY = 100
"""Timers, from which on those that were cancelled are cleared away when they are the most."""


class _Handle(asyncio.Handle):
    """A callback to be run in the next turn."""

    __slots__ = ()
    _callback: Any
    _loop: asyncio.AbstractEventLoop
    _context: Context
    _repr: str | None


class _Timer(asyncio.TimerHandle):
    """A callback to be run at a time; of two at one time none is earlier, as the heap has it."""

    __slots__ = ()
    _callback: Any
    _loop: SimulatedLoop
    _context: Context
    _repr: str | None
    _when: float
    _scheduled: bool

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __lt__(self, _: object) -> bool:
        return False

    def cancel(self) -> None:
        if not self._cancelled:
            self._cancelled = True
            self._callback = self._args = None  # type: ignore[assignment]  # as asyncio does
            if self._scheduled:
                self._loop._timer_cancelled_count += 1


_bare_handle = partial(_Handle.__new__, _Handle)
_bare_timer = partial(_Timer.__new__, _Timer)
"""Both are filled in where they are made: a call more for each is felt, and only a debugger wants to know more."""


class SimulatedLoop(base_events.BaseEventLoop):
    """An event loop whose time stands still while anything is ready, and else is that of the next timer.

    Its turns are asyncio's, in the same order, without what a loop does for sockets, threads and debuggers.

    Attributes:
        threads: Work for a thread is taken, and done at once.
        at_rest: Told whenever nothing is ready, before time passes; it may set timers.
    """

    _ready: deque[asyncio.Handle]
    _scheduled: list[tuple[float, _Timer]]
    _stopping: bool
    _timer_cancelled_count: int

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._busy = 0
        self.threads = False
        self.at_rest: Callable[[], object] = bool

    def time(self) -> float:
        """Seconds since the history began."""
        return self._now

    def run_in_executor(self, _executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """Refuses, as what a thread does can't be repeated; or does it at once.

        Raises:
            RuntimeError: It is refused.
        """
        if not self.threads:
            raise RuntimeError("a thread in the simulation")
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  # whoever asked gets it
            done.set_exception(error)
        return done

    def call_soon(  # type: ignore[override]  # whatever it is called with
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = _bare_handle()
        handle._callback = callback
        handle._args = args
        handle._loop = self
        handle._context = copy_context() if context is None else context
        handle._cancelled = False
        handle._repr = None
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]  # whatever it is called with
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = _bare_timer()
        timer._callback = callback
        timer._args = args
        timer._loop = self
        timer._context = copy_context() if context is None else context
        timer._cancelled = False
        timer._repr = None
        timer._when = when
        timer._scheduled = True
        heappush(self._scheduled, (when, timer))
        return timer

    def call_later(  # type: ignore[override]  # whatever it is called with
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def _run_once(self) -> None:  # noqa: C901  # a call more in each turn is felt
        """All turns until it is to stop: who runs it would only ask after each whether it is."""
        ready = self._ready
        while True:
            if not ready and not self._stopping:
                self.at_rest()
            timers = self._scheduled
            if timers and (timers[0][1]._cancelled or len(timers) > MANY):
                timers = self._without_cancelled()
            self._busy += 1
            if not ready and not self._stopping:
                self._jump(timers)
            if self._busy > BUSY:
                raise Stuck("no time passes")
            end = self._now + INSTANT
            while timers and timers[0][0] < end:
                timer = heappop(timers)[1]
                timer._scheduled = False
                ready.append(timer)
            for _ in repeat(None, len(ready)):
                handle: Any = ready.popleft()
                if not handle._cancelled:
                    try:
                        handle._context.run(handle._callback, *handle._args)
                    except (SystemExit, KeyboardInterrupt):
                        raise
                    except BaseException as error:  # noqa: BLE001  # as asyncio does
                        told = f"Exception in callback {handle!r}"
                        self.call_exception_handler({"message": told, "exception": error, "handle": handle})
            if self._stopping:
                return

    def _jump(self, timers: Sequence[tuple[float, _Timer]]) -> None:
        if not timers:
            raise Stuck("everything waits for ever")
        if self._now > LONGEST:
            raise Stuck("it has no end")
        if timers[0][0] > self._now:
            self._busy = 0
            self._now = timers[0][0]

    def _without_cancelled(self) -> list[tuple[float, _Timer]]:
        """The timers, once those in front that were cancelled are gone, or all of them where they are many."""
        timers = self._scheduled
        if len(timers) > MANY and self._timer_cancelled_count > len(timers) / 2:
            self._scheduled = timers = [each for each in timers if not each[1]._cancelled]
            heapify(timers)
            self._timer_cancelled_count = 0
        while timers and timers[0][1]._cancelled:
            self._timer_cancelled_count -= 1
            heappop(timers)[1]._scheduled = False
        return timers

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody has to be woken."""


class Time:
    """The true time, which clouds and Slack keep, and the machine's and the database's, which may be wrong.

    Attributes:
        skew: How far the machine's wall clock is ahead of the true one.
        drift: How far the database's is.
        ahead: How far either was at most.
    """

    def __init__(self) -> None:
        self.skew = self.drift = self.ahead = timedelta(0)
        self._true, self._read_at = START, 0.0
        self.loop = SimulatedLoop()

    @property
    def elapsed(self) -> float:
        """Seconds since the history began."""
        return self.loop._now

    def true(self) -> datetime:
        """What every right clock shows."""
        now = self.loop._now
        if now != self._read_at:  # it is asked for more often than it passes
            self._true, self._read_at = START + timedelta(seconds=now), now
        return self._true

    def machine(self) -> datetime:
        """What the clock of the bot's machine shows."""
        return self.true() + self.skew if self.skew else self.true()

    def database(self) -> datetime:
        """What the clock of the database shows."""
        return self.true() + self.drift if self.drift else self.true()

    def jump(self, by: timedelta) -> None:
        """The machine's wall clock is set anew."""
        self.skew += by
        self.ahead = max(self.ahead, self.skew)

    def set_database(self, by: timedelta) -> None:
        """The database's clock is set anew."""
        self.drift += by
        self.ahead = max(self.ahead, self.drift)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs a history to its end; ``datetime.now()`` and the like show the machine's time meanwhile."""
        with self._travelling(), asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            return runner.run(main)

    @contextmanager
    def _travelling(self) -> Iterator[None]:
        # By the number of seconds: with a time zone, the zone of the process would be set anew.
        with time_machine.travel(START.timestamp(), tick=False) as traveller:
            # Told when somebody asks, and not whenever time passes: nearly everything asks the clock it was given.
            traveller.time_ns = self._nanoseconds  # type: ignore[method-assign]
            yield

    def _nanoseconds(self) -> int:
        return (self.machine() - EPOCH) // MICROSECOND * 1000


class MachineClock:
    """``bot.ports.Clock`` of a simulated machine; its monotonic clock knows nothing of the wall clock's jumps.

    Args:
        time: The time.
        ahead: How far this machine's wall clock is ahead of the others'.
    """

    def __init__(self, time: Time, ahead: timedelta = timedelta(0)) -> None:
        self._time = time
        self._ahead = ahead

    def now(self) -> datetime:
        return self._time.machine() + self._ahead if self._ahead else self._time.machine()

    def monotonic(self) -> float:
        return self._time.loop._now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
