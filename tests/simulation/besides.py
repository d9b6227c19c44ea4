"""What goes wrong, or is changed, in the histories whose scene has it: tokens, database, replicas, configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from bot.sandbox.faults import Fault
from bot.sandbox.huawei_dds.model import CREATE_TOKEN
from tests.simulation.clouds import IAM
from tests.simulation.life import Failing
from tests.simulation.policies import APPROVERS, GLASS, RULES, Book, Rules
from tests.simulation.scene import configuration

if TYPE_CHECKING:
    from tests.simulation.world import World

Turn = Callable[[], Coroutine[Any, Any, None]]
RENEWED_BEFORE = 600.0
"""Seconds before its end at which a token is not used any more."""
REMOVED = 0.5
"""In how many of the histories with reloads a database is taken out at the end of all trouble."""
BROKEN_FILES = ("[slack", "unknown = 1\n")
"""What is written in front of a good file to make it a bad one."""


class Besides:
    """Trouble of the kinds that a scene has, driven by dice.

    Args:
        world: Where it happens.
        dice: Decides what.
        meanwhile: Lets somebody ask for something.
    """

    def __init__(self, world: World, dice: Random, meanwhile: Turn) -> None:
        self._meanwhile = meanwhile
        self._world = world
        self._dice = dice
        self._good: Book = RULES
        self._bad_logins = 0

    def climate(self) -> None:
        """What lasts for the whole history."""
        minutes = self._dice.choice((11, 12, 15, 60))  # the bot renews a token ten minutes before its end
        self._world.clouds.huawei.token_life = timedelta(minutes=minutes)

    async def go_on(self) -> None:
        """One thing after the other, for ever."""
        turns = self._turns()
        while turns:
            await asyncio.sleep(self._dice.choice((0.5, 1.0, 3.0, 8.0, 20.0)))
            self._world.troubles.append(self._world.spawn(self._dice.choice(turns)()))

    def _turns(self) -> Sequence[Turn]:
        scene, found = self._world.scene, list[Turn]()
        if scene.tokens:
            found += [self._revoke, self._bad_login, self._no_iam]
        if scene.database:
            found += [self._database, self._lost_commits]
        if scene.reloads:
            found += [self._new_rules, self._new_rules, self._bad_file]
        if scene.places:
            found += [self._world.places.change, self._world.places.change]
        if scene.replicas:
            found += [self._stand_still]
        return found

    @property
    def logins_at_most(self) -> int:
        """How often there was a reason to ask IAM for a token: each process, each configuration, each end of one."""
        world = self._world
        clients = world.lives + world.reloads
        lasts = (world.clouds.huawei.token_life - world.time.ahead).total_seconds() - RENEWED_BEFORE
        if lasts <= 0:  # by the machine's clock every token is too old to be used again
            return len(world.clouds.asked)
        causes = clients + world.clouds.huawei.revoked + self._bad_logins
        return 2 * causes + int(world.time.elapsed / lasts) * (1 + world.reloads)

    async def heal(self) -> None:
        """All is as it was in the beginning, but perhaps what is under way, or another, is not configured any more."""
        self._world.ground.fail(Failing.NOT, self._dice)
        book = RULES
        if self._world.scene.reloads and self._dice.random() < REMOVED:
            under_way = {
                op.database for op in self._world.ground.look.states().values() if op.submissions and op.open
            }
            removed = under_way or {self._dice.choice(list(RULES))}
            book = {name: rules for name, rules in RULES.items() if name not in removed}
        await self._change(book)

    async def restore(self) -> None:
        """Everything is configured again, perhaps under other rules than in the beginning."""
        other = self._world.scene.reloads and self._dice.random() < REMOVED
        await self._change({name: self._rules(rules) for name, rules in RULES.items()} if other else RULES)

    async def _change(self, book: Book) -> None:
        if self._world.book != book or not self._world.readable:
            words = "; ".join(f"{name} {rules}" for name, rules in book.items())
            self._note("configuration: changed for good", f"configuration: {words}")
            self._world.write(book)
            await self._world.reload()

    def _note(self, kind: str, words: str = "") -> None:
        self._world.trace.count(kind)
        self._world.trace.add("besides", words or kind)

    # --- IAM ---

    async def _revoke(self) -> None:
        """No token that was issued is good any more."""
        self._note("tokens: revoked")
        self._world.clouds.huawei.revoke_tokens()

    async def _bad_login(self) -> None:
        """A few logins are answered badly."""
        name = self._dice.choice(list(_LOGINS))
        self._note(f"logins: {name}")
        times = self._dice.choice((1, 1, 2, 6))
        self._bad_logins += times
        self._world.clouds.huawei.faults.set(CREATE_TOKEN, _LOGINS[name], times=times)

    async def _no_iam(self) -> None:
        """Nobody listens at IAM's address for a while; tokens are revoked then, too."""
        self._note("IAM away")
        self._world.clouds.unreachable.add(IAM)
        self._world.clouds.huawei.revoke_tokens()
        await asyncio.sleep(self._dice.choice((3, 15, 80)))
        self._world.clouds.unreachable.discard(IAM)

    # --- the bot's database ---

    async def _database(self) -> None:
        """It fails for a while."""
        failing = self._dice.choice([each for each in Failing if each is not Failing.NOT])
        self._note(f"database: {failing}")
        self._world.ground.fail(failing, self._dice)
        await asyncio.sleep(self._dice.choice((0.3, 0.3, 1.0, 1.0, 3.0, 3.0, 10.0, 10.0, 40.0)))
        self._world.ground.fail(Failing.NOT, self._dice)

    async def _stand_still(self) -> None:
        """One of two processes comes no further for a while; the other may take over what it has claimed."""
        if (life := self._world.serving) is not None:
            seconds = self._dice.choice((3.0, 12.0, 20.0, 40.0, 70.0))
            self._note("process stands still", f"a process stands still for {seconds:.0f} s")
            life.stands_until = asyncio.get_running_loop().time() + seconds

    async def _lost_commits(self) -> None:
        """Somebody sends something just while commits are lost."""
        self._note("database: losing commits")
        self._world.ground.fail(Failing.LOSING, self._dice)
        # Whoever sends it hears the answer, also where all trouble ends meanwhile.
        await asyncio.shield(self._world.spawn(self._meanwhile()))
        await asyncio.sleep(0.5)
        self._world.ground.fail(Failing.NOT, self._dice)

    # --- the configuration ---

    async def _new_rules(self) -> None:
        """Databases come and go, policies change; the process is told at once, or a while after."""
        self._good = {name: self._rules(rules) for name, rules in RULES.items() if self._dice.random() < 0.8}
        words = "; ".join(f"{name} {rules}" for name, rules in self._good.items()) or "no databases"
        self._note("configuration: changed", f"configuration: {words}")
        self._world.write(self._good)
        await asyncio.sleep(self._dice.choice((0.0, 0.0, 5.0)))
        await self._world.reload()

    def _rules(self, rules: Rules) -> Rules:
        dice = self._dice
        frozen = rules.frozen
        if dice.random() < 0.25:
            start = self._world.time.machine().replace(second=0, microsecond=0)
            frozen = start, start + timedelta(seconds=dice.choice((70, 110)))
        return replace(
            rules,
            approvals=dice.choice((1, 1, 2)),
            approvers=dice.choice((APPROVERS, APPROVERS, GLASS)),
            self_approval=dice.random() < 0.3,
            cooldown=timedelta(seconds=dice.choice((0, 25, 120))),
            frozen=frozen,
        )

    async def _bad_file(self) -> None:
        """Somebody writes what can't be read, and mends it later."""
        self._note("configuration: bad")
        good = configuration(self._world.scene, self._world.url, self._good)
        self._world.write(self._good, self._dice.choice(BROKEN_FILES) + good)
        await self._world.reload()
        await asyncio.sleep(self._dice.choice((1.0, 10.0, 40.0)))
        self._world.write(self._good)
        await self._world.reload()


_LOGINS = {
    "500": Fault.http(500),
    "429": Fault.http(429, retry_after="2"),
    "drop": Fault.drop(accepted=False),
    "answer lost": Fault.drop(accepted=True),
    "hang": Fault.hang(accepted=False),
    "garbage": Fault.body(b"\x00<html>"),
    "slow": Fault.slow(5.0),
}
