"""What must work in every dialect (wire.md, 4.5): one class that each dialect's test inherits with its own client."""

from __future__ import annotations

import asyncio
import secrets
import socket
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest

from tests.e2e.clients import people
from tests.e2e.dialects.client import WAIT_S, Client, Refused
from tests.e2e.servers import Deployment

OVERFLOW = {"RESONANCE_WS_CONFIG__HIGH_WATER": "524288", "RESONANCE_WS_CONFIG__LOW_WATER": "4096"}
"""Settings with which somebody who reads nothing is cut soon."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def clients(kind: type[Client], url: str, *names: str) -> list[Any]:
    """Register and connect users whose handles begin with these names, and whom nobody else has."""
    suffix = secrets.token_hex(3)
    made = [await kind.register(url, f"{name}{suffix}") for name in names]
    for client in made:
        await client.connect()
    return made


async def stall(client: Client) -> socket.socket:
    """Open a connection of this client and never read a byte of it but the upgrade's answer."""
    where = urlsplit(client.url)
    assert where.hostname is not None
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stalled.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(stalled, (where.hostname, where.port or 80))
    head = f"GET {client.door} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    wish = f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    await loop.sock_sendall(stalled, wish.encode())
    assert b" 101 " in await loop.sock_recv(stalled, 200)
    return stalled


async def cuts(deployment: Deployment) -> float:
    """Return how many connections were cut because nobody read what came."""
    return (await deployment.front.metrics())["gateway_slow_consumers_total"]


class Scenarios:
    """Each test uses users of its own; `kind` is the dialect's client."""

    kind: ClassVar[type[Client]]

    async def test_register_and_login(self, deployment: Deployment) -> None:
        name = f"ann{secrets.token_hex(3)}"
        await self.kind.register(deployment.url, name)
        with pytest.raises(Refused):
            await self.kind.register(deployment.url, name)
        with pytest.raises(Refused):
            await self.kind.login(deployment.url, name, "wrong horse")
        again = await self.kind.login(deployment.url, name)
        assert await again.conversations() == {}

    async def test_a_bad_token_is_refused_before_the_upgrade(self, deployment: Deployment) -> None:
        ann, *_ = await clients(self.kind, deployment.url, "ann")
        stranger = self.kind(ann.url, ann.name, f"{ann.token}x")
        with pytest.raises(Refused) as refused:
            await stranger.connect()
        assert refused.value.code == 401

    async def test_single(self, deployment: Deployment) -> None:
        ann, bob = await clients(self.kind, deployment.url, "ann", "bob")
        conversation = await ann.open_single(bob.name)
        sent = await ann.send(conversation, "hello")
        pushed = await bob.wait_content("hello")
        assert (pushed.conversation, pushed.message_id, pushed.sender) == (conversation, sent.message_id, ann.name)
        assert (pushed.kind, pushed.seq) == ("text", 1)
        assert await bob.history(conversation) == await ann.history(conversation) == [pushed]
        await bob.send(conversation, "and back")
        assert (await ann.wait_content("and back")).seq == 2
        assert not [message for message in ann.received if message.sender == ann.name]  # no echo of one's own

    async def test_group(self, deployment: Deployment) -> None:
        ann, bob, cid = await clients(self.kind, deployment.url, "ann", "bob", "cid")
        group = await ann.create_group("trip", [bob.name, cid.name])
        sent = await bob.send(group, "who drives?")
        for client in (ann, cid):
            assert (await client.wait_content("who drives?")).message_id == sent.message_id
        listed = (await cid.conversations())[group]
        assert (listed.kind, listed.name, listed.last) == ("group", "trip", "who drives?")

    async def test_resend(self, deployment: Deployment) -> None:
        ann, bob = await clients(self.kind, deployment.url, "ann", "bob")
        conversation = await ann.open_single(bob.name)
        first = await ann.send(conversation, "once", "key-1")
        again = await ann.send(conversation, "once", "key-1")
        assert (first == again) is self.kind.can_key
        await ann.send(conversation, "end", "key-2")
        await bob.wait_content("end")
        assert len([m for m in bob.received if m.content == "once"]) == (1 if self.kind.can_key else 2)

    async def test_who_joins_sees_no_history(self, deployment: Deployment) -> None:
        ann, bob, cid = await clients(self.kind, deployment.url, "ann", "bob", "cid")
        group = await ann.create_group("trip", [bob.name])
        await ann.send(group, "before")
        await (await cid.native()).post(f"/groups/{group}/join")
        await ann.send(group, "after")
        await cid.wait_content("after")
        contents = [message.content for message in await cid.history(group) if message.kind == "text"]
        assert contents == ["after"]

    async def test_who_leaves_keeps_what_was_visible(self, deployment: Deployment) -> None:
        ann, bob = await clients(self.kind, deployment.url, "ann", "bob")
        group = await ann.create_group("trip", [bob.name])
        await ann.send(group, "before")
        await bob.wait_content("before")
        await (await bob.native()).post(f"/groups/{group}/leave")
        await ann.send(group, "after")
        with pytest.raises(Refused):
            await bob.send(group, "too late")
        contents = [message.content for message in await bob.history(group) if message.kind == "text"]
        assert contents == ["before"]

    async def test_outsiders_neither_read_nor_write(self, deployment: Deployment) -> None:
        ann, bob, eve = await clients(self.kind, deployment.url, "ann", "bob", "eve")
        conversation = await ann.open_single(bob.name)
        await ann.send(conversation, "secret")
        with pytest.raises(Refused):
            await eve.history(conversation)
        with pytest.raises(Refused):
            await eve.send(conversation, "hi")

    async def test_read_and_unread(self, deployment: Deployment) -> None:
        ann, bob = await clients(self.kind, deployment.url, "ann", "bob")
        conversation = await ann.open_single(bob.name)
        for content in ("one", "two", "three"):
            await ann.send(conversation, content)
        assert (await bob.conversations())[conversation].unread == 3
        assert (await ann.conversations())[conversation].unread == 0
        await bob.mark_read(conversation, 2)
        assert (await bob.conversations())[conversation].unread == 1
        await bob.mark_read(conversation, 1)  # pointers only move forward
        assert (await bob.conversations())[conversation].unread == 1

    async def test_offline_and_catch_up(self, deployment: Deployment) -> None:
        ann, bob = await clients(self.kind, deployment.url, "ann", "bob")
        conversation = await ann.open_single(bob.name)
        await ann.send(conversation, "seen")
        await bob.wait_content("seen")
        await bob.catch_up()
        await bob.disconnect()
        contents = [f"missed {number}" for number in range(10)]
        for content in contents:
            await ann.send(conversation, content)
        await bob.connect()
        assert [m.content for m in await bob.catch_up()] == contents
        await ann.send(conversation, "live again")
        assert (await bob.wait_content("live again")).seq == 12

    async def test_kick(self, deployment: Deployment) -> None:
        ann, *_ = await clients(self.kind, deployment.url, "ann")
        native = await ann.native()
        for device in (await native.get("/auth/devices"))["devices"]:
            if not device["current"]:
                await native.request("DELETE", f"/auth/devices/{device['id']}")
        async with asyncio.timeout(WAIT_S):
            await ann.closed.wait()
        with pytest.raises(Refused) as refused:
            await ann.connect()
        assert refused.value.code == 401

    async def test_other_devices_of_the_sender_are_told(self, deployment: Deployment) -> None:
        ann, bob = await clients(self.kind, deployment.url, "ann", "bob")
        tablet = await self.kind.login(ann.url, ann.name)
        await tablet.connect()
        conversation = await ann.open_single(bob.name)
        await ann.send(conversation, "from the phone")
        assert (await tablet.wait_content("from the phone")).sender == ann.name

    async def test_who_does_not_read_is_cut_and_catches_up(self, deployment: Deployment) -> None:
        ann, bob = await clients(self.kind, deployment.url, "ann", "bob")
        conversation = await ann.open_single(bob.name)
        await bob.catch_up()
        await bob.disconnect()
        stalled = await stall(bob)
        since = len(deployment.front.log)
        sent, before = 0, await cuts(deployment)
        while await cuts(deployment) == before:
            numbers = range(sent, sent + 25)
            await asyncio.gather(*(ann.send(conversation, f"{n} {'x' * 4_000}", f"{ann.name}-{n}") for n in numbers))
            sent += len(numbers)
            assert sent < 10_000, "somebody who reads nothing is cut"
        stalled.close()
        await deployment.front.wait_log(lambda line: line.get("code") == "4001" and line["user"] == bob.name, since)
        await bob.connect()
        caught: list[int] = []
        while news := await bob.catch_up():
            for message in news:
                await bob.take(message)
                caught.append(message.seq)
        assert caught == list(range(1, sent + 1))
        await ann.send(conversation, "live again")
        assert (await bob.wait_content("live again")).seq == sent + 1

    async def test_restart(self, deployment: Deployment) -> None:
        ann, bob = await clients(self.kind, deployment.url, "ann", "bob")
        conversation = await ann.open_single(bob.name)
        await ann.send(conversation, "before")
        await bob.wait_content("before")
        await bob.catch_up()
        for process in deployment.processes.values():
            await process.kill()
        async with asyncio.timeout(WAIT_S):
            await bob.closed.wait()
        await deployment.start()
        await ann.connect()
        await ann.send(conversation, "after")
        await bob.connect()
        assert [message.content for message in await bob.catch_up()] == ["after"]
        await ann.send(conversation, "live again")
        assert (await bob.wait_content("live again")).seq == 3

    async def test_native_clients_and_this_dialect_talk(self, deployment: Deployment) -> None:
        from tests.e2e.clients import Socket

        (ann,) = await clients(self.kind, deployment.url, "ann")
        (bob,) = await people(deployment.url, "bob")
        socket = await Socket.open(bob)
        conversation = await ann.open_single(bob.name)
        sent = await ann.send(conversation, "to native")
        push = await socket.wait_push("to native")
        assert (push["msgId"], push["fromUsername"], push["type"]) == (str(sent.message_id), ann.name, "text")
        ack = await socket.chat(conversation, "from native")
        pushed = await ann.wait_content("from native")
        assert (str(pushed.message_id), pushed.seq, pushed.sender) == (ack["msgId"], int(ack["seqId"]), bob.name)
        assert pushed.time_s == int(ack["timeMs"]) // 1000
        await socket.close()
