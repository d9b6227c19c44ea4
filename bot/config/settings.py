"""What a configuration means once read: frozen values, durations as ``timedelta``, secrets hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from bot.config import values
from bot.config.starts import Starts
from bot.config.values import Mistake
from bot.ports import ProviderSettings


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _said(value: str) -> str:
    if not value.strip():
        raise Mistake("says nothing: write what people should read")
    return value


def _somebody(people: tuple[str, ...]) -> tuple[str, ...]:
    if not people:
        raise Mistake('names nobody: list user ids, user-group ids or "*"')
    return people


def _bot_token(token: SecretStr) -> SecretStr:
    if token.get_secret_value().startswith(("xapp-", "xoxp-")):
        raise Mistake("is another kind of token: write the bot token, which starts with xoxb-")
    return token


def _app_token(token: SecretStr) -> SecretStr:
    if token.get_secret_value().startswith("xox"):
        raise Mistake("is another kind of token: write the app-level token, which starts with xapp-")
    return token


def _database_url(url: SecretStr) -> SecretStr:
    values.database_url(url.get_secret_value())
    return url


Duration = Annotated[timedelta, BeforeValidator(values.duration)]
PositiveDuration = Annotated[Duration, AfterValidator(values.positive)]
Channel = Annotated[str, AfterValidator(values.channel)]
Person = Annotated[str, AfterValidator(values.person_or_group)]
People = Annotated[tuple[Person, ...], BeforeValidator(_as_tuple)]


class SlackSettings(_Section):
    """``[slack]``. ``mode`` is decided; the secret it needs is there, the other one may be None."""

    mode: Literal["http", "socket"] = "http"
    bot_token: Annotated[SecretStr, AfterValidator(_bot_token)]
    signing_secret: SecretStr | None = None
    app_token: Annotated[SecretStr, AfterValidator(_app_token)] | None = None
    api_url: Annotated[str, AfterValidator(values.api_url)] = "https://slack.com/api/"
    command: Annotated[str, AfterValidator(values.command)] = "/switchover"
    channels: Annotated[tuple[Channel, ...], BeforeValidator(_as_tuple)] = ()
    audit_channel: Annotated[str, AfterValidator(values.optional_channel)] = ""
    locale: Literal["en", "zh-CN"] = "en"


class ServerSettings(_Section):
    """``[server]``. Port 0 lets the system choose."""

    host: Annotated[str, AfterValidator(values.host)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 3000


class StorageSettings(_Section):
    """``[database]``: the bot's own database. ``url`` may hold a password; ``place`` never does."""

    url: Annotated[SecretStr, AfterValidator(_database_url)] = SecretStr("sqlite:///switchover.db")
    migrate_on_start: bool = False
    lease: PositiveDuration = timedelta(seconds=15)

    @property
    def backend(self) -> Literal["sqlite", "postgresql"]:
        """Which of the two databases it is."""
        return "sqlite" if self.url.get_secret_value().startswith("sqlite") else "postgresql"

    @property
    def file(self) -> Path | None:
        """The file of SQLite, as an absolute path; None where it is a server."""
        url = self.url.get_secret_value()
        return Path(url.removeprefix("sqlite:///")).absolute() if self.backend == "sqlite" else None

    @property
    def place(self) -> str:
        """Where it is, for people: the file, or the server's address without password and options."""
        return str(self.file or values.masked_url(self.url.get_secret_value()))


class TrackingSettings(_Section):
    """``[tracking]``: how long things may take."""

    poll_interval: PositiveDuration = timedelta(seconds=2)
    max_poll_interval: PositiveDuration = timedelta(seconds=10)
    deadline: PositiveDuration = timedelta(minutes=20)
    verify_timeout: PositiveDuration = timedelta(seconds=180)
    call_timeout: PositiveDuration = timedelta(seconds=10)
    settle_time: PositiveDuration = timedelta(seconds=90)


class FreezeSettings(_Section):
    """An entry of ``policies.*.freeze``: from each time ``cron`` fires in ``timezone``, for ``duration``."""

    cron: Annotated[str, AfterValidator(values.cron)]
    duration: Annotated[PositiveDuration, Field(alias="for")]
    timezone: Annotated[str, AfterValidator(values.timezone)] = "UTC"
    reason: Annotated[str, AfterValidator(_said)]

    @property
    def zone(self) -> ZoneInfo:
        """Whose clocks ``cron`` is read on."""
        return ZoneInfo(self.timezone)

    def starts(self) -> Starts:
        """When this freeze begins."""
        return Starts(values.trigger(self.cron), self.zone)


class PolicySettings(_Section):
    """``[policies.*]``: who may do what with the databases that name it."""

    approvals: Annotated[int, Field(ge=1)] = 1
    approvers: Annotated[People, AfterValidator(_somebody)]
    requesters: Annotated[People, AfterValidator(_somebody)] = ("*",)
    self_approval: bool = False
    approval_ttl: PositiveDuration = timedelta(minutes=30)
    max_lag: Duration | None = None
    allow_unknown_primary: bool = False
    cooldown: Duration = timedelta(0)
    break_glass: People = ()
    freeze: Annotated[tuple[FreezeSettings, ...], BeforeValidator(_as_tuple)] = ()


class DatabaseShape(_Section):
    """The keys of ``[databases.*]`` that every provider has."""

    account: str
    policy: str = "default"
    description: str = ""


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """``[accounts.*]``; the provider's settings stay out of ``repr``, however their author typed them."""

    name: str
    provider: str
    provider_settings: ProviderSettings = field(repr=False)


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """``[databases.*]``: a name people type, the account it is on, and where it is there."""

    name: str
    account: str
    policy: str
    description: str
    provider_settings: ProviderSettings = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole configuration in which every reference leads somewhere."""

    slack: SlackSettings
    server: ServerSettings
    database: StorageSettings
    tracking: TrackingSettings
    accounts: Mapping[str, AccountSettings]
    databases: Mapping[str, DatabaseSettings]
    policies: Mapping[str, PolicySettings]

    def policy_of(self, database: str) -> PolicySettings:
        """The policy that a configured database is under."""
        return self.policies[self.databases[database].policy]

    def secrets(self) -> frozenset[str]:
        """Every secret in it, for the redaction of logs."""
        models: list[BaseModel] = [self.slack, self.database]
        models += [account.provider_settings for account in self.accounts.values()]
        found = {secret for model in models for secret in secrets_of(model)}
        url = self.database.url.get_secret_value()
        found.discard(url)
        return frozenset(found | values.url_secrets(url))


def secrets_of(model: BaseModel) -> set[str]:
    """The secret values of a model: what is typed as one, and what is named like one."""
    hidden = secret_keys(type(model))
    found = (
        getattr(model, key) for key, info in type(model).model_fields.items() if (info.alias or key) in hidden
    )
    return {secret for value in found if (secret := _plain(value))}


def _plain(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value if isinstance(value, str) else ""


@cache
def secret_keys(model: type[BaseModel]) -> frozenset[str]:
    """The keys of a model whose values are never shown."""
    return frozenset(
        info.alias or key
        for key, info in model.model_fields.items()
        if "Secret" in repr(info.annotation) or values.names_a_secret(key)
    )
