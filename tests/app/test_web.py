"""The ingress on raw bytes: what gets through, what does not, and how it is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ports import Answered
from bot.web import MAX_BODY, MAX_DEPTH, Ingress, Signatures, create_app
from tests.app.signed import FORM, JSON, SECRET, ask, chunks, form, interactive, signed_headers
from tests.handlers.ledger import START, HandClock


class Backend:
    """What stands behind the ingress: keeps what it was given, answers as told."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.answer: Answered = (200, "", {})
        self.entered = asyncio.Event()
        self.gate: asyncio.Event | None = None

    async def dispatch(self, body: dict[str, Any], headers: dict[str, str]) -> Answered:
        self.bodies.append(body)
        self.headers.append(headers)
        self.entered.set()
        if self.gate is not None:
            await self.gate.wait()
        return self.answer


class Door:
    """An app with its ingress, a clock, and a switch for the intake."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.backend = Backend()
        self.open = True
        self.observed: list[float] = []
        self.reasons: list[str] = []
        self.app = self.restarted()

    def restarted(self) -> Any:
        ingress = Ingress(
            signing_secret=SECRET,
            clock=self.clock,
            dispatch=self.backend.dispatch,
            intake_open=lambda: self.open,
            observe=self.observed.append,
        )
        return create_app(ingress=ingress, readiness=self._readiness, metrics=lambda: b"# switchover\n")

    async def _readiness(self) -> list[str]:
        return self.reasons

    async def send(self, raw: bytes, *, kind: str = FORM, at: float = 0.0, **extra: str) -> httpx.Response:
        headers = signed_headers(raw, kind=kind, at=at) | {k.replace("_", "-"): v for k, v in extra.items()}
        return await ask(self.app, raw, headers)


@pytest.fixture
def door() -> Door:
    return Door()


COMMAND = form({"command": "/switchover", "text": "orders", "user_id": "U1", "channel_id": "C1"})


async def test_a_signed_form_arrives_as_a_dict(door: Door) -> None:
    response = await door.send(COMMAND)
    assert response.status_code == 200
    assert door.backend.bodies == [
        {"command": "/switchover", "text": "orders", "user_id": "U1", "channel_id": "C1"}
    ]
    assert door.observed == [0.0]


async def test_a_signed_json_arrives_as_a_dict(door: Door) -> None:
    response = await door.send(b'{"type":"event_callback","n":1.5}', kind="application/json; charset=utf-8")
    assert response.status_code == 200
    assert door.backend.bodies == [{"type": "event_callback", "n": 1.5}]


async def test_the_payload_of_an_interaction_is_unpacked(door: Door) -> None:
    await door.send(interactive({"type": "block_actions", "actions": []}))
    assert door.backend.bodies == [{"type": "block_actions", "actions": []}]


@pytest.mark.parametrize("text", ["payload", "payload-db because payload=", "a&payload={}"])
async def test_the_word_payload_in_a_command_is_only_a_word(door: Door, text: str) -> None:
    response = await door.send(form({"command": "/switchover", "text": text}))
    assert response.status_code == 200
    assert door.backend.bodies == [{"command": "/switchover", "text": text}]


async def test_an_answer_travels_back(door: Door) -> None:
    door.backend.answer = (200, '{"text": "hello"}', {"x-a": "b"})
    response = await door.send(COMMAND)
    assert response.json() == {"text": "hello"}
    assert response.headers["x-a"] == "b"


# --- signature ---


async def test_another_secret_is_refused(door: Door) -> None:
    response = await ask(door.app, COMMAND, signed_headers(COMMAND, secret="another"))
    assert (response.status_code, door.backend.bodies) == (401, [])


async def test_a_changed_body_is_refused(door: Door) -> None:
    response = await ask(door.app, COMMAND + b"x", signed_headers(COMMAND))
    assert (response.status_code, door.backend.bodies) == (401, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-slack-signature", None),
        ("x-slack-signature", b""),
        ("x-slack-signature", b"v0="),
        ("x-slack-signature", b"v1=" + b"a" * 64),
        ("x-slack-signature", b"v0=" + b"A" * 64),
        ("x-slack-signature", b"v0=" + b"\xe9" * 64),
        ("x-slack-request-timestamp", None),
        ("x-slack-request-timestamp", b""),
        ("x-slack-request-timestamp", b"-1"),
        ("x-slack-request-timestamp", b"1e9"),
        ("x-slack-request-timestamp", b"\xb2\xb2"),
        ("x-slack-request-timestamp", b"9" * 5000),
    ],
)
async def test_a_malformed_signature_or_time_is_refused(door: Door, name: str, value: bytes | None) -> None:
    headers = [(k.encode(), v.encode()) for k, v in signed_headers(COMMAND).items() if k != name]
    if value is not None:
        headers.append((name.encode(), value))
    response = await ask(door.app, COMMAND, headers)
    assert (response.status_code, door.backend.bodies) == (401, [])


async def test_two_signatures_are_one_too_many(door: Door) -> None:
    headers = [(k.encode(), v.encode()) for k, v in signed_headers(COMMAND).items()]
    response = await ask(door.app, COMMAND, [*headers, headers[-1]])
    assert (response.status_code, door.backend.bodies) == (401, [])


@pytest.mark.parametrize(("age", "status"), [(299, 200), (300, 200), (301, 401), (-300, 200), (-301, 401)])
async def test_five_minutes_is_the_age_that_is_taken(door: Door, age: float, status: int) -> None:
    assert (await door.send(COMMAND, at=-age)).status_code == status


def test_an_empty_secret_is_refused_at_once(door: Door) -> None:
    with pytest.raises(ValueError, match="empty"):
        Ingress(
            signing_secret="",
            clock=door.clock,
            dispatch=door.backend.dispatch,
            intake_open=lambda: True,
            observe=door.observed.append,
        )


# --- replay ---


async def test_an_accepted_request_is_not_taken_again(door: Door) -> None:
    assert (await door.send(COMMAND)).status_code == 200
    door.clock.advance(299)
    assert (await door.send(COMMAND)).status_code == 403
    assert len(door.backend.bodies) == 1


async def test_a_request_that_was_not_accepted_may_come_again(door: Door) -> None:
    door.backend.answer = (503, "", {})
    assert (await door.send(COMMAND)).status_code == 503
    door.backend.answer = (200, "", {})
    assert (await door.send(COMMAND)).status_code == 200


async def test_of_two_at_the_same_moment_one_passes(door: Door) -> None:
    door.backend.gate = asyncio.Event()
    first = asyncio.create_task(door.send(COMMAND))
    await door.backend.entered.wait()
    second = await door.send(COMMAND)
    door.backend.gate.set()
    assert [(await first).status_code, second.status_code] == [200, 403]


async def test_a_signature_from_the_future_is_remembered_as_long_as_it_is_fresh(door: Door) -> None:
    assert (await door.send(COMMAND, at=300)).status_code == 200
    door.clock.advance(600)
    assert (await door.send(COMMAND, at=300)).status_code == 403
    assert len(door.backend.bodies) == 1


def test_signatures_are_forgotten_in_time_and_beyond_the_limit() -> None:
    known = Signatures(limit=2)
    for number in range(3):
        assert known.reserve(str(number), now=0)
        known.keep(str(number), until=number)
    assert known.reserve("0", now=0), "the oldest made room"
    assert not known.reserve("2", now=2)
    assert known.reserve("2", now=3)


# --- size ---


def _padded(size: int) -> bytes:
    start = b"command=%2Fswitchover&text="
    return start + b"x" * (size - len(start))


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("size", "status"), [(MAX_BODY, 200), (MAX_BODY + 1, 413)])
async def test_one_mebibyte_is_the_size_that_is_taken(
    door: Door, size: int, status: int, *, chunked: bool
) -> None:
    raw = _padded(size)
    response = await ask(door.app, chunks(raw) if chunked else raw, signed_headers(raw))
    assert response.status_code == status
    assert len(door.backend.bodies) == (status == 200)


@pytest.mark.parametrize("declared", ["10", "-1", "abc", "٣"])
async def test_a_length_that_lies_changes_nothing(door: Door, declared: str) -> None:
    raw = _padded(MAX_BODY + 1)
    headers = [(k.encode(), v.encode()) for k, v in signed_headers(raw).items()]
    response = await ask(door.app, chunks(raw), [*headers, (b"content-length", declared.encode())])
    assert (response.status_code, door.backend.bodies) == (413, [])


async def test_a_declared_length_over_the_limit_is_refused_unread(door: Door) -> None:
    headers = signed_headers(b"") | {"content-length": str(MAX_BODY + 1)}
    assert (await ask(door.app, b"", headers)).status_code == 413


# --- shape ---


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (JSON, b""),
        (JSON, b"{}"),
        (JSON, b"[]"),
        (JSON, b"null"),
        (JSON, b"{"),
        (JSON, b'{"a":1,"a":2}'),
        (JSON, b'{"a":"\xff"}'),
        (JSON, b'{"a":"\\u0000"}'),
        (JSON, b'{"a":"\\ud800"}'),
        (JSON, b'{"\\ud800":1}'),
        (JSON, b'{"a":NaN}'),
        (JSON, b'{"a":1e999}'),
        (JSON, b'{"a":' + b"9" * 31 + b"}"),
        (JSON, b'{"a":' + b"9" * 10_000 + b"}"),
        (JSON, b'{"a":' + b"[" * 100 + b"]" * 100 + b"}"),
        (JSON, b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        (FORM, b""),
        (FORM, b"text"),
        (FORM, b"a=1&a=2"),
        (FORM, b"a=%FF"),
        (FORM, b"a=\xff"),
        (FORM, b"a=%00"),
        (FORM, b"a=%ED%A0%80"),
        (FORM, b"&".join(b"a%d=1" % n for n in range(101))),
        (FORM, b"payload=[]"),
        (FORM, b"payload="),
        (FORM, b"payload=%7B%22a%22"),
    ],
)
async def test_what_no_honest_payload_holds_is_refused(door: Door, kind: str, raw: bytes) -> None:
    response = await door.send(raw, kind=kind)
    assert (response.status_code, door.backend.bodies) == (400, [])


@pytest.mark.parametrize(("depth", "status"), [(MAX_DEPTH - 1, 200), (MAX_DEPTH, 400)])
async def test_how_deep_a_payload_may_be_nested(door: Door, depth: int, status: int) -> None:
    raw = b'{"a":' + b"[" * depth + b"1" + b"]" * depth + b"}"
    assert (await door.send(raw, kind=JSON)).status_code == status


@pytest.mark.parametrize("kind", ["", "text/plain", "multipart/form-data; boundary=x"])
async def test_other_content_types_are_refused(door: Door, kind: str) -> None:
    assert (await door.send(COMMAND, kind=kind)).status_code == 415


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_other_methods_are_refused(door: Door, method: str) -> None:
    response = await ask(door.app, COMMAND, signed_headers(COMMAND), method=method)
    assert (response.status_code, door.backend.bodies) == (405, [])


async def test_only_a_few_headers_go_on(door: Door) -> None:
    await door.send(
        COMMAND,
        x_slack_bolt_lazy_only="1",
        x_slack_bolt_lazy_function_name="work",
        x_slack_retry_num="1",
        cookie="a=b",
    )
    assert set(door.backend.headers[0]) == {
        "content-type",
        "x-slack-request-timestamp",
        "x-slack-signature",
        "x-slack-retry-num",
    }


# --- what the ingress answers itself ---


async def test_the_address_is_verified_when_signed(door: Door) -> None:
    raw = json.dumps({"type": "url_verification", "challenge": "3eZbrw1a"}).encode()
    response = await door.send(raw, kind=JSON)
    assert (response.status_code, response.text) == (200, "3eZbrw1a")
    unsigned = await ask(door.app, raw, {"content-type": JSON})
    assert unsigned.status_code == 401
    assert (await door.send(b'{"type":"url_verification"}', kind=JSON)).status_code == 400


async def test_the_certificate_check_is_answered_when_signed(door: Door) -> None:
    assert (await door.send(b"ssl_check=1&token=x")).status_code == 200
    assert (await ask(door.app, b"ssl_check=1&token=x", {"content-type": FORM})).status_code == 401
    assert door.backend.bodies == []


async def test_while_draining_what_is_signed_is_to_be_sent_again(door: Door) -> None:
    door.open = False
    assert (await door.send(COMMAND)).status_code == 503
    assert (await ask(door.app, COMMAND, signed_headers(COMMAND, secret="x"))).status_code == 401
    door.open = True
    assert (await door.send(COMMAND)).status_code == 200


async def test_health_readiness_and_metrics(door: Door) -> None:
    async def get(path: str) -> httpx.Response:
        return await ask(door.app, b"", {}, method="GET", path=path)

    assert (await get("/healthz")).status_code == 200
    assert (await get("/readyz")).json() == {"ready": True, "reasons": []}
    door.reasons = ["the database is locked"]
    unready = await get("/readyz")
    assert (unready.status_code, unready.json()["reasons"]) == (503, ["the database is locked"])
    metrics = await get("/metrics")
    assert metrics.text == "# switchover\n"
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_in_socket_mode_there_is_no_way_in() -> None:
    async def readiness() -> list[str]:
        return []

    app = create_app(ingress=None, readiness=readiness, metrics=lambda: b"")
    assert (await ask(app, COMMAND, signed_headers(COMMAND))).status_code == 404


# --- anything at all ---

HEADER_NAMES = st.sampled_from(
    [
        b"x-slack-signature",
        b"x-slack-request-timestamp",
        b"content-type",
        b"content-length",
        b"x-slack-bolt-lazy-only",
    ]
)
HEADER_VALUES = st.one_of(
    st.binary(max_size=80).filter(lambda value: b"\n" not in value and b"\r" not in value),
    st.sampled_from([FORM.encode(), JSON.encode(), b"v0=" + b"a" * 64, str(int(START.timestamp())).encode()]),
)


@given(raw=st.binary(max_size=300), headers=st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=6))
async def test_whatever_is_unsigned_is_a_4xx_and_goes_nowhere(
    raw: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    door = Door()
    response = await ask(door.app, chunks(raw), headers)
    assert 400 <= response.status_code < 500
    assert door.backend.bodies == []


@given(raw=st.binary(max_size=300), kind=st.sampled_from([FORM, JSON]))
async def test_whatever_is_signed_is_taken_or_a_4xx(raw: bytes, kind: str) -> None:
    response = await Door().send(raw, kind=kind)
    assert response.status_code == 200 or 400 <= response.status_code < 500
