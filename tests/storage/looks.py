"""What somebody sees of a database who only looks, beside the process that uses it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.core.model import Target
from bot.core.operation import Operation, Status
from bot.ports import NO_PLACE
from bot.storage.codec import OPERATIONS, plain
from bot.storage.tables import EPOCH, MICROSECOND


@dataclass(frozen=True, slots=True)
class Recorded:
    """A row of the audit trail: its number, of which stream, whose it is, the event's name, and how it is stored."""

    seq: int
    stream: str
    operation: str | None
    type: str
    data: str


@dataclass(frozen=True, slots=True)
class Due:
    """When each sweep has something to do; None: nothing is waiting."""

    inbox: datetime | None
    operations: datetime | None
    publish: datetime | None


@dataclass(frozen=True, slots=True)
class Unsettled:
    """How much is still to be done: deliveries, operations that wait for nobody, messages to Slack."""

    deliveries: int
    operations: int
    messages: int


class Look(Protocol):
    """A view of the committed state."""

    def recorded(self, after: int) -> Sequence[Recorded]:
        """What the audit trail says after a row."""
        ...

    def states(self) -> Mapping[str, Operation]:
        """Every operation, by request."""
        ...

    def starting(self, target: Target, *, or_in_doubt: bool = False) -> str | None:
        """Whose submission is decided on and may be on its way; ``or_in_doubt``: another process may think it lost."""
        ...

    def deliveries(self) -> int:
        """How many are recorded."""
        ...

    def accepted(self, signature: str) -> bool:
        """Whether a delivery under this signature is recorded."""
        ...

    def known(self, dedupe_key: str) -> bool:
        """Whether a delivery of this payload is recorded."""
        ...

    def due(self) -> Due:
        """When each sweep has something to do."""
        ...

    def unsettled(self, now: datetime) -> Unsettled:
        """What is still to be done at a time, and not later by itself."""
        ...


BEHIND = "m.kind != 'card' OR o.version > m.posted_version"
OWED = f"""
FROM messages m LEFT JOIN operations o ON o.id = m.operation_id
WHERE m.done_at IS NULL AND ({BEHIND} OR m.renew_at IS NOT NULL)
"""
INBOX_DUE = "SELECT min(due_at) FROM inbox WHERE done_at IS NULL"
OPERATIONS_DUE = "SELECT min(due_at) FROM operations WHERE due_at IS NOT NULL"
PUBLISH_DUE = f"""
SELECT min(CASE WHEN {BEHIND} THEN m.due_at ELSE max(m.due_at, m.renew_at) END) {OWED}
AND NOT (m.kind = 'reply' AND EXISTS (
    SELECT 1 FROM messages b WHERE b.operation_id = m.operation_id AND b.done_at IS NULL
    AND (b.kind = 'card' AND b.ts = '' AND b.last_error != '{NO_PLACE}' OR b.kind = 'reply' AND b.id < m.id)))
"""  # noqa: S608  # our own words
UNSETTLED = f"""
SELECT (SELECT count(*) FROM inbox WHERE done_at IS NULL),
  (SELECT count(*) FROM operations WHERE is_open AND status != 'needs_attention'),
  (SELECT count(*) {OWED} AND ({BEHIND} OR m.renew_at <= ?))
"""  # noqa: S608  # our own words


class SqliteLook:
    """A view of a SQLite file.

    Args:
        reader: A connection that only reads.
    """

    def __init__(self, reader: sqlite3.Connection) -> None:
        self.reader = reader

    def recorded(self, after: int) -> Sequence[Recorded]:
        """What the audit trail says after a row."""
        rows = self.reader.execute(
            "SELECT seq, stream, operation_id, type, data FROM audit_events WHERE seq > ? ORDER BY seq",
            (after,),
        )
        return [Recorded(*row) for row in rows.fetchall()]

    def states(self) -> Mapping[str, Operation]:
        """Every operation, by request."""
        rows = self.reader.execute("SELECT id, state FROM operations ORDER BY requested_at, id").fetchall()
        return {str(operation): OPERATIONS.loads(state) for operation, state in rows}

    def starting(self, target: Target, *, or_in_doubt: bool = False) -> str | None:
        """Whose submission is decided on and may be on its way; ``or_in_doubt``: another process may think it lost."""
        doubt = Status.IN_DOUBT if or_in_doubt else Status.STARTING
        row = self.reader.execute(
            "SELECT id FROM operations WHERE database = ? AND shard = ? AND status IN (?, ?)",
            (target.database, target.shard or "", Status.STARTING.value, doubt.value),
        ).fetchone()
        return None if row is None else str(row[0])

    def deliveries(self) -> int:
        """How many are recorded."""
        (found,) = self.reader.execute("SELECT count(*) FROM inbox").fetchone()
        return int(found)

    def accepted(self, signature: str) -> bool:
        """Whether a delivery under this signature is recorded."""
        asked = "SELECT 1 FROM inbox_signatures WHERE signature = ?"
        return self.reader.execute(asked, (plain(signature),)).fetchone() is not None

    def known(self, dedupe_key: str) -> bool:
        """Whether a delivery of this payload is recorded."""
        asked = "SELECT 1 FROM inbox WHERE dedupe_key = ?"
        return self.reader.execute(asked, (plain(dedupe_key),)).fetchone() is not None

    def due(self) -> Due:
        """When each sweep has something to do."""
        return Due(self._first(INBOX_DUE), self._first(OPERATIONS_DUE), self._first(PUBLISH_DUE))

    def _first(self, query: str) -> datetime | None:
        (due,) = self.reader.execute(query).fetchone()
        return None if due is None else EPOCH + due * MICROSECOND

    def unsettled(self, now: datetime) -> Unsettled:
        """What is still to be done at a time, and not later by itself."""
        micros = (now - EPOCH) // MICROSECOND
        return Unsettled(*self.reader.execute(UNSETTLED, (micros,)).fetchone())
