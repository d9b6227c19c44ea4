"""A bot that is held on a leash takes along the folder of its sandbox, and no other."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL
from pathlib import Path


async def test_a_folder_that_was_not_made_for_a_sandbox_is_left_alone(tmp_path: Path) -> None:
    """Its standard input is closed, as under a service manager."""
    config = tmp_path / "switchover.toml"
    config.write_text("[slack]", encoding="utf-8")
    leashed = (sys.executable, "-m", "bot.sandbox.leash", "serve", "--config", str(config))
    process = await asyncio.create_subprocess_exec(*leashed, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
    assert await process.wait() != 0
    assert config.exists()
