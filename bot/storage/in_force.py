"""The freezes and the halt that are set, as they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.holds import Hold, HoldKind
from bot.core.model import UserId
from bot.storage.tables import holds


async def stored(connection: AsyncConnection) -> Sequence[Hold]:
    """All that are set, in the order in which they were; also those that have ended by themselves."""
    return await _found(connection)


async def in_force(connection: AsyncConnection, now: datetime) -> Sequence[Hold]:
    """What binds somebody at a time, in the order in which it was set."""
    return await _found(connection, or_(holds.c.until.is_(None), holds.c.until > now))


async def _found(connection: AsyncConnection, *which: ColumnElement[bool]) -> Sequence[Hold]:
    rows = await connection.execute(select(holds).where(*which).order_by(holds.c.seq))
    return [
        Hold(HoldKind(row.kind), row.scope, row.since, row.until, row.reason, UserId(row.actor))
        for row in rows
    ]
