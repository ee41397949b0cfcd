"""`PusherService` of seed 003: a service has a gateway push a signal."""

from __future__ import annotations

from typing import Any, ClassVar

import orjson
from google.protobuf.descriptor import ServiceDescriptor

from resonance._proto.gochat.v1 import gochat_pb2 as pb
from resonance.domain.errors import invalid
from resonance.domain.signals import ConversationChanged, FriendChanged, Presence, Receipt, Signal
from resonance.gateway.dialects.gochat.servants import values
from resonance.gateway.dialects.gochat.servants.reading import named_users
from resonance.gateway.dialects.gochat.tables import FRIEND_SIGNALS
from resonance.gateway.seams import Downlink
from resonance.rpc.foreign import Call, Servant
from resonance.services.link import PushBatch, SignalPush

_LAST_SECOND = 2**53 // 1000
_FRIEND_ACTIONS = {kind: action for action, kind in FRIEND_SIGNALS.items()}


class PusherServant(Servant):
    """Signals become the core's, so that clients of every dialect get them, each in its own form."""

    service: ClassVar[ServiceDescriptor] = pb.DESCRIPTOR.services_by_name["PusherService"]

    def __init__(self, downlink: Downlink) -> None:
        self._downlink = downlink

    async def push_to_users(self, request: pb.PushToUsersRequest, call: Call) -> pb.PushToUsersResponse:
        """Push to those who are connected here; the others learn it when they catch up."""
        await call.service()
        users = named_users(request.user_ids)
        signal = read_signal(request.signal)
        self._downlink.push(PushBatch(0, [], [SignalPush(signal, users, 0)]))
        return pb.PushToUsersResponse(success=True)


def read_signal(given: pb.SystemSignal) -> Signal:
    """Return the core's signal. Raises INVALID_ARGUMENT."""
    try:
        payload = orjson.loads(given.payload)
    except orjson.JSONDecodeError as error:
        raise invalid("payload", f"the payload is no JSON: {error}") from error
    if not isinstance(payload, dict):
        raise invalid("payload", "the payload is no JSON object")
    user, conversation = _text(payload, "user_id", "userId"), _text(payload, "conversation_id", "conversationId")
    group = _text(payload, "group_id", "groupId")
    match given.signal_type:
        case "friend.status.changed" if user and isinstance(payload.get("online"), bool):
            return Presence(user, payload["online"], min(max(given.timestamp, 0), _LAST_SECOND) * 1000)
        case "message.receipt.updated" if user and conversation:
            return Receipt(conversation, user, _seq(payload))
        case "group.member.changed" if conversation or group:
            named = payload.get("user_ids") or payload.get("members") or []
            users = tuple(one for one in named if isinstance(one, str)) if isinstance(named, list) else ()
            changed = conversation or values.group_conversation(group)
            return ConversationChanged(changed, _text(payload, "action") or "joined", _text(payload, "actor"), users, 0)
        case kind if kind in _FRIEND_ACTIONS and user:
            return FriendChanged(_FRIEND_ACTIONS[kind], user, _text(payload, "message"))
        case kind:
            raise invalid("signal", f"{kind[:40]!r} is no type of signal, or a field of its payload is missing")


def _text(payload: dict[str, Any], *names: str) -> str:
    return next((value for name in names if isinstance(value := payload.get(name), str)), "")


def _seq(payload: dict[str, Any]) -> int:
    value = payload.get("seq_id", payload.get("seqId", 0))
    return value if type(value) is int and 0 <= value < 2**63 else 0
