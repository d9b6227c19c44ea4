"""WebSockets over aiohttp: bounded in time, watched, and never named: their address is a ticket."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

import aiohttp

from handlers.slack_client import unconnected

HEARTBEAT = 10.0
"""Seconds of silence after which the other side is asked for a sign of life; it has half as long to give one."""
CLOSE_WITHIN = 1.0
"""Slack does not always answer the end of a connection."""


class Gone(Exception):
    """A connection can't be made, or is no more.

    Args:
        reason: Why, in a word: Slack's own, or one of ours.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class WebSocket(Protocol):
    """A connection that is open."""

    async def receive(self) -> str:
        """The next message.

        Raises:
            Gone: There will be none.
        """
        ...

    async def send(self, text: str) -> None:
        """Sends a message.

        Raises:
            Gone: It did not leave.
        """
        ...

    async def close(self) -> None:
        """Says goodbye, where somebody still listens, and lets go."""
        ...


class Dialer(Protocol):
    """Makes connections."""

    async def open(self, url: str) -> WebSocket:
        """Connects to an address.

        Raises:
            Gone: That failed.
        """
        ...

    async def close(self) -> None:
        """Closes what is left open."""
        ...


class WebSockets:
    """Makes connections over the network; make it while the event loop runs, close it at the end.

    Args:
        secure: Whether only encrypted connections will do.
        heartbeat: Seconds of silence before the other side is asked whether it is there.
        time_limit: Seconds for connecting, and for sending a message.
    """

    def __init__(self, *, secure: bool, heartbeat: float = HEARTBEAT, time_limit: float = 5.0) -> None:
        self._scheme = "wss://" if secure else "ws"
        self._heartbeat = heartbeat
        self._time_limit = time_limit
        self._session = aiohttp.ClientSession()

    async def open(self, url: str) -> WebSocket:
        """Connects; no error of it holds the address.

        Raises:
            Gone: That failed.
        """
        if not url.startswith(self._scheme):
            raise Gone("unsafe_address")
        try:
            async with asyncio.timeout(self._time_limit):
                socket = await self._session.ws_connect(
                    url,
                    heartbeat=self._heartbeat,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_WITHIN),
                )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Gone(unconnected(error)) from None
        except aiohttp.WSServerHandshakeError as error:
            raise Gone(f"status {error.status}") from None
        except TimeoutError:
            raise Gone("timed_out") from None
        except (OSError, aiohttp.ClientError, ValueError):
            raise Gone("connection_failed") from None
        return _WebSocket(socket, self._time_limit)

    async def close(self) -> None:
        """Closes what is left open."""
        await self._session.close()


class _WebSocket:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse, time_limit: float) -> None:
        self._socket = socket
        self._time_limit = time_limit

    async def receive(self) -> str:
        while True:
            message = await self._socket.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                return str(message.data)
            if message.type is not aiohttp.WSMsgType.BINARY:
                raise Gone(self._why())

    def _why(self) -> str:
        match self._socket.exception():
            case TimeoutError():
                return "silent"
            case None if self._socket.close_code != aiohttp.WSCloseCode.ABNORMAL_CLOSURE:
                return "closed"
            case _:
                return "connection_lost"

    async def send(self, text: str) -> None:
        try:
            async with asyncio.timeout(self._time_limit):
                await self._socket.send_str(text)
        except (OSError, aiohttp.ClientError, TimeoutError):
            raise Gone("connection_lost") from None

    async def close(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._time_limit):
                await self._socket.close()
