"""Who is acting, found out at the moment of acting."""

from __future__ import annotations

from bot.core.model import UserId
from bot.core.policy import Policy, Standing
from bot.ports import Directory


async def standing(
    directory: Directory, policy: Policy | None, user: UserId, team: str | None, *, fresh: bool = False
) -> Standing:
    """What the workspace knows of a person now, and which of the policy's groups they are in.

    Args:
        directory: The workspace's people and groups.
        policy: Whose groups matter; None: only whether they are a member.
        user: Who.
        team: What the delivery said of their workspace, None where there is no delivery.
        fresh: Nothing remembered will do.

    Raises:
        DirectoryUnavailable: It can't be found out now.
    """
    person = await directory.person(user, team, fresh=fresh)
    if policy is None or not person.member:
        return Standing(user, person.member)
    groups = [group for group in sorted(policy.groups) if user in await directory.members(group, fresh=fresh)]
    return Standing(user, person.member, frozenset(groups))
