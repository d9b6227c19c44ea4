"""What a store in memory leaves behind when its process dies, and what is seen of it from beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any

from bot.core.answers import Answer
from bot.core.commands import Origin
from bot.core.events import Event
from bot.core.holds import Hold, HoldEvent
from bot.core.home import Reading
from bot.core.machine import Say
from bot.core.model import Target
from bot.core.operation import Operation, Status
from bot.ports import NO_PLACE, Inbound, MessageKind
from bot.storage import audit
from bot.storage.codec import plain
from bot.storage.tables import EPOCH
from tests.storage.looks import Due, Recorded, Unsettled


@dataclass(slots=True)
class Delivery:
    """A row of the inbox."""

    id: int
    item: Inbound
    due_at: datetime
    claimed_from: datetime | None = None
    attempts: int = 0
    done_at: datetime | None = None


@dataclass(slots=True)
class Kept:
    """An operation's row."""

    op: Operation
    due_at: datetime | None
    claimed_from: datetime | None = None
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class Owed:
    """A row of the outbox; the fields are the columns of ``messages``."""

    id: int
    kind: MessageKind
    key: str
    owed_at: datetime
    due_at: datetime
    operation_id: str | None = None
    status: str = ""
    say: Say | None = None
    to: Origin | None = None
    answer: Answer | None = None
    channel: str = ""
    thread: str | None = None
    ts: str = ""
    uncertain: bool = False
    posted_version: int = 0
    attempts: int = 0
    last_error: str = ""
    claimed_from: datetime | None = None
    done_at: datetime | None = None
    renew_at: datetime | None = None
    renewals: int = 0
    begun_at: datetime | None = None

    @property
    def is_notice(self) -> bool:
        """Whether it is a line in the audit channel that is of no operation."""
        return self.kind is MessageKind.AUDIT and self.operation_id is None


@dataclass(slots=True)
class Home:
    """A row of ``homes``."""

    team: str
    opened_at: datetime
    due_at: datetime
    looked_at: datetime = EPOCH
    seq: int = 0
    shown: str = ""
    claimed_from: datetime | None = None


@dataclass(slots=True)
class Read:
    """A row of ``readings``."""

    asked_at: datetime = EPOCH
    reading: Reading | None = None


def next_id(table: dict[int, Any]) -> int:
    """The id of a new row, as SQLite counts."""
    return next(reversed(table), 0) + 1


class Lost(Enum):
    """What is lost of a commit."""

    NOTHING = auto()
    ANSWER = auto()
    ALL = auto()


def _now() -> datetime:
    return datetime.now(UTC)


class Disk:
    """What outlives a process.

    Attributes:
        trouble: Why nothing can be written now, "" when all is well.
        gone: Why nothing can be read either, "" when all is well.
        losing: Asked at every commit what becomes of it.
        pause: Says how many seconds pass before a transaction begins.
        clock: What its clock shows.
    """

    def __init__(self, pause: Callable[[], float] = float, clock: Callable[[], datetime] = _now) -> None:
        self.trouble = ""
        self.gone = ""
        self.losing: Callable[[], Lost] = lambda: Lost.NOTHING
        self.pause = pause
        self.clock = clock
        self.inbox: dict[int, Delivery] = {}
        self.signatures: dict[str, datetime] = {}
        self.operations: dict[str, Kept] = {}
        self.messages: dict[int, Owed] = {}
        self.trail: list[dict[str, Any]] = []
        self.dedupe_keys: set[str] = set()
        self.holds: tuple[Hold, ...] = ()
        self.hold_events: list[HoldEvent] = []
        self.homes: dict[str, Home] = {}
        self.readings: dict[str, Read] = {}

    def append(self, entries: Sequence[audit.Entry]) -> None:
        """Adds to the audit trail."""
        seq, last_hash = (self.trail[-1]["seq"], self.trail[-1]["hash"]) if self.trail else (0, "")
        self.trail += audit.chained(seq, last_hash, entries)

    def behind(self) -> Iterator[Owed]:
        """What Slack is owed: a card only while it is behind its operation."""
        return (each for each in self.messages.values() if each.done_at is None and self.is_behind(each))

    def due_at(self, owed: Owed) -> datetime:
        """When it is to be posted; of one that is not behind, if it is ever to be renewed."""
        if self.is_behind(owed) or owed.renew_at is None:
            return owed.due_at
        return max(owed.due_at, owed.renew_at)

    def is_behind(self, owed: Owed) -> bool:
        if owed.kind is not MessageKind.CARD or owed.operation_id is None:
            return True
        return self.operations[owed.operation_id].op.version > owed.posted_version

    def _is_owed(self, owed: Owed) -> bool:
        return self.is_behind(owed) or owed.renew_at is not None

    def may_go(self) -> Sequence[Owed]:
        """What of it, or to be renewed, waits for nothing else, as a reply does for its card and every earlier one."""
        blocked: dict[str | None, int] = {}
        undone = [each for each in self.messages.values() if each.done_at is None]
        for each in undone:
            if each.kind is MessageKind.CARD and each.ts == "" and each.last_error != NO_PLACE:
                blocked[each.operation_id] = -1
            elif each.kind is MessageKind.REPLY:
                blocked.setdefault(each.operation_id, each.id)
        return [
            each
            for each in undone
            if self._is_owed(each)
            and (each.kind is not MessageKind.REPLY or blocked[each.operation_id] == each.id)
        ]

    # --- as somebody sees it who only looks ---

    def recorded(self, after: int) -> Sequence[Recorded]:
        """What the audit trail says after a row."""
        return [
            Recorded(row["seq"], row["stream"], row["operation_id"], row["type"], row["data"])
            for row in self.trail[after:]
        ]

    def states(self) -> Mapping[str, Operation]:
        """Every operation, by request."""
        rows = sorted((row.op.requested_at, row.op.id, row.op) for row in self.operations.values())
        return {op.id: op for _, _, op in rows}

    def starting(self, target: Target, *, or_in_doubt: bool = False) -> str | None:
        """Whose submission is decided on and may be on its way; ``or_in_doubt``: another process may think it lost."""
        doubt = Status.IN_DOUBT if or_in_doubt else Status.STARTING
        for row in self.operations.values():
            if row.op.status in {Status.STARTING, doubt} and row.op.target == target:
                return row.op.id
        return None

    def deliveries(self) -> int:
        """How many are recorded."""
        return len(self.inbox)

    def accepted(self, signature: str) -> bool:
        """Whether a delivery under this signature is recorded."""
        return plain(signature) in self.signatures

    def known(self, dedupe_key: str) -> bool:
        """Whether a delivery of this payload is recorded."""
        return plain(dedupe_key) in self.dedupe_keys

    def due(self) -> Due:
        """When each sweep has something to do."""
        items = [row.due_at for row in self.inbox.values() if row.done_at is None]
        operations = [row.due_at for row in self.operations.values() if row.due_at is not None]
        messages = [self.due_at(row) for row in self.may_go()]
        return Due(
            min(items) if items else None,
            min(operations) if operations else None,
            min(messages) if messages else None,
        )

    def unsettled(self, now: datetime) -> Unsettled:
        """What is still to be done."""
        return Unsettled(
            deliveries=sum(row.done_at is None for row in self.inbox.values()),
            operations=sum(
                row.op.open and row.op.status is not Status.NEEDS_ATTENTION
                for row in self.operations.values()
            ),
            messages=sum(
                self.is_behind(each) or (each.renew_at is not None and each.renew_at <= now)
                for each in self.messages.values()
                if each.done_at is None
            ),
        )
