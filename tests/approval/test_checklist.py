"""ACK001 to ACK009: no path through the machine breaks one, and the checker sees each when it is broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.core import events as e
from bot.core import holds as h
from bot.core.model import Call, OperationId, UserId
from tests.approval.checklist import Row, check
from tests.core.examples import (
    ANN,
    ASKER,
    BOB,
    JOB,
    WHY,
    A,
    B,
    C,
    at,
    plan,
    planned,
    reading,
    requested,
    started,
)
from tests.core.search import explore

ID, OTHER = OperationId("SW-000001"), OperationId("SW-000002")
HOME = "T-HOME"


def approved(by: UserId, seconds: float = 2) -> e.Approved:
    return e.Approved(at(seconds), by, 2, self_approval=False, team=HOME)


HONEST: tuple[e.Event, ...] = (
    requested(),
    planned(),
    approved(ANN),
    approved(BOB),
    started(),
    e.SubmissionAccepted(at(4), JOB),
    e.RolesConfirmed(at(9), (reading(B), reading(B))),
)
ALONE: tuple[e.Event, ...] = (
    requested(emergency=True),
    planned(needed=0),
    started(by=(), needed=0),
    e.SubmissionAccepted(at(4), JOB),
)


def rows(*events: e.Event | h.HoldEvent, of: OperationId = ID) -> list[Row]:
    return [Row(None if isinstance(event, h.HoldEvent) else of, event) for event in events]


def rules(trail: Sequence[Row]) -> set[str]:
    return {finding.rule for finding in check(trail)}


def test_an_honest_trail_has_no_finding() -> None:
    assert check(rows(*HONEST)) == []
    assert check(rows(*ALONE)) == []


def test_no_path_through_the_machine_leads_to_a_finding() -> None:
    """Over every state that the search reaches; who acted for which workspace is the shell's to fill in."""
    for events in explore().states.values():
        found = [finding for finding in check(rows(*events)) if "workspace" not in finding.problem]
        assert found == [], events


def without(kind: type[e.Event], *, times: int = 1) -> list[Row]:
    left = list(HONEST)
    for event in [event for event in HONEST if isinstance(event, kind)][:times]:
        left.remove(event)
    return rows(*left)


def changed(kind: type[e.Event], **changes: object) -> list[Row]:
    return rows(*(replace(event, **changes) if isinstance(event, kind) else event for event in HONEST))  # type: ignore[arg-type]


def before_the_start(event: e.Event | h.HoldEvent) -> list[Row]:
    return rows(*HONEST[:4], event, *HONEST[4:])


FROZEN = h.Frozen(at(2), "orders", at(100), "release", ANN, HOME)
BROKEN = {
    "ACK001 nobody approved": ("ACK001", rows(requested(), planned(), started(by=()))),
    "ACK001 one of two approved": ("ACK001", changed(e.SubmissionStarted, approved_by=(ANN,))),
    "ACK001 none is needed, and no emergency": (
        "ACK001",
        rows(requested(), planned(), started(by=(), needed=0)),
    ),
    "ACK002 rejected": ("ACK002", before_the_start(e.Rejected(at(2), ANN, HOME))),
    "ACK002 withdrawn": ("ACK002", before_the_start(e.Cancelled(at(2), ASKER, None, HOME))),
    "ACK002 expired": ("ACK002", before_the_start(e.Expired(at(2)))),
    "ACK002 refused by the recheck": ("ACK002", before_the_start(e.RecheckRefused(at(2), WHY))),
    "ACK003 another node": ("ACK003", changed(e.SubmissionStarted, plan=plan(C))),
    "ACK003 another primary": ("ACK003", changed(e.SubmissionStarted, plan=plan(B, primary=C))),
    "ACK003 another call": (
        "ACK003",
        changed(e.SubmissionStarted, plan=replace(plan(), call=Call("promote n-b"))),
    ),
    "ACK003 more overridden": (
        "ACK003",
        changed(e.SubmissionStarted, plan=replace(plan(), overrides=("candidate_lag",))),
    ),
    "ACK004 approvals of another operation": ("ACK004", without(e.Approved)),
    "ACK004 counted twice": ("ACK004", rows(*HONEST[:4], approved(BOB), *HONEST[4:])),
    "ACK004 sent again": ("ACK004", rows(*HONEST[:6], started(when=at(5)), *HONEST[6:])),
    "ACK004 sent again after a lost answer": (
        "ACK004",
        rows(*HONEST[:5], e.SubmissionUncertain(at(4), WHY), started(when=at(5))),
    ),
    "ACK005 approved too late": (
        "ACK005",
        rows(requested(), planned(), approved(ANN, 1801), approved(BOB), started()),
    ),
    "ACK005 sent too late": ("ACK005", changed(e.SubmissionStarted, at=at(1800))),
    "ACK005 sent before its start time": ("ACK005", changed(e.Requested, start_at=at(60))),
    "ACK006 approved before it was planned": (
        "ACK006",
        rows(requested(), approved(ANN), approved(BOB), planned(), started()),
    ),
    "ACK006 sent before it was planned": ("ACK006", rows(requested(), started())),
    "ACK006 accepted before it was sent": (
        "ACK006",
        rows(*HONEST[:4], e.SubmissionAccepted(at(4), JOB), started()),
    ),
    "ACK006 approved after it was over": ("ACK006", rows(*HONEST, approved(UserId("U-EVE"), 20))),
    "ACK007 around a denial": (
        "ACK007",
        rows(*HONEST[:4], of=OTHER)
        + rows(requested(), e.Rejected(at(2), ANN, HOME))
        + rows(started(), of=OTHER),
    ),
    "ACK007 beside another that is under way": ("ACK007", rows(*HONEST[:6]) + rows(*HONEST[:5], of=OTHER)),
    "ACK008 halted": ("ACK008", before_the_start(h.Halted(at(2), "incident", ANN, HOME))),
    "ACK008 frozen": ("ACK008", before_the_start(FROZEN)),
    "ACK008 an emergency while halted": (
        "ACK008",
        rows(h.Halted(at(2), "incident", ANN, HOME), *ALONE),
    ),
    "ACK009 nobody is named": ("ACK009", changed(e.Approved, team="")),
    "ACK009 without a reading": (
        "ACK009",
        changed(e.SubmissionStarted, topology=replace(reading(), nodes=())),
    ),
    "ACK009 success on one reading": (
        "ACK009",
        changed(e.RolesConfirmed, readings=(reading(B), reading(A, B))),
    ),
    "ACK009 success of another node": (
        "ACK009",
        changed(e.RolesConfirmed, readings=(reading(C), reading(C))),
    ),
}


@pytest.mark.parametrize(("rule", "trail"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_is_found(rule: str, trail: list[Row]) -> None:
    assert rule in rules(trail)


def test_every_question_is_asked_and_each_has_its_answer() -> None:
    assert {rule for rule, _ in BROKEN.values()} == {f"ACK00{number}" for number in range(1, 10)}


@pytest.mark.parametrize(
    "trail",
    [
        rows(h.Halted(at(1), "incident", ANN, HOME), h.Resumed(at(2), ANN, HOME), *HONEST),
        rows(replace(FROZEN, until=at(2)), *HONEST),
        rows(FROZEN, h.Unfrozen(at(2), "orders", ANN, HOME), *HONEST),
        rows(replace(FROZEN, scope="sessions"), *HONEST),
        rows(FROZEN, *ALONE),
        rows(requested(), e.Rejected(at(1), ANN, HOME), of=OTHER) + rows(*HONEST),
        rows(*HONEST[:5], e.SubmissionNotAccepted(at(4), WHY, at(5)), started(when=at(6))),
        rows(replace(requested(), start_at=at(3)), *HONEST[1:]),
    ],
    ids=[
        "resumed",
        "thawed by itself",
        "unfrozen",
        "another database frozen",
        "an emergency while frozen",
        "approved after a denial",
        "surely not accepted and tried again",
        "at its start time",
    ],
)
def test_what_is_right_is_not_found(trail: list[Row]) -> None:
    assert check(trail) == []
