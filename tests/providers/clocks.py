"""A clock that tests move; sleeping moves it too, so nothing ever waits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class TestClock:
    """Implements the port's ``Clock``; ``jump`` moves the wall clock only."""

    __test__ = False

    def __init__(self) -> None:
        self._elapsed = 0.0
        self._jumped = timedelta(0)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self._elapsed) + self._jumped

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._elapsed += seconds
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self._elapsed += seconds

    def jump(self, by: timedelta) -> None:
        self._jumped += by
