"""What an answer of Huawei Cloud means: its body, its error code, and which error that is for us.

Codes decide, not HTTP statuses: 403 is often "busy", 400 may be "not found". Sources: the error codes of the DDS
API reference (T-Systems' edition lists them all), the gateway's (APIG developer guide), and what the official
SDK and Terraform provider understand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, TypedDict, TypeVar

import msgspec

from bot.core.model import JobId
from bot.errors import Misconfigured, OutcomeUnknown, ProviderError, Refused, Throttled, Unavailable
from providers import wording
from providers.http import Answer
from providers.wording import E, Phrase, shown, unknown, worded

T = TypeVar("T")

BUSY_PAUSE = timedelta(seconds=5)
QUOTA_PAUSE = timedelta(seconds=5)  # where a 429 says nothing; siblings of DDS document two to five seconds
LONGEST_PAUSE = timedelta(days=1)


def _dbs(*numbers: str) -> list[str]:
    return [f"DBS.{number}" for number in numbers]


BUSY = frozenset(
    _dbs("200011", "200018", "200019", "200047", "200076", "201000", "201014", "201015", "201202", "212003")
    + _dbs("00010009")
)
MAYBE_EXECUTED = frozenset(_dbs("200998", "280005", "201509"))  # "system busy", "server error"
TOO_MANY_CALLS = frozenset([*_dbs("280443"), "APIGW.0308"])
GATEWAY_TROUBLE = frozenset(["APIGW.0201", "APIGW.0203"])
NOT_PUBLISHED = "APIGW.0101"
NOT_FOUND = frozenset(_dbs("200002", "280110", "201501", "201502", "201028", "280404", "280016"))
TOKEN_REFUSED = frozenset(["APIGW.0301", "APIGW.0307", "DBS.280056"])
DENIED_OR_EXPIRED = "DBS.280015"  # "permission denied", and what an expired token gets
DENIED = TOKEN_REFUSED | frozenset(
    [DENIED_OR_EXPIRED]
    + [f"APIGW.{number}" for number in ("0302", "0303", "0305", "0306", "0310", "0802")]
    + _dbs("280064", "200010", "280032", "280063", "200604", "280019", "280433")
)
_DENIED = Phrase("denied", "access denied: the credentials, the project and their permissions need a check")
_NO_SUCH_NODE = Phrase("no-such-node", "no such node or group, or of a kind that can't be switched")
REFUSALS: Mapping[str, Phrase] = {
    **dict.fromkeys(NOT_FOUND, Phrase("no-instance", "instance not found in this project")),
    **dict.fromkeys(_dbs("200013", "200451", "216026", "216030", "280407", "200075"), _NO_SUCH_NODE),
    **dict.fromkeys(_dbs("280327", "280414"), _NO_SUCH_NODE),
    **dict.fromkeys(
        _dbs("280342", "280343", "200004"),
        Phrase("wrong-kind", "this kind of instance takes no such switchover"),
    ),
    **dict.fromkeys(
        _dbs("200001", "200095", "201006", "280001", "290000", "280408", "280439", "280440"),
        Phrase("bad-parameter", "a parameter is missing or bad"),
    ),
    "APIGW.0201": Phrase("bad-request", "the gateway could not read the request"),
    NOT_PUBLISHED: Phrase(
        "not-published", "the endpoint does not offer this call: the endpoint or region needs a check"
    ),
    **dict.fromkeys(DENIED, _DENIED),
}

UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
"""What decoding JSON that a cloud sent may raise: text that is no UTF-8 is no error of msgspec's own."""

_TIMES = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_THROTTLE = re.compile(r"time:\s*(\d{1,6})\s*(second|minute|hour|day)")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CODE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_KEYS: Sequence[tuple[str, str]] = (
    ("error_code", "error_msg"),
    ("errCode", "externalMessage"),
    ("errorCode", "errorMsg"),
)
_BARE_KEYS = ("code", "message")


class NotLetThrough(Misconfigured):
    """The gateway turned the request away before anything was done with it."""


class TokenRefused(NotLetThrough):
    """The IAM token, or the AK/SK signature, was not taken; a token may be renewed once."""


class SignatureExpired(NotLetThrough):
    """The signature was not taken for its age: the clocks differ."""


class NotPublished(Misconfigured):
    """This endpoint does not offer the call at all."""


class Details(TypedDict):
    """What every error of an answer is told with."""

    code: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as Huawei's services word it; empty strings where they don't.

    Attributes:
        expired: The gateway minds the signature's age (more than 15 minutes from its own clock).
        of_token: It is about the token, or the signature.
        timed_out: The gateway waited for the service in vain, whatever the HTTP status says.
    """

    code: str
    message: str
    request_id: str
    expired: bool
    of_token: bool
    timed_out: bool

    def error(self, kind: type[E], fallback: Phrase | None = None) -> E:
        """What it means and what was said, as an error."""
        phrase = REFUSALS.get(self.code, fallback or unknown(self.code or "no code"))
        return worded(kind, phrase, self.message, code=self.code, request_id=self.request_id)


def problem(answer: Answer) -> Problem:
    """The error in an answer, in whichever of the known shapes it is."""
    said = _object(answer.body)
    inner = said.get("error")
    keys = _KEYS
    if isinstance(inner, dict):
        said, keys = inner, (_BARE_KEYS, *_KEYS)
    elif "encoded_authorization_message" in said or set(_BARE_KEYS) <= set(said):
        keys = (*_KEYS, _BARE_KEYS)
    code, message = next(
        ((said.get(code), said.get(message)) for code, message in keys if said.get(code)), (None, None)
    )
    known, raw = _code(code), str(message).casefold()
    return Problem(
        known,
        shown(message),
        request_id(answer),
        expired=known == "APIGW.0301" and "signature expired" in raw,
        of_token=known in TOKEN_REFUSED or (known == DENIED_OR_EXPIRED and "token" in raw),
        timed_out=known in GATEWAY_TROUBLE and ("timeout" in raw or "timed out" in raw),
    )


def _code(value: Any) -> str:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return re.sub(r"^APIG\.", "APIGW.", text) if _CODE.fullmatch(text) else ""


def request_id(answer: Answer) -> str:
    """What Huawei's support asks for, from the header or the body."""
    for name in ("x-request-id", "x-iam-trace-id"):
        if _REQUEST_ID.fullmatch(answer.headers.get(name, "")):
            return str(answer.headers[name])
    found = _object(answer.body).get("request_id") if answer.status >= HTTPStatus.BAD_REQUEST else None
    return found if isinstance(found, str) and _REQUEST_ID.fullmatch(found) else ""


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except UNREADABLE:
        return {}
    return value if isinstance(value, dict) else {}


def accepted(answer: Answer, now: datetime, *, gives_job: bool) -> JobId | None:
    """The job that a submission started; None for the call that documents none.

    Raises:
        Refused: A documented refusal.
        Throttled: Not accepted for now: busy, or too many calls.
        NotLetThrough: Not accepted: the token, or the signature.
        OutcomeUnknown: Everything else, whatever it looks like.
    """
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise _unknown(answer)
    if _successful(answer.status):
        return _job_id(answer, gives_job=gives_job)
    found = problem(answer)
    details = Details(code=found.code, request_id=found.request_id)
    if answer.status < HTTPStatus.BAD_REQUEST or found.code in MAYBE_EXECUTED or found.timed_out:
        raise _unknown(answer)
    _raise_if_throttled(answer, now)
    if found.code in BUSY:
        raise worded(Throttled, wording.BUSY, found.message, retry_after=BUSY_PAUSE, **details)
    if found.expired or found.of_token:
        raise _not_let_through(found)
    if found.code in REFUSALS or _denied(answer, found):
        raise found.error(Refused, _DENIED)
    raise _unknown(answer)


def _job_id(answer: Answer, *, gives_job: bool) -> JobId | None:
    job = _object(answer.body).get("job_id")
    if isinstance(job, str) and _JOB_ID.fullmatch(job):
        return JobId(job)
    if not gives_job and answer.body.strip() in (b"", b"{}"):
        return None
    raise _unknown(answer)


def _unknown(answer: Answer) -> OutcomeUnknown:
    found = problem(answer)
    theirs = ", ".join(part for part in (f"HTTP {answer.status}", found.message) if part)
    details = Details(code=found.code, request_id=found.request_id)
    return worded(OutcomeUnknown, wording.NOTHING_CERTAIN, theirs, **details)


def _raise_if_throttled(answer: Answer, now: datetime) -> None:
    found = problem(answer)
    if answer.status != HTTPStatus.TOO_MANY_REQUESTS and found.code not in TOO_MANY_CALLS:
        return
    raise worded(
        Throttled,
        wording.NO_MORE_CALLS,
        retry_after=answer.retry_after(now) or _window(found.message) or QUOTA_PAUSE,
        code=found.code or "429",
        request_id=found.request_id,
    )


def _window(message: str) -> timedelta:
    """How long the policy that a 429 names counts calls together: ``limit:60,time:1 minute``."""
    found = _THROTTLE.search(message)
    seconds = int(found[1]) * _TIMES[found[2]] if found else 0
    return min(timedelta(seconds=seconds), LONGEST_PAUSE)


def read(answer: Answer, now: datetime, shape: type[T]) -> T:
    """What a read asked for, as far as ``shape`` wants to know it.

    Raises:
        Refused: What was asked for does not exist, or not like this.
        Throttled: Later.
        Unavailable: Try again.
        Misconfigured: The credentials, a permission or the endpoint; as one of the subclasses above where a
            caller may do something about it.
    """
    if _successful(answer.status):
        try:
            return msgspec.json.decode(answer.body, type=shape)
        except UNREADABLE as exc:
            raise worded(Unavailable, wording.UNREADABLE, f"HTTP {answer.status}") from exc
    _raise_if_throttled(answer, now)
    raise _unreadable(answer)


def _unreadable(answer: Answer) -> ProviderError:
    found = problem(answer)
    details = Details(code=found.code, request_id=found.request_id)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or found.code in BUSY | MAYBE_EXECUTED:
        theirs = ", ".join(part for part in (f"HTTP {answer.status}", found.message) if part)
        return worded(Unavailable, wording.CAN_NOT_ANSWER, theirs, **details)
    if found.expired or found.of_token or answer.status == HTTPStatus.UNAUTHORIZED:
        return _not_let_through(found)
    if found.code == NOT_PUBLISHED:
        return found.error(NotPublished)
    if _denied(answer, found):
        return found.error(Misconfigured, _DENIED)
    if found.code in REFUSALS:
        return found.error(Refused)
    if found.code.startswith(("DBS.", "APIGW.")):
        return found.error(Unavailable)
    return Misconfigured(
        f"the endpoint answered HTTP {answer.status} and does not look like DDS",
        meaning=("cloud-foreign-answer", {"status": f"HTTP {answer.status}", "name": "DDS"}),
        **details,
    )


def _not_let_through(found: Problem) -> NotLetThrough:
    if found.expired:
        details = Details(code=found.code, request_id=found.request_id)
        return worded(SignatureExpired, wording.SET_THE_CLOCK, **details)
    return found.error(TokenRefused, _DENIED)


def _denied(answer: Answer, found: Problem) -> bool:
    """By code; IAM's own errors carry the HTTP status, or a code of its own, in a known shape."""
    by_iam = found.code in {"401", "403"} or found.code.startswith("IAM.")
    return found.code in DENIED or (by_iam and answer.status in {401, 403})


def _successful(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
