"""Runs an ASGI app on a real socket inside the running loop, for as long as a ``with`` block lasts."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from bot.errors import ConfigError
from bot.sandbox.faults import Dropped

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@contextlib.asynccontextmanager
async def serve(
    app: App, *, host: str = "127.0.0.1", port: int = 0, grace: float = 1.0
) -> AsyncIterator[str]:
    """Serves ``app`` and yields its base URL, without a slash at the end.

    Requests still running when the block ends get ``grace`` seconds, then they are cancelled.
    No signal handler is installed. ``drop_connection`` can cut the connection that a request came on; an app that
    raises ``Dropped`` has it cut, and nothing is logged of that: it was asked for.

    Args:
        app: Any ASGI app; its lifespan is run where it has one.
        host: The address to bind.
        port: 0 takes a free one.
        grace: Seconds for running requests at the end.

    Raises:
        OSError: The port is taken.
        RuntimeError: The app's lifespan failed to start.
    """
    listener = _listener(host, port)
    server = _Server(
        Config(_cutting(app), http=_Protocol, ws="none", log_config=None, access_log=False), grace
    )
    running = asyncio.create_task(server.serve(sockets=[listener]))
    ready = asyncio.create_task(server.ready.wait())
    try:
        await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
        if not server.started:
            await running
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{listener.getsockname()[1]}"
    finally:
        ready.cancel()
        server.stopping.set()
        try:
            await running
        finally:
            listener.close()


def must_be_free(port: int) -> None:
    """Finds out at once, and not after all has been built, that a port which was asked for can't be had.

    Raises:
        ConfigError: It can't; the line says what to do instead.
    """
    try:
        _listener("127.0.0.1", port).close()
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = "another program uses it" if taken else str(error.strerror)
        problem = f"--port: can't listen on 127.0.0.1:{port} ({why}): choose another, or 0 for a free one"
        raise ConfigError([problem]) from None


async def drop_connection(scope: Scope, receive: Receive) -> None:
    """Cuts the connection of this request, without a byte of an answer.

    Raises:
        ConnectionResetError: There is no socket to cut, because the app was called in process.
    """
    abort = scope.get("state", {}).get("abort")
    if abort is None:
        raise ConnectionResetError("the simulated connection was dropped")
    abort()
    await disconnected(receive)


async def disconnected(receive: Receive) -> None:
    """Waits until the other side of this request is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _cutting(app: App) -> App:
    async def cut(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Dropped:
            await drop_connection(scope, receive)

    return cut


def _listener(host: str, port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only where the protocol is named; without it an answer waits 40 ms for an ACK.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


class _State(ServerState):
    def __init__(self) -> None:
        super().__init__()
        self.connection_lost = asyncio.Event()


class _Protocol(H11Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self.app_state = {**self.app_state, "abort": transport.abort}

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if isinstance(self.server_state, _State):
            self.server_state.connection_lost.set()


class _Server(Server):
    """Uvicorn's server, told by events instead of by polls of 0.1 s: hundreds of tests can afford it."""

    def __init__(self, config: Config, grace: float) -> None:
        super().__init__(config)
        self.server_state: _State = _State()
        self.ready = asyncio.Event()
        self.stopping = asyncio.Event()
        self._grace = grace

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets=sockets)
        except SystemExit as error:
            raise RuntimeError("the app failed to start; its log says why") from error
        self.ready.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            _, late = await asyncio.wait(set(self.server_state.tasks), timeout=self._grace)
            for task in late:
                task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace):
                await self._connections_closed()
        await self.lifespan.shutdown()

    async def _connections_closed(self) -> None:
        while self.server_state.connections:
            self.server_state.connection_lost.clear()
            await self.server_state.connection_lost.wait()
