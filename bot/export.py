"""The audit trail as text: one JSON object a line, or CSV that a spreadsheet takes for data only.

Every column of ``audit_events`` is there as it is stored (``data`` as its text, so that hashes can be computed
from an export too; ``at`` in ISO 8601, UTC), then ``team``, the workspace of who acted. On the row of the event
that ended an operation also what came of it; these columns are empty elsewhere, are read from the operation
and not covered by the chain:

``job_id``, ``primary_before``, ``primary_now``, ``started_at`` (when the first submission was allowed to leave)
and ``duration_seconds`` (from then to the end).

In CSV a cell that a spreadsheet could take for a formula, or that begins with an apostrophe, gets an apostrophe
before it: take one away from every cell that begins with one, and you have what is stored. An absent value is
an empty cell.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from bot.core.operation import Operation
from bot.ports import AuditRow

COLUMNS = (
    *("seq", "at", "stream", "type", "operation_id", "version", "actor", "team", "data", "prev_hash", "hash"),
    *("job_id", "primary_before", "primary_now", "started_at", "duration_seconds"),
)

# What begins a formula somewhere, in either width, and what hides one from a look at the first character.
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", " ", "＝", "＋", "－", "＠")  # noqa: RUF001
_GUARD = "'"


def instant(text: str) -> datetime:
    """The time that ``--since`` names: ISO 8601 with its zone, or a date, which begins at midnight UTC.

    Raises:
        ValueError: It names none; the message says how to.
    """
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        why = "has no zone" if found else "is no time"
        raise ValueError(
            f"{text!r} {why}: give a date (2026-11-22, from midnight UTC) or a time with its zone "
            "(2026-11-22T09:30:00+08:00)"
        )
    return found


def cells(row: AuditRow) -> dict[str, Any]:
    """A row's values by column; None where there is none."""
    return {
        "seq": row.seq,
        "at": row.at.isoformat(timespec="microseconds"),
        "stream": row.stream,
        "type": row.type,
        "operation_id": row.operation_id,
        "version": row.version,
        "actor": row.actor,
        "team": row.team,
        "data": row.data,
        "prev_hash": row.prev_hash,
        "hash": row.hash,
        **_evidence(row.ended),
    }


def _evidence(op: Operation | None) -> Mapping[str, Any]:
    started = op.submissions[0] if op is not None and op.submissions else None
    ended = op.ended_at if op is not None else None
    return {
        "job_id": op.job_id if op is not None else None,
        "primary_before": op.plan.primary if op is not None and op.plan is not None else None,
        "primary_now": op.primary_now if op is not None else None,
        "started_at": None if started is None else started.isoformat(timespec="microseconds"),
        "duration_seconds": None if started is None or ended is None else (ended - started).total_seconds(),
    }


def _json_line(row: AuditRow) -> str:
    return json.dumps(cells(row)) + "\n"


def _csv_line(row: AuditRow) -> str:
    return _csv([_guarded(value) for value in cells(row).values()])


def _guarded(value: object) -> str:
    text = "" if value is None else str(value)
    return _GUARD + text if text.startswith((*_RISKY, _GUARD)) else text


def _csv(values: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(values)
    return line.getvalue()


FORMATS: Mapping[str, tuple[str, Callable[[AuditRow], str]]] = {
    "jsonl": ("", _json_line),
    "csv": (_csv(list(COLUMNS)), _csv_line),
}
"""What comes first, and how a row is written."""
