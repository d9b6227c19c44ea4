"""The app manifest keeps to Slack's schema, asks for no scope without a reason, and is the one we ship."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from handlers.manifest import manifest, render_yaml

URL = "https://switchover.example.com"
REQUEST_URL = f"{URL}/slack/events"
SCOPES_OF_METHODS = {
    "chat.postMessage": {"chat:write"},
    "chat.update": {"chat:write"},
    "chat.postEphemeral": {"chat:write"},
    "conversations.history": {"channels:history", "groups:history", "im:history"},
    "conversations.replies": {"channels:history", "groups:history", "im:history"},
    "conversations.open": {"im:write"},
    "users.info": {"users:read"},
    "usergroups.users.list": {"usergroups:read"},
    "auth.test": set[str](),
    "views.open": set[str](),
    "views.publish": set[str](),
}
SCOPES_OF_EVENTS = {
    "app_home_opened": set[str](),
    "app_mention": {"app_mentions:read"},
    "subteam_members_changed": {"usergroups:read"},
    "subteam_updated": {"usergroups:read"},
    "user_change": {"users:read"},
}


@pytest.fixture(params=[None, URL], ids=["socket", "http"])
def form(request: pytest.FixtureRequest) -> dict[str, Any]:
    return manifest(url=request.param)


def urls(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [url for child in node.values() for url in urls(child)]
    if isinstance(node, list):
        return [url for child in node for url in urls(child)]
    return [node] if isinstance(node, str) and "://" in node else []


def test_the_file_in_the_repository_is_the_socket_form() -> None:
    path = Path(__file__).parents[2] / "manifest.yml"
    assert path.read_text(encoding="utf-8") == render_yaml(url=None)


def test_texts_keep_to_the_limits_of_the_schema(form: dict[str, Any]) -> None:
    shown = form["display_information"]
    assert 1 <= len(shown["name"]) <= 35
    assert len(shown["description"]) <= 140
    assert 1 <= len(form["features"]["bot_user"]["display_name"]) <= 80
    for command in form["features"]["slash_commands"]:
        assert 2 <= len(command["command"]) <= 32
        assert 1 <= len(command["description"]) <= 2000
        assert 1 <= len(command["usage_hint"]) <= 1000
    for shortcut in form["features"]["shortcuts"]:
        assert len(shortcut["name"]) <= 24
        assert len(shortcut["callback_id"]) <= 255
        assert len(shortcut["description"]) <= 150


def test_keys_are_those_of_the_schema(form: dict[str, Any]) -> None:
    assert set(form) == {"_metadata", "display_information", "features", "oauth_config", "settings"}
    assert form["_metadata"] == {"major_version": 2, "minor_version": 1}
    assert set(form["features"]) == {"app_home", "bot_user", "shortcuts", "slash_commands"}
    assert set(form["settings"]["interactivity"]) <= {"is_enabled", "request_url", "message_menu_options_url"}
    assert set(form["settings"]["event_subscriptions"]) <= {"request_url", "bot_events"}


def test_command_and_shortcuts_are_the_contracts(form: dict[str, Any]) -> None:
    features = form["features"]
    (command,) = features["slash_commands"]
    assert (command["command"], command["should_escape"]) == ("/switchover", True)
    assert [(shortcut["type"], shortcut["callback_id"]) for shortcut in features["shortcuts"]] == [
        ("message", "switchover_here"),
        ("global", "switchover_new"),
    ]
    assert features["app_home"]["home_tab_enabled"] is True


def test_scopes_are_exactly_what_methods_and_events_need(form: dict[str, Any]) -> None:
    needed = {"commands"}.union(*SCOPES_OF_METHODS.values(), *SCOPES_OF_EVENTS.values())
    assert form["oauth_config"]["scopes"]["bot"] == sorted(needed)
    assert form["settings"]["event_subscriptions"]["bot_events"] == sorted(SCOPES_OF_EVENTS)


def test_nothing_that_can_not_be_undone_is_switched_on(form: dict[str, Any]) -> None:
    assert form["settings"]["token_rotation_enabled"] is False
    assert form["settings"]["org_deploy_enabled"] is False


def test_socket_mode_has_no_address() -> None:
    form = manifest(url=None)
    assert urls(form) == []
    assert form["settings"]["socket_mode_enabled"] is True


def test_http_mode_sends_everything_to_one_address() -> None:
    form = manifest(url=URL)
    assert urls(form) == [REQUEST_URL] * 4
    assert form["settings"]["socket_mode_enabled"] is False
    assert form["settings"]["interactivity"]["message_menu_options_url"] == REQUEST_URL


@pytest.mark.parametrize(
    ("url", "request_url"),
    [
        (URL, REQUEST_URL),
        (f"{URL}/", REQUEST_URL),
        (REQUEST_URL, REQUEST_URL),
        (f"{URL}/bot", f"{URL}/bot/slack/events"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000/slack/events"),
        ("http://[::1]:3000", "http://[::1]:3000/slack/events"),
    ],
)
def test_an_address_may_be(url: str, request_url: str) -> None:
    assert manifest(url=url)["features"]["slash_commands"][0]["url"] == request_url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "switchover.example.com",
        "http://switchover.example.com",
        "https://",
        "ftp://127.0.0.1",
        "https://me:pw@example.com",
        "https://example.com?x=1",
        "https://example.com/#x",
        "https://example.com:port",
        "https://exam ple.com",
        "https://example.com\n",
        "https://[::1",
    ],
)
def test_an_address_may_not_be(url: str) -> None:
    with pytest.raises(ValueError, match=r"--url .*: write the public address"):
        manifest(url=url)


def test_yaml_says_the_same_and_who_printed_it() -> None:
    text = render_yaml(url=URL)
    assert text.startswith(f"# Printed by: switchover manifest --url {URL}\n")
    assert yaml.safe_load(text) == manifest(url=URL)
    assert text == render_yaml(url=URL)
