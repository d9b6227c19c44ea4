"""What a form offers: the databases that somebody may request, from memory, and a live reading of one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Protocol

from bot.core.model import Capabilities, Reason, Topology, UserId
from bot.core.policy import ANYONE, Policy, Standing, is_group, may_request
from bot.errors import DirectoryUnavailable, ProviderError
from bot.ports import Directory, Person
from bot.service.catalogue import CatalogueHolder, Database
from bot.service.people import standing
from bot.service.planning import provider_said

REMEMBERED = 300.0
"""Seconds for which a form believes what it knows of a person; what is asked in it is judged anew."""
READING_LIMIT = 20.0
"""Seconds that a reading for a form may take in all."""
READ_TOGETHER = 8
"""Readings for forms at a time."""


class Acquaintances(Directory, Protocol):
    """A directory that also says what it knows already, without asking."""

    def remembered(self, user_id: str, team_id: str | None, *, within: float) -> Person | None:
        """Who this is; None where that is not known, or was found out longer ago."""
        ...

    def remembered_members(self, group_id: str, *, within: float) -> frozenset[str] | None:
        """The user ids in a user group; None as above."""
        ...

    def known_locale(self, user_id: str) -> str:
        """A person's language as the workspace named it last, "" if it never did."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """A database as a form shows it once it is chosen.

    Attributes:
        database: Its name.
        capabilities: What its provider can do; None where the person may not know.
        readings: One for each shard, just one where there are none; empty where it could not be read.
        problem: Why not.
    """

    database: str
    capabilities: Capabilities | None = None
    readings: Sequence[Topology] = ()
    problem: Reason | None = None

    @property
    def sharded(self) -> bool:
        return any(reading.shard for reading in self.readings)


class Offering:
    """Who may be shown what, while a request is being made.

    Nothing here is authority: a request is judged by the desk, whatever a form offered.

    Args:
        directory: The workspace's people and groups.
        catalogue: The configuration in force.
        reading_limit: Seconds for a reading.
    """

    def __init__(
        self,
        *,
        directory: Acquaintances,
        catalogue: CatalogueHolder,
        reading_limit: float = READING_LIMIT,
    ) -> None:
        self._directory = directory
        self._catalogue = catalogue
        self._limit = reading_limit
        self._together = asyncio.Semaphore(READ_TOGETHER)

    def known(self, user: UserId, team: str) -> Person | None:
        """Somebody as remembered."""
        return self._directory.remembered(user, team or None, within=REMEMBERED)

    def locale(self, user: UserId) -> str:
        """The language somebody reads, as last heard; "" where that is not known."""
        return self._directory.known_locale(user)

    async def person(self, user: UserId, team: str) -> Person:
        """Somebody as the workspace knows them now.

        Raises:
            DirectoryUnavailable: It can't be found out now.
        """
        return await self._directory.person(user, team or None)

    async def learn(self, user: UserId, team: str) -> None:
        """Finds out what ``offered`` needs to know of a person; what is remembered is not asked again.

        Raises:
            DirectoryUnavailable: It can't be found out now.
        """
        person = self.known(user, team) or await self.person(user, team)
        if person.member:
            for group in self._groups():
                if self._members(group) is None:
                    await self._directory.members(group)

    def offered(self, user: UserId, team: str, typed: str, most: int) -> Sequence[Database] | None:
        """The databases like what is typed that this person may request, those that begin with it first.

        From memory alone. None where that does not say who this is; nobody is offered what a group of theirs
        would allow while its members are not known.
        """
        person = self.known(user, team)
        if person is None:
            return None
        groups = frozenset(group for group in self._groups() if user in (self._members(group) or ()))
        who = Standing(user, person.member, groups)
        allowed: dict[str, bool] = {}
        wanted, found = typed.strip().casefold(), []
        for database in self._catalogue.current.databases.values():
            rank = _rank(database, wanted)
            if rank is not None and _allows(database.policy, who, allowed):
                found.append((rank, database.name))
        return [self._catalogue.current.databases[name] for _, name in nsmallest(most, found)]

    def unknown(self, name: str) -> Reason | None:
        """What is said of a name that is no database's."""
        current = self._catalogue.current
        return None if name in current.databases else current.unknown(name)

    def takes_requests(self, channel: str) -> bool:
        """Whether a request may be made in this channel."""
        return self._catalogue.current.takes_requests(channel)

    @property
    def only_channel(self) -> str:
        """The one channel in which requests are taken; "" where there are others."""
        channels = self._catalogue.current.channels
        return next(iter(channels)) if len(channels) == 1 else ""

    async def look(self, user: UserId, team: str, name: str) -> Look:
        """Reads a database for somebody who may request it, within the time limit."""
        database = self._catalogue.current.databases.get(name)
        if database is None:
            return Look(name, problem=self._catalogue.current.unknown(name))
        try:
            async with asyncio.timeout(self._limit), self._together:
                who = await standing(self._directory, database.policy.requesters, user, team)
                denied = may_request(database.policy, who)
                if denied is not None:
                    return Look(name, problem=denied)
                return await _read(database)
        except DirectoryUnavailable:
            return Look(name, problem=Reason.of("who-unknown"))
        except TimeoutError:
            return Look(name, database.provider.capabilities, problem=Reason.of("reading-slow", name=name))

    def _groups(self) -> Iterable[str]:
        policies = {each.policy.name: each.policy for each in self._catalogue.current.databases.values()}
        listed = (entry for policy in policies.values() for entry in policy.requesters)
        return sorted({entry for entry in listed if entry != ANYONE and is_group(entry)})

    def _members(self, group: str) -> frozenset[str] | None:
        return self._directory.remembered_members(group, within=REMEMBERED)


async def _read(database: Database) -> Look:
    capabilities = database.provider.capabilities
    try:
        readings = await database.provider.survey(database.name)
    except ProviderError as error:
        return Look(database.name, capabilities, problem=provider_said(error))
    return Look(database.name, capabilities, tuple(readings))


def _rank(database: Database, wanted: str) -> int | None:
    """How near a database is to what is typed; None if it is not meant."""
    name = database.name.casefold()
    if name.startswith(wanted):
        return 0
    if wanted in name:
        return 1
    return 2 if wanted in database.description.casefold() else None


def _allows(policy: Policy, who: Standing, judged: dict[str, bool]) -> bool:
    if policy.name not in judged:
        judged[policy.name] = may_request(policy, who) is None
    return judged[policy.name]
