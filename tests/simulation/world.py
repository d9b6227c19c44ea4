"""The world of one history: time, Slack and its people, the clouds, and the bot's process, life after life."""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, lru_cache, partial
from inspect import isfunction, signature
from itertools import count
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, cast

import aiohttp
import httpx
import structlog

from bot import config
from bot.app import Surroundings
from bot.config import Settings
from bot.core.model import OperationId
from bot.errors import ConfigError
from bot.sandbox.slack import demo_workspace
from bot.sandbox.slack.web_api import WebApi
from bot.sandbox.switchovers import Timings
from bot.scheduler import Ticker
from bot.storage import connect
from bot.telemetry import Metrics
from handlers.listeners import Listeners
from providers.huawei_dds.provider import HuaweiDdsType
from providers.qingcloud.provider import QingCloudType
from providers.registry import PROVIDERS
from tests.simulation.asgi import SlackSession
from tests.simulation.clouds import Clouds, CloudWire, Submission
from tests.simulation.deliveries import Mail
from tests.simulation.grounds import InMemory
from tests.simulation.inline_sqlite import OnSqlite
from tests.simulation.life import LIFE, SELDOM, TICK, Ground, Life, Machine, track
from tests.simulation.loop import MachineClock, SimulatedLoop, Time
from tests.simulation.observer import Observer
from tests.simulation.places import Places
from tests.simulation.policies import GLASS, RULES, Book
from tests.simulation.scene import AUDIT, PLAIN, SECRETS, SLACK, Scene, configuration
from tests.simulation.sockets import Dialled, Links, SocketMail, in_socket_mode
from tests.simulation.trace import Trace

Now = Callable[[], datetime]
OFF = timedelta(seconds=2)
"""How far a process's clock is off where it does not know yet that the one it goes by was set."""

BROKEN = frozenset(
    {"item_broke", "task_broke", "sweep_broke", "submission_broke", "receive_broke", "provider_broke"}
    | {"publish_broke", "listener_broke", "envelope_broke", "socket_broke"}
)
"""What the bot logs when something happens in it that nobody foresaw."""


@dataclass(frozen=True)
class Common:
    """What every history of this process uses."""

    folder: Path
    metrics: Metrics

    @property
    def file(self) -> Path:
        """The configuration."""
        return self.folder / "switchover.toml"

    @property
    def url(self) -> str:
        """Of the bot's database."""
        return f"sqlite:///{self.folder}/switchover.db"


@cache
def common() -> Common:
    """Made once: a folder, the metrics, the signatures of what each life inspects anew."""
    for each in (*vars(Listeners).values(), Ticker._ring):
        if isfunction(each):
            vars(each)["__signature__"] = signature(each)
    memory = Path("/dev/shm")  # noqa: S108  # where there is one, files cost no disk
    folder = Path(tempfile.mkdtemp(prefix="simulation-", dir=memory if memory.is_dir() else None))
    Finalize(None, shutil.rmtree, args=(folder,), kwargs={"ignore_errors": True}, exitpriority=1)
    return Common(folder, Metrics())


def settings_in(file: Path) -> Settings:
    """What the configuration file says, the same object for the same text.

    Raises:
        ConfigError: Every problem at once.
    """
    return _settings_of(file.read_text(encoding="utf-8"), file)


@lru_cache(maxsize=1000)
def _settings_of(_text: str, file: Path) -> Settings:
    return config.load(file, env={}, provider_types=PROVIDERS)


@cache
def _template() -> Path:
    """A database with its schema."""
    template = common().folder / "template.db"

    async def migrated() -> None:
        await (await connect(f"sqlite:///{template}", migrate=True)).close()

    asyncio.run(migrated())
    return template


def _on_sqlite(_dice: random.Random, _clock: Now) -> Ground:
    return OnSqlite(_template(), common().folder / "switchover.db", audit_channel=AUDIT)


def _in_memory(dice: random.Random, clock: Now) -> Ground:
    return InMemory(dice, clock, audit_channel=AUDIT)


STORES: dict[str, Callable[[random.Random, Now], Ground]] = {
    "memory": _in_memory,
    "sqlite": _on_sqlite,
}
REAL_EVERY = 256
FLIGHTS_TO_SLACK = (0.1, 1.0, 3.0, 6.0)
"""Seconds for which a call to Slack is on its way whose sender has died."""
APART = (0, 1, -5, 30, -30, 100)
"""How many seconds the clock of a second machine is ahead of the first one's."""


def store_of(seed: int) -> str:
    """Where the bot of this history keeps its truth: one history in 256 is played on the real store."""
    return "sqlite" if seed % REAL_EVERY == REAL_EVERY - 1 else "memory"


@dataclass
class Crashes:
    """Where the process dies: each of these ends one life.

    Attributes:
        planned: Boundaries and how often one is reached before the process dies there.
        happened: Where it died.
    """

    planned: list[tuple[str, int]] = field(default_factory=list)
    happened: list[str] = field(default_factory=list)

    def due(self, boundary: str) -> bool:
        """Whether the process dies here."""
        if not self.planned or self.planned[0][0] != boundary:
            return False
        name, left = self.planned[0]
        self.planned[0] = (name, left - 1)
        if left > 1:
            return False
        self.planned.pop(0)
        return True


class World:
    """Everything in one history.

    Attributes:
        readable: Whether the configuration file is one that the bot takes.

    Args:
        seed: Decides everything.
        time: Its time.
        store: Where the bot keeps its truth, a name of ``STORES``.
        scene: What may happen in it.
        mode: How Slack reaches it.
    """

    def __init__(self, seed: int, time: Time, store: str, scene: Scene = PLAIN, mode: str = "http") -> None:
        self.seed = seed
        self.scene = scene
        self.time = time
        self.trace = Trace(lambda: time.elapsed)
        self.dice = random.Random(f"world {seed}")  # noqa: S311  # dice, not keys
        self.crashes = Crashes()
        self.demo = demo_workspace(time.true)
        self.workspace = self.demo.workspace
        self.workspace.url = SLACK
        breakers = [self.demo.requester, self.demo.approver, self.demo.guest]
        self.glass = self.workspace.add_group("glass", breakers, id=GLASS)
        base = self.dice.choice((1.0, 4.0, 15.0))
        timings = Timings(
            working=0.5,
            roles=base * self.dice.choice((0.5, 1.0, 1.5)),
            done=base,
            health_lag=self.dice.choice((0.0, 20.0)),
        )
        self.clouds = Clouds(
            clock=time.true,
            elapsed=lambda: time.elapsed,
            dice=random.Random(f"clouds {seed}"),  # noqa: S311
            timings=timings,
            say=self.trace.add,
            submitted=self._submitted,
        )
        self.ground = STORES[store](random.Random(f"database {seed}"), time.database)  # noqa: S311
        self.observer = Observer(
            look=self.ground.look,
            clouds=lambda: self.clouds,
            workspace=self.workspace,
            trace=self.trace,
            elapsed=lambda: time.elapsed,
            secrets=SECRETS,
            alone=scene.processes == 1,
            apart=self._apart,
        )
        self.observer.standings.changed()
        self.book = RULES
        self.write(self.book)
        self.mode = mode
        self.mail = (SocketMail if mode == "socket" else Mail)(
            self.workspace,
            dice=random.Random(f"mail {seed}"),  # noqa: S311
            bot=lambda: self.serving,
            answered=self.observer.answered,
            spawn=self.spawn,
            count=self.trace.count,
        )
        self.links = Links(self.workspace, random.Random(f"links {seed}"), self.trace)  # noqa: S311
        self.places = Places(
            self.demo,
            dice=random.Random(f"places {seed}"),  # noqa: S311
            trace=self.trace,
            standings=self.observer.standings,
            elapsed=lambda: time.elapsed,
            spawn=self.spawn,
        )
        self.replicas: dict[int, Life] = {}
        apart = random.Random(f"replicas {seed}").choice(APART)  # noqa: S311
        self._ahead = timedelta(0), timedelta(seconds=apart)
        self.lives = self.reloads = 0
        self.downtime = 5.0
        self._reloading = asyncio.Lock()
        self._web = WebApi(self.workspace)
        self._ids = count(1)
        self._others: dict[asyncio.Task[Any], None] = {}
        self._context = copy_context()
        self.troubles: list[asyncio.Task[None]] = []
        self.statuses: Counter[str] = Counter()

    # --- the process, or two ---

    def now(self) -> datetime:
        """The time that the bot goes by."""
        return self.time.machine() if self.scene.processes == 1 else self.time.database()

    def set_database_clock(self, by: timedelta) -> None:
        """The database's clock is set anew; each process that does not stand still finds out at once."""
        self.time.set_database(by)
        self.observer.database_clock_set(by)
        for life in self.replicas.values():
            life.reads_the_time()

    def _apart(self) -> bool:
        """Whether a process does not know yet that the clock they share was set."""
        shown, several = self.time.database(), self.scene.processes > 1
        return several and any(
            life.serving and abs(life.now() - shown) > OFF for life in self.replicas.values()
        )

    @property
    def life(self) -> Life | None:
        """The process, dead or alive; one of several."""
        return next(iter(self.replicas.values()), None)

    @property
    def serving(self) -> Life | None:
        """The process, where it takes requests; one of several that do, another each time."""
        found = [life for life in self.replicas.values() if life.serving]
        return self.dice.choice(found) if len(found) > 1 else next(iter(found), None)

    @property
    def complete(self) -> bool:
        """Whether every process takes requests."""
        return len(self.replicas) == self.scene.processes and all(
            life.serving for life in self.replicas.values()
        )

    async def keep_alive(self, replica: int) -> None:
        """Starts a process, and again a while after each of its ends."""
        ended = asyncio.Event()
        while True:
            ended.clear()
            self.lives += 1
            self.trace.add("machine", f"starts the bot, life {self.lives}")
            try:
                settings = settings_in(common().file)
            except ConfigError:
                self._note("start: bad configuration")
                await asyncio.sleep(self.downtime)
                continue
            self.observer.loading = self.book
            clock = MachineClock(self.time, self._ahead[replica])
            machine = self._machine(settings, clock.now, ended)
            life = self.replicas[replica] = Life(machine, partial(self._around, clock))
            await life.start()
            await ended.wait()
            stubborn = await life.bury()
            if stubborn:
                self.observer.violated("every_task_ends", f"{stubborn} tasks outlive their process")
            await asyncio.sleep(self.downtime)

    def write(self, book: Book, text: str = "") -> None:
        """Writes the configuration file; ``text``: what it says instead, for one that the bot must not take."""
        self.readable = not text
        self.book = book
        common().file.write_text(text or configuration(self.scene, common().url, book), encoding="utf-8")

    async def reload(self) -> None:
        """SIGHUP: the process, where there is one, takes what the file says; one after the other, as it does."""
        # Whoever sent it may be gone before the process is done with it.
        await asyncio.shield(self.spawn(self._in_turn()))

    async def _in_turn(self) -> None:
        async with self._reloading:
            await self._reload()

    async def _reload(self) -> None:
        life, before = self.serving, self.observer.loading
        if life is None:
            return
        self.reloads += 1
        self.time.loop.threads = True  # the bot reads its file in one

        async def taken() -> bool:
            # What the file says when it is read: it may be written again before.
            self.observer.loading = self.book if self.readable else before
            return await life.bot.reload()

        reloading = life.run(taken())
        await asyncio.wait({reloading})
        if not life.alive:
            return
        if reloading.exception() is not None:
            self.observer.violated("nothing_unforeseen", f"a reload broke: {reloading.exception()!r}")
        elif not reloading.result():
            self.trace.add("machine", "not reloaded")
            self.observer.loading = before
            self.observer.rulebook.in_force(before)

    @property
    def url(self) -> str:
        """Of the bot's database."""
        return common().url

    def _machine(self, settings: Settings, now: Now, ended: asyncio.Event) -> Machine:
        if self.mode == "socket":
            settings = in_socket_mode(settings, self.workspace.app_token)
        return Machine(
            settings=settings,
            path=common().file,
            ground=self.ground,
            metrics=common().metrics,
            now=now,
            reached=self.crashes.due,
            committed=self._committed,
            died=partial(self._died, ended),
            alone=self.scene.processes == 1,
        )

    def _around(self, clock: MachineClock, life: Life) -> Surroundings:
        adrift = partial(self._adrift, life)
        wire = CloudWire(self.clouds, life.boundary, adrift)
        jitter = random.Random(f"jitter {self.seed} {self.lives}")  # noqa: S311
        return Surroundings(
            clock=clock,
            new_id=lambda: OperationId(f"SW-{next(self._ids):06}"),
            random=jitter.random,
            providers={
                "qingcloud": QingCloudType(wire=wire),
                "huawei-dds": HuaweiDdsType(wire=wire),
            },
            slack_session=lambda **_: cast(
                aiohttp.ClientSession, SlackSession(self._web, life.boundary, self._on_the_way, adrift)
            ),
            web_sockets=lambda **_: Dialled(self.workspace.sockets, life, self._on_the_way, self.trace.count),
            logging=lambda **_: None,
            settings=settings_in,
            tick=TICK if self.scene.forms else SELDOM,
            housekeeping=timedelta(hours=1),
        )

    async def _adrift(self, life: Life, name: str, arrive: Callable[[], Awaitable[object]]) -> None:
        """What has left arrives all the same where its sender dies now; after a while, and nobody hears of it."""
        if life.passes(name):
            return
        seconds = self.dice.choice(FLIGHTS_TO_SLACK) if name == "amid a call to Slack" else 0.0

        async def arrives() -> None:
            await asyncio.sleep(seconds)
            with suppress(ConnectionError, httpx.TransportError):
                await arrive()

        self.spawn(arrives(), apart=True)
        await asyncio.get_running_loop().create_future()

    async def _on_the_way(self) -> None:
        await asyncio.sleep(self.dice.choice((0.02, 0.05, 0.2)))

    def _committed(self) -> None:
        self.observer.committed()
        for life in self.replicas.values():
            life.hears_of_a_commit()

    def _foresee(self) -> None:
        for life in self.replicas.values():
            life.foresee()

    def _died(self, ended: asyncio.Event, where: str) -> None:
        if where:
            self.trace.add("machine", f"the process ends: {where}")
            self.crashes.happened.append(where)
        self.observer.process_ended()
        ended.set()

    def _note(self, kind: str) -> None:
        self.trace.count(kind)
        self.trace.add("machine", kind)

    def _submitted(self, submission: Submission) -> None:
        self.observer.submitted(submission)

    # --- everybody else ---

    def spawn(self, work: Coroutine[Any, Any, None], *, apart: bool = False) -> asyncio.Task[None]:
        """Lets something happen beside everything else, never inside the bot's process.

        Args:
            work: What.
            apart: What it sets in its context is its own.
        """
        context = self._context.copy() if apart else self._context
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._others[task] = None
        task.add_done_callback(self._others.pop)
        return task

    def begin(self) -> None:
        """To be called first, inside the loop."""
        loop = asyncio.get_running_loop()
        loop.set_task_factory(track)
        cast(SimulatedLoop, loop).at_rest = self._foresee

    def end_trouble(self) -> None:
        """Nothing that was begun to make trouble goes on."""
        for task in self.troubles:
            task.cancel()

    async def close(self) -> None:
        """Ends everything that still runs."""
        for task in list(self._others):
            task.cancel()
        for life in self.replicas.values():
            if life.alive:
                life.die("")
            await life.bury()
        self.troubles.clear()  # tasks that are known to nobody are found by nobody who looks for what still runs


@contextmanager
def logs_of(world: World) -> Iterator[None]:
    """The bot's log lines go into the story of the world; what it did not foresee is a violation."""

    def say(name: str, text: str, failed: str) -> None:
        life = LIFE.get(None)
        if life is None or not life.alive:
            return
        text = text.replace(f"{common().folder}/", "")  # it has another name in each process
        world.observer.logged(text + failed)
        if name in BROKEN:
            world.observer.violated("nothing_unforeseen", f"the bot logged {name}: {failed}")
        elif name not in {"jobs_polled", "requested"}:
            world.trace.add("bot", text)

    def process(_logger: Any, _method: str, event: Any) -> Any:
        failed = event.pop("exc_info", None)
        name = str(event.pop("event"))
        said = " ".join(f"{key}={value}" for key, value in event.items())
        say(name, f"{name} {said}".strip(), _failure(failed))
        raise structlog.DropEvent

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            extra = {key: getattr(record, key) for key in ("operation", "error") if hasattr(record, key)}
            say(text, f"{text} {extra or ''}".strip(), _failure(record.exc_info))

    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    structlog.configure(
        processors=[process], wrapper_class=structlog.BoundLogger, cache_logger_on_first_use=False
    )
    root.handlers[:] = [Handler()]
    _let_through(root, logging.WARNING)
    try:
        yield
    finally:
        structlog.configure(**before)
        root.handlers[:] = handlers
        _let_through(root, level)


def _let_through(logger: logging.Logger, level: int) -> None:
    if logger.level != level:  # setting it makes every logger forget what it knows of levels
        logger.setLevel(level)


def _failure(exc_info: Any) -> str:
    if exc_info is True:
        exc_info = sys.exc_info()
    if not exc_info or exc_info[1] is None:
        return ""
    return " ".join(line.strip() for line in traceback.format_exception_only(exc_info[1]))
