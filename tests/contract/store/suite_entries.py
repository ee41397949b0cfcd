"""What every store promises about reading: the window clamps every path, pointers only move forward."""

from __future__ import annotations

import pytest

from resonance.domain.errors import Code
from resonance.domain.events import PointerMoved
from resonance.domain.ids import UserId
from resonance.domain.model import Audience, Conversation, Reader, UserStatus
from resonance.domain.windows import History
from resonance.ports.store import Store
from tests.contract.store.making import (
    change,
    events,
    group,
    head,
    join,
    kick,
    leave,
    people,
    refused,
    say,
    seqs,
    state,
)

ANYBODY = ["anna", "bert", "carl"]


async def talk(store: Store, conversation_id: str, sender: str, times: int) -> None:
    """Append some messages."""
    for _ in range(times):
        await say(store, conversation_id, sender)


async def grouped(store: Store, history: History = History.SINCE_JOIN) -> Conversation:
    """Return a group of anna's and bert's whose log is: created, three messages of anna's."""
    await people(store, *ANYBODY)
    chat = await group(store, "anna", "bert", history=history)
    await talk(store, chat.id, "anna", 3)
    return chat


class EntriesSuite:
    @pytest.mark.parametrize(
        ("begin", "end", "limit", "newest", "expected"),
        [
            (0, 0, 100, False, [1, 2, 3, 4]),
            (0, 0, 2, False, [1, 2]),
            (0, 0, 2, True, [3, 4]),
            (2, 3, 100, False, [2, 3]),
            (2, 3, 1, True, [3]),
            (-5, 2, 100, False, [1, 2]),
            (3, 99, 100, False, [3, 4]),
            (9, 99, 100, False, []),
            (3, 2, 100, False, []),
        ],
    )
    async def test_ranges(
        self, store: Store, begin: int, end: int, limit: int, newest: bool, expected: list[int]
    ) -> None:
        chat = await grouped(store)
        page = await store.read_entries("bert", chat.id, begin, end, limit, newest)
        assert [entry.seq for entry in page.entries] == expected
        assert (page.begin, page.end) == (1, 4)

    async def test_picking(self, store: Store) -> None:
        chat = await grouped(store)
        page = await store.pick_entries("bert", chat.id, [4, 99, 2, 2, -1, 0])
        assert [entry.seq for entry in page.entries] == [2, 4]
        assert (page.begin, page.end) == (1, 4)
        await change(store, await state(store, chat.id), kick("bert"))
        await change(store, await state(store, chat.id), join("carl"))
        await talk(store, chat.id, "anna", 1)
        everything = list(range(1, 10))
        for user, seen in (("anna", [1, 2, 3, 4, 5, 6, 7]), ("bert", [1, 2, 3, 4, 5]), ("carl", [6, 7])):
            assert [e.seq for e in (await store.pick_entries(user, chat.id, everything)).entries] == seen

    async def test_strangers_and_unknown_conversations_are_refused(self, store: Store) -> None:
        chat = await grouped(store)
        for read in (
            store.read_entries("carl", chat.id, 0, 0, 10, False),
            store.pick_entries("carl", chat.id, [1]),
            store.mark_read("carl", chat.id, 1),
        ):
            with refused(Code.NOT_MEMBER, "carl"):
                await read
        with refused(Code.CONVERSATION_NOT_FOUND, "nowhere"):
            await store.read_entries("carl", "nowhere", 0, 0, 10, False)
        with refused(Code.CONVERSATION_NOT_FOUND, "nowhere"):
            await store.mark_read("carl", "nowhere", 0)
        assert await store.heads("carl", [chat.id, "nowhere"]) == {}

    @pytest.mark.parametrize(("history", "first"), [(History.SINCE_JOIN, 5), (History.FULL, 1)])
    async def test_a_joiner_sees_from_where_the_groups_history_says(
        self, store: Store, history: History, first: int
    ) -> None:
        chat = await grouped(store, history)
        await change(store, await state(store, chat.id), join("carl"))
        await talk(store, chat.id, "bert", 1)
        assert await seqs(store, "carl", chat.id) == list(range(first, 7))

    async def test_every_read_path_ends_with_the_window(self, store: Store) -> None:
        chat = await grouped(store)
        await change(store, await state(store, chat.id), kick("bert"))
        await talk(store, chat.id, "anna", 3)
        assert await seqs(store, "bert", chat.id) == [1, 2, 3, 4, 5]
        assert await store.heads("bert", [chat.id]) == {chat.id: 5}
        assert (await store.mark_read("bert", chat.id, 99)).read_seq == 5
        view = await store.conversation("bert", chat.id)
        assert view.last_entry is not None
        assert (view.last_entry.seq, view.visible_seq, view.unread) == (5, 5, 0)
        [synced] = (await store.sync("bert", "", 10)).conversations
        assert (synced.last_entry, synced.visible_seq) == (view.last_entry, 5)
        assert [row.entry.seq for row in (await store.read_inbox("bert", 0, 100)).items] == [1, 2, 3, 4, 5]

    async def test_a_rejoin_opens_a_new_window_and_the_old_one_is_over(self, store: Store) -> None:
        chat = await grouped(store)
        await change(store, await state(store, chat.id), leave("bert"))
        await talk(store, chat.id, "anna", 2)
        await change(store, await state(store, chat.id), join("bert"))
        await talk(store, chat.id, "anna", 1)
        assert await seqs(store, "bert", chat.id) == [8, 9]
        assert (await store.conversation("bert", chat.id)).unread == 1

    async def test_everybody_reads_the_open_conversation(self, store: Store) -> None:
        await people(store, *ANYBODY)
        world = await store.ensure_open("world", "World")
        await talk(store, world.id, "anna", 2)
        assert await seqs(store, "carl", world.id) == [1, 2]
        assert await store.heads("carl", [world.id]) == {world.id: 2}
        assert (await store.mark_read("carl", world.id, 1)).unread == 1
        assert (await store.conversation("carl", world.id)).member.read_seq == 1

    async def test_delivery_reads_without_a_window(self, store: Store) -> None:
        chat = await grouped(store)
        assert [entry.seq for entry in await store.entries(chat.id, 2, 3)] == [2, 3]
        assert await store.entries(chat.id, 5, 9) == []
        assert await store.entries("nowhere", 1, 9) == []

    async def test_a_pointer_moves_forward_only_and_never_beyond_the_end(self, store: Store) -> None:
        chat = await grouped(store)
        moved = await store.mark_read("bert", chat.id, 3)
        assert (moved.read_seq, moved.visible_seq, moved.unread, moved.moved) == (3, 4, 1, True)
        back = await store.mark_read("bert", chat.id, 1)
        assert (back.read_seq, back.unread, back.moved) == (3, 1, False)
        end = await store.mark_read("bert", chat.id, 10**15)
        assert (end.read_seq, end.unread, end.moved) == (4, 0, True)
        assert (await store.mark_read("bert", chat.id, 0)).moved is False

    async def test_a_system_entry_is_not_unread(self, store: Store) -> None:
        chat = await grouped(store)
        await change(store, await state(store, chat.id), join("carl"))
        assert (await store.conversation("bert", chat.id)).unread == 3
        assert (await store.mark_read("bert", chat.id, 4)).unread == 0
        assert (await store.conversation("bert", chat.id)).unread == 0

    async def test_only_a_move_by_reading_is_an_event(self, store: Store) -> None:
        chat = await grouped(store)
        before = await head(store)
        await store.mark_read("bert", chat.id, 3)
        await store.mark_read("bert", chat.id, 2)
        await say(store, chat.id, "bert")
        assert await events(store, before, PointerMoved) == [PointerMoved(chat.id, "bert", 0, 3)]

    async def test_readers_are_present_members_who_have_come_so_far(self, store: Store) -> None:
        chat = await grouped(store)
        await store.mark_read("bert", chat.id, 3)
        assert await store.readers(chat.id, 3, 10) == [Reader(UserId("anna"), 4), Reader(UserId("bert"), 3)]
        assert await store.readers(chat.id, 4, 10) == [Reader(UserId("anna"), 4)]
        assert len(await store.readers(chat.id, 1, 1)) == 1
        await change(store, await state(store, chat.id), leave("bert"))
        assert [reader.user_id for reader in await store.readers(chat.id, 3, 10)] == ["anna"]

    async def test_nobody_has_read_what_was_before_their_time(self, store: Store) -> None:
        """Whoever joins has a pointer before their window; that is no sign of having read what they cannot see."""
        chat = await grouped(store)
        await change(store, await state(store, chat.id), join("carl"))
        assert await store.readers(chat.id, 4, 10) == [Reader(UserId("anna"), 4)]
        await say(store, chat.id, "carl")
        assert await store.readers(chat.id, 4, 10) == [Reader(UserId("anna"), 4)]
        assert await store.readers(chat.id, 5, 10) == [Reader(UserId("carl"), 6)]

    async def test_the_audience_comes_in_slices_with_windows(self, store: Store) -> None:
        chat = await grouped(store)
        await change(store, await state(store, chat.id), join("carl"))
        await change(store, await state(store, chat.id), leave("bert"))
        assert await store.audience(chat.id, "", 1) == [Audience("anna", 1, None, 0)]
        assert await store.audience(chat.id, "anna", 10) == [Audience("carl", 5, None, 0)]
        assert await store.audience("nowhere", "", 10) == []

    async def test_the_open_conversations_audience_is_everybody_active(self, store: Store) -> None:
        await people(store, *ANYBODY)
        await store.set_user_status("bert", UserStatus.DISABLED)
        world = await store.ensure_open("world", "World")
        assert [one.user_id for one in await store.audience(world.id, "", 10)] == ["anna", "carl"]
