"""Whatever arrives: nothing unsigned, stale, replayed, oversized or malformed changes anything or costs a 5xx."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.grammar import Help, Misunderstood, parse
from handlers.texts import LOCALES
from handlers.wording import Wording
from tests.app.payloads import BY_CLICK, MENTION, SHORTCUT, SLASH
from tests.app.signed import FORM, JSON, SECRET, ask, chunks, form, interactive, sign, signed_headers
from tests.handlers.entrance import Bot
from tests.handlers.ledger import START
from tests.providers.spoiling import Spoil, spoils

FAST = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MANY = settings(max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SLOW = [pytest.mark.slow, pytest.mark.timeout(1800)]
CLICK = BY_CLICK | {"actions": [{"action_id": "approve", "type": "button", "value": "SW-000001"}]}
PAYLOADS = [CLICK, MENTION, SHORTCUT, {"type": "view_submission", "user": {"id": "U1"}, "view": {"id": "V1"}}]
TYPES = st.sampled_from(
    [FORM, JSON, "text/plain", "multipart/form-data; boundary=x", "", "application/json; q=é"]
)


class Traces(logging.Handler):
    """What is logged with a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.found.append(record.getMessage())


@contextmanager
def no_traceback() -> Iterator[None]:
    handler = Traces()
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
    assert handler.found == []


def signed_pairs(raw: bytes, kind: str) -> list[tuple[bytes, bytes]]:
    pairs = signed_headers(raw, kind=kind).items()
    return [(name.encode(), value.encode("utf-8")) for name, value in pairs]


async def unharmed(
    bot: Bot, raw: bytes, headers: list[tuple[bytes, bytes]], *, in_pieces: bool = False
) -> int:
    """The status of an answer that is no 5xx and leaves no traceback."""
    with no_traceback():
        response = await ask(bot.app, chunks(raw, 7) if in_pieces else raw, headers)
    assert response.status_code < 500, response.text
    return response.status_code


# --- signed ---


async def signed_garbage(raw: bytes, kind: str, in_pieces: bool) -> None:
    bot = Bot()
    await unharmed(bot, raw, signed_pairs(raw, kind), in_pieces=in_pieces)
    assert bot.inbox.calls == 0


garbage = st.binary(max_size=400) | st.text(max_size=200).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


@FAST
@given(raw=garbage, kind=TYPES, in_pieces=st.booleans())
async def test_signed_garbage_of_every_type(raw: bytes, kind: str, in_pieces: bool) -> None:
    await signed_garbage(raw, kind, in_pieces)


async def signed_spoilt(payload: dict[str, Any], spoil: Spoil, as_form: bool) -> None:
    """A well-formed payload with something hostile at some level of it."""
    raw = spoil(json.dumps(payload).encode())
    if as_form:
        raw = urlencode({"payload": raw}).encode()
    bot = Bot()
    await unharmed(bot, raw, signed_pairs(raw, FORM if as_form else JSON))
    assert bot.inbox.calls <= 1


@FAST
@given(payload=st.sampled_from(PAYLOADS), spoil=spoils(), as_form=st.booleans())
async def test_signed_payloads_of_hostile_shape(payload: dict[str, Any], spoil: Spoil, as_form: bool) -> None:
    await signed_spoilt(payload, spoil, as_form)


hostile = st.text(max_size=40) | st.sampled_from(["\x00", "\u202ex", "9" * 5000, "payload", "a" * 300, ""])


async def signed_form(fields: dict[str, str]) -> None:
    bot = Bot()
    raw = form(
        {**SLASH, **{name: value.encode("utf-8", "replace").decode() for name, value in fields.items()}}
    )
    await unharmed(bot, raw, signed_pairs(raw, FORM))


@FAST
@given(
    fields=st.dictionaries(
        st.sampled_from([*SLASH, "enterprise_id", "ssl_check", "type"]), hostile, max_size=4
    )
)
async def test_signed_commands_with_hostile_fields(fields: dict[str, str]) -> None:
    await signed_form(fields)


# --- not rightly signed ---

headers = st.lists(
    st.tuples(
        st.sampled_from(
            [
                b"x-slack-signature",
                b"x-slack-request-timestamp",
                b"content-type",
                b"content-length",
                b"transfer-encoding",
                b"x-slack-retry-num",
            ]
        ),
        st.binary(max_size=60).filter(lambda value: not {10, 13} & set(value))
        | st.sampled_from(
            [b"0", b"-1", b"99999999999999999999", b"chunked", b"gzip", b"x" * 9000, b"v0=" + b"0" * 64]
        ),
    ),
    max_size=4,
)


@FAST
@given(raw=garbage, extra=headers, drop=st.sets(st.integers(0, 2)), in_pieces=st.booleans())
async def test_headers_that_lie(
    raw: bytes, extra: list[tuple[bytes, bytes]], drop: set[int], in_pieces: bool
) -> None:
    """Doubled, missing, huge or odd headers around a body that is rightly signed, or would be."""
    bot = Bot()
    kept = [pair for number, pair in enumerate(signed_pairs(raw, JSON)) if number not in drop]
    await unharmed(bot, raw, [*kept, *extra], in_pieces=in_pieces)
    assert bot.inbox.calls == 0


@FAST
@given(age=st.integers(301, 10**11), ahead=st.booleans(), secret=st.sampled_from([SECRET, "another"]))
async def test_what_is_stale_or_forged_changes_nothing(age: int, ahead: bool, secret: str) -> None:
    bot = Bot()
    raw = interactive(CLICK)
    stamp = str(int(START.timestamp()) + (age if ahead else -min(age, int(START.timestamp()))))
    pairs = {
        "content-type": FORM,
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": sign(raw, stamp, secret),
    }
    status = await unharmed(bot, raw, [(name.encode(), value.encode()) for name, value in pairs.items()])
    assert (status, bot.inbox.calls) == (401, 0)


# --- the grammar ---


@FAST
@given(text=st.text(max_size=300) | st.lists(st.sampled_from(
    ["to", "shard", "because", "plan", '"', "“", "<@U1>", "&amp;", "\ud800", "\u202e", "\x00", "SW-", "at", "orders"]
), max_size=12).map(" ".join), locale=st.sampled_from(["", *LOCALES]))  # fmt: skip
def test_every_text_is_a_command_or_gets_words(text: str, locale: str) -> None:
    found = parse(text)
    if isinstance(found, Misunderstood | Help):
        said = Wording("en").explain(found, locale)
        assert said.text.strip()
        assert "/switchover" in said.text


# --- the same, for long ---


@pytest.mark.parametrize("_run", [pytest.param(0, marks=SLOW)])
@MANY
@given(payload=st.sampled_from(PAYLOADS), spoil=spoils(), as_form=st.booleans(), raw=garbage, kind=TYPES)
async def test_all_of_it_for_long(
    _run: int, payload: dict[str, Any], spoil: Spoil, as_form: bool, raw: bytes, kind: str
) -> None:
    await signed_spoilt(payload, spoil, as_form)
    await signed_garbage(raw, kind, in_pieces=False)
