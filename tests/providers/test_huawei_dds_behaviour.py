"""What is particular about Huawei Cloud DDS: groups, jobs and their list, tokens and keys, throttling."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.responses import Response

from bot.core.model import (
    CandidateRule,
    JobId,
    JobState,
    NodeId,
    Plan,
    Reason,
    Role,
    Target,
    unnested,
)
from bot.core.policy import Policy
from bot.core.preflight import Outcome, preflight
from bot.errors import Misconfigured, NotSent, OutcomeUnknown, Refused, Throttled, Unavailable
from bot.sandbox.faults import Answer, Fault
from bot.sandbox.huawei_dds import (
    CREATE_TOKEN,
    LIST_INSTANCES,
    LIST_TASKS,
    PROMOTE,
    SHOW_JOB,
    SWITCHOVER,
)
from bot.sandbox.switchovers import Ending
from providers.huawei_dds import HuaweiDds
from tests.providers.conformance import intent, plan_for
from tests.providers.huawei_dds import CLUSTER, REPLICA_SET, HuaweiHarness

OTHER = "0123456789abcdef0123456789abcdefin02"


@pytest.fixture
async def replica_set() -> AsyncIterator[HuaweiHarness]:
    made = HuaweiHarness.of_replica_set()
    async with made.front.open():
        yield made
        await made.close()


@pytest.fixture
async def cluster() -> AsyncIterator[HuaweiHarness]:
    made = HuaweiHarness.of_shard()
    async with made.front.open():
        yield made
        await made.close()


async def switch(harness: HuaweiHarness, provider: HuaweiDds | None = None) -> JobId:
    provider = provider or harness.provider()
    job = await provider.submit(await plan_for(harness, provider), intent(harness.clock))
    assert job is not None
    return job


def promotion(plan: Plan, harness: HuaweiHarness, provider: HuaweiDds) -> Plan:
    node = NodeId(harness.members[1].id)
    call = provider.describe(plan.target, node)
    return Plan(plan.database, plan.shard, node, plan.primary, plan.members, call)


class TestWhatIsSent:
    """Bytes on the wire, as the documentation shows them and the official SDK sends them."""

    async def test_a_replica_set_is_switched_without_a_body(self, replica_set: HuaweiHarness) -> None:
        await switch(replica_set)
        head, body = replica_set.front.heads[-1].lower(), replica_set.front.bodies[-1]
        path = f"/v3/0549b4a43100d4f32f51c01c2fe4acdb/instances/{REPLICA_SET}/switchover"
        assert head.startswith(f"post {path} http/1.1\r\n".encode())
        assert b"\r\ncontent-length: 0\r\n" in head
        assert b"\r\ncontent-type: application/json\r\n" in head
        assert body == b""

    async def test_a_shard_is_named_by_its_group(self, cluster: HuaweiHarness) -> None:
        await switch(cluster)
        assert cluster.front.bodies[-1] == b'{"group_id": "%s"}' % str(cluster.group.id).encode()

    async def test_a_named_node_is_promoted_without_a_body(self, replica_set: HuaweiHarness) -> None:
        provider = replica_set.provider()
        plan = promotion(await plan_for(replica_set, provider), replica_set, provider)
        assert await provider.submit(plan, intent(replica_set.clock)) is None
        path = f"/instances/{REPLICA_SET}/nodes/{plan.candidate}/primary".encode()
        assert path in replica_set.front.heads[-1]
        assert replica_set.front.bodies[-1] == b""

    async def test_a_node_of_somewhere_else_is_refused_unsent(self, replica_set: HuaweiHarness) -> None:
        provider = replica_set.provider()
        plan = await plan_for(replica_set, provider)
        strange = Plan(plan.database, None, NodeId("no-such"), plan.primary, plan.members, plan.call)
        with pytest.raises(Refused, match="not a member"):
            await provider.submit(strange, intent(replica_set.clock))
        assert not replica_set.cloud.submissions_seen

    async def test_the_plan_says_what_a_promotion_is(self, replica_set: HuaweiHarness) -> None:
        provider = replica_set.provider()
        named = provider.describe(replica_set.target, NodeId("n2"))
        assert named.warning == "forced_promotion"
        assert "nodes/n2/primary" in named.summary
        assert provider.describe(replica_set.target, None).warning == ""

    async def test_a_shard_is_part_of_what_is_approved(self, cluster: HuaweiHarness) -> None:
        provider = cluster.provider()
        first, second = (provider.describe(Target("sessions", shard), None).summary for shard in ("a", "b"))
        assert first != second


class TestGroups:
    """What can be switched, and why the rest can't."""

    async def test_every_group_with_a_primary_is_surveyed(self, cluster: HuaweiHarness) -> None:
        surveyed = await cluster.provider().survey("sessions")
        assert [reading.shard_name for reading in surveyed] == ["shard_1", "shard_2", "config"]
        assert all(reading.primary is not None for reading in surveyed)

    @pytest.mark.parametrize("change", [str, str.upper, str.lower], ids=["as is", "upper", "lower"])
    async def test_a_shard_is_found_by_name_and_by_id(self, cluster: HuaweiHarness, change: Any) -> None:
        provider = cluster.provider()
        for text in (cluster.group.name, cluster.group.id):
            reading = await provider.observe(Target("sessions", change(text)))
            assert reading.shard == cluster.group.id
            assert reading.shard_name == "shard_1"

    @pytest.mark.parametrize(
        ("shard", "why"),
        [
            (None, r"sharded cluster: say which shard; it has shard_1 \("),
            (
                "shard_9",
                r"no shard shard_9; it has shard_1 \(",
            ),  # of those that are equally near none is meant
            ("shards_2", r"no shard shards_2; did you mean shard_2\? it has shard_1 \("),
            ("mongos", "a mongos group, which has no primary"),
        ],
    )
    async def test_what_is_no_shard_is_refused(
        self, cluster: HuaweiHarness, shard: str | None, why: str
    ) -> None:
        with pytest.raises(Refused, match=why):
            await cluster.provider().observe(Target("sessions", shard))

    async def test_a_mongos_node_is_no_shard(self, cluster: HuaweiHarness) -> None:
        mongos = next(group for group in cluster.instance.groups if group.type == "mongos")
        with pytest.raises(Refused, match="mongos group"):
            await cluster.provider().observe(Target("sessions", mongos.nodes[0].id))

    async def test_two_shards_of_one_name_must_be_told_apart(self, cluster: HuaweiHarness) -> None:
        for group in cluster.instance.groups:
            group.name = group.name and "twin"
        with pytest.raises(Refused, match="several shards are called twin"):
            await cluster.provider().observe(Target("sessions", "twin"))
        assert (await cluster.provider().observe(cluster.target)).shard == cluster.group.id

    async def test_a_replica_set_has_no_shards(self, replica_set: HuaweiHarness) -> None:
        with pytest.raises(Refused, match="leave out the shard"):
            await replica_set.provider().observe(Target("sessions", "shard_1"))

    async def test_two_primaries_are_shown_and_neither_is_the_one(self, replica_set: HuaweiHarness) -> None:
        replica_set.members[1].role = "Primary"
        provider = replica_set.provider()
        reading = await provider.observe(replica_set.target)
        assert [node.role for node in reading.nodes].count(Role.PRIMARY) == 2
        assert reading.primary is None
        # It says itself that it is one: whatever else a policy allows, it is no candidate.
        verdict = preflight(
            reading,
            replica_set.members[1].id,
            capabilities=provider.capabilities,
            policy=Policy("p", ("*",), allow_unknown_primary=True),
        )
        assert verdict.outcome is Outcome.REFUSED

    async def test_a_single_node_can_be_switched_to_nothing(self, replica_set: HuaweiHarness) -> None:
        del replica_set.cloud.instances[REPLICA_SET]
        replica_set.cloud.add_single(REPLICA_SET)
        with pytest.raises(Refused, match="a single node"):
            await replica_set.provider().observe(replica_set.target)

    async def test_an_unknown_mode_is_refused(self, replica_set: HuaweiHarness) -> None:
        replica_set.instance.mode = "Quantum"
        with pytest.raises(Refused, match="unknown mode Quantum"):
            await replica_set.provider().observe(replica_set.target)

    @pytest.mark.parametrize("role", ["Hidden", "unknown", "", "master", "Arbiter"])
    async def test_no_such_node_becomes_primary(self, replica_set: HuaweiHarness, role: str) -> None:
        node = replica_set.members[2]
        node.role = role
        provider = replica_set.provider()
        reading = await provider.observe(replica_set.target)
        verdict = preflight(reading, node.id, capabilities=provider.capabilities, policy=Policy("p", ("*",)))
        assert verdict.outcome is Outcome.REFUSED

    async def test_read_only_nodes_are_shown_and_never_switched_to(self, replica_set: HuaweiHarness) -> None:
        del replica_set.cloud.instances[REPLICA_SET]
        instance = replica_set.cloud.add_replica_set(REPLICA_SET, hidden=1, readonly=2)
        reader = next(group for group in instance.groups if group.type == "readonly").nodes[0]
        reader.role = "Secondary"  # what such a node really calls itself is not documented
        provider = replica_set.provider()
        reading = await provider.observe(replica_set.target)
        roles = [node.role for node in reading.nodes]
        assert (roles.count(Role.READ_ONLY), roles.count(Role.HIDDEN)) == (2, 1)
        verdict = preflight(
            reading, reader.id, capabilities=provider.capabilities, policy=Policy("p", ("*",))
        )
        assert verdict.outcome is Outcome.REFUSED

    @pytest.mark.parametrize("status", ["abnormal", "frozen", "creating", "data_disk_full", "createfail", ""])
    async def test_only_a_normal_instance_is_switched(self, replica_set: HuaweiHarness, status: str) -> None:
        replica_set.instance.status = status
        assert (await replica_set.provider().observe(replica_set.target)).obstacle

    async def test_a_shard_in_trouble_is_not_switched_and_the_others_are(
        self, cluster: HuaweiHarness
    ) -> None:
        cluster.group.status = "abnormal"
        obstacles = [unnested(reading.obstacle) for reading in await cluster.provider().survey("sessions")]
        assert obstacles == [(Reason.of("obstacle-shard", shard="shard_1", state="abnormal"),), (), ()]

    async def test_normal_and_something_going_on_is_not_ready(self, replica_set: HuaweiHarness) -> None:
        replica_set.instance.actions.append("BACKUP")
        reading = await replica_set.provider().observe(replica_set.target)
        assert not reading.idle
        assert "BACKUP" in reading.state

    @pytest.mark.parametrize("status", ["abnormal", "reboot", "frozen"])
    async def test_a_node_is_healthy_only_when_normal(self, replica_set: HuaweiHarness, status: str) -> None:
        replica_set.members[1].status = status
        reading = await replica_set.provider().observe(replica_set.target)
        assert [node.healthy for node in reading.nodes] == [True, False, True]


class TestInstances:
    """Finding the one instance that is meant."""

    @pytest.mark.parametrize("error", [True, False], ids=["400 DBS.280110", "an empty list"])
    async def test_an_unknown_instance_is_refused(self, replica_set: HuaweiHarness, error: bool) -> None:
        replica_set.cloud.unknown_is_an_error = error
        del replica_set.cloud.instances[REPLICA_SET]
        with pytest.raises(Refused, match="not found in this project"):
            await replica_set.provider().observe(replica_set.target)

    async def test_a_cloud_that_ignores_the_filter_is_read_page_by_page(
        self, replica_set: HuaweiHarness
    ) -> None:
        others = [{"id": f"{number:032x}in02", "mode": "ReplicaSet"} for number in range(100)]
        ours = {"id": REPLICA_SET, "mode": "ReplicaSet", "status": "normal", "actions": [], "groups": []}
        for page in (others, [ours]):
            body = json.dumps({"instances": page, "total_count": 2}).encode()
            replica_set.cloud.faults.set(LIST_INSTANCES, Fault.body(body))
        reading = await replica_set.provider().observe(replica_set.target)
        assert reading.obstacle == ""
        assert [call.params["offset"] for call in replica_set.cloud.calls] == ["0", "100"]

    async def test_what_can_not_be_read_is_not_absent(self, replica_set: HuaweiHarness) -> None:
        body = json.dumps({"instances": [{"id": REPLICA_SET, "groups": 7}]}).encode()
        replica_set.cloud.faults.set(LIST_INSTANCES, Fault.body(body), times=None)
        with pytest.raises(Unavailable):
            await replica_set.provider().observe(replica_set.target)

    async def test_an_instance_without_a_mode_is_read_again(self, replica_set: HuaweiHarness) -> None:
        body = json.dumps({"instances": [{"id": REPLICA_SET}]}).encode()
        replica_set.cloud.faults.set(LIST_INSTANCES, Fault.body(body))
        with pytest.raises(Unavailable, match="mode"):
            await replica_set.provider().observe(replica_set.target)

    async def test_missing_and_null_say_nothing(self, replica_set: HuaweiHarness) -> None:
        group = {"type": "replica", "name": None, "nodes": [{"id": "n1"}, {"id": "n2", "role": None}]}
        row = {"id": REPLICA_SET, "mode": "ReplicaSet", "actions": None, "groups": [group]}
        body = json.dumps({"instances": [row]}).encode()
        replica_set.cloud.faults.set(LIST_INSTANCES, Fault.body(body))
        reading = await replica_set.provider().observe(replica_set.target)
        assert reading.primary is None
        assert reading.idle
        assert unnested(reading.obstacle) == (Reason.of("obstacle-cluster", state=""),)
        assert [node.healthy for node in reading.nodes] == [None, None]


class TestJobs:
    """Many in one request where there is a list, one by one where there is none."""

    async def test_a_hundred_running_jobs_take_one_request(self, replica_set: HuaweiHarness) -> None:
        ids = [replica_set.cloud.start_job(REPLICA_SET).id for _ in range(100)]
        found = await replica_set.provider().jobs([JobId(job_id) for job_id in ids])
        assert len(found) == 100
        assert [call.operation for call in replica_set.cloud.calls] == [LIST_TASKS]

    async def test_more_jobs_are_read_page_by_page(self, replica_set: HuaweiHarness) -> None:
        ids = [JobId(replica_set.cloud.start_job(REPLICA_SET).id) for _ in range(130)]
        assert len(await replica_set.provider().jobs(ids)) == 130
        assert [call.operation for call in replica_set.cloud.calls] == [LIST_TASKS] * 2

    async def test_one_job_is_asked_for_by_its_id(self, replica_set: HuaweiHarness) -> None:
        job = await switch(replica_set)
        await replica_set.provider().jobs([job])
        assert replica_set.cloud.calls[-1].operation == SHOW_JOB

    async def test_without_a_list_each_is_asked_for(self, replica_set: HuaweiHarness) -> None:
        replica_set.cloud.withheld = {LIST_TASKS}
        ids = [JobId(replica_set.cloud.start_job(REPLICA_SET).id) for _ in range(3)]
        provider = replica_set.provider()
        for _ in range(2):
            assert set(await provider.jobs(ids)) == set(ids)
        asked = [call.operation for call in replica_set.cloud.calls]
        assert asked.count(LIST_TASKS) == 1  # it is not asked again for what it does not have
        assert asked.count(SHOW_JOB) == 6

    async def test_what_the_list_does_not_show_is_asked_for_once_it_should(
        self, replica_set: HuaweiHarness
    ) -> None:
        replica_set.cloud.job_visible_after = timedelta(seconds=8)
        provider = replica_set.provider()
        jobs = [await switch(replica_set, provider), JobId("unheard-of")]
        assert await provider.jobs(jobs) == {}
        shown = [call for call in replica_set.cloud.calls if call.operation == SHOW_JOB]
        assert [call.params["id"] for call in shown] == ["unheard-of"]
        replica_set.clock.advance(11)
        assert set(await provider.jobs(jobs)) == {jobs[0]}

    async def test_a_job_that_is_not_visible_yet_is_left_out(self, replica_set: HuaweiHarness) -> None:
        replica_set.cloud.job_visible_after = timedelta(seconds=8)
        provider = replica_set.provider()
        job = await switch(replica_set, provider)
        assert await provider.jobs([job]) == {}
        replica_set.clock.advance(8)
        assert (await provider.jobs([job]))[job].state is JobState.DONE

    @pytest.mark.parametrize(
        ("word", "state"),
        [
            ("Completed", JobState.DONE),
            ("COMPLETED", JobState.DONE),
            ("Failed", JobState.FAILED),
            ("Running", JobState.RUNNING),
            ("Paused", JobState.RUNNING),
            (None, JobState.RUNNING),
        ],
    )
    async def test_only_known_words_are_an_end(
        self, replica_set: HuaweiHarness, word: str | None, state: JobState
    ) -> None:
        row = {"id": "j", "status": word, "ended": "2026-03-01T12:00:00+0000", "fail_reason": "no reason"}
        body = json.dumps({"job": row}).encode()
        replica_set.cloud.faults.set(SHOW_JOB, Fault.body(body))
        job = (await replica_set.provider().jobs([JobId("j")]))[JobId("j")]
        assert job.state is state
        assert job.word == (word or "")
        assert job.detail == ("no reason" if state is JobState.FAILED else "")

    async def test_one_row_that_can_not_be_read_spoils_no_other(self, replica_set: HuaweiHarness) -> None:
        rows = [{"id": 7}, {"id": "j1", "status": "Running"}, {"id": "j2", "status": "Completed"}]
        body = json.dumps({"jobs": rows, "total_count": 3}).encode()
        replica_set.cloud.faults.set(LIST_TASKS, Fault.body(body))
        found = await replica_set.provider().jobs([JobId("j1"), JobId("j2")])
        assert set(found) == {"j1", "j2"}

    async def test_what_can_be_read_counts_though_some_can_not(self, replica_set: HuaweiHarness) -> None:
        replica_set.cloud.withheld = {LIST_TASKS}
        ids = [JobId(replica_set.cloud.start_job(REPLICA_SET).id) for _ in range(20)]
        provider = replica_set.provider(calls_per_minute=15)
        found = await provider.jobs(ids)
        assert 0 < len(found) < 20
        with pytest.raises(Throttled):
            await provider.jobs(ids)

    async def test_those_that_had_to_wait_longest_are_asked_for_first(
        self, replica_set: HuaweiHarness
    ) -> None:
        replica_set.cloud.withheld = {LIST_TASKS}
        ids = [JobId(replica_set.cloud.start_job(REPLICA_SET).id) for _ in range(20)]
        provider = replica_set.provider(calls_per_minute=15)
        first = set(await provider.jobs(ids))
        replica_set.clock.advance(61)
        second = set(await provider.jobs(ids))
        assert first | second == set(ids)

    async def test_polling_can_do_without_the_permission_to_list(self, replica_set: HuaweiHarness) -> None:
        replica_set.cloud.faults.set(LIST_TASKS, Fault.error(403, "DBS.280063"), times=None)
        ids = [JobId(replica_set.cloud.start_job(REPLICA_SET).id) for _ in range(3)]
        assert set(await replica_set.provider().jobs(ids)) == set(ids)


UNKNOWABLE = {
    "no list at all": {},
    "null": {"jobs": None},
    "an error with HTTP 200": {"error_code": "DBS.280005", "error_msg": "try later"},
    "a row that can't be read": {"jobs": [{"id": "j", "instance_id": REPLICA_SET, "created_at": 17}]},
    "a row without an instance": {"jobs": [{"id": "j", "created_at": "2026-03-01T12:00:01+0000"}]},
    "a row without an id": {"jobs": [{"instance_id": REPLICA_SET, "created_at": "2026-03-01T12:00:01+0000"}]},
    "a row without a time": {"jobs": [{"id": "j", "instance_id": REPLICA_SET}]},
}


class TestFindSubmission:
    """A job does not say who asked for it: what the list shows is weighed."""

    async def lost(self, harness: HuaweiHarness, provider: HuaweiDds, plan: Plan, *, accepted: bool) -> Any:
        harness.spoil_submission(Fault.drop(accepted=accepted))
        since = harness.clock.now()
        with pytest.raises(OutcomeUnknown):
            await provider.submit(plan, intent(harness.clock))
        harness.clock.advance(1)
        return since

    async def test_it_is_found_by_instance_and_time(self, replica_set: HuaweiHarness) -> None:
        provider = replica_set.provider()
        since = await self.lost(replica_set, provider, await plan_for(replica_set, provider), accepted=True)
        evidence = await provider.find_submission(await plan_for(replica_set, provider), since)
        assert evidence.job is not None
        assert evidence.job.id == replica_set.cloud.jobs[0].id
        asked = replica_set.cloud.calls[-1].params
        assert asked["name"] == "SwitchPrimary"
        assert asked["start_time"].endswith("+0000")

    async def test_a_switchover_before_it_is_not_taken_for_it(self, replica_set: HuaweiHarness) -> None:
        replica_set.cloud.start_job(REPLICA_SET)
        replica_set.clock.advance(30)
        provider = replica_set.provider()
        plan = await plan_for(replica_set, provider)
        since = await self.lost(replica_set, provider, plan, accepted=False)
        evidence = await provider.find_submission(plan, since)
        assert evidence.job is None
        assert evidence.searched

    async def test_a_switchover_of_another_instance_is_not_taken_for_it(
        self, replica_set: HuaweiHarness
    ) -> None:
        replica_set.cloud.add_replica_set(OTHER)
        provider = replica_set.provider()
        plan = await plan_for(replica_set, provider)
        since = await self.lost(replica_set, provider, plan, accepted=False)
        replica_set.cloud.start_job(OTHER)
        assert (await provider.find_submission(plan, since)).job is None

    async def test_two_that_may_be_it_prove_nothing(self, replica_set: HuaweiHarness) -> None:
        provider = replica_set.provider()
        plan = await plan_for(replica_set, provider)
        since = await self.lost(replica_set, provider, plan, accepted=True)
        replica_set.cloud.start_job(REPLICA_SET)
        evidence = await provider.find_submission(plan, since)
        assert (evidence.job, evidence.searched) == (None, False)
        assert evidence.summary.code == "looked-ambiguous"
        assert all(job.id in evidence.summary["jobs"] for job in replica_set.cloud.jobs)

    async def test_a_job_of_another_shard_is_known_to_be_of_that(self, cluster: HuaweiHarness) -> None:
        provider = cluster.provider()
        plan = await plan_for(cluster, provider)
        since = await self.lost(cluster, provider, plan, accepted=False)
        other = (await provider.survey("sessions"))[1]
        await provider.submit(
            Plan("sessions", other.shard, None, None, other.members, plan.call), intent(cluster.clock)
        )
        evidence = await provider.find_submission(plan, since)
        assert (evidence.job, evidence.searched) == (None, True)

    @pytest.mark.parametrize("known", [True, False])
    async def test_what_is_recorded_of_another_request_is_not_taken_for_it_after_a_restart(
        self, replica_set: HuaweiHarness, known: bool
    ) -> None:
        """It may look as if it had come after the request, the clocks having been set since."""
        earlier = replica_set.cloud.start_job(REPLICA_SET)
        replica_set.clock.advance(120)
        provider = replica_set.provider()
        plan = await plan_for(replica_set, provider)
        since = await self.lost(replica_set, provider, plan, accepted=False)
        restarted = replica_set.provider()
        others = [JobId(earlier.id)] if known else []
        evidence = await restarted.find_submission(plan, since, others=others)
        assert (evidence.job, evidence.searched) == (None, known)
        assert evidence.summary.code == ("looked-none" if known else "looked-ambiguous")

    async def test_a_promotion_has_no_job_and_adopts_none(self, replica_set: HuaweiHarness) -> None:
        provider = replica_set.provider()
        plan = promotion(await plan_for(replica_set, provider), replica_set, provider)
        since = await self.lost(replica_set, provider, plan, accepted=False)
        evidence = await provider.find_submission(plan, since)
        assert (evidence.job, evidence.searched) == (None, False), "a list without it proves nothing"
        assert evidence.summary.code == "looked-may-leave-none"
        replica_set.cloud.start_job(REPLICA_SET)
        evidence = await provider.find_submission(plan, since)
        assert (evidence.job, evidence.searched) == (None, False)
        assert evidence.summary.code == "looked-ambiguous"

    async def test_without_a_list_nothing_is_concluded(self, replica_set: HuaweiHarness) -> None:
        replica_set.cloud.withheld = {LIST_TASKS}
        provider = replica_set.provider()
        plan = await plan_for(replica_set, provider)
        since = await self.lost(replica_set, provider, plan, accepted=True)
        evidence = await provider.find_submission(plan, since)
        assert (evidence.job, evidence.searched) == (None, False)

    async def test_a_list_longer_than_is_read_proves_nothing(self, replica_set: HuaweiHarness) -> None:
        rows = [{"id": f"j{number}", "name": "SwitchPrimary", "instance_id": "x"} for number in range(100)]
        body = json.dumps({"jobs": rows}).encode()
        replica_set.cloud.faults.set(LIST_TASKS, Fault.body(body), times=None)
        provider = replica_set.provider()
        plan = await plan_for(replica_set, provider)
        evidence = await provider.find_submission(plan, replica_set.clock.now())
        assert (evidence.job, evidence.searched) == (None, False)
        assert evidence.summary.code == "looked-in-part"

    @pytest.mark.parametrize("said", UNKNOWABLE.values(), ids=UNKNOWABLE)
    async def test_what_was_not_understood_proves_no_absence(
        self, replica_set: HuaweiHarness, said: dict[str, Any]
    ) -> None:
        replica_set.cloud.faults.set(LIST_TASKS, Fault.body(json.dumps(said).encode()), times=None)
        provider = replica_set.provider()
        plan = await plan_for(replica_set, provider)
        since = await self.lost(replica_set, provider, plan, accepted=False)
        replica_set.clock.advance(17 * 60)
        try:
            evidence = await provider.find_submission(plan, since)
        except Unavailable:
            return
        assert (evidence.job, evidence.searched) == (None, False)

    async def test_an_old_job_is_not_taken_for_it_though_the_list_shows_it(
        self, replica_set: HuaweiHarness
    ) -> None:
        row = {"id": "j", "instance_id": REPLICA_SET, "created_at": "2026-03-01T09:00:00+0000"}
        replica_set.cloud.faults.set(LIST_TASKS, Fault.body(json.dumps({"jobs": [row]}).encode()))
        provider = replica_set.provider()
        plan = await plan_for(replica_set, provider)
        since = await self.lost(replica_set, provider, plan, accepted=False)
        evidence = await provider.find_submission(plan, since)
        assert (evidence.job, evidence.searched) == (None, True)

    async def test_a_job_is_taken_for_a_shards_by_nobody(self, cluster: HuaweiHarness) -> None:
        """Two shards' answers are lost at once, and the list shows one job: it may be of either."""
        provider = cluster.provider()
        first = await plan_for(cluster, provider)
        other = (await provider.survey("sessions"))[1]
        second = Plan("sessions", other.shard, None, None, other.members, first.call)
        since = await self.lost(cluster, provider, first, accepted=True)
        since_too = await self.lost(cluster, provider, second, accepted=False)
        for plan, at in ((first, since), (second, since_too)):
            for asked in (provider, cluster.provider()):
                evidence = await asked.find_submission(plan, at)
                assert (evidence.job, evidence.searched) == (None, False)

    async def test_a_job_that_was_adopted_belongs_to_that_intent(self, replica_set: HuaweiHarness) -> None:
        provider = replica_set.provider()
        plan = await plan_for(replica_set, provider)
        since = await self.lost(replica_set, provider, plan, accepted=True)
        assert (await provider.find_submission(plan, since)).job is not None
        replica_set.clock.advance(2)
        later = await self.lost(replica_set, provider, plan, accepted=False)
        evidence = await provider.find_submission(plan, later)
        assert (evidence.job, evidence.searched) == (None, True)

    @pytest.mark.parametrize("minutes", [-2, 2])
    async def test_a_new_life_learns_the_time_before_it_judges(
        self, replica_set: HuaweiHarness, minutes: int
    ) -> None:
        replica_set.cloud_is_ahead(timedelta(minutes=minutes))
        provider = replica_set.provider()
        plan = await plan_for(replica_set, provider)
        since = await self.lost(replica_set, provider, plan, accepted=True)
        replica_set.clock.advance(18 * 60)
        assert (await replica_set.provider().find_submission(plan, since)).job is not None

    @pytest.mark.parametrize("minutes", [-2, 2])
    async def test_a_clock_that_was_set_since_hides_nothing(
        self, replica_set: HuaweiHarness, minutes: int
    ) -> None:
        provider = replica_set.provider()
        plan = await plan_for(replica_set, provider)
        since = await self.lost(replica_set, provider, plan, accepted=True)
        replica_set.clock.jump(timedelta(minutes=minutes))
        replica_set.cloud_is_ahead(-timedelta(minutes=minutes))
        replica_set.clock.advance(18 * 60)
        await provider.observe(replica_set.target)
        assert (await provider.find_submission(plan, since)).job is not None
        evidence = await replica_set.provider().find_submission(plan, since)
        assert evidence.job is not None or not evidence.searched

    async def test_a_cloud_whose_clock_is_behind_may_still_accept(self, replica_set: HuaweiHarness) -> None:
        replica_set.cloud_is_ahead(-timedelta(minutes=4))
        provider = replica_set.provider()
        plan = await plan_for(replica_set, provider)
        since = await self.lost(replica_set, provider, plan, accepted=False)
        replica_set.clock.advance(16 * 60)
        await provider.observe(replica_set.target)
        evidence = await provider.find_submission(plan, since)
        assert not evidence.searched
        assert evidence.summary.code == "looked-too-early"
        replica_set.clock.advance(4 * 60)
        await provider.observe(replica_set.target)
        assert (await provider.find_submission(plan, since)).searched

    @pytest.mark.parametrize("minutes", [-10, 10])
    async def test_clocks_that_differ_do_not_hide_it(self, replica_set: HuaweiHarness, minutes: int) -> None:
        replica_set.cloud_is_ahead(timedelta(minutes=minutes))
        provider = replica_set.provider()
        plan = await plan_for(replica_set, provider)
        since = await self.lost(replica_set, provider, plan, accepted=True)
        assert (await provider.find_submission(plan, since)).job is not None


class TestEndings:
    """What the roles say in the end is what counts."""

    async def test_completed_though_nothing_moved(self, replica_set: HuaweiHarness) -> None:
        replica_set.cloud.next_outcome(Ending.UNCHANGED)
        provider = replica_set.provider()
        job = await switch(replica_set, provider)
        replica_set.clock.advance(30)
        assert (await provider.jobs([job]))[job].state is JobState.DONE
        reading = await provider.observe(replica_set.target)
        assert reading.primary is not None
        assert reading.primary.id == replica_set.primary


class TestKeys:
    """AK/SK: every request signed, and never so often wrongly that the key is locked."""

    async def test_a_temporary_key_signs_its_token(self) -> None:
        harness = HuaweiHarness(cloud={"security_token": "EXAMPLETOKEN=="})
        async with harness.front.open():
            provider = harness.provider(security_token=SecretStr("EXAMPLETOKEN=="))
            await switch(harness, provider)
            with pytest.raises(Misconfigured):
                await harness.provider().observe(harness.target)
            await harness.close()

    async def test_a_wrong_key_is_not_used_until_it_is_locked(self, replica_set: HuaweiHarness) -> None:
        wrong = replica_set.provider(secret_key=SecretStr("wrong"))
        for _ in range(60):
            with pytest.raises(Misconfigured, match="credentials"):
                await wrong.observe(replica_set.target)
            replica_set.clock.advance(5)
        assert len(replica_set.cloud.calls) == 2
        await replica_set.provider().observe(replica_set.target)  # others who use the key still can

    async def test_a_wrong_key_is_tried_by_one_request_at_a_time(self, replica_set: HuaweiHarness) -> None:
        wrong = replica_set.provider(secret_key=SecretStr("wrong"))
        reads = (wrong.observe(replica_set.target) for _ in range(12))
        for result in await asyncio.gather(*reads, return_exceptions=True):
            assert isinstance(result, Misconfigured)
        assert len(replica_set.cloud.calls) == 1

    async def test_the_pause_grows_with_every_refusal_and_ends_with_the_first_good_answer(
        self, replica_set: HuaweiHarness
    ) -> None:
        provider = replica_set.provider()
        replica_set.cloud.faults.set(LIST_INSTANCES, Fault.error(401, "APIGW.0301"), times=3)
        asked_at = []
        for _ in range(100):
            seen = len(replica_set.cloud.calls)
            with contextlib.suppress(Misconfigured):
                await provider.observe(replica_set.target)
            if len(replica_set.cloud.calls) > seen:
                asked_at.append(round(replica_set.clock.monotonic() / 60))
            replica_set.clock.advance(15)
        assert asked_at[:4] == [0, 3, 9, 21]
        assert len(asked_at) == 3 + 100 - 21 * 4

    async def test_those_who_wait_for_the_first_do_not_wait_for_each_other(
        self, replica_set: HuaweiHarness
    ) -> None:
        provider = replica_set.provider()
        await asyncio.gather(*(provider.observe(replica_set.target) for _ in range(12)))
        assert len(replica_set.cloud.calls) == 12

    async def test_an_age_that_can_not_be_mended_pauses_too(self, replica_set: HuaweiHarness) -> None:
        said = Fault.error(401, "APIGW.0301", "signature expired, signature time:x,server time:y")
        replica_set.cloud.faults.set(LIST_INSTANCES, said, times=None)
        provider = replica_set.provider()
        for _ in range(10):
            with pytest.raises(Misconfigured, match="clock"):
                await provider.observe(replica_set.target)
        assert len(replica_set.cloud.calls) == 1

    async def test_a_key_that_was_refused_sends_no_submission(self, replica_set: HuaweiHarness) -> None:
        plan = await plan_for(replica_set, replica_set.provider())
        wrong = replica_set.provider(secret_key=SecretStr("wrong"))
        with pytest.raises(Refused):
            await wrong.submit(plan, intent(replica_set.clock))
        with pytest.raises(NotSent, match="not tried again") as caught:
            await wrong.submit(plan, intent(replica_set.clock))
        assert not caught.value.message.startswith("not sent")  # the sentence it goes into says so
        assert caught.value.meaning is not None
        code, values = caught.value.meaning
        assert code == "cloud-not-tried-again"
        assert [each["what"] for each in unnested(values["message"])] == ["denied"]
        assert replica_set.cloud.submissions_seen == 1

    @pytest.mark.parametrize("minutes", [-20, 20])
    async def test_a_clock_that_is_wrong_is_corrected_by_theirs(
        self, replica_set: HuaweiHarness, minutes: int
    ) -> None:
        replica_set.cloud_is_ahead(timedelta(minutes=minutes))
        provider = replica_set.provider()
        await provider.observe(replica_set.target)
        assert len(replica_set.cloud.calls) == 2
        await switch(replica_set, provider)
        assert replica_set.cloud.submissions_seen == replica_set.cloud.submissions_accepted == 1

    async def test_a_submission_signed_with_the_wrong_time_is_not_accepted(
        self, replica_set: HuaweiHarness
    ) -> None:
        provider = replica_set.provider()
        plan = await plan_for(replica_set, provider)
        replica_set.cloud_is_ahead(timedelta(minutes=20))
        with pytest.raises(Throttled):
            await provider.submit(plan, intent(replica_set.clock))
        assert await provider.submit(plan, intent(replica_set.clock)) is not None

    async def test_absence_can_be_concluded_once_the_signature_is_dead(
        self, replica_set: HuaweiHarness
    ) -> None:
        valid_for = replica_set.provider().capabilities.submission_valid_for
        assert valid_for is not None
        assert valid_for > timedelta(minutes=15)


class TestTokens:
    """IAM users: one login for all, renewed once, never in a loop."""

    async def test_everybody_shares_one_login(self, replica_set: HuaweiHarness) -> None:
        provider = replica_set.by_iam_user()
        await asyncio.gather(*(provider.observe(replica_set.target) for _ in range(20)))
        assert replica_set.cloud.tokens_issued == 1
        await switch(replica_set, provider)
        assert replica_set.cloud.tokens_issued == 1

    async def test_a_refused_token_is_renewed_once_for_all(self, replica_set: HuaweiHarness) -> None:
        provider = replica_set.by_iam_user()
        await provider.observe(replica_set.target)
        replica_set.cloud.revoke_tokens()
        await asyncio.gather(*(provider.observe(replica_set.target) for _ in range(20)))
        assert replica_set.cloud.tokens_issued == 2

    async def test_a_token_is_renewed_before_its_end(self, replica_set: HuaweiHarness) -> None:
        provider = replica_set.by_iam_user()
        await provider.observe(replica_set.target)
        replica_set.clock.advance(23.5 * 3600)
        await provider.observe(replica_set.target)
        assert replica_set.cloud.tokens_issued == 1
        replica_set.clock.advance(0.4 * 3600)
        await provider.observe(replica_set.target)
        assert replica_set.cloud.tokens_issued == 2

    async def test_a_new_token_that_is_refused_too_is_not_renewed_again(
        self, replica_set: HuaweiHarness
    ) -> None:
        replica_set.cloud.faults.set(LIST_INSTANCES, Fault.error(401, "APIGW.0301"), times=None)
        with pytest.raises(Misconfigured, match="credentials"):
            await replica_set.by_iam_user().observe(replica_set.target)
        assert replica_set.cloud.tokens_issued == 2

    @pytest.mark.parametrize("later", [1.0, 11.0])
    async def test_a_new_token_that_nobody_answered_is_renewed_once_it_is_no_longer_new(
        self, replica_set: HuaweiHarness, later: float
    ) -> None:
        """It was fetched for one that was refused, its first answer was lost, and it has ended since."""
        provider = replica_set.by_iam_user()
        await provider.observe(replica_set.target)
        replica_set.cloud.revoke_tokens()
        replica_set.cloud.faults.set(LIST_INSTANCES, Fault.error(401, "APIGW.0301"))
        replica_set.cloud.faults.set(LIST_INSTANCES, Fault.drop(accepted=False), times=9)
        with pytest.raises(Unavailable):
            await provider.observe(replica_set.target)
        replica_set.cloud.faults.clear()
        assert replica_set.cloud.tokens_issued == 2
        replica_set.cloud.revoke_tokens()
        replica_set.clock.advance(later)
        if later < 10:
            with pytest.raises(Misconfigured):
                await provider.observe(replica_set.target)
        else:
            await provider.observe(replica_set.target)
        assert replica_set.cloud.tokens_issued == (2 if later < 10 else 3)

    async def test_a_token_that_never_does_is_not_renewed_for_ever(self, replica_set: HuaweiHarness) -> None:
        replica_set.cloud.faults.set(LIST_INSTANCES, Fault.error(401, "DBS.280056"), times=None)
        provider = replica_set.by_iam_user()
        for _ in range(20):
            with pytest.raises(Misconfigured, match="credentials"):
                await provider.observe(replica_set.target)
        assert replica_set.cloud.tokens_issued == 2

    async def test_a_permission_that_lacks_is_not_a_matter_of_the_token(
        self, replica_set: HuaweiHarness
    ) -> None:
        replica_set.cloud.faults.set(LIST_INSTANCES, Fault.error(400, "DBS.280015", "permission denied"))
        provider = replica_set.by_iam_user()
        with pytest.raises(Misconfigured, match="permissions"):
            await provider.observe(replica_set.target)
        await provider.observe(replica_set.target)
        assert replica_set.cloud.tokens_issued == 1

    async def test_an_expired_token_may_be_called_a_denied_permission(
        self, replica_set: HuaweiHarness
    ) -> None:
        said = Fault.error(400, "DBS.280015", "Permission denied: token expires")
        replica_set.cloud.faults.set(LIST_INSTANCES, said)
        await replica_set.by_iam_user().observe(replica_set.target)
        assert replica_set.cloud.tokens_issued == 2

    async def test_only_the_token_that_was_refused_is_given_back(self, replica_set: HuaweiHarness) -> None:
        provider = replica_set.by_iam_user()
        await provider.observe(replica_set.target)
        replica_set.cloud.revoke_tokens()
        # Both went out with the old token; the second's refusal arrives after the first has renewed it.
        replica_set.cloud.faults.set(LIST_INSTANCES, Fault.slow(0))
        replica_set.cloud.faults.set(SHOW_JOB, Fault.error(401, "APIGW.0301").after(0.2))
        await asyncio.gather(provider.observe(replica_set.target), provider.jobs([JobId("j")]))
        assert replica_set.cloud.tokens_issued == 2

    async def test_a_wrong_password_is_tried_once_in_a_while(self, replica_set: HuaweiHarness) -> None:
        provider = replica_set.by_iam_user(password=SecretStr("wrong"))
        for _ in range(20):
            with pytest.raises(Misconfigured, match="credentials"):
                await provider.observe(replica_set.target)
            replica_set.clock.advance(5)
        assert [call.operation for call in replica_set.cloud.calls] == [CREATE_TOKEN]

    async def test_a_login_that_fails_is_tried_again_by_the_next(self, replica_set: HuaweiHarness) -> None:
        replica_set.cloud.faults.set(CREATE_TOKEN, Fault.http(503), times=9)
        provider = replica_set.by_iam_user(call_timeout=timedelta(seconds=60))
        with pytest.raises(Unavailable):
            await provider.observe(replica_set.target)
        await provider.observe(replica_set.target)

    async def test_a_submission_without_a_token_is_not_sent(self, replica_set: HuaweiHarness) -> None:
        plan = await plan_for(replica_set, replica_set.provider())
        replica_set.cloud.faults.set(CREATE_TOKEN, Fault.http(503), times=None)
        with pytest.raises(NotSent):
            await replica_set.by_iam_user().submit(plan, intent(replica_set.clock))
        assert not replica_set.cloud.submissions_seen

    async def test_a_login_may_not_outlast_the_intent(self, replica_set: HuaweiHarness) -> None:
        plan = await plan_for(replica_set, replica_set.provider())
        replica_set.cloud.faults.set(CREATE_TOKEN, Fault.slow(6))
        with pytest.raises(NotSent):
            await replica_set.by_iam_user().submit(plan, intent(replica_set.clock))
        assert not replica_set.cloud.submissions_seen

    async def test_a_submission_whose_token_is_refused_was_not_accepted(
        self, replica_set: HuaweiHarness
    ) -> None:
        provider = replica_set.by_iam_user()
        plan = await plan_for(replica_set, provider)
        replica_set.cloud.revoke_tokens()
        with pytest.raises(Throttled):
            await provider.submit(plan, intent(replica_set.clock))
        assert await provider.submit(plan, intent(replica_set.clock)) is not None
        assert replica_set.cloud.submissions_accepted == 1

    async def test_a_token_never_surely_dies(self, replica_set: HuaweiHarness) -> None:
        assert replica_set.by_iam_user().capabilities.submission_valid_for is None

    @pytest.mark.parametrize(
        "answer",
        [
            b"{}",
            b'{"token":{"expires_at":"soon"}}',
            b"<html>",
            b'{"token":{"expires_at":"2026-03-02T12:00:00Z"}}',
        ],
        ids=["empty", "unknown life", "HTML", "no header"],
    )
    async def test_an_answer_without_a_token_is_none(self, replica_set: HuaweiHarness, answer: bytes) -> None:
        replica_set.cloud.faults.set(CREATE_TOKEN, Fault.body(answer, status=201), times=None)
        with pytest.raises(Unavailable):
            await replica_set.by_iam_user().observe(replica_set.target)

    @pytest.mark.parametrize("warm", [True, False])
    async def test_a_token_that_was_just_fetched_is_not_shown_either(
        self, replica_set: HuaweiHarness, warm: bool
    ) -> None:
        provider = replica_set.by_iam_user()
        if warm:
            await provider.observe(replica_set.target)
            replica_set.cloud.revoke_tokens()

        def echoes(_: Answer) -> Response:
            heads = b"".join(replica_set.front.heads).decode()
            tokens = " ".join(re.findall(r"x-auth-token: (\S+)", heads))
            return Response(json.dumps({"error_code": "DBS.280063", "error_msg": tokens}), 403)

        if warm:
            replica_set.cloud.faults.set(LIST_INSTANCES, Fault.error(401, "APIGW.0301"))
        replica_set.cloud.faults.set(LIST_INSTANCES, Fault(echoes))
        with pytest.raises(Misconfigured) as caught:
            await provider.observe(replica_set.target)
        assert "MII" not in f"{caught.value} {caught.value!r}"

    async def test_neither_password_nor_token_is_ever_shown(self, replica_set: HuaweiHarness) -> None:
        provider = replica_set.by_iam_user()
        await provider.observe(replica_set.target)
        heads = b"".join(replica_set.front.heads).decode()
        token = heads.partition("x-auth-token: ")[2].partition("\r\n")[0]
        assert token
        said = Fault.error(400, "DBS.280001", f"what is {token}?")
        replica_set.cloud.faults.set(LIST_INSTANCES, said)
        with pytest.raises(Refused) as caught:
            await provider.observe(replica_set.target)
        shown = f"{caught.value} {caught.value!r} {vars(provider)!r}"
        assert token not in shown
        assert "Passw0rd" not in shown


class TestThrottling:
    """429 says how long, in its header or in its text."""

    @pytest.mark.parametrize(
        ("fault", "seconds"),
        [
            (Fault.http(429, retry_after="77"), 77),
            (Fault.error(429, "APIGW.0308", "policy user over ratelimit,limit:60,time:1 minute"), 60),
            (Fault.error(429, "APIGW.0308", "policy ip over ratelimit,limit:5,time:20 second"), 20),
            (Fault.error(429, "DBS.280443", "too many"), 5),
            (Fault.error(403, "DBS.280443", "too many"), 5),
        ],
    )
    async def test_how_long_to_wait(self, replica_set: HuaweiHarness, fault: Fault, seconds: int) -> None:
        replica_set.cloud.faults.set(LIST_INSTANCES, fault, times=None)
        with pytest.raises(Throttled) as caught:
            await replica_set.provider(call_timeout=timedelta(seconds=1)).observe(replica_set.target)
        assert caught.value.retry_after == timedelta(seconds=seconds)

    async def test_many_calls_and_maybe_executed_is_maybe_executed(self, replica_set: HuaweiHarness) -> None:
        plan = await plan_for(replica_set, replica_set.provider())
        for fault in (
            Fault.error(429, "DBS.200998"),
            Fault.error(400, "APIGW.0201", "Backend timeout"),
            Fault.error(400, "APIG.0203", "Backend timeout"),
        ):
            replica_set.spoil_submission(fault)
            with pytest.raises(OutcomeUnknown):
                await replica_set.provider().submit(plan, intent(replica_set.clock))

    async def test_those_who_watch_leave_room_for_a_submission(self, replica_set: HuaweiHarness) -> None:
        provider = replica_set.provider(calls_per_minute=60)
        plan = await plan_for(replica_set, provider)
        await provider.find_submission(plan, replica_set.clock.now())
        with contextlib.suppress(Throttled):
            while len(replica_set.cloud.calls) < 100:
                await provider.observe(replica_set.target)
        assert len(replica_set.cloud.calls) < 60
        assert await provider.submit(plan, intent(replica_set.clock)) is not None

    @pytest.mark.parametrize("code", ["DBS.200019", "DBS.201014", "DBS.200998"])
    async def test_a_read_waits_for_a_busy_instance(self, replica_set: HuaweiHarness, code: str) -> None:
        replica_set.cloud.faults.set(LIST_INSTANCES, Fault.error(403, code))
        assert (await replica_set.provider().observe(replica_set.target)).primary is not None

    async def test_the_reserve_is_kept_for_what_is_under_way(self, replica_set: HuaweiHarness) -> None:
        provider = replica_set.provider(calls_per_minute=20)
        plan = await plan_for(replica_set, provider)
        for _ in range(15):
            await provider.observe(replica_set.target)
        with pytest.raises(Throttled):
            await provider.observe(replica_set.target)
        job = await provider.submit(plan, intent(replica_set.clock))
        assert job is not None
        await provider.observe(replica_set.target)


class TestErrors:
    """Errors say what support asks for, and which door is closed."""

    async def test_the_request_id_is_shown(self, replica_set: HuaweiHarness) -> None:
        replica_set.cloud.faults.set(LIST_INSTANCES, Fault.error(400, "DBS.280001"))
        with pytest.raises(Refused) as caught:
            await replica_set.provider().observe(replica_set.target)
        assert caught.value.request_id
        assert caught.value.code == "DBS.280001"

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (Fault.error(404, "APIGW.0101"), "does not offer this call"),
            (Fault.error(403, "DBS.280063"), "permissions"),
            (Fault.body(b'{"error":{"code":403,"message":"x","title":"y"}}', status=403), "permissions"),
            (Fault.http(404), "does not look like DDS"),
            (Fault.http(301), "does not look like DDS"),
        ],
    )
    async def test_what_a_person_must_mend(
        self, replica_set: HuaweiHarness, fault: Fault, error: str
    ) -> None:
        replica_set.cloud.faults.set(LIST_INSTANCES, fault, times=None)
        with pytest.raises(Misconfigured, match=error):
            await replica_set.provider().observe(replica_set.target)

    async def test_another_project_is_a_matter_of_permission(self, replica_set: HuaweiHarness) -> None:
        with pytest.raises(Misconfigured, match="the project"):
            await replica_set.provider(project_id="another").observe(replica_set.target)


class TestEditions:
    """T-Systems' edition has less, and nothing it lacks is ever asked of it."""

    @pytest.fixture
    async def t_systems(self, cluster: HuaweiHarness, monkeypatch: pytest.MonkeyPatch) -> HuaweiHarness:
        loop = asyncio.get_running_loop()
        real = loop.getaddrinfo

        async def at_home(host: Any, *args: Any, **kwargs: Any) -> Any:
            home = "127.0.0.1" if str(host).endswith(".otc.t-systems.com") else host
            return await real(home, *args, **kwargs)

        monkeypatch.setattr(loop, "getaddrinfo", at_home)
        return cluster

    async def test_it_chooses_and_has_no_list(self, t_systems: HuaweiHarness) -> None:
        endpoint = f"http://dds.eu-de.otc.t-systems.com:{t_systems.front.port}"
        provider = t_systems.provider(endpoint=endpoint)
        assert provider.capabilities.candidate is CandidateRule.CHOSEN_BY_CLOUD
        assert not provider.capabilities.shards
        with pytest.raises(Refused, match="replica sets only"):
            await provider.observe(t_systems.target)
        job = JobId(t_systems.cloud.start_job(CLUSTER, t_systems.group.id).id)
        assert set(await provider.jobs([job, JobId("x")])) == {job}
        assert LIST_TASKS not in {call.operation for call in t_systems.cloud.calls}
        assert {call.operation for call in t_systems.cloud.calls} & {SWITCHOVER, PROMOTE} == set()
