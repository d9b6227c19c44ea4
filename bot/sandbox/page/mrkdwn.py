"""Slack's markup as tokens: a page shows each of them as text, so that nothing anybody typed becomes HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

Token = dict[str, Any]

# An invisible joiner next to a mark keeps Slack from reading the mark, and so it does here.
_JOINER = "\N{WORD JOINER}"
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_FENCE = re.compile(r"```(.+?)```", re.DOTALL)
_QUOTED = "&gt;"


def _marked(mark: str, name: str) -> str:
    inner = rf"(?:<[^<>\n]*>|{_JOINER}{mark}{_JOINER}|[^{mark}<\n])+"
    around = rf"\w{mark}{_JOINER}"
    return rf"(?<![{around}]){mark}(?P<{name}>(?!\s){inner}(?<!\s)){mark}(?![{around}])"


_INLINE = re.compile(
    "|".join(
        (
            r"<(?P<tag>[^<>\n]+)>",
            rf"(?<!{_JOINER})`(?P<code>[^`\n]+)`(?!{_JOINER})",
            *(_marked(r"\*", "bold"), _marked("_", "italic"), _marked("~", "strike")),
        )
    )
)
_PERMALINK = re.compile(
    r"https://[a-z0-9-]+\.slack\.com/archives/(?P<channel>\w+)/p(?P<seconds>\d+)(?P<rest>\d{6})(?:\?.*)?"
)
_DATE = re.compile(r"!date\^(?P<at>\d{1,11})\^(?P<format>[^|^]*)(?:\^[^|]*)?\|(?P<text>.*)")


@lru_cache(maxsize=4096)
def tokens(text: str) -> tuple[Token, ...]:
    """A text with Slack's markup as tokens; the same objects every time, so they must not be changed."""
    found: list[Token] = []
    for number, part in enumerate(_FENCE.split(text)):
        if number % 2:
            found.append({"kind": "pre", "text": _decoded(part.strip("\n"))})
        elif part:
            found += _lines(part)
    return tuple(found)


def _lines(text: str) -> Iterator[Token]:
    for number, line in enumerate(text.split("\n")):
        if number:
            yield {"kind": "break"}
        if line.startswith(_QUOTED):
            yield {"kind": "quote", "of": list(_inline(line.removeprefix(_QUOTED).lstrip()))}
        else:
            yield from _inline(line)


def _inline(text: str) -> Iterator[Token]:
    end = 0
    for match in _INLINE.finditer(text):
        if match.start() > end:
            yield _text(text[end : match.start()])
        end = match.end()
        yield _token(match)
    if end < len(text):
        yield _text(text[end:])


def _token(match: re.Match[str]) -> Token:
    kind = match.lastgroup or ""
    inside = match[kind]
    if kind == "tag":
        return _tag(inside)
    if kind == "code":
        return {"kind": "code", "text": _decoded(inside)}
    return {"kind": kind, "of": list(_inline(inside))}


def _tag(inside: str) -> Token:
    target, _, label = inside.partition("|")
    if (date := _DATE.fullmatch(inside)) is not None:
        shown = _decoded(date["text"])
        return {"kind": "date", "at": int(date["at"]), "format": date["format"], "text": shown}
    if target.startswith("@"):
        return {"kind": "user", "id": target[1:]}
    if target.startswith("#"):
        return {"kind": "channel", "id": target[1:], "text": _decoded(label)}
    if target.startswith("!subteam^"):
        return {"kind": "group", "id": target.removeprefix("!subteam^")}
    if target in {"!here", "!channel", "!everyone"}:
        return {"kind": "special", "text": target[1:]}
    return _link(_decoded(target), _decoded(label)) or _text(f"<{inside}>")


def _link(address: str, label: str) -> Token | None:
    """A link that may be followed; None for anything but the web and mail."""
    if (place := _PERMALINK.fullmatch(address)) is not None:
        ts = f"{place['seconds']}.{place['rest']}"
        return {"kind": "jump", "message": f"{place['channel']}/{ts}", "text": label or address}
    if address.startswith(("https://", "http://", "mailto:")):
        return {"kind": "link", "address": address, "text": label or address}
    return None


def _text(text: str) -> Token:
    return {"kind": "text", "text": _decoded(text)}


def _decoded(text: str) -> str:
    return re.sub("&(?:lt|gt|amp);", lambda match: _ENTITIES[match[0]], text)


def with_tokens(item: Any) -> Any:
    """Block Kit whose mrkdwn texts are replaced by their tokens; everything else stays as it is."""
    if isinstance(item, (list, tuple)):
        return [with_tokens(part) for part in item]
    if not isinstance(item, dict):
        return item
    if item.get("type") == "mrkdwn" and isinstance(item.get("text"), str):
        return {"type": "mrkdwn", "tokens": list(tokens(item["text"]))}
    return {key: with_tokens(value) for key, value in item.items()}


def as_sent(text: str, people: dict[str, str], channels: dict[str, str]) -> str:
    """What somebody typed as Slack sends it on: mentions by id, and nothing else in it can be markup.

    Args:
        text: As it was typed.
        people: The ids of users, by the name that is typed after ``@``.
        channels: The ids of channels, by the name that is typed after ``#``.
    """
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    def mention(match: re.Match[str]) -> str:
        known = people if match["sign"] == "@" else channels
        found = known.get(match["name"].casefold())
        return f"<{match['sign']}{found}>" if found else match[0]

    return re.sub(r"(?<![\w@#])(?P<sign>[@#])(?P<name>[\w-]+)", mention, escaped)
