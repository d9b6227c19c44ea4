"""Freezes and the halt that people set by hand: what is in force, and who is first of a hold and a start."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.holds import Hold, HoldEvent, HoldKind, apply, binding
from bot.core.operation import Operation
from bot.errors import Held
from bot.ports import TellHold
from bot.storage import audit, inbox, outbox, unreadable
from bot.storage.codec import OPERATIONS, plain
from bot.storage.in_force import stored
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
    before = await _apply(connection, event, head.seq)
    # The trail is locked by now: what began before is committed, and what begins later finds the hold.
    told = tell(await _open(connection), [hold for hold in before if hold.binds(hold.scope, event.at)])
    if item_id is not None:
        await inbox.answer(connection, item_id, told.replies, event.at)
    if told.say is not None:
        await outbox.owe_notice(
            connection, f"hold-{head.seq}", told.say, event.at, audit_channel=audit_channel
        )
    await outbox.owe_threads(connection, head.seq, told.threads, event.at)
    await outbox.renew_cards(connection, [op.id for op, _ in told.threads], event.at)


async def _open(connection: AsyncConnection) -> Sequence[Operation]:
    query = select(operations).where(operations.c.is_open)
    rows = (await connection.execute(query)).all()
    found, _ = unreadable.sort_out(operations, rows, lambda row: OPERATIONS.loads(row.state))
    return found


async def _apply(connection: AsyncConnection, event: HoldEvent, seq: int) -> Sequence[Hold]:
    """Gives what was set before."""
    before = await stored(connection)
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
    return before


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
    hold = binding(await stored(connection), op.database, at, kinds)
    if hold is not None:
        raise Held(f"{op.id} is held by a {hold.kind} of {hold.scope}")


async def prune(connection: AsyncConnection, before: datetime) -> None:
    """Deletes what ended by itself before a time."""
    await connection.execute(delete(holds).where(holds.c.until < before))
