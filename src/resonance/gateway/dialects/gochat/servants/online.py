"""`im.repo.v1.OnlineStatusService`: who is online, and who is by what gateways of GoChat's own say."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import takewhile
from typing import ClassVar

from google.protobuf.descriptor import ServiceDescriptor

from resonance._proto.im.repo.v1 import repo_pb2 as pb
from resonance.domain.ids import UserId, check_handle
from resonance.gateway.dialects.gochat.servants.reading import named_users
from resonance.gateway.foreign_gateways import Gateway, Gateways
from resonance.rpc.foreign import Call, Servant
from resonance.services.delivery import Delivery

TTL_S = 300.0
"""How long a user stays online without a heartbeat, and a whole gateway without any (GoChat's online_status_ttl)."""
_BATCH = 1_000


class OnlineStatusServant(Servant):
    """For services alone. A gateway that tells of its users is a link to logic, as one of ours is."""

    service: ClassVar[ServiceDescriptor] = pb.DESCRIPTOR.services_by_name["OnlineStatusService"]

    def __init__(self, gateways: Gateways, delivery: Delivery) -> None:
        self._gateways = gateways
        self._delivery = delivery

    async def set_user_online(self, request: pb.SetUserOnlineRequest, call: Call) -> pb.SetUserOnlineResponse:
        """Have a user online at a gateway, until it says otherwise or has not confirmed it for `TTL_S`."""
        await call.service()
        user, gateway = check_handle(request.user_id), self._gateways.named(request.gateway_id)
        await gateway.tell({user: ""}, [other for other in _expired(gateway) if other != user])
        status = pb.OnlineStatus(
            user_id=user,
            is_online=True,
            gateway_id=request.gateway_id,
            last_seen=int(time.time()),
            client_info=request.client_info,
        )
        return pb.SetUserOnlineResponse(success=True, status=status)

    async def set_user_offline(self, request: pb.SetUserOfflineRequest, call: Call) -> pb.SetUserOfflineResponse:
        """Have a user offline at a gateway; a connection elsewhere, to us or to another gateway, stays."""
        await call.service()
        user, gateway = check_handle(request.user_id), self._gateways.named(request.gateway_id)
        await gateway.tell({}, [user, *_expired(gateway)])
        return pb.SetUserOfflineResponse(success=True)

    async def update_heartbeat(self, request: pb.UpdateHeartbeatRequest, call: Call) -> pb.UpdateHeartbeatResponse:
        """Confirm that a user is online; no success where that is not known (any more): it has to be set again."""
        await call.service()
        user, gateway = check_handle(request.user_id), self._gateways.named(request.gateway_id)
        expired = _expired(gateway)
        known = not gateway.over() and user in gateway.seen and user not in expired
        if not known:
            return pb.UpdateHeartbeatResponse(success=False)
        await gateway.tell({user: ""}, expired)
        return pb.UpdateHeartbeatResponse(success=True, last_seen=int(gateway.seen[user]))

    async def cleanup_expired_status(
        self, request: pb.CleanupExpiredStatusRequest, call: Call
    ) -> pb.CleanupExpiredStatusResponse:
        """Have those offline whom their gateway confirmed last before a time (seconds), at most `batch_size`."""
        await call.service()
        left = cleaned = min(request.batch_size, _BATCH) if request.batch_size > 0 else _BATCH
        for _, gateway in self._gateways.living():
            expired = _expired(gateway, request.expired_before)[:left]
            left -= len(expired)
            if expired:
                await gateway.tell({}, expired)
        return pb.CleanupExpiredStatusResponse(cleaned_count=cleaned - left)

    async def get_user_online_status(
        self, request: pb.GetUserOnlineStatusRequest, call: Call
    ) -> pb.GetUserOnlineStatusResponse:
        """Say whether a user is online."""
        await call.service()
        [status] = await self.statuses([request.user_id])
        return pb.GetUserOnlineStatusResponse(status=status)

    async def get_users_online_status(
        self, request: pb.GetUsersOnlineStatusRequest, call: Call
    ) -> pb.GetUsersOnlineStatusResponse:
        """Say which of these users are online."""
        await call.service()
        return pb.GetUsersOnlineStatusResponse(statuses=await self.statuses(named_users(request.user_ids)))

    async def statuses(self, user_ids: Sequence[str]) -> list[pb.OnlineStatus]:
        """Return a state per user, in their order; at which of our own gateways somebody is, is ours to know."""
        offline = set(await self._delivery.offline(user_ids))
        told = [self._told(user_id) for user_id in user_ids]
        return [
            pb.OnlineStatus(user_id=user_id, is_online=user_id not in offline, gateway_id=gateway_id, last_seen=seen)
            for user_id, (gateway_id, seen) in zip(user_ids, told, strict=True)
        ]

    def _told(self, user_id: str) -> tuple[str, int]:
        """Return at which gateway of GoChat's a user is, and when it said so last; the latest word counts."""
        found = [
            (gateway.seen[user_id], gateway_id)
            for gateway_id, gateway in self._gateways.living()
            if user_id in gateway.seen
        ]
        seen, gateway_id = max(found, default=(0.0, ""))
        return gateway_id, int(seen)


def _expired(gateway: Gateway, before: float | None = None) -> list[UserId]:
    """Return whom a gateway has not confirmed since a time, by default for `TTL_S`."""
    since = time.time() - TTL_S if before is None else before
    confirmed_before = takewhile(lambda item: item[1] < since, gateway.seen.items())  # the oldest stand first
    return [UserId(user) for user, _ in confirmed_before]
