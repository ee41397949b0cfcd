"""Suites are ordinary modules to pytest: this makes their failing assertions as telling as those of test modules.

And an etcd for all tests of a module; each test has a prefix of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from resonance.config.engines import EtcdConfig
from tests.engines.etcd import EtcdServer, etcd_server

_HERE = Path(__file__).parent
for _path in (*_HERE.glob("*/suite_*.py"), _HERE / "store" / "making.py"):
    pytest.register_assert_rewrite(f"{__package__}.{_path.parent.name}.{_path.stem}")


@pytest.fixture(scope="module")
def etcd() -> Iterator[EtcdServer]:
    """A server; whoever stops it starts it again."""
    with etcd_server() as running:
        yield running


@pytest.fixture
def config(etcd: EtcdServer) -> EtcdConfig:
    """A part of that etcd which nobody else uses."""
    return EtcdConfig(endpoints=(etcd.endpoint,), prefix=f"/test/{secrets.token_hex(6)}", timeout=2)
