"""The real bot through several lives: each but the last ends at a failpoint, and the next begins where it ended."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bot.core.machine import replay
from bot.core.operation import ENDS, Status
from bot.ports import AuditHead
from bot.sandbox.clouds import CloudSetup, Scene, documents_on_huawei_dds, orders_on_qingcloud
from bot.sandbox.huawei_dds import SimulatedHuaweiDds
from bot.sandbox.qingcloud import SimulatedQingCloud
from bot.sandbox.slack import Impossible, Message
from bot.sandbox.slack.wire import Receipt
from bot.sandbox.stack import EVENT_TYPE, PATIENCE, Stack, status_of
from bot.sandbox.switchovers import Timings
from bot.storage import connect
from tests.warm import warm_stack

QUICK = Timings(working=0.1, roles=0.2, done=0.4)
KILLED = -signal.SIGKILL
TRACKING = 'settle_time = "1s"'
Play = tuple[Callable[[], CloudSetup], int]
"""What is played: a fresh cloud, and which of its scenes."""
CLOUDS: dict[str, Play] = {
    "qingcloud": (lambda: orders_on_qingcloud(SimulatedQingCloud(timings=QUICK)), 0),
    "dds": (lambda: documents_on_huawei_dds(SimulatedHuaweiDds(timings=QUICK)), 0),
    "dds-named": (lambda: documents_on_huawei_dds(SimulatedHuaweiDds(timings=QUICK)), 2),
}


@dataclass
class Lives:
    """The world, and how often the bot has died in it.

    Attributes:
        stack: Everything that runs.
        cloud: The one cloud.
        scene: What is asked of it.
        to_come: The failpoints of the lives to come; when there are none left, a life lasts.
        deaths: How the lives ended.
    """

    stack: Stack
    cloud: CloudSetup
    scene: Scene
    to_come: list[str]
    deaths: list[int] = field(default_factory=list)
    before: Sequence[str] = ()
    _turned: asyncio.Condition = field(default_factory=asyncio.Condition)
    _up: bool = True

    async def play(self, scenario: Coroutine[Any, Any, None]) -> None:
        """Plays the scenario while a supervisor starts the bot again whenever it has died."""
        self.before = list(self.scene.primaries())
        supervising = asyncio.create_task(self._supervise())
        playing = asyncio.create_task(scenario)
        try:
            await asyncio.wait({supervising, playing}, return_when=asyncio.FIRST_COMPLETED)
            if supervising.done():
                supervising.result()
            await playing
        finally:
            for task in (supervising, playing):
                task.cancel()
            await asyncio.gather(supervising, playing, return_exceptions=True)

    async def _supervise(self) -> None:
        while True:
            code = await self.stack.bot.died()
            async with self._turned:
                self._up = False
                self.deaths.append(code)
            assert code == KILLED, self.stack.bot.logs[-5:]
            self.check_deaths()
            with contextlib.suppress(RuntimeError):  # it may die before it listens
                await self.stack.restart(failpoint=self.to_come.pop(0) if self.to_come else "")
                async with self._turned:
                    self._up = True
                    self._turned.notify_all()

    async def died(self, times: int) -> None:
        """Waits until it has died so often and is up again."""
        async with self._turned:
            await self._turned.wait_for(lambda: self._up and len(self.deaths) >= times)

    async def insist(self, deliver: Callable[[], Awaitable[Receipt]]) -> None:
        """A person does something, and once more if Slack says that the bot did not answer."""
        while True:
            async with self._turned:
                await self._turned.wait_for(lambda: self._up)
                life = len(self.deaths)
            try:
                receipt = await deliver()
            except Impossible:
                return  # the button is gone: it was understood after all
            if receipt.ok:
                return
            assert receipt.failure, receipt
            await self.died(life + 1)

    async def request(self) -> Message:
        """The requester asks for the scene's switchover; the card that awaits approval."""
        people = self.stack.demo
        await self.insist(
            lambda: self.stack.slack.command(people.requester, people.channel, self.scene.asked)
        )
        return await self.stack.card_in(Status.AWAITING_APPROVAL, *ENDS)

    async def approve(self, card: Message) -> None:
        """The approver presses the button."""
        await self.insist(lambda: self.stack.slack.click(self.stack.demo.approver, card, "approve"))

    async def switchover(self, *ends: Status, deaths: int = 0, own_first: bool = False) -> None:
        """From request to end, and until so many deaths were died."""
        card = await self.request()
        if own_first:
            await self.insist(lambda: self.stack.slack.click(self.stack.demo.requester, card, "approve"))
            space = self.stack.demo.workspace
            await space.wait_for(lambda: space.ephemerals(self.stack.demo.requester), timeout=PATIENCE)
        await self.approve(card)
        await self.stack.told(*ends)
        await self.died(deaths)

    def check_deaths(self) -> None:
        """Every death was at a failpoint, and not because it would not end in time."""
        reached = [line for line in self.stack.bot.logs if line.get("event") == "failpoint"]
        assert len(reached) == len(self.deaths), self.stack.bot.logs[-9:]

    async def rest(self) -> None:
        """Drains it, in as many lives as that takes."""
        while (code := await self.stack.bot.stop()) == KILLED:
            self.deaths.append(code)
            self.check_deaths()
            await self.stack.restart()
        assert code == 0, self.stack.bot.logs[-5:]


@asynccontextmanager
async def lives(
    play: Play,
    failpoints: Sequence[str],
    *,
    tracking: str = TRACKING,
    policy: str = "",
    mode: Literal["http", "socket"] = "http",
) -> AsyncIterator[Lives]:
    """A world whose bot dies at each of the failpoints, in this order."""
    make, scene = play
    cloud = make()
    first, *rest = failpoints or [""]
    async with warm_stack(
        [cloud], tracking=tracking, policy=policy, rate_limited=False, failpoint=first, mode=mode
    ) as running:
        yield Lives(running, cloud, cloud.scenes[scene], rest)


# --- what must hold, whenever it died ---


async def check(world: Lives, *ends: Status, in_vain: int = 0) -> None:
    """The promises, on what the cloud, Slack and the database hold after the bot has come to rest.

    Args:
        world: Everything.
        ends: Where the operation may stand.
        in_vain: How many requests reached the cloud and surely began nothing, so that another may follow.
    """
    folder = world.stack.bot.config.parent
    store = await connect(f"sqlite:///{folder}/switchover.db", migrate=False, read_only=True)
    try:
        (op,) = await store.operations(open_only=False)
        assert replay(await store.events(op.id)) == op
        assert isinstance(await store.verify_audit(), AuditHead)
        assert await store.backlog() == 0
    finally:
        await store.close()
    assert op.status in ends
    assert world.cloud.app.submissions_accepted <= 1
    assert world.cloud.app.submissions_seen - world.cloud.app.submissions_accepted == in_vain
    assert len(op.submissions) <= 1 + in_vain
    assert undone(folder) == []
    if op.status is Status.SUCCEEDED:
        assert world.scene.as_asked(world.before, world.scene.primaries())
        assert world.cloud.app.submissions_accepted == 1
    else:
        assert list(world.scene.primaries()) == list(world.before)
    check_slack(world.stack, folder, op.status)


def check_slack(running: Stack, folder: Path, status: Status) -> None:
    """One card, true; every reply that is owed, once; the end, once, if it has come to one.

    A call for approval that was overtaken is owed no more; it may have been posted all the same, once.
    """
    posted = running.demo.workspace.with_metadata(EVENT_TYPE)
    keys = Counter(_key(message) for message in posted)
    assert max(keys.values()) == 1
    owed, overtaken = recorded(folder)
    assert {_key(message): message.ts for message in posted if _key(message) not in overtaken} == owed
    (card,) = [message for message in posted if _key(message) == "card"]
    assert status_of(card) == status
    ends = [message for message in posted if message != card and status_of(message) in ENDS]
    assert len(ends) == (status in ENDS)


def _key(message: Message) -> str:
    return str((message.metadata or {})["event_payload"]["key"])


def recorded(folder: Path) -> tuple[dict[str, str], set[str]]:
    """Under which ``ts`` each card and reply is recorded as posted, and which were overtaken instead."""
    query = "SELECT key, ts, last_error FROM messages WHERE kind IN ('card', 'reply')"
    with closing(sqlite3.connect(f"file:{folder}/switchover.db?mode=ro", uri=True)) as database:
        rows = database.execute(query).fetchall()
    overtaken = {key for key, ts, error in rows if not ts and error == "overtaken"}
    return {key: ts for key, ts, _ in rows if key not in overtaken}, overtaken


def undone(folder: Path) -> list[tuple[str, ...]]:
    """The deliveries that were acknowledged and have had no effect."""
    query = "SELECT dedupe_key, command FROM inbox WHERE done_at IS NULL"
    with closing(sqlite3.connect(f"file:{folder}/switchover.db?mode=ro", uri=True)) as database:
        return list(database.execute(query))
