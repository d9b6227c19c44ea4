"""A configuration load: recorded before it is in force, and a bad file neither recorded nor in force."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from bot.app import Bot, load_settings, policy_of, slack_client
from bot.config import PolicySettings
from bot.core.policy import Policy
from bot.errors import StoreUnavailable
from bot.ports import AuditHead
from bot.storage import SqlStore, connect
from bot.telemetry import Metrics

FILE = """
[slack]
bot_token = "xoxb-1"
signing_secret = "s"
[database]
url = "sqlite:///{folder}/bot.db"
[accounts.qc]
provider = "qingcloud"
zone = "sh1a"
access_key_id = "id"
secret_access_key = "key"
[databases.{name}]
account = "qc"
cluster = "cl-1"
[policies.default]
approvers = ["U0456EFGH"]
break_glass = ["S0123ABCD"]
"""


class Running:
    """A bot that is composed and not started."""

    def __init__(self, folder: Path, store: SqlStore) -> None:
        self.path = folder / "switchover.toml"
        self.store = store
        self.write("orders")
        settings = load_settings(self.path)
        self.client = slack_client(settings, Metrics())
        self.bot = Bot(settings, self.path, store, self.client, Metrics())

    def write(self, name: str, *, broken: bool = False) -> None:
        text = FILE.format(folder=self.path.parent, name=name)
        self.path.write_text(text.replace("approvers", "approuvers") if broken else text, encoding="utf-8")

    @property
    def names(self) -> list[str]:
        return list(self.bot._catalogue.current.databases)

    async def rows(self) -> int:
        head = await self.store.verify_audit()
        assert isinstance(head, AuditHead)
        return head.seq


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], level = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    store = await connect(f"sqlite:///{tmp_path}/bot.db", migrate=True)
    found = Running(tmp_path, store)
    yield found
    await found.bot.close()
    await found.client.close()
    await store.close()


async def test_a_reload_is_recorded_and_in_force(running: Running) -> None:
    running.write("sessions")
    await running.bot.reload()
    assert (running.names, await running.rows()) == (["sessions"], 1)


async def test_a_bad_file_is_logged_and_neither_recorded_nor_in_force(running: Running) -> None:
    running.write("sessions", broken=True)
    with capture_logs() as logs:
        await running.bot.reload()
    assert [entry["event"] for entry in logs] == ["configuration_rejected"]
    assert any("approuvers" in problem for problem in logs[0]["problems"])
    assert (running.names, await running.rows()) == (["orders"], 0)


@pytest.mark.parametrize(
    ("section", "lines", "keys"),
    [
        ("slack", 'bot_token = "xoxb-2"\nlocale = "zh-CN"', ["slack.bot_token", "slack.locale"]),
        ("slack", 'bot_token = "xoxb-1"\naudit_channel = "C0AUDIT1"', ["slack.audit_channel"]),
        ("slack", 'bot_token = "xoxb-1"\nchannels = ["C0OPS1234"]', []),
        ("database", 'url = "sqlite:///{folder}/bot.db"\nlease = "20s"', []),
        ("database", 'url = "sqlite:///{folder}/other.db"', ["database.url"]),
        ("server", "port = 3001", ["server.port"]),
        ("tracking", 'poll_interval = "1s"\ncall_timeout = "9s"', []),
        ("tracking", 'poll_interval = "100ms"', ["tracking.poll_interval"]),
    ],
)
async def test_what_only_a_restart_takes_over_is_named_and_the_rest_is_taken(
    running: Running, capsys: pytest.CaptureFixture[str], section: str, lines: str, keys: list[str]
) -> None:
    running.write("sessions")
    text, path = running.path.read_text(encoding="utf-8"), running.path
    known = {"slack": 'bot_token = "xoxb-1"', "database": f'url = "sqlite:///{path.parent}/bot.db"'}
    changed = lines.format(folder=path.parent)
    if section in known:
        text = text.replace(known[section], changed)
    else:
        text += f"[{section}]\n{changed}\n"
    path.write_text(text, encoding="utf-8")
    await running.bot.reload()
    logs = logged(capsys)
    named = [entry["keys"] for entry in logs if entry["event"] == "restart_needed"]
    assert named == ([keys] if keys else [])
    assert "xoxb-2" not in str(logs)
    assert (running.names, await running.rows()) == (["sessions"], 1)


async def test_a_call_gets_its_new_time_limit_also_while_draining(running: Running) -> None:
    text = running.path.read_text(encoding="utf-8")
    running.path.write_text(f'{text}[tracking]\ncall_timeout = "3s"\n', encoding="utf-8")
    await running.bot.reload()
    assert running.bot._call_timeout == timedelta(seconds=3)


async def test_what_only_a_restart_takes_over_is_named_at_every_reload_until_then(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    text = running.path.read_text(encoding="utf-8")
    running.path.write_text(text.replace("xoxb-1", "xoxb-2"), encoding="utf-8")
    for _ in range(2):
        await running.bot.reload()
    running.path.write_text(text, encoding="utf-8")
    await running.bot.reload()
    assert [entry["event"] for entry in logged(capsys)] == [
        *("configuration_reloaded", "restart_needed") * 2,
        "configuration_reloaded",
    ]


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What went to the log: a reload configures it anew."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


async def test_what_can_not_be_recorded_is_not_in_force(running: Running) -> None:
    running.write("sessions")
    await running.store.close()
    with pytest.raises(StoreUnavailable):
        await running.bot.reload()
    assert running.names == ["orders"]


def test_every_key_of_a_policy_reaches_the_core() -> None:
    written = PolicySettings.model_validate(
        {
            "approvals": 2,
            "approvers": ["U0456EFGH", "S0123ABCD"],
            "requesters": ["S0123ABCD"],
            "self_approval": True,
            "approval_ttl": "1m",
            "max_lag": "2s",
            "allow_unknown_primary": True,
            "cooldown": "3m",
            "break_glass": ["U0789"],
        }
    )
    policy = policy_of("production", written)
    for field in fields(Policy):
        if field.name not in {"name", "of_any"}:  # what no file says
            assert getattr(policy, field.name) == getattr(written, field.name), field.name
            assert getattr(policy, field.name) != field.default, "the example says something of its own"
