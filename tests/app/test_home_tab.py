"""The Home tab through the real way in, and through the whole of the real bot."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.clouds import orders_on_qingcloud
from bot.sandbox.qingcloud import SimulatedQingCloud
from bot.sandbox.stack import Stack
from bot.sandbox.switchovers import Timings
from bot.storage import connect
from tests.app.door import RealDoor
from tests.app.signed import JSON
from tests.warm import warm_stack

OPENED: dict[str, Any] = {
    "type": "event_callback",
    "team_id": "T-HOME",
    "event_id": "Ev7",
    "event": {"type": "app_home_opened", "user": "U-ANN", "channel": "D-ANN", "tab": "home"},
}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[RealDoor]:
    store = await connect(f"sqlite:///{tmp_path}/switchover.db", migrate=True)
    yield RealDoor(store)
    await store.close()


async def test_an_opened_tab_is_recorded_once_and_is_due_once_it_was_worked_on(door: RealDoor) -> None:
    for at in (0, 60):
        assert (await door.send(json.dumps(OPENED).encode(), kind=JSON, at=at)).status_code == 200
    assert [await door.work(), await door.work()] == [1, 0]
    now = door.world.clock.now()
    tabs = await door.store.claim_homes(
        now, now + timedelta(seconds=60), 9, opened_since=now - timedelta(minutes=30), looked_before=now
    )
    assert [(tab.user, tab.team, tab.shown) for tab in tabs] == [("U-ANN", "T-HOME", "")]
    assert await door.store.claim_messages(now, now + timedelta(seconds=30), 9) == [], (
        "nobody is told anything"
    )


async def says(running: Stack, *words: str) -> None:
    """Waits until the approver's tab says all of this."""
    workspace, reader = running.demo.workspace, running.demo.approver

    def found() -> bool:
        tab = workspace.homes.get(reader.id)
        text = json.dumps(tab.payload, ensure_ascii=False) if tab else ""
        return all(word in text for word in words)

    wait: Callable[[], bool | None] = found
    await workspace.wait_for(wait, timeout=60)


async def test_the_real_bot_shows_what_there_is_and_follows_it() -> None:
    cloud = SimulatedQingCloud(timings=Timings(working=0.1, roles=0.2, done=0.4))
    async with warm_stack([orders_on_qingcloud(cloud)]) as running:
        await running.slack.open_home(running.demo.approver)
        await says(running, "orders", "正在读取", "没有等待你批准的操作。")  # in the approver's language
        await says(running, "orders", "主库 mysql-1")
        operation = await running.request("orders to cln-ouhutv702")
        await says(running, operation, "等待批准", "/archives/")
        home = running.demo.workspace.homes[running.demo.approver.id]
        assert "没有等待你批准" not in json.dumps(home.payload, ensure_ascii=False)
        refused = [call for call in running.demo.workspace.calls if call.outcome != "ok"]
        assert refused == []
