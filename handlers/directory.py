"""Who people are and which groups they are in, as Slack says at this moment; what can't be known is a no."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from bot.errors import DirectoryUnavailable
from bot.ports import Clock, Person
from handlers.slack_client import Done, NotSent, Outcome, RateLimited, Rejected, SlackClient, Unknown

TTL = 30.0
MAX_CACHED = 10_000
SLACKBOT = "USLACKBOT"
NO_SUCH_USER = frozenset({"user_not_found", "users_not_found", "user_not_visible"})
NO_SUCH_GROUP = frozenset({"no_such_subteam", "subteam_not_found", "no_such_usergroup"})
OUTSIDERS = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted", "is_stranger")

Value = TypeVar("Value")
Known = TypeVar("Known")


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the token belongs to. ``enterprise`` is "" outside of Enterprise Grid; ``url`` is the workspace's."""

    team: str
    enterprise: str
    user: str
    bot: str
    url: str = ""

    @property
    def home(self) -> frozenset[str]:
        """The ids that mean "here"."""
        return frozenset({self.team, self.enterprise} - {""})


@dataclass(frozen=True, slots=True)
class _Begun:
    """When a question was begun: at what time of day, and on the clock that nobody sets."""

    at: datetime
    tick: float


class SingleFlight(Generic[Value]):
    """A cache by key for ``ttl`` seconds, in which simultaneous questions cost one call.

    What is older than ``ttl`` is never given out, nor what was asked before it was invalidated.
    """

    def __init__(self, fetch: Callable[[str], Awaitable[Value]], *, ttl: float, clock: Clock) -> None:
        self._fetch = fetch
        self._ttl = ttl
        self._clock = clock
        self._known: dict[str, tuple[_Begun, Value]] = {}
        self._asking: dict[str, tuple[_Begun, asyncio.Task[Value]]] = {}

    async def get(self, key: str, *, since: datetime | None = None) -> Value:
        """The value, at most ``ttl`` old; raises what the fetch raised, to everybody who waited for it.

        With ``since`` only the answer to a question begun after that moment will do, also of one on its way.
        """
        known = self._known.get(key)
        if known is not None and self._age(known[0]) < self._ttl and self._serves(known[0], since):
            return known[1]
        asking = self._asking.get(key)
        if asking is None or not self._serves(asking[0], since):
            asking = self._begin(key)
        # Somebody who stops waiting must not take the answer from the others.
        return await asyncio.shield(asking[1])

    def remembered(self, key: str, *, within: float) -> Value | None:
        """What is known already, if it is at most ``within`` seconds old; asks nobody."""
        known = self._known.get(key)
        return None if known is None or self._age(known[0]) > within else known[1]

    def invalidate(self, key: str) -> None:
        """Forgets one value, and ignores an answer that is on its way."""
        self._known.pop(key, None)
        self._asking.pop(key, None)

    def _age(self, begun: _Begun) -> float:
        return self._clock.monotonic() - begun.tick

    def _serves(self, begun: _Begun, since: datetime | None) -> bool:
        # Of what was asked before the clock was set back nobody knows whether it was before ``since``.
        return since is None or since < begun.at <= self._clock.now()

    def _begin(self, key: str) -> tuple[_Begun, asyncio.Task[Value]]:
        """Asks; whoever asks from now on waits for this answer, not for that of an older question."""
        begun = _Begun(self._clock.now(), self._clock.monotonic())
        task = asyncio.create_task(self._ask(key, begun))
        self._asking[key] = begun, task
        task.add_done_callback(_retrieved)
        return begun, task

    async def _ask(self, key: str, begun: _Begun) -> Value:
        try:
            value = await self._fetch(key)
            if self._is_newest(key, begun):
                _put(self._known, key, (begun, value))
            return value
        finally:
            if self._is_newest(key, begun):
                del self._asking[key]

    def _is_newest(self, key: str, begun: _Begun) -> bool:
        asking = self._asking.get(key)
        return asking is not None and asking[0] is begun


def _put(known: dict[str, Known], key: str, value: Known) -> None:
    """Remembers a value as the newest, and of too many forgets the oldest."""
    known.pop(key, None)
    known[key] = value
    while len(known) > MAX_CACHED:
        del known[next(iter(known))]


def _retrieved(task: asyncio.Task[Any]) -> None:
    # With nobody left waiting, asyncio would print the error of a task as one that nobody looked at.
    if not task.cancelled():
        task.exception()


class SlackDirectory:
    """People and groups as Slack knows them, at most half a minute old; fails closed.

    Nothing older than ``ttl`` seconds is believed, not even while Slack is down: who may approve must not
    depend on an outage. While Slack answers nobody one question at a time goes out; to all others the "no"
    comes at once.

    Args:
        client: Bounds every call in time.
        clock: Ages the cache.
        ttl: Seconds for which a person or a group is believed.
    """

    def __init__(self, client: SlackClient, *, clock: Clock, ttl: float = TTL) -> None:
        self._client = client
        self._identity = SingleFlight(self._fetch_identity, ttl=math.inf, clock=clock)
        self._people = SingleFlight(self._fetch_person, ttl=ttl, clock=clock)
        self._groups = SingleFlight(self._fetch_group, ttl=ttl, clock=clock)
        self._locales: dict[str, str] = {}
        self._trying = asyncio.Lock()

    async def identity(self) -> Identity:
        """Whom the token belongs to (``auth.test``), asked once.

        Raises:
            DirectoryUnavailable: It can't be found out now.
        """
        return await self._identity.get("")

    async def person(self, user_id: str, team_id: str | None, *, since: datetime | None = None) -> Person:
        """Who this is; see ``bot.ports.Directory``.

        A member is somebody of whom both the delivery and ``users.info`` say that they belong here: people
        of another workspace can click every button in a Slack Connect channel.

        Raises:
            DirectoryUnavailable: It can't be found out now.
        """
        home = await self.identity()
        return _person(user_id, team_id, await self._people.get(user_id, since=since), home)

    def remembered(self, user_id: str, team_id: str | None, *, within: float) -> Person | None:
        """The same from memory alone, at most ``within`` seconds old; None where that is not known."""
        home = self._identity.remembered("", within=math.inf)
        user = self._people.remembered(user_id, within=within)
        return None if home is None or user is None else _person(user_id, team_id, user, home)

    def remembered_members(self, group_id: str, *, within: float) -> frozenset[str] | None:
        """``members`` from memory alone, at most ``within`` seconds old; None where that is not known."""
        return self._groups.remembered(group_id, within=within)

    def known_locale(self, user_id: str) -> str:
        """A person's language as Slack named it last, "" if it never did; nobody's rights depend on it."""
        return self._locales.get(user_id, "")

    async def members(self, group_id: str, *, since: datetime | None = None) -> frozenset[str]:
        """The user ids in a user group; empty for a group that does not exist.

        Raises:
            DirectoryUnavailable: It can't be found out now.
        """
        return await self._groups.get(group_id, since=since)

    def forget_person(self, user_id: str) -> None:
        """The event ``user_change`` came: ask again."""
        self._people.invalidate(user_id)

    def forget_group(self, group_id: str) -> None:
        """The event ``subteam_updated`` or ``subteam_members_changed`` came: ask again."""
        self._groups.invalidate(group_id)

    async def _ask(self, method: str, **args: Any) -> Outcome:
        if not self._client.silent:
            return await self._client.call(method, **args)
        # Whoever waits for a silent Slack holds up others, so one at a time does: nobody must be turned away
        # once it answers again, and any answer ends the silence.
        if self._trying.locked():
            raise DirectoryUnavailable("Slack has stopped answering")
        async with self._trying:
            return await self._client.call(method, **args)

    async def _fetch_identity(self, _: str) -> Identity:
        data = _data(await self._ask("auth.test"))
        team, user = data.get("team_id"), data.get("user_id")
        if not (isinstance(team, str) and team and isinstance(user, str) and user):
            raise DirectoryUnavailable("auth.test does not say where we are installed")
        enterprise, bot, url = (str(data.get(name) or "") for name in ("enterprise_id", "bot_id", "url"))
        return Identity(team, enterprise, user, bot, url)

    async def _fetch_person(self, user_id: str) -> Mapping[str, Any]:
        outcome = await self._ask("users.info", user=user_id, include_locale=True)
        if isinstance(outcome, Rejected) and outcome.error in NO_SUCH_USER:
            return {}
        user = _data(outcome).get("user")
        if not isinstance(user, dict):
            raise DirectoryUnavailable("users.info names no user")
        _put(self._locales, user_id, _locale(user))
        return user

    async def _fetch_group(self, group_id: str) -> frozenset[str]:
        outcome = await self._ask("usergroups.users.list", usergroup=group_id)
        if isinstance(outcome, Rejected) and outcome.error in NO_SUCH_GROUP:
            return frozenset()
        users = _data(outcome).get("users")
        if not isinstance(users, list):
            raise DirectoryUnavailable("usergroups.users.list names no users")
        return frozenset(user for user in users if isinstance(user, str))


def _data(outcome: Outcome) -> Mapping[str, Any]:
    match outcome:
        case Done(data):
            return data
        case RateLimited():
            raise DirectoryUnavailable("Slack asks us to wait")
        case Rejected(error) | NotSent(error) | Unknown(error):
            raise DirectoryUnavailable(f"Slack did not answer: {error}")


def _person(user_id: str, team_id: str | None, user: Mapping[str, Any], home: Identity) -> Person:
    delivered_here = team_id is None or team_id in home.home
    return Person(
        id=user_id,
        name=_name(user) or user_id,
        member=delivered_here and _is_member(user_id, user, home),
        timezone=str(user.get("tz") or "UTC"),
        locale=_locale(user),
    )


def _is_member(user_id: str, user: Mapping[str, Any], home: Identity) -> bool:
    # Slack leaves out flags that are false; a team that is left out proves nothing.
    outsider = user_id == SLACKBOT or any(user.get(flag) for flag in OUTSIDERS)
    return user.get("id") == user_id and not outsider and _is_here(user, home)


def _is_here(user: Mapping[str, Any], home: Identity) -> bool:
    # Of any other shape it proves nothing either.
    team, grid = user.get("team_id"), user.get("enterprise_user")
    if isinstance(team, str) and team in home.home:
        return True
    teams = grid.get("teams") if isinstance(grid, dict) else None
    return isinstance(teams, list) and home.team in teams


def _locale(user: Mapping[str, Any]) -> str:
    # Slack names none of people of other workspaces.
    return str(user.get("locale") or "")


def _name(user: Mapping[str, Any]) -> str:
    profile = user.get("profile")
    shown = profile.get("display_name") if isinstance(profile, dict) else ""
    return str(shown or user.get("real_name") or user.get("name") or "")
