"""Nexo's paths (wire.md 2.2.1): at the root, where the seed has them, and below /im, where later clients look.

Below /im/internal they are for Nexo's own services, who sign what they ask.
"""

from __future__ import annotations

from fastapi import APIRouter, Depends

from resonance.gateway.dialects.nexo import internal
from resonance.gateway.dialects.nexo.routes import accounts, conversations, groups, health, messages

_PARTS = (accounts.router, groups.router, messages.router, conversations.router)

_signed = APIRouter(prefix=internal.PREFIX, dependencies=[Depends(internal.require_signature)])
for _part in (*_PARTS, health.router):
    _signed.include_router(_part)

router = APIRouter()
router.include_router(_signed)
for _part in _PARTS:
    router.include_router(_part)
    router.include_router(_part, prefix="/im")
router.include_router(health.router, prefix="/im")
