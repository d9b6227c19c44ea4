"""Ticks: none runs twice at once, no kick is lost, nothing is forgotten at the end."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.errors import StoreUnavailable
from bot.scheduler import Crew, Rush, Setback, Ticker
from bot.system import SystemClock
from tests.providers.clocks import TestClock
from tests.simulation.loop import MachineClock, Time

SELDOM = timedelta(hours=1)


class Sweep:
    """Counts its runs, and stays in each one until it is let go."""

    def __init__(self, error: Exception | None = None) -> None:
        self.runs = 0
        self.at_once = 0
        self.most_at_once = 0
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.error = error

    async def __call__(self) -> None:
        self.runs += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.begun.set()
        try:
            await self.go.wait()
            if self.error is not None:
                raise self.error
        finally:
            self.at_once -= 1

    async def until(self, runs: int) -> None:
        while self.runs < runs:
            self.begun.clear()
            await self.begun.wait()


@pytest.fixture
async def ticker() -> AsyncIterator[Ticker]:
    ticker = Ticker(SystemClock())
    yield ticker
    await ticker.stop(within=1)


async def test_a_sweep_runs_at_the_start_and_when_it_is_kicked(ticker: Ticker) -> None:
    sweep = Sweep()
    sweep.go.set()
    ticker.add("one", SELDOM, sweep)
    ticker.start()
    await sweep.until(1)
    ticker.kick("one")
    await sweep.until(2)


async def test_a_kick_during_a_run_makes_it_run_once_more_and_never_twice_at_once(ticker: Ticker) -> None:
    sweep = Sweep()
    ticker.add("one", SELDOM, sweep)
    ticker.start()
    await sweep.until(1)
    ticker.kick("one")
    ticker.kick("one")
    sweep.go.set()
    await sweep.until(2)
    assert sweep.most_at_once == 1


async def test_an_outage_is_logged_when_it_begins_when_it_changes_and_when_it_ends(ticker: Ticker) -> None:
    sweep = Sweep(StoreUnavailable("shutting down"))
    sweep.go.set()
    ticker.add("one", SELDOM, sweep)
    with capture_logs() as logs:
        ticker.start()
        for run in range(1, 9):
            await sweep.until(run)
            if run == 4:
                sweep.error = StoreUnavailable("gone")
            if run == 6:
                sweep.error = None
            ticker.kick("one")
        await sweep.until(9)
    assert [(line["event"], line.get("reason")) for line in logs] == [
        ("store_unavailable", "shutting down"),
        ("store_unavailable", "gone"),
        ("store_available", None),
    ]


async def test_kicks_and_ticks_that_come_while_a_sweep_runs_are_no_trouble_to_be_logged(
    ticker: Ticker, caplog: pytest.LogCaptureFixture
) -> None:
    slow, quick = Sweep(), Sweep()
    quick.go.set()
    ticker.add("slow", timedelta(milliseconds=1), slow)
    ticker.add("quick", timedelta(milliseconds=1), quick)
    ticker.start()
    for _ in range(10):
        ticker.kick("slow")
        ticker.kick("quick")
        await asyncio.sleep(0)
    await quick.until(quick.runs + 5)
    assert slow.most_at_once == 1
    assert [record.getMessage() for record in caplog.records] == []
    slow.go.set()


async def test_a_tick_alone_makes_a_sweep_run_again(ticker: Ticker) -> None:
    sweep = Sweep()
    sweep.go.set()
    ticker.add("one", timedelta(milliseconds=1), sweep)
    ticker.start()
    await sweep.until(3)


@pytest.mark.parametrize("error", [StoreUnavailable("locked"), KeyError("a defect")])
async def test_a_sweep_that_fails_runs_again(ticker: Ticker, error: Exception) -> None:
    sweep = Sweep(error)
    sweep.go.set()
    ticker.add("one", SELDOM, sweep)
    ticker.start()
    await sweep.until(1)
    ticker.kick("one")
    await sweep.until(2)
    assert "one" not in ticker.last_success


async def test_stopping_waits_for_what_runs_and_for_no_longer_than_it_may() -> None:
    ticker, sweep = Ticker(SystemClock()), Sweep()
    ticker.add("one", SELDOM, sweep)
    ticker.start()
    await sweep.until(1)
    stopping = asyncio.create_task(ticker.stop(within=60))
    await asyncio.sleep(0)
    assert not stopping.done()
    sweep.go.set()
    await stopping
    assert sweep.at_once == 0
    assert not ticker.running


async def test_a_kick_while_it_stops_begins_nothing_new() -> None:
    ticker, sweep = Ticker(SystemClock()), Sweep()
    ticker.add("one", SELDOM, sweep)
    ticker.start()
    await sweep.until(1)
    stopping = asyncio.create_task(ticker.stop(within=60))
    await asyncio.sleep(0)
    ticker.kick("one")
    sweep.go.set()
    await stopping
    assert sweep.runs == 1


async def test_a_sweep_that_hangs_does_not_keep_the_process() -> None:
    ticker, sweep = Ticker(SystemClock()), Sweep()
    ticker.add("one", SELDOM, sweep)
    ticker.start()
    await sweep.until(1)
    await ticker.stop(within=0.01)
    assert not ticker.running


def test_alarms_go_on_when_the_wall_clock_is_set_back() -> None:
    time = Time()

    async def rings(seconds: float) -> int:
        before = sweep.runs
        await asyncio.sleep(seconds)
        return sweep.runs - before

    async def story() -> None:
        ticker = Ticker(MachineClock(time))
        ticker.add("one", timedelta(seconds=0.5), sweep)
        ticker.add("two", timedelta(minutes=1), other)
        ticker.start()
        assert await rings(10) >= 19
        time.jump(timedelta(hours=-1))
        assert await rings(10) >= 9
        assert await rings(100) >= 190
        assert other.runs >= 2
        with capture_logs() as logs:
            time.jump(timedelta(hours=1))
            assert await rings(10) >= 15
        assert logs == [], "forwards they ring by themselves"
        await ticker.stop(within=1)

    sweep, other = Sweep(), Sweep()
    sweep.go.set()
    other.go.set()
    time.run(story())


def test_a_clock_that_was_set_back_is_noticed_until_that_is_mended() -> None:
    clock = TestClock()
    setback = Setback(clock)
    for forward in (3600.0, 0.5, -2.0):
        clock.advance(60)
        clock.jump(timedelta(seconds=forward))
        assert not setback.by()
        setback.accept()
    for back in (timedelta(seconds=2.5), timedelta(hours=1)):
        clock.jump(-back)
        clock.advance(30)
        assert setback.by() == back
        assert setback.by(), "nobody has mended it"
        setback.accept()
        assert not setback.by()


def test_what_is_set_back_while_that_is_mended_is_noticed_by_the_next_look() -> None:
    clock = TestClock()
    setback = Setback(clock)
    clock.jump(timedelta(hours=-1))
    assert setback.by() == timedelta(hours=1)
    clock.jump(timedelta(hours=-2))
    setback.accept()
    assert setback.by() == timedelta(hours=2)


async def test_a_crew_is_bounded_and_forgets_nobody() -> None:
    crew, go = Crew(2), asyncio.Event()
    done = []

    async def work(name: str) -> None:
        await go.wait()
        done.append(name)

    crew.start(work("a"), "a")
    crew.start(work("b"), "b")
    assert crew.free == 0
    go.set()
    assert await crew.join(within=5) == 0
    assert sorted(done) == ["a", "b"]
    assert crew.free == 2


async def test_what_breaks_in_a_crew_breaks_nothing_else() -> None:
    crew = Crew(2)

    async def broken() -> None:
        raise KeyError("a defect")

    crew.start(broken(), "broken")
    assert await crew.join(within=5) == 0


async def test_who_does_not_finish_in_time_is_cancelled_and_counted() -> None:
    crew, cancelled = Crew(1), asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    crew.start(endless(), "endless")
    await asyncio.sleep(0)
    assert await crew.join(within=0.01) == 1
    assert cancelled.is_set()


async def test_work_that_is_cancelled_before_it_begins_is_closed() -> None:
    crew = Crew(1)

    async def endless() -> None:
        await asyncio.Event().wait()

    work = endless()
    crew.start(work, "endless")
    (task,) = (each for each in asyncio.all_tasks() if each.get_name() == "endless")
    task.cancel()
    assert await crew.join(within=5) == 0
    assert inspect.getcoroutinestate(work) == inspect.CORO_CLOSED


async def test_work_gives_way_while_deliveries_are_answered_and_goes_on_afterwards() -> None:
    rush = Rush()
    await rush.calm(within=0)
    with rush, rush:
        waiting = asyncio.create_task(rush.calm(within=60))
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting


async def test_work_does_not_give_way_for_ever() -> None:
    rush = Rush()
    with rush:
        await rush.calm(within=0.01)
