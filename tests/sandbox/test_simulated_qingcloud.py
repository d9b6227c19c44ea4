"""The simulated QingCloud is as strict as the real one, and as capricious as it is told to be."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
import uvicorn
from pydantic import SecretStr

from bot.core.model import Call, NodeId, Plan, Target
from bot.errors import NotSent, OutcomeUnknown
from bot.ports import Clock, Intent
from bot.sandbox.faults import Fault
from bot.sandbox.qingcloud import EXAMPLE_SECRET, SUBMIT, SimulatedQingCloud
from bot.sandbox.switchovers import Ending, Timings
from bot.sandbox.wire import AsgiWire
from providers.qingcloud import (
    QINGCLOUD,
    QingCloud,
    QingCloudAccount,
    QingCloudDatabase,
    QingCloudType,
    signer,
)
from tests.providers.clocks import TestClock

CLUSTER = "cl-ouhutv70"
HANG = timedelta(seconds=1)  # by then a busy machine has sent a request
TABS = "DescribeClusterDisplayTabs"


class Caller:
    """Signs and asks, with whatever is changed on the way."""

    def __init__(self, timings: Timings | None = None) -> None:
        self.clock = TestClock()
        self.cloud = SimulatedQingCloud(clock=self.clock.now, sleep=self.clock.sleep, timings=timings)
        self.cluster = self.cloud.add_cluster(CLUSTER)
        self.nodes = [node.id for node in self.cluster.nodes]

    async def ask(
        self,
        action: str,
        *,
        secret: str = EXAMPLE_SECRET,
        changed: Mapping[str, str] | None = None,
        age: float = 0,
        **params: Any,
    ) -> dict[str, Any]:
        at = self.clock.now() - timedelta(seconds=age)
        common = signer.common_params(action, zone="sh1a", access_key_id="QYACCESSKEYIDEXAMPLE", at=at)
        query = signer.signed_query({**common, **params, **(changed or {})}, path="/iaas/", secret=secret)
        response = await self.get(f"/iaas/?{query}")
        assert response.status_code == 200
        answer: dict[str, Any] = response.json()
        return answer

    async def get(self, target: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.cloud)
        async with httpx.AsyncClient(transport=transport, base_url="http://cloud") as client:
            return await client.get(target)

    async def assign(self, node: str, **more: Any) -> dict[str, Any]:
        params = {
            "cluster": CLUSTER,
            "role": "maininstance",
            "service": "assignmaster",
            "service_params": f'{{"node_id":"{node}"}}',
        }
        return await self.ask(SUBMIT, **{**params, **more})

    async def primaries(self) -> list[str]:
        rows = (await self.ask(TABS, cluster=CLUSTER, display_tabs="node_details"))["display_tabs"]["data"]
        return [row[0] for row in rows if row[2] == "Master"]

    async def cluster_row(self) -> dict[str, Any]:
        wanted: dict[str, Any] = {"clusters.1": CLUSTER}
        row: dict[str, Any] = (await self.ask("DescribeClusters", **wanted))["cluster_set"][0]
        return row


async def test_a_switchover_takes_its_time() -> None:
    caller = Caller()
    answer = await caller.assign(caller.nodes[1])
    assert answer["ret_code"] == 0
    assert answer["action"] == "RunClusterCustomServiceResponse"
    seen = []
    for _ in range(5):
        job = (await caller.ask("DescribeJobs", **{"jobs.1": answer["job_id"]}))["job_set"][0]
        primary = caller.nodes.index((await caller.primaries())[0])
        seen.append((job["status"], primary, (await caller.cluster_row())["transition_status"]))
        caller.clock.advance(0.6)
    assert seen == [
        ("pending", 0, "updating"),
        ("working", 0, "updating"),
        ("working", 0, "updating"),
        ("working", 1, "updating"),
        ("successful", 1, ""),
    ]
    assert (caller.cloud.submissions_seen, caller.cloud.submissions_accepted) == (1, 1)


REFUSED: dict[str, tuple[dict[str, Any], int]] = {
    "wrong secret": ({"secret": "wrong"}, 1200),
    "unknown key": ({"changed": {"access_key_id": "x"}}, 1200),
    "stale stamp": ({"age": 61}, 1300),
    "unreadable stamp": ({"changed": {"time_stamp": "now"}}, 1300),
    "expired": ({"changed": {"expires": "2026-03-01T11:59:59Z"}}, 1300),
    "version": ({"changed": {"version": "2"}}, 1100),
    "signature method": ({"changed": {"signature_method": "HmacSHA1"}, "secret": "x"}, 1200),
    "service_params encoded twice": ({"service_params": "%7B%22node_id%22%3A%22cln-ouhutv702%22%7D"}, 1100),
    "service_params as a printed dict": ({"service_params": "{'node_id': 'cln-ouhutv702'}"}, 1100),
    "service_params without node": ({"service_params": "{}"}, 1100),
    "no service_params": ({"service_params": ""}, 1100),
    "a node of another cluster": ({"service_params": '{"node_id":"cln-x"}'}, 2100),
    "another role": ({"role": "proxy"}, 1100),
    "no role": ({"role": ""}, 1100),
    "another service": ({"service": "format_disk"}, 1100),
    "an unknown cluster": ({"cluster": "cl-x"}, 2100),
    "another zone": ({"changed": {"zone": "pek3a"}}, 2100),
}


@pytest.mark.parametrize(("changed", "code"), REFUSED.values(), ids=REFUSED)
async def test_a_wrong_submission_is_refused(changed: dict[str, Any], code: int) -> None:
    caller = Caller()
    assert (await caller.assign(caller.nodes[1], **changed))["ret_code"] == code
    assert caller.cloud.submissions_accepted == 0


async def test_a_busy_cluster_refuses() -> None:
    caller = Caller()
    await caller.assign(caller.nodes[1])
    assert (await caller.assign(caller.nodes[2]))["ret_code"] == 1400


async def test_unknown_actions_and_paths() -> None:
    caller = Caller()
    assert (await caller.ask("DeleteEverything"))["ret_code"] == 1101
    assert (await caller.get("/other/")).status_code == 404


async def test_calls_are_recorded_without_credentials() -> None:
    caller = Caller()
    await caller.cluster_row()
    (call,) = caller.cloud.calls
    assert call.action == "DescribeClusters"
    assert not {"signature", "access_key_id"} & set(call.params)


ENDINGS = {
    Ending.MOVED: [1],
    Ending.UNCHANGED: [0],
    Ending.OTHER: [2],
    Ending.NOBODY: [],
    Ending.TWO: [0, 1],
}


@pytest.mark.parametrize(("ending", "primaries"), ENDINGS.items())
async def test_a_job_may_end_otherwise_than_it_says(ending: Ending, primaries: list[int]) -> None:
    caller = Caller()
    caller.cloud.next_outcome(ending)
    await caller.assign(caller.nodes[1])
    caller.clock.advance(2)
    assert [caller.nodes.index(node) for node in await caller.primaries()] == primaries


async def test_who_is_primary_already_says_so_once_when_two_do() -> None:
    caller = Caller()
    caller.cloud.next_outcome(Ending.TWO)
    await caller.assign(caller.nodes[1])
    caller.cloud.failover(CLUSTER, caller.nodes[1])
    caller.clock.advance(2)
    assert await caller.primaries() == [caller.nodes[1]]
    assert caller.cluster.primaries == [caller.nodes[1]]


async def test_failover_stale_tabs_and_health() -> None:
    caller = Caller(Timings(health_lag=120))
    caller.cloud.failover(CLUSTER, caller.nodes[2])
    caller.cluster.stale_tabs = 1
    assert await caller.primaries() == [caller.nodes[0]]
    assert await caller.primaries() == [caller.nodes[2]]
    nodes = (await caller.ask("DescribeClusterNodes", cluster=CLUSTER))["node_set"]
    assert [node["health_status"] for node in nodes] == ["unhealthy", "healthy", "unhealthy"]
    caller.clock.advance(121)
    nodes = (await caller.ask("DescribeClusterNodes", cluster=CLUSTER))["node_set"]
    assert {node["health_status"] for node in nodes} == {"healthy"}


async def test_faults_come_once_or_stay() -> None:
    caller = Caller()
    caller.cloud.faults.set("DescribeClusters", Fault.code(5300))
    caller.cloud.faults.set("DescribeClusters", Fault.slow(3))
    assert (await caller.ask("DescribeClusters"))["ret_code"] == 5300
    assert (await caller.ask("DescribeClusters"))["ret_code"] == 0
    assert caller.clock.slept == [3]
    caller.cloud.faults.set("DescribeClusters", Fault.code(5100), times=None)
    assert [(await caller.ask("DescribeClusters"))["ret_code"] for _ in range(2)] == [5100, 5100]
    caller.cloud.faults.clear()
    assert (await caller.ask("DescribeClusters"))["ret_code"] == 0


async def test_a_lost_answer_was_carried_out() -> None:
    caller = Caller()
    caller.cloud.faults.set(SUBMIT, Fault.drop(accepted=True))
    with pytest.raises(ConnectionResetError):
        await caller.assign(caller.nodes[1])
    assert caller.cloud.submissions_accepted == 1


def provider_for(
    kind: QingCloudType, endpoint: str, clock: Clock, wait: timedelta = timedelta(seconds=5)
) -> QingCloud:
    account = QingCloudAccount(
        endpoint=endpoint,
        zone="sh1a",
        access_key_id=SecretStr("QYACCESSKEYIDEXAMPLE"),
        secret_access_key=SecretStr("SECRETACCESSKEY"),
    )
    databases = {"orders": QingCloudDatabase(cluster=CLUSTER)}
    return kind.build(account, databases, clock=clock, call_timeout=wait, observer=lambda *_: None)


def plan(caller: Caller) -> Plan:
    return Plan("orders", None, NodeId(caller.nodes[1]), NodeId(caller.nodes[0]), (), Call("x"))


async def test_the_provider_works_without_sockets() -> None:
    caller = Caller()
    kind = replace(QINGCLOUD, wire=AsgiWire({"cloud": caller.cloud}))
    provider = provider_for(kind, "http://cloud/iaas/", caller.clock)
    intent = Intent(caller.clock.now(), caller.clock.monotonic() + 5)
    impatient = provider_for(kind, "http://cloud/iaas/", caller.clock, HANG)
    for fault in (Fault.drop(accepted=False), Fault.hang(accepted=False)):
        caller.cloud.faults.set(SUBMIT, fault)
        with pytest.raises(OutcomeUnknown):
            await impatient.submit(plan(caller), intent)
    assert await provider.submit(plan(caller), intent)
    caller.clock.advance(10)
    topology = await provider.observe(Target("orders"))
    assert topology.primary is not None
    assert topology.primary.id == caller.nodes[1]
    elsewhere = provider_for(kind, "http://elsewhere/iaas/", caller.clock)
    with pytest.raises(NotSent):
        await elsewhere.submit(plan(caller), Intent(caller.clock.now(), caller.clock.monotonic() + 5))


async def test_the_cloud_serves_real_sockets_with_uvicorn() -> None:
    caller = Caller()
    config = uvicorn.Config(caller.cloud, log_config=None, date_header=False, lifespan="off")
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        serving = asyncio.create_task(server.serve([listener]))
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}/iaas/"
        provider = provider_for(QINGCLOUD, endpoint, caller.clock)
        assert (await provider.observe(Target("orders"))).primary is not None
        intent = Intent(caller.clock.now(), caller.clock.monotonic() + 5)
        impatient = provider_for(QINGCLOUD, endpoint, caller.clock, HANG)
        for fault in (Fault.drop(accepted=True), Fault.hang(accepted=False)):
            caller.cloud.faults.set(SUBMIT, fault)
            with pytest.raises(OutcomeUnknown):
                await impatient.submit(plan(caller), intent)
        assert caller.cloud.submissions_seen == 2
        await provider.close()
        server.should_exit = True
        await serving
