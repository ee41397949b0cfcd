"""`im.repo.v1` (generation A): groups and read pointers."""

from __future__ import annotations

from typing import ClassVar

from google.protobuf.descriptor import ServiceDescriptor

from resonance._proto.im.repo.v1 import repo_pb2 as pb
from resonance.domain.model import ConversationView
from resonance.gateway.dialects.gochat.servants.reading import named_conversations, size_of
from resonance.rpc.foreign import Call, Servant
from resonance.services import LogicServices

MAX_CONVERSATIONS = 1_000
_PART = 200


class ConversationServant(Servant):
    """`ConversationService`: of the user whom a request names."""

    service: ClassVar[ServiceDescriptor] = pb.DESCRIPTOR.services_by_name["ConversationService"]

    def __init__(self, services: LogicServices) -> None:
        self._conversations = services.conversations
        self._messages = services.messages

    async def get_user_conversations(
        self, request: pb.GetUserConversationsRequest, call: Call
    ) -> pb.GetUserConversationsResponse:
        """Return the ids of the user's conversations, the latest changed first."""
        caller = await call.user(request.user_id, "user_id")
        views: list[ConversationView] = []
        cursor, more = "", True
        while more:
            page = await self._conversations.page(caller, cursor, _PART, False)
            views += page.items
            cursor, more = page.cursor, page.cursor != "" and len(views) < MAX_CONVERSATIONS
        ids = [view.conversation.id for view in views if request.type_filter in (0, view.conversation.kind)]
        begin = max(request.offset, 0)
        end = begin + size_of(request.limit)
        return pb.GetUserConversationsResponse(conversation_ids=ids[begin:end], total=len(ids), has_more=len(ids) > end)

    async def update_read_pointer(
        self, request: pb.UpdateReadPointerRequest, call: Call
    ) -> pb.UpdateReadPointerResponse:
        """Move the pointer forward, to the end without a seq; whoever wrote what is read now is told."""
        caller = await call.user(request.user_id, "user_id")
        state = await self._messages.mark_read(caller, request.conversation_id, request.seq_id)
        return pb.UpdateReadPointerResponse(success=True, unread_count=state.unread)

    async def get_unread_count(self, request: pb.GetUnreadCountRequest, call: Call) -> pb.GetUnreadCountResponse:
        """Return how many messages the user has not read."""
        caller = await call.user(request.user_id, "user_id")
        view = await self._conversations.get(caller, request.conversation_id)
        return pb.GetUnreadCountResponse(unread_count=view.unread)

    async def get_read_pointer(self, request: pb.GetReadPointerRequest, call: Call) -> pb.GetReadPointerResponse:
        """Return the user's pointer."""
        caller = await call.user(request.user_id, "user_id")
        member = (await self._conversations.get(caller, request.conversation_id)).member
        pointer = pb.ReadPointer(
            user_id=caller.user_id,
            conversation_id=member.conversation_id,
            last_read_seq_id=member.read_seq,
            updated_at=member.updated_at // 1000,
        )
        return pb.GetReadPointerResponse(read_pointer=pointer)

    async def batch_get_unread_counts(
        self, request: pb.BatchGetUnreadCountsRequest, call: Call
    ) -> pb.BatchGetUnreadCountsResponse:
        """Return what is unread in those of the conversations that the user is or was in."""
        caller = await call.user(request.user_id, "user_id")
        known = await self._messages.heads(caller, named_conversations(request.conversation_ids))
        counts = {one: (await self._conversations.get(caller, one)).unread for one in known}
        return pb.BatchGetUnreadCountsResponse(unread_counts=counts)
