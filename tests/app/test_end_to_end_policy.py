"""Emergencies, holds, start times and the way back, through the real ``serve`` process; then its audit trail."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from bot.core.operation import ENDS
from bot.sandbox.clouds import CLUSTER, documents_on_huawei_dds, orders_on_qingcloud
from bot.sandbox.huawei_dds import SimulatedHuaweiDds
from bot.sandbox.qingcloud import SimulatedQingCloud
from bot.sandbox.slack import Message, User
from bot.sandbox.stack import PATIENCE, Stack, operation_of, status_of
from bot.sandbox.switchovers import Timings
from bot.storage.codec import EVENTS, HOLD_EVENTS
from tests.app.commands import run
from tests.approval.checklist import Row, check
from tests.warm import warm_stack

QUICK = Timings(working=0.1, roles=0.2, done=0.4)
NEVER = Timings(working=0.1, roles=3600, done=3600)
FIRST, SECOND = "cln-ouhutv701", "cln-ouhutv702"
BY_PEOPLE = {
    *("requested", "approved", "rejected", "cancelled", "acknowledged", "reviewed"),
    *("frozen", "unfrozen", "halted", "resumed"),
}


@dataclass(frozen=True)
class World(Stack):
    """The stack with both clouds, an audit channel, and Carl, of no group, who may break the glass."""

    cloud: SimulatedQingCloud
    documents: SimulatedHuaweiDds

    @property
    def primaries(self) -> list[str]:
        return self.cloud.clusters[CLUSTER].primaries

    async def awaiting(self, text: str) -> Message:
        """The card of a request, once it can be approved."""
        operation = await self.request(text)
        return await self.card_in("awaiting_approval", *ENDS, operation=operation)

    async def card_of(self, text: str, *, by: User) -> Message:
        """The card of what somebody types, once it is posted."""
        known = {operation_of(card) for card in self._cards()}
        await self.slack.command(by, self.demo.channel, text)
        return await self.demo.workspace.wait_for(
            lambda: next((card for card in self._cards() if operation_of(card) not in known), None),
            timeout=PATIENCE,
        )

    async def answered(self, user: User, words: str) -> Message:
        """What somebody alone was told that has these words."""

        def found() -> Message | None:
            seen = self.demo.workspace.ephemerals(user)
            return next((message for message in seen if words in message.text), None)

        return await self.demo.workspace.wait_for(found, timeout=PATIENCE)

    async def announced(self, words: str) -> Message:
        """What the audit channel was told that has these words."""

        def found() -> Message | None:
            seen = self.demo.workspace.messages(self.demo.audit)
            return next((message for message in seen if words in message.text), None)

        return await self.demo.workspace.wait_for(found, timeout=PATIENCE)

    async def card_says(self, words: str, card: Message) -> Message:
        """The card once it has these words."""

        def found() -> Message | None:
            shown = self.card(operation_of(card))
            return shown if shown is not None and words in shown.text else None

        return await self.demo.workspace.wait_for(found, timeout=PATIENCE)

    async def has_approved(self, card: Message, *, outdated: bool = False) -> None:
        """The approver presses Approve; on the card as it was then, where they were quicker than its update."""
        await self.slack.click(self.demo.approver, card, "approve", outdated=outdated)

    async def audit(self, *arguments: str) -> tuple[int, str]:
        """An audit command beside the running bot: its exit code and what it printed."""
        printed = await run("audit", *arguments, "--config", str(self.bot.config), env=self.bot.env)
        return printed.code, printed.out


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    cloud, documents = SimulatedQingCloud(timings=QUICK), SimulatedHuaweiDds(timings=QUICK)
    clouds = [orders_on_qingcloud(cloud), documents_on_huawei_dds(documents)]
    async with warm_stack(
        clouds,
        slack='audit_channel = "C0AUDIT"',
        policy='break_glass = ["U0CARL"]',
        rate_limited=False,
    ) as running:
        running.demo.approver.locale = "en-US"  # what is told them alone is compared in one language
        yield World(running.demo, running.bot, running.slack, cloud, documents)


async def trail_is_honest(running: World) -> list[str]:
    """Asserts that the trail is a whole chain of honest events with a person behind each deed; gives their types."""
    code, out = await running.audit("export")
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert (await running.audit("verify"))[0] == 0
    assert (await running.audit("verify", "--head", lines[len(lines) // 2]["hash"]))[0] == 0
    assert (await running.audit("verify", "--head", "0" * 64))[0] == 4
    deeds = [line for line in lines if line["type"] in BY_PEOPLE]
    people = {user.id for user in running.demo.workspace.users.values()}
    assert all(line["actor"] in people for line in deeds)
    assert {line["team"] for line in deeds} == {running.demo.workspace.team_id}
    assert check(rows(lines)) == []
    return [line["type"] for line in lines]


def rows(lines: list[dict[str, Any]]) -> list[Row]:
    """The events of an exported trail."""
    return [
        Row(
            line["operation_id"],
            (EVENTS if line["stream"] == "operation" else HOLD_EVENTS).loads(line["data"]),
        )
        for line in lines
        if line["stream"] != "configuration"
    ]


async def test_an_emergency_overrides_a_check_is_announced_and_is_reviewed_by_somebody_else() -> None:
    async with world() as running:
        people = running.demo
        running.cloud.clusters[CLUSTER].nodes[1].health = "unhealthy"
        asked = f"emergency orders to {SECOND} override candidate_healthy because it burns"
        await running.slack.command(people.requester, people.channel, asked)
        await running.answered(people.requester, "does not let you run an emergency")
        card = await running.card_of(asked, by=people.bystander)
        await running.announced("EMERGENCY: <@U0CARL> switches orders over without approvals: it burns")
        end = await running.told("succeeded")
        assert running.primaries == [SECOND]
        assert (running.cloud.submissions_seen, running.cloud.submissions_accepted) == (1, 1)
        assert any("without approvals: it burns" in reply.text for reply in running.replies())
        assert "Somebody other than <@U0CARL> must review it" in end.text
        await running.announced("a review by somebody other than <@U0CARL> is owed")
        done = await running.card_in("succeeded")
        assert "Overridden: " in done.text
        assert "A review is owed" in done.text
        await running.slack.click(people.bystander, end, "review")
        await running.answered(people.bystander, "This is your own emergency")
        await running.slack.click(people.second_approver, end, "review")
        reviewed = f"Reviewed by <@{people.second_approver.id}>"
        await people.workspace.wait_for(
            lambda: reviewed in getattr(running.card(operation_of(card)), "text", ""), timeout=PATIENCE
        )
        assert (await trail_is_honest(running))[-1] == "reviewed"


@pytest.mark.slow
async def test_a_halt_and_a_freeze_stop_what_is_not_sent_and_name_what_is() -> None:
    async with world() as running:
        people, slack = running.demo, running.slack
        running.cloud.timings = NEVER
        sent = await running.awaiting(f"orders to {SECOND}")
        await running.has_approved(sent)
        await running.card_in("running", operation=operation_of(sent))
        waiting = await running.awaiting("sessions")

        await slack.command(people.requester, people.channel, "halt because which primary?")
        told = await running.answered(people.requester, "Halted: which primary?")
        assert operation_of(sent) in told.text
        assert operation_of(waiting) not in told.text
        assert operation_of(sent) in (await running.announced("halted every new switchover")).text
        await running.has_approved(waiting, outdated=True)
        await running.answered(people.approver, "<@U0RITA> since")
        await slack.command(people.requester, people.channel, "resume")
        await running.answered(people.requester, "an approver of at least one database")
        await slack.command(people.approver, people.channel, "resume")
        await running.announced("resumed: switchovers can start again")

        await slack.command(people.approver, people.channel, "freeze sessions for 2h because month end")
        await running.announced("froze sessions until")
        await running.has_approved(waiting, outdated=True)
        await running.answered(people.approver, "by <@U0AMIR>: month end")
        await slack.command(people.approver, people.channel, "unfreeze all")
        await running.answered(people.approver, "Still frozen: sessions")
        await slack.command(people.approver, people.channel, "unfreeze sessions")
        await running.announced("lifted the freeze of sessions")
        now = await running.card_says("Waiting for approval: 0 of 1 so far", waiting)
        assert "Approvals: 0 of 1" in now.text
        assert running.documents.submissions_seen == 0

        await running.has_approved(waiting)
        await running.told("succeeded", operation=operation_of(waiting))
        running.cloud.timings = QUICK
        await running.told("succeeded", operation=operation_of(sent))
        assert (running.cloud.submissions_seen, running.documents.submissions_seen) == (1, 1)
        types = await trail_is_honest(running)
        assert [each for each in types if each in {"halted", "resumed", "frozen", "unfrozen"}] == [
            *("halted", "resumed", "frozen", "unfrozen")
        ]


@pytest.mark.slow
async def test_a_start_to_come_comes_by_itself_and_is_switched_back_with_fresh_approvals() -> None:
    async with world() as running:
        people = running.demo
        card = await running.awaiting(f"orders to {SECOND} in 10s because upgrade")
        await running.has_approved(card)
        told = await running.told("scheduled")
        assert "Europe/Berlin" in told.text
        assert running.cloud.submissions_seen == 0
        await running.told("succeeded", operation=operation_of(card))
        assert running.primaries == [SECOND]

        done = await running.card_in("succeeded", operation=operation_of(card))
        await running.slack.click(people.requester, done, "switch_back")
        back = await running.card_in("awaiting_approval")
        assert operation_of(back) != operation_of(card)
        assert f"Switch back of {operation_of(card)}" in back.text
        assert running.cloud.submissions_seen == 1
        await running.slack.click(people.second_approver, back, "approve")
        await running.told("succeeded", operation=operation_of(back))
        assert running.primaries == [FIRST]
        assert running.cloud.submissions_seen == 2
        assert status_of(running.card(operation_of(card)) or card) == "succeeded"
        assert (await trail_is_honest(running)).count("submission_started") == 2
