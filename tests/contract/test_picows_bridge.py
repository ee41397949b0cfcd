"""What the bridge relies on and neither uvicorn nor picows promises, on both event loops.

When an upgrade of either breaks one of these, `resonance.gateway.ws.bridge` has to change with it.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop
from picows import WSMsgType
from picows.picows import WSProtocol, _make_test_ws_frame  # type: ignore[attr-defined]
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from resonance.config.settings import HttpLimits, WsConfig
from resonance.gateway.ws.bridge import FrontProtocol
from tests.integration.gateway_ws import wire
from tests.integration.gateway_ws.conftest import Gateway, running

Scenario = Callable[[Gateway], Coroutine[Any, Any, None]]
Run = Callable[[Scenario], None]

MESSAGE = wire.masked(2, wire.chat("1", "c", "hello"))


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Run a scenario against a started gateway."""

    async def play(scenario: Scenario) -> None:
        async with running(WsConfig(), HttpLimits()) as gateway, asyncio.timeout(20):
            await scenario(gateway)

    with asyncio.Runner(loop_factory=request.param) as runner:
        yield lambda scenario: runner.run(play(scenario))


async def ready(client: wire.RawClient) -> None:
    response = await client.response()
    assert response.status == 101
    assert response.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, 1.3
    assert wire.packet((await client.frame())[1])[0] == wire.READY


def test_uvicorn_makes_protocols_by_these_keywords() -> None:
    parameters = list(inspect.signature(HttpToolsProtocol.__init__).parameters)
    assert parameters == ["self", "config", "server_state", "app_state", "_loop"]
    factory = object()
    config = Config(lambda: None, http=factory, lifespan="off", log_config=None)  # type: ignore[arg-type]
    config.load()
    assert config.http_protocol_class is factory
    assert STATUS_LINE[401] == b"HTTP/1.1 401 Unauthorized\r\n"


def test_uvicorn_can_be_served_without_its_signal_handlers() -> None:
    assert {"startup", "main_loop", "shutdown"} <= set(dir(Server))
    assert list(inspect.signature(Server.startup).parameters) == ["self", "sockets"]
    assert "capture_signals" not in inspect.getsource(Server.startup) + inspect.getsource(Server.main_loop)


def test_picows_takes_these_fifteen_arguments() -> None:
    with pytest.raises(TypeError, match="exactly 15 positional arguments"):
        WSProtocol()


def test_picows_frames_name_their_opcode_by_the_enums_own_members() -> None:
    frame = _make_test_ws_frame(WSMsgType.BINARY, b"x", True, False)
    assert frame.msg_type is WSMsgType.BINARY


def test_an_upgrade_and_http_share_a_port(run: Run) -> None:
    async def scenario(gateway: Gateway) -> None:
        client = await wire.RawClient.connect(gateway.port)
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.response()).body == b"ok"
        client.send(wire.upgrade("/ws?token=good-ann"))
        await ready(client)
        await client.close()

    run(scenario)


def test_firefox_connects(run: Run) -> None:
    async def scenario(gateway: Gateway) -> None:
        client = await wire.RawClient.connect(gateway.port)
        client.send(wire.upgrade("/ws?token=good-ann", Connection="keep-alive, Upgrade"))
        await ready(client)
        await client.close()

    run(scenario)


def test_the_front_is_gone_once_its_connection_is_a_websocket(run: Run) -> None:
    """uvloop holds on to the last `data_received`: 7 KiB of parser, request and locks per connection."""

    async def scenario(gateway: Gateway) -> None:
        client = await wire.RawClient.connect(gateway.port)
        client.send(wire.upgrade("/ws?token=good-ann"))
        await ready(client)
        gc.collect()
        assert [held for held in gc.get_objects() if isinstance(held, FrontProtocol)] == []
        await client.close()

    run(scenario)


def test_frames_right_behind_the_request_are_not_lost(run: Run) -> None:
    async def scenario(gateway: Gateway) -> None:
        client = await wire.RawClient.connect(gateway.port)
        client.send(wire.upgrade("/ws?token=good-ann") + MESSAGE + MESSAGE[:7])
        await ready(client)
        assert (await gateway.uplink.items.get()).content == "hello"
        client.send(MESSAGE[7:])
        assert (await gateway.uplink.items.get()).content == "hello"
        await client.close()

    run(scenario)


def test_more_than_may_come_early_is_read_after_the_upgrade(run: Run) -> None:
    async def scenario(gateway: Gateway) -> None:
        gateway.uplink.gate.clear()
        client = await wire.RawClient.connect(gateway.port)
        client.send(wire.upgrade("/ws?token=good-ann"))
        await gateway.uplink.opened.get()
        client.send(wire.masked(2, wire.chat("1", "c", "x" * 900_000)))
        other = await wire.RawClient.connect(gateway.port)
        other.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await other.response()
        gateway.uplink.gate.set()
        await ready(client)
        assert len((await gateway.uplink.items.get()).content) == 900_000
        await client.close()
        await other.close()

    run(scenario)


def test_a_request_may_come_in_pieces(run: Run) -> None:
    async def scenario(gateway: Gateway) -> None:
        request = wire.upgrade("/ws?token=good-ann")
        client = await wire.RawClient.connect(gateway.port)
        other = await wire.RawClient.connect(gateway.port)
        for start in range(0, len(request), 40):
            client.send(request[start : start + 40])
            other.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")  # the pieces arrive one by one
            await other.response()
        await ready(client)
        await client.close()
        await other.close()

    run(scenario)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 1_000_000])
def test_messages_of_every_length_arrive_both_ways(run: Run, size: int) -> None:
    async def scenario(gateway: Gateway) -> None:
        client = await wire.RawClient.connect(gateway.port)
        client.send(wire.upgrade("/ws?token=good-ann"))
        await ready(client)
        client.send(wire.masked(2, wire.chat("1", "c", "x" * size)))
        item = await gateway.uplink.items.get()
        assert len(item.content) == size
        gateway.answer(item, seq=1, code="busy", error="y" * (size or 1))
        ack = wire.packet((await client.frame())[1])[1]
        assert len(ack[5]) == (size or 1)
        await client.close()

    run(scenario)


def test_close_codes_of_our_own_go_out(run: Run) -> None:
    async def scenario(gateway: Gateway) -> None:
        client = await wire.RawClient.connect(gateway.port)
        client.send(wire.upgrade("/ws?token=good-ann"))
        await ready(client)
        client.send(wire.masked(8, b"\x0f\xa7"))  # 4007, unknown to picows' enum
        assert await client.close_code() == 4007
        await client.close()

    run(scenario)


def test_a_flood_of_full_reads_does_not_grow_the_read_buffer(run: Run) -> None:
    async def scenario(gateway: Gateway) -> None:
        client = await wire.RawClient.connect(gateway.port)
        client.send(wire.upgrade("/ws?token=good-ann"))
        await ready(client)
        (protocol,) = [p for p in gateway.server._server.server_state.connections if isinstance(p, WSProtocol)]
        client.send(wire.masked(10, b"x" * 100) * 20_000 + MESSAGE)
        await gateway.uplink.items.get()
        assert len(protocol.get_buffer(-1)) <= 65_536
        assert len(WSProtocol.get_buffer(protocol, -1)) <= 4 * 65_536
        await client.close()

    run(scenario)


def test_stopping_uvicorn_closes_what_is_left_with_1012(run: Run) -> None:
    async def scenario(gateway: Gateway) -> None:
        client = await wire.RawClient.connect(gateway.port)
        client.send(wire.upgrade("/ws?token=good-ann"))
        await ready(client)
        (protocol,) = [p for p in gateway.server._server.server_state.connections if isinstance(p, WSProtocol)]
        protocol.shutdown()
        assert await client.close_code() == 1012
        await client.close()
        await gateway.server.join(5)
        assert not gateway.server._server.server_state.connections

    run(scenario)
