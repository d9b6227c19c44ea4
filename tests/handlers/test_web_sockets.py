"""WebSockets over real sockets on loopback: what fails is told in a word, in time, and without the address."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bot.sandbox.slack.socket_server import serve_sockets
from bot.sandbox.slack.sockets import End, Sockets
from handlers.web_sockets import Gone, WebSocket, WebSockets


@pytest.fixture
async def slack() -> AsyncIterator[Sockets]:
    sockets = Sockets()
    async with serve_sockets(sockets):
        yield sockets


@pytest.fixture
async def dialer() -> AsyncIterator[WebSockets]:
    dialer = WebSockets(secure=False, heartbeat=0.05)
    yield dialer
    await dialer.close()


async def greeted(slack: Sockets, dialer: WebSockets) -> WebSocket:
    socket = await dialer.open(slack.ticket())
    assert '"hello"' in await socket.receive()
    return socket


async def reason(work: Awaitable[object]) -> str:
    """Why the connection is gone; how it is told must not betray the address."""
    with pytest.raises(Gone) as gone:
        async with asyncio.timeout(20):
            await work
    assert "ticket" not in "".join(traceback.format_exception(gone.value))
    return gone.value.reason


@asynccontextmanager
async def serving(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """Serves one handler on loopback."""
    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"ws://127.0.0.1:{runner.addresses[0][1]}/?ticket=x"
    await runner.cleanup()


async def test_messages_go_both_ways(slack: Sockets, dialer: WebSockets) -> None:
    socket = await greeted(slack, dialer)
    delivering = asyncio.create_task(slack.deliver("events_api", {"event_id": "Ev1"}))
    envelope = await socket.receive()
    assert '"Ev1"' in envelope
    name = envelope.partition('"envelope_id": "')[2].partition('"')[0]
    await socket.send(f'{{"envelope_id": "{name}"}}')
    assert await delivering is None
    await socket.close()
    await slack.until(lambda: not slack.open)


async def test_a_connection_on_which_nothing_happens_lives_on(slack: Sockets, dialer: WebSockets) -> None:
    socket = await greeted(slack, dialer)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await socket.receive()
    assert len(slack.open) == 1
    await socket.close()


async def test_a_connection_without_a_sign_of_life_is_given_up(slack: Sockets, dialer: WebSockets) -> None:
    socket = await greeted(slack, dialer)
    slack.open[0].mute = True
    assert await reason(socket.receive()) == "silent"
    assert await reason(socket.receive()) == "silent", "and it stays so"
    assert await reason(socket.send("{}")) == "connection_lost"
    await socket.close()


@pytest.mark.parametrize(("how", "said"), [(End.CLOSED, "closed"), (End.DROPPED, "connection_lost")])
async def test_an_end_is_told(slack: Sockets, dialer: WebSockets, how: End, said: str) -> None:
    socket = await greeted(slack, dialer)
    slack.open[0].end(how)
    assert await reason(socket.receive()) == said
    assert await reason(socket.send("{}")) == "connection_lost"
    await socket.close()


async def test_a_ticket_is_good_for_one_connection(slack: Sockets, dialer: WebSockets) -> None:
    url = slack.ticket()
    socket = await dialer.open(url)
    assert await reason(dialer.open(url)) == "status 403"
    await socket.close()


async def test_only_encrypted_connections_are_made_to_an_encrypted_api(slack: Sockets) -> None:
    dialer = WebSockets(secure=True)
    assert await reason(dialer.open(slack.ticket())) == "unsafe_address"
    assert slack.made == 0
    await dialer.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ws://127.0.0.1:1/link/?ticket=x", "connection_refused"),
        ("ws://[oops/link/?ticket=x", "connection_failed"),
        ("None", "unsafe_address"),
        ("", "unsafe_address"),
    ],
)
async def test_an_address_where_nobody_is(dialer: WebSockets, url: str, said: str) -> None:
    assert await reason(dialer.open(url)) == said


async def test_who_does_not_answer_is_not_waited_for() -> None:
    go = asyncio.Event()

    async def late(_: web.Request) -> web.Response:
        await go.wait()
        return web.Response()

    dialer = WebSockets(secure=False, time_limit=0.1)
    async with serving(late) as url:
        assert await reason(dialer.open(url)) == "timed_out"
        go.set()
    await dialer.close()


async def test_who_speaks_no_web_socket_is_no_slack() -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    dialer = WebSockets(secure=False)
    async with serving(page) as url:
        assert await reason(dialer.open(url)) == "status 200"
    await dialer.close()
