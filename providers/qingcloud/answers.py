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
from providers.wording import shown

Payload = Mapping[str, Any]

OK, SIGNATURE_WRONG, STAMP_TOO_OLD, DENIED, NOT_FOUND, QUOTA = 0, 1200, 1300, 1400, 2100, 2500
BUSY_UPDATING = 5300
MAYBE_EXECUTED = frozenset({5000, 5100})  # internal error; "server busy or execution timed out"
QUOTA_PAUSE = timedelta(minutes=10)
UPDATING_PAUSE = timedelta(seconds=5)

REFUSALS: Mapping[int, str] = {
    1100: "a parameter is missing or bad",
    1101: "unknown action or bad value",
    SIGNATURE_WRONG: "unknown access key or wrong signature: check access_key_id and secret_access_key",
    DENIED: "access denied: no permission, not the owner, or the cluster's state forbids it",
    **dict.fromkeys(range(1500, 1663), "the account may not do this"),
    2000: "the account may not do this",
    NOT_FOUND: "not found",
    2110: "it exists already",
    2200: "lease problem",
    2300: "lease problem",
    2400: "the account's balance does not suffice",
    QUOTA: "a quota is used up",
    3300: "the endpoint does not offer this API",
    **dict.fromkeys(range(4000, 4006), "licence problem"),
    5200: "not enough resources",
    5400: "something depends on it",
    5500: "the service is switched off",
    5600: "wrong disk type",
    **dict.fromkeys(range(8000, 8005), "a configuration file is wrong"),
}
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
        raise Throttled("the provider takes no more calls for now", retry_after=retry_after, code="429")
    answer = payload(body)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer is None:
        raise OutcomeUnknown(f"the provider's answer says nothing certain (HTTP {status})")
    code, job = ret_code(answer), answer.get("job_id")
    if code is not None and code != OK and not job:
        raise _not_accepted(code, words(answer))
    of_ours = answer.get("cluster_id") in (None, "", cluster)
    fits = isinstance(job, str) and _JOB_ID.fullmatch(job) is not None
    if _successful(status) and code in (None, OK) and fits and of_ours:
        return JobId(str(job))
    raise OutcomeUnknown(
        "the provider answered without a job id that could be relied on", code=str(code or "")
    )


def _not_accepted(code: int, message: str) -> ProviderError:
    said = f" ({message})" if message else ""
    if code == STAMP_TOO_OLD:
        return Throttled(f"the provider's clock and ours differ{said}", code=str(code))
    if code == BUSY_UPDATING:
        return Throttled(f"the service is being updated{said}", retry_after=UPDATING_PAUSE, code=str(code))
    if code in REFUSALS:
        return Refused(f"{REFUSALS[code]}{said}", code=str(code))
    return OutcomeUnknown(f"the provider answered {code}, which decides nothing{said}", code=str(code))


def read(status: int, body: bytes, *, retry_after: timedelta) -> Payload:
    """The object a read asked for.

    Raises:
        Refused: What was asked for does not exist, or not like this.
        Throttled: Later; a quota that is used up asks for a long pause.
        Unavailable: Try again.
        Misconfigured: The account, the key, a permission or the endpoint.
    """
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Throttled("the provider takes no more calls for now", retry_after=retry_after, code="429")
    answer = payload(body)
    code = None if answer is None else ret_code(answer)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or (_successful(status) and code is None):
        raise Unavailable(f"the provider's answer could not be read (HTTP {status})")
    if answer is None or code is None:
        raise Misconfigured(f"the endpoint answered HTTP {status} and does not look like QingCloud's API")
    if code == OK:
        return answer
    raise _unreadable(code, words(answer))


def _unreadable(code: int, message: str) -> ProviderError:
    said = f" ({message})" if message else ""
    text = f"{REFUSALS.get(code, f'the provider answered {code}')}{said}"
    if code == STAMP_TOO_OLD:
        return Misconfigured(
            f"the provider's clock and ours differ: set this machine's clock{said}", code="1300"
        )
    if code == QUOTA:
        return Throttled(text, retry_after=QUOTA_PAUSE, code=str(code))
    if code in ACCOUNT_WRONG:
        return Misconfigured(text, code=str(code))
    if code in REFUSALS:
        return Refused(text, code=str(code))
    return Unavailable(text, code=str(code))


def _successful(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def rows(answer: Payload, key: str) -> list[Payload]:
    """The objects of a list, which may be missing or null."""
    values = answer.get(key)
    return [row for row in values if isinstance(row, dict)] if isinstance(values, list) else []


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
