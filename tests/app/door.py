"""The way in as it really is: ASGI app, ingress, Bolt, listeners, grammar, a real store and the desk behind it."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any, cast

import httpx
from slack_sdk.web.async_client import AsyncWebClient

from bot.ports import InboxItem
from bot.storage import SqlStore
from bot.web import Ingress, create_app
from handlers import grammar
from handlers.answers import parse_choice
from handlers.app import SlackApp
from handlers.listeners import Listeners
from handlers.wording import Wording
from tests.app.signed import FORM, SECRET, ask, signed_headers
from tests.handlers.ledger import HandClock, NoForms
from tests.service.world import LeakyStore, World, stricter


class Nobody:
    """A directory's cache that is told of changes and keeps nothing."""

    def known_locale(self, user_id: str) -> str:
        return ""

    def forget_person(self, user_id: str) -> None: ...

    def forget_group(self, group_id: str) -> None: ...


class RealDoor:
    """What Slack delivers goes in, what the desk makes of it is in the store."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.clock = HandClock()
        self.world = World(stricter(approvals=1))
        self.world.store = cast(LeakyStore, store)
        self.world.start()
        self.app = self.restarted()

    def restarted(self) -> Any:
        """A new process: nothing is remembered but what the store holds."""
        wording = Wording("en")
        listeners = Listeners(
            store=self.store,
            clock=self.clock,
            parse=partial(grammar.parse, command="/switchover"),
            say=wording,
            parse_choice=parse_choice,
            forms=NoForms(),
            kick=lambda: None,
            directory=Nobody(),
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

    async def _readiness(self) -> list[str]:
        problem = await self.store.ready()
        return [problem] if problem else []

    async def send(self, raw: bytes, *, kind: str = FORM, at: float = 0.0, **extra: str) -> httpx.Response:
        headers = signed_headers(raw, kind=kind, at=at) | {k.replace("_", "-"): v for k, v in extra.items()}
        return await ask(self.app, raw, headers)

    async def ready(self) -> httpx.Response:
        return await ask(self.app, b"", {}, method="GET", path="/readyz")

    async def items(self) -> list[InboxItem]:
        now = self.clock.now()
        return list(await self.store.claim_inbox(now, now + timedelta(seconds=15), 100))

    async def work(self) -> int:
        """The desk works off what is due; how many deliveries that were."""
        items = await self.items()
        for item in items:
            await self.world.desk.work(item)
        return len(items)
