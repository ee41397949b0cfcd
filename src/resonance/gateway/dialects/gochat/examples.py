"""One of each frame that GoChat's clients send (wire.md 3.2.4 and 5.3): the web client's, and an older generation's."""

from __future__ import annotations

from typing import Any

import orjson

from resonance.gateway.ws.doors import Example


def _example(name: str, summary: str, kind: str, **data: Any) -> Example:
    return Example(name, summary, orjson.dumps({"type": kind, "data": data, "timestamp": 1_795_650_514_598}))


EXAMPLES = (
    _example(
        "send",
        "A message to send.",
        "send-message",
        conversationId="si_ann_bob",
        content="hello",
        messageType="text",
        tempMessageId="temp_1",
    ),
    _example(
        "send_by_key",
        "The same, as older generations have it.",
        "send-message",
        conversation_id="si_ann_bob",
        content="hello",
        message_type=1,
        client_msg_id="key-1",
    ),
    _example("mark_read", "Move the read pointer.", "mark-read", conversationId="si_ann_bob", seqId=3),
    Example(
        "group_member_online",
        "Who of a group's members is online.",
        orjson.dumps({"type": "group-member-online", "data": {"groupId": "sg_team"}}),
        orjson.dumps(
            {
                "type": "group-member-online",
                "data": {"groupId": "sg_team", "members": [{"userId": "ann", "online": True}]},
                "timestamp": 1_795_650_514_598,
            }
        ),
    ),
    _example("ping", "Keep-alive.", "ping"),
)
