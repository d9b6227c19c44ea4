"""What the strings of a configuration mean: durations, cron, ids, names, addresses. Pure.

A parser raises ``Mistake``, whose text is the second half of a sentence ("is not a duration: …"): who reports
it knows whether the value itself may be shown and puts it, or nothing, in front.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit
from zoneinfo import available_timezones

from apscheduler.triggers.cron import CronTrigger

from bot.core import durations
from bot.core.schedule import zone_named

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WEEKDAY_PART = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/([1-9][0-9]?))?")
_NAME = re.compile(r"\w[\w.-]{0,62}")
_OPERATION_ID = re.compile(r"sw-[0-9a-z]{6}", re.IGNORECASE)
_SECRET_NAME = re.compile(
    "secret|token|passw|access_?key|private|credential|api_?key|authorization", re.IGNORECASE
)
_COMMANDS = "list status history cancel freeze unfreeze halt resume emergency help plan all"
_CONNECTIVES = "to shard at in for override because"
RESERVED = frozenset(f"{_COMMANDS} {_CONNECTIVES}".split())


class Mistake(ValueError):
    """Why a value can't stand, as a predicate; it never quotes the value."""


def nearest(word: str, known: Collection[str]) -> str:
    """``; did you mean "x"?`` where something known is near, else the known ones where they are few."""
    if close := get_close_matches(word, known, n=1):
        return f'; did you mean "{close[0]}"?'
    if 0 < len(known) <= 12:  # noqa: PLR2004  # more than a line holds helps nobody
        return f"; known here: {', '.join(sorted(known))}"
    return ""


def duration(value: object) -> timedelta:
    """A length of time as ``bot.core.durations`` reads it ("1h30m", "500ms"), at most a year."""
    length = durations.read(value) if isinstance(value, str) else None
    if length is None:
        raise Mistake('is not a duration: write it in quotes like "500ms", "2s", "15m", "24h" or "1h30m"')
    if length > durations.LONGEST:
        raise Mistake('is longer than a year: write at most "8760h"')
    return length


def positive(length: timedelta) -> timedelta:
    """The same length, which must not be nothing."""
    if not length:
        raise Mistake('is no time at all: it must be longer than "0s"')
    return length


def timezone(value: str) -> str:
    """The name of a zone this machine knows."""
    if zone_named(value) is None:
        hint = nearest(value, available_timezones())
        raise Mistake(f'is not a timezone: write a name like "Asia/Shanghai" or "UTC"{hint}')
    return value


def cron(value: str) -> str:
    """A crontab expression of five fields."""
    if trigger(value).get_next_fire_time(None, datetime(2024, 1, 1, tzinfo=UTC)) is None:
        raise Mistake("never comes: mend its day and month")
    return value


@lru_cache(maxsize=128)
def trigger(expression: str) -> CronTrigger:
    """The APScheduler trigger for a crontab expression in UTC, with weekdays as cron counts them.

    APScheduler 3 counts 0 as Monday where every crontab counts it as Sunday ("1-5" would freeze Tuesday to
    Saturday), so weekdays are handed over by name.
    """
    fields = expression.split()
    if len(fields) != 5:  # noqa: PLR2004  # what a crontab line has
        raise Mistake('is not cron: write "minute hour day month weekday", like "0 9 * * 1-5"')
    if fields[2] != "*" and fields[4] != "*":
        # cron reads the two as "or", APScheduler as "and": a freeze must not be missing for such a reason
        raise Mistake("names a day of the month and a weekday, which is read in two ways: write two entries")
    fields[4] = _weekdays(fields[4])
    try:
        return CronTrigger.from_crontab(" ".join(fields), timezone=UTC)
    except ValueError as error:
        raise Mistake(f'is not cron ({error}): write it like "0 9 * * 1-5"') from None


def _weekdays(field: str) -> str:
    if field == "*":
        return field
    days = {day % 7 for part in field.split(",") for day in _weekday_range(part)}
    return ",".join(_WEEKDAYS[day] for day in sorted(days))


def _weekday_range(part: str) -> range:
    found = _WEEKDAY_PART.fullmatch(part)
    if not found:
        raise Mistake('is not cron: a weekday is 0 to 7 or "mon" to "sun", like "1-5"')
    start, end, step = found.groups()
    if start == "*":
        first, last = 0, 6
    else:
        first = _weekday(start)
        last = _weekday(end) if end else first
        if end and last == 0:
            last = 7  # "fri-sun": Sunday ends a week as well as it starts one
    if last < first:
        raise Mistake('is not cron: its range of weekdays ends before it starts; write it like "5-7,0-1"')
    return range(first, last + 1, int(step or 1))


def _weekday(text: str) -> int:
    if text.lower() in _WEEKDAYS:
        return _WEEKDAYS.index(text.lower())
    if re.fullmatch("[0-7]", text):
        return int(text)
    raise Mistake('is not cron: a weekday is 0 to 7 or "mon" to "sun", like "1-5"')


def person_or_group(value: str) -> str:
    """A Slack user id, user-group id, or ``*``."""
    if value != "*" and not re.fullmatch("[UWS][A-Z0-9]+", value):
        raise Mistake(
            'is not an id: write a user id ("U0456EFGH"), a user-group id ("S0123ABCD") or "*";'
            " Slack shows it in the profile under Copy member ID"
        )
    return value


def is_individual(value: str) -> bool:
    """Whether an entry of a list of people is one person, not a group and not everybody."""
    return value.startswith(("U", "W"))


def channel(value: str) -> str:
    """A Slack channel id."""
    if not re.fullmatch("[CG][A-Z0-9]+", value):
        raise Mistake(
            'is not a channel id: write one like "C0123ABCD"; Slack shows it below the channel\'s details'
        )
    return value


def optional_channel(value: str) -> str:
    """A Slack channel id, or "" for none."""
    return channel(value) if value else value


def command(value: str) -> str:
    """A slash command's name as Slack takes it."""
    if not re.fullmatch(r"/[\w-]{1,31}", value) or value != value.lower():
        raise Mistake(
            'is not a command: write "/" and up to 31 lower-case letters or digits, like "/switchover"'
        )
    return value


def name(value: str) -> str:
    """The name of an account, a database or a policy: one word that survives being typed in a chat."""
    if not _NAME.fullmatch(value) or unicodedata.normalize("NFKC", value) != value:
        raise Mistake('is not a name: use up to 63 letters, digits, "-", "_" or ".", and no spaces')
    return value


def database_name(value: str) -> str:
    """A name people type after the command, so none of the command's own words."""
    name(value)
    if value.casefold() in RESERVED:
        raise Mistake("is a word of the command itself: choose another name")
    if _OPERATION_ID.fullmatch(value):
        raise Mistake("looks like an operation's id: choose another name")
    return value


def host(value: str) -> str:
    """An address to listen on."""
    if re.fullmatch(r"[^:]*:[0-9]+", value):
        raise Mistake('holds a port: write it apart, as "port"')
    if not re.fullmatch(r"[A-Za-z0-9_.:%-]+", value):
        raise Mistake('is not an address to listen on: write one like "127.0.0.1" or "0.0.0.0"')
    return value


def api_url(value: str) -> str:
    """The base of Slack's Web API, always with a slash at its end."""
    parts = _split(value)
    if parts is None or parts.scheme not in {"https", "http"} or not parts.hostname:
        raise Mistake('is not a web address: write one like "https://slack.com/api/"')
    if parts.username or parts.password or parts.query or parts.fragment:
        raise Mistake("holds more than an address: leave out user, password, query and fragment")
    return value.rstrip("/") + "/"


def database_url(value: str) -> str:
    """Where the bot's own records are; may hold a password, so no message quotes any of it."""
    mend = (
        'write "sqlite:///file.db", "sqlite:////absolute/file.db" or "postgresql://user:password@host/name"'
    )
    parts = _split(value)
    if parts is None:
        raise Mistake(f"is not a database address: {mend}")
    if parts.scheme == "sqlite":
        return _sqlite(value, mend)
    if parts.scheme == "postgresql":
        return _postgresql(value, parts, mend)
    if parts.scheme.partition("+")[0] in {"postgres", "postgresql"}:
        raise Mistake(f'starts with another word than "postgresql://": {mend}')
    raise Mistake(f"is neither SQLite nor PostgreSQL: {mend}")


def _sqlite(value: str, mend: str) -> str:
    found = re.fullmatch(r"sqlite:///([^?#]+)", value)
    if not found:
        raise Mistake(f"names no file, or has options: {mend}")
    if found[1].startswith(":"):
        raise Mistake(f"would be gone with the process, and what was accepted must survive it: {mend}")
    if found[1].endswith("/"):
        raise Mistake(f"names a folder, not a file: {mend}")
    return value


def _postgresql(value: str, parts: SplitResult, mend: str) -> str:
    if not parts.path.strip("/") or "/" in parts.path.strip("/"):
        raise Mistake(f"names no database: {mend}")
    if not parts.hostname and "host=" not in parts.query:
        raise Mistake(f"names no host: {mend}")
    return value


def masked_url(value: str) -> str:
    """A database address that may be shown: no password, no options."""
    parts = _split(value)
    if parts is None or not parts.netloc:
        return value
    user, at, place = parts.netloc.rpartition("@")
    user = f"{user.partition(':')[0]}:***" if ":" in user else user
    return f"{parts.scheme}://{user}{at}{place}{parts.path}{'?***' if parts.query else ''}"


def _split(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  # reading it is what checks it
    except ValueError:
        return None
    return parts


def url_secrets(value: str) -> frozenset[str]:
    """What in a database address must not be seen: its password and its options."""
    parts = _split(value)
    if parts is None:
        return frozenset({value})
    password = parts.password or ""
    options = {option for _, option in parse_qsl(parts.query)} if "pass" in parts.query else set()
    return frozenset({password, unquote(password), *options} - {""})


def names_a_secret(key: str) -> bool:
    """Whether a key is called what secrets are called."""
    return bool(_SECRET_NAME.search(key))
