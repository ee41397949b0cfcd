"""What every store promises about groups: making, changing, joining, the member list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from resonance.domain.content import Kind
from resonance.domain.errors import Code
from resonance.domain.events import ConversationUpdated, EntriesAppended, JoinRequested
from resonance.domain.ids import SYSTEM_USER, ConversationId
from resonance.domain.model import (
    ConversationKind,
    ConversationStatus,
    GroupSettings,
    MemberChange,
    MemberSettings,
    MemberStatus,
    NewGroup,
    RecvOpt,
    RequestStatus,
    Role,
)
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
    member,
    mute,
    people,
    rank,
    refused,
    say,
    seqs,
    state,
    tick,
)


class GroupsSuite:
    # ------------------------------------------------------------ making

    async def test_a_group_begins_with_its_members_and_one_system_entry(self, store: Store) -> None:
        await people(store, "anna", "bert", "cleo")
        since = await head(store)
        new = NewGroup(
            "O'Group %_ 🐼", "team.1", ("bert", "cleo"), "pic", "intro", History.FULL, max_members=9, join_approval=True
        )
        made = await store.create_group("anna", new, 77, '{"action":"created"}')
        assert (made.id, made.kind, made.name, made.owner) == (
            "sg_team.1",
            ConversationKind.GROUP,
            "O'Group %_ 🐼",
            "anna",
        )
        assert (made.avatar, made.introduction, made.history, made.max_members, made.join_approval) == (
            "pic",
            "intro",
            History.FULL,
            9,
            True,
        )
        assert (made.max_seq, made.ordinal, made.version, made.member_count) == (1, 0, 1, 3)
        assert await state(store, made.id) == made
        [entry] = (await store.read_entries("cleo", made.id, 0, 0, 10, False)).entries
        assert (entry.seq, entry.message_id, entry.sender, entry.client_msg_id) == (1, 77, SYSTEM_USER, "~77")
        assert (entry.kind, entry.content, entry.ordinal) == (Kind.SYSTEM, '{"action":"created"}', 0)
        assert await events(store, since, EntriesAppended) == [EntriesAppended(made.id, 1, 1, 1, 3, system=True)]
        [told] = await events(store, since, ConversationUpdated)
        assert (told.action, told.actor, set(told.user_ids), told.version) == (
            "created",
            "anna",
            {"anna", "bert", "cleo"},
            1,
        )
        assert [(await member(store, made.id, who)).role for who in ("anna", "bert")] == [Role.OWNER, Role.MEMBER]

    @pytest.mark.parametrize("history", list(History))
    async def test_the_first_members_see_the_group_from_its_beginning(self, store: Store, history: History) -> None:
        await people(store, "anna", "bert")
        made = await group(store, "anna", "bert", history=history)
        for who in ("anna", "bert"):
            assert await seqs(store, who, made.id) == [1]
            assert (await store.conversation(who, made.id)).unread == 0

    async def test_making_it_again_returns_it_and_writes_nothing(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await group(store, "anna", group_id="team")
        since = await head(store)
        again = await group(store, "anna", "bert", group_id="team")
        assert again == made
        assert await head(store) == since
        assert await seqs(store, "anna", made.id) == [1]
        with refused(Code.NOT_MEMBER):
            await store.conversation("bert", made.id)

    async def test_making_it_again_returns_it_as_it_became(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await group(store, "anna", "bert", group_id="team")
        now = await change(store, made, rank("bert", Role.OWNER), rank("anna", Role.ADMIN), owner="bert")
        assert await group(store, "anna", group_id="team") == now
        with refused(Code.CONVERSATION_EXISTS):
            await group(store, "bert", group_id="team")

    async def test_a_group_of_somebody_else_is_not_given_away(self, store: Store) -> None:
        await people(store, "anna", "bert")
        await group(store, "anna", group_id="team")
        with refused(Code.CONVERSATION_EXISTS):
            await group(store, "bert", group_id="team")

    async def test_group_ids_are_case_sensitive(self, store: Store) -> None:
        await people(store, "anna", "bert")
        assert (await group(store, "anna", group_id="Team")).id != (await group(store, "bert", group_id="team")).id

    async def test_groups_without_an_id_are_different(self, store: Store) -> None:
        await people(store, "anna")
        first = await store.create_group("anna", NewGroup("x"), 1, "created")
        second = await store.create_group("anna", NewGroup("x"), 2, "created")
        assert first.id != second.id
        assert await store.create_group("anna", NewGroup("x"), 2, "created") == second

    async def test_a_group_with_somebody_unknown_is_not_made(self, store: Store) -> None:
        await people(store, "anna", "bert")
        with refused(Code.USER_NOT_FOUND, "nobody1"):
            await group(store, "anna", "bert", "nobody1", "nobody2", group_id="team")
        assert await store.states(["sg_team"], []) == []
        with refused(Code.USER_NOT_FOUND, "ghost"):
            await group(store, "ghost", "anna", group_id="team")

    # ------------------------------------------------------------ changing

    async def test_a_change_of_another_version_changes_nothing(self, store: Store) -> None:
        await people(store, "anna", "bert", "cleo")
        made = await group(store, "anna", "bert")
        now = await change(store, made, mute("bert", 5))
        since = await head(store)
        rows = (await store.states([made.id], []))[0].members
        for version in (made.version, now.version + 1, 0):
            with refused(Code.STALE):
                await change(
                    store,
                    replace(now, version=version),
                    kick("bert"),
                    join("cleo"),
                    settings=GroupSettings(name="new"),
                    dissolve=True,
                )
        assert await state(store, made.id) == now
        assert (await store.states([made.id], []))[0].members == rows
        assert await head(store) == since
        assert await seqs(store, "anna", made.id) == [1, 2]

    async def test_a_refused_change_changes_nothing(self, store: Store) -> None:
        await people(store, "anna", "bert", "cleo")
        made = await group(store, "anna", "bert", max_members=2)
        since = await head(store)
        for code, parts in (
            (Code.USER_NOT_FOUND, [kick("bert"), join("nobody")]),
            (Code.ALREADY_MEMBER, [mute("anna", 9), join("bert")]),
            (Code.GROUP_FULL, [mute("anna", 9), join("cleo")]),
            (Code.NOT_MEMBER, [mute("anna", 9), kick("cleo")]),
            (Code.NOT_MEMBER, [rank("cleo", Role.ADMIN)]),
        ):
            with refused(code):
                await change(store, made, *parts)
        assert await state(store, made.id) == made
        assert (await member(store, made.id, "anna")).muted_until == 0
        assert await head(store) == since

    async def test_an_unknown_group_cannot_change(self, store: Store) -> None:
        await people(store, "anna")
        made = await group(store, "anna")
        with refused(Code.CONVERSATION_NOT_FOUND, "sg_none"):
            await change(store, replace(made, id=ConversationId("sg_none")))

    async def test_a_change_writes_its_entry_and_events(self, store: Store) -> None:
        await people(store, "anna", "bert", "cleo")
        made = await group(store, "anna", "bert")
        await say(store, made.id, "anna")
        since = await head(store)
        after = await change(store, made, join("cleo"), kick("bert"), content="it's done")
        assert (after.max_seq, after.ordinal, after.version, after.member_count) == (3, 1, made.version + 1, 2)
        assert await state(store, made.id) == after
        [entry] = (await store.read_entries("anna", made.id, 3, 3, 1, False)).entries
        assert (entry.sender, entry.kind, entry.content, entry.ordinal) == (SYSTEM_USER, Kind.SYSTEM, "it's done", 1)
        assert await events(store, since, EntriesAppended) == [
            EntriesAppended(made.id, 3, 3, after.version, 2, system=True)
        ]
        assert await events(store, since, ConversationUpdated) == [
            ConversationUpdated(made.id, "join", "anna", ("cleo", "bert"), after.version, ("bert",))
        ]

    async def test_a_change_without_content_writes_no_entry(self, store: Store) -> None:
        await people(store, "anna")
        made = await group(store, "anna")
        since = await head(store)
        after = await change(store, made, settings=GroupSettings(name="new"), content="")
        assert (after.name, after.max_seq, after.version) == ("new", 1, 2)
        assert await events(store, since, EntriesAppended) == []
        assert len(await events(store, since, ConversationUpdated)) == 1

    async def test_settings_change_alone_or_together(self, store: Store) -> None:
        await people(store, "anna")
        made = await group(store, "anna")
        one = await change(store, made, settings=GroupSettings(mute_all=True))
        assert (one.mute_all, one.name, one.join_approval) == (True, made.name, made.join_approval)
        wish = GroupSettings("n", "a", "i", History.FULL, 7, join_approval=True, mute_all=False)
        two = await change(store, one, settings=wish)
        assert (two.name, two.avatar, two.introduction, two.history, two.max_members) == (
            "n",
            "a",
            "i",
            History.FULL,
            7,
        )
        assert (two.join_approval, two.mute_all) == (True, False)
        assert await state(store, made.id) == two

    async def test_a_transfer_changes_owner_and_roles_at_once(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await group(store, "anna", "bert")
        after = await change(store, made, rank("bert", Role.OWNER), rank("anna", Role.ADMIN), owner="bert")
        assert after.owner == "bert"
        assert [(await member(store, made.id, who)).role for who in ("anna", "bert")] == [Role.ADMIN, Role.OWNER]

    async def test_a_dissolved_group_stays_readable(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await group(store, "anna", "bert")
        after = await change(store, made, dissolve=True)
        assert after.status is ConversationStatus.DISSOLVED
        assert after.member_count == 2
        assert await seqs(store, "bert", made.id) == [1, 2]

    async def test_only_what_changed_is_found_by_its_time(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await group(store, "anna", "bert")
        untouched = await member(store, made.id, "anna")
        await tick(store)
        after = await change(store, made, mute("bert", 9))
        assert after.updated_at > made.updated_at
        assert (await member(store, made.id, "bert")).updated_at == after.updated_at
        assert await member(store, made.id, "anna") == untouched

    # ------------------------------------------------------------ windows

    async def test_who_joins_sees_from_the_entry_on_that_tells_of_it(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await group(store, "anna", history=History.SINCE_JOIN)
        await say(store, made.id, "anna")
        after = await change(store, await state(store, made.id), join("bert", inviter="anna"))
        row = await member(store, made.id, "bert")
        assert (row.min_seq, row.max_seq, row.read_seq, row.read_ordinal, row.inviter) == (3, None, 2, 1, "anna")
        await say(store, made.id, "anna")
        assert await seqs(store, "bert", made.id) == [after.max_seq, after.max_seq + 1]
        assert (await store.conversation("bert", made.id)).unread == 1

    async def test_who_joins_a_full_history_sees_everything_unread(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await group(store, "anna", history=History.FULL)
        await say(store, made.id, "anna")
        await change(store, await state(store, made.id), join("bert"))
        row = await member(store, made.id, "bert")
        assert (row.min_seq, row.read_seq, row.read_ordinal) == (1, 0, 0)
        assert await seqs(store, "bert", made.id) == [1, 2, 3]
        assert (await store.conversation("bert", made.id)).unread == 1

    @pytest.mark.parametrize(("part", "status"), [(leave, MemberStatus.LEFT), (kick, MemberStatus.KICKED)])
    async def test_who_is_gone_sees_up_to_the_entry_that_says_so(
        self, store: Store, part: Callable[[str], MemberChange], status: MemberStatus
    ) -> None:
        await people(store, "anna", "bert")
        made = await group(store, "anna", "bert")
        await say(store, made.id, "anna")
        after = await change(store, await state(store, made.id), part("bert"))
        await say(store, made.id, "anna")
        row = await member(store, made.id, "bert")
        assert (row.status, row.role, row.max_seq, row.end_ordinal) == (status, Role.MEMBER, 3, 1)
        assert after.member_count == 1
        assert await seqs(store, "bert", made.id) == [1, 2, 3]
        assert (await store.conversation("bert", made.id)).unread == 1

    async def test_a_rejoin_is_a_new_window_and_pointer_with_the_old_settings_and_mute(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await group(store, "anna", "bert", history=History.SINCE_JOIN)
        now = await change(store, made, mute("bert", 10**15), rank("bert", Role.ADMIN))
        await store.set_member("bert", made.id, MemberSettings(pinned=True, recv_opt=RecvOpt.NOT_RECV))
        now = await change(store, now, leave("bert"))
        await say(store, made.id, "anna")
        now = await change(store, await state(store, made.id), join("bert"))
        row = await member(store, made.id, "bert")
        assert (row.status, row.role) == (MemberStatus.NORMAL, Role.MEMBER)
        assert (row.min_seq, row.max_seq, row.read_seq, row.read_ordinal, row.end_ordinal) == (5, None, 4, 1, None)
        assert (row.pinned, row.recv_opt, row.muted_until) == (True, RecvOpt.NOT_RECV, 10**15)
        assert now.member_count == 2
        assert await seqs(store, "bert", made.id) == [5]

    async def test_a_join_may_come_with_a_role(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await group(store, "anna")
        await change(store, made, join("bert", Role.ADMIN))
        assert (await member(store, made.id, "bert")).role is Role.ADMIN

    async def test_a_full_group_takes_somebody_when_somebody_goes(self, store: Store) -> None:
        await people(store, "anna", "bert", "cleo")
        made = await group(store, "anna", "bert", max_members=2)
        with refused(Code.GROUP_FULL):
            await change(store, made, join("cleo"))
        after = await change(store, made, join("cleo"), kick("bert"))
        assert after.member_count == 2

    async def test_many_join_and_go_in_one_change(self, store: Store) -> None:
        crowd = [f"u{number:03}" for number in range(620)]
        await people(store, "anna", *crowd)
        made = await group(store, "anna", max_members=0)
        after = await change(store, made, *(join(user_id) for user_id in crowd))
        assert (after.member_count, after.max_seq) == (621, 2)
        assert (await change(store, after, *(kick(user_id) for user_id in crowd))).member_count == 1

    # ------------------------------------------------------------ wishes to join

    async def test_a_wish_to_join_waits_and_is_told(self, store: Store) -> None:
        await people(store, "anna", "bert", "cleo")
        made = await group(store, "anna")
        since = await head(store)
        await store.request_join(made.id, "bert", "it's me")
        assert await events(store, since, JoinRequested) == [JoinRequested(made.id, "bert", "it's me")]
        await store.request_join(made.id, "cleo", "")
        [first, second] = await store.join_requests(made.id)
        assert (first.user_id, first.message, first.status) == ("bert", "it's me", RequestStatus.PENDING)
        assert second.user_id == "cleo"
        assert (await state(store, made.id)).version == made.version

    async def test_a_renewed_wish_keeps_its_place(self, store: Store) -> None:
        await people(store, "anna", "bert", "cleo")
        made = await group(store, "anna")
        await store.request_join(made.id, "cleo", "first")
        await tick(store)
        await store.request_join(made.id, "bert", "")
        await store.request_join(made.id, "cleo", "second")
        assert [(wish.user_id, wish.message) for wish in await store.join_requests(made.id)] == [
            ("cleo", "second"),
            ("bert", ""),
        ]

    async def test_wishes_of_members_and_for_nothing_are_refused(self, store: Store) -> None:
        await people(store, "anna")
        made = await group(store, "anna")
        with refused(Code.ALREADY_MEMBER):
            await store.request_join(made.id, "anna", "")
        with refused(Code.CONVERSATION_NOT_FOUND):
            await store.request_join("sg_none", "anna", "")

    async def test_a_rejected_wish_is_gone_until_it_is_renewed(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await group(store, "anna")
        with refused(Code.REQUEST_NOT_FOUND):
            await store.reject_join(made.id, "bert")
        await store.request_join(made.id, "bert", "")
        await store.reject_join(made.id, "bert")
        assert await store.join_requests(made.id) == []
        with refused(Code.REQUEST_NOT_FOUND):
            await store.reject_join(made.id, "bert")
        await store.request_join(made.id, "bert", "again")
        assert [wish.message for wish in await store.join_requests(made.id)] == ["again"]

    async def test_joining_by_any_way_answers_the_wish(self, store: Store) -> None:
        await people(store, "anna", "bert", "cleo")
        made = await group(store, "anna")
        await store.request_join(made.id, "bert", "")
        await store.request_join(made.id, "cleo", "")
        await change(store, made, join("bert"))
        assert [wish.user_id for wish in await store.join_requests(made.id)] == ["cleo"]
        with refused(Code.REQUEST_NOT_FOUND):
            await store.reject_join(made.id, "bert")

    async def test_who_left_may_wish_to_come_back(self, store: Store) -> None:
        await people(store, "anna", "bert")
        made = await group(store, "anna", "bert")
        await change(store, made, leave("bert"))
        await store.request_join(made.id, "bert", "sorry")
        assert [wish.user_id for wish in await store.join_requests(made.id)] == ["bert"]

    # ------------------------------------------------------------ the member list

    @pytest.mark.parametrize("limit", [1, 2, 4, 100])
    async def test_members_come_by_role_then_handle_with_their_profiles(self, store: Store, limit: int) -> None:
        await people(store, "zoe", "Bob", "amy", "bob", "cat", "gone", "李雷")
        made = await group(store, "zoe", "Bob", "amy", "bob", "cat", "gone", "李雷")
        await change(store, made, rank("cat", Role.ADMIN), rank("李雷", Role.ADMIN), leave("gone"))
        found: list[str] = []
        cursor = ""
        while True:
            page = await store.members(made.id, cursor, limit)
            assert len(page.items) <= limit
            assert [user.id for user in page.users] == [row.user_id for row in page.items]
            assert page.total == 6
            found += [row.user_id for row in page.items]
            cursor = page.cursor
            if not cursor:
                break
        assert found == ["zoe", "cat", "李雷", "Bob", "amy", "bob"]

    @pytest.mark.parametrize("cursor", ["x", "W10", "WzEsMl0", "'--"])
    async def test_a_cursor_that_is_none_is_refused(self, store: Store, cursor: str) -> None:
        await people(store, "anna")
        made = await group(store, "anna")
        with refused(Code.INVALID_ARGUMENT, "cursor"):
            await store.members(made.id, cursor, 10)
