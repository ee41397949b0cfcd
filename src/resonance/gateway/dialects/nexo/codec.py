"""Nexo's frames: JSON requests and responses in binary messages (wire.md 2.2.3).

`data` is Go's `[]byte`, so on the wire it is a base64 text that holds JSON; documents show it as an object. Both are
read, an answer has the form of its request, and pushes, which answer nothing, have Go's.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from enum import IntEnum
from functools import partial
from typing import Any, NamedTuple, TypeVar

import orjson

from resonance.domain.closes import Close
from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.model import Caller, Entry, SendAnswer
from resonance.domain.signals import Signal
from resonance.gateway.dialects.nexo import reading
from resonance.gateway.dialects.nexo.errors import READING, SENDING, SUCCESS, UserMismatchError, number
from resonance.gateway.dialects.nexo.tables import destination, is_shown, message, payload, shown_conversation
from resonance.gateway.http.schemas.fields import MAX_INT64
from resonance.gateway.ws.codec import Codec
from resonance.gateway.ws.commands import Ask, Claimed, Command, Refused
from resonance.protocol.commands import Chat
from resonance.services import LogicServices

ANSWER_BYTES = 256 * 1024
"""About how large an answer may be: one above `ws_config.high_water` would cut a client that reads well."""

Fields = Mapping[str, Any]
Question = Callable[[LogicServices, Caller], Awaitable[dict[str, Any]]]

_T = TypeVar("_T", int, str)


class Req(IntEnum):
    """What a frame is (`req_identifier`)."""

    NEWEST_SEQ = 1001
    PULL_BY_SEQS = 1002
    SEND = 1003
    PULL = 1005
    MAX_READ_SEQ = 1006
    PUSH = 2001
    KICK = 2002
    DATA_ERROR = 3001


class Head(NamedTuple):
    """What an answer repeats of its request, and whether its data is base64."""

    req: int
    msg_incr: str = ""
    operation_id: str = ""
    encoded: bool = True


_ENDED = frozenset({Close.KICKED, Close.LOGGED_OUT, Close.USER_DISABLED})
"""Ends of a connection after which its client must not come back with this token."""


class NexoCodec(Codec):
    """JSON in binary messages; requests may come in text messages, too."""

    name = "nexo"
    opcode = 2
    accepts = frozenset({1, 2})

    def decode(self, payload: bytes) -> Command:
        """Return what a client asks; every request names its sender."""
        request = _object(payload)
        head = _head(request)
        try:
            packet = self._packet(head, _data(request.get("data")))
        except ServiceError as error:
            return Refused(head, error)
        return Claimed(head, _text(request, "send_id"), packet, UserMismatchError())

    def ack(self, answer: SendAnswer, ref: Head) -> bytes:
        """Answer a message."""
        if answer.code:
            return _refused(ref, ServiceError(Code.of(answer.code), answer.error), number_in=SENDING)
        sent = {
            "server_msg_id": answer.message_id,
            "conversation_id": answer.conversation_id,
            "seq": answer.seq,
            "client_msg_id": answer.client_msg_id,
            "send_at": answer.created_at,
        }
        return response(ref, data=sent)

    def push(self, entry: Entry) -> bytes:
        """Tell of an entry, unless it is of a conversation that is not shown."""
        if not is_shown(entry.conversation_id):
            return b""
        return response(Head(Req.PUSH), data={"msgs": {entry.conversation_id: [message(entry)]}})

    def signal(self, signal: Signal) -> tuple[bytes, ...]:
        """Tell of nothing: Nexo has no signals."""
        return ()

    def fault(self, error: ServiceError, ref: Head | str = "") -> bytes:
        """Say why something was not done."""
        return _refused(ref if isinstance(ref, Head) else Head(Req.DATA_ERROR), error, number_in=READING)

    def farewell(self, close: Close) -> bytes:
        """Tell a client that its login was ended; any other end it can only see in the close frame."""
        return response(Head(Req.KICK), text=close.value.meaning) if close in _ENDED else b""

    def _packet(self, head: Head, data: Fields) -> Chat | Ask:
        match head.req:
            case Req.SEND:
                return _chat(head, data)
            case Req.NEWEST_SEQ:
                ids = _list(data, "conversation_ids", str)
                return self._ask(head, lambda services, caller: reading.newest_seqs(services, caller, ids))
            case Req.PULL_BY_SEQS:
                conversation_id, seqs = _conversation(data), _list(data, "seq_list", int)
                return self._ask(
                    head, lambda services, caller: reading.pull_seqs(services, caller, conversation_id, seqs)
                )
            case Req.PULL:
                conversation_id = _conversation(data)
                begin, end, limit = (_number(data, name) for name in ("begin_seq", "end_seq", "limit"))
                return self._ask(
                    head, lambda services, caller: reading.pull(services, caller, conversation_id, begin, end, limit)
                )
            case Req.MAX_READ_SEQ:
                conversation_id = _conversation(data)
                return self._ask(head, lambda services, caller: reading.max_read_seq(services, caller, conversation_id))
            case _:
                raise ServiceError(Code.MALFORMED_PACKET, "invalid protocol", field="req_identifier")

    def _ask(self, head: Head, question: Question) -> Ask:
        return Ask(head, partial(_answered, head, question))


async def _answered(head: Head, question: Question, services: LogicServices, caller: Caller) -> bytes:
    return response(head, data=_within_bounds(await question(services, caller)))


def _within_bounds(data: dict[str, Any]) -> dict[str, Any]:
    """Return an answer with fewer of its messages, the first ones, when all of them make too much for one frame."""
    messages = data.get("messages", ())
    while len(messages) > 1 and len(orjson.dumps(messages)) > ANSWER_BYTES:
        messages = messages[: len(messages) // 2]
    return data | {"messages": messages} if messages else data


# ---------------------------------------------------------------- reading


def _object(payload: bytes) -> Fields:
    try:
        request = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise ServiceError(Code.MALFORMED_PACKET, f"invalid protocol: the frame is no JSON: {error}") from error
    if not isinstance(request, dict):
        raise ServiceError(Code.MALFORMED_PACKET, "invalid protocol: the frame is no JSON object")
    return request


def _head(request: Fields) -> Head:
    req = request.get("req_identifier")
    known = req if type(req) is int and abs(req) < 2**31 else 0
    encoded = not isinstance(request.get("data"), dict)
    return Head(known, _text(request, "msg_incr"), _text(request, "operation_id"), encoded)


def _data(data: object) -> Fields:
    """Return what `data` says, an object for none."""
    if isinstance(data, str):
        try:
            data = orjson.loads(base64.b64decode(data, validate=True) or b"null")
        except (binascii.Error, ValueError) as error:
            raise ServiceError(Code.MALFORMED_PACKET, "invalid protocol: data is no base64 of JSON") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ServiceError(Code.MALFORMED_PACKET, "invalid protocol: data is no JSON object")
    return data


def _chat(head: Head, data: Fields) -> Chat:
    key = _text(data, "client_msg_id")
    if not key:
        raise invalid("client_msg_id", "client_msg_id is missing: it makes sending again safe")
    kind, content = payload(data.get("msg_type"), data.get("content"))
    conversation_id, to_user = destination(data.get("session_type"), data.get("recv_id"), data.get("group_id"))
    return Chat(head, conversation_id, to_user, kind, content, "", key)


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _conversation(data: Fields) -> str:
    conversation_id = _text(data, "conversation_id")
    if not conversation_id:
        raise invalid("conversation_id", "conversation_id is missing")
    return shown_conversation(conversation_id)


def _number(data: Fields, name: str) -> int:
    value = data.get(name)
    if value is None:
        return 0
    if type(value) is not int or abs(value) > MAX_INT64:
        raise invalid(name, f"{name} has to be a whole number of 64 bits")
    return value


def _list(data: Fields, name: str, kind: type[_T]) -> list[_T]:
    values = data.get(name) or []
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise invalid(name, f"{name} has to be a list of {'numbers' if kind is int else 'texts'}")
    if kind is int and any(abs(value) > MAX_INT64 for value in values):
        raise invalid(name, f"{name} has to be a list of whole numbers of 64 bits")
    return values


# ---------------------------------------------------------------- writing


def _refused(head: Head, error: ServiceError, number_in: Mapping[Code, int]) -> bytes:
    code = number(error, number_in)
    return response(head, code, f"errcode: {code}, msg: {error.message}")


def response(head: Head, code: int = SUCCESS, text: str = "", data: Mapping[str, Any] | None = None) -> bytes:
    """Return what the server says, in the form that a request had."""
    told: Any = data
    if data is not None and head.encoded:
        told = base64.b64encode(orjson.dumps(data)).decode()
    return orjson.dumps(
        {
            "req_identifier": head.req,
            "msg_incr": head.msg_incr,
            "operation_id": head.operation_id,
            "err_code": code,
            "err_msg": text,
            "data": told,
        }
    )
