"""Conversations as those who left saw them last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_KEPT = (
    "kind, name, avatar, introduction, owner, status, history, max_members, join_approval, mute_all, version, "
    "member_count, created_at"
)


def upgrade() -> None:
    op.create_table(
        "farewells",
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=160), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("avatar", sa.String(length=1024), nullable=False),
        sa.Column("introduction", sa.String(length=1024), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("history", sa.SmallInteger(), nullable=False),
        sa.Column("max_members", sa.Integer(), nullable=False),
        sa.Column("join_approval", sa.SmallInteger(), nullable=False),
        sa.Column("mute_all", sa.SmallInteger(), nullable=False),
        sa.Column("max_seq", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("member_count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "id"),
        sqlite_with_rowid=False,
    )
    kept = ", ".join(f"c.{name}" for name in _KEPT.split(", "))
    op.execute(
        f"INSERT INTO farewells (user_id, id, max_seq, ordinal, updated_at, {_KEPT}) "  # noqa: S608 - a constant
        f"SELECT m.user_id, m.conversation_id, m.max_seq, m.end_ordinal, m.updated_at, {kept} "
        "FROM members m JOIN conversations c ON c.id = m.conversation_id WHERE m.max_seq IS NOT NULL"
    )
