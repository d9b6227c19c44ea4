"""What an answer of QingCloud means: its body, its ``ret_code``, and which error that is for us.

Source of the codes: QingCloud API documentation, "error_code.md"; errors come with HTTP 200.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from bot.core.model import JobId
from bot.errors import Misconfigured, OutcomeUnknown, ProviderError, Refused, Throttled, Unavailable
from providers.wording import (
    CLOCKS_DIFFER,
    NO_JOB,
    NO_MORE_CALLS,
    NOTHING_CERTAIN,
    SET_THE_CLOCK,
    UNREADABLE,
    UPDATING,
    Phrase,
    shown,
    unknown,
    worded,
)

Payload = Mapping[str, Any]

OK, SIGNATURE_WRONG, STAMP_TOO_OLD, DENIED, NOT_FOUND, QUOTA = 0, 1200, 1300, 1400, 2100, 2500
BUSY_UPDATING = 5300
QUOTA_PAUSE = timedelta(minutes=10)
UPDATING_PAUSE = timedelta(seconds=5)

UNDECIDED: Mapping[int, Phrase] = {  # documented, but not whether anything was executed before
    5000: Phrase("internal-error", "an internal error"),
    5100: Phrase("busy-or-timed-out", "the server was busy, or the execution timed out"),
}
_MAY_NOT = Phrase("may-not", "the account may not do this")
REFUSALS: Mapping[int, Phrase] = {
    1100: Phrase("bad-parameter", "a parameter is missing or bad"),
    1101: Phrase("bad-action", "unknown action or bad value"),
    SIGNATURE_WRONG: Phrase(
        "wrong-key", "unknown access key or wrong signature: the keys in the configuration need a check"
    ),
    DENIED: Phrase(
        "denied-or-state", "access denied: no permission, not the owner, or the cluster's state forbids it"
    ),
    **dict.fromkeys(range(1500, 1663), _MAY_NOT),
    2000: _MAY_NOT,
    NOT_FOUND: Phrase("not-found", "not found"),
    2110: Phrase("exists", "it exists already"),
    **dict.fromkeys((2200, 2300), Phrase("lease", "lease problem")),
    2400: Phrase("balance", "the account's balance does not suffice"),
    QUOTA: Phrase("quota", "a quota is used up"),
    3300: Phrase("not-offered", "the endpoint does not offer this API"),
    **dict.fromkeys(range(4000, 4006), Phrase("licence", "licence problem")),
    5200: Phrase("resources", "not enough resources"),
    5400: Phrase("depended-on", "something depends on it"),
    5500: Phrase("switched-off", "the service is switched off"),
    5600: Phrase("disk-type", "wrong disk type"),
    **dict.fromkeys(range(8000, 8005), Phrase("configuration", "a configuration file is wrong")),
}
READ_FAILURES: Mapping[int, Phrase] = {**REFUSALS, **UNDECIDED, BUSY_UPDATING: UPDATING}
ACCOUNT_WRONG = frozenset({SIGNATURE_WRONG, DENIED, 2000, 3300, *range(1500, 1663), *range(4000, 4006)})

_LITERAL_LIMIT = 64 * 1024
_JOB_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def payload(body: bytes) -> Payload | None:
    """The object in an answer's body, or None where there is none.

    QingCloud answers in JSON. The example on its assignmaster page is a printed Python dict in a JSON string;
    that is understood too, as literals only and up to 64 KiB.
    """
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return None
    value = _json(text)
    if isinstance(value, str):
        value = _json(value) or _literal(value)
    elif value is None:
        value = _literal(text)
    return value if isinstance(value, dict) and all(isinstance(key, str) for key in value) else None


def _json(text: str) -> Any:
    try:
        return json.loads(text, strict=False)  # the printed dict goes over several lines inside its string
    except (ValueError, RecursionError):
        return None


def _literal(text: str) -> Any:
    text = text.strip()
    if len(text) > _LITERAL_LIMIT or not text.startswith("{"):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in somebody else's text
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def ret_code(answer: Payload) -> int | None:
    """The answer's code, None where it carries none that could be read."""
    code = answer.get("ret_code")
    if isinstance(code, str) and re.fullmatch(r"[0-9]{1,9}", code):
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def words(answer: Payload) -> str:
    """The provider's own message, as it may be shown."""
    return shown(answer.get("message"))


def accepted(status: int, body: bytes, *, cluster: str, retry_after: timedelta) -> JobId:
    """The job that a submission started.

    Raises:
        Refused: A documented refusal.
        Throttled: Not accepted for now.
        OutcomeUnknown: Everything else, whatever it looks like.
    """
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise worded(Throttled, NO_MORE_CALLS, retry_after=retry_after, code="429")
    answer = payload(body)
    code = None if answer is None else ret_code(answer)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer is None:
        raise worded(OutcomeUnknown, NOTHING_CERTAIN, f"HTTP {status}", code=str(code or ""))
    job = answer.get("job_id")
    if code is not None and code != OK and not job:
        raise _not_accepted(code, words(answer))
    of_ours = answer.get("cluster_id") in (None, "", cluster)
    fits = isinstance(job, str) and _JOB_ID.fullmatch(job) is not None
    if _successful(status) and code in (None, OK) and fits and of_ours:
        return JobId(str(job))
    raise worded(OutcomeUnknown, NO_JOB, code=str(code or ""))


def _not_accepted(code: int, message: str) -> ProviderError:
    if code == STAMP_TOO_OLD:
        return worded(Throttled, CLOCKS_DIFFER, message, code=str(code))
    if code == BUSY_UPDATING:
        return worded(Throttled, UPDATING, message, retry_after=UPDATING_PAUSE, code=str(code))
    if code in REFUSALS:
        return worded(Refused, REFUSALS[code], message, code=str(code))
    return worded(OutcomeUnknown, UNDECIDED.get(code, unknown(code)), message, code=str(code))


def read(status: int, body: bytes, *, retry_after: timedelta) -> Payload:
    """The object a read asked for.

    Raises:
        Refused: What was asked for does not exist, or not like this.
        Throttled: Later; a quota that is used up asks for a long pause.
        Unavailable: Try again.
        Misconfigured: The account, the key, a permission or the endpoint.
    """
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise worded(Throttled, NO_MORE_CALLS, retry_after=retry_after, code="429")
    answer = payload(body)
    code = None if answer is None else ret_code(answer)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or (_successful(status) and code is None):
        raise worded(Unavailable, UNREADABLE, f"HTTP {status}")
    if answer is None or code is None:
        raise Misconfigured(
            f"the endpoint answered HTTP {status} and does not look like QingCloud's API",
            meaning=("cloud-foreign-answer", {"status": f"HTTP {status}", "name": "QingCloud"}),
        )
    if code == OK:
        return answer
    raise _unreadable(code, words(answer))


def _unreadable(code: int, message: str) -> ProviderError:
    phrase = READ_FAILURES.get(code, unknown(code))
    if code == STAMP_TOO_OLD:
        return worded(Misconfigured, SET_THE_CLOCK, message, code="1300")
    if code == QUOTA:
        return worded(Throttled, phrase, message, retry_after=QUOTA_PAUSE, code=str(code))
    if code in ACCOUNT_WRONG:
        return worded(Misconfigured, phrase, message, code=str(code))
    return worded(Refused if code in REFUSALS else Unavailable, phrase, message, code=str(code))


def _successful(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def rows(answer: Payload, key: str) -> list[Payload]:
    """The objects of a list, which may be missing or null."""
    values = answer.get(key)
    return [row for row in values if isinstance(row, dict)] if isinstance(values, list) else []


def understood(answer: Payload, key: str) -> bool:
    """Whether a list was told, and all of it can be read; none at all says so only where it says that it is empty."""
    values = answer.get(key)
    if isinstance(values, list):
        return all(isinstance(row, dict) for row in values)
    return values is None and total(answer) == 0


def total(answer: Payload) -> int | None:
    """How many there are in all, None where the answer does not say."""
    count = answer.get("total_count", answer.get("total_sum"))  # the documentation has both
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def text(row: Payload, key: str) -> str:
    """A string of a row; "" where it is missing, null or something else."""
    value = row.get(key)
    return value if isinstance(value, str) else ""


def numbered(name: str, values: list[str]) -> Iterator[tuple[str, str]]:
    """A list as QingCloud takes it: ``name.1``, ``name.2`` and so on."""
    return ((f"{name}.{index}", value) for index, value in enumerate(values, start=1))
