"""Rate limits and faults of the simulated workspace, met by the official SDK."""

from __future__ import annotations

import asyncio

import aiohttp
import httpx
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Demo, Fault, serve_workspace
from tests.sandbox.slack.hand_clock import HandClock


async def post(client: AsyncWebClient, channel: str = "C0ORDERS") -> None:
    await client.chat_postMessage(channel=channel, text="hello")


async def test_posting_is_limited_per_channel(client: AsyncWebClient, clock: HandClock) -> None:
    for _ in range(5):
        await post(client)
    with pytest.raises(SlackApiError) as caught:
        await post(client)
    assert caught.value.response.status_code == 429
    assert caught.value.response["error"] == "ratelimited"
    assert caught.value.response.headers["Retry-After"] == "1"
    await post(client, "C0AUDIT")
    clock.advance(seconds=1)
    await post(client)


async def test_updating_is_limited_to_fifty_a_minute_in_the_whole_workspace(
    client: AsyncWebClient, demo: Demo, clock: HandClock
) -> None:
    own = [
        demo.workspace.post(channel, demo.workspace.bot_user, "x", by_bot=True)
        for channel in ("orders-oncall", "db-audit")
    ]
    for number in range(50):
        await client.chat_update(channel=own[number % 2].channel, ts=own[number % 2].ts, text="y")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_update(channel=own[0].channel, ts=own[0].ts, text="z")
    assert caught.value.response.headers["Retry-After"] == "2"
    clock.advance(seconds=2)
    await client.chat_update(channel=own[0].channel, ts=own[0].ts, text="z")


async def test_tier_two_allows_twenty(client: AsyncWebClient, demo: Demo) -> None:
    for _ in range(20):
        await client.usergroups_users_list(usergroup="S0APPROVERS")
    with pytest.raises(SlackApiError, match="ratelimited"):
        await client.usergroups_users_list(usergroup="S0APPROVERS")
    demo.workspace.limits.enabled = False
    await client.usergroups_users_list(usergroup="S0APPROVERS")


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_status_once(client: AsyncWebClient, demo: Demo, status: int) -> None:
    fault = Fault.rate_limited(30) if status == 429 else Fault.status_code(status)
    demo.workspace.faults.once("chat.postMessage", fault)
    with pytest.raises(SlackApiError) as caught:
        await post(client)
    assert caught.value.response.status_code == status
    assert demo.workspace.messages() == []
    await post(client)


async def test_an_error_until_cleared(client: AsyncWebClient, demo: Demo) -> None:
    demo.workspace.faults.always("chat.postMessage", Fault.slack_error("fatal_error"))
    for _ in range(2):
        with pytest.raises(SlackApiError, match="fatal_error"):
            await post(client)
    demo.workspace.faults.clear("chat.postMessage")
    await post(client)


@pytest.mark.parametrize(("processed", "posted"), [(False, 0), (True, 1)])
async def test_a_dropped_connection_before_and_after_the_work(
    client: AsyncWebClient, demo: Demo, *, processed: bool, posted: int
) -> None:
    demo.workspace.faults.once("chat.postMessage", Fault.drop(processed=processed))
    with pytest.raises(aiohttp.ClientConnectionError):
        await post(client)
    assert len(demo.workspace.messages()) == posted
    assert demo.workspace.calls[-1].outcome == ("ok, then drop" if processed else "drop")


@pytest.mark.parametrize(("processed", "posted"), [(False, 0), (True, 1)])
async def test_a_hang_lasts_until_the_caller_gives_up(
    client: AsyncWebClient, demo: Demo, *, processed: bool, posted: int
) -> None:
    demo.workspace.faults.once("chat.postMessage", Fault.hang(processed=processed))
    posting = asyncio.create_task(post(client))
    await demo.workspace.wait_for(lambda: demo.workspace.calls_of("chat.postMessage"))
    assert not posting.done()
    posting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await posting
    assert len(demo.workspace.messages()) == posted


async def test_a_slow_answer_is_the_right_one(client: AsyncWebClient, demo: Demo) -> None:
    demo.workspace.faults.once("chat.postMessage", Fault.slow(0.001))
    await post(client)
    assert len(demo.workspace.messages()) == 1


async def test_an_outage_hits_every_method_and_response_urls(client: AsyncWebClient, demo: Demo) -> None:
    demo.workspace.faults.start_outage()
    with pytest.raises(SlackApiError) as caught:
        await client.auth_test()
    assert caught.value.response.status_code == 503
    url = demo.workspace.new_response_url("C0ORDERS", demo.requester.id)
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.post(url, json={"text": "x"})).status_code == 503
    demo.workspace.faults.clear()
    await client.auth_test()


async def test_calls_are_recorded_without_the_token(client: AsyncWebClient, demo: Demo) -> None:
    await post(client)
    await client.api_call("auth.test", data={"token": demo.workspace.token})
    assert [(call.method, call.outcome) for call in demo.workspace.calls] == [
        ("chat.postMessage", "ok"),
        ("auth.test", "ok"),
    ]
    assert demo.workspace.calls[0].params == {"channel": "C0ORDERS", "text": "hello"}
    assert demo.workspace.token not in repr(demo.workspace.calls)


async def test_a_body_that_is_no_object_is_an_error(demo: Demo) -> None:
    async with serve_workspace(demo.workspace) as url, httpx.AsyncClient(trust_env=False) as http:
        headers = {"content-type": "application/json"}
        garbage = await http.post(f"{url}auth.test", content=b"{", headers=headers)
        array = await http.post(f"{url}auth.test", content=b"[]", headers=headers)
        text = await http.post(f"{url}auth.test", content=b"x", headers={"content-type": "text/plain"})
    answers = [answer.json()["error"] for answer in (garbage, array, text)]
    assert answers == ["invalid_json", "json_not_object", "invalid_post_type"]


async def test_a_response_url_works_five_times_in_half_an_hour(demo: Demo, clock: HandClock) -> None:
    async with serve_workspace(demo.workspace), httpx.AsyncClient(trust_env=False) as http:
        url = demo.workspace.new_response_url("C0RANDOM", demo.requester.id)
        late = demo.workspace.new_response_url("C0RANDOM", demo.requester.id)
        for number in range(5):
            assert (await http.post(url, json={"text": str(number)})).status_code == 200
        sixth = await http.post(url, json={"text": "6"})
        clock.advance(minutes=31)
        too_late = await http.post(late, json={"text": "x"})
    assert (sixth.status_code, sixth.json()["error"]) == (404, "used_url")
    assert (too_late.status_code, too_late.json()["error"]) == (404, "expired_url")
    assert [message.text for message in demo.workspace.ephemerals("rita")] == list("01234")


async def test_a_response_url_replaces_deletes_and_posts_in_a_thread(demo: Demo) -> None:
    space = demo.workspace
    root = space.post("orders-oncall", "rita", "root")
    asked = space.post("orders-oncall", space.bot_user, "choose", ephemeral_to=demo.requester.id)
    async with serve_workspace(space), httpx.AsyncClient(trust_env=False) as http:
        url = space.new_response_url("C0ORDERS", demo.requester.id, asked)
        await http.post(url, json={"text": "chosen", "replace_original": True})
        assert [message.text for message in space.ephemerals("rita")] == ["chosen"]
        await http.post(url, json={"delete_original": True})
        assert space.ephemerals("rita") == []
        public = {"text": "all see", "response_type": "in_channel", "thread_ts": root.ts}
        await http.post(url, json=public)
        refused = await http.post(url, json={"text": "x", "blocks": [{"type": "x"}]})
    assert [message.text for message in space.thread(root)] == ["all see"]
    assert refused.json()["error"] == "invalid_blocks"
