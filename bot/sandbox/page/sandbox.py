"""The world behind the page: the stack of the demonstration, which can be broken, mended and begun anew."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bot.sandbox.clouds import CloudSetup, documents_on_huawei_dds, orders_on_qingcloud
from bot.sandbox.huawei_dds import SimulatedHuaweiDds
from bot.sandbox.page.cloud_pictures import Cloud, calls_picture, cloud_picture
from bot.sandbox.page.people import slack_picture
from bot.sandbox.page.progress import progress_picture
from bot.sandbox.qingcloud import SimulatedQingCloud
from bot.sandbox.slack import CallRecord, Receipt, User
from bot.sandbox.stack import CONSOLE_SCRIPT, Stack, Starter, stack
from bot.sandbox.switchovers import Timings
from handlers.texts import FALLBACK

Json = dict[str, Any]

# Slow enough to be watched, quick enough to be waited for.
TIMINGS = Timings(working=0.8, roles=3.0, done=4.0)
# So that doubt can be seen for a moment before it is settled.
JOB_LIST_LAG = timedelta(seconds=2)
TRACKING = """\
max_poll_interval = "2s"
call_timeout = "4s"
settle_time = "8s"
verify_timeout = "20s"
deadline = "2m"\
"""
SLACK = 'audit_channel = "C0AUDIT"'
POLICY = 'break_glass = ["U0BEA"]'
# Slack waits nothing, 1 and 5 minutes before it delivers an event again.
RETRY_PAUSES = (0.0, 5.0, 15.0)
ARMED = "after_send:kill"
TICK = 0.25
COALESCE = 0.03
MOST_CALLS, MOST_LOG_LINES = 60, 30


def page_clouds() -> dict[str, CloudSetup]:
    """The clouds of the page, by the names that it calls them."""
    qingcloud = SimulatedQingCloud(timings=TIMINGS)
    qingcloud.job_list_lag = JOB_LIST_LAG
    return {
        "qingcloud": orders_on_qingcloud(qingcloud),
        "huawei": documents_on_huawei_dds(SimulatedHuaweiDds(timings=TIMINGS)),
    }


@dataclass(frozen=True, slots=True)
class LastRequest:
    """The last signed request to the bot, and what came of it."""

    what: str
    number: int
    receipt: Receipt


class NotReady(Exception):
    """The world is just being built; it can be used in a moment."""


class Sandbox:
    """One world at a time. ``run`` keeps it; everything else acts on what is there.

    Args:
        clouds: Makes the clouds of a new world.
        starter: Starts the bot's process.
        begun: Is told of each new world.
        locale: The language of what the bot posts in channels, which the page speaks too.
        program: How the commands are called that the page prints.
    """

    def __init__(
        self,
        clouds: Callable[[], Mapping[str, CloudSetup]] = page_clouds,
        *,
        starter: Starter = CONSOLE_SCRIPT,
        begun: Callable[[Stack], None] = lambda _: None,
        locale: str = FALLBACK,
        program: str = "switchover",
    ) -> None:
        self._make_clouds = clouds
        self._starter = starter
        self._begun = begun
        self.locale = locale
        self._program = program
        self._world: Stack | None = None
        self._setups: Mapping[str, CloudSetup] = {}
        self._wake = asyncio.Event()
        self._again = asyncio.Event()
        self._ready = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._lives = asyncio.Lock()
        self._phase = "running"
        self._life = 0
        self._armed = False
        self._requests = 0
        self._last: LastRequest | None = None
        self._retrying: list[int] = []
        self._tries: dict[str, list[str]] = {}
        self.closed = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Builds a world and keeps it, or the next one, until the block ends.

        Raises:
            RuntimeError: The bot did not start.
        """
        self._keeper = asyncio.create_task(self._keep())
        try:
            await self._built()
            yield
        finally:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper

    async def _built(self) -> None:
        """Waits for a world, or for the reason why there is none."""
        ready = asyncio.create_task(self._ready.wait())
        keeper = self._keeper
        try:
            await asyncio.wait({ready, *([keeper] if keeper else [])}, return_when=asyncio.FIRST_COMPLETED)
            if keeper is not None and keeper.done():
                await keeper
        finally:
            ready.cancel()

    async def _keep(self) -> None:
        while True:
            self._again.clear()
            setups = self._make_clouds()
            running = stack(
                list(setups.values()),
                slack=SLACK,
                tracking=TRACKING,
                policy=POLICY,
                starter=self._starter,
                locale=self.locale,
            )
            async with running as world:
                with world.demo.workspace.on_change(lambda _: self.wake()):
                    self.begin(world, setups)
                    await self._again.wait()
                self.end()

    def begin(self, world: Stack, setups: Mapping[str, CloudSetup]) -> None:
        """From now on this is the world; ``running`` begins those that it builds."""
        self._world, self._setups, self._last, self._armed = world, setups, None, False
        self._requests, self._life, self._phase = 0, 1, "running"
        self._tries = {}
        world.slack.before_retry = self._before_retry
        self._begun(world)
        self._ready.set()
        self.wake()

    def end(self) -> None:
        """There is no world any more, until the next one begins."""
        self._world = None
        self.wake()

    async def begin_anew(self) -> None:
        """Throws this world away and builds another; returns once it is there."""
        async with self._lives:
            self._ready.clear()
            self._again.set()
            await self._built()

    # What is there

    @property
    def world(self) -> Stack:
        """The world.

        Raises:
            NotReady: There is none at the moment.
        """
        if self._world is None:
            raise NotReady
        return self._world

    def cloud(self, name: str) -> Cloud:
        """A cloud by the page's name.

        Raises:
            LookupError: There is none of this name.
        """
        app = self._setups[name].app
        if not isinstance(app, SimulatedQingCloud | SimulatedHuaweiDds):
            raise LookupError(name)  # noqa: TRY004 - what is asked for is not there
        return app

    def snapshot(self, viewer: str) -> dict[str, Json]:
        """All that this person's screen shows at this moment, in sections of entries.

        Raises:
            NotReady: There is no world at the moment.
            SlackError: There is no such person.
        """
        world = self.world
        who: User = world.demo.workspace.user(viewer)
        clouds = {name: self.cloud(name) for name in self._setups}
        for cloud in clouds.values():
            cloud.advance()
        calls = {
            f"{name}:{call['number']}": {**call, "cloud": name}
            for name, cloud in clouds.items()
            for call in calls_picture(cloud)
        }
        return {
            **slack_picture(world.demo, who),
            "clouds": {
                name: {"name": self._setups[name].name, **cloud_picture(cloud)}
                for name, cloud in clouds.items()
            },
            "calls": calls | _slack_calls(world.demo.workspace.calls),
            "bot": self._bot(world),
            "slack": {
                "outage": world.demo.workspace.faults.outage is not None,
                "retrying": self._retrying[:],
            },
            "log": _log(world.bot.logs),
            "progress": progress_picture(world.demo.workspace, self._tries),
        }

    def _bot(self, world: Stack) -> Json:
        process = world.bot.process
        code = process.returncode if process is not None else None
        alive = process is not None and code is None
        facts: Json = {
            "phase": self._phase if alive or self._phase != "running" else "dead",
            "pid": process.pid if process is not None else 0,
            "url": world.bot.url,
            "program": self._program,
            "config": str(world.bot.config),
            "life": self._life,
            "armed": self._armed and alive,
        }
        if code is not None:
            facts["code"] = code
        if self._last is not None:
            receipt = self._last.receipt
            facts["last"] = {
                "what": self._last.what,
                "number": self._last.number,
                "status": receipt.status,
                "failure": "timeout"
                if receipt.failure == "timeout"
                else "unreachable"
                if receipt.failure
                else "",
                "milliseconds": round(receipt.elapsed * 1000, 1),
                "signature": receipt.delivery.headers["X-Slack-Signature"][:16],
                "attempts": receipt.attempts,
            }
        return facts

    def delivered(self, what: str, receipt: Receipt) -> None:
        """Keeps the last request that was delivered to the bot."""
        self._requests += 1
        self._last = LastRequest(what, self._requests, receipt)
        self.wake()

    def pressed_approve(self, operation: str, who: User) -> None:
        """Keeps that somebody has pressed Approve, whatever comes of it."""
        self._tries.setdefault(operation, []).append(who.id)
        self.wake()

    # The bot's lives

    async def kill(self) -> None:
        """Kills the bot's process at once, with SIGKILL."""
        async with self._lives:
            await self.world.bot.kill()
            self.wake()

    async def restart(self, *, armed: bool = False) -> None:
        """Starts the bot again on what its last life left; one that is still alive is stopped first.

        Args:
            armed: This life ends with SIGKILL right after it has sent a submission.
        """
        async with self._lives:
            world = self.world
            self._phase = "starting"
            self.wake()
            try:
                await world.bot.stop()
                await world.restart(failpoint=ARMED if armed else "")
            finally:
                self._phase, self._armed = "running", armed
            self._life += 1
            self.wake()

    async def _before_retry(self, number: int) -> None:
        self._retrying.append(number)
        self.wake()
        try:
            await asyncio.sleep(RETRY_PAUSES[number - 1])
        finally:
            self._retrying.remove(number)

    # Following along

    def wake(self) -> None:
        """Tells everybody who follows that something changed."""
        wake, self._wake = self._wake, asyncio.Event()
        wake.set()

    def close(self) -> None:
        """Ends what follows along."""
        self.closed = True
        self.wake()

    async def changed(self) -> None:
        """Waits until something may have changed: the clouds follow the clock, so not for long."""
        wake = self._wake
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TICK):
                await wake.wait()
        await asyncio.sleep(COALESCE)


def _slack_calls(calls: Sequence[CallRecord]) -> Json:
    first = max(0, len(calls) - MOST_CALLS)
    return {
        f"slack:{number}": {
            "number": number,
            "cloud": "slack",
            "at": int(call.at.timestamp() * 1000),
            "action": call.method,
            "method": "POST",
            "about": "",
            "submission": False,
            "outcome": call.outcome,
        }
        for number, call in enumerate(calls[first:], start=first + 1)
    }


def _log(lines: Sequence[Mapping[str, Any]]) -> Json:
    first = max(0, len(lines) - MOST_LOG_LINES)
    return {str(number): _log_line(line) for number, line in enumerate(lines[first:], start=first + 1)}


def _log_line(line: Mapping[str, Any]) -> Json:
    said = {key: str(value) for key, value in line.items() if key not in {"event", "level", "timestamp"}}
    return {
        "at": str(line.get("timestamp", "")),
        "level": str(line.get("level", "")),
        "event": str(line.get("event", "")),
        "more": " ".join(f"{key}={value}" for key, value in said.items())[:300],
    }
