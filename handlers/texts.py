"""The message catalogue: codes and facts in, sentences out. Reads its files once, when first asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from fluent.runtime import FluentBundle, FluentResource
from fluent.runtime.types import fluent_number
from fluent.syntax import ast
from fluent.syntax.visitor import Visitor

from bot.core.model import Reason, unnested

FALLBACK = "en"
SIMPLIFIED_CHINESE = "zh-CN"
LOCALES = (FALLBACK, SIMPLIFIED_CHINESE)

# Who reads Chinese in simplified characters. Traditional ones (zh-TW, zh-HK) are another script with other
# terms for the same things: those readers get English, like everybody whose language is not here.
_SIMPLIFIED = re.compile(r"zh([-_](cn|sg|my|hans([-_]\w+)?))?", re.IGNORECASE)

# Fluent refuses to fill in more than 2,500 characters.
_LONGEST_VALUE = 2500
_LONGEST_NUMBER = 10
_MOST_LISTED = 10
# Values that may hold sentences of ours: what is wrong with each of several nodes, what was looked at, why it
# failed. What others say goes by other names, so that it is never taken for one.
_OF_SENTENCES = frozenset({"nodes", "summary", "changed", "message", "obstacle"})
# How the codes of those sentences begin. None of them names people, so that none can call anybody.
_NESTED = ("cloud-", "looked-", "obstacle-", "role-changed", "unfit-")
# Values that have words of ours: the beginning of their codes.
_FAMILIES = {
    "status": "word",
    "role": "role",
    "new_role": "role",
    "scope": "scope",
    "warning": "warning",
    "why": "unconnected",
    "what": "answered",
}
_REMEMBERED = 4096
# A sentence that ends with a value that ends one itself needs no full stop of its own. Where values end is marked
# while it is put together, by a character that means nothing anywhere and is never shown.
_ENDED = "\ufdd0"
_ENDS = (".", "?", "!", "…", "。", "\uff1f", "\uff01")
_TWICE = re.compile(f"{_ENDED}[.。]?")
_UNSEEN = "\N{WORD JOINER}"
# Between Chinese characters there is no space, also where one stands beside a value for names in Latin letters.
_HAN = "\u4e00-\u9fff"
_AT_HAN = "\ufdd1"
# But a Latin full stop does not hold two sentences apart where the next begins with such a character.
_LATIN_END = re.compile(rf"([.?!]{_UNSEEN}*){_ENDED}。?(?=[{_HAN}])")
_SPACED = re.compile(rf"(?<=[{_HAN}]) {_AT_HAN}|{_AT_HAN} (?=[{_HAN}])|{_AT_HAN}")
_HAN_AT_AN_END = re.compile(rf"\A(?=[{_HAN}])|(?<=[{_HAN}])\Z")

Show = Callable[[str, str], str]


def as_it_is(_name: str, value: str) -> str:
    """Shows a value unchanged: for terminals and tests, never for Slack."""
    return value


class Texts:
    """The sentences of one locale.

    Args:
        locale: As Slack names it (``en-US``, ``zh-CN``), or however else; one that has no catalogue gets English.
    """

    def __init__(self, locale: str = FALLBACK) -> None:
        self.locale = SIMPLIFIED_CHINESE if _SIMPLIFIED.fullmatch(locale) else FALLBACK

    def say(self, reason: Reason, *, show: Show = as_it_is) -> str:
        """The sentence a reason stands for.

        Args:
            reason: A code and its parameters.
            show: How each parameter (name, value) is written where the sentence goes.
        """
        said = _render(self.locale, reason.code, self._worded(reason.params, show))
        return _bare(reason, show) if said is None else said

    def text(self, code: str, /, **values: object) -> str:
        """The message with this code; values are filled in as they are, so escape them first."""
        facts = [(name, "" if value is None else str(value)) for name, value in values.items()]
        return _said_as_it_is(self.locale, code, tuple(facts))

    def _worded(self, params: Iterable[tuple[str, str]], show: Show) -> dict[str, str]:
        return {
            name: self._word(name, value)
            or self._length(name, value)
            or self._listed(name, value, show)
            or show(name, value)
            for name, value in params
        }

    def _listed(self, name: str, value: str, show: Show) -> str:
        """Sentences in a sentence; "" for any other value: what people type or clouds say is no sentence."""
        found = unnested(value) if name in _OF_SENTENCES else ()
        if not found or not all(
            each.code.startswith(_NESTED) and each.code in _catalogue(FALLBACK) for each in found
        ):
            return ""
        said = [self.say(each, show=show) for each in found[:_MOST_LISTED]]
        if len(found) > _MOST_LISTED:
            said.append(self.text("unfit-more", count=len(found) - _MOST_LISTED))
        return self.text("unfit-separator").join(said)

    def _length(self, name: str, value: str) -> str:
        """A number of seconds as people say it; "" for any other value."""
        if name != "seconds" or not value.isdecimal() or len(value) >= _LONGEST_NUMBER:
            return ""
        minutes, seconds = divmod(int(value), 60)
        hours, minutes = divmod(minutes, 60)
        if hours:
            return self.text("length-hours", hours=hours, left=minutes or "")
        if minutes:
            return self.text("length-minutes", minutes=minutes, left=seconds or "")
        return self.text("length-seconds", count=seconds)

    def _word(self, name: str, value: str) -> str:
        """Our own words for a status, a role, what a freeze is of or a warning; "" for any other value."""
        family = _FAMILIES.get(name)
        if family is None:
            return ""
        code = f"{family}-{value.replace('_', '-')}"
        return _render(self.locale, code, {}) or ""


def codes(locale: str = FALLBACK) -> set[str]:
    """Every code of a locale's catalogue."""
    return set(_catalogue(locale))


def variables(code: str, locale: str = FALLBACK) -> tuple[frozenset[str], frozenset[str]]:
    """The variables that a message needs, and those that may be left out."""
    found = _catalogue(locale)[code]
    return frozenset(found.used - found.optional), frozenset(found.optional)


# --- the files -----------------------------------------------------------------------------------------


class _Variables(Visitor):
    """What a message fills in. A variable that GIVEN asks about may be left out."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self.optional: set[str] = set()

    def visit_VariableReference(self, node: ast.VariableReference) -> None:  # noqa: N802 - Fluent calls it
        self.used.add(node.id.name)

    def visit_FunctionReference(self, node: ast.FunctionReference) -> None:  # noqa: N802 - the same
        if node.id.name == "GIVEN":
            asked = node.arguments.positional
            self.optional.update(one.id.name for one in asked if isinstance(one, ast.VariableReference))
        self.generic_visit(node)


@cache
def _resource(locale: str) -> ast.Resource:
    file = resources.files("handlers").joinpath("locales", f"{locale}.ftl")
    return FluentResource(file.read_text(encoding="utf-8"))


@cache
def _bundle(locale: str) -> FluentBundle:
    bundle = FluentBundle([locale], functions={"GIVEN": _given, "COUNT": _count}, use_isolating=False)
    bundle.add_resource(_resource(locale))
    return bundle


@cache
def _catalogue(locale: str) -> Mapping[str, _Variables]:
    found: dict[str, _Variables] = {}
    for entry in _resource(locale).body:
        if isinstance(entry, ast.Message):
            found[entry.id.name] = visitor = _Variables()
            visitor.visit(entry)
    return found


def _given(value: Any) -> Any:
    return "yes" if value else "no"


def _count(value: Any) -> Any:
    # Counts come as text, and plurals need a number. Nothing else does: a job id is no number to be grouped.
    text = str(value)
    return fluent_number(int(text)) if text.isdecimal() and len(text) < _LONGEST_NUMBER else text


def _render(locale: str, code: str, values: Mapping[str, str]) -> str | None:
    """The message in this locale, else in English; None where there is none that these values fill."""
    for tongue in (locale, FALLBACK):
        text = _format(tongue, code, tuple(values.items())) if code in _catalogue(tongue) else None
        if text is not None:
            return text
    return None


def _bare(reason: Reason, show: Show) -> str:
    """A reason that has no message: a person is always told something, and nothing of it comes to life."""
    # By one name, for which nothing is made a mention, a link or a date: none of it need be ours.
    facts = ", ".join(f"{show('said', name)}: {show('said', value)}" for name, value in reason.params)
    code = show("said", reason.code)
    return f"{code} ({facts})" if facts else code


@lru_cache(maxsize=_REMEMBERED)
def _said_as_it_is(locale: str, code: str, facts: tuple[tuple[str, str], ...]) -> str:
    return Texts(locale).say(Reason(code, facts))


@lru_cache(maxsize=_REMEMBERED)
def _format(locale: str, code: str, values: tuple[tuple[str, str], ...]) -> str | None:
    """The message filled in; None if it has a flaw, or a variable is missing.

    Remembered, because a card is made anew at every change and most of its sentences are as they were.
    """
    filled = {name: _marked(value[:_LONGEST_VALUE]) for name, value in values}
    filled |= {name: "" for name in _catalogue(locale)[code].optional if name not in filled}
    pattern = _bundle(locale).get_message(code).value
    if pattern is None:
        return None
    text, errors = _bundle(locale).format_pattern(pattern, filled)
    return None if errors else _SPACED.sub("", _TWICE.sub("", _LATIN_END.sub(r"\1 ", str(text))))


def _marked(value: str) -> str:
    plain = value.replace(_ENDED, "")
    marked = _HAN_AT_AN_END.sub(_AT_HAN, plain)
    return marked + _ENDED if plain.rstrip(_UNSEEN).endswith(_ENDS) else marked
