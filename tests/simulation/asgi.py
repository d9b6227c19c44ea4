"""Requests without sockets: to the simulated Slack as the bot sends them, to the bot as Slack does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp
from msgspec.json import decode, encode
from multidict import CIMultiDict
from starlette.types import ASGIApp, Message, Receive, Scope

from bot.sandbox.slack.params import Params
from bot.sandbox.slack.web_api import Reply, WebApi

Adrift = Callable[[str, Callable[[], Awaitable[object]]], Awaitable[None]]


async def on_its_way(_name: str, _arrive: Callable[[], Awaitable[object]]) -> None:
    """Nobody dies of it."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An HTTP answer, whole."""

    status: int
    headers: CIMultiDict[str]
    body: bytes


async def ask(
    app: ASGIApp, method: str, url: str, headers: Mapping[str, str], body: bytes, *, query: str = ""
) -> Answered:
    """One request to an app; a connection that the app drops raises what dropping raises."""
    scope, receive = _request(method, url, headers, body, query)
    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    await app(scope, receive, send)
    received = [(name.decode(), value.decode("latin-1")) for name, value in said[0]["headers"]]
    whole = b"".join(message.get("body", b"") for message in said[1:])
    return Answered(said[0]["status"], CIMultiDict(received), whole)


def _request(
    method: str, url: str, headers: Mapping[str, str], body: bytes, query: str
) -> tuple[Scope, Receive]:
    parts = urlsplit(url)
    asked: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return asked.pop() if asked else await asyncio.get_running_loop().create_future()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": parts.scheme,
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": (query or parts.query).encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "server": (parts.hostname, parts.port or 80),
        "client": ("127.0.0.1", 1),
    }
    return scope, receive


class _Response:
    """As much of ``aiohttp.ClientResponse`` as the Slack SDK and our client read."""

    def __init__(self, reply: Reply) -> None:
        self.status = reply.status
        self.headers = CIMultiDict(reply.headers)
        page = isinstance(reply.content, str)
        self.content_type = "text/html" if page else "application/json"
        self._body = reply.content.encode() if isinstance(reply.content, str) else encode(reply.content)

    async def text(self) -> str:
        return self._body.decode()

    async def json(self) -> Any:
        if self.content_type != "application/json":
            raise aiohttp.ContentTypeError(cast(aiohttp.RequestInfo, None), ())
        return decode(self._body)


class _Exchange:
    """A request that is sent when it is entered, as aiohttp's are."""

    def __init__(self, sending: Callable[[], Awaitable[Reply]]) -> None:
        self._sending = sending

    async def __aenter__(self) -> _Response:
        return _Response(await self._sending())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """There is no connection to give back."""


class _Line:
    """What a call comes on: nobody ever hangs up, and what is cut is cut."""

    async def hang(self) -> None:
        await asyncio.get_running_loop().create_future()

    async def drop(self) -> None:
        raise ConnectionResetError("the simulated connection was dropped")


class SlackSession:
    """Stands where the bot has its ``aiohttp.ClientSession``; what is said travels as JSON, without HTTP around it.

    Args:
        api: The simulated Web API.
        boundary: Awaited before a call leaves and after its answer was made.
        way: Awaited on the way there; raises where the network fails.
        adrift: Told of a call that has left, and how to let it arrive; awaited for ever where its sender dies.
    """

    def __init__(
        self,
        api: WebApi,
        boundary: Callable[[str], Awaitable[None]],
        way: Callable[[], Awaitable[None]],
        adrift: Adrift = on_its_way,
    ) -> None:
        self.closed = False
        self._api = api
        self._boundary = boundary
        self._way = way
        self._adrift = adrift

    def request(self, _method: str, url: str, **args: Any) -> _Exchange:
        """One call; what the SDK passes besides address, headers, parameters and JSON has no meaning here."""
        asked = {name: str(value) for name, value in (args.get("params") or {}).items()}
        params = Params(asked | decode(encode(args.get("json") or {})))
        token = str((args.get("headers") or {}).get("Authorization", "")).removeprefix("Bearer ")

        async def sending() -> Reply:
            path = urlsplit(url).path
            await self._boundary("before a call to Slack")
            await self._adrift("amid a call to Slack", lambda: self._ask(path, token, params))
            await self._way()
            reply = await self._ask(path, token, params)
            await self._boundary("after Slack answered")
            return reply

        return _Exchange(sending)

    async def _ask(self, path: str, token: str, params: Params) -> Reply:
        kind, _, name = path.removeprefix("/").partition("/")
        if kind == "api":
            return await self._api.perform(name, token, params, _Line())
        return await self._api.answer(name, params, _Line())

    def post(self, url: str, **args: Any) -> _Exchange:
        """To a response URL."""
        return self.request("POST", url, **args)

    async def close(self) -> None:
        """Nothing is open."""
        self.closed = True
