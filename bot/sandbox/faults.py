"""What can go wrong with one answer of a simulated cloud, as values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Payload = Mapping[str, Any]
BAD_REQUEST = 400


@dataclass(frozen=True, slots=True)
class Answer:
    """What a simulated cloud says when nothing goes wrong on the way; no payload is an empty body."""

    payload: Payload | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Dropped(ConnectionResetError):
    """The connection ends here. A server that sees this raised closes it, mid-answer if it has begun one."""


class Drop(Response):
    """An answer that is cut off: its head is announced, its body never comes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        raise Dropped


class Hang(Response):
    """No answer until the client has gone."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        while message["type"] != "http.disconnect":
            message = await receive()
        raise Dropped


def in_json(answer: Answer) -> Response:
    """The answer as the real API gives it."""
    if answer.payload is None:
        return Response(status_code=answer.status, headers=answer.headers)
    return Response(msgspec.json.encode(answer.payload), answer.status, answer.headers, "application/json")


def outcome(answer: Answer | None, fault: Fault | None) -> str:
    """How a call ended, in few words: ``ok``, ``ret_code 1400``, ``lost``, ``ok, then lost``.

    Args:
        answer: What was done, None if nothing was.
        fault: What went wrong with it.
    """
    parts = [_word(answer)] if answer is not None else []
    return ", then ".join([*parts, *([fault.name] if fault is not None else [])])


def _word(answer: Answer) -> str:
    said = answer.payload or {}
    if said.get("ret_code"):
        return f"ret_code {said['ret_code']}"
    return "ok" if answer.status < BAD_REQUEST else f"{answer.status} {said.get('error_code', '')}".strip()


def _printed(answer: Answer) -> Response:
    lines = ",\n ".join(f"u{key!r}: {_unicode(value)}" for key, value in (answer.payload or {}).items())
    return Response(f'"{{{lines}}}"', answer.status, answer.headers, "application/json")


def _lacking(answer: Answer, key: str) -> Answer:
    if answer.payload is None:
        return answer
    return replace(answer, payload={name: value for name, value in answer.payload.items() if name != key})


def _unicode(value: object) -> str:
    return f"u{value!r}" if isinstance(value, str) else repr(value)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        render: Turns what would have been answered into what is answered instead.
        accepted: The request is carried out first; only its answer suffers.
        delay: Seconds before the answer.
        name: What it is, in a word or two, for those who read what happened.
    """

    render: Callable[[Answer], Response] = field(default=in_json)
    accepted: bool = False
    delay: float = 0.0
    name: str = "fault"

    @classmethod
    def drop(cls, *, accepted: bool) -> Fault:
        """The connection breaks, before or after the request was carried out."""
        return cls(lambda _: Drop(), accepted, name="lost")

    @classmethod
    def hang(cls, *, accepted: bool) -> Fault:
        """No answer ever."""
        return cls(lambda _: Hang(), accepted, name="hang")

    @classmethod
    def http(cls, status: int, *, accepted: bool = False, retry_after: str = "") -> Fault:
        """An HTTP error of something in front of the API."""
        headers = {"retry-after": retry_after} if retry_after else {}
        page = "<html>sorry</html>"
        return cls(lambda _: Response(page, status, headers, "text/html"), accepted, name=f"http {status}")

    @classmethod
    def code(cls, ret_code: int, message: str = "simulated", *, accepted: bool = False) -> Fault:
        """A ``ret_code`` with HTTP 200, as QingCloud says no."""
        answer = Answer({"ret_code": ret_code, "message": message})
        return cls(lambda _: in_json(answer), accepted, name=f"ret_code {ret_code}")

    @classmethod
    def error(
        cls,
        status: int,
        code: str,
        message: str = "simulated",
        *,
        accepted: bool = False,
        retry_after: str = "",
    ) -> Fault:
        """An HTTP error with a code in its body, as Huawei Cloud says no."""
        headers = {"retry-after": retry_after} if retry_after else {}
        answer = Answer({"error_code": code, "error_msg": message}, status, headers)
        return cls(lambda _: in_json(answer), accepted, name=f"{status} {code}")

    @classmethod
    def body(cls, content: bytes, *, accepted: bool = False, status: int = 200) -> Fault:
        """Any bytes as the answer's body."""
        return cls(lambda _: Response(content, status, media_type="application/json"), accepted)

    @classmethod
    def without(cls, key: str, *, accepted: bool = True) -> Fault:
        """The right answer with one key missing."""
        return cls(lambda answer: in_json(_lacking(answer, key)), accepted)

    @classmethod
    def printed(cls) -> Fault:
        """The right answer as the vendor's page shows it: a printed Python 2 dict in a JSON string."""
        return cls(_printed, accepted=True)

    @classmethod
    def slow(cls, seconds: float) -> Fault:
        """The right answer, late."""
        return cls(accepted=True, delay=seconds, name="slow")

    def after(self, seconds: float) -> Fault:
        """The same fault, later."""
        return replace(self, delay=seconds)


ANY, ANY_SUBMISSION = "*", "*submission"


class Faults:
    """Which faults are set: by action, one-shot ones first and in order, then the persistent one.

    ``ANY`` stands for every action, ``ANY_SUBMISSION`` for those that change something.
    """

    def __init__(self) -> None:
        self._queued: dict[str, list[Fault]] = {}
        self._lasting: dict[str, Fault] = {}

    def set(self, action: str, fault: Fault, *, times: int | None = 1) -> None:
        """Sets a fault for the next ``times`` calls of ``action``; None: until it is cleared."""
        if times is None:
            self._lasting[action] = fault
        else:
            self._queued.setdefault(action, []).extend([fault] * times)

    def clear(self, action: str | None = None) -> None:
        """Ends the faults of one action, or all."""
        for kept in (self._queued, self._lasting):
            if action is None:
                kept.clear()
            else:
                kept.pop(action, None)

    def take(self, *names: str) -> Fault | None:
        """The fault that meets this call, if one does; ``names`` are its action's and those of its kinds."""
        for name in names:
            if queued := self._queued.get(name):
                return queued.pop(0)
        return next((self._lasting[name] for name in names if name in self._lasting), None)

    def waiting(self, action: str) -> list[Fault]:
        """What would meet the next calls of ``action``, one after another; what persists comes last."""
        lasting = [self._lasting[action]] if action in self._lasting else []
        return [*self._queued.get(action, ()), *lasting]


Sleep = Callable[[float], Awaitable[None]]
