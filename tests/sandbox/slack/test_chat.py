"""chat.* of the simulated workspace, asked by the official SDK."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Demo
from bot.sandbox.slack.transcript import thread_lines
from tests.sandbox.slack.hand_clock import HandClock

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*orders*"}}
METADATA = {
    "event_type": "switchover_operation",
    "event_payload": {"operation": "SW-1", "status": "planning", "key": "card"},
}


async def error_of(call: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_a_post_is_kept_and_shown(client: AsyncWebClient, demo: Demo) -> None:
    answer = await client.chat_postMessage(
        channel="C0ORDERS", text="hello", blocks=[SECTION], metadata=METADATA
    )
    kept = demo.workspace.card("SW-1")
    assert kept is not None
    assert (kept.text, kept.ts, kept.user) == ("hello", answer["ts"], demo.workspace.bot_user)
    assert answer["message"]["bot_id"] == demo.workspace.bot_id
    assert answer["message"]["metadata"] == METADATA
    assert answer["message"]["blocks"][0]["block_id"]


async def test_timestamps_are_unique_and_increase_even_when_the_clock_goes_back(
    client: AsyncWebClient, clock: HandClock
) -> None:
    first = (await client.chat_postMessage(channel="C0ORDERS", text="1"))["ts"]
    second = (await client.chat_postMessage(channel="C0ORDERS", text="2"))["ts"]
    clock.advance(seconds=-60)
    third = (await client.chat_postMessage(channel="C0AUDIT", text="3"))["ts"]
    assert first < second < third


async def test_replies_go_to_the_root_of_the_thread(client: AsyncWebClient, demo: Demo) -> None:
    root = demo.workspace.post("orders-oncall", "rita", "help")
    reply = await client.chat_postMessage(channel="C0ORDERS", text="on it", thread_ts=root.ts)
    nested = await client.chat_postMessage(channel="C0ORDERS", text="done", thread_ts=reply["ts"])
    assert nested["message"]["thread_ts"] == root.ts
    assert [message.text for message in demo.workspace.thread(root)] == ["on it", "done"]


async def test_a_reply_may_be_shown_in_the_channel_too(client: AsyncWebClient, demo: Demo) -> None:
    """One message: in the thread, and among the channel's as a ``thread_broadcast`` with its root."""
    root = demo.workspace.post("orders-oncall", "rita", "help")
    said: dict[str, Any] = {"channel": "C0ORDERS", "text": "done", "metadata": METADATA}
    quiet = await client.chat_postMessage(**said, thread_ts=root.ts)
    posted = await client.chat_postMessage(**said, thread_ts=root.ts, reply_broadcast=True)
    top = await client.chat_postMessage(**said, reply_broadcast=True)
    history = await client.conversations_history(channel="C0ORDERS", include_all_metadata=True)
    assert [each["ts"] for each in history["messages"]] == [top["ts"], posted["ts"], root.ts]
    assert "subtype" not in history["messages"][0]
    thread = await client.conversations_replies(channel="C0ORDERS", ts=root.ts, include_all_metadata=True)
    assert [each["ts"] for each in thread["messages"]] == [root.ts, quiet["ts"], posted["ts"]]
    for shown in (history["messages"][1], thread["messages"][2]):
        assert (shown["subtype"], shown["metadata"]) == ("thread_broadcast", METADATA)
        assert (shown["thread_ts"], shown["root"]["ts"]) == (root.ts, root.ts)
    assert "(also sent to the channel)" in thread_lines(demo.workspace, root)


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ({"channel": "C0SECRET", "text": "x"}, "channel_not_found"),
        ({"channel": "C0RANDOM", "text": "x"}, "not_in_channel"),
        ({"channel": "C0ARCHIVED", "text": "x"}, "is_archived"),
        ({"channel": "C0ORDERS", "text": "x", "thread_ts": "1.000100"}, "thread_not_found"),
        ({"channel": "C0ORDERS", "text": "x", "blocks": [{"type": "nonsense"}]}, "invalid_blocks"),
        ({"channel": "C0ORDERS", "text": "x", "blocks": [SECTION] * 51}, "invalid_blocks"),
        ({"channel": "C0ORDERS", "text": "x", "metadata": {"event_type": "a"}}, "invalid_metadata_schema"),
        (
            {
                "channel": "C0ORDERS",
                "text": "x",
                "metadata": {"event_type": "a", "event_payload": {"b": "c" * 9000}},
            },
            "metadata_too_large",
        ),
        (
            {
                "channel": "C0ORDERS",
                "text": "x",
                "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2800}}] * 4,
            },
            "msg_blocks_too_long",
        ),
    ],
)
async def test_a_post_is_refused(client: AsyncWebClient, params: dict[str, Any], error: str) -> None:
    assert await error_of(client.chat_postMessage(**params)) == error


async def test_a_post_without_contents_is_refused(client: AsyncWebClient) -> None:
    assert await error_of(client.api_call("chat.postMessage", json={"channel": "C0ORDERS"})) == "no_text"


async def test_invalid_blocks_say_which(client: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(
            channel="C0ORDERS", text="x", blocks=[{"type": "actions", "elements": []}]
        )
    assert caught.value.response["errors"] == [
        "no fewer than 1 items allowed [json-pointer:/blocks/0/elements]"
    ]


async def test_a_long_post_is_cut_and_a_long_update_refused(client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(channel="C0ORDERS", text="x" * 40_001)
    assert len(posted["message"]["text"]) == 40_000
    update = client.chat_update(channel="C0ORDERS", ts=str(posted["ts"]), text="x" * 4_001)
    assert await error_of(update) == "msg_too_long"


async def test_an_update_keeps_what_it_leaves_out(client: AsyncWebClient, demo: Demo) -> None:
    ts = str(
        (await client.chat_postMessage(channel="C0ORDERS", text="old", blocks=[SECTION], metadata=METADATA))[
            "ts"
        ]
    )
    answer = await client.chat_update(channel="C0ORDERS", ts=ts, text="new")
    assert (answer["text"], answer["message"]["metadata"]) == ("new", METADATA)
    assert answer["message"]["edited"]["user"] == demo.workspace.bot_user
    await client.chat_update(channel="C0ORDERS", ts=ts, text="new", blocks=[], metadata={})
    now = demo.workspace.find("C0ORDERS", ts)
    assert now is not None
    assert (now.blocks, now.metadata) == ((), None)
    assert [version.text for version in demo.workspace.versions(now)] == ["old", "new", "new"]


async def test_only_own_messages_are_updated_and_deleted(client: AsyncWebClient, demo: Demo) -> None:
    ts = demo.workspace.post("orders-oncall", "rita", "mine").ts
    assert await error_of(client.chat_update(channel="C0ORDERS", ts=ts, text="x")) == "cant_update_message"
    assert await error_of(client.chat_delete(channel="C0ORDERS", ts=ts)) == "cant_delete_message"
    assert await error_of(client.chat_update(channel="C0ORDERS", ts="1.0", text="x")) == "message_not_found"


async def test_a_deleted_message_is_gone(client: AsyncWebClient, demo: Demo) -> None:
    ts = str((await client.chat_postMessage(channel="C0ORDERS", text="x"))["ts"])
    await client.chat_delete(channel="C0ORDERS", ts=ts)
    assert demo.workspace.messages("orders-oncall") == []
    assert await error_of(client.chat_update(channel="C0ORDERS", ts=ts, text="y")) == "message_not_found"
    reply = client.chat_postMessage(channel="C0ORDERS", text="x", thread_ts=ts)
    assert await error_of(reply) == "thread_not_found"


async def test_an_ephemeral_message_is_seen_by_one(client: AsyncWebClient, demo: Demo) -> None:
    answer = await client.chat_postEphemeral(channel="C0ORDERS", user=demo.requester.id, text="psst")
    assert [message.text for message in demo.workspace.ephemerals("rita")] == ["psst"]
    assert demo.workspace.messages() == []
    assert demo.workspace.ephemerals("amir") == []
    update = client.chat_update(channel="C0ORDERS", ts=str(answer["message_ts"]), text="x")
    assert await error_of(update) == "message_not_found"
    outside = client.chat_postEphemeral(channel="C0AUDIT", user=demo.requester.id, text="psst")
    assert await error_of(outside) == "user_not_in_channel"


async def test_a_permalink_names_message_and_thread(client: AsyncWebClient, demo: Demo) -> None:
    root = demo.workspace.post("orders-oncall", "rita", "help")
    reply = demo.workspace.post("orders-oncall", "amir", "yes", thread_ts=root.ts)
    answer = await client.chat_getPermalink(channel="C0ORDERS", message_ts=reply.ts)
    digits = reply.ts.replace(".", "")
    assert answer["permalink"] == (
        f"https://sandbox.slack.com/archives/C0ORDERS/p{digits}?thread_ts={root.ts}&cid=C0ORDERS"
    )
    missing = client.chat_getPermalink(channel="C0ORDERS", message_ts="1.0")
    assert await error_of(missing) == "message_not_found"


async def test_posting_to_a_person_goes_to_the_direct_conversation(
    client: AsyncWebClient, demo: Demo
) -> None:
    answer = await client.chat_postMessage(channel=demo.requester.id, text="hi")
    opened = await client.conversations_open(users=demo.requester.id)
    assert answer["channel"] == opened["channel"]["id"]
