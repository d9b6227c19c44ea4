"""The configuration: what loads, what it means, and that every mistake is named with its key and mend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, field_validator, model_validator

from bot import config
from bot.config.values import RESERVED, Mistake, database_url, duration, trigger
from bot.errors import ConfigError
from bot.ports import CallObserver, Clock, Provider, ProviderSettings, ProviderType
from providers.qingcloud.settings import QingCloudAccount as ShippedAccount
from providers.qingcloud.settings import QingCloudDatabase as ShippedDatabase
from providers.registry import PROVIDERS


class QingCloudAccount(ProviderSettings):
    endpoint: str = "https://api.qingcloud.com/iaas/"
    zone: str
    access_key_id: str
    secret_access_key: SecretStr
    calls_per_hour: int = 2000


class QingCloudDatabase(ProviderSettings):
    cluster: str
    role: str = "maininstance"
    display_tab: str = ""


class HuaweiAccount(ProviderSettings):
    endpoint: str = ""
    region: str = ""
    project_id: str
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    security_token: SecretStr | None = None
    iam_endpoint: str = ""
    domain: str = ""
    username: str = ""
    password: SecretStr | None = None
    calls_per_minute: int = 60

    @model_validator(mode="after")
    def one_way_in(self) -> HuaweiAccount:
        if not self.password and not (self.access_key and self.secret_key):
            raise ValueError(
                "names no way to sign in: write access_key and secret_key, or username and password"
            )
        if not self.endpoint and not self.region:
            raise ValueError(f"has neither endpoint nor region ({self.project_id}): write one of them")
        return self


class HuaweiDatabase(ProviderSettings):
    instance: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A provider's settings, with nothing to build."""

    name: str
    account: type[ProviderSettings]
    database: type[ProviderSettings]

    def build(
        self,
        account: Any,
        databases: Mapping[str, Any],
        *,
        clock: Clock,
        call_timeout: timedelta,
        observer: CallObserver,
        before: Provider | None = None,
    ) -> Provider:
        raise NotImplementedError


TYPES = {
    "qingcloud": Kind("qingcloud", QingCloudAccount, QingCloudDatabase),
    "huawei-dds": Kind("huawei-dds", HuaweiAccount, HuaweiDatabase),
}
SHIPPED = {"qingcloud": Kind("qingcloud", ShippedAccount, ShippedDatabase)}
ENV = {
    "SLACK_BOT_TOKEN": "xoxb-bot-0001",
    "SLACK_SIGNING_SECRET": "signing-0002",
    "QINGCLOUD_ACCESS_KEY_ID": "qc-id-0003",
    "QINGCLOUD_SECRET_ACCESS_KEY": "qc-secret-0004",
    "HUAWEICLOUD_SDK_AK": "hw-ak-0005",
    "HUAWEICLOUD_SDK_SK": "hw-sk-0006",
}
EXAMPLE = """
[slack]
mode = "http"
bot_token = "${SLACK_BOT_TOKEN}"
signing_secret = "${SLACK_SIGNING_SECRET}"
app_token = "${SLACK_APP_TOKEN}"
api_url = "https://slack.com/api/"
command = "/switchover"
channels = []
audit_channel = ""
locale = "en"

[server]
host = "127.0.0.1"
port = 3000

[database]
url = "sqlite:///switchover.db"
migrate_on_start = false
lease = "15s"

[tracking]
poll_interval = "2s"
max_poll_interval = "10s"
deadline = "20m"
verify_timeout = "180s"
call_timeout = "10s"
settle_time = "90s"

[accounts.qc]
provider = "qingcloud"
endpoint = "https://api.qingcloud.com/iaas/"
zone = "sh1a"
access_key_id = "${QINGCLOUD_ACCESS_KEY_ID}"
secret_access_key = "${QINGCLOUD_SECRET_ACCESS_KEY}"
calls_per_hour = 2000

[accounts.hw]
provider = "huawei-dds"
endpoint = "https://dds.ap-southeast-1.myhuaweicloud.com"
project_id = "0549b4a43100d4f32f51c01c2fe4acdb"
access_key = "${HUAWEICLOUD_SDK_AK}"
secret_key = "${HUAWEICLOUD_SDK_SK}"
calls_per_minute = 60

[databases.orders]
account = "qc"
cluster = "cl-ouhutv70"
role = "maininstance"
display_tab = ""
policy = "production"
description = "Orders, MySQL Plus"

[databases.sessions]
account = "hw"
instance = "9136fd2a9fcd405ea4674276ce36dae8in02"
policy = "production"

[databases.events]
account = "hw"
instance = "e73893ef73754465a8bd2e0857bbf13ein02"

[policies.default]
approvers = ["S0123ABCD", "U0456EFGH"]

[policies.production]
approvals = 2
approvers = ["S0123ABCD"]
requesters = ["*"]
self_approval = false
approval_ttl = "30m"
max_lag = "30s"
allow_unknown_primary = false
cooldown = "10m"
break_glass = []
freeze = [ { cron = "0 9 * * 1-5", for = "9h", timezone = "Asia/Shanghai", reason = "trading hours" } ]
"""
MINIMAL = """
[accounts.qc]
provider = "qingcloud"
zone = "sh1a"
access_key_id = "id"
secret_access_key = "plain-secret"

[databases.orders]
account = "qc"
cluster = "cl-1"

[policies.default]
approvers = ["U0456EFGH"]
"""


def load(
    folder: Path, text: str, env: Mapping[str, str] = ENV, types: Mapping[str, ProviderType] = TYPES
) -> config.Settings:
    path = folder / "switchover.toml"
    path.write_text(text, encoding="utf-8")
    return config.load(path, env=env, provider_types=types)


def problems(
    folder: Path, text: str, env: Mapping[str, str] = ENV, types: Mapping[str, ProviderType] = TYPES
) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, env, types)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value.problems


def with_line(section: str, line: str, text: str = MINIMAL) -> str:
    """The text with a line in a section, in place of the one that had its key."""
    header = f"[{section}]"
    if header not in text:
        return f"{text}\n{header}\n{line}\n"
    before, after = text.split(f"{header}\n", 1)
    body, bracket, rest = after.partition("\n[")
    key = line.split("=", maxsplit=1)[0].strip()
    kept = [old for old in body.splitlines() if old.split("=")[0].strip() != key]
    return "\n".join([before + header, line, *kept]) + bracket + rest


# what loads


def test_the_contracts_example_loads(tmp_path: Path) -> None:
    settings = load(tmp_path, EXAMPLE)
    assert settings.slack.mode == "http"
    assert settings.slack.app_token is None
    assert list(settings.databases) == ["orders", "sessions", "events"]
    orders = settings.databases["orders"]
    assert (orders.account, orders.policy, orders.description) == ("qc", "production", "Orders, MySQL Plus")
    assert orders.provider_settings == QingCloudDatabase(cluster="cl-ouhutv70")
    assert settings.databases["events"].policy == "default"
    account = settings.accounts["qc"].provider_settings
    assert isinstance(account, QingCloudAccount)
    assert account.secret_access_key.get_secret_value() == "qc-secret-0004"
    production = settings.policy_of("orders")
    assert production.approvals == 2
    assert production.max_lag == timedelta(seconds=30)
    assert production.freeze[0].duration == timedelta(hours=9)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("slack.mode", "http"),
        ("slack.app_token", None),
        ("slack.api_url", "https://slack.com/api/"),
        ("slack.command", "/switchover"),
        ("slack.channels", ()),
        ("slack.audit_channel", ""),
        ("slack.locale", "en"),
        ("server.host", "127.0.0.1"),
        ("server.port", 3000),
        ("database.url", SecretStr("sqlite:///switchover.db")),
        ("database.migrate_on_start", False),
        ("database.lease", timedelta(seconds=15)),
        ("tracking.poll_interval", timedelta(seconds=2)),
        ("tracking.max_poll_interval", timedelta(seconds=10)),
        ("tracking.deadline", timedelta(minutes=20)),
        ("tracking.verify_timeout", timedelta(seconds=180)),
        ("tracking.call_timeout", timedelta(seconds=10)),
        ("tracking.settle_time", timedelta(seconds=90)),
        ("policy.approvals", 1),
        ("policy.requesters", ("*",)),
        ("policy.self_approval", False),
        ("policy.approval_ttl", timedelta(minutes=30)),
        ("policy.max_lag", None),
        ("policy.allow_unknown_primary", False),
        ("policy.cooldown", timedelta(0)),
        ("policy.break_glass", ()),
        ("policy.freeze", ()),
        ("orders.policy", "default"),
        ("orders.description", ""),
    ],
)
def test_a_default_is_the_contracts(tmp_path: Path, where: str, value: object) -> None:
    settings = load(tmp_path, MINIMAL)
    named = {"policy": settings.policies["default"], "orders": settings.databases["orders"]}
    section, key = where.split(".")
    assert getattr(named.get(section) or getattr(settings, section), key) == value


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ('max_poll_interval = "1s"', (1, 1)),
        ('poll_interval = "11s"', (11, 11)),
        ('poll_interval = "3s"\nmax_poll_interval = "4s"', (3, 4)),
    ],
)
def test_a_poll_interval_that_is_not_written_follows_the_other(
    tmp_path: Path, line: str, seconds: tuple[int, int]
) -> None:
    tracking = load(tmp_path, with_line("tracking", line)).tracking
    intervals = (tracking.poll_interval, tracking.max_poll_interval)
    assert intervals == tuple(timedelta(seconds=each) for each in seconds)


def test_the_three_slack_secrets_come_from_the_environment_by_default(tmp_path: Path) -> None:
    settings = load(tmp_path, MINIMAL, {**ENV, "SLACK_APP_TOKEN": "xapp-1"})
    assert settings.slack.mode == "socket"
    assert settings.slack.bot_token == SecretStr("xoxb-bot-0001")
    assert settings.slack.signing_secret == SecretStr("signing-0002")
    assert settings.slack.app_token == SecretStr("xapp-1")


def test_socket_mode_needs_no_signing_secret(tmp_path: Path) -> None:
    env = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}
    assert load(tmp_path, MINIMAL, env).slack.signing_secret is None


def test_an_empty_variable_of_the_three_is_not_set(tmp_path: Path) -> None:
    assert load(tmp_path, MINIMAL, {**ENV, "SLACK_APP_TOKEN": ""}).slack.mode == "http"


def test_templates_are_filled_anywhere_in_a_string_once(tmp_path: Path) -> None:
    (tmp_path / "zone").write_text("sh1\r\n", encoding="utf-8")
    text = with_line("databases.orders", 'description = "${A}-${A}: $${A} costs $5 ${B}"')
    text = with_line("accounts.qc", 'zone = "${file:zone}a"', text)
    text = with_line("policies.default", 'approvers = ["${WHO}"]', text)
    settings = load(tmp_path, text, {**ENV, "A": "x", "B": "${A}", "WHO": "U1"})
    assert settings.databases["orders"].description == "x-x: ${A} costs $5 ${A}"
    account = settings.accounts["qc"].provider_settings
    assert isinstance(account, QingCloudAccount)
    assert account.zone == "sh1a"
    assert settings.policies["default"].approvers == ("U1",)


def test_a_number_and_a_yes_may_come_from_the_environment(tmp_path: Path) -> None:
    text = with_line("server", 'port = "${PORT}"')
    text = with_line("database", 'migrate_on_start = "${MIGRATE}"', text)
    settings = load(tmp_path, text, {**ENV, "PORT": "8080", "MIGRATE": "true"})
    assert settings.server.port == 8080
    assert settings.database.migrate_on_start is True


def test_an_api_address_gets_its_slash(tmp_path: Path) -> None:
    text = with_line("slack", 'api_url = "http://127.0.0.1:8888/api"')
    assert load(tmp_path, text).slack.api_url == "http://127.0.0.1:8888/api/"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///switchover.db",
        "sqlite:////var/lib/switchover/bot.db",
        "postgresql://bot:pass@db.example.com:5432/switchover",
        "postgresql:///switchover?host=/run/postgresql",
    ],
)
def test_a_database_address_may_be(url: str) -> None:
    assert database_url(url) == url


def test_a_database_password_is_kept_and_never_shown(tmp_path: Path) -> None:
    url = "postgresql://bot:hun%40ter2@db/switchover?sslpassword=opensesame"
    settings = load(tmp_path, with_line("database", f'url = "{url}"'))
    assert settings.database.url.get_secret_value() == url
    assert settings.database.backend == "postgresql"
    assert settings.database.place == "postgresql://bot:***@db/switchover?***"
    assert "ter2" not in repr(settings)
    assert {"hun%40ter2", "hun@ter2", "opensesame"} <= settings.secrets()


@pytest.mark.parametrize(
    ("url", "file"),
    [("sqlite:////var/bot.db", "/var/bot.db"), ("sqlite:///var/bot.db", "{folder}/var/bot.db")],
)
def test_a_database_file_is_shown_with_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, file: str
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(tmp_path, with_line("database", f'url = "{url}"'))
    assert settings.database.place == file.format(folder=tmp_path)


def test_all_secrets_are_named_for_redaction(tmp_path: Path) -> None:
    assert load(tmp_path, EXAMPLE).secrets() == set(ENV.values())


def test_settings_can_not_be_changed(tmp_path: Path) -> None:
    settings = load(tmp_path, MINIMAL)
    with pytest.raises(AttributeError):
        settings.slack = settings.slack  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1
    with pytest.raises(TypeError):
        settings.databases["x"] = settings.databases["orders"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("2s", timedelta(seconds=2)),
        ("15m", timedelta(minutes=15)),
        ("24h", timedelta(days=1)),
        ("2d", timedelta(days=2)),
        ("1h30m", timedelta(minutes=90)),
        ("1m500ms", timedelta(seconds=60.5)),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_is(text: str, length: timedelta) -> None:
    assert duration(text) == length


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 9999))
def test_a_duration_adds_up(hours: int, minutes: int, seconds: int, milliseconds: int) -> None:
    expected = timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds)
    assert duration(f"{hours}h{minutes}m{seconds}s{milliseconds}ms") == expected


@pytest.mark.parametrize(
    "value", ["", "5", "2 s", "1w", "1.5s", "-1s", "s", "1s1m", "٣s", "9000h", 7, None, ["1s"]]
)
def test_a_duration_is_not(value: object) -> None:
    with pytest.raises(Mistake):
        duration(value)


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("0 9 * * 1-5", "Mon Tue Wed Thu Fri"),
        ("0 9 * * 0", "Sun"),
        ("0 9 * * 7", "Sun"),
        ("0 9 * * mon-fri", "Mon Tue Wed Thu Fri"),
        ("0 9 * * fri-sun", "Fri Sat Sun"),
        ("0 9 * * 0-2", "Mon Tue Sun"),
        ("0 9 * * */2", "Tue Thu Sat Sun"),
        ("0 9 * * 1,WED", "Mon Wed"),
    ],
)
def test_weekdays_are_those_of_crontab(expression: str, days: str) -> None:
    fires = trigger(expression)
    monday = datetime(2024, 1, 1, tzinfo=UTC)
    week = [monday + timedelta(days=day) for day in range(7)]
    found = [day.strftime("%a") for day in week if fires.get_next_fire_time(None, day).date() == day.date()]
    assert " ".join(found) == days


def test_a_freeze_starts_in_its_own_timezone(tmp_path: Path) -> None:
    freeze = load(tmp_path, EXAMPLE).policies["production"].freeze[0]
    start = freeze.starts().first(datetime(2024, 1, 6, tzinfo=UTC))
    assert start == datetime(2024, 1, 8, 9, tzinfo=ZoneInfo("Asia/Shanghai"))


# what does not load

FREEZE = 'freeze = [{{ cron = "{}", for = "{}", timezone = "{}", reason = "{}" }}]'
MISTAKES = [
    # section, line, key of the problem, a word of it
    ("slack", 'mode = "carrier-pigeon"', "slack.mode", "'socket'"),
    ("slack", 'mode = "socket"', "slack.app_token", "SLACK_APP_TOKEN"),
    ("slack", 'bot_token = "${MY_TOKEN}"', "slack.bot_token", "MY_TOKEN"),
    ("slack", 'bot_token = "xapp-1-secret"', "slack.bot_token", "xoxb-"),
    ("slack", 'app_token = "xoxb-1-secret"', "slack.app_token", "xapp-"),
    ("slack", 'api_url = "slack.com/api"', "slack.api_url", "https://slack.com/api/"),
    ("slack", 'api_url = "https://me:pw@slack.com/"', "slack.api_url", "leave out"),
    ("slack", 'command = "switchover"', "slack.command", '"/switchover"'),
    ("slack", 'command = "/Switch Over"', "slack.command", "lower-case"),
    ("slack", 'channels = ["#ops"]', "slack.channels[0]", "C0123ABCD"),
    ("slack", 'channels = "C1"', "slack.channels", "list"),
    ("slack", 'audit_channel = "general"', "slack.audit_channel", "C0123ABCD"),
    ("slack", 'locale = "fr"', "slack.locale", "'zh-CN'"),
    ("slack", 'chanels = ["C1"]', "slack.chanels", '"channels"'),
    ("server", 'host = "127.0.0.1:80"', "server.host", '"port"'),
    ("server", 'host = "http://x"', "server.host", "127.0.0.1"),
    ("server", "port = 70000", "server.port", "65535"),
    ("server", 'port = "3000"', "server.port", "without quotes"),
    ("server", "prot = 1", "server.prot", '"port"'),
    ("database", 'url = "mysql://h/n"', "database.url", "PostgreSQL"),
    ("database", 'url = "postgres://u:p@h/n"', "database.url", "postgresql://"),
    ("database", 'url = "sqlite://"', "database.url", "sqlite:///file.db"),
    ("database", 'url = "sqlite:///:memory:"', "database.url", "survive"),
    ("database", 'url = "sqlite:///var/"', "database.url", "folder"),
    ("database", 'url = "postgresql://u:p@h"', "database.url", "names no database"),
    ("database", 'url = "postgresql://u:p@h:port/n"', "database.url", "not a database address"),
    ("database", 'migrate_on_start = "yes"', "database.migrate_on_start", "true or false"),
    ("database", 'lease = "10s"', "database.lease", "tracking.call_timeout"),
    ("tracking", "deadline = 20", "tracking.deadline", '"15m"'),
    ("tracking", 'deadline = "20 minutes"', "tracking.deadline", '"20 minutes"'),
    ("tracking", 'settle_time = "0s"', "tracking.settle_time", "longer"),
    (
        "tracking",
        'poll_interval = "11s"\nmax_poll_interval = "10s"',
        "tracking.poll_interval",
        "max_poll_interval",
    ),
    ("tracking", 'call_timeout = "15s"', "database.lease", "shorten"),
    ("tracking", 'call_timeout = "2m"', "tracking.call_timeout", '"60s"'),
    ("accounts.qc", 'provider = "qingclod"', "accounts.qc.provider", '"qingcloud"'),
    ("accounts.qc", 'provider = "aws"', "accounts.qc.provider", "huawei-dds"),
    ("accounts.qc", "provider = 3", "accounts.qc.provider", "not a provider"),
    ("accounts.qc", 'zon = "x"', "accounts.qc.zon", '"zone"'),
    ("accounts.qc", "zone = 1", "accounts.qc.zone", "quotes"),
    ("accounts.qc", 'calls_per_hour = "many"', "accounts.qc.calls_per_hour", "number"),
    ("accounts.qc", 'zone = "${QC_ZONE}"', "accounts.qc.zone", "QC_ZONE"),
    ("accounts.qc", 'zone = "${SLACK_BOT_TOKENS}"', "accounts.qc.zone", "SLACK_BOT_TOKEN is set"),
    ("accounts.qc", 'zone = "${file:nowhere}"', "accounts.qc.zone", "nowhere"),
    ("accounts.qc", 'zone = "${not-a-name}"', "accounts.qc.zone", "$${"),
    ("accounts.qc", 'zone = "${QC_ZONE"', "accounts.qc.zone", "$${"),
    ("accounts.qc", 'secret_access_key = ""', "accounts.qc.secret_access_key", "is empty"),
    ("accounts.x", 'provider = "qingclod"', "accounts.x.zone", "is missing"),
    ("databases.x", 'account = "qx"', "databases.x.cluster", "is missing"),
    ("slack", "mode = 3", "slack.mode", "'socket'"),
    ("accounts.x", 'zone = "x"', "accounts.x.provider", "is missing"),
    ('accounts."two words"', 'provider = "qingcloud"', 'accounts."two words"', "no spaces"),
    ("accounts.hw", 'provider = "huawei-dds"\nproject_id = "p"', "accounts.hw", "access_key"),
    ("databases.orders", 'account = "qx"', "databases.orders.account", "known here: qc"),
    ("databases.orders", 'policy = "defualt"', "databases.orders.policy", '"default"'),
    ("databases.orders", 'clutser = "x"', "databases.orders.clutser", '"cluster"'),
    ("databases.orders", "description = 1", "databases.orders.description", "quotes"),
    ("databases.a", 'cluster = "cl-2"', "databases.a.account", "is missing"),
    ("databases.a", 'account = "qc"', "databases.a.cluster", "is missing"),
    ("databases.a", 'account = "qc"\ncluster = "cl-1"', "databases.a", "databases.orders"),
    ("databases.Orders", 'account = "qc"\ncluster = "cl-2"', "databases.Orders", "capitals"),
    ("databases.all", 'account = "qc"\ncluster = "cl-2"', "databases.all", "another name"),
    ("databases.SW-7K3M9Q", 'account = "qc"\ncluster = "cl-2"', "databases.SW-7K3M9Q", "operation"),
    ('databases."or ders"', 'account = "qc"\ncluster = "cl-2"', 'databases."or ders"', "no spaces"),
    ('databases."a/b"', 'account = "qc"\ncluster = "cl-2"', 'databases."a/b"', "letters"),
    ("policies.default", "approvers = []", "policies.default.approvers", "names nobody"),
    ("policies.default", 'approvers = ["@alice"]', "policies.default.approvers[0]", "U0456EFGH"),
    ("policies.default", 'approvers = ["U1", 7]', "policies.default.approvers[1]", "string"),
    ("policies.default", "requesters = []", "policies.default.requesters", "names nobody"),
    ("policies.default", 'requesters = ["ops"]', "policies.default.requesters[0]", "S0123ABCD"),
    ("policies.default", 'break_glass = ["bob"]', "policies.default.break_glass[0]", "id"),
    ("policies.default", "approvals = 0", "policies.default.approvals", "1 or more"),
    ("policies.default", "approvals = 2", "policies.default.approvals", "list more"),
    ("policies.default", 'requesters = ["U0456EFGH"]', "policies.default.approvals", "at most 0"),
    ("policies.default", 'max_lag = "fast"', "policies.default.max_lag", '"2s"'),
    ("policies.default", 'approval_ttl = "0s"', "policies.default.approval_ttl", "longer"),
    ("policies.default", 'freeze = "never"', "policies.default.freeze", "list"),
    ("policies.default", 'freeze = ["never"]', "policies.default.freeze[0]", "table"),
    ("policies.default", "freeze = [{}]", "policies.default.freeze[0].cron", "is missing"),
    (
        "policies.default",
        FREEZE.format("0 9 * *", "9h", "UTC", "x"),
        "policies.default.freeze[0].cron",
        "weekday",
    ),
    (
        "policies.default",
        FREEZE.format("61 9 * * *", "9h", "UTC", "x"),
        "policies.default.freeze[0].cron",
        "maximum",
    ),
    (
        "policies.default",
        FREEZE.format("0 9 * * 8", "9h", "UTC", "x"),
        "policies.default.freeze[0].cron",
        "0 to 7",
    ),
    (
        "policies.default",
        FREEZE.format("0 9 * * 5-1", "9h", "UTC", "x"),
        "policies.default.freeze[0].cron",
        "ends before",
    ),
    (
        "policies.default",
        FREEZE.format("0 9 30 2 *", "9h", "UTC", "x"),
        "policies.default.freeze[0].cron",
        "never comes",
    ),
    (
        "policies.default",
        FREEZE.format("0 9 1 * 1", "9h", "UTC", "x"),
        "policies.default.freeze[0].cron",
        "two entries",
    ),
    (
        "policies.default",
        FREEZE.format("0 9 * * *", "9", "UTC", "x"),
        "policies.default.freeze[0].for",
        '"24h"',
    ),
    (
        "policies.default",
        FREEZE.format("0 9 * * *", "9h", "Asia/Shangai", "x"),
        "policies.default.freeze[0].timezone",
        '"Asia/Shanghai"',
    ),
    (
        "policies.default",
        FREEZE.format("0 9 * * *", "9h", "../UTC", "x"),
        "policies.default.freeze[0].timezone",
        "UTC",
    ),
    (
        "policies.default",
        FREEZE.format("0 9 * * *", "9h", "UTC", " "),
        "policies.default.freeze[0].reason",
        "people",
    ),
    (
        "policies.default",
        'freeze = [{ crom = "* * * * *", cron = "* * * * *", for = "1h", reason = "x" }]',
        "policies.default.freeze[0].crom",
        '"cron"',
    ),
    ("trackign", 'deadline = "1m"', "trackign", '"tracking"'),
]


@pytest.mark.parametrize(
    ("section", "line", "key", "word"), MISTAKES, ids=[f"{m[2]}-{m[1]}" for m in MISTAKES]
)
def test_a_mistake_is_named_with_its_key_and_mend(
    tmp_path: Path, section: str, line: str, key: str, word: str
) -> None:
    found = problems(tmp_path, with_line(section, line))
    mine = [problem for problem in found if problem.startswith(f"{key}: ")]
    assert mine, found
    assert word in mine[0]


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_a_word_of_the_command_names_no_database(tmp_path: Path, word: str) -> None:
    text = with_line(f"databases.{word.upper()}", 'account = "qc"\ncluster = "cl-2"')
    (problem,) = problems(tmp_path, text)
    assert "another name" in problem


@pytest.mark.parametrize(
    ("text", "key", "word"),
    [
        (MINIMAL.replace("databases.orders", "policies.spare"), "databases", "[databases.NAME]"),
        (
            MINIMAL.replace("policies.default", "policies.other"),
            "databases.orders.policy",
            "[policies.default]",
        ),
        ("server = 3\n" + MINIMAL, "server", "[server]"),
        ("databases = 3", "databases", "[databases.NAME]"),
        (MINIMAL + "[policies]\nodd = 3", "policies.odd", "[policies.odd]"),
        ("[accounts]\nodd = 3", "accounts.odd", "[accounts.odd]"),
        ("slack = 3\n" + MINIMAL, "slack", "[slack]"),
    ],
)
def test_a_file_of_the_wrong_shape_is_refused(tmp_path: Path, text: str, key: str, word: str) -> None:
    found = problems(tmp_path, text)
    assert any(problem.startswith(f"{key}: ") and word in problem for problem in found), found


def test_the_same_cluster_through_a_copy_of_the_account_is_refused(tmp_path: Path) -> None:
    start = MINIMAL.index("[accounts.qc]")
    copy = MINIMAL[start : MINIMAL.index("[databases")].replace("accounts.qc", "accounts.copy")
    text = f'{MINIMAL}\n{copy}\n[databases.a]\naccount = "copy"\ncluster = "cl-1"\n'
    (problem,) = problems(tmp_path, text)
    assert problem.startswith("databases.a: is the same cluster as databases.orders")


def test_a_database_of_a_cloud_that_was_left_out_gets_no_false_advice(tmp_path: Path) -> None:
    """Its keys are not those of the one account that is left."""
    text = f'{MINIMAL}\n[databases.sessions]\naccount = "hw"\ninstance = "9136in02"\n'
    (problem,) = problems(tmp_path, text)
    assert problem.startswith('databases.sessions.account: "hw" is not an account of this file')


def test_the_same_cluster_with_another_key_is_the_same_cluster(tmp_path: Path) -> None:
    account = '[accounts.second]\nprovider = "qingcloud"\nzone = "SH1A"\n'
    keys = 'access_key_id = "another"\nsecret_access_key = "key"\n'
    text = f'{MINIMAL}\n{account}{keys}\n[databases.a]\naccount = "second"\ncluster = "cl-1"\n'
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, types=PROVIDERS)
    assert "databases.a: is the same cluster as databases.orders" in str(caught.value.problems)


@pytest.mark.parametrize(
    ("policy", "fine"),
    [
        ('approvals = 2\napprovers = ["U1", "U2"]', True),
        ('approvals = 2\napprovers = ["U1", "U1"]', False),
        ('approvals = 3\napprovers = ["U1", "S1"]', True),
        ('approvals = 3\napprovers = ["*"]', True),
        ('approvals = 2\napprovers = ["U1", "U2"]\nrequesters = ["U1"]', False),
        ('approvals = 2\napprovers = ["U1", "U2"]\nrequesters = ["U1"]\nself_approval = true', True),
        ('approvals = 2\napprovers = ["U1", "U2"]\nrequesters = ["U3", "U1"]', True),
    ],
)
def test_a_quorum_must_be_possible(tmp_path: Path, policy: str, fine: bool) -> None:
    text = MINIMAL.replace('approvers = ["U0456EFGH"]', policy)
    if fine:
        load(tmp_path, text)
    else:
        assert problems(tmp_path, text)[0].startswith("policies.default.approvals: ")


def test_all_mistakes_of_a_file_are_reported_together(tmp_path: Path) -> None:
    lines = [
        ("slack", 'locale = "fr"', "slack.locale"),
        ("slack", 'command = "x"', "slack.command"),
        ("slack", 'channels = ["x"]', "slack.channels[0]"),
        ("server", "port = -1", "server.port"),
        ("database", 'lease = "9s"', "database.lease"),
        ("database", 'url = "oracle://x"', "database.url"),
        ("tracking", 'deadline = "x"', "tracking.deadline"),
        ("tracking", 'poll_interval = "30s"\nmax_poll_interval = "9s"', "tracking.poll_interval"),
        ("accounts.qc", 'zone = "${NOT_THERE}"', "accounts.qc.zone"),
        ("accounts.qc", "odd = 1", "accounts.qc.odd"),
        ("accounts.odd", 'provider = "odd"', "accounts.odd.provider"),
        ("databases.orders", 'policy = "odd"', "databases.orders.policy"),
        ("databases.orders", "odd = 1", "databases.orders.odd"),
        ("databases.freeze", 'account = "odd"', "databases.freeze"),
        ("policies.default", "approvals = 9", "policies.default.approvals"),
        ("policies.default", 'cooldown = "x"', "policies.default.cooldown"),
        ("policies.default", 'freeze = [{ cron = "x", for = "y" }]', "policies.default.freeze[0].cron"),
        ("odd", "x = 1", "odd"),
    ]
    text = MINIMAL
    for section, line, _ in lines:
        text = with_line(section, line, text)
    found = problems(tmp_path, text, {})
    keys = [problem.split(": ")[0] for problem in found]
    expected = {key for *_, key in lines} | {"slack.bot_token", "slack.app_token", "slack.signing_secret"}
    expected |= {"policies.default.freeze[0].for", "policies.default.freeze[0].reason"}
    assert set(keys) == expected
    assert len(keys) == len(expected)
    assert all("\n" not in problem for problem in found)


def test_a_value_that_could_not_be_filled_in_is_one_problem(tmp_path: Path) -> None:
    text = with_line("databases.orders", 'account = "${NOT_THERE}"')
    (problem,) = problems(tmp_path, text)
    assert problem.startswith("databases.orders.account: the environment variable NOT_THERE is not set")


def test_an_empty_secret_is_one_problem(tmp_path: Path) -> None:
    for section, key in (("accounts.qc", "secret_access_key"), ("accounts.qc", "access_key_id")):
        (problem,) = problems(tmp_path, with_line(section, f'{key} = ""'), types=SHIPPED)
        assert problem == f"{section}.{key}: is empty: give it a value"
    (problem,) = problems(tmp_path, with_line("accounts.qc", 'zone = ""'), types=SHIPPED)
    assert problem == "accounts.qc.zone: is empty: give it a value like sh1a"


def test_a_bad_id_is_told_in_its_providers_words_with_an_example_of_its_own(tmp_path: Path) -> None:
    for section, key, example in (
        ("databases.orders", "cluster", "cl-ouhutv70"),
        ("databases.orders", "role", "maininstance"),
        ("accounts.qc", "zone", "sh1a"),
    ):
        (problem,) = problems(tmp_path, with_line(section, f'{key} = "a b"'), types=SHIPPED)
        assert problem.startswith(f"{section}.{key}: does not look right: letters, digits and signs, ")
        assert problem.endswith(f"no spaces or control characters, like {example}")


def test_a_database_below_the_bots_own_is_told_where_it_belongs(tmp_path: Path) -> None:
    text = MINIMAL.replace("[databases.orders]", "[database.orders]")
    assert "database.orders: is not a key here: did you mean [databases.orders]?" in problems(tmp_path, text)


def test_a_key_with_a_line_end_stays_on_one_line(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, with_line("slack", '"a\\nb" = 1'))
    assert problem.startswith('slack."a\\nb": ')


def test_without_any_secret_of_slack_each_one_is_named_once(tmp_path: Path) -> None:
    keys = [problem.split(": ")[0] for problem in problems(tmp_path, with_line("slack", 'mode = "x"'), {})]
    assert keys == ["slack.bot_token", "slack.mode"]


UNSET = "the environment variable {} is not set: set it, or name another here"
BOT, APP, SIGNING = (UNSET.format(f"SLACK_{name}") for name in ("BOT_TOKEN", "APP_TOKEN", "SIGNING_SECRET"))
HTTP, SOCKET = '(mode "http" needs it)', '(mode "socket" needs it)'
SLACKS = [
    # lines of the section, environment, problems
    ("", {}, [
        f"bot_token: {BOT}",
        f"app_token: {APP} {SOCKET[:-1]}; either mode will do)",
        f"signing_secret: {SIGNING} {HTTP[:-1]}; either mode will do)",
    ]),
    ('bot_token = "xoxb-1"\napp_token = "${SLACK_APP_TOKEN}"', {}, [f"app_token: {APP} {SOCKET}"]),
    (
        'app_token = "${MY_APP}"', {"SLACK_BOT_TOKEN": "xoxb-1", "MY_APPS": "xapp-1"},
        [f"app_token: {UNSET.format('MY_APP')} (MY_APPS is set: is it meant?) {SOCKET}"],
    ),
    (
        'bot_token = "${SLACK_BOT_TOKEN}"\nsigning_secret = "${SLACK_SIGNING_SECRET}"', {},
        [f"bot_token: {BOT}", f"signing_secret: {SIGNING} {HTTP}"],
    ),
    ('mode = "http"\napp_token = "xapp-1"', {"SLACK_BOT_TOKEN": "xoxb-1"}, [f"signing_secret: {SIGNING} {HTTP}"]),
    ('mode = "socket"', {"SLACK_BOT_TOKEN": "xoxb-1"}, [f"app_token: {APP} {SOCKET}"]),
    (
        'bot_token = "${A}${B}"', {"SLACK_SIGNING_SECRET": "s"},
        [f"bot_token: {UNSET.format('A')}; {UNSET.format('B')}"],
    ),
    (
        'bot_token = "${SLACK_BOT_TOKEN}"\nsigning_secret = ""', {"SLACK_BOT_TOKEN": ""},
        [
            "bot_token: ${SLACK_BOT_TOKEN} is empty: give it a value",
            f"signing_secret: is empty: give it a value {HTTP}",
        ],
    ),
    (
        'bot_token = "${file:nope}"\napp_token = "${file:/nope/too}"', {},
        [
            "bot_token: the file {folder}/nope can't be read (No such file or directory): mend the path or its rights",
            "app_token: the file /nope/too can't be read (No such file or directory): mend the path or its rights",
        ],
    ),
    (
        'bot_token = "xoxb-1"\napp_token = "${file:nope}${GONE}"', {"SLACK_SIGNING_SECRET": "s"},
        [
            "app_token: the file {folder}/nope can't be read (No such file or directory): mend the path or its rights",
            f"app_token: {UNSET.format('GONE')}",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("slack", "env", "expected"), SLACKS, ids=[repr(each[0]) for each in SLACKS])
def test_a_secret_of_slack_that_is_not_there_is_named_with_why_and_what_mends_it(
    tmp_path: Path, slack: str, env: dict[str, str], expected: list[str]
) -> None:
    found = problems(tmp_path, f"[slack]\n{slack}\n{MINIMAL}", env)
    assert list(found) == [f"slack.{each}".replace("{folder}", str(tmp_path)) for each in expected]


def test_all_that_is_missing_is_told_in_one_go(tmp_path: Path) -> None:
    text = EXAMPLE.replace('mode = "http"', "").replace('locale = "en"', 'locale = "fr"')
    found = problems(tmp_path, text, {})
    assert [problem.split(": ")[0] for problem in found] == [
        "slack.bot_token",
        "slack.app_token",
        "slack.signing_secret",
        "slack.locale",
        "accounts.qc.access_key_id",
        "accounts.qc.secret_access_key",
        "accounts.hw.access_key",
        "accounts.hw.secret_key",
    ]


# the file


def test_a_missing_file_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no-such\.toml: .*--config"):
        config.load(tmp_path / "no-such.toml", env={}, provider_types=TYPES)


def test_a_missing_file_is_named_once_with_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (Path("no-such.toml"), tmp_path / "no-such.toml"):
        with pytest.raises(ConfigError) as raised:
            config.load(path, env={}, provider_types=TYPES)
        (problem,) = raised.value.problems
        assert problem.startswith(f"{path}: there is no such file")
        assert problem.count(str(tmp_path)) == 1


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, said in (
        (tmp_path, "is a folder: name the file"),
        (tmp_path / "file" / "x", "goes through a file"),
    ):
        with pytest.raises(ConfigError, match=f"^{path}: {said}"):
            config.load(path, env={}, provider_types=TYPES)


def test_a_syntax_error_names_line_and_column(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, '[slack]\nbot_token = "xoxb-secret"\nmode = http\n')
    assert "line 3, column 8" in problem
    assert "secret" not in problem


def test_a_syntax_error_at_the_end_says_so(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, 'a = "')
    assert "switchover.toml: " in problem
    assert "TOML" in problem


@pytest.mark.parametrize("line", ["mode = http", "command = /switchover", "locale = 2s"])
def test_text_without_quotes_is_told_of_them(tmp_path: Path, line: str) -> None:
    (problem,) = problems(tmp_path, f"[slack]\n{line}\n")
    assert "put text and durations in quotes" in problem


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "switchover.toml"
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(ConfigError, match="UTF-8"):
        config.load(path, env={}, provider_types=TYPES)


@pytest.mark.parametrize(("content", "word"), [(b"\xff\xfe", "UTF-8"), (b"x" * 70_000, "64 KiB")])
def test_a_file_that_can_not_be_put_in_is_named(tmp_path: Path, content: bytes, word: str) -> None:
    (tmp_path / "odd").write_bytes(content)
    (problem,) = problems(tmp_path, with_line("accounts.qc", 'zone = "${file:odd}"'))
    assert problem.startswith("accounts.qc.zone: the file ")
    assert word in problem


# secrets

QUOTES = "is not accepted, for a reason that quotes a secret: see the documentation"
_planted = st.text(alphabet="QZXJKqzxjk0123456789{}'\"\\\n% ", min_size=8, max_size=20)


@given(secret=_planted)
def test_a_planted_secret_is_never_seen(tmp_path_factory: pytest.TempPathFactory, secret: str) -> None:
    folder = tmp_path_factory.mktemp("config")
    env = {**dict.fromkeys(ENV, secret), "SLACK_APP_TOKEN": secret, "ODD": secret}
    settings = load(folder, EXAMPLE, env)
    assert secret not in repr(settings)
    assert secret not in str(settings)
    broken = EXAMPLE.replace('zone = "sh1a"', "zone = 1\nodd = 1").replace(
        'locale = "en"', 'locale = "${ODD}"'
    )
    broken = broken.replace('endpoint = "https://dds', '# endpoint = "https://dds')
    broken = broken.replace('"0549b4a43100d4f32f51c01c2fe4acdb"', '"${ODD}"').replace('"15s"', '"${ODD}"')
    broken = broken.replace('"sqlite:///switchover.db"', '"${ODD}"').replace("port = 3000", 'port = "${ODD}"')
    text = "\n".join(problems(folder, broken, env))
    assert "accounts.hw: is not accepted" in text
    assert secret not in text


@pytest.mark.parametrize("key", ["bot_token", "signing_secret", "app_token"])
def test_a_secret_of_the_wrong_kind_is_not_shown(tmp_path: Path, key: str) -> None:
    found = problems(tmp_path, with_line("slack", f"{key} = 8675309"))
    assert any(problem.startswith(f"slack.{key}: is not a string") for problem in found)
    assert "8675309" not in "".join(found)


class Zoned(QingCloudAccount):
    @field_validator("zone")
    @classmethod
    def zone_is_known(cls, zone: str) -> str:
        raise ValueError(f"is no zone ({zone}): write one of the 5 in a list")


class Keyed(QingCloudAccount):
    @field_validator("secret_access_key")
    @classmethod
    def key_is_known(cls, key: SecretStr) -> SecretStr:
        raise ValueError(f"begins with {key.get_secret_value()}, as none does")


class Signed(QingCloudAccount):
    @model_validator(mode="after")
    def is_let_in(self) -> Signed:
        raise ValueError(f"is not let in ({self.secret_access_key.get_secret_value()}) by a door")


@pytest.mark.parametrize("secret", ["5", "a", "of", "one"])
@pytest.mark.parametrize(
    ("account", "key", "reason"),
    [
        (Zoned, ".zone", "is no zone (sh1a): write one of the 5 in a list"),
        (Keyed, ".secret_access_key", QUOTES),
        (Signed, "", QUOTES),
    ],
)
def test_what_is_too_short_for_a_secret_hides_only_what_quotes_it(
    tmp_path: Path, account: type[ProviderSettings], key: str, reason: str, secret: str
) -> None:
    types = {**TYPES, "qingcloud": Kind("qingcloud", account, QingCloudDatabase)}
    written = with_line("accounts.qc", f'secret_access_key = "{secret}"')
    given = with_line("accounts.qc", 'secret_access_key = "${GIVEN}"')
    for text in (written, given):
        assert problems(tmp_path, text, {**ENV, "GIVEN": secret}, types) == (f"accounts.qc{key}: {reason}",)


def test_a_token_in_the_wrong_place_is_not_shown(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, with_line("slack", 'command = "xoxb-1234-secret"'))
    assert "1234" not in problem


# documentation


def test_every_key_is_known_for_the_documentation() -> None:
    keys = config.known_keys(TYPES)
    assert len(keys) == len(set(keys))
    assert {
        "slack.mode",
        "database.lease",
        "tracking.settle_time",
        "accounts.*.provider",
        "accounts.*.secret_access_key",
        "accounts.*.project_id",
        "databases.*.account",
        "databases.*.cluster",
        "databases.*.instance",
        "policies.*.approvers",
        "policies.*.freeze[].for",
    } <= set(keys)
