"""What Resonance's web client calls (api.proto), translated to logic's services."""

from __future__ import annotations

from resonance._proto.gateway.v1 import api_pb2 as pb
from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.ids import OPEN_CONVERSATION
from resonance.domain.model import ConversationKind, NewGroup
from resonance.domain.windows import History
from resonance.gateway.dialects.resonance.connect import Asked
from resonance.gateway.dialects.resonance.tables import (
    TYPES,
    contact_info,
    push_message,
    session_info,
    user_info,
)
from resonance.gateway.http.listing import conversation_views
from resonance.services.accounts import Login, Registration

DIALECT = "resonance"
MAX_SESSIONS = 1_000
"""Longest list; it has no pages."""
MAX_FOUND = 50
HISTORY_LIMIT, HISTORY_MOST = 20, 100
DELTA_LIMIT, DELTA_MOST = 100, 500
"""Messages in an answer when the caller names no limit, and at most."""

_SINGLE = TYPES[ConversationKind.SINGLE]
_DEAD = frozenset({Code.UNAUTHENTICATED, Code.TOKEN_INVALID, Code.TOKEN_EXPIRED, Code.TOKEN_REVOKED})


class AuthApi:
    """Registration and login; each gives one token, good for all of this dialect."""

    async def login(self, request: pb.LoginRequest, asked: Asked) -> pb.LoginResponse:
        """Log in."""
        wish = Login(request.username, request.password, address=asked.address, dialect=DIALECT)
        tokens = await asked.context.services.accounts.login(wish)
        return pb.LoginResponse(access_token=tokens.access_token, user=user_info(tokens.user))

    async def register(self, request: pb.RegisterRequest, asked: Asked) -> pb.RegisterResponse:
        """Create an account and log in."""
        wish = Registration(
            request.username, request.password, request.nickname, address=asked.address, dialect=DIALECT
        )
        tokens = await asked.context.services.accounts.register(wish)
        return pb.RegisterResponse(access_token=tokens.access_token, user=user_info(tokens.user))

    async def logout(self, request: pb.LogoutRequest, asked: Asked) -> pb.LogoutResponse:
        """End the device of the token, which a client may also send in the body; a dead one is no error."""
        authenticator = asked.context.authenticator
        try:
            principal = await authenticator.authenticate(asked.token or request.access_token)
        except ServiceError as error:
            if error.code in _DEAD:
                return pb.LogoutResponse(success=True)
            raise
        await asked.context.services.accounts.logout(principal.caller)
        authenticator.forget((principal.caller.device_id,))
        return pb.LogoutResponse(success=True)


class SessionApi:
    """Sessions, messages and people, for the caller that the token names."""

    async def get_session_list(self, _: pb.GetSessionListRequest, asked: Asked) -> pb.GetSessionListResponse:
        """Return the caller's sessions with their last messages."""
        caller = await asked.caller()
        views = await conversation_views(asked.context.services.conversations, caller, MAX_SESSIONS)
        shown = [view for view in views if view.conversation.kind is not ConversationKind.OPEN]
        return pb.GetSessionListResponse(sessions=[session_info(view) for view in shown])

    async def create_session(self, request: pb.CreateSessionRequest, asked: Asked) -> pb.CreateSessionResponse:
        """Open the single session with somebody, or make a group."""
        caller = await asked.caller()
        conversations = asked.context.services.conversations
        others = [member for member in dict.fromkeys(request.members) if member != caller.user_id]
        if request.type == _SINGLE:
            if len(others) != 1:
                raise invalid("members", f"a single session has one other member, not {len(others)}")
            view = await conversations.open_single(caller, others[0])
        else:
            history = History[asked.context.settings.groups.history.upper()]
            view = await conversations.create_group(
                caller, NewGroup(request.name, members=tuple(others), history=history)
            )
        return pb.CreateSessionResponse(session_id=view.conversation.id)

    async def get_history_messages(
        self, request: pb.GetHistoryMessagesRequest | pb.GetRecentMessagesRequest, asked: Asked
    ) -> pb.GetHistoryMessagesResponse:
        """Return the newest messages before a seq, ascending."""
        caller = await asked.caller()
        page = await asked.context.services.messages.history(
            caller, request.session_id, request.before_seq, _limit(request.limit, HISTORY_LIMIT, HISTORY_MOST)
        )
        return pb.GetHistoryMessagesResponse(messages=[push_message(entry) for entry in page.entries])

    async def get_recent_messages(
        self, request: pb.GetRecentMessagesRequest, asked: Asked
    ) -> pb.GetRecentMessagesResponse:
        """Return the same by its older name."""
        answer = await self.get_history_messages(request, asked)
        return pb.GetRecentMessagesResponse(messages=answer.messages)

    async def get_contact_list(self, _: pb.GetContactListRequest, asked: Asked) -> pb.GetContactListResponse:
        """Return the other members of the caller's single sessions."""
        caller = await asked.caller()
        views = await conversation_views(asked.context.services.conversations, caller, MAX_SESSIONS)
        peers = [view.peer for view in views if view.peer is not None and view.peer.id != caller.user_id]
        return pb.GetContactListResponse(contacts=[contact_info(peer) for peer in peers])

    async def search_user(self, request: pb.SearchUserRequest, asked: Asked) -> pb.SearchUserResponse:
        """Return people whose handle or nickname holds the query."""
        caller = await asked.caller()
        found = await asked.context.services.accounts.search(caller, request.query, MAX_FOUND)
        return pb.SearchUserResponse(users=[contact_info(user) for user in found])

    async def update_read_position(
        self, request: pb.UpdateReadPositionRequest, asked: Asked
    ) -> pb.UpdateReadPositionResponse:
        """Move the caller's read pointer forward."""
        caller = await asked.caller()
        state = await asked.context.services.messages.mark_read(caller, request.session_id, request.seq_id)
        return pb.UpdateReadPositionResponse(unread_count=state.unread)

    async def pull_inbox_delta(self, request: pb.PullInboxDeltaRequest, asked: Asked) -> pb.PullInboxDeltaResponse:
        """Return what came in after a cursor."""
        caller = await asked.caller()
        page = await asked.context.services.messages.inbox(
            caller, request.cursor_id, _limit(request.limit, DELTA_LIMIT, DELTA_MOST)
        )
        events = [
            pb.InboxEvent(inbox_id=item.position, message=push_message(item.entry))
            for item in page.items
            if item.entry.conversation_id != OPEN_CONVERSATION
        ]
        return pb.PullInboxDeltaResponse(events=events, next_cursor_id=page.cursor, has_more=page.more)


def _limit(asked: int, usual: int, most: int) -> int:
    """Return how many messages to answer; Resonance's own server clamped, too."""
    return min(asked, most) if asked > 0 else usual
