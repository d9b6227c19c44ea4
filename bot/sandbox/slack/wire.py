"""Signed requests to the bot, and what came back.

Signatures: docs.slack.dev/authentication/verifying-requests-from-slack.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

import httpx

from bot.sandbox.slack.model import Json
from bot.sandbox.slack.workspace import Workspace

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
ACK_SECONDS = 3.0
OK = 200


@dataclass(frozen=True, slots=True)
class Delivery:
    """A signed HTTP request, ready to be sent any number of times."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the bot answered.

    Attributes:
        delivery: What was sent; ``send`` it again for a replay, ``again`` for a duplicate.
        status: The HTTP status, 0 where there was no answer.
        body: The answer's body.
        elapsed: Seconds on the event loop's clock.
        failure: Why there was no answer: ``timeout`` or the connection's error.
        problem: What Slack would not accept of the answer's contents.
        attempts: How often an event was sent.
    """

    delivery: Delivery
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    elapsed: float = 0.0
    failure: str = ""
    problem: str = ""
    attempts: int = 1

    @property
    def ok(self) -> bool:
        """Slack is satisfied: 200, and in time."""
        return self.status == OK

    @property
    def json(self) -> Json:
        """The body as an object; empty when it is none."""
        with contextlib.suppress(ValueError):
            parsed = json.loads(self.body)
            return parsed if isinstance(parsed, dict) else {}
        return {}


Twist = Callable[[Delivery], Delivery]


def straight(delivery: Delivery) -> Delivery:
    """Leaves a request as it is."""
    return delivery


class Wire:
    """Signs and sends requests.

    Args:
        workspace: Whose signing secret and clock.
        url: The bot's request URL, such as ``http://127.0.0.1:3000/slack/events``.
        http: Sends the requests; the caller closes it.
    """

    def __init__(self, workspace: Workspace, url: str, http: httpx.AsyncClient) -> None:
        self.workspace = workspace
        self.url = url
        self._http = http
        self._used: set[str] = set()

    def sign(
        self,
        body: bytes | str,
        content_type: str = FORM,
        *,
        age: timedelta = timedelta(0),
        headers: Mapping[str, str] | None = None,
    ) -> Delivery:
        """Any body, signed as of ``age`` ago. Two requests never get the same signature."""
        raw = body.encode() if isinstance(body, str) else body
        timestamp = int((self.workspace.clock() - age).timestamp())
        while (signature := signed(self.workspace.signing_secret, timestamp, raw)) in self._used:
            timestamp += 1
        self._used.add(signature)
        stamped = {"X-Slack-Request-Timestamp": str(timestamp), "X-Slack-Signature": signature}
        return Delivery(raw, {**(headers or {}), "Content-Type": content_type, **stamped})

    def resigned(self, delivery: Delivery, **headers: str) -> Delivery:
        """The same body under a new signature."""
        return self.sign(delivery.body, delivery.headers["Content-Type"], headers=headers)

    def forged(self, delivery: Delivery) -> Delivery:
        """The same request signed by somebody who does not know the secret."""
        timestamp = int(delivery.headers["X-Slack-Request-Timestamp"])
        signature = signed("not the secret", timestamp, delivery.body)
        return replace(delivery, headers={**delivery.headers, "X-Slack-Signature": signature})

    def stale(self, delivery: Delivery) -> Delivery:
        """The same request, rightly signed, from more than 5 minutes ago."""
        return self.sign(delivery.body, delivery.headers["Content-Type"], age=timedelta(minutes=5, seconds=2))

    async def send(self, delivery: Delivery) -> Receipt:
        """Sends a request as it stands; a second time it is a replay under the same signature."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            async with asyncio.timeout(ACK_SECONDS):
                response = await self._http.post(
                    self.url, content=delivery.body, headers=dict(delivery.headers), timeout=None
                )
        except TimeoutError:
            return Receipt(delivery, 0, elapsed=loop.time() - start, failure="timeout")
        except httpx.TransportError as error:
            return Receipt(delivery, 0, elapsed=loop.time() - start, failure=repr(error))
        headers = dict(response.headers)
        return Receipt(delivery, response.status_code, response.content, headers, loop.time() - start)

    async def again(self, receipt: Receipt) -> Receipt:
        """Delivers the same payload once more under a new signature."""
        return await self.send(self.resigned(receipt.delivery))


def signed(secret: str, timestamp: int, body: bytes) -> str:
    """``X-Slack-Signature`` of a request."""
    base = b"v0:" + str(timestamp).encode() + b":" + body
    return "v0=" + hmac.digest(secret.encode(), base, "sha256").hex()
