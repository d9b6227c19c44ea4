"""Signed calls of one account: reads, and the one call that changes something."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from bot.core.model import JobId, NodeId
from bot.errors import Misconfigured, Throttled
from bot.ports import Clock, Intent
from providers.http import Account, Answer, Budget, Priority, Request
from providers.qingcloud import answers, signer
from providers.qingcloud.answers import Payload
from providers.qingcloud.settings import QingCloudAccount, QingCloudDatabase
from providers.timekeeping import CloudClock
from providers.wording import discreet

EXPIRES = timedelta(seconds=30)  # signed into every submission; the documented default validity
STAMP_LIFE = timedelta(seconds=60)  # ret_code 1300: a time_stamp may be at most this old
CLOCK_MARGIN = timedelta(seconds=30)  # how far the provider's clock may be behind ours without our knowing
VALID_FOR = STAMP_LIFE + CLOCK_MARGIN  # whichever of the two rules the provider really applies

SERVICE, CUSTOM_SERVICE = "assignmaster", "RunClusterCustomService"


class Api:
    """QingCloud's API with one key.

    Time stamps are made from our clock until the provider has refused one (1300), and from its own after that.
    """

    def __init__(self, account: QingCloudAccount, http: Account, clock: Clock) -> None:
        self._account = account
        self._http = http
        self._clock = clock
        self.time = CloudClock(clock)

    @property
    def budget(self) -> Budget:
        """The calls that the account may make."""
        return self._http.budget

    def deadline(self) -> float:
        """When a call of the port that starts now must have ended."""
        return self._http.deadline()

    def expect(self, action: str, calls: int, priority: Priority) -> None:
        """As ``Account.expect``; the first of them is this action."""
        self._http.expect(action, calls, priority)

    async def read(
        self,
        action: str,
        params: Mapping[str, str],
        *,
        deadline: float,
        priority: Priority = Priority.ORDINARY,
    ) -> Payload:
        """One read, signed anew for each attempt; a refused time stamp is corrected once.

        Raises:
            ProviderError: As ``answers.read`` and ``Account.read`` say.
        """

        def build() -> Request:
            return self._signed(action, params, self.time.signing, None)

        with self._discreet():
            return await self._http.read(action, build, self._judge(), deadline=deadline, priority=priority)

    async def assign_master(self, database: QingCloudDatabase, node: NodeId, intent: Intent) -> JobId:
        """Asks once to make ``node`` the primary; signed with the time of the intent.

        Raises:
            ProviderError: As the port's ``submit`` says.
        """
        at = intent.at + self.time.skew
        request = self._signed(CUSTOM_SERVICE, submission(database, node), at, at + EXPIRES)

        def judge(answer: Answer) -> JobId:
            self.time.note(answer)
            try:
                return answers.accepted(
                    answer.status,
                    answer.body,
                    cluster=database.cluster,
                    retry_after=answer.retry_after(self._clock.now()),
                )
            except Throttled as exc:
                if exc.code == str(answers.STAMP_TOO_OLD):
                    self.time.correct()  # so that the next submission is signed right
                raise

        with self._discreet():
            return await self._http.submit(CUSTOM_SERVICE, request, judge, send_by=intent.send_by)

    def signature_of(self, database: QingCloudDatabase, node: NodeId, at: datetime) -> str:
        """The signature that a submission signed at ``at`` carries: the mark by which it is known again."""
        params = self._params(CUSTOM_SERVICE, submission(database, node), at, at + EXPIRES)
        text = signer.string_to_sign("GET", self._account.path, signer.canonical_query(params))
        return signer.signature(self._account.secret_access_key.get_secret_value(), text)

    def own_key(self, access_key_id: str) -> bool:
        """Whether this is the key the account uses."""
        return access_key_id == self._account.access_key_id.get_secret_value()

    async def close(self) -> None:
        """Closes connections."""
        await self._http.close()

    def _signed(
        self, action: str, params: Mapping[str, str], at: datetime, expires: datetime | None
    ) -> Request:
        query = signer.signed_query(
            self._params(action, params, at, expires),
            path=self._account.path,
            secret=self._account.secret_access_key.get_secret_value(),
        )
        return Request("GET", f"{self._account.endpoint}?{query}")

    def _params(
        self, action: str, params: Mapping[str, str], at: datetime, expires: datetime | None
    ) -> dict[str, str]:
        key = self._account.access_key_id.get_secret_value()
        common = signer.common_params(
            action, zone=self._account.zone, access_key_id=key, at=at, expires=expires
        )
        return {**params, **common}

    def _judge(self) -> Callable[[Answer], Payload]:
        signed_again = False

        def judge(answer: Answer) -> Payload:
            nonlocal signed_again
            self.time.note(answer)
            try:
                return answers.read(
                    answer.status, answer.body, retry_after=answer.retry_after(self._clock.now())
                )
            except Misconfigured as exc:
                if exc.code != str(answers.STAMP_TOO_OLD) or signed_again:
                    raise
                signed_again = True
                self.time.correct()
                raise exc.as_(Throttled) from exc

        return judge

    def _discreet(self) -> AbstractContextManager[None]:
        secrets = (self._account.secret_access_key, self._account.access_key_id)
        return discreet(lambda: secrets)


def submission(database: QingCloudDatabase, node: NodeId) -> dict[str, str]:
    """The parameters of assignmaster; ``service_params`` is JSON text, encoded once like any value."""
    return {
        "cluster": database.cluster,
        "role": database.role,
        "service": SERVICE,
        "service_params": json.dumps({"node_id": node}, separators=(",", ":"), ensure_ascii=False),
    }
