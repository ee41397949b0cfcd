"""The door with real logic and a real store behind it, in one process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI

from resonance.config import Settings
from resonance.config.settings import AccountsConfig
from resonance.domain.errors import Code
from resonance.engines.memory.counters import MemoryCounters
from resonance.engines.memory.routes import MemoryRoutes
from resonance.engines.sqlite.store import SqliteStore
from resonance.gateway.dialect import Dialect
from resonance.gateway.http.app import create_app
from resonance.gateway.http.auth import Authenticator
from resonance.gateway.http.health import Health
from resonance.gateway.http.owned import Owned
from resonance.gateway.ws.doors import NATIVE
from resonance.logic.role import LogicRole
from resonance.ports.store import Store
from resonance.rpc.loopback import loopback
from resonance.services import LogicServices
from resonance.services.accounts import Accounts
from resonance.services.conversations import Conversations
from resonance.services.friends import Friends
from resonance.services.messages import Messages
from tests.integration.gateway_http.harness import check_problem

CHEAP = AccountsConfig(hash_memory_kib=8, hash_time=1, attempts_per_account=10_000, attempts_per_address=10_000)
"""Password hashes that cost next to nothing, and no throttling in the way of a fuzz."""


class Person:
    """Somebody with a token."""

    def __init__(self, app: FastAPI, tokens: dict[str, Any]) -> None:
        self.tokens = tokens
        self.client = client_of(app, tokens["access_token"])

    async def call(self, method: str, path: str, body: Any = None, **query: str | int) -> dict[str, Any]:
        """Make a request under /api/v1 that has to succeed and return its JSON."""
        response = await self.client.request(method, f"/api/v1/{path}", json=body, params=query)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def refused(self, code: Code, method: str, path: str, body: Any = None, **query: str | int) -> None:
        """Make a request under /api/v1 that has to be refused with this code."""
        check_problem(await self.client.request(method, f"/api/v1/{path}", json=body, params=query), code)


def client_of(app: FastAPI, token: str) -> httpx2.AsyncClient:
    """Return a client with a token ("" for none)."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://resonance.test", headers=headers)


async def register(app: FastAPI, name: str) -> Person:
    """Return somebody new."""
    body = {"username": name, "password": f"{name}'s secret"}
    response = await client_of(app, "").post("/api/v1/auth/register", json=body)
    assert response.status_code == 200, response.text
    return Person(app, response.json())


async def login(app: FastAPI, name: str) -> Person:
    """Return somebody on a further device."""
    body = {"username": name, "password": f"{name}'s secret"}
    response = await client_of(app, "").post("/api/v1/auth/login", json=body)
    assert response.status_code == 200, response.text
    return Person(app, response.json())


@asynccontextmanager
async def running(
    folder: Path, settings: Settings | None = None, *, split: bool = False, dialects: Sequence[Dialect] = ()
) -> AsyncIterator[FastAPI]:
    """Run logic on an empty store in this folder, and yield the app in front of it, with these dialects.

    With `split` store, logic and app reach one another by bytes, as in processes of their own.
    """
    owned = [Owned(dialect.name, dialect.prefixes, dialect.app(), dialect.refuse) for dialect in dialects]
    doors = [*NATIVE, *(dialect.door() for dialect in dialects)]
    settings = settings or Settings(accounts=CHEAP)
    engine = SqliteStore(folder / "resonance.db", settings.store)
    await engine.start()
    store: Store = engine
    logic = LogicRole(loopback(Store, store) if split else store, MemoryRoutes(), MemoryCounters(), settings, b"x" * 32)
    await logic.start()
    services = _apart(logic.services) if split else logic.services
    health = Health()
    health.clear("start")
    keys = count(1)
    authenticator = Authenticator(services.accounts.authenticate, settings.auth.cache_ttl)
    try:
        yield create_app(services, settings, health, authenticator, lambda: f"~gw-0.1.0.{next(keys)}", owned, doors)
    finally:
        await logic.close()
        engine.close()
        await engine.join()


def _apart(services: LogicServices) -> LogicServices:
    return LogicServices(
        loopback(Accounts, services.accounts),
        loopback(Friends, services.friends),
        loopback(Conversations, services.conversations),
        loopback(Messages, services.messages),
    )
