"""Nexo's paths (wire.md 2.2.1): at the root, where the seed has them, and below /im, where later clients look."""

from __future__ import annotations

from fastapi import APIRouter

from resonance.gateway.dialects.nexo.routes import accounts, conversations, groups, health, messages

router = APIRouter()
for _prefix in ("", "/im"):
    for _part in (accounts, groups, messages, conversations):
        router.include_router(_part.router, prefix=_prefix)
router.include_router(health.router, prefix="/im")
