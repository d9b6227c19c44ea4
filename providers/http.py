"""What every cloud shares: reads that are retried, submissions that never are, a budget of calls per account.

Nothing in here logs, and nothing that holds a URL, a header or a body shows it in ``repr``: those of signed
requests are credentials for as long as the signature lives.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import cached_property, lru_cache
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import aiohttp
import anyio
import httpx
from httpx_aiohttp import AiohttpTransport

from bot.errors import (
    BudgetSpent,
    Misconfigured,
    NotSent,
    OutcomeUnknown,
    ProviderError,
    Refused,
    Throttled,
    Unavailable,
)
from bot.failpoints import hit
from bot.ports import CallObserver, Clock

T = TypeVar("T")

READ_LIMIT = 8 * 1024 * 1024
SUBMISSION_LIMIT = 1024 * 1024
CONNECT_TIMEOUT = timedelta(seconds=3)  # for each of TCP and TLS
CONNECTIONS = (
    20  # per account; more would not be faster (httpx-aiohttp, 20 concurrent: 3,790 requests a second)
)
FIRST_BACKOFF, LAST_BACKOFF = 0.25, 4.0  # seconds, doubled in between, ±50 % jitter
RETRIED_AT_MOST = 8

OUTCOMES: Mapping[type[ProviderError], str] = {
    Refused: "refused",
    NotSent: "not_sent",
    Throttled: "throttled",
    OutcomeUnknown: "unknown",
    Unavailable: "unavailable",
    Misconfigured: "misconfigured",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request, signed and final; its URL is sent byte for byte."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    def for_httpx(self, address: Callable[[str], httpx.URL] = httpx.URL, **extensions: Any) -> httpx.Request:
        """The same as httpx wants it. No compression is offered: a size limit then counts what was sent.

        Args:
            address: Reads the URL.
            extensions: What the transport is told besides.
        """
        headers = {"user-agent": "switchover", "accept-encoding": "identity", **self.headers}
        return httpx.Request(
            self.method, address(self.url), headers=headers, content=self.body or None, extensions=extensions
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: it is made only after the last byte has been read."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def date(self) -> datetime | None:
        """The server's idea of time; None where the header is missing, doubled or unreadable."""
        values = self.headers.get_list("date")
        return _http_date(values[0]) if len(values) == 1 else None

    def retry_after(self, now: datetime) -> timedelta:
        """What ``Retry-After`` asks for, in seconds or as a date (RFC 9110 §10.2.3); else zero."""
        text = self.headers.get("retry-after", "").strip()
        if not text:
            return timedelta(0)
        if text.isascii() and text.isdigit():
            return timedelta(seconds=min(int(text[:9]), 86_400))
        at = _http_date(text)
        return min(max(at - now, timedelta(0)), timedelta(days=1)) if at else timedelta(0)


@lru_cache(maxsize=64)
def _http_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


class Wire(Protocol):
    """How bytes reach a cloud; tests and the sandbox may bring a shorter way than the network."""

    def reads(self) -> httpx.AsyncBaseTransport:
        """A transport for many reads. It may repeat them."""
        ...

    def submission(self) -> httpx.AsyncBaseTransport:
        """A new transport for one request; it must call the ``trace`` extension as httpcore does."""
        ...


class Internet:
    """Real sockets. Proxies and credentials of the environment are ignored; its CA bundle is not."""

    def reads(self) -> httpx.AsyncBaseTransport:
        # Both load dozens of modules when first used: that is to stop the loop now, not amid the first submission.
        self.submission()
        anyio.Lock()
        # aiohttp repeats a GET whose kept-alive connection drops; harmless for reads, 0.26 ms of CPU each.
        return _VerbatimTransport(verify=self._tls, client=self._session)

    def submission(self) -> httpx.AsyncBaseTransport:
        # Stock httpx: it repeats nothing, and its trace tells what had left.
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=0)
        return httpx.AsyncHTTPTransport(verify=self._tls, retries=0, trust_env=False, limits=limits)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=self._tls, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(_verbatim,),
        )


class _VerbatimTransport(AiohttpTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        # A copy, so that the header that carries the address to the middleware never shows up elsewhere.
        marked = httpx.Request(
            request.method,
            request.url,
            headers=[*request.headers.raw, (_EXACT.encode(), str(request.url).encode())],
            content=request.content,
            extensions=request.extensions,
        )
        return await super().handle_async_request(marked)


_EXACT = "x-switchover-exact-url"  # stays in this process: the middleware below takes it off


async def _verbatim(
    request: aiohttp.ClientRequest, handler: Callable[[aiohttp.ClientRequest], Any]
) -> aiohttp.ClientResponse:
    # aiohttp normalises URLs (%3A → ":", %2A → "*"); what is signed must be sent as it was signed.
    request.url = type(request.url)(request.headers.pop(_EXACT), encoded=True)
    answer: aiohttp.ClientResponse = await handler(request)
    return answer


INTERNET = Internet()


class Priority(Enum):
    """Who may still call when the budget runs low; the value is the share of the reserve left alone."""

    SUBMISSION = (
        0.0  # what was approved; else those who watch one database would keep another's from starting
    )
    URGENT = (
        0.25  # checking anew what was approved, verifying what was submitted, looking for what is in doubt
    )
    TRACKING = 0.5  # polls of running jobs
    ORDINARY = 1.0  # everything else


class Budget:
    """At most ``calls`` in any window of ``per``, the last ``reserve`` of them kept for what can't wait.

    A sliding window, not a bucket: a bucket lets nearly twice the quota through in one window.

    Args:
        calls: How many.
        per: In which time.
        clock: The time.
        reserve: How many are kept; a fifth, unless told otherwise.
        shared: A budget of the same account: what either took, both have taken.

    Attributes:
        taken: When those calls were made that may still count.
    """

    def __init__(
        self,
        calls: int,
        per: timedelta,
        clock: Clock,
        *,
        reserve: int | None = None,
        shared: Budget | None = None,
    ) -> None:
        self.calls = calls
        self._per = per.total_seconds()
        self._clock = clock
        self._reserve = calls // 5 if reserve is None else reserve
        # One account's calls are counted together, however its settings change while what began before goes on.
        self.taken: deque[float] = deque() if shared is None else shared.taken

    def take(self, priority: Priority) -> None:
        """Counts one call.

        Raises:
            BudgetSpent: The budget is used up for this priority; ``retry_after`` says until when.
        """
        self.expect(1, priority)
        self.taken.append(self._clock.monotonic())

    def expect(self, calls: int, priority: Priority) -> None:
        """Whether so many calls are left, or all that there ever are; counts none.

        Raises:
            BudgetSpent: They are not; ``retry_after`` says until when.
        """
        now = self._clock.monotonic()
        while self.taken and self.taken[0] <= now - self._per:
            self.taken.popleft()
        allowed = self.calls - math.ceil(self._reserve * priority.value)
        excess = len(self.taken) + min(calls, max(allowed, 1)) - 1 - allowed
        if excess >= 0:
            wait = self.taken[excess] + self._per - now if excess < len(self.taken) else self._per
            raise BudgetSpent(
                f"the account's budget of {self.calls} calls is used up",
                retry_after=timedelta(seconds=wait),
                meaning=("cloud-budget-spent", {"count": str(self.calls)}),
            )


class _Trace:
    """What httpcore says of a request on its way, and the last gate before its first byte."""

    def __init__(self, clock: Clock, send_by: float) -> None:
        self._clock = clock
        self._send_by = send_by
        self._spoke = False
        self._started = False

    @property
    def nothing_left(self) -> bool:
        """True only where that is certain: a transport that never spoke proves nothing."""
        return self._spoke and not self._started

    def check(self) -> None:
        if self._clock.monotonic() > self._send_by:
            raise NotSent(
                "not sent: the time in which it might have been sent had passed",
                meaning=("cloud-too-late-to-send", {}),
            )

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        self._spoke = True
        if event.endswith(".send_request_headers.started"):
            self.check()
            self._started = True
            hit("before_send")
        elif event.endswith(".send_request_body.complete"):
            hit("after_send")


async def submit_once(
    request: Request,
    *,
    send_by: float,
    clock: Clock,
    timeout: timedelta,  # noqa: ASYNC109 - it limits everything together, which is what it does
    wire: Wire = INTERNET,
) -> Answer:
    """Sends the request at most once, on a connection of its own, and reads the whole answer.

    Args:
        request: What to send; it is never repeated, redirected or sent through a proxy.
        send_by: On ``clock.monotonic()``: past it, nothing is written any more.
        clock: Whose monotonic time ``send_by`` is compared with, immediately before the write.
        timeout: For everything together, from the connection to the last byte of the answer.
        wire: How bytes reach the cloud.

    Raises:
        NotSent: Certainly no byte of the request left.
        OutcomeUnknown: A byte may have left, and no whole answer came back.
    """
    trace = _Trace(clock, send_by)
    trace.check()
    timeouts = httpx.Timeout(None, connect=_connect_limit(timeout)).as_dict()
    try:
        transport, prepared = wire.submission(), request.for_httpx(trace=trace, timeout=timeouts)
    except (OSError, httpx.InvalidURL) as exc:  # no usable CA bundle, no usable address
        raise NotSent(
            f"the request could not be prepared ({type(exc).__name__})",
            meaning=("cloud-not-prepared", {"error": type(exc).__name__}),
        ) from exc
    answers: list[Answer] = []
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            await _exchange(prepared, transport, answers)
    except ProviderError:
        raise
    # Whatever broke: a request that may have left must not look like a defect of ours.
    except Exception as exc:
        if answers:  # only closing the connection failed
            return answers[0]
        if trace.nothing_left:
            raise _unconnected(NotSent, request, exc) from exc
        raise OutcomeUnknown(
            f"the answer to the request was lost ({type(exc).__name__})",
            lost=True,
            meaning=("cloud-answer-lost", {"error": type(exc).__name__}),
        ) from exc
    hit("answer_read")
    return answers[0]


def _connect_limit(timeout: timedelta) -> float:
    # Shorter than the total limit: httpcore cleans up after its own timeout, not after a cancelled handshake.
    return min(CONNECT_TIMEOUT, timeout / 3).total_seconds()


async def _exchange(
    request: httpx.Request, transport: httpx.AsyncBaseTransport, answers: list[Answer]
) -> None:
    async with httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=False) as client:
        response = await client.send(request, stream=True)
        try:
            answers.append(await _whole(response, SUBMISSION_LIMIT))
        finally:
            await response.aclose()


async def _whole(response: httpx.Response, limit: int) -> Answer:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > limit:
            raise httpx.DecodingError(f"an answer of more than {limit} bytes")
    return Answer(response.status_code, response.headers, bytes(body))


class Account:
    """HTTP for one account at one cloud: a client for reads, a budget, and the metrics of every call.

    Args:
        clock: For deadlines, back-off and the budget.
        call_timeout: How long one call of the port may take in all.
        observer: Is told of every finished request, and of every one that the budget refused.
        budget: The calls this account may make.
        wire: How bytes reach the cloud.
        jitter: Gives numbers in [0, 1).
    """

    def __init__(
        self,
        *,
        clock: Clock,
        call_timeout: timedelta,
        observer: CallObserver,
        budget: Budget,
        wire: Wire = INTERNET,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._timeout = call_timeout
        self._observer = observer
        self.budget = budget
        self._wire = wire
        self._jitter = jitter
        # Made now, though it connects later: loading the CA bundle blocks for tens of milliseconds. No client
        # around it: redirects, cookies and credentials are what reads must not have, and half of their cost.
        self._reads = wire.reads()
        self._address = lru_cache(maxsize=64)(httpx.URL)  # httpx takes longest over that
        self._closed = False
        for name in ("httpx", "httpcore"):  # they log whole URLs, which are signed
            if (logger := logging.getLogger(name)).level != logging.WARNING:
                logger.setLevel(logging.WARNING)

    def deadline(self) -> float:
        """When, on the monotonic clock, a call of the port that starts now must have ended."""
        return self._clock.monotonic() + self._timeout.total_seconds()

    async def read(
        self,
        call: str,
        build: Callable[[], Request],
        judge: Callable[[Answer], T],
        *,
        deadline: float,
        priority: Priority = Priority.ORDINARY,
    ) -> T:
        """Reads until an answer is good or the time is up; what passes by itself is waited out with jitter.

        Args:
            call: The name for metrics.
            build: Makes the request anew for every attempt, so that its signature is fresh.
            judge: Turns an answer into a value or raises; Unavailable and Throttled are retried.
            deadline: From ``deadline()``; several reads may share one.
            priority: Whether the reserve of the budget may be used.

        Raises:
            ProviderError: What ``judge`` said last, or Unavailable, BudgetSpent, Misconfigured of our own.
        """
        attempt, failure = 0, None
        while True:
            try:
                self._take(call, priority)
            except BudgetSpent as spent:
                raise failure or spent from None  # what the cloud said before counts
            try:
                with self._observed(call):
                    return judge(await self._get(build(), deadline))
            except (Unavailable, Throttled) as exc:
                wait = self._backoff(attempt, exc)
                attempt, failure = attempt + 1, exc
                if attempt > RETRIED_AT_MOST or self._clock.monotonic() + wait >= deadline:
                    raise
            await self._clock.sleep(wait)

    async def submit(self, call: str, request: Request, judge: Callable[[Answer], T], *, send_by: float) -> T:
        """One request, at most once (see ``submit_once``); ``judge`` raises for whatever is not accepted.

        Raises:
            ProviderError: What ``judge`` said; NotSent also where our own budget holds the request back.
        """
        try:
            self.budget.take(Priority.SUBMISSION)
        except BudgetSpent as exc:
            self._observer(call, OUTCOMES[NotSent], 0.0)
            minutes = math.ceil(exc.retry_after.total_seconds() / 60)
            raise NotSent(
                f"{exc.message} for another {minutes} min",
                meaning=("cloud-budget-spent", {"count": str(self.budget.calls), "minutes": str(minutes)}),
            ) from exc
        with self._observed(call):
            answer = await submit_once(
                request, send_by=send_by, clock=self._clock, timeout=self._timeout, wire=self._wire
            )
            return judge(answer)

    async def close(self) -> None:
        """Closes the connections of reads; submissions keep none."""
        self._closed = True
        await self._reads.aclose()

    def expect(self, call: str, calls: int, priority: Priority) -> None:
        """Says that so many calls will be made, of which each is in vain without the others.

        Where calls come back one at a time, who spends each of them on a beginning gets to no end.

        Raises:
            BudgetSpent: They are not left; ``retry_after`` says until when.
        """
        with self._refusal_observed(call):
            self.budget.expect(calls, priority)

    def _take(self, call: str, priority: Priority) -> None:
        with self._refusal_observed(call):
            self.budget.take(priority)

    @contextmanager
    def _refusal_observed(self, call: str) -> Iterator[None]:
        try:
            yield
        except BudgetSpent:
            self._observer(call, OUTCOMES[Throttled], 0.0)
            raise

    @contextmanager
    def _observed(self, call: str) -> Iterator[None]:
        outcome, start = "unknown", self._clock.monotonic()
        try:
            yield
            outcome = "ok"
        except ProviderError as exc:
            outcome = OUTCOMES.get(type(exc), outcome)
            raise
        finally:
            self._observer(call, outcome, self._clock.monotonic() - start)

    def _backoff(self, attempt: int, error: Unavailable | Throttled) -> float:
        wait = min(FIRST_BACKOFF * 2.0**attempt, LAST_BACKOFF) * (0.5 + self._jitter())
        asked = error.retry_after.total_seconds() if isinstance(error, Throttled) else 0.0
        return max(asked, wait)

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the account is closed", meaning=("cloud-closed", {}))

    async def _get(self, request: Request, deadline: float) -> Answer:
        self._check_open()  # a transport would connect anew
        timeouts = httpx.Timeout(None, connect=CONNECT_TIMEOUT.total_seconds()).as_dict()
        try:
            async with asyncio.timeout(max(deadline - self._clock.monotonic(), 0)):
                response = await self._reads.handle_async_request(
                    request.for_httpx(self._address, timeout=timeouts)
                )
                try:
                    return await _whole(response, READ_LIMIT)
                finally:
                    await response.aclose()
        except asyncio.CancelledError:
            # aiohttp cancels whoever waits for a connection when it is closed, and nobody has asked this task to end.
            if (task := asyncio.current_task()) is not None and not task.cancelling():
                self._check_open()
            raise
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as exc:
            said = "the endpoint is not a usable address"
            raise Misconfigured(said, meaning=("cloud-bad-address", {})) from exc
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as exc:  # TimeoutError is an OSError
            if _has(exc, _UNTRUSTED):
                raise _unconnected(Misconfigured, request, exc) from exc
            if _has(exc, _NO_CONNECTION):
                raise _unconnected(Unavailable, request, exc) from exc
            raise Unavailable(
                f"the provider did not answer ({type(exc).__name__})",
                meaning=("cloud-no-answer", {"error": type(exc).__name__}),
            ) from exc


_UNTRUSTED = (ssl.SSLCertVerificationError, aiohttp.ClientConnectorCertificateError)
# httpx-aiohttp calls whatever goes wrong with a connection ConnectTimeout, broken ones included: what it was is
# told by aiohttp's own error behind it.
_NO_CONNECTION = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, ConnectionRefusedError)
_WHY: Sequence[tuple[tuple[type[BaseException], ...], str, str]] = (
    (_UNTRUSTED, "untrusted", "its certificate is not trusted"),
    ((ssl.SSLError,), "tls", "TLS failed"),
    ((socket.gaierror,), "no-name", "name not found"),
    ((ConnectionRefusedError,), "refused", "connection refused"),
    ((aiohttp.ConnectionTimeoutError, httpx.TimeoutException, TimeoutError), "timeout", "timed out"),
)


def _unconnected(kind: type[ProviderError], request: Request, exc: BaseException) -> ProviderError:
    """That there is no connection and why, in words; of the address only host and port, the rest is signed."""
    found = ((code, words) for types, code, words in _WHY if _has(exc, types))
    code, why = next(found, ("other", "connection failed"))
    parts = urlsplit(request.url)
    address = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    meaning = ("cloud-no-connection", {"address": address, "why": code})
    return kind(f"can't connect to {address} ({why})", meaning=meaning)


def _has(exc: BaseException | None, types: tuple[type[BaseException], ...]) -> bool:
    """Whether the error, or one behind it, is of these types."""
    while exc is not None:
        if isinstance(exc, types):
            return True
        exc = exc.__cause__ or exc.__context__
    return False
