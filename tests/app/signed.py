"""Signs bodies the way Slack documents it, and carries them to an ASGI app without a socket."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
from starlette.types import ASGIApp

from tests.handlers.ledger import START

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def sign(raw: bytes, timestamp: str, secret: str = SECRET) -> str:
    base = b"v0:" + timestamp.encode() + b":" + raw
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def signed_headers(raw: bytes, *, at: float = 0.0, kind: str = FORM, secret: str = SECRET) -> dict[str, str]:
    """Headers of a delivery signed ``at`` seconds from the start of the test's clock."""
    timestamp = str(int(START.timestamp() + at))
    return {
        "content-type": kind,
        "x-slack-request-timestamp": timestamp,
        "x-slack-signature": sign(raw, timestamp, secret),
    }


def form(fields: Mapping[str, str]) -> bytes:
    return urlencode(fields).encode()


def interactive(payload: Mapping[str, Any]) -> bytes:
    return form({"payload": json.dumps(payload)})


async def chunks(raw: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(raw), size):
        yield raw[start : start + size]


async def ask(
    app: ASGIApp,
    content: bytes | AsyncIterator[bytes],
    headers: Mapping[str, str] | list[tuple[bytes, bytes]],
    *,
    method: str = "POST",
    path: str = "/slack/events",
) -> httpx.Response:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        return await client.request(method, path, content=content, headers=headers)
