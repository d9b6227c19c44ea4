"""The shared keys: what they take, and what they say of the rest."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import ValidationError

from bot.ports import ProviderSettings
from providers.settings import LONGEST_WORD, Secret, endpoint, word

API = "https://api.example.com/v1/"
Instance = Annotated[str, word("in-42")]
Api = Annotated[str, endpoint(API)]


class Keys(ProviderSettings):
    instance: Instance = "in-1"
    api: Api = API
    secret: Secret


def refusal(**keys: str) -> str:
    """What is said of the one key that is wrong."""
    with pytest.raises(ValidationError) as caught:
        Keys.model_validate({"secret": "hunter2", **keys})
    (error,) = caught.value.errors()
    return str(error["ctx"]["error"])


@pytest.mark.parametrize(
    "good", ["x", "cl-ouhutv70", "9136fd2a9fcd405ea4674276ce36dae8in02", "~" * LONGEST_WORD]
)
def test_a_word_is_kept_as_it_is(good: str) -> None:
    assert Keys.model_validate({"secret": "s", "instance": good}).instance == good


@pytest.mark.parametrize("bad", ["a b", " a", "a\n", "a\x00", "\u00e4", "\u4e3b"])
def test_what_is_no_word_is_told_with_an_example(bad: str) -> None:
    said = "does not look right: letters, digits and signs, no spaces or control characters, like in-42"
    assert refusal(instance=bad) == said


def test_a_word_is_neither_empty_nor_endless() -> None:
    assert refusal(instance="") == "is empty: give it a value like in-42"
    assert refusal(instance="x" * (LONGEST_WORD + 1)) == (
        f"is too long: write at most {LONGEST_WORD} characters, like in-42"
    )


@pytest.mark.parametrize("given", ["http://127.0.0.1:80/x", "https://dds.example.com:443", API])
def test_an_endpoint_always_has_a_path(given: str) -> None:
    kept = Keys.model_validate({"secret": "s", "api": given}).api
    assert kept == (given if given.count("/") > 2 else f"{given}/")


@pytest.mark.parametrize("bad", ["ftp://h/", "dds.example.com", "https://", ""])
def test_an_endpoint_that_is_none_is_told_with_an_example(bad: str) -> None:
    assert refusal(api=bad) == f"must be an http:// or https:// address such as {API}"


@pytest.mark.parametrize("bad", ["https://u:hunter2@h/", "https://u@h/", "https://h/?a=b", "https://h/#a"])
def test_an_endpoint_holds_no_more_than_an_address_and_is_not_quoted(bad: str) -> None:
    assert refusal(api=bad) == "must hold nothing but scheme, host, port and path"


@pytest.mark.parametrize("bad", ["", " ", "\n"])
def test_a_secret_is_not_empty(bad: str) -> None:
    assert refusal(secret=bad) == "must not be empty"


def test_a_secret_is_never_shown() -> None:
    keys = Keys.model_validate({"secret": "hunter2"})
    assert "hunter2" not in f"{keys!r} {keys} {keys.model_dump()} {keys.model_dump_json()}"
