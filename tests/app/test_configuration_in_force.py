"""A configuration load: recorded before it is in force, and a bad file neither recorded nor in force."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from bot.app import REAL, RECORD_AGAIN, Bot, Surroundings, load_settings, policy_of, slack_client
from bot.config import PolicySettings
from bot.core.model import Target
from bot.core.policy import Policy
from bot.errors import Unavailable
from bot.ports import AuditHead, Provider
from bot.service.guarded import Guarded
from bot.storage import SqlStore, connect
from bot.telemetry import Metrics
from providers.http import Priority
from providers.qingcloud import QingCloud
from tests.providers.clocks import TestClock
from tests.storage.disk import Disk, Lost
from tests.storage.memory import MemoryStore

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
secret_access_key = "{key}"
[databases.{name}]
account = "qc"
cluster = "cl-1"
[policies.default]
approvers = ["U0456EFGH"]
break_glass = ["S0123ABCD"]
"""


class Running:
    """A bot that is composed and not started."""

    def __init__(self, folder: Path, store: SqlStore | MemoryStore, around: Surroundings = REAL) -> None:
        self.path = folder / "switchover.toml"
        self.store = store
        self.write("orders")
        settings = load_settings(self.path)
        self.client = slack_client(settings, Metrics())
        self.bot = Bot(settings, self.path, store, self.client, Metrics(), around=around)

    def write(self, name: str, *, broken: bool = False, key: str = "key") -> None:
        text = FILE.format(folder=self.path.parent, name=name, key=key)
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


def provider_of(running: Running, name: str = "orders") -> Provider:
    found = running.bot._catalogue.current.tracked(name)
    assert found is not None
    return found.provider


def calls_left(running: Running) -> int:
    """How many readings the budget of the account of ``orders`` has left."""
    provider = provider_of(running)
    assert isinstance(provider, Guarded)
    assert isinstance(provider._provider, QingCloud)
    budget = provider._provider.budget
    return budget.calls - len(budget.taken)


def use(running: Running, calls: int) -> None:
    provider = provider_of(running)
    assert isinstance(provider, Guarded)
    assert isinstance(provider._provider, QingCloud)
    for _ in range(calls):
        provider._provider.budget.take(Priority.SUBMISSION)


async def test_an_account_that_a_reload_leaves_as_it_was_is_kept(running: Running) -> None:
    before = provider_of(running)
    for _ in range(3):
        await running.bot.reload()
    assert provider_of(running) is before
    assert running.bot._accounts.open == 1


async def test_a_reload_gives_back_no_calls(running: Running) -> None:
    use(running, 1500)
    before = provider_of(running)
    running.write("orders", key="another")
    await running.bot.reload()
    assert provider_of(running) is not before
    assert calls_left(running) == 500


async def test_an_account_that_was_gone_for_a_while_gets_no_calls_back(running: Running) -> None:
    use(running, 1500)
    text = running.path.read_text(encoding="utf-8")
    for account in ("of_another", "qc"):
        running.path.write_text(text.replace("qc]", f"{account}]").replace('"qc"', f'"{account}"'), "utf-8")
        await running.bot.reload()
    assert calls_left(running) == 500


async def test_what_a_reload_says_of_a_kept_account_is_in_force(running: Running) -> None:
    """Another database on it, and another time limit."""
    text = running.path.read_text(encoding="utf-8")
    more = '[databases.events]\naccount = "qc"\ncluster = "cl-2"\n'
    running.path.write_text(text + more, encoding="utf-8")
    await running.bot.reload()
    assert "cl-2" in provider_of(running).describe(Target("events"), None).summary
    before = provider_of(running)
    running.path.write_text(text + more + '[tracking]\ncall_timeout = "3s"\n', encoding="utf-8")
    await running.bot.reload()
    assert provider_of(running) is not before


async def test_what_an_account_still_does_for_a_removed_database_counts(running: Running) -> None:
    before = provider_of(running)
    running.write("sessions")
    await running.bot.reload()
    assert provider_of(running) is before
    use(running, 300)
    running.write("orders")
    await running.bot.reload()
    assert calls_left(running) == 1700


async def test_what_nothing_needs_any_more_is_closed_a_reload_later(running: Running) -> None:
    """What is under way with it ends as it began."""
    first = provider_of(running)
    for number in range(5):
        running.write("orders", key=f"key-{number}")
        await running.bot.reload()
        assert running.bot._accounts.open == 2
    await running.bot.reload()
    assert running.bot._accounts.open == 1
    with pytest.raises(Unavailable, match="closed"):
        await first.observe(Target("orders"))


async def test_what_a_removed_database_is_tracked_with_stays_open(running: Running) -> None:
    for number in range(3):
        running.write("sessions", key=f"key-{number}")
        await running.bot.reload()
    await running.bot.reload()
    assert running.bot._accounts.open == 2


@pytest.mark.parametrize("key", ["key", "another"], ids=["as it was", "changed"])
async def test_what_could_not_be_recorded_leaves_open_what_was_and_nothing_else(
    tmp_path: Path, key: str
) -> None:
    disk = Disk()
    running = Running(tmp_path, MemoryStore(disk))
    before = provider_of(running)
    disk.gone = "the database can't be reached"
    running.write("orders", key=key)
    assert not await running.bot.reload()
    assert provider_of(running) is before
    assert running.bot._accounts.open == 1
    await running.bot.close()
    await running.client.close()


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


async def test_what_can_not_be_recorded_is_not_in_force_and_told_in_one_line(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    running.write("sessions")
    await running.store.close()
    await running.bot.reload()
    assert running.names == ["orders"]
    (said,) = logged(capsys)
    assert (said["event"], said["level"], said["reason"]) == (
        "configuration_not_recorded",
        "error",
        "the store is closed",
    )
    assert "stays in force" in said["why"]
    assert "exception" not in said


class Recovering(TestClock):
    """While somebody waits, the database comes back."""

    def __init__(self, disk: Disk) -> None:
        super().__init__()
        self._disk = disk

    async def sleep(self, seconds: float) -> None:
        self._disk.gone = ""
        await super().sleep(seconds)


@pytest.mark.parametrize(("lost", "rows"), [(Lost.ANSWER, 2), (Lost.ALL, 1)])
async def test_a_commit_in_doubt_is_repeated_until_the_configuration_in_force_is_the_last_of_the_trail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lost: Lost, rows: int
) -> None:
    disk = Disk()
    clock = Recovering(disk)
    running = Running(tmp_path, MemoryStore(disk), replace(REAL, clock=clock))
    running.write("sessions")

    def lose() -> Lost:
        disk.losing, disk.gone = (lambda: Lost.NOTHING), "the database can't be reached"
        return lost

    disk.losing = lose
    await running.bot.reload()
    assert (running.names, await running.rows()) == (["sessions"], rows)
    assert [entry["event"] for entry in logged(capsys)] == [
        "configuration_in_doubt",
        "configuration_reloaded",
    ]
    assert clock.slept == [RECORD_AGAIN]
    await running.bot.close()
    await running.client.close()


async def test_no_secret_that_was_ever_loaded_is_logged(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    for key in ("of-the-first-reload", "of-the-second-reload"):
        running.write("sessions", key=key)
        await running.bot.reload()
    structlog.get_logger().warning("said", words="key, of-the-first-reload and of-the-second-reload")
    said = logged(capsys)[-1]
    assert said["event"] == "said"
    assert "reload" not in said["words"]


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
