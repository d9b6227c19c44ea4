"""The server of the sandbox over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.sandbox.faults import Drop, Hang
from bot.sandbox.server import disconnected, drop_connection, serve


async def hello(_: Request) -> Response:
    return PlainTextResponse("hello")


async def drop(request: Request) -> Response:
    await drop_connection(request.scope, request.receive)
    return PlainTextResponse("nobody reads this")


async def hang(request: Request) -> Response:
    await disconnected(request.receive)
    return PlainTextResponse("nobody reads this")


APP = Starlette(routes=[Route("/", hello), Route("/drop", drop), Route("/hang", hang)])


async def test_serves_on_a_free_port_until_the_block_ends() -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        async with serve(APP) as url:
            assert (await http.get(url)).text == "hello"
            assert (await http.get(url)).text == "hello"
        with pytest.raises(httpx.ConnectError):
            await http.get(url)


async def test_two_servers_share_the_loop() -> None:
    async with httpx.AsyncClient(trust_env=False) as http, serve(APP) as one, serve(APP) as other:
        assert one != other
        assert (await http.get(one)).text == (await http.get(other)).text


async def test_a_dropped_connection_answers_nothing() -> None:
    async with httpx.AsyncClient(trust_env=False) as http, serve(APP) as url:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await http.get(f"{url}/drop")
        assert (await http.get(url)).text == "hello"


async def test_dropping_without_a_socket_raises_in_the_caller() -> None:
    transport = httpx.ASGITransport(APP)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as http:
        with pytest.raises(ConnectionResetError):
            await http.get("/drop")


async def test_ends_although_a_request_hangs() -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        async with serve(APP, grace=0.01) as url:
            hanging = asyncio.create_task(http.get(f"{url}/hang"))
            assert (await http.get(url)).text == "hello"
        with pytest.raises(httpx.HTTPError):
            (await hanging).raise_for_status()


async def test_runs_the_lifespan_of_the_app() -> None:
    seen: list[str] = []

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        seen.append("up")
        yield
        seen.append("down")

    async with serve(Starlette(lifespan=lifespan)):
        assert seen == ["up"]
    assert seen == ["up", "down"]


async def test_a_lifespan_that_fails_is_told() -> None:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if APP.routes:
            raise ValueError
        yield

    with pytest.raises(RuntimeError, match="failed to start"):
        async with serve(Starlette(lifespan=lifespan)):
            pass


async def answer_lost(_: Request) -> Response:
    return Drop()


async def no_answer(_: Request) -> Response:
    return Hang()


@pytest.mark.parametrize("endpoint", [answer_lost, no_answer])
async def test_a_fault_that_was_asked_for_is_no_error_of_the_server(
    endpoint: Callable[[Request], Awaitable[Response]], caplog: pytest.LogCaptureFixture
) -> None:
    app = Starlette(routes=[Route("/", endpoint)])
    async with serve(app) as url, httpx.AsyncClient(trust_env=False, timeout=0.2) as http:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError, httpx.ReadTimeout)):
            await http.get(url)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")] == []
