"""Callers of GoChat's gRPC names, as services of that system are: plain stubs, numbers of its contract."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio
import pytest

from tests.e2e.dialects.gochat_client import GoChatClient
from tests.e2e.dialects.gochat_messages import LOGIC, OWN, REPO
from tests.e2e.dialects.scenarios import clients
from tests.e2e.servers import Deployment

PACKAGES = {"im.logic.v1": LOGIC, "im.repo.v1": REPO, "resonance.gochat.v1": OWN}


class Services:
    """A caller of one role's services."""

    def __init__(self, channel: grpc.aio.Channel, credentials: str = "") -> None:
        self._channel = channel
        self._credentials = credentials

    async def call(self, method: str, /, _token: str = "", **fields: Any) -> Any:
        """Call `package.Service/Method`."""
        service, _, name = method.partition("/")
        classes = PACKAGES[service.rpartition(".")[0]]
        stub: Any = self._channel.unary_unary(
            f"/{method}", classes[f"{name}Request"].SerializeToString, classes[f"{name}Response"].FromString
        )
        shown = _token or self._credentials
        metadata = (("authorization", f"Bearer {shown}"),) if shown else ()
        return await stub(classes[f"{name}Request"](**fields), metadata=metadata, timeout=20)


async def people(deployment: Deployment, *names: str) -> list[GoChatClient]:
    made: list[GoChatClient] = await clients(GoChatClient, deployment.url, *names)
    return made


async def refused(call: Any, status: grpc.StatusCode) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    assert refusal.value.code() is status
