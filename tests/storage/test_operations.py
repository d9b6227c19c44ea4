"""Operations: events and what they make of an operation are one; locks hold; claims are never double."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.events import Choice, Event
from bot.core.machine import Decision, Say, replay
from bot.core.model import OperationId, Target
from bot.core.operation import Operation, Status
from bot.core.preflight import Outcome
from bot.errors import Chosen, Locked, Stale, StoreUnavailable
from bot.ports import AuditHead, Storage
from tests.storage.backends import EVERYWHERE, Ground, Stores
from tests.storage.deeds import opened
from tests.storage.values import (
    LATER,
    NOW,
    after,
    approved,
    cancelled,
    chain,
    done_without_approval,
    inbound,
    planned,
    reply,
    requested,
    reviewed,
    running,
    started,
    walk,
    walks,
)

pytestmark = EVERYWHERE


async def claimed_ids(store: Storage, now: datetime, limit: int = 50) -> list[str]:
    return [op.id for op in await store.claim_operations(now, now + timedelta(seconds=60), limit)]


async def test_an_operation_is_loaded_as_it_was_committed(store: Storage) -> None:
    first = await opened(store, requested())
    decisions = running(first)
    await store.commit(decisions[:2], due_at=NOW)
    await store.commit(decisions[2:], due_at=NOW)
    assert await store.load(first.after.id) == decisions[-1].after
    assert await store.events(first.after.id) == [each.event for each in (first, *decisions)]


async def test_what_was_committed_is_there_after_a_restart(stores: Stores, store: Storage) -> None:
    first = await opened(store, requested())
    decisions = running(first)
    await store.commit(decisions, due_at=NOW)
    await store.close()
    again = await stores.open()
    assert (
        await again.load(first.after.id) == decisions[-1].after == replay(await again.events(first.after.id))
    )


@pytest.mark.parametrize("unknown", ["SW-NOSUCH", "", "\x00", "\ud800", "'; DROP TABLE operations"])
async def test_an_unknown_id_is_no_operation(store: Storage, unknown: str) -> None:
    assert await store.load(unknown) is None
    assert await store.events(unknown) in ([], ())
    assert await store.operations(open_only=False, database=unknown) in ([], ())


async def test_a_commit_on_another_version_is_stale_and_records_nothing(store: Storage) -> None:
    first = await opened(store, requested())
    decisions = running(first)
    await store.commit(decisions[:1], due_at=NOW)
    for late in (decisions[:1], decisions[2:3]):
        with pytest.raises(Stale):
            await store.commit(late, due_at=NOW, replies=[reply()])
    assert await store.load(first.after.id) == decisions[0].after
    assert len(await store.events(first.after.id)) == 2
    assert await store.backlog() == 1
    head = await store.verify_audit()
    assert isinstance(head, AuditHead)
    assert head.seq == 2


async def test_of_concurrent_commits_one_wins(stores: Stores, store: Storage) -> None:
    workers = [store, await stores.replica()]
    first = await opened(store, requested())
    step = running(first)[:1]
    outcomes = await asyncio.gather(
        *(workers[n % 2].commit(step, due_at=NOW) for n in range(8)), return_exceptions=True
    )
    assert Counter(type(outcome) for outcome in outcomes) == {type(None): 1, Stale: 7}
    assert len(await store.events(first.after.id)) == 2


async def test_a_commit_for_an_operation_that_does_not_exist_is_stale(store: Storage) -> None:
    with pytest.raises(Stale):
        await store.commit(running(requested())[:1], due_at=NOW)


async def test_decisions_that_do_not_follow_each_other_are_a_defect(store: Storage) -> None:
    decisions = running(requested())
    with pytest.raises(ValueError, match="consecutive"):
        await store.commit([decisions[0], decisions[2]], due_at=NOW)


@pytest.mark.parametrize("shard", [None, "shard-1"])
async def test_a_second_operation_on_the_same_target_is_locked_out(store: Storage, shard: str | None) -> None:
    await opened(store, requested(1, database="orders", shard=shard))
    await store.receive(inbound())
    (item,) = await store.claim_inbox(NOW, LATER, 1)
    with pytest.raises(Locked) as locked:
        await store.open(
            requested(2, database="orders", shard=shard), due_at=NOW, item_id=item.id, replies=[reply()]
        )
    assert locked.value.holder == "SW-000001"
    assert await store.load("SW-000002") is None
    assert await store.backlog() == 1
    await store.finish_item(item.id, [reply()], NOW)
    assert await store.backlog() == 2  # so the item had not been finished


async def test_other_databases_and_shards_are_free(store: Storage) -> None:
    for number, (database, shard) in enumerate([("a", None), ("a", "s1"), ("a", "s2"), ("b", None)]):
        await opened(store, requested(number, database=database, shard=shard))
    assert len(await store.operations(open_only=True)) == 4


async def test_an_end_gives_the_lock_back(store: Storage) -> None:
    first = await opened(store, requested(1, database="orders"))
    await store.commit(chain(first, cancelled), due_at=NOW)
    await opened(store, requested(2, database="orders"))


async def test_of_concurrent_requests_for_a_target_one_gets_the_lock(stores: Stores, store: Storage) -> None:
    workers = [store, await stores.replica()]
    opening = (
        workers[n % 2].open(requested(n, database="orders"), due_at=NOW, item_id=None) for n in range(8)
    )
    outcomes = await asyncio.gather(*opening, return_exceptions=True)
    assert Counter(type(outcome) for outcome in outcomes) == {type(None): 1, Locked: 7}
    (holder,) = await store.operations(open_only=True)
    assert {each.holder for each in outcomes if isinstance(each, Locked)} == {holder.id}


async def test_one_choice_makes_one_operation(store: Storage) -> None:
    choice = Choice(7, NOW)
    assert await store.made_of(choice) is None
    first = await opened(store, requested(1, database="orders", choice=choice, at=after(9)))
    assert [await store.made_of(each) for each in (choice, Choice(8, NOW))] == ["SW-000001", None]
    with pytest.raises(Locked):
        await opened(store, requested(2, database="orders", choice=choice, at=after(9)))
    await store.commit(chain(first, cancelled), due_at=None)
    await store.receive(inbound())
    (item,) = await store.claim_inbox(NOW, LATER, 1)
    again = requested(2, database="orders", choice=choice, at=after(60))
    with pytest.raises(Chosen) as chosen:
        await store.open(again, due_at=NOW, item_id=item.id, replies=[reply()])
    assert chosen.value.made == first.after.id
    assert await store.load(again.after.id) is None
    await store.finish_item(item.id, [reply()], NOW)
    assert (
        await store.backlog() == 3
    )  # the end of the first, its card, and the answer: the item was not finished
    await opened(store, requested(3, database="orders", choice=Choice(8, NOW), at=after(60)))
    await opened(store, requested(4, database="events", at=after(60)))


async def test_of_concurrent_requests_of_one_choice_one_is_recorded(stores: Stores, store: Storage) -> None:
    workers = [store, await stores.replica()]
    opening = (
        workers[n % 2].open(requested(n, choice=Choice(7, NOW)), due_at=NOW, item_id=None) for n in range(8)
    )
    outcomes = await asyncio.gather(*opening, return_exceptions=True)
    assert Counter(type(outcome) for outcome in outcomes) == {type(None): 1, Chosen: 7}
    (made,) = await store.operations(open_only=True)
    assert {each.made for each in outcomes if isinstance(each, Chosen)} == {made.id}


async def test_an_event_that_names_a_locked_shard_is_locked_out(store: Storage) -> None:
    await opened(store, requested(1, database="events", shard="shard-1"))
    typed = await opened(store, requested(2, database="events", shard="the first"))
    named = chain(typed, lambda op: planned(op, shard="shard-1"))
    with pytest.raises(Locked) as locked:
        await store.commit(named, due_at=NOW, replies=[reply()])
    assert locked.value.holder == "SW-000001"
    assert await store.load("SW-000002") == typed.after
    assert len(await store.events("SW-000002")) == 1

    refused = chain(typed, lambda op: planned(op, shard="shard-1", outcome=Outcome.REFUSED))
    await store.commit(refused, due_at=None)


async def test_an_id_that_is_taken_is_not_recorded_again(store: Storage) -> None:
    await opened(store, requested(1, database="a"))
    with pytest.raises(StoreUnavailable, match="the id is taken"):
        await store.open(requested(1, database="b"), due_at=NOW, item_id=None)
    with pytest.raises(StoreUnavailable, match="the id is taken"):
        await store.open(requested(1, database="a"), due_at=NOW, item_id=None)
    assert len(await store.events("SW-000001")) == 1


async def test_operations_are_listed_newest_first(store: Storage) -> None:
    for number in range(4):
        await opened(store, requested(number, database=f"db{number % 2}{number}", at=after(-number)))
    ended = requested(9, database="db13", at=after(5))
    with pytest.raises(Locked):
        await opened(store, ended)
    last = await store.load("SW-000003")
    assert last is not None
    await store.commit(chain(Decision(ended.event, last), cancelled), due_at=None)
    await opened(store, ended)

    async def ids(**asked: object) -> list[str]:
        return [op.id for op in await store.operations(**asked)]  # type: ignore[arg-type]

    assert await ids(open_only=False) == ["SW-000009", "SW-000000", "SW-000001", "SW-000002", "SW-000003"]
    assert await ids(open_only=True, limit=2) == ["SW-000009", "SW-000000"]
    assert await ids(open_only=False, database="db13") == ["SW-000009", "SW-000003"]
    assert await ids(open_only=True, database="db13") == ["SW-000009"]


async def test_what_ended_is_listed_newest_first_whatever_is_open(store: Storage) -> None:
    """Some at a time; neither what is open nor what can't be a name takes a place, and each is counted."""
    for number in range(9):
        first = requested(number, database=f"db{number % 2}", shard=f"s{number}", at=after(number))
        await opened(store, first)
        if number not in {5, 7, 8}:
            await store.commit(chain(first, cancelled), due_at=None)

    async def ids(**asked: object) -> list[str]:
        return [op.id[-1] for op in await store.ended(**asked)]  # type: ignore[arg-type]

    assert await ids() == ["6", "4", "3", "2", "1", "0"]
    assert await ids(limit=2) == ["6", "4"]
    assert await ids(limit=2, skip=2) == ["3", "2"]
    assert await ids(limit=2, skip=6) == []
    assert await ids(database="db1", limit=1) == ["3"]
    assert await ids(database="db1", skip=1) == ["1"]
    assert await ids(database="db\x00") == await ids(database="nowhere") == []
    assert await store.count_operations("db1") == {"planning": 2, "cancelled": 2}
    assert await store.count_operations("nowhere") == await store.count_operations("\ud800") == {}


async def test_what_is_still_to_be_reviewed_is_listed_newest_first(store: Storage) -> None:
    """Emergencies that ended after they were sent, until somebody has reviewed them."""
    emergencies = [requested(number, at=after(number), emergency=True) for number in range(6)]
    for first in emergencies:
        await opened(store, first)
    ordinary = await opened(store, requested(6))
    await store.commit(chain(ordinary, planned, approved(), cancelled), due_at=None)
    await store.commit(chain(emergencies[0], cancelled), due_at=None)
    await store.commit(chain(emergencies[1], planned, started), due_at=NOW)
    for first in emergencies[2:]:
        done = done_without_approval(first)
        await store.commit(done[:2], due_at=NOW)
        await store.commit(done[2:], due_at=None)
        if first is emergencies[3]:
            await store.commit(chain(done[-1], reviewed), due_at=None)
    assert [op.id for op in await store.to_review()] == ["SW-000005", "SW-000004", "SW-000002"]
    assert [op.id for op in await store.to_review(limit=1)] == ["SW-000005"]


async def test_the_newest_of_a_target_that_has_a_status_is_found_behind_all_others(store: Storage) -> None:
    wanted = [
        requested(1, database="a", emergency=True),
        requested(2, database="a", at=after(1), emergency=True),
        requested(3, database="a", shard="s1", at=after(2), emergency=True),
    ]
    for first in wanted:
        await opened(store, first)
        await store.commit(done_without_approval(first), due_at=None)
    for number in range(4, 9):
        first = await opened(store, requested(number, database="a", at=after(number)))
        await store.commit(chain(first, cancelled), due_at=None)
    await opened(store, requested(9, database="b", at=after(9)))
    succeeded, cancelled_ = {Status.SUCCEEDED}, {Status.CANCELLED, Status.CLOSED}
    found = [
        await store.newest(Target("a"), succeeded, most=5),
        await store.newest(Target("a", "s1"), succeeded),
        await store.newest(Target("a"), cancelled_, most=2),
        await store.newest(Target("a"), cancelled_),
    ]
    assert [[op.id for op in ops] for ops in found] == [
        ["SW-000002", "SW-000001"],
        ["SW-000003"],
        ["SW-000008", "SW-000007"],
        ["SW-000008"],
    ]
    for target in (Target("a", "s1"), Target("b"), Target("a\x00"), Target("a", "s1\ud800")):
        assert not await store.newest(target, cancelled_)


async def test_the_longest_overdue_are_claimed_first_and_only_what_is_due(store: Storage) -> None:
    for number, seconds in enumerate([-1, -30, 0, 1, -10]):
        await opened(store, requested(number), due_at=after(seconds))
    assert await claimed_ids(store, NOW, limit=2) == ["SW-000001", "SW-000004"]
    assert await claimed_ids(store, NOW) == ["SW-000000", "SW-000002"]
    assert await claimed_ids(store, after(1)) == ["SW-000003"]


async def test_a_claimed_operation_is_due_again_when_the_claim_ends(stores: Stores, store: Storage) -> None:
    await opened(store, requested())
    assert await claimed_ids(store, NOW) == ["SW-000001"]
    await store.close()  # the worker is gone
    other = await stores.open()
    assert await claimed_ids(other, after(59)) == []
    assert await claimed_ids(other, after(60)) == ["SW-000001"]


async def test_concurrent_workers_never_claim_the_same_operation(stores: Stores, store: Storage) -> None:
    workers = [store, await stores.replica()]
    for number in range(12):
        await opened(store, requested(number))
    batches = await asyncio.gather(*(claimed_ids(workers[n % 2], NOW, limit=3) for n in range(8)))
    ids = [each for batch in batches for each in batch] + await claimed_ids(store, NOW)
    assert sorted(ids) == [f"SW-{number:06}" for number in range(12)]


async def test_a_commit_says_when_the_operation_is_due(store: Storage) -> None:
    first = await opened(store, requested(), due_at=after(100))
    decisions = running(first)
    await store.commit(decisions[:1], due_at=after(5))
    assert await claimed_ids(store, after(4)) == []
    assert await claimed_ids(store, after(5)) == ["SW-000001"]
    await store.commit(decisions[1:2], due_at=None)
    assert await claimed_ids(store, after(9999)) == []


async def test_what_has_ended_is_never_due(store: Storage) -> None:
    first = await opened(store, requested())
    await store.commit(chain(first, cancelled), due_at=NOW)
    await store.postpone({first.after.id: (2, NOW)}, until=None)
    assert await claimed_ids(store, after(9999)) == []


async def test_postponing_takes_only_those_that_have_not_moved(store: Storage) -> None:
    decisions = [await opened(store, requested(number)) for number in range(3)]
    await claimed_ids(store, NOW)
    await store.commit(running(decisions[2])[:1], due_at=after(50))
    wanted = {each.after.id: (1, after(7)) for each in decisions} | {OperationId("SW-NOSUCH"): (1, NOW)}
    await store.postpone(wanted, until=after(60))
    assert await claimed_ids(store, after(6)) == []
    assert await claimed_ids(store, after(7)) == ["SW-000000", "SW-000001"]
    assert await claimed_ids(store, after(50)) == ["SW-000002"]


async def test_a_claim_that_another_has_taken_over_is_not_postponed_by_its_former_owner(
    stores: Stores, store: Storage
) -> None:
    first = await opened(store, requested())
    assert await claimed_ids(store, NOW) == ["SW-000001"]
    other = await stores.replica()
    assert await claimed_ids(other, after(60)) == ["SW-000001"]
    await store.postpone({first.after.id: (1, after(61))}, until=after(60))
    assert await claimed_ids(other, after(119)) == []
    assert await claimed_ids(other, after(120)) == ["SW-000001"]


async def test_whoever_wants_an_operation_looked_at_needs_no_claim_and_takes_none_away(
    store: Storage,
) -> None:
    """Whoever has claimed it is just at it, and says when it is due next."""
    first = await opened(store, requested())
    await claimed_ids(store, NOW)
    await store.postpone({first.after.id: (1, after(1))}, until=None)
    assert await claimed_ids(store, after(1)) == []
    await store.postpone({first.after.id: (1, after(99))}, until=after(60))
    await store.postpone({first.after.id: (1, after(2))}, until=None)
    assert await claimed_ids(store, after(2)) == ["SW-000001"]


async def test_postponing_nothing_does_nothing(store: Storage) -> None:
    await store.postpone({}, until=None)


async def test_released_claims_are_due_at_once_and_so_is_all_that_waits(store: Storage) -> None:
    """By the clock that was, its time may have come long ago."""
    await opened(store, requested(1), due_at=after(-5))
    await opened(store, requested(2), due_at=after(-9))
    await opened(store, requested(3), due_at=after(500))
    await store.receive(inbound())
    assert len(await store.claim_inbox(NOW, LATER, 5)) == 1
    assert await claimed_ids(store, NOW) == ["SW-000002", "SW-000001"]
    assert len(await store.claim_messages(NOW, LATER, 5)) == 3
    await store.release_claims(after(-6))  # a clock that went back
    assert await claimed_ids(store, after(-6)) == ["SW-000002", "SW-000001", "SW-000003"]
    assert len(await store.claim_inbox(after(-6), LATER, 5)) == 1
    assert len(await store.claim_messages(after(-6), LATER, 5)) == 3


async def test_what_waits_is_hastened_and_what_is_claimed_is_left_to_whoever_has_it(store: Storage) -> None:
    await opened(store, requested(1), due_at=after(-5))
    assert await claimed_ids(store, NOW) == ["SW-000001"]
    assert len(await store.claim_messages(NOW, after(9000), 5)) == 1
    await opened(store, requested(2, at=after(3600)), due_at=after(7200))
    await store.receive(inbound(at=after(3600)))
    await store.hasten(NOW)
    assert await claimed_ids(store, NOW) == ["SW-000002"]
    assert len(await store.claim_inbox(NOW, LATER, 5)) == 1
    (card,) = await store.claim_messages(NOW, LATER, 5)
    assert card.operation is not None
    assert card.operation.id == "SW-000002"


async def test_what_another_replica_is_just_sending_is_not_taken_from_it(store: Storage) -> None:
    """It has not claimed it, but owns it until the lease that was committed with the intent runs out."""
    first = await opened(store, requested())
    await store.commit(running(first)[:3], due_at=after(15))
    await store.hasten(NOW)
    assert await claimed_ids(store, after(14)) == []
    assert await claimed_ids(store, after(15)) == ["SW-000001"]


async def test_what_was_being_sent_when_the_clock_was_set_back_is_looked_for_soon(store: Storage) -> None:
    first = await opened(store, requested())
    await store.commit(running(first)[:3], due_at=after(3600))
    await store.hasten(NOW)
    assert await claimed_ids(store, after(119)) == []
    assert await claimed_ids(store, after(120)) == ["SW-000001"]


async def test_what_was_claimed_by_the_clock_before_is_not_out_of_sight_for_long(store: Storage) -> None:
    """Whoever had claimed it may have died."""
    await opened(store, requested())
    await store.receive(inbound())
    assert len(await store.claim_operations(NOW, after(3600), 5)) == 1
    assert len(await store.claim_inbox(NOW, after(3600), 5)) == 1
    assert len(await store.claim_messages(NOW, after(3600), 5)) == 1
    await store.hasten(NOW)
    assert await claimed_ids(store, after(119)) == []
    assert await claimed_ids(store, after(120)) == ["SW-000001"]
    assert len(await store.claim_inbox(after(120), LATER, 5)) == 1
    assert len(await store.claim_messages(after(120), LATER, 5)) == 1


async def test_a_database_shows_what_time_it_is(store: Storage) -> None:
    before = datetime.now(UTC)
    shown = await store.now()
    assert abs(shown - before) < timedelta(minutes=1)
    assert shown.utcoffset() == timedelta(0)


async def test_operations_are_counted_by_status(store: Storage) -> None:
    first = await opened(store, requested(1))
    await opened(store, requested(2))
    await store.commit(chain(first, cancelled), due_at=None)
    await opened(store, requested(3))
    assert await store.count_operations() == {"planning": 2, "cancelled": 1}


async def test_what_a_dead_process_left_starting_is_due_at_once(store: Storage) -> None:
    first = await opened(store, requested())
    await store.commit(running(first)[:3], due_at=after(15))
    assert await claimed_ids(store, NOW) == []
    await store.release_claims(NOW)
    assert await claimed_ids(store, NOW) == ["SW-000001"]


FIRSTS: tuple[dict[str, Any], ...] = (
    {},
    {"start_in": timedelta(seconds=5)},
    {"emergency": True},
)


@given(how=st.sampled_from(FIRSTS), steps=walks(), cuts=st.lists(st.integers(1, 3), min_size=14, max_size=14))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_an_operation_is_the_fold_of_its_events(
    store: Storage,
    backend: Ground,
    how: dict[str, Any],
    steps: list[Callable[[Operation], Event]],
    cuts: list[int],
) -> None:
    first = requested(len(await store.operations(open_only=False, limit=1000)), **how)
    await opened(store, first)
    decisions = walk(first, steps)
    rest = list(decisions)
    for cut in cuts:
        if rest:
            await store.commit(rest[:cut], due_at=NOW)
            rest = rest[cut:]
    events = await store.events(first.after.id)
    assert events == [each.event for each in (first, *decisions)]
    assert await store.load(first.after.id) == replay(events) == ([first, *decisions][-1]).after
    said = sum(isinstance(effect, Say) for each in (first, *decisions) for effect in each.effects)
    owed = await backend.messages()
    assert said == sum((one.kind, one.operation) == ("reply", first.after.id) for one in owed)
    assert isinstance(await store.verify_audit(), AuditHead)


async def test_a_second_say_of_one_event_gets_a_key_of_its_own(store: Storage, backend: Ground) -> None:
    first = await opened(store, requested())
    (decision,) = chain(first, cancelled)
    twice = replace(decision, effects=decision.effects * 2)
    await store.commit([twice], due_at=None)
    found = [(one.key, one.status) for one in await backend.messages() if one.kind == "reply"]
    assert found == [("2", Status.CANCELLED), ("2-2", Status.CANCELLED)]


async def test_an_end_is_committed_once_more_and_nothing_but_the_review_changes(
    store: Storage,
) -> None:
    first = await opened(store, requested(emergency=True))
    decisions = done_without_approval(first)
    await store.commit(decisions, due_at=None)
    (review,) = chain(decisions[-1], reviewed)
    await store.commit([review], due_at=NOW)
    op = await store.load(first.after.id)
    assert op == review.after == replay(await store.events(first.after.id))
    assert (op.reviewed_by, op.ended_at, op.status) == ("U2", decisions[-1].after.ended_at, Status.SUCCEEDED)
    assert await claimed_ids(store, after(9999)) == []


@pytest.mark.parametrize("shard", [None, "shard-1"])
async def test_a_review_takes_no_lock_whoever_has_it(store: Storage, shard: str | None) -> None:
    first = await opened(store, requested(1, database="orders", shard=shard, emergency=True))
    decisions = done_without_approval(first)
    await store.commit(decisions, due_at=None)
    holder = await opened(store, requested(2, database="orders", shard=shard))
    await store.commit(chain(decisions[-1], reviewed), due_at=None)
    await store.commit(running(holder), due_at=NOW)
    assert [op.id for op in await store.operations(open_only=True)] == ["SW-000002"]
    with pytest.raises(Locked) as locked:
        await opened(store, requested(3, database="orders", shard=shard))
    assert locked.value.holder == "SW-000002"


async def test_a_review_leaves_the_lock_free(store: Storage) -> None:
    first = await opened(store, requested(1, database="orders", emergency=True))
    decisions = done_without_approval(first)
    await store.commit(decisions, due_at=None)
    await store.commit(chain(decisions[-1], reviewed), due_at=None)
    await opened(store, requested(2, database="orders"))


async def test_of_concurrent_reviews_one_counts(stores: Stores, store: Storage) -> None:
    workers = [store, await stores.replica()]
    first = await opened(store, requested(emergency=True))
    decisions = done_without_approval(first)
    await store.commit(decisions, due_at=None)
    review = chain(decisions[-1], reviewed)
    outcomes = await asyncio.gather(
        *(workers[n % 2].commit(review, due_at=None) for n in range(4)), return_exceptions=True
    )
    assert Counter(type(outcome) for outcome in outcomes) == {type(None): 1, Stale: 3}
