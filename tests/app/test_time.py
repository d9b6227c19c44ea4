"""Which clock the bot goes by, and what it does when that is set back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.app import REAL, take_over
from bot.errors import StoreUnavailable
from bot.ports import Clock, Storage
from bot.system import SURE_WITHIN, SharedClock, SystemClock
from tests.app.test_configuration_in_force import Running
from tests.providers.clocks import START, TestClock
from tests.storage.disk import Disk
from tests.storage.memory import MemoryStore
from tests.storage.values import inbound

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
        for ahead in (AHEAD, AHEAD, AHEAD + timedelta(seconds=1), timedelta(0), timedelta(0)):
            faraway.ahead = ahead
            await clock.adjust()
    assert [(each["event"], each["seconds"]) for each in logs] == [
        ("clocks_differ", -31),
        ("clocks_differ", 0),
    ]


async def test_it_sleeps_as_the_machine_does(machine: TestClock) -> None:
    await SharedClock(machine, Faraway(machine).read).sleep(3)
    assert machine.slept == [3]


def test_the_machines_clock_that_never_goes_back_goes_on() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    assert clock.monotonic() >= before


# --- which one it is ---


@pytest.mark.parametrize("alone", [True, False])
async def test_replicas_go_by_the_clock_of_their_database(machine: TestClock, alone: bool) -> None:
    store = MemoryStore(Disk(clock=lambda: machine.now() + AHEAD))
    around = await take_over(store, replace(REAL, clock=machine), alone=alone)
    assert around.clock.now() - machine.now() == (timedelta(0) if alone else AHEAD)
    assert (around.keep_time is None) is alone
    assert (around.machine or around.clock).now() == machine.now(), "Slack's signatures are judged by"


# --- when it is set back ---


async def claimable(store: Storage, clock: Clock) -> int:
    now = clock.now()
    return len(await store.claim_inbox(now, now + LEASE, 10))


@pytest.mark.parametrize("alone", [True, False])
async def test_what_came_while_the_clock_was_ahead_does_not_wait_after_a_restart(
    machine: TestClock, alone: bool
) -> None:
    store = MemoryStore(Disk(clock=machine.now))
    await store.receive(inbound(at=machine.now() + HOUR))
    assert await claimable(store, machine) == 0
    await take_over(store, replace(REAL, clock=machine), alone=alone)
    assert await claimable(store, machine) == 1


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
