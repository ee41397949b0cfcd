"""What every store promises about single and open conversations, states, and a caller's list."""

from __future__ import annotations

import pytest

from resonance.domain.errors import Code, ServiceError
from resonance.domain.events import ConversationUpdated, MemberSettingsChanged, PointerMoved
from resonance.domain.ids import OPEN_CONVERSATION
from resonance.domain.model import (
    ConversationKind,
    ConversationView,
    MemberSettings,
    RecvOpt,
    UserStatus,
)
from resonance.ports.store import SMALL_CONVERSATION, Store
from tests.contract.store.making import (
    change,
    events,
    group,
    head,
    join,
    kick,
    leave,
    member,
    people,
    refused,
    say,
    state,
)


async def whole_list(store: Store, user_id: str, limit: int) -> list[ConversationView]:
    """Return all pages of somebody's list."""
    items: list[ConversationView] = []
    cursor = ""
    while True:
        page = await store.conversations(user_id, cursor, limit, True)
        assert len(page.items) <= limit
        items += page.items
        cursor = page.cursor
        if not cursor:
            return items


async def refusals_of_everything(store: Store, user_id: str, conversation_id: str) -> list[ServiceError]:
    """Ask and do in somebody's name all there is about a conversation; return the refusals."""
    calls = (
        store.conversation(user_id, conversation_id),
        store.set_member(user_id, conversation_id, MemberSettings(pinned=True)),
        store.read_entries(user_id, conversation_id, 0, 0, 10, False),
        store.mark_read(user_id, conversation_id, 0),
        store.request_join(conversation_id, user_id, ""),
    )
    refusals = []
    for call in calls:
        with pytest.raises(ServiceError) as caught:
            await call
        refusals.append(caught.value)
    return refusals


class ConversationsSuite:
    # ------------------------------------------------------------ single

    async def test_two_people_have_one_conversation_whoever_opens_it(self, store: Store) -> None:
        await people(store, "anna", "bert")
        since = await head(store)
        made = await store.open_single("bert", "anna")
        assert (made.kind, made.owner, made.member_count, made.max_seq) == (ConversationKind.SINGLE, "", 2, 0)
        assert await store.open_single("anna", "bert") == made
        for user_id in ("anna", "bert"):
            row = await member(store, made.id, user_id)
            assert (row.min_seq, row.max_seq, row.read_seq, row.active) == (1, None, 0, True)
        [told] = await events(store, since, ConversationUpdated)
        assert (told.action, set(told.user_ids), told.version) == ("created", {"anna", "bert"}, made.version)

    async def test_handles_that_could_meet_in_one_id_do_not(self, store: Store) -> None:
        await people(store, "a_b", "c", "a", "b_c")
        first, second = await store.open_single("a_b", "c"), await store.open_single("a", "b_c")
        assert first.id != second.id
        await say(store, first.id, "c", "secret")
        with refused(Code.CONVERSATION_NOT_FOUND):
            await store.read_entries("a", first.id, 0, 0, 10, False)

    async def test_a_single_conversation_does_not_exist_for_others(self, store: Store) -> None:
        """An answer that differs from that about nothing would tell strangers who talks to whom."""
        await people(store, "anna", "bert", "cleo")
        made = await store.open_single("anna", "bert")
        await say(store, made.id, "anna", "secret")
        nothing = "si_anna_nobody"
        for refusals in zip(
            await refusals_of_everything(store, "cleo", made.id),
            await refusals_of_everything(store, "cleo", nothing),
            strict=True,
        ):
            known, unknown = refusals
            assert known.code is unknown.code is Code.CONVERSATION_NOT_FOUND
            assert known.message.replace(made.id, nothing) == unknown.message
        assert await store.heads("cleo", [made.id, nothing]) == {}
        assert (await store.conversations("cleo", "", 10, True)).items == []
        assert (await store.sync("cleo", "", 10)).conversations == []
        assert (await store.read_inbox("cleo", 0, 10)).items == []

    async def test_one_may_talk_to_oneself(self, store: Store) -> None:
        await people(store, "anna")
        made = await store.open_single("anna", "anna")
        assert made.member_count == 1
        view = await store.conversation("anna", made.id)
        assert view.peer is not None
        assert view.peer.id == "anna"

    async def test_nobody_talks_to_the_unknown(self, store: Store) -> None:
        await people(store, "anna")
        with refused(Code.USER_NOT_FOUND, "nobody"):
            await store.open_single("anna", "nobody")
        with refused(Code.USER_NOT_FOUND, "nobody"):
            await store.open_single("nobody", "anna")

    async def test_a_conversation_with_a_disabled_peer_stays(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await store.open_single("anna", "bert")
        await say(store, made.id, "bert")
        await store.set_user_status("bert", UserStatus.DISABLED)
        [view] = (await store.conversations("anna", "", 10, True)).items
        assert view.peer is not None
        assert (view.peer.id, view.visible_seq, view.unread) == ("bert", 1, 1)

    # ------------------------------------------------------------ open

    async def test_the_open_conversation_is_made_once(self, store: Store) -> None:
        made = await store.ensure_open(OPEN_CONVERSATION, "World")
        assert (made.id, made.kind, made.name) == (OPEN_CONVERSATION, ConversationKind.OPEN, "World")
        assert await store.ensure_open(OPEN_CONVERSATION, "Other") == made

    async def test_the_open_conversation_is_everybodys(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await store.ensure_open(OPEN_CONVERSATION, "World")
        await say(store, made.id, "bert", "hello world")
        view = await store.conversation("anna", made.id)
        assert (view.visible_seq, view.unread) == (1, 1)
        [listed] = (await store.conversations("anna", "", 10, True)).items
        assert listed == view
        [found] = await store.states([made.id], ["anna", "bert"])
        assert not found.complete

    async def test_who_enters_the_open_conversation_first_has_nothing_unread(self, store: Store) -> None:
        await people(store, "anna", "bert", "cleo")
        made = await store.ensure_open(OPEN_CONVERSATION, "World")
        await store.enter_open("cleo", made.id)  # while it is empty
        await say(store, made.id, "bert", "before")
        before = await head(store)
        for _ in range(2):
            await store.enter_open("anna", made.id)
        assert await events(store, before, MemberSettingsChanged) == [MemberSettingsChanged(made.id, "anna")]
        assert await events(store, before, PointerMoved) == [], "nobody has read anything"
        assert (await store.conversation("anna", made.id)).unread == 0
        await say(store, made.id, "bert", "after")
        for user, unread in (("anna", 1), ("bert", 0), ("cleo", 2)):
            await store.enter_open(user, made.id)
            assert (await store.conversation(user, made.id)).unread == unread
        with refused(Code.CONVERSATION_NOT_FOUND):
            await store.enter_open("anna", "sg_none")

    async def test_settings_of_the_open_conversation_are_kept_per_user(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await store.ensure_open(OPEN_CONVERSATION, "World")
        await say(store, made.id, "bert")
        view = await store.set_member("anna", made.id, MemberSettings(pinned=True))
        assert (view.member.pinned, view.unread) == (True, 1)
        await store.set_member("anna", made.id, MemberSettings(recv_opt=RecvOpt.NO_NOTIFY))
        [listed] = (await store.conversations("anna", "", 10, True)).items
        assert (listed.member.pinned, listed.member.recv_opt) == (True, RecvOpt.NO_NOTIFY)
        assert not (await store.conversation("bert", made.id)).member.pinned

    # ------------------------------------------------------------ states

    async def test_states_are_of_what_exists(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await store.open_single("anna", "bert")
        assert [found.conversation.id for found in await store.states([made.id, "sg_no", made.id], ["x"])] == [made.id]
        assert await store.states([], ["anna"]) == []

    async def test_a_state_of_a_group_has_every_row_present_and_past(self, store: Store) -> None:
        await people(store, "anna", "bert", "cleo")
        made = await group(store, "anna", "bert", "cleo")
        after = await change(store, made, leave("cleo"))
        [found] = await store.states([made.id], [])
        assert found.complete
        assert found.conversation == after
        assert {user_id: row.active for user_id, row in found.members.items()} == {
            "anna": True,
            "bert": True,
            "cleo": False,
        }

    async def test_a_state_tells_of_blocks_and_friendship(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await store.open_single("anna", "bert")
        [before] = await store.states([made.id], [])
        assert (before.blocked, before.friends) == (frozenset(), False)
        await store.request_friend("anna", "bert", "", True)
        await store.set_blocked("anna", "bert", True)
        [after] = await store.states([made.id], [])
        assert (after.blocked, after.friends) == (frozenset({"bert"}), True)
        await store.set_blocked("bert", "anna", True)
        await store.remove_friend("bert", "anna")
        [last] = await store.states([made.id], [])
        assert (last.blocked, last.friends) == (frozenset({"anna", "bert"}), False)

    async def test_a_groups_state_knows_no_blocks(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await group(store, "anna", "bert")
        await store.set_blocked("anna", "bert", True)
        [found] = await store.states([made.id], [])
        assert found.blocked == frozenset()

    async def test_a_large_groups_state_has_the_rows_asked_for(self, store: Store) -> None:
        others = [f"u{number:04}" for number in range(SMALL_CONVERSATION)]
        await people(store, "anna", *others)
        made = await group(store, "anna", *others[:-1], max_members=0)
        [small] = await store.states([made.id], [])
        assert small.complete
        assert len(small.members) == SMALL_CONVERSATION
        after = await change(store, made, join(others[-1]))
        [large] = await store.states([made.id], ["anna", others[3], "nobody"])
        assert not large.complete
        assert set(large.members) == {"anna", others[3]}
        await change(store, after, *(kick(user_id) for user_id in others))
        [emptied] = await store.states([made.id], ["anna"])
        assert emptied.conversation.member_count == 1
        assert not emptied.complete, "the rows of those who left count"

    # ------------------------------------------------------------ the caller's own

    async def test_settings_are_the_callers_own(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await group(store, "anna", "bert")
        since = await head(store)
        view = await store.set_member("anna", made.id, MemberSettings(True, RecvOpt.NOT_RECV, "A'n\"n%a 🐼"))
        assert (view.member.pinned, view.member.recv_opt, view.member.nickname) == (
            True,
            RecvOpt.NOT_RECV,
            "A'n\"n%a 🐼",
        )
        view = await store.set_member("anna", made.id, MemberSettings(pinned=False))
        assert (view.member.pinned, view.member.recv_opt) == (False, RecvOpt.NOT_RECV)
        told = MemberSettingsChanged(made.id, "anna")
        assert await events(store, since, MemberSettingsChanged) == [told, told]
        assert (await member(store, made.id, "bert")).recv_opt is RecvOpt.NORMAL
        assert (await state(store, made.id)).version == made.version, "settings are no rights"

    async def test_settings_of_nothing_change_nothing(self, store: Store) -> None:
        await people(store, "anna")
        made = await group(store, "anna")
        since = await head(store)
        assert (await store.set_member("anna", made.id, MemberSettings())).member == await member(
            store, made.id, "anna"
        )
        assert await events(store, since, MemberSettingsChanged) == []

    async def test_a_stranger_sees_and_sets_nothing(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await group(store, "anna")
        with refused(Code.NOT_MEMBER):
            await store.conversation("bert", made.id)
        with refused(Code.NOT_MEMBER):
            await store.set_member("bert", made.id, MemberSettings(pinned=True))
        with refused(Code.CONVERSATION_NOT_FOUND):
            await store.conversation("bert", "sg_x' OR '1'='1")
        assert (await store.conversations("bert", "", 10, True)).items == []

    async def test_a_view_is_clamped_to_the_window(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await group(store, "anna", "bert")
        await say(store, made.id, "anna", "before")
        left = await change(store, await state(store, made.id), leave("bert"))
        await say(store, made.id, "anna", "after")
        view = await store.conversation("bert", made.id)
        assert view.visible_seq == left.max_seq
        assert view.last_entry is not None
        assert view.last_entry.seq == left.max_seq
        assert view.unread == 1

    # ------------------------------------------------------------ the list

    @pytest.mark.parametrize("limit", [1, 2, 3, 100])
    async def test_the_list_is_pinned_first_then_latest_and_pages_lose_nothing(self, store: Store, limit: int) -> None:
        peers = [f"p{number}" for number in range(6)]
        await people(store, "anna", *peers)
        await store.ensure_open(OPEN_CONVERSATION, "World")
        made = [(await store.open_single("anna", peer)).id for peer in peers]
        await store.open_single("p0", "p1")
        await say(store, made[1], "anna")
        await say(store, made[4], "anna")
        await store.set_member("anna", made[2], MemberSettings(pinned=True))
        await store.set_member("anna", made[4], MemberSettings(pinned=True))
        listed = await whole_list(store, "anna", limit)
        assert {view.conversation.id for view in listed} == {*made, OPEN_CONVERSATION}
        keys = [(-view.member.pinned, -view.conversation.updated_at, view.conversation.id) for view in listed]
        assert keys == sorted(keys)
        assert len(set(keys)) == len(keys)

    async def test_views_in_the_list_are_those_of_the_single_look(self, store: Store) -> None:
        await people(store, "anna", "bert", "cleo")
        single = await store.open_single("anna", "bert")
        talk = await group(store, "bert", "anna", "cleo")
        await say(store, single.id, "bert")
        await say(store, talk.id, "cleo")
        listed = (await store.conversations("anna", "", 10, True)).items
        assert listed == [await store.conversation("anna", view.conversation.id) for view in listed]
        without = (await store.conversations("anna", "", 10, False)).items
        assert [view.last_entry for view in without] == [None, None]
        assert [view.unread for view in without] == [view.unread for view in listed] == [1, 1]

    async def test_what_one_left_stays_listed_while_it_shows_something(self, store: Store) -> None:
        await people(store, "anna", "bert")
        shown = await group(store, "anna", "bert")
        await change(store, shown, kick("bert"))
        hidden = await group(store, "anna")
        joined = await change(store, hidden, join("bert"), content="")
        await change(store, joined, leave("bert"), content="")
        assert [view.conversation.id for view in await whole_list(store, "bert", 10)] == [shown.id]

    @pytest.mark.parametrize(
        "cursor",
        [
            "x",
            "!!",
            "W10",
            "é",
            "WzEsMiwzXQ",
            "WzEsMiwiXHVkODAwIl0",
            "WzEsMiwiYVx1MDAwMCJd",
            "bm9uZQ==",
            "WzFlOTk5LDIsIngiXQ",
        ],
    )
    async def test_a_cursor_that_is_none_is_refused(self, store: Store, cursor: str) -> None:
        await people(store, "anna")
        with refused(Code.INVALID_ARGUMENT, "cursor"):
            await store.conversations("anna", cursor, 10, True)
