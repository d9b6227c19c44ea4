"""What a cloud says, as it may be shown to people: short, one line, and without anything that opens a door."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from pydantic import SecretStr

from bot.errors import ProviderError
from bot.telemetry import telling

LONGEST = 300
E = TypeVar("E", bound=ProviderError)


class Phrase(NamedTuple):
    """What we say of an answer: ``what`` names it in the message catalogue, as ``answered-…``.

    ``words`` are the same in English, for logs.
    """

    what: str
    words: str


BUSY = Phrase("busy", "the instance is busy")
CAN_NOT_ANSWER = Phrase("not-now", "it can't answer now")
CLOCKS_DIFFER = Phrase("clocks-differ", "its clock and ours differ")
SET_THE_CLOCK = Phrase("set-the-clock", "its clock and ours differ: set this machine's clock")
NO_JOB = Phrase("no-job", "there was no job id that could be relied on")
NO_MORE_CALLS = Phrase("no-more-calls", "it takes no more calls for now")
NOTHING_CERTAIN = Phrase("nothing-certain", "its answer says nothing certain")
UNREADABLE = Phrase("unreadable", "its answer could not be read")
UPDATING = Phrase("updating", "the service is being updated")


def worded(kind: type[E], phrase: Phrase, theirs: str = "", **details: Any) -> E:
    """An error that says what we make of an answer and, in brackets, what was answered."""
    said = f"{phrase.words} ({theirs})" if theirs else phrase.words
    return kind(said, meaning=("cloud-answered", {"what": phrase.what, "said": theirs}), **details)


def unknown(code: object) -> Phrase:
    """For a code that we know nothing of."""
    return Phrase("unknown-code", f"a code that the bot does not know: {code}")


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


def _forms(secret: SecretStr) -> tuple[str, str]:
    """A secret as it is, and as it stands in a sentence of a sentence, which is JSON."""
    plain = secret.get_secret_value()
    return plain, json.dumps(plain, ensure_ascii=False)[1:-1]


@contextmanager
def discreet(secrets: Callable[[], Iterable[SecretStr]]) -> Iterator[None]:
    """Blots these very secrets out of an error's message, should the provider ever echo them.

    Args:
        secrets: Asked when there is an error: some are made on the way.
    """
    try:
        yield
    except ProviderError as exc:
        for form in (telling(form) for secret in secrets() for form in _forms(secret)):
            exc.message = form.sub("…", exc.message)
            if exc.meaning is not None:
                code, values = exc.meaning
                exc.meaning = (code, {name: form.sub("…", text) for name, text in values.items()})
        exc.args = (exc.message,)
        raise
