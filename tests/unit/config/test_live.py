"""Live keys change in place, in this process's settings only, and nobody keeps a copy of one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from resonance.config.errors import ConfigError
from resonance.config.keys import keys
from resonance.config.live import LiveSettings
from resonance.config.load import load
from resonance.config.settings import Settings
from resonance.config.sources import Found, Setting, read_entries
from tests.unit.config.test_keys_are_used import SOURCE, Reads

LIVE = {name for name, key in keys().items() if key.live}
COPIES = {"ws_config.max_connections"}
"""Read where an object is made, too: it says how many buckets are remembered, which may stay as it was."""


def settings_of(folder: Path, text: str = "") -> LiveSettings:
    """Return what a process starts with."""
    (folder / "resonance.yaml").write_text(text)
    return LiveSettings(load(folder=folder, environ={}))


def written(**values: str) -> Found:
    """Return what a source says; `__` stands for a dot."""
    return read_entries({name.replace("__", "."): value for name, value in values.items()}, "")


def test_who_holds_a_section_sees_the_change(tmp_path: Path) -> None:
    live = settings_of(tmp_path)
    messages, log = live.settings.messages, live.settings.observability.log
    assert live.apply(written(messages__queue_limit="5", observability__log__level="error")) == [
        "messages.queue_limit",
        "observability.log.level",
    ]
    assert (messages.queue_limit, log.level) == (5, "error")
    assert live.apply(written(messages__queue_limit="5", observability__log__level="error")) == []


def test_other_settings_are_not_touched(tmp_path: Path) -> None:
    """Sections that nobody configured are one object for all settings that are ever made."""
    one, other = settings_of(tmp_path), settings_of(tmp_path)
    one.apply(written(messages__queue_limit="5", observability__log__level="error"))
    assert other.settings == Settings()
    assert Settings().messages.queue_limit == 20_000
    assert Settings().observability.log.level == "info"


def test_what_is_no_longer_written_is_what_it_was_at_the_start(tmp_path: Path) -> None:
    live = settings_of(tmp_path, "messages: {queue_limit: 9}\n")
    live.apply(written(messages__queue_limit="5", messages__batch_max="7"))
    live.apply(written())
    assert live.settings.messages.queue_limit == 9
    assert live.settings.messages.batch_max == 512


def test_what_is_wrong_changes_nothing_and_all_of_it_is_said(tmp_path: Path) -> None:
    live = settings_of(tmp_path, "groups: {max_members: 50}\n")
    live.apply(written(messages__queue_limit="5"))
    wrong = written(
        messages__queue_limit="6",
        messages__batch_max="0",
        groups__members_limit="49",
        service__http_port="1",
        endpoints="{}",
        auth__secret="x" * 40,
        nonsense="1",
    )
    wrong.settings["endpoints.logic-service"] = Setting("unix:x", "somewhere")
    with pytest.raises(ConfigError) as caught:
        live.apply(wrong)
    text = "\n".join(caught.value.problems)
    assert "messages.batch_max: '0' is not allowed" in text
    assert "max_members (50) has to be at most members_limit (49)" in text
    assert "service.http_port cannot change while the server runs" in text
    assert "endpoints.logic-service cannot change while the server runs" in text
    assert "auth.secret cannot change" in text
    assert "x" * 40 not in text
    assert "nonsense is no key" in text
    assert live.settings.messages.queue_limit == 5


class Copies(ast.NodeVisitor):
    """Collects the keys that objects read while they are made, but for what they only read when asked."""

    def __init__(self, reads: Reads) -> None:
        self.found: set[str] = set()
        self._reads = reads
        self._making = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._making = node.name in {"__init__", "install"}
        self.generic_visit(node)
        self._making = False

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Leave out what is read later."""

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if self._making:
            sections = self._reads.sections_of(node.value)
            self.found |= {f"{section}.{node.attr}".removeprefix(".") for section in sections}
        self.generic_visit(node)


def copied_by(source: str) -> set[str]:
    """Return the keys that a module reads where objects are made."""
    tree, reads = ast.parse(source), Reads()
    reads.visit(tree)
    reads.visit(tree)
    copies = Copies(reads)
    copies.visit(tree)
    return copies.found


def test_the_check_sees_a_copy() -> None:
    copy = "class A:\n def __init__(self, settings: MessagesConfig):\n  self.a = settings.queue_limit\n"
    later = "class A:\n def __init__(self, settings: MessagesConfig):\n  self.a = lambda: settings.queue_limit\n"
    assert "messages.queue_limit" in copied_by(copy)
    assert copied_by(later) == set()


def test_nobody_keeps_a_copy_of_a_live_key() -> None:
    modules = [path for path in SOURCE.rglob("*.py") if path.relative_to(SOURCE).parts[0] not in {"config", "_proto"}]
    copied = set().union(*(copied_by(path.read_text(encoding="utf-8")) for path in modules))
    assert len(copied) > 10, "the check sees nothing"
    assert sorted(copied & LIVE - COPIES) == []
    assert len(LIVE) > 15
