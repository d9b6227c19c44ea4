"""What a stored operation owes, done: from the plan to the verified end, and everything that goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from bot.core.answers import Tell
from bot.core.commands import Action, RequestSwitchover
from bot.core.machine import Limits, decide, next_due, open_operation
from bot.core.model import CandidateRule, Job, JobId, JobState, NodeId, Reason, Role, Topology
from bot.core.operation import Status
from bot.errors import (
    BudgetSpent,
    Misconfigured,
    NotSent,
    OutcomeUnknown,
    Refused,
    StoreUnavailable,
    Throttled,
    Unavailable,
)
from bot.service.catalogue import Catalogue
from bot.service.duties import SEND_WITHIN
from tests.core.examples import (
    ANN,
    ASKER,
    BOB,
    CLOUD,
    EVE,
    JOB,
    OUTSIDER,
    START,
    A,
    B,
    C,
    approved,
    at,
    evidence,
    job,
    planned,
    reading,
    requested,
)
from tests.service.world import ID, POLICY, ScriptedCloud, World, stricter


def with_role(node_id: NodeId, role: Role) -> Topology:
    """The cluster as it was, but for the role of one node."""
    nodes = tuple(replace(each, role=role) if each.id == node_id else each for each in reading(A).nodes)
    return replace(reading(A), nodes=nodes)


LOST = OutcomeUnknown("no answer in 10 s", lost=True)
CLOUDS_TIME = START - timedelta(minutes=7)
CHOSEN = replace(CLOUD, candidate=CandidateRule.CHOSEN_BY_CLOUD)


# --- the usual way ---


async def test_an_approved_request_is_submitted_once_followed_and_verified() -> None:
    world = World()
    op = await world.planned()
    assert (op.status, op.needed, op.plan and op.plan.candidate) == (Status.AWAITING_APPROVAL, 2, B)
    await world.click(Action.APPROVE, ANN)
    assert await world.status() is Status.AWAITING_APPROVAL
    await world.click(Action.APPROVE, BOB)
    assert await world.status() is Status.RECHECKING
    world.cloud.answers = [JOB]
    await world.tick()
    assert await world.status() is Status.RUNNING
    world.cloud.known[JOB] = job()
    await world.tick(2)
    world.cloud.finishes(JOB)
    world.cloud.shows(reading(B))
    await world.tick(2)
    await world.tick()
    assert await world.status() is Status.SUCCEEDED
    assert len(world.cloud.submissions) == 1
    assert world.submitted == ["qc"]
    assert await world.history() == [
        "requested",
        "planned",
        "approved",
        "approved",
        "submission_started",
        "submission_accepted",
        "job_reported",
        "job_reported",
        "roles_confirmed",
    ]
    assert world.thread() == [
        "reply-accepted",
        "reply-job",
        "reply-job-done",
        "reply-succeeded",
    ]


async def test_the_request_is_signed_with_the_committed_time_and_may_only_leave_soon_after() -> None:
    world = World()
    op = await world.submitted_with(JOB)
    ((plan, intent),) = world.cloud.submissions
    assert plan == op.plan
    assert intent.at == op.submissions[-1]
    assert intent.send_by == world.clock.monotonic() + SEND_WITHIN


async def test_a_process_that_drains_begins_no_submission_and_leaves_it_to_the_next() -> None:
    world = World()
    world.cloud.answers = [JOB]
    await world.approved()
    world.duties.draining = True
    await world.tick()
    assert await world.status() is Status.RECHECKING
    assert world.cloud.submissions == []
    await world.restart()
    assert await world.status() is Status.RUNNING
    assert len(world.cloud.submissions) == 1


async def test_told_to_stop_while_the_decision_is_committed_it_sends_nothing_and_the_next_process_does() -> (
    None
):
    world = World()
    world.cloud.answers = [JOB]

    async def told_to_stop() -> None:
        world.duties.draining = True

    await world.approved()
    world.store.after_commit = told_to_stop
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.RECHECKING, "not-sent-stopping")
    assert world.cloud.submissions == []
    assert world.submitted == []
    await world.restart()
    assert await world.status() is Status.RUNNING
    assert len(world.cloud.submissions) == 1


async def test_an_unchanged_job_is_no_event_and_is_polled_less_and_less() -> None:
    world = World()
    await world.submitted_with(JOB)
    world.cloud.known[JOB] = job()
    await world.tick(2)
    before = await world.history()
    for _ in range(20):
        await world.tick(10)
    assert await world.history() == before
    assert world.store.due_at(ID) == world.clock.now() + Limits().max_poll_interval


async def test_a_call_without_a_job_is_followed_by_its_roles() -> None:
    world = World()
    op = await world.submitted_with(None)
    assert (op.status, op.accepted, op.job_id) == (Status.RUNNING, True, None)
    await world.tick(2)
    assert await world.status() is Status.RUNNING
    world.cloud.shows(reading(B))
    await world.tick(2)
    await world.tick()
    assert await world.status() is Status.SUCCEEDED
    assert world.cloud.polls == []


async def test_polls_of_one_account_share_a_request() -> None:
    world = World()
    world.configure(orders=POLICY, sessions=POLICY, events=POLICY)
    world.cloud.answers = [JobId("j-1"), JobId("j-2"), JobId("j-3")]
    for number, name in enumerate(("orders", "sessions", "events"), 1):
        op = await world.approved(name)
        await world.tick()
        assert (await world.op(op.id)).job_id == f"j-{number}"
    world.cloud.polls.clear()
    for each in ("j-1", "j-2", "j-3"):
        world.cloud.known[JobId(each)] = Job(JobId(each), JobState.RUNNING, "working")
    await world.tick(10)
    assert [sorted(ids) for ids in world.cloud.polls] == [["j-1", "j-2", "j-3"]]


async def test_accounts_are_polled_apart_and_one_that_can_not_be_read_holds_up_no_other() -> None:
    world, other = World(), ScriptedCloud(answers=[JobId("j-2")])
    databases = {
        "orders": world.database("orders", POLICY),
        "events": world.database("events", POLICY, other),
    }
    world.catalogue.current = Catalogue(databases)
    await world.submitted_with(JOB)
    second = await world.approved("events")
    await world.tick()
    world.cloud.jobs_error = Unavailable("down")
    other.known[JobId("j-2")] = Job(JobId("j-2"), JobState.DONE, "successful")
    await world.tick(10)
    assert await world.status() is Status.RUNNING
    assert await world.status(second.id) is Status.VERIFYING


async def test_nothing_is_sent_by_a_configuration_that_was_replaced_during_the_recheck() -> None:
    world = World()
    await world.approved()

    async def stricter_now() -> None:
        world.configure(orders=stricter(approvals=3))

    world.cloud.while_reading = stricter_now
    await world.tick()
    assert world.cloud.submissions == []
    await world.tick(10)
    assert (await world.status(), await world.why()) == (Status.REFUSED, "no-quorum")


async def test_an_account_that_hangs_or_breaks_holds_up_no_other() -> None:
    world, other = World(), ScriptedCloud(answers=[JobId("j-2")])
    databases = {
        "orders": world.database("orders", POLICY),
        "events": world.database("events", POLICY, other),
    }
    world.catalogue.current = Catalogue(databases)
    await world.submitted_with(JOB)
    second = await world.approved("events")
    await world.tick()
    other.known[JobId("j-2")] = Job(JobId("j-2"), JobState.DONE, "successful")
    told = asyncio.Event()

    async def hang() -> None:
        while await world.status(second.id) is not Status.VERIFYING:
            await told.wait()
        raise RuntimeError("a defect")

    world.cloud.while_polling, other.polled = hang, told.set
    with pytest.raises(RuntimeError):
        await world.tick(10)
    assert await world.status(second.id) is Status.VERIFYING


# --- planning ---


async def test_a_node_that_is_primary_already_needs_no_switchover() -> None:
    world = World()
    await world.requested(node="db-a")
    await world.tick()
    assert await world.status() is Status.NOT_NEEDED
    assert world.thread() == ["reply-not-needed"]


async def test_a_preflight_that_says_no_refuses_with_its_reason() -> None:
    world = World()
    world.cloud.shows(reading(A, idle=False))
    await world.requested()
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "check-cluster-busy")


@pytest.mark.parametrize("error", [Unavailable("503"), Throttled("quota", retry_after=timedelta(hours=1))])
async def test_a_topology_that_can_not_be_read_now_is_read_again_for_a_minute(error: Exception) -> None:
    world = World()
    world.cloud.shows(error)
    await world.requested()
    for _ in range(10):
        await world.tick(6)
    assert await world.status() is Status.PLANNING
    await world.tick(6)
    assert await world.status() is Status.REFUSED


async def test_a_topology_that_becomes_readable_in_time_is_planned_on() -> None:
    world = World()
    world.cloud.shows(Unavailable("503"), reading(A))
    await world.requested()
    await world.tick()
    await world.tick(2)
    assert await world.status() is Status.AWAITING_APPROVAL


SPENT = BudgetSpent("the budget is used up", retry_after=timedelta(minutes=40))


@pytest.mark.parametrize("at", [Status.PLANNING, Status.RECHECKING])
async def test_a_budget_that_is_spent_is_waited_for_and_the_thread_is_told_once(at: Status) -> None:
    """The cloud is well: that the bot may not call it refuses nothing."""
    world = World()
    await (world.requested() if at is Status.PLANNING else world.approved())
    told = len(world.thread())
    world.cloud.shows(*[SPENT] * 20, reading(A))
    world.cloud.answers = [JOB]
    for _ in range(20):
        await world.tick(60)
        assert (await world.status(), await world.why()) == (at, "calls-awaited")
    assert world.thread()[told:] == ["reply-calls-awaited"]
    await world.tick(60)
    after = Status.AWAITING_APPROVAL if at is Status.PLANNING else Status.RUNNING
    assert (await world.op()).status is after
    assert (await world.op()).detail is None


@pytest.mark.parametrize(("asked", "waits"), [(30, 30), (2400, 60)])
async def test_nobody_looks_before_there_are_calls_again_but_for_once_a_minute(
    asked: int, waits: int
) -> None:
    """Approvals run out meanwhile."""
    world = World()
    await world.approved()
    world.cloud.shows(BudgetSpent("used up", retry_after=timedelta(seconds=asked)))
    for _ in range(3):
        await world.tick()
        read = world.cloud.readings
        await world.tick(waits - 1)
        assert world.cloud.readings == read
        await world.clock.sleep(1)


async def test_approvals_run_out_while_there_are_no_calls_and_the_end_says_so() -> None:
    world = World()
    op = await world.approved()
    world.cloud.shows(SPENT)
    assert op.expires_at is not None
    while world.clock.now() < op.expires_at:
        assert await world.status() is Status.RECHECKING
        await world.tick(60)
    await world.tick(60)
    assert (await world.status(), await world.why()) == (Status.EXPIRED, "calls-awaited")
    assert world.cloud.submissions == []


async def test_a_budget_that_is_spent_between_them_does_not_make_failures_fewer() -> None:
    world = World()
    await world.approved()
    silent, spent = Unavailable("503"), BudgetSpent("used up", retry_after=timedelta(seconds=1))
    world.cloud.shows(*[silent, spent] * 5)
    for _ in range(10):
        await world.tick(12)
    assert (await world.status(), await world.why()) == (Status.REFUSED, "provider-silent")


async def test_after_a_try_a_spent_budget_ends_it_within_the_minute_of_the_other_tries() -> None:
    world = World()
    await world.submitted_with(Throttled("busy"), JOB)
    world.cloud.shows(SPENT)
    for _ in range(8):
        await world.tick(10)
    assert await world.status() is Status.REFUSED
    assert len(world.cloud.submissions) == 1


async def test_only_what_was_approved_is_read_with_what_is_kept_of_the_budget() -> None:
    world = World()
    await world.approved()
    assert set(world.cloud.urgent) == {False}
    world.cloud.answers, world.cloud.urgent = [JOB], []
    await world.tick()
    assert await world.status() is Status.RUNNING
    assert world.cloud.urgent == [True]


async def test_what_was_sent_is_read_with_what_is_kept_of_the_budget_until_it_waits_for_a_person() -> None:
    world = World()
    await world.submitted_with(JOB)
    world.cloud.finishes(JOB, JobState.FAILED)
    world.cloud.shows(reading(C))
    await world.tick(2)
    world.cloud.urgent = []
    await world.tick(190)
    assert await world.status() is Status.NEEDS_ATTENTION
    assert set(world.cloud.urgent) == {True}
    world.cloud.urgent = []
    await world.tick(60)
    assert set(world.cloud.urgent) == {False}


@pytest.mark.parametrize("asleep", ["down", "stopped"])
async def test_time_in_which_nobody_looked_refuses_nothing(asleep: str) -> None:
    world = World()
    await world.approved()
    world.cloud.shows(Unavailable("503"))
    if asleep == "stopped":
        await world.tick()
        await world.tick(600)
    else:
        await world.restart(600)
    assert await world.status() is Status.RECHECKING
    for _ in range(6):
        assert await world.status() is Status.RECHECKING
        await world.tick(10)
    assert (await world.status(), await world.why()) == (Status.REFUSED, "provider-silent")


async def test_readings_that_fail_after_one_that_succeeded_are_counted_anew() -> None:
    world = World()
    await world.approved()
    world.cloud.shows(Unavailable("503"), Unavailable("503"), reading(A), Unavailable("503"))
    await world.tick()
    await world.tick(40)
    world.duties.draining = True
    await world.tick(10)
    world.duties.draining = False
    await world.tick(20)
    assert await world.status() is Status.RECHECKING


@pytest.mark.parametrize("error", [Refused("no such cluster", code="1400"), Misconfigured("bad key")])
async def test_a_definite_no_to_a_reading_refuses_at_once(error: Exception) -> None:
    world = World()
    world.cloud.shows(error)
    await world.requested()
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "provider-said")


async def test_two_names_of_one_shard_are_one_lock() -> None:
    world = World()
    world.cloud.shows(replace(reading(A), shard="shard-1", shard_name="the first"))
    for shard in ("shard-1", "first shard"):
        assert await world.ask(RequestSwitchover("orders", "n-b", shard=shard)) is None
    await world.tick()
    assert await world.status("SW-000001") is Status.AWAITING_APPROVAL
    assert await world.status("SW-000002") is Status.REFUSED
    detail = (await world.op("SW-000002")).detail
    assert detail is not None
    assert detail == Reason.of("locked", database="orders/the first", holder="SW-000001")
    told = await world.ask(RequestSwitchover("orders", "n-b", shard="shard-1"))
    assert isinstance(told, Tell)
    assert told.text == detail


async def test_a_database_removed_before_planning_is_refused() -> None:
    world = World()
    await world.requested()
    world.configure()
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "database-removed")


async def test_a_request_that_nobody_decides_expires() -> None:
    world = World()
    await world.planned()
    await world.click(Action.APPROVE, ANN)
    await world.tick(30 * 60)
    assert await world.status() is Status.EXPIRED
    assert world.thread() == ["reply-expired"]
    assert world.store.said(ID)[-1].detail == Reason.of("approvals-missing", count=1, needed=2)


# --- between approval and start ---


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (reading(C), "topology-moved-primary"),
        (reading(), "topology-moved-primary"),
        (replace(reading(A), nodes=reading(A).nodes[:2]), "topology-moved-members"),
        (reading(A, OUTSIDER), "topology-moved-primary"),
        (with_role(C, Role.HIDDEN), "topology-moved-roles"),
        (reading(A, idle=False), "check-cluster-busy"),
        (Refused("gone"), "provider-said"),
    ],
)
async def test_what_moved_between_approval_and_start_is_refused_with_nothing_sent(
    now: object, why: str
) -> None:
    world = World()
    await world.approved()
    world.cloud.topology = [now]  # type: ignore[list-item]
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, why)
    assert world.cloud.submissions == []


async def test_another_call_than_the_approved_one_is_refused_with_nothing_sent() -> None:
    world = World()
    await world.approved()
    world.cloud.verb = "force"
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "plan-changed")
    assert world.cloud.submissions == []


@pytest.mark.parametrize(("late", "status"), [(0, Status.RECHECKING), (61, Status.EXPIRED)])
async def test_a_scheduled_start_runs_when_it_comes_and_not_when_it_was_missed(
    late: float, status: Status
) -> None:
    world = World()
    decision = open_operation(requested(start_at=at(600)))
    await world.store.open(decision, due_at=START, item_id=None)
    for event in (planned(), approved(ANN), approved(BOB)):
        decision = decide(decision.after, event)
        due = next_due(decision.after, at(2), Limits(), looked=False)
        await world.store.commit([decision], due_at=due)
    await world.tick(599)
    assert await world.status() is Status.SCHEDULED
    await world.tick(1 + late)
    assert await world.status() is status


async def test_a_switchover_that_happened_meanwhile_is_not_done_again() -> None:
    world = World()
    await world.approved()
    world.cloud.shows(reading(B))
    await world.tick()
    detail = (await world.op()).detail
    assert detail is not None
    assert (detail.code, detail["before"], detail["now"]) == ("topology-moved-primary", A, B)
    assert world.cloud.submissions == []


async def test_just_before_the_start_everybody_who_approved_is_asked_about_afresh() -> None:
    world = World()
    await world.approved()
    assert world.people.asked_afresh == []
    world.cloud.answers = [JOB]
    await world.tick()
    assert world.people.asked_afresh == [ANN, "S-DBA", BOB, "S-DBA"]


async def test_an_approver_removed_from_the_group_between_click_and_start_does_not_count() -> None:
    world = World()
    await world.approved()
    world.people.groups["S-DBA"].remove(BOB)
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "no-quorum")
    assert world.cloud.submissions == []


async def test_an_approver_who_is_deactivated_between_click_and_start_does_not_count() -> None:
    world = World()
    await world.approved()
    world.people.persons[ANN] = False
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "no-quorum")


async def test_the_requesters_own_approval_counts_at_the_start_only_while_the_policy_says_so() -> None:
    world = World(stricter(self_approval=True, approvals=1))
    await world.planned()
    assert await world.click(Action.APPROVE, ASKER) == "None"
    world.configure(orders=stricter(self_approval=False, approvals=1))
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "no-quorum")
    assert world.cloud.submissions == []


async def test_an_approver_whom_the_policy_names_no_more_does_not_count_at_the_start() -> None:
    world = World()
    await world.approved()
    world.configure(orders=stricter(approvers=(ANN,)))
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "no-quorum")
    assert world.cloud.submissions == []


async def test_the_policy_in_force_at_the_start_decides_how_many_must_have_approved() -> None:
    world = World()
    await world.approved()
    world.configure(orders=stricter(approvals=3))
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "no-quorum")


async def test_a_directory_that_does_not_answer_at_the_start_is_asked_for_a_minute_and_then_it_is_no() -> (
    None
):
    world = World()
    await world.approved()
    world.people.available = False
    await world.tick()
    assert await world.status() is Status.RECHECKING
    await world.tick(60)
    assert (await world.status(), await world.why()) == (Status.REFUSED, "approvals-unknown")
    assert world.cloud.submissions == []


async def test_a_database_removed_before_the_start_is_refused() -> None:
    world = World()
    await world.approved()
    world.configure()
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "database-removed")


async def test_a_cancel_that_commits_first_wins_over_the_start() -> None:
    world = World()
    await world.approved()

    async def cancelled() -> None:
        assert await world.click(Action.CANCEL, ASKER) == "None"

    world.people.meanwhile[ANN] = cancelled
    world.cloud.answers = [JOB]
    await world.tick()
    assert await world.status() is Status.CANCELLED
    assert world.cloud.submissions == []


# --- the one request ---


@pytest.mark.parametrize("error", [NotSent("no route"), Throttled("busy"), NotSent("too late to send")])
async def test_what_was_surely_not_taken_is_rechecked_and_tried_again(error: Exception) -> None:
    world = World()
    op = await world.submitted_with(error, JOB)
    assert op.status is Status.RECHECKING
    read = world.cloud.readings
    await world.tick(2)
    assert await world.status() is Status.RUNNING
    assert world.cloud.readings == read + 1
    assert len(world.cloud.submissions) == 2
    assert world.thread() == ["reply-not-accepted", "reply-accepted"]


async def test_three_times_not_taken_has_failed() -> None:
    world = World()
    await world.submitted_with(*[NotSent("no route")] * 3)
    for _ in range(10):
        await world.tick(3)
    assert await world.status() is Status.FAILED
    assert len(world.cloud.submissions) == 3
    assert world.thread().count("reply-failed") == 1
    assert world.submitted == []


async def test_a_busy_cloud_is_not_asked_again_sooner_than_it_wants_whoever_hurries() -> None:
    world = World()
    await world.submitted_with(Throttled("busy", retry_after=timedelta(seconds=30)), JOB)
    await world.tick(2)
    await world.click(Action.CHECK_AGAIN, ASKER)
    await world.tick(1)
    await world.restart(1)
    assert len(world.cloud.submissions) == 1
    await world.tick(26)
    assert len(world.cloud.submissions) == 2


async def test_a_second_try_does_not_wait_for_a_clock_that_was_set_back() -> None:
    world = World()
    await world.submitted_with(Throttled("busy", retry_after=timedelta(seconds=30)), JOB)
    world.clock.passed -= timedelta(hours=1)
    await world.store.hasten(world.clock.now())
    await world.tick()
    assert await world.status() is Status.RUNNING
    assert len(world.cloud.submissions) == 2


async def test_a_cloud_that_wants_more_than_a_minute_has_not_taken_it_for_good() -> None:
    world = World()
    op = await world.submitted_with(Throttled("quota", retry_after=timedelta(seconds=61)))
    assert op.status is Status.FAILED


async def test_a_switchover_of_somebody_else_between_two_tries_is_not_undone() -> None:
    world = World()
    await world.submitted_with(Throttled("another operation is running"), JOB)
    world.cloud.shows(reading(B))
    await world.tick(2)
    assert await world.status() is Status.REFUSED
    assert len(world.cloud.submissions) == 1


@pytest.mark.parametrize("error", [Refused("wrong state", code="1400"), Misconfigured("no permission")])
async def test_a_request_that_the_provider_refuses_has_failed(error: Exception) -> None:
    world = World()
    op = await world.submitted_with(error)
    assert (op.status, world.submitted) == (Status.FAILED, ["qc"])
    assert world.thread() == ["reply-failed"]


@pytest.mark.parametrize(
    "error", [LOST, Unavailable("503"), RuntimeError("a defect"), StoreUnavailable("odd"), TimeoutError()]
)
async def test_whatever_is_not_surely_known_of_a_request_is_in_doubt_and_never_repeated(
    error: Exception,
) -> None:
    world = World()
    op = await world.submitted_with(error)
    assert op.status is Status.IN_DOUBT
    for _ in range(30):
        await world.tick(10)
    await world.restart(600)
    assert len(world.cloud.submissions) == 1
    assert world.submitted == ["qc"]


@pytest.mark.parametrize(
    ("error", "why", "named"),
    [
        (LOST, "lost-answer", ""),
        (OutcomeUnknown("what?", code="31337", request_id="r-1"), "answer-undecided", "31337 r-1"),
        (RuntimeError("a defect"), "submission-broke", "RuntimeError"),
    ],
)
async def test_why_it_is_in_doubt_is_told_with_what_the_providers_support_asks_for(
    error: Exception, why: str, named: str
) -> None:
    """In the thread, in the trail and in the log; an answer is called lost only where none came."""
    world = World()
    with capture_logs() as logs:
        op = await world.submitted_with(error)
    assert op.detail is not None
    assert (op.detail.code, op.detail["error"]) == (why, named)
    told = [(line["code"], line["request_id"]) for line in logs if line["event"] == "outcome_unknown"]
    assert [" ".join(pair).strip() for pair in told] == [named] * isinstance(error, OutcomeUnknown)


@pytest.mark.parametrize("valid_for", [None, timedelta(seconds=60), timedelta(minutes=15)])
@pytest.mark.parametrize("killed", [False, True])
async def test_in_doubt_it_says_by_when_that_ends(valid_for: timedelta | None, killed: bool) -> None:
    """As long as the request may still be taken, and no shorter than roles may be on their way."""
    world = World()
    world.cloud.capabilities = replace(CLOUD, submission_valid_for=valid_for)
    if killed:
        world = await killed_while_starting(world)
        op = await world.op()
    else:
        op = await world.submitted_with(LOST)
    assert (op.status, op.detail is not None) == (Status.IN_DOUBT, True)
    until = op.submissions[-1] + max(valid_for or timedelta(0), Limits().settle_time)
    assert op.detail is not None
    assert datetime.fromisoformat(op.detail["until"]) == until


async def test_why_a_request_did_not_leave_is_told_with_the_code() -> None:
    world = World()
    op = await world.submitted_with(NotSent("no token", code="IAM.0011", request_id="r-1"))
    assert op.detail is not None
    assert (op.detail.code, op.detail["error"]) == ("not-sent", "IAM.0011 r-1")


async def test_a_database_whose_store_fails_before_the_commit_gets_no_request() -> None:
    world = World()
    await world.approved()

    async def gone() -> None:
        world.store.disk.trouble = "the database is gone"

    world.people.meanwhile[ANN] = gone
    with pytest.raises(StoreUnavailable):
        await world.tick()
    assert world.cloud.submissions == []
    world.store.disk.trouble = ""
    world.cloud.answers = [JOB]
    await world.tick(15)
    assert await world.status() is Status.RUNNING


async def test_an_answer_that_could_not_be_recorded_is_looked_for_and_not_asked_for_again() -> None:
    world = World()
    await world.approved()

    async def gone() -> None:
        world.store.disk.trouble = "the database is gone"

    world.cloud.meanwhile, world.cloud.answers = gone, [JOB]
    with pytest.raises(StoreUnavailable):
        await world.tick()
    world.store.disk.trouble = ""
    assert await world.status() is Status.STARTING
    world.cloud.trace = evidence(job())
    await world.restart()
    await world.tick()
    assert (await world.status(), (await world.op()).job_id) == (Status.RUNNING, JOB)
    assert len(world.cloud.submissions) == 1


# --- in doubt ---


async def test_a_lost_request_is_settled_though_the_past_can_not_be_read() -> None:
    world = World()
    await world.submitted_with(LOST)
    world.store.past_unreadable = True
    for _ in range(60):
        await world.tick(60)
    assert await world.status() in {Status.FAILED, Status.NEEDS_ATTENTION}


async def test_a_job_that_is_found_is_nobodys_while_the_past_can_not_be_read() -> None:
    """It may be another request's, that has failed: "nothing changed" would be said of one that is on its way."""
    world = World()
    await world.submitted_with(LOST)
    world.store.past_unreadable = True
    world.cloud.trace = evidence(Job(JOB, JobState.FAILED, "failed", ""))
    for _ in range(40):
        await world.tick(60)
    op = await world.op()
    assert (op.status, op.job_id, len(world.cloud.submissions)) == (Status.NEEDS_ATTENTION, None, 1)
    assert op.detail is not None
    assert "looked-past-unreadable" in op.detail["summary"]
    world.store.past_unreadable = False
    await world.click(Action.CHECK_AGAIN, ANN)
    await world.tick(1)
    assert (await world.op()).job_id == JOB


async def test_what_was_taken_out_is_polled_by_its_own_provider_and_keeps_nobody_from_being_polled() -> None:
    """The account's key was rotated in the same file that a database was taken out of."""
    world = World()
    world.configure(alpha=stricter(approvals=1), orders=stricter(approvals=1))
    world.cloud.answers = [JobId("j-alpha"), JobId("j-orders")]
    for name in ("alpha", "orders"):
        op = await world.planned(name)
        assert await world.click(Action.APPROVE, ANN, op.id) == "None"
        await world.tick()
    fresh = ScriptedCloud()
    fresh.finishes(JobId("j-orders"))
    fresh.shows(reading(B))
    world.cloud.jobs_error = Misconfigured("the key is revoked")
    before = world.catalogue.current.databases
    orders = replace(before["orders"], provider=fresh)
    world.catalogue.current = Catalogue({"orders": orders}, retired={"alpha": before["alpha"]})
    for _ in range(3):
        await world.tick(10)
    ended = await world.store.ended(database="orders")
    assert [op.status for op in ended] == [Status.SUCCEEDED]
    assert {ids for ids in world.cloud.polls if "j-orders" in ids} == set()


async def test_a_lost_request_is_not_looked_for_among_the_jobs_of_others() -> None:
    """Those that are recorded, of its database: a restart knows them as well as the process that sent them."""
    world = World()
    await world.submitted_with(JOB)
    world.cloud.finishes(JOB)
    world.cloud.shows(reading(B))
    for _ in range(3):
        await world.tick(2)
    assert await world.status() is Status.SUCCEEDED
    world.cloud.shows(reading(A))
    await world.clock.sleep(6 * 3600)
    again = "SW-000002"
    await world.requested("orders")
    await world.tick()
    for who in (ANN, BOB):
        assert await world.click(Action.APPROVE, who, again) == "None"
    world.cloud.answers = [LOST]
    await world.tick()
    assert await world.status(again) is Status.IN_DOUBT
    await world.restart()
    await world.tick(15)
    assert world.cloud.not_ours == {JOB}


class KilledError(BaseException):
    """The process dies while the request is under way."""


async def killed_while_starting(world: World | None = None) -> World:
    world = world or World()
    await world.approved()

    async def die() -> None:
        raise KilledError

    world.cloud.meanwhile = die
    with pytest.raises(KilledError):
        await world.tick()
    world.cloud.meanwhile = None
    assert await world.status() is Status.STARTING
    await world.restart()
    assert (await world.status(), await world.why()) == (Status.IN_DOUBT, "restarted-while-starting")
    return world


async def test_a_restart_while_starting_finds_the_request_by_its_job() -> None:
    world = await killed_while_starting()
    world.cloud.trace = evidence(job())
    await world.tick()
    assert (await world.status(), (await world.op()).job_id) == (Status.RUNNING, JOB)
    assert len(world.cloud.submissions) == 1


async def test_a_restart_while_starting_finds_the_request_by_its_roles() -> None:
    world = await killed_while_starting()
    world.cloud.trace = Unavailable("503")
    world.cloud.shows(reading(B))
    await world.tick()
    assert await world.status() is Status.VERIFYING
    await world.tick()
    assert await world.status() is Status.SUCCEEDED


async def test_a_request_that_surely_never_arrived_has_failed_once_it_can_not_arrive_any_more() -> None:
    world = await killed_while_starting()
    await world.tick(119)
    assert await world.status() is Status.IN_DOUBT
    await world.tick(12)
    assert await world.status() is Status.FAILED
    assert len(world.cloud.submissions) == 1


@pytest.mark.parametrize("slow", ["while_reading", "while_looking"])
async def test_a_list_from_before_the_request_died_says_nothing_of_one_that_arrived_since(slow: str) -> None:
    """The cloud takes 15 s to answer, in which the request arrives and then can't any more."""
    world = await killed_while_starting()
    await world.tick(100)

    async def arrives() -> None:
        await world.clock.sleep(15)
        world.cloud.trace = evidence(job())

    setattr(world.cloud, slow, arrives)
    await world.tick(10)
    assert await world.status() in {Status.IN_DOUBT, Status.RUNNING}
    await world.tick(10)
    assert ((await world.op()).job_id, await world.status()) == (JOB, Status.RUNNING)


async def test_nor_does_one_that_is_old_only_by_the_time_of_the_roles_read_after_it() -> None:
    """Ours was set forward: by the cloud's clock it was too early for the list, and no longer when all was read."""
    world = World()
    world.cloud.shows(replace(reading(A), cloud_at=CLOUDS_TIME))
    await killed_while_starting(world)
    await world.clock.sleep(600)
    sent = (await world.op()).sent_cloud_at
    assert sent is not None

    async def slow() -> None:
        world.cloud.shows(replace(reading(A), cloud_at=sent + timedelta(seconds=600)))

    world.cloud.shows(replace(reading(A), cloud_at=sent + timedelta(seconds=80)))
    world.cloud.while_looking = slow
    await world.tick()
    assert await world.status() is Status.IN_DOUBT
    await world.tick(10)
    assert await world.status() is Status.FAILED


@pytest.mark.parametrize("unread", ["jobs", "roles", "for ever"])
async def test_a_request_that_can_not_be_proven_absent_needs_attention(unread: str) -> None:
    world = await killed_while_starting()
    if unread == "jobs":
        world.cloud.trace = Unavailable("503")
    elif unread == "roles":
        world.cloud.shows(Unavailable("503"))
    else:
        world.cloud.capabilities = replace(CLOUD, submission_valid_for=None)
    for _ in range(13):
        await world.tick(10)
    assert (await world.status(), await world.why()) == (Status.NEEDS_ATTENTION, "doubt-remains")
    assert world.thread().count("reply-needs-attention") == 1


async def test_what_needs_attention_is_settled_by_a_job_that_shows_up_and_its_roles() -> None:
    world = await killed_while_starting()
    world.cloud.trace = Unavailable("503")
    for _ in range(13):
        await world.tick(10)
    world.cloud.trace = evidence(job())
    await world.tick(60)
    assert (await world.op()).job_id == JOB
    world.cloud.finishes(JOB)
    world.cloud.shows(reading(B))
    await world.tick(60)
    await world.tick(60)
    assert await world.status() is Status.SUCCEEDED


async def test_what_needs_attention_is_settled_by_a_later_proof_of_absence() -> None:
    world = await killed_while_starting()
    world.cloud.trace = Unavailable("503")
    for _ in range(13):
        await world.tick(10)
    world.cloud.trace = evidence()
    await world.tick(60)
    assert await world.status() is Status.FAILED


@pytest.mark.parametrize("already", [Status.IN_DOUBT, Status.NEEDS_ATTENTION])
async def test_an_answer_that_comes_after_the_doubt_is_adopted(already: Status) -> None:
    world = World()
    await world.approved()

    async def taken_over() -> None:
        world.cloud.trace = Unavailable("503")
        await world.tick(15)
        while await world.status() is not already:
            await world.tick(10)

    world.cloud.meanwhile, world.cloud.answers = taken_over, [JOB]
    await world.tick()
    op = await world.op()
    assert (op.job_id, op.accepted, len(world.cloud.submissions)) == (JOB, True, 1)
    assert op.status is (Status.RUNNING if already is Status.IN_DOUBT else Status.NEEDS_ATTENTION)


async def test_a_late_answer_that_another_worker_found_first_changes_nothing() -> None:
    world = World()
    await world.approved()

    async def found() -> None:
        world.cloud.trace = evidence(job())
        await world.tick()

    async def taken_over() -> None:
        await world.tick(15)
        world.store.after_load = found

    world.cloud.meanwhile, world.cloud.answers = taken_over, [JOB]
    await world.tick()
    assert await world.status() is Status.RUNNING
    assert (await world.history()).count("submission_found") == 1


@pytest.mark.parametrize("end", [Status.FAILED, Status.CLOSED])
async def test_an_answer_that_comes_after_the_end_is_told_to_the_audit_channel(end: Status) -> None:
    """No list showed the job for as long as it takes to conclude that there is none, or to call somebody."""
    world = World()
    await world.approved()

    async def concluded() -> None:
        if end is Status.CLOSED:
            world.cloud.trace = Unavailable("503")
        while await world.status() not in {Status.FAILED, Status.NEEDS_ATTENTION}:
            await world.tick(15)
        if end is Status.CLOSED:
            await world.click(Action.ACKNOWLEDGE, ANN)

    world.cloud.meanwhile, world.cloud.answers = concluded, [JOB]
    with capture_logs() as logs:
        await world.tick()
    op = await world.op()
    assert (op.status, op.job_id) == (end, None)
    assert [say.text for say in world.store.notices] == [
        Reason.of("notice-accepted-after-all", operation=op.id, database="orders", job=JOB)
    ]
    assert [line["job"] for line in logs if line["event"] == "accepted_after_all"] == [JOB]


def database_away(world: World, seconds: float) -> list[timedelta]:
    """From when the next request arrives on, nothing can be recorded for so long; gives when that was tried."""
    until, tries = timedelta(seconds=seconds) + world.clock.passed, list[timedelta]()

    async def gone() -> None:
        if world.clock.passed < until:
            tries.append(world.clock.passed)
            world.store.before_commit = gone
            raise StoreUnavailable("the database is locked")

    async def goes() -> None:
        world.store.before_commit = gone

    world.cloud.meanwhile = goes
    return tries


@pytest.mark.parametrize(("away", "status"), [(40, Status.RUNNING), (1000, Status.STARTING)])
async def test_an_answer_waits_for_a_database_that_is_away_and_no_other_request_leaves(
    away: float, status: Status
) -> None:
    """Nobody else has it: the job list tells it only where no other job may be meant."""
    world = World()
    await world.approved()
    tries = database_away(world, away)
    world.cloud.answers = [JOB]
    with capture_logs() as logs, contextlib.suppress(StoreUnavailable):
        await world.tick()
    op = await world.op()
    assert (op.status, op.job_id) == (status, JOB if status is Status.RUNNING else None)
    assert [line["job"] for line in logs if line["event"] == "outcome_waits"] == [JOB]
    assert tries[-1] - tries[0] < timedelta(seconds=306)
    world.store.before_commit = None
    await world.restart(20)
    assert await world.status() is (Status.RUNNING if status is Status.RUNNING else Status.IN_DOUBT)
    assert len(world.cloud.submissions) == 1


@pytest.mark.parametrize(("away", "status", "sent"), [(40, Status.RUNNING, 2), (100, Status.FAILED, 1)])
async def test_what_was_not_taken_is_tried_again_within_its_minute_though_the_database_was_away(
    away: float, status: Status, sent: int
) -> None:
    world = World()
    await world.approved()
    database_away(world, away)
    world.cloud.answers = [Throttled("busy"), JOB]
    await world.tick()
    await world.tick(2)
    assert (await world.status(), len(world.cloud.submissions)) == (status, sent)


@pytest.mark.parametrize("late", [None, Refused("no")])
async def test_a_late_answer_that_proves_nothing_leaves_the_doubt_to_be_settled(
    late: Exception | None,
) -> None:
    world = World()
    await world.approved()

    async def taken_over() -> None:
        await world.tick(15)

    world.cloud.meanwhile, world.cloud.answers = taken_over, [late]
    await world.tick()
    assert await world.status() is Status.IN_DOUBT


# --- running and verifying ---


async def test_a_job_that_is_done_with_roles_unchanged_needs_attention() -> None:
    world = World()
    await world.submitted_with(JOB)
    world.cloud.finishes(JOB)
    await world.tick(2)
    await world.tick(179)
    assert await world.status() is Status.VERIFYING
    await world.tick(11)
    assert (await world.status(), await world.why()) == (
        Status.NEEDS_ATTENTION,
        "roles-unchanged-though-done",
    )


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (reading(C), "roles-another-primary"),
        (reading(), "roles-no-single-primary"),
        (Unavailable("503"), "roles-unreadable"),
    ],
)
async def test_other_roles_than_approved_need_attention(seen: object, why: str) -> None:
    world = World()
    await world.submitted_with(JOB)
    world.cloud.finishes(JOB)
    world.cloud.topology = [seen]  # type: ignore[list-item]
    await world.tick(2)
    await world.tick(190)
    assert (await world.status(), await world.why()) == (Status.NEEDS_ATTENTION, why)


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (reading(B), reading(A), "roles-disagree"),
        (reading(C), reading(A), "roles-disagree"),
        (reading(C), reading(C), "roles-another-primary"),
    ],
)
async def test_an_outcome_that_one_reading_shows_and_the_next_does_not_is_told_of_nobody(
    one: Topology, other: Topology, why: str
) -> None:
    world = World()
    await world.submitted_with(JOB)
    world.cloud.finishes(JOB)
    await world.tick(2)
    world.cloud.shows(one, other, reading(A))
    await world.tick(190)
    assert (await world.status(), await world.why()) == (Status.NEEDS_ATTENTION, why)


async def test_one_reading_as_approved_is_not_enough() -> None:
    world = World()
    await world.submitted_with(JOB)
    world.cloud.finishes(JOB)
    await world.tick(2)
    world.cloud.shows(reading(B), reading(A), reading(B), Unavailable("503"), reading(B))
    await world.tick()
    assert await world.status() is Status.VERIFYING
    await world.tick(2)
    assert await world.status() is Status.VERIFYING
    await world.tick(2)
    assert await world.status() is Status.SUCCEEDED


async def test_any_other_member_will_do_where_the_cloud_chooses_but_two_readings_must_agree() -> None:
    world = World()
    world.cloud.capabilities = CHOSEN
    await world.requested(node=None)
    await world.tick()
    for who in (ANN, BOB):
        await world.click(Action.APPROVE, who)
    world.cloud.answers = [JOB]
    await world.tick()
    world.cloud.finishes(JOB)
    await world.tick(2)
    world.cloud.shows(reading(B), reading(C), reading(C))
    await world.tick()
    assert await world.status() is Status.VERIFYING
    await world.tick(2)
    assert (await world.status(), (await world.op()).primary_now) == (Status.SUCCEEDED, C)


async def test_a_failed_job_with_roles_unchanged_has_failed() -> None:
    world = World()
    await world.submitted_with(JOB)
    world.cloud.finishes(JOB, JobState.FAILED)
    await world.tick(2)
    await world.tick()
    assert await world.status() is Status.FAILED
    assert world.thread()[-2:] == ["reply-job-failed", "reply-failed"]


@pytest.mark.parametrize(
    ("seen", "why"), [(B, "roles-moved-though-failed"), (C, "roles-another-though-failed")]
)
async def test_a_failed_job_with_roles_moved_needs_attention_and_is_never_called_a_success(
    seen: NodeId, why: str
) -> None:
    world = World()
    await world.submitted_with(JOB)
    world.cloud.finishes(JOB, JobState.FAILED)
    world.cloud.shows(reading(seen))
    await world.tick(2)
    await world.tick(190)
    assert (await world.status(), await world.why()) == (Status.NEEDS_ATTENTION, why)
    for _ in range(5):
        await world.tick(60)
    assert await world.status() is Status.NEEDS_ATTENTION


@pytest.mark.parametrize("answer", [JOB, None])
async def test_a_job_that_runs_past_the_deadline_needs_attention_and_is_still_looked_at(
    answer: JobId | None,
) -> None:
    world = World()
    await world.submitted_with(answer)
    world.cloud.known[JOB] = job()
    await world.tick(20 * 60 - 1)
    assert await world.status() is Status.RUNNING
    await world.tick(10)
    assert (await world.status(), await world.why()) == (Status.NEEDS_ATTENTION, "deadline-passed")
    world.cloud.shows(reading(B))
    for _ in range(3):
        await world.tick(60)
    assert await world.status() is Status.SUCCEEDED


async def test_what_was_accepted_without_a_job_is_never_called_absent() -> None:
    world = World()
    await world.submitted_with(None)
    await world.tick(20 * 60)
    for _ in range(10):
        await world.tick(60)
    assert await world.status() is Status.NEEDS_ATTENTION
    world.cloud.shows(reading(B))
    await world.tick(60)
    assert await world.status() is Status.SUCCEEDED


async def test_a_database_removed_after_the_request_left_is_still_tracked() -> None:
    world = World()
    await world.submitted_with(JOB)
    world.configure()
    world.cloud.finishes(JOB)
    world.cloud.shows(reading(B))
    await world.tick(2)
    await world.tick()
    assert await world.status() is Status.SUCCEEDED


async def test_a_database_that_nothing_is_known_of_any_more_ends_up_with_a_person() -> None:
    world = World()
    await world.submitted_with(JOB)
    world.catalogue.current = Catalogue({})
    await world.tick(20 * 60)
    assert await world.status() is Status.NEEDS_ATTENTION
    await world.tick(60)
    assert await world.status() is Status.NEEDS_ATTENTION


async def test_a_lost_request_of_a_database_that_nothing_is_known_of_ends_up_with_a_person() -> None:
    world = World()
    await world.submitted_with(LOST)
    world.catalogue.current = Catalogue({})
    await world.tick(100)
    assert (await world.status(), await world.why()) == (Status.NEEDS_ATTENTION, "doubt-remains")


async def test_two_workers_with_the_same_operation_have_one_effect() -> None:
    world = World()
    op = await world.approved()
    world.cloud.answers = [JOB]
    until = world.clock.now() + world.duties.limits.lease
    await world.duties.perform(op, until)
    await world.duties.perform(op, until)
    assert len(world.cloud.submissions) == 1
    assert (await world.history()).count("submission_started") == 1


async def test_everything_that_changes_wakes_the_sweeps() -> None:
    world = World()
    await world.planned()
    before = world.woken
    await world.click(Action.REJECT, ANN)
    assert world.woken > before


async def test_a_stranger_among_the_approvers_of_record_does_not_count() -> None:
    world = World()
    world.people.groups["S-DBA"].add(EVE)
    await world.planned()
    for who in (EVE, ANN):
        await world.click(Action.APPROVE, who)
    world.people.groups["S-DBA"].discard(EVE)
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "no-quorum")
