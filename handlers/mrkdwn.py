"""Slack's text markup. What people or clouds wrote is shown literally; only we make mentions and dates."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from functools import lru_cache

from bot.core.schedule import zone_named

# Keeps two characters together and is not seen. Next to a mark it keeps Slack from reading the mark.
_JOINER = "\N{WORD JOINER}"
_JOINERS_OF_EMOJI = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"

# Within a word `_` formats nothing, and names like mysql_1 should stay easy to copy.
_FORMAT = re.compile(r"[*~`]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
# Two emoji are named by digits alone; other digits between colons are a time of day, also with an offset.
_EMOJI = r"(?:100|1234|(?!\d\d[+-]\d\d:)(?=\d*[^\W\d]|\d*[+'-])[\w+'-]+)"
# Links, emoji, and what Slack may take for a person or a channel.
NAME = "switchover"
"""What the bot is called in Slack. Whoever copies its name types a mention of it, so that is left whole."""
_ALIVE = re.compile(rf":(?=//)|:(?={_EMOJI}:)|@(?!{NAME}(?![\w-]))(?=\w)|#(?=\w)|(?<=\bwww)(?=\.)")
_HALF_AN_EMOJI = re.compile(rf":{_EMOJI}$")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

_REMEMBERED = 4096
"""How many texts are remembered as they are shown: names of nodes, people's reasons, times."""

_USER = re.compile(r"[UW][A-Z0-9]{2,30}")
_GROUP = re.compile(r"S[A-Z0-9]{2,30}")
_DATE = re.compile(r"<!date\^[^|<>]*\|([^<>]*)>")


def clip(text: str, most: int) -> str:
    """At most that many characters, the last one "…" where something is missing."""
    return text if len(text) <= most else text[: most - 1] + "…"


def one_line(text: str) -> str:
    """Without line breaks, and with a sign in place of characters that would hide or turn round others."""
    line = " ".join(text.split())
    # What is printable hides nothing, and nearly everything is.
    return line if line.isprintable() else "".join(_visible(character) for character in line)


def _visible(character: str) -> str:
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in _JOINERS_OF_EMOJI
    return "\N{REPLACEMENT CHARACTER}" if hidden else character


@lru_cache(maxsize=_REMEMBERED)
def literal(text: str, most: int = 300) -> str:
    """Text of others for a mrkdwn object: no mention, link, formatting or emoji comes to life in it.

    Args:
        text: What somebody typed or a cloud said.
        most: How many of its characters are shown. What is returned is at most five times as long, and a mark.
    """
    shown = clip(one_line(text), most)
    inert = _FORMAT.sub(lambda mark: f"{_JOINER}{mark[0]}{_JOINER}", shown)
    inert = _ALIVE.sub(lambda mark: mark[0] + _JOINER, inert)
    # A colon of ours may follow: "shard :fire" and ": primary" must not meet.
    inert += _JOINER if _HALF_AN_EMOJI.search(inert) else ""
    # At the start of a line even an escaped ">" makes a quotation.
    return (_JOINER if inert.startswith(">") else "") + inert.translate(_ENTITIES)


def code(text: str, most: int = 300) -> str:
    """Text of others set as code: what is in there is never taken for markup, and a backtick would end it."""
    shown = clip(one_line(text), most).replace("`", "'").translate(_ENTITIES)
    return f"`{shown}`" if shown else ""


def user(user_id: str, most: int = 40) -> str:
    """A mention of a person; anything that is no user id is shown literally."""
    return f"<@{user_id}>" if _USER.fullmatch(user_id) else literal(user_id, most)


def person_or_group(entry: str) -> str:
    """A mention of an entry of a policy: a user or a user group."""
    return f"<!subteam^{entry}>" if _GROUP.fullmatch(entry) else user(entry)


def link(address: str, text: str) -> str:
    """A link; the address must be one of ours, what it is shown as may be anything."""
    return f"<{address.translate(_ENTITIES)}|{literal(text)}>"


@lru_cache(maxsize=_REMEMBERED)
def moment(at: datetime) -> str:
    """A time in the reader's own zone, down to the second; in UTC where it can't be shown so."""
    shown = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time_secs}}|{shown}>"


def time_of_day(at: datetime) -> str:
    """The hour and minute of a time near now, in the reader's own zone; in UTC where it can't be shown so."""
    return f"<!date^{int(at.timestamp())}^{{time}}|{at.astimezone(UTC):%H:%M} UTC>"


def wall_clock(at: datetime, zone: str) -> str:
    """A time as clocks show it in a zone, with that zone: ``2026-11-23 02:00 (UTC+08:00, Asia/Shanghai)``.

    In UTC where the zone is not known.
    """
    here = at.astimezone(zone_named(zone) or UTC)
    shown = f"{here:%Y-%m-%d %H:%M:%S}".removesuffix(":00")
    offset = f"{here:%z}"
    named = "" if here.tzinfo is UTC else f"{offset[:3]}:{offset[3:5]}, {zone}"
    return f"{shown} (UTC{named})"


def without_dates(text: str) -> str:
    """The same for a message's plain text, where dates would be shown as markup."""
    return "".join(_DATE.split(text)) if "<!date" in text else text
