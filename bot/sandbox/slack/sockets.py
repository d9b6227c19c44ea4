"""Slack's side of Socket Mode: tickets, connections, envelopes, and what became of them.

Messages: docs.slack.dev/apis/events-api/using-socket-mode. How a connection travels is somebody else's business:
``socket_server`` has one over the network.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from enum import Enum
from itertools import count
from urllib.parse import parse_qsl

from bot.sandbox.slack.model import Json

MOST = 10
TAKEN_AFTER = 10.0
"""Seconds after the notice in which a connection that was to be replaced is closed."""
ANSWERABLE = frozenset({"view_submission", "block_suggestion"})
"""Interactions whose acknowledgement may say something; that of every command may."""


class Unheard(Exception):
    """A payload was not acknowledged, and will not be: there is no connection, or no more."""


class End(Enum):
    """How Slack ends a connection: with a goodbye, or without a word."""

    CLOSED = "closed"
    DROPPED = "dropped"


class Socket:
    """Slack's end of one connection.

    Attributes:
        number: Counted from 1.
        chosen: Whether payloads are sent through it while there are others.
        mute: It gives no sign of life, and nothing arrives.
        received: How many envelopes went through it.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.chosen = True
        self.mute = False
        self.received = 0
        self._outgoing: asyncio.Queue[str | End] = asyncio.Queue()

    def say(self, message: Json) -> None:
        """Sends a message to the app."""
        if not self.mute:
            self._outgoing.put_nowait(json.dumps(message))

    def end(self, how: End) -> None:
        """Ends it."""
        self._outgoing.put_nowait(how)

    async def next(self) -> str | End:
        """What is to be brought to the app next."""
        return await self._outgoing.get()


class Sockets:
    """The connections of one app. Each payload goes through one of them, in turn.

    Attributes:
        url: Where connections are taken, "" while nowhere.
        enabled: Whether the app has Socket Mode switched on.
        most: How many connections it may have.
        open: The connections.
        made: How many there have been.
        acknowledged: How many envelopes were.
        problems: What Slack would not understand of what the app said.
    """

    def __init__(self, *, most: int = MOST) -> None:
        self.url = ""
        self.enabled = True
        self.most = most
        self.open: list[Socket] = []
        self.made = 0
        self.acknowledged = 0
        self.problems: list[str] = []
        self.reasons: Counter[str] = Counter()
        self._tickets: set[str] = set()
        self._waiting: dict[str, tuple[Socket, bool, asyncio.Future[Json | None]]] = {}
        self._ids = count(1)
        self._turn = 0
        self._changed = asyncio.Event()

    # Connecting

    def ticket(self) -> str:
        """An address that one connection may be made to."""
        ticket = f"ticket-{next(self._ids)}-of-the-sandbox"
        self._tickets.add(ticket)
        return f"{self.url}?ticket={ticket}&app_id=A0SWITCHOVER"

    def connect(self, ticket: str) -> Socket | None:
        """Takes a connection; None for a ticket that was used or never given."""
        if ticket not in self._tickets:
            return None
        self._tickets.remove(ticket)
        self.made += 1
        socket = Socket(self.made)
        refused = "" if self.enabled else "link_disabled"
        if len(self.open) >= self.most:
            refused = "too_many_websockets"
        if refused:
            self._dismiss(socket, refused)
            return socket
        self.open.append(socket)
        socket.say(
            {
                "type": "hello",
                "num_connections": len(self.open),
                "debug_info": {"host": "applink-1", "approximate_connection_time": 18060},
                "connection_info": {"app_id": "A0SWITCHOVER"},
            }
        )
        self._tell()
        return socket

    def gone(self, socket: Socket) -> None:
        """A connection has ended, whoever ended it: what went through it stays without acknowledgement."""
        if socket in self.open:
            self.open.remove(socket)
        for at, _, acknowledged in self._waiting.values():
            if at is socket and not acknowledged.done():
                acknowledged.set_exception(Unheard("the connection ended"))
        self._tell()

    # What Slack does to connections

    def refresh(
        self, socket: Socket, *, reason: str = "refresh_requested", after: float = TAKEN_AFTER
    ) -> None:
        """Says that the connection is to be replaced, and closes it some seconds later.

        Until then payloads go through it only where there is no other.
        """
        socket.chosen = False
        self._notice(socket, reason)
        asyncio.get_running_loop().call_later(after, socket.end, End.CLOSED)

    def drop(self, socket: Socket) -> None:
        """The connection breaks."""
        socket.end(End.DROPPED)
        self.gone(socket)

    def disable(self) -> None:
        """Somebody switches Socket Mode off in the settings of the app."""
        self.enabled = False
        for socket in list(self.open):
            self._dismiss(socket, "link_disabled")

    def _dismiss(self, socket: Socket, reason: str) -> None:
        self._notice(socket, reason)
        socket.end(End.CLOSED)

    def _notice(self, socket: Socket, reason: str) -> None:
        self.reasons[reason] += 1
        socket.say({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}})

    # Payloads

    async def deliver(
        self, kind: str, payload: Json, *, answerable: bool = False, retry: tuple[int, str] | None = None
    ) -> Json | None:
        """Sends a payload and waits, for ever, for its acknowledgement; what it says, None for nothing.

        Args:
            kind: ``slash_commands``, ``interactive`` or ``events_api``.
            payload: The payload.
            answerable: Whether the acknowledgement may say something.
            retry: Which time an event is sent again, and why.

        Raises:
            Unheard: There was no connection, or it ended.
        """
        socket, name = self._choose(), f"envelope-{next(self._ids)}"
        envelope: Json = {"envelope_id": name, "type": kind, "payload": payload}
        envelope["accepts_response_payload"] = answerable
        if kind == "events_api":
            number, reason = retry or (0, "")
            envelope |= {"retry_attempt": number, "retry_reason": reason}
        acknowledged: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
        self._waiting[name] = (socket, answerable, acknowledged)
        socket.received += 1
        socket.say(envelope)
        try:
            return await acknowledged
        finally:
            del self._waiting[name]

    async def bring(
        self, content_type: str, body: bytes, *, retry: tuple[int, str] | None = None
    ) -> Json | None:
        """Delivers what would be the body of a request; as ``deliver``."""
        kind, payload = unpacked(content_type, body)
        answerable = kind == "slash_commands" or payload.get("type") in ANSWERABLE
        return await self.deliver(kind, payload, answerable=answerable, retry=retry)

    def heard(self, socket: Socket, text: str) -> None:
        """The app says something."""
        if socket.mute:
            return
        said = json.loads(text)
        at, answerable, acknowledged = self._waiting.get(said.get("envelope_id", ""), (None, False, None))
        if acknowledged is None or acknowledged.done():
            return  # Slack has given up on it, or was told already
        if at is not socket:
            self.problems.append("acknowledged through another connection")
        elif "payload" in said and not answerable:
            self.problems.append("an answer where none is taken")
        else:
            self.acknowledged += 1
            acknowledged.set_result(said.get("payload"))

    async def until(self, true: Callable[[], bool]) -> None:
        """Waits until something is true of the connections."""
        while not true():
            await self._changed.wait()

    async def connected(self, least: int = 1) -> None:
        """Waits until there are so many connections."""
        await self.until(lambda: len(self.open) >= least)

    def _choose(self) -> Socket:
        chosen = [socket for socket in self.open if socket.chosen] or self.open
        if not chosen:
            raise Unheard("no connection is open")
        self._turn += 1
        return chosen[self._turn % len(chosen)]

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def unpacked(content_type: str, body: bytes) -> tuple[str, Json]:
    """What would be the body of a request, as an envelope has it: the kind, and the payload."""
    if content_type == "application/json":
        return "events_api", json.loads(body)
    form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    return ("interactive", json.loads(form["payload"])) if "payload" in form else ("slash_commands", form)
