"""What may follow a command's argument: each clause's word, and what its value means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from difflib import get_close_matches

from bot.core import durations
from bot.core.model import Reason
from bot.core.names import nearest
from bot.core.preflight import OVERRIDABLE
from bot.core.schedule import FARTHEST, Start
from handlers.words import Problem, Words

_LONGEST_NUMBER = 7
_LONG, _SHORT = 7, 4
"""So many letters has a word that is like no other even when mistyped, and one that is like many."""
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_CLOCK_LIKE = re.compile(r"[0-9]{1,2}:[0-9]{2}")
_INSTANT = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:T| )(?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)"
    r" ?(?P<zone>Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?",
    re.IGNORECASE,
)
_IN_WORDS = re.compile(
    r"(?P<count>[0-9]{1,9}) ?(?P<unit>sec(?:ond)?s?|min(?:ute)?s?|h(?:ou)?rs?|days?|秒钟?|分钟?|个?小时|天)"
)
_OF_CHINESE = {
    **dict.fromkeys(("秒", "秒钟"), "s"),
    **dict.fromkeys(("分", "分钟"), "m"),
    **dict.fromkeys(("小时", "个小时"), "h"),
    "天": "d",
}
_OF = re.compile(r"of\s+(?=\S)", re.IGNORECASE)


# --- values --------------------------------------------------------------------------------------------


def moment_meant(text: str) -> Start:
    """``22:00``, or a date and time with its zone.

    Raises:
        Problem: It is none, or has no zone.
    """
    written = _narrow(text)
    clock = _CLOCK.fullmatch(written)
    if clock:
        return Start(clock=time(int(clock[1]), int(clock[2])))
    found = _INSTANT.fullmatch(written)
    if not found:
        clock_like = _CLOCK_LIKE.fullmatch(written) is not None
        raise Problem(Reason.of("not-a-clock" if clock_like else "not-a-time", text=text))
    if not found["zone"]:
        raise Problem(Reason.of("time-without-zone", text=text))
    zone = found["zone"].upper().replace("UTC", "Z")
    try:
        at = datetime.fromisoformat(f"{found['date']}T{found['time']}{zone}")
        at.astimezone(UTC)  # in the first and the last hours that a calendar has there may be none
    except (ValueError, OverflowError):
        raise Problem(Reason.of("not-a-time", text=text)) from None
    return Start(at=at)


def length_meant(text: str, *, sensible: timedelta = durations.LONGEST) -> timedelta:
    """``90m``, ``1h30m``, ``45s``, ``2d``, at most a year.

    Args:
        text: What was typed.
        sensible: The longest that is of any use, said to whoever typed none.

    Raises:
        Problem: It is none.
    """
    length = durations.read(_narrow(text).replace(" ", "").casefold())
    if not length or length > durations.LONGEST:
        raise Problem(Reason.of("not-a-duration", text=text, days=sensible.days))
    return length


def ahead_meant(text: str) -> timedelta:
    """The same for how long it is to the start.

    Raises:
        Problem: It is none.
    """
    return length_meant(text, sensible=FARTHEST)


def _narrow(text: str) -> str:
    # Chinese and Japanese keyboards write figures and colons in the width of their characters.
    return unicodedata.normalize("NFKC", text)


def length_near(text: str) -> str:
    """The length that somebody wrote in words, as it is typed: ``5 minutes`` is ``5m``; "" if it is none."""
    found = _IN_WORDS.fullmatch(_narrow(text).strip().casefold())
    if found is None:
        return ""
    written = found["count"] + (_OF_CHINESE.get(found["unit"]) or found["unit"][0])
    try:
        return _length(written)
    except Problem:
        return ""


def reason_meant(text: str) -> str:
    """What follows ``because``: people write "because of the outage", and mean the outage."""
    written = _OF.match(text)
    return text[written.end() :] if written else text


def reason_written(reason: str) -> str:
    """The same as it is typed after ``because``."""
    return f"of {reason}" if _OF.match(reason) else reason


def checks_meant(text: str) -> tuple[str, ...]:
    """The names of checks that an emergency may go on without, between commas or spaces; each once.

    Raises:
        Problem: One of them is none.
    """
    typed = _checks_typed(text)
    odd = [name for name in typed or [text] if name not in OVERRIDABLE]
    if odd:
        known = ", ".join(OVERRIDABLE)
        raise Problem(Reason.of("not-overridable", asked=odd[0], known=known, nearest=_check_near(odd[0])))
    return tuple(dict.fromkeys(typed))


def checks_near(text: str) -> str:
    """The checks that were probably meant by mistyped ones, without those that are like none; "" if all are."""
    typed = _checks_typed(text)
    # One name is sometimes typed as several words.
    meant = [_check_near("_".join(typed))] if len(typed) > 1 else []
    if not any(meant):
        meant = [_check_near(name) for name in typed]
    return ",".join(dict.fromkeys(filter(None, meant)))


def _checks_typed(text: str) -> list[str]:
    return [name.replace("-", "_") for name in re.split(r"[\s,]+", text.casefold()) if name]


def _check_near(name: str) -> str:
    # It goes into a command that starts at once: only what is nearly the same is taken for another.
    return nearest(name, OVERRIDABLE, likeness=0.85)


def start_meant(clauses: Mapping[str, str]) -> Start | None:
    """When it is to start, if that was said."""
    if "at" in clauses:
        return moment_meant(clauses["at"])
    return Start(after=ahead_meant(clauses["in"])) if "in" in clauses else None


def start_clauses(start: Start | None) -> dict[str, str]:
    """The same as clauses."""
    if start is None:
        return {}
    if start.after is not None:
        return {"in": durations.written(start.after)}
    if start.at is not None:
        whole = not (start.at.second or start.at.microsecond)
        return {"at": start.at.isoformat(timespec="minutes" if whole else "auto")}
    return {"at": f"{start.clock or time():%H:%M}"}


def _moment(text: str) -> str:
    return start_clauses(moment_meant(text))["at"]


def _length(text: str) -> str:
    return durations.written(length_meant(text))


def _ahead(text: str) -> str:
    return durations.written(ahead_meant(text))


def _checks(text: str) -> str:
    return ",".join(checks_meant(text))


def page_meant(text: str) -> int:
    """A page's number.

    Raises:
        Problem: It is none.
    """
    number = int(text) if text.isdecimal() and len(text) < _LONGEST_NUMBER else 0
    if not number:
        raise Problem(Reason.of("not-a-page", text=text))
    return number


def _page(text: str) -> str:
    return str(page_meant(text))


# --- clauses -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Clause:
    """A word and its value after the argument.

    Attributes:
        word: What it begins with.
        value: What follows, as the help shows it.
        rest: The value is everything that follows, literally.
        needed: The command makes no sense without it.
        says: What it tells; of two that tell the same only one may be there.
        settle: The value as it is kept, or a ``Problem``; None: a name, kept as it is.
        near: The value that was probably meant by one that makes no sense, "" for none.
        example: A value to show to whoever wrote none that makes sense.
    """

    word: str
    value: str
    rest: bool = False
    needed: bool = False
    says: str = ""
    settle: Callable[[str], str] | None = None
    near: Callable[[str], str] | None = None
    example: str = ""

    def example_for(self, typed: str) -> str:
        """An example, "" where there is none: of whoever wrote a number without its unit it has that number."""
        number = _narrow(typed).strip()
        if self.settle is None or not number.isdecimal():
            return self.example
        try:
            return self.settle(number + self.example[-1:])
        except Problem:
            return self.example

    @property
    def usage(self) -> str:
        """Without brackets."""
        return f"{self.word} {self.value}{'…' if self.rest else ''}"

    def take(self, words: Words, among: Iterable[Clause]) -> str:
        """Its value, up to the next clause; ``among``: those that go with the command.

        Raises:
            Problem: There is none, or it makes no sense.
        """
        missing = Reason.of("missing-value", word=self.word, value=self.value)
        if not self.rest and words.keyword() in WORDS:
            raise Problem(missing)
        value = words.rest() if self.rest else _several(words, [one.word for one in among])
        if not value.strip():
            raise Problem(missing)
        return value if self.settle is None else self.settle(value)


TO = Clause("to", "NODE")
SHARD = Clause("shard", "GROUP")
AT = Clause("at", "TIME", says="start", settle=_moment, example="22:00")
IN = Clause("in", "DURATION", says="start", settle=_ahead, near=length_near, example="30m")
FOR = Clause("for", "DURATION", settle=_length, near=length_near, example="2h")
OVERRIDE = Clause("override", "CHECK[,CHECK…]", settle=_checks, near=checks_near)
PAGE = Clause("page", "NUMBER", settle=_page)
BECAUSE = Clause("because", "REASON", rest=True)
WHY = replace(BECAUSE, needed=True)
LATER = frozenset({AT.word, IN.word})
WORDS = frozenset(clause.word for clause in (TO, SHARD, AT, IN, FOR, OVERRIDE, BECAUSE))


def usage(clauses: tuple[Clause, ...]) -> str:
    """All of them as the help shows them: what may be left out in brackets."""
    shown: dict[str, list[Clause]] = {}
    for clause in clauses:
        shown.setdefault(clause.says or clause.word, []).append(clause)
    return " ".join(_bracketed(" | ".join(one.usage for one in same), same[0]) for same in shown.values())


def _bracketed(text: str, clause: Clause) -> str:
    return text if clause.needed else f"[{text}]"


def _several(words: Words, known: Iterable[str]) -> str:
    """One name in quotes, or all the words up to the next clause: the bot itself writes names like `node 2`."""
    parts = [words.take()]
    while not words.quoted and words.keyword() and not _ends_value(words.keyword(), known):
        parts.append(words.take())
    return " ".join(parts)


def _ends_value(keyword: str, known: Iterable[str]) -> bool:
    # A mistyped clause is explained rather than taken, with all that follows it, for a part of the name.
    return keyword in WORDS or any(_mistyped(keyword, word) for word in known)


def _mistyped(keyword: str, word: str) -> bool:
    """Whether a word among those of a name is rather the mistyped word of a clause.

    Long words are like nothing else when a letter or two are wrong. ``shard`` is like too much that may be in a name,
    as `shared`: only the order of its letters may be wrong. Shorter words are like every other.
    """
    if len(word) < _LONG:
        return len(word) > _SHORT and sorted(keyword) == sorted(word)
    return bool(get_close_matches(keyword, [word], cutoff=0.8))
