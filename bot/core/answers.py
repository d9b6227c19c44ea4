"""What one person is told, and nobody else sees: codes and facts, worded by the message catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.core.commands import RequestSwitchover, ShowHelp
from bot.core.holds import Hold
from bot.core.model import Call, Node, OperationId, Reason, Topology, label
from bot.core.operation import Operation
from bot.core.preflight import Check, Outcome


@dataclass(frozen=True, slots=True)
class Tell:
    """A sentence.

    Attributes:
        detail: Explains it.
        instead: It takes the place of the message that was pressed, which is of no use any more.
    """

    text: Reason
    detail: Reason | None = None
    instead: bool = False


@dataclass(frozen=True, slots=True)
class AskAgain:
    """A name is missing, or nobody has it: why nothing was done, and what to ask instead, if that can be said."""

    problem: Reason
    nearest: RequestSwitchover | None = None


@dataclass(frozen=True, slots=True)
class ChooseNode:
    """Several nodes fit and none was named: pick one. The request is otherwise kept as it is."""

    request: RequestSwitchover
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ShowPlan:
    """The dry run of a request; ``call`` is what a request would ask of the provider.

    Attributes:
        start_at: When it would start, where that is later.
    """

    database: str
    shard: str | None
    outcome: Outcome
    candidate: str | None
    checks: tuple[Check, ...]
    detail: Reason | None
    topology: Topology
    call: Call = Call("")  # noqa: RUF009 - a frozen value
    start_at: datetime | None = None

    @property
    def label(self) -> str:
        """What people call the target: a shard by its name, where it has one."""
        return label(self.database, self.shard, self.topology)


@dataclass(frozen=True, slots=True)
class ShardLine:
    """A shard of a database: its present primary, "" while that is not known, and what is under way on it."""

    id: str
    name: str
    primary: str
    operation: str = ""


@dataclass(frozen=True, slots=True)
class DatabaseLine:
    """A database of the catalogue: its present primary or those of its shards, or why they are not known.

    ``operation`` is what is under way on no shard that is listed; ``frozen`` says why nothing planned may start
    on this database in particular.
    """

    name: str
    description: str
    primary: str
    problem: Reason | None = None
    operation: str = ""
    shards: tuple[ShardLine, ...] = ()
    frozen: Reason | None = None


@dataclass(frozen=True, slots=True)
class ShowDatabases:
    """One page of those that have ``part`` in their name or description; ``total`` is how many those are.

    ``held`` says what stops all of them. ``beyond``: the page that was asked for, where there are not so many; 0: none.
    """

    databases: tuple[DatabaseLine, ...]
    part: str = ""
    page: int = 1
    pages: int = 1
    total: int = 0
    held: tuple[Reason, ...] = ()
    beyond: int = 0


@dataclass(frozen=True, slots=True)
class ShowOperations:
    """``name`` is what was asked for, "" for all; ``past`` tells history from what is under way.

    ``held`` says what stops those that are not sent, and new ones; ``hold`` is what keeps a single one from what it
    waits for, ``stopped`` which of several something keeps from that. ``to_review`` is what was done without
    approvals and is still to be reviewed. History comes a page at a time; ``total`` is how many it has, ``beyond`` as
    in a list.
    """

    operations: tuple[Operation, ...]
    name: str = ""
    past: bool = False
    held: tuple[Reason, ...] = ()
    page: int = 1
    pages: int = 1
    total: int = 0
    to_review: tuple[Operation, ...] = ()
    hold: Hold | None = None
    stopped: tuple[OperationId, ...] = ()
    beyond: int = 0


Answer = ShowHelp | Tell | AskAgain | ChooseNode | ShowPlan | ShowDatabases | ShowOperations
