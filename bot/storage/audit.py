"""The audit trail: one row per event, each carrying the hash of the one before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    RowMapping,
    and_,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.events import Event, event_name
from bot.core.holds import HoldEvent
from bot.core.operation import Operation
from bot.errors import StoreUnavailable, Unreadable
from bot.ports import AuditBreak, AuditHead, AuditRow
from bot.storage.codec import EVENTS, HOLD_EVENTS, OPERATIONS, canonical, plain
from bot.storage.tables import EPOCH, MICROSECOND, audit_events, audit_head, operations

BATCH = 500
SAYS_MORE = "switchover audit verify says whether the trail was changed"

FIRST, LAST = (
    (each - EPOCH) // MICROSECOND
    for each in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
)

_at = type_coerce(audit_events.c.at, BigInteger).label("at")
_stored = [_at if column is audit_events.c.at else column for column in audit_events.c]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be recorded; the chain adds where."""

    stream: str
    type: str
    at: datetime
    actor: str
    data: str
    operation_id: str | None = None
    version: int | None = None


def operation_entry(operation_id: str, version: int, event: Event) -> Entry:
    """An operation's event as an entry."""
    actor = plain(getattr(event, "by", None) or "")
    return Entry("operation", event_name(event), event.at, actor, EVENTS.dumps(event), operation_id, version)


def hold_entry(event: HoldEvent) -> Entry:
    """A freeze, a halt or its end as an entry."""
    return Entry("hold", event_name(event), event.at, plain(event.by), HOLD_EVENTS.dumps(event))


def configuration_entry(summary: Mapping[str, str], at: datetime) -> Entry:
    """A configuration load as an entry."""
    return Entry("configuration", "configuration_loaded", at, "", canonical(dict(summary)))


def row_hash(row: Mapping[str, Any] | RowMapping) -> str:
    """The hash of a row as it is stored: SHA-256 over a canonical JSON array of every other column.

    The array is ``[seq, stream, operation_id, version, type, at, actor, data, prev_hash]``, without
    spaces, ASCII only; ``at`` counts microseconds since 1970 UTC, ``data`` is the stored text itself,
    an absent ``operation_id`` or ``version`` is ``null``. The first row's ``prev_hash`` is "".
    """
    columns = [
        row["seq"],
        row["stream"],
        row["operation_id"],
        row["version"],
        row["type"],
        row["at"],
        row["actor"],
        row["data"],
        row["prev_hash"],
    ]
    return hashlib.sha256(canonical(columns).encode("ascii")).hexdigest()


async def lock(connection: AsyncConnection) -> AuditHead:
    """Waits until nobody else is appending, and lets nobody else append before this transaction ends.

    So whatever is read after it is as the rows before it left it. Call it late in a transaction.
    """
    locked = await connection.execute(select(audit_head.c.seq, audit_head.c.hash).with_for_update())
    return AuditHead(*locked.one())


async def append(connection: AsyncConnection, entries: Iterable[Entry]) -> AuditHead:
    """Adds rows to the chain, and says where it ends then. Appenders queue up at the head row."""
    before = await lock(connection)
    rows = chained(before.seq, before.hash, entries)
    await connection.execute(insert(audit_events), rows)
    head = AuditHead(rows[-1]["seq"], rows[-1]["hash"])
    await connection.execute(update(audit_head).values(seq=head.seq, hash=head.hash))
    return head


def chained(seq: int, last_hash: str, entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The rows that follow the one with this number and hash."""
    rows: list[dict[str, Any]] = []
    for entry in entries:
        seq += 1
        row: dict[str, Any] = {
            "seq": seq,
            "stream": entry.stream,
            "operation_id": entry.operation_id,
            "version": entry.version,
            "type": entry.type,
            "at": entry.at,
            "actor": entry.actor,
            "data": entry.data,
            "prev_hash": last_hash,
        }
        last_hash = row["hash"] = row_hash(as_stored(row))
        rows.append(row)
    return rows


def as_stored(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row of ``chained`` as the database has it."""
    return {**row, "at": (row["at"] - EPOCH) // MICROSECOND}


def flaw(row: RowMapping | Mapping[str, Any]) -> str:
    """Which column of a stored row holds what nobody of ours can have written; "" where none does.

    A file can be written to by others, and SQLite takes any value for any column: none may be believed, or
    be compared with, before this was asked.
    """
    return next((name for name, fits in _KINDS.items() if not fits(row[name])), "")


def _number(value: object) -> bool:
    return type(value) is int


def _text(value: object) -> bool:
    # Bytes that are no text come as lone surrogates.
    return type(value) is str and plain(value) == value


def _time(value: object) -> bool:
    return type(value) is int and FIRST <= value <= LAST


_KINDS: Mapping[str, Callable[[object], bool]] = {
    "seq": _number,
    "stream": _text,
    "operation_id": lambda value: value is None or _text(value),
    "version": lambda value: value is None or _number(value),
    "type": _text,
    "at": _time,
    "actor": _text,
    "data": _text,
    "prev_hash": _text,
    "hash": _text,
}


async def events(connection: AsyncConnection, operation_id: str) -> Sequence[Event]:
    """An operation's events, in order."""
    found = await connection.execute(
        select(audit_events.c.data)
        .where(audit_events.c.operation_id == operation_id)
        .order_by(audit_events.c.version)
    )
    return [EVENTS.loads(data) for data in found.scalars()]


async def end(connection: AsyncConnection) -> AuditHead:
    """Where the chain ends."""
    return AuditHead(*(await connection.execute(select(audit_head.c.seq, audit_head.c.hash))).one())


async def last_seq(connection: AsyncConnection) -> int:
    """The last row there is, whatever the head says; 0 where there is none.

    Raises:
        Unreadable: There is a row whose number is none.
    """
    last, unnumbered = (
        await connection.execute(
            select(
                select(func.coalesce(func.max(audit_events.c.seq), 0)).scalar_subquery(),
                exists().where(audit_events.c.seq.is_(None)),
            )
        )
    ).one()
    if unnumbered or not _number(last):
        raise Unreadable(f"the audit trail has a row whose number is none; {SAYS_MORE}")
    return int(last)


async def page(
    connection: AsyncConnection, *, since: datetime | None, after: int | None, last: int
) -> Sequence[AuditRow]:
    """The next rows up to ``last``, of those from a time on, in their order; at most a batch.

    Raises:
        Unreadable: One of them holds what no row does.
    """
    # Of an operation that is over, only the last event or two can be its end.
    near_the_end = and_(
        operations.c.id == audit_events.c.operation_id,
        operations.c.is_open == false(),
        operations.c.version - audit_events.c.version <= 1,
    )
    query = (
        select(*_stored, operations.c.state)
        .select_from(audit_events.outerjoin(operations, near_the_end))
        .where(audit_events.c.seq <= last)
        .order_by(audit_events.c.seq)
        .limit(BATCH)
    )
    if after is not None:
        query = query.where(audit_events.c.seq > after)
    if since is not None:
        query = query.where(or_(audit_events.c.at >= since, audit_events.c.at.is_(None)))
    return [_row(row) for row in (await connection.execute(query)).mappings()]


def _row(row: RowMapping) -> AuditRow:
    flawed = flaw(row)
    if flawed:
        raise Unreadable(f"row {row['seq']} of the audit trail: {flawed} holds what no row does; {SAYS_MORE}")
    stored = {name: row[name] for name in _KINDS} | {"at": EPOCH + row["at"] * MICROSECOND}
    return AuditRow(**stored, team=_team(row["actor"], row["data"]), ended=_ended(row))


def _team(actor: str, data: str) -> str:
    if not actor:
        return ""
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        return ""  # somebody changed it; that is for ``verify`` to say
    team = event.get("team") if isinstance(event, dict) else None
    return plain(team) if isinstance(team, str) else ""


def _ended(row: RowMapping) -> Operation | None:
    """The operation, on the row of the event that ended it; only a review comes after an end."""
    if row["state"] is None:
        return None
    try:
        op = OPERATIONS.loads(row["state"])
    except StoreUnavailable:
        return None  # the trail is there all the same
    ended_with = op.version if op.reviewed_by is None else op.version - 1
    return op if row["version"] == ended_with else None


async def verify(connection: AsyncConnection, head: str | None) -> AuditHead | AuditBreak:
    """Walks the whole chain in batches, on one snapshot."""
    last, found = AuditHead(0, ""), None
    batch = await _batch(connection, None)
    while batch:
        for row in batch:
            problem = problem_of(last, row)
            if problem is not None:
                return problem
            last = AuditHead(row["seq"], row["hash"])
            found = last.seq if last.hash == head else found
        batch = await _batch(connection, last.seq)
    recorded = (await connection.execute(select(audit_head.c.seq, audit_head.c.hash))).all()
    if [tuple(row) for row in recorded] != [(last.seq, last.hash)]:
        return AuditBreak(last.seq + 1, "the trail does not end where its head says: rows were cut or added")
    return last if head is None else contained(last, found)


def contained(last: AuditHead, found: int | None) -> AuditHead | AuditBreak:
    """The end of a trail in which a hash was looked for; what is wrong with it where no row has what it had once."""
    if found is None:
        return AuditBreak(last.seq + 1, "no row has the hash given: the trail was cut, or made anew")
    return replace(last, found=found)


async def _batch(connection: AsyncConnection, after: int | None) -> Sequence[RowMapping]:
    query = select(*_stored).order_by(audit_events.c.seq).limit(BATCH)
    if after is not None:
        # Not those with a greater number: a second row with the same one would go unseen.
        query = query.where(audit_events.c.seq >= after).offset(1)
    return (await connection.execute(query)).mappings().all()


def problem_of(last: AuditHead, row: Mapping[str, Any] | RowMapping) -> AuditBreak | None:
    """What is wrong with a stored row that is to follow this one, None if nothing is."""
    seq, flawed = row["seq"], flaw(row)
    if flawed == "seq":
        return AuditBreak(last.seq + 1, "the row has a number that is none")
    if seq > last.seq + 1:
        return AuditBreak(last.seq + 1, "the row is missing")
    if seq != last.seq + 1:
        return AuditBreak(
            seq, "the row is there twice" if last.seq else "the row was put before the first one"
        )
    if flawed:
        return AuditBreak(seq, f"the row was changed: {flawed} holds what no row does")
    if row["prev_hash"] != last.hash:
        return AuditBreak(seq, "the row does not follow the one before it")
    if row["hash"] != row_hash(row):
        return AuditBreak(seq, "the row was changed")
    return None
