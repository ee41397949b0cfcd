"""GoChat's paths below /api: those that its web client calls (wire.md 5.2), and the others of its generations B and C
(3.2.2, 3.2.3).

Where the two generations give one path different answers, a request is answered in the form of the parameters or fields
it has; one that has neither's is the web client's.
"""

from __future__ import annotations

from fastapi import APIRouter

from resonance.gateway.dialects.gochat.routes import accounts, conversations, friends, groups, members, messages

router = APIRouter()
for _part in (
    accounts.auth_router,
    accounts.router,
    conversations.router,
    members.router,
    messages.router,
    friends.router,
    groups.router,
):
    router.include_router(_part)
