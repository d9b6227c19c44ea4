"""Freezes and the halt that people set by hand: what is in force, and who is first of a hold and a start."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.holds import Hold, HoldEvent, HoldKind, apply, binding
from bot.core.model import UserId
from bot.core.operation import Operation
from bot.errors import Held
from bot.ports import TellHold
from bot.storage import audit, inbox, outbox, unreadable
from bot.storage.codec import OPERATIONS, plain
from bot.storage.tables import holds, operations


async def record(
    connection: AsyncConnection,
    *,
    event: HoldEvent,
    item_id: int | None,
    tell: TellHold,
    audit_channel: str,
) -> None:
    """Records what somebody set or lifted, in the trail and in what is in force, and who is told.

    Raises:
        Stale: The inbox item is done already.
    """
    if item_id is not None:
        await inbox.finish(connection, item_id, event.at)
    head = await audit.append(connection, [audit.hold_entry(event)])
    await _apply(connection, event, head.seq)
    # The trail is locked by now: what began before is committed, and what begins later finds the hold.
    told = tell(await _open(connection))
    if item_id is not None:
        await inbox.answer(connection, item_id, told.replies, event.at)
    if told.say is not None:
        await outbox.owe_notice(
            connection, f"hold-{head.seq}", told.say, event.at, audit_channel=audit_channel
        )
    await outbox.owe_threads(connection, head.seq, told.threads, event.at)


async def _open(connection: AsyncConnection) -> Sequence[Operation]:
    query = select(operations).where(operations.c.is_open)
    rows = (await connection.execute(query)).all()
    found, _ = unreadable.sort_out(operations, rows, lambda row: OPERATIONS.loads(row.state))
    return found


async def _apply(connection: AsyncConnection, event: HoldEvent, seq: int) -> None:
    before = await _stored(connection)
    after = apply(before, event)
    for hold in before:
        if hold not in after:
            await connection.execute(
                delete(holds).where(holds.c.kind == hold.kind, holds.c.scope == hold.scope)
            )
    for hold in after:
        if hold not in before:
            await connection.execute(
                insert(holds).values(
                    kind=hold.kind,
                    scope=hold.scope,
                    seq=seq,
                    since=hold.since,
                    until=hold.until,
                    reason=plain(hold.reason),
                    actor=plain(hold.by),
                )
            )


async def _stored(connection: AsyncConnection, now: datetime | None = None) -> Sequence[Hold]:
    query = select(holds).order_by(holds.c.seq)
    if now is not None:
        query = query.where(or_(holds.c.until.is_(None), holds.c.until > now))
    return [
        Hold(HoldKind(row.kind), row.scope, row.since, row.until, row.reason, UserId(row.actor))
        for row in await connection.execute(query)
    ]


async def in_force(connection: AsyncConnection, now: datetime) -> Sequence[Hold]:
    """What binds somebody at a time, in the order in which it was set."""
    return await _stored(connection, now)


async def require_none(
    connection: AsyncConnection, op: Operation, at: datetime, kinds: frozenset[HoldKind]
) -> None:
    """Makes sure that nothing of these kinds binds an operation at a time, and that nothing will before the commit.

    Whoever sets a hold appends to the trail, and so does this transaction: of the two the one that locks the
    trail first is first, and the holds are read after that.

    Raises:
        Held: Something does.
    """
    await audit.lock(connection)
    hold = binding(await _stored(connection), op.database, at, kinds)
    if hold is not None:
        raise Held(f"{op.id} is held by a {hold.kind} of {hold.scope}")


async def prune(connection: AsyncConnection, before: datetime) -> None:
    """Deletes what ended by itself before a time."""
    await connection.execute(delete(holds).where(holds.c.until < before))
