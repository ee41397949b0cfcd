"""What every store promises to cursor-style clients: a cursor never skips."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import count

import pytest
from hypothesis import strategies as st

from resonance.domain.errors import Code
from resonance.engines.sql import store as shared
from resonance.ports.store import Store
from tests.contract.store.making import Examples, change, for_all, group, join, leave, people, refused, say, state

_runs = count()
Seen = list[tuple[str, int]]


async def drain(store: Store, user_id: str, cursor: int, limit: int) -> tuple[Seen, int]:
    """Return (conversation, seq) of every row after a cursor, and the cursor after them."""
    seen: Seen = []
    while True:
        page = await store.read_inbox(user_id, cursor, limit)
        assert len(page.items) <= limit
        assert all(cursor < row.position <= page.cursor for row in page.items)
        seen += [(row.entry.conversation_id, row.entry.seq) for row in page.items]
        cursor = page.cursor
        if not page.more:
            return seen, cursor


class InboxSuite:
    async def test_everything_visible_comes_once_in_the_order_of_each_log(self, store: Store) -> None:
        await people(store, "anna", "bert", "carl")
        chats = [(await store.open_single("anna", other)).id for other in ("bert", "carl")]
        for n in range(7):
            await say(store, chats[n % 2], "anna")
        seen, cursor = await drain(store, "anna", 0, 3)
        assert sorted(seen) == sorted([(chats[0], n) for n in range(1, 5)] + [(chats[1], n) for n in range(1, 4)])
        assert [seq for chat, seq in seen if chat == chats[0]] == [1, 2, 3, 4]
        assert await drain(store, "anna", cursor, 3) == ([], cursor)

    async def test_filling_ahead_of_time_gives_the_same_rows(self, store: Store) -> None:
        await people(store, "anna", "bert")
        chat = (await store.open_single("anna", "bert")).id
        for _ in range(3):
            await say(store, chat, "anna")
        await store.fill_inbox(["anna", "bert"], 2)
        await store.fill_inbox(["anna", "bert"], 100)
        await store.fill_inbox(["anna"], 100)
        assert (
            (await drain(store, "anna", 0, 10))[0]
            == (await drain(store, "bert", 0, 10))[0]
            == [(chat, n) for n in (1, 2, 3)]
        )

    async def test_two_readers_at_once_see_the_same_rows(self, store: Store) -> None:
        await people(store, "anna", "bert")
        chat = (await store.open_single("anna", "bert")).id
        for _ in range(5):
            await say(store, chat, "bert")
        pages = await asyncio.gather(*(store.read_inbox("anna", 0, 10) for _ in range(4)))
        assert all(page == pages[0] for page in pages)
        assert [row.position for row in pages[0].items] == [1, 2, 3, 4, 5]

    async def test_the_rows_of_a_window_that_is_over_are_served_no_more(self, store: Store) -> None:
        await people(store, "anna", "bert")
        chat = await group(store, "anna", "bert")
        await say(store, chat.id, "anna")
        await drain(store, "bert", 0, 10)
        await change(store, await state(store, chat.id), leave("bert"))
        await say(store, chat.id, "anna")
        await change(store, await state(store, chat.id), join("bert"))
        assert (await drain(store, "bert", 0, 1))[0] == [(chat.id, 5)]

    async def test_the_open_conversation_is_in_everybodys_inbox(self, store: Store) -> None:
        await people(store, "anna", "bert")
        world = await store.ensure_open("world", "World")
        await say(store, world.id, "anna")
        assert (await drain(store, "bert", 0, 10))[0] == [(world.id, 1)]

    async def test_a_negative_cursor_is_refused(self, store: Store) -> None:
        with refused(Code.INVALID_ARGUMENT, "-1"):
            await store.read_inbox("anna", -1, 10)

    async def test_many_fillers_at_once_give_every_entry_one_place(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Slices of several fillers alternate; a reader that follows meanwhile skips nothing."""
        monkeypatch.setattr(shared, "SLICE", 2)
        await people(store, "anna", "bert", "carl")
        chats = [(await store.open_single("anna", name)).id for name in ("bert", "carl")]

        async def talk(chat: str, name: str) -> None:
            for _ in range(15):
                await say(store, chat, name)

        async def follow() -> Seen:
            seen: Seen = []
            cursor = 0
            while len(seen) < 30:
                page = await store.read_inbox("anna", cursor, 7)
                seen += [(row.entry.conversation_id, row.entry.seq) for row in page.items]
                cursor = page.cursor
            return seen

        async with asyncio.timeout(30):
            readers = asyncio.gather(*(follow() for _ in range(3)))
            await asyncio.gather(talk(chats[0], "bert"), talk(chats[1], "carl"), store.fill_inbox(["anna"], 100))
            everything = [(chat, seq) for chat in chats for seq in range(1, 16)]
            assert [sorted(seen) for seen in await readers] == [sorted(everything)] * 3

    async def test_a_cursor_never_skips_however_the_inbox_was_filled(self, store: Store, examples: Examples) -> None:
        steps = st.lists(st.sampled_from(["say a", "say b", "fill", "read"]), max_size=25)
        await for_all(examples(25), partial(_check_never_skips, store), steps=steps, limit=st.integers(1, 4))


async def _check_never_skips(store: Store, steps: list[str], limit: int) -> None:
    """Compare what a cursor brings with what was said, however reading, filling and saying alternate."""
    names = [f"{next(_runs)}.{n}" for n in range(3)]
    await people(store, *names)
    chats = {key: (await store.open_single(names[0], names[n])).id for n, key in ((1, "say a"), (2, "say b"))}
    told: Seen = []
    seen: Seen = []
    cursor = 0
    for step in steps:
        if step in chats:
            told.append((chats[step], (await say(store, chats[step], names[0])).seq))
        elif step == "fill":
            await store.fill_inbox([names[0]], limit)
        else:
            page = await store.read_inbox(names[0], cursor, limit)
            seen += [(row.entry.conversation_id, row.entry.seq) for row in page.items]
            cursor = page.cursor
    rest, _ = await drain(store, names[0], cursor, limit)
    seen += rest
    assert sorted(seen) == sorted(told)
    assert len(set(seen)) == len(seen)
    for chat in chats.values():
        own = [seq for conversation, seq in seen if conversation == chat]
        assert own == sorted(own)
