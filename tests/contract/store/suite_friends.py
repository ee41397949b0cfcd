"""What every store promises about friends, requests and blocks."""

from __future__ import annotations

import pytest

from resonance.domain.errors import Code
from resonance.domain.events import ConversationUpdated, FriendsUpdated
from resonance.domain.ids import UserId, single_id
from resonance.domain.model import RequestStatus
from resonance.ports.store import FriendEdge, Relation, Store
from tests.contract.store.making import events, head, people, refused, state, tick

STRANGERS = Relation(friends=False, blocked=False, blocked_by=False, requested=False, requested_by=False)
PAIR = single_id(UserId("anna"), UserId("bert"))


async def befriend(store: Store, user_id: str, other: str) -> None:
    """Make two people friends at once."""
    assert await store.request_friend(user_id, other, "", True) is RequestStatus.ACCEPTED


async def names(store: Store, user_id: str) -> list[str]:
    """Return the handles of somebody's friends."""
    return [friend.friend_id for friend in await store.friends(user_id, "", 100)]


class FriendsSuite:
    async def test_strangers_have_nothing_between_them(self, store: Store) -> None:
        await people(store, "anna", "bert")
        assert await store.relation("anna", "bert") == STRANGERS
        assert await store.relation("anna", "nobody") == STRANGERS

    async def test_a_request_waits_and_is_told_to_the_recipient(self, store: Store) -> None:
        await people(store, "anna", "bert")
        since = await head(store)
        assert await store.request_friend("anna", "bert", "it's me: 你好", False) is RequestStatus.PENDING
        assert await events(store, since, FriendsUpdated) == [
            FriendsUpdated("anna", "bert", "requested", "it's me: 你好", ("bert",))
        ]
        mine, theirs = await store.relation("anna", "bert"), await store.relation("bert", "anna")
        assert (mine.requested, mine.requested_by, mine.friends) == (True, False, False)
        assert (theirs.requested, theirs.requested_by, theirs.friends) == (False, True, False)
        [received] = await store.friend_requests("bert", True, 10)
        assert (received.sender, received.message, received.status) == ("anna", "it's me: 你好", RequestStatus.PENDING)
        assert await store.friend_requests("anna", False, 10) == [received]
        assert await store.friend_requests("anna", True, 10) == []
        assert await store.friends("anna", "", 10) == []

    async def test_asking_again_while_pending_changes_the_message(self, store: Store) -> None:
        await people(store, "anna", "bert")
        await store.request_friend("anna", "bert", "first", False)
        [first] = await store.friend_requests("bert", True, 10)
        assert await store.request_friend("anna", "bert", "second", False) is RequestStatus.PENDING
        [second] = await store.friend_requests("bert", True, 10)
        assert (second.message, second.created_at) == ("second", first.created_at)

    async def test_acceptance_makes_both_friends_and_opens_their_conversation(self, store: Store) -> None:
        await people(store, "anna", "bert")
        await store.request_friend("anna", "bert", "", False)
        since = await head(store)
        await store.decide_friend("bert", "anna", True)
        [told] = await events(store, since, FriendsUpdated)
        assert (told.actor, told.other, told.action) == ("bert", "anna", "accepted")
        assert "anna" in told.notify
        assert await names(store, "anna") == ["bert"]
        assert await names(store, "bert") == ["anna"]
        [request] = await store.friend_requests("bert", True, 10)
        assert request.status is RequestStatus.ACCEPTED
        assert (await store.conversation("anna", PAIR)).conversation.id == PAIR
        assert (await store.conversation("bert", PAIR)).visible_seq == 0

    async def test_rejection_makes_nobody_friends_and_one_may_ask_again(self, store: Store) -> None:
        await people(store, "anna", "bert")
        await store.request_friend("anna", "bert", "", False)
        since = await head(store)
        await store.decide_friend("bert", "anna", False)
        assert await events(store, since, FriendsUpdated) == [FriendsUpdated("bert", "anna", "rejected", "", ("anna",))]
        assert await store.relation("anna", "bert") == STRANGERS
        with refused(Code.CONVERSATION_NOT_FOUND):
            await store.conversation("anna", PAIR)
        assert await store.request_friend("anna", "bert", "please", False) is RequestStatus.PENDING
        assert (await store.relation("anna", "bert")).requested

    async def test_only_the_recipient_of_a_pending_request_decides(self, store: Store) -> None:
        await people(store, "anna", "bert")
        with refused(Code.REQUEST_NOT_FOUND):
            await store.decide_friend("bert", "anna", True)
        await store.request_friend("anna", "bert", "", False)
        with refused(Code.REQUEST_NOT_FOUND):
            await store.decide_friend("anna", "bert", True)
        await store.decide_friend("bert", "anna", True)
        with refused(Code.REQUEST_NOT_FOUND):
            await store.decide_friend("bert", "anna", True)

    async def test_who_asks_somebody_that_asked_before_is_accepted(self, store: Store) -> None:
        await people(store, "anna", "bert")
        await store.request_friend("anna", "bert", "", False)
        assert await store.request_friend("bert", "anna", "", False) is RequestStatus.ACCEPTED
        assert await store.relation("anna", "bert") == Relation(True, False, False, False, False)
        assert (await state(store, PAIR)).member_count == 2

    async def test_instant_friends_need_no_decision(self, store: Store) -> None:
        await people(store, "anna", "bert")
        since = await head(store)
        await befriend(store, "anna", "bert")
        assert await names(store, "bert") == ["anna"]
        [told] = await events(store, since, FriendsUpdated)
        assert (told.action, set(told.notify)) == ("accepted", {"anna", "bert"})
        [opened] = await events(store, since, ConversationUpdated)
        assert (opened.conversation_id, opened.action, opened.version) == (PAIR, "created", 1)

    async def test_friends_cannot_ask_again_and_nobody_asks_themselves(self, store: Store) -> None:
        await people(store, "anna", "bert")
        await befriend(store, "anna", "bert")
        with refused(Code.ALREADY_FRIENDS):
            await store.request_friend("bert", "anna", "", False)
        with refused(Code.INVALID_ARGUMENT):
            await store.request_friend("anna", "anna", "", True)
        with refused(Code.USER_NOT_FOUND, "nobody"):
            await store.request_friend("anna", "nobody", "", True)

    @pytest.mark.parametrize("instant", [True, False])
    async def test_somebody_who_blocked_is_asked_without_being_told(self, store: Store, instant: bool) -> None:
        await people(store, "anna", "bert")
        await store.set_blocked("bert", "anna", True)
        since = await head(store)
        assert await store.request_friend("anna", "bert", "hi", instant) is RequestStatus.PENDING
        assert [event.notify for event in await events(store, since, FriendsUpdated)] == [()]
        assert await names(store, "bert") == []
        [stored] = await store.friend_requests("bert", True, 10)
        assert stored.message == "hi"

    async def test_the_end_of_a_friendship_ends_it_for_both(self, store: Store) -> None:
        await people(store, "anna", "bert")
        await befriend(store, "anna", "bert")
        await store.set_remark("anna", "bert", "Bertie")
        since = await head(store)
        await store.remove_friend("bert", "anna")
        assert await names(store, "anna") == []
        assert await names(store, "bert") == []
        [told] = await events(store, since, FriendsUpdated)
        assert (told.actor, told.other, told.action, set(told.notify)) == ("bert", "anna", "removed", {"anna", "bert"})
        with refused(Code.USER_NOT_FOUND):
            await store.remove_friend("anna", "bert")
        assert (await store.conversation("anna", PAIR)).conversation.member_count == 2
        await befriend(store, "anna", "bert")
        [again] = await store.friends("anna", "", 10)
        assert again.remark == ""

    async def test_a_remark_is_ones_own(self, store: Store) -> None:
        await people(store, "anna", "bert")
        with refused(Code.USER_NOT_FOUND):
            await store.set_remark("anna", "bert", "x")
        await befriend(store, "anna", "bert")
        since = await head(store)
        await store.set_remark("anna", "bert", "O'Bert; --")
        assert [friend.remark for friend in await store.friends("anna", "", 10)] == ["O'Bert; --"]
        assert [friend.remark for friend in await store.friends("bert", "", 10)] == [""]
        assert await events(store, since, FriendsUpdated) == [FriendsUpdated("anna", "bert", "remark", "", ("anna",))]

    async def test_a_block_is_told_to_its_maker_alone_and_once(self, store: Store) -> None:
        await people(store, "anna", "bert")
        since = await head(store)
        await store.set_blocked("anna", "bert", True)
        await store.set_blocked("anna", "bert", True)
        await store.set_blocked("bert", "anna", False)
        assert await events(store, since, FriendsUpdated) == [FriendsUpdated("anna", "bert", "blocked", "", ("anna",))]
        assert [friend.friend_id for friend in await store.blocked("anna")] == ["bert"]
        assert await store.blocked("bert") == []
        mine, theirs = await store.relation("anna", "bert"), await store.relation("bert", "anna")
        assert (mine.blocked, mine.blocked_by, theirs.blocked, theirs.blocked_by) == (True, False, False, True)
        since = await head(store)
        await store.set_blocked("anna", "bert", False)
        assert await events(store, since, FriendsUpdated) == [
            FriendsUpdated("anna", "bert", "unblocked", "", ("anna",))
        ]
        assert await store.blocked("anna") == []
        with refused(Code.USER_NOT_FOUND, "nobody"):
            await store.set_blocked("anna", "nobody", True)

    async def test_a_block_leaves_the_friendship_and_the_reverse(self, store: Store) -> None:
        await people(store, "anna", "bert")
        await befriend(store, "anna", "bert")
        await store.set_blocked("anna", "bert", True)
        assert await names(store, "anna") == ["bert"]
        await store.remove_friend("anna", "bert")
        assert (await store.relation("anna", "bert")).blocked

    async def test_the_pairs_conversation_gets_a_new_version_with_every_change_of_rights(self, store: Store) -> None:
        await people(store, "anna", "bert")
        versions = [(await store.open_single("anna", "bert")).version]

        async def changed() -> None:
            found = await state(store, PAIR)
            assert found.version > versions[-1]
            assert found.updated_at >= found.created_at
            versions.append(found.version)

        await befriend(store, "anna", "bert")
        await changed()
        await store.set_blocked("anna", "bert", True)
        await changed()
        await store.set_blocked("anna", "bert", False)
        await changed()
        await store.remove_friend("anna", "bert")
        await changed()
        await store.set_blocked("anna", "bert", False)
        assert (await state(store, PAIR)).version == versions[-1]

    async def test_friends_are_paged_by_handle(self, store: Store) -> None:
        others = ["Zoe", "amy", "bob", "éva", "李雷"]
        await people(store, "me_", *others)
        for other in reversed(others):
            await befriend(store, "me_", other)
        first = await store.friends("me_", "", 2)
        second = await store.friends("me_", first[-1].friend_id, 2)
        third = await store.friends("me_", second[-1].friend_id, 2)
        assert [friend.friend_id for friend in [*first, *second, *third]] == others
        assert await store.friends("me_", "李雷", 2) == []

    async def test_requests_come_newest_first_up_to_the_limit(self, store: Store) -> None:
        await people(store, "anna", "p1", "p2", "p3")
        for sender in ("p1", "p2", "p3", "p1"):
            await store.request_friend(sender, "anna", "", False)
            await tick(store)
        assert [request.sender for request in await store.friend_requests("anna", True, 10)] == ["p1", "p3", "p2"]
        assert [request.sender for request in await store.friend_requests("anna", True, 2)] == ["p1", "p3"]

    async def test_edges_are_every_pair_of_friends(self, store: Store) -> None:
        await people(store, "anna", "bert", "cleo", "dora")
        await befriend(store, "anna", "bert")
        await befriend(store, "anna", "cleo")
        await befriend(store, "cleo", "dora")
        await store.remove_friend("dora", "cleo")
        await store.set_blocked("bert", "dora", True)
        edges = await store.friend_edges(["anna", "bert", "dora", *(f"nobody{number}" for number in range(600))])
        assert sorted(edges, key=lambda edge: (edge.user_id, edge.friend_id)) == [
            FriendEdge("anna", "bert"),
            FriendEdge("anna", "cleo"),
            FriendEdge("bert", "anna"),
        ]
        assert await store.friend_edges([]) == []

    async def test_a_block_cuts_the_edge_both_ways(self, store: Store) -> None:
        """Edges are for presence: neither the blocker nor the blocked is told of the other's."""
        await people(store, "anna", "bert", "cleo")
        await befriend(store, "anna", "bert")
        await befriend(store, "anna", "cleo")
        await store.set_blocked("anna", "bert", True)
        pairs = [(edge.user_id, edge.friend_id) for edge in await store.friend_edges(["anna", "bert", "cleo"])]
        assert sorted(pairs) == [("anna", "cleo"), ("cleo", "anna")]
        await store.set_blocked("anna", "bert", False)
        assert len(await store.friend_edges(["anna", "bert"])) == 3
