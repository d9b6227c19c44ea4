"""The buttons ``switch_back`` and ``replan``: a new request in the place of the old one, judged like any other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core import events as e
from bot.core.answers import ChooseNode, Tell
from bot.core.commands import Act, Action, Freeze, RequestSwitchover
from bot.core.machine import decide, open_operation
from bot.core.model import CandidateRule, OperationId, Reason, Topology, UserId
from bot.core.operation import Operation, Status
from bot.core.schedule import Start
from bot.errors import Refused, Unavailable
from bot.service.catalogue import Catalogue
from tests.core.examples import (
    ACCEPTED,
    ANN,
    ASKER,
    BOB,
    CLOUD,
    DONE,
    EVE,
    JOB,
    WHY,
    A,
    B,
    C,
    at,
    reading,
    requested,
)
from tests.service.world import GUEST, ID, POLICY, World, stricter

NEW = "SW-000002"
BACK, AGAIN = Act(Action.SWITCH_BACK, ID), Act(Action.REPLAN, ID)


async def succeeded(world: World | None = None) -> World:
    """``orders`` was switched from ``n-a`` to ``n-b``."""
    world = world or World()
    await world.submitted_with(JOB)
    world.cloud.finishes(JOB)
    world.cloud.shows(reading(B))
    await world.tick(2)
    await world.tick()
    assert await world.status() is Status.SUCCEEDED
    return world


async def refused() -> World:
    """The topology moved between the approvals and the start."""
    world = World()
    await world.approved()
    world.cloud.shows(reading(C))
    await world.tick()
    assert await world.status() is Status.REFUSED
    return world


async def took(world: World, number: int, seconds: float, *between: e.Event) -> None:
    """Long ago ``orders`` was switched, the higher the number the later: its job was done, or this came ``between``."""
    asked = replace(requested(at(number - 100)), id=OperationId(f"SW-00010{number}"))
    decisions = [open_operation(asked)]
    roles = e.RolesConfirmed(at(3 + seconds), (reading(B), reading(B)))
    for event in (*ACCEPTED, *(between or [e.JobReported(at(4), DONE)]), roles):
        decisions.append(decide(decisions[-1].after, event))
    await world.store.open(decisions[0], due_at=at(0), item_id=None)
    await world.store.commit(decisions[1:], due_at=None)


async def new(world: World) -> Operation:
    return await world.op(NEW)


# --- switching back ---


async def test_switching_back_is_a_new_request_towards_the_old_primary() -> None:
    world = await succeeded()
    assert await world.ask(BACK, EVE) is None
    op = await new(world)
    assert (op.status, op.requested_by, op.follows) == (Status.PLANNING, EVE, ID)
    assert (op.asked, op.reason, op.place) == (A, f"switch back of {ID}", (await world.op()).place)
    await world.tick()
    op = await new(world)
    assert (op.status, op.needed) == (Status.AWAITING_APPROVAL, 2)
    assert op.plan is not None
    assert (op.plan.primary, op.plan.candidate) == (B, A)
    assert await world.click(Action.APPROVE, EVE, NEW) == "deny-own-request"


async def test_it_is_posted_where_the_card_is_wherever_the_click_came_from() -> None:
    world = World()
    item = await world.receive(RequestSwitchover("orders", "n-b", reason="x"))
    thread = e.Place("C-OPS", "17.1")
    await world.desk.work(replace(item, origin=replace(item.origin, place=thread)))
    world.cloud.shows(Refused("gone"))
    await world.tick()
    assert await world.status() is Status.REFUSED
    assert await world.ask(AGAIN, ANN, channel="C-OTHER") is None
    assert (await new(world)).place == thread


@pytest.mark.parametrize("rule", [CandidateRule.CHOSEN_BY_CLOUD, CandidateRule.OPTIONAL])
async def test_where_no_node_was_named_none_is_and_the_asker_is_told_what_is_not_promised(
    rule: CandidateRule,
) -> None:
    world = World()
    world.cloud.capabilities, world.cloud.answers = replace(CLOUD, candidate=rule), [JOB]
    assert await world.ask(RequestSwitchover("orders", reason="upgrade")) is None
    await world.tick()
    for who in (ANN, BOB):
        await world.click(Action.APPROVE, who)
    await world.tick()
    world.cloud.finishes(JOB)
    world.cloud.shows(reading(B))
    await world.tick(2)
    await world.tick()
    assert await world.ask(BACK, ANN) == Tell(Reason.of("switch-back-not-promised", id=ID, node="db-a"))
    op = await new(world)
    assert (op.asked, op.follows) == (None, ID)


async def test_a_cloud_that_can_not_be_told_a_node_any_more_is_told_none() -> None:
    world = await succeeded()
    world.cloud.capabilities = replace(CLOUD, candidate=CandidateRule.CHOSEN_BY_CLOUD)
    assert await world.told(BACK, ANN) == "switch-back-not-promised"
    assert (await new(world)).asked is None


@pytest.mark.parametrize(("seen", "now"), [(reading(C), "db-c"), (reading(A), "db-a"), (reading(), "")])
async def test_what_was_moved_since_is_not_switched_back(seen: Topology, now: str) -> None:
    world = await succeeded()
    world.cloud.shows(seen)
    assert await world.ask(BACK, ANN) == Tell(Reason.of("switch-back-moved", id=ID, before="db-b", now=now))
    assert len(await world.store.operations(open_only=False)) == 1


async def test_what_can_not_be_read_is_not_switched_back() -> None:
    world = await succeeded()
    world.cloud.shows(Unavailable("503"))
    answer = await world.ask(BACK, ANN)
    assert isinstance(answer, Tell)
    assert (answer.text.code, answer.detail and answer.detail.code) == ("unreadable", "provider-said")
    assert len(await world.store.operations(open_only=False)) == 1


async def test_there_is_no_way_back_to_a_primary_that_was_not_known() -> None:
    world = World(stricter(allow_unknown_primary=True))
    world.cloud.shows(reading())
    await succeeded(world)
    assert await world.told(BACK, ANN) == "switch-back-unknown"


async def test_the_cooldown_binds_the_way_back_and_says_until_when() -> None:
    world = await succeeded(World(stricter(cooldown=timedelta(minutes=10))))
    told = await world.ask(BACK, ANN)
    until = world.clock.now() + timedelta(minutes=10)
    assert told == Tell(Reason.of("cooldown", last=ID, until=until.isoformat()))
    await world.clock.sleep(600)
    assert await world.ask(BACK, ANN) is None


# --- asking again ---


async def test_asking_again_makes_a_fresh_plan_of_the_same_request() -> None:
    world = await refused()
    before = await world.op()
    assert await world.ask(AGAIN, ANN) is None
    op = await new(world)
    assert (op.database, op.shard, op.asked, op.reason) == ("orders", None, "n-b", "upgrade")
    assert (op.requested_by, op.follows, op.place) == (ANN, ID, before.place)
    await world.tick()
    op = await new(world)
    assert op.plan is not None
    assert (op.status, op.approvals, op.plan.primary) == (Status.AWAITING_APPROVAL, (), C)
    assert await world.click(Action.APPROVE, ANN, NEW) == "deny-own-request"


async def test_an_emergency_is_asked_again_as_a_request_that_needs_approvals() -> None:
    world = World(stricter(break_glass=(EVE,)))
    world.cloud.shows(reading(A, idle=False))
    command = RequestSwitchover("orders", "n-b", None, "dying", emergency=True, overrides=("cluster_ready",))
    assert await world.ask(command, EVE) is None
    await world.tick()
    assert await world.status() is Status.REFUSED
    assert await world.ask(AGAIN, EVE) is None
    op = await new(world)
    assert (op.emergency, op.overrides, op.start_at) == (False, (), None)


async def to_start_in(minutes: float) -> World:
    """Approved, to be started in so many minutes as clocks show it in Shanghai, and refused till then."""
    world = World()
    world.people.zones[ASKER] = "Asia/Shanghai"
    later = Start(at=world.clock.now() + timedelta(minutes=minutes))
    assert await world.ask(RequestSwitchover("orders", "n-b", reason="upgrade", start=later)) is None
    world.cloud.shows(Refused("gone"))
    await world.tick()
    assert await world.status() is Status.REFUSED
    return world


async def test_asking_again_keeps_the_start_and_the_zone_in_which_it_was_meant() -> None:
    world = await to_start_in(60)
    assert await world.ask(AGAIN, ANN) is None
    before, op = await world.op(), await new(world)
    assert (op.start_at, op.zone) == (before.start_at, "Asia/Shanghai")
    assert op.start_at is not None


async def test_a_start_that_has_passed_is_asked_for_again_and_never_made_at_once() -> None:
    world = await to_start_in(60)
    before = await world.op()
    await world.clock.sleep(3600)
    told = await world.ask(AGAIN, ANN)
    assert isinstance(told, Tell)
    assert before.start_at is not None
    assert (told.text.code, told.text["when"]) == ("replan-start-passed", before.start_at.isoformat())
    assert len(await world.store.operations(open_only=False)) == 1
    typed = told.text["database"], told.text["node"], told.text["shard"], told.text["reason"]
    assert typed == ("orders", "n-b", "", "upgrade")


async def test_what_expired_can_be_asked_again_and_what_people_stopped_can_not() -> None:
    world = World()
    await world.planned()
    await world.tick(30 * 60)
    assert await world.status() is Status.EXPIRED
    assert await world.click(Action.REPLAN, ASKER) == "None"
    await world.tick()
    assert await world.click(Action.REJECT, ANN, NEW) == "None"
    assert await world.click(Action.REPLAN, ASKER, NEW) == "nothing-to-replan"


async def test_only_what_succeeded_can_be_switched_back() -> None:
    assert await (await refused()).click(Action.SWITCH_BACK, ANN) == "nothing-to-switch-back"


async def test_a_node_that_is_chosen_for_what_is_planned_again_still_follows_it() -> None:
    world = World()
    world.cloud.shows(Unavailable("503"), reading(C))
    item = await world.receive(RequestSwitchover("orders", None, reason="upgrade"))
    await world.desk.work(replace(item, origin=replace(item.origin, place=e.Place("C-OPS", "17.1"))))
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "check-name-one")
    chooser = await world.ask(AGAIN, ANN, channel="C-OTHER")
    assert isinstance(chooser, ChooseNode)
    assert chooser.request.follows == ID
    told = await world.ask(replace(chooser.request, node="n-b"), ANN, channel="C-OTHER")
    assert isinstance(told, Tell)
    assert (told.text.code, told.text["beside"]) == ("chosen", ID)
    op = await new(world)
    assert (op.follows, op.place, op.asked) == (ID, (await world.op()).place, "n-b")


@pytest.mark.parametrize("follows", [ID, "SW-999999", "x"])
async def test_a_choice_that_names_what_it_can_not_follow_follows_nothing(follows: str) -> None:
    world = World()
    world.configure(orders=POLICY, sessions=POLICY)
    world.cloud.shows(Refused("gone"))
    await world.planned("sessions")
    assert await world.status() is Status.REFUSED
    assert await world.ask(RequestSwitchover("orders", "n-b", follows=follows), ANN, channel="C-X") is None
    op = await new(world)
    assert (op.follows, op.place.channel) == (None, "C-X")


async def test_a_way_back_that_is_planned_again_is_still_the_way_back() -> None:
    world = await succeeded()
    assert await world.ask(BACK, ANN) is None
    world.cloud.shows(Refused("gone"))
    await world.tick()
    assert await world.status(NEW) is Status.REFUSED
    world.cloud.shows(reading(B))
    assert await world.ask(Act(Action.REPLAN, NEW), ANN) is None
    op = await world.op("SW-000003")
    assert ((await new(world)).back_of, op.back_of, op.follows) == (ID, ID, NEW)


# --- both ---


BOTH = pytest.mark.parametrize(("act", "old"), [(BACK, succeeded), (AGAIN, refused)])


@BOTH
@pytest.mark.parametrize(
    ("user", "told"), [(GUEST, "deny-not-a-member"), (EVE, "deny-not-a-requester"), (ANN, "None")]
)
async def test_only_who_may_request_may_ask_anew(act: Act, old: object, user: UserId, told: str) -> None:
    world: World = await old()  # type: ignore[operator]
    world.configure(orders=stricter(requesters=("S-DBA",)))
    readings = world.cloud.readings
    assert await world.told(act, user) == told
    assert told == "None" or world.cloud.readings == readings


@BOTH
async def test_two_clicks_make_one_operation(act: Act, old: object) -> None:
    world: World = await old()  # type: ignore[operator]
    first, second = await world.receive(act, ANN), await world.receive(act, BOB)

    async def meanwhile() -> None:
        await world.desk.work(first)

    world.people.meanwhile[BOB] = meanwhile
    await world.desk.work(second)
    assert await world.told(act, EVE) == "locked"
    assert len(await world.store.operations(open_only=False)) == 2
    answer = world.store.answers[-2].answer
    assert isinstance(answer, Tell)
    assert (answer.text.code, answer.text["holder"]) == ("locked", NEW)


@BOTH
async def test_one_delivery_that_is_worked_on_twice_makes_one_operation(act: Act, old: object) -> None:
    world: World = await old()  # type: ignore[operator]
    item = await world.receive(act, ANN)
    await world.desk.work(item)
    assert await world.click(Action.CANCEL, ANN, NEW) == "None"
    await world.desk.work(item)
    assert len(await world.store.operations(open_only=False)) == 2


@BOTH
async def test_what_is_frozen_is_not_asked_anew(act: Act, old: object) -> None:
    world: World = await old()  # type: ignore[operator]
    await world.ask(Freeze("all", "x"), ANN)
    assert await world.told(act, ANN) == "frozen-by-hand"


@BOTH
async def test_where_no_requests_are_taken_any_more_nothing_is_asked_anew(act: Act, old: object) -> None:
    world: World = await old()  # type: ignore[operator]
    world.catalogue.current = replace(world.catalogue.current, channels=frozenset({"C-ELSE"}))
    assert await world.told(act, ANN) == "wrong-channel"


@BOTH
@pytest.mark.parametrize("retired", [True, False])
async def test_what_is_not_configured_any_more_is_not_asked_anew(
    act: Act, old: object, *, retired: bool
) -> None:
    world: World = await old()  # type: ignore[operator]
    if retired:
        world.configure(other=POLICY)
    else:
        world.catalogue.current = Catalogue({"other": world.database("other", POLICY)})
    assert await world.told(act, ANN) == "database-removed"


# --- what the plan says of the past ---


async def test_the_plan_names_the_last_switchover_that_succeeded_there() -> None:
    world = await succeeded()
    first = await world.op()
    assert first.last is None
    assert first.ended_at is not None
    assert await world.ask(BACK, ANN) is None
    await world.click(Action.CANCEL, ANN, NEW)
    assert await world.ask(BACK, ANN) is None
    await world.tick()
    op = await world.op("SW-000003")
    assert op.last == e.LastSwitchover(first.id, first.ended_at, before="n-a", after="n-b")


async def test_the_plan_knows_how_long_the_latest_five_took() -> None:
    """Their median, from the request sent to the roles read as approved."""
    world = World()
    for number, seconds in enumerate((7, 90, 30, 40, 50, 60)):
        await took(world, number, seconds)
    op = await world.planned()
    assert op.usual == e.UsualTime(timedelta(seconds=50), 5)
    assert (await World().planned()).usual is None


async def test_what_needed_attention_says_nothing_of_the_usual_time() -> None:
    world = World()
    await took(world, 0, 40)
    await took(world, 1, 9 * 3600, e.DeadlinePassed(at(900), WHY))
    op = await world.planned()
    assert op.usual == e.UsualTime(timedelta(seconds=40), 1)
    assert op.last is not None
    assert op.last.id == "SW-000101"


async def test_nor_does_what_ended_before_it_began_by_a_clock_set_back() -> None:
    world = World()
    await took(world, 0, -60)
    assert (await world.planned()).usual is None


async def test_the_past_of_another_shard_is_not_this_ones() -> None:
    world = await succeeded()
    world.cloud.shows(replace(reading(A), shard="s-1"))
    assert await world.ask(RequestSwitchover("orders", "n-b", "s-1")) is None
    await world.tick()
    assert (await new(world)).last is None


# --- whose workspace ---


async def test_every_event_of_a_person_says_of_which_workspace_they_are() -> None:
    world = World()
    await world.planned()
    await world.click(Action.APPROVE, ANN)
    await world.click(Action.REJECT, BOB)
    await world.planned()
    await world.click(Action.CANCEL, ASKER, NEW)
    events = [*await world.store.events(ID), *await world.store.events(NEW)]
    people = {type(event): getattr(event, "team", None) for event in events if hasattr(event, "by")}
    assert people == dict.fromkeys((e.Requested, e.Approved, e.Rejected, e.Cancelled), "T-HOME")
