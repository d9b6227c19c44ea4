"""The Slack app manifest, from one source for both ways of being connected.

Every scope is here for a method or an event; ``_SCOPES`` says for which.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import yaml

from handlers.mrkdwn import NAME

EVENTS_PATH = "/slack/events"

_SCOPES = {
    "app_mentions:read": "app_mention",
    "channels:history": "conversations.history and .replies: is the bot there, was a message posted?",
    "chat:write": "chat.postMessage, chat.update, chat.postEphemeral",
    "commands": "the slash command and both shortcuts",
    "groups:history": "the same look-up in private channels",
    "im:history": "the same look-up in direct messages, where ends go that can't be told in a channel",
    "im:write": "conversations.open: a direct message where no channel can be used",
    "usergroups:read": "usergroups.users.list, subteam_updated, subteam_members_changed",
    "users:read": "users.info, user_change",
}
_EVENTS = (
    "app_home_opened",
    "app_mention",
    "subteam_members_changed",
    "subteam_updated",
    "user_change",
)
_USAGE = (
    "[plan] DATABASE [to NODE] [shard GROUP] [at TIME | in DURATION] [because REASON] · list · status · help"
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def manifest(*, url: str | None) -> dict[str, Any]:
    """The app manifest.

    Args:
        url: The bot's public base address, https (http only on this machine); None for Socket Mode.

    Raises:
        ValueError: The address can't be one; the message names the mend.
    """
    request_url = None if url is None else _request_url(url)
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": "Switchover",
            "description": "Switches the primary of a managed database: once, approved, verified.",
            "background_color": "#1f3a5f",
        },
        "features": _features(request_url),
        "oauth_config": {"scopes": {"bot": sorted(_SCOPES)}},
        "settings": _settings(request_url),
    }


def render_yaml(*, url: str | None) -> str:
    """The same as YAML, headed by the command that prints it."""
    command = "switchover manifest " + ("--socket" if url is None else f"--url {url}")
    body = yaml.safe_dump(manifest(url=url), sort_keys=False, allow_unicode=True, width=1000)
    return f"# Printed by: {command}\n{body}"


def _features(request_url: str | None) -> dict[str, Any]:
    command = {
        "command": "/switchover",
        "description": "Switch over a database, or see what is under way",
        "usage_hint": _USAGE,
        "should_escape": True,  # mentions arrive as ids, so nobody is meant by a name that can change
    }
    return {
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": True,
        },
        "bot_user": {"display_name": NAME, "always_online": True},
        "shortcuts": [
            _shortcut(
                "Switch over a database", "message", "switchover_here", "Request a switchover in this thread"
            ),
            _shortcut("New switchover", "global", "switchover_new", "Request a switchover"),
        ],
        "slash_commands": [command if request_url is None else {"url": request_url, **command}],
    }


def _shortcut(name: str, kind: str, callback_id: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "callback_id": callback_id,
        "description": description,
    }


def _settings(request_url: str | None) -> dict[str, Any]:
    events: dict[str, Any] = {"bot_events": list(_EVENTS)}
    interactivity: dict[str, Any] = {"is_enabled": True}
    if request_url is not None:
        events = {"request_url": request_url, **events}
        interactivity |= {"request_url": request_url, "message_menu_options_url": request_url}
    return {
        "event_subscriptions": events,
        "interactivity": interactivity,
        "org_deploy_enabled": False,
        "socket_mode_enabled": request_url is None,
        "token_rotation_enabled": False,
    }


def _request_url(url: str) -> str:
    mend = "write the public address of the bot, like https://switchover.example.com"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # reading it is what checks it
    except ValueError:
        raise ValueError(f"--url is not a web address: {mend}") from None
    if any(letter.isspace() or not letter.isprintable() for letter in url) or not parts.hostname:
        raise ValueError(f"--url is not a web address: {mend}")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError(f"--url must start with https://, which Slack demands: {mend}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"--url has more than an address in it: {mend}")
    return url.rstrip("/").removesuffix(EVENTS_PATH) + EVENTS_PATH
