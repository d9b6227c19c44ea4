"""QingCloud's signature, version 1: pure functions, time is an argument.

Source: QingCloud API documentation, "get_api/signature.md"; where it is silent, what the official SDKs send.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote

STAMP = "%Y-%m-%dT%H:%M:%SZ"
STAMPS = frozenset({"time_stamp", "expires"})
METHODS = {"HmacSHA256": "sha256", "HmacSHA1": "sha1"}


def stamp(at: datetime) -> str:
    """``at`` (aware) as QingCloud writes times: UTC, whole seconds, rounded down."""
    return at.astimezone(UTC).strftime(STAMP)


def unstamp(text: str) -> datetime | None:
    """The time QingCloud wrote, or None if this is none."""
    try:
        return datetime.strptime(text, STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def canonical_query(params: Mapping[str, str]) -> str:
    """Parameters in code-point order of their names, each encoded once (RFC 3986: only ``-._~`` stay)."""
    pairs = []
    for name in sorted(params):
        # What is made anew for each request would only push out what comes again.
        value = quote(params[name], safe="") if name in STAMPS else _encoded(params[name])
        pairs.append(f"{_encoded(name)}={value}")
    return "&".join(pairs)


@lru_cache(maxsize=512)
def _encoded(text: str) -> str:
    return quote(text, safe="")


def string_to_sign(method: str, path: str, query: str) -> str:
    """Three lines; ``path`` is the very path that is sent."""
    return f"{method}\n{path}\n{query}"


def signature(secret: str, text: str, method: str = "HmacSHA256") -> str:
    """The base64 signature of ``text``, not yet percent-encoded."""
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), METHODS[method])).decode()


def common_params(
    action: str, *, zone: str, access_key_id: str, at: datetime, expires: datetime | None = None
) -> dict[str, str]:
    """What every request carries besides its own parameters; ``at`` is the time it is signed with."""
    params = {
        "action": action,
        "zone": zone,
        "time_stamp": stamp(at),
        "access_key_id": access_key_id,
        "version": "1",
        "signature_method": "HmacSHA256",
        "signature_version": "1",
    }
    return params if expires is None else {**params, "expires": stamp(expires)}


def signed_query(params: Mapping[str, str], *, path: str, secret: str, method: str = "GET") -> str:
    """The query string to send: what was signed, then the signature as its last parameter."""
    query = canonical_query(params)
    signed = signature(secret, string_to_sign(method, path, query), params["signature_method"])
    return f"{query}&signature={quote(signed, safe='')}"
