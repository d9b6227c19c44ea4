"""Claiming: a row out of everybody's sight until a time, and back.

The statements of claims are made once and given their times as parameters: every tick runs them, and making
them costs more than running them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.tables import Instant

NOW = bindparam("claim_now", type_=Instant())
UNTIL = bindparam("claim_until", type_=Instant())
LIMIT = bindparam("claim_limit", type_=Integer())
LONGEST = timedelta(minutes=2)
"""No claim lasts longer, by far, nor is a submission on its way for longer."""


async def clock(connection: AsyncConnection) -> datetime:
    """What the database's clock shows: those of the replicas may differ, and by it they tell what has run out."""
    if connection.dialect.name != "postgresql":
        return datetime.now(UTC)
    shown: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    return shown


def given(now: datetime, until: datetime, limit: int) -> dict[str, Any]:
    """The parameters of one claim."""
    return {"claim_now": now, "claim_until": until, "claim_limit": limit}


def due_ids(table: Table, source: FromClause, *conditions: ColumnElement[bool]) -> Select[Any]:
    """Ids of rows that may be claimed; rows that another worker is just claiming are passed over.

    ``FOR NO KEY UPDATE`` is only said on PostgreSQL; SQLite has one writer anyway. More would keep others from
    owing messages to what is claimed, and a halt waits for nobody who stands still amid a claim.
    """
    ids = select(table.c.id).select_from(source).where(*conditions)
    return ids.with_for_update(key_share=True, skip_locked=True, of=table)


def claim(table: Table, due: Select[Any], **more: Any) -> Update:
    """One statement that takes the due rows; it changes ``due_at``, which its own condition looks at.

    Under READ COMMITTED a concurrent claimer looks at the condition again, on the row as it has become.
    """
    chosen = due.cte("due")
    return (
        update(table)
        .where(table.c.id.in_(select(chosen.c.id)))
        .values(due_at=UNTIL, claimed_from=table.c.due_at, **more)
        .returning(table)
    )


def held(table: Table, until: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Whether a row is still under the claim that ends at ``until``: any later claim of it ends later."""
    return and_(table.c.claimed_from.is_not(None), table.c.due_at == until)


async def forget(connection: AsyncConnection, table: Table, *conditions: ColumnElement[bool]) -> None:
    """Deletes rows, less those that another worker is just writing: the next time will do for them."""
    key = next(iter(table.primary_key))
    over = select(key).where(*conditions).order_by(key).with_for_update(skip_locked=True)
    await connection.execute(delete(table).where(key.in_(over)))


def unfinished(table: Table) -> ColumnElement[bool]:
    """Which rows the index of due times knows: of what was ever done there may be very much, and none is read."""
    known = table.c.due_at.is_not(None)
    return and_(known, table.c.done_at.is_(None)) if "done_at" in table.c else known


async def hasten(
    connection: AsyncConnection, table: Table, now: datetime, *which: ColumnElement[bool]
) -> None:
    """Makes due what waits for a later time, and is claimed by nobody: by the clock that was, its time has come."""
    due_at, unclaimed = table.c.due_at, table.c.claimed_from.is_(None)
    await move(connection, due_at, now, unfinished(table), due_at > now, unclaimed, *which)


async def shorten(connection: AsyncConnection, table: Table, now: datetime) -> None:
    """Ends claims in time that the clock before made: who holds one may have died, and nobody would know for long."""
    due_at, longest, claimed = table.c.due_at, now + LONGEST, table.c.claimed_from.is_not(None)
    await move(connection, due_at, longest, unfinished(table), due_at > longest, claimed)


async def move(
    connection: AsyncConnection,
    time: Column[datetime],
    to: datetime | ColumnElement[Any],
    *which: ColumnElement[bool],
) -> None:
    """Sets a time in many rows, less those that another worker is just writing: it gives them their times anew.

    It waits for nobody, as long as no row is written twice in a transaction: then PostgreSQL looks at what the row
    refers to, and waits for whoever is changing that. Nor does it pass over what messages are just owed to: that
    writes no times.
    """
    table = time.table
    key = next(iter(table.primary_key))
    chosen = select(key).where(*which).with_for_update(key_share=True, skip_locked=True)
    await connection.execute(update(table).where(key.in_(chosen)).values({time: to}))


async def release(connection: AsyncConnection, table: Table, now: datetime) -> None:
    """Puts the claimed rows back to when they were due, or to now if that is earlier."""
    was = table.c.claimed_from
    await connection.execute(
        update(table)
        .where(unfinished(table), was.is_not(None))
        .values(due_at=case((was < now, was), else_=literal(now, Instant())), claimed_from=None)
    )
