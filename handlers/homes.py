"""Keeps Home tabs as they should be: published when opened and when something changed, quietly and last of all."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta

from bot.core.home import Board
from bot.errors import DirectoryUnavailable
from bot.ports import Clock, HomeStore, HomeTab
from bot.service.home import Lobby
from handlers.circuit import Circuit
from handlers.directory import SlackDirectory
from handlers.home import HomeView, linked
from handlers.links import Links
from handlers.pace import PUBLISH, Pace
from handlers.publisher import OPERATOR
from handlers.slack_client import Done, NotSent, RateLimited, Rejected, SlackClient, Unknown
from handlers.wording import Wording

logger = logging.getLogger(__name__)

KEPT_FRESH = timedelta(minutes=30)
"""For so long after it was last opened a tab is kept fresh."""
PAUSE = timedelta(seconds=5)
"""Nobody's tab is published more often."""
LOOK_AGAIN = timedelta(minutes=5)
"""Configured freezes begin, and readings grow old, without an event: an open tab is looked at so often."""
TRY_AGAIN = timedelta(seconds=15)
OPERATOR_PAUSE = timedelta(minutes=1)
LEASE = timedelta(seconds=60)
NOTHING_KNOWN = ""


class HomeKeeper:
    """Publishes Home tabs; see ``sweep``.

    Args:
        store: Whose tabs there are, and what they show.
        lobby: What belongs there.
        client: Calls Slack.
        directory: In which language people read.
        links: Knows where cards are.
        pace: Slack's limits.
        circuit: Whether Slack answers at all.
        wording: Makes views.
        clock: The time.
    """

    def __init__(
        self,
        *,
        store: HomeStore,
        lobby: Lobby,
        client: SlackClient,
        directory: SlackDirectory,
        links: Links,
        pace: Pace,
        circuit: Circuit,
        wording: Wording,
        clock: Clock,
    ) -> None:
        self._store = store
        self._lobby = lobby
        self._client = client
        self._directory = directory
        self._links = links
        self._pace = pace
        self._circuit = circuit
        self._wording = wording
        self._clock = clock

    async def sweep(self) -> frozenset[str]:
        """Brings the tabs that are due up to date from what is stored, as many as Slack's limits let through.

        Nothing is claimed that could not be published now, nor while Slack does not answer. Returns the
        databases whose reading is worth asking the clouds for, for somebody who has the time.

        Raises:
            StoreUnavailable: What is stored can't be read or written.
        """
        room = self._pace.room(PUBLISH)
        if self._circuit.open or not room:
            return frozenset()
        now = self._clock.now()
        tabs = await self._store.claim_homes(
            now, now + LEASE, room, opened_since=now - KEPT_FRESH, looked_before=now - PAUSE
        )
        if not tabs:
            return frozenset()
        board = await self._lobby.board()
        links = await self._links.cards(linked(board))
        seen = [tab for tab in tabs if await self._bring_up_to_date(tab, board, links)]
        if not seen:
            return frozenset()
        opened = any(tab.opened_at >= tab.looked_at for tab in seen)
        return self._lobby.worth_reading(board, opened=opened)

    async def _bring_up_to_date(self, tab: HomeTab, board: Board, links: Mapping[str, str]) -> bool:
        """Publishes a tab if it would look otherwise; whether a member sees it now as it should be."""
        # Also for a tab that shows it already: for each of them its reader's standing is looked up.
        wait = self._pace.take(PUBLISH, "")
        if wait or self._circuit.open:
            await self._put_back(tab, board, timedelta(seconds=wait) or TRY_AGAIN)
            return False
        try:
            member = await self._lobby.is_member(tab.user, tab.team)
            view = await self._view(tab, board, links, member=member)
        except DirectoryUnavailable as error:
            logger.info("home_waits", extra={"what": "a reader is not known now", "why": str(error)})
            await self._put_back(tab, board, TRY_AGAIN)
            return False
        return await self._shows(tab, view, board) and member

    async def _view(self, tab: HomeTab, board: Board, links: Mapping[str, str], *, member: bool) -> HomeView:
        locale = (await self._directory.person(tab.user, tab.team or None)).locale
        if not member:
            return self._wording.closed_home(locale=locale)
        awaiting = await self._lobby.awaiting(board, tab.user, tab.team)
        return self._wording.home(board, awaiting, links=links, locale=locale)

    async def _shows(self, tab: HomeTab, view: HomeView, board: Board) -> bool:
        if view.digest == tab.shown:
            await self._settle(tab, view.digest, board)
            return True
        outcome = await self._client.call(PUBLISH, user_id=tab.user, view=view.view)
        match outcome:
            case Done():
                await self._settle(tab, view.digest, board)
                return True
            case RateLimited(retry_after):
                self._pace.hold(PUBLISH, retry_after)
                await self._put_back(tab, board, timedelta(seconds=retry_after))
            case NotSent():
                await self._put_back(tab, board, TRY_AGAIN)
            case Unknown():
                # It may show the new content or the old one: neither may be taken for shown.
                await self._put_back(tab, board, TRY_AGAIN, shown=NOTHING_KNOWN)
            case Rejected(error) if error in OPERATOR:
                await self._put_back(tab, board, OPERATOR_PAUSE)
            case Rejected(error):
                logger.warning("home_refused", extra={"error": error})
                await self._store.forget_home(tab)
        return False

    async def _settle(self, tab: HomeTab, digest: str, board: Board) -> None:
        now = self._clock.now()
        due_at = min(at for at in (now + LOOK_AGAIN, board.changes_at) if at is not None)
        await self._store.settle_home(tab, shown=digest, seq=board.seq, looked_at=now, due_at=due_at)

    async def _put_back(
        self, tab: HomeTab, board: Board, wait: timedelta, *, shown: str | None = None
    ) -> None:
        # Not looked at: whoever has just opened it still waits for it.
        await self._store.settle_home(
            tab,
            shown=tab.shown if shown is None else shown,
            seq=board.seq,
            looked_at=tab.looked_at,
            due_at=self._clock.now() + wait,
        )
