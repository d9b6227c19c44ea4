"""The simulated world around the real bot: Slack and the clouds on loopback, ``serve`` as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.sandbox.qingcloud import SimulatedQingCloud
from bot.sandbox.server import serve
from bot.sandbox.slack import Deliveries, Demo, Message, deliveries, demo_workspace, serve_workspace
from bot.sandbox.switchovers import Timings

STARTS_WITHIN = 30.0
STOPS_WITHIN = 30.0
CLUSTER = "cl-ouhutv70"
EVENT_TYPE = "switchover_operation"
PATIENCE = 60.0

CONFIG = """\
[slack]
mode = "http"
bot_token = "${{SANDBOX_BOT_TOKEN}}"
signing_secret = "${{SANDBOX_SIGNING_SECRET}}"
api_url = "{slack_url}"

[server]
port = {port}

[database]
url = "sqlite:///{folder}/switchover.db"

[tracking]
poll_interval = "1s"
{tracking}

[accounts.qc]
provider = "qingcloud"
endpoint = "{cloud_url}/iaas/"
zone = "sh1a"
access_key_id = "{key}"
secret_access_key = "${{SANDBOX_CLOUD_SECRET}}"

[databases.orders]
account = "qc"
cluster = "{cluster}"
description = "Orders, MySQL Plus"

[policies.default]
approvers = ["{approvers}"]
{policy}
"""


@dataclass
class Bot:
    """``switchover serve`` as a process; its log lines are kept.

    Attributes:
        process: The process, None before it starts and after it ended.
        logs: Every line it wrote to stderr, as parsed.
    """

    config: Path
    env: Mapping[str, str]
    process: asyncio.subprocess.Process | None = None
    logs: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    _reader: asyncio.Task[None] | None = None
    _listening: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Starts it and waits until it listens.

        Raises:
            RuntimeError: It ended, or does not listen in time; the message is what it said.
        """
        self._listening.clear()
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "serve", "--config", str(self.config)),
            env=dict(self.env),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
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

    async def stop(self) -> int:
        """Asks it to drain and waits for its end; gives its exit code."""
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
        return await self._ended()

    async def kill(self) -> int:
        """Kills it at once, as a crash would."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
        return await self._ended()

    async def _ended(self) -> int:
        if self.process is None:
            return 0
        try:
            async with asyncio.timeout(STOPS_WITHIN):
                code = await self.process.wait()
        except TimeoutError:
            self.process.kill()
            code = await self.process.wait()
        if self._reader is not None:
            await self._reader
        return code

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        if process.stderr is None:
            return
        async for raw in process.stderr:
            line = _parsed(raw.decode(errors="replace"))
            self.logs.append(line)
            if line.get("event") == "listening":
                self.url = str(line["url"])
                self._listening.set()


def _parsed(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        return {"event": text.rstrip()}
    return line if isinstance(line, dict) else {"event": text.rstrip()}


@dataclass(frozen=True)
class Stack:
    """Everything that runs.

    Attributes:
        demo: The workspace and its people.
        cloud: The simulated QingCloud, with one cluster.
        bot: The real bot.
        slack: Types and clicks on people's behalf.
    """

    demo: Demo
    cloud: SimulatedQingCloud
    bot: Bot
    slack: Deliveries

    async def restart(self) -> None:
        """Starts the bot again, on whatever its last life left behind."""
        await self.bot.start()
        self.slack.url = f"{self.bot.url}/slack/events"

    def card(self) -> Message | None:
        """The card of the only operation, as it is now; None before it is posted."""
        cards = self.demo.workspace.with_metadata(EVENT_TYPE, key="card")
        return cards[0] if cards else None

    async def card_in(self, *statuses: str, within: float = PATIENCE) -> Message:
        """The card, as soon as it shows one of these statuses.

        Raises:
            TimeoutError: It does not, in time; the message says what was last seen.
        """

        def found() -> Message | None:
            card = self.card()
            return card if card is not None and status_of(card) in statuses else None

        return await self.demo.workspace.wait_for(found, timeout=within)

    async def told(self, *statuses: str, within: float = PATIENCE) -> Message:
        """The reply that tells the thread of one of these statuses, once the card shows it too.

        Raises:
            TimeoutError: It does not come in time.
        """
        await self.card_in(*statuses, within=within)

        def found() -> Message | None:
            replies = [reply for reply in self.replies() if status_of(reply) in statuses]
            return replies[-1] if replies else None

        return await self.demo.workspace.wait_for(found, timeout=within)

    def replies(self) -> list[Message]:
        """The bot's replies about the operation, in its card's thread."""
        card = self.card()
        if card is None:
            return []
        top = self.demo.workspace.find(card.channel, card.thread_ts or card.ts) or card
        told = self.demo.workspace.thread(top)
        return [message for message in told if message.ts != card.ts and status_of(message)]


def status_of(message: Message) -> str:
    """The operation's status that a message of the bot carries in its metadata."""
    return str((message.metadata or {}).get("event_payload", {}).get("status", ""))


@contextlib.asynccontextmanager
async def stack(
    *,
    port: int = 0,
    tracking: str = "",
    policy: str = "",
    timings: Timings | None = None,
    cloud_url: str = "",
    rate_limited: bool = True,
) -> AsyncIterator[Stack]:
    """Starts the simulated world and the bot in it; stops all of it at the end.

    Args:
        port: The bot's port, 0 for a free one.
        tracking: More lines for ``[tracking]``.
        policy: More lines for ``[policies.default]``.
        timings: How long the simulated cloud takes for a switchover.
        cloud_url: Where the bot finds the cloud; "" for the simulated one.
        rate_limited: Whether the simulated Slack enforces its rate limits.
    """
    demo = demo_workspace(lambda: datetime.now(UTC), rate_limited=rate_limited)
    cloud = SimulatedQingCloud(timings=timings)
    for number, node in enumerate(cloud.add_cluster(CLUSTER).nodes, start=1):
        node.name = f"mysql-{number}"
    with tempfile.TemporaryDirectory(prefix="switchover-") as folder:
        async with serve_workspace(demo.workspace) as slack_url, serve(cloud) as simulated_url:
            config = Path(folder) / "switchover.toml"
            config.write_text(
                CONFIG.format(
                    slack_url=slack_url,
                    cloud_url=cloud_url or simulated_url,
                    port=port,
                    folder=folder,
                    tracking=tracking,
                    policy=policy,
                    key=cloud.access_key_id,
                    cluster=CLUSTER,
                    approvers=demo.approvers.id,
                ),
                encoding="utf-8",
            )
            bot = Bot(config, _environment(demo, cloud))
            await bot.start()
            try:
                async with deliveries(demo.workspace, f"{bot.url}/slack/events") as slack:
                    yield Stack(demo, cloud, bot, slack)
            finally:
                await bot.stop()


def _environment(demo: Demo, cloud: SimulatedQingCloud) -> dict[str, str]:
    """The bot's environment: the machine's own, less anything of a real workspace or cloud."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SLACK_", "QINGCLOUD_", "HUAWEICLOUD_", "SWITCHOVER_"))
    }
    return kept | {
        "SANDBOX_BOT_TOKEN": demo.workspace.token,
        "SANDBOX_SIGNING_SECRET": demo.workspace.signing_secret,
        "SANDBOX_CLOUD_SECRET": cloud.secret_access_key,
    }
