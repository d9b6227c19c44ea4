"""Socket Mode in a history: deliveries through the bot's connections, and what Slack does to these."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from random import Random

from pydantic import SecretStr

from bot.config import Settings
from bot.sandbox.slack.sockets import End, Socket, Sockets, Unheard
from bot.sandbox.slack.wire import ACK_SECONDS, FORM, OK, Delivery, Receipt
from bot.sandbox.slack.workspace import Workspace
from handlers.reachability import OPEN
from handlers.web_sockets import WebSocket
from tests.simulation.deliveries import Mail
from tests.simulation.life import Life
from tests.simulation.plugs import Plugs
from tests.simulation.trace import Trace

EVERY = 9
GENEROUS = 0.8
TELLS = 15.0
"""Seconds after which a connection without a sign of life is given up."""


def mode_of(seed: int) -> str:
    """How Slack reaches the bot of this history: in one of nine through Socket Mode."""
    return "socket" if seed % EVERY == EVERY - 1 else "http"


def in_socket_mode(settings: Settings, app_token: str) -> Settings:
    """The same configuration with an app-level token instead of a signing secret."""
    way_in = {"mode": "socket", "app_token": SecretStr(app_token), "signing_secret": None}
    return replace(settings, slack=settings.slack.model_copy(update=way_in))


class Dialled(Plugs):
    """The connections of one process: it may die before and after an acknowledgement leaves."""

    def __init__(
        self,
        sockets: Sockets,
        life: Life,
        way: Callable[[], Awaitable[None]],
        count: Callable[[str], None],
    ) -> None:
        async def passed() -> None:
            await life.boundary("before a call to Slack")
            await way()
            await life.boundary("after Slack answered")

        super().__init__(sockets, passed)
        self._life = life
        self._count = count

    async def open(self, url: str) -> WebSocket:
        """Connects, where the process lives on."""
        socket = await super().open(url)
        self._count("connection made")
        await self._life.boundary("after Slack answered")
        return socket


class SocketMail(Mail):
    """Delivers what people do through the connections; nothing is signed there."""

    def sign(
        self,
        body: bytes | str,
        content_type: str = FORM,
        *,
        age: timedelta = timedelta(0),
        headers: Mapping[str, str] | None = None,
    ) -> Delivery:
        """Any body, with no signature."""
        raw = body.encode() if isinstance(body, str) else body
        return Delivery(raw, {**(headers or {}), "Content-Type": content_type})

    async def _ask(self, delivery: Delivery) -> Receipt:
        sockets = self.workspace.sockets
        if not self.trouble:
            await sockets.connected()  # nobody is in a hurry any more
        self._count("envelope")
        try:
            async with asyncio.timeout(ACK_SECONDS):
                answer = await sockets.bring(delivery.headers["Content-Type"], delivery.body)
        except TimeoutError:
            return Receipt(delivery, 0, failure="timeout", elapsed=ACK_SECONDS)
        except Unheard as error:
            self._count(f"envelope unheard: {error}")
            return Receipt(delivery, 0, failure=str(error))
        self._count("envelope acknowledged")
        body = b"" if answer is None else json.dumps(answer).encode()
        return Receipt(delivery, OK, body, {"content-type": "application/json"})


class Links:
    """What Slack does to the connections while there is trouble.

    Args:
        workspace: Slack's side.
        dice: Decides.
        trace: Notes and counts it.
    """

    def __init__(self, workspace: Workspace, dice: Random, trace: Trace) -> None:
        self._sockets = workspace.sockets
        self._dice = dice
        self._trace = trace
        # Slack promises one call a minute, and mostly takes more: an app may have ten connections.
        if dice.random() < GENEROUS:
            workspace.limits.exempt.add(OPEN)

    async def trouble(self) -> None:
        """Goes on until cancelled."""
        deeds = (self._refresh, self._drop, self._close, self._mute, self._disable)
        while True:
            await asyncio.sleep(self._dice.choice((0.5, 2.0, 6.0, 15.0)))
            deed = self._dice.choices(deeds, weights=(12, 6, 4, 2, 0.3))[0]
            await deed()

    def clear(self) -> None:
        """Slack takes connections again."""
        self._sockets.enabled = True

    def _some(self) -> list[Socket]:
        return [socket for socket in self._sockets.open if self._dice.random() < 0.6]

    async def _refresh(self) -> None:
        reason = self._dice.choice(("refresh_requested", "warning"))
        for socket in self._some():
            self._note(f"connection replaced: {reason}")
            self._sockets.refresh(socket, reason=reason, after=self._dice.choice((0.01, 0.5, 10.0)))

    async def _drop(self) -> None:
        for socket in self._some():
            self._note("connection broken")
            self._sockets.drop(socket)

    async def _close(self) -> None:
        for socket in self._some():
            self._note("connection closed")
            socket.end(End.CLOSED)

    async def _mute(self) -> None:
        loop = asyncio.get_running_loop()
        for socket in self._some():
            self._note("connection silent")
            socket.mute = True
            loop.call_later(TELLS, self._sockets.drop, socket)

    async def _disable(self) -> None:
        self._note("Socket Mode switched off")
        self._sockets.disable()
        await asyncio.sleep(self._dice.choice((1.0, 20.0)))
        self._sockets.enabled = True

    def _note(self, what: str) -> None:
        self._trace.count(what)
        self._trace.add("slack", what)
