"""What Slack is owed: cards, replies in their order, answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
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

from bot.core.holds import in_the_way
from bot.core.machine import Decision, Note, Say
from bot.core.operation import Operation
from bot.errors import Stale, Unreadable
from bot.ports import NO_PLACE, ON_ITS_WAY, CardPlace, Message, MessageKind, Reply
from bot.storage import claims, unreadable
from bot.storage.codec import ANSWERS, OPERATIONS, ORIGINS, SAYS, plain
from bot.storage.in_force import in_force
from bot.storage.tables import EPOCH, Instant, insert_new, messages, operations

CARD_KEY = "card"
UNREADABLE = "unreadable"
SUPERSEDED = "superseded"
# Once it is known whether it was posted, the time is worth nothing: a replica of an older version that begins the
# next post says no time, and it would be looked for around the last one.
CERTAIN: Mapping[str, Any] = {"uncertain": False, "begun_at": None}

_of_card = messages.c.kind == MessageKind.CARD
_of_reply = messages.c.kind == MessageKind.REPLY
_behind = operations.c.version > messages.c.posted_version
_is_notice = and_(messages.c.kind == MessageKind.AUDIT, messages.c.operation_id.is_(None))
_with_operation = messages.outerjoin(operations, messages.c.operation_id == operations.c.id)


# --- owing ---


async def owe_card(connection: AsyncConnection, op: Operation, at: datetime) -> None:
    """A new operation's card."""
    await connection.execute(insert(messages), [_owed(op, MessageKind.CARD, CARD_KEY, at)])


async def owe_replies(
    connection: AsyncConnection, decisions: Sequence[Decision], *, audit_channel: str
) -> None:
    """What the decisions say in the thread, besides, or only, in the audit channel, if there is one.

    Keys count versions, "7", and "7-2" for a second reply.
    """
    told = [
        (each, count, said)
        for each in decisions
        for count, said in enumerate((one for one in each.effects if isinstance(one, Say | Note)), start=1)
    ]
    rows = [
        _owed(each.after, MessageKind.REPLY, reply_key(each.after.version, count), each.event.at)
        | {"say": SAYS.dumps(said)}
        for each, count, said in told
        if isinstance(said, Say)
    ]
    rows += [
        _owed(each.after, MessageKind.AUDIT, f"audit-{reply_key(each.after.version, count)}", each.event.at)
        | {"say": SAYS.dumps(_noted(said)), "channel": plain(audit_channel), "thread": None}
        for each, count, said in told
        if audit_channel and (isinstance(said, Note) or said.besides)
    ]
    if rows:
        await connection.execute(insert(messages), rows)


def _noted(said: Say | Note) -> Say:
    return said.say if isinstance(said, Note) else said


async def owe_threads(
    connection: AsyncConnection, seq: int, said: Sequence[tuple[Operation, Say]], at: datetime
) -> None:
    """What threads are told that is no event of their operations; once in each.

    Its row in the trail comes after those of the operation, and so ``seq`` after all that its last event says.
    """
    rows = [
        _owed(op, MessageKind.REPLY, reply_key(op.version, seq), at) | {"say": SAYS.dumps(say)}
        for op, say in said
    ]
    if rows:
        await connection.execute(insert(messages), rows)


async def owe_notice(
    connection: AsyncConnection, key: str, say: Say, at: datetime, *, audit_channel: str, series: str = ""
) -> None:
    """A line in the audit channel, if there is one, that is of no operation; once for each key.

    It takes the place of what is not posted of its series, if it is of one.
    """
    if not audit_channel:
        return
    if series:
        await _supersede(connection, series, key, at)
    row = _row(MessageKind.AUDIT, key, at) | {"say": SAYS.dumps(say), "channel": plain(audit_channel)}
    await connection.execute(insert_new(connection, messages).values(row))


async def _supersede(connection: AsyncConnection, series: str, key: str, at: datetime) -> None:
    # The rows stay for a while: whoever is just posting one must find no other row under its id.
    older = (
        select(messages.c.id)
        .where(
            _is_notice,
            messages.c.done_at.is_(None),
            messages.c.key.startswith(series, autoescape=True),
            messages.c.key < key,
        )
        .order_by(messages.c.id)  # as every batch: two that meet must not wait for each other
        .with_for_update()
    )
    await connection.execute(
        update(messages)
        .where(messages.c.id.in_(older))
        .values(done_at=at, claimed_from=None, last_error=SUPERSEDED)
    )


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


async def card_is_behind(connection: AsyncConnection, op: Operation, *, shown: int, at: datetime) -> None:
    """Notes since when a card that was up to date is not any more; it is due as before, at an end at once.

    One that showed the end was done for good, and is not: something came after the end.
    """
    if not op.open:
        await _lock(connection, messages.c.operation_id == op.id)
    await connection.execute(
        update(messages)
        .where(messages.c.operation_id == op.id, _of_card, messages.c.posted_version == shown)
        .values(owed_at=at, done_at=None)
    )
    if not op.open:
        await _hurry(connection, op, at)


async def renew_cards(connection: AsyncConnection, of: Collection[str], at: datetime) -> None:
    """These operations' cards show something else now, though nothing has happened to the operations.

    What was behind before keeps its place in the queue.
    """
    if not of:
        return
    cards = messages.c.operation_id.in_(of), _of_card
    await _lock(connection, *cards)
    behind = exists().where(operations.c.id == messages.c.operation_id, _behind)
    await connection.execute(
        update(messages)
        .where(*cards)
        .values(
            # Now, whatever this machine's clock shows and another's will.
            renew_at=EPOCH,
            renewals=messages.c.renewals + 1,
            owed_at=case((behind, messages.c.owed_at), else_=literal(at, Instant())),
        )
    )


async def _hurry(connection: AsyncConnection, op: Operation, at: datetime) -> None:
    """What only waited for its turn is due: an end passes everything else.

    What failed before waits all the same, and so does what may be on its way. What is claimed becomes due when it is
    put back.
    """
    await connection.execute(
        update(messages)
        .where(
            messages.c.operation_id == op.id,
            messages.c.done_at.is_(None),
            messages.c.claimed_from.is_(None),
            messages.c.attempts == 0,
            not_(messages.c.uncertain),
            messages.c.due_at > at,
        )
        .values(due_at=at)
    )


async def _lock(connection: AsyncConnection, *which: ColumnElement[bool]) -> None:
    """Who commits an end, or what comes after it, takes turns with who calls its card done, or puts messages back.

    Each looks at the operation and at its messages in one statement, which sees one of them as it was when it
    began; once this lock is theirs, the next statement sees what the other has committed. All lock rows in one
    order: two that meet must not wait for each other.
    """
    await connection.execute(select(messages.c.id).where(*which).order_by(messages.c.id).with_for_update())


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


def _is_owed(*anyway: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(messages.c.done_at.is_(None), or_(not_(_of_card), _behind, *anyway))


def _may_go() -> ColumnElement[bool]:
    """A reply waits for its card and for every earlier reply, unless those were given up or can't be read.

    Nor does it wait for a card that has no place.
    """
    before = messages.alias("before")
    card = and_(before.c.kind == MessageKind.CARD, before.c.ts == "", before.c.last_error != NO_PLACE)
    earlier = and_(
        before.c.kind == MessageKind.REPLY, before.c.id < messages.c.id, before.c.last_error != UNREADABLE
    )
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


def _order() -> tuple[ColumnElement[Any], ...]:
    return _rank(), messages.c.owed_at, messages.c.id


@cache
def _claiming() -> Update:
    owed = _is_owed(messages.c.renew_at <= claims.NOW)
    due = claims.due_ids(messages, _with_operation, messages.c.due_at <= claims.NOW, owed, _may_go())
    return claims.claim(messages, due.order_by(*_order()).limit(claims.LIMIT))


async def claim(connection: AsyncConnection, now: datetime, until: datetime, limit: int) -> Sequence[Message]:
    """Takes due messages: answers and what ended operations are owed, then new cards, then the rest by age."""
    while claimed := (await connection.execute(_claiming(), claims.given(now, until, limit))).all():
        # What is claimed comes back in no order.
        rows = {row.id: row for row in claimed}
        with_state = select(messages.c.id, operations.c.state).select_from(_with_operation)
        found = await connection.execute(with_state.where(messages.c.id.in_(rows)).order_by(*_order()))
        states = {rows[message_id]: state for message_id, state in found}
        read = await _reader(connection, states, now)
        taken = await unreadable.claimed(connection, messages, [*states], read, now, last_error=UNREADABLE)
        if taken:
            return taken
    return []


async def _reader(
    connection: AsyncConnection, claimed: Mapping[Row[Any], str | None], now: datetime
) -> Callable[[Row[Any]], Message]:
    """Makes messages of claimed rows, given the state of each one's operation."""
    any_card = any(row.kind == MessageKind.CARD for row in claimed)
    # Read after the claim: whatever is set or lifted later finds what is claimed, and has it renewed.
    holds = await in_force(connection, now) if any_card else []
    states = {row.operation_id: state for row, state in claimed.items()}
    ids = states.keys() - {None}
    cards = await connection.execute(
        select(messages.c.operation_id, messages.c.channel, messages.c.ts).where(
            messages.c.operation_id.in_(ids), _of_card
        )
    )
    threads = {(row.operation_id, row.channel): row.ts for row in cards}

    @cache
    def operation(operation_id: str) -> Operation:
        return OPERATIONS.loads(states[operation_id] or "")

    def read(row: Row[Any]) -> Message:
        made = _message(row, operation(row.operation_id) if row.operation_id else None, threads)
        if made.kind is not MessageKind.CARD or made.operation is None:
            return made
        return replace(made, hold=in_the_way(made.operation, holds, now))

    return read


def _kind(row: Row[Any]) -> MessageKind:
    try:
        return MessageKind(row.kind)
    except ValueError:
        raise Unreadable("a stored message is of a kind that this version does not know") from None


def _message(row: Row[Any], op: Operation | None, threads: Mapping[tuple[str, str], str]) -> Message:
    kind = _kind(row)
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
        claimed_until=row.due_at,
        renewals=row.renewals,
        begun_at=row.begun_at,
        last_error=row.last_error,
    )


# --- what became of it ---


def _ours(message: Message) -> ColumnElement[bool]:
    return and_(
        messages.c.id == message.id,
        messages.c.done_at.is_(None),
        claims.held(messages, message.claimed_until),
    )


async def begin_post(connection: AsyncConnection, message: Message, now: datetime) -> None:
    """A post is about to be made.

    Raises:
        Stale: Another replica has claimed it, or it is over.
    """
    begun = await connection.execute(
        update(messages).where(_ours(message)).values(uncertain=True, begun_at=now)
    )
    if begun.rowcount != 1:
        raise Stale(f"message {message.id} is not ours any more")


async def doubt_updates(connection: AsyncConnection) -> None:
    """Whoever had claimed these cards has died: an update may be on its way, and come after the next one."""
    claimed = and_(_of_card, messages.c.ts != "", messages.c.claimed_from.is_not(None))
    doubtful = update(messages).where(claims.unfinished(messages), claimed)
    await connection.execute(doubtful.values(uncertain=True))


async def hasten(connection: AsyncConnection, now: datetime) -> None:
    """Makes due what waits for a later time, but for posts that were begun, and have no known outcome.

    They are looked for once they must have arrived.
    """
    arrived, due_at, doubtful = now + ON_ITS_WAY, messages.c.due_at, messages.c.uncertain
    unclaimed = and_(messages.c.done_at.is_(None), messages.c.claimed_from.is_(None))
    then = case((doubtful, literal(arrived, Instant())), else_=literal(now, Instant()))
    wrong = or_(and_(doubtful, due_at != arrived), and_(not_(doubtful), due_at > now))
    await claims.move(connection, due_at, then, unclaimed, wrong)


async def posted(connection: AsyncConnection, message: Message, ts: str, version: int, now: datetime) -> None:
    """It was posted: done for good, unless it is a card that may still fall behind.

    That is a fact, whoever has claimed it meanwhile; when it is due is up to them then. A card that came so late that
    Slack had been given a newer one is what people see now: it is owed once more.
    """
    await _lock(connection, messages.c.id == message.id)
    its_operation = operations.c.id == messages.c.operation_id
    shown = exists().where(its_operation, operations.c.version <= version)
    shown_to_the_end = exists().where(
        its_operation, operations.c.is_open == false(), operations.c.version <= version
    )
    over = literal(now, Instant())
    newer = case((messages.c.posted_version > version, messages.c.posted_version), else_=version)
    ours = claims.held(messages, message.claimed_until)
    shown_until = None if message.hold is None else message.hold.until
    # What was set or lifted since it was claimed is not what it shows; nor what a newer version of it did.
    shows_it = and_(messages.c.renewals == message.renewals, messages.c.posted_version <= version)
    first = func.coalesce(messages.c.done_at, over)
    done = case((not_(_of_card), first), (shown_to_the_end, first), else_=null())
    owed_at = case((shown, literal(shown_until or now, Instant())), else_=over)
    # What people see wrongly by now is not owed only from the end of a hold on.
    before = case((messages.c.owed_at > now, over), else_=messages.c.owed_at)
    await connection.execute(
        update(messages)
        .where(messages.c.id == message.id)
        .values(
            ts=ts,
            renew_at=case((shows_it, literal(shown_until, Instant())), else_=literal(EPOCH, Instant())),
            attempts=0,
            posted_version=case((_of_card, newer), else_=0),
            owed_at=case((and_(_of_card, shows_it), owed_at), else_=before),
            due_at=case((ours, over), else_=messages.c.due_at),
            claimed_from=case((ours, null()), else_=messages.c.claimed_from),
            done_at=done,
            **CERTAIN,
        )
    )


async def retry(
    connection: AsyncConnection,
    message: Message,
    *,
    due_at: datetime,
    uncertain: bool,
    error: str,
    attempts: int | None,
) -> None:
    """Not now."""
    await connection.execute(
        update(messages)
        .where(_ours(message))
        .values(
            due_at=due_at,
            claimed_from=None,
            attempts=messages.c.attempts + 1 if attempts is None else attempts,
            last_error=error,
            **({"uncertain": True} if uncertain else CERTAIN),
        )
    )


async def put_back(
    connection: AsyncConnection, due: Sequence[tuple[Message, datetime]], now: datetime
) -> None:
    """They were not tried; what has ended since they were claimed passes everything else."""
    await _lock(connection, messages.c.id.in_([each.id for each, _ in due]))
    claimed_open = {
        each.operation.id for each, _ in due if each.operation is not None and each.operation.open
    }
    ended = await _ended(connection, claimed_open)
    rows = [
        {
            "_id": each.id,
            "_until": each.claimed_until,
            "_due_at": now if each.operation is not None and each.operation.id in ended else at,
        }
        for each, at in due
    ]
    await connection.execute(
        update(messages)
        .where(
            messages.c.id == bindparam("_id"),
            messages.c.done_at.is_(None),
            claims.held(messages, bindparam("_until", type_=Instant())),
        )
        .values(due_at=bindparam("_due_at"), claimed_from=None),
        rows,
    )


async def _ended(connection: AsyncConnection, of: Collection[str]) -> frozenset[str]:
    """Which of these operations have ended by now."""
    found = await connection.execute(
        select(operations.c.id).where(operations.c.id.in_(of), operations.c.is_open == false())
    )
    return frozenset(found.scalars())


async def move(connection: AsyncConnection, message: Message, channel: str, now: datetime) -> None:
    """It goes elsewhere."""
    await connection.execute(
        update(messages)
        .where(_ours(message))
        .values(channel=channel, thread=None, due_at=now, claimed_from=None, attempts=0, **CERTAIN)
    )


async def give_up(connection: AsyncConnection, message: Message, error: str, now: datetime) -> None:
    """It can't be delivered."""
    await connection.execute(
        update(messages).where(_ours(message)).values(done_at=now, claimed_from=None, last_error=error)
    )


async def card_place(connection: AsyncConnection, operation_id: str) -> CardPlace | None:
    """Where an operation's card is."""
    found = await connection.execute(
        select(messages.c.channel, messages.c.thread, messages.c.ts).where(
            messages.c.operation_id == operation_id, _of_card, messages.c.ts != ""
        )
    )
    row = found.one_or_none()
    return None if row is None else CardPlace(row.channel, row.thread, row.ts)


async def backlog(connection: AsyncConnection) -> int:
    """How many messages are owed, due or not, but for cards of what has ended that wait for their place."""
    waits = and_(_of_card, operations.c.is_open == false(), messages.c.last_error == NO_PLACE)
    found = await connection.execute(
        select(func.count()).select_from(_with_operation).where(_is_owed(), not_(waits))
    )
    return found.scalar_one()


async def prune(connection: AsyncConnection, before: datetime) -> None:
    """Deletes answers, and what is of no operation, that ended before a time."""
    of_no_card = or_(messages.c.kind == MessageKind.ANSWER, _is_notice)
    await claims.forget(connection, messages, of_no_card, messages.c.done_at < before)
