"""What is named and not there, or not named and needed: between its writer and the bot, without a card."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from bot.core.answers import Answer, AskAgain, ChooseNode, ShowPlan, Tell
from bot.core.commands import RequestSwitchover
from bot.core.machine import Limits
from bot.core.model import CandidateRule, Reason, Target, Topology
from bot.core.operation import Status
from bot.core.policy import Policy
from bot.errors import Refused, Unavailable
from bot.service.catalogue import Catalogue
from bot.service.requests import LOOK_LIMIT, READING_SHARE
from tests.core.examples import ANN, ASKER, BOB, CLOUD, A, B, C, reading
from tests.service.world import POLICY, ScriptedCloud, World
from tests.simulation.loop import Time

SHARDED = replace(CLOUD, shards=True)


@dataclass
class ShardedCloud(ScriptedCloud):
    """A cloud that reads one of its ``shards`` only if it is named; ``while_reading`` runs in every reading."""

    async def observe(self, target: Target, *, urgent: bool = False) -> Topology:
        await self._meanwhile()
        named = [each for each in self.shards if target.shard in {each.shard, each.shard_name}]
        if len(named) != 1:
            raise Refused(f"no shard {target.shard}", meaning=("cloud-no-such-shard", {"shard": "?"}))
        return named[0]

    async def survey(self, database: str, *, urgent: bool = False) -> Sequence[Topology]:
        await self._meanwhile()
        return self.shards or await super().survey(database)

    async def _meanwhile(self) -> None:
        if self.while_reading is not None:
            await self.while_reading()


def shard(number: int, name: str | None = None) -> Topology:
    called = f"shard-{number}" if name is None else name
    return replace(reading(A), shard=f"g-{number}", shard_name=called)


PARTS = (shard(1), shard(2))


def sharded(*shards: Topology, policy: Policy = POLICY) -> World:
    """A world whose only database, ``events``, has these shards."""
    world = World()
    world.cloud = ShardedCloud(capabilities=SHARDED, shards=shards)
    world.catalogue.current = Catalogue({"events": world.database("events", policy, world.cloud)})
    return world


async def asked(world: World, request: RequestSwitchover) -> AskAgain:
    """What the asker alone is asked; nothing is left behind."""
    answer = await world.ask(request)
    assert isinstance(answer, AskAgain)
    assert await world.store.operations(open_only=False) == []
    return answer


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_sharded_database_without_a_shard_is_asked_for_one(dry_run: bool) -> None:
    """With the shards there are, and the same command with a gap: which of them is meant nobody can guess."""
    world = sharded(shard(1), shard(2))
    request = RequestSwitchover("events", "n-b", reason="disk", dry_run=dry_run)
    answer = await asked(world, request)
    assert answer.problem.code == "which-shard"
    assert (answer.problem["name"], answer.problem["known"]) == ("events", "shard-1, shard-2")
    assert answer.problem["more"] == ""
    assert answer.nearest == replace(request, shard="GROUP")
    only = sharded(shard(1))
    assert (await asked(only, request)).nearest == replace(request, shard="shard-1")


@pytest.mark.parametrize(
    "unclear",
    [
        RequestSwitchover("events"),
        RequestSwitchover("events", shard="shrd-2"),
        RequestSwitchover("events", "db-bb", "shard-1"),
    ],
)
async def test_no_command_is_made_up_for_an_emergency(unclear: RequestSwitchover) -> None:
    """Copied in haste it would switch at once what nobody has named."""
    world = sharded(shard(1), shard(2), policy=replace(POLICY, break_glass=(ASKER,)))
    answer = await asked(world, replace(unclear, reason="disk", emergency=True))
    assert answer.nearest is None
    assert world.store.notices == []
    assert (await asked(world, unclear)).nearest is not None


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
async def test_a_mistyped_node_is_answered_privately_with_the_nearest(dry_run: bool) -> None:
    """No card, and nothing is announced; a name that only one has is typed, else the id."""
    world = World()
    request = RequestSwitchover("orders", "db-bb", reason="disk", dry_run=dry_run)
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


async def hang() -> None:
    """Never ends by itself."""
    await asyncio.Event().wait()


async def slowly() -> None:
    """As long as a cloud takes that asks an agent on a node."""
    await asyncio.sleep(4)


def elapsed(story: Callable[[], Coroutine[None, None, None]]) -> float:
    """The seconds that a story takes, in virtual time."""
    time = Time()
    time.run(story())
    return time.elapsed


def test_a_cloud_that_hangs_holds_up_a_card_for_a_moment() -> None:
    """Well within the time for which the delivery is claimed."""

    async def story() -> None:
        world = World()
        world.cloud.while_reading = hang
        assert await world.ask(RequestSwitchover("orders", "zzz")) is None
        assert await world.status() is Status.PLANNING

    assert elapsed(story) == LOOK_LIMIT


def test_which_node_is_meant_is_asked_of_the_asker_however_slow_the_reading() -> None:
    """A card would only be refused, before everybody."""

    async def story() -> None:
        world = World()
        world.cloud.while_reading = slowly
        assert isinstance(await world.ask(RequestSwitchover("orders")), ChooseNode)
        assert await world.store.operations(open_only=False) == []

    assert elapsed(story) == 4 > LOOK_LIMIT


@pytest.mark.parametrize("node", [None, "n-b"])
def test_which_shard_is_meant_is_asked_of_the_asker_however_slow_the_reading(node: str | None) -> None:
    """The same where the cloud would choose the node."""

    async def story() -> None:
        world = sharded(shard(1), shard(2))
        world.cloud.capabilities = replace(SHARDED, candidate=CandidateRule.OPTIONAL)
        world.cloud.while_reading = slowly
        assert (await asked(world, RequestSwitchover("events", node))).problem.code == "which-shard"

    assert elapsed(story) == 4


def test_where_nothing_is_left_open_a_card_waits_for_no_slow_reading() -> None:
    """The cloud chooses the node, and there are no shards."""

    async def story() -> None:
        world = World()
        world.cloud.capabilities = replace(CLOUD, candidate=CandidateRule.CHOSEN_BY_CLOUD)
        world.cloud.while_reading = slowly
        assert await world.ask(RequestSwitchover("orders")) is None
        assert await world.status() is Status.PLANNING

    assert elapsed(story) == LOOK_LIMIT


@pytest.mark.parametrize("known", [True, False])
def test_a_database_known_to_have_no_shards_leaves_none_open(known: bool) -> None:
    """A card comes at once also where the cloud might have had shards, and hangs."""

    async def story() -> None:
        world = World()
        world.cloud.capabilities = replace(SHARDED, candidate=CandidateRule.OPTIONAL)
        if known:
            assert await world.ask(RequestSwitchover("orders", dry_run=True))
        world.cloud.while_reading = hang
        assert await world.ask(RequestSwitchover("orders")) is None
        assert await world.status() is Status.PLANNING

    assert elapsed(story) == (LOOK_LIMIT if known else READING_SHARE * Limits().lease.total_seconds())


@pytest.mark.parametrize("named", [None, "g-1"], ids=["asked which", "named"])
def test_a_database_that_has_got_shards_leaves_them_open_again(named: str | None) -> None:
    """Another cluster was configured under its name."""

    async def story() -> None:
        world = World()
        world.cloud.capabilities = capabilities = replace(SHARDED, candidate=CandidateRule.OPTIONAL)
        assert await world.ask(RequestSwitchover("orders", dry_run=True))
        world.cloud = ShardedCloud(capabilities=capabilities, shards=PARTS)
        world.catalogue.current = Catalogue({"orders": world.database("orders", POLICY, world.cloud)})
        assert await world.ask(RequestSwitchover("orders", shard=named, dry_run=True))
        world.cloud.while_reading = hang
        assert await world.ask(RequestSwitchover("orders")) is None

    assert elapsed(story) == READING_SHARE * Limits().lease.total_seconds()


def test_a_cloud_that_hangs_holds_up_no_delivery_beyond_its_claim() -> None:
    """Not even where nothing can be said without a reading: planning says then what is wrong."""
    lease = timedelta(seconds=20)

    async def story() -> None:
        world = World()
        world.desk.limits = replace(world.desk.limits, lease=lease)
        world.cloud.while_reading = hang
        assert await world.ask(RequestSwitchover("orders")) is None
        assert await world.status() is Status.PLANNING

    assert elapsed(story) == READING_SHARE * lease.total_seconds()


def test_a_dry_run_waits_for_a_slow_reading_also_where_nothing_is_left_open() -> None:
    """No card holds the place of its answer."""

    async def story() -> None:
        world = World()
        world.cloud.while_reading = slowly
        assert isinstance(await world.ask(RequestSwitchover("orders", "n-b", dry_run=True)), ShowPlan)

    assert elapsed(story) == 4 > LOOK_LIMIT


def test_a_dry_run_that_reads_twice_ends_within_its_claim() -> None:
    """Of a shard that nobody has: it is read, and then all are, each as slowly as a call may be."""

    async def story() -> None:
        world = sharded(shard(1), shard(2))
        world.cloud.while_reading = ten_seconds
        answer = await world.ask(RequestSwitchover("events", shard="zzz", dry_run=True))
        assert answer == Tell(
            Reason.of("unreadable", name="events"), Reason.of("reading-slow", name="events")
        )

    async def ten_seconds() -> None:
        await asyncio.sleep(10)

    assert elapsed(story) == READING_SHARE * Limits().lease.total_seconds() < 15


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
