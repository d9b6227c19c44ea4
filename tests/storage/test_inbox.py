"""Deliveries are recorded once, worked on until done, and finished by exactly one."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from bot.errors import Stale
from bot.ports import MessageKind, Receipt, Storage
from tests.storage.backends import EVERYWHERE, Ground, Stores
from tests.storage.values import COMMAND, LATER, NOW, ORIGIN, after, inbound, reply, requested, running

pytestmark = EVERYWHERE


async def test_a_delivery_is_recorded_and_claimed_as_it_came(store: Storage) -> None:
    assert await store.receive(inbound("k", "s")) is Receipt.RECORDED
    (item,) = await store.claim_inbox(NOW, LATER, 10)
    assert (item.origin, item.command, item.received_at, item.attempts) == (ORIGIN, COMMAND, NOW, 1)


async def test_the_same_payload_under_another_signature_is_a_duplicate(store: Storage) -> None:
    await store.receive(inbound("k", "s1"))
    assert await store.receive(inbound("k", "s2")) is Receipt.DUPLICATE
    assert len(await store.claim_inbox(NOW, LATER, 10)) == 1


async def test_the_same_signature_is_a_replay_whatever_the_payload(store: Storage) -> None:
    await store.receive(inbound("k1", "s"))
    assert await store.receive(inbound("k1", "s")) is Receipt.REPLAYED
    assert await store.receive(inbound("k2", "s")) is Receipt.REPLAYED


async def test_a_replay_of_an_accepted_duplicate_is_a_replay_too(store: Storage) -> None:
    await store.receive(inbound("k", "s1"))
    await store.receive(inbound("k", "s2"))
    assert await store.receive(inbound("k", "s2")) is Receipt.REPLAYED


async def test_no_signature_is_never_a_replay(store: Storage) -> None:
    received = [await store.receive(inbound(key)) for key in ("k1", "k2", "k2")]
    assert received == [Receipt.RECORDED, Receipt.RECORDED, Receipt.DUPLICATE]


@pytest.mark.parametrize(("signed", "others"), [(True, Receipt.REPLAYED), (False, Receipt.DUPLICATE)])
async def test_of_twenty_concurrent_deliveries_one_is_recorded(
    stores: Stores, store: Storage, signed: bool, others: Receipt
) -> None:
    other = await stores.replica()
    item = inbound("k", "s" if signed else "")
    receipts = await asyncio.gather(*((store, other)[n % 2].receive(item) for n in range(20)))
    assert Counter(receipts) == {Receipt.RECORDED: 1, others: 19}
    assert len(await store.claim_inbox(NOW, LATER, 50)) == 1


async def test_text_that_no_database_takes_is_recorded_all_the_same(store: Storage) -> None:
    assert await store.receive(inbound("k\x00\ud800", "s\x00\ud800")) is Receipt.RECORDED
    assert await store.receive(inbound("k\x00\ud800", "s\x00\ud800")) is Receipt.REPLAYED


async def test_the_oldest_items_are_claimed_first(store: Storage) -> None:
    for key, at in (("new", after(-1)), ("old", after(-9)), ("middle", after(-5))):
        await store.receive(inbound(key, at=at))
    claimed = await store.claim_inbox(NOW, LATER, 2)
    assert [item.received_at for item in claimed] == [after(-9), after(-5)]


async def test_a_claimed_item_is_out_of_sight_until_its_claim_ends(store: Storage) -> None:
    await store.receive(inbound())
    (first,) = await store.claim_inbox(NOW, LATER, 10)
    assert await store.claim_inbox(after(59), LATER, 10) == []
    (second,) = await store.claim_inbox(LATER, after(120), 10)
    assert (second.id, second.attempts) == (first.id, 2)


async def test_concurrent_workers_never_claim_the_same_item(stores: Stores, store: Storage) -> None:
    workers = [store, await stores.replica()]
    for number in range(12):
        await store.receive(inbound(f"k{number}"))
    claimed = await asyncio.gather(*(workers[n % 2].claim_inbox(NOW, LATER, 3) for n in range(8)))
    ids = [item.id for batch in claimed for item in batch]
    ids += [item.id for item in await store.claim_inbox(NOW, LATER, 50)]
    assert len(ids) == len(set(ids)) == 12


async def test_a_postponed_item_is_due_when_it_says(store: Storage) -> None:
    await store.receive(inbound())
    (item,) = await store.claim_inbox(NOW, LATER, 10)
    await store.postpone_item(item, after(5))
    assert await store.claim_inbox(after(4), LATER, 10) == []
    assert len(await store.claim_inbox(after(5), LATER, 10)) == 1


async def test_an_item_that_was_claimed_again_is_not_put_back_by_its_former_owner(
    stores: Stores, store: Storage
) -> None:
    await store.receive(inbound())
    (former,) = await store.claim_inbox(NOW, after(10), 10)
    other = await stores.replica()
    assert len(await other.claim_inbox(after(10), after(20), 10)) == 1
    await store.postpone_item(former, after(11))
    assert await other.claim_inbox(after(19), LATER, 10) == []
    assert len(await other.claim_inbox(after(20), LATER, 10)) == 1


async def test_a_finished_item_is_never_claimed_again_and_its_answers_are_owed(store: Storage) -> None:
    await store.receive(inbound())
    (item,) = await store.claim_inbox(NOW, LATER, 10)
    await store.finish_item(item.id, [reply("one"), reply("two")], NOW)
    await store.postpone_item(item, NOW)
    assert await store.claim_inbox(after(999), after(1000), 10) == []
    owed = await store.claim_messages(NOW, LATER, 10)
    assert [(message.kind, message.to, message.answer) for message in owed] == [
        (MessageKind.ANSWER, ORIGIN, reply("one").answer),
        (MessageKind.ANSWER, ORIGIN, reply("two").answer),
    ]


async def test_of_concurrent_finishers_one_wins_and_the_others_record_nothing(
    stores: Stores, store: Storage
) -> None:
    other = await stores.replica()
    await store.receive(inbound())
    (item,) = await store.claim_inbox(NOW, LATER, 10)
    finishing = ((store, other)[n % 2].finish_item(item.id, [reply()], NOW) for n in range(8))
    await asyncio.gather(*finishing)
    assert await store.backlog() == 1


async def test_of_concurrent_openers_of_one_item_one_wins_and_the_others_are_stale(
    stores: Stores, store: Storage
) -> None:
    workers = [store, await stores.replica()]
    await store.receive(inbound())
    (item,) = await store.claim_inbox(NOW, LATER, 10)
    opening = (
        workers[n % 2].open(requested(n), due_at=NOW, item_id=item.id, replies=[reply()]) for n in range(6)
    )
    outcomes = await asyncio.gather(*opening, return_exceptions=True)
    assert Counter(type(outcome) for outcome in outcomes) == {type(None): 1, Stale: 5}
    assert len(await store.operations(open_only=False)) == 1
    assert await store.backlog() == 2  # the card and the answer


async def test_a_commit_for_a_finished_item_is_stale_and_records_nothing(store: Storage) -> None:
    first = requested()
    await store.open(first, due_at=NOW, item_id=None)
    await store.receive(inbound())
    (item,) = await store.claim_inbox(NOW, LATER, 10)
    await store.finish_item(item.id, [], NOW)
    with pytest.raises(Stale):
        await store.commit(running(first)[:1], due_at=NOW, item_id=item.id, replies=[reply()])
    assert await store.load(first.after.id) == first.after
    assert await store.backlog() == 1  # its card


async def test_a_stale_commit_leaves_its_item_open(store: Storage) -> None:
    first = requested()
    await store.open(first, due_at=NOW, item_id=None)
    await store.receive(inbound())
    (item,) = await store.claim_inbox(NOW, LATER, 10)
    decisions = running(first)
    with pytest.raises(Stale):
        await store.commit(decisions[1:2], due_at=NOW, item_id=item.id, replies=[reply()])
    await store.commit(decisions[:1], due_at=NOW, item_id=item.id, replies=[reply()])
    assert await store.claim_inbox(after(999), after(1000), 10) == []


async def test_what_was_received_and_claimed_is_there_after_a_restart(stores: Stores, store: Storage) -> None:
    await store.receive(inbound())
    await store.claim_inbox(NOW, LATER, 10)
    await store.close()
    again = await stores.open()
    assert await again.receive(inbound()) is Receipt.DUPLICATE
    assert await again.claim_inbox(NOW, LATER, 10) == []
    assert len(await again.claim_inbox(LATER, after(120), 10)) == 1


async def test_pruning_forgets_only_what_is_done_and_old(store: Storage) -> None:
    day = timedelta(days=1)
    for key in ("done", "open"):
        await store.receive(inbound(key, f"signature of {key}"))
    done, still_open = await store.claim_inbox(NOW, LATER, 10)
    await store.finish_item(done.id, [reply()], NOW)
    await store.prune(NOW + day, day)
    assert await store.receive(inbound("done", "s1")) is Receipt.DUPLICATE
    assert await store.receive(inbound("open", "signature of open")) is Receipt.REPLAYED

    await store.prune(NOW + day + timedelta(microseconds=1), day)
    assert await store.receive(inbound("done", "s3")) is Receipt.RECORDED
    assert await store.receive(inbound("open", "s4")) is Receipt.DUPLICATE
    assert still_open.id in {item.id for item in await store.claim_inbox(LATER, after(120), 10)}
    assert await store.backlog() == 1  # an answer that is still owed is never forgotten


async def test_pruning_forgets_answers_that_ended(store: Storage, backend: Ground) -> None:
    await store.receive(inbound())
    (item,) = await store.claim_inbox(NOW, LATER, 10)
    await store.finish_item(item.id, [reply("posted"), reply("given up"), reply("owed")], NOW)
    posted, given_up, owed = await store.claim_messages(NOW, LATER, 10)
    await store.posted(posted, ts="1", version=0, now=NOW)
    await store.give_up(given_up, error="no such channel", now=NOW)
    await store.prune(NOW + timedelta(days=2), timedelta(days=1))
    assert [message.id for message in await backend.messages()] == [owed.id]


async def test_pruning_keeps_at_least_a_day(store: Storage) -> None:
    with pytest.raises(ValueError, match="keep at least"):
        await store.prune(NOW, timedelta(hours=23))
