"""SIGTERM: no intake, what is under way ends within its limit, everything is committed, exit 0, nothing is doubled."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bot.core.operation import Status
from bot.sandbox.clouds import orders_on_qingcloud
from bot.sandbox.faults import Answer, Fault, in_json
from bot.sandbox.qingcloud import SUBMIT, SimulatedQingCloud
from bot.sandbox.slack import Fault as SlackFault
from tests.crash.lives import QUICK, TRACKING, Lives, check
from tests.warm import warm_stack

pytestmark = pytest.mark.timeout(900)

OBSERVE = "DescribeClusterNodes"


@dataclass
class Held:
    """A fault whose answer waits until it is let go.

    Attributes:
        arrived: The request is there, and carried out.
        go: Its answer may leave.
    """

    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, answer: Answer) -> Response:
        self.arrived.set()
        return _Late(in_json(answer), self.go)


class _Late(Response):
    def __init__(self, response: Response, go: asyncio.Event) -> None:
        super().__init__(headers=dict(response.headers))
        self._response = response
        self._go = go

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._go.wait()
        self._response.headers["date"] = self.headers["date"]
        await self._response(scope, receive, send)


@dataclass
class World(Lives):
    """A world without a supervisor: here it is told to end."""

    qingcloud: SimulatedQingCloud = field(default_factory=SimulatedQingCloud)

    def signal(self, number: signal.Signals) -> None:
        self.stack.bot.send(number)

    async def exited(self) -> None:
        assert await self.stack.bot.died() == 0
        assert "stopped" in [line.get("event") for line in self.stack.bot.logs]

    def status(self) -> str:
        """The operation's, as it is stored."""
        url = f"file:{self.stack.bot.config.parent}/switchover.db?mode=ro"
        with closing(sqlite3.connect(url, uri=True)) as database:
            return str(database.execute("SELECT status FROM operations").fetchone()[0])

    async def go_on(self) -> None:
        """The next life brings it to its end, and everything is as it should be."""
        self.stack.bot.logs.clear()
        await self.stack.restart()
        await self.end()

    async def end(self) -> None:
        """It comes to its end, and everything is as it should be."""
        await self.stack.told(Status.SUCCEEDED)
        await self.rest()
        await check(self, Status.SUCCEEDED)


@asynccontextmanager
async def world(*, failpoint: str = "", tracking: str = TRACKING) -> AsyncIterator[World]:
    simulated = SimulatedQingCloud(timings=QUICK)
    cloud = orders_on_qingcloud(simulated)
    async with warm_stack([cloud], tracking=tracking, rate_limited=False, failpoint=failpoint) as running:
        before = list(cloud.scenes[0].primaries())
        yield World(running, cloud, cloud.scenes[0], [], before=before, qingcloud=simulated)


async def readiness(running: World) -> httpx.Response:
    async with httpx.AsyncClient(base_url=running.stack.bot.url, trust_env=False) as http:
        return await http.get("/readyz")


async def test_the_call_in_flight_ends_and_is_recorded_while_nothing_new_is_taken() -> None:
    async with world() as running:
        held = Held()
        running.qingcloud.faults.set(SUBMIT, Fault(held, accepted=True))
        await running.approve(await running.request())
        await held.arrived.wait()
        running.signal(signal.SIGTERM)
        await running.stack.bot.logged("draining")
        unready = await readiness(running)
        assert unready.status_code == 503
        assert "draining" in unready.json()["reasons"]
        people = running.stack.demo
        refused = await running.stack.slack.command(people.requester, people.channel, "orders")
        assert refused.status == 503
        running.signal(signal.SIGTERM)  # once more changes nothing
        held.go.set()
        await running.exited()
        assert (await running.stack.bot.logged("drained"))["cut_short"] == 0
        assert running.status() in {Status.RUNNING, Status.VERIFYING}
        await running.go_on()


@pytest.mark.slow
async def test_a_call_that_never_ends_is_in_doubt_within_its_limit() -> None:
    async with world(tracking=f'{TRACKING}\ncall_timeout = "2s"') as running:
        held = Held()
        running.qingcloud.faults.set(SUBMIT, Fault(held, accepted=True))
        await running.approve(await running.request())
        await held.arrived.wait()
        running.signal(signal.SIGTERM)
        await running.exited()
        assert running.status() == Status.IN_DOUBT
        await running.go_on()


@pytest.mark.slow
async def test_no_submission_is_begun_while_draining() -> None:
    async with world() as running:
        held = Held()
        card = await running.request()
        running.qingcloud.faults.set(OBSERVE, Fault(held, accepted=True))
        await running.approve(card)
        await held.arrived.wait()
        running.signal(signal.SIGTERM)
        await running.stack.bot.logged("draining")
        held.go.set()
        await running.exited()
        assert running.status() == Status.RECHECKING
        assert running.qingcloud.submissions_seen == 0
        await running.go_on()


@pytest.mark.slow
async def test_posts_that_are_owed_or_under_way_are_posted_once() -> None:
    async with world() as running:
        card = await running.request()
        running.stack.demo.workspace.faults.always("*", SlackFault.slow(0.5))
        await running.approve(card)
        running.signal(signal.SIGTERM)
        await running.exited()
        running.stack.demo.workspace.faults.clear()
        await running.go_on()


@pytest.mark.slow
async def test_posts_owed_to_a_slack_that_is_down_are_posted_by_the_next_life() -> None:
    async with world() as running:
        card = await running.request()
        await running.approve(card)
        running.stack.demo.workspace.faults.start_outage(SlackFault.hang(processed=True))
        running.signal(signal.SIGTERM)
        await running.exited()
        running.stack.demo.workspace.faults.clear()
        await running.go_on()


@pytest.mark.slow
async def test_a_delivery_that_is_being_recorded_is_acknowledged_and_not_lost() -> None:
    async with world(failpoint="before_commit.inbox:stop:2") as running:
        card = await running.request()
        clicking = asyncio.create_task(
            running.stack.slack.click(running.stack.demo.approver, card, "approve")
        )
        await running.stack.bot.stopped()
        running.signal(signal.SIGTERM)
        running.signal(signal.SIGCONT)
        assert (await clicking).ok
        await running.exited()
        await running.go_on()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_again_when_nothing_is_under_way_any_more_it_still_exits_0(number: signal.Signals) -> None:
    async with world(failpoint="drained:stop") as running:
        await running.request()
        running.signal(signal.SIGTERM)
        await running.stack.bot.stopped()
        running.signal(number)
        running.signal(signal.SIGCONT)
        await running.exited()


@pytest.mark.slow
async def test_told_to_end_or_to_reload_while_it_starts_it_ends_as_usual() -> None:
    async with world() as running:
        card = await running.request()
        await running.rest()
        starting = asyncio.create_task(running.stack.restart(failpoint="claims_released:stop"))
        await running.stack.bot.logged("failpoint")
        await running.stack.bot.stopped()
        running.signal(signal.SIGHUP)
        running.signal(signal.SIGTERM)
        running.signal(signal.SIGCONT)
        await starting
        await running.exited()
        await running.stack.restart()
        await running.approve(card)
        await running.end()


@pytest.mark.slow
async def test_every_hangup_reloads_and_a_bad_file_changes_nothing() -> None:
    async with world() as running:
        running.signal(signal.SIGHUP)
        await running.stack.bot.logged("configuration_reloaded")
        text = running.stack.bot.config.read_text(encoding="utf-8")
        running.stack.bot.config.write_text(text.replace("approvers", "approuvers"), encoding="utf-8")
        running.signal(signal.SIGHUP)
        await running.stack.bot.logged("configuration_rejected")
        running.stack.bot.logs.clear()
        running.stack.bot.config.write_text(text, encoding="utf-8")
        running.signal(signal.SIGHUP)
        await running.stack.bot.logged("configuration_reloaded")
        await running.approve(await running.request())
        await running.end()
