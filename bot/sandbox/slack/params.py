"""The arguments of a Web API call, whether they came as JSON, as a form or in the query."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from bot.sandbox.slack.model import Json, SlackError


@dataclass(frozen=True, slots=True)
class Params:
    """Arguments by name; forms carry lists and objects as JSON text."""

    values: Json

    @classmethod
    def parse(cls, query: str, content_type: str, body: bytes) -> Params:
        """Reads a request as Slack does: query and body together.

        Raises:
            SlackError: ``invalid_json``, ``json_not_object``, ``invalid_post_type``.
        """
        values: Json = dict(parse_qsl(query, keep_blank_values=True))
        kind = content_type.partition(";")[0].strip().lower()
        if not body:
            return cls(values)
        if kind == "application/json":
            return cls(values | _json_object(body))
        if kind in {"application/x-www-form-urlencoded", ""}:
            return cls(values | dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)))
        raise SlackError("invalid_post_type")

    def text(self, name: str) -> str:
        """A string, "" where it is missing."""
        value = self.values.get(name)
        return "" if value is None else str(value)

    def required(self, name: str, error: str = "invalid_arguments") -> str:
        """A string that must be there.

        Raises:
            SlackError: ``error``.
        """
        if value := self.text(name):
            return value
        raise SlackError(error, f"missing required field: {name}")

    def flag(self, name: str) -> bool:
        """A yes or no; the SDK sends 1 and 0 in queries."""
        return self.values.get(name) in {True, "true", "1"}

    def number(self, name: str, default: int) -> int:
        """A whole number.

        Raises:
            SlackError: ``invalid_arguments``.
        """
        try:
            return int(self.values.get(name) or default)
        except (TypeError, ValueError):
            raise SlackError("invalid_arguments", f"{name} must be a number") from None

    def json(self, name: str, error: str) -> Any:
        """A list or object, None where it is missing.

        Raises:
            SlackError: ``error``.
        """
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise SlackError(error) from None


def _json_object(body: bytes) -> Json:
    try:
        parsed = json.loads(body)
    except ValueError:
        raise SlackError("invalid_json") from None
    if not isinstance(parsed, dict):
        raise SlackError("json_not_object")
    return parsed
