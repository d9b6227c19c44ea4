"""The simulated workspace as one person sees it: nothing in it is for somebody else's eyes."""

from __future__ import annotations

from typing import Any

from bot.sandbox.page.mrkdwn import tokens, with_tokens
from bot.sandbox.slack import Channel, Demo, Message, User, View

Json = dict[str, Any]

MOST_MESSAGES = 300


def cast(demo: Demo) -> dict[str, User]:
    """Who one can be on the page, by role."""
    return {
        "requester": demo.requester,
        "approver": demo.approver,
        "second_approver": demo.second_approver,
        "bystander": demo.bystander,
        "guest": demo.guest,
        "outsider": demo.outsider,
    }


def slack_picture(demo: Demo, viewer: User) -> Json:
    """The sections of a snapshot that are Slack's.

    Args:
        demo: The workspace and its people.
        viewer: Whose screen it is.
    """
    space = demo.workspace
    seen = {channel.id: channel for channel in space.channels.values() if _sees(viewer, channel)}
    shared = [message for message in space.messages(tombstones=True) if message.channel in seen]
    alone = [message for message in space.ephemerals(viewer) if message.channel in seen]
    shown = sorted([*shared, *alone], key=lambda message: message.ts)[-MOST_MESSAGES:]
    modal, home = space.modal(viewer), space.homes.get(viewer.id)
    return {
        "me": {
            "id": viewer.id,
            "locale": viewer.locale,
            "insider": viewer.team_id == space.team_id,
            "bot": space.bot_user,
        },
        "people": {user.id: _person(user) for user in space.users.values()},
        "cast": {user.id: {"role": role, "locale": user.locale} for role, user in cast(demo).items()},
        "groups": {group.id: {"handle": group.handle} for group in space.groups.values()},
        "channels": {channel.id: _channel(channel, space.bot_user) for channel in seen.values()},
        "messages": {f"{one.channel}/{one.ts}": _message(one) for one in shown},
        "modal": {} if modal is None else {"view": _view(modal)},
        "home": {} if home is None else {"view": _view(home)},
    }


def _sees(viewer: User, channel: Channel) -> bool:
    return viewer.id in channel.members and not channel.is_archived


def _person(user: User) -> Json:
    return {"name": user.name, "real_name": user.real_name, "bot": user.is_bot}


def _channel(channel: Channel, bot: str) -> Json:
    return {
        "name": channel.name,
        "private": channel.is_private,
        "shared": channel.is_ext_shared,
        "direct": bool(channel.im_with),
        "has_bot": bot in channel.members,
    }


def _message(message: Message) -> Json:
    told = (message.metadata or {}).get("event_payload", {})
    return {
        "channel": message.channel,
        "ts": message.ts,
        "user": message.user,
        "tokens": [] if message.blocks else list(tokens(message.text)),
        "blocks": with_tokens(message.blocks),
        "thread": message.thread_ts if message.is_reply else "",
        "broadcast": message.broadcast,
        "alone": bool(message.ephemeral_to),
        "edited": bool(message.edited_ts),
        "deleted": message.deleted,
        "operation": str(told.get("operation", "")),
        "status": str(told.get("status", "")),
        "part": str(told.get("key", "")),
    }


def _view(view: View) -> Json:
    """A view without what the app keeps in it for itself."""
    shown = {key: view.payload[key] for key in ("title", "submit", "close") if view.payload.get(key)}
    return {
        "id": view.id,
        "hash": view.hash,
        "blocks": with_tokens(view.payload.get("blocks", [])),
        "errors": dict(view.errors),
        **shown,
    }
