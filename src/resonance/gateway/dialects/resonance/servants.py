"""gRPC under Resonance's names, for services of that system."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import ClassVar

from google.protobuf.descriptor import ServiceDescriptor

from resonance._proto.logic.v1 import chat_pb2 as pb
from resonance.domain.content import Kind, parse_kind
from resonance.domain.errors import ServiceError
from resonance.domain.ids import SERVER_KEY_MARK
from resonance.domain.model import Caller, SendItem
from resonance.gateway.dialects.resonance.tables import send_error
from resonance.observe.trace import current_trace
from resonance.rpc.foreign import Call, Servant
from resonance.services import LogicServices


class ChatServant(Servant):
    """`resonance.logic.v1.ChatService`."""

    service: ClassVar[ServiceDescriptor] = pb.DESCRIPTOR.services_by_name["ChatService"]

    def __init__(self, services: LogicServices) -> None:
        self._messages = services.messages

    async def send_message(
        self, requests: AsyncIterator[pb.SendMessageRequest], call: Call
    ) -> AsyncIterator[pb.SendMessageResponse]:
        """Store messages, in order, each for whom it names; refusals come in the answers (seed 000)."""
        async for request in requests:
            caller = await call.user(request.from_username, "from_username")
            try:
                answer = await self._messages.send(caller, _item(caller, request))
            except ServiceError as error:
                yield pb.SendMessageResponse(error=send_error(error.code.text, error.message))
                continue
            error_text = send_error(answer.code, answer.error)
            yield pb.SendMessageResponse(msg_id=answer.message_id, seq_id=answer.seq, error=error_text)


def _item(caller: Caller, request: pb.SendMessageRequest) -> SendItem:
    """Return a message with a key of ours: this door has none, so a repetition is a new message."""
    return SendItem(
        ref=0,
        connection=0,
        sender=caller.user_id,
        client_msg_id=f"{SERVER_KEY_MARK}{secrets.token_hex(16)}",
        conversation_id=request.session_id,
        to_user=request.to_username,
        kind=parse_kind(request.type) if request.type else Kind.TEXT,
        content=request.content,
        extra="",
        trace=current_trace(),
    )
