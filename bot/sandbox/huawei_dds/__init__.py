"""A simulated Huawei Cloud: the DDS instances of one project, their jobs, and the IAM that issues tokens."""

from __future__ import annotations

from bot.sandbox.huawei_dds.auth import EXAMPLE_ACCESS_KEY, EXAMPLE_SECRET_KEY, EXAMPLE_USER, IamUser
from bot.sandbox.huawei_dds.cloud import EXAMPLE_PROJECT, SimulatedHuaweiDds
from bot.sandbox.huawei_dds.model import (
    CREATE_TOKEN,
    LIST_INSTANCES,
    LIST_TASKS,
    PROMOTE,
    SHOW_JOB,
    SUBMISSIONS,
    SWITCHOVER,
    SeenCall,
    SimGroup,
    SimInstance,
    SimJob,
    SimNode,
)

__all__ = [
    "CREATE_TOKEN",
    "EXAMPLE_ACCESS_KEY",
    "EXAMPLE_PROJECT",
    "EXAMPLE_SECRET_KEY",
    "EXAMPLE_USER",
    "LIST_INSTANCES",
    "LIST_TASKS",
    "PROMOTE",
    "SHOW_JOB",
    "SUBMISSIONS",
    "SWITCHOVER",
    "IamUser",
    "SeenCall",
    "SimGroup",
    "SimInstance",
    "SimJob",
    "SimNode",
    "SimulatedHuaweiDds",
]
