"""What the commands print: the objects of contract §1 for ``--json``, and the same in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bot.core.model import Node, Reason, Topology
from bot.core.operation import Operation
from bot.core.preflight import Outcome
from bot.service.planning import Planning
from handlers.texts import Texts


def plan_report(planning: Planning, texts: Texts) -> dict[str, Any]:
    """``switchover plan --json``."""
    verdict, topology = planning.verdict, planning.topology
    return {
        "database": planning.plan.database,
        "shard": planning.plan.shard,
        "verdict": verdict.outcome.value,
        "topology": {
            "primary": None if topology.primary is None else topology.primary.id,
            "nodes": [_node(node) for node in topology.nodes],
        },
        "candidate": verdict.candidate,
        "checks": [
            {"name": check.name, "passed": check.passed, "detail": texts.say(check.detail)}
            for check in verdict.checks
        ],
    }


def refusal_report(database: str, shard: str | None, why: str) -> dict[str, Any]:
    """The same where the provider says that there is nothing to plan with."""
    return {
        "database": database,
        "shard": shard,
        "verdict": Outcome.REFUSED.value,
        "topology": {"primary": None, "nodes": []},
        "candidate": None,
        "checks": [{"name": "target_known", "passed": False, "detail": why}],
    }


def _node(node: Node) -> dict[str, Any]:
    return {
        "id": node.id,
        "name": node.name,
        "address": node.address,
        "role": node.role.value,
        "healthy": node.healthy,
        "lag_seconds": None if node.lag is None else node.lag.total_seconds(),
    }


def operations_report(operations: Sequence[Operation], texts: Texts) -> dict[str, Any]:
    """``switchover status --json`` and ``history --json``."""
    return {"operations": [_operation(op, texts) for op in operations]}


def _operation(op: Operation, texts: Texts) -> dict[str, Any]:
    return {
        "id": op.id,
        "database": op.database,
        "shard": op.shard,
        "status": op.status.value,
        "job_id": op.job_id,
        "candidate": op.plan.candidate if op.plan else None,
        "primary_before": op.plan.primary if op.plan else None,
        "primary_now": op.primary_now,
        "requested_by": op.requested_by,
        "approved_by": list(op.approved_by),
        "requested_at": op.requested_at.isoformat(),
        "ended_at": None if op.ended_at is None else op.ended_at.isoformat(),
        "reason": op.reason,
        "detail": "" if op.detail is None else texts.say(op.detail),
    }


def plan_words(planning: Planning, texts: Texts) -> str:
    """``switchover plan`` for people."""
    verdict, topology = planning.verdict, planning.topology
    lines = [f"{planning.plan.target}: {_verdict(verdict.outcome, planning.plan.call.summary)}"]
    if verdict.detail is not None:
        lines.append(f"  {texts.say(verdict.detail)}")
    lines += ["", "topology:", *_nodes(topology), "", "checks:"]
    lines += [f"  {'✓' if c.passed else '✗'} {c.name}: {texts.say(c.detail)}" for c in verdict.checks]
    if planning.plan.call.warning:
        lines += ["", texts.text("card-warning", warning=planning.plan.call.warning)]
    return "\n".join(lines)


def _verdict(outcome: Outcome, call: str) -> str:
    return {
        Outcome.CLEAN: f"clean; a request would call {call}",
        Outcome.REFUSED: "refused; a request would send nothing",
        Outcome.NOT_NEEDED: "not needed; a request would send nothing",
    }[outcome]


def _nodes(topology: Topology) -> list[str]:
    health = {True: "healthy", False: "unhealthy", None: "health unknown"}
    return [
        f"  {node.role.value:<9} {node.id}  {node.name}  {node.address}  {health[node.healthy]}"
        + ("" if node.lag is None else f"  lag {node.lag.total_seconds():g} s")
        for node in topology.nodes
    ]


def operations_words(operations: Sequence[Operation], texts: Texts, held: Sequence[Reason] = ()) -> str:
    """``switchover status`` and ``history`` for people; ``held`` is what stops new submissions, said first."""
    lines = [f"! {texts.say(reason, show=_read_aloud)}" for reason in held]
    lines += [line for op in operations for line in _lines(op, texts)]
    return "\n".join(lines if operations else [*lines, "no operations"])


def _read_aloud(name: str, value: str) -> str:
    return _moment(datetime.fromisoformat(value)) if name in {"since", "until"} and value else value


def _lines(op: Operation, texts: Texts) -> list[str]:
    plan = op.plan
    candidate = (plan.candidate if plan else None) or op.asked or "no node named"
    move = f"{(plan.primary if plan else None) or '?'} → {candidate}"
    lines = [f"{op.id}  {op.status.value}  {op.target}  {move}"]
    lines.append(f"    requested by {op.requested_by} at {_moment(op.requested_at)}")
    lines += _emergency(op)
    if op.start_at is not None:
        lines.append(f"    to start at {_moment(op.start_at)}" + (f", meant in {op.zone}" if op.zone else ""))
    if op.approvals:
        lines.append(f"    approved by {', '.join(op.approved_by)}")
    if op.job_id:
        lines.append(f"    job {op.job_id}")
    if op.reason:
        lines.append(f"    because {op.reason}")
    if op.detail is not None:
        lines.append(f"    {texts.say(op.detail)}")
    return lines


def _emergency(op: Operation) -> list[str]:
    """That nobody had to approve it, what it could go on without, and who has looked at it since, or must."""
    if not op.emergency:
        return []
    lines = ["    EMERGENCY, without approvals"]
    if op.overrides:
        lines.append(f"    checks that could fail: {', '.join(op.overrides)}")
    if op.review_owed:
        lines.append(f"    a review by somebody other than {op.requested_by} is owed")
    if op.reviewed_by is not None and op.reviewed_at is not None:
        lines.append(f"    reviewed by {op.reviewed_by} at {_moment(op.reviewed_at)}")
    return lines


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
