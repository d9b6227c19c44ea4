"""Requests as they arrive: which API they ask for, and what they say in path, query and body."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.sandbox.huawei_dds.model import (
    BAD_PARAMETER,
    CREATE_TOKEN,
    LIST_INSTANCES,
    LIST_TASKS,
    PROMOTE,
    SHOW_JOB,
    SWITCHOVER,
    No,
)

LARGEST_PAGE = 100
PROJECT = r"(?P<project>[^/]+)"
INSTANCE = rf"/v3/{PROJECT}/instances/(?P<instance>[^/]+)"
APIS = (
    (CREATE_TOKEN, "POST", re.compile(r"/v3/auth/tokens")),
    (LIST_INSTANCES, "GET", re.compile(rf"/v3/{PROJECT}/instances")),
    (SWITCHOVER, "POST", re.compile(rf"{INSTANCE}/switchover")),
    (PROMOTE, "POST", re.compile(rf"{INSTANCE}/nodes/(?P<node>[^/]+)/primary")),
    (SHOW_JOB, "GET", re.compile(rf"/v3/{PROJECT}/jobs")),
    (LIST_TASKS, "GET", re.compile(rf"/v3\.1/{PROJECT}/jobs")),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived; ``path`` still encoded, ``names`` what the path says, ``at`` when it came."""

    id: str
    operation: str
    method: str
    path: str
    names: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    at: datetime

    @property
    def params(self) -> Mapping[str, str]:
        """The query, decoded."""
        return dict(self.query)

    @property
    def json(self) -> Any:
        """The body decoded, None where there is none, as text where it is not JSON."""
        try:
            return json.loads(self.body) if self.body else None
        except (ValueError, RecursionError):
            return self.body.decode(errors="replace")

    def unauthorized(self, reason: str) -> No:
        """The gateway does not know who asks."""
        message = f"Incorrect IAM authentication information: {reason}"
        return No.by_gateway(401, "APIGW.0301", message, self.id)


def route(method: str, path: str) -> tuple[str, Mapping[str, str]]:
    """The operation that this is, and what its path names; no operation where no API is."""
    for operation, needed, pattern in APIS:
        if method == needed and (match := pattern.fullmatch(path)):
            return operation, match.groupdict()
    return "", {}


def fields_of(asked: Asked, *known: str) -> Mapping[str, Any]:
    """The fields of a JSON body; no body has none.

    Raises:
        No: It is no object of strings, or has others than the known ones.
    """
    body = {} if asked.json is None and not asked.body else asked.json
    if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
        raise No.by_service(400, BAD_PARAMETER, "The request body is invalid.")
    if unknown := sorted(set(body) - set(known)):
        raise No.by_service(400, BAD_PARAMETER, f"Unknown parameters: {unknown}")
    return body


def page_of(params: Mapping[str, str]) -> tuple[int, int]:
    """Offset and limit.

    Raises:
        No: They are out of range.
    """
    offset, limit = params.get("offset", "0"), params.get("limit", str(LARGEST_PAGE))
    if not re.fullmatch(r"[0-9]{1,9}", offset):
        raise No.by_service(400, "DBS.280440", "The offset is invalid.")
    if not re.fullmatch(r"[0-9]{1,3}", limit) or not 1 <= int(limit) <= LARGEST_PAGE:
        raise No.by_service(400, "DBS.280439", "The limit is invalid.")
    return int(offset), int(limit)


def check_choice(params: Mapping[str, str], name: str, choices: tuple[str, ...]) -> None:
    """Returns if the parameter is left out or one of the choices.

    Raises:
        No: It is something else.
    """
    if name in params and params[name] not in choices:
        raise No.by_service(400, BAD_PARAMETER, f"Parameter error: {name}")


def name_of(params: Mapping[str, str]) -> re.Pattern[str]:
    """What names must match: one name, or with a star in front all that contain the rest.

    Raises:
        No: It is a star alone.
    """
    name = params.get("name", "")
    if name == "*":
        raise No.by_service(400, BAD_PARAMETER, "Parameter error: name")
    around = ".*" if name.startswith("*") or not name else ""
    return re.compile(f"{around}{re.escape(name.removeprefix('*'))}{around}", re.DOTALL)


def time_of(params: Mapping[str, str], name: str) -> datetime:
    """A required time with an offset that has no colon.

    Raises:
        No: It is missing or written otherwise.
    """
    text = params.get(name, "")
    shape = re.fullmatch(r"[0-9-]{10}T[0-9:]{8}[+-][0-9]{4}", text)
    try:
        return datetime.fromisoformat(text if shape else "")
    except ValueError:
        raise No.by_service(400, BAD_PARAMETER, f"Parameter error: {name}") from None
