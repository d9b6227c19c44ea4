"""The smallest checks of Block Kit, shared by blocks and elements: keys, lengths, text objects, images."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.slack.model import Json


@dataclass
class Found:
    """The problems found so far, worded as Slack words them."""

    problems: list[str] = field(default_factory=list)

    def add(self, what: str, where: str) -> None:
        """Notes a problem at a JSON pointer."""
        self.problems.append(f"{what} [json-pointer:{where}]")

    def keys(self, item: Json, where: str, allowed: AbstractSet[str], *, required: AbstractSet[str]) -> None:
        """All of ``required``, and nothing but ``allowed``."""
        given = item.keys()
        if not required <= given:
            for key in sorted(required - given):
                self.add(f"missing required field: {key}", where)
        if not given <= allowed:
            for key in sorted(given - allowed):
                self.add(f"invalid additional property: {key}", where)

    def items(self, items: Any, where: str, least: int, most: int | None) -> bool:
        """A list of so many items; False where going into it makes no sense."""
        if not isinstance(items, list):
            self.add("must be an array", where)
            return False
        if len(items) < least:
            self.add(f"no fewer than {least} items allowed", where)
        if most is not None and len(items) > most:
            self.add(f"no more than {most} items allowed", where)
        return True

    def string(
        self, item: Json, where: str, key: str, most: int, *, empty: bool = False, required: bool = False
    ) -> None:
        """A string of at most so many characters, if it is there."""
        if key not in item:
            if required:
                self.add(f"missing required field: {key}", where)
            return
        self._length(item[key], f"{where}/{key}", most, empty=empty)

    def one_of(self, item: Json, where: str, key: str, values: AbstractSet[str]) -> None:
        """One of these values, if it is there."""
        if key in item and item[key] not in values:
            self.add(f"value {item[key]!r} is not one of {', '.join(sorted(values))}", f"{where}/{key}")

    def number(self, item: Json, where: str, key: str, least: int, most: int) -> None:
        """A whole number in these bounds, if it is there."""
        value = item.get(key, least)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.add(f"must be a number from {least} to {most}", f"{where}/{key}")

    def text(
        self, item: Json, where: str, key: str, most: int, *, plain: bool = False, required: bool = False
    ) -> None:
        """A text object under ``key``, if it is there."""
        if key in item:
            self.text_object(item[key], f"{where}/{key}", most, plain=plain)
        elif required:
            self.add(f"missing required field: {key}", where)

    def text_object(self, text: Any, where: str, most: int, *, plain: bool = False) -> None:
        """A text object, which must be ``plain_text`` where ``plain``."""
        kinds = {"plain_text"} if plain else {"plain_text", "mrkdwn"}
        if not isinstance(text, dict) or text.get("type") not in kinds:
            self.add(f"must be a text object of type {' or '.join(sorted(kinds))}", where)
            return
        only = "emoji" if text["type"] == "plain_text" else "verbatim"
        self.keys(text, where, {"type", "text", only}, required=set())
        self.string(text, where, "text", most, required=True)

    def image(self, item: Json, where: str) -> None:
        """The picture of an image block or element."""
        if ("image_url" in item) == ("slack_file" in item):
            self.add("must have either image_url or slack_file", where)
        self.string(item, where, "image_url", 3000)
        self.string(item, where, "alt_text", 2000)

    def _length(self, value: Any, where: str, most: int, *, empty: bool) -> None:
        if not isinstance(value, str):
            self.add("must be a string", where)
        elif not value and not empty:
            self.add("must be more than 0 characters", where)
        elif len(value) > most:
            self.add(f"must be less than {most + 1} characters", where)
