"""A client as Resonance's own is: Connect RPC, protobuf or JSON, and `WsPacket`s."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any, ClassVar

import websockets
from google.protobuf import json_format

from tests.e2e.dialects.client import PASSWORD, WAIT_S, Client, Listed, Message, Refused, Sent
from tests.e2e.dialects.http import request
from tests.e2e.dialects.resonance_messages import CLASSES, make

PACKAGE = "/resonance.gateway.v1"


async def connect_call(url: str, procedure: str, token: str = "", /, *, as_json: bool = False, **fields: Any) -> Any:
    """Call a procedure, `AuthService/Login`; raises Refused with Connect's code."""
    name = procedure.partition("/")[2]
    wish = make(f"{name}Request", **fields)
    form = "application/json" if as_json else "application/proto"
    headers = {"Content-Type": form, "Connect-Protocol-Version": "1"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    body = json_format.MessageToJson(wish).encode() if as_json else wish.SerializeToString()
    response = await request(url, "POST", f"{PACKAGE}.{procedure}", body, headers)
    if response.status != 200:
        error = json.loads(response.body)
        raise Refused(error["code"], error["message"])
    answer = CLASSES[f"{name}Response"]()
    if as_json:
        return json_format.Parse(response.body, answer)
    answer.ParseFromString(response.body)
    return answer


class ResonanceClient(Client):
    """Keeps what it needs to catch up: an inbox cursor."""

    dialect: ClassVar[str] = "resonance"
    can_key: ClassVar[bool] = False

    _socket: websockets.ClientConnection | None = None
    _reader: asyncio.Task[None] | None = None
    _number: int = 0
    _cursor: int = 0

    @classmethod
    async def register(cls, url: str, name: str) -> ResonanceClient:
        answer = await connect_call(url, "AuthService/Register", username=name, password=PASSWORD, nickname=name)
        return cls(url, name, answer.access_token)

    @classmethod
    async def login(cls, url: str, name: str, password: str = PASSWORD) -> ResonanceClient:
        answer = await connect_call(url, "AuthService/Login", username=name, password=password)
        assert answer.user.username == name
        return cls(url, name, answer.access_token)

    async def ask(self, procedure: str, /, **fields: Any) -> Any:
        """Call a procedure of `SessionService`."""
        return await connect_call(self.url, f"SessionService/{procedure}", self.token, **fields)

    @property
    def door(self) -> str:
        return f"/ws?token={self.token}"

    async def connect(self) -> None:
        self.acks: dict[str, asyncio.Future[Any]] = {}
        self.packets: list[Any] = []
        self.closed.clear()
        try:
            self._socket = await websockets.connect(f"{self.url.replace('http', 'ws', 1)}{self.door}")
        except websockets.InvalidStatus as refusal:
            raise Refused(refusal.response.status_code) from None
        self._reader = asyncio.create_task(self._read(self._socket))

    async def disconnect(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            await self._reader

    async def _read(self, socket: websockets.ClientConnection) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for frame in socket:
                assert isinstance(frame, bytes), "Resonance's packets are binary"
                packet = CLASSES["WsPacket"].FromString(frame)
                self.packets.append(packet)
                if packet.HasField("push"):
                    await self.take(message_of(packet.push))
                elif packet.HasField("ack") and packet.ack.ref_seq in self.acks:
                    self.acks.pop(packet.ack.ref_seq).set_result(packet)
        self.closed.set()

    async def send_packet(self, **fields: Any) -> None:
        """Send a packet and wait for nothing."""
        assert self._socket is not None
        await self._socket.send(make("WsPacket", **fields).SerializeToString())

    async def wait_packet(self, kind: str) -> Any:
        """Wait for the first packet of a kind."""
        async with asyncio.timeout(WAIT_S), self.arrived:
            while True:
                for packet in self.packets:
                    if packet.HasField(kind):
                        return packet
                await self.arrived.wait()

    async def send(self, conversation: str, content: str, key: str = "") -> Sent:
        return await self.send_chat(session_id=conversation, content=content, type="text")

    async def send_chat(self, **fields: Any) -> Sent:
        """Send a `ChatRequest` and wait for its ack."""
        self._number += 1
        seq = f"temp-{self._number}"
        acked = self.acks[seq] = asyncio.get_running_loop().create_future()
        await self.send_packet(seq=seq, chat=make("ChatRequest", **fields))
        async with asyncio.timeout(WAIT_S):
            packet = await acked
        assert packet.seq == seq
        if packet.ack.error:
            raise Refused(packet.ack.error)
        return Sent(packet.ack.msg_id, packet.ack.seq_id, packet.ack.session_id)

    async def open_single(self, peer: str) -> str:
        answer = await self.ask("CreateSession", members=[peer], type=1)
        session_id: str = answer.session_id
        return session_id

    async def create_group(self, name: str, members: list[str]) -> str:
        answer = await self.ask("CreateSession", members=members, name=name, type=2)
        session_id: str = answer.session_id
        return session_id

    async def conversations(self) -> dict[str, Listed]:
        answer = await self.ask("GetSessionList")
        kinds = {1: "single", 2: "group"}
        return {
            one.session_id: Listed(
                one.session_id, kinds[one.type], one.name, one.unread_count, one.last_message.content
            )
            for one in answer.sessions
        }

    async def history(self, conversation: str) -> list[Message]:
        answer = await self.ask("GetHistoryMessages", session_id=conversation)
        return [message_of(push) for push in answer.messages]

    async def mark_read(self, conversation: str, seq: int) -> None:
        await self.ask("UpdateReadPosition", session_id=conversation, seq_id=seq)

    async def catch_up(self) -> list[Message]:
        messages: list[Message] = []
        more = True
        while more:
            answer = await self.ask("PullInboxDelta", cursor_id=self._cursor, limit=3)
            messages += [message_of(event.message) for event in answer.events]
            self._cursor, more = answer.next_cursor_id, answer.has_more
        return messages


def message_of(push: Any) -> Message:
    """Return what a `PushMessage` says."""
    return Message(
        push.session_id, push.msg_id, push.seq_id, push.from_username, push.type, push.content, push.timestamp
    )
