"""The simulated clouds as the stack plugs them in, and what the demonstration plays on each."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from typing import Protocol

from bot.sandbox.huawei_dds import EXAMPLE_ACCESS_KEY as HUAWEI_KEY
from bot.sandbox.huawei_dds import EXAMPLE_PROJECT, EXAMPLE_SECRET_KEY, SimGroup, SimulatedHuaweiDds
from bot.sandbox.qingcloud import SimCluster, SimulatedQingCloud
from bot.sandbox.server import Receive, Scope, Send

CLUSTER = "cl-ouhutv70"
REPLICA_SET, SHARDED = "9136fd2a9fcd405ea4674276ce36dae8in02", "e73893ef73754465a8bd2e0857bbf13ein02"


class Simulation(Protocol):
    """A cloud as an ASGI app that counts what reaches it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    @property
    def calls(self) -> Sized:
        """Every call that arrived."""
        ...

    @property
    def submissions_seen(self) -> int:
        """How many submissions arrived, whatever became of them."""
        ...

    @property
    def submissions_accepted(self) -> int:
        """How many of them were taken on."""
        ...


@dataclass(frozen=True, slots=True)
class Scene:
    """One switchover of the demonstration.

    Attributes:
        title: What it shows, in a few words.
        asked: What the requester types after the command.
        primaries: Who is primary now where the switchover acts, as the cloud itself knows it.
        candidate: The node that is to become the primary; None where the cloud chooses.
        tries_own_approval: The requester first presses Approve themselves, which must not count.
    """

    title: str
    asked: str
    primaries: Callable[[], Sequence[str]]
    candidate: str | None = None
    tries_own_approval: bool = False

    def as_asked(self, before: Sequence[str], now: Sequence[str]) -> bool:
        """Whether the primary moved, and to the right node where one was named."""
        moved = len(now) == 1 and list(now) != list(before)
        return moved and self.candidate in (None, now[0])


@dataclass(frozen=True, slots=True)
class CloudSetup:
    """A simulated cloud, and how the bot is told of it.

    Attributes:
        name: What people call it.
        app: The cloud.
        config: Its tables of the bot's configuration, ``[accounts.*]`` and ``[databases.*]``, for its address.
        scenes: What the demonstration plays on it, one after another.
    """

    name: str
    app: Simulation
    config: Callable[[str], str]
    scenes: Sequence[Scene] = ()


def demo_clouds() -> list[CloudSetup]:
    """The clouds of the demonstration, each with its databases as they are before the first scene."""
    return [orders_on_qingcloud(SimulatedQingCloud()), documents_on_huawei_dds(SimulatedHuaweiDds())]


def orders_on_qingcloud(cloud: SimulatedQingCloud) -> CloudSetup:
    """The database ``orders`` on a new cluster of this cloud."""
    cluster = cloud.add_cluster(CLUSTER)
    for number, node in enumerate(cluster.nodes, start=1):
        node.name = f"mysql-{number}"

    def config(url: str) -> str:
        return f"""\
[accounts.qc]
provider = "qingcloud"
endpoint = "{url}/iaas/"
zone = "{cloud.zone}"
access_key_id = "{cloud.access_key_id}"
secret_access_key = "{cloud.secret_access_key}"

[databases.orders]
account = "qc"
cluster = "{cluster.id}"
description = "Orders, MySQL Plus"
"""

    return CloudSetup("QingCloud", cloud, config, _qingcloud_scenes(cluster))


def _qingcloud_scenes(cluster: SimCluster) -> list[Scene]:
    candidate = cluster.nodes[1]
    return [
        Scene(
            "a MySQL cluster, to a node by its name",
            f"orders to {candidate.name} because the primary's disk is failing",
            lambda: cluster.primaries,
            candidate.id,
            tries_own_approval=True,
        )
    ]


def documents_on_huawei_dds(cloud: SimulatedHuaweiDds) -> CloudSetup:
    """A new replica set ``sessions`` and a new sharded cluster ``events`` on this cloud."""
    sessions, events = cloud.add_replica_set(REPLICA_SET), cloud.add_cluster(SHARDED)

    def config(url: str) -> str:
        return f"""\
[accounts.hw]
provider = "huawei-dds"
endpoint = "{url}"
project_id = "{EXAMPLE_PROJECT}"
access_key = "{HUAWEI_KEY}"
secret_key = "{EXAMPLE_SECRET_KEY}"
calls_per_minute = 600

[databases.sessions]
account = "hw"
instance = "{sessions.id}"
description = "Sessions, a DDS replica set"

[databases.events]
account = "hw"
instance = "{events.id}"
description = "Events, a DDS cluster: two shards, and its config"
"""

    shard = next(group for group in events.groups if group.type == "shard")
    scenes = _huawei_scenes(sessions.groups[0], shard)
    return CloudSetup("Huawei Cloud", cloud, config, scenes)


def _huawei_scenes(replica_set: SimGroup, shard: SimGroup) -> list[Scene]:
    candidate = replica_set.nodes[2]
    return [
        Scene(
            "a DDS replica set; the cloud chooses the new primary",
            "sessions because its host is going down for maintenance",
            lambda: replica_set.primaries,
        ),
        Scene(
            "one shard of a DDS cluster, by its name",
            f"events shard {shard.name} because it is slow",
            lambda: shard.primaries,
        ),
        Scene(
            "a named node of the replica set: a forced promotion, without a job to follow",
            f"sessions to {candidate.name} because it has the newer disks",
            lambda: replica_set.primaries,
            candidate.id,
        ),
    ]
