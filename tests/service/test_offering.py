"""What a form offers to whom, and what it reads."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

from bot.core.model import Reason, UserId, nested
from bot.errors import Unavailable
from bot.ports import Person
from bot.service.catalogue import Catalogue, CatalogueHolder
from bot.service.offering import Offering
from tests.core.examples import ANN, ASKER, EVE, A, reading
from tests.service.world import GUEST, People, World, stricter

HOME = "T-HOME"


class Remembering(People):
    """A directory that remembers whom it was asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, Person] = {}
        self.known_groups: dict[str, frozenset[str]] = {}

    async def person(self, user_id: str, team_id: str | None, *, since: datetime | None = None) -> Person:
        self.known[user_id] = found = await super().person(user_id, team_id, since=since)
        return found

    async def members(self, group_id: str, *, since: datetime | None = None) -> frozenset[str]:
        self.known_groups[group_id] = found = await super().members(group_id, since=since)
        return found

    def remembered(self, user_id: str, team_id: str | None, *, within: float) -> Person | None:
        return self.known.get(user_id)

    def remembered_members(self, group_id: str, *, within: float) -> frozenset[str] | None:
        return self.known_groups.get(group_id)

    def known_locale(self, user_id: str) -> str:
        known = self.known.get(user_id)
        return known.locale if known else ""


class Shop(World):
    """Three databases under three policies."""

    def __init__(self, limit: float = 20.0) -> None:
        super().__init__()
        self.memory = self.directory = Remembering()
        anyone = stricter(approvals=1)
        group = replace(anyone, name="group", requesters=("S-DBA",))
        eve = replace(anyone, name="eve", requesters=(EVE,))
        self.configure(orders=anyone, orders_dba=group, eves=eve)
        self.offering = Offering(directory=self.memory, catalogue=self.catalogue, reading_limit=limit)

    def names(self, user: UserId, typed: str = "", most: int = 100) -> list[str] | None:
        found = self.offering.offered(user, HOME, typed, most)
        return None if found is None else [each.name for each in found]


async def test_people_are_offered_what_they_may_request() -> None:
    shop = Shop()
    for who in (ASKER, EVE, GUEST):
        await shop.offering.learn(who, HOME)
    assert shop.names(ASKER) == ["orders", "orders_dba"]
    assert shop.names(EVE) == ["eves", "orders"]
    assert shop.names(GUEST) == []


async def test_nobody_unknown_is_offered_anything_and_nobody_is_asked_for_it() -> None:
    shop = Shop()
    assert shop.names(ASKER) is None
    assert shop.memory.known == {}


async def test_a_group_that_is_not_known_allows_nothing() -> None:
    shop = Shop()
    await shop.directory.person(ANN, HOME)
    assert shop.names(ANN) == ["orders"]


async def test_what_is_remembered_is_not_asked_again() -> None:
    shop = Shop()
    await shop.offering.learn(ANN, HOME)
    shop.memory.available = False
    await shop.offering.learn(ANN, HOME)
    assert shop.names(ANN) == ["orders", "orders_dba"]


async def test_names_that_begin_with_what_is_typed_come_first() -> None:
    shop = Shop()
    await shop.offering.learn(ANN, HOME)
    assert shop.names(ANN, "DBA") == ["orders_dba"]
    assert shop.names(ANN, "orders", 1) == ["orders"]
    assert shop.names(ANN, "nothing like it") == []


async def test_a_reading_is_of_the_whole_database() -> None:
    shop = Shop()
    look = await shop.offering.look(ANN, HOME, "orders")
    assert (look.readings, look.problem, look.sharded) == ((reading(A),), None, False)


async def test_what_may_not_be_requested_is_not_read() -> None:
    shop = Shop()
    look = await shop.offering.look(ANN, HOME, "eves")
    assert (look.problem, look.capabilities) == (
        Reason.of("deny-not-a-requester", policy="eve", requesters=EVE),
        None,
    )
    assert shop.cloud.readings == 0


async def test_what_is_gone_fails_or_hangs_is_a_reason() -> None:
    shop = Shop(limit=0.01)
    assert (await shop.offering.look(ANN, HOME, "gone")).problem == shop.catalogue.current.unknown("gone")
    shop.cloud.while_reading = asyncio.Event().wait  # type: ignore[assignment]
    assert (await shop.offering.look(ANN, HOME, "orders")).problem == Reason.of("reading-slow", name="orders")
    shop.cloud.shows(Unavailable("no answer"))
    assert (await shop.offering.look(ANN, HOME, "orders")).problem == Reason.of(
        "provider-said", message=nested([Reason.of("cloud-said", said="no answer")]), error=""
    )
    shop.memory.available = False
    assert (await shop.offering.look(ANN, HOME, "orders")).problem == Reason.of("who-unknown")


async def test_where_one_channel_takes_requests_it_is_suggested() -> None:
    def only(*channels: str) -> str:
        catalogue = CatalogueHolder(Catalogue({}, frozenset(channels)))
        return Offering(directory=Remembering(), catalogue=catalogue).only_channel

    assert (only(), only("C1"), only("C1", "C2")) == ("", "C1", "")
