"""What a form is told before its request is made: only what the bot's own database knows, and only in time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from bot.core.commands import Freeze, Halt, RequestSwitchover
from bot.core.holds import Hold
from bot.core.model import Reason
from bot.errors import StoreUnavailable, Unreadable
from bot.service.foresight import Foresight
from tests.core.examples import ANN, ASKER, EVE, START
from tests.service.freezes import FROZEN, freeze
from tests.service.world import ID, POLICY, LeakyStore, World

ORDERS = RequestSwitchover("orders", "n-b")


async def foreseen(world: World, command: RequestSwitchover = ORDERS, *, limit: float = 5) -> Reason | None:
    ahead = Foresight(store=world.store, catalogue=world.catalogue, clock=world.clock, limit=limit)
    return await ahead.hindrance(command, ASKER)


async def test_what_is_free_is_free() -> None:
    """What else is wrong with a request is said by the desk."""
    world = World()
    world.configure(orders=POLICY, sessions=POLICY)
    await world.ask(Freeze("sessions", "audit"), ANN)
    assert await foreseen(world) is None
    assert await foreseen(world, RequestSwitchover("nowhere")) is None


async def test_holds_are_told_without_the_name_of_who_set_them() -> None:
    """A field shows no mention; a halt comes first."""
    world = World()
    freeze(world)
    assert await foreseen(world) == FROZEN
    await world.ask(Freeze("all", "audit", timedelta(hours=2)), ANN)
    until = (START + timedelta(hours=2)).isoformat()
    assert await foreseen(world) == Reason.of("form-frozen", scope="all", reason="audit", until=until)
    await world.ask(Halt("fire"), ANN)
    assert await foreseen(world) == Reason.of("form-halted", reason="fire")


async def test_a_lock_is_told_but_to_who_may_be_sending_the_same_form_again() -> None:
    """That one is known by its delivery, and has no second effect."""
    world = World()
    await world.planned()
    assert await foreseen(world) is None
    await world.clock.sleep(60)
    assert await foreseen(world) == Reason.of("locked", database="orders", holder=ID)
    assert await foreseen(world, RequestSwitchover("orders", shard="sh-1")) is None
    world = World()
    await world.ask(ORDERS, EVE)
    assert await foreseen(world) == Reason.of("locked", database="orders", holder=ID)


class Troubled(LeakyStore):
    """What is set by hand can't be read: for ever, or for this reason."""

    trouble: Exception | None = None

    async def holds(self, now: datetime) -> Sequence[Hold]:
        if self.trouble is not None:
            raise self.trouble
        await asyncio.Event().wait()
        raise AssertionError("never")


@pytest.mark.parametrize("trouble", [None, StoreUnavailable("full"), Unreadable("newer")])
async def test_what_is_not_known_in_time_holds_up_no_form(trouble: Exception | None) -> None:
    """The desk finds it out."""
    world = World()
    store = Troubled()
    store.trouble = trouble
    ahead = Foresight(store=store, catalogue=world.catalogue, clock=world.clock, limit=0)
    assert await ahead.hindrance(ORDERS, ASKER) is None
