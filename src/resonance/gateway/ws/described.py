"""What is said over WebSockets, as an AsyncAPI 3 document (https://www.asyncapi.com/docs/reference/specification/v3.0.0).

Nothing in it is written for the document alone: a message of the server's is what a dialect's codec makes of a sample,
one of a client's is an example that its door gives and its codec reads, and schemas are read off both. So a further
dialect is described by having a door.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from google.protobuf import json_format

from resonance._proto.gateway.v1 import packet_pb2
from resonance.domain.closes import Close
from resonance.domain.content import Kind
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import OPEN_CONVERSATION, UserId, group_conversation_id, single_id
from resonance.domain.model import Entry, SendAnswer
from resonance.domain.signals import (
    ConversationChanged,
    FriendChanged,
    Presence,
    ProfileChanged,
    Receipt,
    Signal,
    Typing,
)
from resonance.gateway.ws.codec import Codec
from resonance.gateway.ws.commands import Ask, Claimed, Command, Refused
from resonance.gateway.ws.doors import Door
from resonance.gateway.ws.frames import TEXT
from resonance.gateway.ws.upgrade import PATH
from resonance.protocol.commands import Chat, ReadAcked, Ready

JSON, PROTOBUF, PLAIN = "application/json", "application/x-protobuf", "text/plain"

Json = dict[str, Any]
"""A part of the document."""

_ANN, _BOB = UserId("ann"), UserId("bob")
_TEXT = Entry(
    single_id(_ANN, _BOB), 3, 384128268300713984, _ANN, "key-1", Kind.TEXT, "hello", "{}", 3, 1_795_650_514_598
)
_TEAM = group_conversation_id("team")
_CREATED = '{"action":"created","actor":"ann","users":["bob"],"count":1,"changes":{"name":"Team"}}'
ENTRIES = (
    _TEXT,
    _TEXT._replace(conversation_id=_TEAM, kind=Kind.IMAGE, content='{"url":"https://media.example/1.png"}'),
    _TEXT._replace(
        conversation_id=_TEAM, sender=UserId("system"), client_msg_id="", kind=Kind.SYSTEM, content=_CREATED
    ),
    _TEXT._replace(conversation_id=OPEN_CONVERSATION),
)
"""An entry of a single conversation, of a group, of the server's own, and of everybody's conversation."""
_IDS = {entry.conversation_id for entry in ENTRIES}
"""An object whose fields are called so is a table."""
STORED = SendAnswer(1, 1, _TEXT.message_id, 3, 3, _TEXT.created_at, _TEXT.conversation_id, "key-1", "", "")
REFUSED = SendAnswer(1, 1, 0, 0, 0, 0, _TEXT.conversation_id, "key-1", Code.MUTED.text, Code.MUTED.value.meaning)
SIGNALS: tuple[tuple[str, str, Signal], ...] = (
    ("presence", "Somebody went online or offline.", Presence(_ANN, True, _TEXT.created_at)),
    ("typing", "Somebody is writing.", Typing(_TEXT.conversation_id, _ANN)),
    ("receipt", "Somebody has read up to a seq.", Receipt(_TEXT.conversation_id, _ANN, 3)),
    (
        "conversation_changed",
        "A conversation's members or settings changed.",
        ConversationChanged(_TEAM, "joined", _ANN, (_BOB,), 2),
    ),
    ("friend_changed", "Friends or requests changed.", FriendChanged("requested", _ANN, "hi")),
    ("profile_changed", "A profile changed.", ProfileChanged(_ANN)),
)
READY = Ready("gateway-service-001.1.7", _ANN, _TEXT.created_at, "store-1", 30, 256, 1_048_576)


class Said(NamedTuple):
    """A message, by what it is for; `payloads` are samples of it."""

    name: str
    summary: str
    payloads: list[bytes]


def said_by_server(door: Door) -> Iterator[Said]:
    """Return what the server says in a dialect; what the dialect has no form for is left out."""
    codec = door.codec
    commands = [_unclaimed(codec.decode(example.payload)) for example in door.examples]
    chats = [command.seq for command in commands if isinstance(command, Chat)]
    others = [command.ref for command in commands if isinstance(command, Ask | Refused)]
    denied = ServiceError(Code.NOT_MEMBER, field="session_id")
    found = [
        Said("ready", "The first message: whatever is committed from here on is pushed.", [codec.ready(READY)]),
        Said("push", "An entry of a conversation.", [codec.push(entry) for entry in ENTRIES]),
        Said("ack", "A message is durable.", [codec.ack(STORED, ref) for ref in chats]),
        Said("refusal", "A message was not taken, and why.", [codec.ack(REFUSED, ref) for ref in chats]),
        Said(
            "read_ack", "Where the read pointer stands.", [codec.read_ack(ReadAcked("2", _TEXT.conversation_id, 3, 1))]
        ),
        Said(
            "fault",
            "Something that was asked could not be read, or not be done.",
            [codec.fault(ServiceError(Code.MALFORMED_PACKET)), *(codec.fault(denied, ref) for ref in others)],
        ),
        Said("pulse", "The answer to a keep-alive.", [codec.pulse()]),
        Said("going_away", "The server stops: come back after a random time up to this.", [codec.going_away(2_000)]),
        Said("sync_hint", "Pushes may have been missed.", [codec.sync_hint()]),
        Said(
            "farewell", "The last message before the server ends a login.", [codec.farewell(close) for close in Close]
        ),
        *(
            Said(f"{example.name}_answer", f"The answer to {example.name}.", [example.answer])
            for example in door.examples
        ),
        *_signals(codec),
    ]
    for one in found:
        payloads = [payload for payload in one.payloads if payload]
        if payloads:
            yield one._replace(payloads=payloads)


def _signals(codec: Codec) -> Iterator[Said]:
    """Return a signal's messages; a dialect may tell of one in several."""
    for name, summary, signal in SIGNALS:
        messages = codec.signal(signal)
        for number, message in enumerate(messages, 1):
            yield Said(name if len(messages) == 1 else f"{name}_{number}", summary, [message])


def _unclaimed(command: Command) -> Command:
    return command.packet if isinstance(command, Claimed) else command


# ---------------------------------------------------------------- the document


def document(doors: Sequence[Door], version: str) -> Json:
    """Return the AsyncAPI document of these doors; what it calls `receive` is what clients send (spec, Operation)."""
    parts: Json = {"channels": {}, "operations": {}, "components": {"messages": {}, "schemas": {}}}
    for door in doors:
        _add(parts, door)
    parts["components"]["securitySchemes"] = {
        "query": {"type": "httpApiKey", "name": "token", "in": "query"},
        "bearer": {"type": "http", "scheme": "bearer"},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Resonance WebSocket",
            "version": version,
            "description": "One path for all dialects: `dialect` in the query names one; else the token, a parameter "
            "of its own or the first message says which it is. Native clients speak protobuf or JSON.",
        },
        "servers": {
            "here": {
                "host": "{host}",
                "protocol": "ws",
                "variables": {"host": {"default": "localhost:8080"}},
                "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in ("query", "bearer")],
            }
        },
        **parts,
    }


def _add(parts: Json, door: Door) -> None:
    """Add a dialect's channels, one for each path, and its messages."""
    received = [Said(example.name, example.summary, [example.payload]) for example in door.examples]
    by_action = {"receive": received, "send": list(said_by_server(door))}
    for action, messages in by_action.items():
        for said in messages:
            _add_message(parts["components"], door.codec, f"{door.name}.{action}.{said.name}", said)
    for path in (PATH, *door.paths):
        channel = door.name if path == PATH else f"{door.name}{path.replace('/', '-')}"
        names = {f"{action}.{said.name}": said for action, messages in by_action.items() for said in messages}
        parts["channels"][channel] = {
            "address": path,
            "title": door.name,
            "messages": {name: {"$ref": f"#/components/messages/{door.name}.{name}"} for name in names},
            "bindings": {"ws": {"method": "GET", "query": _query(door), "bindingVersion": "0.1.0"}},
            "x-close-codes": {str(close.value.number): close.value.meaning for close in Close},
        }
        for action, messages in by_action.items():
            parts["operations"][f"{channel}.{action}"] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{channel}"},
                "messages": [{"$ref": f"#/channels/{channel}/messages/{action}.{said.name}"} for said in messages],
            }


def _add_message(components: Json, codec: Codec, name: str, said: Said) -> None:
    form = _form(codec, said.payloads[0])
    values = [shown(form, payload) for payload in said.payloads]
    schema = _schema(values)
    if form == PROTOBUF:
        schema["description"] = "resonance.gateway.v1.WsPacket in protobuf, here by the names of its JSON form."
    components["schemas"][name] = schema
    components["messages"][name] = {
        "name": said.name,
        "title": said.name.replace("_", " "),
        "summary": said.summary,
        "contentType": form,
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "examples": [{"payload": value} for value in values[:2]],
    }


def _query(door: Door) -> Json:
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": text} for name, text in door.query.items()},
    }


# ---------------------------------------------------------------- schemas


def shown(form: str, payload: bytes) -> Any:
    """Return a message as the document shows it: JSON, the JSON form of protobuf, or a text."""
    if form == JSON:
        return orjson.loads(payload)
    if form == PROTOBUF:
        return json_format.MessageToDict(packet_pb2.WsPacket.FromString(payload))
    return payload.decode()


def _form(codec: Codec, payload: bytes) -> str:
    """Return the content type of a codec's messages, told by one of them."""
    if payload.startswith(b"{"):
        return JSON
    return PLAIN if codec.opcode == TEXT else PROTOBUF


def _schema(values: Sequence[Any]) -> Json:
    """Return the JSON Schema that all of these values have; no field is said to be required."""
    objects = [value for value in values if isinstance(value, dict)]
    items = [item for value in values if isinstance(value, list) for item in value]
    encoded = [inner for value in values if isinstance(value, str) and (inner := _inside(value)) is not None]
    kinds = sorted({_kind(value) for value in values})
    schema: Json = {"type": kinds[0] if len(kinds) == 1 else kinds} if kinds else {}
    if objects:
        names = dict.fromkeys(name for value in objects for name in value)
        if names and names.keys() <= _IDS:
            schema["additionalProperties"] = _schema([inner for value in objects for inner in value.values()])
            return schema
        schema["properties"] = {name: _schema([value[name] for value in objects if name in value]) for name in names}
    if items:
        schema["items"] = _schema(items)
    if encoded:
        schema |= {
            "contentEncoding": "base64",
            "contentMediaType": "application/json",
            "contentSchema": _schema(encoded),
        }
    return schema


def _kind(value: object) -> str:
    """Return what JSON Schema calls a value's type."""
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    return names.get(type(value), "null")


def _inside(text: str) -> Any:
    """Return the JSON object that a text holds in base64, None for any other text."""
    try:
        value = orjson.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, orjson.JSONDecodeError, ValueError):
        return None
    return value if isinstance(value, dict) else None
