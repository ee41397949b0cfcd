"""A client of the app over scripted services, and what every refusal has to look like."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any
from unittest.mock import create_autospec

import httpx2
from fastapi import FastAPI

from resonance.config import Settings
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Principal
from resonance.gateway.http.app import create_app
from resonance.gateway.http.auth import Authenticator
from resonance.gateway.http.health import Health
from resonance.services import LogicServices
from resonance.services.accounts import Accounts
from resonance.services.conversations import Conversations
from resonance.services.friends import Friends
from resonance.services.messages import Messages
from tests.integration.gateway_http.generators import Shot
from tests.integration.gateway_http.samples import PRINCIPAL, TOKEN


@dataclass
class Door:
    """The app, a client that is logged in as ann, and the services behind (autospecs: calls are checked)."""

    app: FastAPI
    client: httpx2.AsyncClient
    health: Health
    accounts: Any
    friends: Any
    conversations: Any
    messages: Any

    async def call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """Make a request that has to succeed and return its JSON."""
        response = await self.client.request(method, path, **arguments)
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def renew(self) -> None:
        """Make everything as it was at first: no call made, nothing scripted, ready, logged in."""
        for service in (self.accounts, self.friends, self.conversations, self.messages):
            service.reset_mock(return_value=True, side_effect=True)
        self.accounts.authenticate.side_effect = authenticate
        for part in list(self.health.reasons):
            self.health.clear(part)
        self.client.headers["Authorization"] = f"Bearer {TOKEN}"

    async def refused(self, code: Code, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """Make a request that has to be refused with this code and return the problem."""
        return check_problem(await self.client.request(method, path, **arguments), code)


async def authenticate(token: str) -> Principal:
    """Know one token; refuse the others as logic does."""
    codes = {"": Code.UNAUTHENTICATED, "expired": Code.TOKEN_EXPIRED, "revoked": Code.TOKEN_REVOKED}
    if token == TOKEN:
        return PRINCIPAL
    raise ServiceError(codes.get(token, Code.TOKEN_INVALID))


def make_door(settings: Settings | None = None, *, peer: str = "192.0.2.1") -> Door:
    """Return an app over fresh services, ready, and a client that calls it from an address."""
    accounts, friends = create_autospec(Accounts, instance=True), create_autospec(Friends, instance=True)
    conversations, messages = create_autospec(Conversations, instance=True), create_autospec(Messages, instance=True)
    health = Health()
    keys = count(1)
    app = create_app(
        LogicServices(accounts, friends, conversations, messages),
        settings or Settings(),
        health,
        Authenticator(accounts.authenticate, ttl=0),
        lambda: f"~gw-0.1.0.{next(keys)}",
    )
    client = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app, client=(peer, 4242)),
        base_url="http://resonance.test",
    )
    door = Door(app, client, health, accounts, friends, conversations, messages)
    door.renew()
    return door


def check_problem(response: httpx2.Response, code: Code, status: int = 0) -> dict[str, Any]:
    """Check that a response is a problem of this code in every part, and return it."""
    problem: dict[str, Any] = response.json()
    spec, status = code.value, status or code.value.status
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, spec.text), problem
    assert problem["type"] == f"/docs#{spec.text}"
    assert (problem["title"], problem["retry"]) == (spec.meaning, spec.retry)
    assert problem["trace_id"] == response.headers["x-trace-id"]
    assert problem["detail"]
    assert ("www-authenticate" in response.headers) == (status == 401)
    assert ("retry-after" in response.headers) == (problem["retry_after_ms"] > 0)
    assert set(problem) == {
        *("type", "title", "status", "detail", "code"),
        *("retry", "field", "retry_after_ms", "trace_id"),
    }
    return problem


async def fire(client: httpx2.AsyncClient, shot: Shot) -> httpx2.Response:
    """Send a generated request."""
    headers = {"Content-Type": "application/json"}
    return await client.request(shot.method, shot.target, content=shot.content, headers=headers)


def check_answer(response: httpx2.Response) -> None:
    """Check that a request succeeded, or was refused as a problem that is not the server's own mistake."""
    if response.status_code != 200:
        code = Code.of(response.json()["code"])
        assert code.value.status < 500, response.text
        check_problem(response, code, response.status_code)
