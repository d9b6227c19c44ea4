"""How long what is needed to plan or to start could not be read: counted by readings, not by the clock alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.machine import unreadable_too_long
from bot.core.model import OperationId
from bot.core.operation import Operation


@dataclass(frozen=True, slots=True)
class _Row:
    """Failed readings in a row, of one version of an operation."""

    version: int
    first: datetime
    last: datetime


class Patience:
    """Remembers, for as long as the process runs, since when the readings of an operation have failed.

    Time in which nobody looked (a bot that was down, a process that stood still) is no reason to refuse anything.
    """

    def __init__(self) -> None:
        self._rows: dict[OperationId, _Row] = {}

    def is_lost(self, op: Operation, now: datetime, *, gap: timedelta) -> bool:
        """Notes a reading that failed; whether readings have failed for too long.

        Args:
            op: The operation that waits for it.
            now: The time of the reading.
            gap: Readings further apart are not in a row.
        """
        # What was decided meanwhile without a reading is forgotten here as well.
        self._rows = {op_id: row for op_id, row in self._rows.items() if now - row.last <= gap}
        before = self._rows.get(op.id)
        first = before.first if before is not None and before.version == op.version else now
        self._rows[op.id] = _Row(op.version, first, now)
        return unreadable_too_long(first, now)

    def regained(self, op: Operation) -> None:
        """A reading succeeded."""
        self._rows.pop(op.id, None)
