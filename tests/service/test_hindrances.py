"""A freeze and a cooldown bind the request, every approval and the start."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.answers import ShowPlan, Tell
from bot.core.commands import Act, Action, RequestSwitchover
from bot.core.model import JobId, Topology
from bot.core.operation import Operation, Status
from bot.core.preflight import Outcome
from bot.core.schedule import Start
from bot.errors import Unreadable
from tests.core.examples import ANN, BOB, A, B, reading
from tests.service.freezes import FROZEN, freeze
from tests.service.world import ID, World, stricter

ORDERS = RequestSwitchover("orders", "n-b")
JOB = JobId("j-1")


async def awaiting() -> World:
    world = World(stricter(approvals=1))
    await world.planned()
    assert await world.status() is Status.AWAITING_APPROVAL
    return world


async def succeeded(world: World) -> None:
    world.cloud.answers = [JOB]
    await world.planned()
    await world.click(Action.APPROVE, ANN)
    await world.tick()
    world.cloud.finishes(JOB)
    world.cloud.shows(reading(B))
    await world.tick(2)
    await world.tick()
    assert await world.status() is Status.SUCCEEDED


async def test_while_frozen_nothing_is_requested() -> None:
    world = World()
    freeze(world)
    assert await world.ask(ORDERS) == Tell(FROZEN)
    assert await world.store.operations(open_only=False) == []


async def test_while_frozen_an_approval_does_not_count() -> None:
    world = await awaiting()
    freeze(world)
    assert await world.ask(Act(Action.APPROVE, ID), ANN) == Tell(FROZEN)
    assert await world.status() is Status.AWAITING_APPROVAL
    freeze(world, on=False)
    await world.ask(Act(Action.APPROVE, ID), ANN)
    assert await world.status() is Status.RECHECKING


async def test_what_was_approved_before_a_freeze_and_would_start_in_it_is_refused() -> None:
    world = await awaiting()
    await world.ask(Act(Action.APPROVE, ID), ANN)
    freeze(world)
    await world.tick()
    op = await world.store.load(ID)
    assert op is not None
    assert (op.status, op.detail) == (Status.REFUSED, FROZEN)
    assert world.cloud.submissions == []


@pytest.mark.parametrize(("after", "allowed"), [(timedelta(minutes=9), False), (timedelta(minutes=11), True)])
async def test_after_a_switchover_the_next_one_waits_for_the_cooldown(
    after: timedelta, *, allowed: bool
) -> None:
    world = World(stricter(approvals=1, cooldown=timedelta(minutes=10)))
    await succeeded(world)
    await world.clock.sleep(after.total_seconds())
    answer = await world.ask(replace(ORDERS, node="n-a"))
    if allowed:
        assert answer is None
    else:
        assert isinstance(answer, Tell)
        assert answer.text.code == "cooldown"
        assert answer.text["last"] == ID


async def shard_succeeded() -> World:
    """``s-1``, which people call ``first``, was switched."""
    world = World(stricter(approvals=1, cooldown=timedelta(minutes=10)))
    world.cloud.shows(in_shard(reading(A)))
    world.cloud.answers = [JOB]
    assert await world.ask(OF_SHARD) is None
    await world.tick()
    await world.click(Action.APPROVE, ANN)
    await world.tick()
    world.cloud.finishes(JOB)
    world.cloud.shows(in_shard(reading(B)))
    await world.tick(2)
    await world.tick()
    assert await world.status() is Status.SUCCEEDED
    return world


OF_SHARD = RequestSwitchover("orders", "n-b", "first")
BACK = replace(OF_SHARD, node="n-a")


def in_shard(topology: Topology) -> Topology:
    return replace(topology, shard="s-1", shard_name="first")


async def test_the_cooldown_of_a_shard_that_is_asked_for_by_its_name_binds_the_plan() -> None:
    world = await shard_succeeded()
    assert await world.ask(BACK) is None
    await world.tick()
    op = await world.op("SW-000002")
    assert (op.status, op.detail and op.detail.code) == (Status.REFUSED, "cooldown")
    assert all(check.passed for check in op.checks)


async def test_the_cooldown_of_a_shard_that_is_asked_for_by_its_name_is_seen_in_the_dry_run() -> None:
    world = await shard_succeeded()
    shown = await world.ask(replace(BACK, dry_run=True))
    assert isinstance(shown, ShowPlan)
    assert (shown.outcome, shown.detail and shown.detail.code) == (Outcome.REFUSED, "cooldown")
    later = Start(after=timedelta(minutes=11))
    shown = await world.ask(replace(BACK, dry_run=True, start=later))
    assert isinstance(shown, ShowPlan)
    assert shown.outcome is Outcome.CLEAN


async def test_a_cooldown_that_is_over_by_the_start_hinders_nothing() -> None:
    world = World(stricter(approvals=1, cooldown=timedelta(minutes=10)))
    await succeeded(world)
    back = replace(ORDERS, node="n-a")
    assert await world.told(replace(back, start=Start(after=timedelta(minutes=9)))) == "cooldown"
    assert await world.ask(replace(back, start=Start(after=timedelta(minutes=10)))) is None
    await world.tick()
    assert await world.click(Action.APPROVE, ANN, "SW-000002") == "None"
    assert await world.status("SW-000002") is Status.SCHEDULED


async def test_what_was_refused_or_rejected_starts_no_cooldown() -> None:
    world = World(stricter(approvals=1, cooldown=timedelta(minutes=10)))
    await world.ask(ORDERS)
    await world.tick()
    await world.ask(Act(Action.REJECT, ID), BOB)
    assert await world.ask(ORDERS) is None


# --- what can't be read ---


def with_an_unreadable_past(world: World) -> None:
    async def newest(*_: object, **__: object) -> list[Operation]:
        raise Unreadable("a stored Operation can't be read")

    world.store.newest = newest  # type: ignore[method-assign]


async def test_a_past_that_can_not_be_read_is_left_off_the_card_and_hinders_nothing() -> None:
    world = World(stricter(approvals=1))
    with_an_unreadable_past(world)
    op = await world.planned()
    assert (op.status, op.last, op.usual) == (Status.AWAITING_APPROVAL, None, None)


async def test_a_cooldown_that_can_not_be_known_is_a_definite_no_at_every_step() -> None:
    world = World(stricter(approvals=1, cooldown=timedelta(minutes=10)))
    await world.planned()
    with_an_unreadable_past(world)
    assert await world.click(Action.APPROVE, ANN) == "stored-unreadable"
    del world.store.newest
    assert await world.click(Action.APPROVE, ANN) == "None"
    with_an_unreadable_past(world)
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "stored-unreadable")
    assert await world.told(ORDERS) == "stored-unreadable"


async def test_a_delivery_about_what_can_not_be_read_is_answered() -> None:
    world = World()

    async def load(_: str) -> Operation | None:
        raise Unreadable("a stored Operation can't be read")

    world.store.load = load  # type: ignore[method-assign, assignment]
    assert await world.click(Action.APPROVE, ANN) == "stored-unreadable"
    assert world.store.unfinished() == []
