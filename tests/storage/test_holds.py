"""Freezes and the halt: what is in force, and that of a hold and a start exactly one is first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.commands import Halt
from bot.core.holds import EVERY_KIND, ONLY_HALT, Hold, HoldEvent, HoldKind, apply
from bot.core.machine import Say, decide
from bot.core.model import Reason
from bot.core.operation import Operation
from bot.errors import Held, Stale
from bot.ports import HoldTold, Inbound, Message, MessageKind, Reply, Storage, TellHold
from tests.storage.backends import EVERYWHERE, Stores
from tests.storage.deeds import opened, record
from tests.storage.values import (
    BOB,
    LATER,
    NOW,
    ORIGIN,
    after,
    cancelled,
    chain,
    frozen,
    halted,
    planned,
    reply,
    requested,
    resumed,
    running,
    say_held,
    unfrozen,
)

pytestmark = EVERYWHERE


async def test_what_is_set_is_in_force_until_it_is_lifted(stores: Stores, store: Storage) -> None:
    await record(store, frozen("orders"), halted(after(1)), frozen("all", after(2), until=after(9)))
    other = await stores.replica()
    assert await other.holds(after(3)) == [
        Hold(HoldKind.FREEZE, "orders", NOW, None, "why", BOB),
        Hold(HoldKind.HALT, "all", after(1), None, "fire", BOB),
        Hold(HoldKind.FREEZE, "all", after(2), after(9), "why", BOB),
    ]
    await record(store, unfrozen("orders"), resumed())
    assert [(hold.kind, hold.scope) for hold in await other.holds(after(3))] == [(HoldKind.FREEZE, "all")]


async def test_a_hold_ends_by_itself_to_the_microsecond(store: Storage) -> None:
    await record(store, frozen("orders", until=after(9)))
    assert len(await store.holds(after(9) - timedelta(microseconds=1))) == 1
    assert await store.holds(after(9)) == []


async def test_the_newest_of_a_kind_and_scope_replaces_the_one_before_and_comes_last(store: Storage) -> None:
    await record(store, frozen("a", until=after(5)), frozen("b"), frozen("a", after(1), reason="longer"))
    assert await store.holds(after(6)) == [
        Hold(HoldKind.FREEZE, "b", NOW, None, "why", BOB),
        Hold(HoldKind.FREEZE, "a", after(1), None, "longer", BOB),
    ]


async def test_lifting_what_is_not_set_is_recorded_and_changes_nothing(store: Storage) -> None:
    await record(store, frozen("a"), unfrozen("b"), unfrozen("all"), resumed())
    assert [hold.scope for hold in await store.holds(NOW)] == ["a"]
    assert (await store.audit_head()).seq == 4


async def test_the_store_agrees_with_the_rules_on_any_order_of_events(store: Storage) -> None:
    scopes = ("all", "a", "b")
    events: list[HoldEvent] = []
    for number, scope in enumerate((*scopes, *reversed(scopes), "all")):
        at = after(number)
        until = at + timedelta(seconds=2) if number % 3 == 1 else None
        events += [frozen(scope, at, until=until), halted(at), unfrozen(scopes[number % 2], at)]
        events += [resumed(at)] if number % 2 else []
    expected: tuple[Hold, ...] = ()
    for event in events:
        expected = apply(expected, event)
        await record(store, event)
        assert await store.holds(event.at) == [
            hold for hold in expected if hold.until is None or event.at < hold.until
        ]


async def test_what_people_typed_comes_back_as_a_database_takes_it(store: Storage) -> None:
    await record(store, frozen("all", reason="ä\x00\ud83d 👍"))
    assert [hold.reason for hold in await store.holds(NOW)] == ["ä? 👍"]


# --- the delivery that asked for it, and who is told ---


def telling(*replies: Reply, say: Say | None = None) -> TellHold:
    return lambda *_: HoldTold(replies, say)


async def item_of(store: Storage) -> int:
    await store.receive(Inbound("halt", "", ORIGIN, Halt("fire"), NOW))
    (item,) = await store.claim_inbox(NOW, LATER, 10)
    return item.id


async def messages(store: Storage) -> Sequence[Message]:
    return await store.claim_messages(LATER, after(9999), 50)


async def test_a_hold_finishes_its_delivery_and_owes_the_answer(store: Storage) -> None:
    item_id = await item_of(store)
    await store.record_hold(halted(), item_id=item_id, tell=telling(reply("one"), reply("two")))
    assert await store.claim_inbox(after(999), after(1000), 10) == []
    assert [(one.kind, one.answer) for one in await messages(store)] == [
        (MessageKind.ANSWER, reply("one").answer),
        (MessageKind.ANSWER, reply("two").answer),
    ]


async def test_a_hold_of_a_finished_delivery_is_stale_and_records_nothing(store: Storage) -> None:
    item_id = await item_of(store)
    await store.finish_item(item_id, [], NOW)
    with pytest.raises(Stale):
        await store.record_hold(
            halted(), item_id=item_id, tell=telling(reply(), say=Say(Reason.of("halted")))
        )
    assert await store.holds(NOW) == []
    assert (await store.audit_head()).seq == 0
    assert await store.backlog() == 0


async def test_of_concurrent_workers_on_one_delivery_one_sets_the_hold(
    stores: Stores, store: Storage
) -> None:
    workers = [store, await stores.replica()]
    item_id = await item_of(store)
    outcomes = await asyncio.gather(
        *(workers[n % 2].record_hold(halted(), item_id=item_id, tell=telling(reply())) for n in range(6)),
        return_exceptions=True,
    )
    assert sum(outcome is None for outcome in outcomes) == 1
    assert all(outcome is None or type(outcome) is Stale for outcome in outcomes)
    assert (await store.audit_head()).seq == 1
    assert await store.backlog() == 1


async def test_who_is_told_of_a_hold_knows_all_that_is_open(store: Storage) -> None:
    counts = {1: 0, 2: 1, 3: 3, 4: 4, 5: len(running(requested(5)))}
    for number, count in counts.items():
        first = await opened(store, requested(number, database=f"db{number}"))
        if count:
            await store.commit(running(first)[:count], due_at=NOW)
    over = await opened(store, requested(6))
    await store.commit(chain(over, cancelled), due_at=None)
    kept = {op.id: op for op in await store.operations(open_only=True)}
    seen: list[Operation] = []

    def tell(under_way: Sequence[Operation], _before: Sequence[Hold]) -> HoldTold:
        seen.extend(under_way)
        return HoldTold()

    await store.record_hold(halted(), item_id=None, tell=tell)
    assert {op.id: op for op in seen} == kept


async def test_threads_are_told_of_a_hold_with_it_or_not_at_all(store: Storage) -> None:
    """Each hold once in each, as what is true of the operation then."""
    waiting = (await opened(store, requested(1))).after
    said = Say(Reason.of("reply-held", database="db"))

    def tell(_open: Sequence[Operation], _before: Sequence[Hold]) -> HoldTold:
        return HoldTold(threads=[(waiting, said)])

    item_id = await item_of(store)
    await store.record_hold(halted(), item_id=item_id, tell=tell)
    with pytest.raises(Stale):
        await store.record_hold(halted(), item_id=item_id, tell=tell)
    await store.record_hold(halted(after(1)), item_id=None, tell=tell)
    told = await told_in_order(store)
    assert [(one.operation and one.operation.id, one.status, one.say) for one in told] == [
        (waiting.id, waiting.status, said),
        (waiting.id, waiting.status, said),
    ]
    assert len({one.key for one in told}) == 2


async def test_a_thread_is_told_of_what_is_in_force_after_all_that_the_commit_says_and_with_it_or_not_at_all(
    store: Storage,
) -> None:
    first = await opened(store, requested(1))
    step = [decide(first.after, planned(first.after))]
    await record(store, frozen("db1", until=after(-1)), frozen("db1"), frozen("db2", until=NOW), halted())
    with pytest.raises(Held):
        await store.commit(step, due_at=NOW, unless_held=ONLY_HALT, say_held=say_held)
    await store.commit(step, due_at=NOW, say_held=say_held)
    told = await told_in_order(store)
    assert [(one.status, one.say and one.say.text.code) for one in told] == [
        (step[0].after.status, "reply-awaiting-approval"),
        (step[0].after.status, "reply-held"),
    ]
    assert told[1].say == Say(Reason.of("reply-held", holds="freeze of db1, halt of all"))
    assert len({one.key for one in told}) == 2


async def test_where_nothing_is_in_force_nothing_is_told_of_it(store: Storage) -> None:
    first = await opened(store, requested(1))
    await record(store, halted(), resumed(after(1)))
    await store.commit(chain(first, planned), due_at=NOW, say_held=say_held)
    assert await told_in_order(store) == []


async def told_in_order(store: Storage) -> list[Message]:
    """What the thread of the only operation is told; its card, which comes before, and all of that is posted."""
    told = []
    while found := [one for one in await messages(store) if one.operation is not None]:
        (one,) = found
        await store.posted(one, ts=one.key, version=one.operation.version if one.operation else 0, now=NOW)
        told += found[one.kind is MessageKind.CARD :]
    return told


async def test_the_audit_channel_is_told_of_every_hold(stores: Stores, store: Storage) -> None:
    said = Say(Reason.of("told-halted", reason="fire"))
    await store.record_hold(halted(), item_id=None, tell=telling(say=said))
    assert await store.backlog() == 0, "nothing is owed where there is no audit channel"
    await store.close()
    audited = await stores.open(audit_channel="C-AUDIT")
    for second in (1, 2):
        await audited.record_hold(halted(after(second)), item_id=None, tell=telling(say=said))
    told = await messages(audited)
    assert [(one.kind, one.operation, one.channel, one.thread, one.say) for one in told] == [
        (MessageKind.AUDIT, None, "C-AUDIT", None, said)
    ] * 2


# --- of a hold and a start, one is first ---


@pytest.mark.parametrize(
    ("event", "kinds", "held"),
    [
        (halted(), EVERY_KIND, True),
        (halted(), ONLY_HALT, True),
        (halted(after(50)), EVERY_KIND, True),  # set first is first, whatever the clocks of two replicas say
        (frozen("db1"), EVERY_KIND, True),
        (frozen("all"), EVERY_KIND, True),
        (frozen("db1"), ONLY_HALT, False),
        (frozen("db2"), EVERY_KIND, False),
        (frozen("db1", until=after(9)), EVERY_KIND, True),
        (frozen("db1", after(-9), until=NOW), EVERY_KIND, False),
    ],
)
async def test_a_commit_is_held_by_what_binds_its_database_at_the_time_of_its_event(
    store: Storage, event: HoldEvent, kinds: frozenset[HoldKind], held: bool
) -> None:
    first = await opened(store, requested(1))
    decisions = running(first)
    await store.commit(decisions[:2], due_at=NOW)
    await record(store, event)
    item_id = await item_of(store)
    if not held:
        await store.commit(decisions[2:3], due_at=NOW, item_id=item_id, unless_held=kinds)
        return
    with pytest.raises(Held):
        await store.commit(decisions[2:3], due_at=NOW, item_id=item_id, replies=[reply()], unless_held=kinds)
    assert await store.load(first.after.id) == decisions[1].after
    assert (await store.audit_head()).seq == 4
    assert await store.backlog() == 1  # its card
    await store.finish_item(item_id, [reply()], NOW)
    assert await store.backlog() == 2  # so the item had not been finished


async def test_it_is_the_last_event_whose_time_counts(store: Storage) -> None:
    first = await opened(store, requested(1))
    await record(store, frozen("db1", until=after(5)))
    decisions = running(first)[:2]
    late = replace(decisions[1], event=replace(decisions[1].event, at=after(5)))
    with pytest.raises(Held):
        await store.commit(decisions, due_at=NOW, unless_held=EVERY_KIND)
    await store.commit([decisions[0], late], due_at=NOW, unless_held=EVERY_KIND)


async def test_what_a_hold_does_not_concern_is_committed_through_it(store: Storage) -> None:
    first = await opened(store, requested(1))
    await record(store, halted())
    await store.commit(running(first), due_at=NOW)
    assert (await store.audit_head()).seq == 6


async def test_a_start_that_somebody_else_moved_is_stale_before_it_is_held(store: Storage) -> None:
    first = await opened(store, requested(1))
    decisions = running(first)
    await store.commit(decisions[:1], due_at=NOW)
    await record(store, halted())
    with pytest.raises(Stale) as raised:
        await store.commit(decisions[:1], due_at=NOW, unless_held=EVERY_KIND)
    assert type(raised.value) is Stale


async def test_what_has_ended_by_itself_was_not_in_force_before_what_is_set_now(store: Storage) -> None:
    seen: list[Hold] = []

    def tell(_open: Sequence[Operation], before: Sequence[Hold]) -> HoldTold:
        seen.extend(before)
        return HoldTold()

    await record(store, frozen("db1", until=after(5)), frozen("db2", until=after(50)))
    await store.record_hold(frozen("db1", after(10)), item_id=None, tell=tell)
    assert [hold.scope for hold in seen] == ["db2"]
