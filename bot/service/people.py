"""Who is acting, found out at the moment of acting."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from bot.core.model import UserId
from bot.core.policy import ANYONE, Standing, is_group
from bot.ports import Directory


async def standing(
    directory: Directory,
    entries: Collection[str],
    user: UserId,
    team: str,
    *,
    since: datetime | None = None,
) -> Standing:
    """What the workspace knows of a person now, and through which of the listed groups they count.

    Groups are only asked for where nothing else decides: Slack allows few such calls, and somebody who is
    named in person must not depend on them.

    Args:
        directory: The workspace's people and groups.
        entries: The list that is asked about: user ids, user-group ids, ``*``; empty: only membership matters.
        user: Who.
        team: What the delivery said of their workspace; "" where it said nothing, or there is none.
        since: Only what was asked after this moment will do.

    Raises:
        DirectoryUnavailable: It can't be found out now.
    """
    person = await directory.person(user, team or None, since=since)
    if not person.member or ANYONE in entries or user in entries:
        return Standing(user, person.member)
    groups = [group for group in entries if is_group(group)]
    found = [group for group in groups if user in await directory.members(group, since=since)]
    return Standing(user, person.member, frozenset(found))
