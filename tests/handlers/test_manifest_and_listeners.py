"""The manifest asks for exactly what the code uses: each surface is delivered to the real app and is handled."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from handlers.listeners import SHORTCUTS, Listeners
from handlers.manifest import manifest

SOURCES = (Path(__file__).parents[2] / "handlers").rglob("*.py")
CODE = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES if path.name != "manifest.py")
FORM: dict[str, Any] = manifest(url="https://switchover.example.com")

# Which scope each Web API method needs (docs.slack.dev, page of each method); None: any token.
NEEDS = {
    "auth.test": None,
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "chat.postEphemeral": "chat:write",
    "conversations.history": "channels:history",
    "conversations.replies": "channels:history",
    "conversations.open": "im:write",
    "users.info": "users:read",
    "usergroups.users.list": "usergroups:read",
    "views.publish": None,
    "views.open": None,
    "views.update": None,
}
ELSEWHERE_TOO = {"channels:history": {"groups:history", "im:history"}}
FOR_EVENTS = {
    "app_home_opened": None,
    "app_mention": "app_mentions:read",
    "user_change": "users:read",
    "subteam_members_changed": "usergroups:read",
    "subteam_updated": "usergroups:read",
}


def methods() -> set[str]:
    """Every Web API method that the code names."""
    return set(re.findall(r'"((?:auth|chat|conversations|users|usergroups|views)\.[A-Za-z.]+)"', CODE))


def test_the_methods_in_use_are_those_whose_scopes_are_known() -> None:
    assert methods() - set(NEEDS) == set()


def test_scopes_are_what_methods_events_and_commands_need_and_no_more() -> None:
    needed = {NEEDS[method] for method in methods()} | {"commands"}
    needed |= {FOR_EVENTS[event] for event in FORM["settings"]["event_subscriptions"]["bot_events"]}
    needed = needed.union(*(more for scope, more in ELSEWHERE_TOO.items() if scope in needed))
    assert set(FORM["oauth_config"]["scopes"]["bot"]) == {scope for scope in needed if scope}


@pytest.mark.parametrize("event", FORM["settings"]["event_subscriptions"]["bot_events"])
def test_every_event_asked_for_is_one_that_the_code_knows(event: str) -> None:
    assert f'"{event}"' in CODE


def test_the_command_is_the_only_one_and_escapes_mentions() -> None:
    (command,) = FORM["features"]["slash_commands"]
    assert command["command"] == "/switchover"
    assert command["should_escape"] is True
    assert Listeners.command.__doc__


def test_the_shortcuts_are_those_that_open_the_form() -> None:
    asked = {shortcut["callback_id"]: shortcut["type"] for shortcut in FORM["features"]["shortcuts"]}
    assert asked == {"switchover_here": "message", "switchover_new": "global"}
    assert set(asked) == SHORTCUTS


def test_clicks_forms_and_type_ahead_are_delivered() -> None:
    interactivity = FORM["settings"]["interactivity"]
    url = FORM["features"]["slash_commands"][0]["url"]
    assert interactivity == {"is_enabled": True, "request_url": url, "message_menu_options_url": url}
