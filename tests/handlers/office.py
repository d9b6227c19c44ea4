"""The real way in with the form behind it, between a simulated Slack and clouds that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import httpx

from bot.core.commands import Command, RequestSwitchover
from bot.core.model import CandidateRule, Reason, UserId
from bot.core.policy import Policy
from bot.ports import Inbound
from bot.sandbox.slack import Deliveries, Demo, Message, View, demo_workspace, serve_workspace
from bot.scheduler import Crew
from bot.service.catalogue import Catalogue, CatalogueHolder, Database
from bot.service.offering import Offering
from bot.web import Ingress, create_app
from handlers import grammar
from handlers.answers import parse_choice
from handlers.app import SlackApp
from handlers.directory import SlackDirectory
from handlers.forms import Forms
from handlers.listeners import Listeners
from handlers.pace import Pace
from handlers.slack_client import SlackClient
from handlers.wording import Wording
from tests.core.examples import CLOUD, A, B, reading
from tests.handlers.ledger import HandClock, Inbox
from tests.service.world import ScriptedCloud

OPEN_TO_ALL = Policy("default", approvers=("S0APPROVERS",))
FOR_APPROVERS = Policy("strict", approvers=("S0APPROVERS",), requesters=("S0APPROVERS",))
PATIENCE = 20.0


class Office:
    """Ingress, Bolt, listeners, forms; only the inbox is in memory, and holds what was recorded.

    ``answered``: the methods of Slack whose calls are over, whatever became of them.
    """

    def __init__(
        self, demo: Demo, client: SlackClient, clock: HandClock, answered: Sequence[str], **limits: float
    ) -> None:
        self.answered = answered
        self.demo = demo
        self.clock = clock
        self.client = client
        self.inbox = Inbox()
        self.pace = Pace(clock)
        self.crew = Crew(8)
        self.cloud = ScriptedCloud()
        self.shards = ScriptedCloud(
            replace(CLOUD, shards=True, candidate=CandidateRule.OPTIONAL),
            shards=(
                replace(reading(A), shard="sh-1", shard_name="shard_1"),
                replace(reading(B), shard="sh-2", shard_name="shard_2"),
            ),
        )
        self.catalogue = CatalogueHolder(Catalogue({}))
        self.configure(
            Database("orders", "Orders, MySQL Plus", "qc", self.cloud, OPEN_TO_ALL),
            Database("events", "sharded", "hw", self.shards, OPEN_TO_ALL),
            Database("payroll", "salaries", "qc", self.cloud, FOR_APPROVERS),
        )
        self.directory = SlackDirectory(client, clock=clock)
        wording = Wording("en")
        self.forms = Forms(
            client=client,
            offering=Offering(
                directory=self.directory, catalogue=self.catalogue, reading_limit=limits.get("reading", 20.0)
            ),
            foreseen=self.foreseen,
            wording=wording,
            crew=self.crew,
            take=self.pace.take,
            clock=clock,
            who_limit=limits.get("who", PATIENCE),
            asked_for=limits.get("asked", PATIENCE),
        )
        self.kicks = 0
        self.in_the_way: dict[tuple[str, str], Reason] = {}
        listeners = Listeners(
            store=self.inbox,
            clock=clock,
            parse=partial(grammar.parse, command="/switchover"),
            say=wording,
            parse_choice=parse_choice,
            forms=self.forms,
            kick=self._kick,
            directory=self.directory,
            open_within=limits.get("open", PATIENCE),
        )
        self.slack = SlackApp(client=client.web, listeners=listeners)
        ingress = Ingress(
            signing_secret=demo.workspace.signing_secret,
            clock=clock,
            dispatch=self.slack.dispatch,
            intake_open=lambda: True,
            observe=lambda _: None,
        )
        self.app = create_app(ingress=ingress, readiness=self._readiness, metrics=lambda: b"")
        self.people: Deliveries

    async def foreseen(self, command: RequestSwitchover, user: UserId) -> Reason | None:
        return self.in_the_way.get((command.database, user))

    def configure(self, *databases: Database, channels: frozenset[str] = frozenset()) -> None:
        self.catalogue.current = Catalogue({each.name: each for each in databases}, channels)

    def _kick(self) -> None:
        self.kicks += 1

    async def _readiness(self) -> list[str]:
        return []

    async def settled(self) -> None:
        """Until no task of a form runs any more."""
        assert await self.crew.join(PATIENCE) == 0

    async def form(self, user: str = "rita") -> View:
        """The form that this person has in front of them, once nothing about it is under way."""
        await self.settled()
        view = self.demo.workspace.modal(user)
        assert view is not None
        return view

    async def opened(self, user: str = "rita") -> View:
        """The form, opened by the command."""
        assert (await self.people.command(user, self.demo.channel)).ok
        return await self.form(user)

    async def filled_for(self, database: str, user: str = "rita") -> View:
        """The form, with this database chosen and read."""
        view = await self.opened(user)
        assert (await self.people.choose(user, view, "database", database)).ok
        return await self.form(user)

    def ephemeral(self, user: str = "rita") -> Message:
        return self.demo.workspace.ephemerals(user)[-1]

    @property
    def commands(self) -> list[Command]:
        return [item.command for item in self.inbox.items]

    @property
    def recorded(self) -> Inbound:
        (item,) = self.inbox.items
        return item


@asynccontextmanager
async def office(**limits: float) -> AsyncIterator[Office]:
    """An office; ``who``, ``open``, ``reading``, ``asked`` are limits in seconds, ``slack`` that of a call."""
    clock = HandClock()
    demo = demo_workspace(clock.now, rate_limited=False)
    answered: list[str] = []
    async with serve_workspace(demo.workspace) as api_url:
        client = SlackClient(
            token=demo.workspace.token,
            api_url=api_url,
            clock=clock,
            observe=lambda method, *_: answered.append(method),
            time_limit=limits.get("slack", PATIENCE),
        )
        made = Office(demo, client, clock, answered, **limits)
        transport = httpx.ASGITransport(app=made.app)
        async with httpx.AsyncClient(transport=transport) as http:
            made.people = Deliveries(demo.workspace, "http://bot/slack/events", http)
            try:
                yield made
            finally:
                await made.crew.join(0)
                await client.close()


def blocks_of(view: View) -> dict[str, Any]:
    """What a form asks for."""
    return {block["block_id"]: block for block in view.payload["blocks"] if block["type"] == "input"}


def said_in(view: View) -> str:
    """What a form says outside of its fields."""
    texts = [block["text"]["text"] for block in view.payload["blocks"] if block["type"] == "section"]
    for block in view.payload["blocks"]:
        texts += [each["text"] for each in block["elements"]] if block["type"] == "context" else []
    return "\n".join(texts)


async def hang() -> None:
    """Never ends by itself."""
    await asyncio.Event().wait()
