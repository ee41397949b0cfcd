"""The Dockerfile names what there is: files, commands and keys. (Nothing here builds it: that takes a daemon.)"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from resonance.cli.app import app
from resonance.config.load import load

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "deploy" / "Dockerfile").read_text().replace("\\\n", " ")
LINES = [line.split() for line in TEXT.splitlines() if line and not line.startswith("#")]


def instructions(name: str) -> list[list[str]]:
    """Return the arguments of each instruction of this name."""
    return [words for first, *words in LINES if first == name]


def test_what_it_copies_is_there() -> None:
    copied = [source for words in instructions("COPY") if "--from=build" not in words for source in words[:-1]]
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert {"src", "proto", "web", "scripts", "pyproject.toml"} <= set(copied), "all that a wheel is made of"


def test_what_it_sets_are_keys() -> None:
    [words] = instructions("ENV")
    environ = dict(word.split("=", 1) for word in words)
    del environ["PATH"]
    settings = load(folder=ROOT / "deploy", environ=environ).settings
    assert str(settings.data_dir) == "/data" == instructions("VOLUME")[0][0]
    assert (settings.service.host, settings.observability.metrics.host) == ("0.0.0.0", "0.0.0.0")
    ports = {str(settings.service.http_port), str(settings.observability.metrics.port)}
    assert set(instructions("EXPOSE")[0]) == ports


@pytest.mark.parametrize("role", ["serve", "gateway", "logic", "repo", "task"])
def test_its_commands_are_commands(role: str) -> None:
    assert json.loads(instructions("ENTRYPOINT")[0][0]) == ["resonance"]
    assert json.loads(instructions("CMD")[0][0]) == ["serve"]
    assert CliRunner().invoke(app, [role, "--help"]).exit_code == 0


def test_it_takes_the_extras_and_a_python_that_there_are() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    [extras] = re.findall(r"\.whl\)\[([\w,]+)\]", TEXT)
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras.split(","))
    [python] = re.findall(r"^ARG PYTHON=3\.(\d+)$", TEXT, re.MULTILINE)
    assert int(python) >= 11


def test_what_it_leaves_out_is_generated_or_not_ours() -> None:
    """Whatever the build reads has to be in its context."""
    ignored = set((ROOT / ".dockerignore").read_text().split())
    assert {".git", ".venv", "data", "src/resonance/_proto", "src/resonance/_web", "web/node_modules"} <= ignored
    assert not ignored & {"src", "proto", "web", "scripts", "README.md", "LICENSE"}
