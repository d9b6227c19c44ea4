"""The ticks: APScheduler as the alarm clock, the stored state as the truth.

APScheduler goes by the wall clock alone: where that is set back, an alarm would not ring for as long. So each is looked
after by a clock that never goes back.

Each sweep claims what is due and hands it to a crew of tracked tasks, so that a slow cloud never holds up a
tick. A kick makes a sweep run at once; one that arrives while the sweep runs makes it run again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.core.operation import Operation
from bot.errors import StoreUnavailable
from bot.ports import Clock, InboxItem, Store
from bot.service.desk import Desk
from bot.service.duties import Duties
from bot.telemetry import Reminder

log = structlog.get_logger()

AT_ONCE = 4
"""Deliveries begun together."""
LATE = 2.0
"""Seconds after which an alarm that has not rung is set anew."""
SET_BACK = timedelta(seconds=2)
"""How far a wall clock must be set back to matter; less is made up for by itself."""
GIVE_WAY = 0.25
"""Seconds for which the work behind acknowledgements gives way to them."""

Sweep = Callable[[], Awaitable[None]]


class Crew:
    """A bounded set of tracked tasks: none is forgotten, none's failure is lost."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def free(self) -> int:
        return max(0, self._size - len(self._tasks))

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Runs the work; a failure is logged, and what it claimed comes due again by itself."""
        task = asyncio.create_task(_guarded(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(
            lambda _: work.close()
        )  # a task that is cancelled before it begins leaves it so

    async def join(self, within: float) -> int:
        """Waits for what is under way; what has not finished by then is cancelled and counted."""
        if not self._tasks:
            return 0
        _, late = await asyncio.wait(set(self._tasks), timeout=within)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        return len(late)


async def _guarded(work: Coroutine[Any, Any, None], name: str) -> None:
    try:
        await work
    except StoreUnavailable as error:
        log.warning("store_unavailable", task=name, reason=str(error))
    except Exception:
        log.exception("task_broke", task=name)


class Rush:
    """Counts the deliveries that are being answered right now, so that the work behind them can give way.

    One event loop does both; a burst of deliveries would otherwise compete with what its first ones caused.
    """

    def __init__(self) -> None:
        self._answering = 0
        self._calm = asyncio.Event()
        self._calm.set()

    def __enter__(self) -> None:
        self._answering += 1
        self._calm.clear()

    def __exit__(self, *_: object) -> None:
        self._answering -= 1
        if not self._answering:
            self._calm.set()

    async def calm(self, within: float) -> None:
        """Waits until no delivery is being answered, or for ``within`` seconds: work must go on as well."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._calm.wait()


class Setback:
    """Notices that a wall clock was set back: what is due by the time it showed before would wait for all of that.

    Args:
        clock: Whose wall clock; its monotonic one is what it is compared with.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._before = self._seen = self._lead()

    def _lead(self) -> datetime:
        return self._clock.now() - timedelta(seconds=self._clock.monotonic())

    def by(self) -> timedelta:
        """How far it was set back since what ``accept`` accepted; zero where that does not matter."""
        self._seen = self._lead()
        back = self._before - self._seen
        return back if back > SET_BACK else timedelta(0)

    def accept(self) -> None:
        """Takes the clock as ``by`` saw it last: nothing waits for the time before any more, or ever did."""
        self._before = self._seen


class Ticker:
    """Named sweeps on APScheduler, each kickable and never run twice at once.

    Args:
        clock: Its monotonic one tells whether an alarm has not rung in time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._sweeps: dict[str, Sweep] = {}
        self._every: dict[str, float] = {}
        self._rang: dict[str, float] = {}
        self._watch = Crew(1)
        self._dirty: set[str] = set()
        self._stopping = False
        self._running: set[str] = set()
        self._unavailable: dict[str, Reminder] = {}
        self._crew = Crew(0)  # of the sweeps that run, each at most once
        self.last_success: dict[str, float] = {}

    def add(self, name: str, every: timedelta, sweep: Sweep) -> None:
        """Registers a sweep; to be called before ``start``."""
        self._sweeps[name] = sweep
        self._every[name] = every.total_seconds()
        self._scheduler.add_job(self._ring, "interval", seconds=every.total_seconds(), id=name, args=[name])

    def start(self) -> None:
        self._scheduler.start()
        self._rang = dict.fromkeys(self._sweeps, self._clock.monotonic())
        self._watch.start(self._set_anew(), "alarms")
        for name in self._sweeps:
            self.kick(name)

    @property
    def running(self) -> bool:
        return bool(self._scheduler.running)

    def kick(self, name: str) -> None:
        """Makes the sweep run at once, or once more if it is running."""
        self._dirty.add(name)
        if name not in self._running and self.running and not self._stopping:
            self._running.add(name)
            self._crew.start(self._run(name), f"sweep-{name}")

    async def stop(self, within: float) -> None:
        """Lets running sweeps end, for at most ``within`` seconds, then stops the clock."""
        if self.running:
            self._stopping = True
            await self._watch.join(0)
            self._scheduler.pause()
            await self._crew.join(within)
            self._scheduler.shutdown(wait=False)
            await asyncio.sleep(0)  # it takes effect in the loop's next turn

    async def _ring(self, name: str) -> None:
        self._rang[name] = self._clock.monotonic()
        # The alarm only begins the sweep: APScheduler would complain of every ring that comes while one runs.
        if name not in self._running:
            self.kick(name)

    async def _set_anew(self) -> None:
        """Looks after the alarms until cancelled."""
        while True:
            await self._clock.sleep(max(min(self._every.values()), LATE))
            now = self._clock.monotonic()
            late = [name for name, every in self._every.items() if now > self._rang[name] + every + LATE]
            for name in late:
                self._scheduler.modify_job(name, next_run_time=datetime.now(UTC))
            if late:
                log.warning(
                    "alarms_set_anew", sweeps=late, why="the machine's clock was set back, or it stood still"
                )

    async def _run(self, name: str) -> None:
        try:
            while name in self._dirty and not self._stopping:
                self._dirty.discard(name)
                await self._once(name)
        finally:
            self._running.discard(name)

    async def _once(self, name: str) -> None:
        try:
            await self._sweeps[name]()
        except StoreUnavailable as error:
            self._store_unavailable(name, str(error))
        except Exception:
            log.exception("sweep_broke", sweep=name)
        else:
            self.last_success[name] = asyncio.get_running_loop().time()
            if self._unavailable.pop(name, None):
                log.info("store_available", sweep=name)

    def _store_unavailable(self, name: str, reason: str) -> None:
        reminder = self._unavailable.setdefault(name, Reminder())
        if reminder.due(reason, asyncio.get_running_loop().time()):
            log.warning("store_unavailable", sweep=name, reason=reason)


class Sweeps:
    """What each tick claims and whom it hands it to."""

    def __init__(
        self, *, store: Store, desk: Desk, duties: Duties, clock: Clock, crew: Crew, rush: Rush
    ) -> None:
        self._rush = rush
        self._store = store
        self._desk = desk
        self._duties = duties
        self._clock = clock
        self._crew = crew
        self._busy: set[str] = set()
        self._items: set[int] = set()

    async def inbox(self) -> None:
        """Hands every due delivery to the desk, a few at a time: a burst must not keep its own acks waiting."""
        while self._crew.free:
            await self._rush.calm(GIVE_WAY)
            now = self._clock.now()
            until = now + self._duties.limits.lease
            items = await self._store.claim_inbox(now, until, min(AT_ONCE, self._crew.free))
            for item in items:
                if item.id not in self._items:
                    self._crew.start(self._work(item), f"inbox-{item.id}")
            if len(items) < AT_ONCE:
                return

    async def operations(self) -> None:
        """Hands every due operation to its duty; job polls share requests."""
        if not self._crew.free:
            return
        now = self._clock.now()
        until = now + self._duties.limits.lease
        due = await self._store.claim_operations(now, until, limit=200)
        free = [op for op in due if op.id not in self._busy]
        polls = [op for op in free if self._duties.pollable(op)]
        if polls:
            self._crew.start(self._poll(polls, until), "poll")
        for op in free:
            if op not in polls:
                self._crew.start(self._perform(op, until), f"operation-{op.id}")

    async def _work(self, item: InboxItem) -> None:
        self._items.add(item.id)
        try:
            await self._desk.work(item)
        finally:
            self._items.discard(item.id)

    async def _perform(self, op: Operation, until: datetime) -> None:
        self._busy.add(op.id)
        try:
            await self._duties.perform(op, until)
        finally:
            self._busy.discard(op.id)

    async def _poll(self, ops: list[Operation], until: datetime) -> None:
        self._busy.update(op.id for op in ops)
        try:
            await self._duties.poll(ops, until)
        finally:
            self._busy.difference_update(op.id for op in ops)


class LoopLag:
    """Measures how late the event loop runs what it was asked to run: a blocked loop is seen, not guessed."""

    def __init__(self, observe: Callable[[float], None], clock: Clock, every: float = 0.5) -> None:
        self._observe = observe
        self._clock = clock
        self._every = every

    async def run(self) -> None:
        """Samples until cancelled."""
        while True:
            before = self._clock.monotonic()
            await self._clock.sleep(self._every)
            self._observe(max(0.0, self._clock.monotonic() - before - self._every))
