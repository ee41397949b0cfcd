"""What a process tells others to call it by, and what the configuration says of others."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from resonance.config import Settings
from resonance.discovery import Discovery, reachable
from resonance.domain.errors import ServiceError


@pytest.mark.parametrize(
    ("address", "advertise", "expected"),
    [
        ("127.0.0.1:15090", None, "127.0.0.1:15090"),
        ("127.0.0.1:15090", "logic.example", "logic.example:15090"),
        ("0.0.0.0:15090", None, f"{socket.gethostname()}:15090"),
        ("[::]:15090", "fd00::1", "[fd00::1]:15090"),
        ("[fd00::1]:15090", None, "[fd00::1]:15090"),
        ("unix:/run/logic.sock", "logic.example", "unix:/run/logic.sock"),
    ],
)
def test_what_others_call(address: str, advertise: str | None, expected: str) -> None:
    assert reachable(address, advertise) == expected


def test_a_relative_socket_is_told_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Others run in folders of their own."""
    monkeypatch.chdir(tmp_path)
    assert reachable("unix:data/logic.sock", None) == f"unix:{tmp_path}/data/logic.sock"


async def test_endpoints_may_hold_several_addresses() -> None:
    settings = Settings(data_dir=Path("/d"), endpoints={"logic-service": "unix:a.sock, 127.0.0.1:1,[::1]:2"})
    discovery = Discovery("gateway", settings)
    pool = await discovery.pool("logic-service")
    assert sorted(instance.address for instance in pool.watch.instances) == ["127.0.0.1:1", "[::1]:2", "unix:/d/a.sock"]
    with pytest.raises(ServiceError, match="no address for repo-service"):
        await discovery.pool("repo-service")
    await discovery.close()
