"""No request makes real logic on a real store answer with a mistake of the server's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.gateway_http.generators import operations, shots
from tests.integration.gateway_http.harness import check_answer, fire, make_door
from tests.integration.gateway_http.real import client_of, login, register, running

DOCUMENT = make_door().app.openapi()
ENDS_THE_SESSION = {"logout", "logout_by_delete", "revoke_device", "set_user_disabled", "change_password"}
"""Left to the stories: after them the rest of the fuzz would only meet 401."""


@dataclass(frozen=True)
class World:
    """A running server with ann, bob and their group, and a client of ann's; one loop for all."""

    loop: asyncio.Runner
    client: httpx2.AsyncClient


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run one server for the module."""
    with asyncio.Runner() as loop:
        server = running(tmp_path_factory.mktemp("fuzz"))
        app = loop.run(server.__aenter__())
        ann = loop.run(register(app, "ann"))
        loop.run(register(app, "bob"))
        loop.run(ann.call("POST", "groups", {"name": "Team", "group_id": "team", "members": ["bob"]}))
        loop.run(ann.call("POST", "messages", {"to_user": "bob", "content": "hi"}))
        yield World(loop, client_of(app, loop.run(login(app, "ann")).tokens["access_token"]))
        loop.run(server.__aexit__(None, None, None))


@pytest.mark.parametrize("name", sorted(set(operations(DOCUMENT)) - ENDS_THE_SESSION))
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_route_can_be_made_to_fail(world: World, name: str, data: st.DataObject) -> None:
    check_answer(world.loop.run(fire(world.client, data.draw(shots(DOCUMENT, name)))))


def test_ann_is_still_logged_in(world: World) -> None:
    response = world.loop.run(world.client.get("/api/v1/users/me"))
    assert response.json()["id"] == "ann"
