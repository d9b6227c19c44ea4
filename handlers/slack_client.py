"""The one connection to Slack's Web API: shared, bounded in time, never sending anything twice by itself."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.ports import Clock

HOOKS = "https://hooks.slack.com"
# Slack says of these that part of the work may have been done before it failed.
MAYBE_DONE = frozenset({"internal_error", "fatal_error", "service_unavailable"})
UNANSWERED = 3  # calls in a row, whatever their methods
DEFAULT_RETRY_AFTER = 30.0
LONGEST_RETRY_AFTER = 3600.0  # whatever somebody on the way says
# Reads go out as GET with parameters, the way the official SDK sends them.
READS = frozenset(
    {
        "users.info",
        "usergroups.users.list",
        "conversations.history",
        "conversations.replies",
    }
)


@dataclass(frozen=True, slots=True)
class Done:
    """Slack did it."""

    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RateLimited:
    """Not done; not to be asked again for ``retry_after`` seconds."""

    retry_after: float


@dataclass(frozen=True, slots=True)
class Rejected:
    """Not done: Slack said why, in a word of its own."""

    error: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Not done: no connection was ever made; ``error`` is a word of ours for why."""

    error: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been done: no answer, an unreadable one, or a failure on Slack's side; ``error`` says which."""

    error: str


Outcome = Done | RateLimited | Rejected | NotSent | Unknown


class CallObserver(Protocol):
    """Is told of every finished call: its method, ``done`` or what went wrong, and how long it took."""

    def __call__(self, method: str, outcome: str, seconds: float) -> None: ...


class SlackClient:
    """Calls Slack and says what became of it; make it while the event loop runs, close it at the end.

    The session is shared and bounded because the SDK would otherwise open one per call, and ``retry_handlers``
    is empty because its default sends ``chat.postMessage`` again when the connection drops.
    Proxy variables of the environment are not read (the SDK would): a proxy has to be given.

    Args:
        token: The bot's.
        api_url: ``https://slack.com/api/``, or what stands in for it.
        clock: Measures.
        observe: Is told of every call.
        time_limit: Seconds for a whole call, whatever hangs.
        proxy: Address of an HTTP proxy.
        session: Makes the HTTP session; takes ``timeout``.

    Attributes:
        unanswered: How many of the last calls in a row got no answer from Slack, whatever it might have been.
    """

    def __init__(
        self,
        *,
        token: str,
        api_url: str,
        clock: Clock,
        observe: CallObserver,
        time_limit: float = 5.0,
        proxy: str | None = None,
        session: Callable[..., aiohttp.ClientSession] = aiohttp.ClientSession,
    ) -> None:
        self.time_limit = time_limit
        self.unanswered = 0
        self._clock = clock
        self._observe = observe
        self._held: dict[str, float] = {}  # until when, by method
        self._origins = frozenset({_origin(urlsplit(HOOKS)), _origin(urlsplit(api_url))})
        timeout = aiohttp.ClientTimeout(total=time_limit, sock_connect=time_limit / 2)
        self._session = session(timeout=timeout)
        self.web = AsyncWebClient(
            token=token,
            base_url=api_url,
            session=self._session,
            retry_handlers=[],
            logger=quiet_logger("switchover.slack_sdk"),
        )
        self.web.proxy = proxy
        self._proxy = proxy

    @property
    def silent(self) -> bool:
        """Whether Slack does not answer at all, as far as the last calls tell."""
        return self.unanswered >= UNANSWERED

    async def call(self, method: str, **args: Any) -> Outcome:
        """One call of a Web API method; arguments that are None are left out. Never raises for Slack's sake.

        A method that Slack said ``Retry-After`` for is not called before that.
        """
        held = self._held.get(method, 0.0) - self._clock.monotonic()
        if held > 0:
            return RateLimited(held)  # asked for less than ``Retry-After`` ago, by whomever
        given = {name: value for name, value in args.items() if value is not None}
        outcome = await self._observed(method, self._call(method, given))
        if isinstance(outcome, RateLimited):
            until = self._clock.monotonic() + outcome.retry_after
            self._held[method] = max(until, self._held.get(method, until))
        return outcome

    async def respond(self, url: str, message: Mapping[str, Any]) -> Outcome:
        """Posts to a ``response_url`` (5 uses in 30 minutes); an address that is not Slack's is not called."""
        if not self.is_slack(url):
            return Rejected("foreign_response_url")
        return await self._observed("response_url", self._respond(url, message))

    def is_slack(self, url: str) -> bool:
        """Whether an address from a delivery is one we may send to."""
        try:
            return _origin(urlsplit(url)) in self._origins
        except ValueError:
            return False

    async def close(self) -> None:
        """Closes every connection."""
        await self._session.close()

    async def _observed(self, method: str, call: Any) -> Outcome:
        started = self._clock.monotonic()
        outcome = await self._bounded(call)
        self.unanswered = self.unanswered + 1 if isinstance(outcome, NotSent | Unknown) else 0
        self._observe(method, _label(outcome), self._clock.monotonic() - started)
        return outcome

    async def _bounded(self, call: Any) -> Outcome:
        try:
            async with asyncio.timeout(self.time_limit):
                return _judged(await call)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return NotSent(unconnected(error))
        except SlackApiError as error:
            return _refusal(error.response)
        except TimeoutError:
            return Unknown("timed_out")
        except (OSError, aiohttp.ClientError):
            return Unknown("connection_lost")
        except (SlackClientError, ValueError, AttributeError, TypeError):
            # The SDK trips over answers that are no JSON objects.
            return Unknown("unreadable_answer")

    async def _call(self, method: str, args: dict[str, Any]) -> Outcome:
        if method in READS:
            response = await self.web.api_call(method, http_verb="GET", params=args)
        else:
            response = await self.web.api_call(method, json=args)
        return Done(response.data) if isinstance(response.data, dict) else Unknown("unreadable_answer")

    async def _respond(self, url: str, message: Mapping[str, Any]) -> Outcome:
        post = self._session.post(url, json=message, allow_redirects=False, proxy=self._proxy)
        async with post as response:
            return _hook_answer(response.status, response.headers, await response.text())


def quiet_logger(name: str) -> logging.Logger:
    """A logger for a Slack package: at DEBUG and WARNING those write whole payloads and their tokens."""
    logger = logging.getLogger(name)
    if logger.level != logging.ERROR:  # setting it makes every logger forget what it knows of levels
        logger.setLevel(logging.ERROR)
    return logger


def _origin(url: SplitResult) -> tuple[str, str, int | None]:
    if url.username or url.password or "\\" in url.netloc:
        raise ValueError("credentials in an address")
    default = {"https": 443, "http": 80}.get(url.scheme)
    return url.scheme, url.hostname or "", url.port or default


def unconnected(error: aiohttp.ClientError) -> str:
    match error:
        case aiohttp.ConnectionTimeoutError():
            return "connect_timed_out"
        case aiohttp.ClientConnectorDNSError():
            return "dns_failed"
        case aiohttp.ClientSSLError():
            return "tls_failed"
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
            return "connection_refused"
        case aiohttp.ClientConnectorError(os_error=OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH)):
            return "no_route"
        case _:
            return "connection_failed"


def _judged(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Rejected) and outcome.error in MAYBE_DONE:
        return Unknown(outcome.error)
    return outcome


def _refusal(response: Any) -> Outcome:
    # Where the answer says that it is JSON and is none, the SDK hands on what aiohttp made of it.
    status = getattr(response, "status_code", None) or getattr(response, "status", None)
    data = getattr(response, "data", None)
    error = str(data.get("error", "")) if isinstance(data, dict) else ""
    if status == HTTPStatus.TOO_MANY_REQUESTS or error in ("ratelimited", "rate_limited"):
        return RateLimited(_retry_after(response.headers))
    if error and (status is None or status < HTTPStatus.INTERNAL_SERVER_ERROR):
        return _judged(Rejected(error))
    return Unknown(f"status {status}")


def _hook_answer(status: int, headers: Mapping[str, str], text: str) -> Outcome:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(_retry_after(headers))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unknown(f"status {status}")
    error = _hook_error(text)
    if status == HTTPStatus.OK:
        return _judged(Rejected(error)) if error else Done()
    return Rejected(error or f"status_{status}")


def _hook_error(text: str) -> str:
    try:
        data = json.loads(text)
    except ValueError:
        return ""
    if not isinstance(data, dict) or data.get("ok") is not False:
        return ""
    return str(data.get("error", "unknown"))


def _retry_after(headers: Mapping[str, str]) -> float:
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    if not (value.isascii() and value.isdigit()):
        return DEFAULT_RETRY_AFTER
    return min(max(float(value), 1.0), LONGEST_RETRY_AFTER)


def _label(outcome: Outcome) -> str:
    match outcome:
        case Done():
            return "done"
        case RateLimited():
            return "ratelimited"
        case Rejected(error):
            return error
        case NotSent():
            return "not_sent"
        case Unknown():
            return "unknown"
