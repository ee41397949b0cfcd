"""Clients that share no code with the server: HTTP by the standard library, WebSocket by `websockets`."""

from __future__ import annotations

import asyncio
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import websockets

from tests.e2e.contracts import packet_class

WAIT_S = 20


class HttpError(Exception):
    """A refusal: the status, the headers and the problem document."""

    def __init__(self, status: int, problem: dict[str, Any], headers: Mapping[str, str]) -> None:
        super().__init__(f"{status}: {problem}")
        self.status = status
        self.problem = problem
        self.headers = headers


async def call(
    url: str, method: str, path: str, body: Any = None, token: str = "", headers: Mapping[str, str] | None = None
) -> Any:
    """Call the API and return the decoded body; a body of bytes is sent as it is, anything else as JSON."""

    def work() -> Any:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{url}{path}", data, dict(headers or {}), method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=WAIT_S) as response:
                text = response.read()
        except urllib.error.HTTPError as exc:
            raise HttpError(exc.code, json.loads(exc.read() or b"{}"), dict(exc.headers)) from None
        return json.loads(text) if text else None

    return await asyncio.to_thread(work)


async def fetch(url: str) -> tuple[int, str]:
    """Return the status and the text of a page, whatever the status is."""

    def work() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(url, timeout=WAIT_S) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as exc:
            return exc.code, exc.read().decode()

    return await asyncio.to_thread(work)


class User:
    """Somebody with a token."""

    def __init__(self, url: str, name: str, tokens: dict[str, Any]) -> None:
        self.url = url
        self.name = name
        self.token: str = tokens["access_token"]
        self.refresh_token: str = tokens["refresh_token"]
        self.device_id: str = tokens["device_id"]

    @classmethod
    async def register(cls, url: str, name: str, **fields: Any) -> User:
        """Register and return a user."""
        body = {"username": name, "password": "correct horse", **fields}
        return cls(url, name, await call(url, "POST", "/api/v1/auth/register", body))

    async def login(self, password: str = "correct horse", **fields: Any) -> User:
        """Log in on a further device and return the same user there."""
        body = {"username": self.name, "password": password, **fields}
        return User(self.url, self.name, await call(self.url, "POST", "/api/v1/auth/login", body))

    async def get(self, path: str) -> Any:
        """GET below /api/v1."""
        return await call(self.url, "GET", f"/api/v1{path}", token=self.token)

    async def post(self, path: str, **body: Any) -> Any:
        """POST below /api/v1."""
        return await call(self.url, "POST", f"/api/v1{path}", body, self.token)

    async def request(self, method: str, path: str, **body: Any) -> Any:
        """Any other method below /api/v1."""
        return await call(self.url, method, f"/api/v1{path}", body, self.token)


async def people(url: str, *names: str) -> list[User]:
    """Register users whose handles begin with these names, and whom nobody else has."""
    suffix = secrets.token_hex(3)
    return [await User.register(url, f"{name}{suffix}") for name in names]


class Socket:
    """A WebSocket of a user; packets are dictionaries in proto3 JSON form, whichever codec is on the wire.

    Attributes:
        received: every packet so far.
    """

    def __init__(self, user: User, *, binary: bool, on_packet: Callable[[dict[str, Any]], None] | None = None) -> None:
        self.user = user
        self.binary = binary
        self._on_packet = on_packet
        self.received: list[dict[str, Any]] = []
        self.closed = asyncio.Event()
        self.close_code: int | None = None
        self._arrived = asyncio.Condition()
        self._number = 0
        self._connection: websockets.ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        user: User,
        *,
        binary: bool = False,
        dialect: str = "",
        on_packet: Callable[[dict[str, Any]], None] | None = None,
    ) -> Socket:
        """Connect and wait for `ready`. With `on_packet`, packets are handed over instead of being kept.

        `dialect` is what the URL says, for a token that another dialect's login issued.
        """
        self = cls(user, binary=binary, on_packet=on_packet)
        address = (
            user.url.replace("http", "ws", 1) + f"/ws?token={user.token}" + (f"&dialect={dialect}" if dialect else "")
        )
        self._connection = await websockets.connect(address, max_size=None, compression=None)
        self._reader = asyncio.create_task(self._read())
        if not binary:
            await self.send({"pulse": {}})  # the first frame says which codec the client speaks
        await self.wait(lambda packet: "ready" in packet)
        return self

    async def _read(self) -> None:
        assert self._connection is not None
        try:
            async for frame in self._connection:
                packet = decode(frame)
                if self._on_packet is not None and "ready" not in packet:
                    self._on_packet(packet)
                    continue
                async with self._arrived:
                    self.received.append(packet)
                    self._arrived.notify_all()
        except websockets.ConnectionClosed:
            pass
        self.close_code = self._connection.close_code
        self.closed.set()
        async with self._arrived:
            self._arrived.notify_all()

    async def send(self, packet: dict[str, Any]) -> None:
        """Send one packet."""
        assert self._connection is not None
        await self._connection.send(encode(packet, binary=self.binary))

    async def send_raw(self, frame: str | bytes, *, text: bool | None = None) -> None:
        """Send a frame as it is; `text` says which kind it claims to be, where that is not the payload's own."""
        assert self._connection is not None
        await self._connection.send(frame, text=text)

    async def chat(self, session_id: str, content: str, key: str = "", **fields: Any) -> dict[str, Any]:
        """Send a message and return its ack."""
        ref = await self.chat_nowait(session_id, content, key, **fields)
        packet = await self.wait(lambda packet: packet.get("ack", {}).get("refSeq") == ref)
        ack: dict[str, Any] = packet["ack"]
        return ack

    async def chat_nowait(self, session_id: str, content: str, key: str = "", **fields: Any) -> str:
        """Send a message and return its reference."""
        self._number += 1
        ref = f"r{self._number}"
        chat = {"sessionId": session_id, "content": content, "clientMsgId": key, **fields}
        await self.send({"seq": ref, "chat": chat})
        return ref

    async def wait(self, wanted: Callable[[dict[str, Any]], bool], count: int = 1) -> dict[str, Any]:
        """Wait until `count` packets of this sort have arrived since the beginning; return the last of them."""
        async with asyncio.timeout(WAIT_S), self._arrived:
            while True:
                found = [packet for packet in self.received if wanted(packet)]
                if len(found) >= count:
                    return found[count - 1]
                if self.closed.is_set():
                    raise AssertionError(f"closed with {self.close_code} before it arrived; got {self.received[-5:]}")
                await self._arrived.wait()

    def pushes(self, session_id: str) -> list[dict[str, Any]]:
        """Return the pushed entries of a conversation so far, in order of arrival."""
        return [p["push"] for p in self.received if p.get("push", {}).get("sessionId") == session_id]

    async def wait_push(self, content: str) -> dict[str, Any]:
        """Wait for the push of a message with this content."""
        packet = await self.wait(lambda packet: packet.get("push", {}).get("content") == content)
        push: dict[str, Any] = packet["push"]
        return push

    async def wait_signal(self, kind: str) -> dict[str, Any]:
        """Wait for a signal of a kind."""
        packet = await self.wait(lambda packet: kind in packet.get("signal", {}))
        signal: dict[str, Any] = packet["signal"][kind]
        return signal

    async def wait_closed(self) -> int:
        """Wait until the server has ended the connection; return the close code."""
        async with asyncio.timeout(WAIT_S):
            await self.closed.wait()
        assert self.close_code is not None
        return self.close_code

    async def close(self) -> None:
        """Disconnect."""
        if self._connection is not None:
            await self._connection.close()
        if self._reader is not None:
            await self._reader


async def refused_upgrade(url: str, token: str) -> tuple[int, dict[str, Any]]:
    """Ask for a WebSocket that has to be refused; return the status and the problem document."""
    try:
        connection = await websockets.connect(url.replace("http", "ws", 1) + f"/ws?token={token}")
    except websockets.InvalidStatus as refusal:
        return refusal.response.status_code, json.loads(refusal.response.body or b"{}")
    await connection.close()
    raise AssertionError("the upgrade was not refused")


def encode(packet: dict[str, Any], *, binary: bool) -> str | bytes:
    """Return a packet's frame."""
    if not binary:
        return json.dumps(packet)
    from google.protobuf import json_format

    message = packet_class()()
    json_format.ParseDict(packet, message)
    data: bytes = message.SerializeToString()
    return data


def decode(frame: str | bytes) -> dict[str, Any]:
    """Return a frame's packet."""
    if isinstance(frame, str):
        packet: dict[str, Any] = json.loads(frame)
        return packet
    from google.protobuf import json_format

    message = packet_class()()
    message.ParseFromString(frame)
    return dict(json_format.MessageToDict(message))
