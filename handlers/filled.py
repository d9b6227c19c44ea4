"""What somebody filled into the form: read defensively, judged as far as that needs nobody's answer. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bot.core.commands import RequestSwitchover
from bot.core.events import Place
from bot.core.model import Reason
from bot.core.schedule import Start, instant, zone_named
from handlers.clauses import AT, IN, ahead_meant, moment_meant
from handlers.form import CHANNEL, DATABASE, MAX_NAME, NODE, REASON, SHARD, START
from handlers.payloads import Malformed, Payload, objects, optional, part
from handlers.words import Problem, mentions, storable

MAX_TYPED = 4000
_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{1,30}")
_TS = re.compile(r"[0-9]{1,16}\.[0-9]{1,16}")

Errors = Mapping[str, Reason]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a form carries along: ids only.

    Attributes:
        place: Where the card goes; None where the form asks.
        database: The one that its pickers were filled for.
    """

    place: Place | None
    database: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A form that makes sense: what it asks, and where its card goes."""

    command: RequestSwitchover
    place: Place


@dataclass(frozen=True, slots=True)
class Local:
    """What is known without asking anybody.

    Attributes:
        unknown: What is said of a name that is no database's; None for one that is.
        takes_requests: Whether a request may be made in a channel.
        now: The time.
        zone: The person's time zone; "" where it is not known.
    """

    unknown: Callable[[str], Reason | None]
    takes_requests: Callable[[str], bool]
    now: datetime
    zone: str = ""


def kept(view: Payload) -> Kept:
    """What the form carried along.

    Raises:
        Malformed: It is not what we wrote.
    """
    try:
        found = json.loads(optional(view, "private_metadata"))
    except (ValueError, RecursionError):
        raise Malformed("private_metadata") from None
    if not isinstance(found, dict):
        raise Malformed("private_metadata")
    channel, thread = optional(found, "channel"), optional(found, "thread")
    if (channel and not _CHANNEL_ID.fullmatch(channel)) or (thread and not _TS.fullmatch(thread)):
        raise Malformed("private_metadata")
    return Kept(Place(channel, thread or None) if channel else None, optional(found, "database"))


def filled(view: Payload, local: Local) -> Filled | Errors:
    """The request that a submitted form stands for, or what is wrong with it, by the block to say it at.

    Raises:
        Malformed: It is not shaped as Slack shapes a submission of our form.
    """
    carried, fields = kept(view), _fields(view)
    errors = _Errors(view)
    database = fields[DATABASE]
    place = _place(carried.place, fields[CHANNEL])
    for name in (DATABASE, SHARD, NODE):
        errors.note(name, _no_name(fields[name]))
    errors.note(CHANNEL, _no_channel(place, local))
    errors.note(DATABASE, local.unknown(database) if database else Reason.of("form-database-missing"))
    for name in (SHARD, NODE):
        errors.note(name, _other_database(fields[name], carried.database, database))
    if not fields[SHARD] and _needs_shard(view):
        errors.note(SHARD, Reason.of("form-shard-missing"))
    errors.note(NODE, _elsewhere(view, fields[SHARD], fields[NODE]))
    start = _start(fields[START], local)
    if isinstance(start, Reason):
        errors.note(START, start)
        start = None
    if len(fields[REASON]) > MAX_TYPED:
        errors.note(REASON, Reason.of("text-too-long", most=MAX_TYPED))
    if errors.found:
        return errors.found
    command = RequestSwitchover(
        database,
        node=fields[NODE] or None,
        shard=fields[SHARD] or None,
        reason=fields[REASON],
        start=start,
    )
    return Filled(command, place)


def no_place(view: Payload, reason: Reason) -> Errors:
    """That no card can be posted where this form wants it.

    Raises:
        Malformed: It is no submission of our form.
    """
    errors = _Errors(view)
    errors.note(CHANNEL, reason)
    return errors.found


class _Errors:
    """The first error of each field; one of a field that is not shown is said at the database."""

    def __init__(self, view: Payload) -> None:
        self.found: dict[str, Reason] = {}
        self._shown = frozenset(optional(block, "block_id") for block in objects(view, "blocks"))

    def note(self, name: str, reason: Reason | None) -> None:
        if reason is not None:
            self.found.setdefault(name if name in self._shown else DATABASE, reason)


def _fields(view: Payload) -> Mapping[str, str]:
    values = part(part(view, "state"), "values")
    return {name: _value(values, name) for name in (CHANNEL, DATABASE, SHARD, NODE, START, REASON)}


def _value(values: Payload, name: str) -> str:
    """Of a text field, a menu, a channel picker or a date and time picker; "" where nothing was entered."""
    element = part(part(values, name, {}), name, {})
    at = element.get("selected_date_time")
    if isinstance(at, int):
        return _written(at)
    typed = (
        optional(element, "value")
        or optional(part(element, "selected_option", {}), "value")
        or optional(element, "selected_conversation")
    )
    return storable(typed).strip()


def _written(timestamp: int) -> str:
    try:
        return datetime.fromtimestamp(timestamp, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        raise Malformed(START) from None


def _no_name(text: str) -> Reason | None:
    if len(text) > MAX_NAME:
        return Reason.of("text-too-long", most=MAX_NAME)
    return Reason.of("mention-in-name", text=text) if mentions(text) else None


def _place(carried: Place | None, chosen: str) -> Place:
    """Where the card goes: the thread that the form was opened in is left with its channel only."""
    if carried is not None and chosen in {"", carried.channel}:
        return carried
    return Place(chosen)


def _no_channel(place: Place, local: Local) -> Reason | None:
    if not place.channel:
        return Reason.of("form-channel-missing")
    return None if local.takes_requests(place.channel) else Reason.of("wrong-channel")


def _other_database(chosen: str, filled_for: str, database: str) -> Reason | None:
    # Its pickers may be late, or another replica's: what was picked of one database is not meant of another. What comes
    # before there are any was picked of none, and is judged as what is typed.
    stale = bool(chosen) and bool(database) and filled_for not in {"", database}
    return Reason.of("form-of-another", name=filled_for) if stale else None


def _needs_shard(view: Payload) -> bool:
    return any(
        block.get("block_id") == SHARD and block.get("optional") is not True
        for block in objects(view, "blocks")
    )


def _elsewhere(view: Payload, shard: str, node: str) -> Reason | None:
    """That the picked node is of another shard than the picked one: the form itself says which it is of."""
    if not shard or not node:
        return None
    labels = {_shown(option): optional(option, "value") for option in _options(view, SHARD, "options")}
    groups = _options(view, NODE, "option_groups")
    for group in groups:
        if any(optional(option, "value") == node for option in objects(group, "options")):
            of = labels.get(optional(part(group, "label", {}), "text"), shard)
            if of == shard:
                return None
            return Reason.of("form-node-elsewhere", node=node, shard=of)
    # It was picked before the shard that is chosen now.
    return Reason.of("form-node-of-another", node=node) if groups else None


def _shown(option: Payload) -> str:
    return optional(part(option, "text", {}), "text")


def _options(view: Payload, name: str, key: str) -> list[Payload]:
    blocks = [block for block in objects(view, "blocks") if block.get("block_id") == name]
    return [each for block in blocks for each in objects(part(block, "element", {}), key)]


def _start(typed: str, local: Local) -> Start | Reason | None:
    """The start as typed, if it is one that could be kept as far as that is known here."""
    if not typed:
        return None
    try:
        start = _meant(typed)
    except Problem as problem:
        return problem.reason
    zone = zone_named(local.zone) if local.zone else None
    if zone is None and start.clock is not None:
        return start  # which time it means is found out behind the inbox
    found = instant(start, asked_at=local.now, zone=zone or ZoneInfo("UTC"), zone_name=local.zone)
    return found if isinstance(found, Reason) else start


def _meant(typed: str) -> Start:
    word, _, rest = typed.partition(" ")
    if word.casefold() == IN.word:
        return Start(after=ahead_meant(rest.strip()))
    if word.casefold() == AT.word:
        return moment_meant(rest.strip())
    try:
        return Start(after=ahead_meant(typed))
    except Problem:
        return moment_meant(typed)
