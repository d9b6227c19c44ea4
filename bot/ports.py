"""What the service needs of the world, as Protocols; the adapters live outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from bot.core.model import Call, Capabilities, Evidence, Job, JobId, NodeId, Plan, Target, Topology


class Clock(Protocol):
    """Time as an argument."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits; a test's clock may only pretend to."""
        ...


class ProviderSettings(BaseModel):
    """Base of every provider's own account and database settings: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Intent:
    """The committed decision to submit.

    Attributes:
        at: When ``submission_started`` was committed; the request is signed with this time.
        send_by: On the monotonic clock: past this instant nothing may be written to the wire any more.
    """

    at: datetime
    send_by: float


class Provider(Protocol):
    """One account at one cloud. It translates and decides nothing; every call has a total time limit."""

    @property
    def capabilities(self) -> Capabilities:
        """What this provider can do, as data."""
        ...

    async def observe(self, target: Target) -> Topology:
        """Reads the present topology, retrying inside a time budget.

        Raises:
            Refused: The target does not exist or can't be read as asked (a shard where there are none).
            Unavailable: It can't be read now.
            Throttled: The budget of calls is used up.
            Misconfigured: Credentials, permission or endpoint are wrong.
        """
        ...

    def describe(self, target: Target, candidate: NodeId | None) -> Call:
        """The call that ``submit`` would make, in words. Pure."""
        ...

    async def submit(self, plan: Plan, intent: Intent) -> JobId | None:
        """Sends at most one request, once, on a connection of its own; None where the call gives no job id.

        Raises:
            Refused: The provider said no; nothing changed.
            NotSent: It never left, or ``intent.send_by`` had passed.
            Throttled: Not accepted for now; nothing changed.
            OutcomeUnknown: Anything else.
        """
        ...

    async def jobs(self, ids: Sequence[JobId]) -> Mapping[JobId, Job]:
        """The jobs that the provider knows, as many per request as it allows; an unknown id is left out.

        Raises:
            Unavailable: They can't be read now.
            Throttled: The budget of calls is used up.
            Misconfigured: Credentials, permission or endpoint are wrong.
        """
        ...

    async def find_submission(self, plan: Plan, since: datetime) -> Evidence:
        """Looks for the job of a submission signed at ``since`` whose answer was lost. Reads only.

        Raises:
            Unavailable: The job list can't be read now.
            Throttled: The budget of calls is used up.
            Misconfigured: Credentials, permission or endpoint are wrong.
        """
        ...

    async def close(self) -> None:
        """Closes connections."""
        ...


class ProviderType(Protocol):
    """What a provider's module registers: its settings and how to build it, all in one place."""

    @property
    def name(self) -> str:
        """What ``provider = "…"`` says in an account."""
        ...

    @property
    def account(self) -> type[ProviderSettings]:
        """The keys of ``[accounts.*]`` besides ``provider``."""
        ...

    @property
    def database(self) -> type[ProviderSettings]:
        """The keys of ``[databases.*]`` besides ``account``, ``policy`` and ``description``."""
        ...

    def build(
        self,
        account: Any,
        databases: Mapping[str, Any],
        *,
        clock: Clock,
        call_timeout: timedelta,
        observer: CallObserver,
    ) -> Provider:
        """A provider for one account and the databases on it. Opens nothing."""
        ...


class CallObserver(Protocol):
    """Is told of every finished provider call, for metrics."""

    def __call__(self, call: str, outcome: str, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as the workspace knows them at this moment.

    ``member`` is True only for a full, active, human member of the workspace the bot is installed in.
    """

    id: str
    name: str
    member: bool
    timezone: str = "UTC"
    locale: str = "en"


class Directory(Protocol):
    """People and groups, decided at the moment of acting; fails closed."""

    async def person(self, user_id: str, team_id: str | None) -> Person:
        """Who this is; ``team_id`` is what the delivery said of them.

        Raises:
            DirectoryUnavailable: It can't be found out now.
        """
        ...

    async def members(self, group_id: str) -> frozenset[str]:
        """The user ids in a user group; empty for a group that does not exist.

        Raises:
            DirectoryUnavailable: It can't be found out now.
        """
        ...
