"""Clients of all systems in one conversation: what one sends, every other is given, ids, kinds and times translated."""

from __future__ import annotations

import secrets
from typing import Any, ClassVar

import pytest

from tests.e2e.clients import HttpError, Socket, people
from tests.e2e.dialects.client import Client, Message, Refused, Sent
from tests.e2e.dialects.gochat_client import GoChatClient
from tests.e2e.dialects.nexo_client import KINDS, NexoClient, ObjectClient
from tests.e2e.dialects.resonance_client import ResonanceClient
from tests.e2e.dialects.scenarios import clients
from tests.e2e.servers import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENVIRONMENT = {"RESONANCE_FRIENDS__POLICY": "instant"}  # as GoChat's clients expect
SPEAKERS: tuple[type[Client], ...] = (NexoClient, ObjectClient, ResonanceClient, GoChatClient)


class Native:
    """A native client, as far as these tests look at it."""

    dialect: ClassVar[str] = "native"

    def __init__(self, name: str, socket: Socket) -> None:
        self.name = name
        self.socket = socket

    async def send(self, conversation: str, content: str) -> Sent:
        ack = await self.socket.chat(conversation, content)
        return Sent(int(ack["msgId"]), int(ack["seqId"]), ack["sessionId"])

    async def wait_content(self, content: str) -> Message:
        push = await self.socket.wait_push(content)
        return Message(
            push["sessionId"],
            int(push["msgId"]),
            int(push["seqId"]),
            push["fromUsername"],
            push["type"],
            push["content"],
            int(push["timestamp"]),
        )


async def everybody(deployment: Deployment) -> tuple[list[Any], str]:
    """Return a client of every system, and the native one, all in one group."""
    speakers: list[Any] = []
    for kind in SPEAKERS:
        speakers += await clients(kind, deployment.url, f"{kind.__name__.lower()}-")
    (user,) = await people(deployment.url, "native")
    native = Native(user.name, await Socket.open(user))
    group = await speakers[0].create_group("mixed", [speaker.name for speaker in (*speakers[1:], native)])
    return [*speakers, native], group


async def test_everybody_hears_everybody(deployment: Deployment) -> None:
    speakers, group = await everybody(deployment)
    for speaker in speakers:
        content = f"from {speaker.name}, 早上好 {secrets.token_hex(4)}"
        sent = await speaker.send(group, content)
        heard = [await other.wait_content(content) for other in speakers if other is not speaker]
        first = heard[0]
        assert heard == [first] * len(heard), "the same message for all"
        told = (first.conversation, first.message_id, first.seq, first.sender, first.kind)
        assert told == (group, sent.message_id, sent.seq, speaker.name, "text")
    histories = [await one.history(group) for one in speakers[:-1]]
    chats = [[message for message in history if message.sender != "system"] for history in histories]
    texts = [[message for message in chat if message.kind == "text"] for chat in chats]
    assert texts == [texts[0]] * len(texts)
    assert [message.sender for message in texts[0]] == [speaker.name for speaker in speakers]


@pytest.mark.parametrize("msg_type", sorted(KINDS))
async def test_every_kind_of_nexo_has_a_form_elsewhere(deployment: Deployment, msg_type: int) -> None:
    speakers, group = await everybody(deployment)
    nexo, others = speakers[0], speakers[1:]
    kind = KINDS[msg_type]
    content = f'{{"of":"{secrets.token_hex(4)}"}}'
    letter = nexo.letter(group, "", "key") | {"msg_type": msg_type, "content": {kind: content}}
    sent = await nexo.ask(1003, **letter)
    for other in others:
        heard = await other.wait_content(content)
        assert (heard.message_id, heard.kind, heard.time_s) == (sent["server_msg_id"], kind, sent["send_at"] // 1000)


@pytest.mark.parametrize("kind", ["image", "file", "audio", "video"])
async def test_kinds_of_others_have_a_form_in_nexo(deployment: Deployment, kind: str) -> None:
    speakers, group = await everybody(deployment)
    nexo, rey = speakers[0], speakers[2]
    content = secrets.token_hex(4)
    await rey.send_chat(session_id=group, content=content, type=kind)
    assert (await nexo.wait_content(content)).kind == kind


@pytest.mark.parametrize(
    ("named", "kind"),
    [(1, "text"), (2, "image"), (3, "file"), (5, "audio"), (6, "video"), ("image", "image"), ("file", "file")],
)
async def test_kinds_of_gochat_have_a_form_elsewhere(deployment: Deployment, named: int | str, kind: str) -> None:
    speakers, group = await everybody(deployment)
    gochat = speakers[3]
    content = f"https://pictures.example/{secrets.token_hex(4)}.png?size=1&of=2"
    field = "messageType" if isinstance(named, str) else "message_type"
    frame = {"conversation_id": group, field: named, "content": content}
    answer = await gochat.ask(content, {"type": "send-message", "data": frame | {"tempMessageId": content}})
    for other in (*speakers[:3], speakers[4]):
        heard = await other.wait_content(content)
        assert (str(heard.message_id), heard.kind) == (answer["data"]["messageId"], kind)
    [told] = [one for one in await gochat.history(group) if one.content == content]
    assert told.kind == kind


async def test_roles_are_told_in_everybodys_numbers(deployment: Deployment) -> None:
    speakers, group = await everybody(deployment)
    nexo, later, rey, gochat = speakers[:4]
    owner = await GoChatClient.login(nexo.url, nexo.name)
    await owner.call("PUT", f"/groups/{group}/members/{gochat.name}", {"role": 2})
    ranks = {nexo.name: (2, 3, "owner"), gochat.name: (1, 2, "admin"), rey.name: (0, 1, "member")}
    members = await later.call("GET", "/group/members", group_id=group.removeprefix("sg_"))
    by_nexo = {one["user_id"]: one["role_level"] for one in members}
    by_gochat = {
        one["userId"]: one["role"] for one in (await gochat.call("GET", f"/groups/{group}/members"))["members"]
    }
    listed = await (await later.native()).get(f"/groups/{group}/members")
    by_native = {one["user_id"]: one["role"] for one in listed["members"]}
    assert by_nexo.keys() == by_gochat.keys() == by_native.keys() == {speaker.name for speaker in speakers}
    for name, ranked in ranks.items():
        assert (by_nexo[name], by_gochat[name], by_native[name]) == ranked


async def test_reading_in_one_system_is_read_in_all(deployment: Deployment) -> None:
    speakers, group = await everybody(deployment)
    rey, gochat = speakers[2], speakers[3]
    elsewhere = [await kind.login(rey.url, gochat.name) for kind in SPEAKERS]
    for number in range(3):
        await rey.send(group, f"news {number}")
    unread = [(await one.conversations())[group].unread for one in elsewhere]
    assert unread == [3] * len(SPEAKERS)
    for content in ("news 0", "news 1"):
        await gochat.mark_read(group, (await gochat.wait_content(content)).seq)
    assert [(await one.conversations())[group].unread for one in elsewhere] == [1] * len(SPEAKERS)


async def test_everybody_catches_up_with_everybody(deployment: Deployment) -> None:
    speakers, group = await everybody(deployment)
    foreign = speakers[:-1]
    for one in foreign:
        await one.catch_up()
        await one.disconnect()
    native = speakers[-1]
    sent = [await native.send(group, f"while you were away {number}") for number in range(3)]
    for one in foreign:
        await one.connect()
        missed = [message for message in await one.catch_up() if message.sender == native.name]
        assert [(m.message_id, m.seq) for m in missed] == [(m.message_id, m.seq) for m in sent]


@pytest.mark.parametrize("other_kind", [ResonanceClient, GoChatClient, ObjectClient])
async def test_two_of_different_systems_alone(deployment: Deployment, other_kind: type[Client]) -> None:
    (ann,) = await clients(NexoClient, deployment.url, "ann")
    (bob,) = await clients(other_kind, deployment.url, "bob")
    conversation = await bob.open_single(ann.name)
    assert conversation == await ann.open_single(bob.name), "a single conversation has one id"
    await ann.send(conversation, "from nexo")
    assert (await bob.wait_content("from nexo")).sender == ann.name
    await bob.send(conversation, "back")
    assert (await ann.wait_content("back")).seq == 2
    assert (await bob.conversations())[conversation].unread == 0
    assert (await ann.conversations())[conversation].unread == 1
    await ann.mark_read(conversation, 2)
    assert (await ann.conversations())[conversation].unread == 0


async def test_a_key_is_a_key_over_every_door(deployment: Deployment) -> None:
    (ann,) = await clients(NexoClient, deployment.url, "ann")
    (bob,) = await clients(GoChatClient, deployment.url, "bob")
    gochat = await GoChatClient.login(ann.url, ann.name)
    await gochat.connect()
    conversation = await ann.open_single(bob.name)
    first = await ann.send(conversation, "once", "key-1")
    assert await gochat.send(conversation, "once", "key-1") == first
    with pytest.raises(Refused):
        await gochat.send(conversation, "twice", "key-1")


NEXO_NOT_FOUND = 4003
WORLD = "world"


async def test_a_conversation_that_a_dialect_does_not_show_does_not_exist_there(deployment: Deployment) -> None:
    speakers, _ = await everybody(deployment)
    nexo, later, rey, gochat, native = speakers
    await gochat.send(WORLD, "to everybody")
    there = {"conversation_id": WORLD}
    for client in (nexo, later):
        assert (await client.ask(1001, conversation_ids=[WORLD]))["seqs"] == {}
        for wish in (
            client.ask(1002, **there, seq_list=[1]),
            client.ask(1005, **there, begin_seq=0, end_seq=0, limit=10),
            client.ask(1006, **there),
            client.call("GET", "/msg/pull", **there),
            client.call("GET", "/msg/max_seq", **there),
            client.call("GET", "/conversation/info", **there),
            client.call("GET", "/conversation/max_read_seq", **there),
            client.call("GET", "/conversation/unread_count", **there),
            client.call("PUT", "/conversation/update", {**there, "is_pinned": True}),
            client.call("PUT", "/conversation/update", {"is_pinned": True}, **there),
            client.call("POST", "/conversation/mark_read", {**there, "read_seq": 1}),
            client.call("POST", "/conversation/mark_read", {**there, "read_seq": 0}),
        ):
            with pytest.raises(Refused) as refusal:
                await wish
            assert refusal.value.code == NEXO_NOT_FOUND
    for session in (WORLD, "0"):
        for wish in (
            rey.history(session),
            rey.mark_read(session, 1),
            rey.mark_read(session, 0),
            rey.ask("GetRecentMessages", session_id=session),
        ):
            with pytest.raises(Refused) as refusal:
                await wish
            assert refusal.value.code == "not_found"
        with pytest.raises(Refused, match="there is no conversation"):
            await rey.send(session, "hello?")
    user = native.socket.user
    with pytest.raises(HttpError) as problem:
        await user.get(f"/session/messages?session_id={WORLD}")
    assert (problem.value.status, problem.value.problem["code"]) == (404, "conversation_not_found")
    assert (await user.get(f"/conversations/{WORLD}/messages"))["messages"], "native clients do see it"
    assert (await native.send(WORLD, "from a native client")).seq > 0
    assert {message.content for message in await gochat.history(WORLD)} == {"to everybody", "from a native client"}
