"""The world's own clocks and dice, for the composition root: tests bring theirs."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog

from bot.core.model import OperationId
from bot.ports import Clock

log = structlog.get_logger()

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SURE_WITHIN = 1.0
"""Seconds that reading a clock far away may take: it showed that time at some moment of them."""
WORTH_A_LINE = timedelta(seconds=2)
"""How far a machine's clock must be off to be named in the log."""


class SystemClock:
    """``bot.ports.Clock`` by the machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        # Linux has one that goes on while the machine is suspended: whoever wakes up must not take itself for quick.
        return (
            time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
        )

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SharedClock:
    """``bot.ports.Clock`` that goes by a clock which all replicas can read, once this one has read it.

    Replicas tell by the time whether another one's claim has run out. By their machines' clocks one that is ahead
    would take over what is being sent just now.

    Args:
        machine: The clock until then; its monotonic one measures the time since a reading.
        read: Gives what the shared clock shows.
    """

    def __init__(self, machine: Clock, read: Callable[[], Awaitable[datetime]]) -> None:
        self._machine = machine
        self._read = read
        self._shown: datetime | None = None
        self._at = 0.0
        self._off = timedelta(0)

    def now(self) -> datetime:
        if self._shown is None:
            return self._machine.now()
        return self._shown + timedelta(seconds=self._machine.monotonic() - self._at)

    def monotonic(self) -> float:
        return self._machine.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._machine.sleep(seconds)

    async def adjust(self) -> None:
        """Reads the shared clock; a reading that took too long to be exact changes only what is surely wrong.

        Raises:
            StoreUnavailable: It can't be read.
        """
        began = self._machine.monotonic()
        shown = await self._read()
        ended = self._machine.monotonic()
        doubt = ended - began
        if (
            self._shown is not None
            and doubt > SURE_WITHIN
            and abs(shown - self.now()).total_seconds() <= doubt
        ):
            return
        self._shown, self._at = shown, (began + ended) / 2
        off = self._machine.now() - self.now()
        if abs(off - self._off) >= WORTH_A_LINE:
            log.warning(
                "clocks_differ",
                seconds=round(off.total_seconds(), 1),
                why="so far is this machine's clock ahead of the database's; the bot goes by the latter",
            )
            self._off = off


def new_operation_id() -> OperationId:
    """An id such as ``SW-7K3M9Q``: six random Crockford base 32 digits, one of a billion.

    The store refuses an id it has, so that even one that comes twice can't mix two operations.
    """
    return OperationId("SW-" + "".join(secrets.choice(CROCKFORD) for _ in range(6)))
