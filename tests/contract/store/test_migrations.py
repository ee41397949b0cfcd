"""What migrations make of rows that were there before."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from resonance.config.engines import StoreConfig
from resonance.domain.model import MemberStatus
from resonance.engines.sql import migrations
from resonance.engines.sqlite.migrate import migrate
from resonance.engines.sqlite.store import SqliteStore

_GROUP = (
    "INSERT INTO conversations VALUES ('sg_g', 2, 'now', '', '', 'anna', 'anna', 0, 0, 500, 0, 0, 9, 7, 4, 1, 1, 90)"
)
_ANNA = "INSERT INTO members VALUES ('sg_g', 'anna', 2, 0, 1, NULL, 0, 0, NULL, 0, 0, 0, '', '', 1, 1)"
_BERT = "INSERT INTO members VALUES ('sg_g', 'bert', 0, 1, 1, 5, 0, 0, 3, 0, 0, 0, '', '', 1, 50)"


async def test_those_who_left_before_0002_are_shown_nothing_from_now_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "resonance.db"
    with monkeypatch.context() as past:
        past.setattr(migrations, "HEAD", "0001")
        migrate(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        for row in (_GROUP, _ANNA, _BERT):
            connection.execute(row)
    store = SqliteStore(path, StoreConfig())
    await store.start()
    view = (await store.conversations("bert", "", 10, with_last=False)).items[0]
    assert view.member.status is MemberStatus.LEFT
    shown = view.conversation
    assert (shown.max_seq, shown.ordinal, shown.updated_at, shown.name) == (5, 3, 50, "now")
    [present] = (await store.conversations("anna", "", 10, with_last=False)).items
    assert (present.conversation.max_seq, present.conversation.updated_at) == (9, 90)
    store.close()
    await store.join()
