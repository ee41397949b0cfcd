"""Devices: whose tokens are good now, and the one way in which a device's connections end."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from resonance.domain.closes import Close
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import UserId
from resonance.domain.model import Device, DeviceState, User, UserStatus
from resonance.logic.seams import Clock, Kicker
from resonance.ports.store import Store

CAPACITY = 100_000
"""Devices that are remembered; the one read longest ago is forgotten for a new one."""

REFUSALS = {
    DeviceState.LOGGED_OUT: Code.TOKEN_REVOKED,
    DeviceState.REVOKED: Code.TOKEN_REVOKED,
    DeviceState.KICKED: Code.TOKEN_REVOKED,
    DeviceState.EXPIRED: Code.TOKEN_EXPIRED,
    DeviceState.DISABLED: Code.USER_DISABLED,
}
"""Why the tokens of a device that is not active are refused."""

CLOSES = {
    DeviceState.LOGGED_OUT: Close.LOGGED_OUT,
    DeviceState.REVOKED: Close.LOGGED_OUT,
    DeviceState.KICKED: Close.KICKED,
    DeviceState.EXPIRED: Close.TOKEN_EXPIRED,
    DeviceState.DISABLED: Close.USER_DISABLED,
}
"""What the connections of a device that is closed in this state are told."""


class Standing(NamedTuple):
    """What the store said of a device and its user; None for one that it does not know."""

    state: DeviceState | None
    user: User | None
    read_at: int


class Devices:
    """Remembers for `ttl_ms` what the store says of devices, and ends them.

    What this process ends is forgotten at once; what another one ends is believed to be good for `ttl_ms` at most.
    """

    def __init__(self, store: Store, kicker: Kicker, clock: Clock, ttl_ms: int, capacity: int = CAPACITY) -> None:
        self._store = store
        self._kicker = kicker
        self._clock = clock
        self._ttl_ms = ttl_ms
        self._capacity = capacity
        self._known: OrderedDict[str, Standing] = OrderedDict()
        self._generation = 0  # rises with every end, so that a read begun before it is not remembered after it

    async def check(self, device_id: str, user_id: UserId) -> User:
        """Return the device's user when the device's tokens are good.

        Raises:
            ServiceError: TOKEN_REVOKED, TOKEN_EXPIRED, USER_DISABLED.
        """
        standing = self._known.get(device_id)
        if standing is None or standing.read_at + self._ttl_ms <= self._clock():
            standing = await self._read(device_id, user_id)
        if standing.state is None or standing.user is None:
            raise ServiceError(Code.TOKEN_REVOKED)
        if standing.state is not DeviceState.ACTIVE:
            raise ServiceError(REFUSALS[standing.state])
        if standing.user.status is not UserStatus.ACTIVE:
            raise ServiceError(Code.USER_DISABLED)
        return standing.user

    async def ended(self, devices: Iterable[Device]) -> None:
        """End the connections of devices that the store has just closed, each as its state says."""
        by_state: dict[DeviceState, list[str]] = {}
        for device in devices:
            by_state.setdefault(device.state, []).append(device.id)
        for state, device_ids in by_state.items():
            await self.end(device_ids, state)

    async def end(self, device_ids: list[str], state: DeviceState) -> None:
        """End the connections of devices that are closed in this state, and forget that they were good."""
        self._generation += 1
        for device_id in device_ids:
            self._known.pop(device_id, None)
        await self._kicker.kick(device_ids, CLOSES[state])

    async def _read(self, device_id: str, user_id: UserId) -> Standing:
        generation, now = self._generation, self._clock()
        states = await self._store.device_states([device_id])
        users = await self._store.users([user_id])
        state = states.get(device_id)
        standing = Standing(None if state is None else DeviceState(state), users[0] if users else None, now)
        if generation == self._generation:
            self._remember(device_id, standing)
        return standing

    def _drop_over(self, now: int) -> None:
        """Drop what was read longest ago if its time is over, two for each that is added."""
        for device_id, standing in list(islice(self._known.items(), 2)):
            if standing.read_at + self._ttl_ms > now:
                return
            del self._known[device_id]

    def _remember(self, device_id: str, standing: Standing) -> None:
        self._known[device_id] = standing
        self._known.move_to_end(device_id)
        self._drop_over(standing.read_at)
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)
