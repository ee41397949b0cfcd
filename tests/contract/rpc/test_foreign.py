"""Services under other systems' names: who may call them, and for whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import grpc
import grpc.aio
import pytest
from google.protobuf.descriptor import ServiceDescriptor
from pydantic import SecretStr

from resonance._proto.logic.v1 import auth_pb2 as auth
from resonance._proto.logic.v1 import chat_pb2 as pb
from resonance.config.settings import Rpc
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import UserId
from resonance.domain.model import Caller, Principal
from resonance.rpc.foreign import Call, Servant
from resonance.rpc.server import RpcServer

OPEN = Rpc()
SECRET = Rpc(secret=SecretStr("s3cret-of-all-roles"))
SERVICE = (("authorization", "Bearer s3cret-of-all-roles"),)
ANN = (("authorization", "bearer token-of-ann"),)
EVE = (("authorization", "Bearer s3cret-of-no-role"),)


class Echo(Servant):
    """Answers whom it would act for."""

    service: ClassVar[ServiceDescriptor] = pb.DESCRIPTOR.services_by_name["ChatService"]

    async def send_message(
        self, requests: AsyncIterator[pb.SendMessageRequest], call: Call
    ) -> AsyncIterator[pb.SendMessageResponse]:
        async for request in requests:
            if request.content == "for services":
                await call.service()
            if request.content == "a bug":
                raise RuntimeError
            caller = await call.user(request.from_username, "from_username")
            yield pb.SendMessageResponse(error=caller.user_id)


async def authenticate(token: str) -> Principal:
    """Know one token."""
    if token != "token-of-ann":
        raise ServiceError(Code.TOKEN_INVALID if token else Code.UNAUTHENTICATED)
    return Principal(Caller(UserId("ann"), 0, "d"), 0)


@asynccontextmanager
async def asking(listen: str, settings: Rpc) -> AsyncIterator[Any]:
    """Serve, and return what calls the servant as a unary caller does."""
    server = RpcServer(listen, [], None, settings, [Echo()], authenticate)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            yield channel.unary_unary(
                "/resonance.logic.v1.ChatService/SendMessage",
                pb.SendMessageRequest.SerializeToString,
                pb.SendMessageResponse.FromString,
            )
    finally:
        await server.terminate()


@pytest.mark.parametrize(
    ("settings", "metadata", "named", "expected"),
    [
        (SECRET, SERVICE, "bob", "bob"),
        (SECRET, ANN, "", "ann"),
        (SECRET, ANN, "ann", "ann"),
        (SECRET, SERVICE, "", grpc.StatusCode.INVALID_ARGUMENT),
        (SECRET, SERVICE, "b:b", grpc.StatusCode.INVALID_ARGUMENT),
        (SECRET, ANN, "bob", grpc.StatusCode.PERMISSION_DENIED),
        (SECRET, EVE, "bob", grpc.StatusCode.UNAUTHENTICATED),
        (SECRET, (), "bob", grpc.StatusCode.UNAUTHENTICATED),
        (OPEN, (), "bob", "bob"),
        (OPEN, ANN, "", "ann"),
        (OPEN, ANN, "bob", grpc.StatusCode.PERMISSION_DENIED),
        (OPEN, EVE, "bob", grpc.StatusCode.UNAUTHENTICATED),
    ],
)
async def test_services_name_users_and_users_are_who_they_are(
    listen: str, settings: Rpc, metadata: Any, named: str, expected: str | grpc.StatusCode
) -> None:
    async with asking(listen, settings) as ask:
        call = ask(pb.SendMessageRequest(from_username=named), metadata=metadata)
        if isinstance(expected, str):
            assert (await call).error == expected
        else:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call
            assert refused.value.code() is expected


async def test_what_is_for_services_is_not_for_users(listen: str) -> None:
    wish = pb.SendMessageRequest(content="for services", from_username="ann")
    async with asking(listen, SECRET) as ask:
        assert (await ask(wish, metadata=SERVICE)).error == "ann"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask(wish, metadata=ANN)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_bug_is_told_as_one_without_a_word_of_detail(listen: str) -> None:
    async with asking(listen, OPEN) as ask:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask(pb.SendMessageRequest(content="a bug"))
    assert refused.value.code() is grpc.StatusCode.INTERNAL
    assert "RuntimeError" not in (refused.value.details() or "")


async def test_an_open_stream_does_not_keep_a_server_from_stopping(listen: str) -> None:
    server = RpcServer(listen, [], None, OPEN, [Echo()], authenticate)
    await server.start()
    async with grpc.aio.insecure_channel(server.address) as channel:
        stream: Any = channel.stream_stream(
            "/resonance.logic.v1.ChatService/SendMessage",
            pb.SendMessageRequest.SerializeToString,
            pb.SendMessageResponse.FromString,
        )()
        await stream.write(pb.SendMessageRequest(from_username="ann"))
        assert (await stream.read()).error == "ann"
        await server.close()
        assert await server.join(5), "the stream is over"
        assert await stream.code() is grpc.StatusCode.OK
    await server.terminate()


async def test_bytes_that_are_no_request_are_refused(listen: str) -> None:
    server = RpcServer(listen, [], None, OPEN, [Echo()], authenticate)
    await server.start()
    async with grpc.aio.insecure_channel(server.address) as channel:
        ask: Any = channel.unary_unary("/resonance.logic.v1.ChatService/SendMessage")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask(b"\xff\xff")
    await server.terminate()
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


class Auth(Servant):
    """Answers each of its calls."""

    service: ClassVar[ServiceDescriptor] = auth.DESCRIPTOR.services_by_name["AuthService"]

    async def login(self, request: auth.LoginRequest, call: Call) -> auth.LoginResponse:
        return auth.LoginResponse(access_token=request.username)

    register = validate_token = login


async def test_a_text_with_nul_is_refused_by_name(listen: str) -> None:
    """For every servant at once: PostgreSQL cannot even look for it."""
    server = RpcServer(listen, [], None, OPEN, [Auth()], authenticate)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            ask: Any = channel.unary_unary(
                "/resonance.logic.v1.AuthService/Login",
                auth.LoginRequest.SerializeToString,
                auth.LoginResponse.FromString,
            )
            assert (await ask(auth.LoginRequest(username="ann"))).access_token == "ann"
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await ask(auth.LoginRequest(username="a\0b"))
            assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert "username" in (refusal.value.details() or "")
    finally:
        await server.terminate()
