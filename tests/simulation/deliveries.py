"""Slack's deliveries to the bot over a bad network: lost, late, doubled, out of order, answered in vain."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Coroutine, Mapping
from enum import Enum, auto
from typing import Any, cast
from urllib.parse import parse_qs

import httpx

from bot.sandbox.slack import Deliveries
from bot.sandbox.slack.model import Json
from bot.sandbox.slack.wire import ACK_SECONDS, JSON, OK, Delivery, Receipt, Twist
from bot.sandbox.slack.workspace import Workspace
from handlers.form import CALLBACK, OPEN_FORM
from tests.simulation.asgi import Answered, ask
from tests.simulation.life import Life

URL = "http://bot.example/slack/events"
ALLOWED = frozenset({OK, 401, 403, 503})
"""What the bot may answer to something that Slack signed: done, stale, known already, not now."""


class Mail(Deliveries):
    """Delivers what people do.

    Args:
        workspace: Whose people.
        dice: Decides what happens on the way.
        bot: The process that listens now, if one does.
        answered: Told of every answer that Slack got.
        spawn: Lets something happen later.
        count: Counts what goes wrong.

    Attributes:
        trouble: How often something goes wrong on the way, from 0 to 1.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        dice: random.Random,
        bot: Callable[[], Life | None],
        answered: Callable[[Receipt, str, Recording], None],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        count: Callable[[str], None],
    ) -> None:
        super().__init__(workspace, URL, cast(httpx.AsyncClient, None))
        self.trouble = 0.0
        self._dice = dice
        self._bot = bot
        self._answered = answered
        self._spawn = spawn
        self._count = count
        self._interactions: dict[bytes, tuple[str, Recording]] = {}

    async def _interact(self, payload: Json, twist: Twist) -> Receipt:
        def noted(delivery: Delivery) -> Delivery:
            self._interactions[delivery.body] = interacted(payload), recording_of(payload)
            return twist(delivery)

        return await super()._interact(payload, noted)

    def form(self, fields: Mapping[str, str]) -> str:
        """Escapes nothing but what would be read as something else: half of a click is quotation marks."""
        return "&".join(f"{name}={_escaped(value)}" for name, value in fields.items())

    async def send(self, delivery: Delivery) -> Receipt:
        """Sends it once, and perhaps again: Slack may deliver anything up to four times."""
        again = self._dice.choice((1, 1, 2, 3)) if self._dice.random() < self.trouble / 2 else 0
        for _ in range(again):
            self._count("delivery doubled")
            wait = self._dice.choice((0.0, 0.0, 0.3, 2.0, 20.0, 90.0))
            self._spawn(self._copy(delivery, wait, signed_anew=self._dice.random() < 0.6))
        return await self._carry(delivery)

    async def _copy(self, delivery: Delivery, wait: float, *, signed_anew: bool) -> None:
        await asyncio.sleep(wait)
        await self._carry(self.resigned(delivery) if signed_anew else delivery)

    async def _carry(self, delivery: Delivery) -> Receipt:
        trouble = self._dice.random() < self.trouble
        kind = self._dice.choice(("lost", "late", "answer lost", "answer lost")) if trouble else ""
        if kind:
            self._count(f"delivery {kind}")
        await asyncio.sleep(self._dice.choice((0.01, 0.02, 0.1)))
        if kind == "lost":
            return Receipt(delivery, 0, failure="lost")
        if kind == "late":
            await asyncio.sleep(self._dice.choice((1.0, 2.5, 30.0)))
        receipt = await self._ask(delivery)
        self._answered(receipt, *(self._interactions.get(delivery.body) or told(delivery)))
        return Receipt(delivery, 0, failure="answer lost") if kind == "answer lost" else receipt

    async def _ask(self, delivery: Delivery) -> Receipt:
        life = self._bot()
        if life is None:
            return Receipt(delivery, 0, failure="nobody listens")
        asking = life.run(ask(life.bot.web, "POST", self.url, delivery.headers, delivery.body))
        await asyncio.wait({asking}, timeout=ACK_SECONDS)
        if not asking.done():
            return Receipt(delivery, 0, failure="timeout", elapsed=ACK_SECONDS)
        if asking.cancelled() or asking.exception() is not None or not life.alive:
            return Receipt(delivery, 0, failure="connection reset")
        answer: Answered = asking.result()
        return Receipt(delivery, answer.status, answer.body, dict(answer.headers))


def _escaped(text: str) -> str:
    for mark, code in (("%", "%25"), ("+", "%2B"), ("&", "%26"), (" ", "+")):
        text = text.replace(mark, code)
    return text


class Recording(Enum):
    """Whether an empty 200 says that a delivery was recorded."""

    SURELY = auto()
    PERHAPS = auto()
    NEVER = auto()


def told(delivery: Delivery) -> tuple[str, Recording]:
    """A command or an event in a few words, and whether it is recorded: without words a form is asked for."""
    if delivery.headers["Content-Type"] == JSON:
        event = json.loads(delivery.body)["event"]
        asks = event["type"] in {"app_mention", "app_home_opened"}
        what = f"{event['type']} {event.get('user', '')} {event.get('text', '')}".strip()
        return what, Recording.SURELY if asks else Recording.NEVER
    form = {key: values[0] for key, values in parse_qs(delivery.body.decode()).items()}
    text = form.get("text", "")
    what = f"{form['user_name']}: {form['command']} {text}"
    return what, Recording.SURELY if text.strip() else Recording.PERHAPS


def recording_of(payload: Json) -> Recording:
    """Whether an interaction is: a wish for a form is where there is no form, what is done in one never is."""
    match payload["type"]:
        case "view_submission":
            return Recording.SURELY
        case "shortcut" | "message_action":
            return Recording.PERHAPS
        case "block_actions" if payload["actions"][0]["action_id"] == OPEN_FORM:
            return Recording.PERHAPS
        case "block_actions" if payload.get("view", {}).get("callback_id") != CALLBACK:
            return Recording.SURELY
        case _:
            return Recording.NEVER


def interacted(payload: Json) -> str:
    """A click, or what is done in a form, in a few words."""
    who = payload["user"]["username"]
    match payload["type"]:
        case "block_actions":
            action = payload["actions"][0]
            value = action.get("value") or (action.get("selected_option") or {}).get("value", "")
            return f"{who} clicks {action['action_id']} {value[:40]}"
        case "view_submission":
            values: Json = payload["view"]["state"]["values"]
            fields: Json = {block: next(iter(entered.values()), {}) for block, entered in values.items()}
            said = {
                block: field.get("value") or (field.get("selected_option") or {}).get("value")
                for block, field in fields.items()
            }
            return f"{who} sends the form {said}"
        case kind:
            return f"{who}: {kind} {payload.get('callback_id', payload.get('value', ''))}"
