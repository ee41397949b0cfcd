"""The HTTP application: routes, middleware, errors and documentation put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import Lifespan

from resonance import __version__
from resonance.config import Settings
from resonance.gateway.http import asyncapi, context, errors, middleware, web
from resonance.gateway.http.auth import Authenticator
from resonance.gateway.http.docs import DocumentedApp
from resonance.gateway.http.docs import install as install_docs
from resonance.gateway.http.health import Health
from resonance.gateway.http.owned import Owned, Refusals
from resonance.gateway.http.routes import auth, conversations, friends, groups, health, messages, session, sync, users
from resonance.gateway.ws.doors import NATIVE, Door
from resonance.services import LogicServices

ROUTERS = (
    auth.router,
    users.router,
    friends.router,
    friends.blocks_router,
    conversations.router,
    messages.router,
    groups.router,
    sync.router,
    session.router,
    auth.admin_router,
    health.router,
)
ROUTES = tuple(route for router in ROUTERS for route in router.routes)
"""All routes, with their full paths. `include_router` would build each a second time, in the first request."""


def create_app(
    services: LogicServices,
    settings: Settings,
    health: Health,
    authenticator: Authenticator,
    server_key: Callable[[], str],
    owned: Sequence[Owned] = (),
    doors: Sequence[Door] = NATIVE,
    lifespan: Lifespan[FastAPI] | None = None,
) -> FastAPI:
    """Return the HTTP half of a gateway, to be served by any ASGI server.

    Args:
        services: logic, in this process or behind gRPC.
        health: what /readyz tells; the caller keeps it up to date.
        authenticator: shared with the WebSocket handshake, so that both trust a token equally long.
        server_key: makes keys for messages whose clients give none: `~{gateway id}.{epoch}.0.{n}`, n rising.
        owned: the paths of dialects; native routes come before them.
        doors: what WebSockets speak, for the documentation.
        lifespan: what to start and stop with the server.
    """
    app = DocumentedApp(
        title="Resonance",
        version=__version__,
        routes=[*ROUTES, *owned],
        openapi_url=None,  # ours is at /openapi.json
        redirect_slashes=False,
        lifespan=lifespan,
    )
    context.bind(app, context.Context(services, settings, health, authenticator, server_key))
    middleware.install(app, settings, Refusals(owned))
    errors.install(app, [route for route in ROUTES if isinstance(route, APIRoute)])
    install_docs(app, owned)
    asyncapi.install(app, doors)
    web.install(app, settings.web)
    return app
