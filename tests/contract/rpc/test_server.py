"""The server's address, its secret, its health, what it tells of itself, and how it stops."""

from __future__ import annotations

import asyncio
import socket
import stat
from pathlib import Path

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc  # type: ignore[import-untyped]
from pydantic import SecretStr

from resonance.config.settings import Rpc
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import UserId
from resonance.domain.model import Caller
from resonance.rpc.endpoints import Endpoint
from resonance.rpc.server import RpcServer
from tests.contract.rpc.conftest import calling, friends_doing, serving

ANNA = Caller(UserId("anna"), 5, "d1")
SERVICE = "resonance.friends.v1.FriendsService"
SECRET = Rpc(secret=SecretStr("s3cret-of-all-roles"))


async def nothing(name: str, arguments: tuple[object, ...]) -> object:
    return None


async def health(address: str, service: str) -> int:
    async with grpc.aio.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        response = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=20)
        return int(response.status)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)


def read(path: Path) -> str:
    return path.read_text()


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("text", "target", "private"),
    [
        ("unix:data/logic.sock", "unix:data/logic.sock", True),
        ("127.0.0.1:80", "127.0.0.1:80", True),
        ("127.9.9.9:0", "127.9.9.9:0", True),
        ("localhost:1", "localhost:1", True),
        ("[::1]:1", "[::1]:1", True),
        ("0.0.0.0:1", "0.0.0.0:1", False),
        ("[::]:1", "[::]:1", False),
        ("10.0.0.5:1", "10.0.0.5:1", False),
        ("logic.internal:65535", "logic.internal:65535", False),
    ],
)
def test_addresses(text: str, target: str, private: bool) -> None:
    endpoint = Endpoint.parse(text)
    assert (endpoint.target, endpoint.private) == (target, private)


@pytest.mark.parametrize(
    "text", ["", "unix:", "host", ":1", "host:", "host:x", "host:65536", "host:²", "unix:" + "x" * 108]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no address|over 107 bytes"):
        Endpoint.parse(text)


async def test_a_socket_is_its_owners_alone(listen: str) -> None:
    path = Path(listen.removeprefix("unix:"))
    async with serving(listen, friends_doing(nothing)):
        assert mode(path) == 0o600
        assert mode(path.parent) == 0o700


async def test_a_dead_servers_socket_is_replaced(listen: str) -> None:
    path = Path(listen.removeprefix("unix:"))
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with serving(listen, friends_doing(nothing)) as server, calling(server.address) as friends:
        await friends.remove(ANNA, "bob")


async def test_a_living_servers_socket_is_left_alone(listen: str) -> None:
    async with serving(listen, friends_doing(nothing)) as server, calling(server.address) as friends:
        with pytest.raises(OSError, match="listens on"):
            await RpcServer(listen, [], None, Rpc()).start()
        await friends.remove(ANNA, "bob")


async def test_a_file_that_is_no_socket_is_left_alone(listen: str) -> None:
    path = Path(listen.removeprefix("unix:"))
    write(path, "precious")
    with pytest.raises(OSError, match="in the way"):
        await RpcServer(listen, [], None, Rpc()).start()
    assert read(path) == "precious"


async def test_a_taken_port_is_an_error() -> None:
    async with serving("127.0.0.1:0", friends_doing(nothing)) as server:
        with pytest.raises(OSError, match="cannot listen"):
            await RpcServer(server.address, [], None, Rpc()).start()


# ---------------------------------------------------------------- the secret


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "10.0.0.5:80", "example.org:80"])
def test_other_machines_need_a_secret(listen: str) -> None:
    with pytest.raises(ValueError, match=r"rpc\.secret"):
        RpcServer(listen, [], None, Rpc())
    RpcServer(listen, [], None, SECRET)


@pytest.mark.parametrize(
    "given", [Rpc(), Rpc(secret=SecretStr("S3cret-of-all-roles")), Rpc(secret=SecretStr("s3cret-of-all-roles!"))]
)
async def test_a_wrong_secret_is_refused(listen: str, given: Rpc) -> None:
    called: list[str] = []

    async def note(name: str, arguments: tuple[object, ...]) -> object:
        called.append(name)
        return None

    async with (
        serving(listen, friends_doing(note), settings=SECRET) as server,
        calling(server.address, given) as friends,
    ):
        with pytest.raises(ServiceError, match="secret") as caught:
            await friends.remove(ANNA, "bob")
    assert caught.value.code is Code.UNAVAILABLE
    assert called == []


async def test_the_right_secret_is_let_in_and_health_needs_none(listen: str) -> None:
    async with serving(listen, friends_doing(nothing), settings=SECRET) as server:
        async with calling(server.address, SECRET) as friends:
            await friends.remove(ANNA, "bob")
        assert await health(server.address, SERVICE) == health_pb2.HealthCheckResponse.SERVING


# ---------------------------------------------------------------- health and reflection


@pytest.mark.parametrize("service", ["", SERVICE])
async def test_health_follows_what_the_role_says(listen: str, service: str) -> None:
    async with serving(listen, friends_doing(nothing)) as server:
        assert await health(server.address, service) == health_pb2.HealthCheckResponse.SERVING
        await server.set_serving(False)
        assert await health(server.address, service) == health_pb2.HealthCheckResponse.NOT_SERVING
        await server.set_serving(True)
        assert await health(server.address, service) == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_lists_the_services_and_their_contracts(listen: str) -> None:
    async with serving(listen, friends_doing(nothing)) as server, grpc.aio.insecure_channel(server.address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        requests = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE),
        ]
        listed, described = [answer async for answer in stub.ServerReflectionInfo(iter(requests), timeout=20)]
    assert SERVICE in {service.name for service in listed.list_services_response.service}
    assert any(b"friends.proto" in file for file in described.file_descriptor_response.file_descriptor_proto)


# ---------------------------------------------------------------- stopping


async def test_close_lets_calls_end_and_takes_no_new_ones(listen: str) -> None:
    begun, finish = asyncio.Event(), asyncio.Event()

    async def slow(name: str, arguments: tuple[object, ...]) -> object:
        begun.set()
        await finish.wait()
        return None

    async with serving(listen, friends_doing(slow)) as server, calling(server.address) as friends:
        call = asyncio.create_task(friends.remove(ANNA, "bob"))
        await begun.wait()
        await server.close()
        assert not await server.join(0.01)
        with pytest.raises(ServiceError) as caught:
            await friends.remove(ANNA, "bob")
        assert caught.value.code is Code.UNAVAILABLE
        finish.set()
        await call
        assert await server.join(20)


async def test_terminate_cancels_calls_and_frees_the_address(listen: str) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def never(name: str, arguments: tuple[object, ...]) -> object:
        begun.set()
        try:
            return await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with serving(listen, friends_doing(never)) as server, calling(server.address) as friends:
        call = asyncio.create_task(friends.remove(ANNA, "bob"))
        await begun.wait()
        await server.terminate()
        await cancelled.wait()
        with pytest.raises(ServiceError) as caught:
            await call
        assert caught.value.code in {Code.UNAVAILABLE, Code.DEADLINE}
        await server.terminate()
    async with serving(listen, friends_doing(nothing)) as server, calling(server.address) as friends:
        await friends.remove(ANNA, "bob")


async def test_a_server_that_never_started_stops(listen: str) -> None:
    server = RpcServer(listen, [], None, Rpc())
    await server.close()
    assert await server.join(1)
    await server.terminate()
