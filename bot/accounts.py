"""The providers of the configured accounts: what a reload leaves as it was is kept, with the calls that were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.config import Settings
from bot.config.settings import AccountSettings
from bot.ports import Clock, Provider, ProviderSettings, ProviderType
from bot.service.catalogue import Catalogue
from bot.service.guarded import Guarded
from bot.telemetry import Metrics


@dataclass(frozen=True, slots=True)
class _Made:
    """All that a provider is made of: made of the same, it is the same."""

    account: AccountSettings
    databases: Mapping[str, ProviderSettings]
    call_timeout: timedelta


@dataclass(frozen=True, slots=True)
class _Account:
    """A provider, as it was built and as it is used."""

    made: _Made
    provider: Provider
    guarded: Provider


class Accounts:
    """One provider for each account of the configuration in force, and those that are still needed from before.

    Args:
        types: How accounts are built, by the name of their provider.
        clock: The time.
        metrics: Are told of every call.
    """

    def __init__(self, types: Mapping[str, ProviderType], clock: Clock, metrics: Metrics) -> None:
        self._types = types
        self._clock = clock
        self._metrics = metrics
        self._in_force: Mapping[str, _Account] = {}
        self._prepared: Mapping[str, _Account] = {}
        # Also of accounts that are gone: they may come back before their calls count no more.
        self._last: dict[str, Provider] = {}
        self._open: list[Provider] = []
        self._left: list[Provider] = []

    @property
    def open(self) -> int:
        """How many providers are not closed."""
        return len(self._open)

    def prepare(self, settings: Settings) -> dict[str, Provider]:
        """The providers of a configuration that is not in force yet, by account; opens nothing."""
        self._prepared = {name: self._of(name, settings) for name in settings.accounts}
        self._open += [each.guarded for each in self._prepared.values() if each.guarded not in self._open]
        return {name: each.guarded for name, each in self._prepared.items()}

    def begin(self) -> None:
        """What was prepared is in force; closes nothing."""
        self._in_force = self._prepared
        self._last |= {name: each.provider for name, each in self._in_force.items()}

    async def take_effect(self, catalogue: Catalogue) -> None:
        """What was prepared is in force. Closes what nothing needs any more: one time later, for what is under way."""
        self.begin()
        named = [
            database.provider for database in (*catalogue.databases.values(), *catalogue.retired.values())
        ]
        needed = [*named, *(each.guarded for each in self._in_force.values())]
        unneeded = [provider for provider in self._open if provider not in needed]
        await self._close([provider for provider in unneeded if provider in self._left])
        self._left = [provider for provider in unneeded if provider in self._open]

    async def give_up(self) -> None:
        """What was prepared does not take effect, and nobody has used what is new in it."""
        kept = [each.guarded for each in self._in_force.values()]
        await self._close([each.guarded for each in self._prepared.values() if each.guarded not in kept])

    async def close(self) -> None:
        """Closes the connections to the clouds."""
        await self._close(list(self._open))

    async def _close(self, providers: list[Provider]) -> None:
        self._open = [provider for provider in self._open if provider not in providers]
        for provider in providers:
            await provider.close()

    def _of(self, name: str, settings: Settings) -> _Account:
        account = settings.accounts[name]
        on_it = [database for database in settings.databases.values() if database.account == name]
        databases = {database.name: database.provider_settings for database in on_it}
        made = _Made(account, databases, settings.tracking.call_timeout)
        before = self._in_force.get(name)
        if before is not None and before.made == made:
            return before
        provider = self._types[account.provider].build(
            account.provider_settings,
            databases,
            clock=self._clock,
            call_timeout=made.call_timeout,
            observer=self._metrics.provider_observer(name),
            before=self._last.get(name),
        )
        return _Account(made, provider, Guarded(provider))
