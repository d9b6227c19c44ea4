"""Cards and replies: true, whole without their blocks, inert, and within Slack's limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from bot.core.commands import Action
from bot.core.machine import Say
from bot.core.model import Job, JobId, JobState, Reason
from bot.core.operation import ENDS, Operation, Status
from handlers.blocks import metadata
from handlers.card import actions, card, reply
from handlers.texts import Texts
from tests.handlers.block_kit import alive, buttons, problems
from tests.handlers.samples import HOSTILE, NEW, NOW, OLD, READING, moments, operations, sample, says

TEXTS = Texts()
EVERY = pytest.mark.parametrize("status", Status)

BUTTONS = {
    Status.PLANNING: ["cancel"],
    Status.AWAITING_APPROVAL: ["approve", "reject", "cancel"],
    Status.SCHEDULED: ["cancel"],
    Status.RECHECKING: ["cancel"],
    Status.IN_DOUBT: ["check_again"],
    Status.NEEDS_ATTENTION: ["check_again", "acknowledge"],
}
relaxed = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)


@EVERY
def test_a_card_is_whole_without_its_blocks(status: Status) -> None:
    """The first line is the status in words, the second what moves; the rest says who, why and what."""
    text = card(sample(status), TEXTS, now=NOW).text
    first, second = text.split("\n")[:2]
    head = TEXTS.text(f"status-{status.replace('_', '-')}", count=1, needed=2)
    assert (first, second.startswith("orders")) == (head, True)
    for fact in ("mysql-2", "disk of mysql-1 is failing", "SW-7K3M9Q", "<@U0REQUESTER>"):
        assert fact in text


@EVERY
def test_a_card_offers_what_can_be_done_now_and_nothing_else(status: Status) -> None:
    """The contract's ``action_id``s; a value is the operation's id."""
    shown = buttons(card(sample(status), TEXTS, now=NOW))
    assert [button["action_id"] for button in shown] == BUTTONS.get(status, [])
    assert {button["value"] for button in shown} <= {"SW-7K3M9Q"}


@EVERY
def test_what_cannot_be_taken_back_is_asked_twice(status: Status) -> None:
    """Approving and taking over have a dialogue, the rest has none."""
    asked = {
        button["action_id"] for button in buttons(card(sample(status), TEXTS, now=NOW)) if "confirm" in button
    }
    assert asked == {"approve", "acknowledge"} & set(BUTTONS.get(status, []))


def test_an_expired_approval_is_not_offered() -> None:
    """Even when the expiry is not recorded yet."""
    op = sample(Status.AWAITING_APPROVAL)
    assert op.expires_at is not None
    assert actions(op, op.expires_at) == (Action.REJECT, Action.CANCEL)
    assert Action.APPROVE in actions(op, op.expires_at - timedelta(seconds=1))


def test_an_awaiting_card_says_who_has_approved_and_who_still_may() -> None:
    """With groups and people called by their ids."""
    op = replace(sample(Status.AWAITING_APPROVAL), approvers=("S0123ABCD", "*"))
    text = card(op, TEXTS, now=NOW).text
    assert "Approvals: 1 of 2, by <@U0456EFGH>" in text
    assert "Still needed: 1. May approve: <!subteam^S0123ABCD>, any full member" in text
    assert "Approval is possible until 2026-11-22 04:00:00 UTC" in text


def test_nobody_is_called_once_it_is_decided() -> None:
    """The list of possible approvers goes with the buttons."""
    assert all("subteam" not in card(sample(status), TEXTS, now=NOW).text for status in ENDS)


def test_a_card_shows_the_nodes_and_how_old_the_reading_is() -> None:
    """The age only where somebody may still act on it."""
    fresh = card(sample(Status.AWAITING_APPROVAL), TEXTS, now=NOW).text
    assert "mysql-2 (10.0.0.2): replica, healthy, lag 0.5 s" in fresh
    assert "cln-3: read-only member, health not reported" in fresh
    assert "min before" not in fresh
    late = NOW + timedelta(minutes=9)
    assert "that was 9 min before" in card(sample(Status.AWAITING_APPROVAL), TEXTS, now=late).text
    assert "min before" not in card(sample(Status.SUCCEEDED), TEXTS, now=late).text


def test_a_running_card_shows_the_job_and_the_providers_word() -> None:
    """Its job id, or that there is none."""
    assert "Job: j-xyz\nThe provider says: working\n" in card(sample(Status.RUNNING), TEXTS, now=NOW).text
    jobless = replace(sample(Status.RUNNING), job_id=None, job=None)
    assert "gives no job id" in card(jobless, TEXTS, now=NOW).text
    failed = Job(JobId("j"), JobState.FAILED, "failed", "disk full")
    assert (
        "The provider says: failed (disk full)"
        in card(replace(sample(Status.RUNNING), job=failed), TEXTS, now=NOW).text
    )


def test_a_cloud_that_chooses_is_named_until_it_has_chosen() -> None:
    """Then the node that won is."""
    op = sample(Status.RUNNING)
    assert op.plan is not None
    chosen = replace(op.checks[0], detail=Reason.of("check-cloud-will-choose"))
    op = replace(op, plan=replace(op.plan, candidate=None), checks=(chosen,))
    assert "▸ a node the cloud chooses" in card(op, TEXTS, now=NOW).text
    done = replace(op, status=Status.SUCCEEDED, primary_now=NEW)
    assert "mysql-1 (10.0.0.1) ▸ mysql-2 (10.0.0.2)" in card(done, TEXTS, now=NOW).text


def test_a_primary_that_stays_does_not_move() -> None:
    """``not_needed``, and a request that named nobody who fits."""
    op = sample(Status.NOT_NEEDED)
    assert op.plan is not None
    same = replace(op, plan=replace(op.plan, primary=NEW))
    assert "orders: mysql-2 (10.0.0.2)\n" in card(same, TEXTS, now=NOW).text
    nobody = replace(op, asked=None, plan=replace(op.plan, candidate=None))
    assert "orders: mysql-1 (10.0.0.1)\n" in card(nobody, TEXTS, now=NOW).text
    unknown = replace(op, plan=replace(op.plan, primary=None))
    assert "orders: unknown primary ▸ mysql-2 (10.0.0.2)\n" in card(unknown, TEXTS, now=NOW).text


def test_an_end_says_how_it_ended() -> None:
    """When, after how long, and who is primary."""
    op = replace(sample(Status.SUCCEEDED), ended_at=NOW + timedelta(seconds=14))
    text = card(op, TEXTS, now=NOW).text
    assert "Primary, as last read: mysql-2 (10.0.0.2)" in text
    assert "Ended 2026-11-22 03:30:14 UTC, after 14 s" in text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_user_typed_is_shown_and_does_nothing(hostile: str) -> None:
    """Wherever it stands."""
    op = replace(
        sample(Status.AWAITING_APPROVAL), reason=hostile, database=hostile, shard=hostile, asked=hostile
    )
    assert alive(card(op, TEXTS, now=NOW)) == []


@relaxed
@given(operations, moments)
def test_every_card_is_within_the_limits_and_inert(op: Operation, now: datetime) -> None:
    """A hundred nodes, names of a thousand characters, markup everywhere."""
    made = card(op, TEXTS, now=now)
    assert problems(made) == []
    assert alive(made) == []
    assert {button["value"] for button in buttons(made)} <= {"SW-7K3M9Q"}


@relaxed
@given(operations, says)
def test_every_reply_is_within_the_limits_and_inert(op: Operation, say: Say) -> None:
    """Whatever is said of whatever operation."""
    made = reply(op, say, TEXTS)
    assert problems(made) == []
    assert alive(made) == []
    assert buttons(made) == []


def test_a_reply_names_nodes_and_calls_people() -> None:
    """Not their ids, and not their ids."""
    op = sample(Status.SUCCEEDED)
    done = Reason.of("reply-succeeded", database="orders", before=OLD, now=NEW, job="j", seconds=14, by=None)
    assert reply(op, Say(done), TEXTS).text == (
        "✔ orders is switched over: mysql-1 ▸ mysql-2. The roles were read twice and are as approved. It took 14 s."
    )
    no = Say(Reason.of("reply-rejected", database="orders", by="U0456EFGH"), Reason.of("roles-unreadable"))
    assert reply(op, no, TEXTS).text == (
        "✖ <@U0456EFGH> rejected the switchover of orders. Nothing changed.\nThe roles can't be read."
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [("shard-1", "Shard: shard-1 (9f3c)\n"), ("9f3c", "Shard: 9f3c\n"), ("", "Shard: 9f3c\n")],
)
def test_a_shard_with_a_name_is_shown_with_it(name: str, shown: str) -> None:
    """The id alone says little to people."""
    op = replace(
        sample(Status.RUNNING), shard="9f3c", topology=replace(READING, shard="9f3c", shard_name=name)
    )
    assert shown in card(op, TEXTS, now=NOW).text
    assert "Shard: 9f3c\n" in card(replace(op, topology=None), TEXTS, now=NOW).text


def test_a_reason_is_shown_up_to_a_limit() -> None:
    """The rest is in the audit trail."""
    op = replace(sample(Status.AWAITING_APPROVAL), reason="x" * 4000)
    assert f"Reason: {'x' * 498}…" in card(op, TEXTS, now=NOW).text


def test_metadata_is_the_contracts() -> None:
    """Three keys, no more."""
    assert metadata("SW-7K3M9Q", "running", "SW-7K3M9Q:4") == {
        "event_type": "switchover_operation",
        "event_payload": {"operation": "SW-7K3M9Q", "status": "running", "key": "SW-7K3M9Q:4"},
    }


def test_many_nodes_are_counted_where_they_are_not_shown() -> None:
    """Twenty, and how many more."""
    node = READING.nodes[1]
    many = replace(READING, nodes=(node,) * 100)
    assert "… and 80 more" in card(replace(sample(Status.RUNNING), topology=many), TEXTS, now=NOW).text


def test_a_strange_user_id_leaves_its_sentence_room() -> None:
    """It is shown in part, and the sentence stays."""
    said = Say(Reason.of("reply-rejected", database="orders", by="&" * 1000))
    assert reply(sample(Status.REJECTED), said, TEXTS).text.endswith(
        "… rejected the switchover of orders. Nothing changed."
    )
