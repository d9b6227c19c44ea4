"""Nothing that the bot does on its event loop waits for a file, a name, a process or a clock, or computes for long."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.core.operation import Status
from bot.sandbox.stack import Stack, executed, stack
from tests.crash.lives import CLOUDS, TRACKING
from tests.crash.watched import BOUND, PROVOKE

pytestmark = pytest.mark.timeout(900)

WATCHED = executed("-m", "tests.crash.watched")


@asynccontextmanager
async def watched(play: str) -> AsyncIterator[tuple[Stack, str]]:
    make, scene = CLOUDS[play]
    cloud = make()
    async with stack([cloud], tracking=TRACKING, rate_limited=False, starter=WATCHED) as running:
        await running.bot.logged("watching")
        yield running, cloud.scenes[scene].asked


def seen(running: Stack) -> list[dict[str, Any]]:
    return [line for line in running.bot.logs if line.get("event") in {"blocked", "blocking_call"}]


@pytest.mark.parametrize("play", ["qingcloud", pytest.param("dds-named", marks=pytest.mark.slow)])
async def test_a_whole_switchover_never_blocks_the_loop(play: str) -> None:
    async with watched(play) as (running, asked):
        operation = await running.request(asked)
        card = await running.card_in(Status.AWAITING_APPROVAL, operation=operation)
        await running.slack.click(running.demo.approver, card, "approve")
        await running.told(Status.SUCCEEDED)
        assert await running.bot.stop() == 0
        assert seen(running) == []
        figures = await running.bot.logged("watched")
        assert figures["callbacks"] > 1000
        assert figures["longest"] < BOUND


@pytest.mark.slow
@pytest.mark.parametrize(
    ("provoke", "events"), [("sleep", ["blocking_call", "blocked"]), ("compute", ["blocked"])]
)
async def test_the_watchers_bite(provoke: str, events: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROVOKE, provoke)
    async with watched("qingcloud") as (running, _):
        await running.bot.stop()
        assert [line["event"] for line in seen(running)] == events
