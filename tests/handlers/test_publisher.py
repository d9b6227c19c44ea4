"""Cards and replies exactly once, answers at least once, whatever Slack and the network do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.core.commands import Origin
from bot.core.events import Place
from bot.core.model import OperationId, UserId
from bot.core.operation import Status
from bot.ports import NO_PLACE
from handlers.publisher import LONGEST_QUEUE, SETTLE, Publisher
from tests.handlers.desk import OPERATION, UNSHOWABLE, Desk, PlainRenderer
from tests.handlers.ledger import START
from tests.handlers.workspace import BOT_USER, TEAM, Channel


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.open()
    yield desk
    await desk.close()


# --- what concerns the channel ---

IN_A_THREAD = replace(OPERATION, place=Place("C1", "1.1"), submissions=(START,), status=Status.SUCCEEDED)


@pytest.mark.parametrize(
    ("status", "aloud", "now", "shown"),
    [
        (Status.SUCCEEDED, True, Status.SUCCEEDED, True),
        (Status.FAILED, True, Status.FAILED, True),
        (Status.NEEDS_ATTENTION, True, Status.NEEDS_ATTENTION, True),
        (Status.NEEDS_ATTENTION, True, Status.SUCCEEDED, False),
        (Status.FAILED, False, Status.FAILED, False),
        (Status.RUNNING, False, Status.RUNNING, False),
    ],
)
async def test_the_channel_hears_what_is_said_aloud_in_a_thread_and_is_still_so(
    desk: Desk, status: Status, now: Status, *, aloud: bool, shown: bool
) -> None:
    """Once, in the thread and in the channel; all else stays in the thread."""
    desk.owe_reply(1, code=f"reply-{status.replace('_', '-')}", aloud=aloud)
    of = replace(IN_A_THREAD, id=OperationId("SW-1"), status=now)
    desk.outbox.change(101, operation=of, status=status.value)
    await desk.settle()
    (posted,) = desk.slack.channels["C1"].messages
    assert (posted["thread_ts"], posted.get("reply_broadcast", False)) == ("1.1", shown)


async def test_a_card_in_the_channel_itself_shows_it_there(desk: Desk) -> None:
    desk.owe_reply(1, code="reply-succeeded", aloud=True)
    here = replace(IN_A_THREAD, id=OperationId("SW-1"), place=Place("C1"))
    desk.outbox.change(101, operation=here, status="succeeded")
    await desk.settle()
    assert [each.get("reply_broadcast") for each in desk.slack.channels["C1"].messages] == [None]


async def test_what_the_channel_was_told_is_found_again(desk: Desk) -> None:
    """Its answer was lost: it is looked for in the thread, and neither place is told twice."""
    desk.owe_reply(1, code="reply-succeeded", aloud=True)
    of = replace(IN_A_THREAD, id=OperationId("SW-1"))
    desk.outbox.change(101, operation=of, status="succeeded")
    desk.slack.fail("chat.postMessage", "drop", after=True)
    await desk.settle(30)
    (posted,) = desk.slack.channels["C1"].messages
    assert posted["reply_broadcast"]
    assert desk.outbox.rows[101].state == "posted"


@pytest.mark.parametrize("error", ["restricted_action", "cannot_broadcast", "a_word_of_another_time"])
async def test_where_the_channel_takes_no_reply_the_thread_still_does(desk: Desk, error: str) -> None:
    desk.owe_reply(1, code="reply-succeeded", aloud=True)
    of = replace(IN_A_THREAD, id=OperationId("SW-1"))
    desk.outbox.change(101, operation=of, status="succeeded")
    desk.slack.fail("chat.postMessage", "error", error)
    await desk.settle()
    (posted,) = desk.slack.channels["C1"].messages
    assert (posted["thread_ts"], posted.get("reply_broadcast")) == ("1.1", None)
    assert desk.outbox.rows[101].state == "posted"


async def test_what_waits_for_an_operator_is_not_kept_from_the_channel(desk: Desk) -> None:
    desk.owe_reply(1, code="reply-succeeded", aloud=True)
    of = replace(IN_A_THREAD, id=OperationId("SW-1"))
    desk.outbox.change(101, operation=of, status="succeeded")
    desk.slack.fail("chat.postMessage", "error", "invalid_auth")
    await desk.settle(61)
    (posted,) = desk.slack.channels["C1"].messages
    assert (posted["thread_ts"], posted.get("reply_broadcast")) == ("1.1", True)
    assert desk.errors(101) == ["invalid_auth"]


# --- what is not true any more ---


ASKED = [
    ("reply-awaiting-approval", Status.AWAITING_APPROVAL),
    ("reply-held", Status.AWAITING_APPROVAL),
    ("reply-let-go", Status.AWAITING_APPROVAL),
    ("reply-scheduled", Status.SCHEDULED),
    ("reply-start-near", Status.SCHEDULED),
    ("reply-held", Status.SCHEDULED),
    ("reply-let-go", Status.SCHEDULED),
]
"""What is said for as long as an operation has the status it was said in."""


def _owe_asked(desk: Desk, code: str, status: Status, now: Status) -> None:
    """What was said in one status is owed in another; so is what happened before, and that stays true."""
    desk.owe_reply(1, code="reply-accepted")
    desk.owe_reply(2, code=code)
    for reply in (101, 102):
        op = replace(OPERATION, id=OperationId("SW-1"), status=now)
        desk.outbox.change(reply, operation=op, status=status.value)


@pytest.mark.parametrize("now", [Status.RECHECKING, Status.RUNNING, Status.CANCELLED, Status.EXPIRED])
@pytest.mark.parametrize(("code", "status"), ASKED)
async def test_nobody_is_told_what_they_may_do_once_it_is_too_late(
    desk: Desk, code: str, status: Status, now: Status
) -> None:
    _owe_asked(desk, code, status, now)
    await desk.settle()
    assert desk.texts() == ["reply-accepted"], "what happened is told, whatever has happened since"
    assert await desk.outbox.backlog() == 0


@pytest.mark.parametrize(("code", "status"), ASKED)
async def test_what_people_are_asked_is_said_while_it_waits(desk: Desk, code: str, status: Status) -> None:
    _owe_asked(desk, code, status, status)
    await desk.settle()
    assert desk.texts() == ["reply-accepted", code]


# --- cards ---


async def test_a_card_is_posted_with_its_metadata(desk: Desk) -> None:
    desk.owe_card(thread="3.3")
    await desk.settle()
    [card] = desk.slack.channels["C1"].messages
    assert (card["text"], card["thread_ts"], card["blocks"]) == ("SW-1 v2", "3.3", [{"type": "divider"}])
    assert card["metadata"] == {
        "event_type": "switchover_operation",
        "event_payload": {"operation": "SW-1", "status": "awaiting_approval", "key": "card-1"},
    }
    assert (desk.row(100).ts, desk.row(100).posted_version) == (card["ts"], 2)
    assert await desk.outbox.backlog() == 0


async def test_a_card_that_is_behind_is_updated_in_place(desk: Desk) -> None:
    desk.owe_card()
    await desk.settle()
    desk.outbox.change(100, operation=replace(OPERATION, id=OperationId("SW-1"), version=9), status="running")
    await desk.settle()
    [card] = desk.slack.channels["C1"].messages
    assert (card["text"], card["metadata"]["event_payload"]["status"]) == ("SW-1 v9", "running")
    assert desk.row(100).posted_version == 9


async def test_replies_follow_their_card_in_order(desk: Desk) -> None:
    desk.owe_card()
    for serial in (1, 2, 3):
        desk.owe_reply(serial)
    await desk.settle()
    assert desk.texts() == ["SW-1 v2", "say-1", "say-2", "say-3"]
    assert [m.get("thread_ts") for m in desk.slack.channels["C1"].messages] == [None, "1.1", "1.1", "1.1"]


async def test_what_is_of_no_operation_is_posted_to_the_audit_channel_with_its_key(desk: Desk) -> None:
    desk.owe_notice()
    await desk.settle()
    [notice] = desk.slack.channels["C2"].messages
    assert (notice["text"], notice.get("thread_ts")) == ("notice: notice-halted", None)
    assert notice["metadata"] == {
        "event_type": "switchover_notice",
        "event_payload": {"key": "halted-7"},
    }
    assert desk.outbox.rows[9].state == "posted"


async def test_how_late_the_thread_learns_that_the_provider_has_finished_is_measured(desk: Desk) -> None:
    desk.owe_card()
    desk.owe_reply(1)
    desk.owe_reply(2, code="reply-job-done")
    desk.clock.advance(3)
    await desk.settle()
    assert desk.lags == [3]


# --- once, whatever happens ---


@pytest.mark.parametrize(("kind", "value"), [("drop", ""), ("status", "502"), ("error", "fatal_error")])
async def test_a_post_whose_answer_was_lost_is_looked_for_and_adopted(
    desk: Desk, kind: str, value: str
) -> None:
    desk.owe_card()
    desk.slack.fail("chat.postMessage", kind, value, after=True)
    await desk.settle(seconds=5)
    assert desk.slack.keys() == ["card-1"]
    assert desk.row(100).ts == desk.slack.channels["C1"].messages[0]["ts"]
    assert desk.row(100).posted_version == 2, "and brought up to date, since what it shows was not known"


async def test_a_reply_whose_answer_was_lost_is_looked_for_in_its_thread(desk: Desk) -> None:
    desk.owe_reply(1)
    desk.slack.fail("chat.postMessage", "drop", after=True)
    await desk.settle(seconds=5)
    assert desk.slack.keys() == ["reply-1"]
    assert desk.slack.asked("conversations.replies")[0]["ts"] == "1.1"
    assert desk.outbox.rows[101].state == "posted"


async def test_a_notice_whose_answer_was_lost_is_looked_for_and_adopted(desk: Desk) -> None:
    desk.owe_notice()
    desk.slack.fail("chat.postMessage", "drop", after=True)
    await desk.settle(seconds=5)
    assert desk.slack.keys("C2") == ["halted-7"]
    assert desk.outbox.rows[9].state == "posted"
    assert desk.row(9).ts == desk.slack.channels["C2"].messages[0]["ts"]


async def test_a_notice_is_not_taken_for_a_line_of_an_operation_nor_that_for_a_notice(desk: Desk) -> None:
    desk.owe_notice(key="card-1")
    desk.outbox.change(9, uncertain=True)
    desk.owe_card(channel="C2", uncertain=True)
    stamp = f"{desk.clock.now().timestamp():.0f}"
    of_operation = PlainRenderer().metadata("SW-1", "planning", "card-1")
    of_none = {"event_type": "switchover_notice", "event_payload": {"key": "card-1"}}
    desk.slack.channels["C2"].messages += [
        {"ts": f"{stamp}.5", "user": BOT_USER, "text": "card", "metadata": of_operation},
        {"ts": f"{stamp}.6", "user": BOT_USER, "text": "notice", "metadata": of_none},
    ]
    await desk.settle(seconds=5)
    assert (desk.row(9).ts, desk.row(100).ts) == (f"{stamp}.6", f"{stamp}.5")
    assert desk.slack.asked("chat.postMessage") == []


@pytest.mark.parametrize("error", ["not_in_channel", "restricted_action", "some_new_error"])
async def test_a_notice_waits_for_its_channel_as_long_as_it_takes(desk: Desk, error: str) -> None:
    desk.owe_notice()
    desk.slack.fail("chat.postMessage", error, error, times=11)
    await desk.settle(seconds=12 * 600, step=600)
    assert desk.slack.keys("C2") == ["halted-7"]
    assert desk.errors(9) == [error] * 11


async def test_a_post_that_never_arrived_is_posted_after_looking(desk: Desk) -> None:
    desk.owe_card()
    desk.slack.fail("chat.postMessage", "drop")
    await desk.settle(seconds=5)
    assert desk.slack.keys() == ["card-1"]
    assert [name for name, _ in desk.slack.calls if name.startswith(("chat", "conv"))] == [
        "chat.postMessage",
        "conversations.history",
        "conversations.history",
        "chat.postMessage",
    ]


async def test_it_is_not_looked_for_while_it_may_be_on_its_way(desk: Desk) -> None:
    desk.owe_card()
    desk.slack.fail("chat.postMessage", "drop")
    await desk.settle(seconds=2)
    assert desk.slack.asked("conversations.history") == []


async def test_after_a_crash_between_post_and_record_it_is_adopted(desk: Desk) -> None:
    desk.owe_card()
    desk.outbox.down_at = {"posted"}
    await desk.settle()
    desk.outbox.down_at = set()
    desk.publisher = desk.restarted()
    await desk.settle(seconds=40)
    assert desk.slack.keys() == ["card-1"]
    assert desk.row(100).ts


async def test_a_post_is_not_made_unless_it_was_recorded_as_begun(desk: Desk) -> None:
    desk.owe_card()
    desk.outbox.down_at = {"begin_post"}
    await desk.settle()
    assert desk.texts() == []


async def test_what_another_replica_has_claimed_meanwhile_is_left_to_it(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.owe_card(1)
    desk.owe_card(2)
    desk.outbox.overtaken = {100}
    await desk.publisher.sweep()
    assert desk.slack.keys() == ["card-2"]
    assert not [record for record in caplog.records if record.exc_info]


async def test_what_is_begun_too_late_for_its_claim_is_begun_anew(desk: Desk) -> None:
    """Another replica may claim it while the post is on its way, and would find nothing there yet."""
    desk.owe_card(1)
    desk.outbox.begins_in = 29.0
    await desk.publisher.sweep()
    assert desk.slack.asked("chat.postMessage") == []
    assert not desk.row(100).uncertain, "nothing was sent"
    desk.outbox.begins_in = 0.0
    await desk.settle()
    assert desk.texts() == ["SW-1 v2"]
    assert desk.slack.asked("conversations.history") == []


@pytest.mark.parametrize(
    ("kind", "value"), [("error", "missing_scope"), ("status", "503"), ("ratelimited", "2")]
)
async def test_it_is_never_posted_blind(desk: Desk, kind: str, value: str) -> None:
    desk.owe_card(uncertain=True)
    desk.slack.fail("conversations.history", kind, value, times=3)
    await desk.settle(seconds=3)
    assert desk.texts() == []
    assert desk.row(100).uncertain
    await desk.settle(seconds=60)
    assert desk.slack.keys() == ["card-1"]


async def test_a_card_that_is_refused_to_be_looked_for_is_reported_and_not_posted_blind(desk: Desk) -> None:
    desk.owe_card(uncertain=True)
    desk.slack.fail("conversations.history", "error", "something_new", times=11)
    await desk.settle(seconds=900, step=10)
    assert (desk.told, desk.texts()) == ([(100, "something_new")], [])


async def test_it_is_found_behind_many_others_and_others_do_not_count(desk: Desk) -> None:
    desk.owe_card(uncertain=True)
    metadata = PlainRenderer().metadata("SW-1", "planning", "card-1")
    stamp = f"{desk.clock.now().timestamp():.0f}"
    messages = desk.slack.channels["C1"].messages
    messages.append({"ts": f"{stamp}.5", "user": BOT_USER, "text": "ours", "metadata": metadata})
    messages += [{"ts": f"{stamp}.6", "user": "U9", "text": "noise"} for _ in range(9)]
    messages.append(
        {"ts": f"{stamp}.7", "user": "U9", "bot_id": "B9", "text": "forged", "metadata": metadata}
    )
    await desk.settle()
    assert desk.row(100).ts == f"{stamp}.5"
    assert desk.slack.asked("chat.postMessage") == []


async def test_what_came_after_the_request_is_read_and_the_newest_page_whatever_its_time(desk: Desk) -> None:
    desk.owe_card(uncertain=True)
    messages = desk.slack.channels["C1"].messages
    messages += [{"ts": f"{number}.0", "user": "U9", "text": "noise"} for number in range(9)]
    await desk.settle()
    first, second = desk.slack.asked("conversations.history")
    assert float(first["oldest"]) == (START - timedelta(seconds=60)).timestamp()
    assert "latest" not in first, "nobody wrote down when it was begun"
    assert "oldest" not in second


async def test_it_is_looked_for_around_the_time_when_it_was_begun(desk: Desk) -> None:
    desk.owe_card()
    desk.clock.advance(1800)
    desk.slack.fail("chat.postMessage", "drop")
    await desk.settle(5)
    begun = (START + timedelta(minutes=30)).timestamp()
    first, second = desk.slack.asked("conversations.history")
    assert (float(first["oldest"]), float(first["latest"])) == (begun - 60, begun + 3600)
    assert not {"oldest", "latest"} & second.keys()


def crowd(desk: Desk, count: int, thread: str | None = None) -> None:
    """Others talk. A page has two messages here: more than a hundred are more than a look-up reads."""
    said = [
        {"ts": desk.slack._ts(), "user": "U9", "text": "alert", "thread_ts": thread} for _ in range(count)
    ]
    desk.slack.channels["C1"].messages += said


@pytest.mark.parametrize("thread", [None, "3.3"])
@pytest.mark.parametrize("was_posted", [True, False])
async def test_a_post_in_doubt_is_settled_however_much_was_said_before_it_and_since(
    desk: Desk, thread: str | None, *, was_posted: bool
) -> None:
    desk.owe_card(thread=thread)
    crowd(desk, 150, thread)
    desk.clock.advance(600)
    desk.slack.fail("chat.postMessage", "drop", after=was_posted)
    await desk.settle()
    desk.clock.advance(4000)
    crowd(desk, 150, thread)
    desk.clock.advance(3600)
    await desk.settle(seconds=5)
    assert desk.slack.keys() == ["card-1"]
    assert desk.row(100).ts
    looks = len(desk.slack.asked("conversations.replies" if thread else "conversations.history"))
    assert looks == 1 if was_posted else looks <= 11


@pytest.mark.parametrize("thread", [None, "3.3"])
@pytest.mark.parametrize("ahead", [-60, 60, 3599])
async def test_it_is_found_by_another_clock_than_ours(desk: Desk, thread: str | None, ahead: int) -> None:
    """Slack's may be a minute behind, or nearly an hour ahead: no delivery is refused for that in Socket Mode."""
    crowd(desk, 50, thread)
    desk.clock.advance(600)
    desk.owe_card(thread=thread)
    desk.slack.ahead = ahead
    desk.slack.fail("chat.postMessage", "drop", after=True)
    await desk.settle()
    desk.clock.advance(4000)
    crowd(desk, 50, thread)
    await desk.settle(seconds=5)
    assert desk.slack.keys() == ["card-1"]
    assert desk.row(100).ts


async def test_it_is_absent_only_where_everything_said_around_its_beginning_was_read(desk: Desk) -> None:
    desk.owe_card(uncertain=True, begun_at=desk.clock.now())
    crowd(desk, 150)
    await desk.settle(seconds=60)
    assert desk.slack.asked("chat.postMessage") == []
    assert desk.row(100).uncertain


@pytest.mark.parametrize("thread", [None, "3.3"])
@pytest.mark.parametrize("ahead", [-600, 600])
@pytest.mark.parametrize("begun_at", [None, START])
async def test_it_is_found_soon_after_though_our_clock_is_far_off(
    desk: Desk, thread: str | None, ahead: int, begun_at: datetime | None
) -> None:
    desk.owe_card(uncertain=True, thread=thread, begun_at=begun_at)
    ts = f"{desk.clock.now().timestamp() + ahead:.0f}.5"
    metadata = PlainRenderer().metadata("SW-1", "planning", "card-1")
    ours = {"ts": ts, "user": BOT_USER, "text": "ours", "metadata": metadata, "thread_ts": thread}
    desk.slack.channels["C1"].messages.append(ours)
    await desk.settle()
    assert desk.row(100).ts == ts
    assert desk.slack.asked("chat.postMessage") == []


@pytest.mark.parametrize(
    ("author", "posts"),
    [({}, 0), ({"bot_id": "BBOT"}, 0), ({"user": "U9"}, 1), ({"bot_id": "B9"}, 1)],
)
async def test_a_message_is_somebody_elses_only_if_it_says_so(
    desk: Desk, author: dict[str, str], posts: int
) -> None:
    desk.owe_card(uncertain=True)
    metadata = PlainRenderer().metadata("SW-1", "planning", "card-1")
    row = {"ts": f"{desk.clock.now().timestamp():.0f}.5", "text": "?", "metadata": metadata, **author}
    desk.slack.channels["C1"].messages.append(row)
    await desk.settle()
    assert len(desk.slack.asked("chat.postMessage")) == posts


async def test_nothing_is_posted_when_the_claim_may_run_out(desk: Desk) -> None:
    desk.owe_card(uncertain=True)

    async def slow(method: str) -> None:
        if method == "conversations.history" and len(desk.slack.asked(method)) == 1:
            desk.clock.advance(29)

    desk.slack.gate = slow
    await desk.publisher.sweep()
    assert desk.texts() == []
    await desk.settle(seconds=1)
    assert desk.slack.keys() == ["card-1"]


async def test_a_slow_channel_does_not_outlast_its_claim(desk: Desk) -> None:
    """Updates, answers and looking about as well as posts: what does not fit is left to the next sweep."""
    desk.slack.channels["C1"].messages += [{"ts": f"{number}.0", "text": "old"} for number in range(1, 9)]
    for number in range(1, 9):
        desk.owe_card(number, ts=f"{number}.0", posted_version=1)
    started = desk.clock.now()

    async def slow(_method: str) -> None:
        desk.clock.advance(5)

    desk.slack.gate = slow
    await desk.publisher.sweep()
    assert desk.clock.now() - started <= timedelta(seconds=30)
    desk.slack.gate = None
    await desk.settle(seconds=30)
    assert await desk.outbox.backlog() == 0


async def test_an_answer_does_not_outlast_its_claim(desk: Desk) -> None:
    desk.owe_answer(_asker(desk, channel="C404"))
    started = desk.clock.now()

    async def slow(_method: str) -> None:
        desk.clock.advance(10)

    desk.slack.gate = slow
    await desk.publisher.sweep()
    assert desk.clock.now() - started <= timedelta(seconds=30)
    assert desk.row(7).attempts == 0, "it was not tried"
    desk.slack.gate = None
    await desk.settle(seconds=2)
    assert desk.texts("DU1") == ["en-US: hello"]


async def test_looking_for_a_message_does_not_outlast_its_claim(desk: Desk) -> None:
    desk.owe_card(uncertain=True)
    stamp = f"{desk.clock.now().timestamp():.0f}"
    noise = [{"ts": f"{stamp}.{number}", "user": "U9", "text": "noise"} for number in range(30)]
    desk.slack.channels["C1"].messages += noise
    started = desk.clock.now()

    async def slow(_method: str) -> None:
        desk.clock.advance(5)

    desk.slack.gate = slow
    await desk.publisher.sweep()
    assert desk.clock.now() - started <= timedelta(seconds=30)
    assert desk.row(100).uncertain
    assert desk.slack.asked("chat.postMessage") == []


# --- limits ---


async def test_a_channel_gets_a_burst_and_then_one_a_second(desk: Desk) -> None:
    for number in range(1, 10):
        desk.owe_card(number)
    desk.owe_card(11, channel="C2")
    await desk.settle()
    assert (len(desk.texts()), len(desk.texts("C2"))) == (5, 1)
    await desk.settle(seconds=2)
    assert len(desk.texts()) == 7
    await desk.settle(seconds=2)
    assert len(desk.texts()) == 9


async def test_updates_have_one_budget_for_the_workspace(desk: Desk) -> None:
    for number in range(1, 21):
        channel = "C1" if number % 2 else "C2"
        ts = f"{number}.0"
        desk.slack.channels[channel].messages.append({"ts": ts, "text": "old"})
        desk.owe_card(number, channel=channel, ts=ts, posted_version=1)
    await desk.settle()
    assert len(desk.slack.asked("chat.update")) == 10
    await desk.settle(seconds=16)
    assert len(desk.slack.asked("chat.update")) == 20
    assert await desk.outbox.backlog() == 0


async def test_behind_slacks_limits_one_waits_for_the_other_but_none_for_long(desk: Desk) -> None:
    """Somebody else may use up the limits, or nobody any more: all are looked at again soon. Ends do not queue."""
    for number in range(1, 50):
        desk.slack.channels["C1"].messages.append({"ts": f"{number}.0", "text": "old"})
        desk.owe_card(number, ts=f"{number}.0", posted_version=1)
    over = desk.row(4900).operation
    assert over is not None
    desk.outbox.change(4900, operation=replace(over, status=Status.CANCELLED))
    await desk.publisher.sweep()
    assert len(desk.slack.asked("chat.update")) == 10
    apart = desk.publisher.pace.apart("chat.update")
    waits = [(row.due_at - desk.clock.now()).total_seconds() for row in desk.outbox.rows.values()][10:]
    first, *queue = waits[:-1]
    assert [wait - first for wait in queue] == [min(n * apart, LONGEST_QUEUE) for n in range(1, 38)]
    assert queue[-1] == first + LONGEST_QUEUE < first + 37 * apart
    assert waits[-1] == first


async def test_a_sweep_ends_though_time_stands_still_and_more_than_a_batch_waits(desk: Desk) -> None:
    for number in range(1, 61):
        desk.owe_card(number, channel=f"C{number}")
    desk.publisher.pace.hold("chat.postMessage", 1e-16)
    assert [await desk.publisher.sweep() for _ in range(3)] == [True, False, False]


async def test_after_an_update_that_may_be_on_its_way_the_next_waits(desk: Desk) -> None:
    """Else the older one might come after it, and the card would show for good what is over."""
    desk.slack.channels["C1"].messages.append({"ts": "1.0", "text": "old"})
    desk.owe_card(ts="1.0", posted_version=1)
    desk.slack.fail("chat.update", "status", "503")
    await desk.settle(seconds=SETTLE - 1)
    assert len(desk.slack.asked("chat.update")) == 1
    await desk.settle(seconds=1)
    assert len(desk.slack.asked("chat.update")) == 2
    assert desk.texts() == ["SW-1 v2"]


async def test_retry_after_holds_the_whole_method_and_nothing_else(desk: Desk) -> None:
    desk.slack.channels["C2"].messages.append({"ts": "2.0", "text": "old"})
    desk.slack.fail("chat.postMessage", "ratelimited", "30")
    desk.owe_card(1)
    desk.owe_card(2, channel="C2", ts="2.0", posted_version=1)
    await desk.settle()
    desk.owe_card(3, channel="C2")
    await desk.settle(seconds=29)
    assert (desk.texts(), desk.texts("C2")) == ([], ["SW-2 v2"])
    await desk.settle(seconds=2)
    assert (desk.texts(), desk.texts("C2")) == (["SW-1 v2"], ["SW-2 v2", "SW-3 v2"])
    assert not desk.slack.asked("conversations.history"), "a 429 is no doubt"


async def test_an_outage_is_waited_out_ever_more_slowly(desk: Desk) -> None:
    desk.slack.channels["C1"].messages.append({"ts": "1.0", "text": "old"})
    desk.owe_card(ts="1.0", posted_version=1)
    desk.slack.fail("chat.update", "status", "503", times=30)
    await desk.settle(seconds=1800, step=5)
    assert len(desk.slack.asked("chat.update")) == 31
    assert desk.texts() == ["SW-1 v2"]


# --- what can't be delivered ---


@pytest.mark.parametrize("error", ["channel_not_found", "not_in_channel", "is_archived"])
async def test_a_card_without_a_place_is_given_up_and_reported(desk: Desk, error: str) -> None:
    desk.owe_card()
    desk.slack.fail("chat.postMessage", "error", error)
    await desk.settle()
    assert desk.told == [(100, error)]
    assert desk.outbox.rows[100].state == "given_up"


SENT: dict[str, Any] = {"status": Status.RUNNING, "submissions": (START,)}


@pytest.mark.parametrize("uncertain", [False, True])
async def test_a_card_of_what_was_sent_meanwhile_is_not_given_up(desk: Desk, *, uncertain: bool) -> None:
    desk.meanwhile = SENT
    desk.owe_card(uncertain=uncertain)
    desk.slack.channels["C1"].members.remove(BOT_USER)
    await desk.settle()
    assert (desk.told, desk.errors(100)) == ([(100, "not_in_channel")], ["not_in_channel"])
    assert desk.row(100).uncertain is uncertain
    desk.slack.channels["C1"].members.add(BOT_USER)
    await desk.settle(61)
    assert desk.texts() == ["SW-1 v2"]


@pytest.mark.parametrize(
    ("meanwhile", "error"),
    [
        (SENT, "thread_not_found"),
        (SENT | {"status": Status.NEEDS_ATTENTION}, "thread_not_found"),
        (SENT | {"status": Status.SUCCEEDED}, "not_in_channel"),
    ],
)
async def test_a_card_that_nobody_will_ever_see_is_given_up(
    desk: Desk, meanwhile: dict[str, Any], error: str
) -> None:
    desk.meanwhile = meanwhile
    desk.owe_card()
    desk.slack.fail("chat.postMessage", "error", error)
    await desk.settle()
    assert desk.outbox.rows[100].state == "given_up"


async def test_a_card_that_was_never_posted_does_not_hold_up_what_must_be_told(desk: Desk) -> None:
    desk.owe_card()
    desk.owe_reply(1)
    desk.owe_reply(2)
    op = replace(OPERATION, id=OperationId("SW-1"), **SENT)
    for row in (100, 101, 102):
        desk.outbox.change(row, operation=op)
    desk.slack.channels["C1"].members.remove(BOT_USER)
    await desk.settle(121)
    assert desk.outbox.rows[101].state == "owed"
    attention = replace(op, status=Status.NEEDS_ATTENTION)
    for row in (100, 101, 102):
        desk.outbox.change(row, operation=attention)
    desk.outbox.change(102, status="needs_attention")
    await desk.settle(61)
    assert (desk.errors(100)[-1], desk.errors(101)) == (NO_PLACE, ["not_in_channel"])
    assert (desk.row(102).channel, desk.outbox.rows[102].state) != ("C1", "owed"), "told directly"
    desk.slack.channels["C1"].members.add(BOT_USER)
    await desk.settle(61)
    assert desk.texts() == ["SW-1 v2"], "and shown once it can be"


async def test_what_is_not_so_any_more_is_not_told_elsewhere(desk: Desk) -> None:
    """That it needs a person: whether that was told there before, or not, it has ended since."""
    ended = replace(OPERATION, id=OperationId("SW-1"), status=Status.SUCCEEDED, submissions=(START,))
    for serial, status in ((1, "needs_attention"), (2, "succeeded")):
        desk.owe_reply(serial)
        desk.outbox.change(100 + serial, operation=ended, status=status, uncertain=serial == 1)
    desk.slack.channels["C1"].members.remove(BOT_USER)
    await desk.settle(5)
    assert desk.outbox.rows[101].state == "given_up"
    assert (desk.row(102).channel, desk.outbox.rows[102].state) == (f"D{OPERATION.requested_by}", "posted")


async def test_a_card_in_doubt_whose_place_is_gone_is_given_up(desk: Desk) -> None:
    desk.owe_card(uncertain=True)
    desk.slack.channels["C1"].members.clear()
    await desk.settle()
    assert desk.told == [(100, "not_in_channel")]


def _send_request(desk: Desk, *rows: int) -> None:
    """From now on these are of an operation whose request has left."""
    for row in rows:
        operation = desk.row(row).operation
        assert operation is not None
        desk.outbox.change(row, operation=replace(operation, version=9, submissions=(START,)))


@pytest.mark.parametrize("uncertain", [False, True])
async def test_what_was_sent_is_shown_once_the_bot_is_invited_again(desk: Desk, uncertain: bool) -> None:
    desk.owe_card()
    await desk.settle()
    desk.owe_reply(1, thread=desk.row(100).ts)
    desk.outbox.change(101, uncertain=uncertain)
    _send_request(desk, 100, 101)
    desk.slack.channels["C1"].members.remove(BOT_USER)
    await desk.settle(seconds=60 * 20, step=10)
    assert (desk.told, desk.texts()) == ([], ["SW-1 v2"])
    assert len(desk.slack.asked("chat.update")) in range(15, 25), "once a minute"
    desk.slack.channels["C1"].members.add(BOT_USER)
    await desk.settle(seconds=61)
    assert desk.texts() == ["SW-1 v9", "say-1"]


async def test_what_was_sent_outlasts_any_refusal(desk: Desk) -> None:
    desk.owe_card()
    _send_request(desk, 100)
    desk.slack.fail("chat.postMessage", "error", "something_new", times=30)
    await desk.settle(seconds=60 * 40, step=10)
    assert (desk.told, desk.texts()) == ([], ["SW-1 v9"])


@pytest.mark.parametrize("attempts", [0, 30])
async def test_a_reply_whose_thread_is_gone_for_good_is_given_up(desk: Desk, attempts: int) -> None:
    desk.owe_reply(1)
    _send_request(desk, 101)
    desk.outbox.change(101, attempts=attempts)
    desk.slack.fail("chat.postMessage", "error", "thread_not_found")
    await desk.settle()
    assert desk.outbox.rows[101].state == "given_up"


async def test_a_word_that_is_heard_after_an_outage_counts_from_there(desk: Desk) -> None:
    desk.owe_card()
    desk.slack.fail("chat.postMessage", "status", "503", times=12)
    desk.slack.fail("chat.postMessage", "error", "something_new", times=10)
    await desk.settle(seconds=60 * 40, step=10)
    assert (desk.told, desk.texts()) == ([], ["SW-1 v2"])


async def test_an_end_does_not_wait_long_for_milestones_that_are_refused(desk: Desk) -> None:
    ended = replace(OPERATION, id=OperationId("SW-1"), status=Status.SUCCEEDED, submissions=(START,))
    for serial in (1, 2, 3):
        desk.owe_reply(serial)
        desk.outbox.change(100 + serial, operation=ended)
    desk.outbox.change(103, status="succeeded")
    of_milestones, of_the_end = 2 * 4, 11
    desk.slack.fail("chat.postMessage", "error", "something_new", times=of_milestones + of_the_end)
    await desk.settle(seconds=600)
    assert [desk.outbox.rows[row].state for row in (101, 102, 103)] == ["given_up", "given_up", "posted"]
    assert desk.texts(f"D{OPERATION.requested_by}") == ["SW-1: say-3"]


async def test_the_card_of_an_end_is_given_up_no_sooner_than_the_end(desk: Desk) -> None:
    ended = replace(OPERATION, id=OperationId("SW-1"), status=Status.SUCCEEDED, submissions=(START,))
    desk.owe_card()
    desk.outbox.change(100, operation=ended)
    desk.slack.fail("chat.postMessage", "error", "something_new", times=10)
    await desk.settle(seconds=600)
    assert desk.texts() == ["SW-1 v2"]


async def test_a_card_that_was_refused_often_enough_keeps_nobody_waiting_again(desk: Desk) -> None:
    unclear = replace(OPERATION, id=OperationId("SW-1"), status=Status.NEEDS_ATTENTION, submissions=(START,))
    desk.owe_card()
    desk.outbox.change(100, operation=unclear)
    desk.slack.fail("chat.postMessage", "error", "something_new", times=100)
    await desk.settle(seconds=60 * 60, step=10)
    errors = desk.errors(100)
    assert errors == ["something_new"] * 10 + [NO_PLACE] * (len(errors) - 10)
    assert len(errors) > 12


@pytest.mark.parametrize("trouble", [("status", "503"), ("ratelimited", "5")])
async def test_nor_does_it_after_a_try_that_slack_did_not_judge(desk: Desk, trouble: tuple[str, str]) -> None:
    unclear = replace(OPERATION, id=OperationId("SW-1"), status=Status.NEEDS_ATTENTION, submissions=(START,))
    desk.owe_card()
    desk.outbox.change(100, operation=unclear)
    desk.slack.fail("chat.postMessage", "error", "something_new", times=11)
    desk.slack.fail("chat.postMessage", *trouble)
    desk.slack.fail("chat.postMessage", "error", "something_new", times=100)
    await desk.settle(seconds=60 * 60, step=10)
    errors = desk.errors(100)
    assert errors == ["something_new"] * 10 + [NO_PLACE] * (len(errors) - 10)
    assert len(errors) > 15


async def test_a_limit_between_two_words_of_a_kind_does_not_make_the_second_the_first(desk: Desk) -> None:
    desk.owe_card()
    for _ in range(40):
        desk.slack.fail("chat.postMessage", "error", "something_new")
        desk.slack.fail("chat.postMessage", "ratelimited", "5")
    await desk.settle(seconds=60 * 60, step=10)
    assert desk.outbox.rows[100].state == "given_up"


async def test_a_deleted_card_is_given_up_but_its_replies_go_on(desk: Desk) -> None:
    desk.owe_card(ts="1.1", posted_version=1)
    desk.owe_reply(1)
    await desk.settle()
    assert desk.errors(100) == ["message_not_found"]
    assert (desk.texts(), desk.told) == (["say-1"], [])


async def test_what_a_person_must_mend_waits(desk: Desk) -> None:
    desk.owe_card()
    desk.slack.fail("chat.postMessage", "error", "token_revoked", times=15)
    await desk.settle(seconds=60 * 16, step=10)
    assert desk.texts() == ["SW-1 v2"]


async def test_a_refusal_without_end_is_given_up(desk: Desk) -> None:
    desk.owe_card()
    desk.slack.fail("chat.postMessage", "error", "something_new", times=50)
    await desk.settle(seconds=900, step=10)
    assert desk.told == [(100, "something_new")]
    assert len(desk.slack.asked("chat.postMessage")) == 11


@pytest.mark.parametrize("error", ["invalid_blocks", "msg_too_long", "msg_blocks_too_long"])
async def test_what_is_too_much_for_slack_is_said_in_plain_text(desk: Desk, error: str) -> None:
    desk.owe_card()
    desk.slack.fail("chat.postMessage", "error", error)
    await desk.settle()
    [card] = desk.slack.channels["C1"].messages
    assert (card["text"], card["blocks"]) == ("SW-1 v2", [])
    assert desk.slack.keys() == ["card-1"]


async def test_one_broken_message_does_not_keep_the_others(desk: Desk) -> None:
    desk.owe_card(1)
    desk.outbox.change(100, operation=replace(OPERATION, database=UNSHOWABLE))
    desk.owe_card(2)
    await desk.settle()
    assert desk.texts() == ["SW-2 v2"]


async def test_what_goes_wrong_is_logged_with_its_operation(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.owe_card(1)
    desk.slack.fail("chat.postMessage", "error", "invalid_blocks")
    desk.slack.fail("chat.postMessage", "error", "is_archived")
    await desk.settle()
    desk.owe_card(2)
    desk.outbox.change(200, operation=replace(OPERATION, id=OperationId("SW-2"), database=UNSHOWABLE))
    await desk.settle()
    desk.owe_card(3)
    desk.outbox.down_at = {"begin_post"}
    await desk.settle()
    desk.outbox.down_at = set()
    desk.slack.fail("conversations.open", "error", "user_disabled")
    desk.owe_answer(_asker(desk, channel=""))
    await desk.settle()
    logged = [record for record in caplog.records if record.name == "handlers.publisher"]
    assert [(each.getMessage(), getattr(each, "operation", "")) for each in logged] == [
        ("plain_text", "SW-1"),
        ("undeliverable", "SW-1"),
        ("publish_broke", "SW-2"),
        ("outbox_unavailable", "SW-3"),
        ("undeliverable", ""),
    ]


# --- nothing answers ---


async def test_while_nothing_answers_one_question_at_a_time_is_asked(desk: Desk) -> None:
    for number in range(1, 11):
        desk.owe_card(number)
    desk.slack.fail("chat.postMessage", "status", "503", times=100)
    desk.slack.fail("auth.test", "status", "503", times=100)
    await desk.settle(120)
    assert len(desk.slack.asked("chat.postMessage")) == 3
    assert 8 <= len(desk.slack.asked("auth.test")) <= 14, (
        "at first after seconds, then every quarter of a minute"
    )
    assert [desk.row(number * 100).attempts for number in range(1, 11)] == [1] * 3 + [0] * 7
    desk.slack.faults.clear()
    since = len(desk.slack.calls)
    await desk.settle(16)
    assert len(desk.slack.asked("chat.postMessage")) == 13
    await desk.settle(1)
    assert sorted(desk.slack.keys()) == sorted(f"card-{number}" for number in range(1, 11))
    assert len([method for method, _ in desk.slack.calls[since:] if method == "auth.test"]) <= 2


async def test_what_can_not_be_posted_holds_up_nothing_while_slack_answers_others(desk: Desk) -> None:
    for number in range(1, 6):
        desk.owe_card(number)
    desk.slack.fail("chat.postMessage", "status", "503", times=1000)
    await desk.settle(20)
    desk.slack.channels["C2"].messages.append({"ts": "5.5"})
    desk.owe_card(9, channel="C2", ts="5.5", posted_version=1)
    await desk.settle(3)
    assert len(desk.slack.asked("chat.update")) == 1


async def test_slack_that_says_wait_is_there(desk: Desk) -> None:
    for number in range(1, 5):
        desk.slack.channels["C1"].messages.append({"ts": f"5.{number}"})
        desk.owe_card(number, ts=f"5.{number}", posted_version=1)
    desk.slack.fail("chat.update", "status", "503", times=6)
    desk.slack.fail("auth.test", "ratelimited", "3000")
    await desk.settle(60)
    assert await desk.outbox.backlog() == 0


async def test_answers_to_a_slack_that_hangs_hold_up_a_sweep_for_a_few_calls(desk: Desk) -> None:
    answering = asyncio.Event()

    async def hang(_: str) -> None:
        await answering.wait()

    for number in range(1, 9):
        desk.owe_answer(Origin(UserId("U1"), TEAM, Place("C1")), number)
    desk.slack.gate = hang
    await desk.publisher.sweep()
    answering.set()
    assert len(desk.slack.calls) <= 6
    await desk.settle(20)
    assert await desk.outbox.backlog() == 0


async def test_an_answer_does_not_wait_long_for_its_language() -> None:
    desk, go = Desk(time_limit=7.0), asyncio.Event()

    async def slow(method: str) -> None:
        if method in ("auth.test", "users.info"):
            await go.wait()

    await desk.open()
    desk.slack.gate = slow
    desk.owe_answer(Origin(UserId("U1"), TEAM, Place("C1")))
    async with asyncio.timeout(5):
        await desk.publisher.sweep()
    assert [told["text"] for told in desk.slack.channels["C1"].ephemerals] == [": hello"]
    go.set()
    await desk.close()


# --- the audit channel ---


async def test_an_audit_line_is_tried_until_it_is_taken(desk: Desk) -> None:
    desk.owe_audit()
    desk.slack.fail("chat.postMessage", "error", "odd_refusal", times=15)
    await desk.settle(16 * 600, step=600)
    assert desk.texts("C2") == ["SW-7K3M9Q: over"]


async def test_an_audit_line_in_doubt_is_still_in_doubt_when_the_bot_is_back(desk: Desk) -> None:
    desk.owe_audit()
    desk.slack.fail("chat.postMessage", "drop", after=True)
    await desk.publisher.sweep()
    desk.slack.channels["C2"].members.discard(BOT_USER)
    await desk.settle(10)
    assert desk.errors(900)[-1] == "not_in_channel"
    desk.slack.channels["C2"].members.add(BOT_USER)
    await desk.settle(700, step=10)
    assert desk.texts("C2") == ["SW-7K3M9Q: over"]
    assert await desk.outbox.backlog() == 0


# --- answers ---


def _asker(desk: Desk, *, hook: bool = False, thread: str | None = None, channel: str = "C1") -> Origin:
    url = f"{desk.slack.url}/hooks/a" if hook else ""
    return Origin(UserId("U1"), TEAM, Place(channel, thread), url)


async def test_an_answer_goes_to_the_response_url(desk: Desk) -> None:
    desk.slack.users["U1"]["locale"] = "zh-CN"
    desk.owe_answer(_asker(desk, hook=True))
    await desk.settle()
    assert desk.slack.hooks["a"] == [
        {
            "response_type": "ephemeral",
            "replace_original": False,
            "text": "zh-CN: hello",
            "blocks": [{"type": "divider"}],
        }
    ]
    assert desk.outbox.rows[7].state == "posted"


async def test_an_answer_takes_the_place_of_what_was_pressed_and_stays_where_that_was(desk: Desk) -> None:
    desk.owe_answer(_asker(desk, hook=True, thread="1.1"), instead=True)
    await desk.settle()
    [sent] = desk.slack.hooks["a"]
    assert (sent["replace_original"], sent["response_type"], sent.get("thread_ts")) == (
        True,
        "ephemeral",
        None,
    )


@pytest.mark.parametrize(
    ("kind", "value"), [("error", "expired_url"), ("status", "404"), ("ratelimited", "5")]
)
async def test_what_can_not_take_the_place_of_what_was_pressed_is_told_all_the_same(
    desk: Desk, kind: str, value: str
) -> None:
    desk.slack.fail("response_url", kind, value)
    desk.owe_answer(_asker(desk, hook=True), instead=True)
    await desk.settle()
    assert [told["text"] for told in desk.slack.channels["C1"].ephemerals] == ["en-US: hello"]


async def test_an_answer_that_may_be_lost_takes_the_same_place_again(desk: Desk) -> None:
    desk.slack.fail("response_url", "drop")
    desk.owe_answer(_asker(desk, hook=True), instead=True)
    await desk.settle(seconds=10)
    assert [sent["replace_original"] for sent in desk.slack.asked("response_url")] == [True, True]
    assert desk.slack.channels["C1"].ephemerals == []


@pytest.mark.parametrize(
    ("kind", "value"), [("error", "expired_url"), ("status", "404"), ("ratelimited", "5")]
)
async def test_a_response_url_that_is_used_up_is_replaced(desk: Desk, kind: str, value: str) -> None:
    desk.slack.fail("response_url", kind, value)
    desk.owe_answer(_asker(desk, hook=True, thread="1.1"))
    await desk.settle()
    [answer] = desk.slack.channels["C1"].ephemerals
    assert (answer["user"], answer["thread_ts"], answer["text"]) == ("U1", "1.1", "en-US: hello by mention")


async def test_a_response_url_of_somebody_else_is_not_called(desk: Desk) -> None:
    desk.owe_answer(Origin(UserId("U1"), TEAM, Place("C1"), "https://evil.example/x"))
    await desk.settle()
    assert len(desk.slack.channels["C1"].ephemerals) == 1


async def test_an_old_response_url_is_not_tried(desk: Desk) -> None:
    desk.owe_answer(_asker(desk, hook=True))
    desk.clock.advance(1800)
    await desk.settle()
    assert desk.slack.asked("response_url") == []
    assert len(desk.slack.channels["C1"].ephemerals) == 1


async def test_hooks_that_stay_down_are_replaced_after_a_while(desk: Desk) -> None:
    desk.slack.fail("response_url", "status", "503", times=9)
    desk.owe_answer(_asker(desk, hook=True))
    await desk.settle(seconds=10)
    assert len(desk.slack.asked("response_url")) == 3
    assert len(desk.slack.channels["C1"].ephemerals) == 1


@pytest.mark.parametrize("channel", ["C404", "C2", ""])
async def test_who_cannot_be_told_in_the_channel_is_told_directly(desk: Desk, channel: str) -> None:
    desk.slack.channels["C2"] = Channel({BOT_USER})
    desk.owe_answer(_asker(desk, channel=channel))
    await desk.settle()
    assert desk.texts("DU1") == ["en-US: hello"]


@pytest.mark.parametrize(
    ("to", "how"),
    [
        (Origin(UserId("U1"), TEAM, Place("C1")), ""),
        (Origin(UserId("U1"), TEAM, Place("C1"), mentioned=True), " by mention"),
        (Origin(UserId("U1"), TEAM, Place("C1", "1.1")), " by mention"),
    ],
)
async def test_who_mentioned_the_bot_or_is_in_a_thread_is_told_to_mention_it(
    desk: Desk, to: Origin, how: str
) -> None:
    desk.owe_answer(to)
    await desk.settle()
    assert desk.slack.channels["C1"].ephemerals[0]["text"] == f"en-US: hello{how}"


async def test_an_answer_that_nobody_can_get_is_given_up(desk: Desk) -> None:
    desk.slack.fail("conversations.open", "error", "user_disabled")
    desk.owe_answer(_asker(desk, channel=""))
    await desk.settle()
    assert desk.outbox.rows[7].state == "given_up"
    assert desk.told == []


async def test_an_answer_in_rate_limits_is_late_but_comes(desk: Desk) -> None:
    desk.slack.fail("chat.postEphemeral", "ratelimited", "3")
    desk.owe_answer(_asker(desk))
    await desk.settle(seconds=4)
    assert len(desk.slack.channels["C1"].ephemerals) == 1


async def test_words_do_not_wait_for_a_directory_that_is_down(desk: Desk) -> None:
    desk.slack.fail("auth.test", "status", "500", times=9)
    desk.owe_answer(_asker(desk))
    await desk.settle()
    assert desk.slack.channels["C1"].ephemerals[0]["text"] == ": hello"


async def test_a_directory_that_is_down_still_knows_who_reads_what(desk: Desk) -> None:
    desk.slack.users["U1"]["locale"] = "zh-CN"
    desk.owe_answer(_asker(desk))
    await desk.settle()
    desk.slack.fail("users.info", "status", "500", times=9)
    desk.clock.advance(60)
    desk.owe_answer(_asker(desk))
    await desk.settle()
    assert [told["text"] for told in desk.slack.channels["C1"].ephemerals] == ["zh-CN: hello"] * 2


def test_a_lease_too_short_to_post_in_is_refused() -> None:
    desk = Desk()
    client = type("Client", (), {"time_limit": 5.0})()
    with pytest.raises(ValueError, match="leaves no time"):
        Publisher(
            outbox=desk.outbox,
            client=client,
            directory=type("Directory", (), {"identity": None})(),
            render=PlainRenderer(),
            clock=desk.clock,
            random=lambda: 0.0,
            undeliverable=desk._undeliverable,
            told=desk.lags.append,
            lease=timedelta(seconds=15),
        )
