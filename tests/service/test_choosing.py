"""A chooser goes once its choice is made or can't be made any more, and stays while pressing it again may help."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.answers import AskAgain, ChooseNode, Tell
from bot.core.commands import Action, Freeze, Halt, RequestSwitchover, Resume, Unfreeze
from bot.core.events import Place
from bot.core.model import Reason
from bot.core.operation import Status
from bot.core.schedule import Start
from bot.errors import StoreUnavailable, Unavailable, Unreadable
from tests.core.examples import ANN, ASKER, EVE, JOB, START, A, B, C, reading
from tests.service.world import ID, POLICY, World, stricter

ORDERS = RequestSwitchover("orders", reason="upgrade")
MADE = Reason.of("chosen", id=ID, database="orders", node="db-b", emergency="", thread="", beside="")


async def chooser(world: World, command: RequestSwitchover = ORDERS) -> RequestSwitchover:
    """What a press on ``n-b`` in a new chooser asks for."""
    answer = await world.ask(command)
    assert isinstance(answer, ChooseNode)
    return replace(answer.request, node=B)


async def pressed(world: World, press: RequestSwitchover) -> tuple[str, bool]:
    """The code of what the press is answered with, and whether that takes the chooser's place."""
    told = await world.ask(press)
    assert isinstance(told, Tell)
    return told.text.code, told.instead


# --- it is made ---


async def test_what_was_chosen_takes_the_place_of_the_chooser() -> None:
    world = World()
    assert await world.ask(await chooser(world)) == Tell(MADE, instead=True)
    assert (await world.op()).asked == B


async def test_nothing_is_told_of_a_choice_that_is_not_recorded() -> None:
    world = World()
    item = await world.receive(await chooser(world))

    async def gone() -> None:
        raise StoreUnavailable("the disk is full")

    world.store.before_open = gone
    with pytest.raises(StoreUnavailable):
        await world.desk.work(item)
    assert [reply.answer for reply in world.store.answers if isinstance(reply.answer, Tell)] == []
    await world.desk.work(item)
    assert world.store.answers[-1].answer == Tell(
        replace(MADE, params=(("id", "SW-000002"), *MADE.params[1:])), instead=True
    )


async def test_in_a_thread_it_is_told_where_the_card_is() -> None:
    world = World()
    item = await world.receive(await chooser(world))
    await world.desk.work(replace(item, origin=replace(item.origin, place=Place("C-OPS", "17.1"))))
    told = world.store.answers[-1].answer
    assert isinstance(told, Tell)
    assert told.text["thread"] == "yes"


async def test_where_the_nodes_can_not_be_read_it_is_named_by_its_id() -> None:
    world = World()
    press = await chooser(world)
    world.cloud.shows(Unavailable("503"))
    told = await world.ask(press)
    assert isinstance(told, Tell)
    assert told.text["node"] == B


async def test_what_was_typed_is_answered_by_the_card_alone() -> None:
    world = World()
    assert await world.ask(replace(ORDERS, node=B)) is None


# --- what may pass ---


async def halt(world: World) -> None:
    await world.ask(Halt("storm"), ANN)


async def resume(world: World) -> None:
    await world.ask(Resume(), ANN)


async def freeze(world: World) -> None:
    await world.ask(Freeze("orders", "month end"), ANN)


async def freeze_for_a_day(world: World) -> None:
    await world.ask(Freeze("orders", "month end", timedelta(days=1)), ANN)


async def unfreeze(world: World) -> None:
    await world.ask(Unfreeze("orders"), ANN)


async def another(world: World) -> None:
    await world.planned()


async def cancelled(world: World) -> None:
    assert await world.click(Action.CANCEL, ASKER) == "None"


Deed = Callable[[World], Awaitable[None]]


@pytest.mark.parametrize(
    ("hinder", "mend", "code"),
    [
        (halt, resume, "halted-by"),
        (freeze, unfreeze, "frozen-by-hand"),
        (freeze_for_a_day, unfreeze, "frozen-by-hand-until"),
        (another, cancelled, "locked"),
    ],
)
async def test_what_somebody_may_lift_leaves_the_chooser_and_pressing_again_helps(
    hinder: Deed, mend: Deed, code: str
) -> None:
    world = World()
    press = await chooser(world)
    await hinder(world)
    assert await pressed(world, press) == (code, False)
    await mend(world)
    assert await pressed(world, press) == ("chosen", True)


async def last_try(world: World, press: RequestSwitchover) -> tuple[str, bool]:
    """As ``pressed``, of a delivery that has been tried often enough."""
    item = await world.receive(press)
    await world.desk.work(replace(item, attempts=4))
    told = world.store.answers[-1].answer
    assert isinstance(told, Tell)
    return told.text.code, told.instead


async def test_while_slack_can_not_say_who_presses_the_chooser_stays() -> None:
    world = World()
    press = await chooser(world)
    world.people.available = False
    assert await last_try(world, press) == ("who-unknown", False)
    world.people.available = True
    assert await pressed(world, press) == ("chosen", True)


async def test_a_defect_may_be_gone_the_next_time() -> None:
    world = World()
    press = await chooser(world)

    async def breaks() -> None:
        raise KeyError("odd")

    world.store.before_open = breaks
    assert await last_try(world, press) == ("internal-error", False)
    assert await pressed(world, press) == ("chosen", True)


async def test_a_node_that_is_gone_leaves_the_others_to_choose() -> None:
    world = World()
    press = await chooser(world)
    there = reading(A)
    world.cloud.shows(replace(there, nodes=tuple(node for node in there.nodes if node.id != B)))
    assert isinstance(await world.ask(press), AskAgain)
    assert await pressed(world, replace(press, node=C)) == ("chosen", True)


# --- what passes at a time ---


@pytest.mark.parametrize(("minutes", "instead"), [(10, False), (11, True)])
async def test_a_window_that_ends_while_the_chooser_is_open_leaves_it(minutes: int, *, instead: bool) -> None:
    world = World()
    press = await chooser(world)
    until = START + timedelta(minutes=minutes)
    frozen = Reason.of("frozen", reason="trading hours", until=until.isoformat())
    current = world.catalogue.current
    orders = replace(current.databases["orders"], frozen=lambda now: frozen if now < until else None)
    world.catalogue.current = replace(current, databases={"orders": orders})
    assert await pressed(world, press) == ("frozen", instead)


async def after_a_switchover(cooldown: timedelta) -> World:
    """``orders`` was switched just now."""
    world = World(stricter(cooldown=cooldown))
    await world.submitted_with(JOB)
    world.cloud.finishes(JOB)
    world.cloud.shows(reading(B))
    await world.tick(2)
    await world.tick()
    assert await world.status() is Status.SUCCEEDED
    world.cloud.shows(reading(A))
    return world


async def press_now(world: World) -> RequestSwitchover:
    """The press of a chooser that was asked for just now, though nobody would be given one any more."""
    press = await chooser(World())
    assert press.choice is not None
    return replace(press, choice=replace(press.choice, asked_at=world.clock.now()))


@pytest.mark.parametrize(("minutes", "instead"), [(9, False), (11, True)])
async def test_a_cooldown_that_ends_while_the_chooser_is_open_leaves_it(
    minutes: int, *, instead: bool
) -> None:
    world = await after_a_switchover(timedelta(minutes=minutes))
    assert await pressed(world, await press_now(world)) == ("cooldown", instead)


async def test_a_start_within_the_cooldown_stays_too_soon() -> None:
    world = await after_a_switchover(timedelta(minutes=9))
    soon = Start(at=world.clock.now() + timedelta(minutes=5))
    assert await pressed(world, replace(await press_now(world), start=soon)) == ("cooldown", True)


# --- what is over ---


async def removed(world: World) -> None:
    world.configure(sessions=POLICY)


async def elsewhere(world: World) -> None:
    world.catalogue.current = replace(world.catalogue.current, channels=frozenset({"C-ELSE"}))


async def not_theirs(world: World) -> None:
    world.configure(orders=stricter(requesters=(EVE,)))


async def too_late(world: World) -> None:
    await world.clock.sleep(10 * 60 + 1)


async def unreadable(world: World) -> None:
    async def newer() -> None:
        raise Unreadable("written by a newer version")

    world.store.before_open = newer


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        (removed, "unknown-database"),
        (elsewhere, "wrong-channel"),
        (not_theirs, "deny-not-a-requester"),
        (too_late, "choice-too-old"),
        (unreadable, "stored-unreadable"),
    ],
)
async def test_what_pressing_again_can_not_help_takes_the_chooser_away(deed: Deed, code: str) -> None:
    world = World()
    press = await chooser(world)
    await deed(world)
    assert await pressed(world, press) == (code, True)


async def test_a_start_that_has_passed_takes_the_chooser_away() -> None:
    world = World()
    press = await chooser(world, replace(ORDERS, start=Start(after=timedelta(minutes=5))))
    await world.clock.sleep(5 * 60)
    assert await pressed(world, press) == ("start-in-the-past", True)


async def nobody_known(world: World) -> None:
    world.people.available = False


@pytest.mark.parametrize("deed", [halt, freeze, removed, elsewhere, not_theirs, too_late, nobody_known])
async def test_of_a_choice_that_is_made_nothing_else_is_said(deed: Deed) -> None:
    world = World()
    press = await chooser(world)
    assert await pressed(world, press) == ("chosen", True)
    await deed(world)
    assert await pressed(world, replace(press, node=C)) == ("chosen-already", True)
    assert len(await world.store.operations(open_only=False)) == 1


async def test_no_other_answer_takes_the_place_of_anything() -> None:
    world = World()
    await world.ask(Halt("storm"), ANN)
    halted = Reason.of("halted-by", by=ANN, reason="storm", since=world.clock.now().isoformat())
    assert await world.ask(replace(ORDERS, node=B)) == Tell(halted)
    assert await world.ask(replace(ORDERS, database="nope")) == AskAgain(
        Reason.of("unknown-database", name="nope", nearest="")
    )
    assert [reply.answer for reply in world.store.answers if getattr(reply.answer, "instead", False)] == []
