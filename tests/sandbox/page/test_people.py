"""Everybody sees what is theirs, and nothing of what is somebody else's."""

from __future__ import annotations

import json

import pytest

from bot.sandbox.page.people import cast, slack_picture
from bot.sandbox.slack import ChangeKind, Demo, View
from bot.sandbox.slack.params import Params
from bot.sandbox.slack.respond import respond
from tests.sandbox.page.conftest import Shown

MARK = "for your eyes only"
BUTTON = {
    "type": "button",
    "action_id": "approve",
    "text": {"type": "plain_text", "text": "Approve"},
    "value": "SW-1",
}


def pictures(demo: Demo) -> dict[str, str]:
    """What each of the cast sees, as text."""
    return {
        user.id: json.dumps(slack_picture(demo, user), ensure_ascii=False) for user in cast(demo).values()
    }


def who_sees(demo: Demo, text: str = MARK) -> set[str]:
    return {who for who, seen in pictures(demo).items() if text in seen}


def view(kind: str, user: str) -> View:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": MARK}}]
    secret = {"private_metadata": "kept by the bot", "callback_id": "switchover_request"}
    return View(f"V{user}", user, {"type": kind, "blocks": blocks, **secret}, "h1")


def test_an_ephemeral_message_is_seen_by_one(shown: Shown) -> None:
    shown.demo.workspace.post("orders-oncall", shown.demo.workspace.bot_user, MARK, ephemeral_to="U0BEA")
    assert who_sees(shown.demo) == {"U0BEA"}


@pytest.mark.parametrize(
    ("kind", "change"), [("modal", ChangeKind.VIEW_OPENED), ("home", ChangeKind.HOME_PUBLISHED)]
)
def test_a_view_is_seen_by_one_and_what_the_bot_keeps_in_it_by_nobody(
    shown: Shown, kind: str, change: ChangeKind
) -> None:
    shown.demo.workspace.save_view(change, view(kind, "U0BEA"))
    assert who_sees(shown.demo) == {"U0BEA"}
    assert who_sees(shown.demo, "kept by the bot") == set()


@pytest.mark.parametrize(
    ("channel", "readers"),
    [
        ("orders-oncall", {"U0RITA", "U0AMIR", "U0BEA", "U0CARL", "U0GUS"}),
        ("db-private", {"U0RITA", "U0AMIR", "U0BEA"}),
        ("partners", {"U0RITA", "U0AMIR", "U0BEA", "U0CARL", "U0GUS", "U0OLGA"}),
        ("secret", {"U0CARL"}),
    ],
)
def test_a_channel_is_read_by_its_members(shown: Shown, channel: str, readers: set[str]) -> None:
    shown.demo.workspace.post(channel, shown.demo.workspace.bot_user, MARK)
    assert who_sees(shown.demo) == readers
    assert who_sees(shown.demo, f'"{channel}"') == readers


def test_a_reply_that_was_sent_to_the_channel_too_is_marked(shown: Shown) -> None:
    space = shown.demo.workspace
    root = space.post("orders-oncall", "U0RITA", "it is slow")
    space.post("orders-oncall", space.bot_user, "told aloud", thread_ts=root.ts, broadcast=True)
    space.post("orders-oncall", space.bot_user, "told in the thread", thread_ts=root.ts)
    seen = slack_picture(shown.demo, shown.demo.requester)["messages"].values()
    assert [(one["thread"] != "", one["broadcast"]) for one in seen] == [
        (False, False),
        (True, True),
        (True, False),
    ]


async def test_what_the_bot_takes_back_of_what_one_was_told_alone_is_gone(shown: Shown) -> None:
    space = shown.demo.workspace
    asked = space.post("orders-oncall", space.bot_user, MARK, ephemeral_to="U0RITA")
    for body in ({"replace_original": True, "text": "answered"}, {"delete_original": True}):
        url = space.new_response_url(asked.channel, "U0RITA", asked)
        respond(space, url.rpartition("/")[2], Params(body))
        assert who_sees(shown.demo) == set()
        assert who_sees(shown.demo, '"answered"') == ({"U0RITA"} if "text" in body else set())


def test_a_direct_message_is_read_by_one(shown: Shown) -> None:
    space = shown.demo.workspace
    space.post(space.direct_channel("U0AMIR"), space.bot_user, MARK)
    assert who_sees(shown.demo) == {"U0AMIR"}


def test_taking_a_picture_changes_nothing(shown: Shown) -> None:
    space = shown.demo.workspace
    space.post("orders-oncall", "U0RITA", "*slow*")
    changes: list[object] = []
    with space.on_change(changes.append):
        assert pictures(shown.demo) == pictures(shown.demo)
    assert changes == []


async def test_nobody_uses_what_is_not_theirs(shown: Shown) -> None:
    space = shown.demo.workspace
    asked = space.post(
        "orders-oncall",
        space.bot_user,
        "x",
        ephemeral_to="U0BEA",
        blocks=({"type": "actions", "block_id": "b", "elements": [BUTTON]},),
    )
    space.save_view(ChangeKind.VIEW_OPENED, view("modal", "U0BEA"))
    key = f"{asked.channel}/{asked.ts}"
    assert (await shown.act("click", message=key, action_id="approve")).status_code == 409
    assert (await shown.act("submit", view="VU0BEA", values={})).status_code == 409
    assert (await shown.act("close", view="VU0BEA")).status_code == 409
    assert space.modal("U0BEA") is not None
    assert (await shown.act("click", "U0BEA", message=key, action_id="approve")).json() == {
        "ok": False,
        "why": "unreachable",
    }
