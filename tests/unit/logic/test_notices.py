"""System entries: small, and the same for every client to word."""

from __future__ import annotations

import json

import pytest

from resonance.domain.content import MAX_CONTENT
from resonance.domain.windows import History
from resonance.logic.notices import MAX_NAMED, notice


def test_a_notice_names_who_did_what_to_whom() -> None:
    assert notice("joined", "ann", ["李雷"]) == '{"action":"joined","actor":"ann","users":["李雷"],"count":1}'


def test_a_thousand_people_make_a_small_notice() -> None:
    content = notice("joined", "ann", ["李" * 64] * 1_000)
    assert len(content.encode()) < MAX_CONTENT
    told = json.loads(content)
    assert (len(told["users"]), told["count"]) == (MAX_NAMED, 1_000)


def test_an_update_tells_the_new_values() -> None:
    told = json.loads(notice("updated", "ann", changes={"name": "New", "history": History.SINCE_JOIN}))
    assert told["changes"] == {"name": "New", "history": "since_join"}


@pytest.mark.parametrize("action", ["role", "muted"])
def test_what_concerns_one_member_leaves_no_entry(action: str) -> None:
    assert notice(action, "ann", ["bob"]) == ""
