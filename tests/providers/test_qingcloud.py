"""QingCloud passes the suite of every provider."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from bot.ports import ProviderType
from bot.sandbox.faults import Fault
from bot.sandbox.qingcloud import SUBMIT
from providers.qingcloud import QINGCLOUD
from tests.providers.conformance import HANG, PATIENCE, ProviderSuite, Reading, Way
from tests.providers.qingcloud import TABS, QingCloudHarness


@pytest.fixture
async def harness() -> AsyncIterator[QingCloudHarness]:
    made = QingCloudHarness()
    async with made.front.open():
        yield made
        await made.close()


def _way(name: str, fault: Fault, *, call_timeout: timedelta = PATIENCE) -> Way:
    return Way(name, lambda harness: harness.cloud.faults.set(SUBMIT, fault), fault.accepted, call_timeout)


def _codes(*codes: int) -> list[Way]:
    return [_way(str(code), Fault.code(code)) for code in codes]


def _both(name: str, make: Any, *, call_timeout: timedelta = PATIENCE) -> list[Way]:
    """The fault before the request is carried out, and after it."""
    return [
        _way(f"{name}, not carried out", make(accepted=False), call_timeout=call_timeout),
        _way(f"{name}, carried out", make(accepted=True), call_timeout=call_timeout),
    ]


def _in_transition(harness: QingCloudHarness) -> None:
    harness.cluster.transition = "updating"


def _two_primaries(harness: QingCloudHarness) -> None:
    harness.cluster.primaries = [node.id for node in harness.cluster.nodes[:2]]


def _no_primary(harness: QingCloudHarness) -> None:
    harness.cluster.primaries = []


def _tab_fails(fault: Fault) -> Any:
    return lambda harness: harness.cloud.faults.set(TABS, fault, times=None)


class TestQingCloud(ProviderSuite):
    """Every row, in every way this cloud knows."""

    provider_type: ClassVar[ProviderType] = QINGCLOUD
    ways: ClassVar[Mapping[str, Sequence[Way]]] = {
        "busy, or the stamp is refused": _codes(5300, 1300),
        "HTTP 429": [
            _way("with Retry-After", Fault.http(429, retry_after="7")),
            _way("bare", Fault.http(429)),
        ],
        "documented refusal": [
            *_codes(1100, 1101, 1200, 1400, 1500, 1662, 2000, 2100, 2110, 2200, 2300, 2400, 2500, 3300),
            *_codes(4000, 4005, 5200, 5400, 5500, 5600, 8000, 8004),
            Way("the cluster is in transition", _in_transition),
        ],
        "2xx with job_id": [
            Way("JSON", lambda _: None, accepted=True),
            _way("the printed dict of the vendor's page", Fault.printed()),
        ],
        "2xx without job_id": [
            _way("no job_id", Fault.without("job_id")),
            _way("job_id null", Fault.body(b'{"ret_code":0,"job_id":null}', accepted=True)),
            _way("of another cluster", Fault.body(b'{"ret_code":0,"job_id":"j-1","cluster_id":"cl-x"}')),
        ],
        "unreadable body": [
            *_both("HTML", lambda accepted: Fault.body(b"<html>sorry</html>", accepted=accepted)),
            *_both("empty", lambda accepted: Fault.body(b"", accepted=accepted)),
            *_both("half", lambda accepted: Fault.body(b'{"ret_code":0,"job_', accepted=accepted)),
            _way("a list", Fault.body(b"[0]")),
            _way("not UTF-8", Fault.body(b'{"ret_code":1400,"message":"\xff"}')),
            _way("too deep", Fault.body(b"[" * 60_000)),
            _way("too large", Fault.body(b" " * 1_100_000 + b'{"ret_code":1400}')),
        ],
        "timeout after the first byte left": _both("hang", Fault.hang, call_timeout=HANG),
        "reset after the first byte left": _both("drop", Fault.drop),
        "codes that decide nothing": [
            *_both("5000", lambda accepted: Fault.code(5000, accepted=accepted)),
            *_both("5100", lambda accepted: Fault.code(5100, accepted=accepted)),
        ],
        "every 5xx": [
            *_both("500", lambda accepted: Fault.http(500, accepted=accepted)),
            *_both("503", lambda accepted: Fault.http(503, accepted=accepted, retry_after="1")),
            *_both("504", lambda accepted: Fault.http(504, accepted=accepted)),
            _way("502 with a refusal", Fault.body(b'{"ret_code":1400}', status=502)),
        ],
        "anything not in the table": [
            *_codes(1, 999, 1663, 4006, 5101, 9999, -1),
            _way("302", Fault.http(302)),
            _way("403 page", Fault.http(403)),
            _way("404 page", Fault.http(404)),
            _way("a refusal with a job_id", Fault.body(b'{"ret_code":1400,"job_id":"j-1"}')),
            _way("ret_code true", Fault.body(b'{"ret_code":true}')),
        ],
    }
    readings: ClassVar[Sequence[Reading]] = [
        Reading("two primaries", _two_primaries),
        Reading("no primary", _no_primary),
        Reading("tab refuses", _tab_fails(Fault.code(1400))),
        Reading("tab without rows", _tab_fails(Fault.body(b'{"ret_code":0,"display_tabs":{"data":null}}'))),
        Reading("cluster in transition", _in_transition, primary=True),
    ]
