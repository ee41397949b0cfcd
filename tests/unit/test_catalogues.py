"""The catalogues of errors and close codes: unique, and printed in the documentation as they are."""

from __future__ import annotations

from pathlib import Path

from resonance.domain.closes import Close
from resonance.domain.errors import Code

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "websocket.md").read_text(encoding="utf-8")


def test_error_codes_are_unique() -> None:
    texts = [code.text for code in Code]
    assert len(set(texts)) == len(texts) == len(list(Code.__members__))


def test_close_codes_are_unique_and_their_range_says_whether_to_reconnect() -> None:
    numbers = [close.number for close in Close]
    assert len(set(numbers)) == len(numbers) == len(list(Close.__members__))
    for close in Close:
        if close.number >= 4000:
            assert close.value.reconnect == (close.number < 4500)


def test_the_documentation_has_every_code() -> None:
    for code in Code:
        retry = "yes" if code.value.retry else "no"
        assert f"| `{code.text}` | {code.value.status} | {retry} | {code.value.meaning} |" in DOCS
    for close in Close:
        reconnect = "yes" if close.value.reconnect else "no"
        assert f"| {close.number} | {close.value.reason} | {reconnect} | {close.value.meaning} |" in DOCS


def test_an_unknown_code_of_a_newer_peer_reads_as_internal() -> None:
    assert Code.of("not_yet_invented") is Code.INTERNAL
    assert Close.of(4999) is None
