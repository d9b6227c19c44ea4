"""Where a provider's attention goes: reads that run side by side, and what of the budget each may use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from bot.ports import Clock
from providers.http import Priority

FOLLOWED_FOR = timedelta(minutes=30)  # the tracking of a switchover, deadline and verification included


class Followed:
    """Which clusters a switchover is being followed on.

    What is under way is verified with the reserve of the budget, a look at Home is not. The port says of a reading
    that something waits for it; of what was sent, whoever looks is told with the reserve.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def follow(self, key: str) -> None:
        """Notes that something was submitted, polled or looked for there."""
        now = self._clock.monotonic()
        self._until = {known: until for known, until in self._until.items() if until > now}
        self._until[key] = now + FOLLOWED_FOR.total_seconds()

    def priority(self, key: str, *, urgent: bool = False) -> Priority:
        """What a reading there may use; ``urgent``: something waits for it, as the port has it."""
        followed = self._clock.monotonic() < self._until.get(key, float("-inf"))
        return Priority.URGENT if urgent or followed else Priority.ORDINARY


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """Tasks of which none outlives the block; what the first to fail raised is raised itself."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
