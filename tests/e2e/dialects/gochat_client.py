"""A client as GoChat's own is: REST under /api with JSON bodies, and JSON frames."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

import websockets

from tests.e2e.dialects.client import PASSWORD, WAIT_S, Client, Listed, Message, Refused, Sent
from tests.e2e.dialects.http import request


async def api(url: str, method: str, path: str, token: str = "", body: Any = None) -> Any:
    """Call the API and return `data`; raises Refused with the HTTP status."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    content = None if body is None else json.dumps(body).encode()
    response = await request(url, method, f"/api{path}", content, headers)
    answer = json.loads(response.body)
    if not 200 <= response.status < 300:
        assert answer["success"] is False
        raise Refused(response.status, answer["message"])
    return answer["data"]


class GoChatClient(Client):
    """Catches up as the web client does: by fetching lists and pages, the newest first."""

    dialect: ClassVar[str] = "gochat"

    _socket: websockets.ClientConnection | None = None
    _reader: asyncio.Task[None] | None = None
    _number: int = 0

    @classmethod
    async def register(cls, url: str, name: str) -> GoChatClient:
        await api(url, "POST", "/auth/register", body={"username": name, "password": PASSWORD})
        return await cls.login(url, name)

    @classmethod
    async def login(cls, url: str, name: str, password: str = PASSWORD) -> GoChatClient:
        data = await api(url, "POST", "/auth/login", body={"username": name, "password": password})
        assert data["user"]["userId"] == name
        return cls(url, name, data["token"])

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API with this login's token."""
        return await api(self.url, method, path, self.token, body)

    @property
    def door(self) -> str:
        return f"/ws?token={self.token}"

    async def connect(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        # by conversation, the last seq of the pages that were fetched; pushes do not count, they may leave some out
        self.known: dict[str, int] = getattr(self, "known", {})
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
            async for text in socket:
                assert isinstance(text, str), "GoChat's frames are text"
                frame = json.loads(text)
                self.frames.append(frame)
                data = frame["data"]
                answered = data.get("tempMessageId") or frame["type"]
                if frame["type"] == "new-message":
                    await self.take(message_of(data["conversationId"], data["message"]))
                elif answered in self.answers:
                    self.answers.pop(answered).set_result(frame)
                async with self.arrived:
                    self.arrived.notify_all()
        self.closed.set()

    async def wait_frame(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Wait for a frame of this type, with these fields in its data, and return its data."""
        async with asyncio.timeout(WAIT_S), self.arrived:
            while True:
                for frame in self.frames:
                    data: dict[str, Any] = frame["data"]
                    if frame["type"] == kind and data.items() >= fields.items():
                        return data
                await self.arrived.wait()

    async def ask(self, answered: str, frame: dict[str, Any]) -> dict[str, Any]:
        """Send a frame and wait for what answers it."""
        assert self._socket is not None
        answer = self.answers[answered] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps(frame))
        async with asyncio.timeout(WAIT_S):
            frame_back: dict[str, Any] = await answer
        return frame_back

    async def send(self, conversation: str, content: str, key: str = "") -> Sent:
        self._number += 1
        temporary = key or f"temp_{self._number}_0.5{self.token[-8:]}"  # the web client's key, and all it has
        data = {
            "conversationId": conversation,
            "content": content,
            "messageType": "text",
            "tempMessageId": temporary,
        }
        frame = await self.ask(temporary, {"type": "send-message", "data": data})
        answer = frame["data"]
        if frame["type"] == "error":
            raise Refused(answer["code"], answer["message"])
        assert isinstance(answer["messageId"], str)
        return Sent(int(answer["messageId"]), answer["seqId"], answer["conversationId"])

    async def open_single(self, peer: str) -> str:
        data = await self.call("POST", "/friends", {"friendId": peer})
        conversation: str = data["conversation"]["conversationId"]
        return conversation

    async def create_group(self, name: str, members: list[str]) -> str:
        data = await self.call("POST", "/groups", {"groupName": name, "members": members})
        conversation: str = data["conversation"]["conversationId"]
        return conversation

    async def conversations(self) -> dict[str, Listed]:
        listed = {}
        for one in await self.call("GET", "/conversations"):
            target = one["target"]
            name = target["username"] if one["type"] == "single" else target["groupName"]
            if one["type"] != "world":
                listed[one["conversationId"]] = Listed(
                    one["conversationId"], one["type"], name, one["unreadCount"], one["lastMessage"]
                )
        return listed

    async def history(self, conversation: str) -> list[Message]:
        return await self._page(conversation, 1)

    async def _page(self, conversation: str, number: int) -> list[Message]:
        page = await self.call("GET", f"/conversations/{quote(conversation)}/messages?page={number}&size=50")
        return [message_of(conversation, one) for one in page]

    async def mark_read(self, conversation: str, seq: int) -> None:
        frame = {"type": "mark-read", "data": {"conversationId": conversation, "seqId": seq}}
        await self.ask("mark-read-ack", frame)

    async def catch_up(self) -> list[Message]:
        news = []
        for conversation in await self.conversations():
            known, missed, number = self.known.get(conversation, 0), [], 1
            while page := await self._page(conversation, number):
                missed += [message for message in page if message.seq > known]
                if page[0].seq <= known + 1:
                    break
                number += 1
            news += sorted(missed, key=lambda message: message.seq)
            self.known[conversation] = max([known, *(message.seq for message in missed)])
        return news


def message_of(conversation: str, told: dict[str, Any]) -> Message:
    """Return what a message object says."""
    assert isinstance(told["messageId"], str)
    assert told["status"] == "sent"
    time_s = int(datetime.fromisoformat(told["sendTime"]).timestamp())
    return Message(
        conversation, int(told["messageId"]), told["seqId"], told["senderId"], told["type"], told["content"], time_s
    )
