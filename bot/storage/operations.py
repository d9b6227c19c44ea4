"""Operations: every event in one transaction with what it makes of the operation and the replies owed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, Update, bindparam, delete, func, insert, not_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.events import Choice
from bot.core.holds import HoldKind
from bot.core.machine import Decision
from bot.core.model import OperationId, Target
from bot.core.operation import Operation, Status
from bot.errors import Chosen, Stale
from bot.ports import Reply, SayHeld
from bot.storage import audit, claims, holds, inbox, outbox, readings, unreadable
from bot.storage.codec import OPERATIONS, plain
from bot.storage.in_force import in_force
from bot.storage.tables import choices, insert_new, operations, owed_reviews

_NEWEST_FIRST = operations.c.requested_at.desc(), operations.c.id


async def open_(
    connection: AsyncConnection,
    *,
    decision: Decision,
    due_at: datetime,
    item_id: int | None,
    replies: Sequence[Reply],
    audit_channel: str,
) -> None:
    """Records a new operation, its first event and its card.

    Raises:
        Chosen: Another one was made of the same choice.
        Stale: The inbox item is done already.
    """
    op, at = decision.after, decision.event.at
    await _finish_item(connection, op, item_id, replies, at)
    await connection.execute(insert(operations).values(id=op.id, **_projection(op, due_at)))
    if op.choice is not None:
        await _take(connection, op, op.choice)
    await audit.append(connection, _entries([decision]))
    await outbox.owe_card(connection, op, at)
    await outbox.owe_replies(connection, [decision], audit_channel=audit_channel)


async def _take(connection: AsyncConnection, op: Operation, choice: Choice) -> None:
    """Makes the choice this operation's for good: whoever comes second waits for the first, and finds it taken."""
    mine = {"delivery": choice.delivery, "asked_at": choice.asked_at, "operation_id": op.id}
    taken = await connection.execute(insert_new(connection, choices).values(mine))
    if taken.rowcount != 1:
        raise Chosen((await connection.execute(_made_of(choice))).scalar_one())


async def made_of(connection: AsyncConnection, choice: Choice) -> OperationId | None:
    """The operation that was made of a choice, whether or not it can be read; None while there is none."""
    found = (await connection.execute(_made_of(choice))).scalar_one_or_none()
    return None if found is None else OperationId(found)


def _made_of(choice: Choice) -> Select[Any]:
    of_this = choices.c.delivery == choice.delivery, choices.c.asked_at == choice.asked_at
    return select(choices.c.operation_id).where(*of_this)


async def commit(
    connection: AsyncConnection,
    *,
    decisions: Sequence[Decision],
    due_at: datetime | None,
    item_id: int | None,
    replies: Sequence[Reply],
    unless_held: frozenset[HoldKind],
    say_held: SayHeld | None,
    audit_channel: str,
) -> None:
    """Records consecutive events of one operation.

    Raises:
        Held: A hold of these kinds binds.
        Stale: The stored version is another one, or the inbox item is done already.
    """
    op, at = decisions[-1].after, decisions[-1].event.at
    before = decisions[0].after.version - 1
    await _finish_item(connection, op, item_id, replies, at)
    moved = await connection.execute(
        update(operations)
        .where(operations.c.id == op.id, operations.c.version == before)
        .values(_projection(op, due_at))
    )
    if moved.rowcount != 1:
        raise Stale(f"{op.id} is no longer at version {before}")
    if unless_held:
        await holds.require_none(connection, op, at, unless_held)
    if op.emergency:
        await _note_review(connection, op)
    await readings.renew(connection, op)
    head = await audit.append(connection, _entries(decisions))
    await outbox.card_is_behind(connection, op, shown=before, at=at)
    await outbox.owe_replies(connection, decisions, audit_channel=audit_channel)
    # The trail is locked: what was set before is read, and what is set later reads this operation.
    said = None if say_held is None else say_held(await in_force(connection, at))
    if said is not None:
        await outbox.owe_threads(connection, head.seq, [(op, said)], at)


async def _note_review(connection: AsyncConnection, op: Operation) -> None:
    if op.review_owed:
        await connection.execute(insert_new(connection, owed_reviews).values(operation_id=op.id))
    elif op.reviewed_by is not None:
        await connection.execute(delete(owed_reviews).where(owed_reviews.c.operation_id == op.id))


async def _finish_item(
    connection: AsyncConnection, op: Operation, item_id: int | None, replies: Sequence[Reply], at: datetime
) -> None:
    if item_id is not None:
        await inbox.finish(connection, item_id, at, replies)
    else:
        await outbox.owe_answers(connection, f"answer-{op.id}-{op.version}", replies, at)


def _projection(op: Operation, due_at: datetime | None) -> dict[str, Any]:
    return {
        "database": op.database,
        "shard": plain(op.shard or ""),
        "status": op.status,
        "version": op.version,
        "is_open": op.open,
        "requested_at": op.requested_at,
        "ended_at": op.ended_at,
        "due_at": due_at if op.open else None,
        "claimed_from": None,
        "state": OPERATIONS.dumps(op),
    }


def _entries(decisions: Sequence[Decision]) -> list[audit.Entry]:
    return [audit.operation_entry(each.after.id, each.after.version, each.event) for each in decisions]


async def holder(connection: AsyncConnection, op: Operation) -> str | None:
    """Which other operation is open for the same database and shard, if one is."""
    found = await connection.execute(
        select(operations.c.id).where(
            operations.c.database == op.database,
            operations.c.shard == plain(op.shard or ""),
            operations.c.is_open,
            operations.c.id != op.id,
        )
    )
    return found.scalar_one_or_none()


async def load(connection: AsyncConnection, operation_id: str) -> Operation | None:
    """The operation as last committed."""
    found = await connection.execute(select(operations.c.state).where(operations.c.id == operation_id))
    state = found.scalar_one_or_none()
    return None if state is None else OPERATIONS.loads(state)


async def listed(
    connection: AsyncConnection, *, open_only: bool, database: str | None, limit: int
) -> Sequence[Operation]:
    """Operations, the newest request first. In an overview, what can't be read is left out."""
    query = select(operations).order_by(*_NEWEST_FIRST).limit(limit)
    if open_only:
        query = query.where(operations.c.is_open)
    if database is not None:
        query = query.where(operations.c.database == database)
    rows = (await connection.execute(query)).all()
    if database is not None:
        # Something may be decided on these: who can't know must not act.
        return [_operation(row) for row in rows]
    readable, _ = unreadable.sort_out(operations, rows, _operation)
    return readable


async def ended(
    connection: AsyncConnection, *, database: str | None, limit: int, skip: int
) -> Sequence[Operation]:
    """What ended, the newest request first. It is only shown, so what can't be read is left out."""
    query = select(operations).where(not_(operations.c.is_open))
    if database is not None:
        query = query.where(operations.c.database == database)
    rows = await connection.execute(query.order_by(*_NEWEST_FIRST).limit(limit).offset(skip))
    readable, _ = unreadable.sort_out(operations, rows, _operation)
    return readable


async def to_review(connection: AsyncConnection, *, limit: int) -> Sequence[Operation]:
    """Emergencies that a review is owed for, the newest request first. What can't be read is left out."""
    owed = select(operations).join(owed_reviews, owed_reviews.c.operation_id == operations.c.id)
    rows = await connection.execute(owed.order_by(*_NEWEST_FIRST).limit(limit))
    readable, _ = unreadable.sort_out(operations, rows, _operation)
    return readable


async def newest(
    connection: AsyncConnection, *, target: Target, statuses: Collection[Status], most: int
) -> Sequence[Operation]:
    """The newest requests of a database and shard, of those that have one of these statuses."""
    query = select(operations.c.state).where(
        operations.c.database == target.database,
        operations.c.shard == (target.shard or ""),
        operations.c.status.in_([status.value for status in statuses]),
    )
    newest_first = query.order_by(*_NEWEST_FIRST).limit(most)
    return [OPERATIONS.loads(state) for state in (await connection.execute(newest_first)).scalars()]


def _operation(row: Row[Any]) -> Operation:
    return OPERATIONS.loads(row.state)


@cache
def _claiming() -> Update:
    due = (
        claims.due_ids(operations, operations, operations.c.due_at <= claims.NOW)
        .order_by(operations.c.due_at, operations.c.id)
        .limit(claims.LIMIT)
    )
    return claims.claim(operations, due)


async def claim(
    connection: AsyncConnection, now: datetime, until: datetime, limit: int
) -> Sequence[Operation]:
    """Takes the open operations that are due, the longest overdue first."""
    while claimed := (await connection.execute(_claiming(), claims.given(now, until, limit))).all():
        rows = sorted(claimed, key=lambda row: (row.claimed_from, row.id))
        if found := await unreadable.claimed(connection, operations, rows, _operation, now):
            return found
    return []


async def postpone(
    connection: AsyncConnection,
    due: Mapping[OperationId, tuple[int, datetime]],
    until: datetime | None,
) -> None:
    """Sets when operations are due again, where the version still is the one given, and so is the claim.

    Without one, only where nobody else has one: whoever has is just at it.
    """
    # In one order everywhere: two batches that meet must not wait for each other.
    rows = [
        {"_id": op_id, "_version": version, "_due_at": due_at}
        for op_id, (version, due_at) in sorted(due.items())
    ]
    await connection.execute(
        update(operations)
        .where(
            operations.c.id == bindparam("_id"),
            operations.c.version == bindparam("_version"),
            operations.c.is_open,
            operations.c.claimed_from.is_(None) if until is None else claims.held(operations, until),
        )
        .values(due_at=bindparam("_due_at"), claimed_from=None),
        rows,
    )


async def hasten(connection: AsyncConnection, now: datetime) -> None:
    """Makes due what waits for a later time; what may be on its way to a cloud, once it must have arrived."""
    due_at, starting = operations.c.due_at, operations.c.status == Status.STARTING.value
    await claims.hasten(connection, operations, now, not_(starting))
    sent = now + claims.LONGEST
    await claims.move(connection, due_at, sent, due_at > sent, starting, operations.c.claimed_from.is_(None))


async def release_starting(connection: AsyncConnection, now: datetime) -> None:
    """Makes what is in ``starting`` due: nobody is left who could be sending it."""
    starting = operations.c.status == Status.STARTING.value
    due = update(operations).where(claims.unfinished(operations), starting)
    await connection.execute(due.values(due_at=now, claimed_from=None))


async def counted(connection: AsyncConnection, *, database: str | None) -> dict[str, int]:
    """How many operations there are in each status, of one database or of all."""
    by_status = select(operations.c.status, func.count()).group_by(operations.c.status)
    if database is not None:
        by_status = by_status.where(operations.c.database == database)
    return {row[0]: row[1] for row in await connection.execute(by_status)}
