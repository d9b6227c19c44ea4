"""What the deliveries send, as a real Bolt app and Slack's own signature check understand it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.signature import Clock, SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.sandbox.server import disconnected, serve
from bot.sandbox.slack import (
    ChangeKind,
    Deliveries,
    Demo,
    Impossible,
    Message,
    View,
    deliveries,
    serve_workspace,
)
from tests.sandbox.slack.hand_clock import HandClock

MENU = {
    "type": "static_select",
    "action_id": "choose_node",
    "placeholder": {"type": "plain_text", "text": "Node"},
    "options": [{"text": {"type": "plain_text", "text": "node 2"}, "value": "n2"}],
}
BUTTON = {
    "type": "button",
    "action_id": "approve",
    "text": {"type": "plain_text", "text": "Approve"},
    "value": "SW-1",
}
CARD = [{"type": "actions", "block_id": "do", "elements": [BUTTON, MENU]}]


def text_input(block_id: str, *, optional: bool = False) -> dict[str, Any]:
    return {
        "type": "input",
        "block_id": block_id,
        "optional": optional,
        "label": {"type": "plain_text", "text": block_id},
        "element": {"type": "plain_text_input", "action_id": block_id},
    }


MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "switchover_request",
    "notify_on_close": True,
    "title": {"type": "plain_text", "text": "Switchover"},
    "submit": {"type": "plain_text", "text": "Ask"},
    "blocks": [
        text_input("reason"),
        text_input("start", optional=True),
        {
            "type": "input",
            "block_id": "database",
            "label": {"type": "plain_text", "text": "Database"},
            "element": {"type": "external_select", "action_id": "database", "min_query_length": 0},
            "dispatch_action": True,
        },
    ],
}


@dataclass
class Heard:
    """What the Bolt app was told."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    answer: Any = None

    @property
    def last(self) -> dict[str, Any]:
        return self.bodies[-1]


def bolt_app(client: AsyncWebClient, secret: str, heard: Heard) -> Starlette:
    app = AsyncApp(client=client, signing_secret=secret, process_before_response=True)

    async def listen(ack: Any, body: dict[str, Any]) -> None:
        heard.bodies.append(body)
        answer = heard.answer
        await (ack(**answer) if isinstance(answer, dict) else ack(answer) if answer else ack())

    app.command("/switchover")(listen)
    app.action("approve")(listen)
    app.action("choose_node")(listen)
    app.action("database")(listen)
    app.options("database")(listen)
    app.shortcut("switchover_here")(listen)
    app.shortcut("switchover_new")(listen)
    app.view("switchover_request")(listen)
    app.view_closed("switchover_request")(listen)
    for kind in ("app_mention", "app_home_opened", "user_change", "subteam_members_changed"):
        app.event(kind)(listen)
    app.event("member_joined_channel")(listen)
    app.event("member_left_channel")(listen)
    handler = AsyncSlackRequestHandler(app)
    return Starlette(routes=[Route("/slack/events", handler.handle, methods=["POST"])])


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def slack(demo: Demo, heard: Heard) -> AsyncIterator[Deliveries]:
    space = demo.workspace
    async with serve_workspace(space) as api_url, aiohttp.ClientSession() as session:
        client = AsyncWebClient(space.token, base_url=api_url, session=session, retry_handlers=[])
        async with (
            serve(bolt_app(client, space.signing_secret, heard)) as bot_url,
            deliveries(space, f"{bot_url}/slack/events") as driver,
        ):
            yield driver


def card(demo: Demo, **attributes: Any) -> Message:
    return demo.workspace.post(
        "orders-oncall", demo.workspace.bot_user, "card", blocks=tuple(CARD), by_bot=True, **attributes
    )


async def test_a_command_has_every_field_and_its_answer_is_ephemeral(
    slack: Deliveries, demo: Demo, heard: Heard
) -> None:
    heard.answer = {"text": "understood", "response_type": "ephemeral"}
    receipt = await slack.command("rita", "#orders-oncall", "orders to node2 because load & <b>")
    assert receipt.ok
    assert heard.last["text"] == "orders to node2 because load & <b>"
    assert heard.last["channel_name"] == "orders-oncall"
    assert set(heard.last) == {
        *("token", "team_id", "team_domain", "channel_id", "channel_name", "user_id", "user_name"),
        *("command", "text", "response_url", "trigger_id", "api_app_id", "is_enterprise_install"),
    }
    assert [message.text for message in demo.workspace.ephemerals("rita")] == ["understood"]
    assert demo.workspace.messages() == []


async def test_a_plain_answer_and_a_public_one(slack: Deliveries, demo: Demo, heard: Heard) -> None:
    heard.answer = "only text"
    await slack.command("rita", "orders-oncall")
    assert [message.text for message in demo.workspace.ephemerals("rita")] == ["only text"]
    heard.answer = {"text": "for all", "response_type": "in_channel"}
    await slack.command("rita", "orders-oncall")
    assert [message.text for message in demo.workspace.messages()] == ["for all"]


async def test_a_click_carries_message_button_and_clicker(
    slack: Deliveries, demo: Demo, heard: Heard
) -> None:
    root = demo.workspace.post("orders-oncall", "rita", "help")
    posted = card(demo, thread_ts=root.ts)
    assert (await slack.click("amir", posted, "approve")).ok
    body = heard.last
    assert body["user"] == {
        "id": demo.approver.id,
        "username": "amir",
        "name": "amir",
        "team_id": demo.workspace.team_id,
    }
    assert body["actions"][0]["value"] == "SW-1"
    assert (body["actions"][0]["action_id"], body["actions"][0]["block_id"]) == ("approve", "do")
    assert (body["message"]["ts"], body["message"]["thread_ts"]) == (posted.ts, root.ts)
    assert body["container"]["message_ts"] == posted.ts
    assert body["trigger_id"] in demo.workspace.triggers
    assert body["response_url"].startswith(demo.workspace.url)


async def test_an_outsider_clicks_under_the_installed_team(
    slack: Deliveries, demo: Demo, heard: Heard
) -> None:
    posted = demo.workspace.post("partners", demo.workspace.bot_user, "card", blocks=tuple(CARD))
    await slack.click("olga", posted, "approve")
    assert heard.last["user"]["team_id"] == "T0PARTNER"
    assert heard.last["team"]["id"] == demo.workspace.team_id


async def test_what_slack_does_not_offer_is_impossible(slack: Deliveries, demo: Demo) -> None:
    posted = card(demo)
    with pytest.raises(Impossible, match="no cancel to use; there is approve, choose_node"):
        await slack.click("amir", posted, "cancel")
    with pytest.raises(Impossible, match="not a button"):
        await slack.click("amir", posted, "choose_node")
    with pytest.raises(Impossible, match="no option"):
        await slack.choose("amir", posted, "choose_node", "n9")
    with pytest.raises(Impossible, match="other team"):
        await slack.command("olga", "partners", "list")
    with pytest.raises(Impossible, match="does not see"):
        await slack.command("carl", "db-private", "list")
    demo.workspace.delete(posted)
    with pytest.raises(Impossible, match="deleted"):
        await slack.click("amir", posted, "approve")


async def test_an_outdated_screen_still_has_its_buttons(slack: Deliveries, demo: Demo, heard: Heard) -> None:
    posted = card(demo)
    demo.workspace.edit(posted, blocks=())
    with pytest.raises(Impossible):
        await slack.click("amir", posted, "approve")
    assert (await slack.click("amir", posted, "approve", outdated=True)).ok
    assert heard.last["actions"][0]["value"] == "SW-1"


async def test_a_choice_from_an_ephemeral_menu_has_no_message(
    slack: Deliveries, demo: Demo, heard: Heard
) -> None:
    asked = card(demo, ephemeral_to=demo.requester.id)
    await slack.choose("rita", asked, "choose_node", "n2")
    assert heard.last["actions"][0]["selected_option"]["value"] == "n2"
    assert heard.last["container"]["is_ephemeral"] is True
    assert "message" not in heard.last
    with pytest.raises(Impossible, match="somebody else"):
        await slack.choose("amir", asked, "choose_node", "n2")


async def test_shortcuts(slack: Deliveries, demo: Demo, heard: Heard) -> None:
    said = demo.workspace.post("orders-oncall", "carl", "slow!")
    await slack.message_shortcut("rita", said, "switchover_here")
    assert heard.last["message"]["ts"] == heard.last["message_ts"] == said.ts
    await slack.global_shortcut("rita", "switchover_new")
    assert (heard.last["type"], "response_url" in heard.last) == ("shortcut", False)
    with pytest.raises(Impossible):
        await slack.message_shortcut("rita", card(demo, ephemeral_to="U0RITA"), "switchover_here")


async def open_modal(demo: Demo) -> View:
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(demo.workspace.token, base_url=f"{demo.workspace.url}/api/", session=session)
        await client.views_open(trigger_id=demo.workspace.new_trigger("rita"), view=MODAL)
    modal = demo.workspace.modal("rita")
    assert modal is not None
    return modal


async def test_a_modal_is_filled_in_and_closes(slack: Deliveries, demo: Demo, heard: Heard) -> None:
    modal = await open_modal(demo)
    heard.answer = {"options": [{"text": {"type": "plain_text", "text": "orders"}, "value": "orders"}]}
    suggested = await slack.suggest("rita", modal, "database", "ord")
    assert suggested.json["options"][0]["value"] == "orders"
    assert heard.last["value"] == "ord"
    heard.answer = None
    assert (await slack.submit("rita", modal, {"reason": "load", "database": "orders"})).ok
    values = heard.last["view"]["state"]["values"]
    assert values["reason"]["reason"] == {"type": "plain_text_input", "value": "load"}
    assert values["start"]["start"]["value"] is None
    assert values["database"]["database"]["selected_option"]["value"] == "orders"
    assert demo.workspace.modal("rita") is None
    with pytest.raises(Impossible, match="not open"):
        await slack.submit("rita", modal, {"reason": "load", "database": "orders"})


async def test_a_submission_is_answered_with_errors_an_update_or_a_push(
    slack: Deliveries, demo: Demo, heard: Heard
) -> None:
    modal = await open_modal(demo)
    filled = {"reason": "load", "database": "orders"}
    heard.answer = {"response_action": "errors", "errors": {"reason": "too short"}}
    await slack.submit("rita", modal, filled)
    assert demo.workspace.views[modal.id].errors == {"reason": "too short"}
    heard.answer = {"response_action": "errors", "errors": {"nonsense": "?"}}
    assert (await slack.submit("rita", modal, filled)).problem
    pushed = MODAL | {"callback_id": "switchover_request", "private_metadata": "second"}
    heard.answer = {"response_action": "push", "view": pushed}
    await slack.submit("rita", modal, filled)
    top = demo.workspace.modal("rita")
    assert top is not None
    assert (top.previous_id, top.payload["private_metadata"]) == (modal.id, "second")
    heard.answer = {"response_action": "update", "view": MODAL | {"private_metadata": "third"}}
    await slack.submit("rita", top, filled)
    assert demo.workspace.views[top.id].payload["private_metadata"] == "third"
    heard.answer = {"response_action": "update", "view": MODAL | {"nonsense": 1}}
    assert "nonsense" in (await slack.submit("rita", top, filled)).problem
    heard.answer = {"response_action": "clear"}
    await slack.submit("rita", top, filled)
    assert demo.workspace.modal("rita") is None


async def test_a_modal_cannot_be_submitted_without_what_it_needs(slack: Deliveries, demo: Demo) -> None:
    modal = await open_modal(demo)
    with pytest.raises(Impossible, match="reason has to be filled in"):
        await slack.submit("rita", modal, {"database": "orders"})
    with pytest.raises(Impossible, match="has no shard"):
        await slack.submit("rita", modal, {"shard": "1"})
    with pytest.raises(Impossible, match="not open for this person"):
        await slack.submit("amir", modal, {})


async def test_closing_a_modal_is_told_where_asked_for(slack: Deliveries, demo: Demo, heard: Heard) -> None:
    modal = await open_modal(demo)
    assert await slack.close("rita", modal)
    assert (heard.last["type"], heard.last["is_cleared"]) == ("view_closed", False)
    assert demo.workspace.modal("rita") is None


async def test_events(slack: Deliveries, demo: Demo, heard: Heard) -> None:
    root = demo.workspace.post("orders-oncall", "carl", "slow!")
    await slack.mention("rita", "orders-oncall", "orders", thread=root)
    assert heard.last["event"]["text"] == f"<@{demo.workspace.bot_user}> orders"
    assert heard.last["event"]["thread_ts"] == root.ts
    assert heard.last["authorizations"][0]["team_id"] == demo.workspace.team_id
    await slack.open_home("rita")
    assert heard.last["event"]["tab"] == "home"
    demo.approver.deleted = True
    await slack.user_changed("amir")
    assert heard.last["event"]["user"]["deleted"] is True
    await slack.change_group(demo.approvers, add=("carl",), remove=("bea",))
    assert heard.last["event"]["removed_users"] == [demo.second_approver.id]
    assert demo.bystander.id in demo.approvers.members
    await slack.leave("carl", "orders-oncall")
    await slack.join("carl", "orders-oncall")
    assert heard.last["event"]["type"] == "member_joined_channel"
    ids = [body["event_id"] for body in heard.bodies]
    assert len(set(ids)) == len(ids)


async def test_an_outsiders_mention_names_their_team(slack: Deliveries, heard: Heard) -> None:
    await slack.mention("olga", "partners", "list")
    assert heard.last["event"]["user_team"] == "T0PARTNER"
    assert heard.last["is_ext_shared_channel"] is True


async def test_the_bot_hears_no_mention_where_it_is_not(slack: Deliveries) -> None:
    with pytest.raises(Impossible, match="not in #random"):
        await slack.mention("rita", "random", "list")
    with pytest.raises(Impossible, match="other teams"):
        await slack.open_home("olga")


async def test_a_button_in_the_home_tab_has_no_channel(slack: Deliveries, demo: Demo, heard: Heard) -> None:
    home = View("V0HOME", demo.approver.id, {"type": "home", "blocks": CARD}, "h")
    demo.workspace.save_view(ChangeKind.HOME_PUBLISHED, home)
    await slack.click("amir", home, "approve", value="SW-1")
    assert heard.last["container"] == {"type": "view", "view_id": "V0HOME"}
    assert not {"channel", "response_url", "message"} & heard.last.keys()
    with pytest.raises(Impossible, match="somebody else"):
        await slack.click("rita", home, "approve")
    with pytest.raises(Impossible):
        await slack.click("amir", home, "approve", value="SW-2")


async def test_an_answer_that_slack_would_not_take_is_told(
    slack: Deliveries, demo: Demo, heard: Heard
) -> None:
    heard.answer = {"text": "x", "blocks": [{"type": "nonsense"}]}
    assert (await slack.command("rita", "orders-oncall")).problem == "invalid_blocks"
    [message] = demo.workspace.ephemerals("rita")
    assert message.text == '/switchover failed with the error "invalid_blocks"'


async def test_the_url_is_verified(slack: Deliveries) -> None:
    assert (await slack.url_verification("prove it")).json == {"challenge": "prove it"}


async def test_forged_and_stale_requests_are_refused(slack: Deliveries, heard: Heard) -> None:
    assert (await slack.command("rita", "orders-oncall", twist=slack.forged)).status == 401
    assert (await slack.command("rita", "orders-oncall", twist=slack.stale)).status == 401
    assert heard.bodies == []


async def test_replays_keep_the_signature_and_duplicates_get_a_new_one(
    slack: Deliveries, heard: Heard
) -> None:
    first = await slack.command("rita", "orders-oncall", "list")
    replay = await slack.send(first.delivery)
    duplicate = await slack.again(first)
    assert replay.delivery == first.delivery
    assert duplicate.delivery.body == first.delivery.body
    assert duplicate.delivery.headers["X-Slack-Signature"] != first.delivery.headers["X-Slack-Signature"]
    assert len({body["trigger_id"] for body in heard.bodies}) == 1
    assert len(heard.bodies) == 3


class FixedClock(Clock):
    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


async def test_slacks_own_verifier_accepts_the_signatures(demo: Demo, clock: HandClock) -> None:
    async with deliveries(demo.workspace, "http://bot/slack/events") as driver:
        good = driver.sign("payload=ä")
        verifier = SignatureVerifier(demo.workspace.signing_secret, FixedClock(clock.now.timestamp()))
        assert verifier.is_valid_request(good.body, dict(good.headers))
        for bad in (driver.forged(good), driver.stale(good)):
            assert not verifier.is_valid_request(bad.body, dict(bad.headers))


@dataclass
class Moody:
    """A bot that answers with the given statuses, one after the other; 0 hangs."""

    statuses: list[int]
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[Request] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        await request.body()
        self.seen.append(request)
        status = self.statuses.pop(0)
        if not status:
            await disconnected(request.receive)
        return PlainTextResponse("", status or 200, headers=self.headers)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/", self.answer, methods=["POST"])])


async def test_events_are_retried_until_they_are_taken(demo: Demo) -> None:
    moody, numbers = Moody([500, 404, 200]), []

    async def before_retry(number: int) -> None:
        numbers.append(number)

    async with serve(moody.app()) as url, deliveries(demo.workspace, url) as driver:
        driver.before_retry = before_retry
        receipt = await driver.mention("rita", "orders-oncall")
    assert (receipt.ok, receipt.attempts, numbers) == (True, 3, [1, 2])
    retries = [request.headers.get("x-slack-retry-num") for request in moody.seen]
    assert retries == [None, "1", "2"]
    assert moody.seen[1].headers["x-slack-retry-reason"] == "http_error"
    assert len({request.headers["x-slack-signature"] for request in moody.seen}) == 3


async def test_events_are_given_up_after_three_retries_or_when_told(demo: Demo) -> None:
    for moody, attempts in (
        (Moody([500] * 4), 4),
        (Moody([500], headers={"x-slack-no-retry": "1"}), 1),
    ):
        async with serve(moody.app()) as url, deliveries(demo.workspace, url) as driver:
            assert (await driver.mention("rita", "orders-oncall")).attempts == attempts


async def test_slack_says_so_when_a_command_fails(demo: Demo) -> None:
    async with serve(Moody([500]).app()) as url, deliveries(demo.workspace, url) as driver:
        assert not (await driver.command("rita", "orders-oncall", "list")).ok
    async with deliveries(demo.workspace, url) as driver:
        assert (await driver.command("rita", "orders-oncall", "list")).failure
    assert [message.text for message in demo.workspace.ephemerals("rita")] == [
        '/switchover failed with the error "dispatch_failed"'
    ] * 2


async def test_a_bot_that_hangs_times_out(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.sandbox.slack.wire.ACK_SECONDS", 0.01)
    async with serve(Moody([0]).app()) as url, deliveries(demo.workspace, url) as driver:
        receipt = await driver.command("rita", "orders-oncall", "list")
    assert (receipt.status, receipt.failure) == (0, "timeout")
    [message] = demo.workspace.ephemerals("rita")
    assert message.text == '/switchover failed with the error "operation_timeout"'


async def test_any_body_can_be_sent(demo: Demo) -> None:
    moody = Moody([400])
    async with serve(moody.app()) as url, deliveries(demo.workspace, url) as driver:
        receipt = await driver.send(driver.sign(b"\xff\x00", "application/octet-stream"))
    assert receipt.status == 400
    assert moody.seen[0].headers["x-slack-signature"]


async def test_a_direct_and_a_private_channel_hide_their_names(demo: Demo) -> None:
    moody = Moody([200, 200])
    async with serve(moody.app()) as url, deliveries(demo.workspace, url) as driver:
        direct = await driver.command("rita", demo.workspace.direct_channel("U0RITA"))
        private = await driver.command("rita", "db-private")
    names = [parse_qs(one.delivery.body.decode())["channel_name"][0] for one in (direct, private)]
    assert names == ["directmessage", "privategroup"]


async def test_a_choice_in_a_modal_is_told_with_the_form_as_it_is(
    slack: Deliveries, demo: Demo, heard: Heard
) -> None:
    modal = await open_modal(demo)
    await slack.choose("rita", modal, "database", "orders")
    values = heard.last["view"]["state"]["values"]
    assert values["database"]["database"]["selected_option"]["value"] == "orders"
    assert (heard.last["view"]["hash"], heard.last["actions"][0]["action_id"]) == (modal.hash, "database")
    with pytest.raises(Impossible, match="told nobody"):
        await slack.choose("rita", modal, "reason", "load")


@pytest.mark.parametrize(
    "options",
    [
        [{"text": {"type": "plain_text", "text": "a"}, "value": str(n)} for n in range(101)],
        [{"text": {"type": "plain_text", "text": "a" * 76}, "value": "1"}],
        [{"text": {"type": "mrkdwn", "text": "a"}, "value": "1"}],
        [{"text": {"type": "plain_text", "text": "a"}}],
        None,
    ],
)
async def test_options_that_slack_would_not_show_are_a_problem(
    slack: Deliveries, demo: Demo, heard: Heard, options: Any
) -> None:
    heard.answer = {"options": options}
    assert (await slack.suggest("rita", await open_modal(demo), "database", "")).problem


async def test_no_options_are_asked_for_before_enough_is_typed(slack: Deliveries, demo: Demo) -> None:
    menu = {"type": "external_select", "action_id": "database"}
    asking = MODAL["blocks"][2] | {"element": menu}
    demo.workspace.save_view(
        ChangeKind.VIEW_OPENED, View("V1", demo.requester.id, MODAL | {"blocks": [asking]}, "h")
    )
    with pytest.raises(Impossible, match="before more is typed"):
        await slack.suggest("rita", demo.workspace.views["V1"], "database", "or")


async def test_what_stands_in_a_field_from_the_start_is_sent(
    slack: Deliveries, demo: Demo, heard: Heard
) -> None:
    prefilled = text_input("reason")
    prefilled["element"]["initial_value"] = "load"
    payload = MODAL | {"blocks": [prefilled]}
    demo.workspace.save_view(ChangeKind.VIEW_OPENED, View("V1", demo.requester.id, payload, "h"))
    assert (await slack.submit("rita", demo.workspace.views["V1"], {})).ok
    assert heard.last["view"]["state"]["values"]["reason"]["reason"]["value"] == "load"
