"""GoChat's own web client syncs nothing when it comes back (wire.md, 5.3): the server gives it what it missed."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from tests.e2e.dialects.client import Client
from tests.e2e.dialects.gochat_client import GoChatClient
from tests.e2e.dialects.nexo_client import NexoClient
from tests.e2e.dialects.resonance_client import ResonanceClient
from tests.e2e.dialects.scenarios import clients
from tests.e2e.servers import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENVIRONMENT = {"RESONANCE_FRIENDS__POLICY": "instant"}


async def come_back(client: Client) -> None:
    """Connect again, with nothing received yet."""
    client.received.clear()
    await client.connect()


async def test_a_client_that_comes_back_is_given_what_it_missed(deployment: Deployment) -> None:
    ann, bob, cid = await clients(GoChatClient, deployment.url, "ann", "bob", "cid")
    tablet = await GoChatClient.login(bob.url, bob.name)
    await tablet.connect()
    one, two = await ann.open_single(bob.name), await cid.open_single(bob.name)
    await bob.disconnect()
    await ann.send(one, "first")
    await cid.send(two, "from somebody else")
    await tablet.send(one, "bob's own")
    await ann.send(one, "last")
    await come_back(bob)
    await bob.wait_content("last")
    assert [message.content for message in bob.received] == ["from somebody else", "first", "last"]
    await ann.send(one, "live again")
    assert (await bob.wait_content("live again")).seq == 4
    assert [message.content for message in bob.received].count("last") == 1


async def test_a_first_connection_is_given_nothing(deployment: Deployment) -> None:
    """Lists count it already; the web client would count it twice."""
    ann, bob = await clients(GoChatClient, deployment.url, "ann", "bob")
    conversation = await ann.open_single(bob.name)
    await bob.disconnect()
    await ann.send(conversation, "before the login")
    again = await GoChatClient.login(bob.url, bob.name)
    assert (await again.conversations())[conversation].unread == 1
    await again.connect()
    await ann.send(conversation, "live")
    await again.wait_content("live")
    assert [message.content for message in again.received] == ["live"]


async def test_the_newest_fifty_of_a_conversation_are_replayed(deployment: Deployment) -> None:
    ann, bob = await clients(GoChatClient, deployment.url, "ann", "bob")
    conversation = await ann.open_single(bob.name)
    await bob.disconnect()
    for number in range(1, 61):
        await ann.send(conversation, str(number))
    await come_back(bob)
    await bob.wait_content("60")
    assert [message.seq for message in bob.received] == list(range(11, 61))


async def test_a_server_that_was_started_anew_replays_what_is_unread(deployment: Deployment) -> None:
    ann, bob = await clients(GoChatClient, deployment.url, "ann", "bob")
    conversation = await ann.open_single(bob.name)
    await ann.send(conversation, "read")
    await bob.wait_content("read")
    await bob.history(conversation)
    await bob.disconnect()
    await ann.send(conversation, "missed")
    for process in deployment.processes.values():
        await process.kill()
    await deployment.start()
    await come_back(bob)
    await bob.wait_content("missed")
    assert [message.content for message in bob.received] == ["missed"]


async def test_nothing_is_lost_or_out_of_turn_while_others_go_on(deployment: Deployment) -> None:
    ann, bob = await clients(GoChatClient, deployment.url, "ann", "bob")
    conversation = await ann.open_single(bob.name)
    await ann.send(conversation, "begin")
    await bob.wait_content("begin")
    stop = asyncio.Event()

    async def talk() -> int:
        number = 1
        while not stop.is_set():
            number += 1
            await ann.send(conversation, str(number))
        return number

    talking = asyncio.create_task(talk())
    seen = {1}
    for _ in range(12):
        await bob.disconnect()
        await come_back(bob)
        await ann.call("GET", "/conversations")  # a moment in which ann goes on
        seqs = [message.seq for message in bob.received]
        assert seqs == sorted(set(seqs))
        seen.update(seqs)
    stop.set()
    last = await talking
    await bob.wait_content(str(last))
    seqs = [message.seq for message in bob.received]
    assert seqs == sorted(set(seqs))
    assert seen | set(seqs) == set(range(1, last + 1))


@pytest.mark.parametrize("kind", [NexoClient, ResonanceClient])
async def test_clients_that_sync_are_given_nothing(deployment: Deployment, kind: type[Client]) -> None:
    (ann,) = await clients(GoChatClient, deployment.url, "ann")
    bob = await kind.register(deployment.url, f"bob{secrets.token_hex(3)}")
    await bob.connect()
    conversation = await ann.open_single(bob.name)
    await bob.disconnect()
    await ann.send(conversation, "missed")
    await come_back(bob)
    await ann.send(conversation, "live")
    await bob.wait_content("live")
    assert [message.content for message in bob.received] == ["live"]
