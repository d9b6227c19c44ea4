"""The store in memory does what the real one does, call by call, and shows the same to whoever looks."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bot.core.events import Choice
from bot.core.holds import EVERY_KIND, ONLY_HALT, Frozen, Halted, Resumed, Unfrozen
from bot.core.home import Reading
from bot.core.machine import Say, decide
from bot.core.model import Reason, UserId
from bot.core.operation import Operation
from bot.errors import Chosen, Locked, Stale, StoreUnavailable
from bot.ports import NO_HOLD, NO_PLACE, HoldTold, HomeTab, Message, Storage
from bot.storage import connect
from tests.storage.conftest import sqlite_database
from tests.storage.disk import Disk
from tests.storage.looks import Look, SqliteLook
from tests.storage.memory import MemoryStore
from tests.storage.values import NOW, inbound, possible, reply, requested, say_held, topology

STEPS = 160
LEASE = timedelta(seconds=15)
DAY = timedelta(days=1)


class Walk:
    """Random calls, each made on both stores, as the bot makes them and as it never would."""

    def __init__(self, memory: Storage, real: Storage, looks: tuple[Look, Look], seed: int) -> None:
        self._stores = memory, real
        self._looks = looks
        self._dice = Random(seed)  # noqa: S311  # dice, not keys
        self._now = NOW
        self._claimed: list[Message] = []
        self._tabs: list[HomeTab] = []

    async def step(self) -> None:
        """Some time passes, then something is called."""
        self._now += timedelta(seconds=self._dice.choice((0, 0, 1, 7, 20)))
        twice = (self._operations, self._outbox)
        what = (self._inbox, *twice, *twice, self._homes, self._rarely)
        await self._dice.choice(what)()
        memory, real = (_seen(look, self._now) for look in self._looks)
        assert memory == real

    async def _call(self, name: str, *args: Any, **named: Any) -> Any:
        """What both stores gave, or how both refused."""
        memory, real = [await self._outcome(getattr(store, name), args, named) for store in self._stores]
        assert memory == real, f"{name} {args} {named}"
        return real

    async def _outcome(self, method: Any, args: Any, named: Any) -> Any:
        try:
            found = await method(*args, **named)
        except (Stale, Locked, Chosen, StoreUnavailable) as error:
            return type(error), str(error)
        return list(found) if isinstance(found, list | tuple) else found

    def _later(self) -> Any:
        return self._now + timedelta(seconds=self._dice.choice((0, 3, 30)))

    async def _inbox(self) -> None:
        dice = self._dice
        signature = f"s{dice.randrange(9)}" if dice.random() < 0.7 else ""
        await self._call("receive", inbound(f"k{dice.randrange(30)}", signature, self._now))
        for item in await self._call("claim_inbox", self._now, self._now + LEASE, dice.randint(1, 3)):
            if dice.random() < 0.3:
                await self._call("postpone_item", item, self._later())
            elif dice.random() < 0.7:
                await self._call("finish_item", item.id, [reply("a"), reply("b")], self._now)
            elif dice.random() < 0.5:
                await self._open(item.id)

    async def _open(self, item_id: int | None) -> None:
        dice = self._dice
        first = requested(
            dice.randrange(25),
            database=dice.choice(("orders", "events", "users")),
            shard=dice.choice((None, "shard-1")),
            at=self._now,
            emergency=dice.random() < 0.3,
            choice=dice.choice((None, None, Choice(dice.randrange(9), NOW))),
        )
        await self._call("open", first, due_at=self._later(), item_id=item_id, replies=[reply()])
        await self._call("made_of", Choice(dice.randrange(9), NOW))

    async def _operations(self) -> None:
        dice = self._dice
        if dice.random() < 0.4:
            await self._open(dice.choice((None, None, dice.randrange(1, 20))))
        for op in await self._call("claim_operations", self._now, self._now + LEASE, dice.randint(1, 4)):
            if dice.random() < 0.2:
                until = dice.choice((None, self._now + LEASE, self._now))
                due = {op.id: (op.version - dice.randrange(2), self._later())}
                await self._call("postpone", due, until=until)
            else:
                await self._commit(op)

    async def _commit(self, op: Operation) -> None:
        dice = self._dice
        decisions = []
        for _ in range(dice.randint(1, 3)):
            events = possible(op, self._now)
            if not events:
                break
            decisions.append(decide(op, dice.choice(events)))
            op = decisions[-1].after
        skipped = decisions[int(dice.random() < 0.1) :]
        item_id = dice.choice((None, None, None, dice.randrange(1, 20)))
        if skipped:
            kinds = dice.choice((NO_HOLD, NO_HOLD, EVERY_KIND, ONLY_HALT))
            when = self._later()
            await self._call(
                "commit",
                skipped,
                due_at=when,
                item_id=item_id,
                replies=[reply()],
                unless_held=kinds,
                say_held=dice.choice((None, say_held)),
            )

    async def _outbox(self) -> None:
        dice = self._dice
        messages = await self._call("claim_messages", self._now, self._now + LEASE, dice.randint(1, 5))
        # What was claimed long ago may be somebody else's by now.
        self._claimed = [*self._claimed, *messages][-20:]
        for message in [*messages, dice.choice(self._claimed)] if self._claimed else []:
            if dice.random() < 0.7:
                await self._call("begin_post", message, now=self._now)
            await self._tell(message)
        await self._call("backlog")

    async def _tell(self, message: Message) -> None:
        dice, now = self._dice, self._now
        version = message.operation.version if message.operation else 0
        match dice.choice(("posted", "posted", "posted", "retry", "put_back", "move", "give_up", "nothing")):
            case "posted":
                await self._call("posted", message, ts=f"{message.id}.1", version=version, now=now)
            case "retry":
                again = {
                    "uncertain": dice.random() < 0.5,
                    "error": dice.choice(("e\x00", NO_PLACE)),
                    "attempts": dice.choice((None, 1, message.attempts)),
                }
                await self._call("retry", message, due_at=self._later(), **again)
            case "put_back":
                await self._call(
                    "put_back", [(message, self._later()), (replace(message, id=999), now)], now=now
                )
            case "move":
                await self._call("move", message, channel="D1", now=now)
            case "give_up":
                await self._call("give_up", message, error="gone", now=now)
            case _:
                pass

    async def _homes(self) -> None:
        dice, now = self._dice, self._now
        await self._call("receive", inbound(f"k{dice.randrange(30)}", "", now))
        for item in await self._call("claim_inbox", now, now + LEASE, 1):
            opener = replace(item.origin, user=UserId(f"U{dice.randrange(3)}"))
            again = partial(self._call, "open_home", replace(item, origin=opener), blank=dice.random() < 0.3)
            await again(now=now)
            if dice.random() < 0.2:
                await again(now=now)
        bounds = {"opened_since": now - 9 * LEASE, "looked_before": now - timedelta(seconds=3)}
        tabs = await self._call("claim_homes", now, now + LEASE, dice.randint(1, 3), **bounds)
        self._tabs = [*self._tabs, *tabs][-9:]
        for tab in [*tabs, dice.choice(self._tabs)] if self._tabs else []:
            if dice.random() < 0.6:
                seq, due_at = dice.randrange(40), now + timedelta(seconds=dice.choice((0, 30, 300)))
                await self._call("settle_home", tab, shown=f"d{seq}", seq=seq, looked_at=now, due_at=due_at)
            elif dice.random() < 0.3:
                await self._call("forget_home", tab)
        names = [name for name in ("orders", "events", "users") if dice.random() < 0.6]
        await self._call("begin_readings", names, now, now - timedelta(seconds=dice.choice((0, 30))))
        seen = (topology(at=now),) if dice.random() < 0.5 else ()
        if dice.random() < 0.3:
            await self._call("record_readings", {name: Reading(seen) for name in names}, now)
        await self._call("readings", names)

    async def _hold(self) -> None:
        dice, now, by = self._dice, self._now, UserId("U2")
        scope = dice.choice(("orders", "events", "all"))
        event = dice.choice(
            (
                Frozen(now, scope, dice.choice((None, self._later())), "why\x00", by, "T1"),
                Unfrozen(now, scope, by, "T1"),
                Halted(now, "fire", by, "T1"),
                Resumed(now, by, "T1"),
                Resumed(now, by, "T1"),
            )
        )
        item_id, say = dice.choice((None, dice.randrange(1, 20))), dice.choice((None, Say(Reason.of("held"))))
        await self._call(
            "record_hold",
            event,
            item_id=item_id,
            tell=lambda found, before: HoldTold(
                [reply()] * (1 + len(found) + len(before)),
                say,
                [(op, Say(Reason.of("held"))) for op in found],
            ),
        )

    async def _rarely(self) -> None:
        dice = self._dice
        match dice.choice(("release", "prune", "configuration", "hold", "hold", "notice", "look", "look")):
            case "hold":
                await self._hold()
            case "notice":
                say = Say(Reason.of("notice"))
                series = dice.choice(("", "n", "n_"))
                await self._call("owe_notice", f"n{dice.randrange(4)}", say, self._now, series=series)
            case "release":
                await self._call("release_claims", self._later())
            case "prune":
                await self._call("prune", self._now + DAY - timedelta(seconds=dice.choice((0, 60, 300))), DAY)
            case "configuration":
                await self._call("record_configuration", {"n": str(dice.random())}, self._now)
            case _:
                await self._call("verify_audit", dice.choice((None, "0" * 64)))
                await self._call("audit_head")
                await self._call("holds", self._now)
                await self._call("count_operations", dice.choice((None, "orders")))
                await self._call("to_review", limit=dice.randint(1, 9))
                few = {"limit": dice.randint(1, 9), "skip": dice.choice((0, 0, 3))}
                await self._call("ended", database=dice.choice((None, "orders")), **few)
                await self._call("operations", open_only=dice.random() < 0.5, limit=dice.randint(1, 9))
                name = f"SW-{dice.randrange(25):06}"
                await self._call("load", name)
                await self._call("events", name)
                await self._call("card_place", name)


def _seen(look: Look, now: datetime) -> list[Any]:
    states = look.states()
    return [
        *(list(states.items()), [look.starting(op.target) for op in states.values()]),
        *(look.due(), look.unsettled(now), look.deliveries()),
        *(list(look.recorded(0)), list(look.recorded(5)), look.accepted("s1"), look.accepted("s7")),
        *(look.known("k1"), look.known("k7")),
    ]


@pytest.mark.parametrize(
    "seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))]
)
async def test_both_stores_do_the_same(tmp_path: Path, sqlite_template: Path, seed: int) -> None:
    place, disk = sqlite_database(tmp_path, sqlite_template), Disk()
    real = await connect(place.url, migrate=False, audit_channel="C-AUDIT")
    try:
        with contextlib.closing(sqlite3.connect(place.path, isolation_level=None)) as reader:
            memory = MemoryStore(disk, audit_channel="C-AUDIT")
            walk = Walk(memory, real, (disk, SqliteLook(reader)), seed)
            for _ in range(STEPS):
                await walk.step()
    finally:
        await real.close()
    assert len(disk.messages) > 30, "nothing much happened"


class Mortal:
    """A process that dies at a commit: before it, or after it."""

    def __init__(self, *, before: bool) -> None:
        self._before = before

    def commits(self) -> bool:
        return not self._before

    def committed(self) -> bool:
        return False

    def waits(self) -> float:
        return 0.0


@pytest.mark.parametrize("before", [True, False])
async def test_who_dies_before_a_commit_leaves_nothing_and_after_it_everything(before: bool) -> None:
    disk = Disk()
    dying = MemoryStore(disk, process=Mortal(before=before))
    opening = asyncio.ensure_future(dying.open(requested(), due_at=NOW, item_id=None))
    done, _ = await asyncio.wait({opening}, timeout=0.01)
    assert not done, "the dead return from nothing"
    opening.cancel()
    heirs = MemoryStore(disk)
    assert (await heirs.load("SW-000001") is None) is before
    assert await heirs.backlog() == int(not before)
    assert len(disk.trail) == int(not before)


async def test_what_has_no_room_is_not_written_and_still_read() -> None:
    store = MemoryStore()
    await store.open(requested(), due_at=NOW, item_id=None)
    store.disk.trouble = "the disk is full"
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        await store.receive(inbound())
    assert await store.ready() == "the disk is full"
    assert await store.load("SW-000001") is not None
    store.disk.trouble = ""
    assert await store.ready() == ""
