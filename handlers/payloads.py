"""What Slack's payloads say, read defensively and without side effects: who, where, what, and which delivery."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.core.commands import Origin
from bot.core.events import Place
from bot.core.model import UserId

MAX_ID = 255
MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
EDITS = frozenset({"message_changed", "message_deleted", "message_replied", "bot_message"})

Payload = Mapping[str, Any]


class Malformed(Exception):
    """A payload lacks what every payload of its kind has."""


def dedupe_key(body: Payload) -> str:
    """The same for every delivery of the same payload, whatever it is signed with.

    Slack retries events under one ``event_id``. A command or a click is known by all that it says: two of
    them may share a ``trigger_id`` or have none, and must not be taken for one.
    """
    kind = "command" if "command" in body else text(body, "type")
    known = body.get("event_id") if kind == "event_callback" else None
    if isinstance(known, str) and 0 < len(known) <= MAX_ID:
        return f"{kind}:{known}"
    if kind == "view_submission":
        # However often a form is sent as it is: every click has a trigger of its own. One that was changed since is
        # another request; where its acknowledgement was lost, Slack leaves it open.
        view = part(body, "view")
        return f"{kind}:sha256:{_digest({'id': text(view, 'id'), 'state': view.get('state')})}"
    return f"{kind}:sha256:{_digest(body)}"


def _digest(said: Payload) -> str:
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def command_origin(body: Payload) -> Origin:
    """Who typed a slash command, and where; slash commands do not work in threads."""
    place = Place(text(body, "channel_id"))
    return Origin(UserId(text(body, "user_id")), optional(body, "team_id"), place, _response_url(body))


def interaction_origin(body: Payload) -> Origin:
    """Who clicked, and where; the Home tab and global shortcuts have no channel.

    The team is the clicker's own: in a Slack Connect channel ``team`` is where the app is installed.
    """
    user = part(body, "user")
    place = Place(optional(part(body, "channel", {}), "id") or _container_channel(body), _thread(body))
    return Origin(UserId(text(user, "id")), optional(user, "team_id"), place, _response_url(body))


def shortcut_origin(body: Payload) -> Origin:
    """Who chose a shortcut, and where: in the thread of its message, or nowhere for a global one.

    Slack's answer to its response_url may land beside the thread, so it is not used.
    """
    user, message = part(body, "user"), part(body, "message", {})
    thread = optional(message, "thread_ts") or optional(body, "message_ts") or optional(message, "ts")
    place = Place(optional(part(body, "channel", {}), "id"), thread or None)
    return Origin(UserId(text(user, "id")), optional(user, "team_id"), place)


def mention_origin(body: Payload) -> Origin:
    """Who mentioned the bot, and where."""
    event = part(body, "event")
    place = Place(text(event, "channel"), optional(event, "thread_ts") or None)
    return Origin(UserId(text(event, "user")), _author_team(body, event), place, mentioned=True)


def home_origin(body: Payload) -> Origin:
    """Who opened the Home tab; whatever is answered goes there, so there is no channel."""
    event = part(body, "event")
    return Origin(UserId(text(event, "user")), _author_team(body, event), Place(""))


def is_for_us(body: Payload) -> bool:
    """Whether a mention was written by a person, just now: not by a bot, ourselves, or an edit."""
    event = part(body, "event")
    if event.get("bot_id") or event.get("edited") or event.get("subtype") in EDITS:
        return False
    return bool(event.get("user")) and event.get("user") != _bot_user(body)


def mention_text(body: Payload) -> str:
    """What was typed after the mention of the bot; after the first mention where none is known to be it."""
    typed = optional(part(body, "event"), "text")
    bot = _bot_user(body)
    mentions = list(MENTION.finditer(typed))
    ours = next((found for found in mentions if found[1] == bot), mentions[0] if mentions else None)
    return (typed[ours.end() :] if ours else typed).strip(" \t\n:,")


def text(payload: Payload, name: str) -> str:
    """A field that must be there.

    Raises:
        Malformed: It is not.
    """
    value = payload.get(name)
    if not isinstance(value, str) or not value or len(value) > MAX_ID:
        raise Malformed(name)
    return value


def optional(payload: Payload, name: str) -> str:
    """A field that may be missing: then "".

    Raises:
        Malformed: It is there and no text.
    """
    value = payload.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed(name)
    return value


def part(payload: Payload, name: str, default: Payload | None = None) -> Payload:
    """An object inside a payload.

    Raises:
        Malformed: It is missing and there is no default, or it is no object.
    """
    value = payload.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, Mapping):
        raise Malformed(name)
    return value


def first(payload: Payload, name: str) -> Payload:
    """The first object of a list; empty where there is none.

    Raises:
        Malformed: It is no list of objects.
    """
    return next(iter(objects(payload, name)), {})


def objects(payload: Payload, name: str) -> Sequence[Payload]:
    """A list of objects; empty where there is none.

    Raises:
        Malformed: It is something else.
    """
    values = payload.get(name) or []
    if not isinstance(values, list) or not all(isinstance(value, Mapping) for value in values):
        raise Malformed(name)
    return values


def _container_channel(body: Payload) -> str:
    return optional(part(body, "container", {}), "channel_id")


def _thread(body: Payload) -> str | None:
    container = part(body, "container", {})
    return optional(container, "thread_ts") or optional(part(body, "message", {}), "thread_ts") or None


def _response_url(body: Payload) -> str:
    return optional(body, "response_url") or optional(first(body, "response_urls"), "response_url")


def _author_team(body: Payload, event: Payload) -> str:
    said = optional(event, "user_team") or optional(event, "team")
    if said or body.get("is_ext_shared_channel"):
        return said
    return optional(body, "team_id")


def _bot_user(body: Payload) -> str:
    # An authorization may be of the person who installed the app: that one is to be heard.
    bots = (each for each in objects(body, "authorizations") if each.get("is_bot") is not False)
    return optional(next(bots, {}), "user_id")
