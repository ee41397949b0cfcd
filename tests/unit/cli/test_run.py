"""Commands that run a server: what they hand to the node, and what they say when it is ready."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from resonance import node
from resonance.cli.banner import print_banner
from resonance.config import Settings
from resonance.config.load import Loaded
from tests.unit.cli.conftest import Run

ADDRESSES = {"http": "http://127.0.0.1:8080", "metrics": "http://127.0.0.1:9092/metrics"}


@dataclass
class Started:
    """What a node was started with."""

    role: str
    settings: Settings


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Started]:
    """A node that is ready at once and ends with exit code 7."""
    calls: list[Started] = []

    def start(role: str, loaded: Loaded, ready: Callable[[dict[str, str]], None]) -> int:
        calls.append(Started(role, loaded.settings))
        ready(ADDRESSES)
        return 7

    monkeypatch.setattr(node, "run", start)
    return calls


def test_options_win_over_files(run: Run, started: list[Started], tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "resonance.prod.yaml").write_text("service: {host: 1.1.1.1, http_port: 1}\ninbox: eager\n")
    result = run("serve", "--config", "etc", "--env", "prod", "--port", "0", "--data-dir", "elsewhere")
    assert result.exit_code == 7
    [start] = started
    assert start.role == "serve"
    assert (start.settings.service.host, start.settings.service.http_port) == ("1.1.1.1", 0)
    assert (start.settings.data_dir, start.settings.inbox) == (Path("elsewhere"), "eager")


@pytest.mark.parametrize("role", ["gateway", "logic", "repo", "task"])
def test_each_role_has_its_command_and_its_file(run: Run, started: list[Started], tmp_path: Path, role: str) -> None:
    (tmp_path / f"{role}.yaml").write_text(f"service: {{name: of-{role}}}\n")
    assert run(role).exit_code == 7
    assert (started[0].role, started[0].settings.service.name) == (role, f"of-{role}")


def test_a_wrong_configuration_starts_nothing(run: Run, started: list[Started], tmp_path: Path) -> None:
    (tmp_path / "resonance.yaml").write_text("service: {port: 1}\n")
    result = run("serve")
    assert result.exit_code == 1
    assert "service.port is no key (resonance.yaml, line 1)" in result.stderr
    assert "Traceback" not in result.stderr
    assert started == []


def test_readiness_is_told_on_standard_output(run: Run, started: list[Started], tmp_path: Path) -> None:
    out = run("serve", "--data-dir", "d").stdout
    for part in (
        "(serve) is ready",
        "http://127.0.0.1:8080/docs",
        "ws://127.0.0.1:8080/ws",
        "http://127.0.0.1:9092/metrics",
        str(tmp_path / "d"),
        "resonance chat",
    ):
        assert part in out
    assert "\x1b" not in out


def test_a_role_tells_only_its_own_addresses() -> None:
    stream = io.StringIO()
    print_banner("task", Settings(), {"metrics": "http://[::1]:1/metrics"}, stream)
    assert stream.getvalue().splitlines()[1:] == ["  metrics    http://[::1]:1/metrics", "Ctrl-C stops."]


@pytest.mark.parametrize(
    ("called", "shown"),
    [(".venv/bin/resonance", "run .venv/bin/resonance chat"), ("/elsewhere/__main__.py", "run resonance chat")],
)
def test_what_to_do_next_can_be_typed_as_it_is_shown(monkeypatch: pytest.MonkeyPatch, called: str, shown: str) -> None:
    monkeypatch.setattr("sys.argv", [called, "serve"])
    stream = io.StringIO()
    print_banner("serve", Settings(), ADDRESSES, stream)
    assert shown in stream.getvalue()


def test_demo_accounts_are_made_once_and_their_passwords_printed(
    run: Run, started: list[Started], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESONANCE_ACCOUNTS__HASH_TIME", "1")
    monkeypatch.setenv("RESONANCE_ACCOUNTS__HASH_MEMORY_KIB", "8")
    told = [line.split() for line in run("serve", "--demo").stdout.splitlines() if line.startswith("demo account")]
    assert [line[2] for line in told] == ["user1,", "user2,", "user3,", "user4,"]
    assert len({line[-1] for line in told}) == 4
    assert "demo account" not in run("serve", "--demo").stdout
    assert len(started) == 2
    listed = [line.split()[:2] for line in run("user", "list").stdout.splitlines()[1:]]
    assert listed == [["user1", "张三"], ["user2", "李四"], ["user3", "王五"], ["user4", "赵六"]]


def test_there_is_no_demo_in_production(run: Run, started: list[Started]) -> None:
    result = run("serve", "--demo", "--env", "prod")
    assert (result.exit_code, started) == (1, [])
    assert "not for production" in result.stderr
    assert "demo account" not in run("serve").stdout
