"""The promises of the machine, asserted on every edge that a small alphabet of events can reach.

The alphabet has some 150 events. From three requests they lead to some 9,300 states over 21,000 edges; 160,000 more
steps are refused. What a promise means is said here anew, from the roles that a reading shows, and not by
asking the machine.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from datetime import timedelta

import pytest

from bot.core import events as e
from bot.core.machine import (
    LATE_START,
    MAX_SUBMISSIONS,
    REMIND_BEFORE,
    TRANSITIONS,
    Duty,
    Limits,
    Note,
    Say,
    Submit,
    decide,
    next_due,
    open_operation,
    owed,
    replay,
)
from bot.core.model import JobState, Reason, Topology
from bot.core.operation import ENDS, UNSENT, Operation, Status
from bot.errors import IllegalTransition
from tests.core.examples import START, requested
from tests.core.search import ALPHABET, Edge, Graph, explore, normal, roles

TAKEN = (e.SubmissionAccepted, e.SubmissionFound, e.JobReported)
MAY_HAVE_BEEN_TAKEN = (*TAKEN, e.SubmissionUncertain)
# All paths are explored once, before whichever test comes first: that takes its time on a machine with much to do.
pytestmark = pytest.mark.timeout(300)
ON_THE_WIRE = {Status.STARTING, Status.IN_DOUBT, Status.RUNNING, Status.VERIFYING, Status.NEEDS_ATTENTION}


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Explored once for all promises."""
    return explore()


def entering(graph: Graph, status: Status) -> list[Edge]:
    """The edges that lead into a status from another one."""
    found = [each for each in graph.edges if each.target.status is status is not each.source.status]
    assert found, f"nothing leads to {status}"
    return found


def reachable(graph: Graph, start: Iterable[Operation]) -> set[Operation]:
    """Every state that some path leads to from one of these, these included."""
    leaving, seen, queue = graph.leaving(), set(start), deque(start)
    while queue:
        for edge in leaving[queue.popleft()]:
            if edge.target not in seen:
                seen.add(edge.target)
                queue.append(edge.target)
    return seen


def is_as_approved(op: Operation, topology: Topology) -> bool:
    primaries, idle = roles(topology)
    assert op.plan is not None
    if op.plan.candidate is not None:
        wanted = {op.plan.candidate}
    else:
        wanted = {node_id for node_id, _ in op.plan.members} - {op.plan.primary}
    return idle and len(primaries) == 1 and primaries[0] in wanted


def is_unchanged(op: Operation, topology: Topology) -> bool:
    assert op.plan is not None
    return roles(topology) == ([op.plan.primary], True)


def test_the_search_is_no_small_sample(graph: Graph) -> None:
    assert len(graph.states) > 9_000
    assert len(graph.edges) > 20_000
    assert graph.refused > 150_000


# --- once ---


def test_after_a_submission_that_may_have_been_accepted_no_path_leads_to_another(graph: Graph) -> None:
    after = {edge.target for edge in graph.edges if isinstance(edge.event, MAY_HAVE_BEEN_TAKEN)}
    assert after
    ahead = {op.status for op in reachable(graph, after)}
    assert Status.STARTING not in ahead
    assert Status.RECHECKING not in ahead


def test_a_submission_is_owed_exactly_on_entering_starting(graph: Graph) -> None:
    for edge in graph.edges:
        entered = edge.target.status is Status.STARTING is not edge.source.status
        assert edge.decision.effects.count(Submit()) == (1 if entered else 0)


def test_a_submission_is_for_exactly_the_approved_plan(graph: Graph) -> None:
    for edge in entering(graph, Status.STARTING):
        assert isinstance(edge.event, e.SubmissionStarted)
        assert edge.source.plan is not None
        assert edge.event.plan.fingerprint == edge.source.plan.fingerprint


def test_a_submission_has_a_quorum_of_different_people_who_approved(graph: Graph) -> None:
    for edge in entering(graph, Status.STARTING):
        assert isinstance(edge.event, e.SubmissionStarted)
        people = set(edge.event.approved_by)
        assert people <= {approval.by for approval in edge.source.approvals}
        assert len(people) >= edge.event.needed
        assert people or edge.source.emergency
        assert edge.source.requested_by not in people


def test_only_an_emergency_starts_without_approval_and_only_with_what_it_overrides(graph: Graph) -> None:
    alone = [edge for edge in entering(graph, Status.STARTING) if not edge.target.approvals]
    assert alone
    for edge in alone:
        assert edge.source.emergency
        assert edge.target.plan is not None
        assert edge.target.plan.overrides == edge.source.overrides


def test_a_submission_starts_before_the_approvals_expire_or_soon_after_its_start_time(graph: Graph) -> None:
    for edge in entering(graph, Status.STARTING):
        op, when = edge.source, edge.event.at
        assert op.expires_at is not None
        if op.start_at is None:
            assert when < op.expires_at
        else:
            assert op.start_at <= when <= op.start_at + 2 * LATE_START


def test_a_submission_is_not_repeated_before_the_provider_wants_it(graph: Graph) -> None:
    waited = [edge for edge in entering(graph, Status.STARTING) if edge.source.retry_at is not None]
    assert waited
    for edge in waited:
        assert edge.source.retry_at is not None
        assert edge.event.at >= edge.source.retry_at


def test_no_path_has_more_than_three_submissions_and_each_is_remembered(graph: Graph) -> None:
    for edge in graph.edges:
        more = isinstance(edge.event, e.SubmissionStarted)
        assert len(edge.target.submissions) == len(edge.source.submissions) + more
        assert len(edge.target.submissions) <= MAX_SUBMISSIONS
    assert {len(op.submissions) for op in graph.states} == {0, 1, 2, 3}


def test_an_operation_remembers_whether_its_submission_was_surely_taken(graph: Graph) -> None:
    for edge in graph.edges:
        assert edge.target.accepted is (edge.source.accepted or isinstance(edge.event, TAKEN))


def test_what_was_never_started_was_never_sent(graph: Graph) -> None:
    for op in graph.states:
        if op.status in ON_THE_WIRE:
            assert op.submissions
        if op.status in UNSENT:
            assert not op.accepted


# --- true ---


def test_success_is_two_agreeing_readings_as_approved_and_no_failed_job(graph: Graph) -> None:
    for edge in entering(graph, Status.SUCCEEDED):
        assert isinstance(edge.event, e.RolesConfirmed)
        first, second = edge.event.readings
        assert is_as_approved(edge.source, first)
        assert is_as_approved(edge.source, second)
        assert roles(first) == roles(second)
        assert edge.source.job is None or edge.source.job.state is not JobState.FAILED


def test_failure_means_that_nothing_changed(graph: Graph) -> None:
    for edge in entering(graph, Status.FAILED):
        match edge.event:
            case e.SubmissionRefused() | e.SubmissionNotAccepted():
                assert edge.source.status is Status.STARTING
            case e.SubmissionAbsent(topology=topology):
                assert not edge.source.accepted
                assert is_unchanged(edge.source, topology)
            case e.RolesUnchanged(readings=readings):
                assert edge.source.job is not None
                assert edge.source.job.state is JobState.FAILED
                assert all(is_unchanged(edge.source, each) for each in readings)
            case other:
                pytest.fail(f"{other} must not end in failed")


def test_what_was_found_by_its_roles_alone_has_them_as_approved(graph: Graph) -> None:
    for edge in graph.edges:
        by_roles = isinstance(edge.event, e.SubmissionFound) and edge.event.job is None
        if by_roles or isinstance(edge.event, e.RolesMoved):
            assert isinstance(edge.event, e.SubmissionFound | e.RolesMoved)
            assert edge.event.topology is not None
            assert is_as_approved(edge.source, edge.event.topology)


def test_an_operation_follows_one_job_only(graph: Graph) -> None:
    for edge in graph.edges:
        if edge.source.job_id is not None:
            assert edge.target.job_id == edge.source.job_id


def test_the_primary_shown_is_the_one_that_the_last_reading_showed(graph: Graph) -> None:
    for op in graph.states:
        if op.topology is not None:
            primaries, _ = roles(op.topology)
            assert op.primary_now == (primaries[0] if len(primaries) == 1 else None)


# --- approved ---


def test_only_different_people_other_than_the_requester_are_counted(graph: Graph) -> None:
    for op in graph.states:
        people = [approval.by for approval in op.approvals]
        assert len(set(people)) == len(people)
        assert op.requested_by not in people


def test_nobody_is_reminded_twice_nor_of_a_start_that_has_come(graph: Graph) -> None:
    reminded = [edge for edge in graph.edges if isinstance(edge.event, e.StartNear)]
    assert reminded
    for edge in reminded:
        assert edge.source.start_at is not None
        assert not edge.source.reminded
        assert edge.source.start_at - REMIND_BEFORE <= edge.event.at < edge.source.start_at


def test_a_start_time_ends_the_approvals_at_the_latest(graph: Graph) -> None:
    for op in graph.states:
        if op.start_at is not None and op.expires_at is not None:
            assert op.expires_at <= op.start_at


def test_no_approval_counts_after_the_expiry(graph: Graph) -> None:
    for op in graph.states:
        assert all(op.expires_at and approval.at < op.expires_at for approval in op.approvals)


def test_a_late_start_is_dropped_and_never_run_late(graph: Graph) -> None:
    seen = set()
    for edge in graph.edges:
        if isinstance(edge.event, e.StartReached):
            assert edge.source.start_at is not None
            late = edge.event.at - edge.source.start_at > LATE_START
            assert edge.target.status is (Status.EXPIRED if late else Status.RECHECKING)
            seen.add(late)
    assert seen == {True, False}


# --- never lost, told once ---


def test_an_end_has_no_way_out_and_only_a_review_comes_after_it(graph: Graph) -> None:
    after = [edge for edge in graph.edges if edge.source.status in ENDS]
    assert after
    for edge in after:
        assert isinstance(edge.event, e.Reviewed)
        assert edge.target.status is edge.source.status
        assert edge.target.ended_at == edge.source.ended_at
        reviewed = Reason.of("notice-reviewed", by=edge.event.by, database=edge.target.label)
        assert edge.decision.effects == (Note(Say(reviewed)),)


def test_an_emergency_that_may_have_sent_something_is_reviewed_once_by_somebody_else(graph: Graph) -> None:
    owed_by = {edge.source for edge in graph.edges if isinstance(edge.event, e.Reviewed)}
    for op in graph.states:
        owing = op.emergency and bool(op.submissions) and op.status in ENDS and op.reviewed_by is None
        assert (op in owed_by) == owing == op.review_owed
        assert op.reviewed_by != op.requested_by


def test_what_nobody_approved_is_announced_at_once_to_everybody() -> None:
    (say,) = open_operation(requested(emergency=True, overrides=("candidate_lag",))).effects
    assert isinstance(say, Say)
    assert (say.text.code, say.besides) == ("reply-emergency", True)
    assert say.detail is not None
    assert say.detail["checks"] == "candidate_lag"
    (say,) = open_operation(requested(emergency=True)).effects
    assert isinstance(say, Say)
    assert say.detail is None


def test_the_audit_channel_learns_of_ends_and_of_what_needs_attention(graph: Graph) -> None:
    for edge in graph.edges:
        told = [say for say in edge.decision.effects if isinstance(say, Say)]
        loud = ENDS | {Status.NEEDS_ATTENTION}
        entered = edge.target.status is not edge.source.status and edge.target.status in loud
        assert [say.besides for say in told if say.besides] == [True] * entered


def test_aloud_is_said_that_roles_moved_or_may_have_and_what_became_of_that(graph: Graph) -> None:
    """An end in which nothing changed and nobody had to look is of no concern to a whole channel."""
    ends_aloud: set[Status] = set()
    ends_quietly: set[Status] = set()
    for edge in graph.edges:
        for say in (effect for effect in edge.decision.effects if isinstance(effect, Say)):
            looked_at = Status.NEEDS_ATTENTION in (edge.source.status, edge.target.status)
            moved = edge.target.status is Status.SUCCEEDED
            concerns = moved or (looked_at and edge.target.status is not edge.source.status)
            assert say.aloud == concerns
            if edge.target.status in ENDS:
                (ends_aloud if say.aloud else ends_quietly).add(edge.target.status)
    assert ends_aloud == {Status.SUCCEEDED, Status.FAILED, Status.CLOSED}
    assert ends_quietly == ENDS - {Status.SUCCEEDED, Status.CLOSED}


def test_entering_an_end_tells_it_exactly_once(graph: Graph) -> None:
    for edge in graph.edges:
        ended = edge.target.status in ENDS and edge.source.status not in ENDS
        told = [say for say in edge.decision.effects if isinstance(say, Say)]
        ends = [say for say in told if say.text.code in {f"reply-{end.replace('_', '-')}" for end in ENDS}]
        assert len(ends) == (1 if ended else 0)
        if ended:
            assert told == ends
            assert told[0].text.code == f"reply-{edge.target.status.replace('_', '-')}"
            assert edge.target.ended_at == edge.event.at


def test_entering_needs_attention_says_so_once(graph: Graph) -> None:
    for edge in graph.edges:
        told = [say.text.code for say in edge.decision.effects if isinstance(say, Say)]
        entered = edge.target.status is Status.NEEDS_ATTENTION is not edge.source.status
        assert told.count("reply-needs-attention") == (1 if entered else 0)


def test_who_asked_and_who_may_take_over_are_called_when_a_person_is_needed(graph: Graph) -> None:
    for edge in entering(graph, Status.NEEDS_ATTENTION):
        (say,) = [one for one in edge.decision.effects if isinstance(one, Say)]
        approvers = [entry for entry in edge.target.approvers if entry != "*"]
        assert (say.text["by"], say.text["approvers"]) == (edge.target.requested_by, ",".join(approvers))


def test_no_event_says_more_than_one_thing(graph: Graph) -> None:
    assert all(len(edge.decision.effects) <= 1 for edge in graph.edges)


def test_from_every_open_state_an_end_can_be_reached(graph: Graph) -> None:
    before: dict[Operation, list[Operation]] = defaultdict(list)
    for edge in graph.edges:
        before[edge.target].append(edge.source)
    saved = {op for op in graph.states if op.status in ENDS}
    queue = deque(saved)
    while queue:
        for source in before[queue.popleft()]:
            if source not in saved:
                saved.add(source)
                queue.append(source)
    assert saved == set(graph.states)


def test_every_open_state_is_looked_at_again_and_then_owes_something(graph: Graph) -> None:
    limits, now = Limits(), START + timedelta(seconds=20)
    for op in graph.states:
        for looked in (False, True):
            due = next_due(op, now, limits, looked=looked)
            if op.open:
                assert due is not None
                assert owed(op, due) is not Duty.NOTHING
            else:
                assert due is None
                assert owed(op, now) is Duty.NOTHING


def test_a_restart_while_starting_owes_doubt_and_nothing_else(graph: Graph) -> None:
    for op in graph.states:
        if op.status is Status.STARTING:
            assert all(owed(op, START + timedelta(seconds=s)) is Duty.DOUBT for s in (0, 13, 60, 5000))


def test_what_was_sent_never_expires_and_is_never_rechecked(graph: Graph) -> None:
    for op in graph.states:
        if op.status in ON_THE_WIRE:
            for seconds in (0, 20, 5000):
                duty = owed(op, START + timedelta(seconds=seconds))
                assert duty not in {Duty.PLAN, Duty.EXPIRE, Duty.START, Duty.RECHECK}


# --- the table ---


def test_the_status_picked_is_one_that_the_rule_names(graph: Graph) -> None:
    for edge in graph.edges:
        assert edge.target.status in TRANSITIONS[edge.source.status][type(edge.event)].to


def test_no_row_of_the_table_and_none_of_its_ways_is_dead(graph: Graph) -> None:
    walked = {(edge.source.status, type(edge.event), edge.target.status) for edge in graph.edges}
    table = {
        (status, event, to)
        for status, row in TRANSITIONS.items()
        for event, rule in row.items()
        for to in rule.to
    }
    assert walked == table


def test_every_status_is_reached_and_has_a_row(graph: Graph) -> None:
    assert {op.status for op in graph.states} == set(Status) == set(TRANSITIONS)


@pytest.mark.parametrize("status", list(Status))
def test_an_event_that_a_status_does_not_know_is_refused(graph: Graph, status: Status) -> None:
    op = next(op for op in graph.states if op.status is status)
    unknown = [event for event in ALPHABET if type(event) not in TRANSITIONS[status]]
    assert unknown
    for event in unknown:
        with pytest.raises(IllegalTransition) as refusal:
            decide(op, event)
        assert (refusal.value.status, refusal.value.event) == (status, e.event_name(event))


def test_no_step_changes_the_operation_it_starts_from(graph: Graph) -> None:
    assert graph.changed == []


def test_every_event_adds_one_to_the_version(graph: Graph) -> None:
    for edge in graph.edges:
        assert edge.decision.after.version == edge.before.version + 1
        assert edge.decision.event is edge.event


def test_since_changes_exactly_with_the_status(graph: Graph) -> None:
    for edge in graph.edges:
        moved = edge.target.status is not edge.source.status
        assert edge.target.since == (edge.event.at if moved else edge.source.since)


def test_an_operation_is_the_fold_of_its_events_on_every_path(graph: Graph) -> None:
    folded: dict[tuple[e.Event, ...], Operation] = {}
    for number, (op, events) in enumerate(graph.states.items()):
        # A path is its first part and one event more, so only some need to be folded from their beginning.
        before = folded.get(events[:-1]) if number % 50 else None
        again = decide(before, events[-1]).after if before else replay(events)
        assert normal(again) == op
        assert again.version == len(events)
        folded[events] = again


@pytest.mark.parametrize("events", [(), ALPHABET[:1]], ids=["no events", "another first event"])
def test_a_history_that_does_not_begin_with_a_request_is_refused(events: tuple[e.Event, ...]) -> None:
    with pytest.raises(IllegalTransition):
        replay(events)


def test_a_request_opens_an_operation_that_is_to_be_planned() -> None:
    op = open_operation(requested()).after
    assert (op.status, op.version, owed(op, START)) == (Status.PLANNING, 1, Duty.PLAN)
