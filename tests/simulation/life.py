"""One life of the bot's process: composed on what was committed, killed at a boundary or drained."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any, Protocol, TypeVar

from bot.app import Bot, Surroundings, slack_client, summary, take_over
from bot.config import Settings
from bot.errors import StoreUnavailable
from bot.ports import Storage
from bot.telemetry import Metrics
from tests.storage.looks import Look
from tests.storage.memory import Process

T = TypeVar("T")

LIFE: ContextVar[Life] = ContextVar("life")
TICK = timedelta(seconds=150)
"""The sweeps run when something is due; besides, as seldom as this, for the sake of Home tabs."""
SELDOM = timedelta(minutes=10)
"""The same where nobody opens one."""
ROOM = 50
"""After how many more tasks those that have ended are forgotten."""
AGAIN = 0.5
"""Seconds until what is still due is looked at again: the bot's own tick."""


class Failing(StrEnum):
    """The ways in which a database fails."""

    NOT = "not"
    LOCKED = "locked"
    FULL = "full"
    GONE = "gone"
    LOSING = "losing commits"


class Ground(Protocol):
    """Where the process keeps what outlives it."""

    @property
    def look(self) -> Look:
        """A view of it from beside."""
        ...

    def open(self, process: Process) -> Storage:
        """The store of one process."""
        ...

    def cut_off(self) -> None:
        """The process has died: its transactions are undone, what it had open is closed."""
        ...

    def fail(self, failing: Failing, dice: Random) -> None:
        """From now on it fails in this way; the dice say which commits are lost."""
        ...

    def close(self) -> None:
        """The history is over."""
        ...


@dataclass(frozen=True)
class Machine:
    """What a life needs of the world.

    Attributes:
        settings: The bot's configuration.
        path: The configuration file.
        ground: Where it keeps what outlives it.
        metrics: The same registry for every life; making one is dear.
        now: The machine's wall clock.
        reached: Told of every boundary; whether the process dies there.
        committed: Told of every commit that wrote something.
        died: Told of the end, and of where it came.
        alone: Nobody else uses the database.
    """

    settings: Settings
    path: Path
    ground: Ground
    metrics: Metrics
    now: Callable[[], datetime]
    reached: Callable[[str], bool]
    committed: Callable[[], None]
    died: Callable[[str], None]
    alone: bool = True


class Life:
    """A process: its tasks, its connections, its bot.

    Args:
        machine: Where it runs.
        around: Makes the bot's surroundings, whose wires are this life's.

    Attributes:
        now: The time that its bot goes by.
    """

    def __init__(self, machine: Machine, around: Callable[[Life], Surroundings]) -> None:
        self._machine = machine
        self._around = around(self)
        self.alive = True
        self.serving = False
        self._tasks: list[asyncio.Task[Any]] = []
        self._room = ROOM
        self._foreseen = False
        self.stands_until = 0.0
        self.context: Context = copy_context()
        self.context.run(LIFE.set, self)
        self.store = machine.ground.open(self)
        self._bot: Bot | None = None
        self.now = machine.now
        self._alarm: asyncio.TimerHandle | None = None
        self._rang = -AGAIN

    @property
    def bot(self) -> Bot:
        """The bot, once it is composed."""
        assert self._bot is not None
        return self._bot

    def owns(self, task: asyncio.Task[Any]) -> None:
        """A task of this process has begun."""
        self._tasks.append(task)
        if len(self._tasks) > self._room:
            self._room = 2 * len(self.tasks()) + ROOM

    def tasks(self) -> Sequence[asyncio.Task[Any]]:
        """Its tasks that have not ended; of those that have, nobody asks what the dead stumbled over."""
        ended = [task for task in self._tasks if task.done()]
        self._tasks = [task for task in self._tasks if not task.done()]
        for task in ended:
            if not self.alive and not task.cancelled():
                task.exception()
        return list(self._tasks)

    def run(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task of this process."""
        return asyncio.get_running_loop().create_task(work, context=self.context)

    def passes(self, name: str) -> bool:
        """Comes to a point at which the process may die; whether it lives on."""
        if self.alive and self._machine.reached(name):
            self.die(name)
        return self.alive

    async def boundary(self, name: str) -> None:
        """Passes such a point; the dead never get past one."""
        if not self.passes(name):
            await asyncio.get_running_loop().create_future()

    def commits(self) -> bool:
        """Comes to a commit that writes something."""
        return self.passes("before a commit")

    def committed(self) -> bool:
        """Has made one."""
        self._machine.committed()
        return self.passes("after a commit")

    def waits(self) -> float:
        """For how many seconds it stands still, before a transaction or after a commit."""
        return max(self.stands_until - asyncio.get_running_loop().time(), 0.0)

    def hears_of_a_commit(self) -> None:
        """Something was committed, by this process or another."""
        self._foreseen = False

    def reads_the_time(self) -> None:
        """Its bot looks at the clock that replicas share; its own alarm for that rings seldom."""
        if self.serving:
            self.context.copy().run(self.bot._ticker.kick, "clock")
            self._foreseen = False

    async def start(self) -> None:
        """Composes the bot on what was committed, as ``serve`` does; a death or a failure meanwhile ends it."""
        starting = self.run(self._start())
        await asyncio.wait({starting})
        if self.alive and (error := starting.exception()) is not None:
            if not isinstance(error, StoreUnavailable):
                raise error
            self.die("a start without its database")

    async def _start(self) -> None:
        machine = self._machine
        around = await take_over(self.store, self._around, alone=machine.alone)
        client = slack_client(machine.settings, machine.metrics, around)
        self._bot = Bot(machine.settings, machine.path, self.store, client, machine.metrics, around=around)
        self._client, self.now = client, around.clock.now
        await self.store.record_configuration(summary(machine.settings), around.clock.now())
        self.bot.start()
        self.serving = True

    def die(self, where: str) -> None:
        """``kill -9``: from here on nothing that this process does has any effect."""
        tasks = self.tasks()
        self.alive = self.serving = False
        self._silence()
        self._machine.ground.cut_off()
        for task in tasks:
            task.cancel()
        self._machine.died(where)

    async def bury(self) -> int:
        """Waits until the tasks of the dead are gone; gives how many won't go."""
        for turn in range(200):
            tasks = self.tasks()
            if not tasks:
                break
            if turn % 20 == 0:  # between, they clean up
                for task in tasks:
                    task.cancel()
            await asyncio.sleep(0)
        return len(self.tasks())

    async def stop(self) -> None:
        """SIGTERM: drains and closes everything; a death meanwhile ends it."""
        await asyncio.wait({self.run(self._stop())})
        if self.alive:
            self.alive = False
            self._machine.died("the end of its drain")

    async def _stop(self) -> None:
        await self.bot.drain()
        self.serving = False
        self._silence()
        await self._client.close()
        await self.bot.close()
        await self.store.close()

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        scheduler = self._bot._ticker._scheduler if self._bot else None
        if scheduler is not None and scheduler.running:
            # In a copy: the task that comes to its death may be running in the context itself.
            self.context.copy().run(scheduler.shutdown, wait=False)

    # --- the alarm: ticks that would find nothing are left out ---

    def foresee(self) -> None:
        """Sets the alarm anew, where something was committed since it was set."""
        if self._foreseen or not self.serving:
            return
        self._foreseen = True
        if self._alarm is not None:
            self._alarm.cancel()
        loop, now = asyncio.get_running_loop(), self.now()
        due = self._machine.ground.look.due()
        first = min((at for at in (due.inbox, due.operations, due.publish) if at is not None), default=None)
        wait = TICK.total_seconds() if first is None else (first - now).total_seconds()
        at = max(loop.time() + wait, self._rang + AGAIN)
        self._alarm = loop.call_at(at, self._ring, context=self.context)

    def _ring(self) -> None:
        now, due = self.now(), self._machine.ground.look.due()
        for name, at in (("inbox", due.inbox), ("operations", due.operations), ("publish", due.publish)):
            if at is not None and at <= now:
                self.bot._ticker.kick(name)
        self._rang = asyncio.get_running_loop().time()
        self._foreseen = False


def track(loop: asyncio.AbstractEventLoop, coro: Any, **given: Any) -> asyncio.Task[Any]:
    """A task factory that knows whose process a task is of."""
    task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **given)
    context = given.get("context")
    life = context.get(LIFE) if context is not None else LIFE.get(None)
    if life is not None:
        life.owns(task)
    return task
