"""The bot as a process of the simulated world."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from bot.sandbox.stack import Bot, executed

DIES_AT_ONCE = executed("-S", "-E", "-c", "import os; os.kill(os.getpid(), 9)")


async def test_what_a_process_died_of_is_known_however_early_it_died() -> None:
    codes = set()
    for _ in range(30):
        bot = Bot(Path("switchover.toml"), {}, starter=DIES_AT_ONCE)
        with pytest.raises(RuntimeError, match="did not start"):
            await bot.start()
        codes.add(await bot.died())
    assert codes == {-signal.SIGKILL}
