"""What a cloud says, as it may be shown to people: short, one line, and without anything that opens a door."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from bot.errors import ProviderError

LONGEST = 300
_CREDENTIALS = re.compile(
    r"(signature|access_key_id|token|passwd|password|secret\w*)([\"']?\s?[:=]\s?[\"']?)[^\s&,;\"']+",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"\bMII[A-Za-z0-9+/=_-]{20,}")  # how Huawei's IAM tokens begin, their form being CMS


def shown(text: object) -> str:
    """The provider's own words, "" if these are none; what looks like a credential is blotted out."""
    if not isinstance(text, str):
        return ""
    return _TOKEN.sub("…", _CREDENTIALS.sub(r"\1\2…", " ".join(text.split())))[:LONGEST]


@contextmanager
def discreet(secrets: Callable[[], Iterable[SecretStr]]) -> Iterator[None]:
    """Blots these very secrets out of an error's message, should the provider ever echo them.

    Args:
        secrets: Asked when there is an error: some are made on the way.
    """
    try:
        yield
    except ProviderError as exc:
        for secret in secrets():
            exc.message = exc.message.replace(secret.get_secret_value(), "…")
            if exc.meaning is not None:
                code, values = exc.meaning
                shut = {name: text.replace(secret.get_secret_value(), "…") for name, text in values.items()}
                exc.meaning = (code, shut)
        exc.args = (exc.message,)
        raise
