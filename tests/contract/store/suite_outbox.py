"""What every store promises about the outbox and its housekeeping."""

from __future__ import annotations

import asyncio

from resonance.domain.errors import Code
from resonance.domain.events import Event
from resonance.domain.ids import UserId
from resonance.domain.model import DeviceState
from resonance.ports.store import NewDevice, Store
from tests.contract.store.making import head, people, refused, say, tick

LONG_MS = 60_000
FUTURE = 2**52


async def chatter(store: Store, times: int) -> str:
    """Return a single conversation in which somebody wrote some messages, one commit each."""
    await people(store, "anna", "bert")
    chat = (await store.open_single("anna", "bert")).id
    for _ in range(times):
        await say(store, chat, "anna")
    return chat


class OutboxSuite:
    async def test_pages_follow_on_one_another(self, store: Store) -> None:
        await chatter(store, 4)
        everything = await store.outbox(0, 100, 0)
        pages = [await store.outbox(0, 2, 0)]
        while pages[-1].events:
            pages.append(await store.outbox(pages[-1].events[-1].position, 2, 0))
        assert [event for page in pages for event in page.events] == everything.events
        assert everything.oldest == everything.events[0].position
        assert everything.head == everything.events[-1].position

    async def test_an_empty_outbox_ends_before_it_begins(self, store: Store) -> None:
        page = await store.outbox(0, 10, 0)
        assert (page.events, page.oldest, page.head, page.end) == ([], 1, 0, 0)

    async def test_a_page_of_some_kinds_ends_where_the_next_one_begins(self, store: Store) -> None:
        chat = await chatter(store, 2)
        for seq in (1, 2):
            await store.mark_read("bert", chat, seq)
        await say(store, chat, "anna")
        everything = (await store.outbox(0, 100, 0)).events
        wanted = [event for event in everything if event.kind in ("entries", "read")]
        assert {event.kind for event in wanted} == {"entries", "read"}
        paged: list[Event] = []
        page = await store.outbox(0, 2, 0, ["entries", "read"])
        while page.events:
            paged += page.events
            page = await store.outbox(page.end, 2, 0, ["entries", "read"])
        assert paged == wanted
        pointers = await store.outbox(0, 100, 0, ["read"])
        assert ([event.kind for event in pointers.events], pointers.end) == (["read"] * 2, pointers.head)

    async def test_everybody_who_waits_is_woken_by_one_commit(self, store: Store) -> None:
        chat = await chatter(store, 1)
        end = await head(store)
        waiting = [asyncio.create_task(store.outbox(end, 10, LONG_MS)) for _ in range(3)]
        await asyncio.sleep(0)
        await say(store, chat, "anna")
        async with asyncio.timeout(10):
            pages = await asyncio.gather(*waiting)
        assert [page.head for page in pages] == [end + 1] * 3

    async def test_a_commit_during_the_call_is_not_lost(self, store: Store) -> None:
        """The lost wake-up: a reader that looks, finds nothing, and only then begins to wait."""
        chat = await chatter(store, 1)
        for _ in range(50):
            end = await head(store)
            async with asyncio.timeout(10):
                page, _ = await asyncio.gather(store.outbox(end, 10, LONG_MS), say(store, chat, "anna"))
            assert [event.position for event in page.events] == [end + 1]

    async def test_a_call_that_is_given_up_harms_nobody(self, store: Store) -> None:
        chat = await chatter(store, 1)
        end = await head(store)
        given_up = asyncio.create_task(store.outbox(end, 10, LONG_MS))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        await say(store, chat, "anna")
        assert (await store.outbox(end, 10, 0)).head == end + 1

    async def test_positions_only_move_forward(self, store: Store) -> None:
        assert await store.consumer_position("c") == 0
        await store.commit_position("c", 5)
        await store.commit_position("c", 3)
        assert await store.consumer_position("c") == 5
        assert await store.consumer_position("d") == 0

    async def test_a_forgotten_consumer_holds_back_no_pruning(self, store: Store) -> None:
        await chatter(store, 3)
        end = await head(store)
        await store.commit_position("done", end)
        await store.commit_position("gone", 0)
        assert await store.prune(0, 0, 100) == 0
        await store.forget_consumer("gone")
        await store.forget_consumer("gone")
        assert await store.prune(0, 0, 100) == end - 1
        assert await store.consumer_position("gone") == 0

    async def test_dead_letters_are_kept_in_order_until_processed(self, store: Store) -> None:
        events = [Event(n, "k", "user", b'{"user_id":"a"}', 7) for n in (2, 1, 3)]
        for event in events:
            await store.park("c", event, "failed", 1)
        await store.park("c", events[0], "failed again", 2)
        await store.park("other", events[0], "x", 1)
        letters = await store.parked("c", 10)
        assert [(letter.event.position, letter.error, letter.attempts) for letter in letters] == [
            (1, "failed", 1),
            (2, "failed again", 2),
            (3, "failed", 1),
        ]
        assert letters[0].event == events[1]
        assert letters[0].parked_at > 0
        await store.unpark("c", 1)
        assert [letter.event.position for letter in await store.parked("c", 1)] == [2]
        assert [letter.event.position for letter in await store.parked("c", 9, 2)] == [3]

    async def test_pruning_keeps_what_a_consumer_still_needs(self, store: Store) -> None:
        await chatter(store, 6)
        end = await head(store)
        assert await store.prune(0, 0, 100) == 0
        await store.commit_position("fast", end)
        await store.commit_position("slow", end - 4)
        assert await store.prune(0, 0, 100) == end - 4
        page = await store.outbox(0, 100, 0)
        assert (page.oldest, len(page.events)) == (end - 3, 4)

    async def test_pruning_keeps_the_newest_events_asked_for(self, store: Store) -> None:
        await chatter(store, 6)
        end = await head(store)
        await store.commit_position("c", end)
        assert await store.prune(3, 0, 2) == 2
        assert await store.prune(3, 0, 100) == end - 5
        assert await store.prune(3, 0, 100) == 0
        assert len((await store.outbox(0, 100, 0)).events) == 3

    async def test_positions_are_never_given_twice(self, store: Store) -> None:
        """A consumer's position must mean the same event for ever, also when all events were pruned."""
        chat = await chatter(store, 3)
        end = await head(store)
        await store.commit_position("c", end)
        await store.prune(0, 0, 100)
        await say(store, chat, "anna")
        assert await head(store) == end + 1

    async def test_pruning_forgets_old_tombstones_only(self, store: Store) -> None:
        await people(store, "anna", "bert", "carl")
        for friend in ("bert", "carl"):
            await store.request_friend("anna", friend, "", True)
        await store.remove_friend("anna", "bert")
        for name in ("old", "new"):
            await store.open_device(NewDevice(name, UserId("anna"), 1, name, name, FUTURE, False, 9))
        await store.close_devices("anna", ["old"], DeviceState.LOGGED_OUT)
        assert await store.prune(0, 1, 100) == 0
        assert await store.prune(0, FUTURE, 2) == 2
        assert await store.prune(0, FUTURE, 100) == 1
        assert await store.device_states(["old", "new"]) == {"new": DeviceState.ACTIVE}
        assert [friend.friend_id for friend in await store.friends("anna", "", 10)] == ["carl"]


class HouseSuite:
    async def test_the_clock_never_runs_backwards(self, store: Store) -> None:
        infos = [await store.info() for _ in range(20)]
        assert [info.now for info in infos] == sorted(info.now for info in infos)
        assert len({info.epoch for info in infos}) == 1
        assert infos[0].epoch

    async def test_workers_are_leased_to_one_owner_at_a_time(self, store: Store) -> None:
        first = await store.lease_worker("a", LONG_MS)
        assert await store.lease_worker("b", LONG_MS) != first
        assert await store.lease_worker("a", LONG_MS) == first

    async def test_an_expired_lease_goes_to_who_needs_it_when_all_are_taken(self, store: Store) -> None:
        leases = await asyncio.gather(*(store.lease_worker(f"owner{n}", LONG_MS) for n in range(1024)))
        assert sorted(leases) == list(range(1024))
        with refused(Code.LIMIT_REACHED):
            await store.lease_worker("late", LONG_MS)
        await store.lease_worker("owner7", 0)
        assert await store.lease_worker("late", LONG_MS) == leases[7]
        with refused(Code.LIMIT_REACHED):
            await store.lease_worker("owner7", LONG_MS)

    async def test_a_name_is_leased_to_one_owner_at_a_time(self, store: Store) -> None:
        assert await store.lease("task", "a", LONG_MS)
        assert not await store.lease("task", "b", LONG_MS)
        assert await store.lease("task", "a", LONG_MS)
        assert await store.lease("relay", "b", LONG_MS)

    async def test_a_lease_that_was_given_back_or_ran_out_is_free(self, store: Store) -> None:
        assert await store.lease("task", "a", 0)
        assert await store.lease("task", "b", 1)
        await tick(store)
        assert await store.lease("task", "a", LONG_MS)
        assert not await store.lease("task", "b", LONG_MS)

    async def test_of_many_who_ask_at_once_one_gets_the_lease(self, store: Store) -> None:
        got = await asyncio.gather(*(store.lease("task", f"owner{n}", LONG_MS) for n in range(20)))
        assert sum(got) == 1

    async def test_last_seen_never_goes_back(self, store: Store) -> None:
        await people(store, "anna", "bert")
        before = {user.id: user.updated_at for user in await store.users(["anna"])}
        await tick(store)
        await store.touch_last_seen(["anna", "nobody"], 50)
        assert {user.id: user.updated_at for user in await store.users(["anna"])} == before
        await store.touch_last_seen(["anna"], 40)
        await store.touch_last_seen([], 60)
        assert {user.id: user.last_seen_at for user in await store.users(["anna", "bert"])} == {"anna": 50, "bert": 0}
