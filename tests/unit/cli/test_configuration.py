"""`resonance config`."""

from __future__ import annotations

from pathlib import Path

import pytest

from resonance.config.show import default_yaml, docs_markdown
from tests.unit.cli.conftest import Run


def test_check_shows_what_is_in_effect_and_from_where(run: Run, tmp_path: Path) -> None:
    (tmp_path / "logic.prod.yaml").write_text("\nmessages: {batch_max: 9}\n")
    result = run("config", "check", "--role", "logic", "--env", "prod")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "# environment prod; files: logic.prod.yaml"
    assert "messages.batch_max: 9  # logic.prod.yaml, line 2; live" in lines
    assert "messages.queue_limit: 20000  # live" in lines
    assert "accounts.hash_memory_kib: 8  # RESONANCE_ACCOUNTS__HASH_MEMORY_KIB (environment)" in lines
    assert "inbox: on_demand" in lines


def test_check_fails_with_everything_that_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESONANCE_INBX", "eager")
    monkeypatch.setenv("RESONANCE_SERVICE__HTTP_PORT", "x")
    result = run("config", "check")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "did you mean RESONANCE_INBOX?" in result.stderr
    assert "service.http_port: 'x' is not allowed" in result.stderr


def test_the_default_file_passes_the_check(run: Run, tmp_path: Path) -> None:
    printed = run("config", "default").stdout
    assert printed == default_yaml()
    (tmp_path / "resonance.yaml").write_text(printed)
    assert run("config", "check").exit_code == 0


def test_docs_are_printed_or_written(run: Run, tmp_path: Path) -> None:
    assert run("config", "docs").stdout == docs_markdown()
    assert run("config", "docs", "--output", "page.md").exit_code == 0
    assert (tmp_path / "page.md").read_text() == docs_markdown()
