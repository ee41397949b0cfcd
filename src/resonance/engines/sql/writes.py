"""Rows of conversations, members and system entries, as the control commands write them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from resonance.domain.content import Kind, body_hash
from resonance.domain.ids import SERVER_KEY_MARK, SYSTEM_USER, ConversationId
from resonance.domain.model import Conversation, Member
from resonance.engines.sql.rows import CONVERSATION, ENTRY, MEMBER
from resonance.engines.sql.tx import Tx


def _places(columns: str) -> str:
    return ", ".join(f":{name}" for name in columns.split(", "))


def _settings(columns: str, key: set[str]) -> str:
    return ", ".join(f"{name} = :{name}" for name in columns.split(", ") if name not in key)


_INSERT_CONVERSATION = f"INSERT INTO conversations ({CONVERSATION}, creator) VALUES ({_places(CONVERSATION)}, :creator)"  # noqa: S608
_UPDATE_CONVERSATION = f"UPDATE conversations SET {_settings(CONVERSATION, {'id'})} WHERE id = :id"  # noqa: S608
_INSERT_MEMBER = f"INSERT INTO members ({MEMBER}) VALUES ({_places(MEMBER)})"  # noqa: S608
_UPDATE_MEMBER = (
    f"UPDATE members SET {_settings(MEMBER, {'conversation_id', 'user_id'})}"  # noqa: S608
    " WHERE conversation_id = :conversation_id AND user_id = :user_id"
)
_INSERT_FAREWELL = f"INSERT INTO farewells (user_id, {CONVERSATION}) VALUES (:user_id, {_places(CONVERSATION)})"  # noqa: S608
_INSERT_ENTRY = f"INSERT INTO entries ({ENTRY}, body_hash) VALUES ({_places(ENTRY)}, :body_hash)"  # noqa: S608


async def insert_conversation(tx: Tx, conversation: Conversation, creator: str) -> None:
    """Write a new conversation."""
    await tx.run(_INSERT_CONVERSATION, **_params(conversation), creator=creator)


async def update_conversation(tx: Tx, conversation: Conversation) -> None:
    """Write a changed conversation."""
    await tx.run(_UPDATE_CONVERSATION, **_params(conversation))


async def insert_members(tx: Tx, members: Iterable[Member]) -> None:
    """Write members who have no row yet."""
    await tx.many(_INSERT_MEMBER, [_params(member) for member in members])


async def update_members(tx: Tx, members: Iterable[Member]) -> None:
    """Write changed members."""
    await tx.many(_UPDATE_MEMBER, [_params(member) for member in members])


async def insert_farewells(tx: Tx, conversation: Conversation, user_ids: Iterable[str]) -> None:
    """Keep the conversation as it is now for those whose window has just closed."""
    kept = _params(conversation)
    await tx.many(_INSERT_FAREWELL, [{"user_id": user_id, **kept} for user_id in user_ids])


async def delete_farewells(tx: Tx, conversation_id: ConversationId, user_ids: Iterable[str]) -> None:
    """Forget what was kept for those who left: they come back, or leave once more."""
    await tx.many(
        "DELETE FROM farewells WHERE user_id = :user_id AND id = :id",
        [{"user_id": user_id, "id": conversation_id} for user_id in user_ids],
    )


async def write_system_entry(tx: Tx, conversation: Conversation, message_id: int, content: str) -> None:
    """Write the system entry at the conversation's head. It counts as nobody's message, so the ordinal stays."""
    await tx.run(
        _INSERT_ENTRY,
        conversation_id=conversation.id,
        seq=conversation.max_seq,
        message_id=message_id,
        sender=SYSTEM_USER,
        client_msg_id=f"{SERVER_KEY_MARK}{message_id}",
        body_hash=body_hash(conversation.id, Kind.SYSTEM, content, ""),
        kind=int(Kind.SYSTEM),
        content=content,
        extra="",
        ordinal=conversation.ordinal,
        created_at=tx.now,
    )


async def bump_version(tx: Tx, conversation_id: ConversationId) -> None:
    """Make rights that were checked before this transaction stale; nothing when there is no such conversation."""
    await tx.run(
        "UPDATE conversations SET version = version + 1, updated_at = :now WHERE id = :id",
        id=conversation_id,
        now=tx.now,
    )


def _params(value: Conversation | Member) -> dict[str, object]:
    """Return a value's fields as parameters: enumerations and booleans as plain numbers."""
    return {name: int(field) if isinstance(field, int) else field for name, field in asdict(value).items()}
