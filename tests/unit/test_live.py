"""A process with live configuration: what it says about changes, and its log level."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from resonance import live as live_module
from resonance.config.load import load
from resonance.live import LiveConfiguration


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[LiveConfiguration]:
    environ = {"RESONANCE_DATA_DIR": str(tmp_path), "RESONANCE_LIVE__INTERVAL": "0.01"}
    live = LiveConfiguration("logic", load(folder=tmp_path, environ=environ))
    yield live
    await live.close()


async def test_a_refusal_is_logged_with_its_reasons(live: LiveConfiguration, tmp_path: Path) -> None:
    (tmp_path / "live.yaml").write_text("messages: {queue_limit: 0}\nservice: {host: x}\n")
    with capture_logs() as logs:
        await live.start()
    [entry] = logs
    assert entry["log_level"] == "warning"
    assert entry["event"] == "live configuration refused: nothing of it is applied"
    assert len(entry["problems"]) == 2
    assert "live.yaml, line 1" in " ".join(entry["problems"])


async def test_the_log_level_changes_and_the_change_is_logged(
    live: LiveConfiguration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = asyncio.Event()
    levels = []

    def configure(log: object, role: str) -> None:
        levels.append((live.settings.observability.log.level, role))
        configured.set()

    monkeypatch.setattr(live_module, "configure", configure)
    await live.start()
    assert levels == []
    with capture_logs() as logs:
        (tmp_path / "live.yaml").write_text("observability: {log: {level: debug}}\n")
        async with asyncio.timeout(10):
            await configured.wait()
    assert levels == [("debug", "logic")]
    assert logs[0] == {
        "event": "live configuration applied",
        "changed": ["observability.log.level"],
        "log_level": "info",
    }
