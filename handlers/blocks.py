"""The parts that messages are made of: Block Kit, within its limits whatever is put in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import accumulate, takewhile
from typing import Any

from bot.core.model import Call, Node, NodeId, Reason, Topology
from bot.core.preflight import Check
from handlers.mrkdwn import (
    clip,
    code,
    link,
    literal,
    moment,
    person_or_group,
    user,
    wall_clock,
    without_dates,
)
from handlers.texts import Show, Texts

Block = dict[str, Any]

MAX_MESSAGE_TEXT = 4000
MAX_WORDS = 10_500
"""Slack refuses a message whose blocks hold more in all; it says nowhere how much, so this is less."""
MAX_SECTION = 3000
MAX_CONTEXT = 2000
MAX_CONFIRM = 300
MAX_BUTTON = 75
MAX_BUTTON_VALUE = 2000
MAX_NODES = 20
MAX_HEADER = 150
_LINES_PER_SECTION = 5

# How much of each filled-in value is shown: the most that lets the whole sentence fit.
_ROOM = (300, 120, 40, 10, 3)
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message: its blocks, and in ``text`` the same in words."""

    text: str
    blocks: list[Block]


def rendered(
    groups: Sequence[Sequence[str]], texts: Texts, extra: Iterable[Block] = (), *, room: int = MAX_WORDS
) -> Rendered:
    """A message of groups of lines, one section each, and the blocks in ``extra`` after them.

    A group that says nothing is left out: Slack takes no empty section.
    Where the blocks would hold more than ``room`` characters the last groups are left out, and it says so.
    """
    kept, after = [list(group) for group in groups if any(group)], list(extra)
    lines = [without_dates(line) for group in kept for line in group]
    sections = [section(group, texts) for group in kept]
    shown = fitting(sections, room - words(after))
    if shown < len(sections):
        hidden = sum(len(group) for group in kept[shown:])
        sections[shown:] = [section([texts.text("card-more", count=hidden)], texts)]
    return Rendered(fit(lines, MAX_MESSAGE_TEXT, texts), [*sections, *after])


def words(part: object) -> int:
    """How many characters these blocks hold in all their texts, buttons and dialogues."""
    if isinstance(part, list):
        return sum(map(words, part))
    if not isinstance(part, dict):
        return 0
    own = part.get("text")
    count = len(own) if isinstance(own, str) else 0
    for each in part.values():
        if not isinstance(each, str):
            count += words(each)
    return count


def fitting(blocks: Sequence[Block], room: int) -> int:
    """How many of these blocks, from the first on, hold no more characters than that."""
    return sum(total <= room for total in accumulate(map(words, blocks)))


def fit(lines: Sequence[str], most: int, texts: Texts) -> str:
    """As many whole lines as there is room for, and how many are left out."""
    whole = "\n".join(lines)
    if len(whole) <= most:
        return whole
    kept = list(lines)
    while kept:
        kept.pop()
        more = texts.text("card-more", count=len(lines) - len(kept))
        if len(cut := "\n".join([*kept, more])) <= most:
            return cut
    return ""


def mrkdwn(text: str) -> Block:
    """A text object in which Slack looks for nothing to make a link of."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}


def section(lines: Sequence[str], texts: Texts, accessory: Block | None = None) -> Block:
    block: Block = {"type": "section", "text": mrkdwn(fit(lines, MAX_SECTION, texts))}
    return block if accessory is None else block | {"accessory": accessory}


def header(text: str) -> Block:
    """A heading, which screen readers name as one; only what we say ourselves, for nothing in it is escaped."""
    return {"type": "header", "text": plain(clip(text, MAX_HEADER))}


def gathered(entries: Sequence[Sequence[str]], most: int) -> tuple[list[list[str]], int]:
    """Whole entries of at most so many lines in all, a few lines in each section; and how many are left out."""
    ends = accumulate(len(entry) for entry in entries)
    shown = [entry for entry, end in zip(entries, ends, strict=True) if end <= most]
    groups: list[list[str]] = []
    for entry in shown:
        if groups and len(groups[-1]) + len(entry) <= _LINES_PER_SECTION:
            groups[-1] += entry
        else:
            groups.append(list(entry))
    return groups, len(entries) - len(shown)


def context(line: str) -> Block:
    return {"type": "context", "elements": [mrkdwn(line)]}


def button(
    label: str, *, action_id: str, value: str = "", style: str = "", confirm: Block | None = None
) -> Block:
    """A button. Its value goes out as it is, so it must be ours and short; it may have none."""
    block: Block = {"type": "button", "action_id": action_id, "text": plain(clip(label, MAX_BUTTON))}
    if value:
        block["value"] = value
    if style:
        block["style"] = style
    return block if confirm is None else block | {"confirm": confirm}


def confirmation(name: str, text: str, texts: Texts) -> Block:
    """What Slack asks once more before a button counts; ``name`` is that of its words in the catalogue."""
    return {
        "title": plain(texts.text(f"confirm-{name}-title")),
        "text": mrkdwn(text),
        "confirm": plain(texts.text(f"confirm-yes-{name}")),
        "deny": plain(texts.text("confirm-no")),
    }


# --- sentences -----------------------------------------------------------------------------------------


def sentence(
    texts: Texts, reason: Reason, *, topology: Topology | None = None, most: int = MAX_SECTION // 2
) -> str:
    """The sentence of a reason as mrkdwn: values literal, people as mentions, nodes by name, times as dates."""
    return _sentence(texts.locale, reason, topology, most)


@lru_cache(maxsize=_REMEMBERED)
def _sentence(locale: str, reason: Reason, topology: Topology | None, most: int) -> str:
    # A card is made anew at every change, and most of its sentences are as they were.
    texts, whole = Texts(locale), _with_wall_clock(reason)
    facts = dict(reason.params)
    address, listed = facts.get("link", ""), facts.get(_LISTED, "")

    def write(room: int) -> str:
        show = _shown(topology, room, address)
        return _with_list(texts, whole, show, listed, most) if listed else texts.say(whole, show=show)

    return _roomiest(write, most)


def _with_list(texts: Texts, reason: Reason, show: Show, listed: str, most: int) -> str:
    """The sentence with as many of what it lists as there is room for."""

    def said(these: str) -> str:
        return texts.say(reason, show=lambda name, value: these if name == _LISTED else show(name, value))

    entries = [show(_LISTED, entry) for entry in listed.split("\n")]
    return said(_several(entries, most - len(said("-")) + 1, texts))


def _several(entries: Sequence[str], most: int, texts: Texts) -> str:
    """As many of these, from the first on, as fit whole, and how many more there are.

    The first in any case: where it is too long for that, all is written anew with less room for each value.
    """
    every = ", ".join(entries)
    if len(every) <= most:
        return every

    def begun(count: int) -> str:
        return texts.text(
            "operations-more", operations=", ".join(entries[:count]), count=len(entries) - count
        )

    fits = takewhile(lambda count: len(begun(count)) <= most, range(1, len(entries)))
    return begun(max(fits, default=1))


def _with_wall_clock(reason: Reason) -> Reason:
    """With the time as clocks show it where it was meant, if that is known."""
    facts = dict(reason.params)
    at = instant_written(facts.get("when", ""))
    if at is None or not facts.get("zone"):
        return reason
    return reason.also(wall=wall_clock(at, facts["zone"]))


def instant_written(text: str) -> datetime | None:
    """A time with its zone as the core writes it; None if it is none that Slack can show."""
    try:
        at = datetime.fromisoformat(text)
        return None if at.tzinfo is None or at.timestamp() < 0 else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def line(texts: Texts, code: str, *, most: int = MAX_SECTION // 2, **values: object) -> str:
    """The same for a code of ours and values of others."""
    return sentence(texts, Reason.of(code, **values), most=most)


def _roomiest(write: Callable[[int], str], most: int) -> str:
    """What is written with the most room that still fits. With the least, every message of ours does."""
    for room in _ROOM:
        if len(text := write(room)) <= most:
            return text
    return ""


MAX_CALLED = 20
_PEOPLE = frozenset({"by", "lifted"})
_CALLED = frozenset({"approvers", "people", "requesters"})
TIMES = frozenset({"when", "until", "since"})
NODES = frozenset({"before", "now", "primary"})
_LISTED = "operations"
"""A value of several lines, which are named one after the other."""


def _shown(topology: Topology | None, room: int, address: str) -> Show:
    def show(name: str, value: str) -> str:
        if name == "holder" and address:
            return link(address, value)
        if name in _PEOPLE:
            return user(value, room) if value else ""
        if name in _CALLED:
            return (
                ", ".join(person_or_group(entry) for entry in value.split(",")[:MAX_CALLED]) if value else ""
            )
        if name in TIMES and (at := instant_written(value)) is not None:
            return moment(at)
        if name in NODES and topology is not None:
            return literal(name_of(topology, value), room)
        return literal(value, room)

    return show


def name_of(topology: Topology | None, node_id: str) -> str:
    """What people call a node: its name, else its id."""
    node = topology.node(node_id) if topology else None
    return (node.name if node else "") or node_id


# --- what cards and dry runs have in common ------------------------------------------------------------


def node_label(topology: Topology | None, node_id: NodeId | None, texts: Texts, *, room: int = 80) -> str:
    """A node as ``name (address)``, as mrkdwn; the id where no more is known."""
    node = topology.node(node_id) if topology else None
    return literal(node_id or "", room) if node is None else _label(node, texts, room)


def shard_label(shard: str, name: str, texts: Texts, *, room: int = 80) -> str:
    """A shard as ``name (id)``, as mrkdwn; the id where it has no name of its own."""
    shown = literal(shard, room)
    named = bool(name) and name != shard
    return texts.text("shard-with-name", name=literal(name, room), shard=shown) if named else shown


def call_lines(call: Call, texts: Texts, *, node: str = "", warned: bool = False) -> list[str]:
    """What the provider is asked, in words and exactly, and what to know before.

    Args:
        call: As the approval binds it; nothing of it is translated.
        texts: The catalogue.
        node: Who is to become primary, as mrkdwn; "" where the cloud chooses.
        warned: People were told what to know.
    """
    lines = [texts.text("card-call", node=node, call=code(call.summary))] if call.summary else []
    if call.warning and not warned:
        lines.append(line(texts, "card-warning", most=1000, warning=call.warning))
    return lines


_CHECKED = {True: "card-check-passed", False: "card-check-failed"}


def check_lines(
    checks: Sequence[Check],
    texts: Texts,
    *,
    read_at: datetime | None,
    started: bool = False,
    told: Reason | None = None,
) -> list[str]:
    """The preflight, one check a line.

    Args:
        checks: What was looked at.
        texts: The catalogue.
        read_at: When the reading was made that they are of; None where that is not known.
        started: Something was sent after them, so that they tell how things were before.
        told: What is said above them already, and is not said again.
    """
    if not checks:
        return []
    head = "card-checks-before" if started else "card-checks"
    lines = [texts.text(head, when=moment(read_at) if read_at else "")]
    for check in checks:
        if check.detail == told and not (check.passed or check.overridden):
            lines.append(line(texts, "card-check-told", name=check.name))
            continue
        # Whoever overrode it is not told what to wait for.
        detail = sentence(texts, check.detail.also(overridden="yes" if check.overridden else ""), most=600)
        # What was overridden is never shown as passed, nor as what stopped it.
        found = "card-check-overridden" if check.overridden else _CHECKED[check.passed]
        lines.append(texts.text(found, detail=detail))
    return lines


def node_lines(
    topology: Topology, texts: Texts, *, now: datetime | None, before_start: bool = False
) -> list[str]:
    """The nodes of a reading and its time; how old it is only where that matters.

    Args:
        topology: The reading.
        texts: The catalogue.
        now: When this is written; None where age does not matter.
        before_start: Something was sent after it, so that it tells how things were before.
    """
    when = moment(topology.read_at)
    minutes = int((now - topology.read_at).total_seconds() // 60) if now else 0
    if before_start:
        lines = [texts.text("card-nodes-before", when=when)]
    elif minutes:
        lines = [texts.text("card-nodes-old", when=when, minutes=minutes)]
    else:
        lines = [texts.text("card-nodes", when=when)]
    lines += [node_line(node, texts) for node in topology.nodes[:MAX_NODES]]
    hidden = len(topology.nodes) - MAX_NODES
    return lines if hidden <= 0 else [*lines, texts.text("card-more", count=hidden)]


def node_line(node: Node, texts: Texts) -> str:
    """A node with its role, health and lag, as mrkdwn."""
    health = {True: "health-good", False: "health-bad", None: "health-unknown"}[node.healthy]
    return texts.text(
        "card-node",
        name=_label(node, texts, 40),
        role=node.role,
        health=texts.text(health),
        lag="" if node.lag is None else f"{node.lag.total_seconds():g}",
    )


def _label(node: Node, texts: Texts, room: int) -> str:
    name = literal(node.name or node.id, room)
    if not node.address:
        return name
    return texts.text("node-with-address", name=name, address=literal(node.address, room))


def metadata(operation_id: str, status: str, key: str) -> Block:
    """The metadata of every card and reply; ``key`` is unique per message of an operation."""
    return {
        "event_type": "switchover_operation",
        "event_payload": {"operation": operation_id, "status": status, "key": key},
    }
