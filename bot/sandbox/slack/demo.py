"""The people and channels of the demonstration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.sandbox.slack.model import Channel, Group, User
from bot.sandbox.slack.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Demo:
    """A workspace and who is who in it.

    Attributes:
        requester: Rita, a full member who is in no group.
        approver: Amir, of the approvers.
        second_approver: Bea, of the approvers.
        bystander: Carl, a full member of the channel who may only watch.
        guest: Gus, a multi-channel guest, although of the approvers.
        single_channel_guest: Uma, confined to the channel.
        deactivated: Dan, who has left, although still of the approvers.
        robot: Another app's bot user.
        outsider: Olga of another team, who shares ``shared`` with us through Slack Connect.
        approvers: The user group.
        channel: #orders-oncall, with the bot in it.
        audit: #db-audit, with the bot in it.
        private: #db-private, with the bot in it.
        elsewhere: #random, without the bot.
        hidden: #secret, private and without the bot.
        archived: #old-oncall.
        shared: #partners, shared with the outsider's team.
    """

    workspace: Workspace
    requester: User
    approver: User
    second_approver: User
    bystander: User
    guest: User
    single_channel_guest: User
    deactivated: User
    robot: User
    outsider: User
    approvers: Group
    channel: Channel
    audit: Channel
    private: Channel
    elsewhere: Channel
    hidden: Channel
    archived: Channel
    shared: Channel


def demo_workspace(clock: Callable[[], datetime], *, rate_limited: bool = True) -> Demo:
    """The workspace of the demonstration, which most tests can use as it is."""
    space = Workspace(clock, rate_limited=rate_limited)
    shanghai: dict[str, Any] = {"tz": "Asia/Shanghai", "tz_offset": 28800}
    rita = space.add_user("rita", real_name="Rita Requester", tz="Europe/Berlin", tz_offset=3600)
    amir = space.add_user("amir", real_name="Amir Approver", locale="zh-CN", **shanghai)
    bea = space.add_user("bea", real_name="Bea Approver", is_admin=True)
    carl = space.add_user("carl", real_name="Carl Bystander")
    gus = space.add_user("gus", real_name="Gus Guest", is_restricted=True)
    uma = space.add_user("uma", real_name="Uma Visitor", is_restricted=True, is_ultra_restricted=True)
    dan = space.add_user("dan", real_name="Dan Departed", deleted=True)
    robot = space.add_user("robot", real_name="Deploy Robot", is_bot=True)
    olga = space.add_user("olga", real_name="Olga Outsider", team_id="T0PARTNER", is_stranger=True)
    crew = [rita, amir, bea, carl, gus]
    return Demo(
        workspace=space,
        requester=rita,
        approver=amir,
        second_approver=bea,
        bystander=carl,
        guest=gus,
        single_channel_guest=uma,
        deactivated=dan,
        robot=robot,
        outsider=olga,
        approvers=space.add_group("dba-approvers", [amir, bea, gus, dan], id="S0APPROVERS"),
        channel=space.add_channel("orders-oncall", [*crew, uma], id="C0ORDERS"),
        audit=space.add_channel("db-audit", [amir, bea], id="C0AUDIT"),
        private=space.add_channel("db-private", [rita, amir, bea], id="C0PRIVATE", is_private=True),
        elsewhere=space.add_channel("random", crew, id="C0RANDOM", bot=False),
        hidden=space.add_channel("secret", [carl], id="C0SECRET", bot=False, is_private=True),
        archived=space.add_channel("old-oncall", crew, id="C0ARCHIVED", is_archived=True),
        shared=space.add_channel("partners", [*crew, olga], id="C0SHARED", is_ext_shared=True),
    )
