"""Connections of Socket Mode without a network: messages go from hand to hand, in whatever time there is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

from bot.sandbox.slack.sockets import End, Socket, Sockets
from handlers.web_sockets import Gone, WebSocket


async def at_once() -> None:
    """Takes no time."""


class Plugs:
    """Stands where the bot has its ``WebSockets``.

    Args:
        sockets: Slack's side.
        way: Awaited on the way there and back.
    """

    def __init__(self, sockets: Sockets, way: Callable[[], Awaitable[None]] = at_once) -> None:
        self._sockets = sockets
        self._way = way

    async def open(self, url: str) -> WebSocket:
        """Connects with the ticket that the address holds."""
        await self._way()
        socket = self._sockets.connect(parse_qs(urlsplit(url).query)["ticket"][0])
        if socket is None:
            raise Gone("status 403")
        return Plug(self._sockets, socket, self._way)

    async def close(self) -> None:
        """Nothing is left open."""


class Plug:
    """The app's end of a connection."""

    def __init__(self, sockets: Sockets, socket: Socket, way: Callable[[], Awaitable[None]]) -> None:
        self._sockets = sockets
        self._socket = socket
        self._way = way
        self._over = ""

    async def receive(self) -> str:
        """The next message; none after the end."""
        if self._over:
            raise Gone(self._over)
        message = await self._socket.next()
        if not isinstance(message, End):
            return message
        self._over = "closed" if message is End.CLOSED else "connection_lost"
        self._sockets.gone(self._socket)
        raise Gone(self._over)

    async def send(self, text: str) -> None:
        """Brings a message to Slack, where the connection still is."""
        await self._way()
        if self._over:
            raise Gone(self._over)
        self._sockets.heard(self._socket, text)

    async def close(self) -> None:
        """Unplugs it."""
        self._over = self._over or "closed"
        self._sockets.gone(self._socket)
