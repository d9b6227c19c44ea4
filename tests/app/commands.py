"""The console script as a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys


class Printed:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


async def run(*arguments: str, env: object = None) -> Printed:
    environment = dict(env) if isinstance(env, dict) else dict(os.environ)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Printed(process.returncode or 0, out.decode(), err.decode())
