"""Alembic's entry: run the migrations on the connection that the caller brings."""

from __future__ import annotations

from alembic import context

from resonance.engines.sql.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
