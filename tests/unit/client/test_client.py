"""The client against a server that loses, refuses and cuts off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from resonance._proto.gateway.v1 import packet_pb2 as pb
from resonance.client import Client, Code, Entry, Event, Options, Reset, ServiceError
from resonance.domain.signals import Typing
from tests.unit.client.fake import FakeServer, problem_body, running


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with running() as server:
        yield server


def options(server: FakeServer, **changes: object) -> Options:
    return Options(timeout=10, transport=httpx2.MockTransport(server.handle), **changes)  # type: ignore[arg-type]


def login(server: FakeServer, **changes: object) -> Client:
    return Client.login(server.url, "me", "secret", options(server, **changes))


async def entries(events: AsyncIterator[Event], count: int) -> list[Entry]:
    """Return the next entries among the events."""
    found: list[Entry] = []
    async for event in events:
        if isinstance(event, Entry):
            found.append(event)
            if len(found) == count:
                break
    return found


async def test_a_send_is_settled_by_its_ack_and_delivered_to_its_sender(server: FakeServer) -> None:
    async with login(server) as client:
        sent = await client.send("sg_a", "hello")
        assert (sent.seq, sent.conversation_id) == (1, "sg_a")
        [entry] = await entries(client.events(), 1)
        assert (entry.sender, entry.content, entry.client_msg_id) == ("me", "hello", sent.key)


async def test_a_message_to_somebody_new_tells_its_conversation(server: FakeServer) -> None:
    async with login(server) as client:
        sent = await client.send(to_user="peer", text="hello")
    assert sent.conversation_id == "si_me_peer"
    assert (await server.chats.get()).to_username == "peer"


async def test_sends_without_answer_go_out_again_in_order_under_their_keys(server: FakeServer) -> None:
    server.on_chat = lambda chat: None
    async with login(server) as client:
        sends = [asyncio.create_task(client.send("sg_a", text)) for text in ("one", "two", "three")]
        first = [await server.chats.get() for _ in sends]
        server.store(first[0])
        server.on_chat = server.store
        server.sockets[-1].transport.abort()
        again = [await server.chats.get() for _ in sends]
        assert [chat.client_msg_id for chat in again] == [chat.client_msg_id for chat in first]
        assert [sent.seq for sent in await asyncio.gather(*sends)] == [1, 2, 3]
        assert [entry.content for entry in await entries(client.events(), 3)] == ["one", "two", "three"]
    assert len(server.model.logs["sg_a"]) == 3


async def test_a_gap_is_pulled_and_the_push_behind_it_waits(server: FakeServer) -> None:
    for number in range(2):
        server.model.append("sg_a", "peer", f"old{number}", "old")
    async with login(server) as client:
        for number in range(4):
            server.model.append("sg_a", "peer", f"k{number}", "new")
        await server.push(server.model.logs["sg_a"][5])
        assert [entry.seq for entry in await entries(client.events(), 4)] == [3, 4, 5, 6]
    assert server.requests.count(("GET", "conversations/sg_a/messages")) == 1


async def test_what_came_while_offline_is_delivered_after_the_reconnect(server: FakeServer) -> None:
    async with login(server) as client:
        events = client.events()
        await server.connected.get()
        server.sockets[-1].transport.abort()
        server.model.append("sg_a", "peer", "k", "meanwhile")
        [entry] = await entries(events, 1)
        assert entry.content == "meanwhile"


async def test_an_application_says_from_where_it_wants_to_go_on(server: FakeServer) -> None:
    for number in range(5):
        server.model.append("sg_a", "peer", f"k{number}", "text")
    async with login(server, positions={"sg_a": 3}) as client:
        assert [entry.seq for entry in await entries(client.events(), 2)] == [4, 5]
        assert client.positions == {"sg_a": 5}


async def test_a_slow_application_gets_everything_once_and_little_waits_for_it(server: FakeServer) -> None:
    async with login(server, events=4) as client:
        for number in range(30):
            entry, _ = server.model.append("sg_a", "peer", f"k{number}", "text")
            await server.push(entry)
        await client.mark_read("sg_a")  # everything pushed has arrived
        assert [entry.seq for entry in await entries(client.events(), 30)] == list(range(1, 31))


async def test_an_expired_token_is_renewed_unseen(server: FakeServer) -> None:
    async with login(server) as client:
        await server.connected.get()
        await server.sockets[-1].close(4501)
        await server.connected.get()
        server.expired.add("access-1")
        conversations = await asyncio.gather(*(client.conversations() for _ in range(5)))
        assert conversations == [[]] * 5
    assert server.tokens == ["access-0", "access-1"]
    assert server.refreshes == 2


async def test_a_kick_ends_the_events_and_every_send(server: FakeServer) -> None:
    server.on_chat = lambda chat: None
    async with login(server) as client:
        send = asyncio.create_task(client.send("sg_a", "never"))
        await server.chats.get()
        await server.sockets[-1].close(4503)
        for waiting in (send, entries(client.events(), 1), client.send("sg_a", "later")):
            with pytest.raises(ServiceError, match="kicked") as caught:
                await waiting
            assert caught.value.code is Code.TOKEN_REVOKED
    assert len(server.sockets) == 1


async def test_a_refused_upgrade_is_the_starts_error(server: FakeServer) -> None:
    server.refuse = (401, problem_body("token_invalid"))
    with pytest.raises(ServiceError) as caught:
        await Client.connect(server.url, "foreign", options(server)).start()
    assert caught.value.code is Code.TOKEN_INVALID


async def test_a_server_that_is_busy_is_tried_again(server: FakeServer) -> None:
    answers = iter([pb.Ack(code="busy", error="full", retry=True), None])

    def busy_once(chat: pb.ChatRequest) -> pb.Ack:
        return next(answers) or server.store(chat)

    server.on_chat = busy_once
    async with login(server) as client:
        assert (await client.send("sg_a", "hello")).seq == 1


async def test_a_refusal_is_the_sends_error(server: FakeServer) -> None:
    server.on_chat = lambda chat: pb.Ack(code="muted", error="you are muted")
    async with login(server) as client:
        with pytest.raises(ServiceError, match="you are muted") as caught:
            await client.send("sg_a", "hello")
    assert caught.value.code is Code.MUTED


async def test_bad_content_is_refused_before_it_is_sent(server: FakeServer) -> None:
    async with login(server) as client:
        with pytest.raises(ServiceError, match="empty"):
            await client.send("sg_a", "")
    assert server.chats.empty()


async def test_no_answer_in_time_says_that_the_outcome_is_unknown(server: FakeServer) -> None:
    server.on_chat = lambda chat: None
    transport = httpx2.MockTransport(server.handle)
    async with Client.login(server.url, "me", "secret", Options(timeout=0.3, transport=transport)) as client:
        with pytest.raises(ServiceError, match="outcome is unknown") as caught:
            await client.send("sg_a", "hello")
    assert caught.value.code is Code.DEADLINE


async def test_another_store_makes_the_client_begin_anew(server: FakeServer) -> None:
    server.model.append("sg_a", "peer", "k1", "before")
    async with login(server) as client:
        events = client.events()
        server.model.epoch = "e2"
        server.model.logs["sg_a"].clear()
        server.model.append("sg_a", "peer", "k2", "restored")
        server.sockets[-1].transport.abort()
        async for event in events:
            if isinstance(event, Reset):
                break
        await client.send("sg_a", "hello")
        [entry] = await entries(events, 1)
        assert (entry.seq, entry.content) == (2, "hello")


async def test_reads_typing_and_signals(server: FakeServer) -> None:
    async with login(server) as client:
        assert (await client.mark_read("sg_a", 7)).unread == 2
        client.typing("sg_a")
        assert await server.typing.get() == "sg_a"
        packet = pb.WsPacket()
        packet.signal.typing.conversation_id = "sg_a"
        packet.signal.typing.user_id = "peer"
        await server.tell(packet)
        async for event in client.events():
            if isinstance(event, Typing):
                assert event == Typing("sg_a", "peer")
                break


async def test_closing_ends_the_events_and_fails_what_waits(server: FakeServer) -> None:
    server.on_chat = lambda chat: None
    client = login(server)
    await client.start()
    send = asyncio.create_task(client.send("sg_a", "hello"))
    await server.chats.get()
    events = client.events()
    await client.close()
    with pytest.raises(ServiceError, match="closed"):
        await send
    assert await entries(events, 1) == []


async def test_no_server_is_an_error_of_the_catalogue() -> None:
    with pytest.raises(ServiceError) as caught:
        await Client.login("http://127.0.0.1:9", "me", "secret").start()
    assert caught.value.code is Code.UNAVAILABLE
