"""Opens the form, offers its databases, and fills it from a live reading: everything in tracked tasks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from bot.core.commands import Origin, RequestSwitchover
from bot.core.events import Place
from bot.core.model import Reason, UserId
from bot.errors import DirectoryUnavailable
from bot.ports import Clock
from bot.service.offering import Look, Offering
from handlers import filled
from handlers.filled import Errors, Filled
from handlers.finder import Take
from handlers.form import DATABASE, MOST_OPTIONS, Shown, options
from handlers.payloads import Payload, text
from handlers.presence import ASKED_FOR, Presence
from handlers.slack_client import Done, Outcome, Rejected, SlackClient
from handlers.wording import Wording

logger = logging.getLogger(__name__)

WHO_LIMIT = 1.2
"""Seconds to find out who wants a form: the trigger that it takes lives for 3."""
TRIES = 2
REMEMBERED_LOOKS = 200
"""Forms whose reading is kept for when a shard is chosen in them."""


class Opened(StrEnum):
    """What became of a wish for the form."""

    OPENED = "opened"
    REFUSED = "refused"
    FAILED = "failed"


class Crew(Protocol):
    """Runs tracked tasks."""

    @property
    def free(self) -> int:
        """How many more it takes."""
        ...

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Runs one."""
        ...


@dataclass(slots=True)
class _Filling:
    """A form that is being filled: for whom, which database and shard are wanted by now, and its present hash."""

    origin: Origin
    view_id: str
    hash: str | None
    place: Place | None
    wanted: tuple[str, str]


class Forms:
    """The form's life between its opening and its submission. It has no effects but what is shown.

    Args:
        client: Calls Slack.
        offering: Who may be shown what.
        wording: Makes the views.
        crew: Runs what no acknowledgement waits for.
        foreseen: What is known to forbid a request of somebody before it is made; None for nothing.
        take: Counts a call of a method, or says how many seconds it has to wait.
        clock: The time.
        who_limit: Seconds to find out who wants a form.
        asked_for: Seconds to find out whether the bot is in a channel.
    """

    def __init__(
        self,
        *,
        client: SlackClient,
        offering: Offering,
        foreseen: Callable[[RequestSwitchover, UserId], Awaitable[Reason | None]],
        wording: Wording,
        crew: Crew,
        take: Take,
        clock: Clock,
        who_limit: float = WHO_LIMIT,
        asked_for: float = ASKED_FOR,
    ) -> None:
        self._client = client
        self._offering = offering
        self._foreseen = foreseen
        self._wording = wording
        self._clock = clock
        self._who_limit = who_limit
        self._filling: dict[str, _Filling] = {}
        self._learning: set[str] = set()
        self._looks: dict[str, Look] = {}
        self._presence = Presence(client, take, clock=clock, asked_for=asked_for)
        self.crew = crew

    async def open(self, origin: Origin, trigger: str) -> Opened:
        """Opens the form for whoever the trigger belongs to, if they are a full member. Never raises for Slack."""
        try:
            async with asyncio.timeout(self._who_limit):
                person = await self._offering.person(origin.user, origin.team)
        except (DirectoryUnavailable, TimeoutError):
            return Opened.FAILED
        if not person.member:
            return Opened.REFUSED
        self._learn(origin)
        shown = self._shown(origin.place)
        if shown.place is not None and self.crew.free:
            self.crew.start(self._presence.meet(shown.place.channel), f"meet-{shown.place.channel}")
        view = self._wording.form(shown, locale=person.locale)
        outcome = await self._client.call("views.open", trigger_id=trigger, view=view)
        # The same delivery may come twice; its trigger opens one form.
        if isinstance(outcome, Done) or outcome == Rejected("exchanged_trigger_id"):
            return Opened.OPENED
        logger.warning("form_not_opened", extra={"why": str(outcome)})
        return Opened.FAILED

    def offered(self, origin: Origin, typed: str) -> Sequence[Mapping[str, Any]]:
        """The options of the type-ahead, from memory; nothing for people we don't know, or know too little of."""
        found = self._offering.offered(origin.user, origin.team, typed, MOST_OPTIONS)
        if not found:
            self._learn(origin)  # whoever has a form open types on
        return options(found or ())

    def chosen(self, origin: Origin, view: Payload, database: str) -> None:
        """Fills the form for a database in a task of its own; of several chosen in a row only the last counts."""
        self._want(origin, view, (database, ""))

    def chosen_shard(self, origin: Origin, view: Payload, shard: str) -> None:
        """Offers the nodes of a shard only, in the same way; not of a database that is wanted no more."""
        database = filled.kept(view).database
        filling = self._filling.get(text(view, "id"))
        if filling is None or filling.wanted[0] == database:
            self._want(origin, view, (database, shard))

    def _want(self, origin: Origin, view: Payload, wanted: tuple[str, str]) -> None:
        view_id = text(view, "id")
        filling = self._filling.get(view_id)
        if filling is not None:
            filling.wanted = wanted
            return
        if not self.crew.free:
            logger.warning("form_not_filled", extra={"why": "too many are being filled"})
            return
        place = filled.kept(view).place
        filling = _Filling(origin, view_id, text(view, "hash"), place, wanted)
        self._filling[view_id] = filling
        self.crew.start(self._fill(filling), f"form-{view_id}")

    def submitted(self, origin: Origin, view: Payload) -> Filled | Errors:
        """The request that a form stands for, or what is wrong with it, from local knowledge alone.

        Raises:
            Malformed: It is no submission of our form.
        """
        local = filled.Local(
            unknown=self._offering.unknown,
            takes_requests=self._offering.takes_requests,
            now=self._clock.now(),
            zone=self._zone(origin),
        )
        return filled.filled(view, local)

    async def misplaced(self, view: Payload, place: Place) -> Errors:
        """What is wrong with where the card is to go: the bot is not there.

        That was asked when the form was opened. Where it is not known yet, or was not there then, the answer to the
        form waits a moment for it; what Slack does not say in time shows when the card is posted.
        """
        if await self._presence.missing(place.channel):
            return filled.no_place(view, Reason.of("form-bot-missing"))
        return {}

    async def hindered(self, origin: Origin, found: Filled) -> Errors:
        """What is known to forbid the request already. Whatever is not known by now, the desk finds out."""
        reason = await self._foreseen(found.command, origin.user)
        return {} if reason is None else {DATABASE: reason}

    def errors(self, origin: Origin, found: Mapping[str, Reason]) -> dict[str, str]:
        """What is wrong with each field, in the person's language and time zone where these are known."""
        return self._wording.form_errors(
            found, locale=self._offering.locale(origin.user), zone=self._zone(origin)
        )

    def _zone(self, origin: Origin) -> str:
        person = self._offering.known(origin.user, origin.team)
        return person.timezone if person else ""

    def _shown(self, place: Place) -> Shown:
        if place.channel and self._offering.takes_requests(place.channel):
            return Shown(place)
        return Shown(None, channel=self._offering.only_channel)

    def _learn(self, origin: Origin) -> None:
        if origin.user not in self._learning and self.crew.free:
            self._learning.add(origin.user)
            self.crew.start(self._learned(origin), f"learn-{origin.user}")

    async def _learned(self, origin: Origin) -> None:
        try:
            await self._offering.learn(origin.user, origin.team)
        except DirectoryUnavailable as error:
            logger.info("nothing_offered", extra={"why": str(error)})
        finally:
            self._learning.discard(origin.user)

    async def _fill(self, filling: _Filling) -> None:
        try:
            shown = ("", "")
            while shown != filling.wanted:
                shown = filling.wanted
                await self._fill_for(filling, *shown)
        finally:
            del self._filling[filling.view_id]

    async def _fill_for(self, filling: _Filling, database: str, shard: str) -> None:
        shown = replace(self._shown(filling.place or Place("")), database=database, shard=shard)
        look = self._looks.get(filling.view_id) if shard else None
        if look is None or look.database != database:
            # Once there are fields to choose from they stay, also where another replica has read what is in them.
            if not shard and not await self._update(filling, shown):
                return
            look = await self._offering.look(filling.origin.user, filling.origin.team, database)
            self._remember(filling.view_id, look)
        if filling.wanted == (database, shard):
            await self._update(filling, replace(shown, look=look))

    def _remember(self, view_id: str, look: Look) -> None:
        self._looks.pop(view_id, None)
        self._looks[view_id] = look
        while len(self._looks) > REMEMBERED_LOOKS:
            del self._looks[next(iter(self._looks))]

    async def _update(self, filling: _Filling, shown: Shown) -> bool:
        """Shows it in the form; False where the form is closed, or is changed by another replica meanwhile."""
        view = self._wording.form(shown, locale=self._offering.locale(filling.origin.user))
        for _ in range(TRIES):
            outcome = await self._client.call(
                "views.update", view_id=filling.view_id, hash=filling.hash, view=view
            )
            if isinstance(outcome, Done):
                filling.hash = _hash(outcome)
                return True
            if isinstance(outcome, Rejected):
                logger.info("form_gone", extra={"why": outcome.error})
                return False
            filling.hash = None  # it may have been updated, and then the hash is another
        return True


def _hash(outcome: Outcome) -> str | None:
    view = outcome.data.get("view") if isinstance(outcome, Done) else None
    known = view.get("hash") if isinstance(view, dict) else None
    return known if isinstance(known, str) and known else None
