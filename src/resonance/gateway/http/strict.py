"""Strict JSON: what a body may hold before any schema looks at it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.exceptions import HTTPException


class StrictRequest(Request):
    """A request whose JSON is RFC 8259's.

    The standard library's parser, which FastAPI uses, lets halves of surrogate pairs, NaN and endless nesting through,
    and each of them fails somewhere deeper.
    """

    async def json(self) -> object:
        """Return the body. Raises HTTPException 400, the one thing FastAPI passes on from here."""
        try:
            return from_json(await self.body(), allow_inf_nan=False)
        except ValueError as error:
            raise HTTPException(400, f"the body is no JSON: {error}") from error


class StrictRoute(APIRoute):
    """A route that reads its body strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, given a strict request."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return handle_strictly


def api_router(prefix: str, tag: str) -> APIRouter:
    """Return a router whose routes read bodies strictly as JSON, whether or not the client calls them that."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=StrictRoute, strict_content_type=False)
