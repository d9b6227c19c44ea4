"""What this cloud answers, in the documented shapes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.sandbox.huawei_dds.model import SimGroup, SimInstance, SimJob, SimNode

COMPLETED, FAILED, RUNNING = "Completed", "Failed", "Running"
JOB_TIME = "%Y-%m-%dT%H:%M:%S+0000"
INSTANCE_TIME = "%Y-%m-%dT%H:%M:%S"
SWITCH_PRIMARY = "SwitchPrimary"  # the name of every job here
DATASTORE = "DDS-Community"
VPC = "490a4a08-ef4b-44c5-94be-3051ef9e4fce"
SUBNET = "0e2eda62-1d42-4d64-a9d1-4e9aa9cd994f"


def page(key: str, rows: Sequence[Any], offset: int, limit: int) -> dict[str, Any]:
    """One page of rows, and how many there are in all."""
    return {key: list(rows[offset : offset + limit]), "total_count": len(rows)}


def instance_row(instance: SimInstance) -> dict[str, Any]:
    """An instance as the list of instances shows it."""
    created = instance.created.astimezone(UTC).strftime(INSTANCE_TIME)
    return {
        "id": instance.id,
        "name": instance.name,
        "remark": "",
        "status": instance.status,
        "port": "8635",
        "mode": instance.mode,
        "region": "ap-southeast-1",
        "datastore": {"type": DATASTORE, "version": "4.2", "patch_available": False},
        "engine": "wiredTiger",
        "created": created,
        "updated": created,
        "db_user_name": "rwuser",
        "ssl": 1,
        "vpc_id": VPC,
        "subnet_id": SUBNET,
        "security_group_id": "e6b6a7a3-8d2e-4a63-b7d1-6d3f1a1d4c60",
        "backup_strategy": {"start_time": "16:00-17:00", "keep_days": 7},
        "pay_mode": "0",
        "maintenance_window": "02:00-06:00",
        "groups": [_group_row(group) for group in instance.groups],
        "disk_encryption_id": "",
        "enterprise_project_id": "0",
        "time_zone": "",
        "dss_pool_id": "",
        "actions": instance.in_progress,
        "order_id": None,
        "tags": [],
    }


def _group_row(group: SimGroup) -> dict[str, Any]:
    own = {"id": group.id, "name": group.name, "status": group.status}
    row: dict[str, Any] = {"type": group.type}
    row |= {key: value for key, value in own.items() if value is not None}
    if group.type != "mongos":
        row["volume"] = {"size": "10", "used": "0.355"}
    return {**row, "nodes": [_node_row(node) for node in group.nodes]}


def _node_row(node: SimNode) -> dict[str, Any]:
    row = {"id": node.id, "name": node.name, "status": node.status, "role": node.role}
    if node.ip is not None:
        row |= {"private_ip": node.ip, "public_ip": ""}
    return {**row, "spec_code": "dds.mongodb.s6.large.4.repset", "availability_zone": "ap-southeast-1a"}


def job_row(job: SimJob, now: datetime, takes: float) -> dict[str, Any]:
    """A job as the call for one job shows it: with an end even while it runs, as documented."""
    ended = now if job_status(job) == RUNNING else job.created + timedelta(seconds=takes)
    return {
        "id": job.id,
        "name": SWITCH_PRIMARY,
        "status": job_status(job),
        "created": _stamp(job.created),
        "ended": _stamp(ended),
        "progress": _progress(job, now, takes),
        "instance": {"id": job.instance.id, "name": job.instance.name},
        "fail_reason": _fail_reason(job),
    }


def task_row(job: SimJob, now: datetime, takes: float) -> dict[str, Any]:
    """A job as the list of jobs shows it."""
    return {
        "id": job.id,
        "name": SWITCH_PRIMARY,
        "instance_id": job.instance.id,
        "instance_name": job.instance.name,
        "status": job_status(job),
        "progress": _progress(job, now, takes),
        "fail_reason": _fail_reason(job),
        "created_at": _stamp(job.created),
        "ended_at": "" if job_status(job) == RUNNING else _stamp(job.created + timedelta(seconds=takes)),
    }


def job_status(job: SimJob) -> str:
    """What the job says of itself."""
    return job.outcome.word if job.over else RUNNING


def _progress(job: SimJob, now: datetime, takes: float) -> str:
    if job_status(job) != RUNNING:
        return ""
    done = 99 if job.over else int(100 * (now - job.created) / timedelta(seconds=takes))
    return f"{done}%"


def _fail_reason(job: SimJob) -> str | None:
    return "The switchover failed." if job_status(job) == FAILED else None


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime(JOB_TIME)
