"""Commands are run in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from resonance.cli.app import app

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder, without variables of ours."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RESONANCE_ENV", raising=False)
    monkeypatch.setenv("RESONANCE_ACCOUNTS__HASH_MEMORY_KIB", "8")

    def invoke(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(app, list(arguments), input=stdin)

    return invoke
