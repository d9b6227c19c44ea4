"""One whole operation on virtual time, and a fork at every step: in every fork the bot dies right there.

A step is a turn of the event loop, or amid a turn the moment before or after a commit or a call to the outside. A fork
has a copy of everything: of the process, of Slack and the clouds as they are, and of the database's files byte by byte,
amid whatever was being written. The process in it is killed; the next one starts on those files, and people and clouds
go on. What became of it is told to the parent, which has waited, and goes on to the next step.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import traceback
import warnings
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from bot.core.operation import ENDS, Status
from bot.sandbox.slack import Impossible, Message, User
from bot.sandbox.slack.wire import Receipt
from bot.sandbox.stack import EVENT_TYPE, status_of
from tests.simulation.history import PATIENCE, History
from tests.simulation.inline_sqlite import OnSqlite
from tests.simulation.loop import Stuck, Time
from tests.simulation.world import World, logs_of

PLAYS: dict[str, Callable[[World], str]] = {
    "qingcloud": lambda world: f"orders to {world.clouds.orders.nodes[1].id}",
    "dds": lambda _: "sessions",
    "dds-named": lambda world: f"sessions to {world.clouds.sessions.groups[0].electable[0].id}",
}
"""What is asked for: of each cloud, and of the one that may choose, also with a node named."""

LEFT_BEHIND, PRIVATE = ("", "-wal"), ("", "-wal", "-shm", ".lock")
"""What a killed process leaves of a database that counts, and all that lies beside it."""

HANGS = 120
"""Seconds after which a fork is given up."""


@dataclass(frozen=True)
class Fate:
    """What became of the operation in one fork, or where nobody died.

    Attributes:
        step: At which the process died; 0: never.
        during: What had happened last.
        status: The operation's, at the end.
        violation: The promise that was broken, "" if none was.
        story: Everything that happened; only where a promise was broken.
    """

    step: int
    during: str
    status: str
    violation: str
    story: str = ""

    def __str__(self) -> str:
        return f"{self.story}\n\ndying at step {self.step} ({self.during}): {self.violation or self.status}"


@dataclass(frozen=True)
class Sweep:
    """What was seen of an operation that was forked on its way.

    Attributes:
        undisturbed: Its fate in the parent.
        steps: How many there were.
        forks: Its fate in every fork.
    """

    undisturbed: Fate
    steps: int
    forks: Sequence[Fate]

    @property
    def broken(self) -> list[Fate]:
        """The fates in which a promise was broken."""
        return [fate for fate in (self.undisturbed, *self.forks) if fate.violation]


Wanted = Callable[[int, bool], bool]
"""Whether to fork at a step: its number, and whether anything happened since the last that anybody could notice."""


def sweep(play: str, wanted: Wanted, *, stop_at_violation: bool = False) -> Sweep:
    """Plays an operation to its end, and in every fork that is wanted once more from there.

    Args:
        play: One of ``PLAYS``.
        wanted: At which steps.
        stop_at_violation: No more forks after the first in which a promise was broken.
    """
    random.seed(play)  # the jitter of reads, which providers take from the global dice
    time = Time()
    world = World(0, time, "sqlite")
    forks = Forks(world, wanted, stop_at_violation=stop_at_violation)
    try:
        with logs_of(world), forks.at_every_step():
            try:
                time.run(WholeOperation(world, PLAYS[play](world)).play())
            except Stuck as stuck:
                world.observer.violated("goes_on", str(stuck))
    except BaseException:
        if forks.forked:
            forks.tell(traceback.format_exc())
        raise
    if forks.forked:
        forks.tell("")
    world.ground.close()
    return Sweep(forks.fate(), forks.steps, forks.fates)


class WholeOperation(History):
    """A history without bad weather, in which people want one thing, and insist when they get no answer."""

    def __init__(self, world: World, asked: str) -> None:
        super().__init__(world)
        self._asked = asked

    async def _acts(self) -> None:
        demo, mail = self._world.demo, self._world.mail
        try:
            async with asyncio.timeout(PATIENCE):
                await self._insist(lambda: mail.command(demo.requester, demo.channel, self._asked))
                card = await self._card_in(Status.AWAITING_APPROVAL, *ENDS)
                for who in (demo.approver, demo.second_approver):
                    await self._approve(who, card)
                await self._card_in(Status.NEEDS_ATTENTION, *ENDS)
        except TimeoutError:
            self._world.observer.violated("goes_on", "it never comes to an end")
        await self._comes_to_rest()
        self._one_end_and_true()

    async def _insist(self, deliver: Callable[[], Awaitable[Receipt]]) -> None:
        while True:
            if (await deliver()).ok:
                return
            await asyncio.sleep(1)

    async def _card_in(self, *statuses: Status) -> Message:
        while True:
            for card in self._world.workspace.with_metadata(EVENT_TYPE, key="card"):
                if status_of(card) in statuses:
                    return card
            await asyncio.sleep(1)

    async def _approve(self, who: User, card: Message) -> None:
        """An approver approves, until there is no button any more or it was understood."""
        try:
            await self._insist(lambda: self._world.mail.click(who, card, "approve"))
        except Impossible:
            return

    def _one_end_and_true(self) -> None:
        """There is one operation; it succeeded if a cloud began it, and nothing has changed if none did."""
        observer = self._world.observer
        states = self._world.ground.look.states()
        if len(states) != 1:
            observer.violated("one_operation", f"there are {sorted(states)}")
            return
        ((name, op),) = states.items()
        began = any(sent.job is not None for sent in observer.operations[name].submissions)
        # That a promotion never arrived nothing can prove, so a person is asked, and takes over.
        named = op.plan is not None and op.plan.candidate is not None and op.database == "sessions"
        nothing = Status.CLOSED if named else Status.FAILED
        if op.status is not (Status.SUCCEEDED if began else nothing):
            observer.violated("one_true_end", f"{name} is {op.status}; begun by a cloud: {began}")


class Forks:
    """Forks a world at its steps; in a fork, tells the parent at the end.

    Args:
        world: What is forked.
        wanted: At which steps.
        stop_at_violation: No more forks after the first in which a promise was broken.

    Attributes:
        steps: How many there were while there was a process to kill.
        fates: What became of the forks.
        forked: This is a fork.
    """

    def __init__(self, world: World, wanted: Wanted, *, stop_at_violation: bool) -> None:
        assert isinstance(world.ground, OnSqlite)
        self._world = world
        self._ground = world.ground
        self._wanted = wanted
        self._stop_at_violation = stop_at_violation
        self._happened = 0
        self._died_at = 0
        self._during = ""
        self._pipe = -1
        self.steps = 0
        self.fates: list[Fate] = []

    @property
    def forked(self) -> bool:
        return self._pipe >= 0

    @contextmanager
    def at_every_step(self) -> Iterator[None]:
        """Counts the turns of the world's loop, and the commits and calls amid them; and forks."""
        self._world.crashes.due = self._reached  # type: ignore[method-assign]
        loop = self._world.time.loop
        run_once = loop._run_once  # one turn

        def turn() -> None:
            run_once()
            self._turned()

        loop._run_once = turn  # type: ignore[method-assign]
        try:
            yield
        finally:
            loop._run_once = run_once  # type: ignore[method-assign]

    def _turned(self) -> None:
        life = self._world.life
        if life is not None and life.alive and self._step():
            life.die(f"at step {self.steps}")

    def _reached(self, boundary: str) -> bool:
        """Stands where the weather of a history says whether the process dies at a commit or a call."""
        return self._step(f"{boundary} · ")

    def _step(self, where: str = "") -> bool:
        """Counts a step, and forks if that is wanted; whether this is the fork now, whose process has to die."""
        if self.forked or self._world.observer.violation is not None:
            return False
        self.steps += 1
        happened = len(self._world.trace.lines)
        noticed, self._happened = happened != self._happened, happened
        enough = self._stop_at_violation and any(fate.violation for fate in self.fates)
        return not enough and self._wanted(self.steps, noticed) and self._fork(where)

    def _fork(self, where: str) -> bool:
        reading, writing = os.pipe()
        files = Files(self._ground.path)
        files.leave_behind()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._begin_anew(writing, where)
            return True
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
        _, code = os.waitpid(child, 0)
        files.put_back()
        assert code == 0, f"the fork at step {self.steps} ended with {code}"
        self.fates.append(Fate(**json.loads(said)))
        return False

    def _begin_anew(self, pipe: int, where: str) -> None:
        """Here is the fork: whatever it does from now on concerns nobody but itself."""
        self._pipe, self._died_at = pipe, self.steps
        self._during = where + self._world.trace.lines[-1].strip()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(HANGS)
        # A task that dies before its first step leaves a coroutine that nobody awaits.
        warnings.simplefilter("ignore", RuntimeWarning)
        # asyncio forgets across a fork that a loop is running.
        asyncio._set_running_loop(self._world.time.loop)
        self._ground.look_anew()

    def fate(self, broke: str = "") -> Fate:
        """What has become of the operation here."""
        world = self._world
        violation = broke or (str(world.observer.violation) if world.observer.violation else "")
        return Fate(
            step=self._died_at,
            during=self._during,
            status=", ".join(world.statuses),
            violation=violation,
            story="\n".join(world.trace.lines) if violation else "",
        )

    def tell(self, broke: str) -> NoReturn:
        """Tells the parent what became of the operation in this fork, and ends it."""
        code = 1
        try:
            with os.fdopen(self._pipe, "wb") as pipe:
                pipe.write(json.dumps(asdict(self.fate(broke))).encode())
            code = 0
        finally:
            os._exit(code)  # nothing of the parent's, such as its test run, is done once more here


class Files:
    """The database's files, which the living keep open while the forks have copies in their places.

    Args:
        path: The database.
    """

    def __init__(self, path: Path) -> None:
        self._all = [(Path(f"{path}{suffix}"), Path(f"{path}{suffix}.kept")) for suffix in PRIVATE]
        self._data = [(Path(f"{path}{suffix}"), Path(f"{path}{suffix}.kept")) for suffix in LEFT_BEHIND]

    def leave_behind(self) -> None:
        """From now on, in their places lies what a process that is killed now would leave."""
        for file, kept in self._all:
            if file.exists():
                file.rename(kept)
        for file, kept in self._data:
            if kept.exists():
                shutil.copyfile(kept, file)

    def put_back(self) -> None:
        """The files of the living are in their places again, and they are the same ones."""
        for file, kept in self._all:
            file.unlink(missing_ok=True)
            if kept.exists():
                kept.rename(file)
