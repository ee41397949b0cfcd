"""The printed pages say what the code does."""

from __future__ import annotations

from pathlib import Path

from resonance.config import Settings
from resonance.config.keys import keys, sections
from resonance.config.load import load
from resonance.config.show import check_lines, default_yaml, docs_markdown
from resonance.config.values import format_duration, parse_duration

REPOSITORY = Path(__file__).parents[3]


def test_the_default_file_sets_every_key_to_its_default(tmp_path: Path) -> None:
    (tmp_path / "resonance.yaml").write_text(default_yaml(), encoding="utf-8")
    loaded = load(folder=tmp_path, environ={})
    assert loaded.settings == Settings()
    assert {name.partition(".")[0] if name.startswith("endpoints.") else name for name in loaded.sources} == set(keys())


def test_the_documentation_is_current() -> None:
    page = REPOSITORY / "docs" / "configuration.md"
    assert page.read_text(encoding="utf-8") == docs_markdown(), "run: resonance config docs > docs/configuration.md"


def test_every_key_and_section_says_what_it_means() -> None:
    assert [name for name, key in keys().items() if not key.meaning.endswith(".")] == []
    assert [name for name, meaning in sections().items() if not meaning] == []


def test_the_check_names_sources_and_hides_secrets(tmp_path: Path) -> None:
    secret = "s" * 32
    loaded = load(folder=tmp_path, environ={"RESONANCE_AUTH__SECRET": secret, "RESONANCE_INBOX": "eager"})
    lines = {name: (value, source) for name, value, source, _ in check_lines(loaded)}
    assert lines["inbox"] == ("eager", "RESONANCE_INBOX (environment)")
    assert lines["auth.secret"] == ("********", "RESONANCE_AUTH__SECRET (environment)")
    assert lines["ws_config.ping_interval"] == ("30s", "")
    assert secret not in str(lines)


def test_live_keys_are_told(tmp_path: Path) -> None:
    live = {name for name, _, _, live in check_lines(load(folder=tmp_path, environ={})) if live}
    assert "messages.queue_limit" in live
    assert "service.http_port" not in live
    page = docs_markdown()
    for name, key in keys().items():
        [row] = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        assert ("**Live.**" in row) == key.live == (name in live)


def test_durations_are_printed_as_they_are_read() -> None:
    for text, seconds in {"100ms": 0.1, "30s": 30, "90s": 90, "5m": 300, "1d": 86400, "30d": 2592000, "0": 0}.items():
        assert format_duration(seconds) == text
        assert parse_duration(text) == seconds
