"""The reading methods and views of the simulated workspace, asked by the official SDK."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Demo
from tests.sandbox.slack.hand_clock import HandClock

MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "switchover_request",
    "title": {"type": "plain_text", "text": "Switchover"},
    "blocks": [{"type": "divider"}],
}


async def error_of(call: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_auth_test_names_the_bot(client: AsyncWebClient, demo: Demo) -> None:
    answer = await client.auth_test()
    assert (answer["team_id"], answer["user_id"]) == (demo.workspace.team_id, demo.workspace.bot_user)
    client.token = "xoxb-wrong"
    assert await error_of(client.auth_test()) == "invalid_auth"
    client.token = None
    assert await error_of(client.auth_test()) == "not_authed"


async def test_history_is_newest_first_and_pages(client: AsyncWebClient, demo: Demo) -> None:
    posted = [demo.workspace.post("orders-oncall", "rita", str(number)) for number in range(5)]
    demo.workspace.post("orders-oncall", "amir", "reply", thread_ts=posted[0].ts)
    seen: list[str] = []
    async for page in await client.conversations_history(channel="C0ORDERS", limit=2):
        seen += [message["text"] for message in page["messages"]]
    assert seen == ["4", "3", "2", "1", "0"]
    bounded = await client.conversations_history(channel="C0ORDERS", oldest=posted[1].ts, latest=posted[3].ts)
    assert [message["text"] for message in bounded["messages"]] == ["2"]
    inclusive = await client.conversations_history(
        channel="C0ORDERS", oldest=posted[1].ts, latest=posted[3].ts, inclusive=True
    )
    assert [message["text"] for message in inclusive["messages"]] == ["3", "2", "1"]
    to_come = await client.conversations_history(
        channel="C0ORDERS", oldest=posted[3].ts, latest="9999999999.000000", limit=1, inclusive=True
    )
    assert [message["text"] for message in to_come["messages"]] == ["4"]
    assert to_come["has_more"]


async def test_metadata_is_shown_only_when_asked_for(client: AsyncWebClient) -> None:
    metadata = {"event_type": "e", "event_payload": {"key": "k"}}
    await client.chat_postMessage(channel="C0ORDERS", text="x", metadata=metadata)
    plain = await client.conversations_history(channel="C0ORDERS")
    assert "metadata" not in plain["messages"][0]
    full = await client.conversations_history(channel="C0ORDERS", include_all_metadata=True)
    assert full["messages"][0]["metadata"] == metadata


async def test_replies_come_after_their_parent(client: AsyncWebClient, demo: Demo) -> None:
    root = demo.workspace.post("orders-oncall", "rita", "root")
    replies = [
        demo.workspace.post("orders-oncall", "amir", str(number), thread_ts=root.ts) for number in range(3)
    ]
    answer = await client.conversations_replies(channel="C0ORDERS", ts=root.ts)
    assert [message["text"] for message in answer["messages"]] == ["root", "0", "1", "2"]
    assert answer["messages"][0]["reply_count"] == 3
    newer = await client.conversations_replies(channel="C0ORDERS", ts=root.ts, oldest=replies[0].ts)
    assert [message["text"] for message in newer["messages"]] == ["root", "1", "2"]
    bounds: dict[str, Any] = {
        "channel": "C0ORDERS",
        "ts": root.ts,
        "oldest": replies[0].ts,
        "latest": replies[1].ts,
    }
    between = await client.conversations_replies(**bounds)
    assert [message["text"] for message in between["messages"]] == ["root"]
    inclusive = await client.conversations_replies(**bounds, inclusive=True)
    assert [message["text"] for message in inclusive["messages"]] == ["root", "0", "1"]
    alone = await client.conversations_replies(channel="C0ORDERS", ts=replies[1].ts)
    assert [message["text"] for message in alone["messages"]] == ["1"]
    assert await error_of(client.conversations_replies(channel="C0ORDERS", ts="1.0")) == "thread_not_found"


async def test_a_deleted_parent_leaves_a_tombstone(client: AsyncWebClient, demo: Demo) -> None:
    root = demo.workspace.post("orders-oncall", "rita", "root")
    demo.workspace.post("orders-oncall", "amir", "reply", thread_ts=root.ts)
    demo.workspace.delete(root)
    answer = await client.conversations_replies(channel="C0ORDERS", ts=root.ts)
    assert [message.get("subtype") for message in answer["messages"]] == ["tombstone", None]


async def test_channels_show_what_the_bot_may_know(client: AsyncWebClient, demo: Demo) -> None:
    shared = (await client.conversations_info(channel="C0SHARED"))["channel"]
    assert (shared["is_ext_shared"], shared["is_member"]) == (True, True)
    elsewhere = (await client.conversations_info(channel="C0RANDOM"))["channel"]
    assert elsewhere["is_member"] is False
    assert await error_of(client.conversations_info(channel="C0SECRET")) == "channel_not_found"
    assert await error_of(client.conversations_history(channel="C0RANDOM")) == "not_in_channel"
    members: list[str] = []
    async for page in await client.conversations_members(channel="C0AUDIT", limit=1):
        members += page["members"]
    assert set(members) == demo.audit.members


async def test_people_are_told_apart(client: AsyncWebClient, demo: Demo) -> None:
    async def info(user: str) -> dict[str, Any]:
        answer = await client.users_info(user=user, include_locale=True)
        return dict(answer["user"])

    assert (await info(demo.approver.id))["locale"] == "zh-CN"
    assert (await info(demo.guest.id))["is_restricted"]
    assert (await info(demo.single_channel_guest.id))["is_ultra_restricted"]
    assert (await info(demo.robot.id))["is_bot"]
    departed = await info(demo.deactivated.id)
    assert departed["deleted"]
    assert "tz" not in departed
    outsider = await info(demo.outsider.id)
    assert (outsider["is_stranger"], outsider["team_id"]) == (True, "T0PARTNER")
    assert "locale" not in outsider
    assert await error_of(client.users_info(user="U0NOBODY")) == "user_not_found"


async def test_groups_list_their_members(client: AsyncWebClient, demo: Demo) -> None:
    listed = (await client.usergroups_list(include_users=True))["usergroups"]
    assert [group["handle"] for group in listed] == ["dba-approvers"]
    users = (await client.usergroups_users_list(usergroup="S0APPROVERS"))["users"]
    assert users == listed[0]["users"] == demo.approvers.members
    assert await error_of(client.usergroups_users_list(usergroup="S0NONE")) == "no_such_subteam"


async def test_a_trigger_opens_one_modal_within_three_seconds(
    client: AsyncWebClient, demo: Demo, clock: HandClock
) -> None:
    trigger = demo.workspace.new_trigger("rita")
    late = demo.workspace.new_trigger("rita")
    opened = await client.views_open(trigger_id=trigger, view=MODAL)
    modal = demo.workspace.modal("rita")
    assert modal is not None
    assert (modal.id, modal.callback_id) == (opened["view"]["id"], "switchover_request")
    assert await error_of(client.views_open(trigger_id=trigger, view=MODAL)) == "exchanged_trigger_id"
    clock.advance(seconds=3.1)
    assert await error_of(client.views_open(trigger_id=late, view=MODAL)) == "expired_trigger_id"
    assert await error_of(client.views_open(trigger_id="1.2.x", view=MODAL)) == "invalid_trigger_id"


async def test_a_modal_is_updated_unless_the_hash_is_stale(client: AsyncWebClient, demo: Demo) -> None:
    trigger = demo.workspace.new_trigger("rita")
    opened = (await client.views_open(trigger_id=trigger, view=MODAL))["view"]
    changed = MODAL | {"callback_id": "other"}
    await client.views_update(view_id=opened["id"], view=changed, hash=opened["hash"])
    modal = demo.workspace.modal("rita")
    assert modal is not None
    assert modal.callback_id == "other"
    stale = client.views_update(view_id=opened["id"], view=MODAL, hash=opened["hash"])
    assert await error_of(stale) == "hash_conflict"
    assert await error_of(client.views_update(view_id="V0NONE", view=MODAL)) == "not_found"


async def test_a_home_tab_is_published_for_its_reader(client: AsyncWebClient, demo: Demo) -> None:
    home = {"type": "home", "blocks": [{"type": "divider"}]}
    first = await client.views_publish(user_id=demo.requester.id, view=home)
    second = await client.views_publish(user_id=demo.requester.id, view=home)
    assert first["view"]["id"] == second["view"]["id"] == demo.workspace.homes[demo.requester.id].id
    assert demo.workspace.modal("rita") is None
    outsider = client.views_publish(user_id=demo.outsider.id, view=home)
    assert await error_of(outsider) == "user_not_found"


async def test_a_wrong_view_is_refused_with_reasons(client: AsyncWebClient, demo: Demo) -> None:
    trigger = demo.workspace.new_trigger("rita")
    with pytest.raises(SlackApiError) as caught:
        await client.views_open(trigger_id=trigger, view=MODAL | {"title": None, "nonsense": 1})
    assert caught.value.response["error"] == "invalid_arguments"
    assert any("/view/title" in line for line in caught.value.response["response_metadata"]["messages"])


@pytest.mark.parametrize(
    ("scope", "method", "params"),
    [
        ("chat:write", "chat.postMessage", {"channel": "C0ORDERS", "text": "x"}),
        ("channels:history", "conversations.history", {"channel": "C0ORDERS"}),
        ("groups:history", "conversations.history", {"channel": "C0PRIVATE"}),
        ("channels:read", "conversations.info", {"channel": "C0ORDERS"}),
        ("users:read", "users.info", {"user": "U0RITA"}),
        ("usergroups:read", "usergroups.list", {}),
        ("im:write", "conversations.open", {"users": "U0RITA"}),
    ],
)
async def test_a_method_needs_its_scope(
    client: AsyncWebClient, demo: Demo, scope: str, method: str, params: dict[str, str]
) -> None:
    assert (await client.api_call(method, params=params))["ok"]
    demo.workspace.scopes.discard(scope)
    with pytest.raises(SlackApiError) as caught:
        await client.api_call(method, params=params)
    assert (caught.value.response["error"], caught.value.response["needed"]) == ("missing_scope", scope)


async def test_an_unknown_method_is_told(client: AsyncWebClient) -> None:
    assert await error_of(client.api_call("chat.whisper")) == "unknown_method"


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        ("conversations.history", {"channel": "C0ORDERS", "cursor": "?"}, "invalid_cursor"),
        ("conversations.history", {"channel": "C0ORDERS", "limit": "1000"}, "invalid_limit"),
        ("conversations.history", {"channel": "C0ORDERS", "limit": "many"}, "invalid_arguments"),
        ("conversations.history", {"channel": "C0ORDERS", "oldest": "today"}, "invalid_ts_oldest"),
        ("conversations.history", {"channel": "C0ORDERS", "latest": "today"}, "invalid_ts_latest"),
        ("conversations.history", {}, "channel_not_found"),
        ("conversations.open", {}, "users_list_not_supplied"),
        ("conversations.open", {"users": "U0NOBODY"}, "user_not_found"),
        ("conversations.open", {"users": "U0DAN"}, "user_disabled"),
        ("views.open", {"trigger_id": "1.2.x", "view": "{"}, "invalid_arguments"),
    ],
)
async def test_wrong_arguments_are_told(
    client: AsyncWebClient, method: str, params: dict[str, str], error: str
) -> None:
    assert await error_of(client.api_call(method, data=params)) == error


async def test_forms_carry_json_as_text(client: AsyncWebClient, demo: Demo) -> None:
    form = {"channel": "C0ORDERS", "text": "x", "blocks": '[{"type":"divider"}]'}
    await client.api_call("chat.postMessage", data=form)
    assert demo.workspace.messages()[0].blocks[0]["type"] == "divider"
    form["blocks"] = "{"
    assert await error_of(client.api_call("chat.postMessage", data=form)) == "invalid_blocks_format"
