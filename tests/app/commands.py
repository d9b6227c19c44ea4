"""The console script: one command in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from bot import cli

CONFIG = """
[slack]
bot_token = "xoxb-1"
signing_secret = "s"
[accounts.qc]
provider = "qingcloud"
zone = "sh1a"
access_key_id = "a"
secret_access_key = "b"
[databases.orders]
account = "qc"
cluster = "cl-ouhutv70"
[policies.default]
approvers = ["*"]
"""


def configure(folder: Path, more: str = "") -> Path:
    """Writes ``switchover.toml``: one database, and below its policy what is given. Its path."""
    path = folder / "switchover.toml"
    path.write_text(CONFIG + more, encoding="utf-8")
    return path


def configure_with_database(folder: Path) -> Path:
    """The same, with the database in this folder, whichever a command is run in."""
    return configure(folder, f'[database]\nurl = "sqlite:///{folder}/switchover.db"\n')


@dataclass(frozen=True)
class Printed:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


async def run(*arguments: str, env: object = None, out: TextIO | None = None) -> Printed:
    """Runs one command of the console script with this environment, perhaps another stdout: one that ends by itself."""
    environment = dict(env) if isinstance(env, dict) else dict(os.environ)
    return await asyncio.to_thread(_here, arguments, environment, out or io.StringIO())


def _here(arguments: tuple[str, ...], environment: dict[str, str], out: TextIO) -> Printed:
    # A process of its own would spend two seconds on its imports.
    err = io.StringIO()
    with _environment(environment), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main(arguments)
        except SystemExit as ended:  # argparse
            code = int(ended.code or 0)
    said = out.getvalue() if isinstance(out, io.StringIO) else ""
    return Printed(code, said, err.getvalue())


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
