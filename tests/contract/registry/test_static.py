"""The registry that is written in the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import pytest

from resonance.domain.errors import Code, ServiceError
from resonance.engines.static.registry import StaticRegistry
from resonance.ports.registry import Registry
from tests.contract.registry.suite_registry import RegistrySuite, closing


class TestStaticRegistry(RegistrySuite):
    def knowing(self, addresses: Sequence[str]) -> AbstractAsyncContextManager[Registry]:
        return closing(StaticRegistry({"logic-service": addresses}))


async def test_a_service_without_an_address_is_refused() -> None:
    registry = StaticRegistry({"logic-service": ["127.0.0.1:1"], "repo-service": ["127.0.0.1:2"]})
    with pytest.raises(
        ServiceError, match=r"no address for task-service; it has logic-service, repo-service"
    ) as caught:
        await registry.watch("task-service")
    assert caught.value.code is Code.INVALID_ARGUMENT
