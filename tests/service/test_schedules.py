"""A start as typed becomes one instant, is kept, and is not run late."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from bot.core.answers import ChooseNode, ShowPlan, Tell
from bot.core.commands import Action, RequestSwitchover
from bot.core.model import Reason
from bot.core.operation import Operation, Status
from bot.core.preflight import Outcome
from bot.core.schedule import Start
from tests.core.examples import ANN, ASKER, BOB, JOB, START, C, reading
from tests.service.world import ID, World

ORDERS = RequestSwitchover("orders", "n-b", reason="upgrade")
IN_TEN_MINUTES = replace(ORDERS, start=Start(after=timedelta(minutes=10)))


async def scheduled(world: World, minutes: float = 10) -> Operation:
    """Approved, to be started in so many minutes."""
    assert await world.ask(replace(ORDERS, start=Start(after=timedelta(minutes=minutes)))) is None
    await world.tick()
    for who in (ANN, BOB):
        assert await world.click(Action.APPROVE, who) == "None"
    op = await world.op()
    assert op.status is Status.SCHEDULED
    return op


async def test_a_time_of_day_is_meant_where_the_asker_is() -> None:
    world = World()
    world.people.zones[ASKER] = "Asia/Shanghai"
    assert await world.ask(replace(ORDERS, start=Start(clock=time(17, 20)))) is None
    op = await world.op()
    assert (op.start_at, op.zone) == (datetime(2026, 3, 2, 9, 20, tzinfo=UTC), "Asia/Shanghai")


async def test_a_start_counts_from_when_the_request_came_in_however_late_it_is_worked_on() -> None:
    world = World()
    item = await world.receive(IN_TEN_MINUTES)
    await world.clock.sleep(40)
    await world.desk.work(item)
    assert (await world.op()).start_at == START + timedelta(minutes=10)


async def test_a_start_that_has_passed_when_the_request_is_worked_on_opens_nothing() -> None:
    world = World()
    item = await world.receive(replace(ORDERS, start=Start(after=timedelta(seconds=5))))
    await world.clock.sleep(5)
    await world.desk.work(item)
    (reply,) = world.store.answers
    assert isinstance(reply.answer, Tell)
    assert reply.answer.text.code == "start-in-the-past"
    assert await world.store.operations(open_only=False) == []


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "America", "../etc/passwd"])
async def test_an_unknown_zone_needs_a_start_that_says_its_own(zone: str) -> None:
    world = World()
    world.people.zones[ASKER] = zone
    assert await world.told(replace(ORDERS, start=Start(clock=time(17, 20)))) == "zone-unknown"
    assert await world.store.operations(open_only=False) == []
    own = Start(at=datetime.fromisoformat("2026-03-02T17:20+08:00"))
    assert await world.ask(replace(ORDERS, start=own)) is None
    op = await world.op()
    assert (op.start_at, op.zone) == (datetime(2026, 3, 2, 9, 20, tzinfo=UTC), "UTC")


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (Start(at=START - timedelta(minutes=1)), "start-in-the-past"),
        (Start(after=timedelta(days=31)), "start-too-far"),
        (Start(after=timedelta.max), "start-too-far"),
        (Start(at=datetime.fromisoformat("9999-12-31T23:59-11:00")), "start-too-far"),
    ],
)
async def test_a_start_that_can_not_be_kept_is_told_and_nothing_is_opened(start: Start, told: str) -> None:
    world = World()
    for dry_run in (False, True):
        assert await world.told(replace(ORDERS, start=start, dry_run=dry_run)) == told
    assert await world.store.operations(open_only=False) == []


async def test_the_chooser_keeps_the_start_that_was_meant() -> None:
    world = World()
    answer = await world.ask(replace(IN_TEN_MINUTES, node=None))
    assert isinstance(answer, ChooseNode)
    assert answer.request.start == Start(at=START + timedelta(minutes=10))


def freeze_between(world: World, start: datetime, end: datetime) -> None:
    """A configured freeze of ``orders`` from one time to another."""
    current = world.catalogue.current
    frozen = Reason.of("frozen", reason="trading hours", until=end.isoformat())
    orders = replace(current.databases["orders"], frozen=lambda now: frozen if start <= now < end else None)
    world.catalogue.current = replace(current, databases={"orders": orders})


async def test_a_start_in_a_configured_freeze_is_refused_and_one_after_it_is_not() -> None:
    world = World()
    freeze_between(world, START + timedelta(minutes=5), START + timedelta(minutes=11))
    answer = await world.ask(IN_TEN_MINUTES)
    assert isinstance(answer, Tell)
    assert (answer.text.code, answer.text["reason"]) == ("frozen-at-start", "trading hours")
    assert answer.text["when"] == (START + timedelta(minutes=10)).isoformat()
    dry_run = await world.ask(replace(IN_TEN_MINUTES, dry_run=True))
    assert isinstance(dry_run, ShowPlan)
    assert (dry_run.outcome, dry_run.detail) == (Outcome.REFUSED, answer.text)
    assert await world.ask(replace(ORDERS, start=Start(after=timedelta(minutes=11)))) is None


async def test_an_approval_of_what_would_start_in_a_freeze_does_not_count() -> None:
    world = World()
    assert await world.ask(IN_TEN_MINUTES) is None
    await world.tick()
    freeze_between(world, START + timedelta(minutes=5), START + timedelta(minutes=11))
    assert await world.click(Action.APPROVE, ANN) == "frozen-at-start"
    assert (await world.op()).approvals == ()


async def test_approvals_count_until_the_start_where_that_is_sooner() -> None:
    world = World()
    assert await world.ask(IN_TEN_MINUTES) is None
    await world.tick()
    op = await world.op()
    assert op.expires_at == op.start_at
    await world.tick(600)
    assert await world.status() is Status.EXPIRED


async def test_the_thread_is_reminded_once_five_minutes_before_the_start() -> None:
    world = World()
    await scheduled(world)
    await world.tick(299)
    assert world.thread() == ["reply-scheduled"]
    await world.tick(1)
    await world.tick(60)
    assert world.thread() == ["reply-scheduled", "reply-start-near"]
    assert world.store.due_at(ID) == (await world.op()).start_at


async def test_nobody_is_reminded_of_a_start_that_was_approved_when_it_was_near() -> None:
    world = World()
    await scheduled(world, minutes=4)
    await world.tick(60)
    assert world.thread() == ["reply-scheduled"]


async def test_at_the_start_it_is_planned_anew_and_sent() -> None:
    world = World()
    await scheduled(world)
    world.cloud.answers = [JOB]
    await world.tick(599)
    await world.tick(1)
    await world.tick()
    assert await world.status() is Status.RUNNING
    assert len(world.cloud.submissions) == 1


async def test_what_moved_until_the_start_is_refused_with_nothing_sent() -> None:
    world = World()
    await scheduled(world)
    world.cloud.shows(reading(C))
    await world.tick(600)
    await world.tick()
    assert (await world.status(), await world.why()) == (Status.REFUSED, "topology-moved-primary")
    assert world.cloud.submissions == []


async def test_a_scheduled_start_can_be_withdrawn_until_the_last_moment() -> None:
    world = World()
    await scheduled(world)
    await world.tick(600)
    assert await world.status() is Status.RECHECKING
    assert await world.click(Action.CANCEL, ASKER) == "None"
    await world.tick()
    assert world.cloud.submissions == []


async def test_a_start_that_the_bot_missed_is_dropped() -> None:
    world = World()
    await scheduled(world)
    await world.restart(600 + 61)
    assert (await world.status(), world.thread()[-1]) == (Status.EXPIRED, "reply-expired")
    assert world.cloud.submissions == []
