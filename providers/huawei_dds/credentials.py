"""Who is calling: an AK/SK pair that signs every request, or an IAM user's token.

Both are careful not to be locked out: more than five bad signatures in a row lock an AK for five minutes, for
everybody who uses it, and wrong passwords lock a user. So credentials that were not let through yet are tried by
one request at a time, and after a refusal nothing is sent for a while.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr

from bot.core.model import in_words
from bot.errors import Misconfigured, Unavailable
from bot.ports import CallObserver, Clock
from providers.http import Account, Answer, Budget, Priority, Request, Wire
from providers.huawei_dds import answers, signer
from providers.huawei_dds.settings import HuaweiAccount

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=3), timedelta(minutes=30)  # doubled with every refusal
EARLY = timedelta(minutes=10)  # how long before its end a token is renewed
SKEW_ALLOWED = timedelta(minutes=15)  # by the gateway, either way
NEW = 10.0  # seconds for which a token that is refused was not good from the beginning; later, it has ended since
SPENT = 8  # tokens given back that are still kept out of messages

LOGIN = "KeystoneCreateToken"
LOGINS = 20  # a minute: far more than are needed, and not of the budget of DDS


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

    def turn(self, deadline: float) -> AbstractAsyncContextManager[str]:
        """A request's turn, with the token it needs, "" where it needs none.

        Raises:
            Misconfigured: They were refused lately.
            Unavailable: There is no token to be had now, or others are still finding out whether they are good.
            Throttled: The same, for too many calls.
        """
        ...

    def sign(self, request: Request, token: str, at: datetime) -> Request:
        """The request with what lets it through; ``at`` is the time it is made."""
        ...

    def let_through(self, token: str) -> None:
        """Takes note that they are good."""
        ...

    def refused(self, token: str, error: Misconfigured) -> bool:
        """Takes note of a refusal; whether trying once more, with another token, makes sense."""
        ...

    async def close(self) -> None:
        """Closes connections."""
        ...


class Caution:
    """Lets one request at a time find out whether credentials are good, and none for a while after a refusal."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._alone = asyncio.Lock()
        self._proven = False
        self._pause = FIRST_PAUSE
        self._until = float("-inf")
        self._why: Misconfigured | None = None

    @asynccontextmanager
    async def turn(self, deadline: float) -> AsyncIterator[None]:
        """Waits for the others where nothing is proven.

        Raises:
            Misconfigured: They were refused lately: what was said then.
            Unavailable: The others took too long.
        """
        held = not self._proven
        if held:
            await self._queue(deadline)
            if self._proven:  # one of the others found out
                self._alone.release()
                held = False
        try:
            self._check()
            yield
        finally:
            if held:
                self._alone.release()

    def good(self) -> None:
        """They were let through."""
        self._proven, self._pause, self._why = True, FIRST_PAUSE, None

    def stale(self) -> None:
        """What was proven no longer counts: there is a new token."""
        self._proven = False

    def refused(self, error: Misconfigured) -> None:
        """They were refused."""
        self._proven, self._why = False, error
        self._until = self._clock.monotonic() + self._pause.total_seconds()
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    async def _queue(self, deadline: float) -> None:
        try:
            async with asyncio.timeout(max(deadline - self._clock.monotonic(), 0)):
                await self._alone.acquire()
        except TimeoutError as exc:
            raise Unavailable(
                "it is not known yet whether the credentials are good",
                meaning=("cloud-credentials-untried", {}),
            ) from exc

    def _check(self) -> None:
        if self._why is None or self._clock.monotonic() >= self._until:
            return
        why = self._why
        raise Misconfigured(
            f"{why.message}; not tried again for a while, so that the credentials don't get locked",
            code=why.code,
            request_id=why.request_id,
            meaning=("cloud-not-tried-again", {"message": in_words(why)}),
        )


class KeyPair:
    """AK/SK, permanent or temporary: each request is signed, for 15 minutes either way."""

    def __init__(self, account: HuaweiAccount, clock: Clock) -> None:
        self._project = account.project_id
        self._access = account.access_key or SecretStr("")
        self._secret = account.secret_key or SecretStr("")
        self._token = account.security_token
        self._caution = Caution(clock)

    @property
    def valid_for(self) -> timedelta | None:
        return SKEW_ALLOWED

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        return tuple(secret for secret in (self._secret, self._access, self._token) if secret is not None)

    @asynccontextmanager
    async def turn(self, deadline: float) -> AsyncIterator[str]:
        async with self._caution.turn(deadline):
            yield ""

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

    def let_through(self, token: str) -> None:
        self._caution.good()

    def refused(self, token: str, error: Misconfigured) -> bool:
        self._caution.refused(error)
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
        self._caution = Caution(clock)
        self._login = asyncio.Lock()
        self._token: _Token | None = None
        self._renewed = False
        self._issued = 0.0
        self._spent: deque[str] = deque(maxlen=SPENT)

    @property
    def valid_for(self) -> timedelta | None:
        return None

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        tokens = [*self._spent, *([] if self._token is None else [self._token.value])]
        return (self._password, *map(SecretStr, tokens))

    @asynccontextmanager
    async def turn(self, deadline: float) -> AsyncIterator[str]:
        async with self._caution.turn(deadline):
            yield await self._usable(deadline)

    def sign(self, request: Request, token: str, at: datetime) -> Request:
        headers = {**request.headers, "content-type": "application/json", "x-auth-token": token}
        return Request(request.method, request.url, headers, request.body)

    def let_through(self, token: str) -> None:
        self._renewed = False
        self._caution.good()

    def refused(self, token: str, error: Misconfigured) -> bool:
        if self._token is None or self._token.value != token:
            return True  # another request has given it back, and perhaps renewed it
        self._give_back()
        if self._renewed and self._clock.monotonic() - self._issued < NEW:  # a new token will not do either
            self._caution.refused(error)
            return False
        self._renewed = True
        self._caution.stale()
        return True

    async def close(self) -> None:
        await self._http.close()

    def _give_back(self) -> None:
        if self._token is not None:
            self._spent.append(self._token.value)
        self._token = None

    async def _usable(self, deadline: float) -> str:
        if self._fresh is None:
            async with self._login:  # whoever waited here finds the token that the first one fetched
                if self._fresh is None:
                    token = await self._fetch(deadline)
                    self._give_back()
                    self._token, self._issued = token, self._clock.monotonic()
        return "" if self._token is None else self._token.value

    @property
    def _fresh(self) -> _Token | None:
        token = self._token
        return token if token is not None and self._clock.now() < token.until - EARLY else None

    async def _fetch(self, deadline: float) -> _Token:
        try:
            return await self._http.read(
                LOGIN, self._request, self._judge, deadline=deadline, priority=Priority.URGENT
            )
        except Misconfigured as exc:
            self._caution.refused(exc)
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
            raise Unavailable("IAM answered without a token", meaning=("cloud-no-token", {}))
        return _Token(value, _expiry(said.token.expires_at))


def _expiry(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        said = "IAM answered with a token of unknown life"
        raise Unavailable(said, meaning=("cloud-no-token", {})) from exc
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
