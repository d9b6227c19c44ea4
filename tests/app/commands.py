"""The console script: one command in a thread of its own, or, where it serves, as a process."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from bot import cli


@dataclass(frozen=True)
class Printed:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


async def run(*arguments: str, env: object = None) -> Printed:
    """Runs one command of the console script with this environment."""
    environment = dict(env) if isinstance(env, dict) else dict(os.environ)
    if arguments[0] == "serve":
        return await _as_process(arguments, environment)
    return await asyncio.to_thread(_here, arguments, environment)


def _here(arguments: tuple[str, ...], environment: dict[str, str]) -> Printed:
    # A process of its own would spend two seconds on its imports.
    out, err = io.StringIO(), io.StringIO()
    with _environment(environment), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main(arguments)
        except SystemExit as ended:  # argparse
            code = int(ended.code or 0)
    return Printed(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def _as_process(arguments: tuple[str, ...], environment: dict[str, str]) -> Printed:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Printed(process.returncode or 0, out.decode(), err.decode())
