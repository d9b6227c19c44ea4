"""What readings prove, when a look is due, and what the guards refuse: tables at their boundaries."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core import events as e
from bot.core.machine import (
    LATE_START,
    REMIND_BEFORE,
    SUBMISSION_WINDOW,
    UNREADABLE_FOR,
    Duty,
    Limits,
    Say,
    as_approved,
    decide,
    judge_doubt,
    judge_roles,
    next_due,
    owed,
    unchanged,
    unreadable_too_long,
)
from bot.core.model import Evidence, Job, JobId, JobState, NodeId, Plan, Reason, Topology, nested
from bot.core.operation import Operation, Status
from bot.errors import IllegalTransition
from tests.core.examples import (
    ACCEPTED,
    ANN,
    ASKER,
    BOB,
    DONE,
    EVE,
    FAILED,
    JOB,
    OUTSIDER,
    SECOND,
    SENT,
    START,
    UNCERTAIN,
    UNSENT,
    WHY,
    A,
    B,
    C,
    approved,
    at,
    evidence,
    job,
    operation,
    plan,
    planned,
    reading,
    requested,
    started,
    with_plan,
)

LIMITS = Limits()
VALID_FOR = timedelta(minutes=2)
SENT_AT = at(3)
MICROSECOND = timedelta(microseconds=1)
CLOUD_CHOOSES, BEFORE_UNKNOWN, NOTHING_KNOWN = plan(None), plan(B, None), plan(None, None)

IN_DOUBT = operation(*UNCERTAIN)
DOUBTFUL = operation(*UNCERTAIN, e.DoubtRemained(at(200), WHY))
RUNNING = operation(*ACCEPTED)
VERIFYING = operation(*ACCEPTED, e.JobReported(at(10), DONE))
VERIFYING_FAILURE = operation(*ACCEPTED, e.JobReported(at(10), FAILED))
OVERDUE = operation(*ACCEPTED, e.DeadlinePassed(at(2000), WHY))
WITHOUT_JOB = operation(*SENT, e.SubmissionAccepted(at(4), None), e.DeadlinePassed(at(2000), WHY))


# --- what a reading shows ---


@pytest.mark.parametrize(
    ("approved_plan", "primaries", "expected"),
    [
        (plan(), (B,), True),
        (plan(), (A,), False),
        (plan(), (C,), False),
        (plan(), (), False),
        (plan(), (A, B), False),
        (plan(), (OUTSIDER,), False),
        (CLOUD_CHOOSES, (B,), True),
        (CLOUD_CHOOSES, (C,), True),
        (CLOUD_CHOOSES, (A,), False),
        (CLOUD_CHOOSES, (), False),
        (CLOUD_CHOOSES, (B, C), False),
        (CLOUD_CHOOSES, (OUTSIDER,), False),
        (BEFORE_UNKNOWN, (B,), True),
        (BEFORE_UNKNOWN, (A,), False),
        (NOTHING_KNOWN, (B,), False),
    ],
)
def test_as_approved_is_one_primary_and_the_right_one_while_nothing_is_under_way(
    approved_plan: Plan, primaries: tuple[NodeId, ...], *, expected: bool
) -> None:
    assert as_approved(approved_plan, reading(*primaries)) is expected
    assert not as_approved(approved_plan, reading(*primaries, idle=False))


@pytest.mark.parametrize(
    ("approved_plan", "primaries", "expected"),
    [
        (plan(), (A,), True),
        (plan(), (B,), False),
        (plan(), (), False),
        (plan(), (A, B), False),
        (CLOUD_CHOOSES, (A,), True),
        (BEFORE_UNKNOWN, (A,), False),
        (BEFORE_UNKNOWN, (), False),
    ],
)
def test_unchanged_is_the_primary_that_it_was_while_nothing_is_under_way(
    approved_plan: Plan, primaries: tuple[NodeId, ...], *, expected: bool
) -> None:
    assert unchanged(approved_plan, reading(*primaries)) is expected
    assert not unchanged(approved_plan, reading(*primaries, idle=False))


NODES = st.sampled_from([A, B, C, OUTSIDER])


@given(
    candidate=st.none() | NODES,
    primary=st.none() | NODES,
    now=st.lists(NODES, max_size=2, unique=True),
    idle=st.booleans(),
)
def test_no_reading_is_both_as_approved_and_unchanged(
    candidate: NodeId | None, primary: NodeId | None, now: list[NodeId], *, idle: bool
) -> None:
    approved_plan = plan(candidate, primary)
    seen = reading(*now, idle=idle)
    if candidate is None or candidate != primary:
        assert not (as_approved(approved_plan, seen) and unchanged(approved_plan, seen))


# --- in doubt ---


def doubt(
    op: Operation = IN_DOUBT,
    found: Evidence | None = None,
    seen: Topology | None = None,
    *,
    now: datetime = SENT_AT,
    valid_for: timedelta | None = VALID_FOR,
) -> e.Event | None:
    return judge_doubt(op, found or evidence(), seen, now=now, limits=LIMITS, valid_for=valid_for)


SETTLED = SENT_AT + LIMITS.settle_time
DEAD = SENT_AT + VALID_FOR + MICROSECOND


@pytest.mark.parametrize("seen", [None, reading(A), reading(B), reading()])
def test_a_job_that_is_found_is_proof_at_once_whatever_the_roles(seen: Topology | None) -> None:
    event = doubt(found=evidence(job()), seen=seen)
    assert isinstance(event, e.SubmissionFound)
    assert (event.job, event.topology) == (job(), None)


@pytest.mark.parametrize("searched", [True, False])
def test_roles_moved_as_asked_are_proof_at_once_even_where_the_list_is_unread(*, searched: bool) -> None:
    event = doubt(found=evidence(searched=searched), seen=reading(B))
    assert isinstance(event, e.SubmissionFound)
    assert (event.job, event.topology) == (None, reading(B))
    assert decide(IN_DOUBT, event).after.status is Status.VERIFYING


@pytest.mark.parametrize("valid_for", [timedelta(seconds=10), None])
def test_absence_proves_nothing_before_the_settle_time(valid_for: timedelta | None) -> None:
    assert doubt(seen=reading(A), now=SETTLED - MICROSECOND, valid_for=valid_for) is None
    assert doubt(seen=reading(A), now=SETTLED, valid_for=valid_for) is not None


def test_absence_proves_nothing_while_the_signed_request_may_still_be_accepted() -> None:
    assert doubt(seen=reading(A), now=SETTLED) is None
    assert doubt(seen=reading(A), now=SENT_AT + VALID_FOR) is None
    event = doubt(seen=reading(A), now=DEAD)
    assert isinstance(event, e.SubmissionAbsent)
    assert decide(IN_DOUBT, event).after.status is Status.FAILED


def test_a_request_that_never_dies_is_never_called_absent() -> None:
    event = doubt(seen=reading(A), now=at(10**6), valid_for=None)
    assert isinstance(event, e.DoubtRemained)
    assert event.topology == reading(A)


@pytest.mark.parametrize(
    ("found", "seen"),
    [
        (evidence(searched=False), reading(A)),
        (evidence(), None),
        (evidence(), reading(C)),
        (evidence(), reading()),
        (evidence(), reading(A, B)),
    ],
    ids=["list unread", "roles unreadable", "another primary", "no primary", "two"],
)
def test_anything_less_than_proof_needs_attention_in_the_end(found: Evidence, seen: Topology | None) -> None:
    assert doubt(found=found, seen=seen, now=DEAD - MICROSECOND) is None
    event = doubt(found=found, seen=seen, now=DEAD)
    assert isinstance(event, e.DoubtRemained)
    assert event.topology == seen
    assert event.detail["summary"] == nested([found.summary])
    assert decide(IN_DOUBT, event).after.status is Status.NEEDS_ATTENTION


@pytest.mark.parametrize("valid_for", [VALID_FOR, None])
@pytest.mark.parametrize("seen", [reading(A, idle=False), reading(B, idle=False), reading(idle=False)])
@pytest.mark.parametrize("searched", [True, False])
def test_while_the_cloud_is_at_work_nobody_is_called_before_the_deadline(
    seen: Topology, valid_for: timedelta | None, *, searched: bool
) -> None:
    found, overdue = evidence(searched=searched), SENT_AT + LIMITS.deadline
    for now in (SETTLED, DEAD, overdue - MICROSECOND):
        assert doubt(found=found, seen=seen, now=now, valid_for=valid_for) is None
    event = doubt(found=found, seen=seen, now=overdue, valid_for=valid_for)
    assert isinstance(event, e.DoubtRemained)
    assert event.topology == seen
    assert doubt(DOUBTFUL, found, seen, now=overdue, valid_for=valid_for) is None


def test_once_the_cloud_has_ended_what_it_did_is_judged_at_once() -> None:
    assert doubt(seen=reading(A, idle=False), now=DEAD) is None
    assert isinstance(doubt(seen=reading(B), now=DEAD), e.SubmissionFound)
    assert isinstance(doubt(seen=reading(A), now=DEAD), e.SubmissionAbsent)
    assert isinstance(doubt(seen=reading(A), now=DEAD, valid_for=None), e.DoubtRemained)


CLOUDS = timedelta(minutes=-7)
"""How far the cloud's clock is from ours when the request is sent; ours is set forward after that, and theirs not."""
THERE = replace(IN_DOUBT, sent_cloud_at=decide(operation(*UNSENT), started(cloud=CLOUDS)).after.sent_cloud_at)


def there(since_sent: timedelta, *primaries: NodeId, idle: bool = True) -> Topology:
    """A reading at a time after the request, by the cloud's clock."""
    return replace(reading(*primaries, idle=idle), cloud_at=SENT_AT + CLOUDS + since_sent)


@pytest.mark.parametrize("valid_for", [VALID_FOR, timedelta(seconds=10)])
def test_absence_is_proven_when_it_is_late_enough_by_the_clouds_clock_as_well(valid_for: timedelta) -> None:
    late = max(LIMITS.settle_time, valid_for + MICROSECOND)
    jumped = SENT_AT + timedelta(minutes=10)
    for op in (THERE, replace(THERE, status=Status.NEEDS_ATTENTION)):
        assert doubt(op, seen=there(late - MICROSECOND, A), now=jumped, valid_for=valid_for) is None
        assert doubt(op, seen=there(late, A), now=SENT_AT, valid_for=valid_for) is None
        event = doubt(op, seen=there(late, A), now=jumped, valid_for=valid_for)
        assert isinstance(event, e.SubmissionAbsent)


@pytest.mark.parametrize("valid_for", [VALID_FOR, None])
def test_nobody_is_called_too_early_by_the_clouds_clock_but_at_the_deadline(
    valid_for: timedelta | None,
) -> None:
    overdue, found = SENT_AT + LIMITS.deadline, evidence(searched=False)
    early = there(timedelta(seconds=1), C)
    assert doubt(THERE, found, early, now=overdue - MICROSECOND, valid_for=valid_for) is None
    assert isinstance(doubt(THERE, found, early, now=overdue, valid_for=valid_for), e.DoubtRemained)
    late = doubt(THERE, found, there(VALID_FOR + MICROSECOND, C), now=DEAD, valid_for=valid_for)
    assert isinstance(late, e.DoubtRemained)


@pytest.mark.parametrize("valid_for", [VALID_FOR, None])
def test_a_clock_that_was_set_back_keeps_people_from_being_called_no_longer_than_the_deadline(
    valid_for: timedelta | None,
) -> None:
    """By ours it was not even sent: that proves no absence, and the cloud's tells how long they have waited."""
    before, overdue = SENT_AT - MICROSECOND, LIMITS.deadline
    for idle in (True, False):
        waited = there(overdue, A, idle=idle)
        assert isinstance(doubt(THERE, seen=waited, now=before, valid_for=valid_for), e.DoubtRemained)
        assert doubt(THERE, seen=waited, now=SENT_AT, valid_for=valid_for) is None
    assert doubt(THERE, seen=there(overdue - MICROSECOND, A), now=before, valid_for=valid_for) is None
    assert doubt(THERE, seen=reading(A), now=before, valid_for=valid_for) is None


def test_a_deadline_passed_by_our_clock_alone_proves_no_absence() -> None:
    event = doubt(THERE, seen=there(timedelta(seconds=1), A), now=SENT_AT + LIMITS.deadline)
    assert isinstance(event, e.DoubtRemained)


def test_where_the_cloud_has_not_told_the_time_ours_counts() -> None:
    assert isinstance(doubt(THERE, seen=reading(A), now=DEAD), e.SubmissionAbsent)
    assert isinstance(doubt(IN_DOUBT, seen=there(timedelta(0), A), now=DEAD), e.SubmissionAbsent)


@pytest.mark.parametrize(("passed", "counted"), [(2, 2), (0, 0), (-60, 0)])
def test_the_clouds_time_of_a_request_is_that_of_the_reading_before_it(passed: int, counted: int) -> None:
    read_at = SENT_AT - timedelta(seconds=passed)
    seen = replace(reading(A, at=read_at), cloud_at=at(100))
    op = decide(operation(*UNSENT), replace(started(), topology=seen)).after
    assert op.sent_cloud_at == at(100 + counted)
    again = decide(decide(op, e.SubmissionNotAccepted(at(4), WHY, at(5))).after, started(when=at(6))).after
    assert again.sent_cloud_at is None


def test_the_time_counts_from_the_last_submission() -> None:
    events = (
        *SENT,
        e.SubmissionNotAccepted(at(4), WHY, at(5)),
        started(when=at(30)),
        e.SubmissionUncertain(at(31), WHY),
    )
    again = operation(*events)
    assert doubt(again, seen=reading(A), now=DEAD) is None
    assert isinstance(doubt(again, seen=reading(A), now=at(30) + VALID_FOR + MICROSECOND), e.SubmissionAbsent)


def test_what_needs_attention_takes_a_job_that_shows_up_later() -> None:
    event = doubt(DOUBTFUL, evidence(job()), now=at(300))
    assert event == e.JobReported(at(300), job())
    assert decide(DOUBTFUL, event).after.status is Status.NEEDS_ATTENTION


def test_what_needs_attention_is_settled_by_a_later_proof_of_absence() -> None:
    event = doubt(DOUBTFUL, seen=reading(A), now=at(300))
    assert isinstance(event, e.SubmissionAbsent)


@pytest.mark.parametrize(
    ("found", "seen"),
    [(evidence(searched=False), reading(A)), (evidence(), None), (evidence(), reading(B))],
)
def test_what_needs_attention_is_not_called_so_again(found: Evidence, seen: Topology | None) -> None:
    assert doubt(DOUBTFUL, found, seen, now=at(300)) is None
    assert doubt(DOUBTFUL, found, seen, now=at(300), valid_for=None) is None


def test_what_was_surely_accepted_is_never_called_absent() -> None:
    assert doubt(WITHOUT_JOB, seen=reading(A), now=at(3000)) is None
    with pytest.raises(IllegalTransition):
        decide(WITHOUT_JOB, e.SubmissionAbsent(at(3000), reading(A), WHY))


# --- roles ---

READINGS = {
    "as approved": reading(B),
    "unchanged": reading(A),
    "another": reading(C),
    "none": reading(),
    "two": reading(A, B),
    "busy": reading(B, idle=False),
}
LATER = at(10) + LIMITS.verify_timeout


def roles(
    op: Operation, first: Topology | None, second: Topology | None = None, *, now: datetime = LATER
) -> e.Event | None:
    readings = None if first is None else (first, second or first)
    return judge_roles(op, readings, now=now, limits=LIMITS)


@pytest.mark.parametrize(("first", "second"), list(product(READINGS, READINGS)))
def test_a_done_job_succeeds_on_two_readings_as_approved_and_on_nothing_else(first: str, second: str) -> None:
    both = (READINGS[first], READINGS[second])
    early = roles(VERIFYING, *both, now=LATER - MICROSECOND)
    if first == second == "as approved":
        assert early == e.RolesConfirmed(LATER - MICROSECOND, both)
    else:
        assert early is None
        assert isinstance(roles(VERIFYING, *both), e.RolesUnproven)


@pytest.mark.parametrize(("first", "second"), list(product(READINGS, READINGS)))
def test_a_failed_job_fails_on_two_readings_unchanged_and_on_nothing_else(first: str, second: str) -> None:
    both = (READINGS[first], READINGS[second])
    early = roles(VERIFYING_FAILURE, *both, now=LATER - MICROSECOND)
    if first == second == "unchanged":
        assert early == e.RolesUnchanged(LATER - MICROSECOND, both)
    else:
        assert early is None
        assert isinstance(roles(VERIFYING_FAILURE, *both), e.RolesUnproven)


def test_two_readings_that_show_different_nodes_prove_nothing_where_the_cloud_chose() -> None:
    op = with_plan(VERIFYING, CLOUD_CHOOSES)
    event = roles(op, reading(B), reading(C))
    assert isinstance(event, e.RolesUnproven)
    assert event.detail == Reason.of("roles-disagree", before=B, now=C)
    assert isinstance(roles(op, reading(C), reading(C)), e.RolesConfirmed)
    with pytest.raises(IllegalTransition, match="disagree"):
        decide(op, e.RolesConfirmed(LATER, (reading(B), reading(C))))


@pytest.mark.parametrize(
    ("op", "first", "second", "code"),
    [
        (VERIFYING, None, None, "roles-unreadable"),
        (VERIFYING, reading(), None, "roles-no-single-primary"),
        (VERIFYING, reading(A, B), None, "roles-no-single-primary"),
        (VERIFYING, reading(B, idle=False), None, "roles-busy"),
        (VERIFYING, reading(A), None, "roles-unchanged-though-done"),
        (VERIFYING, reading(C), None, "roles-another-primary"),
        (VERIFYING, reading(A), reading(B), "roles-disagree"),
        (VERIFYING, reading(B), reading(A), "roles-disagree"),
        (VERIFYING, reading(C), reading(A), "roles-disagree"),
        (VERIFYING, reading(), reading(B), "roles-disagree"),
        (VERIFYING, reading(B), reading(A, B), "roles-disagree"),
        (VERIFYING, reading(B), reading(B, idle=False), "roles-busy"),
        (VERIFYING, reading(C, idle=False), reading(C), "roles-busy"),
        (VERIFYING_FAILURE, None, None, "roles-unreadable"),
        (VERIFYING_FAILURE, reading(B), None, "roles-moved-though-failed"),
        (VERIFYING_FAILURE, reading(C), None, "roles-another-though-failed"),
        (VERIFYING_FAILURE, reading(B), reading(A), "roles-disagree"),
        (VERIFYING_FAILURE, reading(A), reading(C), "roles-disagree"),
        (VERIFYING_FAILURE, reading(A, idle=False), None, "roles-busy"),
        (VERIFYING_FAILURE, reading(), None, "roles-no-single-primary"),
    ],
)
def test_why_roles_prove_nothing_is_what_both_readings_show_or_that_they_disagree(
    op: Operation, first: Topology | None, second: Topology | None, code: str
) -> None:
    event = roles(op, first, second)
    assert isinstance(event, e.RolesUnproven)
    assert event.detail.code == code
    assert event.topology == (second or first)


def test_a_primary_that_is_in_the_way_is_named() -> None:
    for op, seen, primary in ((VERIFYING, reading(C), C), (VERIFYING_FAILURE, reading(B), B)):
        event = roles(op, seen)
        assert isinstance(event, e.RolesUnproven)
        assert event.detail["primary"] == primary


@pytest.mark.parametrize(
    ("seen", "expected"), [(reading(B), e.RolesConfirmed), (reading(A), None), (None, None)]
)
def test_what_needs_attention_is_settled_by_roles_as_approved_and_otherwise_left(
    seen: Topology | None, expected: type[e.Event] | None
) -> None:
    event = roles(OVERDUE, seen, now=at(10**5))
    assert (None if event is None else type(event)) is expected


def test_a_failed_job_whose_roles_moved_is_left_to_a_person() -> None:
    op = operation(*ACCEPTED, e.JobReported(at(10), FAILED), e.RolesUnproven(at(200), WHY, reading(B)))
    assert roles(op, reading(B), now=at(10**5)) is None
    assert isinstance(roles(op, reading(A), now=at(10**5)), e.RolesUnchanged)


# --- what is owed, and when ---


@pytest.mark.parametrize(
    ("op", "duty"),
    [
        (operation(), Duty.PLAN),
        (operation(planned()), Duty.NOTHING),
        (operation(*UNSENT), Duty.RECHECK),
        (operation(*SENT), Duty.DOUBT),
        (IN_DOUBT, Duty.SETTLE),
        (RUNNING, Duty.POLL),
        (VERIFYING, Duty.VERIFY),
        (OVERDUE, Duty.LOOK),
        (operation(e.Cancelled(at(1), ASKER)), Duty.NOTHING),
    ],
)
def test_each_status_owes_its_duty(op: Operation, duty: Duty) -> None:
    assert owed(op, at(20)) is duty


EXPIRY = START + timedelta(minutes=30)


@pytest.mark.parametrize("op", [operation(planned()), operation(planned(), approved()), operation(*UNSENT)])
def test_what_waits_expires_exactly_when_its_approvals_do(op: Operation) -> None:
    assert owed(op, EXPIRY - MICROSECOND) is not Duty.EXPIRE
    assert owed(op, EXPIRY) is Duty.EXPIRE


def test_an_approval_and_a_submission_count_only_before_the_expiry() -> None:
    counted = decide(operation(planned()), approved(when=EXPIRY - MICROSECOND)).after
    assert counted.approved_by == (ANN,)
    with pytest.raises(IllegalTransition, match="too late"):
        decide(operation(planned()), approved(when=EXPIRY))
    begun = decide(operation(*UNSENT), started(when=EXPIRY - MICROSECOND)).after
    assert begun.status is Status.STARTING
    with pytest.raises(IllegalTransition, match="too late"):
        decide(operation(*UNSENT), started(when=EXPIRY))


BEGIN = START + timedelta(hours=3)
ONE_SHORT = operation(planned(), approved(ANN), first=requested(start_at=BEGIN))
SCHEDULED = decide(ONE_SHORT, approved(BOB)).after
BEGUN = decide(SCHEDULED, e.StartReached(BEGIN)).after
REMINDED = decide(SCHEDULED, e.StartNear(BEGIN - REMIND_BEFORE)).after


def test_the_thread_is_reminded_five_minutes_before_the_start_once() -> None:
    soon = BEGIN - REMIND_BEFORE
    assert next_due(SCHEDULED, at(60), LIMITS, looked=False) == soon
    assert owed(SCHEDULED, soon - MICROSECOND) is Duty.NOTHING
    assert owed(SCHEDULED, soon) is Duty.REMIND
    assert owed(SCHEDULED, BEGIN) is Duty.START
    assert owed(REMINDED, soon) is Duty.NOTHING
    for op, when in ((SCHEDULED, soon - MICROSECOND), (SCHEDULED, BEGIN), (REMINDED, soon)):
        with pytest.raises(IllegalTransition, match="not the moment"):
            decide(op, e.StartNear(when))


def test_the_thread_is_told_when_it_starts_as_it_was_when_it_was_approved() -> None:
    begins = {"database": "orders", "when": BEGIN.isoformat()}
    (approved_now,) = decide(ONE_SHORT, approved(BOB)).effects
    assert approved_now == Say(Reason.of("reply-scheduled", **begins, zone="Europe/Berlin"))
    (near,) = decide(SCHEDULED, e.StartNear(BEGIN - REMIND_BEFORE)).effects
    assert near == Say(Reason.of("reply-start-near", **begins))


def test_that_calls_are_awaited_is_told_once_and_forgotten_at_the_start() -> None:
    spent = Reason.of("calls-awaited", message="spent")
    waiting = decide(operation(planned(), approved(ANN), approved(BOB)), e.CallsAwaited(at(3), spent))
    assert waiting.effects == (Say(Reason.of("reply-calls-awaited", database="orders"), spent),)
    assert (waiting.after.status, waiting.after.detail) == (Status.RECHECKING, spent)
    with pytest.raises(IllegalTransition, match="told already"):
        decide(waiting.after, e.CallsAwaited(at(4), spent))
    assert decide(waiting.after, started()).after.detail is None


@pytest.mark.parametrize(
    ("approvers", "called"), [(("S-DBA",), "S-DBA"), ((BOB, "*", "S-DBA"), f"{BOB},S-DBA"), (("*",), "")]
)
def test_who_is_to_approve_is_called_unless_everybody_may(approvers: tuple[str, ...], called: str) -> None:
    (said,) = decide(operation(), replace(planned(needed=3), approvers=approvers)).effects
    asked = Reason.of("reply-awaiting-approval", database="orders", needed=3, approvers=called)
    assert said == Say(asked)


def test_a_start_that_was_near_when_it_was_approved_is_no_news() -> None:
    near = operation(planned(), approved(ANN), approved(BOB), first=requested(start_at=at(200)))
    assert near.status is Status.SCHEDULED
    assert owed(near, at(100)) is Duty.NOTHING
    assert next_due(near, at(100), LIMITS, looked=False) == at(200)


def test_a_quorum_that_waits_for_its_start_time_outlives_the_expiry_of_approvals() -> None:
    assert SCHEDULED.status is Status.SCHEDULED
    assert owed(REMINDED, BEGIN - MICROSECOND) is Duty.NOTHING
    assert owed(REMINDED, BEGIN) is Duty.START
    assert next_due(REMINDED, at(60), LIMITS, looked=False) == BEGIN
    assert owed(BEGUN, BEGIN) is Duty.RECHECK
    assert decide(BEGUN, started(when=BEGIN)).after.status is Status.STARTING


def test_a_start_is_missed_after_a_minute_before_and_after_it_was_seen_to_come() -> None:
    last = BEGIN + LATE_START
    assert decide(SCHEDULED, e.StartReached(last)).after.status is Status.RECHECKING
    assert decide(SCHEDULED, e.StartReached(last + MICROSECOND)).after.status is Status.EXPIRED
    assert owed(BEGUN, last) is Duty.RECHECK
    assert owed(BEGUN, last + MICROSECOND) is Duty.EXPIRE
    with pytest.raises(IllegalTransition, match="too late"):
        decide(BEGUN, started(when=last + MICROSECOND))


def test_a_scheduled_start_that_was_not_taken_is_tried_again_for_a_minute() -> None:
    tried = decide(BEGUN, started(when=BEGIN + 50 * SECOND)).after
    retried = decide(tried, e.SubmissionNotAccepted(BEGIN + 51 * SECOND, WHY, BEGIN + 55 * SECOND)).after
    assert owed(retried, BEGIN + 110 * SECOND) is Duty.RECHECK
    assert owed(retried, BEGIN + 111 * SECOND) is Duty.EXPIRE


def test_what_expires_says_what_was_missing_or_missed() -> None:
    """The approvals, or the start; a recheck that something else kept from its start says what did."""
    late = e.Expired(BEGIN)
    missing = Reason.of("approvals-missing", count=1, needed=2)
    assert decide(operation(planned(), approved(ANN)), late).after.detail == missing
    missed = Reason.of("start-missed", when=BEGIN.isoformat())
    assert decide(SCHEDULED, e.StartReached(BEGIN + LATE_START + MICROSECOND)).after.detail == missed
    assert BEGUN.detail is None
    assert decide(BEGUN, late).after.detail == missed
    assert decide(replace(BEGUN, detail=WHY), late).after.detail == WHY
    ended = decide(operation(), late).after
    assert (ended.status, ended.detail) == (Status.EXPIRED, None)


def test_a_start_that_has_not_come_is_no_start() -> None:
    with pytest.raises(IllegalTransition, match="too early"):
        decide(SCHEDULED, e.StartReached(BEGIN - MICROSECOND))


NOT_TAKEN = operation(*SENT, e.SubmissionNotAccepted(at(4), WHY, at(30)))


def test_what_was_not_taken_waits_as_long_as_the_provider_wants() -> None:
    assert owed(NOT_TAKEN, at(30) - MICROSECOND) is Duty.NOTHING
    assert owed(NOT_TAKEN, at(30)) is Duty.RECHECK
    assert next_due(NOT_TAKEN, at(4), LIMITS, looked=False) == at(30)
    assert next_due(NOT_TAKEN, at(4), LIMITS, looked=True) == at(30)
    assert next_due(NOT_TAKEN, at(40), LIMITS, looked=False) == at(40)
    with pytest.raises(IllegalTransition, match="too early"):
        decide(NOT_TAKEN, started(when=at(30) - MICROSECOND))
    assert decide(NOT_TAKEN, started(when=at(30))).after.status is Status.STARTING


def test_what_was_not_taken_does_not_wait_for_a_clock_that_was_set_back_since() -> None:
    before = at(30) - SUBMISSION_WINDOW
    assert owed(NOT_TAKEN, before) is Duty.NOTHING
    assert owed(NOT_TAKEN, before - MICROSECOND) is Duty.RECHECK
    assert next_due(NOT_TAKEN, before - MICROSECOND, LIMITS, looked=False) == before - MICROSECOND
    assert decide(NOT_TAKEN, started(when=before - MICROSECOND)).after.status is Status.STARTING


def test_what_can_not_be_tried_again_within_a_minute_has_failed() -> None:
    op = operation(*SENT)
    last = at(3) + SUBMISSION_WINDOW
    assert decide(op, e.SubmissionNotAccepted(at(4), WHY, last)).after.status is Status.RECHECKING
    late = e.SubmissionNotAccepted(at(4), WHY, last + MICROSECOND)
    assert decide(op, late).after.status is Status.FAILED


def test_a_fourth_submission_is_refused_whatever_led_there() -> None:
    op = replace(operation(*UNSENT), submissions=(at(1), at(2), at(3)))
    with pytest.raises(IllegalTransition, match="tried often enough"):
        decide(op, started(when=at(5)))


@pytest.mark.parametrize(
    "event",
    [
        started(by=(ANN,)),
        started(by=(ANN, ANN)),
        started(by=(ANN, EVE)),
        started(by=(ANN, BOB), needed=3),
        started(by=()),
    ],
    ids=["one of two", "one twice", "a stranger", "three needed now", "nobody"],
)
def test_a_submission_without_its_quorum_is_refused(event: e.SubmissionStarted) -> None:
    with pytest.raises(IllegalTransition, match="no quorum"):
        decide(operation(*UNSENT), event)


@pytest.mark.parametrize("other", [plan(C), plan(primary=C), CLOUD_CHOOSES])
def test_a_submission_of_another_plan_than_the_approved_one_is_refused(other: Plan) -> None:
    with pytest.raises(IllegalTransition, match="not the approved plan"):
        decide(operation(*UNSENT), started(other))


def test_the_approvals_that_no_longer_count_are_dropped_at_the_start() -> None:
    op = decide(operation(*UNSENT), started(by=(BOB,), needed=1)).after
    assert op.approved_by == (BOB,)
    assert op.needed == 1


def test_a_report_about_somebody_elses_job_is_refused() -> None:
    foreign = Job(JobId("j-2"), JobState.DONE, "successful")
    for op in (RUNNING, OVERDUE):
        with pytest.raises(IllegalTransition, match="not this operation's job"):
            decide(op, e.JobReported(at(20), foreign))


def test_a_call_without_a_job_is_followed_by_its_roles_and_not_with_one() -> None:
    without = operation(*SENT, e.SubmissionAccepted(at(4), None))
    assert decide(without, e.RolesMoved(at(9), reading(B))).after.status is Status.VERIFYING
    for op, seen in ((without, reading(A)), (RUNNING, reading(B))):
        with pytest.raises(IllegalTransition, match="not moved as approved"):
            decide(op, e.RolesMoved(at(9), seen))


def test_a_failed_job_with_a_reason_is_told_with_it() -> None:
    (said,) = decide(RUNNING, e.JobReported(at(9), FAILED)).effects
    assert isinstance(said, Say)
    assert said.text.code == "reply-job-failed"
    assert said.detail == Reason.of("job-said", said="timed out")


@pytest.mark.parametrize(
    ("op", "looked", "expected"),
    [
        (operation(), False, at(20)),
        (operation(), True, at(22)),
        (operation(planned()), False, EXPIRY),
        (operation(planned()), True, EXPIRY),
        (operation(*UNSENT), False, at(20)),
        (operation(*UNSENT), True, at(22)),
        (operation(*SENT), False, at(20) + LIMITS.lease),
        (IN_DOUBT, False, at(20)),
        (IN_DOUBT, True, at(22)),
        (RUNNING, False, at(22)),
        (RUNNING, True, at(22)),
        (VERIFYING, False, at(20)),
        (VERIFYING, True, at(22)),
        (OVERDUE, False, at(20) + LIMITS.look_interval),
        (operation(e.Cancelled(at(1), ASKER)), False, None),
    ],
)
def test_each_status_says_when_it_wants_to_be_looked_at(
    op: Operation, expected: datetime | None, *, looked: bool
) -> None:
    assert next_due(op, at(20), LIMITS, looked=looked) == expected


@given(elapsed=st.timedeltas(timedelta(days=-1), timedelta(days=30)))
def test_looks_back_off_between_the_configured_bounds(elapsed: timedelta) -> None:
    now = RUNNING.since + elapsed
    due = next_due(RUNNING, now, LIMITS, looked=True)
    assert due is not None
    assert LIMITS.poll_interval <= due - now <= LIMITS.max_poll_interval
    if timedelta(seconds=20) <= elapsed <= timedelta(seconds=100):
        assert due - now == elapsed / 10


def test_a_topology_is_unreadable_for_too_long_after_a_minute() -> None:
    assert not unreadable_too_long(START, START + UNREADABLE_FOR - MICROSECOND)
    assert unreadable_too_long(START, START + UNREADABLE_FOR)


def test_an_operation_knows_its_job_once_somebody_named_it() -> None:
    found = decide(IN_DOUBT, e.SubmissionFound(at(9), job(), None, WHY)).after
    assert (found.status, found.job_id, found.job, found.accepted) == (Status.RUNNING, JOB, job(), True)
    reported = decide(DOUBTFUL, e.JobReported(at(300), job())).after
    assert (reported.status, reported.job_id, reported.accepted) == (Status.NEEDS_ATTENTION, JOB, True)
