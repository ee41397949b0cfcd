"""What every store promises about devices and their refresh tokens."""

from __future__ import annotations

from resonance.domain.errors import Code
from resonance.domain.model import Device, DeviceState, UserStatus
from resonance.ports.store import NewDevice, OpenedDevice, Store
from tests.contract.store.making import people, person, refused, tick

HOUR = 3_600_000


async def login(
    store: Store,
    user_id: str,
    device_id: str,
    *,
    platform: int = 5,
    newest_wins: bool = False,
    max_devices: int = 50,
    expires_in: int = HOUR,
) -> OpenedDevice:
    """Record a login whose refresh token is `{device_id}-1`."""
    expires_at = (await store.info()).now + expires_in
    return await store.open_device(
        NewDevice(
            device_id, user_id, platform, "its name", f"{device_id}-1", expires_at, newest_wins, max_devices=max_devices
        )
    )


async def rotate(
    store: Store, device_id: str, presented: str, replacement: str, grace_ms: int = 0
) -> tuple[bool, Device]:
    """Refresh, and return whether it was accepted and the device."""
    expires_at = (await store.info()).now + 2 * HOUR
    rotation = await store.rotate_refresh(device_id, presented, replacement, expires_at, grace_ms)
    return rotation.accepted, rotation.device


class DevicesSuite:
    async def test_a_login_is_recorded(self, store: Store) -> None:
        await person(store, "anna")
        opened = await login(store, "anna", "d1", platform=2)
        device = opened.device
        assert opened.closed == []
        assert (device.user_id, device.platform, device.name, device.state, device.refresh_id) == (
            "anna",
            2,
            "its name",
            DeviceState.ACTIVE,
            "d1-1",
        )
        assert device.created_at == device.used_at > 0
        assert await store.devices("anna") == [device]

    async def test_nobody_logs_in_who_is_unknown_or_disabled(self, store: Store) -> None:
        await person(store, "anna")
        await store.set_user_status("anna", UserStatus.DISABLED)
        with refused(Code.USER_DISABLED):
            await login(store, "anna", "d1")
        with refused(Code.USER_NOT_FOUND, "nobody"):
            await login(store, "nobody", "d2")
        assert await store.device_states(["d1", "d2"]) == {}

    async def test_logins_stay_side_by_side_by_default(self, store: Store) -> None:
        await person(store, "anna")
        await login(store, "anna", "d1")
        assert (await login(store, "anna", "d2")).closed == []
        assert {device.id for device in await store.devices("anna")} == {"d1", "d2"}

    async def test_newest_wins_kicks_the_same_platform_of_the_same_user(self, store: Store) -> None:
        await people(store, "anna", "bert")
        await login(store, "anna", "web", platform=5)
        await login(store, "anna", "phone", platform=1)
        await login(store, "bert", "his", platform=5)
        closed = (await login(store, "anna", "web2", platform=5, newest_wins=True)).closed
        assert [(device.id, device.state) for device in closed] == [("web", DeviceState.KICKED)]
        assert await store.device_states(["web", "phone", "his", "web2"]) == {
            "web": "kicked",
            "phone": "active",
            "his": "active",
            "web2": "active",
        }

    async def test_the_device_used_longest_ago_makes_room(self, store: Store) -> None:
        await person(store, "anna")
        for device_id in ("d1", "d2", "d3"):
            await login(store, "anna", device_id, max_devices=3)
            await tick(store)
        await rotate(store, "d1", "d1-1", "d1-2")  # used now: d2 is the oldest
        assert [device.id for device in (await login(store, "anna", "d4", max_devices=3)).closed] == ["d2"]
        assert {device.id for device in await store.devices("anna")} == {"d1", "d3", "d4"}

    async def test_a_lower_limit_closes_as_many_as_it_takes(self, store: Store) -> None:
        await person(store, "anna")
        for number in range(4):
            await login(store, "anna", f"d{number}")
        closed = (await login(store, "anna", "last", max_devices=1)).closed
        assert {device.id for device in closed} == {"d0", "d1", "d2", "d3"}
        assert [device.id for device in await store.devices("anna")] == ["last"]

    async def test_a_kicked_rival_counts_as_gone_for_the_limit(self, store: Store) -> None:
        await person(store, "anna")
        await login(store, "anna", "phone", platform=1)
        await login(store, "anna", "web", platform=5)
        closed = (await login(store, "anna", "web2", platform=5, newest_wins=True, max_devices=2)).closed
        assert [device.id for device in closed] == ["web"]

    async def test_devices_come_latest_used_first(self, store: Store) -> None:
        await person(store, "anna")
        for device_id in ("d1", "d2", "d3"):
            await login(store, "anna", device_id)
            await tick(store)
        await rotate(store, "d2", "d2-1", "d2-2")
        assert [device.id for device in await store.devices("anna")] == ["d2", "d3", "d1"]

    async def test_a_refresh_rotates_the_token(self, store: Store) -> None:
        await person(store, "anna")
        first = (await login(store, "anna", "d1")).device
        accepted, device = await rotate(store, "d1", "d1-1", "d1-2")
        assert accepted
        assert device.refresh_id == "d1-2"
        assert device.expires_at > first.expires_at
        assert device.used_at >= first.used_at
        assert await store.devices("anna") == [device]
        accepted, device = await rotate(store, "d1", "d1-2", "d1-3")
        assert (accepted, device.refresh_id) == (True, "d1-3")

    async def test_two_tabs_that_refresh_at_once_get_the_same_token(self, store: Store) -> None:
        await person(store, "anna")
        await login(store, "anna", "d1")
        _, winner = await rotate(store, "d1", "d1-1", "d1-2")
        accepted, loser = await rotate(store, "d1", "d1-1", "d1-3", grace_ms=HOUR)
        assert accepted
        assert loser == winner

    async def test_an_old_token_after_its_grace_revokes_the_device(self, store: Store) -> None:
        await person(store, "anna")
        await login(store, "anna", "d1")
        await rotate(store, "d1", "d1-1", "d1-2")
        await tick(store)
        accepted, device = await rotate(store, "d1", "d1-1", "d1-3", grace_ms=0)
        assert (accepted, device.state) == (False, DeviceState.REVOKED)
        assert await store.device_states(["d1"]) == {"d1": "revoked"}
        with refused(Code.TOKEN_REVOKED):
            await rotate(store, "d1", "d1-2", "d1-4")

    async def test_grace_is_for_the_token_just_before_only(self, store: Store) -> None:
        await person(store, "anna")
        await login(store, "anna", "d1")
        await rotate(store, "d1", "d1-1", "d1-2")
        await rotate(store, "d1", "d1-2", "d1-3")
        accepted, device = await rotate(store, "d1", "d1-1", "d1-4", grace_ms=HOUR)
        assert (accepted, device.state) == (False, DeviceState.REVOKED)

    async def test_a_token_that_never_was_revokes_the_device(self, store: Store) -> None:
        await person(store, "anna")
        await login(store, "anna", "d1")
        assert (await rotate(store, "d1", "", "d1-2", grace_ms=HOUR))[0] is False
        assert await store.devices("anna") == []

    async def test_unknown_closed_and_expired_devices_refresh_no_more(self, store: Store) -> None:
        await person(store, "anna")
        with refused(Code.TOKEN_REVOKED):
            await rotate(store, "nothing", "x", "y")
        await login(store, "anna", "d1")
        await store.close_devices("anna", ["d1"], DeviceState.LOGGED_OUT)
        with refused(Code.TOKEN_REVOKED):
            await rotate(store, "d1", "d1-1", "d1-2")
        await login(store, "anna", "d2", expires_in=0)
        with refused(Code.TOKEN_EXPIRED):
            await rotate(store, "d2", "d2-1", "d2-2")

    async def test_closing_names_devices_or_means_all(self, store: Store) -> None:
        await people(store, "anna", "bert")
        for device_id in ("d1", "d2", "d3"):
            await login(store, "anna", device_id)
        await login(store, "bert", "his")
        closed = await store.close_devices("anna", ["d1", "his", "nothing"], DeviceState.LOGGED_OUT)
        assert [(device.id, device.state) for device in closed] == [("d1", DeviceState.LOGGED_OUT)]
        rest = await store.close_devices("anna", [], DeviceState.REVOKED)
        assert {device.id for device in rest} == {"d2", "d3"}
        assert [device.id for device in await store.devices("bert")] == ["his"]

    async def test_a_closed_device_keeps_its_last_state(self, store: Store) -> None:
        await person(store, "anna")
        await login(store, "anna", "d1")
        await store.close_devices("anna", ["d1"], DeviceState.LOGGED_OUT)
        assert await store.close_devices("anna", ["d1"], DeviceState.REVOKED) == []
        assert await store.close_devices("anna", [], DeviceState.REVOKED) == []
        assert await store.device_states(["d1"]) == {"d1": "logged_out"}

    async def test_states_are_of_known_devices(self, store: Store) -> None:
        await person(store, "anna")
        await login(store, "anna", "d1")
        assert await store.device_states([]) == {}
        assert await store.device_states(["d1", "d1", "x' OR '1'='1"]) == {"d1": "active"}
