"""Signed payloads through the real ingress and the real Bolt app, down to what is recorded."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.commands import Act, Action, Origin, RequestSwitchover, ShowHelp, ShowHome
from bot.core.events import Place
from bot.core.model import UserId
from bot.ports import Receipt
from tests.app.signed import JSON, SECRET, ask, form, interactive, signed_headers
from tests.handlers.entrance import CLICK, EVENT, MENTION, UNRECORDED, Bot


@pytest.fixture(autouse=True)
def _no_slack_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def bot() -> Bot:
    return Bot()


HOOK = "https://hooks.slack.com/commands/1/2"


def slash(text: str, **changes: str) -> bytes:
    fields = {
        "token": "t",
        "team_id": "T1",
        "channel_id": "C1",
        "channel_name": "payload-alerts",
        "user_id": "U1",
        "command": "/switchover",
        "text": text,
        "response_url": HOOK,
        "trigger_id": "13345224609.738474920.8088930838d88f008e0",
        "api_app_id": "A1",
    }
    return form(fields | changes)


# --- slash commands ---


async def test_a_command_is_recorded_and_acked_with_nothing(bot: Bot) -> None:
    response = await bot.send(slash("orders because payload"))
    assert (response.status_code, response.text) == (200, "")
    assert bot.commands == [RequestSwitchover("orders", reason="payload")]
    assert bot.origins == [Origin(UserId("U1"), "T1", Place("C1"), HOOK)]
    assert bot.kicks == 1
    [item] = bot.inbox.items
    assert re.fullmatch("command:sha256:[0-9a-f]{64}", item.dedupe_key)
    assert item.signature == signed_headers(slash("orders because payload"))["x-slack-signature"]
    assert item.received_at == bot.clock.now()


async def test_what_is_no_command_is_explained_at_once_and_not_recorded(bot: Bot) -> None:
    response = await bot.send(slash("do something odd"))
    assert response.json() == {
        "response_type": "ephemeral",
        "text": "zh-CN: not understood: do something odd",
        "blocks": [{"type": "divider"}],
    }
    assert (bot.commands, bot.kicks) == ([], 0)


async def test_what_depends_on_the_databases_there_are_is_explained_later(bot: Bot) -> None:
    """Outsiders are not told which there are."""
    response = await bot.send(slash("unsure what &lt;this&gt; is"))
    assert (response.status_code, response.text) == (200, "")
    assert bot.commands == [ShowHelp("unsure what &lt;this&gt; is")]


async def test_the_same_command_under_a_new_signature_has_no_second_effect(bot: Bot) -> None:
    first = await bot.send(slash("orders"))
    second = await bot.send(slash("orders"), at=1)
    assert [first.status_code, second.status_code] == [200, 200]
    assert (len(bot.commands), bot.inbox.calls, bot.kicks) == (1, 2, 1)


@pytest.mark.parametrize("trigger", ["", "13345224609.738474920.8088930838d88f008e0"])
async def test_a_command_is_known_by_all_that_it_says(bot: Bot, trigger: str) -> None:
    await bot.send(slash("orders", trigger_id=trigger))
    await bot.send(slash("orders", trigger_id=trigger), at=1)
    await bot.send(slash("sessions", trigger_id=trigger), at=2)
    await bot.send(slash("orders", trigger_id=trigger, response_url=HOOK + "9"), at=3)
    names = [command.database for command in bot.commands if isinstance(command, RequestSwitchover)]
    assert names == ["orders", "sessions", "orders"]


async def test_a_replay_after_a_restart_is_known_to_the_store(bot: Bot) -> None:
    await bot.send(slash("orders"))
    bot.app = bot.restarted()
    response = await bot.send(slash("orders"))
    assert response.status_code == 403
    assert len(bot.commands) == 1


async def test_a_command_that_was_not_recorded_is_told_so_in_words(bot: Bot) -> None:
    bot.inbox.down = True
    response = await bot.send(slash("orders"))
    assert (response.status_code, response.json()["text"]) == (200, f"zh-CN: {UNRECORDED}")
    assert bot.kicks == 0


async def test_a_defect_in_the_grammar_is_no_500(bot: Bot) -> None:
    response = await bot.send(slash("break"))
    assert (response.status_code, response.json()["text"]) == (200, f"zh-CN: {UNRECORDED}")


async def test_bolts_lazy_headers_never_reach_it(bot: Bot) -> None:
    await bot.send(slash("orders"), x_slack_bolt_lazy_only="1", x_slack_bolt_lazy_function_name="command")
    assert bot.commands == [RequestSwitchover("orders")]


# --- clicks ---


@pytest.mark.parametrize("action", list(Action))
async def test_every_button_of_the_card_is_recorded(bot: Bot, action: Action) -> None:
    button = {"action_id": action.value, "type": "button", "value": "SW-7K3M9Q"}
    assert (await bot.click(actions=[button])).status_code == 200
    assert bot.commands == [Act(action, "SW-7K3M9Q")]
    assert bot.origins[0].response_url == CLICK["response_url"]
    assert re.fullmatch("block_actions:sha256:[0-9a-f]{64}", bot.inbox.items[0].dedupe_key)


async def test_two_clicks_may_share_a_trigger(bot: Bot) -> None:
    button = CLICK["actions"][0]
    await bot.click(actions=[button])
    await bot.click(actions=[button], at=1)
    await bot.click(actions=[button | {"value": "SW-000000"}], at=2)
    assert bot.commands == [Act(Action.APPROVE, "SW-7K3M9Q"), Act(Action.APPROVE, "SW-000000")]


async def test_the_clicker_is_of_their_own_team_not_of_ours(bot: Bot) -> None:
    await bot.click(user={"id": "U9", "team_id": "T9"})
    await bot.click(user={"id": "U9"}, trigger_id="2")
    assert [origin.team for origin in bot.origins] == ["T9", ""]


async def test_a_click_in_a_thread_is_of_that_thread(bot: Bot) -> None:
    await bot.click(container={"type": "message", "channel_id": "C1", "thread_ts": "1.0"})
    await bot.click(message={"ts": "1.1", "thread_ts": "1.0"}, trigger_id="2")
    assert [origin.place for origin in bot.origins] == [Place("C1", "1.0")] * 2


@pytest.mark.parametrize("name", ["choose_node", "choose_node:1"])
async def test_a_chosen_node_makes_the_request(bot: Bot, name: str) -> None:
    await bot.click(actions=[{"action_id": name, "type": "button", "value": "orders|n2"}])
    option = {"action_id": name, "type": "static_select", "selected_option": {"value": "orders|n3"}}
    await bot.click(actions=[option], trigger_id="2")
    assert bot.commands == [RequestSwitchover("orders", node="n2"), RequestSwitchover("orders", node="n3")]


@pytest.mark.parametrize(
    "action", [{"action_id": "from_the_future"}, {"action_id": "choose_node", "value": "?"}]
)
async def test_a_button_we_do_not_know_is_answered_too(bot: Bot, action: dict[str, str]) -> None:
    assert (await bot.click(actions=[action])).status_code == 200
    assert bot.commands == [ShowHelp()]


async def test_a_button_that_only_opens_an_address_asks_nothing(bot: Bot) -> None:
    assert (await bot.click(actions=[{"action_id": "link_holder"}])).status_code == 200
    assert bot.commands == []


async def test_a_click_in_the_home_tab_has_no_channel(bot: Bot) -> None:
    body = {k: v for k, v in CLICK.items() if k not in ("channel", "message", "response_url")}
    await bot.send(interactive(body | {"container": {"type": "view", "view_id": "V1"}}))
    assert bot.origins == [Origin(UserId("U2"), "T1", Place(""))]


async def test_a_click_that_was_not_recorded_is_a_failure_in_slack(bot: Bot) -> None:
    bot.inbox.down = True
    assert (await bot.click()).status_code == 503


# --- events ---


async def test_a_mention_is_a_command_in_its_thread(bot: Bot) -> None:
    response = await bot.event(text="hey <@U77> and <@UBOT|bot>: orders because x", thread_ts="5.0")
    assert (response.status_code, response.text) == (200, "")
    assert bot.commands == [RequestSwitchover("orders", reason="x")]
    assert bot.origins == [Origin(UserId("U1"), "T1", Place("C1", "5.0"), mentioned=True)]
    assert bot.inbox.items[0].dedupe_key == "event_callback:Ev1"


@pytest.mark.parametrize(
    ("typed", "kept"), [("<@UBOT>", ""), ("<@UBOT> do something odd", "do something odd")]
)
async def test_a_mention_that_is_no_command_is_answered_later(bot: Bot, typed: str, kept: str) -> None:
    assert (await bot.event(text=typed)).status_code == 200
    assert bot.commands == [ShowHelp(kept)]


OPENED: dict[str, Any] = {
    "type": "app_home_opened",
    "user": "U1",
    "channel": "D1",
    "tab": "home",
    "text": None,
    "ts": None,
}


@pytest.mark.parametrize(("view", "blank"), [(None, True), ({"id": "V1", "type": "home"}, False)])
async def test_an_opened_home_tab_is_recorded_and_has_no_channel(bot: Bot, view: Any, blank: bool) -> None:
    assert (await bot.event(**OPENED, view=view)).status_code == 200
    assert bot.commands == [ShowHome(blank=blank)]
    assert bot.origins == [Origin(UserId("U1"), "T1", Place(""))]
    assert bot.kicks == 1


async def test_the_other_tab_of_the_app_is_none_of_ours(bot: Bot) -> None:
    assert (await bot.event(**OPENED | {"tab": "messages"})).status_code == 200
    assert bot.commands == []


async def test_an_opened_home_tab_that_was_not_recorded_is_to_be_sent_again(bot: Bot) -> None:
    bot.inbox.down = True
    assert (await bot.event(**OPENED)).status_code == 503


@pytest.mark.parametrize(
    "changes",
    [
        {"bot_id": "B7"},
        {"user": "UBOT"},
        {"user": None},
        {"edited": {"user": "U1", "ts": "6.0"}},
        {"subtype": "message_changed"},
    ],
)
async def test_bots_ourselves_and_edits_are_not_heard(bot: Bot, changes: dict[str, Any]) -> None:
    assert (await bot.event(**changes)).status_code == 200
    assert bot.commands == []


INSTALLER = {"team_id": "T1", "user_id": "U1", "is_bot": False}
OURS = {"team_id": "T1", "user_id": "UBOT", "is_bot": True}


@pytest.mark.parametrize(
    ("authorizations", "typed"),
    [
        ([INSTALLER], "<@UBOT> orders"),
        ([INSTALLER, OURS], "<@U77> <@UBOT> orders"),
        ([], "<@UBOT> orders"),
        ([{"user_id": "UOLD"}], "<@UBOT> orders"),
    ],
)
async def test_whoever_installed_the_app_is_heard_too(
    bot: Bot, authorizations: list[Any], typed: str
) -> None:
    body = EVENT | {"authorizations": authorizations, "event": MENTION | {"text": typed}}
    await bot.send(json.dumps(body).encode(), kind=JSON)
    assert bot.commands == [RequestSwitchover("orders")]
    said_by_a_bot = body | {"event_id": "Ev2", "event": MENTION | {"text": typed, "bot_id": "B1"}}
    await bot.send(json.dumps(said_by_a_bot).encode(), kind=JSON, at=1)
    assert len(bot.commands) == 1


async def test_a_retried_event_has_one_effect(bot: Bot) -> None:
    await bot.event()
    response = await bot.event(at=60)
    assert (response.status_code, len(bot.commands)) == (200, 1)


async def test_an_event_without_an_id_is_known_by_all_that_it_says(bot: Bot) -> None:
    body = EVENT | {"event_id": "", "event": MENTION | {"text": "<@UBOT> orders because x"}}
    for at in (0, 1):
        assert (await bot.send(json.dumps(body).encode(), kind=JSON, at=at)).status_code == 200
    assert len(bot.commands) == 1


async def test_an_event_that_was_not_recorded_is_to_be_sent_again(bot: Bot) -> None:
    bot.inbox.down = True
    assert (await bot.event()).status_code == 503
    bot.inbox.down = False
    assert (await bot.event()).status_code == 200
    assert len(bot.commands) == 1


async def test_the_author_of_a_mention_in_a_shared_channel_is_of_their_own_team(bot: Bot) -> None:
    for number, (shared, team) in enumerate([(True, "T9"), (True, None), (False, None)]):
        event = MENTION | {"team": team}
        body = EVENT | {"event": event, "event_id": f"Ev{number}", "is_ext_shared_channel": shared}
        await bot.send(json.dumps(body).encode(), kind=JSON)
    assert [origin.team for origin in bot.origins] == ["T9", "", "T1"]


async def test_changes_of_people_and_groups_are_passed_on(bot: Bot) -> None:
    await bot.event(type="user_change", user={"id": "U3"})
    await bot.event(type="subteam_members_changed", subteam_id="S1")
    await bot.event(type="subteam_updated", subteam={"id": "S2"})
    assert (bot.forgotten.people, bot.forgotten.groups) == (["U3"], ["S1", "S2"])


@pytest.mark.parametrize("kind", ["app_home_opened", "channel_id_changed", "something_new"])
async def test_other_events_are_acked(bot: Bot, kind: str) -> None:
    assert (await bot.event(type=kind)).status_code == 200
    assert bot.commands == []


async def test_slack_saying_that_it_holds_back_is_acked(bot: Bot) -> None:
    assert (await bot.send(b'{"type":"app_rate_limited","team_id":"T1"}', kind=JSON)).status_code == 200


# --- the rest ---


async def test_shortcuts_are_answered_with_the_usage_where_no_form_can_be_opened(bot: Bot) -> None:
    shortcut = {"user": CLICK["user"], "team": CLICK["team"]}
    here = shortcut | {
        "type": "message_action",
        "callback_id": "switchover_here",
        "trigger_id": "1",
        "channel": {"id": "C1"},
        "message": {"ts": "7.7", "thread_ts": "7.0"},
    }
    new = shortcut | {"type": "shortcut", "callback_id": "switchover_new", "trigger_id": "2"}
    for payload in (here, new):
        assert (await bot.send(interactive(payload))).status_code == 200
    assert bot.commands == [ShowHelp(), ShowHelp()]
    assert [origin.place for origin in bot.origins] == [Place("C1", "7.0"), Place("")]


async def test_forms_and_type_ahead_are_acked(bot: Bot) -> None:
    view = {"user": CLICK["user"], "view": {"callback_id": "switchover_request", "type": "modal"}}
    assert (await bot.send(interactive(view | {"type": "view_submission"}))).status_code == 200
    closed = interactive(view | {"type": "view_closed"})
    assert (await bot.send(closed)).status_code == 200
    typing = {"type": "block_suggestion", "user": CLICK["user"], "action_id": "database", "value": "or"}
    assert (await bot.send(interactive(typing))).json() == {"options": []}


@pytest.mark.parametrize(
    "body",
    [
        {"type": "unheard_of"},
        {"type": 1},
        {"type": "block_actions"},
        CLICK | {"actions": []},
        CLICK | {"actions": [1]},
        CLICK | {"actions": {"a": 1}},
        CLICK | {"user": "U1"},
        CLICK | {"user": 1},
        CLICK | {"channel": 1},
        CLICK | {"actions": [{"action_id": "approve", "value": 1}]},
        CLICK | {"user": {"id": "U" * 300}},
        EVENT | {"event": 1},
        EVENT | {"event": {}},
        EVENT | {"event": MENTION, "authorizations": [1]},
        EVENT | {"event": MENTION, "authorizations": [INSTALLER, 1]},
        EVENT | {"event": MENTION, "authorizations": "x"},
        EVENT | {"event": MENTION | {"channel": None}},
        {"command": "/switchover", "text": "orders"},
        {"command": 1, "text": "orders"},
    ],
)
async def test_payloads_of_another_shape_are_a_4xx(bot: Bot, body: dict[str, Any]) -> None:
    response = await bot.send(json.dumps(body).encode(), kind=JSON)
    assert 400 <= response.status_code < 500
    assert bot.commands == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "U1", "T1", "approve", "orders"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "type"]), inner),
    max_leaves=5,
)


@given(
    base=st.sampled_from([CLICK, EVENT | {"event": MENTION}, {"command": "/switchover", "text": "list"}]),
    changes=st.dictionaries(
        st.sampled_from(
            [
                *CLICK,
                *EVENT,
                "event",
                "command",
                "view",
                "enterprise",
                "user_id",
                "channel_id",
                "response_urls",
            ]
        ),
        VALUES,
        min_size=1,
        max_size=4,
    ),
)
async def test_whatever_shape_a_signed_payload_has_it_is_never_a_5xx(
    base: dict[str, Any], changes: dict[str, Any]
) -> None:
    response = await Bot().send(json.dumps(base | changes).encode(), kind=JSON)
    assert response.status_code < 500


@given(raw=st.binary(max_size=200), secret=st.sampled_from(["", "guess", SECRET[:-1]]))
async def test_nothing_unsigned_is_ever_recorded(raw: bytes, secret: str) -> None:
    bot = Bot()
    for body in (raw, slash("orders")):
        response = await ask(bot.app, body, signed_headers(body, secret=secret))
        assert 400 <= response.status_code < 500
    assert bot.inbox.calls == 0


async def test_the_store_is_asked_once_for_each_delivery(bot: Bot) -> None:
    await bot.click()
    assert bot.inbox.calls == 1
    assert await bot.inbox.receive(bot.inbox.items[0]) is Receipt.REPLAYED
