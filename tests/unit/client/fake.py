"""A server for the client: requests over a mock transport, a real WebSocket by the `websockets` library."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError
from websockets.http11 import Request, Response

from resonance._proto.gateway.v1 import packet_pb2 as pb
from resonance.domain.model import Entry
from tests.unit.client.model import ME, ModelServer


class FakeServer:
    """Accepts everybody as `me`; tests replace `on_chat` and read what happened from the lists.

    Attributes:
        url: where it is.
        requests: (method, path) of every request, in order.
        tokens: the bearer token of every connection.
        refuse: the status and body that upgrades are refused with; None accepts them.
        expired: access tokens that requests are refused with TOKEN_EXPIRED for.
    """

    def __init__(self) -> None:
        self.url = ""
        self.model = ModelServer()
        self.requests: list[tuple[str, str]] = []
        self.tokens: list[str] = []
        self.sockets: list[ServerConnection] = []
        self.refuse: tuple[int, bytes] | None = None
        self.expired: set[str] = set()
        self.refreshes = 0
        self.connected: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self.chats: asyncio.Queue[pb.ChatRequest] = asyncio.Queue()
        self.typing: asyncio.Queue[str] = asyncio.Queue()
        self.on_chat: Callable[[pb.ChatRequest], pb.Ack | None] = self.store

    # ------------------------------------------------------------ the WebSocket

    def store(self, chat: pb.ChatRequest) -> pb.Ack:
        """Store a message and return its ack."""
        entry, _ = self.model.append(chat.session_id or "si_me_peer", ME, chat.client_msg_id, chat.content)
        return pb.Ack(
            msg_id=entry.message_id, seq_id=entry.seq, session_id=entry.conversation_id, ordinal=entry.ordinal
        )

    async def check(self, _: ServerConnection, request: Request) -> Response | None:
        """Refuse the upgrade if it is to be refused."""
        self.tokens.append(request.headers["Sec-WebSocket-Protocol"].split("bearer.")[1])
        if self.refuse is None:
            return None
        status, body = self.refuse
        return Response(status, "Refused", Headers({"Content-Length": str(len(body))}), body)

    async def accept(self, socket: ServerConnection) -> None:
        """Serve one connection."""
        self.sockets.append(socket)
        await self.tell(pb.WsPacket(ready=pb.Ready(user_id=ME, store_epoch=self.model.epoch, max_in_flight=8)))
        self.connected.put_nowait(socket)
        with contextlib.suppress(ConnectionClosedError):
            async for frame in socket:
                assert isinstance(frame, bytes)
                await self._take(pb.WsPacket.FromString(frame))

    async def _take(self, packet: pb.WsPacket) -> None:
        if packet.HasField("chat"):
            self.chats.put_nowait(packet.chat)
            ack = self.on_chat(packet.chat)
            if ack is not None:
                ack.ref_seq = packet.seq
                await self.tell(pb.WsPacket(seq=packet.seq, ack=ack))
        elif packet.HasField("read"):
            body = pb.ReadAck(ref_seq=packet.seq, session_id=packet.read.session_id, read_seq=7, unread=2)
            await self.tell(pb.WsPacket(read_ack=body))
        elif packet.HasField("typing"):
            self.typing.put_nowait(packet.typing.session_id)

    async def tell(self, packet: pb.WsPacket) -> None:
        """Send a packet on the newest connection."""
        await self.sockets[-1].send(packet.SerializeToString())

    async def push(self, entry: Entry) -> None:
        """Push an entry."""
        body = pb.PushMessage(
            msg_id=entry.message_id,
            seq_id=entry.seq,
            session_id=entry.conversation_id,
            from_username=entry.sender,
            content=entry.content,
            type="text",
            client_msg_id=entry.client_msg_id,
            time_ms=entry.created_at,
            ordinal=entry.ordinal,
        )
        await self.tell(pb.WsPacket(push=body))

    # ------------------------------------------------------------ requests

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request."""
        path = request.url.path.removeprefix("/api/v1/")
        self.requests.append((request.method, path))
        query = request.url.params
        if path in ("auth/login", "auth/register", "auth/refresh"):
            return self._login(path)
        if request.headers["Authorization"].removeprefix("Bearer ") in self.expired:
            return refusal(401, "token_expired")
        if path == "sync":
            page = self.model.sync(query["token"])
            names = [view.conversation.id for view in page.conversations]
            body = {
                "conversations": [self._conversation(name) for name in names],
                "friends": [],
                "requests": [],
                "users": [],
            }
            return httpx2.Response(200, json={**body, "full": page.full, "token": page.token, "more": page.more})
        if path.endswith("/messages"):
            name = path.split("/")[1]
            found = self.model.page(name, int(query["begin"]))
            messages = [message(entry) for entry in found.entries]
            return httpx2.Response(200, json={"messages": messages, "begin": found.begin, "end": found.end})
        if path == "conversations":
            rows = [self._conversation(name) for name in self.model.logs]
            return httpx2.Response(200, json={"conversations": rows, "cursor": ""})
        return refusal(404, "not_found")

    def _login(self, path: str) -> httpx2.Response:
        self.refreshes += path == "auth/refresh"
        number = self.refreshes
        user = {"id": ME}
        return httpx2.Response(
            200, json={"access_token": f"access-{number}", "refresh_token": f"refresh-{number}", "user": user}
        )

    def _conversation(self, name: str) -> dict[str, Any]:
        membership = {
            "user_id": ME, "role": "member", "status": "normal", "min_seq": 1, "max_seq": None, "read_seq": 0,
            "pinned": False, "recv_opt": "normal", "muted_until": 0, "nickname": "", "inviter": "", "joined_at": 0,
        }  # fmt: skip
        log = self.model.logs[name]
        return {
            "conversation_id": name, "kind": "group", "name": name, "avatar_url": "", "introduction": "",
            "owner_id": "", "status": "normal", "history": "full", "max_members": 500, "join_approval": False,
            "mute_all": False, "member_count": 2, "version": 1, "created_at": 0, "updated_at": 0,
            "visible_seq": len(log), "unread_count": 1, "last_message": message(log[-1]), "peer": None,
            "membership": membership,
        }  # fmt: skip


def message(entry: Entry) -> dict[str, Any]:
    """Return an entry as the API's JSON."""
    return {
        "message_id": str(entry.message_id), "conversation_id": entry.conversation_id, "seq": entry.seq,
        "sender_id": entry.sender, "type": "text", "content": entry.content, "extra": entry.extra,
        "client_msg_id": entry.client_msg_id, "ordinal": entry.ordinal, "created_at": entry.created_at,
    }  # fmt: skip


def refusal(status: int, code: str) -> httpx2.Response:
    """Return a problem document."""
    return httpx2.Response(status, content=problem_body(code))


def problem_body(code: str) -> bytes:
    """Return the body of a problem document."""
    return json.dumps({"code": code, "detail": f"because of {code}"}).encode()


@asynccontextmanager
async def running() -> AsyncIterator[FakeServer]:
    """Run a server on a free port."""
    server = FakeServer()
    async with serve(server.accept, "127.0.0.1", 0, process_request=server.check, subprotocols=["resonance.v1"]) as ws:  # type: ignore[list-item]
        server.url = f"http://127.0.0.1:{ws.sockets[0].getsockname()[1]}"
        yield server
