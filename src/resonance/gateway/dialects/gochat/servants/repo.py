"""`im.repo.v1` as far as the store answers it (generation A): messages, groups, read pointers."""

from __future__ import annotations

from typing import ClassVar

from google.protobuf.descriptor import ServiceDescriptor

from resonance._proto.im.repo.v1 import repo_pb2 as pb
from resonance.domain.errors import invalid, no_conversation
from resonance.domain.model import Conversation, ConversationView, Member
from resonance.gateway.dialects.gochat.servants import values
from resonance.gateway.dialects.gochat.tables import ROLES
from resonance.ports.store import Store
from resonance.rpc.foreign import Call, Servant

PAGE = 50
MAX_PAGE = 500
MAX_CONVERSATIONS = 1_000
_PART = 200


class MessageServant(Servant):
    """`MessageService`, for services alone: nobody's window is applied."""

    service: ClassVar[ServiceDescriptor] = pb.DESCRIPTOR.services_by_name["MessageService"]

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get_conversation_messages(
        self, request: pb.GetConversationMessagesRequest, call: Call
    ) -> pb.GetConversationMessagesResponse:
        """Return messages between two seqs."""
        await call.service()
        head = (await _conversation(self._store, request.conversation_id)).max_seq
        size = _size(request.limit)
        first = max(request.start_seq_id, 1)
        last = min(request.end_seq_id, head) if request.end_seq_id > 0 else head
        if request.ascending:
            begin, end = first, min(last, first + size - 1)
        else:
            begin, end = max(first, last - size + 1), last
        entries = await self._store.entries(request.conversation_id, begin, end) if begin <= end else []
        more = end < last if request.ascending else begin > first
        beyond = (end + 1 if request.ascending else begin - 1) if more else 0
        told = [values.repo_message(entry) for entry in (entries if request.ascending else reversed(entries))]
        return pb.GetConversationMessagesResponse(messages=told, has_more=more, next_seq_id=beyond)

    async def get_latest_messages(
        self, request: pb.GetLatestMessagesRequest, call: Call
    ) -> pb.GetLatestMessagesResponse:
        """Return the newest messages of several conversations, the newest first."""
        await call.service()
        response = pb.GetLatestMessagesResponse()
        size = min(_size(request.limit_per_conversation), PAGE)
        for state in await self._store.states(list(dict.fromkeys(request.conversation_ids))[:MAX_PAGE], []):
            one = state.conversation
            entries = await self._store.entries(one.id, max(one.max_seq - size + 1, 1), one.max_seq)
            told = [values.repo_message(entry) for entry in reversed(entries)]
            response.conversation_messages[one.id].messages.extend(told)
        return response


class GroupServant(Servant):
    """`GroupService`, for services alone."""

    service: ClassVar[ServiceDescriptor] = pb.DESCRIPTOR.services_by_name["GroupService"]

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get_group(self, request: pb.GetGroupRequest, call: Call) -> pb.GetGroupResponse:
        """Return a group."""
        await call.service()
        one = await _conversation(self._store, values.group_conversation(request.group_id))
        group = pb.Group(
            id=values.group_id_of(one.id),
            name=one.name,
            owner_id=one.owner,
            member_count=one.member_count,
            avatar_url=one.avatar,
            description=one.introduction,
            created_at=one.created_at // 1000,
            updated_at=one.updated_at // 1000,
        )
        return pb.GetGroupResponse(group=group)

    async def get_group_members(self, request: pb.GetGroupMembersRequest, call: Call) -> pb.GetGroupMembersResponse:
        """Return members, the highest role first."""
        await call.service()
        one = await _conversation(self._store, values.group_conversation(request.group_id))
        end = max(request.offset, 0) + _size(request.limit)
        found: list[Member] = []
        total, cursor, more = 0, "", True
        while more:
            page = await self._store.members(one.id, cursor, MAX_PAGE)
            found += [member for member in page.items if request.role_filter in (0, ROLES[member.role])]
            total, cursor, more = page.total, page.cursor, page.cursor != "" and len(found) <= end
        told = [
            pb.GroupMember(
                group_id=values.group_id_of(one.id),
                user_id=member.user_id,
                role=ROLES[member.role],
                joined_at=member.joined_at // 1000,
            )
            for member in found[max(request.offset, 0) : end]
        ]
        return pb.GetGroupMembersResponse(members=told, total=total, has_more=len(found) > end)


class ConversationServant(Servant):
    """`ConversationService`: of the user whom a request names."""

    service: ClassVar[ServiceDescriptor] = pb.DESCRIPTOR.services_by_name["ConversationService"]

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get_user_conversations(
        self, request: pb.GetUserConversationsRequest, call: Call
    ) -> pb.GetUserConversationsResponse:
        """Return the ids of the user's conversations, the latest changed first."""
        caller = await call.user(request.user_id, "user_id")
        views: list[ConversationView] = []
        cursor, more = "", True
        while more:
            page = await self._store.conversations(caller.user_id, cursor, _PART, False)
            views += page.items
            cursor, more = page.cursor, page.cursor != "" and len(views) < MAX_CONVERSATIONS
        ids = [view.conversation.id for view in views if request.type_filter in (0, view.conversation.kind)]
        begin = max(request.offset, 0)
        end = begin + _size(request.limit)
        return pb.GetUserConversationsResponse(conversation_ids=ids[begin:end], total=len(ids), has_more=len(ids) > end)

    async def update_read_pointer(
        self, request: pb.UpdateReadPointerRequest, call: Call
    ) -> pb.UpdateReadPointerResponse:
        """Move the pointer forward, to the end without a seq; whoever wrote what is read now is told."""
        caller = await call.user(request.user_id, "user_id")
        if request.seq_id < 0:
            raise invalid("seq_id", f"seq_id is {request.seq_id}: 0 (the end) or more are allowed")
        state = await self._store.mark_read(caller.user_id, request.conversation_id, request.seq_id)
        return pb.UpdateReadPointerResponse(success=True, unread_count=state.unread)

    async def get_unread_count(self, request: pb.GetUnreadCountRequest, call: Call) -> pb.GetUnreadCountResponse:
        """Return how many messages the user has not read."""
        caller = await call.user(request.user_id, "user_id")
        view = await self._store.conversation(caller.user_id, request.conversation_id)
        return pb.GetUnreadCountResponse(unread_count=view.unread)

    async def get_read_pointer(self, request: pb.GetReadPointerRequest, call: Call) -> pb.GetReadPointerResponse:
        """Return the user's pointer."""
        caller = await call.user(request.user_id, "user_id")
        member = (await self._store.conversation(caller.user_id, request.conversation_id)).member
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
        known = await self._store.heads(caller.user_id, list(dict.fromkeys(request.conversation_ids))[:MAX_PAGE])
        counts = {one: (await self._store.conversation(caller.user_id, one)).unread for one in known}
        return pb.BatchGetUnreadCountsResponse(unread_counts=counts)


def _size(asked: int) -> int:
    return min(asked, MAX_PAGE) if asked > 0 else PAGE


async def _conversation(store: Store, conversation_id: str) -> Conversation:
    states = await store.states([conversation_id], [])
    if not states:
        raise no_conversation(conversation_id)
    return states[0].conversation
