"""gRPC under Resonance's names, for services of that system."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import ClassVar

from google.protobuf.descriptor import ServiceDescriptor

from resonance._proto.gateway.v1 import packet_pb2, push_pb2
from resonance._proto.logic.v1 import auth_pb2, session_pb2
from resonance._proto.logic.v1 import chat_pb2 as pb
from resonance.config import Settings
from resonance.domain.content import Kind, parse_kind
from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.ids import SERVER_KEY_MARK, SYSTEM_USER
from resonance.domain.model import Caller, Platform, SendItem
from resonance.gateway.dialects.resonance.sessions import Sessions
from resonance.gateway.dialects.resonance.tables import DEAD_TOKEN, SessionIds, pushed_entry, send_error, user_info
from resonance.gateway.seams import Downlink
from resonance.observe.trace import current_trace
from resonance.rpc.foreign import Call, Servant
from resonance.services import LogicServices
from resonance.services.accounts import Login, Registration

DIALECT = "resonance"
MAX_USERS = 10_000
"""Users to whom a message may be pushed at once."""


class ChatServant(Servant):
    """`resonance.logic.v1.ChatService`."""

    service: ClassVar[ServiceDescriptor] = pb.DESCRIPTOR.services_by_name["ChatService"]

    def __init__(self, services: LogicServices, settings: Settings) -> None:
        self._messages = services.messages
        self._ids = SessionIds(settings.dialects.resonance_room)

    async def send_message(
        self, requests: AsyncIterator[pb.SendMessageRequest], call: Call
    ) -> AsyncIterator[pb.SendMessageResponse]:
        """Store messages, in order, each for whom it names; refusals come in the answers (seed 000)."""
        async for request in requests:
            caller = await call.user(request.from_username, "from_username")
            try:
                answer = await self._messages.send(caller, self._item(caller, request))
            except ServiceError as error:
                yield pb.SendMessageResponse(error=send_error(error.code.text, error.message))
                continue
            error_text = send_error(answer.code, answer.error)
            yield pb.SendMessageResponse(msg_id=answer.message_id, seq_id=answer.seq, error=error_text)

    def _item(self, caller: Caller, request: pb.SendMessageRequest) -> SendItem:
        """Return a message with a key of ours: this door has none, so a repetition is a new message."""
        return SendItem(
            ref=0,
            connection=0,
            sender=caller.user_id,
            client_msg_id=f"{SERVER_KEY_MARK}{secrets.token_hex(16)}",
            conversation_id=self._ids.conversation(request.session_id),
            to_user=request.to_username,
            kind=parse_kind(request.type) if request.type else Kind.TEXT,
            content=request.content,
            extra="",
            trace=current_trace(),
        )


class AuthServant(Servant):
    """`resonance.logic.v1.AuthService`; its callers are services, who have seen the user."""

    service: ClassVar[ServiceDescriptor] = auth_pb2.DESCRIPTOR.services_by_name["AuthService"]

    def __init__(self, services: LogicServices, settings: Settings) -> None:
        self._accounts = services.accounts
        self._sessions = Sessions(services, settings)

    async def login(self, request: auth_pb2.LoginRequest, call: Call) -> auth_pb2.LoginResponse:
        """Log somebody in."""
        await call.service()
        tokens = await self._accounts.login(Login(request.username, request.password, dialect=DIALECT))
        await self._sessions.arrive(tokens)
        return auth_pb2.LoginResponse(access_token=tokens.access_token, user=user_info(tokens.user))

    async def register(self, request: auth_pb2.RegisterRequest, call: Call) -> auth_pb2.RegisterResponse:
        """Create an account and log in."""
        await call.service()
        wish = Registration(request.username, request.password, request.nickname, dialect=DIALECT)
        tokens = await self._accounts.register(wish)
        await self._sessions.arrive(tokens)
        return auth_pb2.RegisterResponse(access_token=tokens.access_token, user=user_info(tokens.user))

    async def validate_token(
        self, request: auth_pb2.ValidateTokenRequest, call: Call
    ) -> auth_pb2.ValidateTokenResponse:
        """Say who a token is of."""
        await call.service()
        try:
            caller = (await self._accounts.authenticate(request.access_token)).caller
            user = await self._accounts.user(caller, caller.user_id)
        except ServiceError as error:
            if error.code in DEAD_TOKEN or error.code is Code.USER_DISABLED:
                return auth_pb2.ValidateTokenResponse(valid=False)
            raise
        return auth_pb2.ValidateTokenResponse(valid=True, user=user_info(user), username=user.id)


class SessionServant(Servant):
    """`resonance.logic.v1.SessionService`."""

    service: ClassVar[ServiceDescriptor] = session_pb2.DESCRIPTOR.services_by_name["SessionService"]

    def __init__(self, services: LogicServices, settings: Settings) -> None:
        self._sessions = Sessions(services, settings)

    async def get_session_list(
        self, request: session_pb2.GetSessionListRequest, call: Call
    ) -> session_pb2.GetSessionListResponse:
        """Return a user's sessions with their last messages."""
        caller = await call.user(request.username, "username")
        return session_pb2.GetSessionListResponse(sessions=await self._sessions.listed(caller))

    async def create_session(
        self, request: session_pb2.CreateSessionRequest, call: Call
    ) -> session_pb2.CreateSessionResponse:
        """Open the single session with somebody, or make a group."""
        caller = await call.user(request.creator_username, "creator_username")
        made = await self._sessions.create(caller, request.members, request.name, request.type)
        return session_pb2.CreateSessionResponse(session_id=made)

    async def get_history_messages(
        self, request: session_pb2.GetHistoryMessagesRequest, call: Call
    ) -> session_pb2.GetHistoryMessagesResponse:
        """Return the newest messages before a seq, ascending."""
        caller = await call.user(request.username, "username")
        messages = await self._sessions.history(caller, request.session_id, request.before_seq, request.limit)
        return session_pb2.GetHistoryMessagesResponse(messages=messages)

    async def get_recent_messages(
        self, request: session_pb2.GetRecentMessagesRequest, call: Call
    ) -> session_pb2.GetRecentMessagesResponse:
        """Return the same by its older name."""
        caller = await call.user(request.username, "username")
        messages = await self._sessions.history(caller, request.session_id, request.before_seq, request.limit)
        return session_pb2.GetRecentMessagesResponse(messages=messages)

    async def get_contact_list(
        self, request: session_pb2.GetContactListRequest, call: Call
    ) -> session_pb2.GetContactListResponse:
        """Return the other members of a user's single sessions."""
        caller = await call.user(request.username, "username")
        return session_pb2.GetContactListResponse(contacts=await self._sessions.contacts(caller))

    async def search_user(self, request: session_pb2.SearchUserRequest, call: Call) -> session_pb2.SearchUserResponse:
        """Return people whose handle or nickname holds the query; the request has no place for whom this is."""
        principal = await call.principal()
        caller = principal.caller if principal else Caller(SYSTEM_USER, Platform.UNKNOWN, "")
        return session_pb2.SearchUserResponse(users=await self._sessions.search(caller, request.query))

    async def update_read_position(
        self, request: session_pb2.UpdateReadPositionRequest, call: Call
    ) -> session_pb2.UpdateReadPositionResponse:
        """Move a user's read pointer forward."""
        caller = await call.user(request.username, "username")
        unread = await self._sessions.read(caller, request.session_id, request.seq_id)
        return session_pb2.UpdateReadPositionResponse(unread_count=unread)

    async def pull_inbox_delta(
        self, request: session_pb2.PullInboxDeltaRequest, call: Call
    ) -> session_pb2.PullInboxDeltaResponse:
        """Return what came in after a cursor."""
        caller = await call.user(request.username, "username")
        delta = await self._sessions.delta(caller, request.cursor_id, request.limit)
        return session_pb2.PullInboxDeltaResponse(events=delta.events, next_cursor_id=delta.cursor, has_more=delta.more)


class PushServant(Servant):
    """`resonance.gateway.v1.PushService`: messages that a service wants this gateway's clients to see now."""

    service: ClassVar[ServiceDescriptor] = push_pb2.DESCRIPTOR.services_by_name["PushService"]

    def __init__(self, downlink: Downlink, settings: Settings) -> None:
        self._downlink = downlink
        self._ids = SessionIds(settings.dialects.resonance_room)

    async def push_message(
        self, requests: AsyncIterator[push_pb2.PushMessageRequest], call: Call
    ) -> AsyncIterator[push_pb2.PushMessageResponse]:
        """Push messages, in order, each to one user; who is not here is named in the answer."""
        await call.service()
        async for request in requests:
            message = request.message
            _, error = self._push([request.to_username], message)
            yield push_pb2.PushMessageResponse(msg_id=message.msg_id, seq_id=message.seq_id, error=error)

    async def push(self, request: push_pb2.PushRequest, call: Call) -> push_pb2.PushResponse:
        """Push a message to some users."""
        await call.service()
        if len(request.to_usernames) > MAX_USERS:
            raise invalid("to_usernames", f"{len(request.to_usernames)} users are named; {MAX_USERS} are allowed")
        failed, error = self._push(list(dict.fromkeys(request.to_usernames)), request.message)
        return push_pb2.PushResponse(msg_id=request.message.msg_id, error=error, failed_usernames=failed)

    def _push(self, users: list[str], message: packet_pb2.PushMessage) -> tuple[list[str], str]:
        """Push to those who are here; return who is not, and why. What logic pushes is as without it."""
        try:
            entry = pushed_entry(message, self._ids.conversation(message.session_id))
        except ServiceError as error:
            return users, error.message
        absent = self._downlink.tell(entry, users)
        return absent, f"not connected here: {', '.join(absent)}"[:200] if absent else ""
