"""Freezes by hand and the halt: who may, what they stop, and what people are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core import holds as h
from bot.core.answers import Tell
from bot.core.commands import Act, Action, Command, Freeze, Halt, RequestSwitchover, Resume, Unfreeze
from bot.core.model import JobId, Reason, UserId
from bot.core.operation import Operation, Status
from bot.core.schedule import Start
from bot.errors import OutcomeUnknown
from bot.service.catalogue import Catalogue
from handlers.texts import Texts
from tests.core.examples import ANN, ASKER, BOB, EVE, JOB, START, A, B, reading
from tests.service.world import GUEST, ID, POLICY, World, stricter

ORDERS = RequestSwitchover("orders", "n-b", reason="upgrade")
FREEZE, HALT = Freeze("orders", "month end"), Halt("which primary?")


def two_databases() -> World:
    """``orders``, whose approvers are in ``S-DBA``, and ``sessions``, whose only approver is Eve."""
    world = World()
    world.configure(orders=POLICY, sessions=stricter(approvers=(EVE,), requesters=("S-DBA",)))
    return world


async def tell(world: World, command: Command, user: UserId = ANN) -> Tell:
    """What somebody is told."""
    answer = await world.ask(command, user)
    assert isinstance(answer, Tell)
    return answer


def notices(world: World) -> list[str]:
    """What the audit channel was told that is of no operation."""
    return [say.text.code for say in world.store.notices]


# --- who may ---


@pytest.mark.parametrize(
    ("command", "user", "told"),
    [
        (FREEZE, ANN, "frozen-now"),
        (FREEZE, EVE, "deny-not-an-approver"),
        (FREEZE, GUEST, "deny-not-a-member"),
        (Freeze("sessions", "x"), EVE, "frozen-now"),
        (Freeze("sessions", "x"), ANN, "deny-not-an-approver"),
        (Freeze("all", "x"), EVE, "frozen-now"),
        (Freeze("all", "x"), GUEST, "deny-not-a-member"),
        (Unfreeze("orders"), EVE, "deny-not-an-approver"),
        (Unfreeze("orders"), ANN, "not-frozen-by-hand"),
        (HALT, EVE, "halted-now"),
        (HALT, GUEST, "deny-not-a-member"),
        (Resume(), EVE, "not-halted"),
        (Resume(), UserId("U-NOBODY"), "deny-not-a-member"),
    ],
)
async def test_who_may_hold_and_let_go(command: Command, user: UserId, told: str) -> None:
    assert (await tell(two_databases(), command, user)).text.code == told


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (HALT, "deny-no-requester-at-all"),
        (Freeze("all", "x"), "deny-no-approver-at-all"),
        (Unfreeze("all"), "deny-no-approver-at-all"),
        (Resume(), "deny-no-approver-at-all"),
    ],
)
async def test_whoever_may_nothing_anywhere_may_not_hold_all(command: Command, told: str) -> None:
    world = World(stricter(requesters=("S-DBA",)))
    assert (await tell(world, command, EVE)).text.code == told
    assert (world.store.trail, notices(world)) == ([], [])


async def test_an_unknown_database_is_answered_with_the_nearest_name() -> None:
    world = World()
    for command in (Freeze("ordres", "x"), Unfreeze("ordres")):
        told = (await tell(world, command)).text
        assert (told.code, told["nearest"]) == ("unknown-database", "orders")
    assert (await tell(world, Freeze("al", "x"))).text["nearest"] == "all"


@pytest.mark.parametrize("command", [Freeze("orders", " "), Halt("")])
async def test_nothing_is_held_without_a_reason(command: Command) -> None:
    world = World()
    assert (await tell(world, command)).text.code == "reason-needed"
    assert world.store.trail == []


# --- freezes ---


async def test_a_freeze_is_recorded_told_and_announced_with_its_end() -> None:
    world = World()
    until = START + timedelta(hours=2)
    told = await tell(world, replace(FREEZE, duration=timedelta(hours=2)))
    assert told == Tell(Reason.of("frozen-now", scope="orders", until=until.isoformat()))
    assert world.store.trail == [h.Frozen(START, "orders", until, "month end", ANN, "T-HOME")]
    (say,) = world.store.notices
    assert say.text == Reason.of(
        "notice-frozen", scope="orders", until=until.isoformat(), by=ANN, reason="month end"
    )
    request = await tell(world, ORDERS, ASKER)
    assert request.text.code == "frozen-by-hand-until"
    await world.clock.sleep(2 * 3600)
    assert await world.ask(ORDERS) is None


@pytest.mark.parametrize("length", [None, timedelta(hours=1)])
async def test_a_freeze_that_takes_the_place_of_another_says_of_whose_until_when_and_why(
    length: timedelta | None,
) -> None:
    """Whoever sets it, the audit channel and what waits are told; one of another scope takes no place."""
    world = two_databases()
    await world.planned()
    await tell(world, Freeze("all", "x"), EVE)
    await tell(world, replace(FREEZE, duration=length))
    again = await tell(world, Freeze("orders", "b", timedelta(minutes=1)), BOB)
    until = None if length is None else (START + length).isoformat()
    older = {"by": ANN, "until": until, "reason": "month end"}
    instead = Reason.of("freeze-replaced", **older)
    assert (again.text.code, again.detail) == ("frozen-now", instead)
    assert [say.detail for say in world.store.notices] == [None, None, instead]
    assert ["by" in dict(say.text.params) for say in world.store.said(ID)[1:]] == [False], (
        "all are frozen still"
    )

    await tell(world, Unfreeze("all"), EVE)
    await tell(world, replace(FREEZE, duration=length))
    said = world.store.said(ID)[-1]
    assert (
        Texts()
        .say(said.text)
        .endswith("takes the place of the freeze by U-BOB until 2026-03-02T09:01:00+00:00: b")
    )
    facts = {"by": BOB, "until": (START + timedelta(minutes=1)).isoformat(), "reason": "b"}
    assert said.text == Reason.of("reply-held", database="orders", when=None, **facts)
    assert said.detail is not None
    assert said.detail["reason"] == "month end"


async def test_a_freeze_without_a_duration_lasts_until_it_is_lifted() -> None:
    world = World()
    assert (await tell(world, FREEZE)).text["until"] == ""
    await world.clock.sleep(24 * 3600 * 300)
    assert await world.told(ORDERS) == "frozen-by-hand"
    assert await tell(world, Unfreeze("orders"), BOB) == Tell(Reason.of("unfrozen-now", scope="orders"))
    assert notices(world) == ["notice-frozen", "notice-unfrozen"]
    assert await world.ask(ORDERS) is None


async def test_a_delivery_that_is_worked_on_twice_is_recorded_once() -> None:
    world = World()
    for command in (FREEZE, Unfreeze("orders"), HALT, Resume()):
        item = await world.receive(command, ANN)
        await world.desk.work(item)
        answers, trail = len(world.store.answers), list(world.store.trail)
        await world.desk.work(item)
        assert (len(world.store.answers), world.store.trail) == (answers, trail)
    assert len(world.store.notices) == 4


async def test_what_is_not_frozen_by_hand_is_told_with_what_freezes_it_all_the_same() -> None:
    world = World()
    window = Reason.of("frozen", reason="trading hours", until="17:00")
    orders = replace(world.catalogue.current.databases["orders"], frozen=lambda _now: window)
    world.catalogue.current = replace(world.catalogue.current, databases={"orders": orders})
    assert await tell(world, Unfreeze("orders")) == Tell(
        Reason.of("not-frozen-by-hand", scope="orders"), window
    )
    await tell(world, Freeze("all", "x"))
    told = await tell(world, Unfreeze("orders"))
    assert told.detail is not None
    assert (told.detail.code, told.detail["scope"]) == ("frozen-by-hand", "all")
    await tell(world, FREEZE)
    told = await tell(world, Unfreeze("orders"))
    assert (told.text.code, told.detail and told.detail["scope"]) == ("unfrozen-now", "all")
    assert await world.told(ORDERS) == "frozen-by-hand"


async def test_lifting_the_freeze_of_all_lifts_no_other_and_names_what_is_still_frozen() -> None:
    world = two_databases()
    await tell(world, Freeze("all", "x"))
    await tell(world, FREEZE)
    window = Reason.of("frozen", reason="trading hours", until="17:00")
    current = world.catalogue.current
    sessions = replace(current.databases["sessions"], frozen=lambda _now: window)
    world.catalogue.current = replace(current, databases={**current.databases, "sessions": sessions})
    assert await tell(world, Unfreeze("all")) == Tell(
        Reason.of("unfrozen-now", scope="all"), Reason.of("still-frozen", names="orders, sessions")
    )
    assert await world.told(ORDERS) == "frozen-by-hand"


async def test_a_freeze_of_all_binds_every_database() -> None:
    world = two_databases()
    await tell(world, Freeze("all", "x"))
    assert await world.told(ORDERS) == "frozen-by-hand"
    assert await world.told(RequestSwitchover("sessions", "n-b")) == "frozen-by-hand"
    assert await world.store.operations(open_only=False) == []


async def test_the_freeze_of_a_database_that_is_gone_can_still_be_lifted() -> None:
    world = two_databases()
    await tell(world, FREEZE)
    world.catalogue.current = Catalogue({"sessions": world.catalogue.current.databases["sessions"]})
    assert (await tell(world, Unfreeze("orders"), GUEST)).text.code == "deny-not-a-member"
    assert (await tell(world, Unfreeze("orders"), EVE)).text.code == "unfrozen-now"
    assert (await tell(world, Unfreeze("orders"), EVE)).text.code == "unknown-database"


# --- the halt ---


async def test_a_halt_stops_requests_of_every_database_until_somebody_resumes() -> None:
    world = two_databases()
    assert await tell(world, HALT, EVE) == Tell(Reason.of("halted-now", reason="which primary?"))
    for command in (ORDERS, RequestSwitchover("sessions", "n-b")):
        told = await tell(world, command)
        assert told.text == Reason.of(
            "halted-by", by=EVE, reason="which primary?", since=world.clock.now().isoformat()
        )
    assert (await tell(world, Resume(), ANN)).text.code == "resumed-now"
    assert await world.ask(ORDERS) is None
    assert notices(world) == ["notice-halted", "notice-resumed"]
    assert [type(event) for event in world.store.trail] == [h.Halted, h.Resumed]


@pytest.mark.parametrize(
    ("scope", "left"), [("sessions", "orders, sessions"), ("all", "all databases")], ids=["one", "all"]
)
async def test_who_resumes_is_told_what_stays_frozen(scope: str, left: str) -> None:
    """By hand and by configuration; in the audit channel, too."""
    world = two_databases()
    current = world.catalogue.current
    orders = replace(current.databases["orders"], frozen=lambda _now: Reason.of("frozen"))
    world.catalogue.current = replace(current, databases={**current.databases, "orders": orders})
    await world.ask(HALT, ANN)
    await world.ask(Freeze(scope, "audit"), EVE)
    told = Texts().say((await tell(world, Resume(), ANN)).text)
    assert told.startswith(f"Resumed: the halt is over, but still frozen: {left}.")
    noticed = Texts().say(world.store.notices[-1].text)
    assert noticed == f"▶ {ANN} resumed: the halt is over, but still frozen: {left}."


async def test_a_halt_names_what_it_does_not_stop_any_more() -> None:
    world = World()
    world.configure(orders=POLICY, sessions=POLICY, events=POLICY)
    await world.submitted_with(OutcomeUnknown("lost"))
    await world.approved("sessions")
    await world.requested("events")
    told = await tell(world, HALT)
    assert told.detail == Reason.of("still-tracked", operations=f"{ID} (orders)")
    (say,) = world.store.notices
    assert say.text["operations"] == f"{ID} (orders)"


async def test_a_halt_names_everything_that_is_under_way_a_line_each() -> None:
    """The newest request first; whoever halts again is told it, too."""
    world = World()
    names = [f"db{number:02}" for number in range(40)]
    world.configure(**dict.fromkeys(names, POLICY))
    world.cloud.answers = [OutcomeUnknown("lost")] * len(names)
    for name in names:
        await world.clock.sleep(1)
        await world.approved(name)
    await world.tick()
    for _ in range(2):
        told = await tell(world, HALT)
        assert told.detail is not None
        lines = told.detail["operations"].split("\n")
        assert [line.partition(" ")[2] for line in lines] == [f"({name})" for name in reversed(names)]


async def test_a_halt_names_what_began_while_it_was_being_recorded() -> None:
    world = World()
    await world.approved()
    world.cloud.answers = [JOB]
    world.store.before_hold = world.tick
    told = await tell(world, HALT)
    assert await world.status() is Status.RUNNING
    assert told.detail == Reason.of("still-tracked", operations=f"{ID} (orders)")


async def test_a_halt_is_recorded_and_told_as_one_and_not_again_when_it_is_over() -> None:
    """Its process dies of the commit; the delivery is worked on again when somebody has resumed."""
    world = World()
    item = await world.receive(HALT, ANN)
    world.store.after_hold = killed
    with pytest.raises(KeyboardInterrupt):
        await world.desk.work(item)
    assert [reply.answer for reply in world.store.answers] == [
        Tell(Reason.of("halted-now", reason="which primary?"))
    ]
    assert await world.told(Resume(), BOB) == "resumed-now"
    await world.restart(15)
    await world.desk.work(item)
    assert await world.store.holds(world.clock.now()) == []
    assert [type(event) for event in world.store.trail] == [h.Halted, h.Resumed]
    assert notices(world) == ["notice-halted", "notice-resumed"]
    assert world.store.unfinished() == []


async def killed() -> None:
    raise KeyboardInterrupt


async def test_every_halt_is_announced_however_often_deliveries_are_forgotten() -> None:
    """The ids of deliveries begin anew when all are forgotten."""
    world = World()
    for _ in range(3):
        assert await world.told(HALT) == "halted-now"
        assert await world.told(Resume(), ANN) == "resumed-now"
        await world.clock.sleep(48 * 3600)
        await world.store.prune(world.clock.now(), timedelta(hours=24))
    assert notices(world) == ["notice-halted", "notice-resumed"] * 3


async def test_who_halts_again_is_told_by_whom_and_why_it_is_halted() -> None:
    world = World()
    await tell(world, HALT)
    await world.clock.sleep(1)
    for who in (ANN, BOB):
        told = await tell(world, HALT, who)
        assert told.text == Reason.of("halted-already", by=ANN, reason="which primary?")
    assert (len(world.store.trail), notices(world)) == (1, ["notice-halted"])


async def test_a_halt_binds_before_a_freeze_and_outlives_its_end() -> None:
    world = World()
    await tell(world, FREEZE)
    await tell(world, HALT)
    assert await world.told(ORDERS) == "halted-by"
    await tell(world, Unfreeze("orders"))
    assert await world.told(ORDERS) == "halted-by"


# --- what is under way ---


def thread(world: World) -> list[tuple[str, str]]:
    """What the thread was told of holds, and by which hold."""
    said = [say for say in world.store.said(ID) if say.text.code in {"reply-held", "reply-let-go"}]
    return [(say.text.code, say.detail.code if say.detail else "") for say in said]


@pytest.mark.parametrize(
    ("command", "lifted", "why"),
    [(FREEZE, Unfreeze("orders"), "frozen-by-hand"), (HALT, Resume(), "halted-by")],
)
async def test_what_waits_for_approval_hears_of_a_hold_once_and_of_its_end(
    command: Command, lifted: Command, why: str
) -> None:
    world = two_databases()
    await world.planned()
    await tell(world, command)
    await tell(world, command if command is HALT else Freeze("sessions", "x"), EVE)
    assert thread(world) == [("reply-held", why)]
    await tell(world, lifted)
    assert thread(world) == [("reply-held", why), ("reply-let-go", "")]
    await tell(world, lifted)
    assert len(thread(world)) == 2


async def test_a_start_that_is_held_says_what_becomes_of_it() -> None:
    world = World()
    assert await world.ask(replace(ORDERS, start=Start(after=timedelta(minutes=10)))) is None
    await world.tick()
    for who in (ANN, BOB):
        await world.click(Action.APPROVE, who)
    assert await world.status() is Status.SCHEDULED
    start = (await world.op()).start_at
    assert start is not None
    await tell(world, HALT)
    await tell(world, Resume())
    facts = {"database": "orders", "when": start.isoformat()}
    assert [say.text for say in world.store.said(ID)[-2:]] == [
        Reason.of("reply-held", **facts),
        Reason.of("reply-let-go", **facts, by=ANN),
    ]


async def test_a_thread_hears_what_holds_it_still_and_nothing_of_what_makes_no_difference() -> None:
    world = World()
    await world.planned()
    for command in (HALT, FREEZE, Resume(), Freeze("all", "x"), Unfreeze("all"), Unfreeze("orders")):
        await tell(world, command)
    assert thread(world) == [
        ("reply-held", "halted-by"),
        ("reply-held", "frozen-by-hand"),
        ("reply-let-go", ""),
    ]


@pytest.mark.parametrize(
    ("command", "lifted", "why"),
    [(FREEZE, Unfreeze("orders"), "frozen-by-hand"), (HALT, Resume(), "halted-by")],
)
async def test_what_is_being_planned_hears_of_a_hold_once_it_waits_and_of_its_end(
    command: Command, lifted: Command, why: str
) -> None:
    """Before, nobody is asked for anything that it forbids."""
    world = World()
    await world.requested()
    await tell(world, command)
    assert thread(world) == []
    await world.tick()
    assert world.thread() == ["reply-held"]
    await tell(world, lifted)
    assert thread(world) == [("reply-held", why), ("reply-let-go", "")]


@pytest.mark.parametrize("moment", ["opened", "read", "recorded"])
async def test_whenever_a_hold_is_set_before_the_plan_is_ready_the_thread_hears_of_it_once(
    moment: str,
) -> None:
    world = World()

    async def held() -> None:
        await tell(world, HALT)

    if moment == "opened":
        world.store.before_open = held
    await world.ask(ORDERS)
    if moment == "read":
        world.cloud.while_reading = held
    if moment == "recorded":
        world.store.before_commit = held
    await world.tick()
    assert await world.status() is Status.AWAITING_APPROVAL
    assert thread(world) == [("reply-held", "halted-by")]


async def test_of_a_hold_that_is_over_when_the_plan_is_ready_nothing_is_said() -> None:
    world = World()
    await world.requested()
    await tell(world, HALT)
    await tell(world, Freeze("orders", "x", timedelta(seconds=5)))

    async def resumed() -> None:
        await tell(world, Resume())

    world.store.before_commit = resumed
    await world.tick(5)
    assert await world.status() is Status.AWAITING_APPROVAL
    assert thread(world) == []


async def test_what_will_not_wait_hears_of_no_hold() -> None:
    """What is refused, and an emergency, which a halt ends in a moment."""
    world = World(stricter(break_glass=(ANN,)))
    await world.requested()
    await tell(world, HALT)
    world.cloud.shows(reading())
    await world.tick()
    assert await world.status() is Status.REFUSED
    await tell(world, Resume())
    world.cloud.shows(reading(A))
    assert await world.ask(replace(ORDERS, emergency=True), ANN) is None
    await tell(world, HALT)
    await world.tick()
    said = [op.id for op in await world.store.operations(open_only=False)]
    assert len(said) == 2
    assert [say.text.code for each in said for say in world.store.said(each) if "held" in say.text.code] == []


@pytest.mark.parametrize(("minutes", "told"), [(9, []), (11, ["reply-held", "reply-let-go"])])
async def test_a_start_hears_of_a_freeze_only_if_that_lasts_until_then(minutes: int, told: list[str]) -> None:
    world = World()
    assert await world.ask(replace(ORDERS, start=Start(after=timedelta(minutes=10)))) is None
    await world.tick()
    for who in (ANN, BOB):
        await world.click(Action.APPROVE, who)
    await tell(world, replace(FREEZE, duration=timedelta(minutes=minutes)))
    await tell(world, Unfreeze("orders"))
    assert [code for code, _ in thread(world)] == told


async def test_what_is_sent_or_over_hears_of_no_hold() -> None:
    world = World()
    await world.planned()
    world.cloud.answers = [JOB]
    for who in (ANN, BOB):
        await world.click(Action.APPROVE, who)
    await world.tick()
    assert await world.status() is Status.RUNNING
    await tell(world, HALT)
    world.cloud.finishes(JOB)
    world.cloud.shows(reading(B))
    await world.tick(2)
    await world.tick()
    assert await world.status() is Status.SUCCEEDED
    await tell(world, Resume())
    await tell(world, FREEZE)
    assert thread(world) == []


@pytest.mark.parametrize(("command", "why"), [(FREEZE, "frozen-by-hand"), (HALT, "halted-by")])
async def test_an_approval_while_held_is_told_why_and_does_not_count(command: Command, why: str) -> None:
    world = World()
    await world.planned()
    await tell(world, command)
    assert await world.click(Action.APPROVE, BOB) == why
    assert (await world.op()).approvals == ()


@pytest.mark.parametrize(("command", "why"), [(FREEZE, "frozen-by-hand"), (HALT, "halted-by")])
async def test_of_an_approval_and_a_hold_in_the_same_moment_the_hold_counts(
    command: Command, why: str
) -> None:
    world = World()
    await world.planned()

    async def held() -> None:
        await tell(world, command)

    world.store.before_commit = held
    assert await world.click(Action.APPROVE, BOB) == why
    assert (await world.op()).approvals == ()
    assert world.store.unfinished() == []


@pytest.mark.parametrize(("command", "why"), [(FREEZE, "frozen-by-hand"), (HALT, "halted-by")])
async def test_what_would_start_while_held_ends_refused(command: Command, why: str) -> None:
    world = World()
    await world.approved()
    await tell(world, command)
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, why)
    assert world.cloud.submissions == []


@pytest.mark.parametrize(("command", "why"), [(FREEZE, "frozen-by-hand"), (HALT, "halted-by")])
async def test_of_a_start_and_a_hold_in_the_same_moment_the_hold_wins_and_is_seen_at_once(
    command: Command, why: str
) -> None:
    world = World()
    await world.approved()
    world.cloud.answers = [JOB]

    async def held() -> None:
        await tell(world, command)

    world.store.before_commit = held
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, why)
    assert world.cloud.submissions == []


async def running() -> tuple[World, Operation]:
    world = World()
    return world, await world.submitted_with(JobId("j-1"))


@pytest.mark.parametrize("command", [FREEZE, HALT])
async def test_what_is_sent_is_followed_to_its_end_whatever_is_held(command: Command) -> None:
    world, op = await running()
    await tell(world, command)
    world.cloud.finishes(JobId("j-1"))
    await world.tick(2)
    assert await world.status(op.id) is Status.VERIFYING


async def test_while_held_a_request_can_still_be_rejected_and_withdrawn() -> None:
    world = World()
    await world.planned()
    await tell(world, HALT)
    assert await world.ask(Act(Action.REJECT, ID), ANN) is None
    assert await world.status() is Status.REJECTED


# --- two at once, and one after another ---


async def test_of_two_that_are_lifted_at_once_nothing_is_said_to_hold_afterwards() -> None:
    """What is in force is read where the change is recorded, not before."""
    world = two_databases()
    await world.planned()
    await tell(world, Freeze("all", "month end"), ANN)
    await tell(world, Freeze("orders", "rebuild"), BOB)

    async def at_once() -> None:
        await tell(world, Unfreeze("all"), ANN)

    world.store.before_hold = at_once
    assert (await tell(world, Unfreeze("orders"), BOB)).detail is None
    assert thread(world)[-1] == ("reply-let-go", "")


async def test_of_two_that_freeze_at_once_the_second_is_told_whose_place_it_takes() -> None:
    world = World()

    async def at_once() -> None:
        await tell(world, Freeze("orders", "rebuild"), BOB)

    world.store.before_hold = at_once
    told = await tell(world, replace(FREEZE, duration=timedelta(hours=1)))
    assert told.detail is not None
    assert (told.detail.code, told.detail["by"]) == ("freeze-replaced", BOB)
    assert [say.detail is not None for say in world.store.notices] == [False, True]


async def test_a_freeze_that_lasts_longer_is_told_though_another_is_in_force() -> None:
    """And nothing when the shorter one ends: nothing is free then."""
    world = two_databases()
    await world.planned()
    await tell(world, Freeze("orders", "rebuild", timedelta(minutes=5)), ANN)
    await tell(world, Freeze("all", "month end"), BOB)
    said = world.store.said(ID)[-1]
    assert said.detail is not None
    assert (said.text.code, said.detail["reason"]) == ("reply-held", "month end")
    assert [say.text.code for say in world.store.said(ID)].count("reply-held") == 2


async def test_who_lifts_one_hold_of_two_is_named_with_the_other() -> None:
    """Else the same words would come once more, as if something had been set again."""
    world = two_databases()
    await world.planned()
    await tell(world, FREEZE)
    await tell(world, HALT)
    await tell(world, Resume(), BOB)
    said = world.store.said(ID)[-1]
    assert said.detail is not None
    assert (said.text.code, said.text["lifted"], said.detail.code) == ("reply-held", BOB, "frozen-by-hand")


async def test_whose_place_a_freeze_takes_is_said_with_that_freeze_alone() -> None:
    """Where another one holds the thread's operation, the words would be of that."""
    world = two_databases()
    await world.planned()
    hour = timedelta(hours=1)
    await tell(world, Freeze("orders", "rebuild", 2 * hour), ANN)
    await tell(world, Freeze("all", "month end", hour), BOB)
    await tell(world, Freeze("orders", "nearly done", timedelta(minutes=1)), ANN)
    said = world.store.said(ID)[-1]
    assert said.detail is not None
    assert (said.text.code, said.detail["reason"]) == ("reply-held", "month end")
    assert not {"by", "lifted"} & dict(said.text.params).keys()


async def test_a_shorter_freeze_that_ends_before_the_start_lifts_nothing_and_says_so() -> None:
    world = await scheduled()
    await tell(world, FREEZE)
    await tell(world, Freeze("orders", "just an hour", timedelta(hours=1)), BOB)
    (said,) = [say for say in world.store.said(ID) if say.text.code == "reply-let-go"]
    assert Texts().say(said.text).startswith("▶ What holds orders now ends before the start: it starts 2026-")


async def test_when_its_start_is_near_what_still_holds_it_is_told_again() -> None:
    """Else the reminder would read as if it were to start."""
    world = await scheduled()
    await tell(world, HALT)
    await world.tick(3 * 3600 - 299)
    assert [say.text.code for say in world.store.said(ID)][-2:] == ["reply-start-near", "reply-held"]


async def scheduled() -> World:
    """Approved, to start in three hours."""
    world = World()
    start = Start(at=START + timedelta(hours=3))
    assert await world.ask(replace(ORDERS, start=start)) is None
    await world.tick()
    for who in (ANN, BOB):
        assert await world.click(Action.APPROVE, who) == "None"
    assert await world.status() is Status.SCHEDULED
    return world
