"""The bodies that Slack sends to an app, built from the workspace: commands, interactions, events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.sandbox.slack.model import Channel, Json, Message, User, View
from bot.sandbox.slack.shown import message_json, view_json
from bot.sandbox.slack.workspace import Workspace

VERIFICATION_TOKEN = "sandbox-verification-token"


def command(workspace: Workspace, user: User, channel: Channel, name: str, text: str) -> dict[str, str]:
    """The form of a slash command; there is no thread in it, since commands can't be typed in one."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.team_id,
        "team_domain": workspace.team_domain,
        "channel_id": channel.id,
        "channel_name": "privategroup" if channel.is_private else channel.name,
        "user_id": user.id,
        "user_name": user.name,
        "command": name,
        "text": text,
        "api_app_id": workspace.app_id,
        "is_enterprise_install": "false",
        "response_url": workspace.new_response_url(channel.id, user.id),
        "trigger_id": workspace.new_trigger(user),
    }


def interaction(workspace: Workspace, kind: str, user: User) -> Json:
    """What every interaction carries; ``team`` is the installing one even of a user of another team."""
    return {
        "type": kind,
        "token": VERIFICATION_TOKEN,
        "api_app_id": workspace.app_id,
        "team": {"id": workspace.team_id, "domain": workspace.team_domain},
        "enterprise": None,
        "is_enterprise_install": False,
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
    }


def on_message(workspace: Workspace, message: Message) -> Json:
    """Where an interaction took place: a message. Of an ephemeral one Slack sends no contents."""
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": bool(message.ephemeral_to),
    }
    if message.is_reply:
        container["thread_ts"] = message.thread_ts
    place = {"container": container, "channel": channel_of(workspace.channels[message.channel])}
    return place if message.ephemeral_to else place | {"message": message_json(workspace, message)}


def on_view(workspace: Workspace, view: View) -> Json:
    """Where an interaction took place: a modal or a Home tab."""
    return {"container": {"type": "view", "view_id": view.id}, "view": view_json(workspace, view)}


def channel_of(channel: Channel) -> Json:
    """A channel as interactions name it."""
    return {"id": channel.id, "name": "privategroup" if channel.is_private else channel.name}


def event(workspace: Workspace, inner: Json, channel: Channel | None) -> Json:
    """The envelope of an event."""
    authorization = {
        "enterprise_id": None,
        "team_id": workspace.team_id,
        "user_id": workspace.bot_user,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.team_id,
        "context_team_id": workspace.team_id,
        "context_enterprise_id": None,
        "api_app_id": workspace.app_id,
        "event": inner,
        "type": "event_callback",
        "event_id": workspace.new_id("Ev"),
        "event_time": int(workspace.clock().timestamp()),
        "authorizations": [authorization],
        "is_ext_shared_channel": bool(channel and channel.is_ext_shared),
        "event_context": workspace.new_id("4-"),
    }


def elements(blocks: Any) -> Iterator[tuple[Json, Json]]:
    """Every interactive element with the block that it is in."""
    for block in blocks:
        found = [*block.get("elements", []), block.get("accessory"), block.get("element")]
        for element in found:
            if isinstance(element, dict) and "action_id" in element:
                yield block, element


def options(element: Json) -> list[Json]:
    """The options of a menu, those of its groups included."""
    grouped = [option for group in element.get("option_groups", []) for option in group["options"]]
    return [*element.get("options", []), *grouped]


def state_value(element: Json, value: Any) -> Json:
    """What ``view.state.values`` says of an input; ``value`` is what was typed or the value chosen."""
    kind = element["type"]
    if kind in {"static_select", "radio_buttons", "overflow"}:
        chosen = next((option for option in options(element) if option["value"] == value), None)
        return {"type": kind, "selected_option": chosen}
    if kind == "external_select":
        text = {"type": "plain_text", "text": str(value), "emoji": True}
        option = value if isinstance(value, dict) or value is None else {"text": text, "value": value}
        return {"type": kind, "selected_option": option}
    if kind == "checkboxes":
        chosen_ones = [option for option in options(element) if option["value"] in (value or [])]
        return {"type": kind, "selected_options": chosen_ones}
    key = {
        "users_select": "selected_user",
        "conversations_select": "selected_conversation",
        "channels_select": "selected_channel",
        "datepicker": "selected_date",
        "timepicker": "selected_time",
        "datetimepicker": "selected_date_time",
    }.get(kind, "value")
    return {"type": kind, key: value}
