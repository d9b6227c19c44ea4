"""What people do, delivered to the bot as Slack delivers it: signed, within 3 seconds, events retried.

Payloads: docs.slack.dev/reference/interaction-payloads and /apis/events-api.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import httpx
from msgspec.json import encode

from bot.sandbox.slack import payloads
from bot.sandbox.slack.answers import after_submission, show_answer
from bot.sandbox.slack.block_kit import option_problems
from bot.sandbox.slack.model import ChangeKind, Channel, Group, Json, Message, User, View
from bot.sandbox.slack.shown import user_json, view_json
from bot.sandbox.slack.wire import JSON, Receipt, Twist, Wire, straight
from bot.sandbox.slack.workspace import Workspace

RETRIES = 3
QUERY_LENGTH = 3  # of an external menu that says nothing else


class Impossible(Exception):
    """Slack would not let this person do that: no such button, not in the channel, of another team."""


class Deliveries(Wire):
    """Lets people of a workspace use the bot.

    People are named by id, name or ``User``; channels by id, name or ``Channel``. Every method delivers one
    payload and returns the bot's answer; what Slack would show of the answer is kept in the workspace.
    ``twist`` changes the finished request before it leaves: ``forged``, ``stale``, or a function of your own.

    Args:
        workspace: Whose people.
        url: The bot's request URL, such as ``http://127.0.0.1:3000/slack/events``.
        http: Sends the requests; the caller closes it.
    """

    def __init__(self, workspace: Workspace, url: str, http: httpx.AsyncClient) -> None:
        super().__init__(workspace, url, http)
        self.before_retry: Callable[[int], Awaitable[None]] | None = None

    # Commands and shortcuts

    async def command(
        self,
        user: User | str,
        channel: Channel | str,
        text: str = "",
        *,
        name: str = "/switchover",
        twist: Twist = straight,
    ) -> Receipt:
        """Types a slash command.

        What the bot answers becomes an ephemeral message to the typist, and so does Slack's own sentence when
        there is no good answer.
        """
        who, place = self._insider(user), self.workspace.channel(channel)
        self._in_channel(who, place)
        form = payloads.command(self.workspace, who, place, name, text)
        receipt = await self.send(twist(self.sign(self.form(form))))
        url = self.workspace.response_urls[form["response_url"].rpartition("/")[2]]
        return show_answer(self.workspace, name, url, receipt)

    async def message_shortcut(
        self, user: User | str, message: Message, callback_id: str, *, twist: Twist = straight
    ) -> Receipt:
        """Chooses a shortcut from the menu of a message."""
        who, channel = self._insider(user), self.workspace.channels[message.channel]
        self._in_channel(who, channel)
        if message.ephemeral_to:
            raise Impossible("ephemeral messages have no shortcuts")
        payload = payloads.interaction(self.workspace, "message_action", who)
        place = payloads.on_message(self.workspace, message)
        payload |= {
            "callback_id": callback_id,
            "trigger_id": self.workspace.new_trigger(who),
            "response_url": self.workspace.new_response_url(channel.id, who.id, message),
            "channel": place["channel"],
            "message": place["message"],
            "message_ts": message.ts,
            "action_ts": self.workspace.next_ts(),
        }
        return await self._interact(payload, twist)

    async def global_shortcut(
        self, user: User | str, callback_id: str, *, twist: Twist = straight
    ) -> Receipt:
        """Chooses a shortcut that belongs to no channel; it has no response URL."""
        who = self._insider(user)
        payload = payloads.interaction(self.workspace, "shortcut", who)
        payload |= {
            "callback_id": callback_id,
            "trigger_id": self.workspace.new_trigger(who),
            "action_ts": self.workspace.next_ts(),
        }
        return await self._interact(payload, twist)

    # Buttons and menus

    async def click(
        self,
        user: User | str,
        where: Message | View,
        action_id: str,
        *,
        value: str | None = None,
        outdated: bool = False,
        twist: Twist = straight,
    ) -> Receipt:
        """Clicks a button.

        Args:
            user: Who clicks; people of other teams can, in shared channels.
            where: The message or view that has the button.
            action_id: Which button.
            value: Which of several with this ``action_id``.
            outdated: Click on ``where`` as it is given, not on what it has become since.
            twist: Changes the request.

        Raises:
            Impossible: There is no such button, or the user does not see it.
        """
        what = where if outdated else self._present(where)
        block, button = self._element(what, action_id, value)
        if button["type"] != "button":
            raise Impossible(f"{action_id} is a {button['type']}, not a button")
        kept: Json = {
            key: button[key] for key in ("type", "action_id", "text", "value", "style") if key in button
        }
        return await self._act(user, what, block, kept, twist)

    async def choose(
        self,
        user: User | str,
        where: Message | View,
        action_id: str,
        value: str,
        *,
        outdated: bool = False,
        twist: Twist = straight,
    ) -> Receipt:
        """Chooses the option with this value from a menu; arguments as of ``click``."""
        what = where if outdated else self._present(where)
        block, menu = self._element(what, action_id, None)
        if block["type"] == "input" and not block.get("dispatch_action"):
            raise Impossible(f"choosing in {action_id} is told nobody before the form is sent")
        state = payloads.state_value(menu, value)
        if menu["type"] == "static_select" and state["selected_option"] is None:
            raise Impossible(f"{action_id} has no option {value}")
        return await self._act(user, what, block, {"action_id": action_id, **state}, twist)

    async def suggest(
        self, user: User | str, where: Message | View, action_id: str, typed: str, *, twist: Twist = straight
    ) -> Receipt:
        """Types into an external menu and asks the bot for its options."""
        who, what = self.workspace.user(user), self._present(where)
        block, menu = self._element(what, action_id, None)
        if len(typed) < menu.get("min_query_length", QUERY_LENGTH):
            raise Impossible(f"Slack asks for no options of {action_id} before more is typed")
        payload = payloads.interaction(self.workspace, "block_suggestion", who) | self._place(who, what)
        payload |= {"action_id": action_id, "block_id": block["block_id"], "value": typed}
        receipt = await self._interact(payload, twist)
        return replace(receipt, problem="; ".join(option_problems(receipt.json))) if receipt.ok else receipt

    # Modals

    async def submit(
        self, user: User | str, view: View, values: Mapping[str, Any], *, twist: Twist = straight
    ) -> Receipt:
        """Fills in a modal by block id and submits it; what the bot answers is done to the view.

        Raises:
            Impossible: The modal is not open, a block does not exist, or a needed input is left out.
        """
        who, now = self.workspace.user(user), self._present(view)
        if not isinstance(now, View) or not now.open or now.user != who.id:
            raise Impossible("this modal is not open for this person")
        payload = payloads.interaction(self.workspace, "view_submission", who)
        shown = view_json(self.workspace, now)
        shown["state"] = {"values": _filled_in(now, values)}
        payload |= {"trigger_id": self.workspace.new_trigger(who), "view": shown, "response_urls": []}
        receipt = await self._interact(payload, twist)
        return after_submission(self.workspace, now, receipt) if receipt.ok else receipt

    async def close(
        self, user: User | str, view: View, *, all_views: bool = False, twist: Twist = straight
    ) -> Receipt | None:
        """Closes a modal; None when the bot did not ask to be notified."""
        who, now = self.workspace.user(user), self._present(view)
        if not isinstance(now, View):
            raise Impossible("only views can be closed")
        self.workspace.save_view(ChangeKind.VIEW_CLOSED, replace(now, open=False))
        if not now.payload.get("notify_on_close"):
            return None
        payload = payloads.interaction(self.workspace, "view_closed", who)
        payload |= {"view": view_json(self.workspace, now), "is_cleared": all_views}
        return await self._interact(payload, twist)

    # Events

    async def event(self, inner: Json, *, channel: Channel | None = None, twist: Twist = straight) -> Receipt:
        """Delivers an event, and again up to 3 times until it is answered 200 (or ``x-slack-no-retry``).

        Slack waits nothing, 1 and 5 minutes before its retries; here ``before_retry`` is awaited instead,
        with the retry's number, if it is set.
        """
        inner = {"event_ts": self.workspace.next_ts(), **inner}
        envelope = payloads.event(self.workspace, inner, channel)
        delivery = self.sign(json.dumps(envelope), JSON)
        receipt = await self.send(twist(delivery))
        for number in range(1, RETRIES + 1):
            if receipt.ok or receipt.headers.get("x-slack-no-retry") == "1":
                break
            if self.before_retry:
                await self.before_retry(number)
            retry = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": _reason(receipt)}
            receipt = await self.send(twist(self.resigned(delivery, **retry)))
            receipt = replace(receipt, attempts=number + 1)
        return receipt

    async def mention(
        self,
        user: User | str,
        channel: Channel | str,
        text: str = "",
        *,
        thread: Message | None = None,
        twist: Twist = straight,
    ) -> Receipt:
        """Says ``@switchover text`` in a channel, or in the thread of a message.

        Raises:
            Impossible: The bot is not in the channel, so Slack would not tell it.
        """
        text = f"<@{self.workspace.bot_user}> {text}".strip()
        return await self.heard(self.say(user, channel, text, thread=thread), twist=twist)

    def say(
        self, user: User | str, channel: Channel | str, text: str, *, thread: Message | None = None
    ) -> Message:
        """Says something in a channel or a thread; where the bot is mentioned in it, ``heard`` tells the bot.

        Raises:
            Impossible: This person can't speak there, or the bot is mentioned and would not be told.
        """
        who, place = self.workspace.user(user), self.workspace.channel(channel)
        self._in_channel(who, place)
        if self.mentions_bot(text) and self.workspace.bot_user not in place.members:
            raise Impossible(f"the bot is not in #{place.name} and hears of no mention there")
        root = (thread.thread_ts or thread.ts) if thread else ""
        return self.workspace.post(place, who, text, thread_ts=root)

    async def heard(self, said: Message, *, twist: Twist = straight) -> Receipt:
        """Tells the bot that it was mentioned in a message."""
        who, place = self.workspace.user(said.user), self.workspace.channel(said.channel)
        inner = {
            "type": "app_mention",
            "user": who.id,
            "ts": said.ts,
            "event_ts": said.ts,
            "text": said.text,
            "team": who.team_id,
            "channel": place.id,
        }
        if said.thread_ts:
            inner["thread_ts"] = said.thread_ts
        if who.team_id != self.workspace.team_id:
            inner |= {"user_team": who.team_id, "source_team": who.team_id}
        return await self.event(inner, channel=place, twist=twist)

    def mentions_bot(self, text: str) -> bool:
        """Whether a message with this text mentions the bot."""
        return f"<@{self.workspace.bot_user}>" in text

    async def open_home(self, user: User | str, *, twist: Twist = straight) -> Receipt:
        """Opens the app's Home tab."""
        who = self._insider(user)
        inner: Json = {
            "type": "app_home_opened",
            "user": who.id,
            "channel": self.workspace.direct_channel(who.id).id,
            "tab": "home",
        }
        if home := self.workspace.homes.get(who.id):
            inner["view"] = view_json(self.workspace, home)
        return await self.event(inner, twist=twist)

    async def user_changed(self, user: User | str) -> Receipt:
        """Tells the bot of somebody whose attributes were just changed."""
        shown = user_json(self.workspace.user(user), locale=True)
        return await self.event({"type": "user_change", "user": shown, "cache_ts": 0})

    async def change_group(
        self, group: Group, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()
    ) -> Receipt:
        """Adds people to a user group or takes them out, and tells the bot."""
        added, removed = ([self.workspace.user(one).id for one in people] for people in (add, remove))
        group.members[:] = [*(one for one in group.members if one not in removed), *added]
        inner = {
            "type": "subteam_members_changed",
            "subteam_id": group.id,
            "team_id": self.workspace.team_id,
            "added_users": added,
            "added_users_count": str(len(added)),
            "removed_users": removed,
            "removed_users_count": str(len(removed)),
        }
        return await self.event(inner)

    async def join(self, user: User | str, channel: Channel | str) -> Receipt:
        """Joins a channel, and the bot is told."""
        who, place = self.workspace.user(user), self.workspace.channel(channel)
        place.members.add(who.id)
        return await self._membership("member_joined_channel", who, place)

    async def leave(self, user: User | str, channel: Channel | str) -> Receipt:
        """Leaves a channel, and the bot is told."""
        who, place = self.workspace.user(user), self.workspace.channel(channel)
        place.members.discard(who.id)
        return await self._membership("member_left_channel", who, place)

    async def url_verification(self, challenge: str = "sandbox-challenge") -> Receipt:
        """Asks the bot to prove that the request URL is its own; it answers with the challenge."""
        body = {"token": payloads.VERIFICATION_TOKEN, "challenge": challenge, "type": "url_verification"}
        return await self.send(self.sign(json.dumps(body), JSON))

    # Inside

    async def _membership(self, kind: str, who: User, place: Channel) -> Receipt:
        inner = {
            "type": kind,
            "user": who.id,
            "channel": place.id,
            "channel_type": "G" if place.is_private else "C",
            "team": who.team_id,
        }
        return await self.event(inner, channel=place)

    async def _interact(self, payload: Json, twist: Twist) -> Receipt:
        return await self.send(twist(self.sign(self.form({"payload": encode(payload).decode()}))))

    def form(self, fields: Mapping[str, str]) -> str:
        """Fields as the body of a request."""
        return urlencode(fields)

    async def _act(
        self, user: User | str, where: Message | View, block: Json, action: Json, twist: Twist
    ) -> Receipt:
        who = self.workspace.user(user)
        payload = payloads.interaction(self.workspace, "block_actions", who) | self._place(who, where)
        if isinstance(where, Message):
            payload["state"] = {"values": {}}
            payload["response_url"] = self.workspace.new_response_url(where.channel, who.id, where)
        elif action.get("type") != "button":
            entered = {block["block_id"]: {action["action_id"]: _without(action, "action_id")}}
            payload["view"]["state"] = {"values": entered}
        acted = {"block_id": block["block_id"], **action, "action_ts": self.workspace.next_ts()}
        payload |= {"trigger_id": self.workspace.new_trigger(who), "actions": [acted]}
        return await self._interact(payload, twist)

    def _place(self, who: User, where: Message | View) -> Json:
        if isinstance(where, View):
            if where.user != who.id:
                raise Impossible("nobody sees the view of somebody else")
            return payloads.on_view(self.workspace, where)
        self._in_channel(who, self.workspace.channels[where.channel])
        if where.ephemeral_to not in {"", who.id}:
            raise Impossible("nobody sees the ephemeral message to somebody else")
        return payloads.on_message(self.workspace, where)

    def _present(self, where: Message | View) -> Message | View:
        if isinstance(where, View):
            return self.workspace.views[where.id]
        now = self.workspace.find(where.channel, where.ts, ephemeral_to=where.ephemeral_to)
        if now is None:
            raise Impossible("this message was deleted")
        return now

    def _element(self, where: Message | View, action_id: str, value: str | None) -> tuple[Json, Json]:
        blocks = where.payload["blocks"] if isinstance(where, View) else where.blocks
        seen = list(payloads.elements(blocks))
        for block, element in seen:
            if element["action_id"] == action_id and value in {None, element.get("value")}:
                return block, element
        there = ", ".join(element["action_id"] for _, element in seen) or "nothing"
        raise Impossible(f"there is no {action_id} to use; there is {there}")

    def _insider(self, user: User | str) -> User:
        who = self.workspace.user(user)
        if who.team_id != self.workspace.team_id:
            raise Impossible("people of other teams have no commands, shortcuts and Home tab of this app")
        return who

    def _in_channel(self, who: User, channel: Channel) -> None:
        if channel.is_private and who.id not in channel.members:
            raise Impossible(f"{who.name} does not see #{channel.name}")
        if who.team_id != self.workspace.team_id and who.id not in channel.members:
            raise Impossible(f"{who.name} is of another team and not in #{channel.name}")


@contextlib.asynccontextmanager
async def deliveries(
    workspace: Workspace, url: str, *, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[Deliveries]:
    """Deliveries over an HTTP client of their own, to the bot's request URL, or by another way in."""
    async with httpx.AsyncClient(trust_env=False, transport=transport) as http:
        yield Deliveries(workspace, url, http)


def _filled_in(view: View, values: Mapping[str, Any]) -> Json:
    state: Json = {}
    inputs = {
        block["block_id"]: block
        for block in view.payload["blocks"]
        if block["type"] == "input" or any(payloads.elements([block]))
    }
    if unknown := values.keys() - inputs.keys():
        raise Impossible(f"the modal has no {', '.join(sorted(unknown))}; it has {', '.join(inputs)}")
    for block_id, block in inputs.items():
        entered = values.get(block_id, _initial(block.get("element", {})))
        if block["type"] == "input" and not block.get("optional") and entered in {None, ""}:
            raise Impossible(f"{block_id} has to be filled in")
        for _, element in payloads.elements([block]):
            if element["type"] != "button":
                value = payloads.state_value(element, entered)
                state.setdefault(block_id, {})[element["action_id"]] = value
    return state


def _initial(element: Json) -> Any:
    """What stands in a field before anybody touches it; of the fields that name it as one value."""
    return element.get("initial_value", element.get("initial_conversation"))


def _without(item: Json, key: str) -> Json:
    return {name: value for name, value in item.items() if name != key}


def _reason(receipt: Receipt) -> str:
    if receipt.failure == "timeout":
        return "http_timeout"
    return "connection_failed" if receipt.failure else "http_error"
