"""Checking again: whoever sees the card may, members are told what is seen, and a restless hand costs little."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

import pytest

from bot.core.answers import Answer, Tell
from bot.core.commands import Act, Action
from bot.core.model import Reason, UserId
from bot.core.operation import Status
from bot.errors import Misconfigured, OutcomeUnknown, StoreUnavailable, Unavailable
from bot.service.catalogue import Catalogue
from bot.service.clicks import SEEN_WITHIN
from bot.service.looking import SHARED_FOR
from tests.core.examples import ANN, BOB, EVE, JOB, A, B, C, evidence, reading
from tests.service.world import GUEST, ID, World
from tests.simulation.loop import Time

LOOK = Act(Action.CHECK_AGAIN, ID)
CHECKING = Tell(Reason.of("checking-again", id=ID))


async def lost() -> World:
    """Nobody knows what became of what was sent, and a person is called."""
    world = World()
    await world.submitted_with(OutcomeUnknown("lost"))
    world.cloud.trace = evidence(searched=False)
    await world.tick(130)
    assert await world.status() is Status.NEEDS_ATTENTION
    await world.clock.sleep(1)
    world.cloud.readings = 0
    return world


async def followed() -> World:
    """Its job is still at work."""
    world = World()
    await world.submitted_with(JOB)
    world.cloud.readings = 0
    return world


async def told_at_once(world: World, *users: UserId) -> list[Answer | None]:
    """What each is told where all of them press in the same moment."""
    before = len(world.store.answers)
    items = [await world.receive(LOOK, user) for user in users]
    await asyncio.gather(*(world.desk.work(item) for item in items))
    return [reply.answer for reply in world.store.answers[before:]]


# --- what is told, and to whom ---


async def test_it_makes_the_next_look_due_now() -> None:
    world = await lost()
    assert world.store.due_at(ID) != world.clock.now()
    assert await world.click(Action.CHECK_AGAIN, EVE) == "looked-again"
    assert world.store.due_at(ID) == world.clock.now()


async def test_members_are_told_when_it_was_looked_and_what_was_seen() -> None:
    """The card does not change where all is as it was."""
    world = await lost()
    op = await world.op()
    nameless = replace(reading(C), nodes=tuple(replace(node, name="") for node in reading(C).nodes))
    seen = [(reading(A), "db-a"), (nameless, "n-c"), (reading(), "")]
    for shows, primary in seen:
        world.cloud.shows(shows)
        told = await world.ask(LOOK, EVE)
        moved = "yes" if primary and shows.primary and shows.primary.id != op.primary_now else ""
        when = shows.read_at.isoformat()
        assert told == Tell(Reason.of("looked-again", when=when, now=primary or None, moved=moved, job=""))
        assert await world.op() == op
        await world.clock.sleep(SHARED_FOR)
    world.cloud.shows(Unavailable("503"))
    unread = await world.ask(LOOK, EVE)
    assert isinstance(unread, Tell)
    assert (unread.text.code, unread.detail and unread.detail.code) == ("unreadable", "provider-said")
    world.catalogue.current = Catalogue({})
    assert await world.ask(LOOK, EVE) == CHECKING


async def test_a_job_is_said_to_be_looked_at_where_there_is_one() -> None:
    told = await (await followed()).ask(LOOK, EVE)
    assert isinstance(told, Tell)
    assert (told.text.code, told.text["job"]) == ("looked-again", JOB)


async def test_who_is_no_member_has_it_looked_at_and_learns_nothing() -> None:
    """Neither what is primary nor what the cloud says to the account."""
    for shows in (reading(B), Misconfigured("account qc may not DescribeClusters")):
        for user, team in ((GUEST, "T-HOME"), (EVE, "T-AWAY")):
            world = await lost()
            world.cloud.shows(shows)
            assert await world.ask(LOOK, user, team=team) == CHECKING
            assert (world.store.due_at(ID), world.cloud.readings) == (world.clock.now(), 0)


async def test_while_slack_can_not_say_who_it_is_it_is_looked_at_all_the_same() -> None:
    world = await lost()
    world.people.available = False
    before = await world.op()
    assert await world.ask(LOOK, EVE) == CHECKING
    assert (world.store.due_at(ID), await world.op()) == (world.clock.now(), before)
    assert world.store.unfinished() == []


# --- in time, and once ---


async def hang() -> None:
    """Never ends by itself."""
    await asyncio.Event().wait()


@pytest.mark.parametrize("who_hangs", ["cloud", "slack"])
def test_whoever_hangs_the_answer_does_not(who_hangs: str) -> None:
    async def story() -> None:
        world = await lost()
        if who_hangs == "cloud":
            world.cloud.while_reading = hang
        else:
            world.people.meanwhile[EVE] = hang
        assert await world.ask(LOOK, EVE) == CHECKING
        assert world.store.due_at(ID) == world.clock.now()

    time = Time()
    time.run(story())
    assert time.elapsed == SEEN_WITHIN


def test_a_cloud_that_hangs_is_not_read_by_one_after_the_other() -> None:
    """Those who waited for the same reading, and those who come soon after, are told at once that it goes on."""

    async def story() -> None:
        world = await lost()
        world.cloud.while_reading = hang
        assert await told_at_once(world, ANN, BOB, EVE) == [CHECKING] * 3
        assert await world.ask(LOOK, EVE) == CHECKING
        assert world.cloud.readings == 1
        await world.clock.sleep(SHARED_FOR)
        assert await world.click(Action.CHECK_AGAIN, EVE) == "looked-again"

    time = Time()
    time.run(story())
    assert time.elapsed == SEEN_WITHIN


async def test_many_presses_are_one_reading_whether_at_once_or_one_after_another() -> None:
    world = await lost()
    first, *others = await told_at_once(world, *[ANN, BOB, EVE] * 6)
    world.cloud.shows(reading(C))
    others += [await world.ask(LOOK, user) for user in (ANN, BOB)]
    assert isinstance(first, Tell)
    assert (first.text.code, others) == ("looked-again", [first] * 19)
    assert world.cloud.readings == 1
    await world.clock.sleep(SHARED_FOR)
    assert await world.ask(LOOK, ANN) != first
    assert world.cloud.readings == 2


async def test_a_look_that_is_over_is_not_made_due_again_by_who_pressed_in_the_same_moments() -> None:
    world = await lost()
    await told_at_once(world, GUEST, EVE)
    await world.tick()
    due_at = world.store.due_at(ID)
    assert due_at is not None
    assert due_at > world.clock.now()
    for user in (GUEST, EVE):
        await world.ask(LOOK, user)
    assert world.store.due_at(ID) == due_at
    await world.clock.sleep(SHARED_FOR)
    await world.ask(LOOK, GUEST)
    assert world.store.due_at(ID) == world.clock.now()


async def test_what_has_moved_is_looked_at_anew() -> None:
    world = await followed()
    world.cloud.shows(reading(A), reading(B))
    told = [await world.ask(LOOK, EVE)]
    world.cloud.finishes(JOB)
    await world.tick()
    assert await world.status() is Status.VERIFYING
    told.append(await world.ask(LOOK, EVE))
    assert [answer.text["now"] for answer in told if isinstance(answer, Tell)] == ["db-a", "db-b"]
    assert world.cloud.readings == 2


async def test_a_look_that_serves_nobody_any_more_is_forgotten() -> None:
    world = await followed()
    seen = reading(A)
    known_here = sys.getrefcount(seen)
    world.cloud.shows(seen)
    await world.ask(LOOK, EVE)
    world.cloud.shows(reading(B))
    world.cloud.finishes(JOB)
    await world.tick()
    await world.clock.sleep(SHARED_FOR)
    assert sys.getrefcount(seen) > known_here
    await world.ask(LOOK, EVE)
    assert sys.getrefcount(seen) == known_here


async def test_a_look_that_could_not_be_made_due_is_when_the_press_is_worked_on_again() -> None:
    world = await lost()
    item = await world.receive(LOOK, GUEST)

    async def full() -> None:
        raise StoreUnavailable("the disk is full")

    world.store.before_postpone = full
    with pytest.raises(StoreUnavailable):
        await world.desk.work(item)
    await world.desk.work(item)
    assert world.store.due_at(ID) == world.clock.now()
