"""Alembic's entry: run the migrations on the connection that the caller brings, or write their statements down."""

from __future__ import annotations

from alembic import context

from resonance.engines.sql.schema import metadata

if context.is_offline_mode():
    context.configure(dialect_name=context.config.attributes["dialect"], transactional_ddl=False)
else:
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
