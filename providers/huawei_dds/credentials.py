"""Who is calling: an AK/SK pair that signs every request, or an IAM user's token.

Both are careful not to be locked out: more than five bad signatures in a row lock an AK for five minutes, for
everybody who uses it, and wrong passwords lock a user. So after a refusal nothing is sent for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr

from bot.errors import Misconfigured, Unavailable
from bot.ports import CallObserver, Clock
from providers.http import Account, Answer, Budget, Priority, Request, Wire
from providers.huawei_dds import answers, signer
from providers.huawei_dds.settings import HuaweiAccount

AFTER_REFUSAL = timedelta(minutes=2)  # three refusals in five minutes, where six would lock
EARLY = timedelta(minutes=10)  # how long before its end a token is renewed
SKEW_ALLOWED = timedelta(minutes=15)  # by the gateway, either way

LOGIN = "KeystoneCreateToken"
LOGINS = 20  # a minute: far more than are needed, and not of the budget of DDS


@dataclass(frozen=True, slots=True)
class Pass:
    """What lets one request through.

    Attributes:
        headers: The headers to send with it.
        token: The token among them, so that it can be given back when it is refused; "" where there is none.
    """

    headers: Mapping[str, str] = field(repr=False)
    token: str = field(default="", repr=False)


class Credentials(Protocol):
    """How requests are let through."""

    @property
    def valid_for(self) -> timedelta | None:
        """How long after it was made a request may still be let through; None: nobody knows."""
        ...

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """What must never be shown."""
        ...

    async def prepare(self, deadline: float) -> str:
        """Whatever must be there before a request can be made: the token, or "" where none is needed.

        Raises:
            Misconfigured: They were refused lately.
            Unavailable: There is no token to be had now.
            Throttled: The same, for too many calls.
        """
        ...

    def sign(self, request: Request, token: str, at: datetime) -> Request:
        """The request with what lets it through; ``at`` is the time it is made."""
        ...

    def refused(self, token: str, error: Misconfigured) -> bool:
        """Takes note of a refusal; whether trying once more, prepared anew, makes sense."""
        ...

    async def close(self) -> None:
        """Closes connections."""
        ...


class Pause:
    """Nothing more for a while after a refusal: what was said then is raised instead."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = float("-inf")
        self._why: Misconfigured | None = None

    def begin(self, error: Misconfigured) -> None:
        """Credentials were refused."""
        self._until, self._why = self._clock.monotonic() + AFTER_REFUSAL.total_seconds(), error

    def check(self) -> None:
        """Raises what was said, as long as the pause lasts.

        Raises:
            Misconfigured: The pause lasts.
        """
        if self._why is None or self._clock.monotonic() >= self._until:
            return
        why = self._why
        text = f"{why.message}; not tried again for a while, so that the credentials don't get locked"
        raise Misconfigured(text, code=why.code, request_id=why.request_id)


class KeyPair:
    """AK/SK, permanent or temporary: each request is signed, for 15 minutes either way."""

    def __init__(self, account: HuaweiAccount, clock: Clock) -> None:
        self._project = account.project_id
        self._access = account.access_key or SecretStr("")
        self._secret = account.secret_key or SecretStr("")
        self._token = account.security_token
        self._pause = Pause(clock)

    @property
    def valid_for(self) -> timedelta | None:
        return SKEW_ALLOWED

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        return tuple(secret for secret in (self._secret, self._access, self._token) if secret is not None)

    async def prepare(self, deadline: float) -> str:
        self._pause.check()
        return ""

    def sign(self, request: Request, token: str, at: datetime) -> Request:
        parts = urlsplit(request.url)
        signed = {
            "content-type": "application/json",
            "host": _host(request.url),
            "x-project-id": self._project,
            signer.STAMP_HEADER: signer.stamp(at),
        }
        if self._token is not None:
            signed["x-security-token"] = self._token.get_secret_value()
        canonical = signer.canonical_request(request.method, parts.path, parts.query, signed, request.body)
        authorization = signer.authorization(
            canonical,
            signed,
            access_key=self._access.get_secret_value(),
            secret_key=self._secret.get_secret_value(),
        )
        headers = {**request.headers, **signed, "authorization": authorization}
        return Request(request.method, request.url, headers, request.body)

    def refused(self, token: str, error: Misconfigured) -> bool:
        self._pause.begin(error)
        return False

    async def close(self) -> None:
        pass


def _host(url: str) -> str:
    """The ``Host`` header of a request to ``url``: with its port, unless that is the scheme's own."""
    parts = urlsplit(url)
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    own = {"https": 443, "http": 80}.get(parts.scheme)
    return name if parts.port in (None, own) else f"{name}:{parts.port}"


class _Issued(msgspec.Struct):
    expires_at: str


class _Login(msgspec.Struct):
    token: _Issued


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    until: datetime


class IamUser:
    """An IAM user's project token, fetched by whoever needs it first and used by all until it nears its end."""

    def __init__(self, account: HuaweiAccount, http: Account, clock: Clock) -> None:
        self._account = account
        self._http = http
        self._clock = clock
        self._password = account.password or SecretStr("")
        self._pause = Pause(clock)
        self._login = asyncio.Lock()
        self._token: _Token | None = None
        self._renewed = False

    @property
    def valid_for(self) -> timedelta | None:
        return None

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        token = () if self._token is None else (SecretStr(self._token.value),)
        return (self._password, *token)

    async def prepare(self, deadline: float) -> str:
        self._pause.check()
        if (token := self._usable()) is not None:
            return token.value
        async with self._login:  # whoever waited here finds the token that the first one fetched
            self._pause.check()
            token = self._usable()
            if token is None:
                self._token = token = await self._fetch(deadline)
            return token.value

    def sign(self, request: Request, token: str, at: datetime) -> Request:
        headers = {**request.headers, "content-type": "application/json", "x-auth-token": token}
        return Request(request.method, request.url, headers, request.body)

    def refused(self, token: str, error: Misconfigured) -> bool:
        # Only the token that was refused is thrown away: another request may have renewed it meanwhile.
        if self._token is not None and self._token.value == token:
            self._token = None
        return True

    async def close(self) -> None:
        await self._http.close()

    def _usable(self) -> _Token | None:
        token = self._token
        return token if token is not None and self._clock.now() < token.until - EARLY else None

    async def _fetch(self, deadline: float) -> _Token:
        try:
            return await self._http.read(
                LOGIN, self._request, self._judge, deadline=deadline, priority=Priority.URGENT
            )
        except Misconfigured as exc:
            self._pause.begin(exc)
            raise

    def _request(self) -> Request:
        user = {
            "name": self._account.username,
            "password": self._password.get_secret_value(),
            "domain": {"name": self._account.domain},
        }
        asked = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"id": self._account.project_id}},
            }
        }
        return Request(
            "POST",
            f"{self._account.iam}/v3/auth/tokens?nocatalog=true",
            {"content-type": "application/json;charset=utf8"},
            msgspec.json.encode(asked),
        )

    def _judge(self, answer: Answer) -> _Token:
        said = answers.read(answer, self._clock.now(), _Login)
        value = answer.headers.get("x-subject-token", "")
        if not value:
            raise Unavailable("IAM answered without a token")
        return _Token(value, _expiry(said.token.expires_at))


def _expiry(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        raise Unavailable("IAM answered with a token of unknown life") from exc
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def credentials_of(
    account: HuaweiAccount, clock: Clock, call_timeout: timedelta, observer: CallObserver, wire: Wire
) -> Credentials:
    """AK/SK or an IAM user, as the account has it."""
    if account.access_key is not None:
        return KeyPair(account, clock)
    budget = Budget(LOGINS, timedelta(minutes=1), clock)
    http = Account(clock=clock, call_timeout=call_timeout, observer=observer, budget=budget, wire=wire)
    return IamUser(account, http, clock)
