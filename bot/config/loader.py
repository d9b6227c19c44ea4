"""Reads a configuration file: parse, fill in, check each section, then what only shows across sections."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from bot.config import values
from bot.config.problems import Known, Problems, quoted
from bot.config.settings import (
    AccountSettings,
    DatabaseSettings,
    DatabaseShape,
    FreezeSettings,
    PolicySettings,
    ServerSettings,
    Settings,
    SlackSettings,
    StorageSettings,
    TrackingSettings,
    secret_keys,
)
from bot.config.template import KeyPath, fill
from bot.config.values import Mistake, nearest
from bot.errors import ConfigError
from bot.ports import ProviderType

_SECTIONS: Mapping[str, type[BaseModel]] = {
    "slack": SlackSettings,
    "server": ServerSettings,
    "database": StorageSettings,
    "tracking": TrackingSettings,
}
_NAMED = ("accounts", "databases", "policies")
_SLACK_SECRETS = {
    "bot_token": "SLACK_BOT_TOKEN",
    "signing_secret": "SLACK_SIGNING_SECRET",
    "app_token": "SLACK_APP_TOKEN",
}
_SECRET_OF_MODE = {"socket": "app_token", "http": "signing_secret"}
_NOT_THERE = "stands in for what was reported already"
_LONGEST_CALL_SECONDS = 60
# What tomllib says of `mode = http` and of `lease = 15s`.
_UNQUOTED = re.compile("Invalid value|Expected newline or end of document after a statement")

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _Checked(Generic[M]):
    """A section as far as it could be read; ``bad`` are keys whose value is not the one that was written."""

    value: M | None
    bad: frozenset[str] = frozenset()

    def has(self, *keys: str) -> M | None:
        """The section, if these keys of it can be relied on."""
        return None if self.bad.intersection(keys) else self.value


def load(path: Path, *, env: Mapping[str, str], provider_types: Mapping[str, ProviderType]) -> Settings:
    """Reads a configuration.

    Args:
        path: The TOML file.
        env: The environment that ``${NAME}`` is taken from.
        provider_types: What an account's ``provider`` may name.

    Raises:
        ConfigError: With every problem at once; nothing in it shows a secret.
    """
    tree = _parse(path)
    optional = frozenset(("slack", name) for name in _SLACK_SECRETS)
    filled = fill(_with_slack_secrets(tree), env=env, folder=path.parent, optional=optional)
    reader = _Reader(Problems(filled), provider_types, tree)
    settings = reader.settings()
    if settings is None or reader.problems.found:
        raise ConfigError(reader.problems.lines())
    return settings


def known_keys(provider_types: Mapping[str, ProviderType]) -> list[str]:
    """Every key there may be: ``slack.mode``, ``accounts.*.zone``, ``policies.*.freeze[].cron``."""
    found = [f"{section}.{key}" for section, model in _SECTIONS.items() for key in _keys(model)]
    types = [provider_types[name] for name in sorted(provider_types)]
    found += ["accounts.*.provider", *(f"accounts.*.{key}" for kind in types for key in _keys(kind.account))]
    found += [f"databases.*.{key}" for key in _keys(DatabaseShape)]
    found += [f"databases.*.{key}" for kind in types for key in _keys(kind.database)]
    found += [f"policies.*.{key}" for key in _keys(PolicySettings)]
    found += [f"policies.*.freeze[].{key}" for key in _keys(FreezeSettings)]
    return list(dict.fromkeys(found))


def _keys(model: type[BaseModel]) -> list[str]:
    return [info.alias or key for key, info in model.model_fields.items()]


def _required(model: type[BaseModel]) -> set[str]:
    return {info.alias or key for key, info in model.model_fields.items() if info.is_required()}


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        place = "" if path.is_absolute() else f" ({path.absolute()})"
        problem = (
            f"there is no such file{place}: write one (the README has a whole example), or name "
            "another with --config or in $SWITCHOVER_CONFIG"
        )
    except IsADirectoryError:
        problem = "is a folder: name the file in it with --config or in $SWITCHOVER_CONFIG"
    except NotADirectoryError:
        problem = "goes through a file as if that were a folder: name another with --config"
    except OSError as error:
        problem = f"can't be read ({error.strerror}): mend its rights or name another with --config"
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 text (byte {error.start}): save it as UTF-8"
    except tomllib.TOMLDecodeError as error:
        problem = _syntax(str(error))
    except RecursionError:
        problem = "is nested too deeply to be a configuration"
    # outside of the handlers: what they caught may carry the text, and with it the secrets in it
    raise ConfigError([f"{path}: {problem}"])


def _syntax(message: str) -> str:
    found = re.fullmatch(r"(?s)(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message)
    what, line, column = found.groups() if found else (message, None, None)
    place = f"line {line}, column {column}" if line else "at its end"
    mend = (
        "put text and durations in quotes, or mend that line" if _UNQUOTED.match(what) else "mend that line"
    )
    return f"{place}: this is not TOML ({' '.join(what.split())}): {mend}"


def _with_slack_secrets(tree: dict[str, Any]) -> dict[str, Any]:
    slack = tree.get("slack", {})
    if not isinstance(slack, dict):
        return tree
    return {**tree, "slack": {key: f"${{{name}}}" for key, name in _SLACK_SECRETS.items()} | slack}


@dataclass(frozen=True, slots=True)
class _Reader:
    problems: Problems
    types: Mapping[str, ProviderType]
    written: Mapping[str, Any]

    def settings(self) -> Settings | None:
        self._unknown_sections()
        slack = self._slack()
        server = self._read(ServerSettings, ("server",), self._table("server"))
        database = self._read(StorageSettings, ("database",), self._table("database"))
        tracking = self._tracking()
        self._check_times(tracking, database)
        accounts = dict(self._accounts())
        policies = dict(self._policies())
        databases = dict(self._databases(accounts))
        self._check_duplicates(accounts, databases)
        if slack.value is None or server.value is None or database.value is None or tracking.value is None:
            return None
        return Settings(
            slack=slack.value,
            server=server.value,
            database=database.value,
            tracking=tracking.value,
            accounts=MappingProxyType(accounts),
            databases=MappingProxyType(databases),
            policies=MappingProxyType(policies),
        )

    def _table(self, section: str) -> dict[str, Any]:
        table = self.problems.filled.tree.get(section, {})
        if isinstance(table, dict):
            return table
        example = f"[{section}.NAME]" if section in _NAMED else f"[{section}]"
        self.problems.add((section,), f"is not a table: write {example} on a line of its own")
        return {}

    def _unknown_sections(self) -> None:
        known = (*_SECTIONS, *_NAMED)
        for section in self.problems.filled.tree:
            if section not in known:
                self.problems.add((section,), f"is not a section{nearest(section, known)}")

    def _read(
        self, model: type[M], path: KeyPath, table: dict[str, Any], *, beside: tuple[str, ...] = ()
    ) -> _Checked[M]:
        """The table as a model; with mistakes in it, as much of it as stands without them."""
        secret = secret_keys(model)
        self.problems.secret.update((*path, key) for key in secret)
        empty = secret.intersection(key for key, item in table.items() if item == "")
        for key in sorted(empty):
            mend = "" if key in _required(model) else ", or leave the key out"
            self.problems.add((*path, key), f"is empty: give it a value{mend}")
        table, value, errors = self._validated(model, path, table)
        unsaid = [error for error in errors if not empty.intersection(error["loc"][:1])]
        self.problems.invalid(path, unsaid, known=_known(model, beside))
        if value is not None:
            return _Checked(value, frozenset(key for key in table if self.problems.unfilled((*path, key))))
        bad = {str(error["loc"][0]) for error in errors if error["loc"]}
        rest = {key: item for key, item in table.items() if key not in bad}
        bad.update(key for key in rest if self.problems.unfilled((*path, key)))
        return _Checked(_validate(model, rest)[0], frozenset(bad))

    def _validated(
        self, model: type[M], path: KeyPath, table: dict[str, Any]
    ) -> tuple[dict[str, Any], M | None, Any]:
        value, errors = _validate(model, table)
        mended = dict(table)
        for error in errors:
            key = error["loc"][0] if error["loc"] else None
            # `port = "${PORT}"` can only be text, so a text that was put in may say a number or a yes
            if (*path, key) in self.problems.filled.substituted and isinstance(key, str):
                mended[key] = _as_scalar(table[key], error["type"])
        if mended != table:
            value, errors = _validate(model, mended)
        return mended, value, errors

    def _slack(self) -> _Checked[SlackSettings]:
        table = dict(self._table("slack"))
        absent = {str(path[-1]): why for path, why in self.problems.filled.absent.items()}
        if "bot_token" in absent:
            self.problems.add(("slack", "bot_token"), absent["bot_token"])
        table.setdefault("bot_token", _NOT_THERE)
        modes = [str(table["mode"])] if "mode" in table else self._modes_meant(absent)
        for mode in modes:
            if (secret := _SECRET_OF_MODE.get(mode, "")) in absent:
                which = f'mode "{mode}" needs it' + ("; either mode will do" if len(modes) > 1 else "")
                self.problems.add(("slack", secret), f"{absent[secret]} ({which})")
        return self._read(SlackSettings, ("slack",), {"mode": modes[0], **table})

    def _modes_meant(self, absent: Collection[str]) -> list[str]:
        """The mode whose secret is there; or, if neither is, whose secret the file speaks of; else both."""
        slack = self.written.get("slack")
        for secrets in ({*_SLACK_SECRETS}.difference(absent), slack if isinstance(slack, dict) else ()):
            if found := [mode for mode, secret in _SECRET_OF_MODE.items() if secret in secrets]:
                return found
        return list(_SECRET_OF_MODE)

    def _tracking(self) -> _Checked[TrackingSettings]:
        """Of the two poll intervals the one that is not written follows the one that is."""
        table = self._table("tracking")
        checked = self._read(TrackingSettings, ("tracking",), table)
        times = checked.value
        if times is None or times.poll_interval <= times.max_poll_interval:
            return checked
        if "poll_interval" not in table:
            times = times.model_copy(update={"poll_interval": times.max_poll_interval})
        elif "max_poll_interval" not in table:
            times = times.model_copy(update={"max_poll_interval": times.poll_interval})
        return _Checked(times, checked.bad)

    def _check_times(self, tracking: _Checked[TrackingSettings], database: _Checked[StorageSettings]) -> None:
        times = tracking.has("poll_interval", "max_poll_interval")
        if times and times.poll_interval > times.max_poll_interval:
            self.problems.add(
                ("tracking", "poll_interval"),
                "is longer than tracking.max_poll_interval: shorten it, or lengthen the other",
            )
        if not (times := tracking.has("call_timeout")):
            return
        if times.call_timeout.total_seconds() > _LONGEST_CALL_SECONDS:
            self.problems.about(("tracking", "call_timeout"), 'is too long for one call: write at most "60s"')
        if (storage := database.has("lease")) and storage.lease <= times.call_timeout:
            self.problems.add(
                ("database", "lease"),
                "must be longer than tracking.call_timeout, or another replica takes over in mid-call:"
                " lengthen it, or shorten the other",
            )

    def _named(self, section: str, parse: Callable[[str], str]) -> Iterator[tuple[str, dict[str, Any]]]:
        seen: dict[str, str] = {}
        for name, table in self._table(section).items():
            path = (section, name)
            try:
                parse(name)
            except Mistake as mistake:
                self.problems.add(path, f"{quoted(name)} {mistake}")
            if (other := seen.setdefault(name.casefold(), name)) != name:
                self.problems.add(
                    path, f"differs from {section}.{other} only in capitals: choose another name"
                )
            if isinstance(table, dict):
                yield name, table
            else:
                self.problems.add(path, f"is not a table: write [{section}.{name}] and its keys below")

    def _accounts(self) -> Iterator[tuple[str, AccountSettings]]:
        for name, table in self._named("accounts", values.name):
            path = ("accounts", name)
            kind = self._provider_type(path, table.get("provider"))
            if kind is None:
                continue
            rest = {key: item for key, item in table.items() if key != "provider"}
            checked = self._read(kind.account, path, rest, beside=("provider",))
            if checked.value is not None:
                yield name, AccountSettings(name, kind.name, checked.value)

    def _provider_type(self, path: KeyPath, provider: object) -> ProviderType | None:
        where = (*path, "provider")
        names = sorted(self.types)
        if provider is None:
            self.problems.add(where, f"is missing: name one of {', '.join(names)}")
        elif not isinstance(provider, str) or provider not in self.types:
            self.problems.about(where, f"is not a provider{nearest(str(provider), names)}")
            # the other keys are most likely those of the one that was meant
            return self.types.get(next(iter(get_close_matches(str(provider), names, n=1)), ""))
        else:
            return self.types[provider]
        return None

    def _policies(self) -> Iterator[tuple[str, PolicySettings]]:
        for name, table in self._named("policies", values.name):
            path = ("policies", name)
            checked = self._read(PolicySettings, path, table)
            if policy := checked.has("approvals", "approvers", "requesters", "self_approval"):
                self._check_quorum((*path, "approvals"), policy)
            if checked.value is not None:
                yield name, checked.value

    def _check_quorum(self, path: KeyPath, policy: PolicySettings) -> None:
        possible = most_approvals(policy)
        if possible is not None and policy.approvals > possible:
            self.problems.add(
                path,
                f"asks for {policy.approvals} of {len(set(policy.approvers))} approvers, of whom at most"
                f" {possible} can approve one request: lower it, or list more approvers or a group",
            )

    def _databases(self, accounts: Mapping[str, AccountSettings]) -> Iterator[tuple[str, DatabaseSettings]]:
        if "databases" not in self.problems.filled.tree or self.problems.at(("databases",)) == {}:
            self.problems.add(("databases",), 'has no entry: add [databases.NAME] with its "account"')
        for name, table in self._named("databases", values.database_name):
            path = ("databases", name)
            common = _keys(DatabaseShape)
            own = {key: item for key, item in table.items() if key in common}
            shape = self._read(DatabaseShape, path, own)
            self._check_policy(path, table, shape)
            kind = self._type_of_account(path, shape)
            if kind is None:
                continue
            rest = {key: item for key, item in table.items() if key not in common}
            place = self._read(kind.database, path, rest, beside=tuple(common))
            if shape.value is not None and place.value is not None and shape.value.account in accounts:
                yield (
                    name,
                    DatabaseSettings(
                        name, shape.value.account, shape.value.policy, shape.value.description, place.value
                    ),
                )

    def _check_policy(self, path: KeyPath, table: Mapping[str, Any], shape: _Checked[DatabaseShape]) -> None:
        policies = self.problems.at(("policies",))
        names = set(policies) if isinstance(policies, dict) else set()
        found = shape.has("policy")
        if "policy" not in table:
            if "default" not in names:
                mend = f"add [policies.default], or name another{nearest('default', names)}"
                self.problems.add((*path, "policy"), f"is not given, and there is no default policy: {mend}")
        elif found and found.policy not in names:
            self.problems.about(
                (*path, "policy"), f"is not a policy of this file{nearest(found.policy, names)}"
            )

    def _type_of_account(self, path: KeyPath, shape: _Checked[DatabaseShape]) -> ProviderType | None:
        if not (found := shape.has("account")):
            return None
        accounts = self.problems.at(("accounts",))
        names = list(accounts) if isinstance(accounts, dict) else []
        meant = found.account
        if meant not in names:
            hint = nearest(meant, names) or ": add it as a table under accounts"
            self.problems.about((*path, "account"), f"is not an account of this file{hint}")
            # with a name near another, or the only one there is, the other keys can be checked all the same
            near = next(iter(get_close_matches(meant, names, n=1)), "")
            found_type = self._type_of(near or (names[0] if len(names) == 1 else ""))
            return found_type if near or self._speaks_of(path, found_type) else None
        return self._type_of(meant)

    def _type_of(self, account: str) -> ProviderType | None:
        provider = self.problems.at(("accounts", account, "provider"))
        return self.types.get(provider) if isinstance(provider, str) else None

    def _speaks_of(self, path: KeyPath, kind: ProviderType | None) -> bool:
        """Whether a database's keys are those of this provider: else to check them would be false advice."""
        table = self.problems.at(path)
        if kind is None or not isinstance(table, dict):
            return False
        return set(table) <= {*_keys(DatabaseShape), *_keys(kind.database)}

    def _check_duplicates(
        self, accounts: Mapping[str, AccountSettings], databases: Mapping[str, DatabaseSettings]
    ) -> None:
        """Two names for one cluster would give it two locks, and so two operations at once."""
        seen: dict[tuple[str, tuple[str, ...], tuple[str, ...]], str] = {}
        for name, database in databases.items():
            account = accounts[database.account]
            place = (
                account.provider,
                account.provider_settings.identity,
                database.provider_settings.identity,
            )
            if (same := seen.setdefault(place, name)) != name:
                self.problems.add(
                    ("databases", name), f"is the same cluster as databases.{same}: keep one of the two names"
                )


def most_approvals(policy: PolicySettings) -> int | None:
    """How many people could approve one request at best; None where a group or everybody may."""
    approvers = set(policy.approvers)
    if not all(values.is_individual(person) for person in approvers):
        return None
    if policy.self_approval or not approvers.issuperset(policy.requesters):
        return len(approvers)
    return len(approvers) - 1  # whoever asks is one of them, and may not approve


def _validate(model: type[M], table: dict[str, Any]) -> tuple[M | None, Any]:
    try:
        return model.model_validate(table), ()
    except ValidationError as error:
        return None, error.errors(include_url=False, include_input=False)


def _known(model: type[BaseModel], beside: tuple[str, ...]) -> Known:
    return {(): [*beside, *_keys(model)], ("freeze",): _keys(FreezeSettings)}


def _as_scalar(value: Any, wanted: str) -> Any:
    if wanted == "int_type" and isinstance(value, str) and re.fullmatch("-?[0-9]{1,18}", value):
        return int(value)
    if wanted == "bool_type" and value in {"true", "false"}:
        return value == "true"
    return value
