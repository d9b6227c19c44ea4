"""One history: a while of trouble, then a healthy world, then the end at which everything is looked at."""

from __future__ import annotations

import asyncio
import gc
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import process_time

from tests.simulation import checks, homes
from tests.simulation.actors import People
from tests.simulation.besides import Besides
from tests.simulation.clouds import ORDERS
from tests.simulation.filling import Filling
from tests.simulation.loop import Stuck, Time
from tests.simulation.observer import Violation
from tests.simulation.phrases import OFTEN_CHEAP, OFTEN_DDS, Phrases
from tests.simulation.policies import RULES
from tests.simulation.scene import scene_of
from tests.simulation.sockets import mode_of
from tests.simulation.weather import AMBUSH, BOUNDARIES, DatabaseClock, Weather
from tests.simulation.world import World, logs_of, store_of
from tests.storage.looks import Unsettled

PATIENCE = 75 * 60.0
"""Seconds within which everything comes to rest once the world is well: somebody who is away, and where the thread is
gone too, is tried for an hour; a DDS request stays valid for 15 minutes."""
LOOK_EVERY = 20.0
IN_FORCE, ANSWERED = 60.0, 8.0
"""Seconds after which only the newest configuration can be meant, and until a request has its plan."""
HOMES_REST = 10 * 60.0
"""Seconds after which Home tabs show how old their readings are, and nothing else changes in them."""
DENSE = 0.75
"""How many histories are short: one switchover, with the trouble around its submission."""
HALTED, FAILED_OVER = 0.15, 0.15
"""In how many of them everything is halted, and in how many the cloud fails over, around the moment of the start."""
LEAVING = 0.2
"""In how many of them who lets it start leaves the group of those who may."""
AWAY = 0.5
"""In how many of those with a later start the bot is stopped before it."""


@dataclass(frozen=True)
class Outcome:
    """What became of a history.

    Attributes:
        violation: The first promise that was broken, None if none was.
        story: Everything that happened, line by line.
        digest: Of the story.
        crashes: Where the process died.
        faults: What went wrong on purpose, by kind.
        seconds: Of virtual time.
        cpu: Seconds of the processor's.
        statuses: How many operations ended how.
        decisions: How often what people decided besides: holds, emergencies, starts to come, reviews, forms.
        sent_at_most: The most requests of any operation that reached a cloud.
        accepted_at_most: The most of them that a cloud took on.
        doubles: How many messages were posted once more.
        excused: How often what was amiss, because the clock that two processes share had just been set.
    """

    seed: int
    violation: Violation | None
    story: tuple[str, ...]
    digest: str
    crashes: Counter[str]
    faults: Counter[str]
    seconds: float
    cpu: float
    statuses: Counter[str]
    decisions: Counter[str]
    sent_at_most: int
    accepted_at_most: int
    doubles: int
    excused: Counter[str]

    def brief(self) -> Outcome:
        """The same; its story only where a promise was broken."""
        return self if self.violation is not None else replace(self, story=())


def collect_seldom() -> None:
    """Garbage is collected seldom, and what is there already not at all: a tenth of a history is else spent on it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(400_000, 20, 100)


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """The same for a while."""
    before = gc.get_threshold()
    collect_seldom()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def play(seed: int, store: str = "", mode: str = "") -> Outcome:
    """Plays the history of a seed, the same every time.

    Args:
        seed: Decides everything.
        store: Where the bot keeps its truth, a name of ``STORES``; "": as the seed says.
        mode: How Slack reaches the bot, ``http`` or ``socket``; "": as the seed says.
    """
    began = process_time()
    random.seed(f"providers {seed}")  # the jitter of reads, which providers take from the global dice
    time = Time()
    store = store or store_of(seed)
    world = World(seed, time, store, scene_of(seed, one_process=store == "sqlite"), mode or mode_of(seed))
    try:
        with logs_of(world):
            try:
                time.run(History(world).play())
            except Stuck as stuck:
                world.observer.violated("goes_on", str(stuck))
            except Exception as error:
                error.add_note(f"in the history of seed {seed}")
                raise
    finally:
        world.ground.close()
    return _outcome(world, process_time() - began)


def _outcome(world: World, cpu: float) -> Outcome:
    told = world.observer.operations.values()
    return Outcome(
        seed=world.seed,
        violation=world.observer.violation,
        story=tuple(world.trace.lines),
        digest=world.trace.digest,
        crashes=Counter(world.crashes.happened),
        faults=world.trace.counted,
        seconds=world.time.elapsed,
        cpu=cpu,
        statuses=world.statuses,
        decisions=world.observer.trail.decisions + world.trace.done,
        sent_at_most=max((len(each.submissions) for each in told), default=0),
        accepted_at_most=max((sum(s.job is not None for s in each.submissions) for each in told), default=0),
        doubles=sum(max(times - 1, 0) for times in world.observer.posted.values()),
        excused=world.observer.excused,
    )


class History:
    """Everybody's part in a world: the bot's, its people's and the weather's."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._held: checks.Held = []
        self._dice = random.Random(f"history {world.seed}")  # noqa: S311  # dice, not keys
        phrases = Phrases(world.clouds, self._dice, lambda: world.time.elapsed)
        standings = world.observer.standings
        self._filling = Filling(world.demo, world.mail, self._dice, world.trace, lambda: world.time.elapsed)
        self._people = People(
            world.demo,
            world.mail,
            phrases,
            glass=world.glass,
            dice=self._dice,
            standings=standings,
            holds=lambda: world.observer.trail.holds,
            forms=self._filling if world.scene.forms else None,
            places=world.places if world.scene.places else None,
            likely=OFTEN_DDS if world.scene.tokens else OFTEN_CHEAP,
        )
        weather_dice = random.Random(f"weather {world.seed}")  # noqa: S311
        self._weather = Weather(world.clouds, world.workspace, world.time, weather_dice, world.trace)
        self._weather_dice = weather_dice
        clock_dice = random.Random(f"database clock {world.seed}")  # noqa: S311
        self._clocks = DatabaseClock(world.time, clock_dice, world.trace, world.set_database_clock)
        besides_dice = random.Random(f"besides {world.seed}")  # noqa: S311
        self._besides = Besides(world, besides_dice, self._people.want_something)

    async def play(self) -> None:
        """Plays it, to its end or to the first promise that is broken."""
        world = self._world
        world.begin()
        world.trace.add("world", f"besides: {world.scene}")
        over = asyncio.Event()
        world.observer.on_violation = over.set
        with world.workspace.on_change(world.observer.changed):
            alive = [world.spawn(world.keep_alive(replica)) for replica in range(world.scene.processes)]
            playing = world.spawn(self._acts())
            ended = asyncio.get_running_loop().create_task(over.wait())
            await asyncio.wait({*alive, playing, ended}, return_when=asyncio.FIRST_COMPLETED)
            for task in (*alive, playing):
                if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                    raise error
            ended.cancel()
            await world.close()

    async def _acts(self) -> None:
        world = self._world
        dense = self._dice.random() < DENSE
        world.crashes.planned = self._weather.crashes(AMBUSH if dense else BOUNDARIES)
        world.mail.trouble = self._dice.choice((0.0, 0.0, 0.1) if dense else (0.0, 0.1, 0.3))
        self._weather.climate()
        self._besides.climate()
        if dense:
            await self._weather.ambush()
        troubles = [world.spawn(self._trouble()), world.spawn(self._besides.go_on())]
        if world.scene.replicas:
            troubles.append(world.spawn(self._clocks.go_on()))
        if world.mode == "socket":
            troubles.append(world.spawn(world.links.trouble()))
        await (self._single_minded() if dense else self._lively())
        for trouble in troubles:
            trouble.cancel()
        await self._heal()
        await self._comes_to_rest()

    async def _lively(self) -> None:
        """People are busy for some minutes; the first requests come before anything else."""
        await asyncio.sleep(1)
        self._world.spawn(self._people.request())
        for _ in range(self._dice.randint(2, 8)):
            await asyncio.sleep(self._dice.choice((0.0, 0.2, 1.0, 2.0, 4.0, 15.0)))
            self._world.spawn(self._people.act())
        await asyncio.sleep(self._dice.choice((1, 10, 40)))

    async def _single_minded(self) -> None:
        """One switchover is wanted, and nearly nothing else happens until it is under way."""
        await asyncio.sleep(1)
        leaving = random.Random(f"leaving {self._world.seed}").random() < LEAVING  # noqa: S311
        amid = [
            deed
            for deed, likely in ((self._people.halt_amid, HALTED), (self._fail_over, FAILED_OVER))
            if self._dice.random() < likely
        ]
        if await self._people.insist(amid=amid, leaving=leaving) and self._dice.random() < AWAY:
            self._world.spawn(self._away())
        for _ in range(self._dice.choice((0, 0, 0, 1))):
            await asyncio.sleep(self._dice.choice((0.0, 0.5, 3.0)))
            self._world.spawn(self._people.act())
        await asyncio.sleep(self._dice.choice((0.5, 3, 12)))

    async def _fail_over(self) -> None:
        """The cloud makes another node the primary just where something is to start."""
        await asyncio.sleep(self._dice.uniform(0.0, 0.5))
        open_ones = [op.target for op in self._world.ground.look.states().values() if op.open]
        # As long as it is not planned, a shard may still be called by its name.
        places = {ORDERS, *self._world.clouds.groups()}
        for target in [each for each in open_ones if each in places][:1]:
            self._weather.fail_over(target)

    async def _trouble(self) -> None:
        dice = self._weather_dice
        while True:
            await asyncio.sleep(dice.choice((0.3, 1.0, 3.0, 6.0, 15.0)))
            self._world.troubles.append(self._world.spawn(self._weather.change()))
            if self._world.replicas and dice.random() < 0.02:
                self._world.spawn(self._stop(self._world))
            self._world.downtime = dice.choice((1.0, 3.0, 20.0, 100.0))

    async def _away(self) -> None:
        """The bot is stopped, perhaps until its next start has been missed."""
        self._world.downtime = self._dice.choice((20.0, 90.0, 200.0))
        await self._stop(self._world)

    async def _stop(self, world: World) -> None:
        if (life := world.serving) is not None:
            world.trace.count("SIGTERM")
            world.trace.add("machine", "SIGTERM")
            await life.stop()

    async def _heal(self) -> None:
        world = self._world
        world.trace.add("world", "is well from now on")
        world.crashes.planned.clear()
        world.mail.trouble = 0.0
        world.downtime = 1.0
        world.end_trouble()
        world.links.clear()
        self._weather.clear()
        await self._besides.heal()

    async def _comes_to_rest(self) -> None:
        world = self._world
        problem = await self._rest()
        await self._under_other_rules()
        await self._people.settle()
        problem = problem or await self._rest()
        await self._people.once_more()
        problem = problem or await self._rest()
        await self._people.acknowledge()
        problem = problem or await self._rest()
        if world.scene.forms:
            await self._people.watch()
        await self._people.review()
        problem = problem or await self._rest()
        if world.scene.forms:
            await asyncio.sleep(HOMES_REST)
        life = world.life
        if life is None or not life.alive:
            world.observer.violated("goes_on", f"the process is not there at the end; {problem}")
            return
        end = checks.End(
            world.observer,
            world.workspace,
            life.store,
            world.ground.look,
            world.now(),
            places=world.places,
            logins=(world.clouds.logins, self._besides.logins_at_most),
            settled=problem,
        )
        world.statuses = Counter(str(op.status) for op in end.states.values())
        await checks.look(end)
        opened, standings = self._filling.opened, world.observer.standings
        for problem in await homes.stale(life, world.workspace, standings, opened, world.time.elapsed):
            world.observer.violated("homes_are_true", problem)

    async def _under_other_rules(self) -> None:
        """Somebody asks after a database was taken out or, where none was, when all are there under other rules."""
        if self._world.scene.reloads:
            removed = self._world.book.keys() < RULES.keys()
            if removed:
                await self._asks_by_what_is_in_force()
            await self._besides.restore()
            if not removed:
                await self._asks_by_what_is_in_force()

    async def _asks_by_what_is_in_force(self) -> None:
        await asyncio.sleep(IN_FORCE)
        await self._people.want_something()
        await asyncio.sleep(ANSWERED)

    def _look_at_holds(self) -> None:
        world = self._world
        now = world.now()
        held = checks.waiting(world.ground.look, world.observer.trail.holds, now)
        if held != self._held:  # nothing else changes what is looked at
            for problem in checks.holds_are_shown(held, world.workspace, now):
                world.observer.violated("holds_are_shown", problem)
        self._held = held

    async def _rest(self) -> str:
        """Waits until nothing is owed; says what still is when that takes too long."""
        world = self._world
        patience = world.time.elapsed + PATIENCE
        while True:
            await asyncio.sleep(LOOK_EVERY)
            left = world.ground.look.unsettled(world.now())
            if left.messages == 0:
                self._look_at_holds()
            if world.complete and left == Unsettled(0, 0, 0):
                return ""
            if world.time.elapsed > patience:
                return f"not settled are {left}"
