"""Socket Mode: Slack's deliveries through connections that the bot opens, so that it needs no public address.

The SDK's own client is not used: of a task for each message it keeps no reference, its queue has no bound, it
closes the old connection before it opens the new one and then acknowledges through whichever there is, and it
writes the connection's address, which is a ticket, into the log (slack_sdk 3.47, ``socket_mode/async_client.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, Protocol

from bot.ports import Clock
from bot.telemetry import Reminder
from handlers.circuit import backoff
from handlers.envelopes import Envelopes, envelope_of
from handlers.reachability import OPEN, opening_problem, unreached
from handlers.slack_client import Done, RateLimited, Rejected, SlackClient
from handlers.web_sockets import Dialer, Gone, WebSocket

logger = logging.getLogger(__name__)

CONNECTIONS = 2
"""Slack sends each payload through any one of them, so the end of one costs nothing. It lets an app have ten."""
HELLO_WITHIN = 5.0
SETTLED = 30.0
"""A connection that lasted so many seconds was a good one: the next is made at once."""
LINGER = 30.0
"""Seconds for which what still comes through a connection that was replaced is taken; Slack says ten."""
AFTER_REFUSAL = 60.0
"""Seconds until Slack is asked again when it said no: only a person can mend that."""
IN_A_ROW = 3
"""Connections in a row that did not last, after which it is said, whyever each of them ended."""

CLOSED_AT_ONCE = {"link_disabled": AFTER_REFUSAL, "too_many_websockets": AFTER_REFUSAL}
"""Reasons for which Slack takes a connection away instead of replacing it, and how long none is asked for then."""
REASONS = frozenset(
    {"warning", "refresh_requested", *CLOSED_AT_ONCE, "closed", "connection_lost", "silent", "no_hello"}
)
"""Why a connection has to be replaced, as far as it is told apart."""


class Watch(Protocol):
    """Is told what goes on."""

    def socket_connections(self, count: int) -> None:
        """How many connections there are."""
        ...

    def socket_reconnect(self, reason: str) -> None:
        """One had to be replaced."""
        ...

    def socket_envelope(self, outcome: str) -> None:
        """What became of an envelope."""
        ...


class NotOpened(Exception):
    """A connection was not made; ``wait`` is in how many seconds it may be tried again, None: soon."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class SocketMode:
    """Keeps connections to Slack, and replaces each before it is taken away.

    Of the two ends of a connection that is replaced the new one is there first; the old one goes on being read
    until Slack closes it. What Slack sends twice, through one connection or two, is told apart behind the inbox.

    Args:
        client: Calls ``apps.connections.open`` with the app-level token.
        dialer: Makes the connections.
        envelopes: Answers what comes through them.
        parse: Reads a message; None for one that no honest sender sends.
        clock: Measures and waits.
        random: A number from 0 to 1, for jitter.
        watch: Is told what goes on.
        connections: How many to keep.
    """

    def __init__(
        self,
        *,
        client: SlackClient,
        dialer: Dialer,
        envelopes: Envelopes,
        parse: Callable[[str], dict[str, Any] | None],
        clock: Clock,
        random: Callable[[], float],
        watch: Watch,
        connections: int = CONNECTIONS,
    ) -> None:
        self._client = client
        self._dialer = dialer
        self._envelopes = envelopes
        self._parse = parse
        self._clock = clock
        self._random = random
        self._watch = watch
        self._connections = connections
        self._stopping = False
        self._keepers: list[asyncio.Task[None]] = []
        self._links: set[_Link] = set()
        self._deaf_since = clock.monotonic()
        self._reminder = Reminder()

    def deaf(self) -> float:
        """Seconds since there was a connection that lasted, or brought anything; 0.0 while there is one.

        One that has just been made proves nothing: whoever cuts it may do so at once, for ever.
        """
        heard = any(link.heard for link in self._links)
        return 0.0 if heard else self._clock.monotonic() - self._deaf_since

    async def run(self) -> None:
        """Keeps the connections until told to stop, and then until the last envelope is answered."""
        if self._stopping:
            return
        self._watch.socket_connections(0)
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._connections):
                keeping = self._keep(tasks)
                self._keepers.append(tasks.create_task(keeping, name=f"socket-keeper-{number}"))

    def stop(self) -> None:
        """Takes no more envelopes; those that were read are still answered, then ``run`` ends."""
        self._stopping = True
        for keeper in self._keepers:
            keeper.cancel()
        for link in self._links:
            link.stop()

    async def _keep(self, tasks: asyncio.TaskGroup) -> None:
        tries, last = 0, None
        while True:
            began = self._clock.monotonic()
            try:
                link = await self._open(tasks)
            except NotOpened as error:
                self._warn("no connection to Slack was made", str(error))
                tries += 1
                wait = error.wait or backoff(tries, self._random)
            except Exception:
                # Nobody would make the connections any more.
                logger.exception("socket_broke", extra={"what": "a connection broke before it was made"})
                tries += 1
                wait = backoff(tries, self._random)
            else:
                if last is not None:
                    tasks.create_task(_let_go(last), name="socket-replaced")
                last = link
                reason = await link.left()
                tries = 0 if self._clock.monotonic() - began >= SETTLED else tries + 1
                self._left(reason, tries)
                wait = CLOSED_AT_ONCE.get(reason, backoff(tries, self._random) if tries else 0.0)
            await self._clock.sleep(wait)

    async def _open(self, tasks: asyncio.TaskGroup) -> _Link:
        outcome = await self._client.call(OPEN)
        if not isinstance(outcome, Done):
            raise NotOpened(opening_problem(self._client, outcome), _wait(outcome))
        try:
            socket = await self._greeted(str(outcome.data.get("url")))
        except Gone as error:
            raise NotOpened(unreached(error.reason), CLOSED_AT_ONCE.get(error.reason)) from None
        link = _Link(socket, self._envelopes, self._parse, self._clock)
        self._links.add(link)
        tasks.create_task(self._serve(link), name="socket")
        self._watch.socket_connections(len(self._links))
        logger.info("socket_connected", extra={"open": len(self._links)})
        return link

    async def _greeted(self, url: str) -> WebSocket:
        async with contextlib.AsyncExitStack() as stack:
            socket = await self._dialer.open(url)
            stack.push_async_callback(socket.close)
            if refused := await self._refusal(socket):
                raise Gone(refused)
            stack.pop_all()
        return socket

    async def _refusal(self, socket: WebSocket) -> str:
        try:
            async with asyncio.timeout(HELLO_WITHIN):
                message = self._parse(await socket.receive()) or {}
        except TimeoutError:
            return "no_hello"
        if message.get("type") == "hello":
            return ""
        return _reason(message) if message.get("type") == "disconnect" else "no_hello"

    async def _serve(self, link: _Link) -> None:
        try:
            await link.serve()
        except Exception:
            logger.exception("socket_broke", extra={"what": "a connection broke"})
        finally:
            if link.heard:
                self._deaf_since = self._clock.monotonic()
            self._links.discard(link)
            self._watch.socket_connections(len(self._links))

    def _left(self, reason: str, tries: int) -> None:
        self._watch.socket_reconnect(reason if reason in REASONS else "other")
        if tries >= IN_A_ROW or reason in CLOSED_AT_ONCE:
            self._warn("no connection to Slack lasts", unreached(reason))
        else:
            logger.info("socket_replaced", extra={"why": reason})

    def _warn(self, what: str, why: str) -> None:
        if self._reminder.due(why, self._clock.monotonic()):
            logger.warning("socket_problem", extra={"what": what, "why": why})


class _Link:
    """A connection that has said hello."""

    def __init__(
        self,
        socket: WebSocket,
        envelopes: Envelopes,
        parse: Callable[[str], dict[str, Any] | None],
        clock: Clock,
    ) -> None:
        self._socket = socket
        self._envelopes = envelopes
        self._parse = parse
        self._clock = clock
        self._since = clock.monotonic()
        self._brought = False
        self._reason = ""
        self._left = asyncio.Event()
        self._stopped = False
        self._reading: asyncio.Task[None] | None = None
        self.ended = asyncio.Event()

    @property
    def heard(self) -> bool:
        """Whether Slack can be heard through it: it has lasted, or brought an envelope."""
        return self._brought or self._clock.monotonic() - self._since >= SETTLED

    async def left(self) -> str:
        """Waits until another one is needed in its place; why."""
        await self._left.wait()
        return self._reason

    def stop(self) -> None:
        """Reads no more; what was read is still answered, then it is closed."""
        self._stopped = True
        if self._reading is not None:
            self._reading.cancel()

    async def serve(self) -> None:
        """Answers what comes, until it is gone or stopped."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._reading = tasks.create_task(self._read(tasks), name="socket-reader")
                if self._stopped:
                    self._reading.cancel()
        finally:
            self._leave("stopped")
            await self._socket.close()
            self.ended.set()

    async def _read(self, tasks: asyncio.TaskGroup) -> None:
        try:
            while True:
                text = await self._socket.receive()
                arrived = self._clock.monotonic()
                await self._take(self._parse(text) or {}, arrived, tasks)
        except Gone as error:
            self._leave(error.reason)

    async def _take(self, message: dict[str, Any], arrived: float, tasks: asyncio.TaskGroup) -> None:
        if message.get("type") == "disconnect":
            reason = _reason(message)
            self._leave(reason)
            if reason in CLOSED_AT_ONCE:
                raise Gone(reason)
        elif envelope := envelope_of(message, arrived):
            self._brought = True
            await self._envelopes.take(envelope, self._socket.send, tasks)
        elif message.get("type") != "hello":
            logger.warning("malformed", extra={"what": "a message is not as documented"})

    def _leave(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._left.set()


async def _let_go(link: _Link) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            await link.ended.wait()
    link.stop()


def _reason(message: dict[str, Any]) -> str:
    return str(message.get("reason") or "refresh_requested")


def _wait(outcome: object) -> float | None:
    match outcome:
        case RateLimited(seconds):
            return seconds
        case Rejected():
            return AFTER_REFUSAL
        case _:
            return None
