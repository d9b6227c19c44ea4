"""From what is wrong to one line each: the full key, what is wrong, what would mend it; never a secret."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.config.template import Filled, KeyPath
from bot.config.values import Mistake, names_a_secret, nearest
from bot.telemetry import telling

Known = Mapping[tuple[str, ...], Collection[str]]
_SECTIONS = ("slack", "server", "database", "tracking", "accounts", "databases", "policies")
_BARE = re.compile(r"[\w-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")  # a problem is one line
_LONGEST_SHOWN = 60
_WITHOUT_LIMIT = {
    "missing": "is missing: add it",
    "string_type": "is not a string: write it in quotes",
    "bool_type": "is not a yes or no: write true or false",
    "int_type": "is not a whole number: write one without quotes",
    "float_type": "is not a number: write one without quotes",
    "tuple_type": 'is not a list: write it like ["…", "…"]',
    "list_type": 'is not a list: write it like ["…", "…"]',
    "model_type": "is not a table: write its keys in one",
    "dict_type": "is not a table: write its keys in one",
}
_WITH_LIMIT = {
    "greater_than": "is too small: write more than {gt}",
    "greater_than_equal": "is too small: write {ge} or more",
    "less_than": "is too large: write less than {lt}",
    "less_than_equal": "is too large: write {le} or less",
    "string_too_short": "is too short: write at least {min_length} characters",
    "string_too_long": "is too long: write at most {max_length} characters",
    "string_pattern_mismatch": "does not look right: it must match {pattern}",
}


def key(path: KeyPath) -> str:
    """A path as people write it: ``policies.production.freeze[0].cron``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            # a quoted TOML key may hold anything, a line end too
            text += ("." if text else "") + (part if _BARE.fullmatch(part) else json.dumps(part))
    return text


def quoted(value: object) -> str:
    """A harmless value as it may be shown: one line, not too long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


@dataclass(slots=True)
class Problems:
    """Collects problems; knows which values may be shown."""

    filled: Filled
    secret: set[KeyPath] = field(default_factory=set)
    found: list[tuple[KeyPath, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.found.extend(self.filled.problems)

    def add(self, path: KeyPath, sentence: str) -> None:
        """Notes a problem of a key."""
        self.found.append((path, sentence))

    def about(self, path: KeyPath, predicate: str) -> None:
        """Notes a problem whose sentence begins with the value, where that may be shown."""
        if not self.unfilled(path):
            self.add(path, f"{self._shown(path)}{predicate}")

    def unfilled(self, path: KeyPath) -> bool:
        """Whether this very value could not be filled in, so that nothing more can be said of it."""
        return any(where == path for where, _ in self.filled.problems)

    def at(self, path: KeyPath) -> Any:
        """The value at a path, None where there is none."""
        node: Any = self.filled.tree
        for part in path:
            try:
                node = node[part]
            except (KeyError, IndexError, TypeError):
                return None
        return node

    def invalid(self, path: KeyPath, errors: Iterable[Any], *, known: Known) -> None:
        """Notes what pydantic found in a table; ``known``: the keys of it and of tables in it."""
        for error in errors:
            where = (*path, *error["loc"])
            if error["type"] == "extra_forbidden" and self._is_misplaced_database(where):
                self.add(where, f"is not a key here: did you mean [{key(('databases', *where[1:]))}]?")
            elif error["type"] == "extra_forbidden":
                self.add(
                    where, f"is not a key here{nearest(str(where[-1]), known.get(_table(error['loc']), ()))}"
                )
            elif error["type"] == "missing":
                self.add(where, _WITHOUT_LIMIT["missing"])
            elif predicate := self._predicate(error):
                self.about(where, predicate)
            elif not self.unfilled(where):
                self.add(where, self._foreign(where, error))

    def lines(self) -> list[str]:
        """All problems, in the order of the sections."""
        ordered = sorted(dict.fromkeys(self.found), key=lambda problem: _rank(problem[0]))
        return [_CONTROL.sub(" ", f"{key(path)}: {sentence}") for path, sentence in ordered]

    def _is_misplaced_database(self, path: KeyPath) -> bool:
        return path[:-1] == ("database",) and isinstance(self.at(path), dict)

    def _predicate(self, error: Any) -> str:
        context = error.get("ctx", {})
        if error["type"] == "string_too_short" and context["min_length"] == 1:
            return "is empty: give it a value"
        cause = context.get("error")
        if isinstance(cause, Mistake):
            return str(cause)
        if error["type"] in {"literal_error", "enum"}:
            return f"is not known here: write one of {context['expected']}"
        if error["type"] in _WITH_LIMIT:
            return _WITH_LIMIT[error["type"]].format(**context)
        return _WITHOUT_LIMIT.get(error["type"], "")

    def _foreign(self, path: KeyPath, error: Any) -> str:
        # words of a provider's own validator, which may quote what it saw
        cause = error.get("ctx", {}).get("error")
        text = str(cause or error["msg"])
        if self._tells_a_secret(path, text):
            return "is not accepted, for a reason that quotes a secret: see the documentation"
        return " ".join(text.split())

    def _tells_a_secret(self, path: KeyPath, text: str) -> bool:
        own = str(self.at(path)) if self._is_hidden(path) else ""
        if own and own in text:
            return True
        forms = {form for value in self._hidden() if value for form in (value, repr(value)[1:-1])}
        return any(telling(form).search(text) for form in forms)

    def _hidden(self) -> set[str]:
        found = set(self.filled.values)

        def visit(node: Any, *, secret: bool) -> None:
            if isinstance(node, dict):
                for name, child in node.items():
                    visit(child, secret=secret or names_a_secret(name))
            elif isinstance(node, list):
                for child in node:
                    visit(child, secret=secret)
            elif secret:
                found.add(str(node))

        visit(self.filled.tree, secret=False)
        return found | {str(self.at(path)) for path in self.secret if self.at(path) is not None}

    def _shown(self, path: KeyPath) -> str:
        value = self.at(path)
        token = isinstance(value, str) and value.startswith(("xox", "xapp-"))
        if token or self._is_hidden(path) or value is None or isinstance(value, dict | list):
            return ""
        return f"{quoted(value)} "

    def _is_hidden(self, path: KeyPath) -> bool:
        named_so = any(isinstance(part, str) and names_a_secret(part) for part in path)
        return named_so or path in self.secret or path in self.filled.substituted


def _table(location: KeyPath) -> tuple[str, ...]:
    return tuple(part for part in location[:-1] if isinstance(part, str))


def _rank(path: KeyPath) -> int:
    return _SECTIONS.index(path[0]) if path and path[0] in _SECTIONS else len(_SECTIONS)
