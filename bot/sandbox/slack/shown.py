"""How Slack shows its objects as JSON: messages, people, channels, groups, views."""

from __future__ import annotations

from bot.sandbox.slack.model import Channel, Group, Json, Message, User, View
from bot.sandbox.slack.workspace import Workspace


def message_json(workspace: Workspace, message: Message, *, metadata: bool = False) -> Json:
    """A message as history, replies and interactions carry it; a deleted parent as its tombstone."""
    if message.deleted:
        shown: Json = {
            "type": "message",
            "subtype": "tombstone",
            "text": "This message was deleted.",
            "user": "USLACKBOT",
            "hidden": True,
            "ts": message.ts,
        }
    else:
        shown = {
            "type": "message",
            "user": message.user,
            "text": message.text,
            "team": workspace.team_id,
            "ts": message.ts,
        }
        shown |= _of_bot(workspace, message) if message.by_bot else {}
    if message.blocks:
        shown["blocks"] = list(message.blocks)
    if message.edited_ts:
        shown["edited"] = {"user": message.user, "ts": message.edited_ts}
    if metadata and message.metadata:
        shown["metadata"] = dict(message.metadata)
    return shown | _thread(workspace, message)


def _of_bot(workspace: Workspace, message: Message) -> Json:
    profile = {
        "id": workspace.bot_id,
        "app_id": workspace.app_id,
        "name": workspace.users[message.user].name,
        "team_id": workspace.team_id,
        "deleted": False,
    }
    return {"bot_id": workspace.bot_id, "app_id": workspace.app_id, "bot_profile": profile}


def _thread(workspace: Workspace, message: Message) -> Json:
    if message.broadcast and (root := workspace.find(message.channel, message.thread_ts)):
        return {
            "subtype": "thread_broadcast",
            "thread_ts": message.thread_ts,
            "root": message_json(workspace, root),
        }
    if message.is_reply:
        return {"thread_ts": message.thread_ts}
    replies = [] if message.ephemeral_to else workspace.thread(message)
    if not replies:
        return {}
    people = list(dict.fromkeys(reply.user for reply in replies))
    return {
        "thread_ts": message.ts,
        "reply_count": len(replies),
        "reply_users_count": len(people),
        "reply_users": people[:5],
        "latest_reply": replies[-1].ts,
        "is_locked": False,
        "subscribed": False,
    }


def user_json(user: User, *, locale: bool = False) -> Json:
    """A person as users.info has them. Of somebody deactivated Slack leaves most of it out."""
    shown: Json = {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.name,
        "deleted": user.deleted,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "updated": 0,
        "profile": {
            "real_name": user.real_name,
            "real_name_normalized": user.real_name,
            "display_name": user.name,
            "display_name_normalized": user.name,
            "team": user.team_id,
        },
    }
    if user.deleted:
        return shown
    shown |= {
        "real_name": user.real_name,
        "tz": user.tz,
        "tz_label": user.tz,
        "tz_offset": user.tz_offset,
        "is_admin": user.is_admin,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": user.is_restricted,
        "is_ultra_restricted": user.is_ultra_restricted,
    }
    if user.is_stranger:
        return shown | {"is_stranger": True}  # no locale of people of other teams, even when asked for
    return shown | ({"locale": user.locale} if locale else {})


def channel_json(workspace: Workspace, channel: Channel) -> Json:
    """A conversation as conversations.info has it."""
    if channel.im_with:
        return {
            "id": channel.id,
            "is_im": True,
            "is_archived": False,
            "is_org_shared": False,
            "context_team_id": workspace.team_id,
            "user": channel.im_with,
            "is_open": True,
        }
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not channel.is_private,
        "is_group": channel.is_private,
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.is_private,
        "is_archived": channel.is_archived,
        "is_general": False,
        "is_shared": channel.is_ext_shared,
        "is_org_shared": False,
        "is_ext_shared": channel.is_ext_shared,
        "is_pending_ext_shared": False,
        "is_member": workspace.bot_user in channel.members,
        "context_team_id": workspace.team_id,
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "previous_names": [],
    }


def group_json(workspace: Workspace, group: Group, *, users: bool, count: bool) -> Json:
    """A user group as usergroups.list has it."""
    shown: Json = {
        "id": group.id,
        "team_id": workspace.team_id,
        "is_usergroup": True,
        "is_subteam": True,
        "name": group.name,
        "handle": group.handle,
        "description": "",
        "is_external": False,
        "date_delete": 0 if group.enabled else 1,
    }
    if users:
        shown["users"] = list(group.members)
    if count:
        shown["user_count"] = len(group.members)
    return shown


def view_json(workspace: Workspace, view: View) -> Json:
    """A view as the views methods return it and interactions carry it."""
    return {
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "title": None,
        "submit": None,
        "close": None,
        "clear_on_close": False,
        "notify_on_close": False,
        **view.payload,
        "id": view.id,
        "team_id": workspace.team_id,
        "state": {"values": {}},
        "hash": view.hash,
        "root_view_id": view.root_id or view.id,
        "previous_view_id": view.previous_id or None,
        "app_id": workspace.app_id,
        "bot_id": workspace.bot_id,
        "app_installed_team_id": workspace.team_id,
    }
