"""``python -m tests.crash.watched serve …`` is the bot under watch: it tells of whatever blocks its event loop.

Two watchers, from the moment it listens. Calls that wait for something outside (files, names, processes, sleeps) are
seen by Python's audit events on the loop's thread, however short they are. Callbacks that hold the loop for longer than
``BOUND`` are seen by their time: what the thread computed counts, and so does waiting of its own accord, but not being
put aside by a busy machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import uvicorn

from bot.cli import main

BOUND = 0.25
WAITING = frozenset(
    {
        *("open", "os.listdir", "os.scandir", "os.system", "os.posix_spawn", "subprocess.Popen"),
        *("socket.getaddrinfo", "socket.gethostbyname", "sqlite3.connect", "time.sleep"),
    }
)
PROVOKE = "WATCHED_PROVOKE"
"""An environment variable that makes it misbehave, so that a test sees the watchers bite."""

say = sys.stderr.write


def tell(event: str, **more: object) -> None:
    """One line, as the bot's own."""
    say(json.dumps({"event": event, **more}) + "\n")
    sys.stderr.flush()


class Watch:
    """What is watched once ``begun``."""

    def __init__(self) -> None:
        self.begun = False
        self.callbacks = 0
        self.longest = 0.0
        self._thread = threading.get_ident()
        self._telling = False

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook: calls that wait, and sockets that would."""
        if not self.begun or self._telling or threading.get_ident() != self._thread:
            return
        if event in WAITING or (event == "socket.connect" and _waits(arguments[0])):
            self._telling = True  # telling reads source files
            try:
                frames = [
                    frame for frame in traceback.extract_stack()[:-1] if "importlib" not in frame.filename
                ][-6:]
                tell(
                    "blocking_call",
                    call=event,
                    what=str(arguments)[:200],
                    stack=[f"{f.filename}:{f.lineno}" for f in frames],
                )
            finally:
                self._telling = False

    def run(self, handle: Any, run: Any) -> None:
        """Runs a callback of the loop and takes its time."""
        if not self.begun:
            run(handle)
            return
        wall, cpu, waits = time.monotonic(), time.thread_time(), _waits_so_far()
        run(handle)
        wall, cpu = time.monotonic() - wall, time.thread_time() - cpu
        self.callbacks += 1
        held = wall if _waits_so_far() > waits else cpu
        self.longest = max(self.longest, held)
        if held > BOUND:
            tell("blocked", seconds=held, cpu=cpu, callback=repr(handle))


def _waits(connecting: Any) -> bool:
    timeout = connecting.gettimeout() if isinstance(connecting, socket.socket) else None
    return timeout != 0


def _waits_so_far() -> int:
    """How often this thread gave up the processor of its own accord."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


def watch() -> Watch:
    """Puts the watchers in place; they begin when the first request can be answered."""
    found = Watch()
    sys.addaudithook(found.audit)
    original, startup = asyncio.Handle._run, uvicorn.Server.startup
    sleep: Callable[[Any], None] = time.sleep  # noqa: TID251 - to be told of it

    def slept(seconds: Any) -> None:
        found.audit("time.sleep", (seconds,))  # an audit event of Python's own only from 3.13 on
        sleep(seconds)

    async def started(self: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
        await startup(self, sockets)
        found.begun = True
        asyncio.get_running_loop().call_soon(provoke)
        tell("watching")

    asyncio.Handle._run = lambda self: found.run(self, original)  # type: ignore[method-assign]
    uvicorn.Server.startup = started  # type: ignore[method-assign]
    time.sleep = slept  # noqa: TID251 - the same
    return found


def provoke() -> None:
    """Misbehaves, if it is asked to."""
    if os.environ.get(PROVOKE) == "sleep":
        time.sleep(BOUND * 2)  # noqa: TID251 - this is what must be caught
    if os.environ.get(PROVOKE) == "compute":
        end = time.thread_time() + BOUND * 2
        while time.thread_time() < end:
            pass


if __name__ == "__main__":
    watching = watch()
    code = main()
    tell("watched", callbacks=watching.callbacks, longest=watching.longest)
    sys.exit(code)
