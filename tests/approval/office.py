"""Everybody who might act on a database, as a simulated Slack knows them, and a bot whose lists are short."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.core.model import UserId
from bot.core.policy import Policy, Standing
from bot.sandbox.slack import Workspace
from bot.sandbox.slack.web_api import WebApi
from handlers.directory import SlackDirectory
from handlers.slack_client import SlackClient
from tests.core.examples import ANN, ASKER, BOB, EVE
from tests.service.world import World
from tests.simulation.asgi import SlackSession

HOME, AWAY = "T-HOME", "T-AWAY"
REQ, CYD, FAY, GIL = UserId("U-REQ"), UserId("U-CYD"), UserId("U-FAY"), UserId("U-GIL")
GUEST, ROBOT, LEAVER, OUTSIDER = UserId("U-GUEST"), UserId("U-ROBOT"), UserId("U-LEAVER"), UserId("U-OUT")

KINDS: dict[str, tuple[UserId, ...]] = {
    "anybody": (EVE,),
    "requesters": (REQ,),
    "the requester": (ASKER,),
    "approvers": (CYD,),
    "approved": (ANN,),
    "elsewhere": (FAY,),
    "break-glass": (GIL,),
    "not a member": (GUEST, ROBOT, LEAVER, OUTSIDER),
}
"""The people of each column of the page."""
NOT_MEMBERS = KINDS["not a member"]
FLAGS: dict[UserId, dict[str, Any]] = {
    GUEST: {"is_restricted": True},
    ROBOT: {"is_bot": True},
    LEAVER: {"deleted": True},
    OUTSIDER: {"is_stranger": True, "team_id": AWAY},
}

GROUPS = {
    "S-REQ": (ASKER, REQ, *NOT_MEMBERS),
    "S-DBA": (ANN, BOB, CYD, *NOT_MEMBERS),
    "S-SRE": (GIL, *NOT_MEMBERS),
    "S-ELSE": (FAY, *NOT_MEMBERS),
}
ORDERS = Policy(
    "production",
    approvers=("S-DBA", *NOT_MEMBERS),
    approvals=2,
    requesters=("S-REQ", *NOT_MEMBERS),
    break_glass=("S-SRE", *NOT_MEMBERS),
    approval_ttl=timedelta(minutes=30),
)
SESSIONS = replace(ORDERS, approvers=("S-ELSE", *NOT_MEMBERS), break_glass=())
"""The policy of another database, which has approvers of its own."""


def team_of(user: UserId) -> str:
    """The workspace that a delivery of this person names."""
    return AWAY if user == OUTSIDER else HOME


def standing(user: UserId) -> Standing:
    """What is true of a person, told without asking Slack."""
    groups = frozenset(group for group, people in GROUPS.items() if user in people)
    return Standing(user, member=user not in NOT_MEMBERS, groups=groups)


class Office(World):
    """A bot with ``orders`` and ``sessions`` that asks the simulated Slack who people are."""

    def __init__(self, orders: Policy = ORDERS) -> None:
        super().__init__()
        self.slack = Workspace(self.clock.now, team_id=HOME, rate_limited=False)
        for people in (*KINDS.values(), (BOB,)):
            for user in people:
                self.slack.add_user(user, id=user, **FLAGS.get(user, {}))
        for group, members in GROUPS.items():
            self.slack.add_group(group, members, id=group)
        client = SlackClient(
            token=self.slack.token,
            api_url="http://slack.example/api/",
            clock=self.clock,
            observe=lambda *_: None,
            session=lambda **_: SlackSession(WebApi(self.slack), _at_once, _at_once),  # type: ignore[arg-type]
        )
        self.directory = SlackDirectory(client, clock=self.clock)
        self.configure(orders=orders, sessions=SESSIONS)
        self.start()


async def _at_once(_what: str = "") -> None:
    """Nothing delays a call."""
