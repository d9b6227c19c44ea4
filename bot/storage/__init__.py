"""The truth, in SQLite or PostgreSQL: operations, their audit trail, the inbox and what Slack is owed."""

from __future__ import annotations

from bot.storage.store import SqlStore, connect

__all__ = ["SqlStore", "connect"]
