"""Accounts: users, invitations, passwords, search."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from resonance.domain.errors import Code, ServiceError
from resonance.domain.events import UserUpdated
from resonance.domain.ids import UserId
from resonance.domain.model import (
    Credentials,
    Device,
    DeviceState,
    NewUser,
    User,
    UserChanges,
    UserKind,
    UserStatus,
)
from resonance.engines.sql.devices import devices, end
from resonance.engines.sql.outbox import emit
from resonance.engines.sql.queries import all_in, like
from resonance.engines.sql.rows import USER, user_row
from resonance.engines.sql.tx import Tx


async def create_user(tx: Tx, user: NewUser) -> User:
    """Create an account, consuming its invitation."""
    if user.invitation:
        await _use_invitation(tx, user.invitation)
    if await tx.one("SELECT id FROM users WHERE id = :id", id=user.id):
        raise ServiceError(Code.USER_EXISTS, f"the user id {user.id} is taken")
    is_admin = user.first_is_admin and user.kind is UserKind.HUMAN and await _is_first_human(tx)
    await tx.run(
        "INSERT INTO users (id, nickname, avatar, extra, kind, status, is_admin, password_hash, last_seen_at,"
        " created_at, updated_at) VALUES (:id, :nickname, :avatar, :extra, :kind, :status, :is_admin, :password_hash,"
        " 0, :now, :now)",
        id=user.id,
        nickname=user.nickname,
        avatar=user.avatar,
        extra=user.extra,
        kind=int(user.kind),
        status=int(UserStatus.ACTIVE),
        is_admin=int(is_admin),
        password_hash=user.password_hash,
        now=tx.now,
    )
    return await require_user(tx, user.id)


async def _is_first_human(tx: Tx) -> bool:
    return await tx.one("SELECT id FROM users WHERE kind = :human LIMIT 1", human=int(UserKind.HUMAN)) is None


async def _use_invitation(tx: Tx, code: str) -> None:
    row = await tx.one("SELECT uses_left, expires_at FROM invitations WHERE code = :code", code=code)
    if row is None or row["uses_left"] < 1 or row["expires_at"] <= tx.now:
        raise ServiceError(Code.INVITATION_INVALID)
    await tx.run("UPDATE invitations SET uses_left = uses_left - 1 WHERE code = :code", code=code)


async def create_invitation(tx: Tx, creator: str, uses: int, expires_at: int) -> str:
    """Return a new, unguessable invitation code."""
    code = secrets.token_urlsafe(18)
    await tx.run(
        "INSERT INTO invitations (code, creator, uses_left, expires_at) VALUES (:code, :creator, :uses, :expires_at)",
        code=code,
        creator=creator,
        uses=uses,
        expires_at=expires_at,
    )
    return code


async def users(tx: Tx, user_ids: Sequence[str]) -> list[User]:
    """Return those of the users that exist."""
    return [user_row(row) for row in await all_in(tx, f"SELECT {USER} FROM users WHERE id IN (:values)", user_ids)]  # noqa: S608


async def require_user(tx: Tx, user_id: str) -> User:
    """Return a user who has to exist. Raises USER_NOT_FOUND."""
    row = await tx.one(f"SELECT {USER} FROM users WHERE id = :id", id=user_id)  # noqa: S608
    if row is None:
        raise ServiceError(Code.USER_NOT_FOUND, f"there is no user {user_id}")
    return user_row(row)


async def require_users(tx: Tx, user_ids: Sequence[str]) -> None:
    """Return when all of these exist. Raises USER_NOT_FOUND, naming the first that does not."""
    known = {row["id"] for row in await all_in(tx, "SELECT id FROM users WHERE id IN (:values)", user_ids)}
    for user_id in user_ids:
        if user_id not in known:
            raise ServiceError(Code.USER_NOT_FOUND, f"there is no user {user_id}")


async def credentials(tx: Tx, user_id: str) -> Credentials | None:
    """Return what login needs to know, or None when there is no such user."""
    row = await tx.one("SELECT id, password_hash, status, is_admin FROM users WHERE id = :id", id=user_id)
    if row is None:
        return None
    return Credentials(UserId(row["id"]), row["password_hash"], UserStatus(row["status"]), bool(row["is_admin"]))


async def search_users(tx: Tx, query: str, limit: int) -> list[User]:
    """Return active users whose handle or nickname holds the query, the closest handles first."""
    folded = tx.folded(query)
    found = await tx.all(
        f"SELECT {USER} FROM users WHERE status = :active"  # noqa: S608
        " AND (lower(id) LIKE :inside ESCAPE '!' OR lower(nickname) LIKE :inside ESCAPE '!')"
        " ORDER BY CASE WHEN id = :query THEN 0 WHEN lower(id) = :folded THEN 1"
        " WHEN lower(id) LIKE :start ESCAPE '!' THEN 2 ELSE 3 END, id LIMIT :limit",
        active=int(UserStatus.ACTIVE),
        inside=f"%{like(folded)}%",
        query=query,
        folded=folded,
        start=f"{like(folded)}%",
        limit=limit,
    )
    return [user_row(row) for row in found]


async def count_users(tx: Tx) -> int:
    """Return how many accounts there are."""
    row = await tx.one("SELECT COUNT(*) AS number FROM users")
    return 0 if row is None else int(row["number"])


async def list_users(tx: Tx, after: str, limit: int) -> list[User]:
    """Return users by handle, beginning after the given one."""
    found = await tx.all(
        f"SELECT {USER} FROM users WHERE id > :after ORDER BY id LIMIT :limit",  # noqa: S608
        after=after,
        limit=limit,
    )
    return [user_row(row) for row in found]


async def update_user(tx: Tx, user_id: str, changes: UserChanges) -> User:
    """Change a profile; a change of nothing writes nothing."""
    user = await require_user(tx, user_id)
    if changes == UserChanges():
        return user
    await tx.run(
        "UPDATE users SET nickname = :nickname, avatar = :avatar, extra = :extra, updated_at = :now WHERE id = :id",
        nickname=user.nickname if changes.nickname is None else changes.nickname,
        avatar=user.avatar if changes.avatar is None else changes.avatar,
        extra=user.extra if changes.extra is None else changes.extra,
        id=user_id,
        now=tx.now,
    )
    await emit(tx, user_id, UserUpdated(user_id))
    return await require_user(tx, user_id)


async def set_password(tx: Tx, user_id: str, password_hash: str, keep_device: str) -> list[Device]:
    """Set the password and revoke the user's devices but one."""
    await require_user(tx, user_id)
    await tx.run(
        "UPDATE users SET password_hash = :password_hash WHERE id = :id", password_hash=password_hash, id=user_id
    )
    others = [device for device in await devices(tx, user_id) if device.id != keep_device]
    return await end(tx, others, DeviceState.REVOKED)


async def upgrade_hash(tx: Tx, user_id: str, old_hash: str, new_hash: str) -> None:
    """Replace the hash of an unchanged password."""
    await tx.run(
        "UPDATE users SET password_hash = :new_hash WHERE id = :id AND password_hash = :old_hash",
        new_hash=new_hash,
        id=user_id,
        old_hash=old_hash,
    )


async def set_user_status(tx: Tx, user_id: str, status: UserStatus) -> list[Device]:
    """Enable or disable an account; disabling closes its devices."""
    await require_user(tx, user_id)
    await tx.run(
        "UPDATE users SET status = :status, updated_at = :now WHERE id = :id",
        status=int(status),
        id=user_id,
        now=tx.now,
    )
    if status is UserStatus.ACTIVE:
        return []
    return await end(tx, await devices(tx, user_id), DeviceState.DISABLED)
