"""Groups: making and changing them, wishes to join, the member list."""

from __future__ import annotations

from collections.abc import Sequence

from resonance.domain.errors import Code, ServiceError, no_conversation
from resonance.domain.events import ConversationUpdated, EntriesAppended, JoinRequested
from resonance.domain.ids import ConversationId, UserId, group_conversation_id
from resonance.domain.model import (
    Conversation,
    ConversationKind,
    GroupChange,
    JoinRequest,
    Member,
    MemberOp,
    MemberPage,
    MemberStatus,
    NewGroup,
    RequestStatus,
    Role,
)
from resonance.engines.sql.accounts import require_users
from resonance.engines.sql.conversations import find, member_rows, require
from resonance.engines.sql.cursors import decode_cursor, encode_cursor
from resonance.engines.sql.group_changes import changed_group, changed_member, present
from resonance.engines.sql.outbox import emit
from resonance.engines.sql.rows import (
    JOIN_REQUEST,
    MEMBER,
    USER,
    join_request_row,
    member_row,
    qualified,
    user_row,
)
from resonance.engines.sql.tx import Tx
from resonance.engines.sql.writes import (
    delete_farewells,
    insert_conversation,
    insert_farewells,
    insert_members,
    update_conversation,
    update_members,
    write_system_entry,
)

# ---------------------------------------------------------------- making


async def create_group(tx: Tx, creator: str, group: NewGroup, message_id: int, content: str) -> Conversation:
    """Create a group with its owner, its members and its first entry, or return the one the creator made before.

    A group without an id of its caller's gets the id of its first entry.
    """
    conversation_id = group_conversation_id(group.group_id or str(message_id))
    existing = await find(tx, conversation_id)
    if existing is not None:
        await _check_same_creator(tx, conversation_id, creator)
        return existing
    people = list(dict.fromkeys((creator, *group.members)))
    await require_users(tx, people)
    made = _new_group(conversation_id, creator, group, len(people), tx.now)
    await insert_conversation(tx, made, creator)
    await insert_members(tx, [_first_member(made, user_id) for user_id in people])
    await write_system_entry(tx, made, message_id, content)
    await _tell(tx, made, "created", creator, people, entry=True)
    return made


async def _check_same_creator(tx: Tx, conversation_id: str, creator: str) -> None:
    row = await tx.one("SELECT creator FROM conversations WHERE id = :id", id=conversation_id)
    if row is None or row["creator"] != creator:
        raise ServiceError(Code.CONVERSATION_EXISTS, f"there is a group {conversation_id} of somebody else")


def _new_group(
    conversation_id: ConversationId, creator: str, group: NewGroup, member_count: int, now: int
) -> Conversation:
    return Conversation(
        conversation_id,
        ConversationKind.GROUP,
        name=group.name,
        avatar=group.avatar,
        introduction=group.introduction,
        owner=UserId(creator),
        history=group.history,
        max_members=group.max_members,
        join_approval=group.join_approval,
        max_seq=1,
        version=1,
        member_count=member_count,
        created_at=now,
        updated_at=now,
    )


def _first_member(group: Conversation, user_id: str) -> Member:
    """Return the row of somebody who was in the group from its first entry on."""
    return Member(
        group.id,
        UserId(user_id),
        role=Role.OWNER if user_id == group.owner else Role.MEMBER,
        inviter=UserId("") if user_id == group.owner else group.owner,
        joined_at=group.created_at,
        updated_at=group.created_at,
    )


# ---------------------------------------------------------------- changing


async def change_group(tx: Tx, change: GroupChange) -> Conversation:
    """Apply a change of members, settings or status, with its system entry, events and new version."""
    group = await require(tx, change.conversation_id)
    if group.version != change.version:
        raise ServiceError(Code.STALE)
    joining = [part.user_id for part in change.members if part.op is MemberOp.JOIN]
    await require_users(tx, joining)
    rows = await member_rows(tx, group.id, [part.user_id for part in change.members])
    before = {row["user_id"]: member_row(row) for row in rows}
    head = group.max_seq + 1 if change.content else group.max_seq
    after = before.copy()
    for part in change.members:
        after[part.user_id] = changed_member(after.get(part.user_id), group, part, head, tx.now)
    changed = changed_group(group, change, head, present(after) - present(before), tx.now)
    if joining and changed.member_count > changed.max_members > 0:
        raise ServiceError(Code.GROUP_FULL, f"the group {group.id} may have {changed.max_members} members")
    await insert_members(tx, [member for user_id, member in after.items() if user_id not in before])
    await update_members(tx, [member for user_id, member in after.items() if user_id in before])
    await update_conversation(tx, changed)
    await delete_farewells(tx, group.id, [user_id for user_id, member in before.items() if not member.active])
    await insert_farewells(tx, changed, [user_id for user_id, member in after.items() if not member.active])
    await _decide_wishes(tx, group.id, joining, RequestStatus.ACCEPTED)
    if change.content:
        await write_system_entry(tx, changed, change.message_id, change.content)
    left = [part.user_id for part in change.members if part.op in (MemberOp.LEAVE, MemberOp.KICK)]
    people = [part.user_id for part in change.members]
    await _tell(tx, changed, change.action, change.actor, people, left, entry=bool(change.content))
    return changed


async def _tell(
    tx: Tx,
    group: Conversation,
    action: str,
    actor: str,
    people: Sequence[str],
    left: Sequence[str] = (),
    *,
    entry: bool,
) -> None:
    """Write the events of a change whose system entry, if it has one, is the group's head."""
    await emit(tx, group.id, ConversationUpdated(group.id, action, actor, tuple(people), group.version, tuple(left)))
    if entry:
        head = group.max_seq
        await emit(tx, group.id, EntriesAppended(group.id, head, head, group.version, group.member_count, True))


# ---------------------------------------------------------------- wishes to join


async def request_join(tx: Tx, conversation_id: str, user_id: str, message: str) -> None:
    """Record or renew a wish to join."""
    group = await require(tx, conversation_id)
    if group.kind is ConversationKind.SINGLE:
        raise no_conversation(conversation_id)
    if any(row["status"] == MemberStatus.NORMAL for row in await member_rows(tx, conversation_id, [user_id])):
        raise ServiceError(Code.ALREADY_MEMBER, f"{user_id} is a member of {conversation_id}")
    await _save_wish(tx, conversation_id, user_id, message)
    await emit(tx, conversation_id, JoinRequested(conversation_id, user_id, message))


async def _save_wish(tx: Tx, conversation_id: str, user_id: str, message: str) -> None:
    """Write a wish over the user's last one; one that still waits keeps its age."""
    last = await _wish(tx, conversation_id, user_id)
    if last is None:
        statement = (
            f"INSERT INTO join_requests ({JOIN_REQUEST})"  # noqa: S608
            " VALUES (:conversation_id, :user_id, :message, :pending, :created_at, :now)"
        )
    else:
        statement = (
            "UPDATE join_requests SET message = :message, status = :pending, created_at = :created_at,"
            " updated_at = :now WHERE conversation_id = :conversation_id AND user_id = :user_id"
        )
    await tx.run(
        statement,
        conversation_id=conversation_id,
        user_id=user_id,
        message=message,
        pending=int(RequestStatus.PENDING),
        created_at=last.created_at if last is not None and last.status is RequestStatus.PENDING else tx.now,
        now=tx.now,
    )


async def _wish(tx: Tx, conversation_id: str, user_id: str) -> JoinRequest | None:
    row = await tx.one(
        f"SELECT {JOIN_REQUEST} FROM join_requests WHERE conversation_id = :conversation_id AND user_id = :user_id",  # noqa: S608
        conversation_id=conversation_id,
        user_id=user_id,
    )
    return None if row is None else join_request_row(row)


async def reject_join(tx: Tx, conversation_id: str, user_id: str) -> None:
    """Reject a pending wish to join."""
    wish = await _wish(tx, conversation_id, user_id)
    if wish is None or wish.status is not RequestStatus.PENDING:
        raise ServiceError(Code.REQUEST_NOT_FOUND)
    await _decide_wishes(tx, conversation_id, [user_id], RequestStatus.REJECTED)


async def _decide_wishes(tx: Tx, conversation_id: str, user_ids: Sequence[str], status: RequestStatus) -> None:
    """Give those of the users' wishes that are pending their answer."""
    await tx.many(
        "UPDATE join_requests SET status = :status, updated_at = :now"
        " WHERE conversation_id = :conversation_id AND user_id = :user_id AND status = :pending",
        [
            {
                "status": int(status),
                "now": tx.now,
                "conversation_id": conversation_id,
                "user_id": user_id,
                "pending": int(RequestStatus.PENDING),
            }
            for user_id in user_ids
        ],
    )


async def join_requests(tx: Tx, conversation_id: str) -> list[JoinRequest]:
    """Return the pending wishes to join, the oldest first."""
    rows = await tx.all(
        f"SELECT {JOIN_REQUEST} FROM join_requests"  # noqa: S608
        " WHERE conversation_id = :conversation_id AND status = :pending ORDER BY created_at, user_id",
        conversation_id=conversation_id,
        pending=int(RequestStatus.PENDING),
    )
    return [join_request_row(row) for row in rows]


# ---------------------------------------------------------------- the member list

_MEMBERS = f"""
    SELECT {qualified(MEMBER, "m", "m_")}, {qualified(USER, "u", "u_")}
    FROM (
        SELECT {MEMBER} FROM members
        WHERE conversation_id = :conversation_id AND status = :normal
        AND (role < :role OR (role = :role AND user_id > :user_id))
        ORDER BY role DESC, user_id
        LIMIT :limit
    ) m JOIN users u ON u.id = m.user_id
    ORDER BY m.role DESC, m.user_id
"""  # noqa: S608 - the columns are constants

_BEFORE_ALL: list[str | int] = [Role.OWNER + 1, ""]
"""A position before every member."""


async def members(tx: Tx, conversation_id: str, cursor: str, limit: int) -> MemberPage:
    """Return a page of the present members with their profiles, by role (highest first), then handle."""
    role, user_id = decode_cursor(cursor, int, str) if cursor else _BEFORE_ALL
    group = await find(tx, conversation_id)
    rows = await tx.all(
        _MEMBERS,
        conversation_id=conversation_id,
        normal=int(MemberStatus.NORMAL),
        role=role,
        user_id=user_id,
        limit=limit + 1,
    )
    page = [member_row(row, "m_") for row in rows[:limit]]
    return MemberPage(
        items=page,
        users=[user_row(row, "u_") for row in rows[:limit]],
        total=0 if group is None else group.member_count,
        cursor=encode_cursor(int(page[-1].role), page[-1].user_id) if len(rows) > limit else "",
    )
