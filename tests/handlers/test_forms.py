"""The form from its opening to the request, by signed payloads through the real app and a simulated Slack."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from bot.core.commands import Origin, RequestSwitchover, ShowHelp
from bot.core.events import Place
from bot.core.model import NodeId, Reason, UserId
from bot.core.schedule import Start
from bot.errors import MaybeRecorded, Unavailable
from bot.sandbox.slack import Fault, Impossible, View
from bot.sandbox.slack.shown import view_json
from bot.sandbox.slack.wire import FORM, Delivery
from bot.service.catalogue import Database
from bot.service.offering import Offering
from handlers.forms import Forms
from handlers.wording import Wording
from tests.core.examples import B, C
from tests.handlers.ledger import Inbox
from tests.handlers.office import OPEN_TO_ALL, Office, blocks_of, hang, office, said_in

RITA = UserId("U0RITA")


HISTORY = "conversations.history"


def elsewhere(it: Office) -> dict[str, str]:
    """A form filled in for a channel without the bot."""
    return {"database": "orders", "channel": it.demo.elsewhere.id}


def rita(office: Office, place: Place) -> Origin:
    who = office.demo.requester
    return Origin(UserId(who.id), who.team_id, place)


# --- ways in ---


async def test_the_whole_way_from_the_bare_command_to_the_request() -> None:
    async with office() as it:
        view = await it.opened()
        assert it.demo.workspace.ephemerals("rita") == []
        assert list(blocks_of(view)) == ["database", "start", "reason", "channel"]
        found = await it.people.suggest("rita", view, "database", "ord")
        assert [each["value"] for each in found.json["options"]] == ["orders"]
        await it.people.choose("rita", view, "database", "orders")
        view = await it.form()
        assert list(blocks_of(view)) == ["database", "node", "start", "reason", "channel"]
        nodes = blocks_of(view)["node"]["element"]["options"]
        assert [each["value"] for each in nodes] == [B, C]
        assert "Primary now: db-a" in said_in(view)
        filled = {"database": "orders", "node": B, "start": "in 30m", "reason": "disk"}
        receipt = await it.people.submit("rita", view, filled)
        assert (receipt.status, receipt.body) == (200, b"")
        assert it.demo.workspace.modal("rita") is None
        expected = RequestSwitchover(
            "orders", node=B, reason="disk", start=Start(after=timedelta(minutes=30))
        )
        assert it.recorded.command == expected
        assert it.recorded.origin == rita(it, Place(it.demo.channel.id))
        assert it.kicks == 1


async def test_a_message_shortcut_asks_in_the_thread_of_its_message() -> None:
    async with office() as it:
        root = it.demo.workspace.post(it.demo.channel, "carl", "orders is slow")
        reply = it.demo.workspace.post(it.demo.channel, "bea", "switch it", thread_ts=root.ts)
        for message in (root, reply):
            assert (await it.people.message_shortcut("rita", message, "switchover_here")).ok
            view = await it.form()
            await it.people.submit("rita", view, {"database": "orders"})
        places = [item.origin.place for item in it.inbox.items]
        assert places == [Place(it.demo.channel.id, root.ts)] * 2


async def test_the_channel_is_suggested_where_the_form_was_opened_and_another_can_be_chosen() -> None:
    """Of the thread nothing is left then."""
    async with office() as it:
        view = await it.opened()
        assert blocks_of(view)["channel"]["element"]["initial_conversation"] == it.demo.channel.id
        message = it.demo.workspace.post(it.demo.channel, "carl", "orders is slow")
        await it.people.message_shortcut("rita", message, "switchover_here")
        view = await it.form()
        channel = blocks_of(view)["channel"]
        assert channel["element"]["initial_conversation"] == it.demo.channel.id
        assert channel["hint"]["text"].startswith("The card is posted in this thread, or")
        await it.people.submit("rita", view, {"database": "orders", "channel": it.demo.private.id})
        assert it.recorded.origin.place == Place(it.demo.private.id)


async def test_a_channel_without_the_bot_is_told_at_its_field_until_the_bot_is_invited() -> None:
    """A card that nobody sees is no request."""
    async with office() as it:
        elsewhere = it.demo.elsewhere
        view = await it.opened()
        filled = {"database": "orders", "channel": elsewhere.id}
        receipt = await it.people.submit("rita", view, filled)
        assert list(receipt.json["errors"]) == ["channel"]
        assert "Invite it with “/invite”" in receipt.json["errors"]["channel"]
        assert it.inbox.items == []
        elsewhere.members.add(it.demo.workspace.bot_user)
        assert (await it.people.submit("rita", view, filled)).body == b""
        assert it.recorded.origin.place == Place(elsewhere.id)


async def test_the_bot_asks_once_whether_it_is_in_a_channel_and_before_that_is_needed() -> None:
    async with office() as it:
        for _ in range(2):
            await it.people.submit("rita", await it.opened(), {"database": "orders"})
        assert len(it.demo.workspace.calls_of("conversations.history")) == 1
        assert len(it.inbox.items) == 2


async def test_what_slack_does_not_say_in_time_keeps_nobody_from_asking() -> None:
    """If there is no place for the card the requester is told then."""
    async with office(asked=0.05) as it:
        it.demo.workspace.faults.always(HISTORY, Fault.hang())
        await it.people.submit("rita", await it.opened(), elsewhere(it))
        assert it.recorded.origin.place == Place(it.demo.elsewhere.id)
        assert it.demo.workspace.calls_of(HISTORY)
        assert HISTORY not in it.answered  # nobody waited for it to give up


async def test_what_slack_does_not_say_at_all_keeps_nobody_from_asking() -> None:
    async with office() as it:
        it.demo.workspace.faults.always(HISTORY, Fault.slack_error("ratelimited"))
        await it.people.submit("rita", await it.opened(), elsewhere(it))
        assert it.recorded.origin.place == Place(it.demo.elsewhere.id)


async def test_where_the_bot_is_takes_no_more_calls_than_looking_for_lost_messages_leaves() -> None:
    """They are of one method, and each of these counts."""
    async with office() as it:
        room = it.pace.room(HISTORY)
        view = await it.opened()
        assert it.pace.room(HISTORY) == room - 1
        while not it.pace.take(HISTORY, it.demo.elsewhere.id):
            pass
        await it.people.submit("rita", view, elsewhere(it))
        assert it.recorded.origin.place == Place(it.demo.elsewhere.id)
        assert len(it.demo.workspace.calls_of(HISTORY)) == 1


async def test_the_global_shortcut_asks_for_the_channel() -> None:
    async with office() as it:
        assert (await it.people.global_shortcut("rita", "switchover_new")).ok
        view = await it.form()
        assert next(iter(blocks_of(view))) == "channel"
        await it.people.submit("rita", view, {"database": "orders", "channel": it.demo.private.id})
        assert it.recorded.origin.place == Place(it.demo.private.id)


async def test_after_a_bare_mention_a_button_opens_the_form_for_that_thread() -> None:
    async with office() as it:
        root = it.demo.workspace.post(it.demo.channel, "carl", "orders is slow")
        await it.people.mention("rita", it.demo.channel, thread=root)
        assert it.recorded.command == ShowHelp()
        offer = it.demo.workspace.post(
            it.demo.channel,
            it.demo.workspace.bot_user,
            "usage",
            blocks=(BUTTON,),
            thread_ts=root.ts,
            by_bot=True,
            ephemeral_to=it.demo.requester.id,
        )
        assert (await it.people.click("rita", offer, "open_form")).ok
        await it.people.submit("rita", await it.form(), {"database": "orders"})
        assert it.inbox.items[-1].origin.place == Place(it.demo.channel.id, root.ts)


BUTTON: dict[str, Any] = {
    "type": "actions",
    "block_id": "b",
    "elements": [
        {"type": "button", "action_id": "open_form", "text": {"type": "plain_text", "text": "Open the form"}}
    ],
}


async def test_a_button_of_the_home_tab_opens_the_form_with_a_channel_to_choose() -> None:
    async with office() as it:
        it.catalogue.current = replace(it.catalogue.current, channels=frozenset({it.demo.channel.id}))
        home = {"type": "home", "blocks": [BUTTON]}
        await it.client.call("views.publish", user_id=it.demo.requester.id, view=home)
        assert (await it.people.click("rita", it.demo.workspace.homes[it.demo.requester.id], "open_form")).ok
        view = await it.form()
        assert blocks_of(view)["channel"]["element"]["initial_conversation"] == it.demo.channel.id
        await it.people.submit("rita", view, {"database": "orders"})
        assert it.recorded.origin.place == Place(it.demo.channel.id)


async def test_where_no_requests_are_taken_the_form_asks_where_they_are_to_go() -> None:
    async with office() as it:
        it.catalogue.current = replace(it.catalogue.current, channels=frozenset({it.demo.private.id}))
        view = await it.opened()
        assert "channel" in blocks_of(view)
        filled = {"database": "orders", "channel": it.demo.channel.id}
        receipt = await it.people.submit("rita", view, filled)
        assert list(receipt.json["errors"]) == ["channel"]
        assert it.inbox.items == []


@pytest.mark.parametrize("configured", [False, True])
async def test_in_a_direct_message_the_form_asks_where_the_request_is_to_go(configured: bool) -> None:
    """It suggests no place that its own picker would not offer, and takes no request without one."""
    async with office() as it:
        one = frozenset({it.demo.channel.id}) if configured else frozenset()
        it.catalogue.current = replace(it.catalogue.current, channels=one)
        direct = it.demo.workspace.direct_channel(it.demo.requester.id)
        assert direct.id.startswith("D")
        assert (await it.people.command("rita", direct)).ok
        view = await it.form()
        name, channel = next(iter(blocks_of(view).items()))
        assert (name, channel["optional"]) == ("channel", False)
        assert channel["element"].get("initial_conversation", "") == "".join(one)
        if not configured:
            with pytest.raises(Impossible, match="channel has to be filled in"):
                await it.people.submit("rita", view, {"database": "orders"})
        await it.people.submit("rita", view, {"database": "orders", "channel": it.demo.channel.id})
        assert it.recorded.origin.place == Place(it.demo.channel.id)


# --- who gets it ---


@pytest.mark.parametrize("guest", ["gus", "uma"])
async def test_guests_are_told_no_and_get_no_form(guest: str) -> None:
    async with office() as it:
        await it.people.command(guest, it.demo.channel)
        assert "Only full, active members" in it.ephemeral(guest).text
        message = it.demo.workspace.post(it.demo.channel, "carl", "orders is slow")
        await it.people.message_shortcut(guest, message, "switchover_here")
        await it.settled()
        assert it.demo.workspace.modal(guest) is None
        assert it.commands == [ShowHelp()]  # which the desk answers with the same no


async def test_somebody_who_cannot_be_known_in_time_gets_no_form_but_the_usage() -> None:
    async with office(who=0.05) as it:
        it.demo.workspace.faults.always("users.info", Fault.hang())
        await it.people.command("rita", it.demo.channel)
        assert it.demo.workspace.calls_of("views.open") == []
        assert "/switchover" in it.ephemeral().text or "DATABASE" in it.ephemeral().text


async def test_nothing_is_offered_to_people_we_do_not_know() -> None:
    async with office() as it:
        view = await it.opened()
        it.directory.forget_person(it.demo.requester.id)
        calls = len(it.demo.workspace.calls_of("users.info"))
        first = await it.people.suggest("rita", view, "database", "ord")
        assert (first.json, len(it.demo.workspace.calls_of("users.info"))) == ({"options": []}, calls)
        await it.settled()  # meanwhile they are asked for
        again = await it.people.suggest("rita", view, "database", "ord")
        assert [each["value"] for each in again.json["options"]] == ["orders"]


async def test_a_demoted_person_is_offered_nothing_as_soon_as_slack_says_so() -> None:
    async with office() as it:
        view = await it.opened()
        it.demo.requester.is_restricted = True
        it.directory.forget_person(it.demo.requester.id)
        await it.people.suggest("rita", view, "database", "")
        await it.settled()
        assert (await it.people.suggest("rita", view, "database", "")).json == {"options": []}


async def test_databases_are_offered_to_those_who_may_request_them() -> None:
    async with office() as it:
        offered = {}
        for person in ("rita", "amir"):
            view = await it.opened(person)
            found = await it.people.suggest(person, view, "database", "")
            offered[person] = [each["value"] for each in found.json["options"]]
        assert offered == {"rita": ["events", "orders"], "amir": ["events", "orders", "payroll"]}


async def test_what_somebody_may_not_request_is_not_read_for_them() -> None:
    async with office() as it:
        view = await it.filled_for("payroll")
        assert "Policy strict does not let you request this" in said_in(view)
        assert it.cloud.readings == 0


async def test_of_many_databases_a_hundred_are_offered_those_that_begin_with_it_first() -> None:
    async with office() as it:
        many = [Database(f"db-{n:04}", "", "qc", it.cloud, OPEN_TO_ALL) for n in range(5000)]
        it.configure(*many, Database("a-db-1", "", "qc", it.cloud, OPEN_TO_ALL))
        view = await it.opened()
        found = await it.people.suggest("rita", view, "database", "DB-1")
        names = [each["value"] for each in found.json["options"]]
        assert (len(names), names[0], found.problem) == (100, "db-1000", "")


# --- when it can't be opened ---


async def test_a_trigger_that_has_expired_is_answered_with_the_usage() -> None:
    async with office() as it:
        it.demo.workspace.faults.once("views.open", Fault.slack_error("expired_trigger_id"))
        await it.people.command("rita", it.demo.channel)
        answer = it.ephemeral()
        assert "DATABASE" in answer.text
        assert answer.blocks[1]["elements"][0]["action_id"] == "open_form"
        assert (await it.people.click("rita", answer, "open_form")).ok
        assert blocks_of(await it.form())


async def test_a_slow_slack_does_not_hold_up_the_answer_and_a_late_failure_is_told() -> None:
    async with office(open=0.05, slack=1.0) as it:
        it.demo.workspace.faults.once("views.open", Fault.hang())
        receipt = await it.people.command("rita", it.demo.channel)
        assert (receipt.status, receipt.body) == (200, b"")
        assert it.commands == []
        await it.settled()
        assert it.recorded.command == ShowHelp()
        assert it.recorded.origin.response_url


async def test_the_same_command_twice_opens_one_form_and_says_nothing() -> None:
    async with office() as it:
        receipt = await it.people.command("rita", it.demo.channel)
        again = await it.people.again(receipt)
        assert (again.status, again.body) == (200, b"")
        assert len(it.demo.workspace.views) == 1


async def test_when_too_many_forms_are_under_way_the_usage_is_answered() -> None:
    async with office() as it:
        for _ in range(8):
            it.crew.start(hang(), "busy")
        await it.people.command("rita", it.demo.channel)
        assert "DATABASE" in it.ephemeral().text


# --- the live reading ---


async def test_the_form_is_open_while_the_cloud_is_read() -> None:
    async with office() as it:
        shown: list[str] = []

        async def look() -> None:
            now = it.demo.workspace.modal("rita")
            assert now is not None
            shown.append(said_in(now))

        it.cloud.while_reading = look
        await it.filled_for("orders")
        assert shown == [
            "⏳ Reading the nodes of orders. You need not wait for it: whatever is left empty, the bot finds out."
        ]


async def test_a_cloud_that_hangs_leaves_a_form_that_says_so_and_can_be_typed_into() -> None:
    async with office(reading=0.05) as it:
        it.shards.shards = ()
        it.shards.while_reading = hang
        view = await it.filled_for("events")
        assert "events could not be read in time" in said_in(view)
        fields = blocks_of(view)
        assert fields["shard"]["element"]["type"] == fields["node"]["element"]["type"] == "plain_text_input"
        await it.people.submit("rita", view, {"database": "events", "shard": "shard_2", "node": "db-c"})
        assert it.recorded.command == RequestSwitchover("events", shard="shard_2", node="db-c")


async def test_a_cloud_that_fails_leaves_the_rest_to_the_bot() -> None:
    async with office() as it:
        it.cloud.shows(Unavailable("no answer"))
        view = await it.filled_for("orders")
        assert "The provider: no answer" in said_in(view)
        await it.people.submit("rita", view, {"database": "orders"})
        assert it.recorded.command == RequestSwitchover("orders")


async def test_once_a_shard_is_chosen_only_its_nodes_are_offered() -> None:
    """From the reading that the form was filled with; and of another shard again once that is chosen."""
    async with office() as it:
        view = await it.filled_for("events")

        def offered(view: View) -> list[str]:
            groups = blocks_of(view)["node"]["element"]["option_groups"]
            return [group["label"]["text"] for group in groups]

        assert len(offered(view)) == 2
        it.shards.shards = ()
        it.shards.shows(Unavailable("no answer"))
        for shard, name in (("sh-1", "shard_1"), ("sh-2", "shard_2")):
            await it.people.choose("rita", view, "shard", shard)
            view = await it.form()
            assert offered(view) == [name]
        options = blocks_of(view)["shard"]["element"]["options"]
        assert [each["value"] for each in options] == ["sh-1", "sh-2"]


async def test_another_replica_reads_again_what_is_in_a_shard() -> None:
    """It does not know what the form was filled with."""
    async with office() as it:
        view = await it.filled_for("events")
        other = Forms(
            client=it.client,
            offering=Offering(directory=it.directory, catalogue=it.catalogue),
            foreseen=it.foreseen,
            wording=Wording("en"),
            crew=it.crew,
            take=it.pace.take,
            clock=it.clock,
        )
        other.chosen_shard(rita(it, Place("")), view_json(it.demo.workspace, view), "sh-2")
        groups = blocks_of(await it.form())["node"]["element"]["option_groups"]
        assert [group["label"]["text"] for group in groups] == ["shard_2"]


async def test_of_two_databases_chosen_in_a_row_the_last_one_is_shown() -> None:
    async with office() as it:
        view = await it.opened()

        async def change() -> None:
            now = it.demo.workspace.modal("rita")
            assert now is not None
            await it.people.choose("rita", now, "database", "events")

        it.cloud.while_reading = change
        await it.people.choose("rita", view, "database", "orders")
        now = await it.form()
        assert json.loads(now.payload["private_metadata"])["database"] == "events"
        assert [each["value"] for each in blocks_of(now)["shard"]["element"]["options"]] == ["sh-1", "sh-2"]


async def test_a_shard_of_the_database_that_was_chosen_before_is_not_taken_for_a_choice() -> None:
    """Its picker is still there until the new one is."""
    async with office() as it:
        view = await it.filled_for("events")

        async def late() -> None:
            it.forms.chosen_shard(rita(it, Place("")), view_json(it.demo.workspace, view), "sh-2")

        it.cloud.while_reading = late
        await it.people.choose("rita", view, "database", "orders")
        now = await it.form()
        assert json.loads(now.payload["private_metadata"])["database"] == "orders"
        assert "shard" not in blocks_of(now)


async def test_what_another_replica_has_changed_is_not_overwritten() -> None:
    async with office() as it:
        view = await it.opened()

        async def elsewhere() -> None:
            now = it.demo.workspace.modal("rita")
            assert now is not None
            payload = {**view.payload, "private_metadata": json.dumps({"database": "events"})}
            await it.client.call("views.update", view_id=now.id, view=payload)

        it.cloud.while_reading = elsewhere
        await it.people.choose("rita", view, "database", "orders")
        assert json.loads((await it.form()).payload["private_metadata"])["database"] == "events"


async def test_an_update_whose_answer_was_lost_is_made_again() -> None:
    async with office() as it:
        view = await it.opened()
        it.demo.workspace.faults.once("views.update", Fault.drop(processed=True))
        await it.people.choose("rita", view, "database", "orders")
        assert "node" in blocks_of(await it.form())


async def test_a_closed_form_is_not_read_for_and_costs_nothing() -> None:
    async with office() as it:
        view = await it.opened()
        chosen = await it.people.choose("rita", view, "database", "orders")
        await it.settled()
        await it.people.close("rita", view)
        before = it.cloud.readings
        assert (await it.people.again(chosen)).ok
        await it.settled()
        assert (it.cloud.readings, it.inbox.items) == (before, [])


# --- sending it ---


async def test_a_form_that_is_changed_and_sent_again_is_another_request() -> None:
    """Its acknowledgement was lost, so that it stayed open; what was changed must not be lost without a word."""

    def changed(delivery: Delivery) -> Delivery:
        payload = _payload(delivery)
        payload["view"]["state"]["values"]["reason"]["reason"]["value"] = "changed"
        return _signed(it, payload)

    async with office() as it:
        view = await it.opened()
        receipt = await it.people.submit("rita", view, {"database": "orders", "reason": "first"})
        assert (await it.people.send(changed(receipt.delivery))).ok
        assert [item.command for item in it.inbox.items] == [
            RequestSwitchover("orders", reason="first"),
            RequestSwitchover("orders", reason="changed"),
        ]


async def test_a_form_sent_twice_is_one_request() -> None:
    async with office() as it:
        view = await it.filled_for("orders")
        receipt = await it.people.submit("rita", view, {"database": "orders", "node": B})
        assert (await it.people.again(receipt)).ok
        # A second click has a trigger of its own.
        assert (await it.people.send(_changed(it, receipt.delivery, trigger_id="1.2.3"))).ok
        assert it.recorded.command == RequestSwitchover("orders", node=B)


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"start": "25:00"}, "start", "There is no “25:00” on the clock"),
        ({"start": "2026-11-23T02:00"}, "start", "has no time zone"),
        ({"start": "2020-11-23T02:00Z"}, "start", "2020-11-23 03:00 (UTC+01:00, Europe/Berlin) has passed"),
        ({"start": "in 31x"}, "start", "at most 30 days"),
        ({"start": "in 90d"}, "start", "days away"),
        ({"shard": "sh-1", "node": "n-elsewhere"}, "node", "Choose one of this shard"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field_and_nothing_is_recorded(
    changes: dict[str, str], field: str, said: str
) -> None:
    async with office() as it:
        first, second = it.shards.shards
        elsewhere = replace(second.nodes[2], id=NodeId("n-elsewhere"))
        it.shards.shards = (first, replace(second, nodes=(*second.nodes, elsewhere)))
        view = await it.filled_for("events")
        filled = {"database": "events", "shard": "sh-2", **changes}
        receipt = await it.people.submit("rita", view, filled)
        assert (receipt.json["response_action"], list(receipt.json["errors"])) == ("errors", [field])
        assert said in receipt.json["errors"][field]
        assert (receipt.problem, it.inbox.items) == ("", [])
        right = {"database": "events", "shard": "sh-2"}
        await it.people.submit("rita", view, right)
        assert it.recorded.command == RequestSwitchover("events", shard="sh-2")


async def test_what_forbids_the_request_already_is_said_at_the_database_and_the_form_stays() -> None:
    """With all that was filled in; once that is over the same form is taken."""
    async with office() as it:
        view = await it.filled_for("orders")
        filled = {"database": "orders", "node": B, "reason": "disk"}
        until = "2026-03-02T11:00:00+00:00"
        it.in_the_way["orders", RITA] = Reason.of("form-frozen", scope="all", reason="audit", until=until)
        receipt = await it.people.submit("rita", view, filled)
        assert receipt.json == {
            "response_action": "errors",
            "errors": {
                "database": "Frozen (all databases) until 2026-03-02 12:00 (UTC+01:00, Europe/Berlin): audit."
                " Send the form again once that is over."
            },
        }
        view = await it.form()
        assert it.inbox.items == []
        it.in_the_way.clear()
        await it.people.submit("rita", view, filled)
        assert it.recorded.command == RequestSwitchover("orders", node=B, reason="disk")


async def test_a_database_that_is_gone_meanwhile_is_said_at_its_field() -> None:
    async with office() as it:
        view = await it.opened()
        it.configure(Database("orders2", "", "qc", it.cloud, OPEN_TO_ALL))
        receipt = await it.people.submit("rita", view, {"database": "orders"})
        assert "Did you mean orders2?" in receipt.json["errors"]["database"]


async def test_a_node_picked_of_another_database_is_not_taken() -> None:
    async with office() as it:
        view = await it.filled_for("orders")
        receipt = await it.people.submit("rita", view, {"database": "events", "node": B})
        assert "This was chosen for orders" in receipt.json["errors"]["node"]


async def test_a_node_that_was_picked_of_no_database_is_judged_as_what_is_typed() -> None:
    """In a form that has not been filled for any yet."""

    def named(delivery: Delivery) -> Delivery:
        payload = _payload(delivery)
        payload["view"]["state"]["values"]["node"] = {"node": {"type": "plain_text_input", "value": B}}
        return _signed(it, payload)

    async with office() as it:
        view = await it.opened()
        assert (await it.people.submit("rita", view, {"database": "orders"}, twist=named)).problem == ""
        assert it.recorded.command == RequestSwitchover("orders", node=B)


async def test_a_mention_is_no_name() -> None:
    async with office() as it:
        it.cloud.shows(Unavailable("no answer"))
        view = await it.filled_for("orders")
        receipt = await it.people.submit("rita", view, {"database": "orders", "node": "<@U0AMIR>"})
        assert "is a mention" in receipt.json["errors"]["node"]


async def test_a_shard_has_to_be_chosen_where_there_are_any() -> None:
    async with office() as it:
        view = await it.filled_for("events")
        with pytest.raises(Impossible, match="shard has to be filled in"):
            await it.people.submit("rita", view, {"database": "events"})
        receipt = await it.people.submit(
            "rita", view, {"database": "events", "shard": "sh-1"}, twist=_no_shard(it)
        )
        assert "Choose a shard" in receipt.json["errors"]["shard"]


async def test_what_was_not_recorded_keeps_the_form_open() -> None:
    async with office() as it:
        view = await it.opened()
        it.inbox.down = True
        receipt = await it.people.submit("rita", view, {"database": "orders"})
        assert "nothing was recorded" in receipt.json["errors"]["database"]
        it.inbox.down = False
        await it.people.submit("rita", await it.form(), {"database": "orders"})
        assert it.recorded.command == RequestSwitchover("orders")


async def test_what_may_have_been_recorded_is_said_in_place_of_the_form(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with office() as it:
        view = await it.opened()

        async def lost(_inbox: Inbox, _item: object) -> None:
            raise MaybeRecorded("connection lost")

        monkeypatch.setattr(Inbox, "receive", lost)
        receipt = await it.people.submit("rita", view, {"database": "orders"})
        assert receipt.problem == ""
        assert "may or may not have been recorded" in said_in(await it.form())


async def test_the_view_of_another_app_or_version_is_answered_and_nothing_more() -> None:
    async with office() as it:
        view = await it.opened()
        receipt = await it.people.submit(
            "rita", view, {"database": "orders"}, twist=lambda d: _view_changed(it, d, callback_id="older")
        )
        assert (receipt.status, it.inbox.items) == (200, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"state": None},
        {"state": {"values": []}},
        {"state": {"values": {"database": {"database": {"selected_option": "orders"}}}}},
        {"state": {"values": {"database": {"database": {"value": 1}}}}},
        {"private_metadata": "{"},
        {"private_metadata": '{"channel": "<!channel>"}'},
        {"blocks": [1]},
        {"id": ""},
    ],
)
async def test_a_form_of_hostile_shape_is_not_understood_and_changes_nothing(changes: dict[str, Any]) -> None:
    async with office() as it:
        view = await it.opened()
        receipt = await it.people.submit(
            "rita", view, {"database": "orders"}, twist=lambda d: _view_changed(it, d, **changes)
        )
        assert (receipt.status, it.inbox.items) == (400, [])


def _payload(delivery: Delivery) -> Any:

    return json.loads(parse_qs(delivery.body.decode())["payload"][0])


def _signed(it: Office, payload: Any) -> Delivery:

    return it.people.sign(urlencode({"payload": json.dumps(payload)}), FORM)


def _changed(it: Office, delivery: Delivery, **changes: Any) -> Delivery:
    return _signed(it, _payload(delivery) | changes)


def _view_changed(it: Office, delivery: Delivery, **changes: Any) -> Delivery:
    payload = _payload(delivery)
    return _signed(it, payload | {"view": payload["view"] | changes})


def _no_shard(it: Office) -> Any:
    def twist(delivery: Delivery) -> Delivery:
        payload = _payload(delivery)
        payload["view"]["state"]["values"]["shard"] = {
            "shard": {"type": "static_select", "selected_option": None}
        }
        return _signed(it, payload)

    return twist
