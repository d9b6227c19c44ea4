"""The real ``serve`` process between a simulated Slack and a simulated Huawei Cloud."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import pytest
from starlette.responses import Response

from bot.sandbox.clouds import REPLICA_SET, SHARDED, documents_on_huawei_dds
from bot.sandbox.faults import Answer, Fault, Hang
from bot.sandbox.huawei_dds import LIST_TASKS, PROMOTE, SWITCHOVER, SimGroup, SimulatedHuaweiDds
from bot.sandbox.slack import Message
from bot.sandbox.stack import Stack, status_of
from bot.sandbox.switchovers import Ending, Timings
from tests.app.commands import run
from tests.warm import warm_stack

QUICK = Timings(working=0.1, roles=0.2, done=0.4)
LATE = Timings(working=0.1, roles=1.5, done=1.8)
ASKED = ("awaiting_approval", "refused", "not_needed")
CHOSEN, SHARD, NAMED = "sessions", "events shard shard_1", "sessions to replica_node_2"


@dataclass(frozen=True)
class World(Stack):
    """The stack with the one cloud that these tests play with."""

    cloud: SimulatedHuaweiDds

    @property
    def replica_set(self) -> SimGroup:
        return self.cloud.instances[REPLICA_SET].groups[0]

    @property
    def shard(self) -> SimGroup:
        return next(group for group in self.cloud.instances[SHARDED].groups if group.name == "shard_1")

    def group_of(self, text: str) -> SimGroup:
        return self.shard if text.startswith("events") else self.replica_set

    async def approve(self, text: str) -> Message:
        """Requests it and has it approved; the card as it was before."""
        operation = await self.request(text)
        card = await self.card_in(*ASKED, operation=operation)
        await self.slack.click(self.demo.approver, card, "approve")
        return card


@asynccontextmanager
async def world(*, tracking: str = "", timings: Timings = QUICK) -> AsyncIterator[World]:
    cloud = SimulatedHuaweiDds(timings=timings)
    async with warm_stack([documents_on_huawei_dds(cloud)], tracking=tracking, rate_limited=False) as running:
        yield World(running.demo, running.bot, running.slack, cloud)


def fault_for(text: str) -> str:
    return PROMOTE if " to " in text else SWITCHOVER


@pytest.mark.parametrize("asked", [CHOSEN, SHARD, NAMED])
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault.drop(accepted=True), id="the connection breaks after acceptance"),
        pytest.param(
            Fault.http(504, accepted=True),
            id="a gateway answers 504 after acceptance",
            marks=pytest.mark.slow,
        ),
    ],
)
async def test_a_lost_answer_is_found_by_reading_and_never_sent_again(asked: str, fault: Fault) -> None:
    async with world() as running:
        before = running.group_of(asked).primaries
        running.cloud.faults.set(fault_for(asked), fault)
        await running.approve(asked)
        await running.told("succeeded")
        assert running.cloud.submissions_seen == 1
        assert running.group_of(asked).primaries != before


async def test_a_lost_answer_without_a_job_list_is_settled_by_the_roles() -> None:
    async with world(timings=LATE) as running:
        running.cloud.withheld = {LIST_TASKS}
        running.cloud.faults.set(SWITCHOVER, Fault.drop(accepted=True))
        await running.approve(CHOSEN)
        await running.told("in_doubt")
        await running.told("succeeded")
        assert running.cloud.submissions_seen == 1


async def test_busy_once_is_tried_again_after_a_recheck() -> None:
    async with world() as running:
        running.cloud.faults.set(SWITCHOVER, Fault.error(403, "DBS.200019"))
        await running.approve(CHOSEN)
        await running.told("succeeded")
        assert (running.cloud.submissions_seen, running.cloud.submissions_accepted) == (2, 1)


async def test_busy_with_somebody_elses_switchover_is_never_switched_back() -> None:
    async with world(timings=LATE) as running:
        before = running.replica_set.primaries

        def somebody_was_first(_: Answer) -> Response:
            running.cloud.start_job(REPLICA_SET)
            return Response(json.dumps({"error_code": "DBS.200019", "error_msg": "busy"}), 403)

        running.cloud.faults.set(SWITCHOVER, Fault(somebody_was_first))
        await running.approve(CHOSEN)
        await running.told("refused")
        assert running.cloud.submissions_seen == 1
        assert len(running.cloud.jobs) == 1
        assert before == ["b7e1c64101b4e20c40b34cd8469536f1no02"]


async def test_killed_right_after_a_promotion_it_goes_on_without_a_second_one() -> None:
    async with world() as running:
        arrived = asyncio.Event()

        def hang(_: Answer) -> Response:
            arrived.set()
            return Hang()

        running.cloud.faults.set(PROMOTE, Fault(hang, accepted=True))
        await running.approve(NAMED)
        await arrived.wait()
        await running.bot.kill()
        await running.restart()
        await running.told("succeeded")
        assert running.cloud.submissions_seen == 1
        ends = [reply for reply in running.replies() if status_of(reply) == "succeeded"]
        assert len(ends) == 1


async def test_a_job_that_is_completed_while_the_roles_stay_needs_attention() -> None:
    async with world(tracking='verify_timeout = "2s"') as running:
        running.cloud.next_outcome(Ending.UNCHANGED)
        await running.approve(CHOSEN)
        await running.told("needs_attention")
        assert "succeeded" not in {status_of(reply) for reply in running.replies()}


async def test_a_job_that_failed_with_the_roles_unchanged_is_failed() -> None:
    async with world() as running:
        running.cloud.next_outcome(Ending.UNCHANGED, word="Failed")
        await running.approve(SHARD)
        await running.told("failed")
        assert running.cloud.submissions_seen == 1


async def test_a_primary_that_moved_since_the_request_is_refused_with_nothing_sent() -> None:
    async with world() as running:
        operation = await running.request(SHARD)
        card = await running.card_in(*ASKED, operation=operation)
        running.cloud.failover(SHARDED, running.shard.nodes[2].id)
        await running.slack.click(running.demo.approver, card, "approve")
        told = await running.told("refused")
        assert "it was shard_1_node_1 and is shard_1_node_3" in told.text
        assert running.cloud.submissions_seen == 0


def _answers(running: Stack, known: int) -> list[Message]:
    """What the requester alone was told, after the first so many."""
    return running.demo.workspace.ephemerals(running.demo.requester)[known:]


async def test_who_names_what_is_not_there_is_told_so_alone_and_what_to_type() -> None:
    reasons = {
        "events": ("Say which: shard_1, ", "To ask again, type: /switchover events shard GROUP"),
        "plan events": ("Say which: shard_1, ", "To ask again, type: /switchover plan events shard GROUP"),
        "events shard shrd_1": ("did you mean shard_1?", "/switchover events shard shard_1"),
        "events shard mongos": ("a mongos group, which has no primary to switch", "Nothing was done."),
        "sessions shard shard_1": ("is a replica set: leave out the shard", "type: /switchover sessions\n"),
        "sessions to nobody": ("“nobody” is not a node of this database", "Nothing was done."),
    }
    async with world() as running:
        space, people = running.demo.workspace, running.demo
        for number, (asked, (why, mend)) in enumerate(reasons.items()):
            await running.slack.command(people.requester, people.channel, asked)
            (told,) = await space.wait_for(partial(_answers, running, number), timeout=30)
            text = told.text
            assert (why in text, mend in text) == (True, True), text
            assert "Try again" not in text
        assert space.with_metadata(key="card") == []
        assert running.cloud.submissions_seen == 0


async def test_the_card_and_the_dry_run_say_what_a_promotion_is() -> None:
    async with world() as running:
        operation = await running.request(NAMED)
        card = await running.card_in("awaiting_approval", operation=operation)
        assert "forced promotion" in card.text
        common = ("--config", str(running.bot.config))
        printed = await run("plan", "sessions", "--to", "replica_node_2", *common, env=running.bot.env)
        assert printed.code == 0
        assert "forced promotion" in printed.out


async def test_plan_names_the_shards_and_reads_the_one_that_is_meant() -> None:
    async with world() as running:
        common = ("--json", "--config", str(running.bot.config))
        which = await run("plan", "events", *common, env=running.bot.env)
        assert which.code == 3
        assert "shard_2" in json.loads(which.out)["checks"][0]["detail"]
        clean = await run("plan", "events", "--shard", "shard_1", *common, env=running.bot.env)
        plan = json.loads(clean.out)
        assert (clean.code, plan["verdict"], plan["shard"]) == (0, "clean", running.shard.id)
        assert plan["candidate"] is None
        assert plan["topology"]["primary"] == running.shard.nodes[0].id
        live = await run("check", "--live", *common[1:], env=running.bot.env)
        assert live.code == 0
        primary = running.shard.nodes[0]
        (events,) = (line for line in live.out.splitlines() if line.startswith("  events: "))
        assert f"shard_1: primary {primary.name} ({primary.id}), shard_2: primary " in events
