"""Devices: one row per login, from login to its end. Rows that are closed stay until they are pruned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import UserId
from resonance.domain.model import Device, DeviceState, Platform, UserStatus
from resonance.engines.sql.queries import all_in
from resonance.engines.sql.rows import DEVICE, device_row
from resonance.engines.sql.tx import Row, Tx
from resonance.ports.store import NewDevice, OpenedDevice, Rotation


async def open_device(tx: Tx, device: NewDevice) -> OpenedDevice:
    """Record a login and end those that it displaces."""
    user = await tx.one("SELECT status FROM users WHERE id = :id", id=device.user_id)
    if user is None:
        raise ServiceError(Code.USER_NOT_FOUND, f"there is no user {device.user_id}")
    if user["status"] != UserStatus.ACTIVE:
        raise ServiceError(Code.USER_DISABLED)
    closed = await end(tx, _displaced(device, await devices(tx, device.user_id)), DeviceState.KICKED)
    return OpenedDevice(await _insert(tx, device), closed)


def _displaced(device: NewDevice, others: list[Device]) -> list[Device]:
    """Return which of the user's other devices (the latest used first) have to go for this one."""
    rivals = [other for other in others if device.newest_wins and other.platform == device.platform]
    staying = [other for other in others if other not in rivals]
    return rivals + staying[max(device.max_devices - 1, 0) :]


async def _insert(tx: Tx, device: NewDevice) -> Device:
    await tx.run(
        "INSERT INTO devices (id, user_id, platform, name, state, refresh_id, previous_refresh_id, rotated_at,"
        " created_at, used_at, expires_at, updated_at) VALUES (:id, :user_id, :platform, :name, :state, :refresh_id,"
        " '', 0, :now, :now, :expires_at, :now)",
        id=device.id,
        user_id=device.user_id,
        platform=device.platform,
        name=device.name,
        state=DeviceState.ACTIVE.value,
        refresh_id=device.refresh_id,
        expires_at=device.expires_at,
        now=tx.now,
    )
    return Device(
        id=device.id,
        user_id=UserId(device.user_id),
        platform=Platform(device.platform),
        name=device.name,
        state=DeviceState.ACTIVE,
        refresh_id=device.refresh_id,
        created_at=tx.now,
        used_at=tx.now,
        expires_at=device.expires_at,
    )


async def rotate_refresh(
    tx: Tx, device_id: str, presented: str, replacement: str, expires_at: int, grace_ms: int
) -> Rotation:
    """Replace a device's refresh token id, or revoke the device when an old one is presented."""
    row = await tx.one("SELECT * FROM devices WHERE id = :id", id=device_id)
    if row is None or row["state"] != DeviceState.ACTIVE:
        raise ServiceError(Code.TOKEN_REVOKED)
    if row["expires_at"] <= tx.now:
        raise ServiceError(Code.TOKEN_EXPIRED)
    device = device_row(row)
    if presented == device.refresh_id != "":
        return Rotation(True, await _rotate(tx, device, replacement, expires_at))
    if _in_grace(row, presented, tx.now, grace_ms):
        return Rotation(True, device)
    [revoked] = await end(tx, [device], DeviceState.REVOKED)
    return Rotation(False, revoked)


def _in_grace(row: Row, presented: str, now: int, grace_ms: int) -> bool:
    """Say whether this is the token before the current one, rotated just now."""
    return bool(presented == row["previous_refresh_id"] != "" and now - row["rotated_at"] <= grace_ms)


async def _rotate(tx: Tx, device: Device, replacement: str, expires_at: int) -> Device:
    await tx.run(
        "UPDATE devices SET refresh_id = :replacement, previous_refresh_id = :presented, rotated_at = :now,"
        " used_at = :now, expires_at = :expires_at, updated_at = :now WHERE id = :id",
        replacement=replacement,
        presented=device.refresh_id,
        expires_at=expires_at,
        id=device.id,
        now=tx.now,
    )
    return replace(device, refresh_id=replacement, used_at=tx.now, expires_at=expires_at)


async def devices(tx: Tx, user_id: str) -> list[Device]:
    """Return the user's active devices, the latest used first."""
    found = await tx.all(
        f"SELECT {DEVICE} FROM devices WHERE user_id = :user_id AND state = :active"  # noqa: S608
        " ORDER BY used_at DESC, created_at DESC, id",
        user_id=user_id,
        active=DeviceState.ACTIVE.value,
    )
    return [device_row(row) for row in found]


async def device_states(tx: Tx, device_ids: Sequence[str]) -> dict[str, str]:
    """Return the state of each known device."""
    found = await all_in(tx, "SELECT id, state FROM devices WHERE id IN (:values)", device_ids)
    return {row["id"]: row["state"] for row in found}


async def close_devices(tx: Tx, user_id: str, device_ids: Sequence[str], state: DeviceState) -> list[Device]:
    """Close the user's active devices among these, or all of them when none are named."""
    named = set(device_ids)
    return await end(tx, [device for device in await devices(tx, user_id) if not named or device.id in named], state)


async def end(tx: Tx, closing: Sequence[Device], state: DeviceState) -> list[Device]:
    """Give active devices their last state and return them with it."""
    await tx.many(
        "UPDATE devices SET state = :state, updated_at = :now WHERE id = :id",
        [{"state": state.value, "now": tx.now, "id": device.id} for device in closing],
    )
    return [replace(device, state=state) for device in closing]
