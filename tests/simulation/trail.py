"""What must hold of every row of the audit trail, as it is committed: holds, starts, emergencies, reviews."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from bot.core import events as e
from bot.core import holds as h
from bot.core.model import OperationId
from bot.core.operation import Operation, Status
from tests.approval.checklist import Row
from tests.simulation.policies import APPROVERS, GLASS, Rulebook
from tests.simulation.rulings import ACTED_WITHIN
from tests.simulation.standing import Standings

MISSED = timedelta(seconds=60)
"""How long after its time a start counts as missed."""
TRIED = timedelta(seconds=120)
"""How long after it the last try may begin."""
REMINDED = timedelta(minutes=5)
Violated = Callable[[str, str], None]


class Trail:
    """Reads the trail row by row.

    Args:
        violated: Told of every promise that is broken.
        standings: Who counted when.
        elapsed: Seconds since the history began.
        rulebook: What was configured when.

    Attributes:
        rows: Of operations and holds, in their order.
        holds: What is set by hand after the last of them.
        notices: The keys under which the audit channel is owed what was set and lifted by hand.
        decisions: How often what happened that makes an operation more than asked, approved and sent.
    """

    def __init__(
        self, violated: Violated, standings: Standings, elapsed: Callable[[], float], rulebook: Rulebook
    ) -> None:
        self.rows: list[Row] = []
        self.notices: set[str] = set()
        self.decisions: Counter[str] = Counter()
        self._violated = violated
        self._standings = standings
        self._elapsed = elapsed
        self._rulebook = rulebook
        self.holds: tuple[h.Hold, ...] = ()
        self._requests: dict[str, e.Requested] = {}
        self._starts: dict[str, list[datetime]] = defaultdict(list)
        self._reminded: set[str] = set()

    def request(self, operation: str) -> e.Requested:
        """What an operation began with."""
        return self._requests[operation]

    def held(self, seq: int, event: h.HoldEvent) -> None:
        """A row about a freeze or the halt."""
        self.rows.append(Row(None, event))
        self.holds = h.apply(self.holds, event)
        self.decisions[e.event_name(event)] += 1
        self.notices.add(f"hold-{seq}")

    def happened(self, operation: str, event: e.Event, states: Callable[[], Mapping[str, Operation]]) -> None:
        """A row about an operation.

        Args:
            operation: Whose.
            event: What.
            states: All operations, as they are after the commit that this row is of.
        """
        self.rows.append(Row(OperationId(operation), event))
        match event:
            case e.Requested():
                self._requests[operation] = event
                kinds = {
                    "emergency": event.emergency,
                    "to start later": event.start_at,
                    "follows": event.follows,
                }
                self.decisions.update(kind for kind, given in kinds.items() if given)
                if event.emergency and not self._ever(event.by, GLASS):
                    self._violated("glass_is_guarded", f"{event.by} broke the glass for {operation}")
            case e.StartNear():
                self.decisions["reminder"] += 1
                self._reminds(operation, event)
            case e.StartReached():
                start = self.request(operation).start_at
                self.decisions["start missed" if start and event.at > start + MISSED else "start"] += 1
            case e.SubmissionStarted():
                self.decisions["emergency sent"] += self.request(operation).emergency
                self._no_hold(operation, event)
                self._on_time(operation, event)
                self._cooled_down(operation, event, states())
            case e.Reviewed():
                self.decisions["review"] += 1
                self._by_another(operation, event)
            case _:
                pass

    def _ever(self, who: str, *groups: str) -> bool:
        return any(self._standings.counted(group, who, 0.0, self._elapsed()) for group in groups)

    def _reminds(self, operation: str, event: e.StartNear) -> None:
        start = self.request(operation).start_at
        if operation in self._reminded or start is None or not start - REMINDED <= event.at < start:
            self._violated("one_reminder", f"{operation} starts at {start}, and was reminded at {event.at}")
        self._reminded.add(operation)

    def _no_hold(self, operation: str, event: e.SubmissionStarted) -> None:
        """In the order of the trail: nothing starts while halted, nothing planned while frozen."""
        request = self.request(operation)
        kinds = h.kinds_binding(emergency=request.emergency)
        hold = h.binding(self.holds, request.database, event.at, kinds)
        if hold is not None:
            self._violated("holds_hold", f"{operation} was sent in spite of a {hold.kind} of {hold.scope}")
        lately = self._rulebook.lately(request.database, ACTED_WITHIN)
        if not request.emergency and lately and all(rules.is_frozen(event.at) for rules in lately):
            self._violated("holds_hold", f"{operation} was sent while {request.database} is closed")

    def _on_time(self, operation: str, event: e.SubmissionStarted) -> None:
        """Not before its time, the first try within a minute, the last within two."""
        start, tried = self.request(operation).start_at, self._starts[operation]
        tried.append(event.at)
        latest = TRIED if len(tried) > 1 else MISSED
        if start is not None and not start <= event.at <= start + latest:
            self._violated(
                "starts_on_time", f"{operation} was to start at {start}, and was sent at {event.at}"
            )

    def _cooled_down(
        self, operation: str, event: e.SubmissionStarted, states: Mapping[str, Operation]
    ) -> None:
        request, target = self.request(operation), event.plan.target
        lately = self._rulebook.lately(request.database, ACTED_WITHIN)
        if request.emergency or not lately:
            return
        cooldown = min(rules.cooldown for rules in lately)
        for op in states.values():
            moved = op.submissions and op.status in {Status.SUCCEEDED, Status.CLOSED}
            if op.id == operation or op.target != target or not moved or op.ended_at is None:
                continue
            if op.ended_at <= event.at < op.ended_at + cooldown:
                self._violated("cools_down", f"{operation} was sent too soon after {op.id}")

    def _by_another(self, operation: str, event: e.Reviewed) -> None:
        request = self.request(operation)
        trusted = self._ever(event.by, APPROVERS, GLASS)
        if not request.emergency or event.by == request.by or not trusted:
            self._violated("reviewed_by_another", f"{operation} of {request.by} was reviewed by {event.by}")
