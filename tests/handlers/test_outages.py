"""Half an hour without Slack, hundreds of cards, places that are gone: measured on virtual time."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.core import events as e
from bot.core.commands import Act, Action, Freeze, Halt, RequestSwitchover, Resume, Unfreeze
from bot.core.events import Place
from bot.core.machine import decide, open_operation
from bot.core.model import OperationId, UserId
from bot.core.operation import Operation, Status
from bot.core.schedule import Start
from bot.sandbox.slack import Fault
from handlers.finder import PAGE
from tests.core.examples import ANN, ASKER, B
from tests.handlers.storm import AUDIT, Storm, storm
from tests.storage.backends import Ground
from tests.storage.values import planned

NAMES = [f"db{number}" for number in range(4)]
CHANNELS = ("C-OPS", "C-TWO")
HALF_AN_HOUR = 1800.0


LOOKS = 20
"""How often messages may be looked at for each call that is made, however many wait."""


IN_A_FILE_TOO = pytest.mark.parametrize("ground", ["memory", "sqlite"], indirect=True)
"""Marks those that ``make test`` plays on the real store, too."""


async def under_way(run: Storm) -> list[Operation]:
    """Several operations whose request was taken, their cards and replies posted."""
    run.databases(NAMES)
    ops = [await run.requested(name, CHANNELS[n % 2]) for n, name in enumerate(NAMES)]
    await run.live(10, step=5)
    for op in ops:
        await run.approve(op)
    await run.live(60, step=5)
    assert run.cards() == {"running": len(NAMES)}
    return ops


async def half_an_hour_without_slack(run: Storm) -> list[str]:
    """One job after another is done meanwhile; the statuses at the end, from the store."""
    for name in NAMES:
        await run.live(240, step=15)
        run.job_is_done(name)
    await run.live(HALF_AN_HOUR - 240 * len(NAMES), step=15)
    return [op.status for op in await run.store.operations(open_only=False)]


def nothing_listens(run: Storm) -> Callable[[], None]:
    """Connections are refused until what is returned is called."""
    free = socket.socket()
    free.bind(("127.0.0.1", 0))
    before = run.client.web.base_url
    run.client.web.base_url = f"http://127.0.0.1:{free.getsockname()[1]}/api/"

    def mended() -> None:
        free.close()
        run.client.web.base_url = before

    return mended


def faulty(fault: Fault) -> Callable[[Storm], Callable[[], None]]:
    def begin(run: Storm) -> Callable[[], None]:
        run.slack.faults.start_outage(fault)
        return run.slack.faults.clear

    return begin


OUTAGES = [
    pytest.param(nothing_listens, id="connection refused", marks=pytest.mark.slow),
    pytest.param(faulty(Fault.status_code(503)), id="503", marks=pytest.mark.slow),
    pytest.param(faulty(Fault.drop(processed=True)), id="dropped, but done"),
    pytest.param(faulty(Fault.rate_limited(30)), id="429"),
    pytest.param(faulty(Fault.hang()), id="hang", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("begin", OUTAGES)
async def test_half_an_hour_without_slack_delays_words_and_nothing_else(
    ground: Ground, begin: Callable[[Storm], Callable[[], None]]
) -> None:
    async with storm(ground, time_limit=0.25 if begin is OUTAGES[-1].values[0] else 2.0, audit=AUDIT) as run:
        await under_way(run)
        before = run.clock.now()
        mended = begin(run)
        assert await half_an_hour_without_slack(run) == ["succeeded"] * len(NAMES)
        assert [len(cloud.submissions) for cloud in run.clouds.values()] == [1] * len(NAMES)
        asked = len([call for call in run.slack.calls if call.at >= before])
        # Where it says "wait": card, reply and audit line of each operation, each about once a minute. Where
        # nothing answers: one question a tick of the test, and what was on its way at first.
        says_wait = begin is OUTAGES[3].values[0]
        assert asked < (30 * len(NAMES) * 3 * 1.5 if says_wait else HALF_AN_HOUR / 15 + 30)
        mended()
        await run.clock.sleep(1)
        since = run.clock.now()
        await run.live(65, step=2.5)
        assert run.cards() == {"succeeded": len(NAMES)}, "ends come first, within a little more than a minute"
        await run.live(180, step=5)
        assert await run.store.backlog() == 0
        assert run.doubled() == []
        assert len(run.told("succeeded")) == len(NAMES)
        assert len(run.slack.with_metadata("switchover_audit", status="succeeded")) == len(NAMES)
        assert set(run.outcomes(since)) == {"ok"}, "never faster than Slack allows"
        assert run.busiest("chat.update", since) <= 50
        assert max(run.busiest("chat.postMessage", since, channel=name) for name in CHANNELS) <= 65
        assert run.busiest("chat.postMessage", since, window=timedelta(seconds=1)) <= 20
        updates = [c for c in run.slack.calls_of("chat.update") if c.at >= since]
        assert len(updates) == len(NAMES), "each card once, to its newest state"


async def test_retry_after_is_kept_to_by_every_method(ground: Ground) -> None:
    async with storm(ground) as run:
        ops = await under_way(run)
        since = run.clock.now()
        run.slack.faults.start_outage(Fault.rate_limited(30))
        for op in ops:
            run.job_is_done(op.database)
        await run.live(HALF_AN_HOUR, step=10)
        run.slack.faults.clear()
        calls = {c.method for c in run.slack.calls if c.at >= since}
        assert calls >= {"chat.update", "chat.postMessage"}
        # Those that were on their way already when the first of them was told to wait: a channel's worth each.
        window = timedelta(seconds=29)
        assert {m: n for m in calls if (n := run.busiest(m, since, window=window)) > len(CHANNELS)} == {}


# --- hundreds of cards ---


async def cards(run: Storm, count: int, channels: int) -> list[Operation]:
    """Requests that wait for their approvals, their cards posted."""
    ops = []
    for number in range(count):
        place = Place(run.channel(f"C-{number % channels}").id)
        requested = e.Requested(
            run.clock.now(),
            OperationId(f"SW-{number:06}"),
            f"db{number}",
            None,
            None,
            "",
            ASKER,
            "T-HOME",
            place,
        )
        first = open_operation(requested)
        step = decide(first.after, planned(first.after, needed=99, at=run.clock.now()))
        await run.store.open(first, due_at=run.clock.now() + timedelta(days=1), item_id=None)
        await run.store.commit([step], due_at=run.clock.now() + timedelta(days=1))
        ops.append(step.after)
    return ops


async def change(run: Storm, op: Operation, number: int) -> Operation:
    event = e.Approved(run.clock.now(), UserId(f"U{number}"), 99, self_approval=False)
    decision = decide(op, event)
    await run.store.commit([decision], due_at=run.clock.now() + timedelta(days=1))
    return decision.after


def longest_wait(run: Storm, changed: dict[str, list[datetime]]) -> timedelta:
    """The longest that a change was not shown: from a change to the first update after it."""
    waits = []
    for operation, times in changed.items():
        card = run.slack.card(operation)
        assert card is not None
        shown = [c.at for c in run.slack.calls_of("chat.update") if c.params.get("ts") == card.ts]
        waits += [min(at for at in shown if at >= time) - time for time in times]
    return max(waits)


@pytest.mark.parametrize(
    ("count", "rounds"), [(40, 6), pytest.param(300, 10, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
async def test_of_hundreds_of_cards_none_starves_and_changes_are_shown_together(
    ground: Ground, count: int, rounds: int
) -> None:
    async with storm(ground) as run:
        ops = await cards(run, count, channels=10)
        while await run.store.backlog():
            await run.live(5)
        since = run.clock.now()
        changed: dict[str, list[datetime]] = {op.id: [] for op in ops}
        for number in range(rounds):
            ops = [await change(run, op, number) for op in ops]
            for op in ops:
                changed[op.id].append(run.clock.now())
            await run.live(20)
        ended = ops[-1]
        await run.work(Act(Action.CANCEL, ended.id), ASKER, ended.place.channel)
        await run.live(5)
        assert [m.channel for m in run.told("cancelled")] == [ended.place.channel], "an end passes them all"
        while await run.store.backlog():
            await run.live(5)
        updates = [c for c in run.slack.calls_of("chat.update") if c.at >= since]
        a_round = timedelta(seconds=count / (40 / 60))
        assert longest_wait(run, changed) <= a_round + timedelta(seconds=10)
        assert len(updates) <= count * rounds / 2, "coalesced"
        assert run.wording.made == len(run.slack.calls_of("chat.update")) + count, (
            "and not made while it waits"
        )
        assert run.outbox.handed_out <= LOOKS * len(run.slack.calls), (
            "nor all looked at for each that is sent"
        )
        assert run.busiest("chat.update", since) <= 50
        assert set(run.outcomes(since)) == {"ok"}
        assert run.doubled() == []


@pytest.mark.parametrize("count", [40, pytest.param(100, marks=pytest.mark.slow)])
async def test_the_card_of_an_end_passes_those_that_wait_for_slacks_limits(
    ground: Ground, count: int
) -> None:
    async with storm(ground) as run:
        ops = await cards(run, count, channels=10)
        while await run.store.backlog():
            await run.live(5)
        ops = [await change(run, op, 0) for op in ops]
        await run.live(2)
        await run.work(Act(Action.CANCEL, ops[-1].id), ASKER, ops[-1].place.channel)
        await run.live(3)
        assert run.cards()["cancelled"] == 1


async def test_of_many_that_have_ended_not_all_are_looked_at_for_each_that_is_sent(ground: Ground) -> None:
    count = 60  # more than a batch
    async with storm(ground) as run:
        ops = await cards(run, count, channels=20)
        while await run.store.backlog():
            await run.live(5)
        for op in ops:
            await run.store.commit([decide(op, e.Cancelled(run.clock.now(), ASKER))], due_at=None)
        looks, calls, since = run.outbox.handed_out, len(run.slack.calls), run.clock.now()
        while await run.store.backlog():
            await run.live(1)
        assert run.outbox.handed_out - looks <= LOOKS / 2 * (len(run.slack.calls) - calls)
        assert run.clock.now() - since < timedelta(seconds=count / (40 / 60)), "as soon as Slack lets them"
        assert (run.cards(), run.doubled()) == ({"cancelled": count}, [])


# --- places that are gone ---


def deleted_root(run: Storm, op: Operation) -> None:
    for message in run.slack.messages(op.place.channel):
        run.slack.delete(message)


def archived(run: Storm, op: Operation) -> None:
    run.channel(op.place.channel).is_archived = True


def first_line(run: Storm, op: Operation) -> str:
    card = run.slack.card(op.id)
    assert card is not None
    return card.text.splitlines()[0]


def bot_removed(run: Storm, op: Operation) -> None:
    run.channel(op.place.channel).members.discard(run.slack.bot_user)


def channel_deleted(run: Storm, op: Operation) -> None:
    del run.slack.channels[op.place.channel]


GONE = [deleted_root, archived, bot_removed, channel_deleted]


async def one_running(run: Storm) -> Operation:
    run.databases(["orders"])
    op = await run.requested("orders")
    await run.live(3)
    await run.approve(op)
    await run.live(5)
    return op


def direct(run: Storm) -> list[str]:
    return [str((m.metadata or {})["event_payload"]["status"]) for m in run.slack.messages(_dm(run))]


def _dm(run: Storm) -> str:
    return run.slack.direct_channel(ASKER).id


@IN_A_FILE_TOO
@pytest.mark.parametrize("gone", GONE)
async def test_an_end_that_has_no_place_is_told_directly_and_audited(
    ground: Ground, gone: Callable[[Storm, Operation], None]
) -> None:
    async with storm(ground, audit=AUDIT) as run:
        op = await one_running(run)
        gone(run, op)
        run.job_is_done("orders")
        await run.live(180, step=5)
        assert direct(run) == ["succeeded"]
        (told,) = run.slack.messages(_dm(run))
        assert "orders" in told.text
        assert op.id in told.text
        (audited,) = run.slack.messages(AUDIT)
        assert (audited.metadata or {})["event_type"] == "switchover_audit"
        assert run.doubled() == []


async def test_a_card_in_an_archived_channel_shows_the_end_to_whoever_opens_it_again(ground: Ground) -> None:
    async with storm(ground) as run:
        op = await one_running(run)
        archived(run, op)
        run.job_is_done("orders")
        await run.live(4000, step=100)
        assert (run.cards(), direct(run)) == ({"running": 1}, ["succeeded"])
        assert await run.store.backlog() == 0, "nobody of those who run the bot can do anything about it"
        run.channel(op.place.channel).is_archived = False
        await run.live(700, step=10)
        assert (run.cards(), run.doubled()) == ({"succeeded": 1}, [])


async def test_a_hold_takes_nothing_away_from_what_waits_in_a_channel_that_is_archived(
    ground: Ground,
) -> None:
    """Its card is only renewed; it shows that when the channel is back."""
    async with storm(ground) as run:
        run.databases(["orders"])
        op = await run.requested("orders")
        await run.live(5)
        archived(run, op)
        await run.work(Halt("which primary?"), ASKER, run.channel("C-TWO").id)
        await run.live(60, step=5)
        assert await run.world.status(op.id) is Status.AWAITING_APPROVAL
        run.channel(op.place.channel).is_archived = False
        await run.live(60, step=5)
        assert first_line(run, op).startswith("⏸ Held")


async def test_what_happens_while_a_renewal_waits_for_its_place_is_shown_as_soon_as_it_is_back(
    ground: Ground,
) -> None:
    async with storm(ground) as run:
        run.databases(["orders"])
        op = await run.requested("orders")
        await run.live(5)
        archived(run, op)
        await run.work(Halt("which primary?"), ASKER, run.channel("C-TWO").id)
        await run.live(30, step=5)
        run.channel(op.place.channel).is_archived = False
        await run.work(Act(Action.CANCEL, op.id), ASKER, op.place.channel)
        await run.live(5)
        assert first_line(run, op).startswith("✖ Cancelled")


async def test_a_renewal_that_has_no_place_does_not_let_a_request_be_sent_that_nobody_can_see(
    ground: Ground,
) -> None:
    """The reminder is a change of the card, and comes while that waits."""
    async with storm(ground) as run:
        run.databases(["orders"])
        await run.work(
            RequestSwitchover("orders", B, start=Start(after=timedelta(minutes=20))),
            ASKER,
            run.channel("C-OPS").id,
        )
        (op,) = await run.store.operations(open_only=True)
        await run.live(5)
        await run.approve(op)
        await run.live(14 * 60, step=20)
        archived(run, op)
        await run.work(Freeze("orders", "month end"), ANN, run.channel("C-TWO").id)
        await run.live(30, step=5)
        await run.work(Unfreeze("orders"), ANN, run.channel("C-TWO").id)
        await run.live(7 * 60, step=20)
        assert await run.world.status(op.id) is Status.CANCELLED
        assert not run.clouds["orders"].submissions


async def test_an_end_that_is_owed_once_more_is_not_tried_for_ever(ground: Ground) -> None:
    """An older version was put over it late, and then the channel was archived."""
    async with storm(ground) as run:
        run.databases(["orders"])
        op = await run.requested("orders")
        (late,) = await run.store.claim_messages(run.clock.now(), run.clock.now(), 1)
        await run.live(5)
        await run.work(Act(Action.CANCEL, op.id), ASKER, op.place.channel)
        await run.live(20)
        assert first_line(run, op).startswith("✖ Cancelled")
        archived(run, op)
        card = run.slack.card(op.id)
        assert card is not None
        await run.store.posted(late, ts=card.ts, version=1, now=run.clock.now())
        before = len(run.slack.calls_of("chat.update"))
        await run.live(2 * 86_400, step=300)
        assert 1 <= len(run.slack.calls_of("chat.update")) - before <= 24 * 6 + 2


async def test_a_card_in_doubt_whose_channel_was_gone_meanwhile_shows_the_end(ground: Ground) -> None:
    async with storm(ground) as run:
        run.databases(["orders"])
        run.slack.faults.once("chat.postMessage", Fault.drop(processed=True))
        op = await run.requested("orders")
        await run.publish()
        bot_removed(run, op)
        await run.live(60, step=5)
        assert await run.world.status(op.id) is Status.CANCELLED
        run.channel(op.place.channel).members.add(run.slack.bot_user)
        await run.live(700, step=10)
        assert (run.cards(), run.doubled()) == ({"cancelled": 1}, [])


async def test_an_end_that_nobody_could_be_told_is_told_when_its_channel_is_back(ground: Ground) -> None:
    async with storm(ground) as run:
        op = await one_running(run)
        archived(run, op)
        run.slack.users[ASKER].deleted = True
        run.job_is_done("orders")
        await run.live(120, step=5)
        run.channel(op.place.channel).is_archived = False
        await run.live(700, step=10)
        assert (run.cards(), len(run.told("succeeded")), run.doubled()) == ({"succeeded": 1}, 1, [])


async def test_a_card_in_a_channel_that_stays_archived_is_given_up_after_a_day(ground: Ground) -> None:
    async with storm(ground) as run:
        op = await one_running(run)
        archived(run, op)
        run.job_is_done("orders")
        before = len(run.slack.calls_of("chat.update"))
        await run.live(25 * 3600, step=300)
        assert await run.store.backlog() == 0
        assert len(run.slack.calls_of("chat.update")) - before < 160


@pytest.mark.parametrize("gone", GONE)
async def test_what_needs_attention_is_told_directly_too(
    ground: Ground, gone: Callable[[Storm, Operation], None]
) -> None:
    async with storm(ground, audit=AUDIT) as run:
        op = await one_running(run)
        gone(run, op)
        await run.live(1300, step=20)
        assert await run.world.status(op.id) is Status.NEEDS_ATTENTION
        assert direct(run) == ["needs_attention"]
        assert len(run.slack.messages(AUDIT)) == 1


@pytest.mark.parametrize("gone", [archived, bot_removed, channel_deleted])
async def test_what_needs_attention_is_told_though_its_card_was_never_posted(
    ground: Ground, gone: Callable[[Storm, Operation], None]
) -> None:
    """It was sent before Slack got to its card, so that it can't be withdrawn."""
    async with storm(ground) as run:
        op = await an_emergency_sent_unseen(run)
        gone(run, op)
        await run.live(1300, step=20)
        assert await run.world.status(op.id) is Status.NEEDS_ATTENTION
        assert direct(run) == ["needs_attention"]


async def test_nothing_is_said_beside_the_thread_of_a_card_that_has_no_place_yet(ground: Ground) -> None:
    """The bot is invited again, and somebody is faster than the card that follows."""
    async with storm(ground) as run:
        op = await an_emergency_sent_unseen(run)
        bot_removed(run, op)
        await run.live(1300, step=20)
        run.channel().members.add(run.slack.bot_user)
        await run.work(Act(Action.ACKNOWLEDGE, op.id), ANN, op.place.channel)
        await run.live(70, step=5)
        assert [one.thread_ts for one in run.slack.messages(op.place.channel)] == [""], "the card alone"
        assert (direct(run), run.doubled()) == (["needs_attention", "closed"], [])
        assert await run.store.backlog() == 0


async def test_what_needs_attention_is_told_though_the_thread_of_its_card_is_gone(ground: Ground) -> None:
    async with storm(ground) as run:
        op = await an_emergency_sent_unseen(run, Place("C-OPS", "1.1"))
        await run.live(1300, step=20)
        assert await run.world.status(op.id) is Status.NEEDS_ATTENTION
        assert direct(run) == ["needs_attention"]
        assert await run.store.backlog() == 0, "and nothing waits for what nobody can mend"


@pytest.mark.parametrize("place", ["thread", "direct"])
async def test_what_needs_attention_is_acknowledged_though_its_card_is_gone(
    ground: Ground, place: str
) -> None:
    async with storm(ground) as run:
        op = await one_running(run)
        card = run.slack.card(op.id)
        assert card is not None
        run.slack.delete(card)
        if place == "direct":
            bot_removed(run, op)
        await run.live(1300, step=20)
        (told,) = run.told("needs_attention")
        assert (told.channel == _dm(run)) is (place == "direct")
        offered = {one["action_id"]: one["value"] for one in told.blocks[-1]["elements"]}
        assert offered == dict.fromkeys([Action.CHECK_AGAIN, Action.ACKNOWLEDGE], op.id)
        click = Act(Action.ACKNOWLEDGE, OperationId(offered[Action.ACKNOWLEDGE]))
        await run.work(click, ANN, told.channel)
        assert await run.world.status(op.id) is Status.CLOSED
        await run.work(click, ANN, told.channel)
        await run.live(60)
        late = [call.params["text"] for call in run.slack.calls_of("chat.postEphemeral")]
        late += [message.text for message in run.slack.messages(run.slack.direct_channel(ANN).id)]
        assert late == ["This has been decided: it is closed. Nothing was done."]


async def test_a_card_that_had_no_place_is_shown_to_whoever_invites_the_bot(ground: Ground) -> None:
    async with storm(ground) as run:
        op = await an_emergency_sent_unseen(run)
        bot_removed(run, op)
        await run.live(1300, step=20)
        run.channel().members.add(run.slack.bot_user)
        await run.live(65, step=5)
        assert run.cards() == {"needs_attention": 1}
        assert (await run.store.backlog(), run.doubled()) == (0, [])


async def test_an_end_that_nobody_could_be_told_is_told_below_its_card_when_the_bot_is_back(
    ground: Ground,
) -> None:
    """The card had no place and the requester is away; the end comes before the card's next try."""
    async with storm(ground) as run:
        op = await an_emergency_sent_unseen(run)
        bot_removed(run, op)
        await run.live(1300, step=20)
        run.slack.users[ASKER].deleted = True
        run.channel().members.add(run.slack.bot_user)
        await run.work(Act(Action.ACKNOWLEDGE, op.id), ANN, op.place.channel)
        await run.live(300, step=5)
        assert run.cards() == {"closed": 1}
        assert len(run.told("closed")) == 1
        assert await run.store.backlog() == 0


async def test_what_nobody_will_ever_be_told_is_given_up(ground: Ground) -> None:
    async with storm(ground) as run:
        op = await an_emergency_sent_unseen(run)
        bot_removed(run, op)
        run.slack.users[ASKER].deleted = True
        await run.live(1300, step=20)
        await run.work(Act(Action.ACKNOWLEDGE, op.id), ANN, op.place.channel)
        await run.live(4000, step=20)
        assert await run.store.backlog() == 0


@pytest.mark.parametrize("gone", [archived, bot_removed])
async def test_what_needs_attention_is_told_once_somebody_can_be(
    ground: Ground, gone: Callable[[Storm, Operation], None]
) -> None:
    """Its card is deleted, its channel gone, the requester away for half an hour."""
    async with storm(ground) as run:
        op = await one_running(run)
        deleted_root(run, op)
        gone(run, op)
        run.slack.users[ASKER].deleted = True
        await run.live(3000, step=20)
        assert await run.world.status(op.id) is Status.NEEDS_ATTENTION
        run.slack.users[ASKER].deleted = False
        await run.live(120, step=5)
        assert (direct(run), run.doubled()) == (["needs_attention"], [])


async def an_emergency_sent_unseen(run: Storm, place: Place = Place("C-OPS")) -> Operation:  # noqa: B008  # frozen
    """Its job never ends, and nothing is posted of it yet."""
    run.databases(["orders"], break_glass=(ASKER,))
    run.channel(place.channel)
    asked = RequestSwitchover("orders", B, reason="dying", emergency=True)
    item = await run.world.receive(asked, ASKER)
    await run.world.desk.work(replace(item, origin=replace(item.origin, place=place)))
    for _ in range(2):
        await run.world.tick(0)
    (op,) = await run.store.operations(open_only=True)
    assert op.submissions
    return op


async def test_direct_messages_that_can_not_be_opened_yet_are_opened_later(ground: Ground) -> None:
    """Their posts were begun and refused before that: they must not count as in doubt from then on."""
    names = ["orders", "sessions", "events"]
    async with storm(ground) as run:
        run.databases(names)
        ops = [await run.requested(name) for name in names]
        await run.live(6)
        for op in ops:
            await run.approve(op)
        await run.live(20)
        run.slack.faults.once("conversations.open", Fault.rate_limited(40))
        for name in names:
            run.job_is_done(name)
        while any([await run.world.status(op.id) is not Status.SUCCEEDED for op in ops]):
            await run.world.tick(1)
        bot_removed(run, ops[0])
        await run.live(400, step=5)
        assert direct(run) == ["succeeded"] * len(names)
        assert run.doubled() == []


async def test_many_posts_in_doubt_are_all_settled(ground: Ground) -> None:
    """A look-up takes several calls: together they must not use up what the next one needs."""
    names = [f"db{number}" for number in range(14)]
    async with storm(ground) as run:
        run.databases(names)
        run.slack.faults.once("chat.postMessage", *[Fault.drop()] * len(names))
        for name in names:
            await run.requested(name)
        await run.live(120, step=0.5)
        assert sum(run.cards().values()) == len(names)
        assert run.doubled() == []


@IN_A_FILE_TOO
@pytest.mark.parametrize("was_posted", [True, False])
async def test_a_card_in_doubt_is_settled_after_a_weekend_in_a_busy_channel(
    ground: Ground, *, was_posted: bool
) -> None:
    """What was said since is not read, however much it is."""
    async with storm(ground) as run:
        run.databases(["orders"])
        run.slack.faults.once("chat.postMessage", Fault.drop(processed=was_posted))
        await run.requested("orders")
        await run.publish()
        for _ in range(3 * PAGE):
            run.slack.post("C-OPS", ASKER, "disk is filling up")
            run.clock.passed += timedelta(minutes=6)
        await run.live(120, step=5)
        assert (sum(run.cards().values()), run.doubled(), await run.store.backlog()) == (1, [], 0)
        assert len(run.slack.calls_of("conversations.history")) == (1 if was_posted else 2)


async def test_a_refusal_that_names_who_holds_the_lock_links_its_card(ground: Ground) -> None:
    async with storm(ground) as run:
        run.databases(["orders"])
        first = await run.requested("orders")
        await run.live(6)
        card = run.slack.card(first.id)
        assert card is not None
        await run.requested("orders")
        await run.live(2)
        (told,) = run.slack.calls_of("chat.postEphemeral")
        assert f"is locked by <{run.slack.permalink(card)}|{first.id}>." in told.params["text"]


async def test_a_call_for_approval_that_comes_too_late_is_not_made(ground: Ground) -> None:
    async with storm(ground) as run:
        run.databases(["orders"])
        op = await run.requested("orders")
        await run.world.tick()
        await run.work(Act(Action.CANCEL, op.id), ASKER, op.place.channel)
        await run.live(10)
        assert run.told("awaiting_approval") == []
        assert len(run.told("cancelled")) == 1
        assert await run.store.backlog() == 0


async def test_what_held_it_is_not_told_once_it_is_over(ground: Ground) -> None:
    async with storm(ground) as run:
        run.databases(["orders"])
        op = await run.requested("orders")
        await run.live(3)
        run.slack.faults.start_outage(Fault.status_code(503))
        for command, who in (
            (Halt("which primary?"), ASKER),
            (Resume(), ANN),
            (Act(Action.CANCEL, op.id), ASKER),
        ):
            await run.work(command, who, op.place.channel)
            await run.live(3)
        run.slack.faults.clear()
        await run.live(60)
        thread = [m.text.splitlines()[0] for m in run.slack.messages(op.place.channel) if m.thread_ts]
        assert [line for line in thread if "held" in line] == []
        assert len(run.told("cancelled")) == 1
        assert await run.store.backlog() == 0


async def test_what_held_it_is_not_told_once_that_has_ended_by_itself(ground: Ground) -> None:
    async with storm(ground) as run:
        run.databases(["orders"])
        op = await run.requested("orders")
        await run.live(3)
        run.slack.faults.start_outage(Fault.status_code(503))
        await run.work(Freeze("orders", "rebuild", timedelta(minutes=2)), ANN, op.place.channel)
        await run.live(180, step=5)
        run.slack.faults.clear()
        await run.live(90, step=5)
        thread = [m.text for m in run.slack.messages(op.place.channel) if m.thread_ts]
        assert [text for text in thread if "may start for now" in text] == []
        assert await run.store.backlog() == 0


async def test_a_milestone_in_doubt_does_not_hold_up_the_end(ground: Ground) -> None:
    async with storm(ground) as run:
        run.databases(["orders"])
        op = await run.requested("orders")
        await run.live(3)
        run.slack.faults.always("chat.postMessage", Fault.drop())
        await run.approve(op)
        await run.live(5)
        run.slack.faults.clear("chat.postMessage")
        bot_removed(run, op)
        run.job_is_done("orders")
        await run.live(400, step=5)
        assert direct(run) == ["succeeded"]


# --- words of Slack's that nobody here knows ---

NEW_WORD = Fault.slack_error("posting_to_general_channel_denied")


async def until_told_directly(run: Storm) -> None:
    """Nothing can be posted, till somebody looks for another way; there it can."""
    run.slack.faults.always("chat.postMessage", NEW_WORD)
    latest = run.clock.now() + timedelta(hours=1)
    while run.clock.now() < latest and not run.slack.calls_of("conversations.open"):
        await run.live(20, step=5)
    run.slack.faults.clear()
    await run.live(180, step=5)


@IN_A_FILE_TOO
async def test_an_end_that_is_refused_in_new_words_is_told_directly(ground: Ground) -> None:
    async with storm(ground) as run:
        op = await one_running(run)
        run.job_is_done("orders")
        await until_told_directly(run)
        assert await run.world.status(op.id) is Status.SUCCEEDED
        assert [one.channel for one in run.told("succeeded")] == [_dm(run)]
        assert (run.cards(), run.doubled(), await run.store.backlog()) == ({"succeeded": 1}, [], 0)


async def test_a_card_that_is_refused_in_new_words_does_not_hold_up_the_end(ground: Ground) -> None:
    async with storm(ground) as run:
        op = await an_emergency_sent_unseen(run)
        run.job_is_done("orders")
        await until_told_directly(run)
        assert await run.world.status(op.id) is Status.SUCCEEDED
        assert [one.channel for one in run.told("succeeded")] == [_dm(run)]
        assert (run.doubled(), await run.store.backlog()) == ([], 0)


async def test_a_card_that_is_refused_in_new_words_steps_aside_for_what_needs_attention(
    ground: Ground,
) -> None:
    async with storm(ground) as run:
        op = await an_emergency_sent_unseen(run)
        await until_told_directly(run)
        assert await run.world.status(op.id) is Status.NEEDS_ATTENTION
        assert direct(run) == ["needs_attention"]
        assert run.cards() == {"needs_attention": 1}, "once it can be posted"
        assert (run.doubled(), await run.store.backlog()) == ([], 0)


async def test_what_is_refused_in_new_words_is_told_in_its_place_if_that_is_back_first(
    ground: Ground,
) -> None:
    """The requester is away for all that time."""
    async with storm(ground) as run:
        op = await one_running(run)
        run.slack.users[ASKER].deleted = True
        run.job_is_done("orders")
        await until_told_directly(run)
        assert [one.channel for one in run.told("succeeded")] == [op.place.channel]
        assert (run.doubled(), await run.store.backlog()) == ([], 0)


async def test_what_a_person_must_mend_takes_nothing_away_from_the_thread(ground: Ground) -> None:
    async with storm(ground) as run:
        op = await one_running(run)
        before = len(run.slack.messages(op.place.channel))
        run.slack.faults.always("chat.postMessage", Fault.slack_error("missing_scope"))
        run.job_is_done("orders")
        await run.live(4000, step=20)
        run.slack.faults.clear()
        await run.live(120, step=5)
        assert [one.channel for one in run.told("succeeded")] == [op.place.channel]
        assert len(run.slack.messages(op.place.channel)) > before + 1, "its milestones too"
        assert (direct(run), run.doubled(), await run.store.backlog()) == ([], [], 0)


async def test_a_milestone_that_is_refused_to_be_looked_for_does_not_hold_up_the_end(ground: Ground) -> None:
    async with storm(ground) as run:
        run.databases(["orders"])
        op = await run.requested("orders")
        await run.live(3)
        run.slack.faults.once("chat.postMessage", Fault.drop())
        run.slack.faults.always("conversations.replies", NEW_WORD)
        await run.approve(op)
        await run.live(5)
        run.job_is_done("orders")
        await run.live(900, step=5)
        assert [one.channel for one in run.told("succeeded")] == [op.place.channel]
        assert (run.doubled(), await run.store.backlog()) == ([], 0)


async def test_an_end_in_doubt_is_not_told_again_where_it_can_not_be_looked_for(ground: Ground) -> None:
    async with storm(ground) as run:
        run.databases(["orders"])
        op = await run.requested("orders")
        await run.live(3)
        run.slack.faults.once("chat.postMessage", Fault.drop(processed=True))
        await run.work(Act(Action.CANCEL, op.id), ASKER, op.place.channel)
        await run.publish()
        bot_removed(run, op)
        await run.live(120, step=5)
        assert (direct(run), run.doubled()) == ([], [])
        run.channel().members.add(run.slack.bot_user)
        await run.live(120, step=5)
        assert (await run.store.backlog(), len(run.told("cancelled")), run.doubled()) == (0, 1, [])


async def test_a_deleted_card_is_missed_by_nobody_who_reads_the_thread(ground: Ground) -> None:
    async with storm(ground) as run:
        op = await one_running(run)
        card = run.slack.card(op.id)
        assert card is not None
        run.slack.delete(card)
        run.job_is_done("orders")
        await run.live(30)
        assert [m.channel for m in run.told("succeeded")] == ["C-OPS"]
        assert direct(run) == []


async def test_whoever_invites_the_bot_again_sees_the_end_on_the_card(ground: Ground) -> None:
    async with storm(ground) as run:
        op = await one_running(run)
        bot_removed(run, op)
        run.job_is_done("orders")
        await run.live(180, step=5)
        run.channel().members.add(run.slack.bot_user)
        await run.live(65, step=5)
        assert run.cards() == {"succeeded": 1}
        assert len(run.told("succeeded")) == 1
        assert await run.store.backlog() == 0


async def test_a_request_that_nobody_can_see_is_withdrawn_and_its_asker_told_once(ground: Ground) -> None:
    async with storm(ground) as run:
        run.databases(["orders"])
        op = await run.requested("orders")
        bot_removed(run, op)
        await run.live(20)
        assert direct(run) == ["cancelled"]
        assert "Invite the bot" in run.slack.messages(_dm(run))[0].text
        assert await run.store.backlog() == 0


@pytest.mark.parametrize("fault", [Fault.drop(processed=True), Fault.drop(), Fault.status_code(500)])
@pytest.mark.parametrize("place", ["direct", "audit"])
async def test_elsewhere_too_it_is_posted_exactly_once(ground: Ground, fault: Fault, place: str) -> None:
    async with storm(ground, audit=AUDIT if place == "audit" else "") as run:
        op = await one_running(run)
        if place == "direct":
            archived(run, op)
        run.job_is_done("orders")
        while await run.world.status(op.id) is not Status.SUCCEEDED:
            await run.world.tick(1)
        if place == "direct":
            while not run.slack.calls_of("conversations.open"):
                await run.publisher.sweep()
                await run.clock.sleep(1)
        run.slack.faults.once("chat.postMessage", *[fault] * 3)
        await run.live(180, step=5)
        assert run.doubled() == []
        assert len(run.slack.messages(_dm(run) if place == "direct" else AUDIT)) == 1


async def test_an_audit_channel_without_the_bot_waits_for_it_and_holds_up_nothing(ground: Ground) -> None:
    async with storm(ground, audit=AUDIT) as run:
        run.channel(AUDIT).members.clear()
        await one_running(run)
        run.job_is_done("orders")
        await run.live(30)
        assert len(run.told("succeeded")) == 1
        run.channel(AUDIT).members.add(run.slack.bot_user)
        await run.live(610, step=5)
        assert len(run.slack.messages(AUDIT)) == 1
        assert await run.store.backlog() == 0
