"""A simulated Huawei Cloud DDS behind a counting front, with what the suites want to know of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from bot.core.model import NodeId, Target
from bot.ports import Provider
from bot.sandbox.faults import Fault
from bot.sandbox.huawei_dds import (
    EXAMPLE_ACCESS_KEY,
    EXAMPLE_PROJECT,
    EXAMPLE_SECRET_KEY,
    EXAMPLE_USER,
    LIST_INSTANCES,
    LIST_TASKS,
    SHOW_JOB,
    SUBMISSIONS,
    SimGroup,
    SimInstance,
    SimNode,
    SimulatedHuaweiDds,
)
from providers.huawei_dds import HUAWEI_DDS, HuaweiAccount, HuaweiDatabase, HuaweiDds
from tests.providers.clocks import TestClock
from tests.providers.conformance import PATIENCE, SimulatedCloud
from tests.providers.wires import Front

REPLICA_SET = "9136fd2a9fcd405ea4674276ce36dae8in02"
CLUSTER = "e73893ef73754465a8bd2e0857bbf13ein02"
READS = (LIST_INSTANCES, SHOW_JOB, LIST_TASKS)


def http_answer(status: int, payload: Any = None) -> bytes:
    """An answer as it goes over the wire; without a payload it has no body."""
    body = b"" if payload is None else json.dumps(payload).encode()
    head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body


class HuaweiHarness(SimulatedCloud):
    """One instance in the simulated cloud, and how it is switched."""

    reads = READS
    secrets: Sequence[str] = (EXAMPLE_SECRET_KEY, EXAMPLE_ACCESS_KEY, "authorization")
    refused_answer = http_answer(404, {"error_code": "DBS.200013", "error_msg": "no such node"})

    def __init__(
        self, kind: str = "replica set", *, named: bool = False, cloud: dict[str, Any] | None = None
    ) -> None:
        self.clock = TestClock()
        self.cloud: SimulatedHuaweiDds = SimulatedHuaweiDds(
            clock=self.clock.now, sleep=self.clock.sleep, **(cloud or {})
        )
        if kind == "replica set":
            self.instance: SimInstance = self.cloud.add_replica_set(REPLICA_SET)
            self.group: SimGroup = self.instance.groups[0]
            self.target = Target("sessions")
        else:
            self.instance = self.cloud.add_cluster(CLUSTER)
            self.group = next(group for group in self.instance.groups if group.type == "shard")
            self.target = Target("sessions", self.group.id)
        self.primary = NodeId(self.members[0].id)
        self.candidate = NodeId(self.members[1].id) if named else None
        self.mark = b"/primary HTTP" if named else b"/switchover HTTP"
        job = {"job_id": "3711e2ad-5787-49bc-a47f-3f0b066af9f5"}
        self.accepted_answer = http_answer(202, None if named else job)
        self.front = Front(self.cloud)
        self.observed: list[tuple[str, str, float]] = []
        self.built: list[Provider] = []

    @classmethod
    def of_replica_set(cls) -> HuaweiHarness:
        """A replica set, where DDS chooses."""
        return cls()

    @classmethod
    def of_shard(cls) -> HuaweiHarness:
        """The first shard of a cluster, where DDS chooses."""
        return cls("cluster")

    @classmethod
    def of_named_node(cls) -> HuaweiHarness:
        """A replica set, one of whose nodes is promoted."""
        return cls(named=True)

    @property
    def members(self) -> list[SimNode]:
        """The nodes that a switchover is about."""
        return self.group.nodes

    def provider(
        self, *, call_timeout: timedelta = PATIENCE, endpoint: str = "", **account: Any
    ) -> HuaweiDds:
        """The provider against the front, or against another endpoint; by AK/SK unless told otherwise."""
        credentials: dict[str, Any] = {
            "access_key": SecretStr(EXAMPLE_ACCESS_KEY),
            "secret_key": SecretStr(EXAMPLE_SECRET_KEY),
        }
        if "username" in account:
            credentials = {"iam_endpoint": f"http://127.0.0.1:{self.front.port}"}
        settings = HuaweiAccount(
            endpoint=endpoint or f"http://127.0.0.1:{self.front.port}",
            **{"project_id": EXAMPLE_PROJECT, "calls_per_minute": 1000, **credentials, **account},
        )
        built = HUAWEI_DDS.build(
            settings,
            {"sessions": HuaweiDatabase(instance=self.instance.id)},
            clock=self.clock,
            call_timeout=call_timeout,
            observer=lambda *call: self.observed.append(call),
        )
        self.built.append(built)
        return built

    def by_iam_user(self, *, call_timeout: timedelta = PATIENCE, **account: Any) -> HuaweiDds:
        """The same, by the token of an IAM user."""
        user = EXAMPLE_USER
        login = {"domain": user.domain, "username": user.username, "password": SecretStr(user.password)}
        return self.provider(call_timeout=call_timeout, **{**login, **account})

    def spoil_submission(self, fault: Fault) -> None:
        """What goes wrong with the next submission, of either kind."""
        for call in SUBMISSIONS:
            self.cloud.faults.set(call, fault)

    def break_group(self, status: str) -> None:
        """The group's own status."""
        self.group.status = status
