"""Alembic runs this: migrations on the connection that ``bot.storage.schema`` hands over."""

from __future__ import annotations

from alembic import context

from bot.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    compare_server_default=True,
    render_as_batch=True,
    transactional_ddl=True,  # on SQLite too: the connection begins its transactions itself
)
with context.begin_transaction():
    context.run_migrations()
