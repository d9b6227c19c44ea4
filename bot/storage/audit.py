"""The audit trail: one row per event, each carrying the hash of the one before it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.events import Event, event_name
from bot.ports import AuditBreak, AuditHead
from bot.storage.codec import EVENTS, canonical, plain
from bot.storage.tables import EPOCH, MICROSECOND, audit_events, audit_head

BATCH = 500


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


def configuration_entry(summary: Mapping[str, str], at: datetime) -> Entry:
    """A configuration load as an entry."""
    return Entry("configuration", "configuration_loaded", at, "", canonical(dict(summary)))


def row_hash(row: Mapping[str, Any] | RowMapping) -> str:
    """The hash of a row: SHA-256 over a canonical JSON array of every other column.

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
        (row["at"] - EPOCH) // MICROSECOND,
        row["actor"],
        row["data"],
        row["prev_hash"],
    ]
    return hashlib.sha256(canonical(columns).encode("ascii")).hexdigest()


async def append(connection: AsyncConnection, entries: Iterable[Entry]) -> None:
    """Adds rows to the chain. The head row makes appenders queue up, so call it late in a transaction."""
    locked = await connection.execute(select(audit_head.c.seq, audit_head.c.hash).with_for_update())
    head = locked.one()
    rows = chained(head.seq, head.hash, entries)
    await connection.execute(insert(audit_events), rows)
    await connection.execute(update(audit_head).values(seq=rows[-1]["seq"], hash=rows[-1]["hash"]))


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
        last_hash = row["hash"] = row_hash(row)
        rows.append(row)
    return rows


async def events(connection: AsyncConnection, operation_id: str) -> Sequence[Event]:
    """An operation's events, in order."""
    found = await connection.execute(
        select(audit_events.c.data)
        .where(audit_events.c.operation_id == operation_id)
        .order_by(audit_events.c.version)
    )
    return [EVENTS.loads(data) for data in found.scalars()]


async def verify(connection: AsyncConnection, head: str | None) -> AuditHead | AuditBreak:
    """Walks the whole chain in batches, on one snapshot."""
    last, found = AuditHead(0, ""), head is None
    batch = await _batch(connection, None)
    while batch:
        for row in batch:
            problem = problem_of(last, row)
            if problem is not None:
                return problem
            last = AuditHead(row["seq"], row["hash"])
            found = found or row["hash"] == head
        batch = await _batch(connection, last.seq)
    recorded = (await connection.execute(select(audit_head.c.seq, audit_head.c.hash))).one_or_none()
    if recorded is None or recorded.seq != last.seq or recorded.hash != last.hash:
        return AuditBreak(last.seq + 1, "the trail does not end where its head says: rows were cut or added")
    if not found:
        return unknown_head(last)
    return last


def unknown_head(last: AuditHead) -> AuditBreak:
    """What is wrong with a trail that ends here and has no row with a hash that it had once."""
    return AuditBreak(last.seq + 1, "no row has the hash given: the trail was cut, or made anew")


async def _batch(connection: AsyncConnection, after: int | None) -> Sequence[RowMapping]:
    query = select(audit_events).order_by(audit_events.c.seq).limit(BATCH)
    if after is not None:
        query = query.where(audit_events.c.seq > after)
    return (await connection.execute(query)).mappings().all()


def problem_of(last: AuditHead, row: Mapping[str, Any] | RowMapping) -> AuditBreak | None:
    """What is wrong with a row that is to follow this one, None if nothing is."""
    seq = row["seq"]
    if seq > last.seq + 1:
        return AuditBreak(last.seq + 1, "the row is missing")
    if seq != last.seq + 1:
        return AuditBreak(seq, "the row was put before the first one")
    if row["prev_hash"] != last.hash:
        return AuditBreak(seq, "the row does not follow the one before it")
    if row["hash"] != row_hash(row):
        return AuditBreak(seq, "the row was changed")
    return None
