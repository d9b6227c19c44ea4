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
from heapq import heapify, heappop, heappush
from typing import Any, TypeVar

import time_machine

T = TypeVar("T")
START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


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
    """A callback to be run in the next turn; made without asking what only a debugger wants to know."""

    __slots__ = ()

    def __init__(
        self,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self._callback = callback
        self._args = args
        self._loop = loop
        self._context = copy_context() if context is None else context
        self._cancelled = False
        self._repr = None


class _Timer(asyncio.TimerHandle):
    """The same at a time; of two at one time none is earlier, as the heap has it."""

    __slots__ = ()

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self._callback = callback
        self._args = args
        self._loop = loop
        self._context = copy_context() if context is None else context
        self._cancelled = False
        self._repr = None
        self._when = when
        self._scheduled = True

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __lt__(self, _: object) -> bool:
        return False


class SimulatedLoop(base_events.BaseEventLoop):
    """An event loop whose time stands still while anything is ready, and else is that of the next timer.

    Its turns are asyncio's, in the same order, without what a loop does for sockets, threads and debuggers.

    Args:
        moved: Told whenever the time has changed.

    Attributes:
        threads: Work for a thread is taken, and done at once.
        at_rest: Told whenever nothing is ready, before time passes; it may set timers.
    """

    _ready: deque[asyncio.Handle]
    _scheduled: list[tuple[float, _Timer]]
    _stopping: bool
    _timer_cancelled_count: int

    def __init__(self, moved: Callable[[], None]) -> None:
        super().__init__()
        self._now = 0.0
        self._moved = moved
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
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]  # whatever it is called with
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = _Timer(when, callback, args, self, context)
        heappush(self._scheduled, (when, timer))
        return timer

    def call_later(  # type: ignore[override]  # whatever it is called with
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = _Timer(self._now + delay, callback, args, self, context)
        heappush(self._scheduled, (timer._when, timer))
        return timer

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
            for _ in range(len(ready)):
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
            self._moved()

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
    """The true time, which clouds and Slack keep, and the machine's, which may be wrong.

    Attributes:
        skew: How far the machine's wall clock is ahead of the true one.
        ahead: How far it was at most.
    """

    def __init__(self) -> None:
        self.skew = self.ahead = timedelta(0)
        self._true = START
        self.loop = SimulatedLoop(self._moved)
        self._machine: time_machine.Traveller | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the history began."""
        return self.loop.time()

    def true(self) -> datetime:
        """What every right clock shows."""
        return self._true

    def machine(self) -> datetime:
        """What the clock of the bot's machine shows."""
        return self._true + self.skew

    def jump(self, by: timedelta) -> None:
        """The machine's wall clock is set anew."""
        self.skew += by
        self.ahead = max(self.ahead, self.skew)
        if self._machine is not None:
            self._machine.shift(by)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs a history to its end; ``datetime.now()`` and the like show the machine's time meanwhile."""
        with self._travelling(), asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            return runner.run(main)

    @contextmanager
    def _travelling(self) -> Iterator[None]:
        # By the number of seconds: with a time zone, every move would set the zone of the process anew.
        with time_machine.travel(self.machine().timestamp(), tick=False) as self._machine:
            yield
        self._machine = None

    def _moved(self) -> None:
        before, self._true = self._true, START + timedelta(seconds=self.loop.time())
        if self._machine is not None:
            self._machine.shift(self._true - before)


class MachineClock:
    """``bot.ports.Clock`` of the simulated machine; its monotonic clock knows nothing of the wall clock's jumps."""

    def __init__(self, time: Time) -> None:
        self._time = time

    def now(self) -> datetime:
        return self._time.machine()

    def monotonic(self) -> float:
        return self._time.elapsed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
