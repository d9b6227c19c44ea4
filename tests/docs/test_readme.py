"""README says what is true: every key, command, provider, status and permission, and nothing that is not there."""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path

import pytest

from bot import cli
from bot.config import known_keys
from bot.core.operation import Status
from bot.core.preflight import OVERRIDABLE
from bot.sandbox.page.sandbox import TRACKING
from bot.telemetry import Metrics
from handlers.grammar import usage
from handlers.manifest import manifest
from providers.registry import PROVIDERS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def named(text: str) -> set[str]:
    """Everything in backticks."""
    return set(re.findall(r"`([^`\n]+)`", text))


@pytest.mark.parametrize("key", sorted({key.partition("[]")[0] for key in known_keys(PROVIDERS)}))
def test_every_configuration_key_is_explained(key: str) -> None:
    assert key in named(README)


def test_every_key_that_is_explained_exists() -> None:
    known = {key.partition("[]")[0] for key in known_keys(PROVIDERS)}
    sections = ("slack.", "server.", "database.", "tracking.", "accounts.", "databases.", "policies.")
    explained = {name for name in named(README) if name.startswith(sections)}
    assert explained - known == set()


def commands(parser: argparse.ArgumentParser, prefix: str = "switchover") -> set[str]:
    found: set[str] = set()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                deeper = commands(sub, f"{prefix} {name}")
                found |= deeper or {f"{prefix} {name}"}
    return found


def test_every_command_is_listed_and_every_listed_command_exists() -> None:
    listed = {
        re.sub(r"\s+(\[.*|DATABASE.*|--.*)$", "", name)
        for name in named(README)
        if name.startswith("switchover ")
    }
    assert listed == commands(cli._parser())


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_every_provider_is_named(provider: str) -> None:
    assert f'"{provider}"' in README


@pytest.mark.parametrize("status", Status)
def test_every_status_is_explained(status: Status) -> None:
    assert status in named(README)


def test_every_check_that_can_be_overridden_is_named_and_no_other() -> None:
    paragraph = README.partition("These can be overridden:")[2].partition(";")[0]
    assert named(paragraph) == set(OVERRIDABLE)


@pytest.mark.parametrize("form", [form for form, _ in usage()])
def test_every_form_of_the_slash_command_is_listed(form: str) -> None:
    listed = named(README.replace("\\|", "|"))
    assert form in listed or any(
        name.startswith(f"{form.partition('DATABASE')[0]}DATABASE …") for name in listed
    )


@pytest.mark.parametrize("key", ["settle_time", "verify_timeout", "deadline"])
def test_what_the_sandbox_has_other_than_the_defaults_is_said(key: str) -> None:
    paragraph = README.partition("The clock is the real one")[2].partition("\n\n")[0]
    assert re.search(rf"`{key}` (is )?{tomllib.loads(TRACKING)[key]}\b", " ".join(paragraph.split()))


def test_the_permissions_are_the_manifests() -> None:
    scopes = manifest(url=None)["oauth_config"]["scopes"]["bot"]
    paragraph = README.partition("### What Slack must allow")[2].partition("##")[0]
    assert set(scopes) == {name for name in named(paragraph) if re.fullmatch(r"[a-z_]+(:[a-z]+)?", name)}


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", README)) <= targets


def test_metrics_are_prefixed_as_promised() -> None:
    names = [family.name for family in Metrics().registry.collect()]
    assert names
    assert all(name.startswith("switchover_") for name in names)
