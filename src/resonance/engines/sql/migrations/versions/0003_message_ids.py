"""Entries are found by their message ids."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("entries_by_id", "entries", ["message_id"])
