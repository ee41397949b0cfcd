"""What every store promises about those who left: nothing that others do afterwards changes anything they can read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from itertools import count

import pytest
from hypothesis import strategies as st

from resonance.domain.errors import ServiceError
from resonance.domain.model import (
    Conversation,
    ConversationPage,
    ConversationView,
    EntryPage,
    GroupSettings,
    InboxPage,
    MemberChange,
    MemberSettings,
    Role,
    SyncPage,
)
from resonance.domain.windows import History
from resonance.ports.store import Store
from tests.contract.store.making import (
    Examples,
    change,
    for_all,
    group,
    join,
    kick,
    leave,
    mute,
    people,
    rank,
    say,
    state,
    tick,
)
from tests.contract.store.suite_sync import LONG_AGO_MS, Client, Later

Everything = tuple[ConversationView, ConversationPage, EntryPage, dict[str, int], SyncPage, InboxPage, Conversation]
_runs = count()


async def everything(store: Store, user_id: str, conversation_id: str, token: str) -> Everything:
    """Read all that somebody can read, of one conversation in particular."""
    return (
        await store.conversation(user_id, conversation_id),
        await store.conversations(user_id, "", 10, True),
        await store.read_entries(user_id, conversation_id, 0, 0, 100, False),
        await store.heads(user_id, [conversation_id]),
        await store.sync(user_id, token, 100),
        await store.read_inbox(user_id, 0, 100),
        (await store.set_member(user_id, conversation_id, MemberSettings())).conversation,
    )


class LeaversSuite:
    @pytest.mark.parametrize("go", [leave, kick])
    async def test_a_group_stays_as_it_was_when_one_went(self, store: Store, go: Callable[[str], MemberChange]) -> None:
        await people(store, "anna", "bert", "carl")
        chat = await group(store, "anna", "bert")
        await say(store, chat.id, "anna")
        left = await change(store, await state(store, chat.id), go("bert"))
        await _do(store, chat.id, "anna", "carl", list(range(DEEDS)))
        assert (await state(store, chat.id)).version == left.version + 8
        view = await store.conversation("bert", chat.id)
        assert view.conversation == left
        assert (view.visible_seq, view.unread) == (left.max_seq, 1)
        assert (await store.mark_read("bert", chat.id, 0)).read_seq == left.max_seq

    async def test_what_one_left_keeps_its_place_in_the_list(self, store: Store) -> None:
        await people(store, "anna", "bert", "carl")
        chat = await group(store, "anna", "bert")
        await change(store, chat, leave("bert"))
        await tick(store)
        single = await store.open_single("bert", "carl")
        await tick(store)
        await say(store, chat.id, "anna")
        page = await store.conversations("bert", "", 1, True)
        assert [view.conversation.id for view in page.items] == [single.id]
        [rest] = (await store.conversations("bert", page.cursor, 1, True)).items
        assert rest.conversation.id == chat.id

    async def test_who_comes_back_sees_the_group_as_it_is(self, store: Store) -> None:
        await people(store, "anna", "bert")
        chat = await group(store, "anna", "bert")
        left = await change(store, chat, leave("bert"))
        renamed = await change(store, left, settings=GroupSettings(name="new"))
        back = await change(store, renamed, join("bert"))
        assert (await store.conversation("bert", chat.id)).conversation == back
        again = await change(store, back, kick("bert"))
        await say(store, chat.id, "anna")
        assert (await store.conversation("bert", chat.id)).conversation == again

    async def test_nothing_others_do_changes_what_a_leaver_reads(
        self, store: Store, later: Later, examples: Examples
    ) -> None:
        deeds = st.lists(st.integers(0, DEEDS - 1), min_size=1, max_size=6)
        check = partial(_check_silence, store, later)
        await for_all(
            examples(40),
            check,
            go=st.sampled_from([leave, kick]),
            history=st.sampled_from(History),
            before=deeds,
            after=deeds,
            content=st.sampled_from(["gone", ""]),
        )


async def _check_silence(
    store: Store,
    later: Later,
    go: Callable[[str], MemberChange],
    history: History,
    before: list[int],
    after: list[int],
    content: str,
) -> None:
    """Let things happen, somebody go, and more things happen; compare what can be read before and after the latter."""
    founder, leaver, other, friend = (f"{name}{next(_runs)}" for name in ("anna", "bert", "carl", "dora"))
    await people(store, founder, leaver, other, friend)
    chat = (await group(store, founder, leaver, history=history)).id
    await store.open_single(leaver, friend)
    await _do(store, chat, founder, other, before)
    await change(store, await state(store, chat), go(leaver), actor=founder, content=content)
    client = Client(store, leaver)
    later(LONG_AGO_MS)
    await client.sync()
    later(LONG_AGO_MS)
    known = await everything(store, leaver, chat, client.token)
    await _do(store, chat, founder, other, after)
    assert _timeless(await everything(store, leaver, chat, client.token)) == _timeless(known)
    later(LONG_AGO_MS)
    await client.sync()
    await client.check()


def _timeless(read: Everything) -> tuple[object, ...]:
    """Return what was read without the one thing that time alone changes."""
    view, page, entries, heads, synced, inbox, conversation = read
    told = (synced.full, synced.conversations, synced.friends, synced.requests, synced.users, synced.more)
    return view, page, entries, heads, told, inbox, conversation


async def _do(store: Store, chat: str, founder: str, other: str, deeds: list[int]) -> None:
    for number in deeds:
        with suppress(ServiceError):
            await _deeds(store, chat, founder, other)[number]()


DEEDS = 12
"""How many `_deeds` there are."""


def _deeds(store: Store, chat: str, founder: str, other: str) -> list[Callable[[], Awaitable[object]]]:
    """Return everything that a founder and another one may do in a group; some are refused, as they come."""

    async def alter(*parts: MemberChange, dissolve: bool = False, owner: str = "", **wishes: object) -> None:
        wanted = GroupSettings(**wishes)  # type: ignore[arg-type]
        group = await state(store, chat)
        await change(store, group, *parts, actor=founder, settings=wanted, dissolve=dissolve, owner=owner)

    return [
        lambda: say(store, chat, founder),
        lambda: alter(name="new name", avatar="/new.png", introduction="new"),
        lambda: alter(mute_all=True, join_approval=True, max_members=9, history=History.FULL),
        lambda: alter(join(other)),
        lambda: alter(rank(other, Role.ADMIN)),
        lambda: alter(mute(other, 9)),
        lambda: alter(rank(founder, Role.ADMIN), rank(other, Role.OWNER), owner=other),
        lambda: store.mark_read(other, chat, 0),
        lambda: store.set_member(founder, chat, MemberSettings(pinned=True)),
        lambda: store.request_join(chat, other, "please"),
        lambda: alter(kick(other)),
        lambda: alter(dissolve=True),
    ]
