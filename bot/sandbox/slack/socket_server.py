"""Simulated Socket Mode over the network: a WebSocket server, and people's deliveries through it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
from aiohttp import WSMsgType, web

from bot.sandbox.slack.sockets import End, Socket, Sockets, Unheard


@contextlib.asynccontextmanager
async def serve_sockets(sockets: Sockets, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[None]:
    """Takes connections at ``sockets.url`` for as long as the block lasts."""
    app = web.Application()
    app.router.add_get("/link/", _Links(sockets).link)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        sockets.url = f"ws://{host}:{runner.addresses[0][1]}/link/"
        yield
    finally:
        sockets.url = ""
        for socket in list(sockets.open):
            sockets.drop(socket)
        await runner.cleanup()


class _Links:
    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    async def link(self, request: web.Request) -> web.StreamResponse:
        """One connection, from its ticket to its end."""
        socket = self._sockets.connect(request.query.get("ticket", ""))
        if socket is None:
            return web.Response(status=403)
        wire = web.WebSocketResponse(autoping=False, timeout=1.0)
        sending: asyncio.Task[None] | None = None
        try:
            await wire.prepare(request)
            sending = asyncio.create_task(_send(socket, wire, request))
            async for message in wire:
                if message.type is WSMsgType.TEXT:
                    self._sockets.heard(socket, message.data)
                elif message.type is WSMsgType.PING and not socket.mute:
                    await wire.pong(message.data)
        finally:
            self._sockets.gone(socket)
            if sending is not None:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        return wire


async def _send(socket: Socket, wire: web.WebSocketResponse, request: web.Request) -> None:
    while not isinstance(message := await socket.next(), End):
        with contextlib.suppress(ConnectionError):
            await wire.send_str(message)
    if message is End.CLOSED:
        await wire.close()
    elif request.transport is not None:
        request.transport.abort()


class OverSockets(httpx.AsyncBaseTransport):
    """Brings what would be a request to the bot through one of its connections, and the answer back.

    Nothing is signed there, so a signature says nothing. Where there is no acknowledgement there is no answer.
    """

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One payload.

        Raises:
            httpx.ConnectError: The bot has no connection, or it ended before the acknowledgement.
        """
        number = int(request.headers.get("x-slack-retry-num", "0"))
        retry = (number, request.headers.get("x-slack-retry-reason", ""))
        try:
            answer = await self._sockets.bring(
                request.headers["content-type"], await request.aread(), retry=retry
            )
        except Unheard as error:
            raise httpx.ConnectError(str(error)) from error
        return httpx.Response(200) if answer is None else httpx.Response(200, json=answer)
