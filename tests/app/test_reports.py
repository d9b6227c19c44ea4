"""What ``status`` and ``history`` print for people."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.core.holds import Hold, HoldKind
from bot.core.model import Job, JobId, JobState, Reason, UserId
from bot.core.operation import Operation, Status
from bot.core.preflight import Check
from bot.reports import operations_words
from handlers.texts import Texts
from tests.handlers.samples import HALT, NOW, OLD, PLAN, READING, emergency, sample


def printed(op: Operation) -> list[str]:
    return [line.strip() for line in operations_words([op], Texts()).split("\n")]


def test_an_emergency_is_printed_as_one_with_what_it_overrode_and_the_review_that_is_owed() -> None:
    lines = printed(emergency(Status.SUCCEEDED))
    assert "EMERGENCY, without approvals" in lines
    assert "checks that could fail: candidate_healthy" in lines
    assert "a review by somebody other than U0REQUESTER is owed" in lines


def test_who_reviewed_it_is_printed_once_somebody_has() -> None:
    op = replace(emergency(Status.SUCCEEDED), reviewed_by=UserId("U0456EFGH"), reviewed_at=NOW)
    assert "reviewed by U0456EFGH at 2026-11-22 03:30:00 UTC" in printed(op)
    assert not any("owed" in line for line in printed(op))


def test_a_scheduled_start_is_printed_with_the_zone_in_which_it_was_meant() -> None:
    assert "to start at 2026-11-22 04:30:00 UTC, meant in Asia/Shanghai" in printed(sample(Status.SCHEDULED))


def test_what_stops_new_submissions_is_printed_first() -> None:
    freeze = Hold(HoldKind.FREEZE, "orders", NOW, NOW + timedelta(hours=1), "audit", UserId("U0456EFGH"))
    held = [HALT.sentence(), freeze.sentence()]
    words = operations_words([sample(Status.RUNNING)], Texts(), held=held)
    first, second, third = words.split("\n")[:3]
    assert first == (
        "! Halted by U0AAAAAAA since 2026-11-22 03:30:00 UTC: fire. Nothing new is sent"
        " until an approver says “resume”."
    )
    assert second.startswith(
        "! Frozen (orders) until 2026-11-22 04:30:00 UTC by U0456EFGH: audit. In force since "
    )
    assert third.startswith("SW-7K3M9Q")
    assert operations_words([], Texts(), held=held[:1]) == f"{first}\nno operations"


def test_an_ordinary_switchover_is_printed_without_a_word_of_all_that() -> None:
    text = "\n".join(printed(sample(Status.SUCCEEDED)))
    assert not any(word in text for word in ("EMERGENCY", "review", "could fail", "to start"))


CLOUD_CHOOSES = Check("candidate_known", passed=True, detail=Reason.of("check-cloud-will-choose"))


def chosen_by_the_cloud(status: Status) -> Operation:
    """A shard's, of a cloud that takes the node itself."""
    op = sample(status)
    reading = replace(op.topology or READING, shard="g-1", shard_name="shard_1")
    plan = replace(PLAN, shard="g-1", candidate=None)
    return replace(op, shard="g-1", asked=None, plan=plan, topology=reading, checks=(CLOUD_CHOOSES,))


def head(op: Operation) -> str:
    return printed(op)[0]


def test_nodes_and_shards_are_called_by_name() -> None:
    assert head(sample(Status.RUNNING)) == "SW-7K3M9Q  running  orders  mysql-1 (cln-1) → mysql-2 (cln-2)"
    unread = replace(sample(Status.RUNNING), topology=None)
    assert head(unread) == "SW-7K3M9Q  running  orders  cln-1 → cln-2"
    shard = "SW-7K3M9Q  running  orders/shard_1  mysql-1 (cln-1) → "
    assert head(chosen_by_the_cloud(Status.RUNNING)).startswith(shard)


def test_where_the_cloud_chooses_that_is_said_until_it_has() -> None:
    for status in (Status.AWAITING_APPROVAL, Status.RUNNING, Status.FAILED):
        assert head(chosen_by_the_cloud(status)).endswith("  mysql-1 (cln-1) → a node the cloud chooses")
    assert head(chosen_by_the_cloud(Status.SUCCEEDED)).endswith("  mysql-1 (cln-1) → mysql-2 (cln-2)")


def test_before_a_plan_only_what_was_asked_is_printed() -> None:
    asked = sample(Status.PLANNING)
    assert head(asked) == "SW-7K3M9Q  planning  orders  → mysql-2"
    assert head(replace(asked, asked=None)) == "SW-7K3M9Q  planning  orders"


def test_where_nothing_moves_the_primary_alone_is_printed() -> None:
    needless = replace(sample(Status.NOT_NEEDED), plan=replace(PLAN, candidate=OLD))
    assert head(needless) == "SW-7K3M9Q  not_needed  orders  mysql-1 (cln-1)"
    nobody = replace(sample(Status.REFUSED), asked=None, plan=replace(PLAN, candidate=None, primary=None))
    assert head(nobody) == "SW-7K3M9Q  refused  orders  unknown primary"


def test_below_it_comes_the_reason() -> None:
    refused = printed(sample(Status.REFUSED))
    assert refused[1] == "mysql-2 (cln-2) is 48 s behind, 30 s are allowed; wait until it has caught up"
    lost = printed(sample(Status.NEEDS_ATTENTION))
    assert lost[1] == "The job is done, but mysql-1 (cln-1) is still primary."


def test_of_a_failed_job_the_reason_is_what_the_provider_says() -> None:
    job = Job(JobId("j-xyz"), JobState.FAILED, "failed", "no quota")
    failed = replace(sample(Status.FAILED), detail=None, job=job)
    assert printed(failed)[1] == "The provider says: failed (no quota)"
    assert not any("provider" in line for line in printed(sample(Status.RUNNING)))


def test_who_decided_is_printed() -> None:
    assert printed(sample(Status.REJECTED))[1] == "Decided by U0456EFGH"


def test_times_in_a_reason_are_printed_for_people_and_what_is_none_as_it_is() -> None:
    missed = replace(sample(Status.EXPIRED), detail=Reason.of("start-missed", when=NOW.isoformat()))
    assert printed(missed)[1] == "The start, 2026-11-22 03:30:00 UTC, had passed by more than a minute."
    odd = replace(missed, detail=Reason.of("start-missed", when="noon"))
    assert printed(odd)[1] == "The start, noon, had passed by more than a minute."
