"""A simulated QingCloud behind a counting front, with what the suites want to know of it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from bot.core.model import NodeId, Target
from bot.ports import Provider
from bot.sandbox.qingcloud import SimulatedQingCloud
from providers.qingcloud import QINGCLOUD, QingCloud, QingCloudAccount, QingCloudDatabase
from tests.providers.clocks import TestClock
from tests.providers.conformance import PATIENCE, SimulatedCloud
from tests.providers.wires import Front

READS = ("DescribeClusters", "DescribeClusterNodes", "DescribeClusterDisplayTabs", "DescribeJobs")
TABS = "DescribeClusterDisplayTabs"


def _answer(**payload: Any) -> bytes:
    body = json.dumps(payload).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


class QingCloudHarness(SimulatedCloud):
    """A cluster of three in the simulated cloud."""

    reads = READS
    mark = b"service=assignmaster"
    secrets = ("SECRETACCESSKEY", "QYACCESSKEYIDEXAMPLE")
    target = Target("orders")
    accepted_answer = _answer(ret_code=0, job_id="j-ewfq9j2fivi", cluster_id="cl-ouhutv70")
    refused_answer = _answer(ret_code=1400, message="PermissionDenied, cluster is not active")

    def __init__(self) -> None:
        self.clock = TestClock()
        self.cloud: SimulatedQingCloud = SimulatedQingCloud(clock=self.clock.now)
        self.cluster = self.cloud.add_cluster("cl-ouhutv70")
        self.primary = NodeId(self.cluster.nodes[0].id)
        self.candidate: NodeId | None = NodeId(self.cluster.nodes[1].id)
        self.front = Front(self.cloud)
        self.observed: list[tuple[str, str, float]] = []
        self.built: list[Provider] = []

    def provider(
        self,
        *,
        call_timeout: timedelta = PATIENCE,
        endpoint: str = "",
        display_tab: str = "",
        **account: Any,
    ) -> QingCloud:
        settings = QingCloudAccount(
            endpoint=f"{endpoint or f'http://127.0.0.1:{self.front.port}'}/iaas/",
            zone="SH1A",
            access_key_id=SecretStr("QYACCESSKEYIDEXAMPLE"),
            secret_access_key=SecretStr("SECRETACCESSKEY"),
            **account,
        )
        databases = {"orders": QingCloudDatabase(cluster="cl-ouhutv70", display_tab=display_tab)}
        built = QINGCLOUD.build(
            settings,
            databases,
            clock=self.clock,
            call_timeout=call_timeout,
            observer=lambda *call: self.observed.append(call),
        )
        self.built.append(built)
        return built
