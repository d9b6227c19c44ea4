"""``kill -9`` at every named place of the real process; it goes on over the same files, and must be right."""

from __future__ import annotations

import random
import signal
from typing import Literal

import pytest

from bot.core.operation import ENDS, Status
from bot.failpoints import names
from bot.sandbox.slack import View
from bot.sandbox.stack import PATIENCE
from tests.crash.lives import CLOUDS, Lives, check, lives
from tests.crash.ways import WAYS

pytestmark = pytest.mark.timeout(900)

COMMON = ("requested", "planned", "approved", "submission_started", "submission_accepted", "roles_confirmed")
FOLLOWED = {"qingcloud": "job_reported", "dds": "job_reported", "dds-named": "roles_moved"}
"""How it is learnt that the cloud has finished."""

UNSENT = ("after_commit.submission_started", "before_send")
"""Dying here leaves a submission of which only the dead process knew that it was not sent."""

AT_ANY_EVENT = [f"{when}_commit.{event}" for event in COMMON for when in ("before", "after")]
ON_THE_WIRE = ["before_send", "after_send", "answer_read"]
AT_DELIVERIES = [
    f"{place}:{time}"
    for place in ("before_commit.inbox", "after_commit.inbox", "inbox_claimed")
    for time in (1, 2)
]
AT_ENVELOPES = [
    f"{place}:{time}"
    for place in ("before_commit.inbox", "after_commit.inbox", "acknowledged", "inbox_claimed")
    for time in (1, 2)
]
AT_OPERATIONS = [f"operations_claimed:{time}" for time in (1, 2, 3)]
AT_POSTS = [
    f"{place}.{what}:{time}"
    for place in ("before_begin_post", "after_begin_post", "before_told", "after_told")
    for what, times in (("card", (1,)), ("reply", (1, 2)))
    for time in times
]
AT_UPDATES = [f"{place}.update:{time}" for place in ("before_told", "after_told") for time in (1, 2, 3)]
EVERYWHERE = [*AT_ANY_EVENT, *ON_THE_WIRE, *AT_DELIVERIES, *AT_OPERATIONS, *AT_POSTS, *AT_UPDATES]
AT_ANSWERS = ["inbox_finished", "before_told.answer", "after_told.answer"]
AT_THE_END = ["draining", "drained"]
IN_DOUBT = [
    f"{when}_commit.{event}"
    for event in ("submission_uncertain", "submission_found")
    for when in ("before", "after")
]
OFF_THE_MAIN_PATH = [
    (name, f"{when}_commit.{event}")
    for name, way in WAYS.items()
    for event in way.events
    for when in ("before", "after")
]


def kill(place: str) -> str:
    """``place:2`` as the environment wants it."""
    name, _, time = place.partition(":")
    return f"{name}:kill:{time or 1}"


def ends(*places: str) -> tuple[Status, ...]:
    unsent = any(place.partition(":")[0] in UNSENT for place in places)
    return (Status.IN_DOUBT,) if unsent else (Status.SUCCEEDED,)


async def dies_at(
    play: str, *places: str, own_first: bool = False, mode: Literal["http", "socket"] = "http"
) -> None:
    async with lives(CLOUDS[play], [kill(place) for place in places], mode=mode) as world:
        await world.play(world.switchover(*ends(*places), deaths=len(places), own_first=own_first))
        await world.rest()
        assert len(world.deaths) == len(places)
        await check(world, *ends(*places))


SAMPLE = [
    ("qingcloud", "before_commit.submission_started"),
    ("dds", "after_send"),
    ("qingcloud", "before_told.card"),
]


@pytest.mark.parametrize(("play", "place"), SAMPLE)
async def test_it_goes_on_where_it_died(play: str, place: str) -> None:
    await dies_at(play, place)


@pytest.mark.slow
@pytest.mark.parametrize("play", CLOUDS)
@pytest.mark.parametrize("place", EVERYWHERE)
async def test_it_goes_on_wherever_it_died(play: str, place: str) -> None:
    await dies_at(play, place)


async def test_what_was_acknowledged_through_socket_mode_is_done() -> None:
    await dies_at("qingcloud", "acknowledged", mode="socket")


@pytest.mark.slow
@pytest.mark.parametrize("place", AT_ENVELOPES)
async def test_it_goes_on_wherever_a_delivery_through_socket_mode_was(place: str) -> None:
    await dies_at("qingcloud", place, mode="socket")


@pytest.mark.slow
@pytest.mark.parametrize("play", CLOUDS)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_it_goes_on_when_the_cloud_had_just_finished(play: str, when: str) -> None:
    await dies_at(play, f"{when}_commit.{FOLLOWED[play]}")


@pytest.mark.slow
@pytest.mark.parametrize("place", AT_ANSWERS)
async def test_who_is_refused_is_told_at_least_once(place: str) -> None:
    await dies_at("qingcloud", place, own_first=True)


@pytest.mark.slow
@pytest.mark.parametrize("play", CLOUDS)
@pytest.mark.parametrize("place", [*IN_DOUBT, "claims_released"])
async def test_it_settles_its_doubt_although_it_dies_again(play: str, place: str) -> None:
    await dies_at(play, "after_send", place)


@pytest.mark.slow
@pytest.mark.parametrize("place", AT_THE_END)
@pytest.mark.parametrize("play", CLOUDS)
async def test_it_goes_on_when_it_died_while_draining(play: str, place: str) -> None:
    async with lives(CLOUDS[play], [kill(place)]) as world:

        async def scenario() -> None:
            card = await world.request()
            await world.approve(card)
            world.stack.bot.send(signal.SIGTERM)
            await world.stack.told(Status.SUCCEEDED)
            await world.died(1)

        await world.play(scenario())
        await world.rest()
        await check(world, Status.SUCCEEDED)


PAIRS = 24


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(PAIRS))
async def test_it_goes_on_after_two_crashes_in_a_row(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - a seeded sample
    play = dice.choice(sorted(CLOUDS))
    first, second = dice.choice(EVERYWHERE), dice.choice([*EVERYWHERE, *IN_DOUBT, "claims_released"])
    async with lives(CLOUDS[play], [kill(first), kill(second)]) as world:
        # The second may never be reached: what is behind the first can't be died at again.
        await world.play(world.switchover(*ends(first), *ends(second), deaths=1))
        await world.rest()
        await check(world, *ends(first), *ends(second))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "place"), OFF_THE_MAIN_PATH)
async def test_it_goes_on_whatever_way_it_took(name: str, place: str) -> None:
    way = WAYS[name]
    lost = way.unrecorded is not None and place.startswith("before_commit")
    end = way.unrecorded if lost and way.unrecorded else way.end
    clouds = (way.cloud, 0)
    async with lives(clouds, [kill(place)], tracking=way.tracking, policy=way.policy) as world:

        async def scenario() -> None:
            await way.act(world)
            await world.stack.told(end, within=way.within)
            await world.died(1)

        await world.play(scenario())
        await world.rest()
        await check(world, end, in_vain=way.in_vain)


async def requested_by_form(world: Lives) -> None:
    """The requester fills in the form and sends it, once more if Slack says that the bot did not answer."""
    people, space, slack = world.stack.demo, world.stack.demo.workspace, world.stack.slack
    database = world.scene.asked.partition(" ")[0]

    def form(field: str) -> View | None:
        shown = space.modal(people.requester)
        blocks = shown.payload["blocks"] if shown else ()
        return shown if any(block.get("block_id") == field for block in blocks) else None

    assert (await slack.command(people.requester, people.channel, "")).ok
    empty = await space.wait_for(lambda: form("database"), timeout=PATIENCE)
    assert (await slack.choose(people.requester, empty, "database", database)).ok
    read = await space.wait_for(lambda: form("node"), timeout=PATIENCE)
    values = {"database": database, "node": str(world.scene.candidate), "reason": "the disk is dying"}
    await world.insist(lambda: slack.submit(people.requester, read, values))


@pytest.mark.parametrize("place", ["after_commit.inbox", "inbox_claimed"])
async def test_a_form_that_was_sent_survives(place: str) -> None:
    """Recorded and not acknowledged, or acknowledged and not begun: it is one request, and comes to its end."""
    async with lives(CLOUDS["qingcloud"], [kill(place)]) as world:

        async def scenario() -> None:
            await requested_by_form(world)
            card = await world.stack.card_in(Status.AWAITING_APPROVAL, *ENDS)
            await world.approve(card)
            await world.stack.told(Status.SUCCEEDED)
            await world.died(1)

        await world.play(scenario())
        await world.rest()
        await check(world, Status.SUCCEEDED)


def test_every_failpoint_is_died_at_in_some_test() -> None:
    swept = [*EVERYWHERE, *AT_ENVELOPES, *AT_ANSWERS, *AT_THE_END, *IN_DOUBT, "claims_released"]
    swept += [f"{when}_commit.{event}" for event in FOLLOWED.values() for when in ("before", "after")]
    swept += [place for _, place in OFF_THE_MAIN_PATH]
    assert {place.partition(":")[0] for place in swept} == set(names())
