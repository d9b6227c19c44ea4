"""Break-glass: without approvals, not without checks, once, announced, and reviewed by somebody else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.core.answers import ChooseNode, ShowOperations, ShowPlan, Tell
from bot.core.commands import Act, Action, Freeze, Halt, RequestSwitchover, ShowStatus
from bot.core.events import Planned, Requested, Reviewed, SubmissionStarted
from bot.core.model import NodeId, Reason, Topology, UserId
from bot.core.operation import Operation, Status
from bot.core.preflight import OVERRIDABLE, Outcome
from bot.core.schedule import Start
from bot.errors import DirectoryUnavailable, OutcomeUnknown
from tests.core.examples import ANN, ASKER, BOB, EVE, JOB, A, B, C, node, reading
from tests.service.world import GUEST, ID, People, World, stricter

EMERGENCY = RequestSwitchover("orders", "n-b", reason="primary is dying", emergency=True)
ORDERS = RequestSwitchover("orders", "n-b", reason="upgrade")
ALREADY = Tell(Reason.of("chosen-already", id=ID), instead=True)


def glass(**changes: object) -> World:
    """A world in which Eve, who may approve nothing, and the members of ``S-SRE`` may break the glass."""
    world = World(stricter(**{"break_glass": (EVE, "S-SRE"), **changes}))
    world.people.groups["S-SRE"] = {BOB}
    return world


async def sent(world: World, command: RequestSwitchover = EMERGENCY, by: UserId = EVE) -> Operation:
    """An emergency that was planned, rechecked and sent, in as many looks."""
    world.cloud.answers = [JOB]
    assert await world.ask(command, by) is None
    await world.tick()
    await world.tick()
    return await world.op()


async def succeeded(world: World) -> Operation:
    """``orders`` was switched to ``n-b`` in an emergency."""
    await sent(world)
    world.cloud.finishes(JOB)
    world.cloud.shows(reading(B))
    await world.tick(2)
    await world.tick()
    op = await world.op()
    assert op.status is Status.SUCCEEDED
    return op


def ailing(*, lag: float = 9) -> World:
    """A world whose candidate lags and is not healthy."""
    world = glass(max_lag=timedelta(seconds=1))
    late = replace(node(B, lag=lag), healthy=False)
    nodes = tuple(late if each.id == B else each for each in reading(A).nodes)
    world.cloud.shows(replace(reading(A), nodes=nodes))
    return world


def lagging() -> Topology:
    """``n-b`` is healthy and nine seconds behind."""
    nodes = tuple(node(B, lag=9) if each.id == B else each for each in reading(A).nodes)
    return replace(reading(A), nodes=nodes)


# --- who, and what is asked ---


@pytest.mark.parametrize(
    ("user", "told"),
    [
        (EVE, "None"),
        (BOB, "None"),
        (ANN, "deny-not-break-glass"),
        (ASKER, "deny-not-break-glass"),
        (GUEST, "deny-not-a-member"),
    ],
)
async def test_only_people_whom_the_policy_names_may_break_the_glass(user: UserId, told: str) -> None:
    world = glass()
    assert await world.told(EMERGENCY, user) == told
    assert len(await world.store.operations(open_only=False)) == (told == "None")


async def test_where_nobody_is_named_nobody_may() -> None:
    assert await World().told(EMERGENCY, ANN) == "deny-not-break-glass"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"reason": " "}, "reason-needed"),
        ({"start": Start(after=timedelta(hours=1))}, "emergency-starts-at-once"),
        ({"overrides": ("candidate_lag", "candidate_known", "sanity")}, "not-overridable"),
    ],
)
async def test_an_emergency_that_makes_no_sense_is_told_so(changes: dict[str, object], told: str) -> None:
    world = glass()
    assert await world.told(replace(EMERGENCY, **changes), EVE) == told  # type: ignore[arg-type]
    assert await world.store.operations(open_only=False) == []


async def test_what_can_not_be_overridden_is_named_with_what_can() -> None:
    answer = await glass().ask(replace(EMERGENCY, overrides=("candidate_lag", "sanity")), EVE)
    assert answer == Tell(Reason.of("not-overridable", asked="sanity", known=", ".join(OVERRIDABLE)))


async def test_only_an_emergency_overrides() -> None:
    world = glass()
    assert await world.told(replace(ORDERS, overrides=("candidate_lag",))) == "overrides-need-emergency"


@pytest.mark.parametrize("dry_run", [False, True])
async def test_an_emergency_is_read_with_what_is_kept_of_the_budget_and_a_dry_run_is_not(
    dry_run: bool,
) -> None:
    world = glass()
    await world.ask(replace(EMERGENCY, dry_run=dry_run), EVE)
    await world.tick()
    assert world.cloud.urgent
    assert set(world.cloud.urgent) == {not dry_run}


async def test_an_emergency_has_the_chooser_too() -> None:
    answer = await glass().ask(replace(EMERGENCY, node=None), EVE)
    assert isinstance(answer, ChooseNode)
    asked = replace(EMERGENCY, node=None, choice=answer.request.choice)
    assert (answer.request, [each.id for each in answer.nodes]) == (asked, [B, C])


async def chosen(world: World) -> RequestSwitchover:
    """What a press on the chooser of an emergency asks for."""
    answer = await world.ask(replace(EMERGENCY, node=None), EVE)
    assert isinstance(answer, ChooseNode)
    return replace(answer.request, node=B)


async def test_one_chooser_makes_one_emergency_however_often_it_is_pressed() -> None:
    world = glass()
    press = await chosen(world)
    world.cloud.answers = [JOB]
    assert await world.told(press, EVE) == "chosen"
    await world.tick()
    await world.tick()
    assert await world.ask(press, EVE) == ALREADY
    world.cloud.finishes(JOB)
    world.cloud.shows(reading(B))
    await world.tick(2)
    await world.tick()
    assert await world.status() is Status.SUCCEEDED
    assert await world.ask(press, EVE) == ALREADY
    assert await world.ask(replace(press, node=C), EVE) == ALREADY
    assert await world.told(await chosen(world), EVE) == "chosen"


async def test_of_two_presses_at_once_one_makes_an_operation() -> None:
    world = glass()
    press = await chosen(world)
    items = [await world.receive(replace(press, node=node), EVE) for node in (B, C)]
    await asyncio.gather(*(world.desk.work(item) for item in items))
    (made,) = await world.store.operations(open_only=False)
    assert made.id == ID
    told = [reply.answer for reply in world.store.answers if isinstance(reply.answer, Tell)]
    assert [answer.text.code for answer in told] == ["chosen", "chosen-already"]
    assert told[1] == ALREADY


async def test_a_press_is_too_late_even_where_the_other_began_and_ended_while_it_was_looked_at() -> None:
    world = glass()
    press = await chosen(world)
    other = await world.receive(press, EVE)

    async def meanwhile() -> None:
        await world.desk.work(other)
        (made,) = await world.store.operations(open_only=True)
        assert await world.click(Action.CANCEL, EVE, made.id) == "None"

    world.store.before_open = meanwhile
    answer = await world.ask(replace(press, node=C), EVE)
    (made,) = await world.store.operations(open_only=False)
    already = Tell(Reason.of("chosen-already", id=made.id), instead=True)
    assert (answer, made.status) == (already, Status.CANCELLED)


async def test_a_chooser_is_open_for_ten_minutes() -> None:
    world = glass()
    press = await chosen(world)
    await world.clock.sleep(10 * 60 + 1)
    assert await world.ask(press, EVE) == Tell(Reason.of("choice-too-old", minutes=10), instead=True)
    press = await chosen(world)
    await world.clock.sleep(10 * 60)
    assert await world.told(press, EVE) == "chosen"


async def test_two_presses_at_the_same_moment_make_one_emergency() -> None:
    world = glass()
    press = await chosen(world)
    first, second = await world.receive(press, EVE), await world.receive(press, EVE)

    async def meanwhile() -> None:
        await world.desk.work(first)

    world.people.meanwhile[EVE] = meanwhile
    await world.desk.work(second)
    assert len(await world.store.operations(open_only=False)) == 1


async def test_what_stands_in_the_way_is_named_with_who_may_withdraw_it() -> None:
    world = glass()
    await world.planned()
    assert await world.ask(EMERGENCY, EVE) == Tell(
        Reason.of("locked", database="orders", holder=ID),
        Reason.of("locked-for-emergency", id=ID, by=ASKER, approvers="S-DBA"),
    )
    assert await world.click(Action.CANCEL, EVE) == "deny-not-requester-nor-approver"
    told = await world.ask(ORDERS, EVE)
    assert isinstance(told, Tell)
    assert (told.text.code, told.detail and told.detail.code) == ("locked", "locked-may-cancel")
    assert await world.click(Action.CANCEL, ANN) == "None"
    assert await world.ask(EMERGENCY, EVE) is None


@pytest.mark.parametrize("who", [ASKER, ANN])
async def test_whoever_may_withdraw_what_stands_in_the_way_is_told_that_they_may(who: UserId) -> None:
    world = glass(break_glass=(ASKER, ANN))
    await world.planned()
    locked = Reason.of("locked", database="orders", holder=ID)
    for command, code in ((ORDERS, "locked-cancel"), (EMERGENCY, "locked-for-emergency-cancel")):
        assert await world.ask(command, who) == Tell(locked, Reason.of(code, id=ID))
    assert await world.click(Action.CANCEL, who) == "None"


async def test_a_requester_who_is_no_approver_is_told_that_they_may_withdraw_their_own() -> None:
    world = World()
    world.people.groups["S-DBA"] = {ANN, BOB}
    await world.planned()
    told = await world.ask(ORDERS)
    assert isinstance(told, Tell)
    assert told.detail == Reason.of("locked-cancel", id=ID)


class NoGroups(People):
    """A directory that knows people, and can't say who is in a group."""

    async def members(self, group_id: str, *, since: datetime | None = None) -> frozenset[str]:
        raise DirectoryUnavailable(group_id)


async def test_the_requester_is_told_so_even_where_slack_can_not_say_who_approves() -> None:
    world = World()
    await world.planned()
    world.directory = NoGroups()
    world.start()
    told = await world.ask(ORDERS)
    assert isinstance(told, Tell)
    assert told.detail == Reason.of("locked-cancel", id=ID)


async def test_where_slack_can_not_say_who_approves_the_asker_is_told_whom_to_ask() -> None:
    world = World()
    await world.planned()

    async def gone() -> None:
        world.people.available = False

    world.store.after_load = gone
    told = await world.ask(ORDERS, ANN)
    assert isinstance(told, Tell)
    assert told.detail == Reason.of("locked-may-cancel", id=ID, by=ASKER, approvers="S-DBA")


async def test_what_is_sent_can_not_be_withdrawn_and_nobody_is_named() -> None:
    world = glass()
    await world.submitted_with(JOB)
    tracked = Reason.of("locked-tracked", id=ID)
    assert await world.ask(EMERGENCY, EVE) == Tell(Reason.of("locked", database="orders", holder=ID), tracked)


async def test_what_needs_attention_is_unlocked_by_an_approver_who_acknowledges() -> None:
    world = glass()
    await world.submitted_with(JOB)
    await world.tick(20 * 60 + 1)
    assert await world.status() is Status.NEEDS_ATTENTION
    unlocked = Reason.of("locked-needs-attention", id=ID)
    assert await world.ask(EMERGENCY, EVE) == Tell(
        Reason.of("locked", database="orders", holder=ID), unlocked
    )
    told = await world.ask(ORDERS, ANN)
    assert isinstance(told, Tell)
    assert told.detail == Reason.of("locked-needs-you", id=ID)
    assert await world.click(Action.ACKNOWLEDGE, ANN) == "None"
    assert await world.ask(EMERGENCY, EVE) is None


# --- without approvals, not without checks ---


async def test_an_emergency_is_announced_planned_rechecked_and_sent_without_approvals() -> None:
    world = glass()
    op = await sent(world)
    assert (op.status, op.needed, op.approvers, op.approvals) == (Status.RUNNING, 0, ("S-DBA",), ())
    assert len(world.cloud.submissions) == 1
    assert await world.history() == ["requested", "planned", "submission_started", "submission_accepted"]
    first = world.store.said(ID)[0]
    assert (first.text.code, first.besides, first.text["reason"]) == (
        "reply-emergency",
        True,
        "primary is dying",
    )
    assert "reply-awaiting-approval" not in world.thread()


async def test_whoever_is_taken_off_the_list_before_the_start_starts_nothing() -> None:
    world = glass()
    assert await world.ask(EMERGENCY, EVE) is None
    await world.tick()
    assert await world.status() is Status.RECHECKING
    world.configure(orders=stricter(break_glass=("S-SRE",)))
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "deny-not-break-glass")
    assert world.cloud.submissions == []


@pytest.mark.parametrize("gone", ["group", "deactivated"])
async def test_whoever_broke_the_glass_is_asked_about_afresh_before_the_start(gone: str) -> None:
    world = glass()
    assert await world.ask(EMERGENCY, BOB) is None
    await world.tick()
    if gone == "group":
        world.people.groups["S-SRE"].clear()
    else:
        world.people.persons[BOB] = False
    await world.tick()
    assert await world.status() is Status.REFUSED
    assert world.people.asked_afresh[0] == BOB
    assert world.cloud.submissions == []


async def test_who_can_not_be_found_out_before_the_start_starts_nothing() -> None:
    world = glass()
    assert await world.ask(EMERGENCY, EVE) is None
    await world.tick()
    world.people.available = False
    await world.tick()
    assert await world.status() is Status.RECHECKING
    assert world.cloud.submissions == []


async def test_an_emergency_is_refused_by_its_checks_and_says_which_overrides_would_let_it_pass() -> None:
    world = ailing()
    assert await world.ask(replace(EMERGENCY, overrides=("candidate_lag",)), EVE) is None
    await world.tick()
    op = await world.op()
    assert op.status is Status.REFUSED
    assert op.detail == Reason.of("emergency-could-override", checks="candidate_healthy, candidate_lag")
    assert world.cloud.submissions == []


@pytest.mark.parametrize("overrides", [(), ("cluster_ready",), OVERRIDABLE])
async def test_what_no_override_helps_against_is_told_to_be_so(overrides: tuple[str, ...]) -> None:
    """What the cluster is busy with may be a switchover."""
    world = ailing()
    world.cloud.shows(replace(reading(A, idle=False)))
    assert await world.ask(replace(EMERGENCY, overrides=overrides), EVE) is None
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "emergency-cluster-busy")
    assert world.cloud.submissions == []


async def test_the_overrides_are_recorded_in_one_order_and_are_part_of_the_plan() -> None:
    world = ailing()
    names = ("candidate_lag", "candidate_healthy", "candidate_lag")
    op = await sent(world, replace(EMERGENCY, overrides=names))
    assert op.status is Status.RUNNING
    events = {type(event): event for event in await world.store.events(ID)}
    requested, planned, started = events[Requested], events[Planned], events[SubmissionStarted]
    assert isinstance(requested, Requested)
    assert isinstance(planned, Planned)
    assert isinstance(started, SubmissionStarted)
    expected = ("candidate_healthy", "candidate_lag")
    assert requested.overrides == planned.plan.overrides == started.plan.overrides == expected
    assert {check.name for check in planned.checks if check.overridden} == set(expected)
    assert planned.plan.fingerprint == started.plan.fingerprint
    assert planned.plan.fingerprint != replace(planned.plan, overrides=expected[:1]).fingerprint


async def test_what_begins_to_fail_before_the_start_is_not_overridden() -> None:
    world = glass(max_lag=timedelta(seconds=1))
    assert await world.ask(replace(EMERGENCY, overrides=("candidate_healthy",)), EVE) is None
    await world.tick()
    world.cloud.shows(replace(reading(A), nodes=(reading(A).nodes[0], node(B, lag=9), node(C))))
    await world.tick()
    assert await world.status() is Status.REFUSED
    assert (await world.op()).detail == Reason.of("emergency-could-override", checks="candidate_lag")


async def test_an_emergency_whose_topology_moved_is_refused() -> None:
    world = glass()
    assert await world.ask(EMERGENCY, EVE) is None
    await world.tick()
    world.cloud.shows(reading(C))
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "topology-moved-primary")


async def test_the_dry_run_of_an_emergency_says_what_would_have_to_be_overridden() -> None:
    world = ailing()
    answer = await world.ask(replace(EMERGENCY, dry_run=True), EVE)
    assert isinstance(answer, ShowPlan)
    assert answer.detail == Reason.of("emergency-could-override", checks="candidate_healthy, candidate_lag")
    names = ("candidate_lag", "candidate_healthy")
    answer = await world.ask(replace(EMERGENCY, dry_run=True, overrides=names), EVE)
    assert isinstance(answer, ShowPlan)
    assert (answer.outcome, answer.candidate) == (Outcome.CLEAN, NodeId("n-b"))


# --- what stops it, and what does not ---


async def test_a_freeze_and_the_cooldown_leave_an_emergency_alone() -> None:
    world = glass(cooldown=timedelta(hours=1))
    await succeeded(world)
    current = world.catalogue.current
    frozen = Reason.of("frozen", reason="trading hours", until="17:00")
    orders = replace(current.databases["orders"], frozen=lambda _now: frozen)
    world.catalogue.current = replace(current, databases={"orders": orders})
    await world.ask(Freeze("all", "month end"), ANN)
    world.cloud.answers = [OutcomeUnknown("lost")]
    assert await world.ask(replace(EMERGENCY, node="n-a"), EVE) is None
    await world.tick()
    await world.tick()
    assert len(world.cloud.submissions) == 2


async def test_a_halt_stops_the_request_of_an_emergency() -> None:
    world = glass()
    await world.ask(Halt("which primary?"), ANN)
    assert await world.told(EMERGENCY, EVE) == "halted-by"


async def test_a_halt_stops_the_start_of_an_emergency() -> None:
    world = glass()
    assert await world.ask(EMERGENCY, EVE) is None
    await world.tick()
    await world.ask(Halt("which primary?"), ANN)
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "halted-by")


@pytest.mark.parametrize(("command", "starts"), [(Halt("wait"), False), (Freeze("all", "wait"), True)])
async def test_of_an_emergency_and_a_hold_in_the_same_moment_only_a_halt_wins(
    command: Halt | Freeze, *, starts: bool
) -> None:
    world = glass()
    world.cloud.answers = [JOB]
    assert await world.ask(EMERGENCY, EVE) is None
    await world.tick()

    async def held() -> None:
        await world.ask(command, ANN)

    world.store.before_commit = held
    await world.tick()
    assert len(world.cloud.submissions) == starts


# --- the review ---


async def test_an_emergency_is_reviewed_once_by_somebody_else_and_the_card_alone_says_so() -> None:
    world = glass()
    op = await succeeded(world)
    assert op.review_owed
    assert await world.click(Action.REVIEW, EVE) == "deny-own-emergency"
    assert await world.click(Action.REVIEW, GUEST) == "deny-not-a-member"
    assert (await world.op()).review_owed
    thread = world.thread()
    assert await world.click(Action.REVIEW, ANN) == "None"
    op = await world.op()
    assert (op.reviewed_by, op.status, op.review_owed) == (ANN, Status.SUCCEEDED, False)
    assert (await world.store.events(ID))[-1] == Reviewed(world.clock.now(), ANN, "T-HOME")
    assert world.thread() == thread
    assert world.store.due_at(ID) is None
    assert await world.ask(Act(Action.REVIEW, ID), BOB) == Tell(Reason.of("already-reviewed", id=ID, by=ANN))


async def test_a_status_shows_the_reviews_that_are_owed() -> None:
    world = glass()
    await sent(world)

    async def owed(command: ShowStatus) -> list[str]:
        shown = await world.ask(command, ASKER)
        assert isinstance(shown, ShowOperations)
        return [op.id for op in shown.to_review]

    assert await owed(ShowStatus()) == []
    world.cloud.finishes(JOB)
    world.cloud.shows(reading(B))
    await world.tick(2)
    await world.tick()
    assert await owed(ShowStatus()) == [ID]
    assert await owed(ShowStatus(ID)) == [], "which shows all of it"
    await world.click(Action.REVIEW, ANN)
    assert await owed(ShowStatus()) == []


async def test_somebody_whom_the_policy_does_not_know_reviews_nothing() -> None:
    world = glass()
    await succeeded(world)
    stranger = UserId("U-STRANGER")
    world.people.persons[stranger] = True
    assert await world.click(Action.REVIEW, stranger) == "deny-no-reviewer"
    world.people.groups["S-SRE"].add(stranger)
    assert await world.click(Action.REVIEW, stranger) == "None"


async def test_when_slack_can_not_say_for_a_minute_whether_somebody_still_may_the_card_says_of_whom() -> None:
    world = glass()
    assert await world.ask(EMERGENCY, EVE) is None
    await world.tick()
    world.people.available = False
    await world.tick()
    await world.tick(60)
    op = await world.op()
    assert (op.status, op.detail) == (Status.REFUSED, Reason.of("glass-unknown", by=EVE))


async def test_what_is_still_under_way_or_was_not_sent_is_not_reviewed() -> None:
    world = glass()
    await sent(world)
    assert await world.click(Action.REVIEW, ANN) == "review-too-early"
    other = glass()
    await other.ask(EMERGENCY, EVE)
    await other.click(Action.CANCEL, EVE)
    assert await other.click(Action.REVIEW, ANN) == "nothing-to-review"


# --- what was checked at the start ---


async def test_what_an_emergency_went_on_without_is_what_the_recheck_found() -> None:
    world = glass(max_lag=timedelta(seconds=1))
    world.cloud.answers = [JOB]
    assert await world.ask(replace(EMERGENCY, overrides=("candidate_lag",)), EVE) is None
    await world.tick()
    assert [check.name for check in (await world.op()).checks if check.overridden] == []
    world.cloud.shows(lagging())
    await world.tick()
    op = await world.op()
    assert op.status is Status.RUNNING
    assert [check.name for check in op.checks if check.overridden] == ["candidate_lag"]
    (started,) = [event for event in await world.store.events(ID) if isinstance(event, SubmissionStarted)]
    assert started.checks == op.checks


async def test_what_the_recheck_found_is_kept_where_it_refuses() -> None:
    world = glass(max_lag=timedelta(seconds=1))
    assert await world.ask(EMERGENCY, EVE) is None
    await world.tick()
    assert [check.name for check in (await world.op()).checks if not check.passed] == []
    world.cloud.shows(lagging())
    await world.tick()
    op = await world.op()
    assert op.status is Status.REFUSED
    assert [check.name for check in op.checks if not check.passed] == ["candidate_lag"]
