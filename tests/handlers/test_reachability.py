"""What is said when Slack can't be asked: what was tried, what failed, what would mend it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from handlers.reachability import slack_problem
from handlers.slack_client import SlackClient
from tests.handlers.ledger import HandClock
from tests.handlers.workspace import Workspace

API = "http://slack.example/api/"


class Resolver(AbstractResolver):
    """Knows no name, or takes all to be the machine itself."""

    def __init__(self, error: OSError | None = None) -> None:
        self.error = error

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if self.error is not None:
            raise self.error
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        return


async def asked(url: str, connector: aiohttp.BaseConnector | None = None, *, limit: float = 5.0) -> str:
    def session(timeout: aiohttp.ClientTimeout) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=timeout, connector=connector)

    client = SlackClient(
        token="xoxb-test",
        api_url=url,
        clock=HandClock(),
        observe=lambda *_: None,
        time_limit=limit,
        session=session,
    )
    try:
        return await slack_problem(client)
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object],
) -> AsyncIterator[int]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)  # type: ignore[arg-type]
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def slack() -> AsyncIterator[Workspace]:
    slack = Workspace(HandClock())
    await slack.open()
    yield slack
    await slack.close()


async def test_nothing_is_said_when_slack_knows_the_token(slack: Workspace) -> None:
    assert await asked(f"{slack.url}/api/") == ""


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (
            "error",
            "invalid_auth",
            "slack.bot_token: tried auth.test at {url}: Slack said invalid_auth: write the",
        ),
        ("status", "503", "slack.api_url: tried auth.test at {url}: Slack failed (status 503): try again"),
        ("ratelimited", "7", "slack.api_url: tried auth.test at {url}: Slack asks to wait: try again in 7 s"),
        (
            "drop",
            "",
            "slack.api_url: tried auth.test at {url}: the connection broke before the answer: check",
        ),
        ("text", "hello", "slack.api_url: tried auth.test at {url}: what answered is not Slack's API: check"),
    ],
)
async def test_what_slack_answered_is_said(slack: Workspace, kind: str, value: str, said: str) -> None:
    slack.fail("auth.test", kind, value)
    url = f"{slack.url}/api/"
    assert (await asked(url)).startswith(said.format(url=url))


async def test_a_name_that_is_not_known_is_a_matter_of_dns() -> None:
    unknown = Resolver(OSError(None, "Name or service not known"))
    said = await asked(API, aiohttp.TCPConnector(resolver=unknown))
    assert (
        said
        == f"slack.api_url: tried auth.test at {API}: its name can't be resolved: check DNS and slack.api_url"
    )


async def test_a_connection_that_is_refused_is_said_to_be() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/api/"
        assert "the connection was refused: check the network" in await asked(url)


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EHOSTUNREACH])
async def test_no_way_there_is_a_matter_of_the_network(number: int) -> None:
    def no_way(_address: object) -> socket.socket:
        raise OSError(number, "unreachable")

    connector = aiohttp.TCPConnector(resolver=Resolver(), socket_factory=no_way)
    assert "there is no way to it on the network: check the network" in await asked(API, connector)


async def test_one_who_does_not_speak_tls_is_not_trusted(slack: Workspace) -> None:
    said = await asked(f"{slack.url.replace('http', 'https')}/api/")
    assert "no secure connection: TLS failed" in said


async def test_one_who_never_answers_is_too_late() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            while await reader.read(1000):
                pass

    async with listening(silent) as port:
        said = await asked(f"http://127.0.0.1:{port}/api/", limit=1.0)
    assert "the answer did not come in time" in said


async def test_a_connection_that_nobody_takes_is_too_late() -> None:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        said = await asked(f"http://127.0.0.1:{full.getsockname()[1]}/api/", limit=0.4)
    assert "nobody took the connection in time: check the network" in said
