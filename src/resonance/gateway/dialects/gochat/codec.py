"""GoChat's frames: one JSON object `{type, data, timestamp}` per text message (wire.md 3.2.4 and 5.3)."""

from __future__ import annotations

import reprlib
import time
from functools import partial
from typing import Any

import orjson

from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.model import Caller, Entry, SendAnswer
from resonance.domain.signals import ConversationChanged, FriendChanged, Presence, Receipt, Signal
from resonance.gateway.dialects.gochat.tables import (
    FRIEND_SIGNALS,
    Temporary,
    error_code,
    flat_message,
    kind_name,
    message,
    temporary_key,
)
from resonance.gateway.http.schemas.fields import MAX_INT64
from resonance.gateway.ws.codec import Codec
from resonance.gateway.ws.commands import Ask, Command, Refused
from resonance.protocol.commands import Chat, Pulse, Read, ReadAcked, Ready
from resonance.services import LogicServices

_MEMBERS = 500
"""Members whose presence one frame tells."""


class GoChatCodec(Codec):
    """JSON in text messages. A packet is answered by what names it: its `tempMessageId`, else its `client_msg_id`."""

    name = "gochat"
    opcode = 1
    accepts = frozenset({1})
    replays = True

    def decode(self, payload: bytes) -> Command:
        """Return what a client asks."""
        try:
            frame = orjson.loads(payload)
        except orjson.JSONDecodeError as error:
            raise ServiceError(Code.MALFORMED_PACKET, f"the frame is no JSON: {error}") from error
        if not isinstance(frame, dict):
            raise ServiceError(Code.MALFORMED_PACKET, "the frame is no JSON object")
        data = frame.get("data")
        fields = data if isinstance(data, dict) else {}
        match frame.get("type"):
            case "send-message":
                return _chat(fields)
            case "mark-read":
                return _read(fields)
            case "group-member-online":
                return Ask("", partial(_members_online, _text(fields, "groupId", "group_id", "conversationId")))
            case "ping":
                return Pulse("")
            case other:
                refusal = ServiceError(
                    Code.MALFORMED_PACKET, f"{reprlib.repr(other)} is no type of frame", field="type"
                )
                return Refused("", refusal)

    def ack(self, answer: SendAnswer, ref: Temporary) -> bytes:
        """Answer a message. There is no refusal in this protocol: an `error` leaves the message without its ack."""
        if answer.code:
            return _frame(
                "error", {"tempMessageId": ref, "code": error_code(Code.of(answer.code)), "message": answer.error}
            )
        return _frame(
            "message-ack",
            {
                "tempMessageId": ref,
                "client_msg_id": answer.client_msg_id,
                "messageId": str(answer.message_id),
                "conversationId": answer.conversation_id,
                "seqId": answer.seq,
                "status": "success",
            },
        )

    def push(self, entry: Entry) -> bytes:
        """Tell of an entry: as `message` (generation B), and beside it as the others do."""
        told = message(entry)
        fields = {"conversationId": entry.conversation_id, "message": told}
        return _frame("new-message", flat_message(entry, told) | fields)

    def signal(self, signal: Signal) -> tuple[bytes, ...]:
        """Tell of who comes and goes, who read, and what changed.

        A signal of seed 003 is a frame of its type, whose data is its payload in both spellings.
        """
        match signal:
            case Presence(user_id, online, _):
                status = {"userId": user_id, "status": "online" if online else "offline"}
                changed = status | {"user_id": user_id, "online": online}
                return (
                    _frame("friend-online", {"userId": user_id, "online": online}),
                    _frame("online-status", status),
                    _frame("friend.status.changed", changed),
                )
            case Receipt(conversation_id, user_id, read_seq):
                fields = {"conversationId": conversation_id, "userId": user_id, "readSeq": read_seq, "seqId": read_seq}
                spelt = {"conversation_id": conversation_id, "user_id": user_id, "seq_id": read_seq}
                return (_frame("message.receipt.updated", fields | spelt),)
            case FriendChanged(action, user_id, text) if action in FRIEND_SIGNALS:
                fields = {"userId": user_id, "user_id": user_id, "message": text}
                return (_frame(FRIEND_SIGNALS[action], fields),)
            case ConversationChanged(conversation_id, action, actor, user_ids, _):
                fields = {"conversationId": conversation_id, "action": action, "actor": actor, "members": user_ids}
                spelt = {"groupId": conversation_id, "group_id": conversation_id, "user_ids": user_ids}
                return (_frame("group.member.changed", fields | spelt),)
            case _:
                return ()

    def fault(self, error: ServiceError, ref: Temporary = "") -> bytes:
        """Say why something was not done."""
        return _frame("error", {"tempMessageId": ref, "code": error_code(error.code), "message": error.message})

    def pulse(self) -> bytes:
        """Answer a ping."""
        return _frame("pong", {})

    def read_ack(self, ack: ReadAcked) -> bytes:
        """Say what is left unread."""
        read = {"conversationId": ack.conversation_id, "readSeq": ack.read_seq, "unreadCount": ack.unread}
        return _frame("mark-read-ack", read)

    def ready(self, ready: Ready) -> bytes:
        """Greet a client."""
        return _frame("connected", {"userId": ready.user_id, "connectionId": ready.connection_id})


def _chat(fields: dict[str, Any]) -> Chat | Refused:
    """Return a message to send; its name is its key, too, so that sending it again is the same message."""
    temporary = fields.get("tempMessageId")
    if temporary is None:
        temporary = ""
    if not isinstance(temporary, str | int | float) or isinstance(temporary, bool):
        return Refused("", invalid("tempMessageId", f"tempMessageId {reprlib.repr(temporary)} is no text or number"))
    key = _text(fields, "client_msg_id", "clientMsgId") or temporary_key(temporary)
    return Chat(
        seq=key if temporary == "" else temporary,
        conversation_id=_text(fields, "conversationId", "conversation_id"),
        to_user="",
        kind=kind_name(fields.get("messageType", fields.get("message_type", ""))),
        content=_text(fields, "content"),
        extra="",
        client_msg_id=key,
    )


def _read(fields: dict[str, Any]) -> Read | Refused:
    """Return how far a client has read: to the end (0) without a seq, which may come as a text."""
    given = fields.get("seqId")
    seq = 0 if given is None else given
    if isinstance(seq, str) and len(seq) < 20 and seq.isascii() and seq.isdigit():
        seq = int(seq)
    if type(seq) is not int or not 0 <= seq <= MAX_INT64:
        return Refused("", invalid("seqId", f"seqId {reprlib.repr(given)} is no seq: 0 (the end) to {MAX_INT64} are"))
    return Read("", _text(fields, "conversationId", "conversation_id"), seq)


async def _members_online(group_id: str, services: LogicServices, caller: Caller) -> bytes:
    """Say who of a group's members is online, as far as the caller may know: friends."""
    page = await services.conversations.members(caller, group_id, "", _MEMBERS)
    states = await services.accounts.presence(caller, [member.user_id for member in page.items])
    members = [{"userId": state.user_id, "online": state.online} for state in states]
    return _frame("group-member-online", {"groupId": group_id, "members": members})


def _text(fields: dict[str, Any], *names: str) -> str:
    """Return the first of these fields that is a text, "" for none."""
    return next((value for name in names if isinstance(value := fields.get(name), str)), "")


def _frame(kind: str, data: dict[str, Any]) -> bytes:
    return orjson.dumps({"type": kind, "data": data, "timestamp": time.time_ns() // 1_000_000})
