"""What is named and not there, or not named and needed: between its writer and the bot, without a card."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from bot.core.answers import Answer, AskAgain, ShowPlan, Tell
from bot.core.commands import RequestSwitchover
from bot.core.model import CandidateRule, Target, Topology
from bot.core.operation import Status
from bot.errors import Refused, Unavailable
from bot.service.catalogue import Catalogue
from bot.service.requests import LOOK_LIMIT
from tests.core.examples import ANN, ASKER, BOB, CLOUD, A, B, C, reading
from tests.service.world import POLICY, ScriptedCloud, World
from tests.simulation.loop import Time

SHARDED = replace(CLOUD, shards=True)


@dataclass
class ShardedCloud(ScriptedCloud):
    """A cloud that reads one of its ``shards`` only if it is named."""

    async def observe(self, target: Target) -> Topology:
        named = [each for each in self.shards if target.shard in {each.shard, each.shard_name}]
        if len(named) != 1:
            raise Refused(f"no shard {target.shard}", meaning=("cloud-no-such-shard", {"shard": "?"}))
        return named[0]

    async def survey(self, database: str) -> Sequence[Topology]:
        return self.shards or await super().survey(database)


def shard(number: int, name: str | None = None) -> Topology:
    called = f"shard-{number}" if name is None else name
    return replace(reading(A), shard=f"g-{number}", shard_name=called)


def sharded(*shards: Topology) -> World:
    """A world whose only database, ``events``, has these shards."""
    world = World()
    world.cloud = ShardedCloud(capabilities=SHARDED, shards=shards)
    world.catalogue.current = Catalogue({"events": world.database("events", POLICY, world.cloud)})
    return world


async def asked(world: World, request: RequestSwitchover) -> AskAgain:
    """What the asker alone is asked; nothing is left behind."""
    answer = await world.ask(request)
    assert isinstance(answer, AskAgain)
    assert await world.store.operations(open_only=False) == []
    return answer


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_sharded_database_without_a_shard_is_asked_for_one(dry_run: bool) -> None:
    """With the shards there are, and the same command for one of them."""
    world = sharded(shard(1), shard(2))
    request = RequestSwitchover("events", "n-b", reason="disk", dry_run=dry_run)
    answer = await asked(world, request)
    assert answer.problem.code == "which-shard"
    assert (answer.problem["name"], answer.problem["known"]) == ("events", "shard-1, shard-2")
    assert answer.problem["more"] == ""
    assert answer.nearest == replace(request, shard="shard-1")


async def test_shards_are_named_as_they_can_be_typed_and_not_all_of_many() -> None:
    """By id where the name is another's, too, or missing."""
    world = sharded(shard(1, "a"), shard(2, "A"), shard(3, ""), shard(4))
    answer = await asked(world, RequestSwitchover("events"))
    assert answer.problem["known"] == "g-1, g-2, g-3, shard-4"
    many = sharded(*(shard(number) for number in range(100, 112)))
    answer = await asked(many, RequestSwitchover("events"))
    assert answer.problem["known"].endswith("shard-108, shard-109")
    assert answer.problem["more"] == "2"


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_mistyped_shard_is_answered_with_the_nearest(dry_run: bool) -> None:
    """Where one is near."""
    world = sharded(shard(1), shard(2))
    request = RequestSwitchover("events", shard="shrd-2", dry_run=dry_run)
    answer = await asked(world, request)
    assert answer.problem.code == "misnamed-shard"
    assert answer.nearest == replace(request, shard="shard-2")
    assert (await asked(world, replace(request, shard="zzz"))).nearest is None


async def test_a_shard_of_a_database_that_has_none_is_left_out() -> None:
    world = World()
    cloud = ShardedCloud(capabilities=SHARDED)
    cloud.survey = ScriptedCloud().survey  # type: ignore[method-assign]
    world.catalogue.current = Catalogue({"orders": world.database("orders", POLICY, cloud)})
    request = RequestSwitchover("orders", shard="shard-1")
    assert (await asked(world, request)).nearest == RequestSwitchover("orders")


async def test_one_that_could_have_shards_and_has_none_is_taken() -> None:
    world = World()
    world.cloud.capabilities = SHARDED
    assert await world.ask(RequestSwitchover("orders", "n-b")) is None
    assert await world.status() is Status.PLANNING


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("emergency", [False, True])
async def test_a_mistyped_node_is_answered_privately_with_the_nearest(dry_run: bool, emergency: bool) -> None:
    """No card, and nothing is announced; a name that only one has is typed, else the id."""
    world = World(replace(POLICY, break_glass=(ASKER,)))
    request = RequestSwitchover("orders", "db-bb", reason="disk", dry_run=dry_run, emergency=emergency)
    answer = await asked(world, request)
    assert answer.problem.code == "check-node-not-found"
    assert answer.nearest == replace(request, node="db-b")
    assert (await asked(world, replace(request, node="zzz"))).nearest is None
    assert world.store.notices == []
    nodes = tuple(replace(node, name="db") for node in reading(A).nodes)
    world.cloud.shows(replace(reading(A), nodes=nodes))
    assert (await asked(world, replace(request, node="n-bb"))).nearest == replace(request, node=B)
    assert (await asked(world, replace(request, node="db"))).problem.code == "check-node-ambiguous"


async def test_where_the_cloud_chooses_the_node_is_to_be_left_out() -> None:
    world = World()
    world.cloud.capabilities = replace(CLOUD, candidate=CandidateRule.CHOSEN_BY_CLOUD)
    answer = await asked(world, RequestSwitchover("orders", "db-b"))
    assert answer.problem.code == "check-cloud-chooses"
    assert answer.nearest == RequestSwitchover("orders")


async def test_a_node_that_is_there_and_can_not_become_primary_is_refused_on_a_card() -> None:
    """That is no typo: others may want to know."""
    world = World()
    unwell = tuple(replace(node, healthy=node.id != C) for node in reading(A).nodes)
    world.cloud.shows(replace(reading(A), nodes=unwell))
    assert await world.ask(RequestSwitchover("orders", "n-c")) is None
    await world.tick()
    assert await world.status() is Status.REFUSED


async def test_a_cloud_that_fails_holds_up_no_card() -> None:
    """Planning has more patience, and says in the thread what is wrong."""
    world = World()
    world.cloud.shows(Unavailable("503"))
    assert await world.ask(RequestSwitchover("orders", "zzz")) is None
    assert await world.status() is Status.PLANNING


def test_a_cloud_that_hangs_holds_up_a_card_for_a_moment() -> None:
    """Well within the time for which the delivery is claimed."""

    async def hang() -> None:
        await asyncio.Event().wait()

    async def story() -> None:
        world = World()
        world.cloud.while_reading = hang
        assert await world.ask(RequestSwitchover("orders", "zzz")) is None
        assert await world.status() is Status.PLANNING
        assert time.elapsed == LOOK_LIMIT < world.duties.limits.lease.total_seconds()

    time = Time()
    time.run(story())


async def test_who_may_not_ask_is_told_so_first() -> None:
    """What nodes there are is told to those who may request."""
    world = World(replace(POLICY, requesters=(ANN,)))
    answer: Answer | None = await world.ask(RequestSwitchover("orders", "zzz"), BOB)
    assert isinstance(answer, Tell)
    assert answer.text.code == "deny-not-a-requester"
    assert world.cloud.readings == 0


async def test_a_definite_no_to_a_dry_run_is_not_to_be_tried_again() -> None:
    """What may pass is."""
    world = World()
    for error, code in ((Refused("gone"), "not-plannable"), (Unavailable("503"), "unreadable")):
        world.cloud.shows(error)
        answer = await world.ask(RequestSwitchover("orders", dry_run=True))
        assert isinstance(answer, Tell)
        assert answer.text.code == code
    world.cloud.shows(reading(A))
    assert isinstance(await world.ask(RequestSwitchover("orders", "db-b", dry_run=True)), ShowPlan)
