"""``stack`` for tests: the bot's process is forked from an interpreter that has its imports behind it.

Most of what a start costs is importing and reading the message catalogues, and the tests of the whole start the bot
more than a hundred times. What runs is the same: ``main`` in a process of its own, with its own environment, files
and end. Failpoints are armed by the imports; here by the fork. Only a bot that is to stand still has an interpreter
of its own, as whoever waits for that has to be its parent.

One interpreter is kept per process of pytest. It has no threads and no event loop, so forking it is safe. Between it
and each bot stands a parent that does nothing but wait and tell how the bot ended. Its line to the test is a leash:
when nobody is left to be told, because a time limit ended the test or something its process, it kills the bot.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot import failpoints
from bot.sandbox.stack import CONSOLE_SCRIPT, Process, stack

ASKED_AT_MOST = 1 << 20
INTEGER = 8
IMPORTED_LATER = (
    "aiosqlite",
    "alembic.command",
    "alembic.config",
    "anyio._backends._asyncio",
    "apscheduler.executors.asyncio",
    "bot.commands",
    "slack_bolt.listener_matcher.async_builtins",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.http.auto",
)
"""What is imported only when the bot has others do something."""


@dataclass
class Forked:
    """A forked bot, as ``bot.sandbox.stack.Process`` wants it."""

    pid: int
    stderr: asyncio.StreamReader | None
    ended: asyncio.Task[int]

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return self.ended.result() if self.ended.done() else None

    async def wait(self) -> int:
        """Waits for its end."""
        return await asyncio.shield(self.ended)


async def start(arguments: Sequence[str], env: Mapping[str, str]) -> Process:
    """Starts the bot with these arguments in this environment."""
    if ":stop" in env.get(failpoints.VARIABLE, ""):
        return await CONSOLE_SCRIPT(arguments, env)
    told, teller = socket.socketpair()
    heard, stderr = os.pipe()
    try:
        asked = json.dumps({"arguments": list(arguments), "env": dict(env)}).encode()
        socket.send_fds(line(), [asked], [teller.fileno(), stderr])
    finally:
        teller.close()
        os.close(stderr)
    reader, writer = await asyncio.open_unix_connection(sock=told)
    pid = int.from_bytes(await reader.readexactly(INTEGER), "big", signed=True)
    lines = asyncio.StreamReader(limit=ASKED_AT_MOST)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        functools.partial(asyncio.StreamReaderProtocol, lines), os.fdopen(heard, "rb")
    )

    async def ended() -> int:
        try:
            with contextlib.closing(writer):
                return int.from_bytes(await reader.readexactly(INTEGER), "big", signed=True)
        except asyncio.CancelledError:
            transport.close()
            raise

    return Forked(pid, lines, asyncio.create_task(ended()))


warm_stack = functools.partial(stack, starter=start)


@functools.cache
def line() -> socket.socket:
    """The line to this process's warm interpreter, which ends with it; starts it, if there is none yet."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own module
            (sys.executable, "-m", "tests.warm", str(theirs.fileno())),
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # an interrupt at the terminal is for the tests; whoever holds a leash must live on
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _serve(asking: socket.socket) -> None:
    """Forks a bot for everything that is asked for on the line, until it is closed."""
    # Whoever imports it has to find this one.
    failpoints.hit = _hit
    for name in IMPORTED_LATER:
        importlib.import_module(name)
    from bot.cli import main  # noqa: PLC0415 - only here the imports are wanted
    from bot.storage import codec  # noqa: PLC0415
    from handlers.wording import Wording  # noqa: PLC0415
    from providers.http import INTERNET  # noqa: PLC0415

    # Each of these reads, compiles or loads something once, and keeps it.
    Wording("en").warm_up()
    codec.warm_up()
    INTERNET.reads()

    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    while True:
        asked, fds, _, _ = socket.recv_fds(asking, ASKED_AT_MOST, 2)
        if not asked:
            return
        if os.fork():
            for fd in fds:
                os.close(fd)
            continue
        asking.close()
        teller, stderr = fds
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if pid := os.fork():
            os.close(stderr)
            with contextlib.suppress(OSError):  # nobody is there any more
                os.write(teller, pid.to_bytes(INTEGER, "big", signed=True))
                os.write(teller, _outcome(pid, teller).to_bytes(INTEGER, "big", signed=True))
            os._exit(0)
        os.close(teller)
        os.dup2(stderr, 2)
        os.close(stderr)
        wanted = json.loads(asked)
        os.environ.clear()
        os.environ.update(wanted["env"])
        sys.exit(main(wanted["arguments"]))


def _outcome(pid: int, teller: int) -> int:
    """How a bot ended, be it because it was killed when nobody waited for its end any more."""
    ended = os.pidfd_open(pid)
    if ended not in select.select([ended, teller], [], [])[0]:
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _hit(place: str, kind: str = "") -> None:
    _armed()(place, kind)


@functools.cache
def _armed() -> Callable[..., None]:
    return failpoints.from_environment()


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
