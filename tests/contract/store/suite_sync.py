"""What every store promises about sync: stale state + sync = fresh state, always."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count

from hypothesis import strategies as st

from resonance.domain.errors import ServiceError
from resonance.domain.model import (
    ConversationView,
    Friend,
    FriendRequest,
    GroupSettings,
    MemberSettings,
    SyncPage,
    User,
    UserChanges,
)
from resonance.ports.store import MAX_TRANSACTION_MS, Store
from tests.contract.store.making import Examples, change, for_all, group, join, kick, leave, people, say, state

LONG_AGO_MS = 2 * MAX_TRANSACTION_MS
MONTHS_MS = 100 * 86_400_000
_runs = count()
ACTIONS = 17
"""How many `_actions` there are."""
PAIRS = [(0, 1), (1, 0), (2, 0), (0, 2), (1, 2)]
"""Who does something to whom; 0 is the one whose client is watched."""
Later = Callable[[int], None]


class Client:
    """What a client keeps of sync, merged as the contract says."""

    def __init__(self, store: Store, user_id: str, limit: int = 100) -> None:
        self.store = store
        self.user_id = user_id
        self.limit = limit
        self.token = ""
        self.conversations: dict[str, ConversationView] = {}
        self.friends: dict[str, Friend] = {}
        self.requests: dict[tuple[str, str], FriendRequest] = {}
        self.users: dict[str, User] = {}

    async def sync(self) -> list[SyncPage]:
        """Sync to the end of the round."""
        pages = [await self.page()]
        while pages[-1].more:
            pages.append(await self.page())
        return pages

    async def page(self) -> SyncPage:
        """Fetch and merge one page."""
        page = await self.store.sync(self.user_id, self.token, self.limit)
        self.token = page.token
        if page.full:
            for kept in (self.conversations, self.friends, self.requests, self.users):
                kept.clear()
        # A peer's profile is a user like any other: it comes by `users`, not by its conversations.
        self.conversations |= {view.conversation.id: replace(view, peer=None) for view in page.conversations}
        self.friends |= {friend.friend_id: friend for friend in page.friends}
        self.requests |= {(request.sender, request.recipient): request for request in page.requests}
        self.users |= {user.id: user for user in page.users}
        for part in (page.conversations, page.friends, page.requests, page.users):
            assert len(part) <= self.limit
        return page

    async def check(self) -> None:
        """Compare with what a new client would be told."""
        fresh = Client(self.store, self.user_id)
        [page] = await fresh.sync()
        assert page.full
        assert self.conversations == fresh.conversations
        assert self.requests == fresh.requests
        alive = {name: friend for name, friend in self.friends.items() if friend.is_friend or friend.blocked}
        assert alive == fresh.friends
        assert {name: self.users.get(name) for name in fresh.users} == fresh.users


class SyncSuite:
    async def test_a_new_client_is_told_everything(self, store: Store) -> None:
        await people(store, "anna", "bert", "carl")
        await store.request_friend("anna", "bert", "", True)
        await store.request_friend("carl", "anna", "hello", False)
        chat = await group(store, "carl", "anna")
        world = await store.ensure_open("world", "World")
        page = await store.sync("anna", "", 100)
        assert page.full
        assert not page.more
        assert {view.conversation.id for view in page.conversations} == {"si_anna_bert", chat.id, world.id}
        assert [
            view.peer and view.peer.id for view in page.conversations if view.conversation.id == "si_anna_bert"
        ] == ["bert"]
        assert [friend.friend_id for friend in page.friends] == ["bert"]
        assert [(request.sender, request.recipient) for request in page.requests] == [
            ("anna", "bert"),
            ("carl", "anna"),
        ]
        assert {user.id for user in page.users} == {"anna", "bert"}

    async def test_only_what_changed_comes_again(self, store: Store, later: Later) -> None:
        await people(store, "anna", "bert", "carl")
        chats = [(await store.open_single("anna", other)).id for other in ("bert", "carl")]
        client = Client(store, "anna")
        later(LONG_AGO_MS)
        await client.sync()
        later(LONG_AGO_MS)
        [nothing] = await client.sync()
        assert (nothing.full, nothing.conversations, nothing.friends, nothing.users) == (False, [], [], [])
        await say(store, chats[1], "carl")
        later(LONG_AGO_MS)
        [page] = await client.sync()
        assert [view.conversation.id for view in page.conversations] == [chats[1]]
        assert page.conversations[0].unread == 1

    async def test_two_rounds_overlap_by_the_longest_transaction(self, store: Store, later: Later) -> None:
        """A transaction that began before the sync and commits after it is in the next round."""
        await people(store, "anna", "bert")
        await store.open_single("anna", "bert")
        client = Client(store, "anna")
        later(MAX_TRANSACTION_MS - 5_000)
        await client.sync()
        later(LONG_AGO_MS)
        [page] = await client.sync()
        assert [view.conversation.id for view in page.conversations] == ["si_anna_bert"]

    async def test_a_token_that_no_store_made_means_starting_anew(self, store: Store) -> None:
        await people(store, "anna")
        for token in ("x", "0", "WyJhIl0", "🐼", "a" * 1000):
            assert (await store.sync("anna", token, 10)).full

    async def test_a_token_older_than_the_tombstones_means_starting_anew(self, store: Store, later: Later) -> None:
        await people(store, "anna", "bert")
        await store.request_friend("anna", "bert", "", True)
        client = Client(store, "anna")
        await client.sync()
        await store.remove_friend("anna", "bert")
        later(MONTHS_MS)
        await store.prune(0, (await store.info()).now - 1, 100)
        [page] = await client.sync()
        assert page.full
        assert client.friends == {}

    async def test_what_changes_between_two_pages_is_in_the_next_round(self, store: Store, later: Later) -> None:
        await people(store, "anna", *(f"u{n}" for n in range(5)))
        chats = [(await store.open_single("anna", f"u{n}")).id for n in range(5)]
        client = Client(store, "anna", limit=2)
        assert (await client.page()).more
        await say(store, chats[0], "u0")
        later(LONG_AGO_MS)
        pages = await client.sync()
        assert not any(page.full for page in pages)
        await client.sync()
        await client.check()

    async def test_the_open_conversation_syncs_without_a_row(self, store: Store, later: Later) -> None:
        await people(store, "anna", "bert")
        world = await store.ensure_open("world", "World")
        client = Client(store, "anna")
        await client.sync()
        later(LONG_AGO_MS)
        await say(store, world.id, "bert")
        await client.sync()
        assert client.conversations[world.id].unread == 1
        await client.check()

    async def test_stale_state_and_sync_make_fresh_state(self, store: Store, later: Later, examples: Examples) -> None:
        steps = st.lists(st.tuples(st.integers(0, ACTIONS), st.sampled_from(PAIRS)), min_size=1, max_size=5)
        check = partial(_check_rounds, store, later)
        await for_all(examples(60), check, rounds=st.lists(steps, max_size=8), limit=st.integers(1, 3))


async def _check_rounds(
    store: Store, later: Later, rounds: list[list[tuple[int, tuple[int, int]]]], limit: int
) -> None:
    """Let things happen in rounds of (action, who to whom), syncing after each."""
    names = [f"{name}{next(_runs)}" for name in "abc"]
    await people(store, *names)
    await store.ensure_open("world", "World")
    chat = (await group(store, names[0], names[1])).id
    client = Client(store, names[0], limit)
    for steps in rounds:
        later(LONG_AGO_MS)
        await client.sync()
        # What happens from here on is all that the next round may have to tell.
        later(LONG_AGO_MS)
        for number, (i, j) in steps:
            if number == ACTIONS:
                await client.page()
                continue
            with suppress(ServiceError):
                await _actions(store, chat, names[0], names[i], names[j])[number]()
            later(1)
        later(LONG_AGO_MS)
        await client.sync()
        await client.sync()
        await client.check()


def _actions(store: Store, chat: str, owner: str, me: str, other: str) -> list[Callable[[], Awaitable[object]]]:
    """Return everything that may happen between two syncs; refusals are a part of it."""

    async def talk() -> None:
        await say(store, (await store.open_single(me, other)).id, me)

    async def join_group() -> None:
        await change(store, await state(store, chat), join(me), actor=owner)

    async def leave_group() -> None:
        await change(store, await state(store, chat), leave(me), actor=me)

    async def kick_from_group() -> None:
        await change(store, await state(store, chat), kick(other), actor=owner)

    async def rename_group() -> None:
        await change(store, await state(store, chat), settings=GroupSettings(name=me), actor=owner)

    return [
        talk,
        join_group,
        leave_group,
        kick_from_group,
        rename_group,
        lambda: say(store, chat, owner),
        lambda: say(store, "world", me),
        lambda: store.mark_read(me, chat, 0),
        lambda: store.mark_read(me, "world", 0),
        lambda: store.request_friend(me, other, "hello", False),
        lambda: store.decide_friend(me, other, True),
        lambda: store.remove_friend(me, other),
        lambda: store.set_remark(me, other, "friend"),
        lambda: store.set_blocked(me, other, True),
        lambda: store.set_blocked(me, other, False),
        lambda: store.update_user(me, UserChanges(nickname="new")),
        lambda: store.set_member(me, chat, MemberSettings(pinned=True)),
    ]
