"""What ``status`` and ``history`` print for people."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.core.holds import Hold, HoldKind
from bot.core.model import UserId
from bot.core.operation import Operation, Status
from bot.reports import operations_words
from handlers.texts import Texts
from tests.handlers.samples import HALT, NOW, emergency, sample


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
    first, second, third = operations_words([sample(Status.RUNNING)], Texts(), held).split("\n")[:3]
    assert first == (
        "! Halted by U0AAAAAAA since 2026-11-22 03:30:00 UTC: fire. Nothing new is sent"
        " until an approver says “resume”."
    )
    assert second.startswith(
        "! Frozen (orders) until 2026-11-22 04:30:00 UTC by U0456EFGH: audit. In force since "
    )
    assert third.startswith("SW-7K3M9Q")
    assert operations_words([], Texts(), held[:1]) == f"{first}\nno operations"


def test_an_ordinary_switchover_is_printed_without_a_word_of_all_that() -> None:
    text = "\n".join(printed(sample(Status.SUCCEEDED)))
    assert not any(word in text for word in ("EMERGENCY", "review", "could fail", "to start"))
