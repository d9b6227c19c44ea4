"""The simulated clouds on the page: roles now and before, jobs, calls with their outcome, and what is set to fail."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from bot.sandbox.clouds import CLUSTER, REPLICA_SET, SHARDED
from bot.sandbox.faults import ANY, ANY_SUBMISSION, Fault
from bot.sandbox.page.cloud_pictures import ONE_SHOTS, OUTCOMES, armed, calls_picture, cloud_picture
from bot.sandbox.page.sandbox import page_clouds
from bot.sandbox.wire import AsgiTransport
from tests.sandbox.page.conftest import Shown

CLOUDS = ("qingcloud", "huawei")


def roles(shown: Shown, cloud: str, key: str) -> dict[str, list[str]]:
    picture = cloud_picture(shown.sandbox.cloud(cloud))
    return {
        target["database"] + target["shard"]: [node[key] for node in target["nodes"]]
        for target in picture["targets"]
    }


def test_every_database_is_shown_with_its_primary(shown: Shown) -> None:
    first = ["primary", "replica", "replica"]
    assert roles(shown, "qingcloud", "now") == {"orders": first}
    assert roles(shown, "huawei", "now") == {
        "sessions": first,
        **{f"events{part}": first for part in ("shard_1", "shard_2", "config")},
    }


@pytest.mark.parametrize(
    ("cloud", "resource", "database"), [("qingcloud", CLUSTER, "orders"), ("huawei", REPLICA_SET, "sessions")]
)
async def test_a_failover_shows_who_was_primary_before(
    shown: Shown, cloud: str, resource: str, database: str
) -> None:
    picture = cloud_picture(shown.sandbox.cloud(cloud))
    target = next(target for target in picture["targets"] if target["database"] == database)
    assert not target["moved"]
    await shown.act("failover", cloud=cloud, resource=resource, node=target["nodes"][2]["id"])
    assert roles(shown, cloud, "now")[database] == ["replica", "replica", "primary"]
    assert roles(shown, cloud, "before")[database] == ["primary", "replica", "replica"]


@pytest.mark.parametrize(
    ("cloud", "resource", "target"),
    [("qingcloud", CLUSTER, 0), ("huawei", REPLICA_SET, 0), ("huawei", SHARDED, 1)],
)
async def test_a_node_is_unhealthy_until_it_is_made_healthy_and_keeps_its_role(
    shown: Shown, cloud: str, resource: str, target: int
) -> None:
    def nodes() -> list[dict[str, Any]]:
        return list(cloud_picture(shown.sandbox.cloud(cloud))["targets"][target]["nodes"])

    before = nodes()
    node = before[1]["id"]
    await shown.act("health", cloud=cloud, resource=resource, node=node, healthy=False)
    assert nodes() == [before[0], {**before[1], "healthy": False}, before[2]]
    await shown.act("health", cloud=cloud, resource=resource, node=node, healthy=True)
    assert nodes() == before


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("name", [*ONE_SHOTS, *OUTCOMES, "outage"])
async def test_what_is_set_to_fail_is_shown_until_it_is_taken_back(
    shown: Shown, cloud: str, name: str
) -> None:
    found = shown.sandbox.cloud(cloud)
    await shown.act("fault", cloud=cloud, name=name, on=True)
    assert armed(found) == [name]
    await shown.act("fault", cloud=cloud, name=name, on=False)
    assert armed(found) == []


async def test_of_two_faults_of_the_next_submission_the_last_one_counts(shown: Shown) -> None:
    await shown.act("fault", cloud="qingcloud", name="hang", on=True)
    await shown.act("fault", cloud="qingcloud", name="answer_lost", on=True)
    assert armed(shown.sandbox.cloud("qingcloud")) == ["answer_lost"]


async def calls(cloud: Any, path: str, *faults: tuple[str, Fault]) -> list[dict[str, Any]]:
    for name, fault in faults:
        cloud.faults.set(name, fault)
    async with httpx.AsyncClient(transport=AsgiTransport({"cloud": cloud})) as http:
        for _ in range(1 + len(faults)):
            try:
                await http.get(f"http://cloud{path}")
            except httpx.ReadError:
                continue
    return list(calls_picture(cloud))


async def test_a_fault_meets_the_kind_of_call_that_it_is_set_for_and_is_told_as_its_outcome() -> None:
    cloud: Any = page_clouds()["qingcloud"].app
    reading, submitting = "/iaas/?action=DescribeClusters", "/iaas/?action=RunClusterCustomService&cluster=c"
    lost = (ANY_SUBMISSION, Fault.drop(accepted=True))
    assert [call["outcome"] for call in await calls(cloud, reading, lost)] == ["ret_code 1200"] * 2
    found = await calls(cloud, submitting)
    assert (found[-1]["submission"], found[-1]["outcome"]) == (True, "ret_code 1200, then lost")
    found = await calls(cloud, submitting, (ANY, Fault.http(503)))
    assert [call["outcome"] for call in found[-2:]] == ["http 503", "ret_code 1200"]


def test_looking_at_a_cloud_moves_nothing(shown: Shown) -> None:
    for name in CLOUDS:
        cloud = shown.sandbox.cloud(name)
        assert cloud_picture(cloud) == cloud_picture(cloud)
        assert len(cloud.calls) == 0
