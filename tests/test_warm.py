"""What a test has started outlives neither that test nor the process of pytest, however these end."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.sandbox.stack import Process
from tests import warm
from tests.tethered import tether

ENDS_WITHIN = 20.0


async def waiting(folder: Path) -> Process:
    """A bot that waits for ever: nobody writes into its configuration."""
    config = folder / "switchover.toml"
    os.mkfifo(config)
    return await warm.start(("status", "--config", str(config)), os.environ)


def ends(process: int) -> bool:
    """Whether the process that a descriptor stands for ends before long; the descriptor is closed."""
    try:
        return select.select([process], [], [], ENDS_WITHIN)[0] == [process]
    finally:
        os.close(process)


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


async def tethered(_folder: Path) -> Process:
    """Another program that waits for ever."""
    waits = (sys.executable, "-c", "import signal; signal.pause()")
    return await asyncio.create_subprocess_exec(*waits, preexec_fn=tether)


@pytest.mark.parametrize("start", [waiting, tethered])
def test_what_was_started_ends_with_the_process_that_started_it(
    tmp_path: Path, start: Callable[[Path], Awaitable[Process]]
) -> None:
    warm.line()
    told, teller = os.pipe()

    async def play() -> None:
        process = await start(tmp_path)
        os.write(teller, str(process.pid).encode())
        await process.wait()

    if (worker := os.fork()) == 0:
        try:
            asyncio.run(play())
        finally:
            os._exit(1)
    started = os.pidfd_open(int(os.read(told, 20)))
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    os.close(told)
    os.close(teller)
    assert ends(started)
