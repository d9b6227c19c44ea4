"""The composition root: the only module that knows handlers, providers, storage and configuration together."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import structlog
import uvicorn
from starlette.applications import Starlette

from bot import config
from bot.config import PolicySettings, Settings
from bot.core.machine import Limits
from bot.core.policy import Policy
from bot.errors import ConfigError, StoreUnavailable
from bot.ports import Clock, Message, Provider
from bot.scheduler import Crew, LoopLag, Sweeps, Ticker
from bot.service.catalogue import Catalogue, CatalogueHolder, Database
from bot.service.desk import Desk
from bot.service.duties import Duties
from bot.storage import SqlStore, connect
from bot.system import SystemClock, new_operation_id
from bot.telemetry import Metrics, configure_logging
from bot.web import Ingress, create_app
from providers.registry import PROVIDERS

log = structlog.get_logger()

TICK = timedelta(milliseconds=500)
HOUSEKEEPING = timedelta(seconds=5)
KEEP_INBOX = timedelta(hours=48)
CREW = 64
DRAIN_MARGIN = 5.0
LAST_WORDS = 5.0
"""Seconds that the publisher gets, while draining, to say what is decided already."""


def load_settings(path: Path) -> Settings:
    """Reads the configuration against the registered providers and the environment.

    Raises:
        ConfigError: Every problem at once.
    """
    return config.load(path, env=os.environ, provider_types=PROVIDERS)


def limits_of(settings: Settings) -> Limits:
    """The configured times as the machine knows them."""
    tracking = settings.tracking
    return Limits(
        poll_interval=tracking.poll_interval,
        max_poll_interval=tracking.max_poll_interval,
        deadline=tracking.deadline,
        verify_timeout=tracking.verify_timeout,
        settle_time=tracking.settle_time,
        lease=settings.database.lease,
    )


def policy_of(name: str, settings: PolicySettings) -> Policy:
    """A configured policy as the core knows it."""
    return Policy(
        name=name,
        approvers=settings.approvers,
        approvals=settings.approvals,
        requesters=settings.requesters,
        self_approval=settings.self_approval,
        approval_ttl=settings.approval_ttl,
        max_lag=settings.max_lag,
        allow_unknown_primary=settings.allow_unknown_primary,
        cooldown=settings.cooldown,
    )


def freezes_of(settings: PolicySettings) -> Callable[[datetime], Reason | None]:
    """Tells which of a policy's freezes is in force at a time, and until when."""
    windows = [(entry.trigger(), entry) for entry in settings.freeze]

    def frozen(now: datetime) -> Reason | None:
        for trigger, entry in windows:
            start = trigger.get_next_fire_time(None, now - entry.duration + timedelta(microseconds=1))
            if start is not None and start <= now:
                until = (start + entry.duration).isoformat(timespec="minutes")
                return Reason.of("frozen", reason=entry.reason, until=until)
        return None

    return frozen


def build_providers(settings: Settings, clock: Clock, metrics: Metrics) -> dict[str, Provider]:
    """One provider for each account; opens nothing."""
    built = {}
    for name, account in settings.accounts.items():
        databases = {
            database.name: database.provider_settings
            for database in settings.databases.values()
            if database.account == name
        }
        built[name] = PROVIDERS[account.provider].build(
            account.provider_settings,
            databases,
            clock=clock,
            call_timeout=settings.tracking.call_timeout,
            observer=metrics.provider_observer(name),
        )
    return built


def build_catalogue(settings: Settings, providers: Mapping[str, Provider]) -> Catalogue:
    """What may be switched, under which policy."""
    databases = {
        database.name: Database(
            name=database.name,
            description=database.description,
            account=database.account,
            provider=providers[database.account],
            policy=policy_of(database.policy, settings.policies[database.policy]),
            frozen=freezes_of(settings.policies[database.policy]),
        )
        for database in settings.databases.values()
    }
    return Catalogue(databases, frozenset(settings.slack.channels))


@asynccontextmanager
async def catalogue_for(settings: Settings) -> AsyncIterator[Catalogue]:
    """The catalogue alone, for commands that only read the clouds."""
    providers = build_providers(settings, SystemClock(), Metrics())
    try:
        yield build_catalogue(settings, providers)
    finally:
        for provider in providers.values():
            await provider.close()


@asynccontextmanager
async def reading_store(settings: Settings) -> AsyncIterator[SqlStore]:
    """The bot's database, to read from beside a running bot.

    Raises:
        StoreUnavailable: It is not there, or can't be read.
    """
    store = await connect(settings.database.url.get_secret_value(), read_only=True)
    try:
        yield store
    finally:
        await store.close()


async def upgrade_database(settings: Settings) -> None:
    """Brings the schema up to date.

    Raises:
        StoreUnavailable: It can't be reached, or a running bot holds it.
    """
    store = await connect(settings.database.url.get_secret_value())
    try:
        await store.upgrade()
    finally:
        await store.close()
