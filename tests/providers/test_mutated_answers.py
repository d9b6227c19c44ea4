"""Valid answers of both clouds, spoilt in every way: reads raise only our errors, and no accepted request is denied."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.core.model import JobId, NodeId, Plan, Role, Target
from bot.errors import OutcomeUnknown, ProviderError
from bot.ports import Intent, Provider
from bot.sandbox.huawei_dds import EXAMPLE_ACCESS_KEY, EXAMPLE_PROJECT, EXAMPLE_SECRET_KEY, SimulatedHuaweiDds
from bot.sandbox.qingcloud import SimulatedQingCloud
from providers.http import Answer
from providers.huawei_dds import HuaweiAccount, HuaweiDatabase
from providers.huawei_dds import answers as huawei_answers
from providers.huawei_dds.provider import HuaweiDdsType
from providers.qingcloud import QingCloudAccount, QingCloudDatabase
from providers.qingcloud import answers as qingcloud_answers
from providers.qingcloud.provider import QingCloudType
from tests.providers.clocks import TestClock
from tests.providers.spoiling import Spoil, spoils

INSTANCE = "9136fd2a9fcd405ea4674276ce36dae8in02"
SHARDED = "e73893ef73754465a8bd2e0857bbf13ein02"

# --- the clouds, without a network ---


class Spoiling(httpx.AsyncBaseTransport):
    """Hands requests to a simulated cloud and spoils what comes back."""

    def __init__(self, app: Any, spoil: Callable[[httpx.Request, bytes], bytes], status: int | None) -> None:
        self._inner = httpx.ASGITransport(app=app)
        self._spoil = spoil
        self._status = status

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        trace = request.extensions.get("trace")
        if trace is not None:
            await trace("http11.send_request_headers.started", {})
        response = await self._inner.handle_async_request(request)
        body = self._spoil(request, await response.aread())
        return httpx.Response(self._status or response.status_code, content=body, headers={"date": "x"})


class SpoilingWire:
    """A wire whose every answer is spoilt."""

    def __init__(self, app: Any, spoil: Callable[[httpx.Request, bytes], bytes], status: int | None) -> None:
        self._made = (app, spoil, status)

    def reads(self) -> httpx.AsyncBaseTransport:
        return Spoiling(*self._made)

    def submission(self) -> httpx.AsyncBaseTransport:
        return Spoiling(*self._made)


class Cloud:
    """One simulated cloud behind a provider whose answers are spoilt; ``accepted`` counts what really started."""

    def __init__(
        self, spoil: Spoil, status: int | None = None, call_timeout: timedelta = timedelta(seconds=5)
    ) -> None:
        self.clock = TestClock()
        self.spoil = spoil
        self.status = status
        self.call_timeout = call_timeout
        self.provider, self.targets = self.build()

    def build(self) -> tuple[Provider, list[Target]]:
        raise NotImplementedError

    @property
    def common(self) -> dict[str, Any]:
        return {"clock": self.clock, "call_timeout": self.call_timeout, "observer": lambda *_: None}

    def wire(self, app: Any) -> SpoilingWire:
        return SpoilingWire(app, lambda _request, body: self.spoil(body), self.status)


class QingCloudCloud(Cloud):
    def build(self) -> tuple[Provider, list[Target]]:
        self.cloud = SimulatedQingCloud(clock=self.clock.now)
        cluster = self.cloud.add_cluster("cl-ouhutv70")
        self.nodes = [node.id for node in cluster.nodes]
        account = QingCloudAccount(
            endpoint="http://cloud/iaas/",
            zone="SH1A",
            access_key_id=SecretStr("QYACCESSKEYIDEXAMPLE"),
            secret_access_key=SecretStr("SECRETACCESSKEY"),
        )
        databases = {"orders": QingCloudDatabase(cluster="cl-ouhutv70")}
        built = QingCloudType(wire=self.wire(self.cloud)).build(account, databases, **self.common)
        return built, [Target("orders")]

    @property
    def started(self) -> int:
        return self.cloud.submissions_accepted


class HuaweiCloud(Cloud):
    def build(self) -> tuple[Provider, list[Target]]:
        self.cloud = SimulatedHuaweiDds(clock=self.clock.now, sleep=self.clock.sleep)
        instance = self.cloud.add_replica_set(INSTANCE)
        shard = next(each for each in self.cloud.add_cluster(SHARDED).groups if each.type == "shard")
        self.nodes = [node.id for node in instance.groups[0].nodes]
        account = HuaweiAccount(
            endpoint="http://cloud",
            project_id=EXAMPLE_PROJECT,
            calls_per_minute=100_000,
            access_key=SecretStr(EXAMPLE_ACCESS_KEY),
            secret_key=SecretStr(EXAMPLE_SECRET_KEY),
        )
        databases = {"orders": HuaweiDatabase(instance=INSTANCE), "events": HuaweiDatabase(instance=SHARDED)}
        built = HuaweiDdsType(wire=self.wire(self.cloud)).build(account, databases, **self.common)
        return built, [Target("orders"), Target("events", shard.id)]

    @property
    def started(self) -> int:
        return self.cloud.submissions_accepted


CLOUDS = [QingCloudCloud, HuaweiCloud]


def plan(cloud: Any, *, named: bool) -> Plan:
    candidate = NodeId(cloud.nodes[1]) if named else None
    call = cloud.provider.describe(cloud.targets[0], candidate)
    members = tuple((NodeId(node), Role.UNKNOWN) for node in cloud.nodes)
    return Plan("orders", None, candidate, NodeId(cloud.nodes[0]), members, call)


async def outcome(work: Awaitable[object]) -> ProviderError | None:
    """The error of ours that it raised; any other goes on."""
    try:
        await work
    except ProviderError as error:
        return error
    return None


def intent(cloud: Any) -> Intent:
    return Intent(cloud.clock.now(), cloud.clock.monotonic() + 5)


# --- reads ---


STATUSES = st.sampled_from([None, None, None, 200, 400, 403, 404, 500])


async def read_everything(make: type[Cloud], spoil: Spoil, status: int | None) -> None:
    """Every read of the port: it raises one of our errors, with words, or nothing."""
    cloud: Any = make(spoil, status, call_timeout=timedelta(seconds=1))
    provider: Provider = cloud.provider
    calls: list[Awaitable[object]] = [
        *(provider.observe(target) for target in cloud.targets),
        provider.survey("orders"),
        provider.jobs([JobId("j-1"), JobId("j-2")]),
        provider.find_submission(plan(cloud, named=True), cloud.clock.now()),
    ]
    for call in calls:
        error = await outcome(call)
        assert error is None or error.message
    await provider.close()


@pytest.mark.parametrize("make", CLOUDS)
@settings(max_examples=25, deadline=None)
@given(spoil=spoils(), status=STATUSES)
async def test_a_read_of_anything_raises_only_our_errors(
    make: type[Cloud], spoil: Spoil, status: int | None
) -> None:
    await read_everything(make, spoil, status)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("make", CLOUDS)
@settings(max_examples=600, deadline=None)
@given(spoil=spoils(), status=STATUSES)
async def test_many_reads_of_anything_raise_only_our_errors(
    make: type[Cloud], spoil: Spoil, status: int | None
) -> None:
    await read_everything(make, spoil, status)


# --- submissions ---


@pytest.mark.parametrize(
    ("make", "named"), [(QingCloudCloud, True), (HuaweiCloud, True), (HuaweiCloud, False)]
)
@settings(max_examples=50, deadline=None)
@given(spoil=spoils())
async def test_an_accepted_request_is_never_said_to_have_failed(
    make: type[Cloud], named: bool, spoil: Spoil
) -> None:
    said: list[bytes] = []

    def noted(body: bytes) -> bytes:
        said.append(spoil(body))
        return said[-1]

    cloud: Any = make(noted)
    error = await outcome(cloud.provider.submit(plan(cloud, named=named), intent(cloud)))
    certain = error is None or isinstance(error, OutcomeUnknown) or says_so(make, said[-1], error)
    assert certain, f"{error!r} for {said[-1][:200]!r}"
    assert cloud.started == 1
    await cloud.provider.close()


def says_so(make: type[Cloud], body: bytes, error: ProviderError) -> bool:
    """Whether a documented code is really there: with it, nobody could know better."""
    code = str(getattr(error, "code", ""))
    return (
        make is QingCloudCloud
        and bool(code)
        and qingcloud_answers.ret_code(qingcloud_answers.payload(body) or {}) == int(code)
    )


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCEPTED = b'{"job_id": "3711e2ad-5787-49bc-a47f-3f0b066af9f5"}'


@settings(max_examples=100, deadline=None)
@given(
    body=st.binary(max_size=300) | spoils().map(lambda spoil: spoil(ACCEPTED)),
    status=st.sampled_from([200, 202, 204, 302, 400, 403, 409, 429, 500, 503]),
    gives_job=st.booleans(),
)
def test_no_answer_to_a_submission_of_huawei_raises_anything_else(
    body: bytes, status: int, gives_job: bool
) -> None:
    answer = Answer(status, httpx.Headers(), body)
    found: ProviderError | None = None
    try:
        huawei_answers.accepted(answer, NOW, gives_job=gives_job)
    except ProviderError as error:
        found = error
    assert found is None or not 200 <= status < 300 or isinstance(found, OutcomeUnknown)
