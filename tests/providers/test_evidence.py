"""What a list of jobs proves where a job moved to the next page while the pages were read."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs

from bot.core.model import JobId
from providers.huawei_dds import jobs as dds
from providers.qingcloud import jobs as qingcloud
from tests.providers.clocks import START

DDS_ROW = dds.JobRow(
    id="job-1",
    name="SwitchPrimary",
    status="Running",
    created_at="2026-03-01T12:00:10+0000",
    instance_id="in-1",
)
DDS_SOUGHT = dds.Sought("in-1", START, START, START + timedelta(minutes=5), (), True)
QINGCLOUD_ROW = {
    "job_id": "j-1",
    "job_action": "RunClusterCustomService",
    "status": "working",
    "resource_ids": "cl-1",
    "create_time": "2026-03-01T12:00:01Z",
    "directive": json.dumps(
        {
            "time_stamp": "2026-03-01T12:00:00Z",
            "signature": "sig",
            "cluster": "cl-1",
            "role": "maininstance",
            "service": "assignmaster",
            "service_params": json.dumps({"node_id": "cln-1"}),
            "access_key_id": "key",
        }
    ),
}
QINGCLOUD_SOUGHT = qingcloud.Sought(
    "cl-1",
    "RunClusterCustomService",
    "assignmaster",
    "maininstance",
    "cln-1",
    START,
    START,
    True,
    False,
    timedelta(seconds=90),
    lambda _: "sig",
    lambda _: True,
    (),
)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_job_that_is_listed_again_is_one_job(times: int) -> None:
    found = dds.evidence([DDS_ROW] * times, DDS_SOUGHT, whole=True, still_valid=False)
    assert found.job is not None
    assert found.job.id == JobId("job-1")
    found = qingcloud.evidence([QINGCLOUD_ROW] * times, QINGCLOUD_SOUGHT, whole=True, still_valid=False)
    assert found.job is not None
    assert found.job.id == JobId("j-1")


def test_two_jobs_are_not() -> None:
    other = structs.replace(DDS_ROW, id="job-2")
    assert dds.evidence([DDS_ROW, other], DDS_SOUGHT, whole=True, still_valid=False).job is None
    rows = [QINGCLOUD_ROW, QINGCLOUD_ROW | {"job_id": "j-2"}]
    assert qingcloud.evidence(rows, QINGCLOUD_SOUGHT, whole=True, still_valid=False).job is None


def test_one_that_is_listed_otherwise_the_second_time_proves_nothing() -> None:
    earlier = structs.replace(DDS_ROW, created_at="2026-03-01T11:59:59+0000")
    doubtful = replace(DDS_SOUGHT, doubtful_since=START - timedelta(minutes=1))
    assert dds.evidence([DDS_ROW, earlier], doubtful, whole=True, still_valid=False).job is None
