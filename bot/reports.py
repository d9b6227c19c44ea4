"""What the commands print: the objects of contract §1 for ``--json``, and the same in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.core.model import JobState, Node, Reason, Topology, label
from bot.core.operation import ENDS, Operation
from bot.core.preflight import Check, Outcome, Verdict
from bot.service.planning import Planning
from handlers.blocks import NODES, TIMES, instant_written, name_of
from handlers.texts import Show, Texts


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


def live_words(databases: Mapping[str, Sequence[Topology]], slack: Mapping[str, Any]) -> str:
    """What ``switchover check --live`` read: each database with its primary, and whose token Slack says it is."""
    lines = [f"  {name}: {', '.join(map(_seen, readings))}" for name, readings in databases.items()]
    workspace, bot = (
        f"{slack.get(name) or '?'} ({slack.get(f'{name}_id') or '?'})" for name in ("team", "user")
    )
    return "\n".join(["read:", *lines, f"  Slack: workspace {workspace}, bot {bot}"])


def _seen(topology: Topology) -> str:
    primary = topology.primary
    known = "no primary known" if primary is None else f"primary {_called(topology, primary.id)}"
    shard = topology.shard_name or topology.shard
    return f"{shard}: {known}" if shard else known


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
    called = label(planning.plan.database, planning.plan.shard, topology)
    lines = [f"{called}: {_verdict(verdict, planning.plan.call.summary)}"]
    choose = _to_choose(verdict)
    if verdict.detail is not None and choose is None:
        lines.append(f"  {texts.say(verdict.detail)}")
    lines += ["", "topology:", *_nodes(topology), "", "checks:"]
    checks = [check for check in verdict.checks if check.detail != choose]
    lines += [f"  {'✓' if c.passed else '✗'} {c.name}: {_found(c, verdict, texts)}" for c in checks]
    if planning.plan.call.warning:
        lines += ["", texts.text("card-warning", warning=planning.plan.call.warning)]
    return "\n".join(lines)


def _found(check: Check, verdict: Verdict, texts: Texts) -> str:
    return "as said above" if check.detail == verdict.detail else texts.say(check.detail)


def _verdict(verdict: Verdict, call: str) -> str:
    choose = _to_choose(verdict)
    if choose is not None:
        return (
            "several nodes fit; a request would ask which is to become primary; "
            f"for the checks of one, name it with --to: {choose['known']}"
        )
    return {
        Outcome.CLEAN: f"clean; a request would call {call}",
        Outcome.REFUSED: "refused; a request would send nothing",
        Outcome.NOT_NEEDED: "not needed; a request would send nothing",
    }[verdict.outcome]


def _to_choose(verdict: Verdict) -> Reason | None:
    """What tells the nodes to choose from, where nothing else stands in the way: a request is no refusal then."""
    detail = verdict.detail
    return detail if detail is not None and detail.code == "check-name-one" else None


def _nodes(topology: Topology) -> list[str]:
    health = {True: "healthy", False: "unhealthy", None: "health unknown"}
    return [
        f"  {node.role.value:<9} {node.id}  {node.name}  {node.address}  {health[node.healthy]}"
        + ("" if node.lag is None else f"  lag {node.lag.total_seconds():g} s")
        for node in topology.nodes
    ]


def operations_words(
    operations: Sequence[Operation],
    texts: Texts,
    *,
    held: Sequence[Reason] = (),
    owed: Sequence[Operation] = (),
) -> str:
    """``switchover status`` and ``history`` for people.

    Args:
        operations: What is under way, or was done.
        texts: The catalogue.
        held: What stops new submissions, said first.
        owed: Emergencies that are still to be reviewed, said last.
    """
    lines = [f"! {texts.say(reason, show=_shown(None))}" for reason in held]
    lines += [line for op in operations for line in _lines(op, texts)] or ["no operations"]
    if owed:
        lines += ["", texts.text("operations-to-review")]
        lines += [line for op in owed for line in _lines(op, texts)]
    return "\n".join(lines)


def _shown(topology: Topology | None) -> Show:
    """Times as people read them, and nodes by name."""

    def show(name: str, value: str) -> str:
        if name in TIMES and (at := instant_written(value)) is not None:
            return _moment(at)
        return _called(topology, value) if name in NODES else value

    return show


def _called(topology: Topology | None, node_id: str) -> str:
    """A node as ``name (id)``; the id where no more is known."""
    name = name_of(topology, node_id)
    return f"{name} ({node_id})" if name != node_id else node_id


def _lines(op: Operation, texts: Texts) -> list[str]:
    lines = ["  ".join(filter(None, (op.id, op.status.value, op.label, _move(op, texts))))]
    lines += _why(op, texts)
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
    return lines


def _move(op: Operation, texts: Texts) -> str:
    """From which node to which, as far as that is known; "" before anything is."""
    after = _after(op, texts)
    if op.plan is None:
        return f"→ {after}" if after else ""
    primary = op.plan.primary
    before = _called(op.topology, primary) if primary else texts.text("moves-nobody-known")
    return f"{before} → {after}" if after and primary != op.plan.candidate else before


def _after(op: Operation, texts: Texts) -> str:
    """Who is to become primary, or did; "" where nobody is meant."""
    if op.becomes_primary is not None:
        return _called(op.topology, op.becomes_primary)
    return texts.text("moves-cloud-chooses") if op.cloud_chooses else op.asked or ""


def _why(op: Operation, texts: Texts) -> list[str]:
    """Why the status is what it is, in the provider's words where there are no others, and who decided."""
    lines = []
    if op.detail is not None:
        over = "yes" if op.status in ENDS else ""
        lines.append(f"    {texts.say(op.detail.also(over=over), show=_shown(op.topology))}")
    if op.job is not None and op.job.state is JobState.FAILED:
        lines.append(f"    {texts.text('card-job-word', word=op.job.word, detail=op.job.detail)}")
    if op.decided_by is not None:
        lines.append(f"    {texts.text('card-decided', by=op.decided_by)}")
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
