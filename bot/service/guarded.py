"""A provider whose defects are told apart from silence: what it should never raise becomes ``Unavailable``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import structlog

from bot.core.model import Call, Capabilities, Evidence, Job, JobId, NodeId, Plan, Target, Topology
from bot.errors import ProviderError, Unavailable
from bot.ports import Intent, Provider

log = structlog.get_logger()


class Guarded:
    """Passes every call on; a read that breaks on an answer nobody foresaw counts as unreadable.

    So patience, deadlines and people's attention work as for any other unreadable cloud.

    ``submit`` is passed on as it is: its caller takes every surprise for an unknown outcome.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    @property
    def capabilities(self) -> Capabilities:
        return self._provider.capabilities

    async def observe(self, target: Target, *, urgent: bool = False) -> Topology:
        async with _guarded("observe"):
            return await self._provider.observe(target, urgent=urgent)

    async def survey(self, database: str, *, urgent: bool = False) -> Sequence[Topology]:
        async with _guarded("survey"):
            return await self._provider.survey(database, urgent=urgent)

    def describe(self, target: Target, candidate: NodeId | None) -> Call:
        return self._provider.describe(target, candidate)

    async def submit(self, plan: Plan, intent: Intent) -> JobId | None:
        return await self._provider.submit(plan, intent)

    async def jobs(self, ids: Sequence[JobId]) -> Mapping[JobId, Job]:
        async with _guarded("jobs"):
            return await self._provider.jobs(ids)

    async def find_submission(
        self, plan: Plan, since: datetime, *, others: Collection[JobId] = ()
    ) -> Evidence:
        async with _guarded("find_submission"):
            return await self._provider.find_submission(plan, since, others=others)

    async def close(self) -> None:
        await self._provider.close()


@asynccontextmanager
async def _guarded(call: str) -> AsyncIterator[None]:
    try:
        yield
    except ProviderError:
        raise
    except Exception as error:
        log.exception("provider_broke", call=call)
        name = type(error).__name__
        raise Unavailable(
            f"an unexpected answer ({name})", meaning=("cloud-unexpected", {"error": name})
        ) from error
