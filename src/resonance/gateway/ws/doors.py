"""Which dialect a connection speaks, decided by the first of these that says so:

1. the client names it: `?dialect=`, or a subprotocol or a path of that dialect alone;
2. the request has the shape of a dialect's (Nexo's clients send `send_id`);
3. its token was issued to clients of a dialect;
4. its first message has the shape of a dialect's; until then it is greeted and pushed to in native protobuf.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import orjson
from starlette.responses import Response

from resonance.domain.errors import ServiceError, invalid
from resonance.domain.model import Principal
from resonance.gateway.http.errors import problem
from resonance.gateway.ws.codec import Codec
from resonance.gateway.ws.frames import TEXT
from resonance.gateway.ws.upgrade import PATH, UpgradeRequest
from resonance.protocol import packets
from resonance.protocol.commands import Chat, Read, Writing

Fields = Mapping[str, object]
"""A JSON object."""

_NO_FIELDS: Fields = MappingProxyType({})


class Example(NamedTuple):
    """A message of a client's, as the documentation and the tests need one: valid, and with every field.

    Attributes:
        answer: what answers it where that is no ack, no read pointer and no pulse, b"" for anything else.
    """

    name: str
    summary: str
    payload: bytes
    answer: bytes = b""


class Door:
    """The WebSocket half of a dialect: what its connections speak, and which requests are for it.

    Attributes:
        name: as in `?dialect=` and in the claim of tokens.
        codec: what its connections speak.
        paths: where only its clients connect, beside /ws.
        subprotocol: what a client may offer to say that it speaks this dialect, "" for none.
        examples: one of each message that its clients send.
        query: parameters of its requests, and what they say.
    """

    examples: Sequence[Example] = ()
    query: Mapping[str, str] = MappingProxyType(
        {"token": "The access token; `Authorization: Bearer` does as well.", "dialect": "What the client speaks."}
    )

    def __init__(
        self,
        name: str,
        codec: Codec,
        paths: Sequence[str] = (),
        subprotocol: str = "",
        examples: Sequence[Example] | None = None,
    ) -> None:
        if examples is not None:
            self.examples = examples
        self.name = name
        self.codec = codec
        self.paths = tuple(paths)
        self.subprotocol = subprotocol

    def claims(self, request: UpgradeRequest) -> bool:
        """Say whether a request can only be of this dialect's clients."""
        return False

    def recognises(self, fields: Fields) -> bool:
        """Say whether a connection's first message, a JSON object in a text or binary frame, is of this dialect."""
        return False

    def check(self, request: UpgradeRequest) -> None:
        """Refuse a request that lacks something, before its token is looked at. Raises ServiceError."""

    def check_principal(self, request: UpgradeRequest, principal: Principal) -> None:
        """Refuse a request that its token does not fit. Raises ServiceError."""

    def refusal(self, error: ServiceError) -> Response:
        """Return what a refused upgrade is answered with."""
        return problem(error)


def _native(codec: packets.Codec) -> Door:
    """Return the door of one of the native forms."""
    chat = Chat("1", "si_ann_bob", "bob", "text", "hello", "{}", "0199f2a0-key")
    examples = (
        Example("chat", "A message to send; `toUsername` instead of `sessionId` for a first one.", codec.chat(chat)),
        Example("read", "Move the read pointer; 0 is the end.", codec.read(Read("2", "si_ann_bob", 3))),
        Example("typing", "The user is writing.", codec.typing(Writing("3", "si_ann_bob"))),
        Example("pulse", "Keep-alive.", codec.pulse("4")),
    )
    return Door(codec.name, codec, examples=examples)


NATIVE = (_native(packets.BINARY), _native(packets.JSON))
"""The two native forms; a connection's first frame decides between them when the client names neither."""


class Doors:
    """The doors that are open, and the choice of one.

    Attributes:
        all: them, the native ones first.
        paths: where WebSockets are.
    """

    def __init__(self, dialects: Sequence[Door]) -> None:
        self._dialects = tuple(dialects)
        self.all = (*NATIVE, *dialects)
        self._by_name = {door.name: door for door in self.all}
        self._by_path = {path: door for door in dialects for path in door.paths}
        self._by_subprotocol = {door.subprotocol: door for door in dialects if door.subprotocol}
        self.paths = frozenset({PATH, *self._by_path})

    def choose(self, request: UpgradeRequest) -> Door | None:
        """Return the door that a request asks for, None when it does not say.

        Raises:
            ServiceError: INVALID_ARGUMENT for a name that no dialect has.
        """
        name = request.query.get("dialect", "")
        if name:
            if name not in self._by_name:
                raise invalid("dialect", f"{name[:40]!r} is not a dialect: {', '.join(self._by_name)} are")
            return self._by_name[name]
        offered = [door for part in request.subprotocols if (door := self._by_subprotocol.get(part))]
        if offered:
            return offered[0]
        if request.path in self._by_path:
            return self._by_path[request.path]
        return next((door for door in self._dialects if door.claims(request)), None)

    def of(self, principal: Principal) -> Door | None:
        """Return the door of the dialect that a token was issued to, None for a native one."""
        return self._by_name.get(principal.dialect)

    def subprotocol(self, request: UpgradeRequest, native: str) -> str:
        """Return the subprotocol to answer: a dialect's or the native one, as offered, else ""."""
        return next((part for part in request.subprotocols if part == native or part in self._by_subprotocol), "")

    def recognise(self, opcode: int, payload: bytes) -> Codec:
        """Return the codec for a connection whose first message this is."""
        fields = _object(payload)
        for door in self._dialects:
            if fields and door.recognises(fields):
                return door.codec
        return packets.JSON if opcode == TEXT else packets.BINARY

    def refusal(self, request: UpgradeRequest, error: ServiceError) -> Response:
        """Return what a refused request is answered with, in the dialect that it asks for."""
        try:
            door = self.choose(request)
        except ServiceError:
            door = None
        return problem(error) if door is None else door.refusal(error)


def _object(payload: bytes) -> Fields:
    """Return the JSON object that a message holds; an empty one for anything else."""
    if not payload.lstrip().startswith(b"{"):  # no field of a WsPacket begins so
        return _NO_FIELDS
    try:
        fields = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return _NO_FIELDS
    return fields if isinstance(fields, dict) else _NO_FIELDS
