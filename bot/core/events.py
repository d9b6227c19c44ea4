"""What can happen to an operation: facts, past tense. They are its state and, at once, its audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from bot.core.model import Job, JobId, OperationId, Plan, Reason, Topology, UserId
from bot.core.preflight import Check, Outcome


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request was made; ``thread`` is the thread's first message, None in the channel itself."""

    channel: str
    thread: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Of which chooser something was chosen: the delivery that it answered, and when that came in."""

    delivery: int
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Requested:
    """Somebody asked for a switchover. ``node`` and ``shard`` are what they typed.

    Attributes:
        start_at: When it is to start; None: as soon as it is approved.
        zone: The time zone in which the start was meant, "" where there is none.
        emergency: Break-glass: nobody has to approve it.
        overrides: The checks that may fail; only of an emergency.
        follows: The operation whose button asked for this one.
        back_of: The switchover that this one is to take back, however often it was planned again.
        choice: The chooser in which the node was picked, None where it was not.
    """

    at: datetime
    id: OperationId
    database: str
    shard: str | None
    node: str | None
    reason: str
    by: UserId
    team: str
    place: Place
    start_at: datetime | None = None
    zone: str = ""
    emergency: bool = False
    overrides: tuple[str, ...] = ()
    follows: OperationId | None = None
    back_of: OperationId | None = None
    choice: Choice | None = None


@dataclass(frozen=True, slots=True)
class LastSwitchover:
    """What was done last on the same database and shard: who was primary then, who became it."""

    id: OperationId
    ended_at: datetime
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class UsualTime:
    """How long the latest switchovers of the same database and shard took, from the request sent to the verified end.

    ``time`` is their median, ``of`` how many they were.
    """

    time: timedelta
    of: int


@dataclass(frozen=True, slots=True)
class Planned:
    """The topology was read and the preflight run.

    Attributes:
        needed: How many approvals the policy asks for; an emergency none.
        approvers: Whom the policy names, for the card.
        expires_at: Until when approvals count, if nothing else ends them sooner.
        last: The last switchover of the same database and shard, for the card.
        usual: How long the latest ones took, for the card.
    """

    at: datetime
    plan: Plan
    topology: Topology
    checks: tuple[Check, ...]
    outcome: Outcome
    detail: Reason | None
    needed: int
    approvers: tuple[str, ...]
    expires_at: datetime
    last: LastSwitchover | None = None
    usual: UsualTime | None = None


@dataclass(frozen=True, slots=True)
class PlanningFailed:
    """There is nothing to plan with: unreadable for too long, refused by the provider, or locked."""

    at: datetime
    detail: Reason


@dataclass(frozen=True, slots=True)
class Approved:
    """A person whom the policy names said yes; ``needed`` and ``self_approval`` are that moment's policy."""

    at: datetime
    by: UserId
    needed: int
    self_approval: bool
    team: str = ""


@dataclass(frozen=True, slots=True)
class CallsAwaited:
    """Nothing can be read before the bot may call the cloud again: it has used up what it allows itself."""

    at: datetime
    detail: Reason


@dataclass(frozen=True, slots=True)
class StartNear:
    """The scheduled start is a few minutes away: a good moment to withdraw it."""

    at: datetime


@dataclass(frozen=True, slots=True)
class StartReached:
    """The scheduled start has come, or was missed while the bot was down."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Rejected:
    at: datetime
    by: UserId
    team: str = ""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Withdrawn by a person, or by the bot itself (``by`` is None) with the reason why."""

    at: datetime
    by: UserId | None
    detail: Reason | None = None
    team: str = ""


@dataclass(frozen=True, slots=True)
class Expired:
    at: datetime


@dataclass(frozen=True, slots=True)
class RecheckRefused:
    """Just before the start, something was no longer as approved; ``checks`` are those made then, if any were."""

    at: datetime
    detail: Reason
    topology: Topology | None = None
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class SubmissionStarted:
    """The recheck was clean and the one request may be sent: committed before anything is.

    Attributes:
        plan: The plan as the recheck made it anew; its fingerprint must be the approved one's.
        approved_by: Whose approvals still counted at this moment.
        needed: How many the policy asks for at this moment.
        checks: What the recheck found; of an emergency, also what it went on without.
    """

    at: datetime
    plan: Plan
    topology: Topology
    approved_by: tuple[UserId, ...]
    needed: int
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class SubmissionAccepted:
    """The provider took it; ``job_id`` is None where its call gives none."""

    at: datetime
    job_id: JobId | None


@dataclass(frozen=True, slots=True)
class SubmissionNotAccepted:
    """Definitely not taken, for now; nothing changed. ``retry_at``: not to be tried again before."""

    at: datetime
    detail: Reason
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class SubmissionRefused:
    """The provider said no; nothing changed."""

    at: datetime
    detail: Reason


@dataclass(frozen=True, slots=True)
class SubmissionUncertain:
    """It may have been taken, or not. Never to be repeated."""

    at: datetime
    detail: Reason


@dataclass(frozen=True, slots=True)
class SubmissionFound:
    """Proof that it had been taken: its job, or (``job`` is None) the roles, moved as asked."""

    at: datetime
    job: Job | None
    topology: Topology | None
    detail: Reason


@dataclass(frozen=True, slots=True)
class SubmissionAbsent:
    """Proof that it never was: it can't be accepted any more, no job, nothing under way, roles unchanged."""

    at: datetime
    topology: Topology
    detail: Reason


@dataclass(frozen=True, slots=True)
class DoubtRemained:
    """Neither proof could be had in time; a person must look."""

    at: datetime
    detail: Reason
    topology: Topology | None = None


@dataclass(frozen=True, slots=True)
class JobReported:
    """The provider's word for the job changed."""

    at: datetime
    job: Job


@dataclass(frozen=True, slots=True)
class RolesMoved:
    """A call without a job id: the roles were seen to move."""

    at: datetime
    topology: Topology


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The job ran longer than it may."""

    at: datetime
    detail: Reason


@dataclass(frozen=True, slots=True)
class RolesConfirmed:
    """Two readings in a row show the roles as approved."""

    at: datetime
    readings: tuple[Topology, Topology]


@dataclass(frozen=True, slots=True)
class RolesUnchanged:
    """The job failed, and two readings in a row show the roles as they were."""

    at: datetime
    readings: tuple[Topology, Topology]


@dataclass(frozen=True, slots=True)
class RolesUnproven:
    """The roles are not as approved, or can't be read, and waiting any longer does not help."""

    at: datetime
    detail: Reason
    topology: Topology | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A person took over what the bot does not know."""

    at: datetime
    by: UserId
    team: str = ""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Somebody else than the one who broke the glass has looked at what was done."""

    at: datetime
    by: UserId
    team: str = ""


Event = (
    Requested
    | Planned
    | PlanningFailed
    | CallsAwaited
    | Approved
    | StartNear
    | StartReached
    | Rejected
    | Cancelled
    | Expired
    | RecheckRefused
    | SubmissionStarted
    | SubmissionAccepted
    | SubmissionNotAccepted
    | SubmissionRefused
    | SubmissionUncertain
    | SubmissionFound
    | SubmissionAbsent
    | DoubtRemained
    | JobReported
    | RolesMoved
    | DeadlinePassed
    | RolesConfirmed
    | RolesUnchanged
    | RolesUnproven
    | Acknowledged
    | Reviewed
)


def event_name(event: object) -> str:
    """The name of an event, or of its type, in the audit trail: ``submission_started``."""
    return _in_lower_case((event if isinstance(event, type) else type(event)).__name__)


@cache
def _in_lower_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
