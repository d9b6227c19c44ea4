"""Calls of one account: reads, and the two calls that change something."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, AsyncExitStack
from datetime import timedelta
from typing import TypeVar

from bot.core.model import JobId
from bot.errors import Misconfigured, NotSent, Refused, Throttled, Unavailable
from bot.ports import Clock, Intent
from providers.http import Account, Answer, Budget, Priority, Request
from providers.huawei_dds import answers, signer
from providers.huawei_dds.answers import NotLetThrough, SignatureExpired
from providers.huawei_dds.credentials import Credentials
from providers.huawei_dds.settings import HuaweiAccount
from providers.timekeeping import CloudClock
from providers.wording import discreet

T = TypeVar("T")


class Api:
    """Huawei Cloud DDS with one account's credentials, in one project."""

    def __init__(self, account: HuaweiAccount, credentials: Credentials, http: Account, clock: Clock) -> None:
        self._endpoint = account.dds
        self._project = account.project_id
        self._credentials = credentials
        self._http = http
        self._clock = clock
        self.time = CloudClock(clock)

    @property
    def valid_for(self) -> timedelta | None:
        """How long after its signing time a request may still be accepted; None: nobody knows."""
        return self._credentials.valid_for

    @property
    def budget(self) -> Budget:
        """The calls that the account may make."""
        return self._http.budget

    def deadline(self) -> float:
        """When a call of the port that starts now must have ended."""
        return self._http.deadline()

    async def read(
        self,
        call: str,
        version: str,
        path: str,
        params: Mapping[str, str],
        shape: type[T],
        *,
        deadline: float,
        priority: Priority = Priority.ORDINARY,
    ) -> T:
        """One read, made anew for each attempt; a refused token or an old signature is mended once.

        Args:
            call: The operation's name, for metrics.
            version: Of the API, ``v3`` or ``v3.1``.
            path: Below the project.
            params: The query.
            shape: What of the answer is wanted.
            deadline: From ``deadline()``.
            priority: Whether the reserve of the budget may be used.

        Raises:
            ProviderError: As ``answers.read`` and ``Account.read`` say.
        """
        url = self._url(version, path, params)

        def judge(answer: Answer) -> T:
            self.time.note(answer)
            return answers.read(answer, self._clock.now(), shape)

        async def once(token: str) -> T:
            def build() -> Request:
                return self._credentials.sign(Request("GET", url), token, self.time.signing)

            return await self._http.read(call, build, judge, deadline=deadline, priority=priority)

        may_try_again = True
        with self._discreet():
            while True:
                async with self._credentials.turn(deadline) as token:
                    try:
                        found = await once(token)
                    except NotLetThrough as exc:
                        if not (self._mended(token, exc) and may_try_again):
                            raise
                        may_try_again = False
                        continue
                    self._credentials.let_through(token)
                    return found

    async def submit(
        self, call: str, path: str, body: bytes, intent: Intent, *, gives_job: bool
    ) -> JobId | None:
        """Asks once; made with the time of the intent.

        Raises:
            ProviderError: As the port's ``submit`` says.
        """
        with self._discreet():
            async with AsyncExitStack() as stack:
                token = await self._turn_to_submit(stack, intent)
                plain = Request("POST", self._url("v3", path, {}), body=body)
                request = self._credentials.sign(plain, token, intent.at + self.time.skew)

                def judge(answer: Answer) -> JobId | None:
                    self.time.note(answer)
                    try:
                        return answers.accepted(answer, self._clock.now(), gives_job=gives_job)
                    except NotLetThrough as exc:
                        raise self._turned_away(token, exc) from None

                return await self._http.submit(call, request, judge, send_by=intent.send_by)

    async def close(self) -> None:
        """Closes connections."""
        await self._http.close()
        await self._credentials.close()

    async def _turn_to_submit(self, stack: AsyncExitStack, intent: Intent) -> str:
        deadline = min(self.deadline(), intent.send_by)
        try:
            return await stack.enter_async_context(self._credentials.turn(deadline))
        except (Unavailable, Throttled, Misconfigured) as exc:
            raise exc.as_(NotSent) from None

    def _turned_away(self, token: str, error: NotLetThrough) -> Refused | Throttled:
        """Nothing was accepted; where the next one has a new token or the provider's time, it may be tried."""
        return error.as_(Throttled) if self._mended(token, error) else error.as_(Refused)

    def _mended(self, token: str, error: NotLetThrough) -> bool:
        """Does what can be done about a request that was not let through; whether that was anything."""
        if isinstance(error, SignatureExpired):
            before = self.time.skew
            self.time.correct()
            if self.time.skew != before:
                return True
        return self._credentials.refused(token, error)

    def _url(self, version: str, path: str, params: Mapping[str, str]) -> str:
        query = f"?{signer.encoded_query(params)}" if params else ""
        return f"{self._endpoint}/{version}/{signer.encoded(self._project)}/{path}{query}"

    def _discreet(self) -> AbstractContextManager[None]:
        return discreet(lambda: self._credentials.secrets)
