"""A dialect that no system speaks: all that a further one takes is a folder like this, and a line in the registry.

Its messages are `word value` in text frames; its one route says hello.
"""

from __future__ import annotations

from typing import ClassVar

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Entry, SendAnswer
from resonance.domain.signals import Signal
from resonance.gateway.dialect import Dialect
from resonance.gateway.http.context import CallerOf
from resonance.gateway.ws.codec import Codec
from resonance.gateway.ws.commands import Command
from resonance.gateway.ws.doors import Door, Example
from resonance.protocol.commands import Chat

router = APIRouter()


@router.get("/fourth/hello")
async def hello(caller: CallerOf) -> PlainTextResponse:
    """Say hello."""
    return PlainTextResponse(f"hello {caller.user_id}")


class FourthCodec(Codec):
    """Words."""

    name = "fourth"
    opcode = 1
    accepts = frozenset({1})

    def decode(self, payload: bytes) -> Command:
        try:
            word, to_user, content = payload.decode().split(" ", 2)
        except ValueError as error:
            raise ServiceError(Code.MALFORMED_PACKET, "say: tell WHOM WHAT") from error
        if word != "tell":
            raise ServiceError(Code.MALFORMED_PACKET, f"{word[:20]!r} is no word: tell is")
        return Chat("", "", to_user, "text", content, "", "")

    def ack(self, answer: SendAnswer, ref: str) -> bytes:
        return f"no {answer.error}".encode() if answer.code else f"told {answer.seq}".encode()

    def push(self, entry: Entry) -> bytes:
        return f"heard {entry.sender} {entry.content}".encode()

    def signal(self, signal: Signal) -> tuple[bytes, ...]:
        return ()

    def fault(self, error: ServiceError, ref: str = "") -> bytes:
        return f"no {error.message}".encode()


class FourthDialect(Dialect):
    """Put together from this folder."""

    name: ClassVar[str] = "fourth"
    prefixes: ClassVar[tuple[str, ...]] = ("/fourth",)

    def app(self) -> APIRouter:
        return router

    def refuse(self, error: ServiceError, status: int) -> Response:
        return PlainTextResponse(f"no {error.code.text}", status)

    def door(self) -> Door:
        return Door(self.name, FourthCodec(), examples=(Example("tell", "Tell somebody.", b"tell bob hello"),))
