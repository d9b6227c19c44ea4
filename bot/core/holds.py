"""What people set by hand: a freeze of one database or of all, and the halt. Nothing new starts meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.core.model import Reason, UserId
from bot.core.operation import Operation, Status

ALL = "all"
"""What ``freeze all`` names; no database may have this name."""
WAITING = frozenset({Status.AWAITING_APPROVAL, Status.SCHEDULED})
"""What waits for people or for its start: whoever sees its card would else hear of a hold from a refusal only."""


class HoldKind(StrEnum):
    """A freeze is for planned work and leaves emergencies alone; a halt stops everything new."""

    FREEZE = "freeze"
    HALT = "halt"


@dataclass(frozen=True, slots=True)
class Frozen:
    """No switchover of ``scope``, a database's name or ``all``, may be approved or start until ``until``."""

    at: datetime
    scope: str
    until: datetime | None
    reason: str
    by: UserId
    team: str


@dataclass(frozen=True, slots=True)
class Unfrozen:
    """The freeze of exactly this scope is lifted."""

    at: datetime
    scope: str
    by: UserId
    team: str


@dataclass(frozen=True, slots=True)
class Halted:
    """No submission may start, not even of an emergency, until somebody resumes."""

    at: datetime
    reason: str
    by: UserId
    team: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """Submissions may start again."""

    at: datetime
    by: UserId
    team: str


HoldEvent = Frozen | Unfrozen | Halted | Resumed


@dataclass(frozen=True, slots=True)
class Hold:
    """What is in force.

    Attributes:
        scope: A database's name, or ``all``; of a halt always ``all``.
        until: When it ends by itself; None: when somebody lifts it.
    """

    kind: HoldKind
    scope: str
    since: datetime
    until: datetime | None
    reason: str
    by: UserId

    def binds(self, database: str, now: datetime) -> bool:
        """Whether it is in force for a database at a time."""
        return self.scope in (ALL, database) and (self.until is None or now < self.until)

    def sentence(self) -> Reason:
        """Why nothing may start, for people."""
        since = self.since.isoformat()
        if self.kind is HoldKind.HALT:
            return Reason.of("halted-by", by=self.by, reason=self.reason, since=since)
        until = None if self.until is None else self.until.isoformat()
        code = "frozen-by-hand-until" if until else "frozen-by-hand"
        return Reason.of(code, scope=self.scope, by=self.by, reason=self.reason, until=until, since=since)


EVERY_KIND = frozenset(HoldKind)
ONLY_HALT = frozenset({HoldKind.HALT})


def kinds_binding(*, emergency: bool) -> frozenset[HoldKind]:
    """What stops an operation: an emergency is stopped by a halt only."""
    return ONLY_HALT if emergency else EVERY_KIND


def binding(
    holds: Iterable[Hold], database: str, now: datetime, kinds: frozenset[HoldKind] = EVERY_KIND
) -> Hold | None:
    """The hold that stops a database now: a halt before a freeze, of freezes the one that lasts longest; or None."""
    found = [hold for hold in holds if hold.kind in kinds and hold.binds(database, now)]
    return max(found, key=_lasting, default=None)


def _lasting(hold: Hold) -> tuple[bool, bool, datetime]:
    return hold.kind is HoldKind.HALT, hold.until is None, hold.until or hold.since


def in_the_way(op: Operation, holds: Iterable[Hold], at: datetime) -> Hold | None:
    """What keeps an operation from what it waits for: from approvals now, or from its start then.

    None where nothing does, and of one that waits for neither.
    """
    if op.status not in WAITING:
        return None
    start = op.start_at if op.status is Status.SCHEDULED else None
    return binding(holds, op.database, at if start is None else max(at, start))


def sentences(
    holds: Iterable[Hold], database: str | None, now: datetime, kinds: frozenset[HoldKind]
) -> list[Reason]:
    """What is in force, for people: of one database, or of all; a halt before a freeze."""
    found = [
        hold
        for hold in holds
        if hold.kind in kinds and hold.binds(hold.scope if database is None else database, now)
    ]
    return [hold.sentence() for hold in sorted(found, key=lambda hold: hold.kind is not HoldKind.HALT)]


def replaced(holds: Iterable[Hold], event: HoldEvent) -> Hold | None:
    """The freeze whose place an event's takes; None where it is no freeze, or the first of its scope."""
    if not isinstance(event, Frozen):
        return None
    return next((hold for hold in holds if (hold.kind, hold.scope) == (HoldKind.FREEZE, event.scope)), None)


def frozen_policy(policy: str, why: Reason) -> Reason:
    """What is said of a configured freeze where more than one policy is spoken of."""
    return Reason.of("frozen-policy", policy=policy, until=why["until"], reason=why["reason"])


def apply(holds: Sequence[Hold], event: HoldEvent) -> tuple[Hold, ...]:
    """The holds after an event; the newest of a kind and scope replaces the one before."""
    kind = HoldKind.FREEZE if isinstance(event, Frozen | Unfrozen) else HoldKind.HALT
    scope = event.scope if isinstance(event, Frozen | Unfrozen) else ALL
    others = tuple(hold for hold in holds if (hold.kind, hold.scope) != (kind, scope))
    match event:
        case Frozen(at=at, until=until, reason=reason, by=by):
            return (*others, Hold(kind, scope, at, until, reason, by))
        case Halted(at=at, reason=reason, by=by):
            return (*others, Hold(kind, scope, at, None, reason, by))
        case _:
            return others
