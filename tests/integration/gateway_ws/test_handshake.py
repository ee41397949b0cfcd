"""Who may connect, and what everybody else is told before the upgrade."""

from __future__ import annotations

import asyncio

import pytest

from resonance.config.settings import HttpLimits
from resonance.domain.closes import Close
from resonance.domain.errors import Code, ServiceError
from tests.integration.gateway_ws import wire
from tests.integration.gateway_ws.conftest import Dial, Gateway, GatewayFactory


async def ask(gateway: Gateway, request: bytes) -> wire.Response:
    """Send a request and return what it is answered; the connection has to end after a refusal."""
    client = await wire.RawClient.connect(gateway.port)
    client.send(request)
    response = await client.response()
    if response.status != 101:
        assert response.headers["connection"] == "close"
        assert await client.reader.read() == b""
    await client.close()
    return response


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/ws", 401, "unauthenticated"),
        ("/ws?token=", 401, "unauthenticated"),
        ("/ws?token=foreign", 401, "token_invalid"),
        ("/ws?token=expired-ann", 401, "token_expired"),
        ("/ws?token=revoked-ann", 401, "token_revoked"),
        ("/ws?token=disabled-ann", 403, "user_disabled"),
        ("/ws?token=broken", 500, "internal"),
        ("/elsewhere?token=good-ann", 404, "not_found"),
        ("/ws?token=good-ann&dialect=klingon", 400, "invalid_argument"),
    ],
)
async def test_refusals_are_problems_with_a_code(
    gateway: Gateway, dial: Dial, target: str, status: int, code: str
) -> None:
    other = await dial(gateway, "other")
    response = await ask(gateway, wire.upgrade(target))
    problem = response.problem
    assert (response.status, problem["status"], problem["code"]) == (status, status, code)
    assert ("www-authenticate" in response.headers) == (status == 401)
    gateway.push(["other"], 1)
    assert wire.packet(await other.recv())[0] == wire.PUSH


@pytest.mark.parametrize(
    "request_",
    [
        wire.upgrade("/ws?token=good-ann", Sec_WebSocket_Version="8"),
        wire.upgrade("/ws?token=good-ann", Sec_WebSocket_Version=""),
        wire.upgrade("/ws?token=good-ann", Sec_WebSocket_Key=""),
        wire.upgrade("/ws?token=good-ann", Sec_WebSocket_Key="dG9vIHNob3J0"),
        wire.upgrade("/ws?token=good-ann", Sec_WebSocket_Key="no base64 at all"),
        wire.upgrade("/ws?token=good-ann").replace(b"GET", b"POST"),
    ],
)
async def test_a_malformed_upgrade_is_refused(gateway: Gateway, request_: bytes) -> None:
    response = await ask(gateway, request_)
    assert (response.status, response.problem["code"]) == (400, "malformed_packet")
    assert gateway.uplink.opened.empty()


async def test_pages_of_other_origins_are_refused_when_there_is_a_list(start: GatewayFactory) -> None:
    gateway = await start(origins=("https://chat.example",))
    foreign = await ask(gateway, wire.upgrade("/ws?token=good-ann", Origin="https://evil.example"))
    assert (foreign.status, foreign.problem["code"]) == (403, "permission_denied")
    assert (await ask(gateway, wire.upgrade("/ws?token=good-ann", Origin="https://chat.example"))).status == 101
    assert (await ask(gateway, wire.upgrade("/ws?token=good-ann"))).status == 101  # no page at all


async def test_all_origins_may_connect_without_a_list(gateway: Gateway) -> None:
    assert (await ask(gateway, wire.upgrade("/ws?token=good-ann", Origin="https://any.example"))).status == 101


async def test_a_full_gateway_refuses_until_somebody_leaves(start: GatewayFactory, dial: Dial) -> None:
    gateway = await start(max_connections=1)
    client = await dial(gateway, "ann")
    full = await ask(gateway, wire.upgrade("/ws?token=good-bob"))
    assert (full.status, full.problem["code"], full.headers["retry-after"]) == (503, "busy", "5")
    await client.close()
    await gateway.uplink.closed.get()
    await dial(gateway, "bob")


async def test_an_address_has_its_limit(start: GatewayFactory, dial: Dial) -> None:
    gateway = await start(http=HttpLimits(trusted_proxies=("127.0.0.1",)), max_connections_per_address=1)
    first = await dial(gateway, "ann", additional_headers={"X-Forwarded-For": "192.0.2.1"})
    refused = await ask(gateway, wire.upgrade("/ws?token=good-ann", X_Forwarded_For="192.0.2.1"))
    assert (refused.status, refused.problem["code"]) == (429, "rate_limited")
    await dial(gateway, "ann", additional_headers={"X-Forwarded-For": "192.0.2.2"})
    assert gateway.uplink.live[2].address == "192.0.2.2"
    await first.close()
    await gateway.uplink.closed.get()
    await dial(gateway, "ann", additional_headers={"X-Forwarded-For": "192.0.2.1"})


async def test_without_logic_nobody_connects(gateway: Gateway) -> None:
    gateway.uplink.connected = False
    response = await ask(gateway, wire.upgrade("/ws?token=good-ann"))
    assert (response.status, response.problem["code"], response.headers["retry-after"]) == (503, "unavailable", "2")


async def test_a_stopping_gateway_refuses(gateway: Gateway) -> None:
    client = await wire.RawClient.connect(gateway.port)
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await client.response()).status == 200
    gateway.server.close()
    client.send(wire.upgrade("/ws?token=good-ann"))
    response = await client.response()
    assert (response.status, response.problem["code"]) == (503, "unavailable")
    await client.close()


@pytest.mark.parametrize(
    ("close", "status", "code"),
    [
        (Close.TOKEN_EXPIRED, 401, "token_expired"),
        (Close.LOGGED_OUT, 401, "token_revoked"),
        (Close.KICKED, 401, "token_revoked"),
        (Close.USER_DISABLED, 403, "user_disabled"),
        (Close.OVERLOADED, 503, "unavailable"),
    ],
)
async def test_a_route_that_logic_refuses_is_no_connection(
    gateway: Gateway, close: Close, status: int, code: str
) -> None:
    gateway.uplink.refusal = close
    response = await ask(gateway, wire.upgrade("/ws?token=good-ann"))
    assert (response.status, response.problem["code"]) == (status, code)
    assert gateway.hub.routes() == []


async def test_a_route_that_cannot_be_announced_is_no_connection(gateway: Gateway) -> None:
    gateway.uplink.error = ServiceError(Code.UNAVAILABLE)
    assert (await ask(gateway, wire.upgrade("/ws?token=good-ann"))).status == 503
    assert gateway.hub.routes() == []


async def test_the_upgrade_waits_for_the_route(gateway: Gateway) -> None:
    gateway.uplink.gate.clear()
    client = await wire.RawClient.connect(gateway.port)
    client.send(wire.upgrade("/ws?token=good-ann") + wire.masked(2, wire.chat("early", "c", "sent before the answer")))
    route = await gateway.uplink.opened.get()
    assert gateway.hub.routes() == [route]
    answer = asyncio.create_task(client.response())
    client.send(wire.masked(2, wire.chat("early-2", "c", "too")))
    other = await ask(gateway, wire.upgrade("/nowhere"))  # the gateway serves others meanwhile
    assert other.status == 404
    assert not answer.done()
    assert gateway.uplink.items.empty()
    gateway.uplink.gate.set()
    assert (await answer).status == 101
    assert wire.packet((await client.frame())[1])[0] == wire.READY
    assert [(await gateway.uplink.items.get()).content for _ in range(2)] == ["sent before the answer", "too"]
    await client.close()


async def test_a_client_that_goes_away_meanwhile_leaves_no_route(gateway: Gateway) -> None:
    gateway.uplink.gate.clear()
    client = await wire.RawClient.connect(gateway.port)
    client.send(wire.upgrade("/ws?token=good-ann"))
    route = await gateway.uplink.opened.get()
    await client.close()
    assert await gateway.uplink.closed.get() == route.connection
    assert gateway.hub.routes() == []


async def test_a_device_kicked_meanwhile_does_not_connect(gateway: Gateway) -> None:
    gateway.uplink.gate.clear()
    client = await wire.RawClient.connect(gateway.port)
    client.send(wire.upgrade("/ws?token=good-ann"))
    await gateway.uplink.opened.get()
    gateway.hub.kick(["device-ann"], Close.LOGGED_OUT)
    gateway.uplink.gate.set()
    response = await client.response()
    assert (response.status, response.problem["code"]) == (401, "token_revoked")
    await client.close()


async def test_http_goes_on_beside_and_before_websockets(gateway: Gateway) -> None:
    client = await wire.RawClient.connect(gateway.port)
    for _ in range(2):
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.response()).body == b"ok"
    client.send(wire.upgrade("/ws?token=good-ann"))
    assert (await client.response()).status == 101
    assert wire.packet((await client.frame())[1])[0] == wire.READY
    await client.close()
