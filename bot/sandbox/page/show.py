"""``switchover demo``: builds the sandbox, serves its page and waits to be told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from bot.sandbox.page import PORT
from bot.sandbox.page.app import page_app
from bot.sandbox.page.sandbox import Sandbox
from bot.sandbox.server import must_be_free, serve
from bot.sandbox.stack import Stack
from bot.sandbox.stopping import ToldToStop, until_told
from handlers.texts import FALLBACK

Write = Callable[[str], None]


async def show(
    *, port: int | None = None, browser: bool = True, locale: str = FALLBACK, write: Write
) -> None:
    """Serves the page until the process is told to stop.

    Args:
        port: The page's port, 0 for a free one; None for the usual one, or a free one where that is taken.
        browser: Open the page in a browser, where there is a screen.
        locale: The language of what the bot posts in channels, and of the page.
        write: Takes what is to be told, a few lines at a time.

    Raises:
        ConfigError: The port that was asked for is taken.
        RuntimeError: The bot did not start.
    """
    if port is not None:
        must_be_free(port)
    try:
        await until_told(_show(port, browser=browser, locale=locale, write=write))
    except ToldToStop as told:
        if not told.hung_up:
            write("The sandbox is gone.")


async def _show(port: int | None, *, browser: bool, locale: str, write: Write) -> None:
    write("Starting a simulated Slack, two simulated clouds, and the real bot as a process of its own …")

    def tell(world: Stack) -> None:
        write(
            f"While it is there, the commands can look at it: {program} history --config {world.bot.config}"
        )

    program = _program()
    sandbox = Sandbox(begun=tell, locale=locale, program=program)
    async with served(sandbox, port, write=write) as url, sandbox.running():
        write(f"The sandbox is at {url}/ (Ctrl-C ends it)")
        if browser and has_screen(os.environ, sys.platform):
            # A browser may take its time, or never come back.
            threading.Thread(target=webbrowser.open, args=(f"{url}/",), daemon=True).start()
        await asyncio.Event().wait()


def _program() -> str:
    """How the commands are called in the folder that this one was called in."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "switchover" else f"{sys.executable} -m bot"


@contextlib.asynccontextmanager
async def served(
    sandbox: Sandbox, port: int | None, *, usual: int = PORT, write: Write
) -> AsyncIterator[str]:
    """Serves a sandbox's page until the block ends; yields where it is.

    Args:
        sandbox: The sandbox.
        port: Its port; None for the usual one, or, where that is taken, a free one.
        usual: The usual one.
        write: Is told where the usual one is taken.

    Raises:
        OSError: The port that was asked for is taken.
    """
    async with contextlib.AsyncExitStack() as running:
        app = page_app(sandbox)
        try:
            url = await running.enter_async_context(serve(app, port=usual if port is None else port))
        except OSError:
            if port is not None:
                raise
            write(
                f"Port {usual} is in use by another program, so this takes a free one (--port chooses one)."
            )
            url = await running.enter_async_context(serve(app))
        running.callback(sandbox.close)
        yield url


def has_screen(environment: Mapping[str, str], platform: str) -> bool:
    """Whether a browser would have a window. Without one it would be one for the terminal, which is in use."""
    return platform in {"darwin", "win32"} or any(
        environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
