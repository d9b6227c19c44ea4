"""Alembic's side of the schema; ``bot.storage.schema`` runs it."""

from __future__ import annotations
