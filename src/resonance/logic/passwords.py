"""Passwords: argon2id in a few threads of their own, never on the event loop.

A hash takes tens of milliseconds and the configured memory, so both the threads and the queue before them are bounded.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from pwdlib.hashers.argon2 import Argon2Hasher

from resonance.config.settings import AccountsConfig
from resonance.domain.errors import Code, ServiceError, invalid

MAX_WAITING = 256
"""Hashes waiting for a thread; more logins are refused as busy."""
LONGEST = 1024
"""Characters of a password that is looked at at all, so that a lowered `password_max` locks nobody out."""

MAX_MEMORY = 1 << 18
"""KiB that comparing with a hash that was made elsewhere may take: every login on its account takes them."""
MAX_COST = 1 << 20
"""KiB times passes of such a hash: about a second."""
_PHC = re.compile(
    r"\$argon2id\$v=19\$m=(?P<memory>[1-9]\d{0,6}),t=(?P<passes>[1-9]\d{0,2}),p=(?P<lanes>[1-9]\d?)"
    r"\$(?P<salt>[A-Za-z0-9+/]{11,64})\$(?P<digest>[A-Za-z0-9+/]{22,86})",
    re.ASCII,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password was right; `replacement` is its hash of today's cost when the stored one is of another."""

    right: bool
    replacement: str = ""


class Passwords:
    """Makes and checks password hashes. Close it with `close` and `join`."""

    def __init__(self, config: AccountsConfig) -> None:
        self._least = config.password_min
        self._most = config.password_max
        self._hasher = Argon2Hasher(time_cost=config.hash_time, memory_cost=config.hash_memory_kib, parallelism=1)
        self._dummy = self._hasher.hash(secrets.token_hex(16))  # of a password that nobody knows
        self._pool = ThreadPoolExecutor(config.hash_workers, thread_name_prefix="password")
        self._waiting = 0  # jobs handed to the pool whose caller still waits

    def check_new(self, password: str, field: str = "password") -> str:
        """Return a password in the form that is hashed (NFC), or refuse one that nobody may choose."""
        prepared = _prepare(password, field, max(self._most, LONGEST))
        if not self._least <= len(prepared) <= self._most:
            raise invalid(
                field, f"{field} has {len(prepared)} characters: {self._least} to {self._most} characters are allowed"
            )
        return prepared

    async def hash(self, password: str) -> str:
        """Return the hash of a password that `check_new` returned. Raises BUSY."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password: str, stored: str, field: str = "password") -> Verdict:
        """Check a password against a hash; "" (no such user, no password) takes as long and is wrong.

        Raises:
            ServiceError: BUSY; INVALID_ARGUMENT for what cannot be anybody's password.
        """
        prepared = _prepare(password, field, max(self._most, LONGEST))
        return await self._run(lambda: self._verify(prepared, stored))

    def close(self) -> None:
        """Take no more work; what waits is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def join(self) -> None:
        """Wait for the threads to end."""
        await asyncio.to_thread(self._pool.shutdown, wait=True)

    def _verify(self, password: str, stored: str) -> Verdict:
        right = self._hasher.verify(password, stored or self._dummy)
        if right and self._hasher.check_needs_rehash(stored):
            return Verdict(True, self._hasher.hash(password))
        return Verdict(right)

    async def _run(self, job: Callable[[], T]) -> T:
        if self._waiting >= MAX_WAITING:
            raise ServiceError(Code.BUSY, "too many logins at once: try again", retry_after_ms=1_000)
        self._waiting += 1
        try:
            return await asyncio.wrap_future(self._pool.submit(job))
        finally:
            self._waiting -= 1


def check_hash(given: str, field: str = "password_hash") -> str:
    """Return a hash that was made elsewhere, or refuse it: argon2id, version 19, in the PHC format, of a bounded cost.

    Anything else could not be compared, or would let its maker decide how long our threads are busy. argon2 decodes one
    form of each hash only: numbers without leading zeros, base64 without bits that are left over.
    """
    found = _PHC.fullmatch(given)
    if found is None or not all(_is_canonical(found[part]) for part in ("salt", "digest")):
        raise invalid(field, f"{field} is no argon2id hash ($argon2id$v=19$m=…,t=…,p=…$salt$hash); no other is stored")
    memory, passes, lanes = (int(found[part]) for part in ("memory", "passes", "lanes"))
    if not (8 * lanes <= memory <= MAX_MEMORY and memory * passes <= MAX_COST):
        allowed = f"m up to {MAX_MEMORY} and m × t up to {MAX_COST} KiB are allowed"
        raise invalid(field, f"{field} has m={memory}, t={passes}, p={lanes}: {allowed}")
    return given


def _is_canonical(text: str) -> bool:
    """Say whether this is what some bytes are in base64 without padding."""
    if len(text) % 4 == 1:
        return False
    return b64encode(b64decode(text + "=" * (-len(text) % 4))).rstrip(b"=") == text.encode()


def _prepare(password: str, field: str, longest: int) -> str:
    """Return the password as it is hashed: in NFC, so that it is the same from every keyboard."""
    if len(password) > longest:
        raise invalid(field, f"{field} has {len(password)} characters; that is too long")
    try:
        password.encode()
    except UnicodeEncodeError:
        raise invalid(field, f"{field} holds half a surrogate pair, which is no character") from None
    return unicodedata.normalize("NFC", password)
