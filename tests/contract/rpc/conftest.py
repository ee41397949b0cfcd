"""A service whose behaviour each test says, reached in every way there is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from resonance.config.settings import Rpc
from resonance.rpc.channel import open_channel
from resonance.rpc.loopback import loopback
from resonance.rpc.methods import Method, proxy
from resonance.rpc.remote import remote
from resonance.rpc.server import RpcServer
from resonance.services.friends import Friends
from resonance.services.link import LinkService

Behaviour = Callable[[str, tuple[object, ...]], Awaitable[object]]
"""What the service answers to a method's name and arguments."""
SETTINGS = Rpc(deadline=20)


def friends_doing(behaviour: Behaviour) -> Friends:
    """Return a Friends service with this behaviour."""

    async def call(method: Method, arguments: Sequence[object]) -> object:
        return await behaviour(method.name, tuple(arguments))

    return proxy(Friends, call)


@asynccontextmanager
async def serving(
    listen: str, friends: Friends | None = None, link: LinkService | None = None, settings: Rpc = SETTINGS
) -> AsyncIterator[RpcServer]:
    """Run a server for a test."""
    server = RpcServer(listen, [(Friends, friends)] if friends else [], link, settings)
    await server.start()
    try:
        yield server
    finally:
        await server.terminate()


@asynccontextmanager
async def calling(address: str, settings: Rpc = SETTINGS) -> AsyncIterator[Friends]:
    """Open a channel for a test and return the service at its other end."""
    channel = open_channel(address, settings)
    try:
        yield remote(Friends, channel)
    finally:
        await channel.close()


Reach = Callable[[Behaviour], Awaitable[Friends]]


@pytest.fixture
def listen(tmp_path: Path) -> str:
    """An address for a server on a unix socket."""
    return f"unix:{tmp_path}/run/role.sock"


@pytest.fixture(params=["loopback", "unix", "tcp"])
async def reach(request: pytest.FixtureRequest, listen: str) -> AsyncIterator[Reach]:
    """Returns a function that puts a behaviour behind one of the ways to call a service."""
    async with AsyncExitStack() as stack:

        async def put(behaviour: Behaviour) -> Friends:
            target = friends_doing(behaviour)
            if request.param == "loopback":
                return loopback(Friends, target)
            address = listen if request.param == "unix" else "127.0.0.1:0"
            server = await stack.enter_async_context(serving(address, target))
            return await stack.enter_async_context(calling(server.address))

        yield put
