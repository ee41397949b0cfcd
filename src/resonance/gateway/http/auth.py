"""Who a token belongs to, as the gateway's doors ask it: logic's answer, remembered for a moment."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection
from itertools import islice
from typing import NamedTuple

from resonance.domain.model import Principal


class _Remembered(NamedTuple):
    principal: Principal
    until: float  # on the monotonic clock of the Authenticator


class Authenticator:
    """Checks access tokens for HTTP requests and WebSocket handshakes.

    A good answer is trusted for `ttl` seconds, never beyond the token's own end; a bad one is not remembered. So `ttl`
    bounds how long a revoked token still works on HTTP; `forget` ends that at once for devices that this gateway
    knows to be gone.
    """

    def __init__(
        self,
        ask: Callable[[str], Awaitable[Principal]],
        ttl: float,
        *,
        limit: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Begin with nothing remembered.

        Args:
            ask: `Accounts.authenticate`.
            ttl: seconds that an answer is trusted (auth.cache_ttl); 0 asks every time.
            limit: answers remembered at most; the oldest goes first.
            clock: in seconds, never set, for how long an answer is trusted.
            wall: in seconds, by which tokens end.
        """
        self._ask = ask
        self._ttl = ttl
        self._limit = limit
        self._clock = clock
        self._wall = wall
        self._remembered: dict[str, _Remembered] = {}  # by token, the oldest answer first
        self._forgets = 0  # calls of `forget`; an answer that was under way meanwhile is not remembered

    async def authenticate(self, token: str) -> Principal:
        """Say who an access token is of.

        Raises:
            ServiceError: as `Accounts.authenticate` does.
        """
        now = self._clock()
        known = self._remembered.get(token)
        if known is not None and now < known.until and self._wall() * 1000 < known.principal.expires_at:
            return known.principal
        forgets = self._forgets
        principal = await self._ask(token)
        if self._ttl > 0 and forgets == self._forgets:
            self._remember(token, principal, now)
        return principal

    def forget(self, device_ids: Collection[str]) -> None:
        """Ask logic again about the tokens of these devices: they were logged out, kicked or revoked."""
        self._forgets += 1
        gone = [token for token, known in self._remembered.items() if known.principal.caller.device_id in device_ids]
        for token in gone:
            del self._remembered[token]

    def _drop_over(self, now: float) -> None:
        """Drop the oldest answers whose time is over, two for each that is added: idle clients cost no memory here."""
        for token, known in list(islice(self._remembered.items(), 2)):
            if known.until > now:
                return
            del self._remembered[token]

    def _remember(self, token: str, principal: Principal, now: float) -> None:
        self._remembered.pop(token, None)
        self._drop_over(now)
        if len(self._remembered) >= self._limit:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[token] = _Remembered(principal, now + self._ttl)
