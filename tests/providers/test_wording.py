"""What is shown of a cloud's words opens no door."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.core.model import in_words
from bot.errors import Unavailable
from providers.http import OUTCOMES
from providers.wording import discreet

ROOT = Path(__file__).parents[2]
KINDS = {"ProviderError", *(kind.__name__ for kind in OUTCOMES)} | {"NotPublished", "TokenRefused"}
SOURCES = [*(ROOT / "providers").rglob("*.py"), *(ROOT / "bot" / "service").rglob("*.py")]


def test_every_error_of_ours_can_be_said_in_every_language() -> None:
    """It is made with a meaning, or of another that has one."""
    mute = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in KINDS
        and "meaning" not in {keyword.arg for keyword in node.keywords}
    ]
    assert mute == []


def test_a_secret_that_is_echoed_is_blotted_out_in_every_language() -> None:
    """Of the sentence, and of what it is made of for other languages."""
    said = Unavailable("no host pw-1234", meaning=("cloud-not-found", {"name": "host pw-1234"}))
    with pytest.raises(Unavailable) as caught, discreet(lambda: [SecretStr("pw-1234")]):
        raise said
    assert (str(caught.value), caught.value.message) == ("no host …", "no host …")
    assert caught.value.meaning == ("cloud-not-found", {"name": "host …"})


def test_a_secret_is_blotted_out_of_a_sentence_in_a_sentence() -> None:
    """There it is written as JSON writes it."""
    inner = in_words(Unavailable('no host pw"12\\34'))
    said = Unavailable("no host", meaning=("cloud-not-tried-again", {"message": inner}))
    with pytest.raises(Unavailable), discreet(lambda: [SecretStr('pw"12\\34')]):
        raise said
    assert said.meaning == ("cloud-not-tried-again", {"message": in_words(Unavailable("no host …"))})


@pytest.mark.parametrize("secret", ["a", "5", "c", "key"])
def test_what_is_too_short_for_a_secret_does_not_garble_what_is_said(secret: str) -> None:
    """It is blotted out where it is quoted."""
    said = Unavailable(f"can't connect to 127.0.0.5: no such key (access_key: '{secret}')")
    with pytest.raises(Unavailable), discreet(lambda: [SecretStr(secret)]):
        raise said
    assert said.message == "can't connect to 127.0.0.5: no such key (access_key: '…')"
