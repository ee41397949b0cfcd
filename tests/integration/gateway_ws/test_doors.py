"""Connections of dialects: which one is chosen, and what a codec decides about its connections."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY
from starlette.responses import JSONResponse, Response
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from resonance.config.settings import HttpLimits, WsConfig
from resonance.domain.closes import Close
from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.model import Caller, Entry, Principal, SendAnswer
from resonance.domain.signals import Presence, Signal, Typing
from resonance.gateway.ws import fanout
from resonance.gateway.ws.codec import Codec
from resonance.gateway.ws.commands import Ask, Claimed, Command, Refused
from resonance.gateway.ws.doors import Door, Fields
from resonance.gateway.ws.upgrade import UpgradeRequest
from resonance.protocol.commands import Chat, Ready
from resonance.services import LogicServices
from resonance.services.link import Push, PushBatch, SignalPush
from tests.integration.gateway_ws import conftest, wire
from tests.integration.gateway_ws.conftest import Gateway, entry, running, soon


class ToyCodec(Codec):
    """JSON objects with one key, in binary messages; text is read as well."""

    name = "toy"
    opcode = 2
    accepts = frozenset({1, 2})

    def decode(self, payload: bytes) -> Command:
        try:
            ((kind, value),) = json.loads(payload).items()
        except ValueError:
            raise ServiceError(Code.MALFORMED_PACKET, "no toy") from None
        ref = {"ref": value}  # anything that answers need
        chat = Chat(ref, "c", "", "", str(value), "", "")
        match kind:
            case "say":
                return chat
            case "say as ann":
                return Claimed(ref, "ann", chat, ServiceError(Code.PERMISSION_DENIED, "you are not ann"))
            case "ask":
                return Ask(ref, self._answer)
            case _:
                return Refused(ref, invalid("kind", "what?"))

    async def _answer(self, services: LogicServices, caller: Caller) -> bytes:
        state = await services.messages.mark_read(caller, "c", 3)
        return self._write("read", state.read_seq)

    def ack(self, answer: SendAnswer, ref: Any) -> bytes:
        return self._write("ack", [ref, answer.seq, answer.code])

    def push(self, entry: Entry) -> bytes:
        return b"" if entry.content == "hidden" else self._write("push", entry.seq)

    def signal(self, signal: Signal) -> tuple[bytes, ...]:
        return (self._write("one", 1), self._write("two", 2)) if isinstance(signal, Presence) else ()

    def fault(self, error: ServiceError, ref: Any = "") -> bytes:
        return self._write("fault", [ref, error.message])

    def ready(self, ready: Ready) -> bytes:
        return self._write("hello", ready.user_id)

    def farewell(self, close: Close) -> bytes:
        return self._write("bye", close.number)

    def _write(self, kind: str, value: object) -> bytes:
        return json.dumps({kind: value}).encode()


class ToyDoor(Door):
    """Asks for `toy=` in the query to be the user."""

    def claims(self, request: UpgradeRequest) -> bool:
        return "toy" in request.query

    def recognises(self, fields: Fields) -> bool:
        return "say" in fields

    def check(self, request: UpgradeRequest) -> None:
        if request.query.get("toy") == "":
            raise invalid("toy", "toy is empty")

    def check_principal(self, request: UpgradeRequest, principal: Principal) -> None:
        if request.query.get("toy", principal.caller.user_id) != principal.caller.user_id:
            raise ServiceError(Code.TOKEN_INVALID, "another's token")

    def refusal(self, error: ServiceError) -> Response:
        return JSONResponse({"toy": error.message}, 418)


@pytest.fixture
async def toys(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    """A gateway with the toy dialect."""
    monkeypatch.setattr(conftest, "DOORS", (ToyDoor("toy", ToyCodec(), paths=("/toy/ws",), subprotocol="toy.v1"),))
    async with running(WsConfig(), HttpLimits()) as gateway:
        yield gateway


async def said(client: Any) -> Any:
    """Return the next message, which has to be binary JSON."""
    message = await soon(client.recv())
    assert isinstance(message, bytes)
    return json.loads(message)


@pytest.mark.parametrize(
    ("path", "query", "options"),
    [
        ("/ws", "&dialect=toy", {}),
        ("/ws", "&toy=ann", {}),
        ("/toy/ws", "", {}),
        ("/ws", "", {"subprotocols": ["toy.v1"]}),
    ],
)
async def test_a_request_chooses_its_dialect(toys: Gateway, path: str, query: str, options: dict[str, Any]) -> None:
    async with connect(f"ws://127.0.0.1:{toys.port}{path}?token=good-ann{query}", **options) as client:
        assert await said(client) == {"hello": "ann"}
        assert client.subprotocol == next(iter(options.get("subprotocols", [])), None)


async def test_the_native_subprotocol_is_no_dialects(toys: Gateway) -> None:
    async with connect(
        toys.url(), subprotocols=[Subprotocol("resonance.v1"), Subprotocol("bearer.good-ann")]
    ) as client:
        assert b"hello" not in cast(bytes, await client.recv())
        assert client.subprotocol == "resonance.v1"


async def test_the_token_chooses_where_the_request_does_not(toys: Gateway) -> None:
    async with connect(toys.url("?token=toy-ann")) as client:
        assert await said(client) == {"hello": "ann"}
    async with connect(toys.url("?token=toy-ann&dialect=binary")) as client:
        assert b"hello" not in cast(bytes, await client.recv())


async def test_the_first_message_chooses_last(toys: Gateway) -> None:
    async with connect(toys.url("?token=good-ann")) as client:
        await client.recv()  # a native greeting
        await client.send('{"say": 1}')
        toys.answer(await toys.uplink.items.get(), 7)
        assert await said(client) == {"ack": [{"ref": 1}, 7, ""]}


@pytest.mark.parametrize("query", ["?token=good-ann&toy=", "?token=good-ann&toy=bob", "?token=bad&toy=ann"])
async def test_a_refused_upgrade_is_answered_in_the_dialect(toys: Gateway, query: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(toys.url(query))
    assert refused.value.response.status_code == 418
    assert "toy" in json.loads(refused.value.response.body or b"{}")


async def test_an_entry_that_comes_late_is_given_to_clients_that_cannot_ask_for_it(toys: Gateway) -> None:
    """Its logic died, or its commit was not known, and a later one was pushed before: by another's, or as an echo."""
    async with connect(toys.url("?token=good-ann&toy=ann")) as toy, connect(toys.url("?token=good-ann")) as native:
        await said(toy), await native.recv()
        await toy.send('{"say": 1}')
        item = await toys.uplink.items.get()
        toys.push(["ann"], 4, origins=[item.connection])  # its own message: all it knows is the ack
        toys.push(["ann"], 2, 3, 4, origins=[0, 0, item.connection])
        toys.push(["ann"], 5)
        toys.push(["ann"], 7)
        toys.push(["ann"], 9, 10)
        toys.push(["ann"], 8, 9, 10, 11)  # one is late, one is news
        toys.push(["ann"], 11)
        toys.push(["ann"], 6)
        toys.push(["ann"], 12)
        assert [(await said(toy))["push"] for _ in range(10)] == [2, 3, 5, 7, 9, 10, 8, 11, 6, 12]
        assert [wire.packet(cast(bytes, await native.recv()))[1][2] for _ in range(7)] == [4, 5, 7, 9, 10, 11, 12]


async def test_commands_are_done_and_answered_with_their_refs(toys: Gateway) -> None:
    async with connect(toys.url("?token=good-ann&toy=ann")) as client:
        await said(client)
        await client.send(b'{"ask": 1}')
        assert await said(client) == {"read": 3}
        await client.send(b'{"say as ann": "hi"}')
        item = await toys.uplink.items.get()
        assert (item.sender, item.content) == ("ann", "hi")
        toys.answer(item, 8, "muted")
        assert await said(client) == {"ack": [{"ref": "hi"}, 8, "muted"]}
        await client.send(b'{"nonsense": 2}')
        assert await said(client) == {"fault": [{"ref": 2}, "what?"]}
        await client.send(b"nonsense")
        assert await said(client) == {"fault": ["", "no toy"]}
        toys.messages.error = ServiceError(Code.NOT_MEMBER, "not yours")
        await client.send(b'{"ask": 3}')
        assert await said(client) == {"fault": [{"ref": 3}, "not yours"]}


async def test_who_claims_to_be_another_is_refused(toys: Gateway) -> None:
    async with connect(toys.url("?token=good-bob&dialect=toy")) as client:
        await said(client)
        await client.send(b'{"say as ann": "hi"}')
        assert await said(client) == {"fault": [{"ref": "hi"}, "you are not ann"]}
        assert toys.uplink.items.empty()


async def test_a_packet_that_names_its_sender_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "DOORS", (ToyDoor("toy", ToyCodec()),))
    async with (
        running(WsConfig(packets_per_second=0.1), HttpLimits()) as gateway,
        connect(gateway.url("?token=good-ann&toy=ann")) as client,
    ):
        await said(client)
        await client.send(b'{"say as ann": "hi"}')
        await client.send(b'{"say as ann": "again"}')
        [refusal] = (await said(client))["fault"][1:]
        assert "packets" in refusal
        assert (await gateway.uplink.items.get()).content == "hi"


async def test_a_codec_says_nothing_one_thing_or_several(toys: Gateway) -> None:
    async with connect(toys.url("?token=good-ann&toy=ann")) as client:
        await said(client)
        toys.hub.push(PushBatch(0, [], [SignalPush(Typing("c", "bob"), ["ann"], 0)]))
        toys.hub.push(PushBatch(0, [], [SignalPush(Presence("bob", True, 0), ["ann"], 0)]))
        toys.push(["ann"], 1, 2)
        assert [await said(client) for _ in range(4)] == [{"one": 1}, {"two": 2}, {"push": 1}, {"push": 2}]


async def test_who_understands_no_hint_is_disconnected_to_catch_up(toys: Gateway) -> None:
    async with connect(toys.url("?token=good-ann&toy=ann")) as toy, connect(toys.url("?token=good-bob")) as native:
        await said(toy)
        await native.recv()
        toys.hub.resync()
        assert await said(toy) == {"bye": Close.RESYNC.number}
        with pytest.raises(ConnectionClosed):
            await toy.recv()
        assert toy.close_code == Close.RESYNC.number
        assert await native.recv()  # the hint


def pushed() -> float:
    return REGISTRY.get_sample_value("gateway_messages_sent_total") or 0.0


async def test_what_a_codec_hides_is_neither_queued_nor_counted(toys: Gateway) -> None:
    async with connect(toys.url("?token=good-ann&dialect=toy")) as client:
        assert await said(client) == {"hello": "ann"}
        before = pushed()
        [connection] = toys.hub._registry.by_user["ann"]
        toys.hub.push(PushBatch(0, [Push([entry(1, content="hidden")], ["ann"], [0])], []))
        assert (connection.out, connection.dirty, pushed() - before) == ([], False, 0)
        toys.push(["ann"], 2)
        assert await said(client) == {"push": 2}
        assert pushed() - before == 1


async def test_conversations_that_only_the_client_writes_in_are_forgotten_too(
    toys: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "ORDERED_CONVERSATIONS", 2)
    async with connect(toys.url("?token=good-ann&dialect=toy")) as client:
        assert await said(client) == {"hello": "ann"}
        [connection] = toys.hub._registry.by_user["ann"]
        for conversation in "abcd":
            toys.push(["ann"], 1, conversation=conversation, origins=[connection.number])
        assert connection.seqs == {"c": 1, "d": 1}
