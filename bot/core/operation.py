"""An operation: one switchover from request to verified end. Only ``bot.core.machine`` makes new ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.core.events import Choice, LastSwitchover, Place, UsualTime
from bot.core.model import Job, JobId, NodeId, OperationId, Plan, Reason, Target, Topology, UserId, label
from bot.core.preflight import Check


class Status(StrEnum):
    """Where an operation stands; the names are the contract's."""

    PLANNING = "planning"
    AWAITING_APPROVAL = "awaiting_approval"
    SCHEDULED = "scheduled"
    RECHECKING = "rechecking"
    STARTING = "starting"
    IN_DOUBT = "in_doubt"
    RUNNING = "running"
    VERIFYING = "verifying"
    NEEDS_ATTENTION = "needs_attention"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    NOT_NEEDED = "not_needed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    CLOSED = "closed"


ENDS = frozenset(
    {
        Status.SUCCEEDED,
        Status.FAILED,
        Status.REFUSED,
        Status.NOT_NEEDED,
        Status.REJECTED,
        Status.EXPIRED,
        Status.CANCELLED,
        Status.CLOSED,
    }
)
UNSENT = frozenset({Status.PLANNING, Status.AWAITING_APPROVAL, Status.SCHEDULED, Status.RECHECKING})
REPLANNED = frozenset({Status.REFUSED, Status.EXPIRED, Status.FAILED})
"""The ends after which the same may be asked again with one click; what people stopped, they must ask for anew."""


def reason_to_switch_back(operation: OperationId) -> str:
    """The reason of what ``switch_back`` on an operation's card requests."""
    return f"switch back of {operation}"


@dataclass(frozen=True, slots=True)
class Approval:
    by: UserId
    at: datetime


@dataclass(frozen=True, slots=True)
class Operation:
    """The fold of an operation's events.

    Attributes:
        version: How many events there are; the optimistic lock counts it.
        since: When the present status was entered.
        asked: The node as the requester typed it.
        submissions: When each request was allowed to leave; the last one may be under way.
        sent_cloud_at: What the provider's own clock showed at the last of them, None where it had not told.
        retry_at: Not to be submitted again before.
        job: What the provider last said of the job; ``job.id`` identifies it.
        accepted: The last submission surely arrived: the provider said so, or proof of it was found.
        zone: The time zone in which the start was meant.
        reminded: The thread was told that the start is near.
        emergency: Nobody had to approve it; once something was sent, somebody else must review it.
        overrides: The checks that were allowed to fail.
        follows: The operation whose button asked for this one.
        back_of: The switchover that this one is to take back, however often it was planned again.
        choice: The chooser in which the node was picked; one chooser makes one operation.
        last: The last switchover of the same database and shard when it was planned.
        usual: How long the latest of those took, as known then.
        needed_attention: It did so at some time; when it then ended says little of how long the cloud took.
        primary_now: The primary that the last reading showed.
        checked_at: When the reading was made that the last checks before the start are of; None before those.
        checked_since: Those were made after the last request: it was not accepted, and they kept it from another try.
        detail: Why the status is what it is, for people.
    """

    id: OperationId
    status: Status
    version: int
    since: datetime
    database: str
    shard: str | None
    asked: str | None
    reason: str
    requested_by: UserId
    team: str
    place: Place
    requested_at: datetime
    plan: Plan | None = None
    topology: Topology | None = None
    checks: tuple[Check, ...] = ()
    needed: int = 0
    approvers: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = ()
    expires_at: datetime | None = None
    start_at: datetime | None = None
    submissions: tuple[datetime, ...] = ()
    retry_at: datetime | None = None
    job_id: JobId | None = None
    job: Job | None = None
    primary_now: NodeId | None = None
    decided_by: UserId | None = None
    detail: Reason | None = None
    ended_at: datetime | None = None
    accepted: bool = False
    zone: str = ""
    reminded: bool = False
    emergency: bool = False
    overrides: tuple[str, ...] = ()
    follows: OperationId | None = None
    back_of: OperationId | None = None
    choice: Choice | None = None
    last: LastSwitchover | None = None
    usual: UsualTime | None = None
    reviewed_by: UserId | None = None
    reviewed_at: datetime | None = None
    needed_attention: bool = False
    checked_at: datetime | None = None
    checked_since: bool = False
    sent_cloud_at: datetime | None = None

    @property
    def target(self) -> Target:
        return Target(self.database, self.shard)

    @property
    def label(self) -> str:
        """What people call the target: a shard by its name, where a reading told it."""
        return label(self.database, self.shard, self.topology)

    @property
    def open(self) -> bool:
        """Whether it holds its database and shard."""
        return self.status not in ENDS

    @property
    def approved_by(self) -> tuple[UserId, ...]:
        return tuple(approval.by for approval in self.approvals)

    @property
    def cloud_chooses(self) -> bool:
        """Whether no node was named and the cloud takes one."""
        return any(check.detail.code == "check-cloud-will-choose" for check in self.checks)

    @property
    def becomes_primary(self) -> NodeId | None:
        """The node that was named to become primary or, once that has succeeded, the one that the cloud took."""
        named = self.plan.candidate if self.plan else None
        if named is not None:
            return named
        return self.primary_now if self.cloud_chooses and self.status is Status.SUCCEEDED else None

    @property
    def took(self) -> timedelta | None:
        """From the first request sent, or where none was from what people asked, to its end; None before that."""
        if self.ended_at is None:
            return None
        return self.ended_at - (self.submissions[0] if self.submissions else self.requested_at)

    @property
    def checked_before_start(self) -> bool:
        """Whether a request was sent after the last checks."""
        return bool(self.submissions) and not self.checked_since

    @property
    def read_before_start(self) -> bool:
        """Whether a request was sent, and its last reading is still the one that was checked before."""
        read_at = self.topology.read_at if self.topology else None
        return self.checked_before_start and read_at is not None and read_at == self.checked_at

    @property
    def review_owed(self) -> bool:
        """Whether it is over, was done without approvals, and nobody else has looked at it yet."""
        return self.emergency and bool(self.submissions) and not self.open and self.reviewed_by is None
