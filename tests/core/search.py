"""Every state that an operation can reach under a small alphabet of events, and every edge between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from bot.core import events as e
from bot.core.machine import TRANSITIONS, Decision, decide, open_operation
from bot.core.model import Job, JobId, JobState, Reason, Topology
from bot.core.operation import Operation, Status
from bot.core.preflight import Outcome
from bot.errors import IllegalTransition
from tests.core.examples import (
    ANN,
    ASKER,
    BOB,
    DONE,
    FAILED,
    JOB,
    WHY,
    A,
    B,
    C,
    at,
    job,
    plan,
    planned,
    reading,
    requested,
    started,
)

NAMED, CLOUD_CHOOSES, MOVED = plan(B), plan(None), plan(B, primary=C)
OVERRIDES = ("candidate_lag",)
OVERRIDING = replace(NAMED, overrides=OVERRIDES)
SPENT = Reason.of("calls-awaited", message="spent")
SCHEDULED_FOR = at(10)
REQUESTS = (
    requested(),
    requested(start_at=SCHEDULED_FOR),
    requested(emergency=True, overrides=OVERRIDES),
)
LATE = at(4000)
FOREIGN = Job(JobId("j-foreign"), JobState.DONE, "successful")

AS_APPROVED, ELSEWHERE, UNCHANGED = reading(B), reading(C), reading(A)
NONE, TWO, BUSY = reading(), reading(A, B), reading(B, idle=False)
READINGS = (AS_APPROVED, ELSEWHERE, UNCHANGED, NONE, TWO, BUSY)


def _people() -> Iterable[e.Event]:
    for who, when, needed in product((ANN, BOB, ASKER), (at(2), LATE), (1, 2)):
        yield e.Approved(when, who, needed, self_approval=False)
    yield e.Rejected(at(5), ANN)
    yield e.Cancelled(at(5), ASKER)
    yield e.Cancelled(at(5), None, WHY)
    yield e.Acknowledged(at(5), ANN)
    yield e.Reviewed(at(20), ANN)
    yield e.Reviewed(at(20), ASKER)


def _planning() -> Iterable[e.Event]:
    yield planned(NAMED, needed=2)
    yield planned(CLOUD_CHOOSES, needed=1)
    for outcome in Outcome:
        yield planned(OVERRIDING, needed=0, outcome=outcome)
    yield planned(NAMED, outcome=Outcome.REFUSED)
    yield planned(NAMED, outcome=Outcome.NOT_NEEDED)
    yield e.PlanningFailed(at(1), WHY)
    yield e.CallsAwaited(at(1), SPENT)
    yield e.Expired(LATE)
    for when in (at(2), at(12), LATE):
        yield e.StartNear(when)
        yield e.StartReached(when)


def _submitting() -> Iterable[e.Event]:
    yield e.RecheckRefused(at(3), WHY, ELSEWHERE)
    for again, when in product((NAMED, CLOUD_CHOOSES), (at(12), at(45), LATE)):
        for by, needed in (((ANN, BOB), 2), ((ANN,), 1), ((ANN,), 2), ((ANN, ANN), 2), ((BOB,), 1)):
            yield started(again, when=when, by=by, needed=needed)
    for when in (at(12), at(45)):
        yield started(OVERRIDING, when=when, by=(), needed=0)
    yield started(OVERRIDING, when=at(12))
    yield started(NAMED, when=at(12), by=(), needed=0)
    yield started(MOVED, when=at(12))
    yield started(NAMED, when=at(9))  # by a clock that was set back after the start had come
    yield started(NAMED, when=at(12), by=(ANN, ASKER))
    for job_id in (JOB, None):
        yield e.SubmissionAccepted(at(13), job_id)
    for retry_at in (at(40), LATE):
        yield e.SubmissionNotAccepted(at(13), WHY, retry_at)
    yield e.SubmissionRefused(at(13), WHY)
    yield e.SubmissionUncertain(at(13), WHY)


def _doubting() -> Iterable[e.Event]:
    yield e.SubmissionFound(at(14), job(), None, WHY)
    yield e.SubmissionFound(at(14), None, None, WHY)
    for seen in READINGS:
        yield e.SubmissionFound(at(14), None, seen, WHY)
        yield e.SubmissionAbsent(at(14), seen, WHY)
    yield e.DoubtRemained(at(14), WHY)


def _following() -> Iterable[e.Event]:
    for reported in (job(), DONE, FAILED, FOREIGN):
        yield e.JobReported(at(15), reported)
    yield e.DeadlinePassed(at(15), WHY)
    for seen in READINGS:
        yield e.RolesMoved(at(15), seen)
    for both in product(READINGS, (AS_APPROVED, ELSEWHERE, UNCHANGED)):
        yield e.RolesConfirmed(at(16), both)
        yield e.RolesUnchanged(at(16), both)
    yield e.RolesUnproven(at(16), Reason.of("unproven"), TWO)


ALPHABET: tuple[e.Event, ...] = (
    *_planning(),
    *_people(),
    *_submitting(),
    *_doubting(),
    *_following(),
    requested(),
)


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """One legal step; ``source`` and ``target`` are states, ``decision`` is as the machine made it."""

    source: Operation
    before: Operation
    event: e.Event
    decision: Decision
    target: Operation


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """What the search found.

    Attributes:
        states: Every state, with the shortest events that lead to it.
        edges: Every legal step from every state.
        refused: How many steps the machine refused.
        changed: States that a refused or a legal step changed in place: none, it is hoped.
    """

    states: dict[Operation, tuple[e.Event, ...]]
    edges: list[Edge]
    refused: int
    changed: list[Operation]

    def leaving(self) -> dict[Operation, list[Edge]]:
        """The edges by where they start."""
        out: dict[Operation, list[Edge]] = {state: [] for state in self.states}
        for edge in self.edges:
            out[edge.source].append(edge)
        return out


def normal(op: Operation) -> Operation:
    """The state without its version, which only counts."""
    return replace(op, version=0)


def step(op: Operation, event: e.Event) -> Decision | None:
    """What the machine decides; None where it refuses."""
    try:
        return decide(op, event)
    except IllegalTransition:
        return None


@cache
def explore() -> Graph:
    """Breadth first from each request, until nothing new is found.

    Every event is offered to every state that has a rule for its kind, and to the first state found of each
    status whether it has one or not.
    """
    starts = {open_operation(first).after: first for first in REQUESTS}
    found = {normal(start): normal(start) for start in starts}
    graph = Graph({normal(start): (first,) for start, first in starts.items()}, [], 0, [])
    queue = deque(starts)
    refused, tried = 0, set[Status]()
    while queue:
        op = queue.popleft()
        source, copy = found[normal(op)], replace(op)
        for event in _offered(op, tried):
            decision = step(op, event)
            if decision is None:
                refused += 1
                continue
            key = normal(decision.after)
            target = found.setdefault(key, key)
            if target not in graph.states:
                graph.states[target] = (*graph.states[source], event)
                queue.append(decision.after)
            graph.edges.append(Edge(source, op, event, decision, target))
        if op != copy:
            graph.changed.append(op)
    return replace(graph, refused=refused)


def _offered(op: Operation, tried: set[Status]) -> Iterable[e.Event]:
    if op.status in tried:
        return [event for event in ALPHABET if type(event) in TRANSITIONS[op.status]]
    tried.add(op.status)
    return ALPHABET


def roles(topology: Topology) -> tuple[list[str], bool]:
    """Who says that it is primary, and whether nothing is under way: all that a promise may look at."""
    return [node.id for node in topology.nodes if node.role == "primary"], topology.idle
