"""Virtual time: an event loop that never waits, and the clocks that follow it.

Nothing here has threads or sockets, so the loop may jump to its next timer whenever nothing is ready.
"""

from __future__ import annotations

import asyncio
from asyncio import base_events
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import time_machine

T = TypeVar("T")
START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class Stuck(Exception):
    """Everything waits and no timer runs, or nothing lets time pass: nothing would ever happen again."""


BUSY = 10_000
"""Turns of the loop without time passing, after which it is taken for endless."""


class _Jumping:
    """Stands where a loop has its selector: instead of waiting, it moves the time."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        self._jump = jump
        self._turns = 0

    def select(self, timeout: float | None) -> list[Any]:
        self._turns += 1
        if timeout is None or self._turns > BUSY:
            raise Stuck
        if timeout > 0:
            self._turns = 0
            self._jump(timeout)
        return []


class SimulatedLoop(base_events.BaseEventLoop):
    """An event loop whose time stands still while anything is ready, and else is that of the next timer.

    Args:
        moved: Told whenever the time has changed.

    Attributes:
        threads: Work for a thread is taken, and done at once.
    """

    def __init__(self, moved: Callable[[], None]) -> None:
        super().__init__()
        self._now = 0.0
        self._moved = moved
        self.threads = False
        self._selector = _Jumping(self._jump)

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

    def _jump(self, timeout: float) -> None:
        # Exactly the timer's own time: sums of differences would drift.
        timers = self._scheduled  # type: ignore[attr-defined]  # asyncio's heap of timers
        self._now = max(self._now, timers[0].when()) if timers else self._now + timeout
        self._moved()

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody has to be woken."""


class Time:
    """The true time, which clouds and Slack keep, and the machine's, which may be wrong.

    Attributes:
        skew: How far the machine's wall clock is ahead of the true one.
    """

    def __init__(self) -> None:
        self.skew = timedelta(0)
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
        return self.true() + self.skew

    def jump(self, by: timedelta) -> None:
        """The machine's wall clock is set anew."""
        self.skew += by
        self._moved()

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs a history to its end; ``datetime.now()`` and the like show the machine's time meanwhile."""
        with self._travelling(), asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            return runner.run(main)

    @contextmanager
    def _travelling(self) -> Iterator[None]:
        # By the number of seconds: with a time zone, every move would set the zone of the process anew.
        shown = self._shown = self.machine()
        with time_machine.travel(shown.timestamp(), tick=False) as self._machine:
            yield
        self._machine = None

    def _moved(self) -> None:
        self._true = START + timedelta(seconds=self.loop.time())
        if self._machine is not None:
            shown, self._shown = self._shown, self.machine()
            self._machine.shift(self._shown - shown)


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
