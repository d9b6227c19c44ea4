"""What is shown of a cloud's words opens no door."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from bot.errors import Unavailable
from providers.wording import discreet


def test_a_secret_that_is_echoed_is_blotted_out_in_every_language() -> None:
    """Of the sentence, and of what it is made of for other languages."""
    said = Unavailable("no host pw-1234", meaning=("cloud-not-found", {"name": "host pw-1234"}))
    with pytest.raises(Unavailable) as caught, discreet(lambda: [SecretStr("pw-1234")]):
        raise said
    assert (str(caught.value), caught.value.message) == ("no host …", "no host …")
    assert caught.value.meaning == ("cloud-not-found", {"name": "host …"})
