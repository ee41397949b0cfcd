"""`im.logic.v1`: what GoChat's gateways ask logic (generation A)."""

from __future__ import annotations

import secrets
from typing import ClassVar

from google.protobuf.descriptor import ServiceDescriptor

from resonance._proto.im.logic.v1 import auth_pb2 as auth
from resonance._proto.im.logic.v1 import conversation_pb2 as conv
from resonance._proto.im.logic.v1 import group_pb2 as grp
from resonance._proto.im.logic.v1 import message_pb2 as msg
from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.ids import SERVER_KEY_MARK, check_client_key
from resonance.domain.model import GroupSettings, NewGroup, RequestStatus, Role
from resonance.domain.windows import History
from resonance.gateway.dialects.gochat.servants import values
from resonance.gateway.dialects.gochat.servants.sending import send
from resonance.gateway.dialects.gochat.tables import ROLES
from resonance.gateway.dialects.gochat.world import arrive
from resonance.gateway.http.listing import conversation_views
from resonance.gateway.http.schemas.fields import MAX_INT64
from resonance.rpc.foreign import Call, Servant
from resonance.services import LogicServices
from resonance.services.accounts import Login, Registration

DIALECT = "gochat"
PAGE = 50
MAX_PAGE = 200
MAX_CONVERSATIONS = 1_000
MAX_MEMBERS = 10_000
_MEMBERS = 500


class AuthServant(Servant):
    """`AuthService`. Services log users in and register them; whoever shows a token needs nothing else."""

    service: ClassVar[ServiceDescriptor] = auth.DESCRIPTOR.services_by_name["AuthService"]

    def __init__(self, services: LogicServices) -> None:
        self._accounts = services.accounts
        self._services = services

    async def login(self, request: auth.LoginRequest, call: Call) -> auth.LoginResponse:
        """Log in."""
        await call.service()
        tokens = await self._accounts.login(Login(request.username, request.password, dialect=DIALECT))
        await arrive(self._services, tokens)
        return auth.LoginResponse(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            expires_in=values.ends_at(tokens.expires_in),
            user=values.user(tokens.user),
        )

    async def register(self, request: auth.RegisterRequest, call: Call) -> auth.RegisterResponse:
        """Create an account."""
        await call.service()
        wish = Registration(request.username, request.password, request.nickname, request.avatar_url, dialect=DIALECT)
        tokens = await self._accounts.register(wish)
        await arrive(self._services, tokens)
        return auth.RegisterResponse(user=values.user(tokens.user))

    async def guest_login(self, request: auth.GuestLoginRequest, call: Call) -> auth.GuestLoginResponse:
        """Make an account whose password nobody knows."""
        await call.service()
        name = f"guest-{secrets.token_hex(5)}"
        wish = Registration(name, secrets.token_urlsafe(24), request.nickname or name, dialect=DIALECT, guest=True)
        tokens = await self._accounts.register(wish)
        await arrive(self._services, tokens)
        return auth.GuestLoginResponse(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            expires_in=values.ends_at(tokens.expires_in),
            user=values.user(tokens.user),
        )

    async def refresh_token(self, request: auth.RefreshTokenRequest, call: Call) -> auth.RefreshTokenResponse:
        """Exchange a refresh token."""
        tokens = await self._accounts.refresh(request.refresh_token)
        return auth.RefreshTokenResponse(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            expires_in=values.ends_at(tokens.expires_in),
        )

    async def logout(self, request: auth.LogoutRequest, call: Call) -> auth.LogoutResponse:
        """End the login of a token, which has to be that of the user who is named."""
        caller = (await self._accounts.authenticate(request.access_token)).caller
        if request.user_id not in ("", caller.user_id):
            raise ServiceError(Code.PERMISSION_DENIED, f"the token is not {request.user_id[:80]}'s", field="user_id")
        await self._accounts.logout(caller)
        return auth.LogoutResponse(success=True)

    async def validate_token(self, request: auth.ValidateTokenRequest, call: Call) -> auth.ValidateTokenResponse:
        """Say whether a token is good, and whose it is."""
        try:
            principal = await self._accounts.authenticate(request.access_token)
        except ServiceError as error:
            if error.code.value.retry:
                raise
            return auth.ValidateTokenResponse(valid=False)
        found = await self._accounts.user(principal.caller, principal.caller.user_id)
        return auth.ValidateTokenResponse(valid=True, user=values.user(found), expires_at=principal.expires_at // 1000)


class ConversationServant(Servant):
    """`ConversationService`."""

    service: ClassVar[ServiceDescriptor] = conv.DESCRIPTOR.services_by_name["ConversationService"]

    def __init__(self, services: LogicServices) -> None:
        self._conversations = services.conversations
        self._messages = services.messages

    async def get_conversations(
        self, request: conv.GetConversationsRequest, call: Call
    ) -> conv.GetConversationsResponse:
        """Return a page of the user's conversations."""
        caller = await call.user(request.user_id, "user_id")
        views = await conversation_views(self._conversations, caller, MAX_CONVERSATIONS)
        wanted = [view for view in views if request.type in (0, view.conversation.kind)]
        page, size = max(request.page, 1), page_size(request.page_size)
        shown = wanted[(page - 1) * size : page * size]
        told = [values.conversation(view) for view in shown]
        return conv.GetConversationsResponse(conversations=told, total=len(wanted), page=page, page_size=size)

    async def get_conversation(self, request: conv.GetConversationRequest, call: Call) -> conv.GetConversationResponse:
        """Return one."""
        caller = await call.user(request.user_id, "user_id")
        view = await self._conversations.get(caller, request.conversation_id)
        return conv.GetConversationResponse(conversation=values.conversation(view))

    async def get_messages(self, request: conv.GetMessagesRequest, call: Call) -> conv.GetMessagesResponse:
        """Return messages between two seqs, as far as the user may see them."""
        caller = await call.user(request.user_id, "user_id")
        size, start, end = page_size(request.limit), request.start_seq_id, request.end_seq_id
        if request.ascending:
            page = await self._messages.pull(caller, request.conversation_id, max(start, 1), max(end, 0), size)
            entries, last = page.entries, min(end, page.end) if end > 0 else page.end
            more = bool(entries) and entries[-1].seq < last
            beyond = entries[-1].seq + 1 if more else 0
        else:
            before = end + 1 if 0 < end < MAX_INT64 else 0
            page = await self._messages.history(caller, request.conversation_id, before, size)
            entries = [entry for entry in reversed(page.entries) if entry.seq >= start]
            more = bool(entries) and entries[-1].seq > max(start, page.begin)
            beyond = entries[-1].seq - 1 if more else 0
        told = [values.message(entry) for entry in entries]
        return conv.GetMessagesResponse(messages=told, has_more=more, next_seq_id=beyond)

    async def mark_as_read(self, request: conv.MarkAsReadRequest, call: Call) -> conv.MarkAsReadResponse:
        """Move the user's read pointer forward, to the end without a seq."""
        caller = await call.user(request.user_id, "user_id")
        state = await self._messages.mark_read(caller, request.conversation_id, request.seq_id)
        return conv.MarkAsReadResponse(success=True, unread_count=state.unread)

    async def get_unread_count(self, request: conv.GetUnreadCountRequest, call: Call) -> conv.GetUnreadCountResponse:
        """Return how much is unread, in sum and by conversation."""
        caller = await call.user(request.user_id, "user_id")
        if request.conversation_id:
            views = [await self._conversations.get(caller, request.conversation_id)]
        else:
            views = await conversation_views(self._conversations, caller, MAX_CONVERSATIONS)
        counts = [
            conv.ConversationUnreadCount(conversation_id=view.conversation.id, unread_count=view.unread)
            for view in views
        ]
        total = sum(view.unread for view in views)
        return conv.GetUnreadCountResponse(unread_count=total, conversation_counts=counts)


class GroupServant(Servant):
    """`GroupService`."""

    service: ClassVar[ServiceDescriptor] = grp.DESCRIPTOR.services_by_name["GroupService"]

    def __init__(self, services: LogicServices, history: History) -> None:
        self._conversations = services.conversations
        self._history = history

    async def create_group(self, request: grp.CreateGroupRequest, call: Call) -> grp.CreateGroupResponse:
        """Make a group that the creator owns."""
        caller = await call.user(request.creator_id, "creator_id")
        members = tuple(member for member in dict.fromkeys(request.member_ids) if member != caller.user_id)
        made = NewGroup(
            request.name,
            members=members,
            avatar=request.avatar_url,
            introduction=request.description,
            history=self._history,
        )
        view = await self._conversations.create_group(caller, made)
        return grp.CreateGroupResponse(group=values.group(view.conversation))

    async def get_group(self, request: grp.GetGroupRequest, call: Call) -> grp.GetGroupResponse:
        """Return a group, to its members."""
        caller = await call.user(request.user_id, "user_id")
        view = await self._conversations.get(caller, values.group_conversation(request.group_id))
        return grp.GetGroupResponse(group=values.group(view.conversation), user_role=values.role(view.member))

    async def join_group(self, request: grp.JoinGroupRequest, call: Call) -> grp.JoinGroupResponse:
        """Join; `success` is False while an admin has to approve."""
        caller = await call.user(request.user_id, "user_id")
        conversation = values.group_conversation(request.group_id)
        status = await self._conversations.join(caller, conversation, request.reason)
        if status is not RequestStatus.ACCEPTED:
            return grp.JoinGroupResponse(success=False)
        view = await self._conversations.get(caller, conversation)
        return grp.JoinGroupResponse(success=True, group=values.group(view.conversation))

    async def leave_group(self, request: grp.LeaveGroupRequest, call: Call) -> grp.LeaveGroupResponse:
        """Leave."""
        caller = await call.user(request.user_id, "user_id")
        await self._conversations.leave(caller, values.group_conversation(request.group_id))
        return grp.LeaveGroupResponse(success=True)

    async def get_group_members(self, request: grp.GetGroupMembersRequest, call: Call) -> grp.GetGroupMembersResponse:
        """Return a page of the members, the highest role first."""
        caller = await call.user(request.user_id, "user_id")
        conversation = values.group_conversation(request.group_id)
        page, size = max(request.page, 1), page_size(request.page_size)
        found: list[grp.GroupMember] = []
        total, cursor, more = 0, "", True
        while more:
            part = await self._conversations.members(caller, conversation, cursor, _MEMBERS)
            users = {user.id: user for user in part.users}
            found += [
                values.group_member(member, users.get(member.user_id))
                for member in part.items
                if request.role_filter in (0, ROLES[member.role])
            ]
            total, cursor = part.total, part.cursor
            more = cursor != "" and len(found) < min(page * size, MAX_MEMBERS)
        shown = found[(page - 1) * size : page * size]
        return grp.GetGroupMembersResponse(members=shown, total=total, page=page, page_size=size)

    async def update_group(self, request: grp.UpdateGroupRequest, call: Call) -> grp.UpdateGroupResponse:
        """Change a group; what is empty stays as it is."""
        caller = await call.user(request.user_id, "user_id")
        changes = GroupSettings(
            name=request.name or None,
            avatar=request.avatar_url or None,
            introduction=request.description or None,
        )
        view = await self._conversations.update_group(caller, values.group_conversation(request.group_id), changes)
        return grp.UpdateGroupResponse(success=True, group=values.group(view.conversation))

    async def set_member_role(self, request: grp.SetMemberRoleRequest, call: Call) -> grp.SetMemberRoleResponse:
        """Give a role; that of the owner gives the group away."""
        caller = await call.user(request.operator_id, "operator_id")
        conversation = values.group_conversation(request.group_id)
        role = next((role for role, number in ROLES.items() if number == request.new_role), None)
        if role is None:
            raise invalid("new_role", f"new_role is {request.new_role}; 1 member, 2 admin, 3 owner are allowed")
        if role is Role.OWNER:
            await self._conversations.transfer(caller, conversation, request.target_user_id)
        else:
            await self._conversations.set_role(caller, conversation, request.target_user_id, role)
        return grp.SetMemberRoleResponse(success=True)

    async def remove_member(self, request: grp.RemoveMemberRequest, call: Call) -> grp.RemoveMemberResponse:
        """Remove a member of lower rank."""
        caller = await call.user(request.operator_id, "operator_id")
        conversation = values.group_conversation(request.group_id)
        await self._conversations.remove_member(caller, conversation, request.target_user_id)
        return grp.RemoveMemberResponse(success=True)


class MessageServant(Servant):
    """`MessageService`."""

    service: ClassVar[ServiceDescriptor] = msg.DESCRIPTOR.services_by_name["MessageService"]

    def __init__(self, services: LogicServices) -> None:
        self._messages = services.messages

    async def send_message(self, request: msg.SendMessageRequest, call: Call) -> msg.SendMessageResponse:
        """Send; without a key a repetition is a new message."""
        caller = await call.user(request.user_id, "user_id")
        key = request.client_msg_id
        ours = check_client_key(key) if key else f"{SERVER_KEY_MARK}{secrets.token_hex(16)}"
        sent = await send(self._messages, caller, ours, request.conversation_id, request.type, request.content)
        return msg.SendMessageResponse(message=values.message(sent), client_msg_id=key)


def page_size(asked: int) -> int:
    """Return the size of a page: what was asked for within bounds, else the usual one."""
    return min(asked, MAX_PAGE) if asked > 0 else PAGE
