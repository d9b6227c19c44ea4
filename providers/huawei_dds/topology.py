"""What an instance looks like: its state, its groups, and which node of each is the primary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from bot.core.model import Node, NodeId, Reason, Role, Topology, nested
from bot.core.names import nearest
from bot.errors import Refused, Unavailable

Text = str | None  # Huawei leaves keys out, or sends null

REPLICA_SET, SHARDED, SINGLE = "replicaset", "sharding", "single"
SWITCHABLE = ("shard", "config")  # the groups of a cluster that have a primary
READ_ONLY = "readonly"
# A mongos says "master"; it is in no group that has a primary.
ROLES = {"primary": Role.PRIMARY, "secondary": Role.REPLICA, "hidden": Role.HIDDEN}


class NodeRow(msgspec.Struct):
    """What is wanted of a node."""

    id: Text = None
    name: Text = None
    status: Text = None
    role: Text = None
    private_ip: Text = None


class GroupRow(msgspec.Struct):
    """What is wanted of a group; only shard and config groups have an id, a name and a status of their own."""

    type: Text = None
    id: Text = None
    name: Text = None
    status: Text = None
    nodes: list[NodeRow] | None = None


class InstanceRow(msgspec.Struct):
    """What is wanted of an instance."""

    id: Text = None
    mode: Text = None
    status: Text = None
    actions: list[str] | None = None
    groups: list[GroupRow] | None = None


class InstancePage(msgspec.Struct):
    """A page of the list; ``total_count`` is left alone, the documentation's own example has it wrong."""

    instances: list[msgspec.Raw]


def readings(instance: InstanceRow, read_at: datetime) -> list[Topology]:
    """One reading of each group that has a primary.

    Raises:
        Refused: There is nothing to switch in this kind of instance.
        Unavailable: It is not said what kind that is.
    """
    mode = _word(instance.mode)
    if not mode:
        raise Unavailable(
            f"what was said of instance {instance.id} leaves out its mode",
            meaning=("cloud-no-mode", {"name": instance.id or "-"}),
        )
    if mode == SINGLE:
        raise Refused(
            f"instance {instance.id} has a single node: there is no other to switch to",
            meaning=("cloud-single-node", {"name": instance.id or "-"}),
        )
    if mode == REPLICA_SET:
        return [_replica_set(instance, read_at)]
    if mode != SHARDED:
        raise Refused(
            f"instance {instance.id} is of the unknown mode {instance.mode}",
            meaning=("cloud-unknown-mode", {"name": instance.id or "-", "mode": str(instance.mode)}),
        )
    found = [_shard(instance, group, read_at) for group in _switchable(instance)]
    if not found:
        raise Refused(
            f"cluster {instance.id} shows no shard that could be switched",
            meaning=("cloud-no-shard-to-switch", {"name": instance.id or "-"}),
        )
    return found


def the_one(instance: InstanceRow, shard: str | None, read_at: datetime) -> Topology:
    """The reading of a replica set, or of the shard that is meant: by id, or by a name that only one has.

    Raises:
        Refused: A shard must be named, is not there, or has no primary to switch.
    """
    found = readings(instance, read_at)
    if _word(instance.mode) == REPLICA_SET:
        if shard is not None:
            raise Refused(
                f"instance {instance.id} is a replica set: leave out the shard",
                meaning=("cloud-leave-out-shard", {"name": instance.id or "-"}),
            )
        return found[0]
    known = ", ".join(f"{reading.shard_name} ({reading.shard})" for reading in found)
    if shard is None:
        raise Refused(
            f"this is a sharded cluster: say which shard; it has {known}",
            meaning=("cloud-which-shard", {"known": known}),
        )
    named = [reading for reading in found if reading.shard == shard]
    folded = shard.casefold()
    named = named or [r for r in found if folded in {r.shard_name.casefold(), (r.shard or "").casefold()}]
    if len(named) == 1:
        return named[0]
    if named:
        raise Refused(
            f"several shards are called {shard}: give the id; the cluster has {known}",
            meaning=("cloud-shard-ambiguous", {"shard": shard, "known": known}),
        )
    kind = next((kind for kind, names in _others(instance) if folded in names), "")
    if kind:
        raise Refused(
            f"{shard} is a {kind} group, which has no primary to switch; the cluster has {known}",
            meaning=("cloud-group-without-primary", {"shard": shard, "kind": kind, "known": known}),
        )
    near = nearest(shard, (text for r in found for text in (r.shard or "", r.shard_name) if text))
    meant = f"; did you mean {near}?" if near else ";"
    raise Refused(
        f"the cluster has no shard {shard}{meant} it has {known}",
        meaning=("cloud-no-such-shard", {"shard": shard, "known": known, "nearest": near}),
    )


def is_sharded(instance: InstanceRow) -> bool:
    """Whether it is a cluster of shards."""
    return _word(instance.mode) == SHARDED


def _switchable(instance: InstanceRow) -> Iterator[GroupRow]:
    for group in instance.groups or ():
        if _word(group.type) in SWITCHABLE and group.id:
            yield group


def _others(instance: InstanceRow) -> Iterator[tuple[str, set[str]]]:
    """The groups without a primary: their kind, and every name that may be meant by them or their nodes."""
    for group in instance.groups or ():
        kind = _word(group.type)
        if kind not in SWITCHABLE:
            names = {kind, group.id, group.name}
            names |= {name for node in group.nodes or () for name in (node.id, node.name)}
            yield kind, {name.casefold() for name in names if name}


def _replica_set(instance: InstanceRow, read_at: datetime) -> Topology:
    groups = instance.groups or []
    members = [node for group in groups if _word(group.type) == "replica" for node in group.nodes or ()]
    readers = [node for group in groups if _word(group.type) == READ_ONLY for node in group.nodes or ()]
    nodes = [*_nodes(members), *(_node(row, Role.READ_ONLY) for row in readers if row.id)]
    return _reading(instance, nodes, read_at)


def _shard(instance: InstanceRow, group: GroupRow, read_at: datetime) -> Topology:
    return _reading(instance, _nodes(group.nodes or ()), read_at, group)


def _reading(
    instance: InstanceRow, nodes: Sequence[Node], read_at: datetime, group: GroupRow | None = None
) -> Topology:
    actions = instance.actions or []
    return Topology(
        nodes=tuple(nodes),
        idle=not actions,
        obstacle=_obstacle(instance, group),
        state=", ".join(word for word in (instance.status, *actions) if word),
        read_at=read_at,
        shard=group.id if group else None,
        shard_name=(group.name or _word(group.type)) if group else "",
    )


def _obstacle(instance: InstanceRow, group: GroupRow | None) -> str:
    # A group's status is documented for shard and config groups; where it is missing the instance's counts.
    if _word(instance.status) != "normal":
        return nested([Reason.of("obstacle-cluster", state=instance.status)])
    if group is not None and _word(group.status) not in ("normal", ""):
        return nested([Reason.of("obstacle-shard", shard=group.name or group.id, state=group.status)])
    return ""


def _nodes(rows: Sequence[NodeRow]) -> list[Node]:
    return [_node(row, ROLES.get(_word(row.role), Role.UNKNOWN)) for row in rows if row.id]


def _node(row: NodeRow, role: Role) -> Node:
    status = _word(row.status)
    return Node(
        id=NodeId(row.id or ""),
        name=row.name or "",
        address=row.private_ip or "",
        role=role,
        healthy=status == "normal" if status else None,
    )


def _word(text: Text) -> str:
    return (text or "").strip().casefold()
