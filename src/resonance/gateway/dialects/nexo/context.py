"""Who calls, as Nexo's clients say it; and routes that answer refusals as one part of the protocol calls them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from resonance.domain.errors import ServiceError
from resonance.domain.model import Caller
from resonance.gateway.dialects.nexo import internal
from resonance.gateway.dialects.nexo.bodies import ConversationId
from resonance.gateway.dialects.nexo.errors import Area, AreaError
from resonance.gateway.http.context import ContextOf, TokenOf, principal_of
from resonance.gateway.http.strict import StrictRoute


async def _caller(
    request: Request, context: ContextOf, bearer: TokenOf, x_token: Annotated[str, Header()] = ""
) -> Caller:
    if internal.is_signed(request):
        return await internal.acting_caller(request, context)
    principal = await principal_of(request, context, bearer or x_token)
    return principal.caller


CallerOf = Annotated[Caller, Depends(_caller)]
"""The caller: by `Authorization: Bearer` or, as later clients have it, `X-Token`; services name theirs (`internal`)."""

ConversationQuery = Annotated[ConversationId, Query(min_length=1)]
"""The conversation that a query names."""


def area_router(prefix: str, area: Area) -> APIRouter:
    """Return a router whose refusals are called as in `area`; bodies are read strictly, whatever their type."""

    class AreaRoute(StrictRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handle_in_area(request: Request) -> Response:
                try:
                    return await handle(request)
                except ServiceError as error:
                    raise AreaError(error, area) from error

            return handle_in_area

    return APIRouter(prefix=prefix, route_class=AreaRoute, strict_content_type=False)
