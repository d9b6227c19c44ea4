"""What must hold at every step: looked at whenever something is committed, submitted, posted or logged."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from msgspec.json import encode

from bot.core import events as e
from bot.core.model import Plan
from bot.sandbox.slack.model import Change, ChangeKind, Message
from bot.sandbox.slack.sockets import unpacked
from bot.sandbox.slack.wire import OK, Delivery, Receipt
from bot.sandbox.slack.workspace import Workspace
from bot.storage.codec import EVENTS, HOLD_EVENTS
from handlers.payloads import dedupe_key
from handlers.texts import LOCALES
from handlers.wording import Wording
from tests.simulation.clouds import Clouds, Submission
from tests.simulation.deliveries import ALLOWED, Recording
from tests.simulation.policies import GLASS, RULES, Book, Rulebook
from tests.simulation.rulings import ACTED_WITHIN, Rulings
from tests.simulation.standing import Standings
from tests.simulation.trace import Trace
from tests.simulation.trail import Trail
from tests.storage.looks import Look, Recorded

ENTERS_RECHECKING = (e.Planned, e.Approved, e.SubmissionNotAccepted, e.StartReached)
UNRECORDED = [json.dumps(Wording(locale).unrecorded(locale))[1:-1].encode() for locale in LOCALES]
"""The answers that say that nothing was recorded."""
CLAIMS_LAST = 25.0
"""Seconds within which what was claimed is over: a lease, and a call that began at its end. Until so long after each
process has read a clock that was set, two may be at one message."""
DOUBLED = frozenset({"audit_channel_is_told_once", "one_true_card", "ends_are_told_once"})
"""What is not so where something of an operation was posted twice for that. Requests, roles, approvals and what was
accepted are looked at as strictly as ever."""
READING_TAKES = 25.0
"""Seconds within which a reading that an event tells of was made."""


class Violation(Exception):
    """A promise was broken; the message says which, and how."""

    def __init__(self, check: str, problem: str) -> None:
        super().__init__(check, problem)
        self.check = check
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.check}: {self.problem}"


@dataclass
class Told:
    """What the audit trail says of one operation, as far as it is read.

    Attributes:
        events: Its events, with the second each was committed in.
        submissions: Its requests that reached a cloud.
    """

    events: list[tuple[float, e.Event]] = field(default_factory=list)
    submissions: list[Submission] = field(default_factory=list)

    def last(self, *kinds: type[Any]) -> tuple[float, Any] | None:
        """The newest event of these kinds, with its second."""
        return next(((at, event) for at, event in reversed(self.events) if isinstance(event, kinds)), None)

    def count(self, kind: type[Any]) -> int:
        return sum(isinstance(event, kind) for _, event in self.events)


class Observer:
    """Watches a history from outside; the first violation ends it.

    Attributes:
        loading: The rules that the process has read last, and puts in force once that is recorded.
        excused: How often what was amiss, because the clock that several processes share had just been set.

    Args:
        look: A view of what the bot has committed.
        clouds: What really happens there.
        workspace: What really is said there.
        trace: The story.
        elapsed: Seconds since the history began.
        secrets: What must be seen nowhere.
        alone: The bot is one process.
        apart: Whether a process has not read the clock yet that they share since that was set.
    """

    def __init__(
        self,
        *,
        look: Look,
        clouds: Callable[[], Clouds],
        workspace: Workspace,
        trace: Trace,
        elapsed: Callable[[], float],
        secrets: tuple[str, ...],
        alone: bool = True,
        apart: Callable[[], bool] = bool,
    ) -> None:
        self.violation: Violation | None = None
        self.excused = Counter[str]()
        self._set_back = self._set_anew = False
        self._cut_short_until = 0.0
        self._overlapped, self._doubled = set[str](), set[str]()
        self.on_violation: Callable[[], object] = bool
        self.operations: dict[str, Told] = defaultdict(Told)
        self.standings = Standings(workspace, elapsed)
        self.rulebook = Rulebook(elapsed)
        self.trail = Trail(self.violated, self.standings, elapsed, self.rulebook)
        self.rulings = Rulings(
            self.violated,
            self.standings,
            elapsed,
            self.rulebook,
            lambda job, since: clouds().asked_about(job, since),
        )
        self.loading: Book = RULES
        self.posted: Counter[tuple[str, str]] = Counter()
        self._look = look
        self._clouds = clouds
        self._workspace = workspace
        self._trace = trace
        self._elapsed = elapsed
        self._secrets = secrets
        self._alone = alone
        self._apart = apart
        self._seq = 0
        self._accepted: set[str] = set()
        self._noticed: set[str] = set()
        self.bodies: set[bytes] = set()
        self.denials: dict[str, list[bool]] = defaultdict(list)
        self._ended = 0
        self._heard_by: dict[str, int] = {}  # how many processes had ended before each signature was heard of

    def violated(self, check: str, problem: str) -> None:
        """A promise is broken: the history ends here."""
        if self._is_excused(check, problem):
            self.excused[check] += 1
        elif self.violation is None:
            self._trace.add("CHECK", f"VIOLATED {check}: {problem}")
            self.violation = Violation(check, problem)
            self.on_violation()

    def database_clock_set(self, by: timedelta) -> None:
        """The clock that several processes share was set anew."""
        self._set_anew, self._set_back = True, self._set_back or by < timedelta(0)
        self._cut_short_until = self._elapsed() + CLAIMS_LAST

    def _claims_are_cut_short(self) -> bool:
        """Whether a claim may have run out for one process, by its clock, and another that has it goes on."""
        if self._set_anew and self._apart():
            self._cut_short_until = self._elapsed() + CLAIMS_LAST
        return self._elapsed() < self._cut_short_until

    def _is_excused(self, check: str, problem: str) -> bool:
        if check == "posted_once":
            return self._claims_are_cut_short()
        if check == "holds_are_shown":  # one that is in force once more is shown when something else happens
            return self._set_back
        named = self._overlapped if check == "posted_in_order" else self._doubled if check in DOUBLED else ()
        return any(each in problem for each in named)

    # --- the database ---

    def committed(self) -> None:
        """Reads what the last commit added to the audit trail."""
        self._claims_are_cut_short()
        for row in self._look.recorded(self._seq):
            self._seq = row.seq
            self._no_secret(row.data, "the audit trail")
            if row.stream == "hold":
                held = HOLD_EVENTS.loads(row.data)
                self._trace.add("bot", f"{row.type} by {held.by}")
                self.trail.held(row.seq, held)
            elif row.stream == "configuration":
                self.rulebook.in_force(self.loading)
            elif row.operation is not None:
                self._happened(row, row.operation)

    def _happened(self, row: Recorded, operation: str) -> None:
        event = EVENTS.loads(row.data)
        self.operations[operation].events.append((self._elapsed(), event))
        self._trace.add("bot", f"{operation} {row.type}{_more(event)}")
        self.trail.happened(operation, event, self._look.states)
        self.rulings.happened(operation, event)
        self._clouds().look()
        if isinstance(event, e.RolesConfirmed):
            self._roles_are_as_confirmed(operation)
        if isinstance(event, e.RolesUnchanged | e.SubmissionAbsent):
            self._roles_are_unchanged(operation)

    def _plan(self, operation: str) -> Plan:
        planned = self.operations[operation].last(e.Planned)
        assert planned is not None
        plan: Plan = planned[1].plan
        return plan

    def _roles_are_as_confirmed(self, operation: str) -> None:
        """No ``succeeded`` unless the cloud's roles were as approved while they were read."""
        plan, now = self._plan(operation), self._elapsed()
        seen = self._clouds().roles[plan.target].between(now - READING_TAKES, now)
        if not any(_as_approved(plan, primaries) for primaries in seen):
            self.violated("succeeded_is_true", f"{operation} succeeded, but the primary was {sorted(seen)}")

    def _roles_are_unchanged(self, operation: str) -> None:
        """No ``failed`` unless the primary was the old one while the roles were read; it may have been away."""
        plan, now = self._plan(operation), self._elapsed()
        seen = self._clouds().roles[plan.target].between(now - READING_TAKES, now)
        if not _as_known(plan, seen):
            self.violated("failed_is_true", f"{operation} failed, but the primary was {sorted(seen)}")

    # --- submissions, as they reach a cloud ---

    def submitted(self, submission: Submission) -> None:
        """Every promise about a request that is just about to be carried out."""
        self.committed()
        # What is sent while its claim is cut short is in doubt, and looked for.
        operation = self._look.starting(submission.target, or_in_doubt=self._claims_are_cut_short())
        if operation is None:
            self.violated("saved_before_acting", f"{submission.target} is submitted without an intent")
            return
        told = self.operations[operation]
        submission.operation = operation
        self._trace.add("cloud", f"{submission.target}: a submission of {operation} arrives")
        self._submitted_once(operation, told)
        told.submissions.append(submission)
        guarded = self._glass_may_be_broken if self.trail.request(operation).emergency else self._quorum_lives
        guarded(operation, told)
        self._roles_are_as_approved(operation, told)

    def _submitted_once(self, operation: str, told: Told) -> None:
        """At most one submission that was, or may have been, accepted; each with an intent of its own."""
        if told.submissions and not told.submissions[-1].surely_not_accepted:
            self.violated("submitted_once", f"{operation} is sent again, although the first may have arrived")
        if told.count(e.SubmissionStarted) <= len(told.submissions):
            self.violated("submitted_once", f"{operation} is sent twice for one intent")

    def _recheck_began(self, told: Told) -> float:
        entered = told.last(*ENTERS_RECHECKING)
        return entered[0] if entered else 0.0

    def _quorum_lives(self, operation: str, told: Told) -> None:
        """Enough approvals, by others than the requester, of people who may still give them."""
        started, requested = told.last(e.SubmissionStarted), self.trail.request(operation)
        assert started is not None
        since, now = self._recheck_began(told), self._elapsed()
        clicked = {event.by for _, event in told.events if isinstance(event, e.Approved)}
        found = []
        for rules in self.rulebook.lately(requested.database, ACTED_WITHIN):
            others = clicked - (set() if rules.self_approval else {requested.by})
            valid = {
                who
                for who in others & set(started[1].approved_by)
                if self.standings.counted(rules.approvers, who, since, now)
            }
            found.append((len(valid), rules.approvals))
        if not any(valid >= needed for valid, needed in found):
            said = " or ".join(f"{valid} of {needed}" for valid, needed in found) or "no"
            self.violated("quorum_lives", f"{operation} was sent with {said} approvals")

    def _glass_may_be_broken(self, operation: str, told: Told) -> None:
        """What nobody approved is sent only for somebody who may still do without."""
        by, since = self.trail.request(operation).by, self._recheck_began(told)
        if not self.standings.counted(GLASS, by, since, self._elapsed()):
            self.violated("glass_is_guarded", f"{operation} was sent, and {by} may break no glass any more")

    def _roles_are_as_approved(self, operation: str, told: Told) -> None:
        """The primary is the one that the plan knew, when it was read again."""
        plan = self._plan(operation)
        seen = self._clouds().roles[plan.target].between(self._recheck_began(told), self._elapsed())
        if not _as_known(plan, seen):
            self.violated(
                "plan_still_holds", f"{operation} was sent for {plan.primary}, primary {sorted(seen)}"
            )

    # --- Slack ---

    def changed(self, change: Change) -> None:
        """A message appeared or changed."""
        message = change.message
        if message is None:
            return
        if change.kind is ChangeKind.DELETED and change.before is not None and change.before.metadata:
            self.posted[_posted_as(change.before)] -= 1  # what is not there may be posted again
        self._no_secret(encode((message.text, message.blocks, message.metadata)).decode(), "Slack")
        if not message.by_bot:
            return
        held = (message.metadata or {}).get("event_payload", {})
        name = f"{held.get('operation', '')} {held.get('key', '')} {held.get('status', '')}".strip()
        to = f" to {message.ephemeral_to}" if message.ephemeral_to else ""
        first = message.text.replace("\n", " ")[:90]
        self._trace.add("slack", f"{change.kind}{to} {name}: {first}")
        if change.kind is ChangeKind.POSTED and held:
            key = _posted_as(message)
            self.posted[key] += 1
            if self._claims_are_cut_short():
                self._overlapped.add(key[0] or key[1])
            if self.posted[key] > 1:
                self._doubled.add(key[0] or key[1])
                self.violated("posted_once", f"{' '.join(key)} was posted twice")

    def answered(self, receipt: Receipt, what: str, recording: Recording) -> None:
        """The bot answered a delivery: what got an empty 200 is recorded, what is said not to be is not."""
        said = receipt.failure or str(receipt.status)
        signature = receipt.delivery.headers.get("X-Slack-Signature", "")
        denied = any(words in receipt.body for words in UNRECORDED)
        if recording is not Recording.NEVER:
            self.bodies.add(receipt.delivery.body)
        if signature:  # without, deliveries of the same payload can't be told apart
            self.denials[signature].append(denied)
        self._trace.add("people", f"{what} → {said}{', not recorded' if denied else ''}")
        if denied:
            self._trace.count("told: not recorded")
        if receipt.failure:
            return
        if receipt.status not in ALLOWED:
            self.violated("answers_are_clean", f"{what} was answered {receipt.status}")
        surely = recording is Recording.SURELY
        known = self._accepted if surely else self._noticed
        if receipt.status == OK and signature and signature in known and not receipt.body:
            self.violated("replays_are_refused", f"{what} was accepted twice under one signature")
        relied_on = receipt.status == OK and not receipt.body
        if relied_on and (surely or self._alone):  # what is not recorded, another process does not know
            known.add(signature)
        if relied_on and surely and not self._is_recorded(receipt.delivery, signature):
            self.violated("accepted_is_recorded", f"{what} got a 200 and is not recorded")
        # A copy that comes to a later process, or to another, is the simulation's alone: what Slack shows words for
        # it sends once.
        same = self._alone and self._heard_by.setdefault(signature, self._ended) == self._ended
        if denied and signature and same and self._look.accepted(signature):
            self.violated(
                "denied_is_not_recorded", f"{what} is recorded, and who did it was told that it is not"
            )

    def _is_recorded(self, delivery: Delivery, signature: str) -> bool:
        if signature:
            return self._look.accepted(signature)
        _, payload = unpacked(delivery.headers["Content-Type"], delivery.body)
        return self._look.known(dedupe_key(payload))

    def process_ended(self) -> None:
        """Nobody knows the notices any more that it took: they are not recorded, and only empty its caches."""
        self._ended += 1
        self._noticed.clear()
        self.rulebook.process_ended()

    def logged(self, text: str) -> None:
        """The bot logged something."""
        self._no_secret(text, "a log line")

    def _no_secret(self, text: str, where: str) -> None:
        """No token, key or secret is seen anywhere."""
        for secret in self._secrets:
            if secret in text:
                self.violated("no_secrets", f"a secret is seen in {where}")


def _posted_as(message: Message) -> tuple[str, str]:
    held = (message.metadata or {})["event_payload"]
    return str(held.get("operation", "")), str(held["key"])


def _as_approved(plan: Plan, primaries: tuple[str, ...]) -> bool:
    if len(primaries) != 1:
        return False
    if plan.candidate is not None:
        return primaries[0] == plan.candidate
    return primaries[0] != plan.primary and primaries[0] in dict(plan.members)


def _more(event: e.Event) -> str:
    by = getattr(event, "by", None)
    detail = getattr(event, "detail", None)
    job = getattr(event, "job", None) or getattr(event, "job_id", None)
    words = [
        f"by {by}" if by else "",
        f"{job}" if job else "",
        f"({detail.code} {dict(detail.params)})" if detail else "",
    ]
    return "".join(f" {word}" for word in words if word)


def _as_known(plan: Plan, seen: AbstractSet[tuple[str, ...]]) -> bool:
    """Whether the primary was the plan's at some time; an emergency may do without one that is known."""
    if plan.primary is None:
        return any(len(primaries) != 1 for primaries in seen)
    return (plan.primary,) in seen
