"""Throttles: how often something may be tried under one key, in memory and bounded.

An attempt is counted before it is made and taken back when it turns out not to count, so that many at once cannot
slip through while the first is still being checked.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable

from resonance.domain.errors import Code, ServiceError
from resonance.logic.seams import Clock

CAPACITY = 65_536
"""Keys a throttle remembers; the one tried longest ago is forgotten for a new one."""


class Throttle:
    """Counts attempts by key; a key's window begins with its first attempt and forgets all of them at its end.

    Args:
        limit: returns the attempts in one window; further ones are refused. It may change.
        window_ms: the window's length.
        clock: ms; one that never goes back, or a correction of the time would lock people out for as long.
    """

    def __init__(self, limit: Callable[[], int], window_ms: int, clock: Clock, capacity: int = CAPACITY) -> None:
        self._limit = limit
        self._window_ms = window_ms
        self._clock = clock
        self._capacity = capacity
        self._counts: OrderedDict[str, tuple[int, int]] = OrderedDict()  # key -> (window's end in ms, attempts)

    def enter(self, key: str) -> None:
        """Count one attempt.

        Raises:
            ServiceError: RATE_LIMITED with `retry_after_ms`, when the window is full; nothing was counted.
        """
        ends_at, count = self._current(key)
        if count >= self._limit():
            wait = ends_at - self._clock()
            raise ServiceError(
                Code.RATE_LIMITED, f"too many attempts: try again in {-(-wait // 1000)} s", retry_after_ms=wait
            )
        self._counts[key] = (ends_at, count + 1)
        self._counts.move_to_end(key)
        if len(self._counts) > self._capacity:
            self._counts.popitem(last=False)

    def take_back(self, key: str) -> None:
        """Uncount one attempt."""
        ends_at, count = self._current(key)
        if count > 0:
            self._counts[key] = (ends_at, count - 1)

    def reset(self, key: str) -> None:
        """Forget all attempts of a key."""
        self._counts.pop(key, None)

    def _current(self, key: str) -> tuple[int, int]:
        now = self._clock()
        ends_at, count = self._counts.get(key, (0, 0))
        return (ends_at, count) if ends_at > now else (now + self._window_ms, 0)


class LoginThrottle:
    """Failed logins, per account and per address. An account need not exist to be counted."""

    def __init__(self, accounts: Throttle, addresses: Throttle) -> None:
        self._accounts = accounts
        self._addresses = addresses

    def enter(self, user_id: str, address: str) -> None:
        """Count an attempt as failed until told otherwise. Raises RATE_LIMITED."""
        source = address_key(address)
        if source:
            self._addresses.enter(source)
        try:
            self._accounts.enter(user_id)
        except ServiceError:
            if source:
                self._addresses.take_back(source)
            raise

    def succeeded(self, user_id: str, address: str) -> None:
        """The password was right: the account's failures are forgotten, the address's earlier ones are not."""
        self._accounts.reset(user_id)
        self._addresses.take_back(address_key(address))

    def aborted(self, user_id: str, address: str) -> None:
        """The attempt was neither right nor wrong (the store was away): it does not count."""
        self._accounts.take_back(user_id)
        self._addresses.take_back(address_key(address))


def address_key(address: str) -> str:
    """Return what stands for a client's network: an IPv4 address, or the /64 that one IPv6 customer gets.

    An address that is none (a unix socket's) stands for itself; "" for nobody in particular.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
