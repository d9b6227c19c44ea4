"""What Home tabs must show once all is quiet: what a fresh rendering of the stored state shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.sandbox.slack.workspace import Workspace
from handlers.home import HomeView
from tests.simulation.checks import WORDS, bare
from tests.simulation.life import Life
from tests.simulation.standing import Standings

AGE = re.compile(r' · [^·<"]*<!date\^[^>"]*>')
FRESH = 20 * 60.0
"""Seconds for which a tab that was opened is surely kept fresh."""


async def stale(
    life: Life, workspace: Workspace, standings: Standings, opened: Mapping[str, float], now: float
) -> Sequence[str]:
    """The tabs that show something else.

    Args:
        life: The process; what it has stored counts.
        workspace: What Slack shows.
        standings: Who was away: Slack shows them nothing.
        opened: When people opened theirs last.
        now: The second of the history.
    """
    problems = []
    for user, at in opened.items():
        shown = workspace.homes.get(user)
        if at < now - FRESH or standings.was_away(user, at):
            continue
        if shown is None:
            problems.append(f"{user} opened a Home tab, and there is none")
            continue
        fresh = await _fresh(life, workspace, user)
        mine, theirs = _ageless(bare(shown.payload["blocks"])), _ageless(bare(fresh.blocks))
        if life.alive and mine[: len(fresh.blocks) - 1] != theirs[:-1]:  # the last says when it was written
            odd = [(one, other) for one, other in zip(mine, theirs, strict=False) if one != other]
            problems.append(f"the Home tab of {user} is stale: {odd[:2] or (len(mine), len(theirs))}")
    return problems


def _ageless(value: Any) -> Any:
    """Blocks without the times of readings, which are shown once these are old."""
    match value:
        case str():
            return AGE.sub("", value)
        case list():
            return [_ageless(each) for each in value]
        case dict():
            return {key: _ageless(each) for key, each in value.items()}
        case _:
            return value


async def _fresh(life: Life, workspace: Workspace, user: str) -> HomeView:
    lobby, who = life.bot._lobby, workspace.users[user]
    if not await lobby.is_member(who.id, who.team_id):  # type: ignore[arg-type]  # an id like any other
        return WORDS.closed_home(locale=who.locale)
    board = await lobby.board()
    awaiting = await lobby.awaiting(board, who.id, who.team_id)  # type: ignore[arg-type]
    return WORDS.home(board, awaiting, links={}, locale=who.locale)
