"""A bot that a test has started outlives neither that test nor the process of pytest, however these end."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
from pathlib import Path

import pytest

from bot.sandbox.stack import Process
from tests import warm

ENDS_WITHIN = 20.0


async def waiting(folder: Path) -> Process:
    """A bot that waits for ever: nobody writes into its configuration."""
    config = folder / "switchover.toml"
    os.mkfifo(config)
    return await warm.start(("status", "--config", str(config)), os.environ)


def ends(bot: int) -> bool:
    """Whether the process that a descriptor stands for ends before long; the descriptor is closed."""
    try:
        return select.select([bot], [], [], ENDS_WITHIN)[0] == [bot]
    finally:
        os.close(bot)


def test_a_bot_whose_test_is_cut_off_is_killed(tmp_path: Path) -> None:
    """A time limit is an exception out of the midst of the loop, whose tasks are then all cancelled at once."""
    bots = []

    async def play() -> None:
        process = await waiting(tmp_path)
        bots.append(os.pidfd_open(process.pid))
        asyncio.get_running_loop().call_soon(sys.exit)
        await process.wait()

    with pytest.raises(SystemExit):
        asyncio.run(play())
    assert ends(*bots)


def test_a_bot_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    warm.line()
    told, teller = os.pipe()

    async def play() -> None:
        process = await waiting(tmp_path)
        os.write(teller, str(process.pid).encode())
        await process.wait()

    if (worker := os.fork()) == 0:
        try:
            asyncio.run(play())
        finally:
            os._exit(1)
    bot = os.pidfd_open(int(os.read(told, 20)))
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    os.close(told)
    os.close(teller)
    assert ends(bot)
