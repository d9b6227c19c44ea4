"""Holds in the trail: each with who set it, and of a hold and a start one surely first, on several replicas."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import cast

from bot.core.events import Approved, Requested, SubmissionStarted, event_name
from bot.core.holds import Hold, HoldEvent, apply, binding, kinds_binding
from bot.core.machine import Say
from bot.core.model import Reason
from bot.core.operation import Operation, Status
from bot.errors import Held
from bot.ports import AuditHead, HoldTold
from bot.storage import SqlStore
from bot.storage.codec import EVENTS, HOLD_EVENTS
from tests.storage.backends import Backend, Stores
from tests.storage.deeds import opened, record
from tests.storage.values import (
    NOW,
    after,
    approved,
    chain,
    frozen,
    halted,
    planned,
    requested,
    resumed,
    say_held,
    started,
    unfrozen,
)

Commit = Callable[[SqlStore], Awaitable[None]]


async def test_every_hold_is_in_the_trail_with_who_set_it(store: SqlStore, backend: Backend) -> None:
    events: list[HoldEvent] = [
        frozen("orders", until=after(9)),
        unfrozen("orders", after(1)),
        halted(after(2)),
        resumed(after(3)),
    ]
    await record(store, *events)
    rows = await backend.sql("SELECT stream, type, actor, operation_id, data FROM audit_events ORDER BY seq")
    assert [row[:4] for row in rows] == [
        ("hold", name, "U2", None) for name in ("frozen", "unfrozen", "halted", "resumed")
    ]
    assert [HOLD_EVENTS.loads(row[4]) for row in rows] == events
    assert await store.verify_audit() == await store.audit_head()


async def test_what_ended_long_ago_is_pruned_and_nothing_else(store: SqlStore, backend: Backend) -> None:
    day = timedelta(days=1)
    await record(store, frozen("a", until=after(1)), frozen("b", until=after(2)), frozen("c"), halted())
    await store.prune(after(2) + day, day)
    assert await backend.sql("SELECT kind, scope FROM holds ORDER BY seq") == [
        ("freeze", "b"), ("freeze", "c"), ("halt", "all"),
    ]  # fmt: skip


ROUNDS, DATABASES = 6, 4
RACING = {"approved": 6, "started": 6, "emergency": 6}


async def test_no_start_and_no_approval_follows_a_hold_that_binds_it(
    stores: Stores, store: SqlStore, backend: Backend
) -> None:
    """Operations that wait for their one next event, and holds, all at once on three replicas."""
    patient = timedelta(seconds=10)
    replicas = (
        [cast(SqlStore, await stores.open(patience=patient)) for _ in range(3)]
        if backend.several
        else [store] * 3
    )
    for turn in range(ROUNDS):
        await record(store, resumed(), *(unfrozen(f"db{n}") for n in range(DATABASES)), unfrozen("all"))
        commits = [*await _ready_to_start(store, turn), *_holds(turn)]
        random.Random(turn).shuffle(commits)  # noqa: S311
        outcomes = await asyncio.gather(
            *(commit(replicas[number % 3]) for number, commit in enumerate(commits)), return_exceptions=True
        )
        assert {type(outcome) for outcome in outcomes} <= {type(None), Held}
    assert isinstance(await store.verify_audit(), AuditHead)
    assert await _first_in(backend) == {"approved", "submission_started"}


async def _ready_to_start(store: SqlStore, turn: int) -> list[Commit]:
    commits: list[Commit] = []
    for number, kind in enumerate(kind for kind, count in RACING.items() for _ in range(count)):
        emergency = kind == "emergency"
        database, shard = f"db{number % DATABASES}", f"{turn}-{number}"
        first = requested(100 * turn + number, database=database, shard=shard, emergency=emergency)
        every = [planned, approved(), started]
        steps = {"approved": every[:2], "started": every, "emergency": [every[0], every[2]]}
        decisions = chain(first, *steps[kind])
        await opened(store, first)
        await store.commit(decisions[:-1], due_at=NOW)
        kinds = kinds_binding(emergency=emergency)
        commits.append(partial(SqlStore.commit, decisions=decisions[-1:], due_at=NOW, unless_held=kinds))
    return commits


def _holds(turn: int) -> list[Commit]:
    kinds: list[HoldEvent] = [halted(), frozen("all"), *(frozen(f"db{n}") for n in range(DATABASES))]
    # Of some rounds without a halt and a freeze of all: then what binds one database is seen to bind no other.
    return [partial(SqlStore.record_hold, event=event, item_id=None) for event in kinds[turn % 3 :]]


async def test_of_a_plan_and_a_hold_in_the_same_moment_the_thread_hears_of_the_hold_once(
    stores: Stores, store: SqlStore, backend: Backend
) -> None:
    """From whichever is second: the plan finds the hold in force, or the hold finds it waiting."""
    replicas = (
        [cast(SqlStore, await stores.open(patience=timedelta(seconds=10))) for _ in range(3)]
        if backend.several
        else [store] * 3
    )
    ids = set()
    for turn in range(ROUNDS):
        await record(store, resumed())
        tell = partial(_tell_waiting, database=f"db{turn}")
        commits: list[Commit] = [partial(SqlStore.record_hold, event=halted(), item_id=None, tell=tell)]
        for number in range(8):
            first = requested(100 * turn + number, database=f"db{turn}", shard=f"{number}")
            ids.add(first.after.id)
            await opened(store, first)
            plan = chain(first, planned)
            commits.append(partial(SqlStore.commit, decisions=plan, due_at=NOW, say_held=say_held))
        random.Random(turn).shuffle(commits)  # noqa: S311
        await asyncio.gather(*(commit(replicas[number % 3]) for number, commit in enumerate(commits)))
    told = await backend.sql("SELECT operation_id FROM messages WHERE say LIKE '%reply-held%'")
    assert sorted(each for (each,) in told) == sorted(ids)


def _tell_waiting(under_way: Sequence[Operation], _before: Sequence[Hold], database: str) -> HoldTold:
    waiting = [op for op in under_way if op.status is Status.AWAITING_APPROVAL and op.database == database]
    return HoldTold(threads=[(op, Say(Reason.of("reply-held"))) for op in waiting])


async def _first_in(backend: Backend) -> set[str]:
    """Walks the trail; every start and approval must stand before what binds it. Says which there were."""
    holds: tuple[Hold, ...] = ()
    owners: dict[str, Requested] = {}
    seen = set()
    for operation_id, data in await backend.sql("SELECT operation_id, data FROM audit_events ORDER BY seq"):
        if operation_id is None:
            holds = apply(holds, HOLD_EVENTS.loads(data))
            continue
        event = EVENTS.loads(data)
        if isinstance(event, Requested):
            owners[operation_id] = event
        elif isinstance(event, Approved | SubmissionStarted):
            owner = owners[operation_id]
            hold = binding(holds, owner.database, event.at, kinds_binding(emergency=owner.emergency))
            assert hold is None, f"{event_name(event)} of {operation_id} comes after {hold}"
            seen.add(event_name(event))
    return seen
