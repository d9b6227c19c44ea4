"""Others have used up the calls of an account: what was approved starts all the same, on every cloud."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from bot.core.commands import Action, ListDatabases, RequestSwitchover
from bot.core.model import JobId, Target
from bot.core.operation import Operation, Status
from bot.errors import BudgetSpent
from bot.ports import Provider
from bot.service.catalogue import Catalogue, Database
from bot.service.guarded import Guarded
from providers.http import Budget, Priority
from tests.core.examples import ANN, BOB, EVE
from tests.providers.huawei_dds import HuaweiHarness
from tests.providers.qingcloud import QingCloudHarness
from tests.service.world import POLICY, World

CLOUDS = [
    pytest.param(QingCloudHarness, {"calls_per_hour": 100}, id="qingcloud"),
    pytest.param(HuaweiHarness.of_replica_set, {"calls_per_minute": 100}, id="huawei-dds"),
]
SOME_JOB = JobId("0f2b6a9e-7f54-4d2f-a3a7-0b9ad0f3c1d2")


class Account:
    """A world with one database on a simulated cloud, whose calls are counted."""

    def __init__(self, harness: Any, limits: dict[str, int]) -> None:
        self.world = World()
        self.world.clock = harness.clock
        self.target: Target = harness.target
        self.candidate: str | None = harness.candidate
        self._harness = harness
        self._limits = limits
        self.rebuild()
        self.world.start()

    def rebuild(self) -> None:
        """A provider that knows nothing of what went before, as in another process."""
        built = self._harness.provider(**self._limits)
        self.budget: Budget = built.budget
        self.provider: Provider = Guarded(built)
        name, policy = self.target.database, replace(POLICY, break_glass=("*",))
        database = Database(name, "", "cloud", self.provider, policy)
        self.world.catalogue.current = Catalogue({name: database})

    async def asked(self, *, emergency: bool = False) -> Operation:
        reason, name = "upgrade", self.target.database
        ask = RequestSwitchover(name, self.candidate, None, reason, emergency=emergency)
        assert await self.world.ask(ask, EVE) is None
        return (await self.world.store.operations(open_only=True))[0]

    async def approved(self) -> Operation:
        op = await self.asked()
        await self.world.tick()
        for who in (ANN, BOB):
            assert await self.world.click(Action.APPROVE, who, op.id) == "None"
        return op

    async def look(self) -> None:
        await self.provider.observe(self.target)

    async def poll(self) -> None:
        await self.provider.jobs([SOME_JOB])

    async def use_up(self, call: Callable[[], Awaitable[None]]) -> None:
        """Until there is nothing left for this kind of call."""
        with suppress(BudgetSpent):
            while True:
                await call()

    async def status(self, op: Operation) -> Status:
        return (await self.world.op(op.id)).status


@asynccontextmanager
async def account(harness_of: Callable[[], Any], limits: dict[str, int]) -> AsyncIterator[Account]:
    harness = harness_of()
    async with harness.front.open():
        try:
            yield Account(harness, limits)
        finally:
            await harness.close()


@pytest.mark.parametrize("by", ["look", "poll"])
@pytest.mark.parametrize(("harness_of", "limits"), CLOUDS)
async def test_what_was_approved_starts_when_readings_or_polls_have_used_up_the_calls(
    harness_of: Callable[[], Any], limits: dict[str, int], by: str
) -> None:
    async with account(harness_of, limits) as of:
        op = await of.approved()
        await of.use_up(getattr(of, by))
        await of.world.tick()
        assert await of.status(op) is Status.RUNNING


@pytest.mark.parametrize(("harness_of", "limits"), CLOUDS)
async def test_an_emergency_is_planned_and_starts_when_readings_have_used_up_the_calls(
    harness_of: Callable[[], Any], limits: dict[str, int]
) -> None:
    async with account(harness_of, limits) as of:
        await of.use_up(of.look)
        op = await of.asked(emergency=True)
        await of.world.tick()
        await of.world.tick()
        assert await of.status(op) is Status.RUNNING


@pytest.mark.parametrize(("harness_of", "limits"), CLOUDS)
async def test_what_is_only_looked_at_leaves_the_reserve_alone(
    harness_of: Callable[[], Any], limits: dict[str, int]
) -> None:
    async with account(harness_of, limits) as of:
        await of.use_up(of.look)
        shown = await of.world.ask(ListDatabases())
        assert "cloud-budget-spent" in f"{shown}"
        plan = RequestSwitchover(of.target.database, of.candidate, reason="", dry_run=True)
        assert "cloud-budget-spent" in f"{await of.world.ask(plan)}"
        op = await of.asked()
        await of.world.tick()
        assert (await of.world.op(op.id)).status is Status.PLANNING


@pytest.mark.parametrize(("harness_of", "limits"), CLOUDS)
async def test_what_was_sent_is_verified_by_whoever_did_not_send_it_when_readings_have_used_up_the_calls(
    harness_of: Callable[[], Any], limits: dict[str, int]
) -> None:
    async with account(harness_of, limits) as of:
        op = await of.approved()
        await of.world.tick()
        await of.world.tick(60)
        assert await of.status(op) is Status.VERIFYING
        of.rebuild()
        await of.use_up(of.look)
        await of.world.tick(2)
        assert await of.status(op) is Status.SUCCEEDED


async def test_calls_that_come_back_one_at_a_time_are_not_spent_on_beginnings() -> None:
    """On a cloud of which one reading takes several calls: each is in vain without the others."""
    async with account(QingCloudHarness, {"calls_per_hour": 100}) as of:
        clock = of.world.clock
        for _ in range(70):
            of.budget.take(Priority.SUBMISSION)
            await clock.sleep(10)
        await clock.sleep(3000 - clock.monotonic())
        op = await of.approved()
        with suppress(BudgetSpent):
            while True:
                of.budget.take(Priority.URGENT)
        while clock.monotonic() < 3700 and await of.status(op) is Status.RECHECKING:
            await of.world.tick(2)
        assert await of.status(op) is Status.RUNNING
