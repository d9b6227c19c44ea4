"""What a cluster looks like: its state, its members, and which of them is the primary.

QingCloud's nodes don't say who is primary: their ``role`` is the static AppCenter role. The console's display
tab does, in words of the application's choosing, and it runs on a random node of the cluster.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.core.model import Node, NodeId, Reason, Role, Topology, nested
from providers.qingcloud.answers import Payload, text

_PRIMARY = "master primary leader 主 主节点 主实例 主库 主服务器 主机 主数据库"
_REPLICA = (
    "slave standby replica secondary follower 从 从节点 从实例 从库 从服务器 从机 从数据库 "
    "备 备节点 备实例 备库 备机 备用 备用节点 副本 副本节点"
)
VOCABULARY: Mapping[str, Role] = {
    **dict.fromkeys(_PRIMARY.split(), Role.PRIMARY),
    **dict.fromkeys(_REPLICA.split(), Role.REPLICA),
}
_BETWEEN_WORDS = re.compile(r"[\s()\uff08\uff09\[\]/|,\uff0c\u3001]+")
_PORT = re.compile(r":\d{1,5}$")
TABS = 5  # AppCenter's own limit for one application
_GONE = frozenset({"deleted", "ceased"})


def role_named(cell: str) -> Role | None:
    """The role a cell names, None if it does not. Every word of it must mean the same role: never a guess."""
    found = {VOCABULARY.get(word) for word in _BETWEEN_WORDS.split(cell.strip().casefold()) if word}
    return found.pop() if len(found) == 1 else None


def tab_names(cluster: Payload) -> list[str]:
    """The display tabs of a cluster: an object keyed by name, a list of names, or either as JSON text."""
    tabs = _plain(cluster.get("display_tabs"))
    names = tabs if isinstance(tabs, dict | list) else ()
    return sorted({name for name in names if isinstance(name, str) and name})[:TABS]


def table(answer: Payload, name: str) -> list[list[str]]:
    """The cells of the display tab, row by row; empty where the answer holds no readable table.

    The documentation shows the table itself; one under the tab's name is understood too.
    """
    tab = _plain(answer.get("display_tabs"))
    nested = _plain(tab.get(name)) if isinstance(tab, dict) else None
    tab = nested if isinstance(nested, dict) else tab
    data = tab.get("data") if isinstance(tab, dict) else None
    rows = data if isinstance(data, list) else []
    return [[str(cell).strip() for cell in row] for row in rows if isinstance(row, list)]


def _plain(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class Told:
    """What a display tab tells of nodes.

    Attributes:
        roles: By node id; what it does not tell for certain is UNKNOWN.
        spoke: It names a role of a member at all, certain or not: this is the tab that does.
    """

    roles: Mapping[str, Role]
    spoke: bool


def told(cells: Sequence[Sequence[str]], nodes: Sequence[Payload], role: str) -> Told:
    """Reads a tab's cells for the nodes of the AppCenter role ``role``.

    Several claims to be primary make all of them UNKNOWN, a claim of a node that is not listed included.
    """
    known = {name: text(node, "node_id") for node in nodes for name in _names_of(node)}
    said: dict[str, set[Role]] = {text(node, "node_id"): set() for node in members(nodes, role)}
    strangers = 0
    for row in cells:
        named = {found for cell in row if (found := role_named(cell)) is not None}
        owners = {known[name] for cell in row if (name := _PORT.sub("", cell.casefold())) in known}
        if len(owners) != 1:
            strangers += Role.PRIMARY in named
        elif (owner := owners.pop()) in said:
            said[owner] |= named or {Role.UNKNOWN}
    claims = strangers + sum(Role.PRIMARY in found for found in said.values())
    spoke = any(found - {Role.UNKNOWN} for found in said.values())
    return Told({node_id: _certain(found, claims) for node_id, found in said.items()}, spoke)


def _names_of(node: Payload) -> set[str]:
    return {text(node, "node_id").casefold(), text(node, "private_ip").casefold()} - {""}


def _certain(found: set[Role], claims: int) -> Role:
    if len(found) != 1 or (Role.PRIMARY in found and claims != 1):
        return Role.UNKNOWN
    return next(iter(found))


def members(nodes: Sequence[Payload], role: str) -> list[Payload]:
    """The nodes that a switchover is about: of the configured AppCenter role, and still there.

    Packages of 2017 know no roles: where no node at all has one, every node is meant.
    """
    wanted = role if any(text(node, "role") for node in nodes) else ""
    return [
        node
        for node in nodes
        if text(node, "role") == wanted and text(node, "node_id") and text(node, "status") not in _GONE
    ]


def topology(
    cluster: Payload, nodes: Sequence[Payload], said: Mapping[str, Role], read_at: datetime
) -> Topology:
    """One reading; ``nodes`` are the members, ``said`` what the display tab told of them."""
    status, moving = text(cluster, "status"), text(cluster, "transition_status")
    node_moving = next((found for node in nodes if (found := text(node, "transition_status"))), "")
    under_way = moving or node_moving
    return Topology(
        nodes=tuple(_node(node, said.get(text(node, "node_id"), Role.UNKNOWN)) for node in nodes),
        idle=not under_way,
        obstacle=_obstacle(status, moving, node_moving),
        state=", ".join(word for word in (status, under_way) if word),
        read_at=read_at,
    )


def _obstacle(status: str, moving: str, node_moving: str) -> str:
    if status != "active" or moving:
        state = moving if status == "active" else status
        return nested([Reason.of("obstacle-cluster", state=state)])
    return nested([Reason.of("obstacle-some-node", state=node_moving)]) if node_moving else ""


def _node(node: Payload, role: Role) -> Node:
    return Node(
        id=NodeId(text(node, "node_id")),
        name=text(node, "name"),
        address=text(node, "private_ip"),
        role=role,
        healthy=_healthy(node),
    )


def _healthy(node: Payload) -> bool | None:
    if text(node, "status") not in ("active", ""):
        return False
    return {"healthy": True, "unhealthy": False}.get(text(node, "health_status"))
