"""The tree of commands: what it offers, how fast it answers, how it fails."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

import resonance
from resonance.cli import lazy
from resonance.cli.app import app
from resonance.cli.plain import PlainGroup
from resonance.domain.errors import Code, ServiceError
from resonance.logic.secret import SecretError
from tests.unit.cli.conftest import Run

COMMANDS = [
    "serve",
    "gateway",
    "logic",
    "repo",
    "task",
    "migrate",
    "migrate-store",
    "backup",
    "restore",
    "user",
    "config",
    "chat",
    "bench",
    "status",
    "version",
]


def leaves() -> Iterator[tuple[str, str]]:
    """Yield every command that is ours to document, with its help."""
    root = typer.main.get_command(app)
    for name, command in getattr(root, "commands").items():  # noqa: B009 (typer's type does not say that it has them)
        inner = getattr(command, "commands", {name: command})
        yield from ((f"{name} {leaf}", found.help or "") for leaf, found in inner.items())


def test_the_commands_are_listed(run: Run) -> None:
    result = run("--help")
    assert result.exit_code == 0
    listed = [line.split()[0] for line in result.stdout.partition("Commands:")[2].splitlines() if line.strip()]
    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize(
    ("name", "text"), [(n, t) for n, t in leaves() if n.split()[0] not in {"version", "chat", "status", "bench"}]
)
def test_every_command_teaches_by_example(name: str, text: str) -> None:
    assert "Example" in text
    assert "resonance " + name.split()[0] in text


def test_help_waits_for_nothing_heavy() -> None:
    heavy = "pydantic rich asyncio sqlite3 sqlalchemy grpc fastapi structlog google resonance.config"
    code = f"import sys, resonance.cli.app; print([name for name in {heavy.split()!r} if name in sys.modules], end='')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]"


@pytest.mark.parametrize("arguments", [("version",), ("--version",)])
def test_the_version_is_printed(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (0, f"{resonance.__version__}\n")


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("serve", "--port", "x"), ("serve", "--port", "70000"), ("backup",)]
)
def test_wrong_usage_exits_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ServiceError(Code.BUSY, "the queue is full"), "the queue is full\n"),
        (SecretError("the secret is short"), "the secret is short\n"),
        (
            OSError(errno.EADDRINUSE, "service.http_port: 1 is taken"),
            "service.http_port: 1 is taken: stop what listens",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/data"), "/data: Permission denied\n"),
    ],
)
def test_what_people_can_mend_is_one_line_and_1(error: Exception, shown: str) -> None:
    failing = typer.Typer(cls=PlainGroup)

    @failing.callback()
    def root() -> None: ...

    @failing.command()
    def command() -> None:
        raise error

    result = CliRunner().invoke(failing, ["command"])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(shown)
    assert len(result.stderr.splitlines()) == 1


def test_our_own_mistakes_keep_their_traceback() -> None:
    failing = typer.Typer(cls=PlainGroup)

    @failing.callback()
    def root() -> None: ...

    @failing.command()
    def command() -> None:
        raise KeyError("x")

    assert isinstance(CliRunner().invoke(failing, ["command"]).exception, KeyError)


def test_a_lazy_command_gets_all_its_arguments(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    got: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(lazy, "delegate", lambda module, name, arguments: got.append((name, arguments)))
    assert run("bench", "--json", "--help", "group").exit_code == 0
    assert run("chat", "-h").exit_code == 0
    assert got == [("bench", ["--json", "--help", "group"]), ("chat", ["-h"])]


@pytest.mark.parametrize(("arguments", "code"), [((), 1), (("--fine",), 0), (("--help",), 0), (("--nonsense",), 2)])
def test_a_lazy_commands_exit_code_is_the_commands(
    monkeypatch: pytest.MonkeyPatch, run: Run, arguments: tuple[str, ...], code: int
) -> None:
    def bench(fine: bool = False) -> None:
        """Answer."""
        if not fine:
            raise typer.Exit(1)

    monkeypatch.setattr(lazy, "import_module", lambda name: SimpleNamespace(bench=bench))
    result = run("bench", *arguments)
    assert result.exit_code == code
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("command", "key", "environment"),
    [
        ("serve", "dialects.grpc_listen", {"RESONANCE_DIALECTS__GRPC_LISTEN": "0.0.0.0:0"}),
        ("gateway", "service.host", {"RESONANCE_SERVICE__HOST": "0.0.0.0", "RESONANCE_SERVICE__GRPC_PORT": "0"}),
        ("repo", "roles.repo_listen", {"RESONANCE_ROLES__REPO_LISTEN": "0.0.0.0:0"}),
    ],
)
def test_a_public_address_needs_a_secret(tmp_path: Path, command: str, key: str, environment: dict[str, str]) -> None:
    """Who reaches an address without one may act for anybody; that is told in a line, with the ways out."""
    ports = {"RESONANCE_SERVICE__HTTP_PORT": "0", "RESONANCE_OBSERVABILITY__METRICS__PORT": "0"}
    result = subprocess.run(
        [sys.executable, "-m", "resonance.cli", command],
        cwd=tmp_path,
        env=os.environ | ports | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    said = result.stderr.splitlines()[-1]
    assert said.startswith(f"{key}: ")
    assert "rpc.secret" in said
    assert "127.0.0.1" in said
