"""What Resonance's web client calls (api.proto), translated to logic's services."""

from __future__ import annotations

from resonance._proto.gateway.v1 import api_pb2 as pb
from resonance.domain.errors import ServiceError
from resonance.gateway.dialects.resonance.connect import Asked
from resonance.gateway.dialects.resonance.sessions import Sessions
from resonance.gateway.dialects.resonance.tables import DEAD_TOKEN, user_info
from resonance.services.accounts import Login, Registration

DIALECT = "resonance"


class AuthApi:
    """Registration and login; each gives one token, good for all of this dialect."""

    async def login(self, request: pb.LoginRequest, asked: Asked) -> pb.LoginResponse:
        """Log in."""
        wish = Login(request.username, request.password, address=asked.address, dialect=DIALECT)
        tokens = await asked.context.services.accounts.login(wish)
        await _sessions(asked).arrive(tokens)
        return pb.LoginResponse(access_token=tokens.access_token, user=user_info(tokens.user))

    async def register(self, request: pb.RegisterRequest, asked: Asked) -> pb.RegisterResponse:
        """Create an account and log in."""
        wish = Registration(
            request.username, request.password, request.nickname, address=asked.address, dialect=DIALECT
        )
        tokens = await asked.context.services.accounts.register(wish)
        await _sessions(asked).arrive(tokens)
        return pb.RegisterResponse(access_token=tokens.access_token, user=user_info(tokens.user))

    async def logout(self, request: pb.LogoutRequest, asked: Asked) -> pb.LogoutResponse:
        """End the device of the token, which a client may also send in the body; a dead one is no error."""
        authenticator = asked.context.authenticator
        try:
            principal = await authenticator.authenticate(asked.token or request.access_token)
        except ServiceError as error:
            if error.code in DEAD_TOKEN:
                return pb.LogoutResponse(success=True)
            raise
        await asked.context.services.accounts.logout(principal.caller)
        authenticator.forget((principal.caller.device_id,))
        return pb.LogoutResponse(success=True)


class SessionApi:
    """Sessions, messages and people, for the caller that the token names."""

    async def get_session_list(self, _: pb.GetSessionListRequest, asked: Asked) -> pb.GetSessionListResponse:
        """Return the caller's sessions with their last messages."""
        return pb.GetSessionListResponse(sessions=await _sessions(asked).listed(await asked.caller()))

    async def create_session(self, request: pb.CreateSessionRequest, asked: Asked) -> pb.CreateSessionResponse:
        """Open the single session with somebody, or make a group."""
        made = await _sessions(asked).create(await asked.caller(), request.members, request.name, request.type)
        return pb.CreateSessionResponse(session_id=made)

    async def get_history_messages(
        self, request: pb.GetHistoryMessagesRequest | pb.GetRecentMessagesRequest, asked: Asked
    ) -> pb.GetHistoryMessagesResponse:
        """Return the newest messages before a seq, ascending."""
        messages = await _sessions(asked).history(
            await asked.caller(), request.session_id, request.before_seq, request.limit
        )
        return pb.GetHistoryMessagesResponse(messages=messages)

    async def get_recent_messages(
        self, request: pb.GetRecentMessagesRequest, asked: Asked
    ) -> pb.GetRecentMessagesResponse:
        """Return the same by its older name."""
        answer = await self.get_history_messages(request, asked)
        return pb.GetRecentMessagesResponse(messages=answer.messages)

    async def get_contact_list(self, _: pb.GetContactListRequest, asked: Asked) -> pb.GetContactListResponse:
        """Return the other members of the caller's single sessions."""
        return pb.GetContactListResponse(contacts=await _sessions(asked).contacts(await asked.caller()))

    async def search_user(self, request: pb.SearchUserRequest, asked: Asked) -> pb.SearchUserResponse:
        """Return people whose handle or nickname holds the query."""
        return pb.SearchUserResponse(users=await _sessions(asked).search(await asked.caller(), request.query))

    async def update_read_position(
        self, request: pb.UpdateReadPositionRequest, asked: Asked
    ) -> pb.UpdateReadPositionResponse:
        """Move the caller's read pointer forward."""
        unread = await _sessions(asked).read(await asked.caller(), request.session_id, request.seq_id)
        return pb.UpdateReadPositionResponse(unread_count=unread)

    async def pull_inbox_delta(self, request: pb.PullInboxDeltaRequest, asked: Asked) -> pb.PullInboxDeltaResponse:
        """Return what came in after a cursor."""
        delta = await _sessions(asked).delta(await asked.caller(), request.cursor_id, request.limit)
        return pb.PullInboxDeltaResponse(events=delta.events, next_cursor_id=delta.cursor, has_more=delta.more)


def _sessions(asked: Asked) -> Sessions:
    return Sessions(asked.context.services, asked.context.settings)
