"""The one table of what an operation may do. Everything that changes a status is here, or it is a defect.

``decide`` is pure: an event that does not exist in a status, or whose guard says no, raises
``IllegalTransition`` and changes nothing. What a stored state owes, also after a restart, is ``owed``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NoReturn

from bot.core import events as e
from bot.core.model import Evidence, JobState, Plan, Reason, Topology, nested
from bot.core.operation import ENDS, UNSENT, Approval, Operation, Status
from bot.core.policy import ANYONE
from bot.core.preflight import Outcome
from bot.errors import IllegalTransition

MAX_SUBMISSIONS = 3
SUBMISSION_WINDOW = timedelta(seconds=60)
UNREADABLE_FOR = timedelta(seconds=60)
LATE_START = timedelta(seconds=60)
REMIND_BEFORE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Say:
    """A reply the thread is owed. ``detail`` explains; both are codes of the message catalogue.

    ``besides``: the audit channel is owed it as well. ``aloud``: so is the channel whose thread it is.
    """

    text: Reason
    detail: Reason | None = None
    besides: bool = False
    aloud: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """What the audit channel alone is owed: the thread knows it, or has been told how the operation ended."""

    say: Say


@dataclass(frozen=True, slots=True)
class Submit:
    """The one request is owed, after this decision is committed and by nobody who only finds it."""


Effect = Say | Note | Submit


@dataclass(frozen=True, slots=True)
class Decision:
    """One event and what follows from it, to be committed as one."""

    event: e.Event
    after: Operation
    effects: tuple[Effect, ...] = ()


# --- what is true of a reading -------------------------------------------------------------------------


def as_approved(plan: Plan, reading: Topology) -> bool:
    """The promise behind ``succeeded``: one primary, the right one, and nothing under way.

    Health is reported, not waited for. Where the cloud chose, any other approved member than the known
    primary will do.
    """
    primary = reading.primary
    if primary is None or not reading.idle:
        return False
    if plan.candidate is not None:
        return primary.id == plan.candidate
    other = plan.primary is not None and primary.id != plan.primary
    return other and primary.id in {node_id for node_id, _ in plan.members}


def unchanged(plan: Plan, reading: Topology) -> bool:
    """The promise behind ``failed``: the primary is the one it was, and nothing is under way."""
    primary = reading.primary
    return primary is not None and reading.idle and primary.id == plan.primary


def _agree(readings: tuple[Topology, Topology]) -> bool:
    first, second = (reading.primary for reading in readings)
    return first is not None and second is not None and first.id == second.id


# --- guards: each picks the next status or raises ------------------------------------------------------


def _no(op: Operation, event: e.Event, why: str) -> NoReturn:
    raise IllegalTransition(op.status, e.event_name(event), why)


def _expired(op: Operation, at: datetime) -> bool:
    """Whether it is too late: approvals count until they expire, and a start time that came is soon missed."""
    if op.start_at is None or op.status not in {Status.SCHEDULED, Status.RECHECKING}:
        return op.expires_at is not None and at >= op.expires_at
    began = op.submissions[0] if op.submissions else op.start_at
    return op.status is Status.RECHECKING and at - began > LATE_START


def _planned(op: Operation, event: e.Planned) -> Status:
    if event.plan.overrides != op.overrides:
        _no(op, event, "not what was asked to be overridden")
    return {
        Outcome.CLEAN: Status.RECHECKING if op.emergency else Status.AWAITING_APPROVAL,
        Outcome.REFUSED: Status.REFUSED,
        Outcome.NOT_NEEDED: Status.NOT_NEEDED,
    }[event.outcome]


def _awaited(op: Operation, event: e.CallsAwaited) -> Status:
    if op.detail == event.detail:
        _no(op, event, "told already")
    return op.status


def _approved(op: Operation, event: e.Approved) -> Status:
    if event.by in op.approved_by:
        _no(op, event, "counted already")
    if event.by == op.requested_by and not event.self_approval:
        _no(op, event, "the requester's own")
    if _expired(op, event.at):
        _no(op, event, "too late")
    if len(op.approvals) + 1 < event.needed:
        return Status.AWAITING_APPROVAL
    return Status.RECHECKING if op.start_at is None else Status.SCHEDULED


def _start_near(op: Operation, event: e.StartNear) -> Status:
    if op.start_at is None or op.reminded or not op.start_at - REMIND_BEFORE <= event.at < op.start_at:
        _no(op, event, "not the moment, or told already")
    return Status.SCHEDULED


def _start_reached(op: Operation, event: e.StartReached) -> Status:
    if op.start_at is None or event.at < op.start_at:
        _no(op, event, "too early")
    return Status.RECHECKING if event.at - op.start_at <= LATE_START else Status.EXPIRED


def _submission_started(op: Operation, event: e.SubmissionStarted) -> Status:
    if op.plan is None or event.plan.fingerprint != op.plan.fingerprint:
        _no(op, event, "not the approved plan")
    people = set(event.approved_by)
    if len(people) < event.needed or not people <= set(op.approved_by) or (not people and not op.emergency):
        _no(op, event, "no quorum")
    if event.at < max(_wanted_at(op, event.at), op.start_at or event.at):
        _no(op, event, "too early")
    if len(op.submissions) >= MAX_SUBMISSIONS:
        _no(op, event, "tried often enough")
    if _expired(op, event.at):
        _no(op, event, "too late")
    return Status.STARTING


def _wanted_at(op: Operation, now: datetime) -> datetime:
    """From when on the provider wants it again, now where it does.

    All tries fit into one window: what is further off was said by a clock that has been set back since.
    """
    return max(now, op.retry_at) if op.retry_at and op.retry_at - now <= SUBMISSION_WINDOW else now


def _not_accepted(op: Operation, event: e.SubmissionNotAccepted) -> Status:
    spent = len(op.submissions) >= MAX_SUBMISSIONS or event.retry_at - op.submissions[0] > SUBMISSION_WINDOW
    return Status.FAILED if spent else Status.RECHECKING


def _found(op: Operation, event: e.SubmissionFound) -> Status:
    if event.job is not None:
        return Status.RUNNING
    if op.plan is None or event.topology is None or not as_approved(op.plan, event.topology):
        _no(op, event, "neither job nor roles prove it")
    return Status.VERIFYING


def _absent(op: Operation, event: e.SubmissionAbsent) -> Status:
    if op.accepted or op.plan is None or not unchanged(op.plan, event.topology):
        _no(op, event, "absence is not proven")
    return Status.FAILED


def _job_reported(op: Operation, event: e.JobReported) -> Status:
    if op.job_id is not None and event.job.id != op.job_id:
        _no(op, event, "not this operation's job")
    if op.status is Status.NEEDS_ATTENTION or event.job.state is JobState.RUNNING:
        return op.status
    return Status.VERIFYING


def _roles_moved(op: Operation, event: e.RolesMoved) -> Status:
    if op.job_id is not None or op.plan is None or not as_approved(op.plan, event.topology):
        _no(op, event, "not moved as approved")
    return Status.VERIFYING


def _confirmed(op: Operation, event: e.RolesConfirmed) -> Status:
    if _job_failed(op):
        _no(op, event, "the job failed, so a person must look")
    if op.plan is None or not all(as_approved(op.plan, reading) for reading in event.readings):
        _no(op, event, "not as approved")
    if not _agree(event.readings):
        _no(op, event, "the readings disagree")
    return Status.SUCCEEDED


def _roles_unchanged(op: Operation, event: e.RolesUnchanged) -> Status:
    if not _job_failed(op):
        _no(op, event, "the job did not fail")
    if op.plan is None or not all(unchanged(op.plan, reading) for reading in event.readings):
        _no(op, event, "not as before")
    return Status.FAILED


def _reviewed(op: Operation, event: e.Reviewed) -> Status:
    if not op.review_owed:
        _no(op, event, "no review is owed")
    if event.by == op.requested_by:
        _no(op, event, "the requester's own")
    return op.status


def _job_failed(op: Operation) -> bool:
    return op.job is not None and op.job.state is JobState.FAILED


# --- the table -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """Where an event may lead; ``pick`` chooses, or raises. The diagram in the docs is drawn from these."""

    to: tuple[Status, ...]
    pick: Callable[[Operation, Any], Status]


def _to(status: Status) -> Rule:
    return Rule((status,), lambda _op, _event: status)


_UNSENT: Mapping[type[Any], Rule] = {
    e.Rejected: _to(Status.REJECTED),
    e.Cancelled: _to(Status.CANCELLED),
    e.Expired: _to(Status.EXPIRED),
}

REVIEWED_ENDS = ENDS - {Status.NOT_NEEDED}
TRANSITIONS: Mapping[Status, Mapping[type[Any], Rule]] = {
    Status.PLANNING: {
        e.Planned: Rule(
            (Status.AWAITING_APPROVAL, Status.RECHECKING, Status.REFUSED, Status.NOT_NEEDED), _planned
        ),
        e.PlanningFailed: _to(Status.REFUSED),
        e.CallsAwaited: Rule((Status.PLANNING,), _awaited),
        **_UNSENT,
    },
    Status.AWAITING_APPROVAL: {
        e.Approved: Rule((Status.AWAITING_APPROVAL, Status.RECHECKING, Status.SCHEDULED), _approved),
        **_UNSENT,
    },
    Status.SCHEDULED: {
        e.StartNear: Rule((Status.SCHEDULED,), _start_near),
        e.StartReached: Rule((Status.RECHECKING, Status.EXPIRED), _start_reached),
        **_UNSENT,
    },
    Status.RECHECKING: {
        e.SubmissionStarted: Rule((Status.STARTING,), _submission_started),
        e.RecheckRefused: _to(Status.REFUSED),
        e.CallsAwaited: Rule((Status.RECHECKING,), _awaited),
        **_UNSENT,
    },
    Status.STARTING: {
        e.SubmissionAccepted: _to(Status.RUNNING),
        e.SubmissionNotAccepted: Rule((Status.RECHECKING, Status.FAILED), _not_accepted),
        e.SubmissionRefused: _to(Status.FAILED),
        e.SubmissionUncertain: _to(Status.IN_DOUBT),
    },
    Status.IN_DOUBT: {
        e.SubmissionFound: Rule((Status.RUNNING, Status.VERIFYING), _found),
        e.SubmissionAbsent: Rule((Status.FAILED,), _absent),
        e.DoubtRemained: _to(Status.NEEDS_ATTENTION),
    },
    Status.RUNNING: {
        e.JobReported: Rule((Status.RUNNING, Status.VERIFYING), _job_reported),
        e.RolesMoved: Rule((Status.VERIFYING,), _roles_moved),
        e.DeadlinePassed: _to(Status.NEEDS_ATTENTION),
    },
    Status.VERIFYING: {
        e.RolesConfirmed: Rule((Status.SUCCEEDED,), _confirmed),
        e.RolesUnchanged: Rule((Status.FAILED,), _roles_unchanged),
        e.RolesUnproven: _to(Status.NEEDS_ATTENTION),
    },
    Status.NEEDS_ATTENTION: {
        e.JobReported: Rule((Status.NEEDS_ATTENTION,), _job_reported),
        e.RolesConfirmed: Rule((Status.SUCCEEDED,), _confirmed),
        e.RolesUnchanged: Rule((Status.FAILED,), _roles_unchanged),
        e.SubmissionAbsent: Rule((Status.FAILED,), _absent),
        e.Acknowledged: _to(Status.CLOSED),
    },
    # An end stays what it is. Only what was done without approvals can be reviewed, wherever it ended
    # after something may have been sent.
    **{end: {} for end in ENDS},
    **{end: {e.Reviewed: Rule((end,), _reviewed)} for end in REVIEWED_ENDS},
}


def open_operation(event: e.Requested) -> Decision:
    """The first decision of an operation."""
    op = Operation(
        id=event.id,
        status=Status.PLANNING,
        version=1,
        since=event.at,
        database=event.database,
        shard=event.shard,
        asked=event.node,
        reason=event.reason,
        requested_by=event.by,
        team=event.team,
        place=event.place,
        requested_at=event.at,
        start_at=event.start_at,
        zone=event.zone,
        emergency=event.emergency,
        overrides=event.overrides,
        follows=event.follows,
        back_of=event.back_of,
        choice=event.choice,
    )
    if not op.emergency:
        return Decision(event, op)
    announced = Reason.of("reply-emergency", database=op.label, by=op.requested_by, reason=op.reason)
    overridden = Reason.of("overrides", checks=", ".join(op.overrides)) if op.overrides else None
    return Decision(event, op, (Say(announced, overridden, besides=True),))


def decide(op: Operation, event: e.Event) -> Decision:
    """What an event makes of an operation.

    Raises:
        IllegalTransition: The event does not exist in this status, or its guard says no; nothing changed.
    """
    rule = TRANSITIONS[op.status].get(type(event))
    if rule is None:
        raise IllegalTransition(op.status, e.event_name(event))
    status = rule.pick(op, event)
    facts = _absorb(op, event)
    moved = replace(
        facts,
        status=status,
        detail=_why_expired(op) if status is Status.EXPIRED else facts.detail,
        version=op.version + 1,
        since=op.since if status is op.status else event.at,
        ended_at=op.ended_at or (event.at if status in ENDS else None),
        needed_attention=op.needed_attention or status is Status.NEEDS_ATTENTION,
        checked_at=_checked_at(op, event),
        checked_since=op.checked_since or _checked_since(op, event),
    )
    return Decision(event, moved, _effects(op, event, moved))


def replay(events: Iterable[e.Event]) -> Operation:
    """The fold: an operation is its events and nothing else.

    Raises:
        IllegalTransition: The events are not those of one operation in their order.
    """
    stream = iter(events)
    first = next(stream, None)
    if not isinstance(first, e.Requested):
        raise IllegalTransition("nothing", "nothing" if first is None else e.event_name(first))
    op = open_operation(first).after
    for event in stream:
        op = decide(op, event).after
    return op


def _absorb(op: Operation, event: e.Event) -> Operation:
    """The facts of an event taken over, whatever it does to the status."""
    match event:
        case e.Planned():
            return _with_reading(
                replace(
                    op,
                    plan=event.plan,
                    shard=event.plan.shard,
                    checks=event.checks,
                    needed=event.needed,
                    approvers=event.approvers,
                    expires_at=min(event.expires_at, op.start_at or event.expires_at),
                    last=event.last,
                    usual=event.usual,
                    detail=event.detail,
                ),
                event.topology,
            )
        case e.Approved():
            approval = Approval(event.by, event.at)
            return replace(op, approvals=(*op.approvals, approval), needed=event.needed)
        case e.Rejected() | e.Acknowledged():
            return replace(op, decided_by=event.by)
        case e.Cancelled():
            return replace(op, decided_by=event.by, detail=event.detail)
        case e.StartNear():
            return replace(op, reminded=True)
        case e.Reviewed():
            return replace(op, reviewed_by=event.by, reviewed_at=event.at)
        case _:
            return _absorb_submission(op, event)


def _why_expired(op: Operation) -> Reason | None:
    """What was missing, or missed; for people."""
    match op.status:
        case Status.AWAITING_APPROVAL:
            return Reason.of("approvals-missing", count=len(op.approvals), needed=op.needed)
        case Status.SCHEDULED | Status.RECHECKING if op.start_at is not None and op.detail is None:
            return Reason.of("start-missed", when=op.start_at.isoformat())
        case _:
            return op.detail


def _absorb_submission(op: Operation, event: e.Event) -> Operation:
    match event:
        case e.SubmissionStarted():
            kept = tuple(approval for approval in op.approvals if approval.by in event.approved_by)
            started = replace(op, submissions=(*op.submissions, event.at), approvals=kept, detail=None)
            started = replace(started, needed=event.needed, checks=event.checks or op.checks)
            started = replace(started, sent_cloud_at=_by_the_cloud(event))
            return _with_reading(started, event.topology)
        case e.SubmissionAccepted():
            return replace(op, job_id=event.job_id, accepted=True)
        case e.SubmissionNotAccepted():
            return replace(op, detail=event.detail, retry_at=event.retry_at)
        case e.SubmissionFound():
            found = op if event.job is None else replace(op, job_id=event.job.id, job=event.job)
            return _with_reading(replace(found, detail=event.detail, accepted=True), event.topology)
        case e.JobReported():
            return replace(op, job=event.job, job_id=event.job.id, accepted=True)
        case e.RolesMoved():
            return _with_reading(op, event.topology)
        case e.RolesConfirmed() | e.RolesUnchanged():
            return replace(_with_reading(op, event.readings[-1]), detail=None)
        case _:
            return _absorb_explanation(op, event)


def _by_the_cloud(event: e.SubmissionStarted) -> datetime | None:
    """What the provider's clock showed at the start, from the reading that was made just before."""
    reading = event.topology
    if reading.cloud_at is None:
        return None
    since = max(event.at - reading.read_at, timedelta(0))  # our clock may have been set back meanwhile
    return reading.cloud_at + since


def _absorb_explanation(op: Operation, event: e.Event) -> Operation:
    checks = getattr(event, "checks", ()) or op.checks
    explained = replace(op, detail=getattr(event, "detail", op.detail), checks=checks)
    return _with_reading(explained, getattr(event, "topology", None))


def _checked_at(op: Operation, event: e.Event) -> datetime | None:
    match event:
        case e.Planned() | e.SubmissionStarted() | e.RecheckRefused() if event.topology is not None:
            return event.topology.read_at
        case _:
            return op.checked_at


def _checked_since(op: Operation, event: e.Event) -> bool:
    return isinstance(event, e.RecheckRefused) and event.topology is not None and bool(op.submissions)


def _with_reading(op: Operation, topology: Topology | None) -> Operation:
    if topology is None:
        return op
    primary = topology.primary
    return replace(op, topology=topology, primary_now=None if primary is None else primary.id)


# --- what the thread is told ---------------------------------------------------------------------------


def _effects(before: Operation, event: e.Event, after: Operation) -> tuple[Effect, ...]:
    if isinstance(event, e.SubmissionStarted):
        return (Submit(),)
    if isinstance(event, e.Reviewed):
        return (Note(Say(Reason.of("notice-reviewed", by=event.by, database=after.label))),)
    if after.status in ENDS:
        return (_end(before, after),) if before.status is not after.status else ()
    if after.status is Status.NEEDS_ATTENTION and before.status is not after.status:
        # The only message that must wake somebody.
        others = _called(entry for entry in after.approvers if entry != after.requested_by)
        text = Reason.of("reply-needs-attention", by=after.requested_by, approvers=others)
        return (Say(text, after.detail, besides=True, aloud=True),)
    said = _milestone(event, after)
    return () if said is None else (said,)


def _end(before: Operation, op: Operation) -> Say:
    took = max(op.took or timedelta(0), timedelta(0))  # clocks are set back
    text = Reason.of(
        f"reply-{op.status.replace('_', '-')}",
        database=op.label,
        before=op.plan.primary if op.plan else None,
        now=op.primary_now,
        job=op.job_id,
        seconds=f"{took.total_seconds():.0f}",
        by=op.decided_by,
    )
    # A channel hears that roles moved, and what became of its having heard that they may have.
    aloud = op.status is Status.SUCCEEDED or before.status is Status.NEEDS_ATTENTION
    return Say(text, op.detail, besides=True, aloud=aloud)


def _milestone(event: e.Event, after: Operation) -> Say | None:
    match event:
        case e.Planned() | e.CallsAwaited() | e.Approved() | e.StartNear():
            return _milestone_before(event, after)
        case e.SubmissionAccepted(job_id=job_id):
            return Say(Reason.of("reply-accepted" if job_id else "reply-accepted-no-job", job=job_id))
        case e.SubmissionNotAccepted():
            attempt = len(after.submissions)
            return Say(Reason.of("reply-not-accepted", attempt=attempt, most=MAX_SUBMISSIONS), event.detail)
        case e.SubmissionUncertain():
            return Say(Reason.of("reply-in-doubt"), event.detail)
        case e.SubmissionFound():
            return Say(Reason.of("reply-found", job=after.job_id), event.detail)
        case e.JobReported(job=job):
            code = {JobState.RUNNING: "reply-job", JobState.DONE: "reply-job-done"}
            text = Reason.of(code.get(job.state, "reply-job-failed"), job=job.id, word=job.word)
            return Say(text, Reason.of("job-said", said=job.detail) if job.detail else None)
        case e.RolesMoved():
            return Say(Reason.of("reply-roles-moved"))
        case _:
            return None


def _milestone_before(
    event: e.Planned | e.CallsAwaited | e.Approved | e.StartNear, after: Operation
) -> Say | None:
    """What the thread is told while nothing is sent yet."""
    if isinstance(event, e.CallsAwaited):
        return Say(Reason.of("reply-calls-awaited", database=after.label), event.detail)
    start = None if after.start_at is None else after.start_at.isoformat()
    if isinstance(event, e.StartNear):
        return Say(Reason.of("reply-start-near", database=after.label, when=start))
    if isinstance(event, e.Approved):
        scheduled = Reason.of("reply-scheduled", database=after.label, when=start, zone=after.zone)
        return Say(scheduled) if after.status is Status.SCHEDULED else None
    if after.emergency:
        return None
    called = _called(event.approvers)
    text = Reason.of("reply-awaiting-approval", database=after.label, needed=event.needed, approvers=called)
    return Say(text)


def _called(entries: Iterable[str]) -> str:
    """Whom a reply mentions. A mention that is edited into the card calls nobody; one in a new message does."""
    return ",".join(entry for entry in entries if entry != ANYONE)


# --- what a stored state owes --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limits:
    """The configured times of contract §2 ``[tracking]``."""

    poll_interval: timedelta = timedelta(seconds=2)
    max_poll_interval: timedelta = timedelta(seconds=10)
    deadline: timedelta = timedelta(minutes=20)
    verify_timeout: timedelta = timedelta(seconds=180)
    settle_time: timedelta = timedelta(seconds=90)
    look_interval: timedelta = timedelta(seconds=60)
    lease: timedelta = timedelta(seconds=15)


class Duty(StrEnum):
    """What the next tick has to do for an operation."""

    NOTHING = "nothing"
    PLAN = "plan"
    EXPIRE = "expire"
    REMIND = "remind"
    START = "start"
    RECHECK = "recheck"
    DOUBT = "doubt"  # found in `starting`: whoever should have sent it is gone
    SETTLE = "settle"
    POLL = "poll"
    VERIFY = "verify"
    LOOK = "look"


_DUTIES: Mapping[Status, Duty] = {
    Status.PLANNING: Duty.PLAN,
    Status.RECHECKING: Duty.RECHECK,
    Status.STARTING: Duty.DOUBT,
    Status.IN_DOUBT: Duty.SETTLE,
    Status.RUNNING: Duty.POLL,
    Status.VERIFYING: Duty.VERIFY,
    Status.NEEDS_ATTENTION: Duty.LOOK,
}


def owed(op: Operation, now: datetime) -> Duty:
    """What a stored state owes at this moment, the same before and after a restart."""
    if op.status in UNSENT and _expired(op, now):
        return Duty.EXPIRE
    if op.status is Status.RECHECKING and now < _wanted_at(op, now):
        return Duty.NOTHING
    if op.status is Status.SCHEDULED and op.start_at is not None:
        if now >= op.start_at:
            return Duty.START
        remind_at = _remind_at(op)
        return Duty.REMIND if remind_at is not None and now >= remind_at else Duty.NOTHING
    return _DUTIES.get(op.status, Duty.NOTHING)


def _remind_at(op: Operation) -> datetime | None:
    """When the thread is to be told that the start is near; None where that was done, or is no news."""
    if op.reminded or op.start_at is None or op.since > op.start_at - REMIND_BEFORE:
        return None
    return op.start_at - REMIND_BEFORE


def next_due(op: Operation, now: datetime, limits: Limits, *, looked: bool) -> datetime | None:
    """When an operation wants to be looked at; None for an end.

    Args:
        op: The operation as it now is.
        now: The time of deciding.
        limits: The configured times.
        looked: A look has just found nothing new, so the next one can wait.
    """
    match op.status:
        case Status.RECHECKING:
            wait = _backing_off(now - op.since, limits) if looked else timedelta(0)
            return max(now + wait, _wanted_at(op, now))
        case Status.PLANNING | Status.VERIFYING | Status.IN_DOUBT if not looked:
            return now
        case Status.AWAITING_APPROVAL:
            return op.expires_at
        case Status.SCHEDULED:
            return _remind_at(op) or op.start_at
        case Status.STARTING:
            return now + limits.lease
        case Status.NEEDS_ATTENTION:
            return now + limits.look_interval
        case _:
            return None if op.status in ENDS else now + _backing_off(now - op.since, limits)


def unreadable_too_long(first: datetime, now: datetime) -> bool:
    """Whether planning or rechecking has waited long enough, counted from the first of its readings that failed."""
    return now - first >= UNREADABLE_FOR


def _backing_off(elapsed: timedelta, limits: Limits) -> timedelta:
    return min(limits.max_poll_interval, max(limits.poll_interval, elapsed / 10))


# --- judges: readings in, events out -------------------------------------------------------------------


def judge_doubt(
    op: Operation,
    evidence: Evidence,
    reading: Topology | None,
    *,
    now: datetime,
    limits: Limits,
    valid_for: timedelta | None,
) -> e.Event | None:
    """What reading jobs and roles says of a submission of unknown outcome; None: keep looking.

    While the cloud is at work its end may still prove what began it, so nobody is called before the deadline.
    Nothing is too late that is not so by the provider's clock as well: ours may have been set forward since.

    Args:
        op: An operation in doubt, or in need of attention.
        evidence: What the provider's job list showed.
        reading: The present roles, None if unreadable.
        now: The time of judging.
        limits: The configured times.
        valid_for: How long after signing the submission may still be accepted, None: for ever.
    """
    plan, sent = op.plan, op.submissions[-1]
    summary = nested([evidence.summary])
    looked = Reason.of("evidence", summary=summary)
    if op.status is Status.NEEDS_ATTENTION:
        if evidence.job is not None:
            return e.JobReported(now, evidence.job)
    elif evidence.job is not None:
        return e.SubmissionFound(now, evidence.job, None, looked)
    elif plan is not None and reading is not None and as_approved(plan, reading):
        return e.SubmissionFound(now, None, reading, Reason.of("roles-moved-as-asked"))
    age_there = _age_there(op, reading)
    early = _too_early(now - sent, limits, valid_for)
    early_there = _too_early(age_there, limits, valid_for)
    dead = valid_for is not None and not early and not early_there
    absent = dead and evidence.searched and not op.accepted
    if absent and plan is not None and reading is not None and unchanged(plan, reading):
        return e.SubmissionAbsent(now, reading, looked)
    # A clock that stands still far away must not keep people from being called, nor ours that was set back since.
    at_work = (early_there or (reading is not None and not reading.idle)) and now < sent + limits.deadline
    set_back = now < sent and age_there is not None and age_there >= limits.deadline
    if op.status is Status.NEEDS_ATTENTION or ((early or at_work) and not set_back):
        return None
    return e.DoubtRemained(now, Reason.of("doubt-remains", summary=summary), reading)


def _too_early(age: timedelta | None, limits: Limits, valid_for: timedelta | None) -> bool:
    """Whether a request of this age may still arrive, or be listed; of one whose age is not known, nothing says so."""
    return age is not None and (age < limits.settle_time or (valid_for is not None and age <= valid_for))


def _age_there(op: Operation, reading: Topology | None) -> timedelta | None:
    """How old the last request is by the provider's clock, None where that was not told."""
    if reading is None or reading.cloud_at is None or op.sent_cloud_at is None:
        return None
    return reading.cloud_at - op.sent_cloud_at


def judge_roles(
    op: Operation, readings: tuple[Topology, Topology] | None, *, now: datetime, limits: Limits
) -> e.Event | None:
    """What two readings in a row say of an operation being verified; None: read again later.

    Args:
        op: An operation that is verifying, or in need of attention.
        readings: Two readings in a row, None if unreadable.
        now: The time of judging.
        limits: The configured times.
    """
    failed = _job_failed(op)
    if op.plan is not None and readings is not None:
        if not failed and _agree(readings) and all(as_approved(op.plan, reading) for reading in readings):
            return e.RolesConfirmed(now, readings)
        if failed and all(unchanged(op.plan, reading) for reading in readings):
            return e.RolesUnchanged(now, readings)
    if not verified_too_long(op, now, limits):
        return None
    if readings is None:
        return e.RolesUnproven(now, Reason.of("roles-unreadable"))
    return e.RolesUnproven(now, _why_unproven(op, readings), readings[-1])


def verified_too_long(op: Operation, now: datetime, limits: Limits) -> bool:
    """Whether a person is called if the next two readings prove nothing."""
    return op.status is Status.VERIFYING and now - op.since >= limits.verify_timeout


def _why_unproven(op: Operation, readings: tuple[Topology, Topology]) -> Reason:
    """Why they prove nothing. An outcome is told where both show it: one alone is no more than a hint."""
    before, now = (reading.primary and reading.primary.id for reading in readings)
    if before != now:
        return Reason.of("roles-disagree", before=before, now=now)
    if now is None:
        return Reason.of("roles-no-single-primary")
    busy = [reading.state for reading in readings if not reading.idle]
    if busy:
        return Reason.of("roles-busy", state=busy[-1])
    if _job_failed(op):
        if op.plan is not None and as_approved(op.plan, readings[-1]):
            return Reason.of("roles-moved-though-failed", primary=now)
        return Reason.of("roles-another-though-failed", primary=now)
    if op.plan is not None and now == op.plan.primary:
        return Reason.of("roles-unchanged-though-done", primary=now)
    return Reason.of("roles-another-primary", primary=now)
