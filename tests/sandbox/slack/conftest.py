"""A demo workspace on a hand clock, and the official SDK as its client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Demo, demo_workspace, serve_workspace
from tests.sandbox.slack.hand_clock import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def demo(clock: HandClock) -> Demo:
    return demo_workspace(clock)


@pytest.fixture
async def client(demo: Demo) -> AsyncIterator[AsyncWebClient]:
    async with serve_workspace(demo.workspace) as api_url, aiohttp.ClientSession() as session:
        yield AsyncWebClient(demo.workspace.token, base_url=api_url, session=session, retry_handlers=[])
