"""The HTTP surface: Slack's deliveries, checked on raw bytes before anything else sees them, and health."""

from __future__ import annotations

import asyncio
import heapq
import hmac
import json
import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.ports import Body, Clock, Dispatch

MAX_BODY = 1024 * 1024
MAX_AGE = timedelta(minutes=5)
MAX_REMEMBERED = 100_000
MAX_DEPTH = 64
MAX_FIELDS = 100
READ_LIMIT = timedelta(seconds=10)
SIGNATURE = re.compile(r"v0=[0-9a-f]{64}", re.ASCII)
TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
MAX_DIGITS = 30
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Headers are not signed, and Bolt obeys some (x-slack-bolt-lazy-*): only what is listed here goes on.
FORWARDED = frozenset(
    {
        "content-type",
        "x-slack-request-timestamp",
        "x-slack-retry-num",
        "x-slack-retry-reason",
        "x-slack-signature",
    }
)


class Rejection(Exception):
    """This request goes no further.

    Args:
        status: The HTTP status it is answered with.
        reason: A few words for whoever sent it; they never repeat what was sent.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Signed:
    """What a request says about its own signature, well-formed but not yet checked."""

    signature: str
    timestamp: str

    @property
    def at(self) -> int:
        return int(self.timestamp)


class Signatures:
    """The signatures accepted lately in this process; the store knows those from before a restart.

    Bounded: beyond ``limit`` the oldest are forgotten, and then the store alone tells a replay.
    """

    def __init__(self, *, limit: int = MAX_REMEMBERED) -> None:
        self._limit = limit
        self._known: set[str] = set()
        self._expiries: list[tuple[float, str]] = []

    def reserve(self, signature: str, *, now: float) -> bool:
        """Takes the signature, so that nobody else can while it is being answered; False if it is taken."""
        self._forget(now)
        if signature in self._known:
            return False
        self._known.add(signature)
        return True

    def release(self, signature: str) -> None:
        """Gives it back: the request was not accepted, and the same one may come again."""
        self._known.discard(signature)

    def keep(self, signature: str, *, until: float) -> None:
        """Remembers it until its timestamp alone is enough to refuse it."""
        heapq.heappush(self._expiries, (until, signature))
        while len(self._expiries) > self._limit:
            self._known.discard(heapq.heappop(self._expiries)[1])

    def _forget(self, now: float) -> None:
        while self._expiries and self._expiries[0][0] < now:
            self._known.discard(heapq.heappop(self._expiries)[1])


class Ingress:
    """Lets only what Slack signed, recently and for the first time, through to ``dispatch``.

    Nothing that was not signed is ever answered with a 5xx, and nothing of it is ever logged.

    Args:
        signing_secret: The app's; an empty one is refused.
        clock: Tells the age of a request.
        dispatch: Takes the parsed body and the few headers that may go on; answers status, body, headers.
        intake_open: False while draining: then a signed request gets 503, so that Slack sends events again.
        observe: Is told the seconds from the arrival of the body to the answer.
    """

    def __init__(
        self,
        *,
        signing_secret: str,
        clock: Clock,
        dispatch: Dispatch,
        intake_open: Callable[[], bool],
        observe: Callable[[float], None],
        signatures: Signatures | None = None,
    ) -> None:
        if not signing_secret:
            raise ValueError("an empty signing secret would accept what anybody signs")
        self._secret = signing_secret.encode()
        self._clock = clock
        self._dispatch = dispatch
        self._intake_open = intake_open
        self._observe = observe
        self._signatures = signatures or Signatures()

    async def handle(self, request: Request) -> Response:
        """Checks one request and answers it."""
        try:
            return await self._admit(request)
        except Rejection as rejection:
            return PlainTextResponse(rejection.reason, status_code=rejection.status)

    async def _admit(self, request: Request) -> Response:
        signed = _signed(request)
        kind = _content_type(request)
        self._check_age(signed)
        raw = await _read(request)
        self._check_signature(signed, raw)
        if not self._intake_open():
            raise Rejection(503, "shutting down")
        if not self._signatures.reserve(signed.signature, now=self._now()):
            raise Rejection(403, "this request was accepted already")
        accepted = False
        try:
            response = await self._answer(kind, raw, _forwarded(request))
            accepted = HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES
        finally:
            self._settle(signed, accepted=accepted)
        return response

    def _settle(self, signed: Signed, *, accepted: bool) -> None:
        if accepted:
            self._signatures.keep(signed.signature, until=signed.at + MAX_AGE.total_seconds())
        else:
            self._signatures.release(signed.signature)

    async def _answer(self, kind: str, raw: bytes, headers: dict[str, str]) -> Response:
        arrived = self._clock.monotonic()
        body = parse(kind, raw)
        if body.get("ssl_check") == "1":
            return Response()
        if body.get("type") == "url_verification":
            return _challenge(body)
        status, content, sent = await self._dispatch(body, headers)
        self._observe(self._clock.monotonic() - arrived)
        return Response(content, status_code=status, headers=sent)

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _check_age(self, signed: Signed) -> None:
        if abs(self._now() - signed.at) > MAX_AGE.total_seconds():
            raise Rejection(401, "stale timestamp")

    def _check_signature(self, signed: Signed, raw: bytes) -> None:
        base = b"v0:" + signed.timestamp.encode() + b":" + raw
        expected = "v0=" + hmac.digest(self._secret, base, "sha256").hex()
        if not hmac.compare_digest(expected, signed.signature):
            raise Rejection(401, "wrong signature")


# --- what the headers say --------------------------------------------------------------------------------


def _single(request: Request, name: str) -> str:
    values = request.headers.getlist(name)
    if len(values) != 1:
        raise Rejection(401, f"exactly one {name} is needed")
    return values[0]


def _signed(request: Request) -> Signed:
    signature = _single(request, "x-slack-signature")
    timestamp = _single(request, "x-slack-request-timestamp")
    if not SIGNATURE.fullmatch(signature):
        raise Rejection(401, "malformed signature")
    if not TIMESTAMP.fullmatch(timestamp):
        raise Rejection(401, "malformed timestamp")
    return Signed(signature, timestamp)


def _content_type(request: Request) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in PARSERS:
        raise Rejection(415, "neither a form nor JSON")
    return kind


def _forwarded(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name in FORWARDED}


async def _read(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    # A declared length is only good for refusing early; what is counted is what arrives.
    if LENGTH.fullmatch(declared) and int(declared) > MAX_BODY:
        raise Rejection(413, "too large")
    raw = bytearray()
    try:
        async with asyncio.timeout(READ_LIMIT.total_seconds()):
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > MAX_BODY:
                    raise Rejection(413, "too large")
    except TimeoutError:
        raise Rejection(408, "too slow") from None
    except ClientDisconnect:
        raise Rejection(400, "incomplete") from None
    return bytes(raw)


# --- what the body says ----------------------------------------------------------------------------------


def parse(kind: str, raw: bytes) -> Body:
    """The body as a dict; for an interactive request the content of its ``payload`` field.

    Done here and not by Bolt: its parser loses every slash command that has the word "payload" anywhere
    (slack-bolt 1.30, ``request/internals.py``).

    Raises:
        Rejection: It is not a form or a JSON object, or holds what no honest payload holds: broken UTF-8,
            NULs, lone surrogates, a key twice, numbers of absurd length, nesting without end.
    """
    try:
        body = PARSERS[kind](raw.decode("utf-8"))
        _check_values(body)
    except (ValueError, RecursionError):
        raise Rejection(400, "not parseable") from None
    return body


def _parse_form(text: str) -> Body:
    pairs = parse_qsl(
        text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MAX_FIELDS
    )
    form = _unique(pairs)
    return _parse_json(form["payload"]) if "payload" in form else form


def _parse_json(text: str) -> Body:
    body = json.loads(
        text,
        object_pairs_hook=_unique,
        parse_int=_integer,
        parse_float=_number,
        parse_constant=_number,
    )
    if isinstance(body, dict):
        return body
    raise ValueError("not an object")


PARSERS: Mapping[str, Callable[[str], Body]] = {
    "application/x-www-form-urlencoded": _parse_form,
    "application/json": _parse_json,
}


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("a number of absurd length")
    return int(digits)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not a JSON number")
    return number


def _check_values(body: Body) -> None:
    if not body:
        raise ValueError("empty")
    level: list[Any] = [body]
    for _ in range(MAX_DEPTH):
        if not level:
            return
        texts, level = _unpacked(level)
        text = "".join(texts)
        text.encode("utf-8")  # a lone surrogate can't be stored nor sent on
        if "\x00" in text:
            raise ValueError("NUL")
    if any(level):
        raise ValueError("nested too deeply")


_CONTAINERS = (dict, list)


def _unpacked(containers: Iterable[Any]) -> tuple[list[str], list[Any]]:
    """What is in dicts and lists: texts, keys among them, and the dicts and lists in there."""
    texts: list[str] = []
    deeper: list[Any] = []
    for container in containers:
        items = container
        if isinstance(container, dict):
            texts += container
            items = container.values()
        for item in items:
            if isinstance(item, str):
                texts.append(item)
            elif isinstance(item, _CONTAINERS):
                deeper.append(item)
    return texts, deeper


# --- answers ---------------------------------------------------------------------------------------------


def _challenge(body: Body) -> Response:
    challenge = body.get("challenge")
    if not isinstance(challenge, str):
        raise Rejection(400, "no challenge")
    return PlainTextResponse(challenge)


def create_app(
    *,
    ingress: Ingress | None,
    readiness: Callable[[], Awaitable[Sequence[str]]],
    metrics: Callable[[], bytes],
    metrics_type: str = METRICS_TYPE,
) -> Starlette:
    """The ASGI app of contract §3.

    Args:
        ingress: None in Socket Mode, where ``/slack/events`` does not exist.
        readiness: Why the bot is not ready, one reason each; empty when it is.
        metrics: The metrics, rendered.
        metrics_type: The content type that goes with them.
    """

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        reasons = list(await readiness())
        return JSONResponse({"ready": not reasons, "reasons": reasons}, status_code=503 if reasons else 200)

    async def exposed(_: Request) -> Response:
        return Response(metrics(), media_type=metrics_type)

    routes = [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", exposed)]
    if ingress is not None:
        routes.append(Route("/slack/events", ingress.handle, methods=["POST"]))
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return app
