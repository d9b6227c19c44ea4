"""What can go wrong between the bot and Slack's Web API, on demand, and the record of what was called."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.sandbox.slack.model import Json


class FaultKind(StrEnum):
    """The ways in which a call goes wrong."""

    STATUS = "status"
    ERROR = "error"
    HANG = "hang"
    DROP = "drop"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way for a call to go wrong; made by the class methods.

    Attributes:
        processed: Slack did what was asked, and only its answer is lost.
    """

    kind: FaultKind
    status: int = 200
    error: str = ""
    seconds: float = 0.0
    processed: bool = False

    @classmethod
    def rate_limited(cls, retry_after: int = 1) -> Fault:
        """HTTP 429 with ``Retry-After`` in seconds."""
        return cls(FaultKind.STATUS, status=429, seconds=retry_after)

    @classmethod
    def status_code(cls, status: int = 503, *, processed: bool = False) -> Fault:
        """HTTP 500 or 503 with a page instead of JSON, as a proxy in front of Slack gives."""
        return cls(FaultKind.STATUS, status=status, processed=processed)

    @classmethod
    def slack_error(cls, error: str) -> Fault:
        """``ok: false`` with any error, such as ``internal_error`` or ``is_archived``."""
        return cls(FaultKind.ERROR, error=error)

    @classmethod
    def hang(cls, *, processed: bool = False) -> Fault:
        """No answer until the caller gives up."""
        return cls(FaultKind.HANG, processed=processed)

    @classmethod
    def drop(cls, *, processed: bool = False) -> Fault:
        """The connection is cut before an answer: before or after the work was done."""
        return cls(FaultKind.DROP, processed=processed)

    @classmethod
    def slow(cls, seconds: float) -> Fault:
        """The right answer, late."""
        return cls(FaultKind.SLOW, seconds=seconds, processed=True)


class Faults:
    """Faults waiting for their calls. An outage wins over one-shots, one-shots over what persists."""

    def __init__(self) -> None:
        self.outage: Fault | None = None
        self._once: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}

    def once(self, method: str, *faults: Fault) -> None:
        """The next calls of ``method`` ("*": of any) go wrong like this, one fault each."""
        self._once[method].extend(faults)

    def always(self, method: str, fault: Fault) -> None:
        """Every call of ``method`` ("*": of any) goes wrong like this until ``clear``."""
        self._always[method] = fault

    def start_outage(self, fault: Fault | None = None) -> None:
        """The whole workspace is down: HTTP 503 unless told otherwise; response URLs too."""
        self.outage = fault or Fault.status_code(503)

    def clear(self, method: str | None = None) -> None:
        """Mends one method, or everything and the outage."""
        if method is None:
            self.outage = None
            self._once.clear()
            self._always.clear()
            return
        self._once.pop(method, None)
        self._always.pop(method, None)

    def take(self, method: str) -> Fault | None:
        """The fault that this call meets."""
        if self.outage:
            return self.outage
        for key in (method, "*"):
            if self._once.get(key):
                return self._once[key].popleft()
        return self._always.get(method) or self._always.get("*")


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One Web API call.

    Attributes:
        method: Such as ``chat.postMessage``; ``respond`` for a response URL.
        params: What was sent, without the token.
        outcome: ``ok``, Slack's error, ``http_429``, ``hang``, ``drop``; after ``ok, then `` where the work
            was done and the answer lost.
        at: When it came in.
    """

    method: str
    params: Json
    outcome: str
    at: datetime
