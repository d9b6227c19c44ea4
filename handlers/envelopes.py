"""What comes through Socket Mode: it goes the way of every delivery, and is acknowledged once it is recorded."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from bot.failpoints import hit
from bot.ports import Body, Clock, Dispatch
from handlers.web_sockets import Gone

logger = logging.getLogger(__name__)

ACK_WITHIN = 3.0
"""Seconds after which Slack has given up on an envelope; an event comes again then, in another one."""
AT_ONCE = 64
"""Envelopes answered at a time, of all connections together."""
WAITING = 512
"""Envelopes that may wait for that, read so that it is known since when; the next ones wait unread."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload on its way through a connection.

    Attributes:
        id: By which it is acknowledged, through the same connection.
        payload: What would have been the body of a request.
        takes_answer: Whether the acknowledgement may carry one.
        arrived: When it came in, on the monotonic clock.
    """

    id: str
    payload: Body
    takes_answer: bool
    arrived: float


def envelope_of(message: Body, arrived: float) -> Envelope | None:
    """The envelope that a message is; None if it is none."""
    name, payload = message.get("envelope_id"), message.get("payload")
    if not isinstance(name, str) or not name or not isinstance(payload, dict):
        return None
    return Envelope(name, payload, message.get("accepts_response_payload") is True, arrived)


def acknowledgement(envelope: Envelope, answer: str) -> str:
    """The message that acknowledges an envelope, with the answer in it where it takes one."""
    said: dict[str, Any] = {"envelope_id": envelope.id}
    if answer and envelope.takes_answer:
        said["payload"] = _payload(answer)
    return json.dumps(said)


def _payload(answer: str) -> Any:
    try:
        return json.loads(answer)
    except ValueError:
        return {"text": answer}


class Envelopes:
    """Answers envelopes, many at once, and no more than that.

    An envelope is acknowledged only when a request with the same payload would have been answered 200, and in
    time: what is not acknowledged Slack sends again.

    Args:
        dispatch: What takes the body of a request takes a payload.
        clock: Measures.
        observe: Is told the seconds from the arrival of an envelope to its end, whatever that was.
        count: Is told what became of each: ``acknowledged``; ``refused``, ``late`` or ``broken``, and then it was
            not; ``unheard``, when the connection ended before.
        at_once: How many are answered at a time.
        waiting: How many more are read meanwhile.
    """

    def __init__(
        self,
        *,
        dispatch: Dispatch,
        clock: Clock,
        observe: Callable[[float], None],
        count: Callable[[str], None],
        at_once: int = AT_ONCE,
        waiting: int = WAITING,
    ) -> None:
        self._dispatch = dispatch
        self._clock = clock
        self._observe = observe
        self._count = count
        self._room = asyncio.Semaphore(at_once)
        self._places = asyncio.Semaphore(at_once + waiting)

    async def take(
        self, envelope: Envelope, send: Callable[[str], Awaitable[None]], tasks: asyncio.TaskGroup
    ) -> None:
        """Has an envelope answered in a task; waits only while too many wait already."""
        await self._places.acquire()
        task = tasks.create_task(self._answer(envelope, send), name=f"envelope-{envelope.id}")
        task.add_done_callback(lambda _: self._places.release())

    async def _answer(self, envelope: Envelope, send: Callable[[str], Awaitable[None]]) -> None:
        try:
            async with self._room:
                outcome = await self._answered(envelope, send)
        except Gone:
            outcome = "unheard"
        except Exception:
            # A defect: the other envelopes of this connection must not suffer from it.
            logger.exception("envelope_broke")
            outcome = "broken"
        self._count(outcome)
        self._observe(self._age(envelope))

    async def _answered(self, envelope: Envelope, send: Callable[[str], Awaitable[None]]) -> str:
        if self._age(envelope) > ACK_WITHIN:
            # Nobody waits for it any more, and those behind it do.
            return _late("it waited too long")
        status, answer, _ = await self._dispatch(envelope.payload, {})
        if status != HTTPStatus.OK:
            return "refused"
        if self._age(envelope) > ACK_WITHIN:
            return _late("it was answered too late")
        await send(acknowledgement(envelope, answer))
        hit("acknowledged")
        return "acknowledged"

    def _age(self, envelope: Envelope) -> float:
        return self._clock.monotonic() - envelope.arrived


def _late(why: str) -> str:
    logger.warning("envelope_late", extra={"why": why})
    return "late"
