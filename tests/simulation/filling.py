"""What people do in forms and Home tabs: open, type, choose, send with and without mistakes, close."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from bot.sandbox.slack import Demo, Impossible, Message, User, View
from bot.sandbox.slack.payloads import options
from handlers.form import CHANNEL, DATABASE, NODE, OPEN_FORM, REASON, SHARD, START
from handlers.listeners import HERE, NEW
from tests.simulation.deliveries import Mail
from tests.simulation.trace import Trace

STARTS = ("", "", "", "", "in 20s", "in 3m", "soon", "at 25:99")
TYPED = ("", "", "or", "ess", "events", "xyz")


class Filling:
    """Fills forms, driven by dice.

    Args:
        demo: Who does it.
        mail: Carries it to the bot.
        dice: Decides what.
        trace: Counts what was done.
        elapsed: Seconds since the history began.

    Attributes:
        opened: When people opened their Home tabs last, as far as the bot has taken note.
    """

    def __init__(
        self, demo: Demo, mail: Mail, dice: Random, trace: Trace, elapsed: Callable[[], float]
    ) -> None:
        self.opened: dict[str, float] = {}
        self._elapsed = elapsed
        self._demo = demo
        self._mail = mail
        self._dice = dice
        self._trace = trace

    async def act(self) -> None:
        """Somebody opens a form or their Home tab; what Slack would not let them do is not done."""
        demo = self._demo
        who = self._dice.choices(
            (demo.requester, demo.approver, demo.bystander, demo.guest), weights=(5, 3, 2, 1)
        )[0]
        await (self.look_home(who) if self._dice.random() < 0.4 else self.fill(who))

    async def look_home(self, who: User) -> None:
        """Opens the Home tab, and perhaps a form from it."""
        self._trace.did("Home tab opened")
        if (await self._mail.open_home(who)).ok:
            self.opened[who.id] = self._elapsed()
        await asyncio.sleep(2)
        home = self._demo.workspace.homes.get(who.id)
        if home is not None and self._dice.random() < 0.2:
            await self.fill(who, home)

    async def fill(self, who: User, where: View | Message | None = None) -> None:
        """Opens a form, fills it and sends it, or closes it."""
        try:
            await self._open(who, where)
            await asyncio.sleep(self._dice.choice((0.5, 1.5)))
            view = self._demo.workspace.modal(who)
            if view is not None:
                self._trace.did("form opened")
                await self._fill(who, view)
        except Impossible:
            return

    async def _open(self, who: User, where: View | Message | None) -> None:
        if where is not None:
            await self._mail.click(who, where, OPEN_FORM)
            return
        cards = self._demo.workspace.with_metadata(key="card")
        ways = ["command", "shortcut", *(["message"] if cards else [])]
        match self._dice.choice(ways):
            case "command":
                await self._mail.command(who, self._demo.channel, "")
            case "shortcut":
                await self._mail.global_shortcut(who, NEW)
            case _:
                await self._mail.message_shortcut(who, self._dice.choice(cards), HERE)

    async def _fill(self, who: User, view: View) -> None:
        found = await self._mail.suggest(who, view, DATABASE, self._dice.choice(TYPED))
        offered = [option["value"] for option in found.json.get("options", ())]
        databases = self._dice.choices(
            offered or ["orders", "sessions", "no-such-one"], k=self._dice.choice((1, 1, 2))
        )
        for database in databases:
            await self._mail.choose(who, view, DATABASE, database)
            await asyncio.sleep(self._dice.choice((0.0, 0.5, 2.0, 6.0)))
        if self._dice.random() < 0.1:
            self._trace.did("form closed")
            await self._mail.close(who, view)
            return
        for _ in range(3):  # what was said to be wrong is mended, perhaps
            now = self._demo.workspace.views[view.id]
            if not now.open:
                return
            times = 2 if self._dice.random() < 0.1 else 1
            values = self._values(now, databases[-1])
            self._trace.did("form sent")
            await asyncio.gather(*(self._mail.submit(who, view, values) for _ in range(times)))
            if self._demo.workspace.views[view.id].errors:
                self._trace.did("form sent back")
            await asyncio.sleep(1)

    def _values(self, view: View, database: str) -> dict[str, Any]:
        blocks = {block["block_id"]: block for block in view.payload["blocks"]}
        values: dict[str, Any] = {DATABASE: database}
        if CHANNEL in blocks:
            values[CHANNEL] = self._dice.choice((self._demo.channel.id, self._demo.private.id))
        if START in blocks:
            values[START] = self._dice.choice(STARTS) or None
        if REASON in blocks:
            values[REASON] = "because of the form"
        for name in (SHARD, NODE):
            if name in blocks:
                element = blocks[name]["element"]
                there = [option["value"] for option in options(element)]
                needed = not blocks[name].get("optional")
                choice = self._dice.choice(there or ["shard-1", "1"])
                values[name] = choice if needed or self._dice.random() < 0.7 else None
        return values
