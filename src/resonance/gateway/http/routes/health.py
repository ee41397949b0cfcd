"""Health for load balancers and the curious: does the process live, should it be given work."""

from __future__ import annotations

import time

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from resonance.gateway.http.context import ContextOf
from resonance.gateway.http.schemas.health import Alive, Ready

router = APIRouter(tags=["health"])


@router.head("/healthz", include_in_schema=False)
@router.head("/health", include_in_schema=False)
@router.get("/health", include_in_schema=False)
@router.get("/healthz", operation_id="health", summary="Whether the process lives")
async def health() -> Alive:
    """Answer as long as the event loop turns."""
    return Alive(status="ok", time=int(time.time()))


@router.head("/readyz", include_in_schema=False)
@router.head("/ready", include_in_schema=False)
@router.get("/ready", include_in_schema=False)
@router.get(
    "/readyz",
    operation_id="ready",
    summary="Whether the process should be given work",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "Starting, stopping, or cut off from the rest of the server."}},
)
async def ready(context: ContextOf) -> JSONResponse:
    """Answer 200 or 503, with what keeps the process from being ready."""
    health = context.health
    body = Ready(status="ready" if health.ready else "not_ready", reasons=dict(health.reasons))
    return JSONResponse(body.model_dump(), 200 if health.ready else 503)
