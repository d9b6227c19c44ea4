"""The real ``serve`` process in Socket Mode, over real WebSockets: the same promises as over HTTP."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from bot.sandbox.clouds import CLUSTER, orders_on_qingcloud
from bot.sandbox.qingcloud import SimulatedQingCloud
from bot.sandbox.slack import Fault, Message, View
from bot.sandbox.slack.sockets import Sockets
from bot.sandbox.stack import EVENT_TYPE, Stack, status_of
from bot.sandbox.switchovers import Timings
from tests.app.commands import run
from tests.warm import warm_stack

QUICK = Timings(working=0.1, roles=0.2, done=0.4)


@dataclass(frozen=True)
class World(Stack):
    """The stack, in Socket Mode, with one cloud."""

    cloud: SimulatedQingCloud

    @property
    def sockets(self) -> Sockets:
        return self.demo.workspace.sockets

    @property
    def cards(self) -> list[Message]:
        return self.demo.workspace.with_metadata(EVENT_TYPE, key="card")

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.bot.url, trust_env=False) as http:
            return await http.get(path)

    async def succeeds(self) -> None:
        """What was approved is done, once, and told."""
        await self.told("succeeded")
        assert self.cloud.submissions_seen == 1
        assert self.cloud.clusters[CLUSTER].primaries == ["cln-ouhutv702"]
        assert len(self.cards) == 1
        assert self.sockets.problems == []


@asynccontextmanager
async def world(*, rate_limited: bool = False, failpoint: str = "") -> AsyncIterator[World]:
    cloud = SimulatedQingCloud(timings=QUICK)
    clouds = [orders_on_qingcloud(cloud)]
    async with warm_stack(clouds, rate_limited=rate_limited, failpoint=failpoint, mode="socket") as running:
        yield World(running.demo, running.bot, running.slack, cloud)


async def test_a_switchover_from_the_form_to_the_verified_end() -> None:
    async with world() as running:
        rita, space = running.demo.requester, running.demo.workspace
        assert (await running.slack.command(rita, running.demo.channel)).ok
        view = await space.wait_for(lambda: space.modal(rita))
        found = await running.slack.suggest(rita, view, "database", "ord")
        assert [option["value"] for option in found.json["options"]] == ["orders"]
        assert found.problem == ""
        await running.slack.choose(rita, view, "database", "orders")

        def picker() -> View | None:
            now = space.modal(rita)
            return now if now and any(b.get("block_id") == "node" for b in now.payload["blocks"]) else None

        view = await space.wait_for(picker)
        asked = {"database": "orders", "node": "cln-ouhutv702", "reason": "disk"}
        wrong = await running.slack.submit(rita, view, asked | {"start": "25:99"})
        assert wrong.json["response_action"] == "errors"
        assert wrong.problem == ""
        seen = space.modal(rita)
        assert seen is not None
        assert set(seen.errors) == {"start"}
        receipt = await running.slack.submit(rita, seen, asked)
        assert (receipt.ok, space.modal(rita)) == (True, None)
        await running.slack.again(receipt)
        card = await running.card_in("awaiting_approval")
        await running.slack.click(running.demo.approver, card, "approve")
        await running.succeeds()


async def test_the_same_server_answers_health_and_metrics_and_has_no_other_way_in() -> None:
    async with world() as running:
        assert (await running.get("/healthz")).status_code == 200
        assert (await running.get("/readyz")).status_code == 200
        async with httpx.AsyncClient(base_url=running.bot.url, trust_env=False) as http:
            assert (await http.post("/slack/events", json={})).status_code == 404
        await running.sockets.connected(2)
        await running.slack.command(running.demo.requester, running.demo.channel, "help")
        metrics = (await running.get("/metrics")).text
        assert "switchover_socket_connections 2.0" in metrics
        assert 'switchover_socket_envelopes_total{outcome="acknowledged"} 1.0' in metrics
        assert "switchover_ack_seconds_count 1.0" in metrics
        await checked_live(running)


async def checked_live(running: World) -> None:
    """``check --live`` asks for a connection, and makes none."""
    made, config = running.sockets.made, ("--config", str(running.bot.config))
    good = await run("check", "--live", *config, env=running.bot.env)
    assert (good.code, "Slack by socket" in good.out) == (0, True)
    assert running.sockets.made == made
    other, token = running.bot.config.with_name("other.toml"), running.demo.workspace.app_token
    text = running.bot.config.read_text(encoding="utf-8")
    other.write_text(text.replace(token, "xapp-of-another"), encoding="utf-8")
    bad = await run("check", "--live", "--config", str(other), env=running.bot.env)
    assert bad.code == 1
    assert "slack.app_token: tried apps.connections.open at" in bad.err
    assert "connections:write" in bad.err
    assert "xapp" not in bad.err


async def test_connections_are_replaced_and_break_amid_a_switchover() -> None:
    async with world() as running:
        sockets = running.sockets
        await sockets.connected(2)
        await running.slack.command(running.demo.requester, running.demo.channel, "orders to mysql-2")
        for socket in list(sockets.open):
            sockets.refresh(socket)
        card = await running.card_in("awaiting_approval")
        await sockets.until(lambda: sockets.made == 4)
        await running.slack.click(running.demo.approver, card, "approve")
        sockets.drop(sockets.open[-1])
        await running.succeeds()
        await sockets.until(lambda: sockets.made == 5)
        metrics = (await running.get("/metrics")).text
        assert 'switchover_socket_reconnects_total{reason="refresh_requested"} 2.0' in metrics


async def test_duplicates_through_two_connections_are_one_request() -> None:
    async with world() as running:
        await running.sockets.connected(2)
        first = await running.slack.mention(running.demo.requester, running.demo.channel, "orders to mysql-2")
        again = await asyncio.gather(*(running.slack.again(first) for _ in range(9)))
        assert {receipt.status for receipt in again} == {200}
        assert [socket.received for socket in running.sockets.open] == [5, 5]
        card = await running.card_in("awaiting_approval")
        clicked = await running.slack.click(running.demo.approver, card, "approve")
        await asyncio.gather(*(running.slack.again(clicked) for _ in range(9)))
        await running.succeeds()


async def test_what_the_database_does_not_take_is_not_acknowledged_and_slack_sends_it_again() -> None:
    async with world() as running:
        path = running.bot.config.parent / "switchover.db"
        moved = path.rename(path.with_name("moved"))
        attempts: list[int] = []

        async def put_back(number: int) -> None:
            attempts.append(number)
            moved.rename(path)

        running.slack.before_retry = put_back
        told = await running.slack.command(running.demo.requester, running.demo.channel, "list")
        assert "othing was recorded" in told.json.get("text", ""), told
        receipt = await running.slack.mention(
            running.demo.requester, running.demo.channel, "orders to mysql-2"
        )
        assert (receipt.ok, receipt.attempts, attempts) == (True, 2, [1])
        card = await running.card_in("awaiting_approval")
        assert len(running.cards) == 1
        assert status_of(card) == "awaiting_approval"


async def test_a_bot_that_drains_takes_no_more_deliveries() -> None:
    async with world(failpoint="drained:stop") as running:
        await running.sockets.connected(2)
        running.bot.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(40):
                await running.bot.stopped()
                await running.sockets.until(lambda: not running.sockets.open)
        finally:
            running.bot.send(signal.SIGCONT)
        assert await running.bot.died() == 0


async def test_it_starts_while_slack_is_away_and_says_so_and_no_secret() -> None:
    async with world() as running:
        await running.bot.stop()
        running.demo.workspace.faults.start_outage(Fault.status_code(503))
        await running.bot.start()
        problem = await running.bot.logged("socket_problem")
        assert problem["what"] == "no connection to Slack was made"
        assert "tried apps.connections.open at" in problem["why"]
        ready = await running.get("/readyz")
        assert (ready.status_code, ready.json()["reasons"]) == (200, []), (
            "what it needs of this machine is there"
        )
        metrics = (await running.get("/metrics")).text.splitlines()
        (deaf,) = (line for line in metrics if line.startswith("switchover_socket_deaf_seconds "))
        assert float(deaf.split()[1]) > 0
        running.demo.workspace.faults.clear()
        await running.sockets.connected()
        assert (await running.slack.command(running.demo.requester, running.demo.channel, "list")).ok
        said = str(running.bot.logs)
        assert running.demo.workspace.app_token not in said
        assert "ticket" not in said


@pytest.mark.slow
async def test_slacks_rate_limits_are_kept() -> None:
    async with world(rate_limited=True) as running:
        await running.request("orders to mysql-2")
        card = await running.card_in("awaiting_approval")
        await running.slack.click(running.demo.approver, card, "approve")
        await running.succeeds()
        outcomes = [call.outcome for call in running.demo.workspace.calls if "open" in call.method]
        assert outcomes == ["ok", "http_429"]
