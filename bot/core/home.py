"""What the Home tab shows: facts for everybody, and what awaits one reader."""

from __future__ import annotations

from dataclasses import dataclass, replace
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

    def after(self, before: Reading, now: datetime) -> Reading:
        """This reading as the one after another: roles that it lacks, or that were read later, are the other's."""
        reading = self if self.topologies else replace(self, topologies=before.topologies)
        for seen in before.topologies:
            if seen.read_at <= now:  # a clock that was ahead is no reason to keep it
                reading = reading.renewed(seen)
        return reading

    def renewed(self, seen: Topology) -> Reading:
        """With what was seen in place of an older reading of the same shard; where there is none, as it is."""
        older = [each for each in self.topologies if each.shard == seen.shard and each.read_at < seen.read_at]
        if not older:
            return self
        topologies = tuple(seen if each in older else each for each in self.topologies)
        # Only where it was all that there is to read, it proves that the database can be read again.
        return replace(self, topologies=topologies, problem=self.problem if len(topologies) > 1 else None)


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
        to_review: What was done without approvals and is still to be reviewed.
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
    to_review: tuple[Operation, ...] = ()


@dataclass(frozen=True, slots=True)
class Awaiting:
    """What one reader could approve at that moment, and what they could review."""

    approval: tuple[Operation, ...] = ()
    review: tuple[Operation, ...] = ()
