"""Which clock the bot goes by, and what it does when that is set back."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.app import REAL, take_over
from bot.core.operation import Status
from bot.errors import StoreUnavailable
from bot.ports import Clock, Storage
from bot.sandbox.clouds import orders_on_qingcloud
from bot.sandbox.qingcloud import SimulatedQingCloud
from bot.sandbox.switchovers import Timings
from bot.storage import connect
from bot.system import SURE_WITHIN, SharedClock, SystemClock
from tests.app.test_configuration_in_force import Running
from tests.providers.clocks import START, TestClock
from tests.storage.backends import set_clock
from tests.storage.conftest import postgres_database
from tests.storage.disk import Disk
from tests.storage.memory import MemoryStore
from tests.storage.values import inbound
from tests.warm import warm_stack

AHEAD = timedelta(seconds=31)
HOUR = timedelta(hours=1)
LEASE = timedelta(seconds=15)


class Faraway:
    """A clock that takes its time to be read.

    Args:
        machine: The clock of who reads it.
        ahead: How far it is ahead of that one.
    """

    def __init__(self, machine: TestClock, ahead: timedelta = AHEAD) -> None:
        self.machine = machine
        self.ahead = ahead
        self.takes = 0.0
        self.broken = False

    async def read(self) -> datetime:
        """What it shows in the middle of that time."""
        if self.broken:
            raise StoreUnavailable("gone")
        self.machine.advance(self.takes / 2)
        shown = self.machine.now() + self.ahead
        self.machine.advance(self.takes / 2)
        return shown


@pytest.fixture
def machine() -> TestClock:
    return TestClock()


async def test_before_its_first_reading_the_shared_clock_is_the_machines(machine: TestClock) -> None:
    clock = SharedClock(machine, Faraway(machine).read)
    machine.advance(5)
    assert (clock.now(), clock.monotonic()) == (machine.now(), 5)


async def test_after_it_the_machines_may_show_anything(machine: TestClock) -> None:
    faraway = Faraway(machine)
    faraway.takes = 0.5
    clock = SharedClock(machine, faraway.read)
    await clock.adjust()
    assert clock.now() == machine.now() + AHEAD
    machine.advance(100)
    machine.jump(-HOUR)
    assert clock.now() == START + timedelta(seconds=100.5) + AHEAD


@pytest.mark.parametrize(
    ("first", "off", "counts"), [(True, 1.9, True), (False, 1.9, False), (False, 2.1, True)]
)
async def test_a_reading_that_took_too_long_counts_where_there_is_none_or_that_is_surely_wrong(
    machine: TestClock, first: bool, off: float, counts: bool
) -> None:
    faraway = Faraway(machine)
    clock = SharedClock(machine, faraway.read)
    if not first:
        await clock.adjust()
    faraway.takes = 2 * SURE_WITHIN
    # What it shows is compared when it has come, half of that time later.
    other = AHEAD + timedelta(seconds=off + SURE_WITHIN)
    faraway.ahead = other
    await clock.adjust()
    assert clock.now() - machine.now() == (other if counts else AHEAD)


async def test_a_replica_looks_at_its_clock_now_and_then(tmp_path: Path, machine: TestClock) -> None:
    read = []

    async def keep_time() -> None:
        read.append(machine.now())

    running = Running(tmp_path, MemoryStore(), replace(REAL, clock=machine, keep_time=keep_time))
    await running.bot._ticker._sweeps["clock"]()
    assert read == [START]
    assert running.bot._ticker._every["clock"] == 10, (
        "that of the database is asked for, and not all the time"
    )
    await running.bot.close()
    await running.client.close()


async def test_a_clock_that_cannot_be_read_goes_on(machine: TestClock) -> None:
    faraway = Faraway(machine)
    clock = SharedClock(machine, faraway.read)
    await clock.adjust()
    faraway.broken = True
    with pytest.raises(StoreUnavailable):
        await clock.adjust()
    machine.advance(60)
    assert clock.now() == machine.now() + AHEAD


async def test_how_far_the_machine_is_off_is_logged_when_it_changes(machine: TestClock) -> None:
    faraway = Faraway(machine)
    clock = SharedClock(machine, faraway.read)
    with capture_logs() as logs:
        for seconds in (31, 31, 32, 33, 0, 0):
            faraway.ahead = timedelta(seconds=seconds)
            await clock.adjust()
    assert [(each["event"], each["seconds"]) for each in logs] == [
        ("clocks_differ", -31),
        ("clocks_differ", -33),
        ("clocks_differ", 0),
    ]


async def test_it_sleeps_as_the_machine_does(machine: TestClock) -> None:
    await SharedClock(machine, Faraway(machine).read).sleep(3)
    assert machine.slept == [3]


def test_the_machines_clock_that_never_goes_back_goes_on_while_the_machine_is_suspended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the system has one that does: this one was asleep for an hour."""
    awake = time.monotonic()
    shows = {getattr(time, "CLOCK_BOOTTIME", None): awake + 3600, time.CLOCK_MONOTONIC: awake}
    monkeypatch.setattr(time, "clock_gettime", shows.__getitem__)
    clock = SystemClock()
    assert not hasattr(time, "CLOCK_BOOTTIME") or clock.monotonic() == awake + 3600
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    assert awake <= clock.monotonic() < awake + 3600


# --- which one it is ---


@pytest.mark.parametrize("alone", [True, False])
async def test_replicas_go_by_the_clock_of_their_database(machine: TestClock, alone: bool) -> None:
    store = MemoryStore(Disk(clock=lambda: machine.now() + AHEAD))
    around = await take_over(store, replace(REAL, clock=machine), alone=alone)
    assert around.clock.now() - machine.now() == (timedelta(0) if alone else AHEAD)
    assert (around.keep_time is None) is alone
    assert (around.machine or around.clock).now() == machine.now(), "Slack's signatures are judged by"


async def test_what_is_claimed_is_claimed_by_the_clock_of_postgresql(
    postgres_server: str, postgres_template: str
) -> None:
    async with postgres_database(postgres_server, postgres_template) as database:
        await set_clock(database.url, HOUR)
        store = await connect(database.url, migrate=False)
        around = await take_over(store, REAL, alone=False)
        ahead = around.clock.now() - REAL.clock.now()
        await store.receive(inbound(at=REAL.clock.now() + HOUR / 2))
        claimed = await claimable(store, around.clock)
        await store.close()
    assert abs(ahead - HOUR) < timedelta(minutes=1)
    assert claimed == 1


async def test_a_replica_that_serves_goes_by_the_clock_of_its_postgresql(
    postgres_server: str, postgres_template: str
) -> None:
    """What it records, from the first row on, and what people ask of it; and it takes what Slack signs by its own."""
    cloud = orders_on_qingcloud(SimulatedQingCloud(timings=Timings()))
    began = REAL.clock.now()
    async with postgres_database(postgres_server, postgres_template) as database:
        await set_clock(database.url, HOUR)
        async with warm_stack([cloud], rate_limited=False, database=f'url = "{database.url}"') as running:
            await running.request("orders to cln-ouhutv702")
            await running.card_in(Status.AWAITING_APPROVAL)
            assert await running.bot.stop() == 0
        store = await connect(database.url, migrate=False)
        rows = [row async for row in store.audit_trail()]
        await store.close()
    assert [row.type for row in rows] == ["configuration_loaded", "requested", "planned"]
    assert all(row.at - began > HOUR for row in rows)


# --- when it is set back ---


async def claimable(store: Storage, clock: Clock) -> int:
    now = clock.now()
    return len(await store.claim_inbox(now, now + LEASE, 10))


@pytest.mark.parametrize(("alone", "behind"), [(True, 0), (False, 0), (False, 2)])
async def test_what_came_while_the_clock_was_ahead_does_not_wait_after_a_restart(
    machine: TestClock, alone: bool, behind: int
) -> None:
    """By the clock that it goes by, however far ahead of that its machine's is."""
    store = MemoryStore(Disk(clock=lambda: machine.now() - behind * HOUR))
    shown = await store.now()
    await store.receive(inbound(at=shown + HOUR))
    assert await store.claim_inbox(shown, shown + LEASE, 10) == []
    around = await take_over(store, replace(REAL, clock=machine), alone=alone)
    assert await claimable(store, around.clock) == 1


@pytest.fixture
async def running(tmp_path: Path, machine: TestClock) -> AsyncIterator[Running]:
    found = Running(tmp_path, MemoryStore(), replace(REAL, clock=machine))
    yield found
    await found.bot.close()
    await found.client.close()


async def test_nor_while_the_bot_runs(running: Running, machine: TestClock) -> None:
    await running.store.receive(inbound(at=machine.now()))
    machine.advance(60)
    machine.jump(-HOUR)
    assert await claimable(running.store, machine) == 0
    with capture_logs() as logs:
        await running.bot._keep_time()
    assert [(each["event"], each["seconds"]) for each in logs] == [("clock_set_back", 3600)]
    assert await claimable(running.store, machine) == 1


async def test_what_is_passed_over_then_is_due_at_the_next_look(running: Running, machine: TestClock) -> None:
    machine.jump(-HOUR)
    await running.bot._keep_time()
    # Whoever was just writing it had decided by the time before.
    await running.store.receive(inbound(at=machine.now() + HOUR))
    await running.bot._keep_time()
    assert await claimable(running.store, machine) == 1
    await running.store.receive(inbound("another", at=machine.now() + HOUR))
    await running.bot._keep_time()
    assert await claimable(running.store, machine) == 0, "later it is no business of the clock's"


async def test_a_clock_that_is_ahead_only_for_some_seconds_is_noticed_too(
    running: Running, machine: TestClock
) -> None:
    """Nothing else gives what was written meanwhile its time anew."""
    ticker = running.bot._ticker
    machine.jump(HOUR)
    await running.store.receive(inbound(at=machine.now()))
    machine.advance(ticker._every["clock"])
    await ticker._sweeps["clock"]()
    machine.advance(2)
    machine.jump(-HOUR)
    await ticker._sweeps["clock"]()
    assert await claimable(running.store, machine) == 1
    assert ticker._every["clock"] <= 1


async def test_a_clock_that_is_set_back_is_mended_once_the_database_answers(
    running: Running, machine: TestClock
) -> None:
    assert isinstance(running.store, MemoryStore)
    await running.store.receive(inbound(at=machine.now()))
    machine.jump(-HOUR)
    running.store.disk.trouble = "the disk is full"
    with pytest.raises(StoreUnavailable):
        await running.bot._keep_time()
    running.store.disk.trouble = ""
    await running.bot._keep_time()
    assert await claimable(running.store, machine) == 1
