"""The card of an operation and the replies in its thread: functions of stored state, nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.commands import Action
from bot.core.holds import Hold
from bot.core.machine import Say
from bot.core.model import JobState, NodeId, Reason
from bot.core.operation import ENDS, REPLANNED, UNSENT, Operation, Status
from handlers.blocks import (
    MAX_CONFIRM,
    MAX_WORDS,
    Block,
    Rendered,
    button,
    call_lines,
    check_lines,
    confirmation,
    context,
    line,
    name_of,
    node_label,
    node_lines,
    rendered,
    section,
    sentence,
    shard_label,
    words,
)
from handlers.mrkdwn import literal, moment, person_or_group, time_of_day, user, wall_clock
from handlers.picture import drawn
from handlers.texts import Texts

MAX_REASON = 500
MAX_PEOPLE = 20
FOR_BUTTONS = 2000
"""Characters that a card's buttons may take, with their dialogues."""
_MINUTES_FROM = 120
"""From so many seconds on a usual time is told in minutes."""
_A_FEW = 5
"""Fewer seconds than that are not counted."""
_MINUTE = timedelta(minutes=1)

_STYLES = {Action.APPROVE: "primary", Action.REVIEW: "primary", Action.REJECT: "danger"}
# An emergency is not simply asked again: what its button makes needs approvals.
_ORDINARY = "replan-ordinary"
# What can't be taken back: all but a look, and a plan that needs approvals again.
CONFIRMED = frozenset(Action) - {Action.CHECK_AGAIN, Action.REPLAN}
_AT_WORK = frozenset({Status.STARTING, Status.RUNNING, Status.VERIFYING})
_DIFFERS = frozenset({"roles-another-though-failed", "roles-unchanged-though-done", "roles-another-primary"})
"""Why a person is needed where the roles were read, and showed another outcome than was approved."""
_MOVED_ALL_THE_SAME = "roles-moved-though-failed"
"""The same, where they are as approved, though the job failed."""
_FORCED = "forced_promotion"
"""The warning of a call that is said once more where people confirm it."""
# Whether anything is under way, and so how long it takes, nobody knows there.
_OPEN_ENDED = frozenset({Status.IN_DOUBT, Status.NEEDS_ATTENTION})
_TRIED_FOR_A_MINUTE = frozenset({Status.PLANNING, Status.RECHECKING})
"""What reads everything, and goes on doing so for ``UNREADABLE_FOR`` where it can't."""
_AWAITS = "calls-awaited"
"""What is waited for without that limit."""
_CALLS = "reply-needs-attention"
"""What calls people. Told late, it calls nobody to what has been settled."""
_TOLD_AT_THE_END = frozenset(f"reply-{end.replace('_', '-')}" for end in ENDS)
_BUTTONS = {
    Status.PLANNING: (Action.CANCEL,),
    Status.AWAITING_APPROVAL: (Action.APPROVE, Action.REJECT, Action.CANCEL),
    Status.SCHEDULED: (Action.CANCEL,),
    Status.RECHECKING: (Action.CANCEL,),
    Status.IN_DOUBT: (Action.CHECK_AGAIN,),
    Status.NEEDS_ATTENTION: (Action.CHECK_AGAIN, Action.ACKNOWLEDGE),
    **dict.fromkeys(REPLANNED, (Action.REPLAN,)),
}


def card(op: Operation, texts: Texts, *, hold: Hold | None = None, now: datetime) -> Rendered:
    """The card: where the operation stands, what it does, why, who said what, and what can be done now.

    Args:
        op: The operation as last committed.
        texts: The catalogue.
        hold: What keeps it from what it waits for: nothing can be approved meanwhile.
        now: When this is written: an approval that has expired is not offered any more.
    """
    made = summary(op, texts, hold=hold, now=now)
    return Rendered(made.text, [*made.blocks, *_buttons(op, texts, hold, now)])


def summary(op: Operation, texts: Texts, *, hold: Hold | None = None, now: datetime | None) -> Rendered:
    """What a card says, without its buttons; the first line is the status in words.

    The plain text says in a line what the blocks draw.
    """
    status, warned = _status(op, texts, hold), _emergency(op, texts)
    why = [*_held(op, texts, hold), *_why(op, texts)]
    picture_, facts = drawn(op, texts), _facts(op, texts)
    rest = [
        _request(op, texts),
        _approvals(op, texts),
        check_lines(op.checks, texts, read_at=op.checked_at, started=op.checked_before_start, told=op.detail),
        _nodes(op, texts, now),
    ]
    asked = _asked(op, texts)
    moves = [picture(op, texts)]
    said = rendered([[status, *warned, *moves, *why], facts, *rest, [asked]], texts)
    first = section([f"*{status}*", *warned, *([] if picture_ else moves), *why], texts)
    head, foot = [first, *([picture_] if picture_ else [])], context(asked)
    room = MAX_WORDS - FOR_BUTTONS - words([*head, foot])
    return Rendered(said.text, [*head, *rendered([facts, *rest], texts, room=room).blocks, foot])


def reply(op: Operation, say: Say, texts: Texts) -> Rendered:
    """A reply in the card's thread: what happened, and why.

    What needs a person has the buttons, as long as it does: nobody knows here whether the card is still there.
    """
    return rendered([_with_buttons(op, say, texts)], texts, _asked_for(op, say, texts))


def direct(op: Operation, say: Say, texts: Texts) -> Rendered:
    """The same for the requester alone, where nothing can be said in the thread: also of what, asked by whom."""
    said, buttons = _with_buttons(op, _to_one(say), texts), _asked_for(op, say, texts)
    if buttons:
        said.append(texts.text("direct-buttons", id=op.id))
    return rendered([said, _of_what(op, texts)], texts, buttons)


def notice(op: Operation, say: Say, texts: Texts) -> Rendered:
    """What happened and why, for readers who don't see the card: also of what, asked and approved by whom."""
    said = _said(op, _to_one(say), texts)
    if _asks_for_review(op, say):
        said.append(texts.text("notice-review-owed", by=user(op.requested_by)))
    return rendered([said, _of_what(op, texts)], texts)


def needed(op: Operation, texts: Texts) -> list[Block]:
    """The buttons for what a person owes an operation, wherever it is told of: its card may be gone."""
    owed = _BUTTONS[op.status] if op.status is Status.NEEDS_ATTENTION else ()
    owed = (Action.REVIEW, *owed) if op.review_owed else owed
    return [{"type": "actions", "elements": [_button(op, each, texts) for each in owed]}] if owed else []


def _asked_for(op: Operation, say: Say, texts: Texts) -> list[Block]:
    """The same, where this is what tells of it."""
    return needed(op, texts) if _asks_for_review(op, say) or _asks_for_somebody(op, say) else []


def _with_buttons(op: Operation, say: Say, texts: Texts) -> list[str]:
    said = _said(op, say, texts, buttons=_asks_for_somebody(op, say))
    if _asks_for_review(op, say):
        said.append(texts.text("reply-review-owed", by=user(op.requested_by)))
    return said


def _of_what(op: Operation, texts: Texts) -> list[str]:
    approvals = _approvals(op, texts) if op.status in ENDS else []
    return [picture(op, texts), *approvals, _asked(op, texts)]


def _to_one(say: Say) -> Say:
    """The same without those who are called in the thread: here they would not hear of it, or once more."""
    if say.text.code != _CALLS:
        return say
    return replace(
        say, text=Reason(_CALLS, tuple(each for each in say.text.params if each[0] != "approvers"))
    )


def announcement(say: Say, texts: Texts) -> Rendered:
    """What the audit channel is told that is of no operation."""
    said = [sentence(texts, reason) for reason in (say.text, say.detail) if reason is not None]
    return rendered([said], texts)


def _said(op: Operation, say: Say, texts: Texts, *, buttons: bool = False) -> list[str]:
    """What happened and why; of an emergency nothing was approved, so it says so nowhere.

    Args:
        op: The operation.
        say: What is said of it.
        texts: The catalogue.
        buttons: Those for what needs a person are below.
    """
    extra = {
        "emergency": _yes(op.emergency),
        "zone": op.zone,
        "buttons": _yes(buttons),
        **_found(say.detail),
    }
    if say.text.code == _CALLS and op.status is not Status.NEEDS_ATTENTION:
        return [texts.text("reply-needed-attention")]
    reasons = [reason for reason in (say.text, say.detail) if reason is not None]
    return [sentence(texts, reason.also(**extra), topology=op.topology) for reason in reasons]


def _asks_for_review(op: Operation, say: Say) -> bool:
    return op.review_owed and say.text.code in _TOLD_AT_THE_END


def _asks_for_somebody(op: Operation, say: Say) -> bool:
    return op.status is Status.NEEDS_ATTENTION and say.text.code == _CALLS


def _yes(value: bool) -> str:
    return "yes" if value else ""


def picture(op: Operation, texts: Texts, *, room: int = 80) -> str:
    """What moves from where to where: ``orders: from mysql-1 (10.0.0.1) to mysql-2 (10.0.0.2)``, as mrkdwn."""
    database = literal(op.label, room)
    after = _after(op, texts, room)
    if op.plan is None:
        return texts.text("moves-asked", database=database, after=after) if after else database
    primary = op.plan.primary
    before = (
        node_label(op.topology, primary, texts, room=room) if primary else texts.text("moves-nobody-known")
    )
    if not after or primary == op.plan.candidate:
        return texts.text("moves-nothing", database=database, before=before)
    return texts.text("moves", database=database, before=before, after=after)


# --- the groups of lines -------------------------------------------------------------------------------


def _after(op: Operation, texts: Texts, room: int) -> str:
    """Who is to become primary, or did; "" where nobody is meant."""
    if op.becomes_primary is not None:
        return node_label(op.topology, op.becomes_primary, texts, room=room)
    if op.cloud_chooses:
        return texts.text("moves-cloud-chooses")
    return literal(op.asked, room) if op.asked else ""


def _status(op: Operation, texts: Texts, hold: Hold | None) -> str:
    code = f"status-{op.status.replace('_', '-')}"
    job = op.job.state if op.job else None
    return texts.text(
        code,
        count=len(op.approvals),
        needed=op.needed,
        held=_yes(hold is not None),
        emergency=_yes(op.emergency),
        done=_yes(job is JobState.DONE),
        failed=_yes(job is JobState.FAILED),
        **_found(op.detail),
    )


def _found(why: Reason | None) -> dict[str, str]:
    """What is known of the outcome that a person is called for, as the catalogue asks about it."""
    code = "" if why is None else why.code
    return {"differs": _yes(code in _DIFFERS), "moved": _yes(code == _MOVED_ALL_THE_SAME)}


def _why(op: Operation, texts: Texts) -> list[str]:
    """What must be looked at, why the status is what it is, and what a person is to do."""
    why = _review(op, texts)
    if op.detail:
        # What anybody could have done about it, nobody can any more.
        why.append(sentence(texts, op.detail.also(over=_yes(op.status in ENDS)), topology=op.topology))
    if op.status is Status.NEEDS_ATTENTION:
        why.append(texts.text("card-to-do"))
    until = dict(op.detail.params).get("until") if op.detail and op.status is Status.IN_DOUBT else None
    if until:
        why.append(sentence(texts, Reason.of("card-doubt-until", database=op.label, until=until)))
    return why


def _held(op: Operation, texts: Texts, hold: Hold | None) -> list[str]:
    """What keeps it from what it waits for, until when, and who can lift it."""
    return [] if hold is None else [sentence(texts, hold.sentence(), topology=op.topology)]


def _emergency(op: Operation, texts: Texts) -> list[str]:
    """Who broke the glass, and which checks they overrode."""
    lines = [texts.text("card-emergency", by=user(op.requested_by))] if op.emergency else []
    if op.overrides:
        lines.append(
            line(texts, "card-overrides", checks=", ".join(op.overrides), over=_yes(op.status in ENDS))
        )
    return lines


def _review(op: Operation, texts: Texts) -> list[str]:
    """Who must look at an emergency once it is over, or has."""
    if op.review_owed:
        return [texts.text("card-review-owed", by=user(op.requested_by))]
    if op.emergency and op.reviewed_by is not None and op.reviewed_at is not None:
        return [texts.text("card-reviewed", by=user(op.reviewed_by), when=moment(op.reviewed_at))]
    return []


def _facts(op: Operation, texts: Texts) -> list[str]:
    facts = _primary(op, texts)
    if op.shard:
        name = op.topology.shard_name if op.topology else ""
        facts.append(texts.text("card-shard", shard=shard_label(op.shard, name, texts)))
    if op.start_at is not None:
        wall = literal(wall_clock(op.start_at, op.zone), 120)
        facts.append(texts.text("card-start", when=moment(op.start_at), wall=wall))
    facts += _time(op, texts)
    facts += _before(op, texts)
    facts += _progress(op, texts)
    if op.decided_by:
        facts.append(line(texts, "card-decided", by=op.decided_by))
    if op.ended_at is not None:
        seconds = f"{max(0.0, (op.took or timedelta()).total_seconds()):.0f}"
        facts.append(texts.text("card-ended", when=moment(op.ended_at), seconds=seconds))
    waits = op.detail is not None and op.detail.code == _AWAITS
    if op.status in _TRIED_FOR_A_MINUTE and not op.submissions and not waits:
        facts.append(texts.text("card-tried-for"))
    return facts


def _before(op: Operation, texts: Texts) -> list[str]:
    """What was done last, while somebody may still decide about the next."""
    if op.last is None or op.status in ENDS:
        return []
    before, after = (node_label(op.topology, NodeId(node), texts) for node in (op.last.before, op.last.after))
    when = moment(op.last.ended_at)
    return [
        texts.text(
            "card-last", id=literal(op.last.id, 40), when=when, before=before or "?", after=after or "?"
        )
    ]


def _primary(op: Operation, texts: Texts) -> list[str]:
    """Who is primary now, as far as the last reading knows."""
    if op.topology is None:
        return []
    node = node_label(op.topology, op.primary_now, texts) if op.primary_now else ""
    code = "card-primary-before" if op.read_before_start else "card-primary-now"
    return [texts.text(code, node=node, when=moment(op.topology.read_at))]


def _nodes(op: Operation, texts: Texts, now: datetime | None) -> list[str]:
    if op.topology is None:
        return []
    return node_lines(
        op.topology,
        texts,
        now=None if op.status in ENDS else now,
        before_start=op.read_before_start,
    )


def _time(op: Operation, texts: Texts) -> list[str]:
    """Since when it is under way, how long it usually takes, and so when to expect its end: true without updates."""
    if not op.open:
        return []
    at_work = op.status in _AT_WORK and bool(op.submissions)
    lines = [texts.text("card-sent", when=moment(op.submissions[-1]))] if op.submissions else []
    if op.usual is None or op.status in _OPEN_ENDED:
        return lines
    about = _about(op.usual.time)
    until = _by_minute(op.submissions[-1] + op.usual.time) if at_work and about else ""
    usual = texts.text("card-usual", seconds=about or "", count=op.usual.of, until=until)
    return [*lines, usual]


def _about(length: timedelta) -> int:
    """Seconds, no more exactly than one experience tells of the next; 0 for a few of them."""
    seconds = length.total_seconds()
    if seconds < _A_FEW:
        return 0
    step = 5 if seconds < _MINUTES_FROM else 60
    return round(seconds / step) * step


def _by_minute(at: datetime) -> str:
    """The hour and minute by which it is that time: the minute in which it is has begun before."""
    return time_of_day(at + _MINUTE - timedelta(microseconds=1))


def _progress(op: Operation, texts: Texts) -> list[str]:
    """The job, and the provider's word for it."""
    lines = []
    if op.job_id:
        lines.append(line(texts, "card-job", job=op.job_id))
    elif op.status is Status.RUNNING:
        lines.append(texts.text("card-no-job"))
    if op.job is not None:
        lines.append(line(texts, "card-job-word", word=op.job.word, detail=op.job.detail))
    return lines


def _request(op: Operation, texts: Texts) -> list[str]:
    """Why, and what exactly the provider is asked; the latter only where it still may be or was."""
    back = op.back_of is not None
    lines = []
    if op.back_of is not None:
        lines.append(line(texts, "card-switch-back", id=op.back_of))
    elif op.follows is not None:
        lines.append(line(texts, "card-fresh-plan", id=op.follows))
    if op.reason and not back:
        lines.append(texts.text("card-reason", reason=literal(op.reason, MAX_REASON - 1)))
    if back and op.plan is not None and op.plan.candidate is None and op.status not in ENDS:
        lines.append(texts.text("card-not-promised"))
    if op.plan is None or (op.status in ENDS and not op.submissions):
        return lines
    node = node_label(op.topology, op.plan.candidate, texts)
    return [*lines, *call_lines(op.plan.call, texts, node=node, warned=op.status not in UNSENT)]


def _approvals(op: Operation, texts: Texts) -> list[str]:
    never_asked = op.status in ENDS and not op.approvals
    if not op.needed or never_asked:
        return []
    people = _people(op.approved_by, texts)
    lines = [texts.text("card-approvals", count=len(op.approvals), needed=op.needed, people=people)]
    if op.status is Status.AWAITING_APPROVAL:
        missing = max(0, op.needed - len(op.approvals))
        may = _people(op.approvers, texts)
        lines.append(texts.text("card-missing", count=missing, people=may))
    if op.expires_at is not None and op.status is Status.AWAITING_APPROVAL:
        lines.append(texts.text("card-expires", when=moment(op.expires_at)))
    return lines


def _people(entries: Iterable[str], texts: Texts) -> str:
    """People and groups as mentions, which also calls them; ``*`` calls nobody."""
    named = [texts.text("card-anyone") if entry == "*" else person_or_group(entry) for entry in entries]
    shown = ", ".join(named[:MAX_PEOPLE])
    hidden = len(named) - MAX_PEOPLE
    return shown if hidden <= 0 else f"{shown} {texts.text('card-more', count=hidden)}"


def _asked(op: Operation, texts: Texts) -> str:
    return texts.text("card-id", id=op.id, by=user(op.requested_by), when=moment(op.requested_at))


# --- the buttons ---------------------------------------------------------------------------------------


def actions(op: Operation, now: datetime, hold: Hold | None = None) -> tuple[Action, ...]:
    """What the card's buttons offer at this moment."""
    closed = hold is not None or (op.expires_at is not None and now >= op.expires_at)
    offered = _BUTTONS.get(op.status, ())
    if op.status is Status.SUCCEEDED and op.plan is not None and op.plan.primary is not None:
        offered = (*offered, Action.SWITCH_BACK)
    if op.review_owed:
        offered = (Action.REVIEW, *offered)
    return tuple(action for action in offered if not (closed and action is Action.APPROVE))


def _buttons(op: Operation, texts: Texts, hold: Hold | None, now: datetime) -> list[Block]:
    offered = actions(op, now, hold)
    if not offered:
        return []
    return [{"type": "actions", "elements": [_button(op, action, texts) for action in offered]}]


def _button(op: Operation, action: Action, texts: Texts) -> Block:
    ordinary = op.emergency and action is Action.REPLAN
    name = _ORDINARY if ordinary else action.replace("_", "-")
    return button(
        texts.text(f"button-{name}"),
        action_id=action.value,
        value=op.id,
        style=_STYLES.get(action, ""),
        confirm=_confirm(op, action, name, texts) if ordinary or action in CONFIRMED else None,
    )


def _confirm(op: Operation, action: Action, name: str, texts: Texts) -> Block:
    plan = op.plan
    after = plan.candidate if plan else None
    chosen = ""
    if action is Action.SWITCH_BACK:
        chosen, after = "" if after else "-chosen", after or op.primary_now
    # Bare names here: a dialogue has little room, and the card behind it says the rest.
    text = line(
        texts,
        f"confirm-{name}{chosen}-text",
        most=MAX_CONFIRM,
        database=op.label,
        before=name_of(op.topology, plan.primary or "?") if plan else "?",
        after=name_of(op.topology, after) if after else texts.text("moves-cloud-chooses"),
        by=op.requested_by,
        forced=_yes(plan is not None and plan.call.warning == _FORCED),
        start="" if op.start_at is None else wall_clock(op.start_at, op.zone),
    )
    return confirmation(name, text, texts)
