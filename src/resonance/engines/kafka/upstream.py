"""Messages as records of the upstream topic: the JSON that seed 004 calls UpstreamMessage (`api/kafka/message.go`).

What it has no field for is in its `headers`: our number of the message, its connection, the run of the gateway, and
the recipient of a first message.
"""

from __future__ import annotations

import json
import re
import time

from resonance.domain.ids import order_key
from resonance.domain.model import SendItem
from resonance.engines.kafka.records import Record
from resonance.ports.uplink import Sent

_INT64 = 2**63
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,200}")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def record_of_item(topic: str, gateway: str, epoch: int, item: SendItem) -> Record:
    """Return a message as a record. Raises ValueError for half a surrogate pair, or a number over 64 bits."""
    ref, connection, sender, key, conversation_id, to_user, kind, content, extra, trace = item
    if not -_INT64 <= kind < _INT64:
        raise ValueError("the kind of the message has more than 64 bits")
    body = {
        "trace_id": trace,
        "user_id": sender,
        "gateway_id": gateway,
        "conversation_id": conversation_id,
        "message_type": int(kind),
        "content": content,
        "client_msg_id": key,
        "timestamp": time.time_ns() // 1_000_000,
        "headers": {"ref": str(ref), "connection": str(connection), "epoch": str(epoch), "to_user": to_user},
        "extra": extra,
    }
    place = order_key(conversation_id, sender, to_user)
    return Record(topic, place.encode(), _encode(body).encode(), [])


def sent_of(value: bytes) -> Sent:
    """Return the message in a record. Raises ValueError for a record that no gateway of ours has written."""
    try:
        body = json.loads(value)
        headers = body["headers"]
        kind, gateway = body["message_type"], _text(body, "gateway_id")
        if type(kind) is not int or not -_INT64 <= kind < _INT64:
            raise ValueError("message_type is no number of 64 bits")
        if not _TOPIC.fullmatch(gateway):
            raise ValueError("gateway_id is no name of a gateway")
        item = SendItem(
            _number(headers, "ref"),
            _number(headers, "connection"),
            _text(body, "user_id"),
            _text(body, "client_msg_id"),
            _text(body, "conversation_id"),
            _text(headers, "to_user"),
            kind,
            _text(body, "content"),
            _text(body, "extra"),
            _text(body, "trace_id"),
        )
        return Sent(gateway, _number(headers, "epoch"), item)
    except (TypeError, RecursionError) as exc:
        raise ValueError(f"a value of another type: {exc}") from exc
    except KeyError as exc:
        raise ValueError(f"{exc} is missing") from exc


def _text(body: dict[str, object], field: str) -> str:
    text = body[field]
    if not isinstance(text, str):
        raise ValueError(f"{field} is no text")
    text.encode()  # half a surrogate pair, which JSON can carry and an answer cannot
    return text


def _number(body: dict[str, object], field: str) -> int:
    number = int(_text(body, field))
    if not -_INT64 <= number < _INT64:
        raise ValueError(f"{field} has more than 64 bits")
    return number
