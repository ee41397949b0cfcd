"""The signing secret: strong, private, and the same at the next start."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from resonance.logic.secret import LEAST_BYTES, SecretError, load_secret


def test_a_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = load_secret(None, folder)
    assert len(first) >= LEAST_BYTES
    assert load_secret(None, folder) == first
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["secret"]


def test_two_stores_have_two_secrets(tmp_path: Path) -> None:
    assert load_secret(None, tmp_path / "a") != load_secret(None, tmp_path / "b")


def test_starts_at_the_same_time_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: load_secret(None, tmp_path), range(32)))) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    load_secret(None, tmp_path)
    (tmp_path / "secret").chmod(mode)
    with pytest.raises(SecretError, match=r"chmod 600 .*secret"):
        load_secret(None, tmp_path)


def test_a_short_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x" * 31 + "\n")
    (tmp_path / "secret").chmod(0o600)
    with pytest.raises(SecretError, match="31 bytes"):
        load_secret(None, tmp_path)


def test_a_configured_secret_wins_and_writes_no_file(tmp_path: Path) -> None:
    assert load_secret(SecretStr("k" * 32), tmp_path) == b"k" * 32
    assert list(tmp_path.iterdir()) == []


def test_a_short_configured_secret_is_refused_without_being_told(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"auth\.secret") as refused:
        load_secret(SecretStr("hunter2"), tmp_path)
    assert "hunter2" not in str(refused.value)
