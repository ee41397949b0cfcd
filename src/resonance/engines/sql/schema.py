"""The tables, for Alembic and for readers. Commands use plain SQL with these names.

Times are ms; booleans are 0 or 1; handles and keys compare by their bytes (binary collation) in every engine. Rows of
members, friends and devices that are over stay as tombstones: `updated_at` is what sync asks by.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, SmallInteger, String, Table, Text

metadata = MetaData()

HANDLE = String(64)
CONVERSATION = String(160)

meta = Table(
    "meta",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", String(255), nullable=False),
)
"""`epoch` of the store."""

workers = Table(
    "workers",
    metadata,
    Column("worker_id", Integer, primary_key=True, autoincrement=False),
    Column("owner", String(128), nullable=False, unique=True),
    Column("expires_at", BigInteger, nullable=False),
)
"""Leases of snowflake worker ids."""

leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("owner", String(128), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
"""What one process at a time may do, by name."""

users = Table(
    "users",
    metadata,
    Column("id", HANDLE, primary_key=True),
    Column("nickname", String(64), nullable=False),
    Column("avatar", String(1024), nullable=False),
    Column("extra", Text, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("is_admin", SmallInteger, nullable=False),
    Column("password_hash", String(255), nullable=False),
    Column("last_seen_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

invitations = Table(
    "invitations",
    metadata,
    Column("code", String(64), primary_key=True),
    Column("creator", HANDLE, nullable=False),
    Column("uses_left", Integer, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

devices = Table(
    "devices",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", HANDLE, nullable=False),
    Column("platform", SmallInteger, nullable=False),
    Column("name", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("refresh_id", String(64), nullable=False),
    Column("previous_refresh_id", String(64), nullable=False),
    Column("rotated_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("devices_by_user", "user_id", "state", "used_at"),
)

friends = Table(
    "friends",
    metadata,
    Column("user_id", HANDLE, primary_key=True),
    Column("friend_id", HANDLE, primary_key=True),
    Column("is_friend", SmallInteger, nullable=False),
    Column("blocked", SmallInteger, nullable=False),
    Column("remark", String(64), nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("friends_by_change", "user_id", "updated_at"),
    sqlite_with_rowid=False,
)
"""One side of a relation each."""

friend_requests = Table(
    "friend_requests",
    metadata,
    Column("sender", HANDLE, primary_key=True),
    Column("recipient", HANDLE, primary_key=True),
    Column("message", String(512), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("friend_requests_received", "recipient", "updated_at"),
    Index("friend_requests_sent", "sender", "updated_at"),
    sqlite_with_rowid=False,
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", CONVERSATION, primary_key=True),
    Column("kind", SmallInteger, nullable=False),
    Column("name", String(128), nullable=False),
    Column("avatar", String(1024), nullable=False),
    Column("introduction", String(1024), nullable=False),
    Column("owner", HANDLE, nullable=False),
    Column("creator", HANDLE, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("history", SmallInteger, nullable=False),
    Column("max_members", Integer, nullable=False),
    Column("join_approval", SmallInteger, nullable=False),
    Column("mute_all", SmallInteger, nullable=False),
    Column("max_seq", BigInteger, nullable=False),
    Column("ordinal", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("member_count", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

members = Table(
    "members",
    metadata,
    Column("conversation_id", CONVERSATION, primary_key=True),
    Column("user_id", HANDLE, primary_key=True),
    Column("role", SmallInteger, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("min_seq", BigInteger, nullable=False),
    Column("max_seq", BigInteger, nullable=True),
    Column("read_seq", BigInteger, nullable=False),
    Column("read_ordinal", BigInteger, nullable=False),
    Column("end_ordinal", BigInteger, nullable=True),
    Column("pinned", SmallInteger, nullable=False),
    Column("recv_opt", SmallInteger, nullable=False),
    Column("muted_until", BigInteger, nullable=False),
    Column("nickname", String(64), nullable=False),
    Column("inviter", HANDLE, nullable=False),
    Column("joined_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("members_by_user", "user_id", "conversation_id"),
    sqlite_with_rowid=False,
)

farewells = Table(
    "farewells",
    metadata,
    Column("user_id", HANDLE, primary_key=True),
    *(
        Column(column.name, column.type, primary_key=column.primary_key, nullable=False)
        for column in conversations.columns
        if column is not conversations.c.creator
    ),
    sqlite_with_rowid=False,
)
"""Conversations as they were when somebody's window closed: all that those who left are shown of them."""

join_requests = Table(
    "join_requests",
    metadata,
    Column("conversation_id", CONVERSATION, primary_key=True),
    Column("user_id", HANDLE, primary_key=True),
    Column("message", String(512), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

entries = Table(
    "entries",
    metadata,
    Column("conversation_id", CONVERSATION, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", BigInteger, nullable=False),
    Column("sender", HANDLE, nullable=False),
    Column("client_msg_id", String(128), nullable=False),
    Column("body_hash", LargeBinary(16), nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("content", Text, nullable=False),
    Column("extra", Text, nullable=False),
    Column("ordinal", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("entries_by_key", "client_msg_id", "sender", unique=True),
    Index("entries_by_id", "message_id"),
)
"""The logs. System entries have keys of the server's own (`~{message_id}`), so that one index serves all.

The order of the key's columns and the heap (rowid) decide what a commit costs: time-ordered keys of all senders fall
into the same few pages, and so do the rows. With a million rows, 400 messages to 50 conversations dirty 150 pages;
with (sender, client_msg_id) it is 350, clustered by (conversation_id, seq) 250.
"""

inbox_heads = Table(
    "inbox_heads",
    metadata,
    Column("owner", HANDLE, primary_key=True),
    Column("position", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

inbox = Table(
    "inbox",
    metadata,
    Column("owner", HANDLE, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("conversation_id", CONVERSATION, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Index("inbox_by_entry", "owner", "conversation_id", "seq", unique=True),
    sqlite_with_rowid=False,
)

outbox = Table(
    "outbox",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("key", CONVERSATION, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
"""Events. The newest one is never pruned, so that a position is never given twice."""

consumers = Table(
    "consumers",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False),
)
"""Up to where each consumer of the outbox is done."""

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("consumer", String(64), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("key", CONVERSATION, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("parked_at", BigInteger, nullable=False),
)
