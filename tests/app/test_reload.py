"""SIGHUP: a new configuration is taken over while everything goes on."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.app import Bot, load_settings, slack_client
from bot.storage import connect
from bot.telemetry import Metrics
from tests.app.commands import CONFIG, configure


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    path = configure(tmp_path)
    settings = load_settings(path)
    store = await connect(f"sqlite:///{tmp_path}/switchover.db", migrate=True)
    metrics = Metrics()
    client = slack_client(settings, metrics)
    bot = Bot(settings, path, store, client, metrics)
    yield bot
    await bot.close()
    await client.close()
    await store.close()


async def test_a_file_that_is_slow_to_read_does_not_hold_up_the_loop(bot: Bot, tmp_path: Path) -> None:
    path = tmp_path / "switchover.toml"
    path.unlink()
    os.mkfifo(path)  # reading it waits for somebody who writes it
    turned, held_up = threading.Event(), []

    def write() -> None:
        with path.open("w", encoding="utf-8") as slow:
            held_up.append(not turned.wait(timeout=2))
            slow.write(CONFIG.replace("databases.orders", "databases.sessions"))

    writing = threading.Thread(target=write)
    writing.start()
    reloading = asyncio.create_task(bot.reload())
    await asyncio.sleep(0)  # it has begun to read
    turned.set()
    await reloading
    await asyncio.to_thread(writing.join)
    assert held_up == [False]
    assert list(bot._catalogue.current.databases) == ["sessions"]
