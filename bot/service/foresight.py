"""What is known to forbid a request while its form is still open: without a reading, from the bot's own database."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bot.core.commands import RequestSwitchover
from bot.core.holds import Hold, HoldKind, binding
from bot.core.model import Reason, Target, UserId
from bot.errors import StoreUnavailable
from bot.ports import Clock, Store
from bot.service.catalogue import CatalogueHolder, Database

LIMIT = 0.5
"""Seconds that the answer to a form waits for it: that has to come within three."""
RESENT = timedelta(minutes=1)
"""Whoever has asked within that time may be sending the same form again, as they did not see it taken."""


class Foresight:
    """Says early what the desk would say. Nothing here is authority: the desk judges every request.

    Args:
        store: What is under way, and what was set by hand.
        catalogue: The configuration in force.
        clock: The time.
        limit: Seconds to find it out.
    """

    def __init__(
        self, *, store: Store, catalogue: CatalogueHolder, clock: Clock, limit: float = LIMIT
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._clock = clock
        self._limit = limit

    async def hindrance(self, command: RequestSwitchover, user: UserId) -> Reason | None:
        """Why a planned request is of no use now, without the name of anybody; None where nothing is known of that."""
        database = self._catalogue.current.databases.get(command.database)
        if database is None:
            return None
        try:
            async with asyncio.timeout(self._limit):
                return await self._held(database) or await self._locked(command, user)
        except (StoreUnavailable, TimeoutError):
            return None

    async def _held(self, database: Database) -> Reason | None:
        now = self._clock.now()
        hold = binding(await self._store.holds(now), database.name, now)
        return database.frozen(now) if hold is None else _nameless(hold)

    async def _locked(self, command: RequestSwitchover, user: UserId) -> Reason | None:
        target, lately = Target(command.database, command.shard), self._clock.now() - RESENT
        for op in await self._store.operations(open_only=True, database=command.database):
            if op.target == target and not (op.requested_by == user and op.requested_at > lately):
                return Reason.of("locked", database=command.database, holder=op.id)
        return None


def _nameless(hold: Hold) -> Reason:
    if hold.kind is HoldKind.HALT:
        return Reason.of("form-halted", reason=hold.reason)
    until = None if hold.until is None else hold.until.isoformat()
    return Reason.of("form-frozen", scope=hold.scope, reason=hold.reason, until=until)
