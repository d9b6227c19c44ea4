"""What must hold at the end, when Slack and the clouds have been well for long enough."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from bot.core import events as e
from bot.core.holds import WAITING, Hold, in_the_way
from bot.core.machine import replay
from bot.core.operation import ENDS, Operation, Status
from bot.ports import AuditBreak, Storage
from bot.sandbox.slack.model import Message
from bot.sandbox.slack.workspace import Workspace
from handlers.finder import AUDIT_TYPE, NOTICE_TYPE
from handlers.wording import Wording
from tests.approval import checklist
from tests.simulation.observer import Observer
from tests.simulation.places import Places
from tests.simulation.trail import MISSED
from tests.storage.looks import Look

Check = Callable[["End"], Sequence[str]]
WORDS = Wording("en")
HEAD = re.compile(r"^audit-head-\d+-\d+-\d+T\d\d")
LINK = re.compile(r"<https://[^|>]+\|([^>]+)>")


class End:
    """What is looked at.

    Args:
        observer: What was seen on the way.
        workspace: What Slack shows.
        store: The bot's store.
        look: What it has committed.
        now: The machine's time.
        places: What of them went away.
        logins: How often IAM was asked for a token, and how often there was a reason at most.
        settled: Whether everything came to rest within the time that a healthy world allows.
    """

    def __init__(
        self,
        observer: Observer,
        workspace: Workspace,
        store: Storage,
        look: Look,
        now: datetime,
        *,
        places: Places,
        logins: tuple[int, int],
        settled: str,
    ) -> None:
        self.observer = observer
        self.workspace = workspace
        self.store = store
        self.now = now
        self.places = places
        self.logins = logins
        self.settled = settled
        self.states = look.states()
        self.deliveries = look.deliveries()
        self.accepted = look.accepted

    def cards(self, operation: str) -> list[Message]:
        """The cards of an operation that are there."""
        return self._said(operation, card=True)

    def replies(self, operation: str) -> list[Message]:
        """What else was said of it, in its thread or to the requester alone, oldest first."""
        return self._said(operation, card=False)

    def _said(self, operation: str, *, card: bool) -> list[Message]:
        found = self.workspace.with_metadata("switchover_operation", operation=operation)
        return [message for message in found if (held(message)["key"] == "card") is card]

    def unheard(self, op: Operation) -> bool:
        """Whether its requester could not be told either."""
        events = self.observer.operations[op.id].events
        return self.observer.standings.was_away(op.requested_by, events[-1][0])


def held(message: Message) -> dict[str, Any]:
    """What a message's metadata says."""
    found: dict[str, Any] = (message.metadata or {}).get("event_payload", {})
    return found


def never_lost(end: End) -> Sequence[str]:
    """What Slack was told is accepted has had its effect, and every operation has come to an end or to a person."""
    stuck = [f"{op.id} is still {op.status}" for op in end.states.values() if not _at_rest(op)]
    return [*stuck, *([end.settled] if end.settled else [])]


def _at_rest(op: Operation) -> bool:
    return op.status in ENDS or op.status is Status.NEEDS_ATTENTION


def ends_are_told_once(end: End) -> Sequence[str]:
    """Exactly one message carries an end's status: in the thread, or to the requester where that is gone."""
    problems = []
    for op in end.states.values():
        statuses = [held(message)["status"] for message in end.replies(op.id)]
        told = [status for status in statuses if status in ENDS]
        wanted = [op.status] if op.status in ENDS else []
        # Who was away was told nothing only where there was no thread either.
        deleted = op.place.thread is not None or op.id in end.places.deleted
        gone = deleted or end.places.was_gone(op.place.channel, 0.0)
        nowhere = not told and gone and end.unheard(op)
        if told != wanted and not nowhere:
            problems.append(f"{op.id} is {op.status}, and its thread was told {told or 'nothing'}")
    return problems


def attention_is_called(end: End) -> Sequence[str]:
    """What needs a person, or did until one came, was told in its thread, or to the requester where that is gone.

    Where the requester was away, too, its card shows it; where somebody deleted that, the audit channel was told.
    """
    problems = []
    for op in end.states.values():
        needed = end.observer.operations[op.id].last(e.DoubtRemained, e.DeadlinePassed, e.RolesUnproven)
        if op.status not in {Status.NEEDS_ATTENTION, Status.CLOSED} or needed is None:
            continue
        told = [held(message)["status"] for message in end.replies(op.id)]
        shown = [held(message)["status"] for message in end.cards(op.id)]
        away = end.observer.standings.was_away(op.requested_by, needed[0])
        audited = end.workspace.with_metadata(AUDIT_TYPE, operation=op.id, status=Status.NEEDS_ATTENTION)
        elsewhere = op.status in shown or (op.id in end.places.deleted and audited)
        if Status.NEEDS_ATTENTION not in told and not (away and elsewhere):
            problems.append(f"{op.id} needed a person, and its thread was told {told}")
    return problems


def one_true_card(end: End) -> Sequence[str]:
    """Each operation has one card, as long as that can be seen, and it shows what the stored state shows."""
    problems = []
    for op in end.states.values():
        cards = end.cards(op.id)
        if not cards and (op.id in end.places.deleted or end.places.was_gone(op.place.channel, 0.0)):
            continue
        if len(cards) != 1:
            problems.append(f"{op.id} has {len(cards)} cards")
            continue
        if held(cards[0])["status"] != op.status:
            problems.append(f"the card of {op.id} says {held(cards[0])['status']}, it is {op.status}")
        fresh = WORDS.card(op, now=end.now)
        if op.status in ENDS and bare([cards[0].text, cards[0].blocks]) != bare([fresh.text, fresh.blocks]):
            problems.append(f"the card of {op.id} shows {cards[0].text!r}, not {fresh.text!r}")
    return problems


Held = Sequence[tuple[Operation, Hold | None]]
"""What waits, each with what is in its way."""


def waiting(look: Look, holds: Sequence[Hold], now: datetime) -> Held:
    """The operations that wait for approvals or their start."""
    return [(op, in_the_way(op, holds, now)) for op in look.states().values() if op.status in WAITING]


def holds_are_shown(held_now: Held, workspace: Workspace, now: datetime) -> Sequence[str]:
    """The card of what waits says first whether anything is in its way; asked while nothing is owed to Slack."""
    problems = []
    for op, hold in held_now:
        found = workspace.with_metadata("switchover_operation", operation=op.id, key="card")
        fresh = WORDS.card(op, hold=hold, now=now).text.splitlines()[0]
        shown = [message.text.splitlines()[0] for message in found]
        if shown not in ([], [fresh]):
            problems.append(f"the card of {op.id} says {shown}, not {fresh!r}")
    return problems


def bare(value: Any) -> Any:
    """Words and blocks without what Slack adds by itself, and without links to other cards."""
    if isinstance(value, str):
        return LINK.sub(r"\1", value) if "<" in value else value
    if isinstance(value, (list, tuple)):
        return [bare(one) for one in value]
    if isinstance(value, dict):
        added = {"block_id", "emoji", "verbatim"}
        return {key: bare(one) for key, one in value.items() if key not in added}
    return value


def failed_changed_nothing(end: End) -> Sequence[str]:
    """``failed`` without a failed job and its readings means that no cloud began anything for it that shows."""
    problems = []
    for op in end.states.values():
        told = end.observer.operations[op.id]
        began = [sent for sent in told.submissions if sent.left_a_trace]
        if op.status is Status.FAILED and began and not told.count(e.RolesUnchanged):
            problems.append(f"{op.id} failed, although a cloud began its switchover")
    return problems


def accepted_at_most_once(end: End) -> Sequence[str]:
    """At most one request of an operation was taken on by a cloud."""
    began = Counter(
        {
            op: sum(sent.job is not None for sent in told.submissions)
            for op, told in end.observer.operations.items()
        }
    )
    return [f"{op} was accepted {times} times" for op, times in began.items() if times > 1]


def succeeded_was_submitted(end: End) -> Sequence[str]:
    """``succeeded`` is said only of what was sent, or may have been while the roles moved by themselves."""
    problems = []
    for op in end.states.values():
        told = end.observer.operations[op.id]
        if op.status is Status.SUCCEEDED and not told.submissions and not told.count(e.SubmissionUncertain):
            problems.append(f"{op.id} succeeded without a submission")
    return problems


def said_in_the_thread(end: End) -> Sequence[str]:
    """A reply in the place of the request is below the card, or in the thread the request came from."""
    problems = []
    for op in end.states.values():
        cards = [card.ts for card in end.cards(op.id)]
        threads = [op.place.thread] if op.place.thread is not None else cards
        for reply in end.replies(op.id):
            beside = not reply.thread_ts or (bool(threads) and reply.thread_ts not in threads)
            if reply.channel == op.place.channel and beside:
                problems.append(f"{held(reply)} of {op.id} is in {reply.thread_ts!r}, not in {threads}")
    return problems


def posted_in_order(end: End) -> Sequence[str]:
    """The replies of an operation came in the order of what they tell."""
    problems = []
    for op in end.states.values():
        replies = sorted(end.replies(op.id), key=lambda message: message.ts)
        keys = [tuple(int(part) for part in held(message)["key"].split("-")) for message in replies]
        if keys != sorted(keys):
            problems.append(f"the replies of {op.id} came as {keys}")
    return problems


def one_effect_each(end: End) -> Sequence[str]:
    """However often a payload was delivered, it was recorded once."""
    recorded, sent = end.deliveries, len(end.observer.bodies)
    return [f"{recorded} deliveries are recorded of {sent} payloads"] if recorded > sent else []


def starts_missed_are_dropped(end: End) -> Sequence[str]:
    """What was found more than a minute after its start is expired, and nothing else happened to it."""
    problems = []
    for op in end.states.values():
        reached = end.observer.operations[op.id].last(e.StartReached)
        if reached is None or op.start_at is None or reached[1].at <= op.start_at + MISSED:
            continue
        if op.status is not Status.EXPIRED:
            problems.append(f"{op.id} was found {reached[1].at - op.start_at} late, and is {op.status}")
    return problems


def emergencies_are_reviewed(end: End) -> Sequence[str]:
    """An emergency that was sent, or may have been, owes a review until somebody else has given it."""
    problems = []
    for op in end.states.values():
        told = end.observer.operations[op.id]
        owes = op.emergency and op.status in ENDS and told.count(e.SubmissionStarted) > 0
        given = told.last(e.Reviewed)
        if op.review_owed is not (owes and given is None):
            problems.append(f"{op.id} is {op.status}; review owed: {op.review_owed}, given: {given}")
    return problems


def audit_channel_is_told_once(end: End) -> Sequence[str]:
    """Every end, emergency, review and hold: once in the audit channel, and a head an hour."""
    said = Counter(
        (str(held(message).get("operation", "")), str(held(message)["status"]))
        for message in end.workspace.with_metadata(AUDIT_TYPE)
    )
    wanted = Counter((op.id, str(op.status)) for op in end.states.values() if op.status in ENDS)
    wanted += Counter((op.id, str(Status.PLANNING)) for op in end.states.values() if op.emergency)
    wanted += Counter((op.id, str(op.status)) for op in end.states.values() if op.reviewed_by is not None)
    told = Counter({key: times for key, times in said.items() if key[1] != Status.NEEDS_ATTENTION})
    problems = [f"audited are {dict(told)}, not {dict(wanted)}"] if told != wanted else []
    notices = end.workspace.with_metadata(NOTICE_TYPE)
    heads = Counter(found[0] for message in notices if (found := HEAD.findall(str(held(message)["key"]))))
    problems += [f"{hour} is told {times} times" for hour, times in heads.items() if times > 1]
    keys = sorted(key for message in notices if (key := str(held(message)["key"])).startswith("hold-"))
    if keys != sorted(end.observer.trail.notices):
        problems.append(f"the holds told are {keys}, not {sorted(end.observer.trail.notices)}")
    return problems


def approvals_are_worth_something(end: End) -> Sequence[str]:
    """A checker that knows nothing of the machine reads the whole trail."""
    return [str(finding) for finding in checklist.check(end.observer.trail.rows)]


def denied_has_no_effect(end: End) -> Sequence[str]:
    """What people were told is not recorded, and nothing else, is not."""
    return [
        f"{signature} is recorded, and was denied"
        for signature, denied in end.observer.denials.items()
        if all(denied) and end.accepted(signature)
    ]


def logins_are_few(end: End) -> Sequence[str]:
    """A token is used until it ends: who logs in for every request is soon locked out."""
    happened, most = end.logins
    return [f"there were {happened} logins, {most} at most had a reason"] if happened > most else []


CHECKS: tuple[Check, ...] = (
    never_lost,
    one_effect_each,
    denied_has_no_effect,
    logins_are_few,
    accepted_at_most_once,
    failed_changed_nothing,
    succeeded_was_submitted,
    ends_are_told_once,
    attention_is_called,
    said_in_the_thread,
    one_true_card,
    posted_in_order,
    starts_missed_are_dropped,
    emergencies_are_reviewed,
    audit_channel_is_told_once,
    approvals_are_worth_something,
)


async def audit_verifies(end: End) -> Sequence[str]:
    """The hash chain holds, and every operation is the fold of its events."""
    verified = await end.store.verify_audit()
    if isinstance(verified, AuditBreak):
        return [f"the audit chain breaks at {verified.seq}: {verified.problem}"]
    return [
        f"{op.id} is not what its events make of it"
        for op in end.states.values()
        if replay(await end.store.events(op.id)) != op
    ]


async def locks_are_free(end: End) -> Sequence[str]:
    """Only what is open holds its database, as the store itself sees it."""
    held_open = {op.id for op in await end.store.operations(open_only=True)}
    wanted = {op.id for op in end.states.values() if op.status not in ENDS}
    return [] if held_open == wanted else [f"open are {sorted(held_open)}, not {sorted(wanted)}"]


async def look(end: End) -> None:
    """Runs every check; each violation goes to the observer."""
    for check in CHECKS:
        for problem in check(end):
            end.observer.violated(check.__name__, problem)
    for slow in (audit_verifies, locks_are_free):
        for problem in await slow(end):
            end.observer.violated(slow.__name__, problem)
    await asyncio.sleep(0)
