"""Commands are run in this process: what they set up for theirs is undone after each test."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from resonance.cli.app import app

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], level = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder, without variables of ours."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RESONANCE_ENV", raising=False)
    monkeypatch.setenv("RESONANCE_ACCOUNTS__HASH_MEMORY_KIB", "8")

    def invoke(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(app, list(arguments), input=stdin)

    return invoke
