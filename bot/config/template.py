"""``${NAME}`` and ``${file:PATH}`` in any string of a configuration.

One pass: what was put in is not searched again. ``$${`` is a literal ``${``; any other ``$`` is itself.
A relative PATH counts from the configuration file's folder, and the line end at the end of a file is dropped
(every way of writing a secret to a file adds one).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

KeyPath = tuple[str | int, ...]

_MARK = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LARGEST = 64 * 1024


class _Unresolved(ValueError):
    pass


class _Unset(_Unresolved):
    pass


@dataclass(slots=True)
class Filled:
    """A tree with every template filled in, and what is known of how.

    Attributes:
        tree: The tree; a string that could not be filled stays as it was written.
        substituted: Where something was put in; such values are never shown.
        problems: What could not be filled, and the mend.
        values: What was put in.
        absent: Optional keys that were taken away, each with why, and the mend.
    """

    tree: dict[str, Any] = field(repr=False)
    substituted: set[KeyPath] = field(default_factory=set)
    problems: list[tuple[KeyPath, str]] = field(default_factory=list)
    values: set[str] = field(default_factory=set, repr=False)
    absent: dict[KeyPath, str] = field(default_factory=dict)


def fill(
    tree: dict[str, Any], *, env: Mapping[str, str], folder: Path, optional: frozenset[KeyPath]
) -> Filled:
    """Fills in every string of a tree.

    Args:
        tree: A parsed TOML document; not changed.
        env: The environment.
        folder: Where relative paths count from.
        optional: Keys that a missing variable, or an empty value, takes away instead of being a problem.
    """
    filled = Filled({})

    def visit(node: Any, path: KeyPath) -> Any:
        if isinstance(node, dict):
            children = ((key, visit(child, (*path, key))) for key, child in node.items())
            return {key: child for key, child in children if child is not None}
        if isinstance(node, list):
            return [visit(child, (*path, index)) for index, child in enumerate(node)]
        return visit_text(node, path) if isinstance(node, str) else node

    def visit_text(text: str, path: KeyPath) -> str | None:
        problems: list[_Unresolved] = []
        result, parts = _substitute(text, lambda mark: _resolve(mark, env, folder), problems)
        if parts or problems:
            filled.substituted.add(path)
            filled.values.update(parts, {result} if parts else ())
        if path in optional and (why := _absent(text, result, problems)):
            filled.absent[path] = why
            return None
        filled.problems.extend((path, str(problem)) for problem in problems)
        return text if problems else result

    filled.tree = visit(tree, ())
    return filled


def _absent(text: str, result: str, problems: list[_Unresolved]) -> str:
    """Why there is no value, "" where there is one, or where what was written is a mistake."""
    if problems:
        unset = all(isinstance(problem, _Unset) for problem in problems)
        return "; ".join(map(str, problems)) if unset else ""
    # What gives nothing holds nothing but templates, so that it can be shown.
    return "" if result else f"{text} is empty: give it a value".lstrip()


def _substitute(
    text: str, resolve: Callable[[str], str], problems: list[_Unresolved]
) -> tuple[str, list[str]]:
    parts: list[str] = []

    def one(found: re.Match[str]) -> str:
        if found[0] == "$${":
            return "${"
        try:
            parts.append(resolve(found[1] if found[2] else ""))
        except _Unresolved as unresolved:
            problems.append(unresolved)
            return ""
        return parts[-1]

    return _MARK.sub(one, text), [part for part in parts if part]


def _resolve(mark: str, env: Mapping[str, str], folder: Path) -> str:
    if mark.startswith("file:"):
        return _file_text(folder / mark.removeprefix("file:"))
    if not _VARIABLE.fullmatch(mark):
        # what stands there is not shown: in a password it would be a part of it
        raise _Unresolved(
            'has a "${" that starts no ${NAME} or ${file:PATH}: mend it, or write "$${" for "${"'
        )
    if mark not in env:
        # closer than SLACK_BOT_TOKEN is to SLACK_APP_TOKEN
        close = get_close_matches(mark, list(env), n=1, cutoff=0.85)
        hint = f" ({close[0]} is set: is it meant?)" if close else ""
        raise _Unset(f"the environment variable {mark} is not set: set it, or name another here{hint}")
    return env[mark]


def _file_text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LARGEST + 1)
    except OSError as error:
        raise _Unresolved(
            f"the file {path} can't be read ({error.strerror}): mend the path or its rights"
        ) from None
    except ValueError:
        raise _Unresolved(f"the file {path} is not UTF-8 text: name another") from None
    if len(text) > _LARGEST:
        raise _Unresolved(f"the file {path} is longer than 64 KiB: name another")
    return text.removesuffix("\n").removesuffix("\r")
