"""What the keys of every cloud are made of; each says in words what is wrong and shows what is right."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

LONGEST_WORD = 128
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


def word(example: str) -> AfterValidator:
    """An id or a name that must be given: printable, without spaces.

    Args:
        example: One that is right, for people who wrote one that isn't.
    """

    def check(text: str) -> str:
        if not text:
            raise ValueError(f"is empty: give it a value like {example}")
        if len(text) > LONGEST_WORD:
            raise ValueError(f"is too long: write at most {LONGEST_WORD} characters, like {example}")
        if not _PRINTABLE.fullmatch(text):
            raise ValueError(
                "does not look right: letters, digits and signs, no spaces or control characters, "
                f"like {example}"
            )
        return text

    return AfterValidator(check)


def endpoint(example: str) -> AfterValidator:
    """The address of an API; one without a path gets ``/``. Its words never quote it: it may hold a password.

    Args:
        example: One that is right, for people who wrote one that isn't.
    """

    def check(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"must be an http:// or https:// address such as {example}")
        if parts.query or parts.fragment or parts.username is not None or parts.password is not None:
            raise ValueError("must hold nothing but scheme, host, port and path")
        return text if parts.path else f"{text}/"

    return AfterValidator(check)


def _secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text.strip():
        raise ValueError("must not be empty")
    if not text.isprintable() or text != text.strip():
        raise ValueError("must be one line without spaces around it: see what was pasted")
    return value


def _key(value: SecretStr) -> SecretStr:
    if not _PRINTABLE.fullmatch(_secret(value).get_secret_value()):
        raise ValueError("must be letters, digits and signs without spaces: see what was pasted")
    return value


Secret = Annotated[SecretStr, AfterValidator(_secret)]
"""A credential that must be given; shown nowhere."""

Key = Annotated[SecretStr, AfterValidator(_key)]
"""The same, where it goes into a header or an address."""
