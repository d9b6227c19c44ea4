"""A checker of audit trails that knows nothing of the machine: nine ways in which an approval can be worthless.

The nine questions are those of AgentAck's control checklist, ACK001 to ACK009
(https://github.com/sylvesterkaczmarek/agentack). It reads events in the order of the trail, and trusts their order
more than their times.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.core import events as e
from bot.core import holds as h
from bot.core.model import OperationId, Plan

LATE = timedelta(seconds=120)
"""How long after its start time a scheduled request may leave: a minute to be seen, a minute of tries."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the trail: an operation's event, or a hold's with no operation."""

    operation: OperationId | None
    event: e.Event | h.HoldEvent


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, where: ``index`` counts rows from 0."""

    rule: str
    index: int
    operation: OperationId | None
    problem: str


@dataclass(slots=True)
class _Story:
    """One operation as far as the trail has been read."""

    request: e.Requested | None = None
    planned: e.Planned | None = None
    approvals: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    closed_by: str = ""
    """What ended it before anything was sent."""
    under_way: bool = False
    """A submission has begun and is not known to have been refused."""
    may_have_arrived: bool = False
    over: bool = False

    @property
    def target(self) -> tuple[str, str | None]:
        if self.planned is not None:
            return self.planned.plan.database, self.planned.plan.shard
        assert self.request is not None
        return self.request.database, self.request.shard


ENDING_BEFORE = (e.Rejected, e.Cancelled, e.Expired, e.RecheckRefused, e.PlanningFailed)
ENDING = (
    e.SubmissionRefused,
    e.SubmissionAbsent,
    e.RolesConfirmed,
    e.RolesUnchanged,
    e.Acknowledged,
    *ENDING_BEFORE,
)
BY_PEOPLE = (e.Requested, e.Approved, e.Rejected, e.Acknowledged, e.Reviewed)


class Checklist:
    """Reads a trail once, from its beginning."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._stories: dict[OperationId, _Story] = defaultdict(_Story)
        self._denied_at: dict[tuple[str, str | None], int] = {}
        self._holds: tuple[h.Hold, ...] = ()
        self._index = -1
        self._operation: OperationId | None = None

    def read(self, rows: Iterable[Row]) -> Sequence[Finding]:
        """All that is wrong with a trail."""
        for row in rows:
            self._index += 1
            self._operation = row.operation
            if isinstance(row.event, h.HoldEvent):
                self._holds = h.apply(self._holds, row.event)
            else:
                assert row.operation is not None
                self._operation_event(self._stories[row.operation], row.event)
        return self.findings

    def _wrong(self, rule: str, problem: str) -> None:
        self.findings.append(Finding(rule, self._index, self._operation, problem))

    def _operation_event(self, story: _Story, event: e.Event) -> None:
        if isinstance(event, BY_PEOPLE) and not (event.by and event.team):
            self._wrong("ACK009", "nobody, or nobody's workspace, is named for what a person did")
        match event:
            case e.Requested():
                story.request = event
            case e.Planned():
                self._in_order(story, story.request is not None and story.planned is None)
                story.planned = event
            case e.Approved():
                self._approved(story, event)
            case e.SubmissionStarted():
                self._submission_started(story, event)
            case e.SubmissionNotAccepted() | e.SubmissionRefused():
                self._in_order(story, story.under_way)
                story.under_way = False
            case e.SubmissionAccepted() | e.SubmissionUncertain():
                self._in_order(story, story.under_way)
                story.may_have_arrived = True
            case e.RolesConfirmed():
                self._proven(story, event)
            case _:
                pass
        self._ended(story, event)

    def _in_order(self, story: _Story, holds: bool) -> None:
        if not holds or story.over:
            self._wrong("ACK006", "it comes before what it presupposes, or after the end")

    def _approved(self, story: _Story, event: e.Approved) -> None:
        self._in_order(story, story.planned is not None and not story.under_way)
        if event.by in story.approvals:
            self._wrong("ACK004", f"{event.by} is counted twice")
        if story.planned is not None and event.at >= story.planned.expires_at:
            self._wrong("ACK005", "an approval counted after the expiry")
        story.approvals[event.by] = (self._index, event.at)

    def _submission_started(self, story: _Story, event: e.SubmissionStarted) -> None:
        request, planned = story.request, story.planned
        if request is None or planned is None:
            self._wrong("ACK006", "something was sent that was never requested or planned")
            return
        if story.closed_by:
            self._wrong("ACK002", f"sent after it was {story.closed_by}")
        if story.under_way or story.may_have_arrived:
            self._wrong("ACK004", "sent again although the one before may have arrived")
        self._quorum(story, event, request)
        if identity(event.plan) != identity(planned.plan):
            self._wrong("ACK003", "what was sent is not what was approved")
        self._in_time(event, request, planned)
        self._routes(story, event, request)
        hold = h.binding(
            self._holds, request.database, event.at, h.kinds_binding(emergency=request.emergency)
        )
        if hold is not None:
            self._wrong("ACK008", f"sent in spite of a {hold.kind}")
        if event.topology.primary is None and not (event.plan.candidate and event.topology.nodes):
            self._wrong("ACK009", "sent without a reading that shows what it changes")
        story.under_way = True

    def _quorum(self, story: _Story, event: e.SubmissionStarted, request: e.Requested) -> None:
        people = set(event.approved_by)
        foreign = people - set(story.approvals)
        if foreign:
            self._wrong("ACK004", f"approvals of another operation were counted: {sorted(foreign)}")
        if request.emergency:
            return
        if not people or len(people) < event.needed:
            self._wrong("ACK001", f"{len(people)} of {event.needed} approvals")

    def _in_time(self, event: e.SubmissionStarted, request: e.Requested, planned: e.Planned) -> None:
        if request.start_at is None:
            if event.at >= planned.expires_at:
                self._wrong("ACK005", "sent after the approvals had expired")
        elif not request.start_at <= event.at <= request.start_at + LATE:
            self._wrong("ACK005", "sent at another time than the one approved")

    def _routes(self, story: _Story, event: e.SubmissionStarted, request: e.Requested) -> None:
        """What was denied for a database is not done through another operation that nobody approved since."""
        others = [
            other for other in self._stories.values() if other is not story and other.request is not None
        ]
        if any(other.under_way and not other.over and other.target == story.target for other in others):
            self._wrong("ACK007", "sent while another operation on the same target is under way")
        denied = self._denied_at.get(story.target)
        if denied is None or request.emergency:
            return
        fresh = [by for by in event.approved_by if story.approvals.get(by, (-1,))[0] > denied]
        if not fresh:
            self._wrong("ACK007", "sent after a denial without an approval that came after it")

    def _proven(self, story: _Story, event: e.RolesConfirmed) -> None:
        seen = {None if reading.primary is None else reading.primary.id for reading in event.readings}
        wanted = story.planned.plan.candidate if story.planned else None
        if len(seen) != 1 or None in seen or (wanted is not None and seen != {wanted}):
            self._wrong("ACK009", "success that its readings do not show")

    def _ended(self, story: _Story, event: e.Event) -> None:
        if isinstance(event, ENDING_BEFORE) and not story.may_have_arrived:
            story.closed_by = e.event_name(event)
        if isinstance(event, e.Rejected) and story.request is not None:
            self._denied_at[story.target] = self._index
        if isinstance(event, ENDING):
            story.over = True


def identity(plan: Plan) -> str:
    """What makes an action the same action, computed here anew."""
    roles = {node: role.value for node, role in plan.members}
    tree = [plan.database, plan.shard, plan.candidate, plan.primary, roles, plan.call.summary, plan.overrides]
    return json.dumps(tree, sort_keys=True)


def check(rows: Iterable[Row]) -> Sequence[Finding]:
    """All that is wrong with a trail, read from its beginning."""
    return Checklist().read(rows)
