"""What this cloud holds: instances, their groups of nodes, and jobs."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.sandbox.faults import Answer
from bot.sandbox.switchovers import Outcome

SWITCHOVER = "SwitchoverReplicaSet"
PROMOTE = "SwitchInstancePrimary"
LIST_INSTANCES = "ListInstances"
SHOW_JOB = "ShowJobDetail"
LIST_TASKS = "ListTasks"
CREATE_TOKEN = "KeystoneCreateToken"
SUBMISSIONS = (SWITCHOVER, PROMOTE)

BAD_PARAMETER = "DBS.200001"
SWITCHED = frozenset({"replica", "shard", "config"})  # the types of groups that have a primary to move


@dataclass(slots=True)
class SimNode:
    """A node; without ``ip`` its row has no address, as those of shards and config."""

    id: str
    name: str
    role: str
    ip: str | None = None
    status: str = "normal"


@dataclass(slots=True)
class SimGroup:
    """A group of nodes; only the shards and the config group of a cluster have id, name and status."""

    type: str
    nodes: list[SimNode]
    id: str | None = None
    name: str | None = None
    status: str | None = None
    primaries_before: list[str] = field(default_factory=list)

    @property
    def primaries(self) -> list[str]:
        """The nodes that say they are primary, one when all is well."""
        return [node.id for node in self.nodes if node.role == "Primary"]

    @property
    def electable(self) -> list[SimNode]:
        """The healthy secondaries."""
        return [node for node in self.nodes if (node.role, node.status) == ("Secondary", "normal")]

    def set_primaries(self, primaries: list[str]) -> None:
        """Gives these nodes the primary's role, and takes it from all others."""
        if primaries != self.primaries:
            self.primaries_before = self.primaries
        for node in self.nodes:
            if node.id in primaries:
                node.role = "Primary"
            elif node.role == "Primary":
                node.role = "Secondary"


@dataclass(slots=True)
class SimInstance:
    """An instance; ``actions`` are what else is going on, ``switching`` counts its running switchovers."""

    id: str
    name: str
    mode: str
    groups: list[SimGroup]
    created: datetime
    status: str = "normal"
    actions: list[str] = field(default_factory=list)
    switching: int = 0

    @property
    def nodes(self) -> Iterator[SimNode]:
        """The nodes of all groups."""
        return (node for group in self.groups for node in group.nodes)

    @property
    def in_progress(self) -> list[str]:
        """All that is going on, as a reader of the instance sees it."""
        return [*self.actions, *(["SWITCH_PRIMARY"] if self.switching else [])]

    def group(self, group_id: str | None) -> SimGroup | None:
        """The group with this id; without an id, that of a replica set."""
        if group_id is None:
            return next((group for group in self.groups if group.type == "replica"), None)
        return next((group for group in self.groups if group.id == group_id), None)

    def group_of(self, node_id: str) -> SimGroup | None:
        """The group this node is in."""
        return next((g for g in self.groups if node_id in {node.id for node in g.nodes}), None)


@dataclass(slots=True)
class SimJob:
    """A switchover at work; its status follows from the clock.

    The promotion of a chosen node has no job id and is in no list; one that ``console`` started was not
    submitted here.
    """

    id: str
    instance: SimInstance
    group: SimGroup
    node: str
    created: datetime
    outcome: Outcome
    console: bool = False
    moved: bool = False
    over: bool = False


@dataclass(slots=True)
class SeenCall:
    """One call as it arrived, without its headers, where the secrets are.

    ``operation`` is empty where no API is, ``outcome`` until it is known. ``body`` is decoded JSON, None where
    there was none; only bodies for DDS are kept, since that of a request for a token has the password.
    """

    operation: str
    path: str
    params: Mapping[str, str]
    body: Any
    at: datetime
    outcome: str = ""


class No(Exception):
    """A call that is refused, in the words of whoever refuses it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer.payload))
        self.answer = answer

    @classmethod
    def by_service(cls, status: int, code: str, message: str) -> No:
        """As DDS says no."""
        return cls(Answer({"error_code": code, "error_msg": message}, status))

    @classmethod
    def by_gateway(cls, status: int, code: str, message: str, request_id: str) -> No:
        """As the gateway in front of DDS says no."""
        payload = {"error_msg": message, "error_code": code, "request_id": request_id}
        return cls(Answer(payload, status))

    @classmethod
    def by_iam(cls, status: int, message: str, title: str) -> No:
        """As IAM says no."""
        return cls(Answer({"error": {"code": status, "message": message, "title": title}}, status))


def job_id(instance_id: str, number: int) -> str:
    """The id of a job, the same in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{instance_id}/{number}"))


def replica_set(instance_id: str, nodes: int, hidden: int, readonly: int, net: int) -> list[SimGroup]:
    """Replicas with the first as primary, the last ``hidden`` of them hidden; the readonly ones apart."""
    roles = ["Primary", *["Secondary"] * (nodes - hidden - 1), *["Hidden"] * hidden]
    groups = [SimGroup("replica", _members(instance_id, "replica", roles, net))]
    if readonly:
        # Nobody documents the role of such a node. Were it Secondary, only the group would tell it apart.
        rest = _members(instance_id, "readonly", ["Secondary"] * readonly, net, after=nodes)
        groups.append(SimGroup("readonly", rest))
    return groups


def cluster(instance_id: str, shards: int, nodes: int, mongos: int, net: int) -> list[SimGroup]:
    """Mongos without an id, shards, and config; the first node of each but mongos is its primary."""
    routers = SimGroup("mongos", _members(instance_id, "mongos", ["master"] * mongos, net))
    names = [f"shard_{number}" for number in range(1, shards + 1)]
    parts = [_part(instance_id, "shard", name, nodes) for name in names]
    return [routers, *parts, _part(instance_id, "config", "config", nodes)]


def single(instance_id: str, net: int) -> list[SimGroup]:
    """One node on its own."""
    return [SimGroup("single", _members(instance_id, "single", ["Primary"], net))]


def _part(instance_id: str, kind: str, name: str, nodes: int) -> SimGroup:
    members = _members(instance_id, name, ["Primary", *["Secondary"] * (nodes - 1)], None)
    return SimGroup(kind, members, f"{_digest(instance_id, name)}gr02", name, "normal")


def _members(
    instance_id: str, of: str, roles: Sequence[str], net: int | None, *, after: int = 0
) -> list[SimNode]:
    made = []
    for number, role in enumerate(roles, 1):
        ip = None if net is None else f"10.{net >> 8}.{net & 255}.{after + number}"
        name = f"{of}_node_{number}"
        made.append(SimNode(f"{_digest(instance_id, name)}no02", name, role, ip))
    return made


def _digest(instance_id: str, name: str) -> str:
    return hashlib.sha256(f"{instance_id}/{name}".encode()).hexdigest()[:32]
