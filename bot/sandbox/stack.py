"""The simulated world around the real bot: Slack and the clouds on loopback, ``serve`` as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from bot import failpoints
from bot.sandbox.clouds import CloudSetup
from bot.sandbox.leash import FOLDER
from bot.sandbox.server import serve
from bot.sandbox.slack import Deliveries, Demo, Message, deliveries, demo_workspace, serve_workspace
from bot.sandbox.slack.socket_server import OverSockets, serve_sockets
from handlers.texts import FALLBACK

STARTS_WITHIN = 120.0
STOPS_WITHIN = 120.0
EVENT_TYPE = "switchover_operation"
PATIENCE = 120.0


class Process(Protocol):
    """What is needed of a process of the operating system; asyncio's own fits.

    Attributes:
        pid: Its number.
        returncode: How it ended, as ``subprocess`` has it; None while it runs.
        stderr: What it writes there.
    """

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    @property
    def stderr(self) -> asyncio.StreamReader | None: ...

    async def wait(self) -> int:
        """Waits for its end; gives ``returncode``."""
        ...


Starter = Callable[[Sequence[str], Mapping[str, str]], Awaitable[Process]]
"""Starts the bot with these arguments in this environment."""


def executed(*program: str) -> Starter:
    """Starts an interpreter of its own for every process.

    What is typed at the terminal, and its end, is said to whoever started the process, and not to the process: to it
    SIGHUP would mean something else, and before it listens a signal would end it in the middle of a word. Its standard
    input is closed when whoever started it dies.

    Args:
        program: What runs the bot, after the name of the interpreter.
    """

    async def start(arguments: Sequence[str], env: Mapping[str, str]) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, *program, *arguments),
            env=env,
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )

    return start


CONSOLE_SCRIPT = executed("-m", "bot.sandbox.leash")

CONFIG = """\
[slack]
bot_token = "{bot_token}"
{way_in}
api_url = "{slack_url}"
locale = "{locale}"
{slack}

[server]
port = {port}

[database]
{database}

[tracking]
poll_interval = "1s"
{tracking}

[policies.default]
approvers = ["{approvers}"]
{policy}

{clouds}
"""


WAYS_IN = {
    "http": 'mode = "http"\nsigning_secret = "{signing_secret}"',
    "socket": 'app_token = "{app_token}"',
}
"""What a configuration needs for each mode, and no more."""


@dataclass
class Bot:
    """``switchover serve`` as a process; its log lines are kept.

    Attributes:
        process: The process, None before it starts and after it ended.
        logs: Every line it wrote to stderr, as parsed.
    """

    config: Path
    env: Mapping[str, str]
    process: Process | None = None
    logs: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    starter: Starter = CONSOLE_SCRIPT
    _reader: asyncio.Task[None] | None = None
    _listening: asyncio.Event = field(default_factory=asyncio.Event)
    _said: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def start(self, *, failpoint: str = "") -> None:
        """Starts it and waits until it listens. It dies at the failpoint, if one is given.

        Raises:
            RuntimeError: It ended, or does not listen in time; the message is what it said.
        """
        self._listening.clear()
        self.process = await self.starter(
            ("serve", "--config", str(self.config)),
            dict(self.env) | ({failpoints.VARIABLE: failpoint} if failpoint else {}),
        )
        self._reader = asyncio.create_task(self._read(self.process))
        listening = asyncio.create_task(self._listening.wait())
        try:
            await asyncio.wait(
                {listening, self._reader}, timeout=STARTS_WITHIN, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            listening.cancel()
        if not self._listening.is_set():
            await self.kill()
            said = "\n".join(str(line.get("event", line)) for line in self.logs[-20:])
            raise RuntimeError(f"the bot did not start:\n{said}")

    async def logged(self, event: str) -> dict[str, Any]:
        """The first line that says this, as soon as there is one."""

        def found() -> dict[str, Any] | None:
            return next((line for line in self.logs if line.get("event") == event), None)

        async with asyncio.timeout(PATIENCE), self._said:
            return await self._said.wait_for(found) or {}

    async def stopped(self) -> None:
        """Waits until it stands still at a failpoint; a line about it comes before."""
        if self.process is not None:
            await asyncio.to_thread(os.waitid, os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    async def stop(self) -> int:
        """Asks it to drain and waits for its end; gives its exit code."""
        self.send(signal.SIGTERM)
        return await self._ended()

    async def died(self) -> int:
        """Waits until it has ended by itself; gives its exit code."""
        if self.process is None:
            return 0
        code = await self.process.wait()
        if self._reader is not None:
            await self._reader
        return code

    async def kill(self) -> int:
        """Kills it at once, as a crash would."""
        self.send(signal.SIGKILL)
        return await self._ended()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the process, if it still runs."""
        # Not through asyncio: it would reap a process that has just died by itself, and lose what it died of.
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    async def _ended(self) -> int:
        if self.process is None:
            return 0
        try:
            async with asyncio.timeout(STOPS_WITHIN):
                code = await self.process.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
            code = await self.process.wait()
        if self._reader is not None:
            await self._reader
        return code

    async def _read(self, process: Process) -> None:
        if process.stderr is None:
            return
        async for raw in process.stderr:
            line = _parsed(raw.decode(errors="replace"))
            self.logs.append(line)
            if line.get("event") == "listening":
                self.url = str(line["url"])
                self._listening.set()
            async with self._said:
                self._said.notify_all()


def _parsed(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        return {"event": text.rstrip()}
    return line if isinstance(line, dict) else {"event": text.rstrip()}


@dataclass(frozen=True)
class Stack:
    """Everything that runs. Where no operation is named, the newest is meant.

    Attributes:
        demo: The workspace and its people.
        bot: The real bot.
        slack: Types and clicks on people's behalf.
    """

    demo: Demo
    bot: Bot
    slack: Deliveries

    async def restart(self, *, failpoint: str = "") -> None:
        """Starts the bot again, on whatever its last life left behind."""
        await self.bot.start(failpoint=failpoint)
        self.slack.url = f"{self.bot.url}/slack/events"
        await connected(self.demo, self.bot)

    async def request(self, text: str, *, within: float = PATIENCE) -> str:
        """Types a request on the requester's behalf; the id of the operation that it opened.

        Raises:
            TimeoutError: None was opened in time; the message says what was last seen.
        """
        known = {operation_of(card) for card in self._cards()}
        await self.slack.command(self.demo.requester, self.demo.channel, text)

        def opened() -> str | None:
            return next((found for card in self._cards() if (found := operation_of(card)) not in known), None)

        return await self.demo.workspace.wait_for(opened, timeout=within)

    def card(self, operation: str = "") -> Message | None:
        """An operation's card as it is now; None before it is posted."""
        cards = [card for card in self._cards() if operation in ("", operation_of(card))]
        return cards[-1] if cards else None

    async def card_in(self, *statuses: str, operation: str = "", within: float = PATIENCE) -> Message:
        """An operation's card, as soon as it shows one of these statuses.

        Raises:
            TimeoutError: It does not, in time; the message says what was last seen.
        """

        def found() -> Message | None:
            card = self.card(operation)
            return card if card is not None and status_of(card) in statuses else None

        return await self.demo.workspace.wait_for(found, timeout=within)

    async def told(self, *statuses: str, operation: str = "", within: float = PATIENCE) -> Message:
        """The reply that tells the thread of one of these statuses, once the card shows it too.

        Raises:
            TimeoutError: It does not come in time.
        """
        await self.card_in(*statuses, operation=operation, within=within)

        def found() -> Message | None:
            replies = [reply for reply in self.replies(operation) if status_of(reply) in statuses]
            return replies[-1] if replies else None

        return await self.demo.workspace.wait_for(found, timeout=within)

    def replies(self, operation: str = "") -> list[Message]:
        """The bot's replies about an operation, in its card's thread."""
        card = self.card(operation)
        if card is None:
            return []
        top = self.demo.workspace.find(card.channel, card.thread_ts or card.ts) or card
        meant = operation_of(card)
        told = self.demo.workspace.thread(top)
        return [message for message in told if message.ts != card.ts and operation_of(message) == meant]

    def _cards(self) -> list[Message]:
        return self.demo.workspace.with_metadata(EVENT_TYPE, key="card")


async def connected(demo: Demo, bot: Bot) -> None:
    """Waits until a bot in Socket Mode can be delivered to, or has died."""
    if not demo.workspace.sockets.url or bot.process is None:
        return
    connecting = asyncio.create_task(demo.workspace.sockets.connected())
    dying = asyncio.create_task(bot.process.wait())
    try:
        await asyncio.wait({connecting, dying}, timeout=STARTS_WITHIN, return_when=asyncio.FIRST_COMPLETED)
    finally:
        connecting.cancel()
        dying.cancel()


def status_of(message: Message) -> str:
    """The operation's status that a message of the bot carries in its metadata."""
    return _told_of(message, "status")


def operation_of(message: Message) -> str:
    """The id of the operation that a message of the bot is about, "" for any other message."""
    return _told_of(message, "operation")


def _told_of(message: Message, key: str) -> str:
    return str((message.metadata or {}).get("event_payload", {}).get(key, ""))


@contextlib.asynccontextmanager
async def stack(
    clouds: Sequence[CloudSetup],
    *,
    port: int = 0,
    slack: str = "",
    tracking: str = "",
    policy: str = "",
    rate_limited: bool = True,
    failpoint: str = "",
    starter: Starter = CONSOLE_SCRIPT,
    database: str = "",
    locale: str = FALLBACK,
    mode: Literal["http", "socket"] = "http",
) -> AsyncIterator[Stack]:
    """Starts the simulated world and the bot in it; stops all of it at the end.

    Args:
        clouds: The simulated clouds.
        port: The bot's port, 0 for a free one.
        slack: More lines for ``[slack]``.
        tracking: More lines for ``[tracking]``.
        policy: More lines for ``[policies.default]``.
        rate_limited: Whether the simulated Slack enforces its rate limits.
        failpoint: Where the bot's first life ends, as ``bot.failpoints`` has it.
        starter: What starts the bot's process.
        database: The lines of ``[database]``; "" for a file of its own.
        locale: The language of what is posted in channels.
        mode: How Slack reaches the bot.
    """
    demo = demo_workspace(lambda: datetime.now(UTC), rate_limited=rate_limited)
    async with contextlib.AsyncExitStack() as running:
        folder = running.enter_context(tempfile.TemporaryDirectory(prefix=FOLDER))
        slack_url = await running.enter_async_context(serve_workspace(demo.workspace))
        sockets, transport = demo.workspace.sockets, None
        if mode == "socket":
            await running.enter_async_context(serve_sockets(sockets))
            transport = OverSockets(sockets)
        tables = [cloud.config(await running.enter_async_context(serve(cloud.app))) for cloud in clouds]
        config = Path(folder) / "switchover.toml"
        config.write_text(
            CONFIG.format(
                slack_url=slack_url,
                bot_token=demo.workspace.token,
                way_in=WAYS_IN[mode].format(
                    signing_secret=demo.workspace.signing_secret, app_token=demo.workspace.app_token
                ),
                locale=locale,
                slack=slack,
                port=port,
                database=database or f'url = "sqlite:///{folder}/switchover.db"',
                tracking=tracking,
                policy=policy,
                approvers=demo.approvers.id,
                clouds="\n".join(tables),
            ),
            encoding="utf-8",
        )
        bot = Bot(config, _environment(), starter=starter)
        running.push_async_callback(bot.stop)
        await bot.start(failpoint=failpoint)
        await connected(demo, bot)
        people = deliveries(demo.workspace, f"{bot.url}/slack/events", transport=transport)
        yield Stack(demo, bot, await running.enter_async_context(people))


def _environment() -> dict[str, str]:
    """The bot's environment: the machine's own, less what a configuration takes without naming it.

    Nothing is added: the secrets of this world open nothing, and stand in its configuration, so that whoever has that
    can run every command.
    """
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("SLACK_", "SWITCHOVER_"))
    }
