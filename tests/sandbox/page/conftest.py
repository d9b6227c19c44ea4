"""A sandbox without the bot's process: nobody answers, everything else is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from bot.sandbox.page.app import page_app
from bot.sandbox.page.guard import HEADER
from bot.sandbox.page.sandbox import Sandbox, page_clouds
from bot.sandbox.server import serve
from bot.sandbox.slack import Demo, deliveries, demo_workspace
from bot.sandbox.stack import Bot, Stack

NOWHERE = "http://127.0.0.1:1/slack/events"  # nobody listens there
OURS = {HEADER: "1"}


@dataclass(frozen=True)
class Shown:
    """A sandbox, and the way to its page."""

    sandbox: Sandbox
    demo: Demo
    http: httpx.AsyncClient

    async def act(self, action: str, who: str = "U0RITA", **body: object) -> httpx.Response:
        """One action, as the page sends it."""
        return await self.http.post(f"/api/do/{action}", json={"as": who, **body}, headers=OURS)


@pytest.fixture
async def shown() -> AsyncIterator[Shown]:
    sandbox = Sandbox()
    demo = demo_workspace(lambda: datetime.now(UTC))
    async with deliveries(demo.workspace, NOWHERE) as people, serve(page_app(sandbox)) as url:
        with demo.workspace.on_change(lambda _: sandbox.wake()):
            sandbox.begin(Stack(demo, Bot(Path("switchover.toml"), {}), people), page_clouds())
            async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
                yield Shown(sandbox, demo, http)
            sandbox.close()
