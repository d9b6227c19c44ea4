"""What one call to a cloud costs this process, ours and the vendor's SDK side by side in one run.

A call is measured whole: parameters, signature, request, answer, parsing. Both clients talk over loopback to the
same server, which gives ready-made answers and runs in a process of its own: real sockets, because connections
are where the two differ most, and a stubbed transport would hide that; another process, because what is counted
is the CPU time of this one, all its threads. The answers are what the simulated cloud says to the same calls.

The two do not do the same work, and the figures are not corrected for it:

* Ours submits on a connection of its own, made and closed in the call, so that nothing can repeat a submission;
  the SDK reuses its connections and repeats.
* Ours ends in checked values of what is wanted. QingCloud's SDK ends in the dictionaries of the JSON, Huawei's
  in objects of every field.
* Ours runs in an event loop beside everything else, with a deadline, a budget and metrics for each call; the
  SDK blocks its thread.

``make bench`` prints medians of interleaved rounds. Nothing fails here: the figures are for people.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlsplit

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkdds import v3
from pydantic import SecretStr
from qingcloud.iaas.connection import APIConnection

from bot.core.model import Call, JobId, NodeId, Plan
from bot.ports import Intent
from bot.sandbox.huawei_dds import (
    EXAMPLE_ACCESS_KEY,
    EXAMPLE_PROJECT,
    EXAMPLE_SECRET_KEY,
    SimulatedHuaweiDds,
)
from bot.sandbox.qingcloud import EXAMPLE_KEY, EXAMPLE_SECRET, SUBMIT, SimulatedQingCloud
from bot.sandbox.server import serve
from bot.system import SystemClock
from providers.http import Priority
from providers.huawei_dds import HUAWEI_DDS, HuaweiAccount, HuaweiDatabase, HuaweiDds
from providers.qingcloud import QINGCLOUD, QingCloud, QingCloudAccount, QingCloudDatabase
from providers.qingcloud.api import submission

ROUNDS = 9
CALLS = 100  # of each client in each round
WARM_UP = 20
JOBS = 100
HEAD_END = b"\r\n\r\n"


# The server


class _Ready(asyncio.Protocol):
    """Answers by the first of its marks that is in the request's head."""

    def __init__(self, answers: Sequence[tuple[bytes, bytes]]) -> None:
        self._answers = answers
        self._arrived = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._arrived += data
        while (end := self._arrived.find(HEAD_END)) >= 0:
            head = bytes(self._arrived[:end])
            whole = end + len(HEAD_END) + _content_length(head)
            if len(self._arrived) < whole:
                return
            del self._arrived[:whole]
            self._transport.write(next(answer for mark, answer in self._answers if mark in head))


def _content_length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0] or 0)


def _serve_for_ever(answers: Sequence[tuple[bytes, bytes]], told: Connection) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Ready(answers), "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextlib.contextmanager
def ready_made(answers: Mapping[bytes, bytes]) -> Iterator[str]:
    """A server in a process of its own; yields its URL.

    Args:
        answers: Bodies by what is in the head of their requests; the first that fits is given.
    """
    head = b"HTTP/1.1 %d OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    whole = [(mark, head % (200, len(body)) + body) for mark, body in answers.items()]
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve_for_ever, args=(whole, there), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


# Measuring


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of one call."""

    cpu: float
    wall: float


@dataclass
class Row:
    """One kind of call, made by both clients."""

    call: str
    ours: Callable[[], Awaitable[object]]
    sdk: Callable[[], object]
    calls: int = CALLS
    of_ours: list[Cost] = field(default_factory=list)
    of_the_sdk: list[Cost] = field(default_factory=list)

    async def measure(self) -> None:
        await self._of_ours(min(WARM_UP, self.calls))
        self._of_the_sdk(min(WARM_UP, self.calls))
        for number in range(ROUNDS):
            if number % 2:  # who goes first must not matter
                self.of_the_sdk.append(self._of_the_sdk(self.calls))
                self.of_ours.append(await self._of_ours(self.calls))
            else:
                self.of_ours.append(await self._of_ours(self.calls))
                self.of_the_sdk.append(self._of_the_sdk(self.calls))

    def __str__(self) -> str:
        ours, sdk = _median(self.of_ours), _median(self.of_the_sdk)
        ratios = [mine.cpu / its.cpu for mine, its in zip(self.of_ours, self.of_the_sdk, strict=True)]
        ratio = f"{statistics.median(ratios):5.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        return (
            f"  {self.call:<34} {ours.cpu:8.0f} {sdk.cpu:8.0f}   {ratio:<20} {ours.wall:8.0f} {sdk.wall:8.0f}"
        )

    async def _of_ours(self, calls: int) -> Cost:
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(calls):
            await self.ours()
        return _each(cpu, wall, calls)

    def _of_the_sdk(self, calls: int) -> Cost:
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(calls):
            self.sdk()
        return _each(cpu, wall, calls)


def _each(cpu: float, wall: float, calls: int) -> Cost:
    used, passed = time.process_time() - cpu, time.perf_counter() - wall
    return Cost(used / calls * 1e6, passed / calls * 1e6)


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(statistics.median(c.cpu for c in costs), statistics.median(c.wall for c in costs))


# QingCloud

CLUSTER = "cl-ouhutv70"
DATABASE = QingCloudDatabase(cluster=CLUSTER)


@contextlib.asynccontextmanager
async def our_qingcloud(url: str) -> AsyncIterator[QingCloud]:
    account = QingCloudAccount(
        endpoint=f"{url}/iaas/",
        zone="sh1a",
        access_key_id=SecretStr(EXAMPLE_KEY),
        secret_access_key=SecretStr(EXAMPLE_SECRET),
        calls_per_hour=1_000_000,
    )
    made = QINGCLOUD.build(
        account,
        {"orders": DATABASE},
        clock=SystemClock(),
        call_timeout=timedelta(seconds=10),
        observer=lambda *_: None,
    )
    try:
        yield made
    finally:
        await made.close()


@contextlib.contextmanager
def qingclouds_sdk(url: str) -> Iterator[Any]:
    port = urlsplit(url).port
    made = APIConnection(
        EXAMPLE_KEY, EXAMPLE_SECRET, "sh1a", host="127.0.0.1", port=port, protocol="http", retry_time=1
    )
    try:
        yield made
    finally:
        for queue in made._conn.pool.values():
            for kept, _ in queue.queue:
                kept.close()


def busy_qingcloud() -> tuple[SimulatedQingCloud, list[str]]:
    """A simulated cloud with as many running jobs as are asked for in one call, and their ids."""
    cloud = SimulatedQingCloud(clock=lambda: datetime.now(UTC))
    for number in range(JOBS):
        cluster = cloud.add_cluster(f"cl-ouhutv{number:02d}")
        node = NodeId(cluster.nodes[1].id)
        cloud.start_job(submission(QingCloudDatabase(cluster=cluster.id), node))
    cloud.add_cluster(CLUSTER)
    return cloud, [job.id for job in cloud.jobs]


def as_sent(answer: Any) -> bytes:
    assert answer["ret_code"] == 0, answer
    return json.dumps(answer, ensure_ascii=False).encode()


async def qingcloud_answers(jobs: Sequence[str], sdk: Any, cloud: SimulatedQingCloud) -> dict[bytes, bytes]:
    """What the simulated cloud says to the calls that are measured, by what is in their requests."""
    node = NodeId(cloud.clusters[CLUSTER].nodes[1].id)

    async def said(action: str, body: Mapping[str, Any]) -> bytes:
        return as_sent(await asyncio.to_thread(sdk.send_request, action, dict(body)))

    return {
        b"action=DescribeClusterNodes": await said("DescribeClusterNodes", {"cluster": CLUSTER}),
        b"jobs.2=": await said("DescribeJobs", {"jobs": [*jobs], "limit": JOBS}),
        b"jobs.1=": await said("DescribeJobs", {"jobs": [*jobs[:1]]}),
        b"action=RunClusterCustomService": await said(SUBMIT, submission(DATABASE, node)),
    }


def qingcloud_rows(ours: QingCloud, sdk: Any, jobs: Sequence[str], clock: SystemClock) -> list[Row]:
    node = NodeId("cln-ouhutv702")
    plan = Plan("orders", None, node, NodeId("cln-ouhutv701"), (), Call("as asked"))
    ids = [JobId(job) for job in jobs]

    def submit() -> Awaitable[object]:
        return ours.submit(plan, Intent(clock.now(), clock.monotonic() + 5))

    def nodes() -> Awaitable[object]:
        return ours._nodes(DATABASE, clock.monotonic() + 5, Priority.ORDINARY)

    of_nodes = {"cluster": CLUSTER, "limit": 100, "offset": 0}
    return [
        Row("submission", submit, lambda: sdk.send_request(SUBMIT, submission(DATABASE, node))),
        Row("nodes of a cluster of 3", nodes, lambda: sdk.send_request("DescribeClusterNodes", {**of_nodes})),
        Row("1 job", lambda: ours.jobs(ids[:1]), lambda: sdk.describe_jobs(list(jobs[:1]), limit=100)),
        Row(f"{JOBS} jobs", lambda: ours.jobs(ids), lambda: sdk.describe_jobs(list(jobs), limit=100)),
    ]


async def qingcloud() -> None:
    """Measures, then counts the requests of one poll of all jobs."""
    cloud, jobs = busy_qingcloud()
    async with serve(cloud) as url, our_qingcloud(url) as ours:
        with qingclouds_sdk(url) as sdk:
            answers = await qingcloud_answers(jobs, sdk, cloud)
            polls = await qingcloud_polls(ours, sdk, jobs, cloud)
    with ready_made(answers) as url, qingclouds_sdk(url) as sdk:
        async with our_qingcloud(url) as ours:
            rows = qingcloud_rows(ours, sdk, jobs, SystemClock())
            for row in rows:
                await row.measure()
    _print("QingCloud", rows)
    print(polls)


async def qingcloud_polls(ours: QingCloud, sdk: Any, jobs: Sequence[str], cloud: SimulatedQingCloud) -> str:
    """How many requests one poll of all running jobs takes, in words."""
    before = len(cloud.calls)
    found = await ours.jobs([JobId(job) for job in jobs])
    assert len(found) == len(jobs)
    of_ours = len(cloud.calls) - before
    for job in jobs:  # as the SDK's own wait_job asks, which knows one job at a time
        await asyncio.to_thread(sdk.describe_jobs, [job])
    of_the_sdk = len(cloud.calls) - before - of_ours
    at_once = await asyncio.to_thread(sdk.describe_jobs, list(jobs))
    return (
        f"  requests for one poll of {JOBS} running jobs: ours {of_ours}, the SDK's wait_job {of_the_sdk};\n"
        f"  its describe_jobs of all {JOBS} ids, no limit given, brings {len(at_once['job_set'])} of them"
    )


# Huawei Cloud DDS

LISTS = (1, 20, 100)  # how many instances are in a list that ours is the last of
FEW = 3  # calls of a round where one of the two makes a hundred requests a call


@contextlib.asynccontextmanager
async def our_huawei(url: str, instances: Mapping[str, str]) -> AsyncIterator[HuaweiDds]:
    account = HuaweiAccount(
        endpoint=url,
        project_id=EXAMPLE_PROJECT,
        access_key=SecretStr(EXAMPLE_ACCESS_KEY),
        secret_key=SecretStr(EXAMPLE_SECRET_KEY),
        calls_per_minute=1_000_000,
    )
    made = HUAWEI_DDS.build(
        account,
        {name: HuaweiDatabase(instance=instance) for name, instance in instances.items()},
        clock=SystemClock(),
        call_timeout=timedelta(seconds=10),
        observer=lambda *_: None,
    )
    try:
        yield made
    finally:
        await made.close()


@contextlib.contextmanager
def huaweis_sdk(url: str) -> Iterator[Any]:
    config = HttpConfig(user_agent="bench")  # without one it writes an id of its own into the home directory
    credentials = BasicCredentials(EXAMPLE_ACCESS_KEY, EXAMPLE_SECRET_KEY, EXAMPLE_PROJECT)
    builder = v3.DdsClient.new_builder().with_http_config(config).with_credentials(credentials)
    made = builder.with_endpoint(url).build()
    try:
        yield made
    finally:
        made.close()
        made.get_http_client().executor.shutdown()


def busy_huawei() -> tuple[SimulatedHuaweiDds, list[str]]:
    """A simulated cloud with a hundred replica sets, each of which is being switched, and the jobs' ids."""
    cloud = SimulatedHuaweiDds()
    ids = [f"{number:032x}in02" for number in range(JOBS)]
    for instance in ids:
        cloud.add_replica_set(instance)
    return cloud, [cloud.start_job(instance).id for instance in ids]


def tasks_asked() -> Any:
    now = datetime.now(UTC)
    start, end = (
        f"{at:%Y-%m-%dT%H:%M:%S}+0000" for at in (now - timedelta(hours=1), now + timedelta(minutes=1))
    )
    return v3.ListTasksRequest(start_time=start, end_time=end, name="SwitchPrimary", limit=JOBS, offset=0)


def list_asked(instance: str) -> Any:
    return v3.ListInstancesRequest(id=instance, limit=100, offset=0)


async def huawei_answers(
    jobs: Sequence[str], sdk: Any, cloud: SimulatedHuaweiDds
) -> tuple[dict[bytes, bytes], dict[str, str]]:
    """What the simulated cloud says to the calls that are measured; the instances that are last in its lists."""
    answers, lasts = dict[bytes, bytes](), dict[str, str]()
    for number in LISTS:
        said = await asyncio.to_thread(sdk.list_instances, v3.ListInstancesRequest(limit=number))
        last = said.instances[-1].id
        lasts[str(number)] = last
        answers[f"id={last}&".encode()] = said.raw_content
    detail = await asyncio.to_thread(sdk.show_job_detail, v3.ShowJobDetailRequest(id=jobs[0]))
    tasks = await asyncio.to_thread(sdk.list_tasks, tasks_asked())
    # Last of all, so that there are no other jobs in the list.
    instance = cloud.add_replica_set("f" * 32 + "in02").id
    asked = v3.SwitchoverReplicaSetRequest(instance_id=instance)
    told = await asyncio.to_thread(sdk.switchover_replica_set, asked)
    own = {b"/switchover": told.raw_content, b"/v3.1/": tasks.raw_content, b"/jobs?id=": detail.raw_content}
    return answers | own, lasts


def huawei_rows(
    ours: HuaweiDds, sdk: Any, jobs: Sequence[str], lasts: Mapping[str, str], clock: SystemClock
) -> list[Row]:
    plan = Plan("1", None, None, NodeId("another"), (), Call("as asked"))
    ids = [JobId(job) for job in jobs]
    asked = v3.SwitchoverReplicaSetRequest(instance_id=lasts["1"])

    def submit() -> Awaitable[object]:
        return ours.submit(plan, Intent(clock.now(), clock.monotonic() + 5))

    def of_list(name: str) -> Row:
        words = f"the last of {name} instances" if name != "1" else "1 instance"
        asked = list_asked(lasts[name])
        return Row(
            words,
            lambda: ours.survey(name),
            lambda: sdk.list_instances(asked),
            CALLS if name == "1" else FEW * 5,
        )

    def one(job: str) -> object:
        return sdk.show_job_detail(v3.ShowJobDetailRequest(id=job))

    return [
        Row("submission", submit, lambda: sdk.switchover_replica_set(asked)),
        *(of_list(name) for name in lasts),
        Row("1 job", lambda: ours.jobs(ids[:1]), lambda: one(jobs[0])),
        Row(f"{JOBS} jobs, its list_tasks", lambda: ours.jobs(ids), lambda: sdk.list_tasks(tasks_asked())),
        Row(f"{JOBS} jobs, its show_job_detail", lambda: ours.jobs(ids), lambda: [*map(one, jobs)], FEW),
    ]


async def huawei() -> None:
    """Measures, then counts the requests of one poll of all jobs."""
    cloud, jobs = busy_huawei()
    async with serve(cloud) as url, our_huawei(url, {}) as ours:
        with huaweis_sdk(url) as sdk:
            polls = await huawei_polls(ours, sdk, jobs, cloud)
            answers, lasts = await huawei_answers(jobs, sdk, cloud)
    with ready_made(answers) as url, huaweis_sdk(url) as sdk:
        async with our_huawei(url, lasts) as ours:
            rows = huawei_rows(ours, sdk, jobs, lasts, SystemClock())
            for row in rows:
                await row.measure()
    _print("Huawei Cloud DDS", rows)
    print(polls)


async def huawei_polls(ours: HuaweiDds, sdk: Any, jobs: Sequence[str], cloud: SimulatedHuaweiDds) -> str:
    """How many requests one poll of all running jobs takes, in words."""
    before = len(cloud.calls)
    found = await ours.jobs([JobId(job) for job in jobs])
    assert len(found) == len(jobs)
    of_ours = len(cloud.calls) - before
    for job in jobs:
        await asyncio.to_thread(sdk.show_job_detail, v3.ShowJobDetailRequest(id=job))
    of_the_sdk = len(cloud.calls) - before - of_ours
    return (
        f"  requests for one poll of {JOBS} running jobs: ours {of_ours}, the SDK's show_job_detail {of_the_sdk},\n"
        "  its list_tasks 1 where the caller knows the window of time"
    )


def _print(cloud: str, rows: Sequence[Row]) -> None:
    print(
        f"{cloud}: microseconds a call, medians of {ROUNDS} rounds of {CALLS} or fewer; ratio: ours to the SDK's CPU"
    )
    print(
        f"  {'':<34} {'CPU ours':>8} {'CPU SDK':>8}   {'ratio (least-most)':<20} {'wall':>8} {'wall SDK':>8}"
    )
    for row in rows:
        print(row)


CLOUDS: Sequence[Callable[[], Awaitable[None]]] = (qingcloud, huawei)


async def main() -> int:
    for cloud in CLOUDS:
        await cloud()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
