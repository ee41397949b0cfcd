"""What Resonance's own gateways ask logic: to take note of who is connected to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import ClassVar

from google.protobuf.descriptor import ServiceDescriptor

from resonance._proto.logic.v1 import presence_pb2 as pb
from resonance.domain.errors import ServiceError
from resonance.domain.ids import check_handle
from resonance.gateway.foreign_gateways import Gateway, Gateways
from resonance.rpc.foreign import Call, Servant

SILENCE_S = 86_400.0
"""After how much silence a gateway without a stream has nobody online any more; Resonance's routes lived as long."""


async def tell(gateway: Gateway, online: Iterable[pb.UserOnline], offline: Iterable[pb.UserOffline]) -> None:
    """Take note of users who came and went.

    Raises:
        ServiceError: INVALID_ARGUMENT for a name that is none, and nothing is done; as `Gateway.tell`.
    """
    came = {check_handle(user.username, "username"): user.remote_ip for user in online}
    await gateway.tell(came, [check_handle(user.username, "username") for user in offline])


class GatewayOpsServant(Servant):
    """`resonance.logic.v1.GatewayOpsService`."""

    service: ClassVar[ServiceDescriptor] = pb.DESCRIPTOR.services_by_name["GatewayOpsService"]

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways

    async def sync_state(
        self, requests: AsyncIterator[pb.SyncStateRequest], call: Call
    ) -> AsyncIterator[pb.SyncStateResponse]:
        """Take note of users one by one, each answered when logic knows; the end of the stream is the gateway's."""
        await call.service()
        streaming: set[Gateway] = set()
        try:
            async for request in requests:
                error = ""
                try:
                    gateway = self._gateways.named(request.gateway_id)
                    if gateway not in streaming:
                        gateway.streams += 1
                        streaming.add(gateway)
                    event = request.WhichOneof("event")
                    await tell(
                        gateway,
                        [request.online] if event == "online" else [],
                        [request.offline] if event == "offline" else [],
                    )
                except ServiceError as refusal:
                    error = refusal.message
                yield pb.SyncStateResponse(seq_id=request.seq_id, error=error)
        finally:
            for gateway in streaming:
                gateway.streams -= 1
                if not gateway.streams:
                    gateway.cut()


class PresenceServant(Servant):
    """`resonance.logic.v1.PresenceService`."""

    service: ClassVar[ServiceDescriptor] = pb.DESCRIPTOR.services_by_name["PresenceService"]

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways

    async def sync_status(self, request: pb.SyncStatusRequest, call: Call) -> pb.SyncStatusResponse:
        """Take note of a batch of users; of one who is in it twice, the later event counts."""
        await call.service()
        came = {user.username: user.timestamp for user in request.online_batch}
        went = {user.username: user.timestamp for user in request.offline_batch}
        online = [user for user in request.online_batch if user.timestamp >= went.get(user.username, user.timestamp)]
        offline = [
            user for user in request.offline_batch if user.username not in came or user.timestamp > came[user.username]
        ]
        try:
            await tell(self._gateways.named(request.gateway_id), online, offline)
        except ServiceError as refusal:
            return pb.SyncStatusResponse(seq_id=request.seq_id, error=refusal.message)
        return pb.SyncStatusResponse(seq_id=request.seq_id)
