"""What Slack is owed: in the right order, never twice at once, never forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.core.events import Place
from bot.core.holds import Frozen, Halted, Hold, HoldEvent, HoldKind, Resumed, Unfrozen
from bot.core.machine import Note, Say, decide
from bot.core.model import JobState, Reason, UserId
from bot.core.operation import Operation, Status
from bot.errors import Stale
from bot.ports import NO_PLACE, CardPlace, HoldTold, Message, MessageKind, Storage
from tests.storage.backends import EVERYWHERE, Stores
from tests.storage.deeds import cards, due, ended_emergency, opened, post
from tests.storage.values import (
    LATER,
    NOW,
    after,
    approved,
    cancelled,
    chain,
    confirmed,
    inbound,
    planned,
    reply,
    reported,
    requested,
    reviewed,
    running,
)

pytestmark = EVERYWHERE


async def keys(store: Storage, now: datetime = NOW) -> list[str]:
    return [message.key for message in await due(store, now)]


async def test_a_new_operation_owes_its_card(store: Storage) -> None:
    first = await opened(store, requested(place=Place("C9", "77.7")))
    (card,) = await due(store)
    assert card == Message(
        id=card.id,
        kind=MessageKind.CARD,
        key="card",
        operation=first.after,
        status=Status.PLANNING,
        say=None,
        to=None,
        answer=None,
        channel="C9",
        thread="77.7",
        ts="",
        uncertain=False,
        posted_version=0,
        attempts=0,
        created_at=NOW,
        claimed_until=after(3600),
    )


async def test_it_is_known_where_a_card_is_once_it_is_posted(store: Storage) -> None:
    first = await opened(store, requested(place=Place("C9", "77.7")))
    assert await store.card_place(first.after.id) is None
    (card,) = await due(store)
    await post(store, card, ts="100.1")
    assert await store.card_place(first.after.id) == CardPlace("C9", "77.7", "100.1")
    assert await store.card_place("SW-NOBODY") is None


async def test_a_card_is_owed_only_while_it_is_behind(store: Storage) -> None:
    first = await opened(store, requested())
    await post(store, (await due(store))[0])
    assert await due(store) == []
    assert await store.backlog() == 0

    step = chain(first, lambda op: planned(op, at=after(3)))
    await store.commit(step, due_at=NOW)
    (card,) = await due(store)
    assert (card.ts, card.posted_version, card.operation) == ("100.1", 1, step[0].after)
    assert (card.status, card.created_at) == (Status.AWAITING_APPROVAL, after(3))


async def test_a_card_that_fell_behind_while_it_was_posted_is_due_at_once(store: Storage) -> None:
    first = await opened(store, requested())
    (card,) = await due(store)
    await store.commit(chain(first, planned), due_at=NOW)
    assert await due(store) == []  # it is being posted: nobody else may
    await store.posted(card, ts="1", version=1, now=after(1))
    (again,) = await due(store, after(1))
    assert (again.posted_version, again.created_at) == (1, after(1))


async def test_what_an_older_version_was_put_over_late_is_shown_once_more(store: Storage) -> None:
    """Whoever posted it was held up until others had posted a newer one, which it hides from people."""
    first = await opened(store, requested())
    (late,) = await due(store)
    await store.commit(chain(first, planned), due_at=NOW)
    await store.posted(late, ts="1", version=2, now=NOW)
    assert await due(store) == []
    await store.posted(late, ts="1", version=1, now=NOW)
    (card,) = await due(store)
    assert card.posted_version == 2
    await post(store, card)
    assert await due(store, after(9999)) == []


async def test_an_end_that_an_older_version_was_put_over_late_is_shown_once_more(store: Storage) -> None:
    first = await opened(store, requested())
    (late,) = await cards(store)
    await store.commit(chain(first, cancelled), due_at=None)
    await store.posted(late, ts="1", version=2, now=NOW)
    assert await cards(store, after(3600)) == []
    await store.posted(late, ts="1", version=1, now=after(3600))
    (card,) = await cards(store, after(3600))
    await post(store, card, now=after(3600))
    assert await cards(store, after(9999)) == []


async def test_a_hold_that_what_came_before_it_was_put_over_late_is_shown_once_more(store: Storage) -> None:
    op = await awaiting(store)
    await hold(store, HALT, op)
    (late,) = await cards(store, after(1))
    await hold(store, Resumed(after(2), BOB, "T1"), op)
    (newer,) = await cards(store, after(3600))
    assert newer.hold is None
    await post(store, newer, now=after(3600))
    assert await cards(store, after(3601)) == []
    await store.posted(late, ts="1", version=op.version, now=after(3601))
    assert await holders(store, after(3602)) == [None]
    assert await cards(store, after(9999)) == []


async def test_an_ended_card_that_shows_the_end_is_never_due_again(store: Storage) -> None:
    first = await opened(store, requested())
    await store.commit(chain(first, cancelled), due_at=None)
    (card,) = await due(store)
    await post(store, card)
    assert await keys(store, after(9999)) == ["2"]


async def test_replies_wait_for_their_card_and_for_each_other(store: Storage) -> None:
    first = await opened(store, requested())
    decisions = running(first)
    decisions += chain(decisions[-1], reported("working"), reported("copying"))
    await store.commit(decisions, due_at=NOW)

    (card,) = await due(store)
    assert card.kind is MessageKind.CARD
    await post(store, card)
    for version in ("5", "6", "7"):
        (one,) = await due(store)
        assert (one.kind, one.key, one.status, one.thread) == (
            MessageKind.REPLY, version, Status.RUNNING, "100.1",
        )  # fmt: skip
        assert one.say is not None
        assert one.operation == decisions[-1].after
        assert await due(store) == []
        await post(store, one, ts=f"100.{version}")
    assert await store.backlog() == 0


async def test_a_reply_that_was_given_up_holds_up_nothing(store: Storage) -> None:
    first = await opened(store, requested())
    decisions = running(first)
    await store.commit([*decisions, *chain(decisions[-1], reported("working"))], due_at=NOW)
    await post(store, (await due(store))[0])
    (first_reply,) = await due(store)
    await store.give_up(first_reply, error="msg_too_long", now=NOW)
    assert await keys(store) == ["6"]


async def test_replies_to_a_card_that_was_given_up_go_where_it_would_have_been(store: Storage) -> None:
    for number, place in enumerate([Place("C1"), Place("C2", "5.5")]):
        first = await opened(store, requested(number, place=place))
        await store.commit(running(first), due_at=NOW)
    for card in await due(store):
        await store.give_up(card, error="is_archived", now=NOW)
    assert [(one.kind, one.channel, one.thread) for one in await due(store)] == [
        (MessageKind.REPLY, "C1", None),
        (MessageKind.REPLY, "C2", "5.5"),
    ]


async def test_replies_do_not_wait_for_a_card_that_has_no_place_and_do_for_one_that_only_failed(
    store: Storage,
) -> None:
    first = await opened(store, requested(place=Place("C1")))
    await store.commit(running(first), due_at=NOW)
    (card,) = await due(store)
    await store.retry(card, due_at=after(60), uncertain=False, error="not_in_channel")
    assert await due(store, after(59)) == []
    (card,) = await due(store, after(60))
    await store.retry(card, due_at=after(120), uncertain=False, error=NO_PLACE)
    (reply_,) = await due(store, after(60))
    assert (reply_.kind, reply_.channel, reply_.thread) == (MessageKind.REPLY, "C1", None)
    (card,) = await due(store, after(120))
    assert (card.kind, card.ts) == (MessageKind.CARD, "")


async def test_in_a_thread_replies_go_into_that_thread(store: Storage) -> None:
    first = await opened(store, requested(place=Place("C1", "5.5")))
    await store.commit(running(first), due_at=NOW)
    await post(store, (await due(store))[0])
    assert [one.thread for one in await due(store)] == ["5.5"]


async def test_answers_and_ends_go_first_then_new_cards_then_the_rest(store: Storage) -> None:
    behind = await opened(store, requested(1, at=after(-50)))
    ended = await opened(store, requested(2, at=after(-40)))
    job = await opened(store, requested(3, at=after(-35)))
    for card in await due(store):
        await post(store, card, now=after(-30))
    await store.commit(chain(behind, lambda op: planned(op, at=after(-1))), due_at=NOW)
    await store.commit(running(job), due_at=NOW)
    await store.commit(chain(ended, cancelled), due_at=None)
    await opened(store, requested(4, at=after(-10)))
    await store.receive(inbound())
    (item,) = await store.claim_inbox(NOW, LATER, 1)
    await store.finish_item(item.id, [reply()], NOW)

    first = {(one.kind, one.operation and one.operation.id) for one in await due(store, limit=3)}
    assert first == {
        (MessageKind.CARD, "SW-000002"),
        (MessageKind.REPLY, "SW-000002"),
        (MessageKind.ANSWER, None),
    }
    rest = [(one.kind, one.operation and one.operation.id) for one in await due(store)]
    assert rest == [
        (MessageKind.CARD, "SW-000004"),
        (MessageKind.CARD, "SW-000001"),
        (MessageKind.CARD, "SW-000003"),
        (MessageKind.REPLY, "SW-000003"),
    ]


async def test_an_end_does_not_overtake_the_replies_before_it(store: Storage) -> None:
    first = await opened(store, requested())
    await post(store, (await due(store))[0])
    decisions = running(first)
    decisions += chain(decisions[-1], reported("done", JobState.DONE), confirmed)
    await store.commit(decisions, due_at=None)
    seen = []
    while messages := await due(store):
        for message in messages:
            await post(store, message, ts=message.ts or "100.2")
        seen.append([(message.key, message.status) for message in messages])
    assert seen == [
        [("card", Status.SUCCEEDED), ("5", Status.RUNNING)],
        [("6", Status.VERIFYING)],
        [("7", Status.SUCCEEDED)],
    ]


async def test_a_post_begun_and_never_recorded_is_uncertain(stores: Stores, store: Storage) -> None:
    await opened(store, requested())
    (card,) = await due(store)
    assert (card.uncertain, card.begun_at) == (False, None)
    await store.begin_post(card, now=after(7))
    await store.close()  # the process is gone
    (again,) = await due(await stores.open(), after(3600))
    assert (again.uncertain, again.begun_at) == (True, after(7))
    assert again.ts == ""


@pytest.mark.parametrize("release", [True, False], ids=["released", "hastened"])
async def test_a_post_that_may_be_on_its_way_is_not_looked_for_before_it_must_have_arrived(
    store: Storage, release: bool
) -> None:
    await opened(store, requested(1))
    await opened(store, requested(2))
    begun, other = await due(store)
    await store.begin_post(begun, now=NOW)
    if not release:
        for each in (begun, other):
            await store.retry(each, due_at=after(3600), uncertain=each is begun, error="timeout")
    await (store.release_claims if release else store.hasten)(after(1))
    assert [each.id for each in await due(store, after(1))] == [other.id]
    assert [each.id for each in await due(store, after(10.9))] == []
    (again,) = await due(store, after(11))
    assert (again.id, again.uncertain) == (begun.id, True)


async def test_an_update_that_may_be_on_its_way_comes_before_the_next(store: Storage) -> None:
    """Else the card would show again what it showed before, and nobody would know."""
    first = await opened(store, requested())
    await post(store, (await cards(store))[0])
    planning = chain(first, planned)
    await store.commit(planning, due_at=NOW)
    assert len(await cards(store)) == 1
    await store.release_claims(after(1))
    await store.commit(chain(planning[-1], cancelled), due_at=None)
    assert await cards(store, after(10.9)) == []
    assert len(await cards(store, after(11))) == 1


async def test_an_end_does_not_hurry_a_post_that_may_be_on_its_way(store: Storage) -> None:
    first = await opened(store, requested())
    (card,) = await due(store)
    await store.begin_post(card, now=NOW)
    await store.release_claims(after(1))
    await store.commit(chain(first, cancelled), due_at=None)
    assert await cards(store, after(10.9)) == []
    (again,) = await cards(store, after(11))
    assert again.uncertain


async def test_what_is_posted_is_certain(store: Storage) -> None:
    first = await opened(store, requested())
    await post(store, (await due(store))[0])
    await store.commit(chain(first, planned), due_at=NOW)
    (card,) = await due(store)
    assert (card.uncertain, card.begun_at) == (False, None)


@pytest.mark.parametrize("uncertain", [True, False])
async def test_a_failed_post_comes_back_when_it_says(store: Storage, uncertain: bool) -> None:
    await opened(store, requested())
    (card,) = await due(store)
    await store.begin_post(card, now=NOW)
    await store.retry(card, due_at=after(30), uncertain=uncertain, error="ratelimited\x00")
    assert await due(store, after(29)) == []
    (again,) = await due(store, after(30))
    assert (again.id, again.attempts, again.uncertain) == (card.id, 1, uncertain)
    assert (card.last_error, again.last_error) == ("", "ratelimited")
    # Kept, it would be taken for that of a post that an older version begins later, without saying when.
    assert again.begun_at == (NOW if uncertain else None)


async def test_what_is_begun_again_is_looked_for_around_its_last_beginning(store: Storage) -> None:
    await opened(store, requested())
    (card,) = await due(store)
    await store.begin_post(card, now=NOW)
    await store.retry(card, due_at=after(30), uncertain=True, error="503")
    (again,) = await due(store, after(30))
    await store.begin_post(again, now=after(31))
    await store.retry(again, due_at=after(60), uncertain=True, error="503")
    assert [one.begun_at for one in await due(store, after(60))] == [after(31)]


async def test_what_was_given_up_is_never_due_again(store: Storage) -> None:
    first = await opened(store, requested())
    (card,) = await due(store)
    await store.give_up(card, error="channel_not_found", now=NOW)
    await store.retry(card, due_at=NOW, uncertain=False, error="late")
    await store.commit(chain(first, planned), due_at=NOW)
    assert await due(store, after(9999)) == []
    assert await store.backlog() == 0


async def test_a_message_is_claimed_until_its_claim_ends(stores: Stores, store: Storage) -> None:
    await opened(store, requested())
    assert len(await store.claim_messages(NOW, after(10), 5)) == 1
    other = await stores.replica()
    assert await due(other, after(9)) == []
    assert len(await due(other, after(10))) == 1


ENDINGS: dict[str, Callable[[Storage, Message], Awaitable[None]]] = {
    "begin_post": lambda store, card: store.begin_post(card, now=NOW),
    "retry": lambda store, card: store.retry(card, due_at=after(11), uncertain=True, error="late"),
    "put_back": lambda store, card: store.put_back([(card, after(11))], now=after(10)),
    "move": lambda store, card: store.move(card, channel="D9", now=after(11)),
    "give_up": lambda store, card: store.give_up(card, error="late", now=after(11)),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_claim_that_another_has_taken_over_is_not_touched_by_its_former_owner(
    stores: Stores, store: Storage, ending: str
) -> None:
    await opened(store, requested())
    (former,) = await store.claim_messages(NOW, after(10), 5)
    other = await stores.replica()
    (present,) = await other.claim_messages(after(10), after(20), 5)
    if ending == "begin_post":
        with pytest.raises(Stale):
            await store.begin_post(former, now=NOW)
    else:
        await ENDINGS[ending](store, former)
    assert await due(other, after(19)) == []
    (again,) = await due(other, after(20))
    assert (again.channel, again.uncertain, again.attempts) == (present.channel, False, 0)


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_claim_that_ran_out_and_that_nobody_took_is_still_its_owners(
    store: Storage, ending: str
) -> None:
    await opened(store, requested())
    (former,) = await store.claim_messages(NOW, after(10), 5)
    await ENDINGS[ending](store, former)
    left = {"begin_post": 1, "retry": 0, "put_back": 0, "move": 0, "give_up": 0}
    assert len(await due(store, after(10))) == left[ending]


async def test_a_post_that_is_reported_late_is_a_fact_and_leaves_the_present_claim_alone(
    stores: Stores, store: Storage
) -> None:
    first = await opened(store, requested())
    (former,) = await store.claim_messages(NOW, after(10), 5)
    await store.commit(chain(first, planned), due_at=NOW)
    other = await stores.replica()
    (present,) = await other.claim_messages(after(10), after(20), 5)
    await store.posted(former, ts="100.1", version=1, now=after(11))
    assert await due(other, after(19)) == []
    (again,) = await due(other, after(20))
    assert (again.id, again.ts, again.posted_version) == (present.id, "100.1", 1)


@pytest.mark.parametrize("failed", [False, True])
async def test_what_only_waits_for_its_turn_is_due_when_its_operation_ends(
    store: Storage, failed: bool
) -> None:
    first = await opened(store, requested())
    (card,) = await due(store)
    if failed:
        await store.retry(card, due_at=after(60), uncertain=False, error="fatal_error")
    else:
        await store.put_back([(card, after(60))], now=NOW)
    await store.commit(chain(first, cancelled), due_at=None)
    assert await keys(store, after(10)) == ([] if failed else ["card"])
    assert await keys(store, after(60)) == (["card"] if failed else [])


async def test_what_is_put_back_after_its_operation_has_ended_is_due_at_once(store: Storage) -> None:
    """Its end made due what waited, and not what was claimed just then."""
    first, other = await opened(store, requested(1)), await opened(store, requested(2))
    for card in await due(store):
        await post(store, card)
    last = running(first)
    await store.commit(last, due_at=NOW)
    await store.commit(chain(other, planned), due_at=NOW)
    claimed = await due(store)
    assert [(one.kind, one.operation and one.operation.id) for one in claimed] == [
        (MessageKind.CARD, first.after.id),
        (MessageKind.CARD, other.after.id),
        (MessageKind.REPLY, first.after.id),
    ]
    ending = chain(last[-1], reported("done", JobState.DONE), confirmed)
    await store.commit(ending, due_at=None)
    await store.put_back([(one, after(60)) for one in claimed], now=after(1))
    assert [one.id for one in await due(store, after(1))] == [claimed[0].id, claimed[2].id]


async def test_what_was_claimed_after_its_operation_had_ended_waits_as_long_as_it_must(
    store: Storage,
) -> None:
    first = await opened(store, requested())
    await store.commit(chain(first, cancelled), due_at=None)
    (card,) = await due(store)
    await store.put_back([(card, after(60))], now=NOW)
    assert (await keys(store, after(59)), await keys(store, after(60))) == ([], ["card"])


async def test_batches_in_opposite_orders_do_not_wait_for_each_other(stores: Stores, store: Storage) -> None:
    other = await stores.replica()
    for number in range(100):
        await opened(store, requested(number))
    claimed = [(card, after(5)) for card in await due(store, limit=100)]
    for _ in range(3):
        await asyncio.gather(store.put_back(claimed, now=NOW), other.put_back(claimed[::-1], now=NOW))
        claimed = [(card, after(5)) for card in await due(store, after(5), limit=100)]
    assert len(claimed) == 100


async def test_concurrent_publishers_never_claim_the_same_message(stores: Stores, store: Storage) -> None:
    workers = [store, await stores.replica()]
    for number in range(12):
        await opened(store, requested(number))
    batches = await asyncio.gather(*(due(workers[n % 2], limit=3) for n in range(8)))
    ids = [message.id for batch in batches for message in batch] + [one.id for one in await due(store)]
    assert len(ids) == len(set(ids)) == 12


async def test_the_backlog_counts_what_is_owed_due_or_not(store: Storage) -> None:
    first = await opened(store, requested())
    await store.commit(running(first), due_at=NOW)
    await store.receive(inbound())
    (item,) = await store.claim_inbox(NOW, LATER, 1)
    await store.finish_item(item.id, [reply()], NOW)
    assert await store.backlog() == 3
    for message in await due(store):
        await post(store, message)
    assert await store.backlog() == 1


async def test_waiting_is_no_failure_and_a_post_ends_the_counting(store: Storage) -> None:
    first = await opened(store, requested())
    (card,) = await due(store)
    await store.retry(card, due_at=after(1), uncertain=False, error="ratelimited", attempts=card.attempts)
    (card,) = await due(store, after(1))
    assert card.attempts == 0
    await store.retry(card, due_at=after(2), uncertain=False, error="503")
    (card,) = await due(store, after(2))
    assert card.attempts == 1
    await post(store, card, now=after(2))
    await store.commit(chain(first, planned), due_at=NOW)
    assert [again.attempts for again in await due(store, after(3))] == [0]


async def test_what_was_only_claimed_is_put_back_in_one_batch(store: Storage) -> None:
    for number in range(3):
        await opened(store, requested(number))
    claimed = await due(store)
    await store.give_up(claimed[2], error="gone", now=NOW)
    await store.put_back([(card, after(5)) for card in claimed], now=NOW)
    await store.put_back([], now=NOW)
    assert await due(store, after(4)) == []
    assert [(card.id, card.attempts) for card in await due(store, after(5))] == [
        (c.id, 0) for c in claimed[:2]
    ]


async def test_a_reply_that_was_moved_is_in_no_thread_there(store: Storage) -> None:
    first = await opened(store, requested(place=Place("C1", "5.5")))
    await store.commit(chain(first, cancelled), due_at=None)
    await post(store, (await due(store))[0])
    (end,) = await due(store)
    await store.begin_post(end, now=NOW)
    await store.move(end, channel="D1", now=after(1))
    (moved,) = await due(store, after(1))
    assert (moved.id, moved.channel, moved.thread) == (end.id, "D1", None)
    assert (moved.uncertain, moved.begun_at) == (False, None)


async def test_the_audit_channel_is_owed_every_end_once(stores: Stores, store: Storage) -> None:
    await store.close()
    audited = await stores.open(audit_channel="C-AUDIT")
    first = await opened(audited, requested(place=Place("C1", "5.5")))
    decisions = running(first)
    decisions += chain(decisions[-1], reported("done", JobState.DONE), confirmed)
    await audited.commit(decisions, due_at=None)
    told = [one for one in await due(audited) if one.kind is MessageKind.AUDIT]
    assert [(one.channel, one.thread, one.key, one.status) for one in told] == [
        ("C-AUDIT", None, "audit-7", Status.SUCCEEDED)
    ]
    assert told[0].say is not None
    await post(audited, told[0])
    assert [one for one in await due(audited, after(9999)) if one.kind is MessageKind.AUDIT] == []


async def test_a_card_that_showed_the_end_is_due_again_after_a_review(store: Storage) -> None:
    end = await ended_emergency(store)
    (card,) = await cards(store)
    await post(store, card, now=after(30))
    assert await cards(store, after(9999)) == []
    (review,) = chain(end, reviewed)
    await store.commit([review], due_at=None)
    (again,) = await cards(store, LATER)
    assert (again.operation, again.ts, again.created_at) == (review.after, "100.1", LATER)
    assert again.posted_version == end.after.version
    await store.posted(again, ts="100.1", version=review.after.version, now=LATER)
    assert await cards(store, after(9999)) == []


async def test_a_card_that_did_not_show_the_end_yet_shows_the_review_at_once(store: Storage) -> None:
    end = await ended_emergency(store)
    (review,) = chain(end, reviewed)
    await store.commit([review], due_at=None)
    (card,) = await cards(store)
    assert card.operation == review.after
    await post(store, card)
    assert await cards(store, after(9999)) == []


async def test_a_review_while_the_card_of_the_end_is_posted_makes_it_due_again(store: Storage) -> None:
    end = await ended_emergency(store)
    (card,) = await cards(store)
    await store.commit(chain(end, reviewed), due_at=None)
    assert await cards(store, after(1)) == []  # it is being posted: nobody else may
    await store.posted(card, ts="1", version=end.after.version, now=after(2))
    (again,) = await cards(store, after(2))
    assert (again.ts, again.posted_version) == ("1", end.after.version)


async def test_a_card_that_was_given_up_stays_so_after_a_review(store: Storage) -> None:
    end = await ended_emergency(store)
    (card,) = await cards(store)
    await store.give_up(card, error="channel_not_found", now=NOW)
    await store.commit(chain(end, reviewed), due_at=None)
    assert await cards(store, after(9999)) == []


@pytest.fixture
async def audited(stores: Stores) -> Storage:
    """A store that has an audit channel."""
    return await stores.open(audit_channel="C-AUDIT")


async def told(store: Storage, now: datetime = NOW) -> list[Message]:
    return [one for one in await due(store, now) if one.kind is MessageKind.AUDIT]


async def test_the_audit_channel_is_told_what_is_said_besides_and_nothing_else(audited: Storage) -> None:
    first = requested()
    (decision,) = chain(first, planned)
    quiet, loud = Say(Reason.of("quiet")), Say(Reason.of("loud"), besides=True)
    await opened(audited, replace(first, effects=(loud,)))
    await audited.commit([replace(decision, effects=(quiet, loud))], due_at=NOW)
    found = await told(audited)
    assert [(one.key, one.say, one.status) for one in found] == [
        ("audit-1", loud, Status.PLANNING),
        ("audit-2-2", loud, Status.AWAITING_APPROVAL),
    ]


async def test_a_note_is_for_the_audit_channel_alone(audited: Storage) -> None:
    first = requested()
    noted = Say(Reason.of("noted"))
    await opened(audited, replace(first, effects=(Note(noted),)))
    found = await due(audited, NOW)
    assert [(one.kind, one.say) for one in found] == [(MessageKind.CARD, None), (MessageKind.AUDIT, noted)]


async def test_a_note_is_owed_to_nobody_where_there_is_no_audit_channel(store: Storage) -> None:
    await opened(store, replace(requested(), effects=(Note(Say(Reason.of("noted"))),)))
    assert [one.kind for one in await due(store, NOW)] == [MessageKind.CARD]


async def test_a_notice_is_owed_once_for_each_key(audited: Storage) -> None:
    first, second = Say(Reason.of("first", seq=1)), Say(Reason.of("second", seq=2))
    await audited.owe_notice("a", first, NOW)
    await audited.owe_notice("a", second, after(1))
    await audited.owe_notice("b", second, after(2))
    found = await told(audited, LATER)
    assert found == [
        Message(
            id=one.id,
            kind=MessageKind.AUDIT,
            key=key,
            operation=None,
            status="",
            say=say,
            to=None,
            answer=None,
            channel="C-AUDIT",
            thread=None,
            ts="",
            uncertain=False,
            posted_version=0,
            attempts=0,
            created_at=at,
            claimed_until=one.claimed_until,
        )
        for one, (key, say, at) in zip(found, (("a", first, NOW), ("b", second, after(2))), strict=True)
    ]
    for one in found:
        await post(audited, one, now=LATER)
    await audited.owe_notice("a", first, LATER)  # also when it was posted long ago
    assert await told(audited, after(9999)) == []
    assert await audited.backlog() == 0


async def test_of_workers_that_owe_the_same_notice_at_once_one_does(audited: Storage) -> None:
    await asyncio.gather(*(audited.owe_notice("a", Say(Reason.of("x")), NOW) for _ in range(6)))
    assert len(await told(audited)) == 1


SAID = Say(Reason.of("x"))


async def test_a_notice_takes_the_place_of_the_older_ones_of_its_series_and_of_nothing_else(
    audited: Storage,
) -> None:
    first = requested(emergency=True)
    await opened(audited, replace(first, effects=(Note(SAID),)))
    for key in ("hold-7", "s_01", "s-01", "s_03"):
        await audited.owe_notice(key, SAID, NOW)
    await audited.owe_notice("s_02", SAID, after(1), series="s_")
    assert await keys(audited, after(1)) == ["card", "audit-1", "hold-7", "s-01", "s_03", "s_02"]


async def test_a_notice_that_comes_again_leaves_itself_alone(audited: Storage) -> None:
    for at in (NOW, after(1)):
        await audited.owe_notice("s-1", SAID, at, series="s-")
    assert [one.created_at for one in await told(audited, after(1))] == [NOW]


async def test_a_notice_that_is_superseded_while_it_is_posted_stays_over(audited: Storage) -> None:
    await audited.owe_notice("s-1", SAID, NOW, series="s-")
    (older,) = await told(audited)
    await audited.begin_post(older, now=NOW)
    await audited.owe_notice("s-2", SAID, after(1), series="s-")
    (newer,) = await told(audited, after(1))
    await audited.retry(older, due_at=after(2), uncertain=True, error="503")
    await audited.posted(older, ts="1.1", version=0, now=after(2))
    with pytest.raises(Stale):
        await audited.begin_post(older, now=NOW)
    assert await audited.backlog() == 1
    await post(audited, newer, now=after(3))
    assert await audited.backlog() == 0


async def test_what_was_noticed_long_ago_is_forgotten_and_what_was_not_is_kept(
    stores: Stores, audited: Storage
) -> None:
    first = await opened(audited, replace(requested(), effects=(Note(SAID),)))
    for key in ("s-1", "s-2"):
        await audited.owe_notice(key, SAID, NOW, series="s-")
    for one in await due(audited):
        await post(audited, one)
    await audited.owe_notice("hold-7", SAID, NOW)
    day = timedelta(days=1)
    for later, left in ((day, ["s-1", "s-2"]), (day + timedelta(seconds=1), [])):
        await audited.prune(NOW + later, day)
        kept = [(one.key, one.operation) for one in await stores.backend.messages()]
        assert kept == [
            *(("card", first.after.id), ("audit-1", first.after.id)),
            *((key, None) for key in (*left, "hold-7")),
        ]


async def test_a_notice_is_retried_moved_and_given_up_like_any_message(audited: Storage) -> None:
    await audited.owe_notice("a", Say(Reason.of("x")), NOW)
    (one,) = await told(audited)
    await audited.begin_post(one, now=NOW)
    await audited.retry(one, due_at=after(5), uncertain=True, error="503")
    assert await told(audited, after(4)) == []
    (one,) = await told(audited, after(5))
    assert (one.attempts, one.uncertain) == (1, True)
    await audited.give_up(one, error="channel_not_found", now=after(6))
    assert await audited.backlog() == 0


async def test_without_an_audit_channel_no_notice_is_owed(store: Storage) -> None:
    await store.owe_notice("a", Say(Reason.of("x")), NOW)
    assert await store.backlog() == 0


# --- cards of what is held ---

BOB = UserId("U2")
FREEZE = Frozen(after(5), "all", after(100), "why", BOB, "T1")
HALT = Halted(after(5), "fire", BOB, "T1")


async def awaiting(store: Storage, number: int = 1) -> Operation:
    """An operation whose card, posted, asks for approvals."""
    first = await opened(store, requested(number))
    (step,) = chain(first, planned)
    await store.commit([step], due_at=NOW)
    await show(store, await cards(store))
    return step.after


async def show(store: Storage, found: list[Message], now: datetime = NOW) -> None:
    for card in found:
        await post(store, card, now=now)


async def hold(store: Storage, event: HoldEvent, *told: Operation) -> None:
    threads = [(op, Say(Reason.of("reply-held"))) for op in told]
    await store.record_hold(event, item_id=None, tell=lambda *_: HoldTold(threads=threads))


async def holders(store: Storage, now: datetime) -> list[UserId | None]:
    """Who holds what each card that is due shows; they are shown."""
    found = await cards(store, now)
    await show(store, found, now)
    return [card.hold.by if card.hold else None for card in found]


async def test_a_card_is_renewed_when_what_holds_it_is_set_lifted_or_ends_by_itself(store: Storage) -> None:
    """And is owed to nobody between."""
    op = await awaiting(store)
    assert await cards(store, after(9999)) == []
    await hold(store, FREEZE, op)
    (card,) = await cards(store, after(5))
    assert card.hold == Hold(HoldKind.FREEZE, "all", after(5), after(100), "why", BOB)
    assert (card.operation, card.ts, card.posted_version) == (op, "100.1", op.version)
    await show(store, [card], after(6))
    assert await cards(store, after(99)) == []
    assert await holders(store, after(100)) == [None]
    assert await cards(store, after(9999)) == []

    await hold(store, HALT, op)
    assert await holders(store, after(200)) == [BOB]
    assert await cards(store, after(9999)) == []
    await hold(store, Resumed(after(300), BOB, "T1"), op)
    assert await holders(store, after(300)) == [None]
    assert await cards(store, after(9999)) == []


async def test_a_card_that_is_posted_while_it_is_held_is_renewed_when_that_ends(store: Storage) -> None:
    await hold(store, FREEZE)
    first = await opened(store, requested())
    await store.commit(chain(first, planned), due_at=NOW)
    assert await holders(store, after(50)) == [BOB]
    assert await cards(store, after(99)) == []
    assert await holders(store, after(100)) == [None]


async def test_a_hold_that_is_set_while_a_card_is_posted_is_shown_after_that(store: Storage) -> None:
    """Also when several come at one moment: what was claimed shows those alone of which it was told."""
    op = await awaiting(store)
    await hold(store, FREEZE, op)
    (card,) = await cards(store, after(5))
    await hold(store, HALT, op)
    await show(store, [card], after(5))
    (again,) = await cards(store, after(5))
    assert (card.hold and card.hold.kind, again.hold and again.hold.kind) == (HoldKind.FREEZE, HoldKind.HALT)
    await hold(store, replace(FREEZE, until=None), op)
    await hold(store, Resumed(after(5), BOB, "T1"), op)
    await show(store, [again], after(5))
    assert [one.hold and one.hold.until for one in await cards(store, after(5))] == [None]


async def test_only_cards_of_what_waits_and_is_told_show_holds(store: Storage) -> None:
    """Not what is over, what was given up, or what is under way by now."""
    waiting, given_up, over = [(await awaiting(store, number)).id for number in (1, 2, 3)]
    ops = {op.id: op for op in await store.operations(open_only=True)}
    await store.commit([decide(ops[over], cancelled(ops[over]))], due_at=None)
    await store.commit([decide(ops[given_up], approved()(ops[given_up]))], due_at=NOW)
    found = {card.operation.id: card for card in await cards(store) if card.operation is not None}
    await show(store, [found[over]])
    await store.give_up(found[given_up], error="message_not_found", now=NOW)
    under_way = await opened(store, requested(4))
    await hold(store, HALT, *ops.values(), under_way.after)
    assert {
        card.operation and card.operation.id: card.hold is not None for card in await cards(store, LATER)
    } == {
        waiting: True,
        under_way.after.id: False,
    }


async def test_a_card_to_be_renewed_is_no_backlog(store: Storage) -> None:
    """One that shows a freeze of days would else count for days."""
    op = await awaiting(store)
    await hold(store, FREEZE, op)
    await show(store, await cards(store, after(5)))
    before = await store.backlog()
    await hold(store, HALT, op)
    assert await store.backlog() == before + 1, "what the thread is told"


async def test_an_older_version_that_is_told_late_hides_neither_the_hold_nor_its_end(store: Storage) -> None:
    """Whoever posted it was held up for longer than its claim."""
    first = await opened(store, requested())
    (late,) = await cards(store)
    await store.begin_post(late, now=NOW)
    await hold(store, replace(FREEZE, until=after(4000)))
    await store.commit(chain(first, planned), due_at=NOW)
    (card,) = await cards(store, after(3600))
    await store.posted(card, ts="1", version=2, now=after(3600))
    await store.posted(late, ts="1", version=1, now=after(3601))
    (again,) = await cards(store, after(3602))
    assert again.hold is not None
    await post(store, again, now=after(3602))
    assert await cards(store, after(3999)) == []
    assert await holders(store, after(4000)) == [None]


async def fall_behind(store: Storage, op: Operation, at: datetime) -> None:
    """Its card is behind from a time on."""
    await store.commit([decide(op, replace(approved(needed=2)(op), at=at))], due_at=NOW)


async def order(store: Storage, now: datetime) -> list[str]:
    return [card.operation.id for card in await cards(store, now) if card.operation is not None]


async def test_a_card_that_is_posted_while_it_is_held_is_owed_from_the_end_of_that_on(store: Storage) -> None:
    held, behind = await awaiting(store, 1), await awaiting(store, 2)
    await hold(store, FREEZE, held)
    await show(store, await cards(store, after(6)), after(6))
    await fall_behind(store, behind, after(50))
    assert await order(store, after(200)) == [behind.id, held.id]


async def test_a_card_whose_hold_is_lifted_while_it_is_posted_is_owed_from_then_on(store: Storage) -> None:
    held, behind = await awaiting(store, 1), await awaiting(store, 2)
    await hold(store, replace(FREEZE, until=after(3000)), held)
    claimed = await cards(store, after(6))
    await hold(store, Unfrozen(after(7), "all", BOB, "T1"), held)
    await show(store, claimed, after(8))
    await fall_behind(store, behind, after(50))
    assert await order(store, after(4000)) == [held.id, behind.id]


async def test_a_held_card_that_an_older_version_was_put_over_late_is_owed_at_once(store: Storage) -> None:
    held, behind = await awaiting(store, 1), await awaiting(store, 2)
    await hold(store, replace(FREEZE, until=after(30_000)), held)
    (late,) = await cards(store, after(6))
    await store.posted(late, ts="1", version=held.version, now=after(8))
    await store.posted(late, ts="1", version=held.version - 1, now=after(9))
    await fall_behind(store, behind, after(50))
    assert await order(store, after(4000)) == [held.id, behind.id]


async def test_a_card_that_falls_behind_while_it_is_posted_as_held_is_owed_at_once(store: Storage) -> None:
    """And not from the end of what held it on."""
    held, behind = await awaiting(store, 1), await awaiting(store, 2)
    await hold(store, replace(FREEZE, until=after(3000)), held)
    claimed = await cards(store, after(6))
    await fall_behind(store, held, after(7))
    await show(store, claimed, after(8))
    await fall_behind(store, behind, after(50))
    assert await order(store, after(100)) == [held.id, behind.id]


async def test_what_has_been_behind_for_longer_goes_before_a_card_that_is_only_renewed(
    store: Storage,
) -> None:
    held, behind = await awaiting(store, 1), await awaiting(store, 2)
    await fall_behind(store, behind, NOW)
    await hold(store, FREEZE, held)
    assert await order(store, after(50)) == [behind.id, held.id]


async def test_a_card_is_renewed_whatever_the_clock_showed_of_whoever_lifted_the_hold(store: Storage) -> None:
    op = await awaiting(store)
    await hold(store, HALT, op)
    assert await holders(store, after(5)) == [BOB]
    await hold(store, Resumed(after(3600), BOB, "T1"), op)
    assert await holders(store, after(10)) == [None]


async def test_a_card_of_an_end_that_waits_for_its_place_is_no_backlog(store: Storage) -> None:
    """Nobody can do anything about it, and it may wait for a day."""
    op = await awaiting(store)
    await store.commit([decide(op, cancelled(op))], due_at=None)
    found = await due(store)
    (card,) = [one for one in found if one.kind is MessageKind.CARD]
    for one in found:
        if one is not card:
            await post(store, one)
    while others := [one for one in await due(store, after(1)) if one.kind is not MessageKind.CARD]:
        for one in others:
            await post(store, one)
    assert await store.backlog() == 1
    await store.retry(card, due_at=after(600), uncertain=False, error=NO_PLACE)
    assert await store.backlog() == 0


async def test_a_card_of_what_is_under_way_is_backlog_also_where_it_has_no_place(store: Storage) -> None:
    await opened(store, requested())
    (card,) = await cards(store)
    await store.retry(card, due_at=after(600), uncertain=False, error=NO_PLACE)
    assert await store.backlog() == 1
