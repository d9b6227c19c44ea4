"""Huawei Cloud's AK/SK signature, SDK-HMAC-SHA256: pure functions, time is an argument.

Source: Huawei Cloud "API Request Signing Guide"; where it is silent, what the official SDKs send.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote

ALGORITHM = "SDK-HMAC-SHA256"
STAMP = "%Y%m%dT%H%M%SZ"
STAMP_HEADER = "x-sdk-date"


def stamp(at: datetime) -> str:
    """``at`` (aware) as ``X-Sdk-Date`` has it: UTC, whole seconds, rounded down."""
    return at.astimezone(UTC).strftime(STAMP)


@lru_cache(maxsize=512)
def encoded(text: str) -> str:
    """Percent-encoded UTF-8: only letters, digits and ``-_.~`` stay (RFC 3986)."""
    return quote(text, safe="")


def encoded_path(*segments: str) -> str:
    """An absolute path of these segments, as it is sent."""
    return "".join(f"/{encoded(segment)}" for segment in segments)


def encoded_query(params: Mapping[str, str]) -> str:
    """Parameters in the order of their names, as they are sent and signed."""
    return "&".join(f"{encoded(name)}={encoded(params[name])}" for name in sorted(params))


def canonical_request(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> str:
    """What is hashed: ``path`` and ``query`` as sent (but the path always ends in a slash), and every header given.

    Args:
        method: In capitals.
        path: Encoded, as it is sent.
        query: From ``encoded_query``.
        headers: Exactly those to sign, names in lower case.
        body: As it is sent.
    """
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    digest = hashlib.sha256(body).hexdigest()
    whole = path if path.endswith("/") else f"{path}/"
    return f"{method}\n{whole}\n{query}\n{lines}\n{_names(headers)}\n{digest}"


def authorization(canonical: str, headers: Mapping[str, str], *, access_key: str, secret_key: str) -> str:
    """The ``Authorization`` header for a canonical request; ``headers`` are those in it."""
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{ALGORITHM}\n{headers[STAMP_HEADER]}\n{digest}"
    signature = hmac.digest(secret_key.encode(), text.encode(), "sha256").hex()
    return f"{ALGORITHM} Access={access_key}, SignedHeaders={_names(headers)}, Signature={signature}"


def _names(headers: Mapping[str, str]) -> str:
    return ";".join(sorted(headers))
