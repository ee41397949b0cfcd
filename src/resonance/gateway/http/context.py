"""What handlers are given: the services, the settings, and who calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from resonance.config import Settings
from resonance.domain.model import Caller, Principal
from resonance.gateway.http.auth import Authenticator
from resonance.gateway.http.health import Health
from resonance.services import LogicServices
from resonance.services.accounts import Accounts
from resonance.services.conversations import Conversations
from resonance.services.friends import Friends
from resonance.services.messages import Messages


@dataclass(frozen=True, slots=True)
class Context:
    """Everything the HTTP door works with; one per app.

    Attributes:
        server_key: makes an idempotency key for a message whose client gave none (`~{gateway}.{epoch}.0.{n}`).
    """

    services: LogicServices
    settings: Settings
    health: Health
    authenticator: Authenticator
    server_key: Callable[[], str]


def bind(app: FastAPI, context: Context) -> None:
    """Give the app its context."""
    app.state.context = context


async def context_of(request: Request) -> Context:
    """Return the context of the app that serves the request."""
    context = request.app.state.context
    assert isinstance(context, Context)
    return context


_bearer = HTTPBearer(auto_error=False, description="The access token that login, register or refresh answered.")


async def access_token(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> str:
    """Return the token of `Authorization: Bearer`, "" when there is none."""
    return credentials.credentials if credentials else ""


async def principal_of(
    request: Request,
    context: Annotated[Context, Depends(context_of)],
    token: Annotated[str, Depends(access_token)],
) -> Principal:
    """Say who calls, and tell the request log. Refusals are those of `Accounts.authenticate`."""
    principal = await context.authenticator.authenticate(token)
    request.state.user_id = principal.caller.user_id
    return principal


async def caller_of(principal: Annotated[Principal, Depends(principal_of)]) -> Caller:
    """Return the caller."""
    return principal.caller


async def _address(request: Request) -> str:
    address: str = request.state.address  # found by `middleware.observe`
    return address


async def _accounts(context: Annotated[Context, Depends(context_of)]) -> Accounts:
    return context.services.accounts


async def _friends(context: Annotated[Context, Depends(context_of)]) -> Friends:
    return context.services.friends


async def _conversations(context: Annotated[Context, Depends(context_of)]) -> Conversations:
    return context.services.conversations


async def _messages(context: Annotated[Context, Depends(context_of)]) -> Messages:
    return context.services.messages


# What handlers write in their signatures.
ContextOf = Annotated[Context, Depends(context_of)]
TokenOf = Annotated[str, Depends(access_token)]
AddressOf = Annotated[str, Depends(_address)]
CallerOf = Annotated[Caller, Depends(caller_of)]
AccountsOf = Annotated[Accounts, Depends(_accounts)]
FriendsOf = Annotated[Friends, Depends(_friends)]
ConversationsOf = Annotated[Conversations, Depends(_conversations)]
MessagesOf = Annotated[Messages, Depends(_messages)]
