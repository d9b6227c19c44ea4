"""What Slack is owed: cards, replies in their order, answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Update,
    and_,
    bindparam,
    case,
    delete,
    exists,
    false,
    func,
    insert,
    literal,
    not_,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.machine import Decision, Say
from bot.core.operation import ENDS, Operation, Status
from bot.ports import Message, MessageKind, Reply
from bot.storage import claims
from bot.storage.codec import ANSWERS, OPERATIONS, ORIGINS, SAYS, plain
from bot.storage.tables import Instant, messages, operations

CARD_KEY = "card"

_of_card = messages.c.kind == MessageKind.CARD
_of_reply = messages.c.kind == MessageKind.REPLY
# What more people than those in the thread must learn.
TOLD_BESIDES = ENDS | {Status.NEEDS_ATTENTION}
_with_operation = messages.outerjoin(operations, messages.c.operation_id == operations.c.id)


# --- owing ---


async def owe_card(connection: AsyncConnection, op: Operation, at: datetime) -> None:
    """A new operation's card."""
    await connection.execute(insert(messages), [_owed(op, MessageKind.CARD, CARD_KEY, at)])


async def owe_replies(
    connection: AsyncConnection, decisions: Sequence[Decision], *, audit_channel: str
) -> None:
    """What the decisions say in the thread, and of ends and the like in the audit channel if there is one.

    Keys count versions, "7", and "7-2" for a second reply.
    """
    said = [
        (each, count, say)
        for each in decisions
        for count, say in enumerate((said for said in each.effects if isinstance(said, Say)), start=1)
    ]
    rows = [
        _owed(each.after, MessageKind.REPLY, reply_key(each.after.version, count), each.event.at)
        | {"say": SAYS.dumps(say)}
        for each, count, say in said
    ]
    rows += [
        _owed(each.after, MessageKind.AUDIT, f"audit-{reply_key(each.after.version, count)}", each.event.at)
        | {"say": SAYS.dumps(say), "channel": plain(audit_channel), "thread": None}
        for each, count, say in said
        if audit_channel and each.after.status in TOLD_BESIDES
    ]
    if rows:
        await connection.execute(insert(messages), rows)


def reply_key(version: int, count: int) -> str:
    """The key of the ``count``-th thing that an event says."""
    return str(version) if count == 1 else f"{version}-{count}"


async def owe_answers(connection: AsyncConnection, key: str, replies: Sequence[Reply], at: datetime) -> None:
    """Answers to persons, each under a key of its own."""
    rows = [
        _row(MessageKind.ANSWER, f"{key}-{count}", at)
        | {
            "channel": plain(reply.to.place.channel),
            "thread": reply.to.place.thread,
            "to": ORIGINS.dumps(reply.to),
            "answer": ANSWERS.dumps(reply.answer),
        }
        for count, reply in enumerate(replies, start=1)
    ]
    if rows:
        await connection.execute(insert(messages), rows)


async def card_is_behind(connection: AsyncConnection, operation_id: str, *, shown: int, at: datetime) -> None:
    """Notes since when a card that was up to date is not any more; when it is due is left alone."""
    await connection.execute(
        update(messages)
        .where(messages.c.operation_id == operation_id, _of_card, messages.c.posted_version == shown)
        .values(owed_at=at)
    )


def _owed(op: Operation, kind: MessageKind, key: str, at: datetime) -> dict[str, Any]:
    return _row(kind, key, at) | {
        "operation_id": op.id,
        "status": op.status,
        "channel": op.place.channel,
        "thread": op.place.thread,
    }


def _row(kind: MessageKind, key: str, at: datetime) -> dict[str, Any]:
    return {
        "kind": kind,
        "key": key,
        "status": "",
        "ts": "",
        "uncertain": False,
        "posted_version": 0,
        "attempts": 0,
        "last_error": "",
        "owed_at": at,
        "due_at": at,
    }


# --- claiming ---


def _is_owed() -> ColumnElement[bool]:
    behind = operations.c.version > messages.c.posted_version
    return and_(messages.c.done_at.is_(None), or_(not_(_of_card), behind))


def _may_go() -> ColumnElement[bool]:
    """A reply waits for its card and for every earlier reply, unless those were given up."""
    before = messages.alias("before")
    card = and_(before.c.kind == MessageKind.CARD, before.c.ts == "")
    earlier = and_(before.c.kind == MessageKind.REPLY, before.c.id < messages.c.id)
    waiting = exists().where(
        before.c.operation_id == messages.c.operation_id, before.c.done_at.is_(None), or_(card, earlier)
    )
    return or_(not_(_of_reply), not_(waiting))


def _rank() -> ColumnElement[int]:
    return case(
        (messages.c.kind == MessageKind.ANSWER, 0),
        # The end of an operation waits for its earlier replies, so these must not wait for those of others.
        (and_(or_(_of_card, _of_reply), operations.c.is_open == false()), 0),
        (and_(_of_card, messages.c.ts == ""), 1),
        else_=2,
    )


@cache
def _claiming() -> Update:
    due = (
        claims.due_ids(messages, _with_operation, messages.c.due_at <= claims.NOW, _is_owed(), _may_go())
        .order_by(_rank(), messages.c.owed_at, messages.c.id)
        .limit(claims.LIMIT)
    )
    return claims.claim(messages, due)


async def claim(connection: AsyncConnection, now: datetime, until: datetime, limit: int) -> Sequence[Message]:
    """Takes due messages: answers and what ended operations are owed, then new cards, then the rest by age."""
    claimed = (await connection.execute(_claiming(), claims.given(now, until, limit))).all()
    if not claimed:
        return []
    ids = {row.operation_id for row in claimed} - {None}
    found = await connection.execute(
        select(operations.c.id, operations.c.state).where(operations.c.id.in_(ids))
    )
    states = {row.id: OPERATIONS.loads(row.state) for row in found}
    cards = await connection.execute(
        select(messages.c.operation_id, messages.c.channel, messages.c.ts).where(
            messages.c.operation_id.in_(ids), _of_card
        )
    )
    threads = {(row.operation_id, row.channel): row.ts for row in cards}
    taken = [_message(row, states.get(row.operation_id), threads) for row in claimed]
    return sorted(taken, key=_order)


def _message(row: Row[Any], op: Operation | None, threads: Mapping[tuple[str, str], str]) -> Message:
    kind = MessageKind(row.kind)
    newest = kind is MessageKind.CARD and op is not None
    in_card = threads.get((row.operation_id, row.channel)) if kind is MessageKind.REPLY else None
    return Message(
        id=row.id,
        kind=kind,
        key=row.key,
        operation=op,
        status=op.status if newest and op is not None else row.status,
        say=None if row.say is None else SAYS.loads(row.say),
        to=None if row.to is None else ORIGINS.loads(row.to),
        answer=None if row.answer is None else ANSWERS.loads(row.answer),
        channel=row.channel,
        thread=row.thread or in_card or None,
        ts=row.ts,
        uncertain=row.uncertain,
        posted_version=row.posted_version,
        attempts=row.attempts,
        created_at=row.owed_at,
    )


def _order(message: Message) -> tuple[int, datetime, int]:
    over = message.operation is not None and not message.operation.open
    if message.kind is MessageKind.ANSWER or (over and message.kind is not MessageKind.AUDIT):
        rank = 0
    else:
        rank = 1 if message.kind is MessageKind.CARD and not message.ts else 2
    return rank, message.created_at, message.id


# --- what became of it ---


async def begin_post(connection: AsyncConnection, message_id: int) -> None:
    """A post is about to be made."""
    await connection.execute(update(messages).where(messages.c.id == message_id).values(uncertain=True))


async def posted(connection: AsyncConnection, message_id: int, ts: str, version: int, now: datetime) -> None:
    """It was posted: done for good, unless it is a card that may still fall behind."""
    shown_to_the_end = exists().where(
        operations.c.id == messages.c.operation_id,
        operations.c.is_open == false(),
        operations.c.version <= version,
    )
    over = literal(now, Instant())
    done = case((not_(_of_card), over), (shown_to_the_end, over), else_=null())
    newer = case((messages.c.posted_version > version, messages.c.posted_version), else_=version)
    await connection.execute(
        update(messages)
        .where(messages.c.id == message_id)
        .values(
            ts=ts,
            uncertain=False,
            attempts=0,
            posted_version=case((_of_card, newer), else_=0),
            owed_at=case((_of_card, over), else_=messages.c.owed_at),
            due_at=now,
            claimed_from=None,
            done_at=func.coalesce(messages.c.done_at, done),
        )
    )


async def retry(
    connection: AsyncConnection,
    message_id: int,
    *,
    due_at: datetime,
    uncertain: bool,
    error: str,
    failed: bool,
) -> None:
    """Not now."""
    await connection.execute(
        update(messages)
        .where(messages.c.id == message_id, messages.c.done_at.is_(None))
        .values(
            due_at=due_at,
            claimed_from=None,
            uncertain=uncertain,
            attempts=messages.c.attempts + int(failed),
            last_error=error,
        )
    )


async def put_back(connection: AsyncConnection, due: Mapping[int, datetime]) -> None:
    """They were not tried."""
    await connection.execute(
        update(messages)
        .where(messages.c.id == bindparam("message"), messages.c.done_at.is_(None))
        .values(due_at=bindparam("at"), claimed_from=None),
        [{"message": message_id, "at": at} for message_id, at in due.items()],
    )


async def move(connection: AsyncConnection, message_id: int, channel: str, now: datetime) -> None:
    """It goes elsewhere."""
    await connection.execute(
        update(messages)
        .where(messages.c.id == message_id, messages.c.done_at.is_(None))
        .values(channel=channel, thread=None, due_at=now, claimed_from=None, uncertain=False, attempts=0)
    )


async def give_up(connection: AsyncConnection, message_id: int, error: str, now: datetime) -> None:
    """It can't be delivered."""
    await connection.execute(
        update(messages)
        .where(messages.c.id == message_id, messages.c.done_at.is_(None))
        .values(done_at=now, claimed_from=None, last_error=error)
    )


async def backlog(connection: AsyncConnection) -> int:
    """How many messages are owed, due or not."""
    found = await connection.execute(select(func.count()).select_from(_with_operation).where(_is_owed()))
    return found.scalar_one()


async def prune(connection: AsyncConnection, before: datetime) -> None:
    """Deletes answers that ended before a time."""
    await connection.execute(
        delete(messages).where(messages.c.kind == MessageKind.ANSWER, messages.c.done_at < before)
    )
