"""What GoChat's web client calls (wire.md 5.2), translated to logic's services."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.ids import OPEN_CONVERSATION
from resonance.domain.model import Caller, ConversationKind, NewGroup, User, UserKind
from resonance.domain.windows import History
from resonance.gateway.dialects.gochat.envelope import answer
from resonance.gateway.dialects.gochat.tables import conversation_item, message, user_info
from resonance.gateway.http.context import (
    AccountsOf,
    AddressOf,
    CallerOf,
    ContextOf,
    ConversationsOf,
    FriendsOf,
    MessagesOf,
    TokenOf,
)
from resonance.gateway.http.listing import conversation_views
from resonance.services import LogicServices
from resonance.services.accounts import Login, Registration, Tokens

DIALECT = "gochat"
MAX_CONVERSATIONS = 1_000
"""Longest list; it has no pages."""
PAGE = 50
MAX_PAGE = 200

router = APIRouter(prefix="/api")


class Body(BaseModel):
    """A request; fields may also be spelled as in the core."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Credentials(Body):
    """Who registers or logs in."""

    username: str
    password: str


class Guest(Body):
    """How a guest wants to be called; the web client leaves it empty."""

    guest_name: str = ""


class Friend(Body):
    """Whom to befriend."""

    friend_id: str


class Group(Body):
    """A group to be made; the maker need not be among the members."""

    group_name: str
    members: list[str] = Field(default_factory=list, max_length=500)


# ---------------------------------------------------------------- accounts


@router.post("/auth/register")
async def register(body: Credentials, context: ContextOf, address: AddressOf) -> Response:
    """Create an account. The client logs in afterwards."""
    wish = Registration(body.username.strip(), body.password, address=address, dialect=DIALECT)
    tokens = await context.services.accounts.register(wish)
    await _arrive(context.services, tokens)
    return answer(user_info(tokens.user), 201)


@router.post("/auth/login")
async def login(body: Credentials, context: ContextOf, address: AddressOf) -> Response:
    """Log in."""
    wish = Login(body.username.strip(), body.password, address=address, dialect=DIALECT)
    tokens = await context.services.accounts.login(wish)
    await context.services.conversations.open_to_all(_caller(tokens))
    return answer({"token": tokens.access_token, "user": user_info(tokens.user)})


@router.post("/auth/guest")
async def guest(body: Guest, context: ContextOf, address: AddressOf) -> Response:
    """Make an account to look around with: nobody knows its password, so it lasts as long as its token."""
    name = f"guest-{secrets.token_hex(5)}"
    wish = Registration(
        name,
        secrets.token_urlsafe(24),
        nickname=body.guest_name.strip() or name,
        address=address,
        dialect=DIALECT,
        guest=True,
    )
    tokens = await context.services.accounts.register(wish)
    await _arrive(context.services, tokens)
    return answer({"token": tokens.access_token, "user": user_info(tokens.user)})


@router.post("/auth/logout")
async def logout(context: ContextOf, token: TokenOf) -> Response:
    """End the device of the token. Never a 401: this client would log out again, without end (wire.md 5.1)."""
    try:
        principal = await context.authenticator.authenticate(token)
        await context.services.accounts.logout(principal.caller)
    except ServiceError as error:
        if error.code.value.retry:
            raise
    else:
        context.authenticator.forget((principal.caller.device_id,))
    return answer(None)


@router.get("/user/info")
@router.get("/users/info")
async def own_info(caller: CallerOf, accounts: AccountsOf) -> Response:
    """Return the caller."""
    return answer(user_info(await accounts.user(caller, caller.user_id)))


@router.get("/users/status/online")
async def online(caller: CallerOf, accounts: AccountsOf, conversations: ConversationsOf) -> Response:
    """Return who is online of those the caller has a single conversation with."""
    views = await conversation_views(conversations, caller, MAX_CONVERSATIONS)
    peers = [view.peer.id for view in views if view.peer is not None]
    states = await accounts.presence(caller, peers) if peers else []
    return answer({state.user_id: state.online for state in states})


@router.get("/users/{username}")
async def find(username: str, caller: CallerOf, accounts: AccountsOf) -> Response:
    """Return the user with exactly this name."""
    return answer(user_info(await accounts.user(caller, username)))


# ---------------------------------------------------------------- conversations


@router.get("/conversations")
async def conversation_list(caller: CallerOf, conversations: ConversationsOf) -> Response:
    """Return all of them: everybody's first, then the latest changed."""
    views = await conversation_views(conversations, caller, MAX_CONVERSATIONS)
    views.sort(key=lambda view: view.conversation.kind is not ConversationKind.OPEN)
    return answer([conversation_item(view) for view in views])


@router.get("/conversations/{conversation_id}/messages")
async def history(
    conversation_id: str,
    caller: CallerOf,
    messages: MessagesOf,
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=MAX_PAGE)] = PAGE,
) -> Response:
    """Return a page, the newest first, ascending in itself; whoever reads the newest has read it (wire.md 5.2.3)."""
    newest = await messages.history(caller, conversation_id, 0, size)
    if page == 1:
        await messages.mark_read(caller, conversation_id, 0)
        return answer([message(entry) for entry in newest.entries])
    before = newest.end + 1 - (page - 1) * size
    if before <= newest.begin:
        return answer([])
    older = await messages.history(caller, conversation_id, before, size)
    return answer([message(entry) for entry in older.entries])


@router.put("/conversations/{conversation_id}/read")
async def read(conversation_id: str, caller: CallerOf, messages: MessagesOf) -> Response:
    """Move the caller's read pointer to the end."""
    state = await messages.mark_read(caller, conversation_id, 0)
    return answer({"unreadCount": state.unread})


# ---------------------------------------------------------------- friends and groups


@router.post("/friends")
async def befriend(
    body: Friend, caller: CallerOf, accounts: AccountsOf, friends: FriendsOf, conversations: ConversationsOf
) -> Response:
    """Become friends, or ask to, as the server's policy is; and open the conversation, which both then list."""
    await _refuse_guests(accounts, caller)
    status = await friends.request(caller, body.friend_id, "")
    view = await conversations.open_single(caller, body.friend_id)
    return answer({"status": status.name.lower(), "conversation": conversation_item(view)}, 201)


@router.post("/groups")
async def make_group(
    body: Group, caller: CallerOf, accounts: AccountsOf, conversations: ConversationsOf, context: ContextOf
) -> Response:
    """Make a group of those members that exist: this client offers people that a server need not have (5.2.6)."""
    await _refuse_guests(accounts, caller)
    if not body.members:
        raise invalid("members", "a group needs another member")
    known: list[User] = await accounts.users(caller, list(dict.fromkeys(body.members)))
    others = tuple(user.id for user in known if user.id != caller.user_id)
    made = NewGroup(body.group_name.strip(), members=others, history=History[context.settings.groups.history.upper()])
    view = await conversations.create_group(caller, made)
    return answer({"conversation": conversation_item(view)}, 201)


# ---------------------------------------------------------------- parts


def _caller(tokens: Tokens) -> Caller:
    return Caller(tokens.user.id, 0, tokens.device_id)


async def _arrive(services: LogicServices, tokens: Tokens) -> None:
    """Show a newcomer everybody's conversation, with nothing in it unread."""
    caller = _caller(tokens)
    await services.conversations.open_to_all(caller)
    await services.messages.mark_read(caller, OPEN_CONVERSATION, 0)


async def _refuse_guests(accounts: AccountsOf, caller: Caller) -> None:
    if (await accounts.user(caller, caller.user_id)).kind is UserKind.GUEST:
        raise ServiceError(Code.ROLE_INSUFFICIENT, "a guest has to register before making friends and groups")
