"""Home tabs: due when they are opened and when the trail moves on; readings are asked for once and shared."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.core.home import Reading
from bot.core.model import Reason, UserId
from bot.errors import Stale
from bot.ports import HomeTab, InboxItem, Storage
from tests.storage.backends import EVERYWHERE, Stores
from tests.storage.values import NOW, ORIGIN, after, done_without_approval, inbound, requested, topology

pytestmark = EVERYWHERE

LEASE = timedelta(seconds=60)


async def delivery(store: Storage, user: str = "U1", at: datetime = NOW) -> InboxItem:
    await store.receive(replace(inbound(f"{user}-{at}"), origin=replace(ORIGIN, user=UserId(user))))
    (item,) = await store.claim_inbox(at, at + LEASE, 1)
    return item


async def opened(store: Storage, user: str = "U1", at: datetime = NOW, *, blank: bool = False) -> None:
    await store.open_home(await delivery(store, user, at), blank=blank, now=at)


async def claimed(store: Storage, at: datetime, *, limit: int = 9, pause: float = 5) -> Sequence[HomeTab]:
    return await store.claim_homes(
        at,
        at + LEASE,
        limit,
        opened_since=at - timedelta(minutes=30),
        looked_before=at - timedelta(seconds=pause),
    )


async def shown(store: Storage, tab: HomeTab, at: datetime, *, seq: int = 0, shows: str = "digest") -> None:
    await store.settle_home(tab, shown=shows, seq=seq, looked_at=at, due_at=at + timedelta(minutes=5))


async def test_an_opened_tab_is_due_at_once_and_its_delivery_is_done(stores: Stores, store: Storage) -> None:
    item = await delivery(store)
    await store.open_home(item, blank=False, now=NOW)
    with pytest.raises(Stale):
        await store.open_home(item, blank=False, now=NOW)
    (tab,) = await claimed(await stores.replica(), NOW)
    assert (tab.user, tab.team, tab.opened_at, tab.shown) == ("U1", "T1", NOW, "")
    assert await claimed(store, after(1)) == []
    assert len(await claimed(store, after(60))) == 1, "who claimed it is gone"


async def test_what_was_settled_is_due_when_it_said_or_when_the_trail_moves_on(store: Storage) -> None:
    await opened(store)
    (tab,) = await claimed(store, NOW)
    await shown(store, tab, NOW)
    assert await claimed(store, after(299)) == []
    await store.open(requested(), due_at=NOW, item_id=None)
    (again,) = await claimed(store, after(299))
    assert again.shown == "digest"
    await shown(store, again, after(299), seq=(await store.audit_head()).seq)
    assert await claimed(store, after(320)) == []
    assert len(await claimed(store, after(599))) == 1


async def test_nobody_gets_more_than_one_in_a_pause_not_even_by_opening_it(store: Storage) -> None:
    await opened(store)
    (tab,) = await claimed(store, NOW)
    await shown(store, tab, NOW)
    await opened(store, at=after(2))
    assert await claimed(store, after(4)) == []
    assert len(await claimed(store, after(5))) == 1


async def test_who_has_not_opened_it_lately_is_left_alone(store: Storage) -> None:
    await opened(store)
    assert await claimed(store, after(1801)) == []


async def test_opening_it_again_overtakes_whoever_is_at_it(store: Storage) -> None:
    await opened(store)
    (tab,) = await claimed(store, NOW)
    await opened(store, at=after(1))
    await shown(store, tab, after(2))
    await store.forget_home(tab)
    (again,) = await claimed(store, after(2))
    assert (again.opened_at, again.shown) == (after(1), "")


async def test_a_blank_tab_forgets_what_it_showed(store: Storage) -> None:
    await opened(store)
    (tab,) = await claimed(store, NOW)
    await shown(store, tab, NOW)
    await opened(store, at=after(10))
    (tab,) = await claimed(store, after(10))
    assert tab.shown == "digest"
    await opened(store, at=after(20), blank=True)
    (tab,) = await claimed(store, after(20))
    assert tab.shown == ""


async def test_the_longest_due_go_first_and_those_just_opened_before_those_the_trail_moved_past(
    store: Storage,
) -> None:
    for number in range(3):
        await opened(store, f"U{number}", after(number))
    for tab in await claimed(store, after(3)):
        await shown(store, tab, after(3))
    await store.open(requested(), due_at=NOW, item_id=None)
    await opened(store, "U2", after(9))
    assert [tab.user for tab in await claimed(store, after(9), limit=2)] == ["U2", "U0"]
    assert [tab.user for tab in await claimed(store, after(9))] == ["U1"]


async def test_who_has_just_opened_it_waits_for_no_tab_that_is_only_kept_fresh(store: Storage) -> None:
    for number in range(3):
        await opened(store, f"U{number}")
    for tab in await claimed(store, NOW):
        await shown(store, tab, after(1))
    await opened(store, "U2", after(400))
    assert [tab.user for tab in await claimed(store, after(400), limit=1)] == ["U2"]
    await opened(store, "U1", after(401))
    assert [tab.user for tab in await claimed(store, after(401))] == ["U1", "U0"]


async def test_two_replicas_never_take_the_same_tab(stores: Stores, store: Storage) -> None:
    for number in range(6):
        await opened(store, f"U{number}")
    other = await stores.replica()
    taken = await asyncio.gather(*(claimed(each, after(1), limit=4) for each in (store, other) * 2))
    users = [tab.user for some in taken for tab in some]
    assert sorted(users) == sorted(set(users))


async def test_what_is_forgotten_comes_back_when_it_is_opened(store: Storage) -> None:
    await opened(store)
    (tab,) = await claimed(store, NOW)
    await store.forget_home(tab)
    assert await claimed(store, after(120)) == []
    await opened(store, at=after(130))
    assert len(await claimed(store, after(130))) == 1


async def test_a_tab_is_kept_fresh_when_the_clock_is_set_back(store: Storage) -> None:
    await opened(store, at=after(3600))
    (tab,) = await claimed(store, after(3600))
    await store.settle_home(tab, shown="d", seq=0, looked_at=after(3600), due_at=after(3900))
    assert await store.begin_readings(["orders"], after(3600), after(3500)) == ["orders"]
    await store.hasten(NOW)
    assert len(await claimed(store, after(5))) == 1
    assert await store.begin_readings(["orders"], after(100), NOW) == ["orders"]


async def test_so_is_one_that_something_new_made_due_before_that_was_noticed(store: Storage) -> None:
    await opened(store, at=after(3600))
    (tab,) = await claimed(store, after(3600))
    await shown(store, tab, after(3600))
    await store.record_readings({}, after(1))
    await store.hasten(after(2))
    assert len(await claimed(store, after(7))) == 1


async def test_a_new_process_takes_over_what_the_last_one_had_claimed(store: Storage) -> None:
    await opened(store)
    await claimed(store, NOW)
    await store.release_claims(after(1))
    assert len(await claimed(store, after(1))) == 1


async def test_tabs_that_nobody_opens_any_more_are_deleted(store: Storage) -> None:
    await opened(store)
    await opened(store, "U2", after(60))
    await store.prune(after(30) + timedelta(days=2), timedelta(days=2))
    left = await store.claim_homes(
        after(99), after(199), 9, opened_since=NOW - timedelta(days=9), looked_before=after(99)
    )
    assert [tab.user for tab in left] == ["U2"]


async def test_a_database_is_read_by_one_and_not_again_for_a_while(stores: Stores, store: Storage) -> None:
    other = await stores.replica()
    assert await store.begin_readings(["b", "a"], NOW, after(-120)) == ["a", "b"]
    assert await other.begin_readings(["a", "b", "c"], after(60), after(-60)) == ["c"]
    assert await other.begin_readings(["a"], after(120), NOW) == ["a"]
    assert await other.begin_readings([], after(120), NOW) == []


async def test_a_reading_is_kept_for_all_and_makes_every_tab_due(stores: Stores, store: Storage) -> None:
    await opened(store)
    (tab,) = await claimed(store, NOW)
    await shown(store, tab, NOW)
    await store.begin_readings(["a"], NOW, after(-120))
    seen = Reading((topology(at=NOW),))
    await store.record_readings({"a": seen}, after(10))
    assert await (await stores.replica()).readings(["a", "b"]) == {"a": seen}
    assert len(await claimed(store, after(10))) == 1


async def test_roles_that_were_read_once_are_kept_when_they_can_not_be_read_again(store: Storage) -> None:
    await store.begin_readings(["a"], NOW, after(-120))
    await store.record_readings({"a": Reading((topology(at=NOW),))}, NOW)
    problem = Reason.of("provider-throttled", message="enough")
    await store.record_readings({"a": Reading((), problem)}, after(10))
    (found,) = (await store.readings(["a"])).values()
    assert found == Reading((topology(at=NOW),), problem)
    assert found.read_at == NOW


async def test_roles_that_an_operation_saw_last_are_known_at_once(store: Storage) -> None:
    at = NOW - timedelta(minutes=1)
    await store.begin_readings(["orders"], at, after(-120))
    await store.record_readings({"orders": Reading((topology(at=at),))}, at)
    first = requested(1, database="orders", emergency=True)
    *before, last = done_without_approval(first)
    await store.open(first, due_at=NOW, item_id=None)
    await store.commit(before, due_at=NOW)
    assert await store.readings(["orders"]) == {"orders": Reading((topology(at=at),))}
    await store.commit([last], due_at=None)
    seen = {"orders": Reading((topology("n2"),))}
    assert await store.readings(["orders"]) == seen
    await store.record_readings({"orders": Reading((topology(at=after(-1)),))}, after(1))
    assert await store.readings(["orders"]) == seen  # begun before the end, recorded after it


async def test_an_operation_of_a_database_that_nobody_looks_at_leaves_no_reading(store: Storage) -> None:
    first = requested(1, database="orders", emergency=True)
    await store.open(first, due_at=NOW, item_id=None)
    await store.commit(done_without_approval(first), due_at=None)
    assert await store.readings(["orders"]) == {}
