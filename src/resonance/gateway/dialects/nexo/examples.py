"""One of each request that Nexo's clients send (wire.md 2.2.3); `data` as Go sends it, and as documents show it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import orjson

from resonance.domain.ids import UserId, single_id
from resonance.domain.model import Entry
from resonance.gateway.dialects.nexo.codec import Head, Req, response
from resonance.gateway.dialects.nexo.tables import message
from resonance.gateway.ws.doors import Example

_MESSAGE = {
    "client_msg_id": "key-1",
    "recv_id": "bob",
    "group_id": "",
    "session_type": 1,
    "msg_type": 1,
    "content": {"text": "hello"},
}
_STORED = Entry(
    single_id(UserId("ann"), UserId("bob")), 3, 384128268300713984, UserId("ann"), "key-1", 1, "hello", "", 3, 9
)
_PAGE = {"messages": [message(_STORED)], "max_seq": 3}
_RANGE = {"conversation_id": "si_ann_bob", "begin_seq": 1, "end_seq": 0, "limit": 20}


def _example(
    name: str,
    summary: str,
    req: Req,
    data: Mapping[str, Any],
    answer: Mapping[str, Any] | None = None,
    *,
    encoded: bool = True,
) -> Example:
    head = Head(req, "1", "op-1", encoded)
    fields = {
        "req_identifier": req,
        "msg_incr": head.msg_incr,
        "operation_id": head.operation_id,
        "send_id": "ann",
        "data": base64.b64encode(orjson.dumps(data)).decode() if encoded else data,
    }
    answered = b"" if answer is None else response(head, data=answer)
    return Example(name, f"{summary} ({req:d})", orjson.dumps(fields), answered)


EXAMPLES = (
    _example("send", "Send a message.", Req.SEND, _MESSAGE),
    _example("send_object", "The same, with data as an object.", Req.SEND, _MESSAGE, encoded=False),
    _example(
        "newest_seq",
        "The newest seqs of conversations.",
        Req.NEWEST_SEQ,
        {"conversation_ids": ["si_ann_bob"]},
        {"seqs": {"si_ann_bob": 3}},
    ),
    _example(
        "pull_by_seqs",
        "Messages by their seqs.",
        Req.PULL_BY_SEQS,
        {"conversation_id": "si_ann_bob", "seq_list": [3]},
        _PAGE,
    ),
    _example("pull", "Messages of a range of seqs.", Req.PULL, _RANGE, _PAGE),
    _example(
        "max_read_seq",
        "How far a conversation is read.",
        Req.MAX_READ_SEQ,
        {"conversation_id": "si_ann_bob"},
        {"max_seq": 3, "read_seq": 2, "unread_count": 1},
    ),
)
