"""The way in with small words behind it, and what comes through it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.commands import Command, ListDatabases, Origin, RequestSwitchover, ShowHelp
from bot.core.model import Reason
from bot.web import Ingress, create_app
from handlers.app import SlackApp
from handlers.grammar import Misunderstood
from handlers.listeners import Listeners
from tests.app.signed import FORM, JSON, SECRET, ask, interactive, signed_headers
from tests.handlers.ledger import HandClock, Inbox, NoForms

UNRECORDED = "Nothing was recorded. Please try again."
MAYBE = "This may have been recorded."


@dataclass
class Said:
    text: str
    blocks: Sequence[Mapping[str, Any]] = ()


@dataclass
class Unclear:
    typed: str


def small_grammar(text: str) -> object:
    """Enough of a grammar to tell commands from the rest."""
    words = text.split()
    if words == ["list"]:
        return ListDatabases()
    if words == ["break"]:
        raise RuntimeError("a defect of the grammar")
    if words[:1] == ["unsure"]:
        return Misunderstood("", Reason.of("unknown-word", text="?"), "", taken="unsure")
    if len(words) == 1 or (len(words) > 2 and words[1] == "because"):
        return RequestSwitchover(words[0], reason=" ".join(words[2:]))
    return Unclear(text)


class Sentences:
    def unrecorded(self, locale: str) -> str:
        return f"{locale}: {UNRECORDED}"

    def maybe_recorded(self, locale: str) -> str:
        return f"{locale}: {MAYBE}"

    def maybe_recorded_view(self, locale: str) -> Mapping[str, Any]:
        return {"type": "modal", "title": locale}

    def outsider(self, locale: str) -> str:
        return f"{locale}: Not for you."

    def explain(self, parsed: object, locale: str) -> Said:
        if isinstance(parsed, ShowHelp):
            return Said(f"{locale}: The usage.")
        assert isinstance(parsed, Unclear)
        return Said(f"{locale}: not understood: {parsed.typed}", [{"type": "divider"}])


def small_choice(value: str) -> RequestSwitchover | None:
    database, _, node = value.partition("|")
    return RequestSwitchover(database, node=node) if node else None


@dataclass
class Forgotten:
    people: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    def known_locale(self, user_id: str) -> str:
        return {"U1": "zh-CN"}.get(user_id, "")

    def forget_person(self, user_id: str) -> None:
        self.people.append(user_id)

    def forget_group(self, group_id: str) -> None:
        self.groups.append(group_id)


class Bot:
    """The way in, whole: ASGI app, ingress, Bolt, listeners; only the inbox is in memory."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.inbox = Inbox()
        self.kicks = 0
        self.forgotten = Forgotten()
        self.app = self.restarted()

    def restarted(self) -> Any:
        listeners = Listeners(
            store=self.inbox,
            clock=self.clock,
            parse=small_grammar,
            say=Sentences(),
            parse_choice=small_choice,
            forms=NoForms(),
            kick=self._kick,
            directory=self.forgotten,
        )
        self.slack = SlackApp(client=AsyncWebClient(token="xoxb-test"), listeners=listeners)
        ingress = Ingress(
            signing_secret=SECRET,
            clock=self.clock,
            dispatch=self.slack.dispatch,
            intake_open=lambda: True,
            observe=lambda _: None,
        )
        return create_app(ingress=ingress, readiness=self._readiness, metrics=lambda: b"")

    def _kick(self) -> None:
        self.kicks += 1

    async def _readiness(self) -> list[str]:
        return []

    async def send(self, raw: bytes, *, kind: str = FORM, at: float = 0.0, **extra: str) -> httpx.Response:
        headers = signed_headers(raw, kind=kind, at=at) | {k.replace("_", "-"): v for k, v in extra.items()}
        return await ask(self.app, raw, headers)

    async def click(self, at: float = 0.0, **changes: Any) -> httpx.Response:
        return await self.send(interactive(CLICK | changes), at=at)

    async def event(self, at: float = 0.0, **changes: Any) -> httpx.Response:
        body = EVENT | {"event": MENTION | changes}
        return await self.send(json.dumps(body).encode(), kind=JSON, at=at)

    @property
    def commands(self) -> list[Command]:
        return [item.command for item in self.inbox.items]

    @property
    def origins(self) -> list[Origin]:
        return [item.origin for item in self.inbox.items]


CLICK: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": "U2", "username": "bea", "team_id": "T1"},
    "team": {"id": "T1", "domain": "home"},
    "channel": {"id": "C1", "name": "ops"},
    "container": {"type": "message", "message_ts": "1.1", "channel_id": "C1"},
    "message": {"ts": "1.1", "type": "message"},
    "trigger_id": "9.8.7",
    "response_url": "https://hooks.slack.com/actions/1/2",
    "actions": [{"action_id": "approve", "block_id": "b", "type": "button", "value": "SW-7K3M9Q"}],
}
MENTION: dict[str, Any] = {
    "type": "app_mention",
    "user": "U1",
    "team": "T1",
    "channel": "C1",
    "text": "<@UBOT> orders",
    "ts": "5.5",
}
EVENT: dict[str, Any] = {
    "type": "event_callback",
    "team_id": "T1",
    "event_id": "Ev1",
    "authorizations": [{"team_id": "T1", "user_id": "UBOT", "is_bot": True}],
}
