"""Health below /im; at the root it is the gateway's own. It has no envelope."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()


@router.get("/health")
async def health() -> dict[str, str]:
    """Answer as long as the event loop turns."""
    return {"status": "ok"}
