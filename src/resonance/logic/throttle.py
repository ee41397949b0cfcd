"""Throttles: how often something may be tried under one key.

An attempt is counted before it is made and taken back when it turns out not to count, so that many at once cannot
slip through while the first is still being checked.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from resonance.domain.errors import Code, ServiceError
from resonance.ports.counters import Counters


class Throttle:
    """Attempts of one kind, by key; a key's window begins with its first attempt and forgets all of them at its end."""

    def __init__(self, counters: Counters, kind: str, limit: Callable[[], int], window_ms: int) -> None:
        """Begin with what is counted.

        Args:
            kind: what is tried; throttles of one kind count together.
            limit: returns the attempts in one window; further ones are refused. It may change.
            window_ms: the window's length.
        """
        self._counters = counters
        self._kind = kind
        self._limit = limit
        self._window_ms = window_ms

    async def enter(self, key: str) -> None:
        """Count one attempt.

        Raises:
            ServiceError: RATE_LIMITED with `retry_after_ms`, when the window is full; nothing was counted.
        """
        wait = await self._counters.enter(self._kind, key, self._limit(), self._window_ms)
        if wait:
            raise ServiceError(
                Code.RATE_LIMITED, f"too many attempts: try again in {-(-wait // 1000)} s", retry_after_ms=wait
            )

    async def take_back(self, key: str) -> None:
        """Uncount one attempt."""
        await self._counters.take_back(self._kind, key)

    async def reset(self, key: str) -> None:
        """Forget all attempts of a key."""
        await self._counters.reset(self._kind, key)


class LoginThrottle:
    """Failed logins, per account and per address. An account need not exist to be counted."""

    def __init__(self, accounts: Throttle, addresses: Throttle) -> None:
        self._accounts = accounts
        self._addresses = addresses

    async def enter(self, user_id: str, address: str) -> None:
        """Count an attempt as failed until told otherwise. Raises RATE_LIMITED."""
        source = address_key(address)
        if source:
            await self._addresses.enter(source)
        try:
            await self._accounts.enter(user_id)
        except ServiceError:
            if source:
                await self._addresses.take_back(source)
            raise

    async def succeeded(self, user_id: str, address: str) -> None:
        """The password was right: the account's failures are forgotten, the address's earlier ones are not."""
        await self._accounts.reset(user_id)
        await self._take_back(address)

    async def aborted(self, user_id: str, address: str) -> None:
        """The attempt was neither right nor wrong (the store was away): it does not count."""
        await self._accounts.take_back(user_id)
        await self._take_back(address)

    async def _take_back(self, address: str) -> None:
        source = address_key(address)
        if source:
            await self._addresses.take_back(source)


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
