"""Socket Mode with a real store behind it: one effect each, and no acknowledgement without a record."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.app import _honest
from bot.ports import Answered, Body
from bot.sandbox.slack import Workspace, serve_workspace
from bot.sandbox.slack.model import Json
from bot.sandbox.slack.socket_server import serve_sockets
from bot.sandbox.slack.sockets import Unheard, unpacked
from bot.storage import connect
from bot.system import SystemClock
from handlers.envelopes import Envelopes
from handlers.slack_client import SlackClient
from handlers.socket_mode import SocketMode
from handlers.web_sockets import WebSockets
from tests.app.breaks import PATIENCE, SAYS, UNRECORDED, Break, full
from tests.app.door import RealDoor
from tests.app.payloads import CANCEL, KINDS, MENTION, SLASH, effects
from tests.app.signed import FORM
from tests.handlers.watching import Watching

RACES = 40


class SocketDoor:
    """Slack's connections to the real door; envelopes are answered as requests are."""

    def __init__(self, door: RealDoor, slack: Workspace) -> None:
        self.door = door
        self.sockets = slack.sockets
        self.outcomes: asyncio.Queue[str] = asyncio.Queue()
        self.watch = Watching()

    async def dispatch(self, body: Body, headers: dict[str, str]) -> Answered:
        return await self.door.slack.dispatch(body, headers)

    async def send(self, kind: str, payload: Json) -> tuple[str, Json | None]:
        """What became of a payload, and what was answered."""
        answerable = kind == "slash_commands"
        delivering = asyncio.create_task(self.sockets.deliver(kind, payload, answerable=answerable))
        outcome = await self.outcomes.get()
        if outcome != "acknowledged":
            delivering.cancel()
            return outcome, None
        return outcome, await delivering

    async def insist(self, kind: str, payload: Json) -> None:
        """Sends a payload until it is acknowledged."""
        while True:
            await self.sockets.connected()
            with contextlib.suppress(Unheard):
                await self.sockets.deliver(kind, payload)
                return


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[SocketDoor]:
    (tmp_path / "data").mkdir()
    store = await connect(f"sqlite:///{tmp_path}/data/switchover.db", migrate=True, patience=PATIENCE)
    slack = Workspace(lambda: datetime.now(UTC), rate_limited=False)
    through = SocketDoor(RealDoor(store), slack)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        api_url = await stack.enter_async_context(serve_workspace(slack))
        await stack.enter_async_context(serve_sockets(slack.sockets))
        clock = SystemClock()
        client = SlackClient(token=slack.app_token, api_url=api_url, clock=clock, observe=lambda *_: None)
        stack.push_async_callback(client.close)
        dialer = WebSockets(secure=False)
        stack.push_async_callback(dialer.close)
        mode = SocketMode(
            client=client,
            dialer=dialer,
            envelopes=Envelopes(
                dispatch=through.dispatch,
                clock=clock,
                observe=lambda _: None,
                count=through.outcomes.put_nowait,
            ),
            parse=_honest,
            clock=clock,
            random=lambda: 0.0,
            watch=through.watch,
        )
        running = asyncio.create_task(mode.run())
        await slack.sockets.connected(2)
        yield through
        mode.stop()
        await running


@pytest.mark.parametrize("kind", KINDS)
async def test_the_same_at_once_through_both_connections_has_one_effect(door: SocketDoor, kind: str) -> None:
    raw, content_type, *expected = KINDS[kind]
    how, payload = unpacked(content_type, raw)
    for _ in range(2):
        await asyncio.gather(*(door.sockets.deliver(how, payload) for _ in range(6)))
        assert await effects(door.door) == tuple(expected)
    assert [socket.received for socket in door.sockets.open] == [6, 6]
    door.door.restarted()
    await door.sockets.deliver(how, payload)
    assert await effects(door.door) == tuple(expected)


async def test_all_kinds_several_times_at_once_while_connections_come_and_go(door: SocketDoor) -> None:
    """Slack sends again what it has no acknowledgement of, and sometimes what it has one of."""

    async def trouble() -> None:
        for number in range(RACES):
            await door.sockets.connected()
            socket = door.sockets.open[number % len(door.sockets.open)]
            if number % 8 == 7:
                door.sockets.drop(socket)
            elif socket.chosen:
                door.sockets.refresh(socket, after=0.05)
            made = door.sockets.made
            await door.sockets.until(lambda made=made: door.sockets.made > made)  # type: ignore[misc]

    payloads = [unpacked(content_type, raw) for raw, content_type, *_ in KINDS.values()]
    troubling = asyncio.create_task(trouble())
    for _ in range(5):
        await asyncio.gather(*(door.insist(how, payload) for how, payload in payloads for _ in range(4)))
    troubling.cancel()
    await asyncio.gather(troubling, return_exceptions=True)
    assert len(await door.door.items()) == len(KINDS), "one inbox row for each payload"
    assert door.sockets.problems == []


@pytest.mark.parametrize("broken", SAYS)
async def test_what_the_database_does_not_take_is_not_acknowledged_and_comes_again(
    door: SocketDoor, tmp_path: Path, broken: Break
) -> None:
    click = unpacked(FORM, CANCEL)
    async with broken(door.door, tmp_path / "data"):
        outcome, answer = await door.send("slash_commands", SLASH)
        assert (outcome, UNRECORDED in str(answer)) == ("acknowledged", True), "people are told"
        assert await door.send("events_api", MENTION) == ("refused", None)
        assert await door.send(*click) == ("refused", None)
    if broken is full:
        while await door.door.items():
            door.door.clock.advance(1)
        return
    for _ in range(2):
        assert await door.send("events_api", MENTION) == ("acknowledged", None)
    assert await door.send(*click) == ("acknowledged", None)
    while await door.door.work():
        door.door.clock.advance(1)
    assert len(await door.door.store.operations(open_only=False)) == 1


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"type": "block_actions", "actions": "many"}, id="of another shape"),
        pytest.param({"type": "event_callback", "event": 3}, id="an event that is none"),
        pytest.param(SLASH | {"text": "a\x00b"}, id="a NUL"),
        pytest.param(SLASH | {"text": "\ud800"}, id="half a character"),
        pytest.param({"deep": [[[[[[]]]]]] * 3, "text": "x" * 5_000_000}, id="far too long"),
    ],
)
async def test_what_slack_never_sends_is_not_acknowledged_and_harms_nothing(
    door: SocketDoor, payload: dict[str, Any]
) -> None:
    sent = [asyncio.create_task(door.sockets.deliver("interactive", payload)) for _ in range(2)]
    await asyncio.sleep(0)
    for number in range(2):
        await door.insist("slash_commands", SLASH | {"trigger_id": str(number)})
    for each in sent:
        each.cancel()
    came = await asyncio.gather(*sent, return_exceptions=True)
    assert {type(one) for one in came} <= {asyncio.CancelledError, Unheard}
    assert len(await door.door.items()) == 2
