"""Values that the tests of the rules share: one cluster of three nodes, its plan, its policy, some readings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.core import events as e
from bot.core.machine import decide, open_operation
from bot.core.model import (
    Call,
    CandidateRule,
    Capabilities,
    Evidence,
    Job,
    JobId,
    JobState,
    Node,
    NodeId,
    OperationId,
    Plan,
    Reason,
    Role,
    Topology,
    UserId,
)
from bot.core.operation import Operation
from bot.core.policy import Policy
from bot.core.preflight import Outcome

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)

ASKER, ANN, BOB, EVE = UserId("U-ASKER"), UserId("U-ANN"), UserId("U-BOB"), UserId("U-EVE")
A, B, C, OUTSIDER = NodeId("n-a"), NodeId("n-b"), NodeId("n-c"), NodeId("n-x")
JOB = JobId("j-1")
WHY = Reason.of("why")

CLOUD = Capabilities(
    candidate=CandidateRule.REQUIRED,
    reports_lag=True,
    shards=False,
    jobs_per_call=100,
    submission_valid_for=timedelta(minutes=2),
)
POLICY = Policy(name="production", approvers=("S-DBA",))


def at(seconds: float) -> datetime:
    """So many seconds after the start."""
    return START + seconds * SECOND


def node(node_id: NodeId, role: Role = Role.REPLICA, *, lag: float | None = 0.5) -> Node:
    """A healthy member; ``n-b`` is named ``db-b`` and lives at 10.0.0.98."""
    last = node_id.removeprefix("n-")
    pause = None if lag is None else timedelta(seconds=lag)
    return Node(node_id, f"db-{last}", f"10.0.0.{ord(last)}", role, healthy=True, lag=pause)


def reading(*primaries: NodeId, idle: bool = True, at: datetime = START) -> Topology:
    """A reading of the three nodes in which these are primary; one that is no member joins them."""
    ids = [A, B, C, *(each for each in primaries if each not in {A, B, C})]
    nodes = tuple(node(each, Role.PRIMARY if each in primaries else Role.REPLICA) for each in ids)
    return Topology(nodes, idle, "", "active" if idle else "changing", at)


def plan(candidate: NodeId | None = B, primary: NodeId | None = A) -> Plan:
    """From ``n-a`` to ``n-b``, unless told otherwise."""
    members = reading(*([] if primary is None else [primary])).members
    return Plan("orders", None, candidate, primary, members, Call(f"assignmaster {candidate}"))


def job(state: JobState = JobState.RUNNING, word: str = "working", detail: str = "") -> Job:
    """The one job of these tests."""
    return Job(JOB, state, word, detail)


DONE = job(JobState.DONE, "successful")
FAILED = job(JobState.FAILED, "failed", "timed out")


def evidence(found: Job | None = None, *, searched: bool = True) -> Evidence:
    """What a look for a lost submission brought."""
    return Evidence(found, searched, Reason.of("looked-none", count=3))


def requested(
    when: datetime = START,
    *,
    start_at: datetime | None = None,
    emergency: bool = False,
    overrides: tuple[str, ...] = (),
) -> e.Requested:
    """The first event."""
    return e.Requested(
        at=when,
        id=OperationId("SW-000001"),
        database="orders",
        shard=None,
        node="db-b",
        reason="maintenance",
        by=ASKER,
        team="T-HOME",
        place=e.Place("C-OPS"),
        start_at=start_at,
        zone="Europe/Berlin" if start_at else "",
        emergency=emergency,
        overrides=overrides,
    )


def planned(
    approved: Plan | None = None,
    *,
    needed: int = 2,
    outcome: Outcome = Outcome.CLEAN,
) -> e.Planned:
    """A clean plan that needs two approvals within half an hour, unless told otherwise."""
    return e.Planned(
        at=at(1),
        plan=approved or plan(),
        topology=reading(A, at=at(1)),
        checks=(),
        outcome=outcome,
        detail=None if outcome is Outcome.CLEAN else WHY,
        needed=needed,
        approvers=("S-DBA",),
        expires_at=START + 30 * MINUTE,
    )


def approved(by: UserId = ANN, *, when: datetime | None = None, needed: int = 2) -> e.Approved:
    """A counted approval."""
    return e.Approved(when or at(2), by, needed, self_approval=False)


def started(
    again: Plan | None = None,
    *,
    when: datetime | None = None,
    by: tuple[UserId, ...] = (ANN, BOB),
    needed: int = 2,
    cloud: timedelta | None = None,
) -> e.SubmissionStarted:
    """The recheck was clean; ``cloud``: how far the cloud's clock, as far as it was told, was ahead of ours."""
    when = when or at(3)
    seen = reading(A) if cloud is None else replace(reading(A, at=when), cloud_at=when + cloud)
    return e.SubmissionStarted(when, again or plan(), seen, by, needed)


UNSENT = (planned(), approved(ANN), approved(BOB))
SENT = (*UNSENT, started())
ACCEPTED = (*SENT, e.SubmissionAccepted(at(4), JOB))
UNCERTAIN = (*SENT, e.SubmissionUncertain(at(4), WHY))


def operation(*events: e.Event, first: e.Requested | None = None) -> Operation:
    """The operation that these events make after the request."""
    op = open_operation(first or requested()).after
    for event in events:
        op = decide(op, event).after
    return op


def with_plan(op: Operation, other: Plan) -> Operation:
    """The same operation, had another plan been approved."""
    return replace(op, plan=other)
