"""An etcd for all tests of a module; each test has a prefix of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from resonance.config.settings import EtcdConfig
from tests.engines.etcd import EtcdServer, etcd_server


@pytest.fixture(scope="module")
def server() -> Iterator[EtcdServer]:
    """A server; whoever stops it starts it again."""
    with etcd_server() as running:
        yield running


@pytest.fixture
def config(server: EtcdServer) -> EtcdConfig:
    """A part of the server that nobody else uses."""
    return EtcdConfig(endpoints=(server.endpoint,), prefix=f"/test/{secrets.token_hex(6)}", timeout=2)
