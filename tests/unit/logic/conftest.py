"""Logic's control plane on a real store, with a clock that stands still and kicks that are written down."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from resonance.config import Settings
from resonance.domain.closes import Close
from resonance.domain.ids import UserId
from resonance.domain.model import Caller, NewUser, PresenceState
from resonance.engines.sqlite.store import SqliteStore
from resonance.logic.accounts import AccountsLogic
from resonance.logic.census import Census
from resonance.logic.conversations import ConversationsLogic
from resonance.logic.devices import Devices
from resonance.logic.friends import FriendsLogic
from resonance.logic.logins import Logins
from resonance.logic.passwords import Passwords
from resonance.logic.states import States
from resonance.logic.tokens import Signer
from resonance.ports.store import Store
from resonance.services.accounts import Registration, Tokens
from tests.unit.logic.binding import BINDINGS, bound
from tests.unit.logic.clocks import FakeClock

CHEAP_HASHES = {"hash_memory_kib": 8, "hash_time": 1}


@dataclass
class Kicks:
    """Every device whose connections were ended, with the code."""

    seen: list[tuple[str, Close]] = field(default_factory=list)

    async def kick(self, devices: Sequence[str], close: Close) -> None:
        self.seen += [(device, close) for device in devices]


@dataclass
class Online:
    """Who is said to be online."""

    users: set[str] = field(default_factory=set)

    async def states(self, user_ids: Sequence[str]) -> list[PresenceState]:
        return [PresenceState(UserId(user), user in self.users, (), 0) for user in user_ids]


class Counter:
    """Message ids 1, 2, 3 …"""

    def __init__(self) -> None:
        self._next = itertools.count(1)

    def next(self) -> int:
        return next(self._next)


class World:
    """The services of one logic, and the ways to look behind them."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        store = bound(store)
        self.settings = settings
        self.clock = FakeClock(time.time_ns() // 1_000_000)
        self.kicks = Kicks()
        self.online = Online()
        self.states = States(store)
        self.passwords = Passwords(settings.accounts)
        self.signer = Signer(b"s" * 32, settings.auth.issuer, self.clock)
        cache_ms = int(settings.auth.cache_ttl * 1000)
        self.device_states = Devices(store, self.kicks, self.clock.monotonic, cache_ms)
        logins = Logins(
            store,
            self.device_states,
            self.signer,
            self.passwords,
            self.clock,
            settings.accounts,
            settings.auth,
            self.clock.monotonic,
        )
        self.accounts = AccountsLogic(
            store, logins, self.device_states, self.signer, self.passwords, self.online, self.clock
        )
        self.friends = FriendsLogic(store, self.online, self.states, settings.friends)
        self.conversations = ConversationsLogic(
            store, self.states, Counter(), settings.groups, self.clock, Census(store)
        )

    async def people(self, *names: str) -> list[Caller]:
        """Make accounts without passwords; return who calls for each."""
        for name in names:
            await self.store.create_user(NewUser(UserId(name), name.title(), ""))
        return [Caller(UserId(name), 0, f"device-{name}") for name in names]

    async def register(self, user_id: str, password: str = "secret1", platform: int = 0) -> Tokens:
        return await self.accounts.register(Registration(user_id, password, platform=platform))

    async def caller(self, tokens: Tokens) -> Caller:
        return (await self.accounts.authenticate(tokens.access_token)).caller


class Worlds:
    """Makes worlds on one store, each with its own settings: another world is another logic."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._made: list[World] = []

    def make(self, **sections: dict[str, object]) -> World:
        """Return a world; `accounts={...}` and others override settings by section."""
        sections["accounts"] = CHEAP_HASHES | sections.get("accounts", {})
        self._made.append(World(self._store, Settings.model_validate(sections)))
        return self._made[-1]

    async def end(self) -> None:
        for world in self._made:
            world.passwords.close()
            await world.passwords.join()


@pytest.fixture(autouse=True, params=BINDINGS)
def binding(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run every test twice: logic and its store in one process, and apart."""
    name: str = request.param
    monkeypatch.setattr("tests.unit.logic.binding.chosen", name)
    return name


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(tmp_path / "resonance.db", Settings().store)
    await made.start()
    yield made
    made.close()
    await made.join()


@pytest.fixture
async def worlds(store: SqliteStore) -> AsyncIterator[Worlds]:
    made = Worlds(store)
    yield made
    await made.end()


@pytest.fixture
def world(worlds: Worlds) -> World:
    return worlds.make()
