"""What the Home tab shows: facts for everybody, and what awaits one reader."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.core.holds import Hold
from bot.core.model import OperationId, Reason, Topology
from bot.core.operation import Operation


@dataclass(frozen=True, slots=True)
class Reading:
    """What a cloud said last of a database: one topology for each shard, or why it could not be read.

    Where it could not be read, ``topologies`` are those of the last time that it could.
    """

    topologies: tuple[Topology, ...] = ()
    problem: Reason | None = None

    @property
    def read_at(self) -> datetime | None:
        """When the roles were read; None if they never were."""
        return min((topology.read_at for topology in self.topologies), default=None)


@dataclass(frozen=True, slots=True)
class DatabaseTile:
    """A database as the Home tab shows it: ``reading`` is None until a cloud was asked."""

    name: str
    reading: Reading | None = None
    operations: tuple[OperationId, ...] = ()


@dataclass(frozen=True, slots=True)
class Board:
    """What every member may see, as of one moment.

    Attributes:
        at: That moment.
        seq: The row of the audit trail that it surely takes in, with all before.
        databases: Those that are shown.
        total: How many there are.
        under_way: Every open operation, the newest request first.
        past: What ended lately.
        holds: What people set by hand.
        frozen: The policies that a configured freeze binds now, and why.
        changes_at: When something of it ends by itself; None: nothing that is known does.
    """

    at: datetime
    seq: int
    databases: tuple[DatabaseTile, ...] = ()
    total: int = 0
    under_way: tuple[Operation, ...] = ()
    past: tuple[Operation, ...] = ()
    holds: tuple[Hold, ...] = ()
    frozen: tuple[tuple[str, Reason], ...] = ()
    changes_at: datetime | None = None
