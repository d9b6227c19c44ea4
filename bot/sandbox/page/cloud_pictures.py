"""The simulated clouds as anybody may look at them: roles now and before, jobs, calls, and what is set to fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.sandbox.clouds import CLUSTER, REPLICA_SET, SHARDED
from bot.sandbox.faults import ANY, ANY_SUBMISSION, Fault, Faults
from bot.sandbox.huawei_dds import SUBMISSIONS, SimGroup, SimInstance, SimulatedHuaweiDds
from bot.sandbox.huawei_dds.model import SWITCHED
from bot.sandbox.huawei_dds.rows import COMPLETED, job_status
from bot.sandbox.qingcloud import SUBMIT, SUCCESSFUL, SimCluster, SimJob, SimulatedQingCloud
from bot.sandbox.switchovers import Ending, Outcome

Json = dict[str, Any]
Cloud = SimulatedQingCloud | SimulatedHuaweiDds

DATABASES = {CLUSTER: "orders", REPLICA_SET: "sessions", SHARDED: "events"}
MOST_CALLS, MOST_JOBS = 60, 12

ONE_SHOTS: dict[str, Fault] = {
    "answer_lost": Fault.drop(accepted=True),
    "request_lost": Fault.drop(accepted=False),
    "error_after_accepting": Fault.http(503, accepted=True),
    "hang": Fault.hang(accepted=True),
}
"""What can happen to the next submission, by the page's name for it."""
OUTCOMES = ("roles_stay", "job_fails")
"""What can become of the next accepted switchover."""
OUTAGE = "outage"
"""Everything answers 503 until it is switched off."""


def cloud_picture(cloud: Cloud) -> Json:
    """A cloud without its calls. Nothing is moved by looking: ``advance`` it before."""
    own = _qingcloud(cloud) if isinstance(cloud, SimulatedQingCloud) else _huawei(cloud)
    return own | {
        "received": cloud.submissions_seen,
        "accepted": cloud.submissions_accepted,
        "calls": len(cloud.calls),
        "armed": armed(cloud),
    }


def calls_picture(cloud: Cloud) -> Iterator[Json]:
    """Its last calls, the first of them first, each with its number."""
    calls: Sequence[Any] = cloud.calls
    describe: Callable[[Any], Json] = (
        _qingcloud_call if isinstance(cloud, SimulatedQingCloud) else _huawei_call
    )
    first = max(0, len(calls) - MOST_CALLS)
    for number, call in enumerate(calls[first:], start=first + 1):
        yield {"number": number, "at": _millis(call.at), "outcome": call.outcome, **describe(call)}


def armed(cloud: Cloud) -> list[str]:
    """What is set to go wrong, by the page's names."""
    waiting = cloud.faults.waiting(ANY_SUBMISSION)
    found = [name for name, fault in ONE_SHOTS.items() if fault in waiting]
    found += [name for name in OUTCOMES if outcome_of(cloud, name) in cloud.outcomes]
    return [*found, *([OUTAGE] if _is_down(cloud.faults) else [])]


def outcome_of(cloud: Cloud, name: str) -> Outcome:
    """What becomes of a switchover: its job says done or failed, and the roles stay."""
    good = SUCCESSFUL if isinstance(cloud, SimulatedQingCloud) else COMPLETED
    bad = "failed" if isinstance(cloud, SimulatedQingCloud) else "Failed"
    return Outcome(good if name == "roles_stay" else bad, Ending.UNCHANGED)


def _is_down(faults: Faults) -> bool:
    return bool(faults.waiting(ANY))


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


# --- QingCloud -----------------------------------------------------------------------------------------


def _qingcloud(cloud: SimulatedQingCloud) -> Json:
    now = cloud.clock()
    targets = [_cluster(cluster, now) for cluster in cloud.clusters.values()]
    jobs = [_job(cloud, job) for job in cloud.jobs[-MOST_JOBS:]]
    return {"targets": targets, "jobs": jobs}


def _cluster(cluster: SimCluster, now: datetime) -> Json:
    before = cluster.primaries_before or cluster.primaries
    nodes = [
        {
            "id": node.id,
            "name": node.name,
            "address": node.ip,
            "now": _role(node.id in cluster.primaries),
            "before": _role(node.id in before),
            "healthy": node.health == "healthy"
            and (node.unhealthy_until is None or now >= node.unhealthy_until),
        }
        for node in cluster.nodes
    ]
    return {
        "id": cluster.id,
        "resource": cluster.id,
        "database": DATABASES.get(cluster.id, cluster.id),
        "shard": "",
        "busy": cluster.transition,
        "moved": bool(cluster.primaries_before),
        "nodes": nodes,
    }


def _job(cloud: SimulatedQingCloud, job: SimJob) -> Json:
    working = cloud.clock() - job.created >= timedelta(seconds=cloud.timings.working)
    node = job.cluster.node(job.node)
    return {
        "id": job.id,
        "at": _millis(job.created),
        "target": DATABASES.get(job.cluster.id, job.cluster.id),
        "node": node.name if node else job.node,
        "status": job.outcome.word if job.over else "working" if working else "pending",
        "over": job.over,
    }


def _qingcloud_call(call: Any) -> Json:
    submission = call.action == SUBMIT
    about = call.params.get("cluster", "")
    if submission:
        about = str(json.loads(call.params.get("service_params") or "{}").get("node_id", ""))
    return {"action": call.action, "method": "GET", "about": about, "submission": submission}


# --- Huawei Cloud DDS ----------------------------------------------------------------------------------


def _huawei(cloud: SimulatedHuaweiDds) -> Json:
    targets = [
        _group(instance, group)
        for instance in cloud.instances.values()
        for group in instance.groups
        if group.type in SWITCHED
    ]
    started = sorted([*cloud.jobs, *cloud.promotions], key=lambda job: job.created)[-MOST_JOBS:]
    jobs = [
        {
            "id": job.id,
            "at": _millis(job.created),
            "target": DATABASES.get(job.instance.id, job.instance.name),
            "node": next((node.name for node in job.group.nodes if node.id == job.node), job.node),
            "status": job_status(job),
            "over": job.over,
        }
        for job in started
    ]
    return {"targets": targets, "jobs": jobs}


def _group(instance: SimInstance, group: SimGroup) -> Json:
    before = group.primaries_before or group.primaries
    nodes = [
        {
            "id": node.id,
            "name": node.name,
            "address": node.ip or "",
            "now": _role(node.role == "Primary"),
            "before": _role(node.id in before),
            "healthy": node.status == "normal",
        }
        for node in group.nodes
    ]
    return {
        "id": f"{instance.id}/{group.name or ''}",
        "resource": instance.id,
        "database": DATABASES.get(instance.id, instance.name),
        "shard": group.name or "",
        "busy": ", ".join(instance.in_progress),
        "moved": bool(group.primaries_before),
        "nodes": nodes,
    }


def _huawei_call(call: Any) -> Json:
    submission = call.operation in SUBMISSIONS
    method = "POST" if submission or call.body is not None else "GET"
    about = call.path.rpartition("/instances/")[2][:60] if submission else ""
    return {
        "action": call.operation or call.path,
        "method": method,
        "about": about,
        "submission": submission,
    }


def _role(primary: bool) -> str:
    return "primary" if primary else "replica"
