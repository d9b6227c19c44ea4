"""Values for the suite, and walks through the real machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from bot.core import events as e
from bot.core.answers import Tell
from bot.core.commands import Origin, RequestSwitchover
from bot.core.holds import Frozen, Halted, Hold, Resumed, Unfrozen
from bot.core.machine import Decision, Say, decide, open_operation
from bot.core.model import (
    Call,
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
from bot.core.preflight import Check, Outcome
from bot.errors import IllegalTransition
from bot.ports import Inbound, Reply

NOW = datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC)
PLACE = e.Place("C1")
ORIGIN = Origin(UserId("U1"), "T1", PLACE, "https://hooks.example/1")
COMMAND = RequestSwitchover("orders", reason="disk is dying")
WHY = Reason.of("because", n=1)


def after(seconds: float) -> datetime:
    """A time after NOW."""
    return NOW + timedelta(seconds=seconds)


LATER = after(60)


def inbound(key: str = "key", signature: str = "", at: datetime = NOW) -> Inbound:
    return Inbound(key, signature, ORIGIN, COMMAND, at)


def reply(code: str = "hello") -> Reply:
    return Reply(ORIGIN, Tell(Reason.of(code)))


def say_held(holds: Sequence[Hold]) -> Say | None:
    """Names what is in force."""
    named = ", ".join(f"{hold.kind} of {hold.scope}" for hold in holds)
    return Say(Reason.of("reply-held", holds=named)) if holds else None


def requested(
    number: int = 1,
    *,
    database: str | None = None,
    shard: str | None = None,
    at: datetime = NOW,
    place: e.Place = PLACE,
    start_in: timedelta | None = None,
    emergency: bool = False,
    choice: e.Choice | None = None,
) -> Decision:
    """The first decision of operation ``SW-<number>``, on a database of its own unless one is given."""
    op_id = OperationId(f"SW-{number:06}")
    name = database or f"db{number}"
    first = e.Requested(at, op_id, name, shard, None, "why", UserId("U1"), "T1", place)
    start_at = None if start_in is None else at + start_in
    return open_operation(replace(first, start_at=start_at, emergency=emergency, choice=choice))


def topology(primary: str = "n1", at: datetime = NOW, *, idle: bool = True) -> Topology:
    nodes = tuple(
        Node(
            NodeId(name),
            name.upper(),
            f"10.0.0.{name[1:]}",
            Role.PRIMARY if name == primary else Role.REPLICA,
            healthy=True,
            lag=timedelta(microseconds=1500),
        )
        for name in ("n1", "n2", "n3")
    )
    return Topology(nodes, idle, "", "active", at)


def plan(op: Operation, shard: str | None = None) -> Plan:
    return Plan(
        op.database, shard or op.shard, NodeId("n2"), NodeId("n1"), topology().members, Call("promote n2")
    )


def planned(
    op: Operation,
    *,
    outcome: Outcome = Outcome.CLEAN,
    shard: str | None = None,
    needed: int = 1,
    at: datetime = NOW,
) -> e.Planned:
    return e.Planned(
        at=at,
        plan=plan(op, shard),
        topology=topology(at=at),
        checks=(Check("cluster_ready", passed=True, detail=WHY),),
        outcome=outcome,
        detail=None if outcome is Outcome.CLEAN else WHY,
        needed=0 if op.emergency else needed,
        approvers=("S1",),
        expires_at=at + timedelta(minutes=30),
    )


def chain(first: Decision, *steps: Callable[[Operation], e.Event]) -> list[Decision]:
    """Decisions that follow from ``first``, without it."""
    decisions: list[Decision] = []
    op = first.after
    for step in steps:
        decision = decide(op, step(op))
        if isinstance(decision.event, e.Planned) and decision.after.open:
            decision = replace(decision, effects=())  # who waits for approval is no matter here
        decisions.append(decision)
        op = decision.after
    return decisions


def approved(by: str = "U2", needed: int = 1) -> Callable[[Operation], e.Event]:
    return lambda _op: e.Approved(NOW, UserId(by), needed, self_approval=False)


def started(op: Operation) -> e.Event:
    return e.SubmissionStarted(NOW, plan(op, op.shard), topology(), op.approved_by, op.needed)


def accepted(_op: Operation) -> e.Event:
    return e.SubmissionAccepted(NOW, JobId("j-1"))


def reported(word: str, state: JobState = JobState.RUNNING) -> Callable[[Operation], e.Event]:
    return lambda _op: e.JobReported(NOW, Job(JobId("j-1"), state, word))


def confirmed(_op: Operation) -> e.Event:
    return e.RolesConfirmed(NOW, (topology("n2"), topology("n2")))


def cancelled(_op: Operation) -> e.Event:
    return e.Cancelled(NOW, UserId("U1"))


def reviewed(_op: Operation) -> e.Event:
    return e.Reviewed(LATER, UserId("U2"), "T1")


def done_without_approval(first: Decision) -> list[Decision]:
    """The decisions from an emergency's request to its verified end."""
    return chain(first, planned, started, accepted, reported("done", JobState.DONE), confirmed)


def running(first: Decision) -> list[Decision]:
    """The decisions from a request to a running job."""
    return chain(first, planned, approved(), started, accepted)


def possible(op: Operation, at: datetime) -> list[e.Event]:
    """Every event of a small alphabet that the machine takes now."""
    return [event for event in _alphabet(op, at) if _takes(op, event)]


def _takes(op: Operation, event: e.Event) -> bool:
    try:
        decide(op, event)
    except IllegalTransition:
        return False
    return True


def _alphabet(op: Operation, at: datetime) -> list[e.Event]:
    before, moved, job = topology("n1", at), topology("n2", at), JobId("j-1")
    return [
        *(planned(op, outcome=outcome, needed=2, at=at) for outcome in Outcome),
        e.PlanningFailed(at, WHY),
        e.CallsAwaited(at, WHY),
        *(e.Approved(at, UserId(by), 2, self_approval=True) for by in ("U1", "U2", "U3")),
        e.StartNear(at),
        e.StartReached(at),
        e.Rejected(at, UserId("U2")),
        e.Cancelled(at, None, WHY),
        e.Expired(at),
        e.RecheckRefused(at, WHY, before),
        e.SubmissionStarted(at, plan(op), before, op.approved_by, op.needed),
        *(e.SubmissionAccepted(at, job_id) for job_id in (job, None)),
        e.SubmissionNotAccepted(at, WHY, at + timedelta(seconds=2)),
        e.SubmissionRefused(at, WHY),
        e.SubmissionUncertain(at, WHY),
        e.SubmissionFound(at, Job(job, JobState.RUNNING, "working"), None, WHY),
        e.SubmissionFound(at, None, moved, WHY),
        e.SubmissionAbsent(at, before, WHY),
        e.DoubtRemained(at, WHY, before),
        *(e.JobReported(at, Job(job, state, state.value, "…")) for state in JobState),
        e.RolesMoved(at, moved),
        e.DeadlinePassed(at, WHY),
        e.RolesConfirmed(at, (moved, moved)),
        e.RolesUnchanged(at, (before, before)),
        e.RolesUnproven(at, WHY, moved),
        e.Acknowledged(at, UserId("U3")),
        e.Reviewed(at, UserId("U2")),
    ]


@st.composite
def walks(draw: st.DrawFn) -> list[Callable[[Operation], e.Event]]:
    """Steps of a random walk, from the request on, as far as it goes; each picks among what is possible."""
    choices = draw(st.lists(st.integers(0, 1_000), min_size=1, max_size=14))
    return [_pick(choice, position) for position, choice in enumerate(choices)]


def _pick(choice: int, position: int) -> Callable[[Operation], e.Event]:
    def step(op: Operation) -> e.Event:
        open_to_it = possible(op, after(position))
        return open_to_it[choice % len(open_to_it)]

    return step


def walk(first: Decision, steps: list[Callable[[Operation], e.Event]]) -> list[Decision]:
    """The decisions of a walk, which ends where nothing more can happen."""
    decisions: list[Decision] = []
    op = first.after
    for step in steps:
        if not (op.open or op.review_owed):
            break
        decisions.append(decide(op, step(op)))
        op = decisions[-1].after
    return decisions


BOB = UserId("U2")


def frozen(scope: str, at: datetime = NOW, *, until: datetime | None = None, reason: str = "why") -> Frozen:
    return Frozen(at, scope, until, reason, BOB, "T1")


def unfrozen(scope: str, at: datetime = NOW) -> Unfrozen:
    return Unfrozen(at, scope, BOB, "T1")


def halted(at: datetime = NOW) -> Halted:
    return Halted(at, "fire", BOB, "T1")


def resumed(at: datetime = NOW) -> Resumed:
    return Resumed(at, BOB, "T1")
