"""What was typed, taken word by word: quotes, links and Slack's escapes undone, names put in quotes again."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bot.core.model import Reason

_OPENING, _CLOSING = '"“”„', '"“”'
_WORD = re.compile(rf"\s*(?:[{_OPENING}](?P<quoted>[^{_OPENING}]*)[{_CLOSING}](?=\s|$)|(?P<bare>\S+))")
_LINK = re.compile(r"<(?:https?://|mailto:)[^<>|]*\|([^<>|]*)>|<(https?://[^<>|]*)>")
_MENTION = re.compile(r"<[@#!]")
_ESCAPED = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}


class Problem(Exception):
    """What was typed makes no sense.

    Attributes:
        reason: Why.
        suggestion: A command that comes closest, None: what was understood so far.
        example: It only shows how the like is written: what was meant can't be told.
    """

    def __init__(self, reason: Reason, suggestion: str | None = None, *, example: bool = False) -> None:
        super().__init__(reason.code)
        self.reason = reason
        self.suggestion = suggestion
        self.example = example


@dataclass(slots=True)
class Words:
    """The text, taken word by word; ``rest`` takes what is left as it is."""

    text: str
    at: int = 0
    quoted: bool = False  # whether the last word taken was in quotes

    def keyword(self) -> str:
        """The next word if it is bare, lower-cased; "" at the end or before something in quotes."""
        found = _WORD.match(self.text, self.at)
        return found["bare"].casefold() if found and found["bare"] else ""

    def more(self) -> bool:
        """Whether anything is left."""
        return _WORD.match(self.text, self.at) is not None

    def take(self) -> str:
        """The next word as a name: without quotes, links and escapes."""
        found = _WORD.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        self.quoted = found["quoted"] is not None
        raw = found["quoted"] if self.quoted else found["bare"]
        if mentions(raw):
            raise Problem(Reason.of("mention-in-name", text=unescape(raw)))
        if found["bare"] and raw[0] in _OPENING:
            raise Problem(Reason.of("quote-not-closed", text=unescape(raw)))
        # Slack makes links of host names by itself; what was typed is the label.
        return unescape(_LINK.sub(lambda link: link[1] or link[2] or "", raw))

    def rest(self) -> str:
        """All that is left, literally."""
        left, self.at = self.text[self.at :], len(self.text)
        return unescape(left).strip()


def mentions(text: str) -> bool:
    """Whether Slack would make a mention of it."""
    return _MENTION.search(text) is not None


def bare(text: str) -> Iterator[str]:
    """The words that are not in quotes, lower-cased."""
    return (found["bare"].casefold() for found in _WORD.finditer(text) if found["bare"])


def unescape(text: str) -> str:
    """Undoes Slack's escapes, once: ``&amp;lt;`` was typed as ``&lt;``."""
    return re.sub("&(?:lt|gt|amp);", lambda found: _ESCAPED[found.group()], text)


def escape(text: str) -> str:
    """As Slack delivers what somebody typed."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def storable(text: str) -> str:
    """Without what no database takes: NUL, and halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def quoted(name: str, keywords: Collection[str]) -> str:
    """A name as it can be typed: in quotes where it would be taken for something else."""
    spaces = re.search(r"\s", name) is not None
    if spaces and name[:1] not in _OPENING and any(mark in name for mark in _OPENING):
        return name  # nothing in quotes holds quotes, but words without may: `5"disk 2`
    plain = not spaces and name[:1] not in _OPENING and name.casefold() not in keywords
    return name if plain else f'"{name}"'
