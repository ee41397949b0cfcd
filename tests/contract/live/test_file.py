"""Live configuration in a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from resonance.engines.file.live import FileLive
from resonance.ports.live import LiveSource
from tests.contract.live.suite_live import LiveSuite


class TestFileLive(LiveSuite):
    @pytest.fixture(autouse=True)
    def _in(self, tmp_path: Path) -> None:
        self._path = tmp_path / "live.yaml"

    def make(self) -> LiveSource:
        return FileLive(self._path, 0.01)

    async def write(self, values: Mapping[str, str]) -> None:
        """Move a new file into place; nothing is no file."""
        self._path.unlink(missing_ok=True)
        if values:
            new = self._path.with_suffix(".new")
            new.write_text(yaml.safe_dump(_nested(values)))
            new.rename(self._path)

    def place(self) -> str:
        return f"{self._path}, line 2"

    async def test_a_file_that_cannot_be_read_is_refused(self) -> None:
        async with self.following() as follower:
            await self.write({"messages.queue_limit": "77"})
            await follower.until(77)
            self._path.unlink()
            self._path.mkdir()
            assert "cannot be read: Is a directory" in await follower.refused()
            assert follower.settings.messages.queue_limit == 77

    async def test_no_yaml_is_refused(self) -> None:
        self._path.write_text("messages: {queue_limit")
        async with self.following() as follower:
            assert "is no YAML" in follower.refusal


def _nested(values: Mapping[str, str]) -> dict[str, Any]:
    """Return keys as YAML has them."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *sections, leaf = name.split(".")
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[leaf] = value
    return tree
