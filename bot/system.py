"""The world's own clock and dice, for the composition root: tests bring theirs."""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import UTC, datetime

from bot.core.model import OperationId

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class SystemClock:
    """``bot.ports.Clock`` by the machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def new_operation_id() -> OperationId:
    """An id such as ``SW-7K3M9Q``: six random Crockford base 32 digits, one of a billion.

    The store refuses an id it has, so that even one that comes twice can't mix two operations.
    """
    return OperationId("SW-" + "".join(secrets.choice(CROCKFORD) for _ in range(6)))
