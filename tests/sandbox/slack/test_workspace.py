"""Following a workspace: waiting, subscriptions and the transcript."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.sandbox.slack import Change, ChangeKind, Demo
from bot.sandbox.slack.model import SlackError, View
from bot.sandbox.slack.transcript import live, message_lines, plain, thread_lines
from tests.sandbox.slack.hand_clock import HandClock


async def test_waiting_ends_with_the_change_that_was_waited_for(demo: Demo) -> None:
    space = demo.workspace
    waiting = asyncio.create_task(space.wait_for(lambda: space.with_metadata("e", operation="SW-1")))
    await asyncio.sleep(0)
    space.post("orders-oncall", "rita", "something else")
    await asyncio.sleep(0)
    assert not waiting.done()
    metadata = {"event_type": "e", "event_payload": {"operation": "SW-1"}}
    posted = space.post("orders-oncall", space.bot_user, "card", metadata=metadata)
    assert await waiting == [posted]


async def test_waiting_in_vain_says_what_was_seen(demo: Demo) -> None:
    demo.workspace.post("orders-oncall", "rita", "hello there")
    with pytest.raises(TimeoutError, match="hello there"):
        await demo.workspace.wait_for(lambda: demo.workspace.card("SW-1"), timeout=0)


async def test_changes_are_told_in_order(demo: Demo) -> None:
    space, seen = demo.workspace, list[Change]()
    with space.on_change(seen.append):
        message = space.post("orders-oncall", "rita", "one")
        space.edit(message, text="two")
        space.delete(message)
    space.post("orders-oncall", "rita", "unheard")
    assert [change.kind for change in seen] == [ChangeKind.POSTED, ChangeKind.UPDATED, ChangeKind.DELETED]
    assert seen[1].before == message


async def test_changes_can_be_iterated(demo: Demo) -> None:
    changes = demo.workspace.changes()

    async def first() -> Change:
        return await anext(changes)

    waiting = asyncio.create_task(first())
    await asyncio.sleep(0)
    message = demo.workspace.post("orders-oncall", "rita", "one")
    assert (await waiting).message == message
    await changes.aclose()


def test_people_and_channels_are_found_by_name_and_id(demo: Demo) -> None:
    space = demo.workspace
    assert space.user("rita") is space.user(demo.requester.id) is space.user(demo.requester)
    assert space.channel("#orders-oncall") is space.channel("C0ORDERS") is space.channel(demo.channel)
    with pytest.raises(SlackError, match="user_not_found"):
        space.user("nobody")
    with pytest.raises(SlackError, match="channel_not_found"):
        space.channel("nowhere")


CARD: tuple[dict[str, Any], ...] = (
    {"type": "header", "text": {"type": "plain_text", "text": "Switchover of orders"}},
    {"type": "section", "text": {"type": "mrkdwn", "text": "asked by <@U0RITA> &amp; *waiting*"}},
    {
        "type": "section",
        "fields": [{"type": "mrkdwn", "text": "primary"}, {"type": "mrkdwn", "text": "node 1"}],
    },
    {"type": "divider"},
    {
        "type": "context",
        "elements": [{"type": "plain_text", "text": "SW-1"}, {"type": "image", "alt_text": "ok"}],
    },
    {
        "type": "actions",
        "elements": [
            {"type": "button", "text": {"type": "plain_text", "text": "Approve"}},
            {"type": "static_select", "placeholder": {"type": "plain_text", "text": "Choose a node"}},
        ],
    },
)


def test_a_thread_reads_like_a_thread(demo: Demo, clock: HandClock) -> None:
    space = demo.workspace
    time = clock.now.strftime("%H:%M:%S")
    card = space.post("orders-oncall", space.bot_user, "card", blocks=CARD)
    space.post("orders-oncall", "amir", "looks good\nto me", thread_ts=card.ts)
    assert thread_lines(space, card) == "\n".join(
        [
            f"{time} switchover",
            "    Switchover of orders",
            "    asked by @rita & waiting",
            "    primary",
            "    node 1",
            "    " + "─" * 20,
            "    SW-1 · (ok)",
            "    [Approve] [Choose a node ▾]",
            f"    {time} amir",
            "        looks good",
            "        to me",
        ]
    )


def test_an_ephemeral_message_says_who_sees_it(demo: Demo) -> None:
    space = demo.workspace
    message = space.post("orders-oncall", space.bot_user, "psst", ephemeral_to=demo.requester.id)
    assert "switchover (only rita sees this)" in message_lines(space, message)


def test_a_live_transcript_shows_only_what_is_new(demo: Demo, clock: HandClock) -> None:
    space, lines = demo.workspace, list[str]()
    time = clock.now.strftime("%H:%M:%S")
    with space.on_change(live(space, lines.append)):
        card = space.post("orders-oncall", space.bot_user, "planning\nprimary: node 1")
        space.edit(card, text="running\nprimary: node 1")
        space.edit(card, text="running\nprimary: node 1", edited_ts="1.0")
        payload = {"type": "modal", "title": {"type": "plain_text", "text": "Ask"}, "blocks": []}
        space.save_view(ChangeKind.VIEW_OPENED, View("V1", demo.requester.id, payload, "h"))
        space.save_view(ChangeKind.HOME_PUBLISHED, View("V2", demo.requester.id, {"type": "home"}, "h"))
        space.delete(card)
    assert lines == [
        f"{time} switchover\n    planning\n    primary: node 1",
        f"{time} switchover (card changes)\n    ~ running",
        f"{time} rita: Ask opened",
        f"{time} switchover deleted a message",
    ]


@pytest.mark.parametrize(
    ("mrkdwn", "shown"),
    [
        ("<@U0RITA> in <#C0ORDERS> and <#C0X|x>", "@rita in #orders-oncall and #x"),
        ("<!subteam^S0APPROVERS> <!here>", "@dba-approvers @here"),
        ("<https://x.example|docs> <https://y.example>", "docs https://y.example"),
        ("<!date^1700000000^{time}|10:00 UTC>", "10:00 UTC"),
        ("&lt;@U0RITA&gt; &amp;lt;", "<@U0RITA> &lt;"),
        ("*bold* 2*3*4", "bold 2*3*4"),
    ],
)
def test_markup_becomes_words(demo: Demo, mrkdwn: str, shown: str) -> None:
    assert plain(demo.workspace, mrkdwn) == shown
