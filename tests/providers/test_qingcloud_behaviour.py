"""What is QingCloud's own: display tabs, clocks that differ, the search for a lost job, long lists."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from starlette.responses import Response

from bot.core.model import Call, Evidence, JobId, JobState, NodeId, Plan, Reason, Role, unnested
from bot.errors import (
    BudgetSpent,
    Misconfigured,
    OutcomeUnknown,
    ProviderError,
    Refused,
    Throttled,
    Unavailable,
)
from bot.ports import Intent
from bot.sandbox.faults import Answer, Fault, in_json
from bot.sandbox.qingcloud import SUBMIT, SimJob, SimNode, Tab
from bot.sandbox.switchovers import Ending
from providers.http import Priority
from providers.qingcloud import QINGCLOUD, QingCloudAccount, QingCloudDatabase
from providers.qingcloud.topology import role_named, tab_names, table, told
from tests.providers.qingcloud import TABS, QingCloudHarness


@pytest.fixture
async def harness() -> AsyncIterator[QingCloudHarness]:
    made = QingCloudHarness()
    async with made.front.open():
        yield made
        await made.close()


def plan_of(harness: QingCloudHarness, candidate: NodeId | None = None) -> Plan:
    chosen = candidate or harness.candidate
    return Plan("orders", None, chosen, harness.primary, (), Call("as asked"))


def now_intent(harness: QingCloudHarness) -> Intent:
    return Intent(harness.clock.now(), harness.clock.monotonic() + 5)


async def roles(harness: QingCloudHarness) -> dict[str, Role]:
    topology = await harness.provider().observe(harness.target)
    return {node.id.removeprefix("cln-ouhutv70"): node.role for node in topology.nodes}


# Display tabs


@pytest.mark.parametrize(
    "word",
    [
        "Master",
        "MASTER",
        "primary",
        "Leader",
        "主",
        "主节点",
        "主实例",
        " master ",
        "主节点\uff08Master\uff09",
    ],
)
def test_words_for_primary(word: str) -> None:
    assert role_named(word) is Role.PRIMARY


@pytest.mark.parametrize(
    "word", ["Slave", "Standby", "replica", "Secondary", "follower", "从", "备", "从节点"]
)
def test_words_for_replica(word: str) -> None:
    assert role_named(word) is Role.REPLICA


@pytest.mark.parametrize(
    "word", ["", "-", "not master", "master/slave", "mastered", "slave of cln-1", "主从", "active", "yes"]
)
def test_words_that_name_no_role(word: str) -> None:
    assert role_named(word) is None


NODES = [
    {"node_id": f"cln-{n}", "private_ip": f"10.0.0.{n}", "role": "maininstance", "status": "active"}
    for n in (1, 2, 3)
]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([["cln-1", "Master"], ["cln-2", "Slave"], ["cln-3", "Slave"]], "PRR"),
        ([["10.0.0.1", "主"], ["10.0.0.2:3306", "从"], ["10.0.0.3", "从"]], "PRR"),
        ([["CLN-1", "x", "primary"], ["cln-2", "standby"]], "PR?"),
        ([["cln-1", "Master"], ["cln-2", "Master"], ["cln-3", "Slave"]], "??R"),
        ([["cln-1", "Master"], ["cln-1", "Slave"], ["cln-2", "Slave"]], "?R?"),
        ([["cln-1", "Master"], ["cln-2", "Master"], ["cln-2", "Slave"]], "???"),
        ([["cln-1", "Master"], ["cln-9", "Master"]], "???"),
        ([["cln-1", "cln-2", "Master"]], "???"),
        ([["cln-1", "Master", "Slave"], ["cln-2", "Slave"]], "?R?"),
        ([["cln-1", "Slave"], ["cln-2", "Slave"], ["cln-3", "Slave"]], "RRR"),
        ([["Master"], [], ["cln-1"]], "???"),
        ([], "???"),
    ],
)
def test_roles_are_certain_or_unknown(cells: list[list[str]], expected: str) -> None:
    letters = {Role.PRIMARY: "P", Role.REPLICA: "R", Role.UNKNOWN: "?"}
    found = told(cells, NODES, "maininstance")
    assert "".join(letters[found.roles[f"cln-{n}"]] for n in (1, 2, 3)) == expected


@pytest.mark.parametrize(
    ("tab", "cells"),
    [
        ({"data": [["a", 1]]}, [["a", "1"]]),
        ({"t": {"labels": ["x"], "data": [["a"]]}}, [["a"]]),
        ('{"t": {"data": [["a"]]}}', [["a"]]),
        ({"t": '{"data": [["a"]]}'}, [["a"]]),
        ({"t": {"t": {"data": [["a"]]}}}, []),
        ({"other": {"data": [["a"]]}}, []),
        ({"t": [["a"]], "data": [["b"]]}, [["b"]]),
        ('{"data": [["a "]]}', [["a"]]),
        ({"data": [None, "x", ["a"]]}, [["a"]]),
        ("not JSON", []),
        ("[" * 100_000, []),
        ([["a"]], []),
        ({}, []),
        (None, []),
    ],
)
def test_tables_are_read_from_whatever_holds_them(tab: object, cells: list[list[str]]) -> None:
    assert table({"display_tabs": tab}, "t") == cells


@pytest.mark.parametrize(
    ("tabs", "names"),
    [
        ({"b": {}, "a": None}, ["a", "b"]),
        (["b", "a", "b", 1, None, ""], ["a", "b"]),
        ('{"b": {}, "a": {}}', ["a", "b"]),
        ('["b", "a"]', ["a", "b"]),
        ({name: {} for name in "abcdefg"}, ["a", "b", "c", "d", "e"]),
        ("a", []),
        ("[" * 100_000, []),
        (None, []),
        (7, []),
    ],
)
def test_tabs_are_found_in_whatever_holds_them(tabs: object, names: list[str]) -> None:
    assert tab_names({"display_tabs": tabs}) == names


async def test_the_tab_that_names_roles_is_found_and_remembered(harness: QingCloudHarness) -> None:
    harness.cluster.other_tabs = ("a_metrics", "z_metrics")
    provider = harness.provider()
    for _ in range(2):
        assert (await provider.observe(harness.target)).primary is not None
    tabs = [call.params["display_tabs"] for call in harness.cloud.calls if call.action == TABS]
    assert set(tabs[:-1]) - {"z_metrics"} == {"a_metrics", "node_details"}
    assert len(tabs[:-1]) <= 3
    assert tabs[-1] == "node_details"


@pytest.mark.parametrize("hanging", ["a_metrics", "z_metrics"])
async def test_a_tab_that_hangs_does_not_hide_the_one_that_names_roles(
    harness: QingCloudHarness, hanging: str
) -> None:
    harness.cluster.other_tabs = (hanging,)
    answering = harness.cloud

    async def front(scope: Any, receive: Any, send: Any) -> None:
        if f"display_tabs={hanging}".encode() in scope["query_string"]:
            await receive()
            await receive()
        else:
            await answering(scope, receive, send)

    harness.front.app = front
    topology = await harness.provider(call_timeout=timedelta(seconds=1)).observe(harness.target)
    assert topology.primary is not None


async def test_a_remembered_tab_stays_remembered_while_it_cannot_be_read(harness: QingCloudHarness) -> None:
    harness.cluster.other_tabs = ("a_metrics",)
    provider = harness.provider()
    await provider.observe(harness.target)
    harness.cloud.faults.set(TABS, Fault.code(5000), times=None)
    with pytest.raises(Unavailable):
        await provider.observe(harness.target)
    harness.cloud.faults.clear()
    harness.cloud.calls.clear()
    assert (await provider.observe(harness.target)).primary is not None
    tabs = [call.params["display_tabs"] for call in harness.cloud.calls if call.action == TABS]
    assert tabs == ["node_details"]


async def test_a_remembered_tab_that_went_away_is_looked_for_again(harness: QingCloudHarness) -> None:
    provider = harness.provider()
    await provider.observe(harness.target)
    harness.cluster.tab = Tab(key="roles", primary="主节点", replica="从节点")
    topology = await provider.observe(harness.target)
    assert topology.primary is not None
    assert topology.primary.id == harness.primary


async def test_a_cluster_without_tabs_has_unknown_roles(harness: QingCloudHarness) -> None:
    harness.cluster.tab = Tab(key="")
    assert set((await roles(harness)).values()) == {Role.UNKNOWN}


UNREAD = {
    "it hangs": (Fault.hang(accepted=False), Unavailable),
    "5000": (Fault.code(5000), Unavailable),
    "5100": (Fault.code(5100), Unavailable),
    "503": (Fault.http(503), Unavailable),
    "a page": (Fault.body(b"<html>"), Unavailable),
    "429": (Fault.http(429, retry_after="120"), Throttled),
    "the quota": (Fault.code(2500), Throttled),
}


@pytest.mark.parametrize("tab", ["", "node_details"])
@pytest.mark.parametrize(("fault", "expected"), UNREAD.values(), ids=UNREAD)
async def test_a_tab_that_cannot_be_read_now_does_not_say_that_there_is_no_primary(
    harness: QingCloudHarness, tab: str, fault: Fault, expected: type[ProviderError]
) -> None:
    harness.cloud.faults.set(TABS, fault, times=None)
    provider = harness.provider(call_timeout=timedelta(seconds=1), display_tab=tab)
    with pytest.raises(expected):
        await provider.observe(harness.target)


async def test_the_budget_that_refuses_a_tab_is_told(harness: QingCloudHarness) -> None:
    provider = harness.provider(calls_per_hour=10)  # eight for a look at Home; a look takes three
    for _ in range(2):
        await provider.observe(harness.target)
    with pytest.raises(Throttled):
        await provider.observe(harness.target)


@pytest.mark.parametrize(("tab", "takes"), [("node_details", 3), ("", 7)])
async def test_a_reading_that_the_budget_would_not_let_end_is_not_begun(
    harness: QingCloudHarness, tab: str, takes: int
) -> None:
    """Cluster, nodes and tab; where it is not known which tab names roles, any of five may."""
    provider = harness.provider(calls_per_hour=100, display_tab=tab)
    for _ in range(81 - takes):
        provider.budget.take(Priority.ORDINARY)
    with pytest.raises(BudgetSpent):
        await provider.observe(harness.target)
    assert len(provider.budget.taken) == 81 - takes
    harness.clock.advance(3600)
    assert (await provider.observe(harness.target)).primary is not None


async def test_a_remembered_tab_that_cannot_be_read_now_is_no_missing_primary(
    harness: QingCloudHarness,
) -> None:
    provider = harness.provider()
    await provider.observe(harness.target)
    harness.cloud.faults.set(TABS, Fault.code(5000), times=None)
    with pytest.raises(Unavailable):
        await provider.observe(harness.target)


@pytest.mark.parametrize("tab", ["", "node_details"])
@pytest.mark.parametrize("code", [1100, 1400, 2100])
async def test_a_refused_tab_does_not_hide_the_rest(harness: QingCloudHarness, tab: str, code: int) -> None:
    harness.cloud.faults.set(TABS, Fault.code(code), times=None)
    topology = await harness.provider(display_tab=tab).observe(harness.target)
    assert [node.role for node in topology.nodes] == [Role.UNKNOWN] * 3
    assert topology.idle


async def test_only_nodes_of_the_configured_role_are_members(harness: QingCloudHarness) -> None:
    harness.cluster.nodes.append(SimNode("cln-proxy", "192.168.9.9", role="proxy"))
    harness.cluster.nodes.append(SimNode("cln-gone", "192.168.9.8", status="ceased"))
    assert await roles(harness) == {"1": Role.PRIMARY, "2": Role.REPLICA, "3": Role.REPLICA}


@pytest.mark.parametrize("role", [{}, {"role": ""}, {"role": None}])
async def test_where_no_node_has_a_role_all_are_members(
    harness: QingCloudHarness, role: dict[str, Any]
) -> None:
    named = [{"node_id": node.id, "status": "active"} for node in harness.cluster.nodes]

    async def seen(rows: list[dict[str, Any]]) -> dict[str, Role]:
        body = json.dumps({"ret_code": 0, "node_set": rows, "total_count": len(rows)}).encode()
        harness.cloud.faults.set("DescribeClusterNodes", Fault.body(body))
        return await roles(harness)

    rows = [{**row, **role} for row in named]
    assert await seen(rows) == {"1": Role.PRIMARY, "2": Role.REPLICA, "3": Role.REPLICA}
    with pytest.raises(Refused):
        await seen([*rows, {"node_id": "cln-proxy", "status": "active", "role": "proxy"}])


async def test_states_are_told(harness: QingCloudHarness) -> None:
    harness.cluster.nodes[2].health = "unhealthy"
    harness.cluster.nodes[1].health = "?"
    harness.cluster.status = "suspended"
    topology = await harness.provider().observe(harness.target)
    assert [node.healthy for node in topology.nodes] == [True, None, False]
    assert unnested(topology.obstacle) == (Reason.of("obstacle-cluster", state="suspended"),)
    assert (topology.state, topology.idle) == ("suspended", True)
    harness.cluster.status, harness.cluster.transition = "active", "updating"
    topology = await harness.provider().observe(harness.target)
    assert unnested(topology.obstacle) == (Reason.of("obstacle-cluster", state="updating"),)
    assert topology.state == "active, updating"
    assert not topology.idle


async def test_more_nodes_than_a_page_are_read(harness: QingCloudHarness) -> None:
    harness.cluster.nodes += [SimNode(f"cln-x{n}", f"10.1.{n}.1") for n in range(230)]
    assert len((await harness.provider().observe(harness.target)).nodes) == 233


async def test_nulls_and_a_missing_cluster(harness: QingCloudHarness) -> None:
    harness.cloud.faults.set("DescribeClusters", Fault.body(b'{"ret_code":0,"cluster_set":null}'))
    with pytest.raises(Refused):
        await harness.provider().observe(harness.target)
    harness.cloud.faults.set("DescribeClusterNodes", Fault.body(b'{"ret_code":0,"node_set":null}'))
    with pytest.raises(Refused):
        await harness.provider().observe(harness.target)
    short = b'{"ret_code":0,"node_set":null,"total_count":3}'
    harness.cloud.faults.set("DescribeClusterNodes", Fault.body(short))
    with pytest.raises(Unavailable):
        await harness.provider().observe(harness.target)


@pytest.mark.parametrize(("code", "expected"), [(1200, Misconfigured), (2100, Refused), (5000, Unavailable)])
async def test_a_reading_that_fails_says_what_may_be_done(
    harness: QingCloudHarness, code: int, expected: type[ProviderError]
) -> None:
    message = "key QYACCESSKEYIDEXAMPLE with SECRETACCESSKEY"
    harness.cloud.faults.set("DescribeClusters", Fault.code(code, message), times=None)
    with pytest.raises(expected) as caught:
        await harness.provider().observe(harness.target)
    assert not any(secret in str(vars(caught.value)) for secret in harness.secrets)


# The call


async def test_a_submission_is_exactly_the_documented_call(harness: QingCloudHarness) -> None:
    intent = now_intent(harness)
    harness.clock.advance(3)
    await harness.provider().submit(plan_of(harness), intent)
    call = next(call for call in harness.cloud.calls if call.action == SUBMIT)
    assert call.params == {
        "action": "RunClusterCustomService",
        "cluster": "cl-ouhutv70",
        "role": "maininstance",
        "service": "assignmaster",
        "service_params": '{"node_id":"cln-ouhutv702"}',
        "zone": "sh1a",
        "time_stamp": "2026-03-01T12:00:00Z",
        "expires": "2026-03-01T12:00:30Z",
        "version": "1",
        "signature_method": "HmacSHA256",
        "signature_version": "1",
    }
    line = harness.front.heads[-1].split(b"\r\n")[0]
    assert b"service_params=%7B%22node_id%22%3A%22cln-ouhutv702%22%7D&" in line
    assert line.startswith(b"GET /iaas/?")


async def test_reads_are_sent_byte_for_byte_as_they_were_signed(harness: QingCloudHarness) -> None:
    await harness.provider().observe(harness.target)
    assert all(b"time_stamp=2026-03-01T12%3A00%3A00Z" in head for head in harness.front.heads)
    assert not any(b"x-switchover" in head.lower() for head in harness.front.heads)


def test_the_call_in_words() -> None:
    call = QingCloudHarness().provider().describe(QingCloudHarness.target, NodeId("cln-1"))
    assert call.summary == (
        "RunClusterCustomService assignmaster on cl-ouhutv70 (role maininstance, zone sh1a) "
        "with node_id cln-1"
    )


def test_a_submission_lives_as_long_as_either_rule_lets_it() -> None:
    valid_for = QingCloudHarness().provider().capabilities.submission_valid_for
    assert valid_for is not None
    assert valid_for >= timedelta(seconds=60)


# Clocks that differ


async def test_a_refused_stamp_is_corrected_once_on_reads(harness: QingCloudHarness) -> None:
    harness.cloud_is_ahead(timedelta(minutes=5))
    assert (await harness.provider().observe(harness.target)).primary is not None


async def test_a_stamp_refused_twice_is_the_configurations_fault(harness: QingCloudHarness) -> None:
    harness.cloud.faults.set("DescribeClusters", Fault.code(1300), times=None)
    with pytest.raises(Misconfigured):
        await harness.provider().observe(harness.target)
    assert sum(call.action == "DescribeClusters" for call in harness.cloud.calls) == 2


async def test_after_a_refused_submission_the_next_is_signed_right(harness: QingCloudHarness) -> None:
    harness.cloud_is_ahead(timedelta(minutes=5))
    provider = harness.provider()
    with pytest.raises(Throttled) as caught:
        await provider.submit(plan_of(harness), now_intent(harness))
    assert caught.value.retry_after == timedelta(0)
    intent = now_intent(harness)
    assert await provider.submit(plan_of(harness), intent)
    assert harness.cloud.calls[-1].params["time_stamp"] == "2026-03-01T12:05:00Z"
    assert (await provider.find_submission(plan_of(harness), intent.at)).job is not None


async def test_a_correction_ends_with_its_reason(harness: QingCloudHarness) -> None:
    harness.cloud_is_ahead(timedelta(minutes=5))
    provider = harness.provider()
    await provider.observe(harness.target)
    harness.clock.jump(timedelta(minutes=5))
    harness.cloud_is_ahead(timedelta(0))
    await provider.observe(harness.target)
    await provider.submit(plan_of(harness), now_intent(harness))
    assert harness.cloud.calls[-1].params["time_stamp"] == "2026-03-01T12:05:00Z"


# The search for a lost job


async def lost(harness: QingCloudHarness, provider: Any = None) -> tuple[Plan, datetime]:
    """A submission that was carried out and whose answer was lost."""
    harness.cloud.faults.set(SUBMIT, Fault.drop(accepted=True))
    intent = now_intent(harness)
    with pytest.raises(OutcomeUnknown):
        await (provider or harness.provider()).submit(plan_of(harness), intent)
    harness.clock.advance(3)
    return plan_of(harness), intent.at


async def look(harness: QingCloudHarness, plan: Plan, since: datetime) -> Evidence:
    return await harness.provider().find_submission(plan, since)


def foreign_job(harness: QingCloudHarness, **directive: str) -> SimJob:
    node = harness.cluster.nodes[1].id
    asked = {
        "cluster": harness.cluster.id,
        "role": "maininstance",
        "service": "assignmaster",
        "service_params": json.dumps({"node_id": node}),
    }
    return harness.cloud.start_job({**asked, **directive})


async def test_a_lost_job_is_found_after_a_restart(harness: QingCloudHarness) -> None:
    plan, since = await lost(harness)
    evidence = await look(harness, plan, since)
    assert evidence.searched
    assert evidence.job is not None
    assert evidence.job.id == harness.cloud.jobs[0].id
    assert evidence.job.state is JobState.DONE


async def test_it_is_found_with_a_clock_that_was_corrected(harness: QingCloudHarness) -> None:
    harness.cloud_is_ahead(timedelta(minutes=5))
    provider = harness.provider()
    await provider.observe(harness.target)
    plan, since = await lost(harness, provider)
    assert (await look(harness, plan, since)).job is not None


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("marked", [True, False])
async def test_it_is_found_with_a_clock_that_is_ahead(
    harness: QingCloudHarness, restarted: bool, marked: bool
) -> None:
    harness.cloud_is_ahead(-timedelta(minutes=4))  # only a stamp that is too old is refused
    provider = harness.provider()
    await provider.observe(harness.target)
    plan, since = await lost(harness, provider)
    if not marked:
        harness.cloud.jobs[0].directive = {
            name: value for name, value in harness.cloud.jobs[0].directive.items() if name in ASKED
        }
    if restarted:
        provider = harness.provider()
        await provider.observe(harness.target)
    evidence = await provider.find_submission(plan, since)
    assert evidence.job is not None
    assert evidence.job.id == harness.cloud.jobs[0].id


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_clock_that_was_set_right_after_it_was_sent_never_proves_absence(
    harness: QingCloudHarness, restarted: bool
) -> None:
    harness.cloud_is_ahead(-timedelta(minutes=4))
    provider = harness.provider()
    await provider.observe(harness.target)
    plan, since = await lost(harness, provider)
    harness.clock.jump(timedelta(minutes=-4))
    harness.cloud_is_ahead(timedelta(0))
    if restarted:
        provider = harness.provider()
    await provider.observe(harness.target)
    evidence = await provider.find_submission(plan, since)
    assert evidence.job is not None


@pytest.mark.parametrize("wrong", [timedelta(seconds=90), timedelta(minutes=20)])
async def test_our_own_request_under_another_time_decides_nothing(
    harness: QingCloudHarness, wrong: timedelta
) -> None:
    harness.cloud_is_ahead(wrong)
    provider = harness.provider()
    await provider.observe(harness.target)
    plan, since = await lost(harness, provider)
    assert (await provider.find_submission(plan, since)).job is not None
    harness.clock.jump(wrong)  # the clock was set right, and then the bot restarted
    harness.cloud_is_ahead(timedelta(0))
    evidence = await look(harness, plan, since)
    assert (evidence.job, evidence.searched) == (None, False)


@pytest.mark.parametrize(("after", "may_be_ours"), [(9, True), (14, False)])
async def test_what_was_signed_ahead_of_their_clock_may_arrive_as_much_later(
    harness: QingCloudHarness, after: int, may_be_ours: bool
) -> None:
    """Minutes after it was sent, a job of the same request that carries no mark of anybody's."""
    harness.cloud_is_ahead(timedelta(minutes=-10))
    provider = harness.provider()
    await provider.observe(harness.target)
    harness.cloud.faults.set(SUBMIT, Fault.drop(accepted=False))
    intent = now_intent(harness)
    with pytest.raises(OutcomeUnknown):
        await provider.submit(plan_of(harness), intent)
    harness.clock.advance(60 * after)
    foreign_job(harness)
    harness.clock.advance(30 * 60)
    evidence = await provider.find_submission(plan_of(harness), intent.at)
    assert (evidence.job is not None) is may_be_ours


@pytest.mark.parametrize("known", [True, False])
async def test_what_is_recorded_of_another_request_is_not_taken_for_it(
    harness: QingCloudHarness, known: bool
) -> None:
    """It asks for the same at the same time, and carries no mark of anybody's."""
    since = harness.clock.now()
    another = foreign_job(harness)
    harness.clock.advance(30 * 60)
    others = [JobId(another.id)] if known else []
    evidence = await harness.provider().find_submission(plan_of(harness), since, others=others)
    assert (evidence.job is None, evidence.searched) == (known, True)


async def test_this_process_knows_which_it_sent(harness: QingCloudHarness) -> None:
    provider = harness.provider()
    harness.cloud.faults.set(SUBMIT, Fault.drop(accepted=False))
    intent = now_intent(harness)
    with pytest.raises(OutcomeUnknown):
        await provider.submit(plan_of(harness), intent)
    harness.clock.advance(2)
    await lost(harness)  # the same, a little later, by another replica
    evidence = await provider.find_submission(plan_of(harness), intent.at)
    assert (evidence.job, evidence.searched) == (None, True)


@pytest.mark.parametrize("newest_first", [True, False])
async def test_it_is_found_among_many(harness: QingCloudHarness, newest_first: bool) -> None:
    harness.cloud.newest_first = newest_first
    for _ in range(250):
        foreign_job(harness)
        harness.clock.advance(60)
    harness.cluster.transition = ""
    harness.cloud.advance()
    plan, since = await lost(harness)
    before = len(harness.cloud.calls)
    assert (await look(harness, plan, since)).job is not None
    assert len(harness.cloud.calls) - before == (1 if newest_first else 3)


async def test_a_list_that_is_too_long_proves_nothing(harness: QingCloudHarness) -> None:
    harness.cloud.newest_first = False
    for _ in range(1001):
        foreign_job(harness, service="other")
    evidence = await look(harness, plan_of(harness), harness.clock.now())
    assert (evidence.job, evidence.searched) == (None, False)


UNNAMED_ROW = {"job_action": SUBMIT, "resource_ids": "cl-ouhutv70", "status": "working"}


@pytest.mark.parametrize(
    ("told", "searched"),
    [
        ({"job_set": None, "total_count": 0}, True),
        ({"job_set": []}, True),
        ({"job_set": [{**UNNAMED_ROW, "resource_ids": "cl-another"}], "total_count": 1}, True),
        ({}, False),
        ({"job_set": None}, False),
        ({"job_set": {}}, False),
        ({"job_set": ["x"]}, False),
        ({"job_set": [None], "total_count": 1}, False),
        ({"job_set": [], "total_count": 1}, False),
        ({"job_set": [UNNAMED_ROW], "total_count": 1}, False),
    ],
)
async def test_what_is_not_understood_of_a_list_is_not_taken_for_nothing(
    harness: QingCloudHarness, told: dict[str, Any], searched: bool
) -> None:
    plan, since = await lost(harness)
    harness.clock.advance(600)
    harness.cloud.faults.set("DescribeJobs", Fault.body(json.dumps({"ret_code": 0, **told}).encode()))
    evidence = await look(harness, plan, since)
    assert (evidence.job, evidence.searched) == (None, searched)


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("shift", ["a job goes", "ours moves", "ours moves, no total"])
async def test_pages_that_shift_while_they_are_read_prove_nothing(
    harness: QingCloudHarness, shift: str, newest_first: bool
) -> None:
    """Ours is the first of the second page until the first page is made, and on that one from then on."""
    harness.cloud.newest_first = newest_first
    jobs = harness.cloud.jobs
    for _ in range(150):
        foreign_job(harness, service="other")
    harness.cluster.transition = ""
    harness.clock.advance(60)
    harness.cloud.advance()
    plan, since = await lost(harness)
    harness.clock.advance(600)
    mine = jobs.pop()
    mine.created = jobs[0].created = jobs[-1].created  # so that their order is the list's
    jobs.insert(50 if newest_first else 100, mine)

    def shifting(answer: Answer) -> Response:
        first = jobs[-1 if newest_first else 0]
        jobs.remove(first if shift == "a job goes" else mine)
        if shift != "a job goes":
            jobs.insert(len(jobs) if newest_first else 0, mine)
        return page(answer)

    def page(answer: Answer) -> Response:
        kept = dict(answer.payload or {})
        if shift.endswith("no total"):
            del kept["total_count"]
        return in_json(replace(answer, payload=kept))

    harness.cloud.faults.set("DescribeJobs", Fault(shifting, accepted=True))
    harness.cloud.faults.set("DescribeJobs", Fault(page, accepted=True), times=None)
    evidence = await look(harness, plan, since)
    assert (evidence.job, evidence.searched) == (None, False)
    assert (await look(harness, plan, since)).job is not None


async def test_a_list_that_is_left_early_is_not_one_that_shrank(harness: QingCloudHarness) -> None:
    """It runs from new to old, past the time of ours; one of the newest goes, so that ours is on neither page."""
    jobs = harness.cloud.jobs
    for _ in range(50):
        foreign_job(harness, service="other")
    harness.cluster.transition = ""
    harness.clock.advance(7200)
    harness.cloud.advance()
    plan, since = await lost(harness)
    for _ in range(100):
        foreign_job(harness, service="other")
    harness.clock.advance(600)

    def shrinking(answer: Answer) -> Response:
        jobs.pop()
        return in_json(answer)

    harness.cloud.faults.set("DescribeJobs", Fault(shrinking, accepted=True))
    evidence = await look(harness, plan, since)
    assert (evidence.job, evidence.searched) == (None, False)
    assert (await look(harness, plan, since)).job is not None


async def test_nor_is_one_of_which_an_earlier_page_is_not_understood(harness: QingCloudHarness) -> None:
    """What can't be read of it may be ours, though the next page reaches back far enough."""
    jobs = harness.cloud.jobs
    for passed in (7200, 0):
        for _ in range(60):
            foreign_job(harness, service="other")
        harness.clock.advance(passed)
        harness.cluster.transition = ""
        harness.cloud.advance()
    plan, since = await lost(harness)
    mine = jobs[-1].id
    for _ in range(60):
        foreign_job(harness, service="other")
    harness.clock.advance(600)

    def garbled(answer: Answer) -> Response:
        kept = dict(answer.payload or {})
        kept["job_set"] = [row if row["job_id"] != mine else "?" for row in kept["job_set"]]
        return in_json(replace(answer, payload=kept))

    harness.cloud.faults.set("DescribeJobs", Fault(garbled, accepted=True))
    before = len(harness.cloud.calls)
    evidence = await look(harness, plan, since)
    assert (evidence.job, evidence.searched) == (None, False)
    assert len(harness.cloud.calls) - before == 2
    assert (await look(harness, plan, since)).job is not None


SOMEBODY_ELSES = {
    "another time stamp": {"time_stamp": "2026-03-01T12:00:01Z"},
    "another key": {"time_stamp": "2026-03-01T12:00:00Z", "access_key_id": "SOMEBODYELSE"},
    "another service": {"service": "restart_node"},
    "another node": {"service_params": '{"node_id":"cln-ouhutv703"}'},
    "another role": {"role": "readinstance"},
}


@pytest.mark.parametrize("directive", SOMEBODY_ELSES.values(), ids=SOMEBODY_ELSES)
async def test_somebody_elses_job_is_not_adopted(
    harness: QingCloudHarness, directive: dict[str, str]
) -> None:
    since = harness.clock.now()
    foreign_job(harness, **directive)
    evidence = await look(harness, plan_of(harness), since)
    assert (evidence.job, evidence.searched) == (None, True)


async def test_a_job_long_before_or_after_is_not_ours(harness: QingCloudHarness) -> None:
    foreign_job(harness)
    harness.clock.advance(400)
    since = harness.clock.now()
    harness.clock.advance(400)
    foreign_job(harness)
    evidence = await look(harness, plan_of(harness), since)
    assert (evidence.job, evidence.searched) == (None, True)


async def test_ours_is_told_from_another_for_the_same_node(harness: QingCloudHarness) -> None:
    foreign_job(harness, time_stamp="2026-03-01T11:59:58Z")
    harness.cluster.transition = ""
    plan, since = await lost(harness)
    evidence = await look(harness, plan, since)
    assert evidence.job is not None
    assert evidence.job.id == harness.cloud.jobs[1].id


async def test_an_unmarked_job_is_adopted_only_alone(harness: QingCloudHarness) -> None:
    since = harness.clock.now()
    foreign_job(harness)
    assert (await look(harness, plan_of(harness), since)).job is not None
    foreign_job(harness)
    evidence = await look(harness, plan_of(harness), since)
    assert (evidence.job, evidence.searched) == (None, False)


async def test_a_signature_that_does_not_fit_decides_nothing(harness: QingCloudHarness) -> None:
    since = harness.clock.now()
    foreign_job(harness, time_stamp="2026-03-01T12:00:00Z", signature="bm90IG91cnM=")
    evidence = await look(harness, plan_of(harness), since)
    assert (evidence.job, evidence.searched) == (None, False)


@pytest.mark.parametrize("directive", [None, "", "not JSON", "[]"])
async def test_a_hidden_directive_decides_nothing(harness: QingCloudHarness, directive: object) -> None:
    row = {
        "job_id": "j-1",
        "job_action": SUBMIT,
        "status": "working",
        "create_time": "2026-03-01T12:00:00Z",
        "resource_ids": "cl-ouhutv70",
        "directive": directive,
    }
    body = json.dumps({"ret_code": 0, "job_set": [row], "total_count": 1}).encode()
    harness.cloud.faults.set("DescribeJobs", Fault.body(body))
    evidence = await look(harness, plan_of(harness), harness.clock.now())
    assert (evidence.job, evidence.searched) == (None, False)


ASKED = {
    "cluster": "cl-ouhutv70",
    "role": "maininstance",
    "service": "assignmaster",
    "service_params": '{"node_id":"cln-ouhutv702"}',
}
UNNAMED = {name: value for name, value in ASKED.items() if name != "cluster"}
OURS, FOREIGN, UNDECIDED = ("j-1", True), (None, True), (None, False)
ROWS: dict[str, tuple[dict[str, Any], tuple[str | None, bool]]] = {
    "a list": ({"resource_ids": ["cl-ouhutv70"], "directive": UNNAMED}, OURS),
    "a list of another": ({"resource_ids": ["cl-x", 1], "directive": UNNAMED}, FOREIGN),
    "no resources": ({"directive": ASKED}, OURS),
    "null": ({"resource_ids": None, "directive": ASKED}, OURS),
    "an object": ({"resource_ids": {"cl-x": 1}, "directive": ASKED}, OURS),
    "nodes only": ({"resource_ids": "cln-ouhutv702", "directive": ASKED}, OURS),
    "no resources, another cluster": ({"directive": {**ASKED, "cluster": "cl-x"}}, FOREIGN),
    "another cluster, and nothing asked": ({"resource_ids": "cl-x"}, FOREIGN),
    "no cluster at all": ({"directive": UNNAMED}, UNDECIDED),
    "no cluster, another service": ({"directive": {**UNNAMED, "service": "restart_node"}}, FOREIGN),
    "no cluster, another node": (
        {"directive": {**UNNAMED, "service_params": '{"node_id":"cln-x"}'}},
        FOREIGN,
    ),
    "nothing at all": ({}, UNDECIDED),
    "no service": ({"directive": {**ASKED, "service": None}}, UNDECIDED),
    "no node": ({"directive": {**ASKED, "service_params": "…"}}, UNDECIDED),
}


@pytest.mark.parametrize(("row", "expected"), ROWS.values(), ids=ROWS)
async def test_a_job_is_foreign_only_for_what_it_says(
    harness: QingCloudHarness, row: dict[str, Any], expected: tuple[str | None, bool]
) -> None:
    said = {"job_id": "j-1", "job_action": SUBMIT, "status": "working", "create_time": "2026-03-01T12:00:00Z"}
    body = json.dumps({"ret_code": 0, "job_set": [{**said, **row}], "total_count": 1}).encode()
    harness.cloud.faults.set("DescribeJobs", Fault.body(body))
    evidence = await look(harness, plan_of(harness), harness.clock.now())
    assert (evidence.job and evidence.job.id, evidence.searched) == expected


async def test_a_late_list_is_not_yet_proof_and_then_shows_the_job(harness: QingCloudHarness) -> None:
    harness.cloud.job_list_lag = timedelta(seconds=60)
    plan, since = await lost(harness)
    assert (await look(harness, plan, since)).job is None
    harness.clock.advance(60)
    assert (await look(harness, plan, since)).job is not None


async def test_absence_is_not_proven_while_their_clock_lets_the_request_live(
    harness: QingCloudHarness,
) -> None:
    harness.cloud_is_ahead(-timedelta(minutes=3))
    since = harness.clock.now()
    harness.clock.advance(95)
    evidence = await look(harness, plan_of(harness), since)
    assert (evidence.job, evidence.searched) == (None, False)
    harness.clock.advance(300)
    assert (await look(harness, plan_of(harness), since)).searched


async def test_evidence_holds_nothing_of_a_directive(harness: QingCloudHarness) -> None:
    since = harness.clock.now()
    foreign_job(harness, password="hunter2")
    assert "hunter2" not in repr(await look(harness, plan_of(harness), since))


async def test_a_database_that_left_the_configuration_is_named_as_such(harness: QingCloudHarness) -> None:
    gone = replace(plan_of(harness), database="gone")
    with pytest.raises(Misconfigured):
        await harness.provider().find_submission(gone, harness.clock.now())


# Jobs


async def test_many_jobs_take_few_calls_and_a_forgotten_one_hides_none(harness: QingCloudHarness) -> None:
    made = [JobId(foreign_job(harness).id) for _ in range(150)]
    harness.clock.advance(30)
    provider = harness.provider()
    assert set(await provider.jobs(made)) == set(made)
    assert len(harness.cloud.calls) == 2
    found = await provider.jobs([*made[:99], JobId("j-forgotten")])
    assert set(found) == set(made[:99])


async def test_a_job_goes_its_way(harness: QingCloudHarness) -> None:
    provider = harness.provider()
    job = await provider.submit(plan_of(harness), now_intent(harness))
    assert job is not None
    words = []
    for _ in range(5):
        words.append((await provider.jobs([job]))[job].word)
        harness.clock.advance(0.6)
    assert words == ["pending", "working", "working", "working", "successful"]


async def test_a_job_that_fails_in_part_has_failed(harness: QingCloudHarness) -> None:
    harness.cloud.next_outcome(Ending.UNCHANGED, word="done with failure")
    provider = harness.provider()
    job = await provider.submit(plan_of(harness), now_intent(harness))
    assert job is not None
    harness.clock.advance(30)
    found = (await provider.jobs([job]))[job]
    assert (found.state, found.detail) == (JobState.FAILED, "5000")


# Settings and the budget


async def test_the_reserve_lets_a_switchover_end(harness: QingCloudHarness) -> None:
    provider = harness.provider(calls_per_hour=30)
    for _ in range(8):
        await provider.observe(harness.target)
    with pytest.raises(Throttled):
        await provider.observe(harness.target)
    job = await provider.submit(plan_of(harness), now_intent(harness))
    assert job is not None
    harness.clock.advance(30)
    assert (await provider.observe(harness.target)).primary is not None


async def test_a_polled_job_makes_its_cluster_followed_after_a_restart(harness: QingCloudHarness) -> None:
    job = JobId(foreign_job(harness).id)
    provider = harness.provider(calls_per_hour=30)
    for _ in range(8):
        await provider.observe(harness.target)
    with pytest.raises(Throttled):
        await provider.observe(harness.target)
    assert job in await provider.jobs([job])
    assert (await provider.observe(harness.target)).nodes


GOOD = {"zone": "SH1A", "access_key_id": "K", "secret_access_key": "S"}


def test_settings_have_their_defaults_and_hide_secrets() -> None:
    account = QingCloudAccount.model_validate({**GOOD, "secret_access_key": "hunter2"})
    assert (account.endpoint, account.path) == ("https://api.qingcloud.com/iaas/", "/iaas/")
    assert (account.zone, account.calls_per_hour) == ("sh1a", 2000)
    assert "hunter2" not in f"{account!r} {account} {account.model_dump()} {account.model_dump_json()}"
    database = QingCloudDatabase.model_validate({"cluster": "cl-1"})
    assert (database.role, database.display_tab) == ("maininstance", "")


@pytest.mark.parametrize(
    "changed",
    [
        {"endpoint": "ftp://api.qingcloud.com/"},
        {"endpoint": "api.qingcloud.com"},
        {"endpoint": "https://u:p@api.qingcloud.com/"},
        {"endpoint": "https://api.qingcloud.com/?a=b"},
        {"zone": ""},
        {"zone": 1},
        {"access_key_id": ""},
        {"secret_access_key": " "},
        {"calls_per_hour": 0},
        {"calls_per_hour": "2000"},
        {"region": "x"},
    ],
)
def test_bad_settings_are_refused_without_showing_them(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        QingCloudAccount.model_validate({**GOOD, "secret_access_key": "hunter2", **changed})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("endpoint", ["https://api.private.com:4433/iaas", "https://api.private.com:4433"])
def test_private_clouds_have_other_paths(endpoint: str) -> None:
    account = QingCloudAccount.model_validate({**GOOD, "endpoint": endpoint})
    assert account.path == ("/iaas" if endpoint.endswith("iaas") else "/")


async def test_another_path_is_sent_and_signed(harness: QingCloudHarness) -> None:
    harness.cloud.path = "/v2/api"
    account = QingCloudAccount(
        endpoint=f"http://127.0.0.1:{harness.front.port}/v2/api",
        zone="sh1a",
        access_key_id=SecretStr("QYACCESSKEYIDEXAMPLE"),
        secret_access_key=SecretStr("SECRETACCESSKEY"),
    )
    provider = replace(QINGCLOUD).build(
        account,
        {"orders": QingCloudDatabase(cluster="cl-ouhutv70", display_tab="node_details")},
        clock=harness.clock,
        call_timeout=timedelta(seconds=5),
        observer=lambda *_: None,
    )
    assert (await provider.observe(harness.target)).primary is not None
    await provider.close()
