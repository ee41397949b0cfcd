"""A client as Nexo's own is: HTTP that always answers 200, and JSON in frames whose `data` is base64, as Go has it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
from typing import Any, ClassVar
from urllib.parse import urlencode

import websockets

from tests.e2e.dialects.client import PASSWORD, WAIT_S, Client, Listed, Message, Refused, Sent
from tests.e2e.dialects.http import request

WEB = 5
KINDS = {1: "text", 2: "image", 3: "video", 4: "audio", 5: "file", 100: "custom"}


async def envelope(url: str, method: str, path: str, token: str = "", body: Any = None, **query: Any) -> dict[str, Any]:
    """Call the API and return the whole envelope, whatever its code is; the HTTP status has to be 200."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    target = f"{path}?{urlencode(query)}" if query else path
    content = None if body is None else json.dumps(body).encode()
    response = await request(url, method, target, content, headers)
    assert response.status == 200, response.body
    answer: dict[str, Any] = json.loads(response.body)
    assert answer["msg"] == answer["message"]
    return answer


async def api(url: str, method: str, path: str, token: str = "", body: Any = None, **query: Any) -> Any:
    """Call the API and return `data`; raises Refused with the envelope's code."""
    answer = await envelope(url, method, path, token, body, **query)
    if answer["code"]:
        raise Refused(answer["code"], answer["msg"])
    return answer.get("data")


class NexoClient(Client):
    """Names a single conversation's messages by its other member; catches up by seqs.

    Attributes:
        prefix: where it looks for the API: "" or "/im".
        as_object: whether it sends `data` as an object, as documents show it, instead of base64.
    """

    dialect: ClassVar[str] = "nexo"
    prefix: ClassVar[str] = ""
    as_object: ClassVar[bool] = False

    _socket: websockets.ClientConnection | None = None
    _reader: asyncio.Task[None] | None = None
    _number: int = 0

    @classmethod
    async def register(cls, url: str, name: str) -> NexoClient:
        body = {"user_id": name, "nickname": name, "password": PASSWORD}
        data = await api(url, "POST", f"{cls.prefix}/auth/register", body=body)
        assert data["id"] == name
        return await cls.login(url, name)

    @classmethod
    async def login(cls, url: str, name: str, password: str = PASSWORD, platform: int = WEB) -> NexoClient:
        body = {"user_id": name, "password": password, "platform_id": platform}
        data = await api(url, "POST", f"{cls.prefix}/auth/login", body=body)
        assert data["user_info"]["id"] == name
        client = cls(url, name, data["token"])
        client.platform = platform
        client.peers = {}
        client.known = {}
        return client

    platform: int = WEB
    peers: dict[str, str]
    known: dict[str, int]

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Call the API with this login's token."""
        return await api(self.url, method, f"{self.prefix}{path}", self.token, body, **query)

    @property
    def door(self) -> str:
        query = {"token": self.token, "send_id": self.name, "platform_id": self.platform, "operation_id": "op-0"}
        return f"{self.prefix}/ws?{urlencode(query)}"

    async def connect(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
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
            async for content in socket:
                assert isinstance(content, bytes), "the server's frames are binary"
                frame = json.loads(content)
                self.frames.append(frame)
                if frame["req_identifier"] == 2001:
                    for conversation, messages in json.loads(base64.b64decode(frame["data"]))["msgs"].items():
                        for one in messages:
                            assert one["conversation_id"] == conversation
                            await self.take(self.message_of(one))
                elif frame["msg_incr"] in self.answers:
                    self.answers.pop(frame["msg_incr"]).set_result(frame)
                async with self.arrived:
                    self.arrived.notify_all()
        self.closed.set()

    async def take(self, message: Message) -> None:
        self.known[message.conversation] = max(self.known.get(message.conversation, 0), message.seq)
        await super().take(message)

    async def send_frame(self, frame: Any) -> None:
        """Send anything at all."""
        assert self._socket is not None
        await self._socket.send(frame if isinstance(frame, bytes | str) else json.dumps(frame).encode())

    async def wait_frame(self, req: int) -> dict[str, Any]:
        """Wait for a frame of this sort."""
        async with asyncio.timeout(WAIT_S), self.arrived:
            while not (found := [frame for frame in self.frames if frame["req_identifier"] == req]):
                await self.arrived.wait()
        return found[0]

    async def exchange(self, req: int, data: Any, head: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a request, with other fields where `head` has them; return the whole response, its `data` decoded."""
        self._number += 1
        number = f"{self._number}"
        answered = self.answers[number] = asyncio.get_running_loop().create_future()
        frame = {
            "req_identifier": req,
            "msg_incr": number,
            "operation_id": f"op-{number}",
            "token": self.token,
            "send_id": self.name,
            "data": data if self.as_object else base64.b64encode(json.dumps(data).encode()).decode(),
        }
        await self.send_frame(frame | (head or {}))
        async with asyncio.timeout(WAIT_S):
            response: dict[str, Any] = await answered
        assert (response["req_identifier"], response["operation_id"]) == (req, f"op-{number}")
        if response["data"] is not None:
            assert isinstance(response["data"], dict) is self.as_object, "answers have the form of requests"
            if not self.as_object:
                response["data"] = json.loads(base64.b64decode(response["data"]))
        return response

    async def ask(self, req: int, **data: Any) -> Any:
        """Send a request and return its answer's data; raises Refused with `err_code`."""
        response = await self.exchange(req, data)
        if response["err_code"]:
            assert response["err_msg"].startswith(f"errcode: {response['err_code']}, msg: ")
            raise Refused(response["err_code"], response["err_msg"])
        assert response["err_msg"] == ""
        return response["data"]

    async def send(self, conversation: str, content: str, key: str = "") -> Sent:
        answer = await self.ask(1003, **self.letter(conversation, content, key or secrets.token_hex(8)))
        return Sent(answer["server_msg_id"], answer["seq"], answer["conversation_id"])

    def letter(self, conversation: str, content: str, key: str) -> dict[str, Any]:
        """Return the data of a text message."""
        to = (
            {"session_type": 2, "group_id": conversation.removeprefix("sg_")}
            if conversation.startswith("sg_")
            else {"session_type": 1, "recv_id": self.peers.get(conversation, conversation)}
        )
        return {"client_msg_id": key, "msg_type": 1, "content": {"text": content}, **to}

    async def open_single(self, peer: str) -> str:
        low, high = sorted((self.name, peer))
        conversation = f"si_{low}_{high}"
        self.peers[conversation] = peer
        return conversation

    async def create_group(self, name: str, members: list[str]) -> str:
        data = await self.call("POST", "/group/create", {"name": name, "member_ids": members})
        return f"sg_{data['id']}"

    async def conversations(self) -> dict[str, Listed]:
        return {one["conversation_id"]: await self._listed(one) for one in await self.call("GET", "/conversation/all")}

    async def _listed(self, one: dict[str, Any]) -> Listed:
        last = text_of(one["last_message"]) if "last_message" in one else ""
        if one["conversation_type"] == 1:
            return Listed(one["conversation_id"], "single", one["peer_user_id"], one["unread_count"], last)
        group = await self.call("GET", "/group/info", group_id=one["group_id"])
        return Listed(one["conversation_id"], "group", group["name"], one["unread_count"], last)

    async def history(self, conversation: str) -> list[Message]:
        data = await self.call("GET", "/msg/pull", conversation_id=conversation)
        return [self.message_of(one) for one in data["messages"]]

    async def mark_read(self, conversation: str, seq: int) -> None:
        await self.call("POST", "/conversation/mark_read", {"conversation_id": conversation, "read_seq": seq})

    async def catch_up(self) -> list[Message]:
        news: list[Message] = []
        ids = [one["conversation_id"] for one in await self.call("GET", "/conversation/all")]
        seqs = (await self.ask(1001, conversation_ids=ids))["seqs"]
        for conversation, last in seqs.items():
            known = self.known.get(conversation, 0)
            if last > known:
                data = await self.ask(1005, conversation_id=conversation, begin_seq=known + 1, end_seq=last, limit=100)
                page = [self.message_of(one) for one in data["messages"]]
                self.known[conversation] = page[-1].seq if page else last
                news += page
        return news

    def message_of(self, told: dict[str, Any]) -> Message:
        """Return what a MessageData says, and remember whom a single conversation is with."""
        conversation = told["conversation_id"]
        if told["session_type"] == 1:
            self.peers[conversation] = told["recv_id"] if told["sender_id"] == self.name else told["sender_id"]
        else:
            assert conversation == f"sg_{told['group_id']}"
        return Message(
            conversation,
            told["server_msg_id"],
            told["seq"],
            told["sender_id"],
            KINDS[told["msg_type"]],
            text_of(told),
            told["send_at"] // 1000,
        )


class ObjectClient(NexoClient):
    """Looks below /im and sends `data` as documents show it."""

    prefix: ClassVar[str] = "/im"
    as_object: ClassVar[bool] = True


def text_of(told: dict[str, Any]) -> str:
    """Return the one text of a message's content."""
    ((name, text),) = told["content"].items()
    assert name == KINDS[told["msg_type"]]
    return str(text)
