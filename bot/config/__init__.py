"""TOML and environment in, frozen settings out; every problem of a file is reported at once.

``load`` reads a file, ``known_keys`` lists what may be in one, and the classes are what comes out.
"""

from __future__ import annotations

from bot.config.loader import known_keys, load
from bot.config.settings import (
    AccountSettings,
    DatabaseSettings,
    FreezeSettings,
    PolicySettings,
    ServerSettings,
    Settings,
    SlackSettings,
    StorageSettings,
    TrackingSettings,
)

__all__ = [
    "AccountSettings",
    "DatabaseSettings",
    "FreezeSettings",
    "PolicySettings",
    "ServerSettings",
    "Settings",
    "SlackSettings",
    "StorageSettings",
    "TrackingSettings",
    "known_keys",
    "load",
]
