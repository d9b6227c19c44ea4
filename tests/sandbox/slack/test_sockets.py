"""Simulated Socket Mode: by its own rules, and as the official SDK's client sees it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Demo, deliveries, demo_workspace, serve_workspace
from bot.sandbox.slack.model import Json
from bot.sandbox.slack.socket_server import OverSockets, serve_sockets
from bot.sandbox.slack.sockets import End, Socket, Sockets, Unheard


@pytest.fixture
def demo() -> Demo:
    return demo_workspace(lambda: datetime.now(UTC), rate_limited=False)


@pytest.fixture
async def sockets(demo: Demo) -> AsyncIterator[Sockets]:
    async with serve_sockets(demo.workspace.sockets):
        yield demo.workspace.sockets


@pytest.fixture
async def api(demo: Demo) -> AsyncIterator[str]:
    async with serve_workspace(demo.workspace) as url:
        yield url


def connected(sockets: Sockets) -> Socket:
    socket = sockets.connect(sockets.ticket().partition("ticket=")[2].partition("&")[0])
    assert socket is not None
    return socket


async def said(socket: Socket) -> Json:
    message = await socket.next()
    assert isinstance(message, str)
    return dict(json.loads(message))


async def test_the_official_client_connects_answers_and_is_refreshed(
    demo: Demo, sockets: Sockets, api: str
) -> None:
    heard: list[SocketModeRequest] = []

    async def listen(client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        heard.append(request)
        answer = {"text": "hello"} if request.accepts_response_payload else None
        response = SocketModeResponse(envelope_id=request.envelope_id, payload=answer)
        await client.send_socket_mode_response(response)

    web = AsyncWebClient(base_url=api)
    client = SocketModeClient(app_token=demo.workspace.app_token, web_client=web, ping_interval=0.1)
    client.socket_mode_request_listeners.append(listen)
    await client.connect()  # type: ignore[no-untyped-call]  # the SDK's
    await sockets.connected()
    async with deliveries(demo.workspace, "http://bot.example/", transport=OverSockets(sockets)) as people:
        command = await people.command(demo.requester, demo.channel, "help")
        assert command.json == {"text": "hello"}
        assert demo.workspace.ephemerals(demo.requester)[-1].text == "hello"
        mention = await people.mention(demo.requester, demo.channel, "help")
        assert (mention.status, mention.body) == (200, b"")
        sockets.refresh(sockets.open[0])
        await sockets.until(lambda: sockets.made == 2 and len(sockets.open) == 1)
        assert (await people.open_home(demo.requester)).ok
    assert [(request.type, request.retry_attempt) for request in heard] == [
        ("slash_commands", None),
        ("events_api", 0),
        ("events_api", 0),
    ]
    assert sockets.problems == []
    tasks = [client.message_processor, client.current_session_monitor, client.message_receiver]
    await client.close()  # type: ignore[no-untyped-call]  # the SDK's
    await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)


async def test_each_token_is_for_its_own_methods(demo: Demo, api: str) -> None:
    async with httpx.AsyncClient(base_url=api, trust_env=False) as http:

        async def asked(method: str, token: str) -> Json:
            answer = await http.post(method, headers={"Authorization": f"Bearer {token}"})
            return dict(answer.json())

        space = demo.workspace
        assert "url" in await asked("apps.connections.open", space.app_token)
        assert (await asked("apps.connections.open", space.token))["error"] == "not_allowed_token_type"
        assert (await asked("apps.connections.open", "xapp-other"))["error"] == "invalid_auth"
        assert (await asked("auth.test", space.app_token))["error"] == "not_allowed_token_type"
        assert (await asked("auth.test", space.token))["ok"] is True


async def test_a_ticket_is_good_once_and_the_connection_is_greeted() -> None:
    sockets = Sockets()
    ticket = sockets.ticket().partition("ticket=")[2].partition("&")[0]
    socket = sockets.connect(ticket)
    assert socket is not None
    hello = await said(socket)
    assert (hello["type"], hello["num_connections"]) == ("hello", 1)
    assert hello["debug_info"]["approximate_connection_time"] == 18060
    assert sockets.connect(ticket) is None
    assert sockets.connect("never given") is None


async def test_too_many_and_unwanted_connections_are_sent_away() -> None:
    sockets = Sockets(most=1)
    first = connected(sockets)
    second = connected(sockets)
    assert await said(second) | {"debug_info": 0} == {
        "type": "disconnect",
        "reason": "too_many_websockets",
        "debug_info": 0,
    }
    assert await second.next() is End.CLOSED
    sockets.disable()
    await said(first)
    assert (await said(first))["reason"] == "link_disabled"
    assert await first.next() is End.CLOSED
    assert sockets.open == [first], "until it has ended"
    sockets.gone(first)
    assert (await said(connected(sockets)))["reason"] == "link_disabled"


async def test_payloads_take_turns_and_go_through_what_is_to_be_replaced_only_if_there_is_nothing_else() -> (
    None
):
    sockets = Sockets()
    with pytest.raises(Unheard):
        await sockets.deliver("events_api", {})
    first, second = connected(sockets), connected(sockets)
    sent = [asyncio.create_task(sockets.deliver("events_api", {})) for _ in range(4)]
    await asyncio.sleep(0)
    assert (first.received, second.received) == (2, 2)
    sockets.refresh(first)
    sent.append(asyncio.create_task(sockets.deliver("events_api", {})))
    await asyncio.sleep(0)
    assert (first.received, second.received) == (2, 3)
    sockets.drop(second)
    sent.append(asyncio.create_task(sockets.deliver("events_api", {})))
    await asyncio.sleep(0)
    assert (first.received, second.received) == (3, 3)
    sockets.drop(first)
    assert {type(error) for error in await asyncio.gather(*sent, return_exceptions=True)} == {Unheard}


async def test_an_envelope_says_what_slack_says_and_its_acknowledgement_is_held_to_the_rules() -> None:
    sockets = Sockets()
    first, second = connected(sockets), connected(sockets)
    hello = await said(second)
    assert hello["num_connections"] == 2

    async def sent(answerable: bool) -> tuple[asyncio.Task[Json | None], Json]:
        retry = (2, "timeout")
        first.chosen = False
        work = asyncio.create_task(
            sockets.deliver("events_api", {"event_id": "Ev1"}, answerable=answerable, retry=retry)
        )
        return work, await said(second)

    work, envelope = await sent(answerable=False)
    name = envelope.pop("envelope_id")
    assert envelope == {
        "type": "events_api",
        "payload": {"event_id": "Ev1"},
        "accepts_response_payload": False,
        "retry_attempt": 2,
        "retry_reason": "timeout",
    }
    sockets.heard(second, '{"envelope_id": "another"}')
    sockets.heard(first, json.dumps({"envelope_id": name}))
    sockets.heard(second, json.dumps({"envelope_id": name, "payload": {}}))
    assert sockets.problems == ["acknowledged through another connection", "an answer where none is taken"]
    sockets.heard(second, json.dumps({"envelope_id": name}))
    sockets.heard(second, json.dumps({"envelope_id": name}))
    assert await work is None
    work, envelope = await sent(answerable=True)
    sockets.heard(second, json.dumps({"envelope_id": envelope["envelope_id"], "payload": {"a": 1}}))
    assert await work == {"a": 1}
    assert sockets.acknowledged == 2
