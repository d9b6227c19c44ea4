"""Huawei Cloud DDS passes the suite of every provider: a replica set, a shard of a cluster, a named node."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from bot.ports import ProviderType
from bot.sandbox.faults import Fault
from providers.huawei_dds import HUAWEI_DDS
from tests.providers.conformance import HANG, PATIENCE, ProviderSuite, Reading, Way
from tests.providers.huawei_dds import HuaweiHarness


def _numbers(text: str) -> Sequence[str]:
    return text.split()


# 403 for "busy", 400 for "system busy": the code decides, whatever the status says.
BUSY = {
    403: ("200011", "200018", "200019", "200076", "201000", "201014", "201015", "00010009"),
    400: ("200047", "201202", "212003", "200019"),
}
REFUSED = {
    400: _numbers(
        "200001 200004 200010 200075 200095 200451 201006 201501 201502 216026 280001 280015 280016 280110 "
        "280327 280342 280343 280404 280407 280408 280414 280439 280440 290000"
    ),
    401: ("280056", "280064"),
    403: ("200604", "201028", "216030", "280019", "280032", "280063", "280433"),
    404: ("200002", "200013"),
}
GATEWAY = {
    400: ("0201",),
    401: ("0301", "0303", "0305", "0307"),
    403: ("0302", "0306", "0310", "0802"),
    404: ("0101",),
}
SHAPES: Mapping[str, Callable[[str], Any]] = {
    "DDS": lambda code: {"error_code": code, "error_msg": "no"},
    "its siblings": lambda code: {"errCode": code, "externalMessage": "no"},
    "camel case": lambda code: {"errorCode": code, "errorMsg": "no"},
    "nested": lambda code: {"error": {"code": code, "message": "no", "title": "No"}},
    "bare": lambda code: {"code": code, "message": "no"},
}


@pytest.fixture
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[HuaweiHarness]:
    made: HuaweiHarness = request.cls.made()
    async with made.front.open():
        yield made
        await made.close()


def _way(name: str, fault: Fault, *, call_timeout: timedelta = PATIENCE) -> Way:
    return Way(name, lambda harness: harness.spoil_submission(fault), fault.accepted, call_timeout)


def _errors(prefix: str, codes: Mapping[int, Sequence[str]]) -> list[Way]:
    return [
        _way(f"{status} {prefix}{number}", Fault.error(status, f"{prefix}{number}"))
        for status, numbers in codes.items()
        for number in numbers
    ]


def _in_shape(name: str, status: int, code: str) -> Way:
    body = json.dumps(SHAPES[name](code)).encode()
    return _way(f"{code} as {name}", Fault.body(body, status=status))


def _both(name: str, make: Any, *, call_timeout: timedelta = PATIENCE) -> list[Way]:
    """The fault before the request is carried out, and after it."""
    return [
        _way(f"{name}, not carried out", make(accepted=False), call_timeout=call_timeout),
        _way(f"{name}, carried out", make(accepted=True), call_timeout=call_timeout),
    ]


def _in_action(harness: HuaweiHarness) -> None:
    harness.instance.actions.append("BACKUP")


def _status(status: str) -> Callable[[HuaweiHarness], None]:
    def arrange(harness: HuaweiHarness) -> None:
        harness.instance.status = status

    return arrange


def _roles(*roles: str) -> Callable[[HuaweiHarness], None]:
    def arrange(harness: HuaweiHarness) -> None:
        for node, role in zip(harness.members, roles, strict=False):
            node.role = role

    return arrange


NO_JOB: Sequence[Way] = [
    _way("no job_id", Fault.without("job_id")),
    _way("job_id null", Fault.body(b'{"job_id":null}', accepted=True, status=202)),
    _way("job_id a number", Fault.body(b'{"job_id":17}', accepted=True, status=202)),
    _way("an error in a 202", Fault.body(b'{"error_code":"DBS.200019","error_msg":"x"}', status=202)),
]
WAYS: Mapping[str, Sequence[Way]] = {
    "busy, or the stamp is refused": [
        *_errors("DBS.", BUSY),
        *(_in_shape(name, 403, "DBS.200019") for name in SHAPES),
        Way("an action is under way", _in_action),
        Way("the instance is frozen", _status("frozen")),
    ],
    "HTTP 429": [
        _way("with Retry-After", Fault.http(429, retry_after="7")),
        _way("bare", Fault.http(429)),
        _way("DBS.280443", Fault.error(429, "DBS.280443")),
        _way(
            "APIGW.0308", Fault.error(429, "APIGW.0308", "policy user over ratelimit,limit:60,time:1 minute")
        ),
        _way("APIG.0308", Fault.error(429, "APIG.0308")),
        _way("the code with another status", Fault.error(403, "DBS.280443")),
    ],
    "documented refusal": [
        *_errors("DBS.", REFUSED),
        *_errors("APIGW.", GATEWAY),
        *_errors("APIG.", {404: ("0101",)}),
        *(_in_shape(name, 400, "DBS.200001") for name in SHAPES),
        _way(
            "IAM, code a number", Fault.body(b'{"error":{"code":403,"message":"x","title":"y"}}', status=403)
        ),
        _way("IAM.0011", Fault.body(b'{"error_msg":"x","error_code":"IAM.0011"}', status=401)),
        _way(
            "not authorised, with a message to decode",
            Fault.body(b'{"error_code":"DBS.280063","encoded_authorization_message":"abc"}', status=403),
        ),
    ],
    "2xx with job_id": [
        Way("202", lambda _: None, accepted=True),
        _way("200", Fault.body(b'{"job_id":"3711e2ad-5787-49bc-a47f-3f0b066af9f5"}', accepted=True)),
    ],
    "2xx without job_id": NO_JOB,
    "unreadable body": [
        *_both("HTML", lambda accepted: Fault.body(b"<html>sorry</html>", accepted=accepted, status=202)),
        *_both("half", lambda accepted: Fault.body(b'{"job_i', accepted=accepted, status=202)),
        _way("a list", Fault.body(b"[0]", status=202)),
        _way("a 400 that is not UTF-8", Fault.body(b'{"error_code":"DBS.200001","x":"\xff"}', status=400)),
        _way("too deep", Fault.body(b"[" * 60_000, status=202)),
        _way("too large", Fault.body(b" " * 1_100_000 + b'{"error_code":"DBS.200001"}', status=400)),
    ],
    "timeout after the first byte left": _both("hang", Fault.hang, call_timeout=HANG),
    "reset after the first byte left": _both("drop", Fault.drop),
    "codes that decide nothing": [
        *_both("200998", lambda accepted: Fault.error(400, "DBS.200998", accepted=accepted)),
        *_both("280005", lambda accepted: Fault.error(500, "DBS.280005", accepted=accepted)),
        *_both("201509", lambda accepted: Fault.error(500, "DBS.201509", accepted=accepted)),
    ],
    "every 5xx": [
        *_both("500", lambda accepted: Fault.http(500, accepted=accepted)),
        *_both("503", lambda accepted: Fault.http(503, accepted=accepted, retry_after="1")),
        *_both("504", lambda accepted: Fault.error(504, "APIGW.0201", accepted=accepted)),
        _way("502 with a refusal", Fault.error(502, "DBS.200001")),
        _way("503 with busy", Fault.error(503, "DBS.200019")),
    ],
    "anything not in the table": [
        _way("an unknown code", Fault.error(400, "DBS.999999")),
        _way("an unknown code of the gateway", Fault.error(403, "APIGW.9999")),
        _way("302", Fault.http(302)),
        _way("403 page", Fault.http(403)),
        _way("404 page", Fault.http(404)),
        _way("401 without a code", Fault.body(b"{}", status=401)),
        _way("a code that is no text", Fault.body(b'{"error_code":true}', status=400)),
    ],
}
READINGS: Sequence[Reading] = [
    Reading("two primaries", _roles("Primary", "Primary")),
    Reading("no primary", _roles("Secondary")),
    Reading("a role nobody knows", _roles("Leader")),
    Reading("no role at all", _roles("")),
    Reading("written in capitals", _roles("PRIMARY"), primary=True),
    Reading("in action", _in_action, primary=True),
    Reading("frozen", _status("frozen"), primary=True),
]


class TestReplicaSet(ProviderSuite):
    """No candidate: DDS chooses, and gives a job."""

    made = HuaweiHarness.of_replica_set
    provider_type: ClassVar[ProviderType] = HUAWEI_DDS
    ways: ClassVar[Mapping[str, Sequence[Way]]] = {
        **WAYS,
        "unreadable body": [
            *WAYS["unreadable body"],
            *_both("empty", lambda accepted: Fault.body(b"", accepted=accepted, status=202)),
        ],
    }
    readings: ClassVar[Sequence[Reading]] = READINGS


class TestShard(TestReplicaSet):
    """A shard of a cluster, by its group's id in the body."""

    made = HuaweiHarness.of_shard
    finds_job: ClassVar[bool] = False  # a job does not say of which shard it is
    readings: ClassVar[Sequence[Reading]] = [
        *READINGS,
        Reading("its group is abnormal", lambda harness: harness.break_group("abnormal"), primary=True),
    ]


class TestNamedNode(ProviderSuite):
    """A forced promotion: it documents neither body nor job, so an empty 2xx is all there is."""

    made = HuaweiHarness.of_named_node
    gives_job: ClassVar[bool] = False
    finds_job: ClassVar[bool] = False
    leaves_job: ClassVar[bool] = False
    provider_type: ClassVar[ProviderType] = HUAWEI_DDS
    ways: ClassVar[Mapping[str, Sequence[Way]]] = {
        **WAYS,
        "2xx with job_id": [
            Way("202 without a body, as documented", lambda _: None, accepted=True),
            _way("200 without a body", Fault.body(b"", accepted=True)),
            _way("an empty object", Fault.body(b"{}", accepted=True, status=202)),
        ],
        "2xx without job_id": NO_JOB[1:],
    }
    readings: ClassVar[Sequence[Reading]] = READINGS
