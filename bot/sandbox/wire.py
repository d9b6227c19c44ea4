"""A way from the providers to a simulated cloud without sockets, for simulations in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
from starlette.types import ASGIApp, Message

from bot.sandbox.faults import Dropped


class AsgiTransport(httpx.AsyncBaseTransport):
    """Hands requests to ASGI apps by host, telling the request's trace what httpcore would tell it.

    Args:
        apps: Which app answers for which host; every other host refuses connections.
    """

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        self._apps = apps

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        trace = request.extensions.get("trace")
        if trace is not None:
            await trace("connection.connect_tcp.started", {})
        app = self._apps.get(request.url.host)
        if app is None:
            raise httpx.ConnectError("nobody listens there")
        if trace is not None:
            await trace("http11.send_request_headers.started", {})
        await asyncio.sleep(0)
        return await _ask(app, request)


async def _ask(app: ASGIApp, request: httpx.Request) -> httpx.Response:
    asked = [{"type": "http.request", "body": await request.aread(), "more_body": False}]
    said: list[Message] = []

    async def receive() -> dict[str, Any]:
        return asked.pop() if asked else await asyncio.get_running_loop().create_future()

    async def send(message: Message) -> None:
        said.append(message)

    try:
        await app(_scope(request), receive, send)
    except Dropped as exc:
        raise httpx.ReadError("connection reset") from exc
    body = b"".join(message.get("body", b"") for message in said[1:])
    return httpx.Response(said[0]["status"], headers=said[0]["headers"], stream=httpx.ByteStream(body))


def _scope(request: httpx.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": (request.url.host, request.url.port or 80),
        "client": ("127.0.0.1", 1),
    }


class AsgiWire:
    """The ``Wire`` of ``providers.http`` that ends in ASGI apps."""

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        self._apps = apps

    def reads(self) -> httpx.AsyncBaseTransport:
        """For many reads."""
        return AsgiTransport(self._apps)

    def submission(self) -> httpx.AsyncBaseTransport:
        """For one request."""
        return AsgiTransport(self._apps)
