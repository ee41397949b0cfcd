"""What every store promises about appending: one order without holes, one key one message, per-item results."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import count

from hypothesis import strategies as st

from resonance.domain.content import body_hash
from resonance.domain.events import EntriesAppended
from resonance.domain.model import Appended, AppendStatus, Conversation, Entry, NewEntry
from resonance.ports.store import Key, Store
from tests.contract.store.making import (
    Examples,
    change,
    events,
    for_all,
    group,
    head,
    kick,
    member,
    people,
    seqs,
    state,
)

_message_ids = count(1)
STORED, DUPLICATE, STALE, CONFLICT = AppendStatus


def item(chat: Conversation, sender: str, key: str, text: str = "hello", version: int | None = None) -> NewEntry:
    """Return a text message that rights were checked for with the given version (that of `chat`)."""
    hashed = body_hash(chat.id, 1, text, "")
    checked = chat.version if version is None else version
    return NewEntry(chat.id, checked, next(_message_ids), sender, key, hashed, 1, text, "")


def statuses(results: list[Appended]) -> list[int]:
    return [result.status for result in results]


async def single(store: Store, a: str = "anna", b: str = "bert") -> Conversation:
    """Return a single conversation between two new people."""
    await people(store, a, b)
    return await store.open_single(a, b)


class AppendSuite:
    async def test_seqs_follow_arrival_without_holes(self, store: Store) -> None:
        chat = await single(store)
        outcome = await store.append([item(chat, "anna", f"k{n}") for n in range(5)])
        assert [result.seq for result in outcome.results] == [1, 2, 3, 4, 5]
        assert [result.ordinal for result in outcome.results] == [1, 2, 3, 4, 5]
        after = await state(store, chat.id)
        assert (after.max_seq, after.ordinal, after.version) == (5, 5, chat.version)

    async def test_an_entry_is_kept_as_it_was_sent(self, store: Store) -> None:
        chat = await single(store)
        sent = NewEntry(chat.id, chat.version, 2**62, "anna", "ключ-🔑", b"\x00" * 16, 100, "x'); --\n🐼", '{"a":1}')
        [result] = (await store.append([sent])).results
        [entry] = await store.entries(chat.id, 1, 1)
        assert entry[:8] == (chat.id, 1, 2**62, "anna", "ключ-🔑", 100, "x'); --\n🐼", '{"a":1}')
        assert (entry.ordinal, entry.created_at) == (result.ordinal, result.created_at)

    async def test_the_same_key_and_body_answers_with_the_first_ids(self, store: Store) -> None:
        """A client that lost its ack sends again and must find its own message, not a second one."""
        chat = await single(store)
        [first] = (await store.append([item(chat, "anna", "k")])).results
        before = await head(store)
        again = await store.append([item(chat, "anna", "k")])
        assert again.results == [first._replace(status=DUPLICATE)]
        assert (again.first_position, again.last_position) == (0, 0)
        assert await head(store) == before
        assert await seqs(store, "bert", chat.id) == [1]

    async def test_keys_and_handles_are_told_apart_by_their_bytes(self, store: Store) -> None:
        """Neither case, nor spaces at the end, nor ways to write an accent make two names one."""
        handles = ["anna", "Anna", "jos\u00e9", "jose\u0301", "jose", "straße", "strasse", "ａnna"]
        await people(store, *handles)
        assert [user.id for user in await store.list_users("", 20)] == sorted(handles)
        keys = ["k", "K", "k ", "k\t", "\u00e9", "e\u0301", "e", "\U0001f600", "\U0001f601"]
        chat = await store.open_single("anna", "jos\u00e9")
        outcome = await store.append([item(chat, "anna", key) for key in keys])
        assert statuses(outcome.results) == [STORED] * len(keys)
        assert [entry.client_msg_id for entry in await store.entries(chat.id, 1, 100)] == keys

    async def test_a_batch_may_be_as_long_as_messages_are(self, store: Store) -> None:
        chat = await single(store)
        texts = [letter * 300_000 for letter in ("a", "ж", "李", "🐼")]
        sent = [item(chat, "anna", f"k{n}", text) for n, text in enumerate(texts)]
        await store.append(sent)
        assert [entry.content for entry in await store.entries(chat.id, 1, 100)] == texts

    async def test_the_same_key_with_another_body_is_a_conflict(self, store: Store) -> None:
        chat = await single(store)
        await store.append([item(chat, "anna", "k", "one")])
        assert statuses((await store.append([item(chat, "anna", "k", "two")])).results) == [CONFLICT]

    async def test_a_key_is_its_senders_own(self, store: Store) -> None:
        chat = await single(store)
        results = (await store.append([item(chat, "anna", "k"), item(chat, "bert", "k")])).results
        assert statuses(results) == [STORED, STORED]

    async def test_a_key_holds_over_all_conversations(self, store: Store) -> None:
        """The body's hash covers the conversation: the same key elsewhere is another message."""
        chat, other = await single(store), await single(store, "carl", "dora")
        await store.append([item(chat, "anna", "k")])
        assert statuses((await store.append([item(other, "anna", "k")])).results) == [CONFLICT]

    async def test_duplicates_inside_a_batch_collapse(self, store: Store) -> None:
        chat = await single(store)
        batch = [item(chat, "anna", "k"), item(chat, "anna", "k"), item(chat, "anna", "k", "other")]
        results = (await store.append([*batch, item(chat, "anna", "l")])).results
        assert statuses(results) == [STORED, DUPLICATE, CONFLICT, STORED]
        assert results[1][1:] == results[0][1:]
        assert results[3].seq == 2

    async def test_another_version_is_stale_and_does_not_hurt_the_rest(self, store: Store) -> None:
        """Rights were checked with a version; one that changed since is handed back, never written."""
        chat, other = await single(store), await single(store, "carl", "dora")
        batch = [item(chat, "anna", "a", version=chat.version + 1), item(other, "carl", "b"), item(chat, "bert", "c")]
        results = (await store.append(batch)).results
        assert statuses(results) == [STALE, STORED, STORED]
        assert results[0][1:] == (0, 0, 0, 0)
        assert results[2].seq == 1

    async def test_an_unknown_conversation_is_stale(self, store: Store) -> None:
        chat = await single(store)
        batch = [item(chat, "anna", "a")._replace(conversation_id="si_no_body"), item(chat, "anna", "b")]
        assert statuses((await store.append(batch)).results) == [STALE, STORED]

    async def test_a_stored_key_is_found_before_any_refusal(self, store: Store) -> None:
        """Whatever happened since (here: a changed version), a resend gets its first ack."""
        await people(store, "anna", "bert")
        chat = await group(store, "anna", "bert")
        [first] = (await store.append([item(chat, "bert", "k")])).results
        await change(store, chat, kick("bert"))
        assert (await store.append([item(chat, "bert", "k")])).results == [first._replace(status=DUPLICATE)]

    async def test_no_entry_of_a_kicked_sender_after_the_kick(self, store: Store) -> None:
        await people(store, "anna", "bert")
        chat = await group(store, "anna", "bert")
        await asyncio.gather(
            *(store.append([item(chat, "bert", f"k{n}")]) for n in range(10)),
            change(store, chat, kick("bert")),
            *(store.append([item(chat, "bert", f"k{n}")]) for n in range(10, 20)),
        )
        end = (await member(store, chat.id, "bert")).max_seq
        log = await store.entries(chat.id, 1, 100)
        assert end is not None
        assert [entry.seq for entry in log if entry.sender == "bert" and entry.seq > end] == []
        assert len(log) == end, "nothing was accepted behind the kick"

    async def test_sending_moves_only_the_senders_pointer(self, store: Store) -> None:
        chat = await single(store)
        await store.append([item(chat, "bert", "a"), item(chat, "anna", "b"), item(chat, "bert", "c")])
        anna, bert = await member(store, chat.id, "anna"), await member(store, chat.id, "bert")
        assert (anna.read_seq, anna.read_ordinal) == (2, 2)
        assert (bert.read_seq, bert.read_ordinal) == (3, 3)
        assert anna.updated_at == bert.updated_at == (await state(store, chat.id)).updated_at

    async def test_a_sender_in_the_open_conversation_gets_a_row(self, store: Store) -> None:
        await people(store, "anna", "bert")
        world = await store.ensure_open("world", "World")
        await store.append([item(world, "anna", "a"), item(world, "bert", "b"), item(world, "anna", "c")])
        assert (await store.conversation("anna", world.id)).unread == 0
        assert (await store.conversation("bert", world.id)).unread == 1
        assert (await store.conversation("anna", world.id)).member.read_seq == 3

    async def test_one_event_per_conversation_tells_its_range(self, store: Store) -> None:
        chat, other = await single(store), await single(store, "ca\u0301rl", "ďora")
        before = await head(store)
        batch = [item(chat, "anna", "a"), item(other, "ďora", "b"), item(chat, "anna", "c")]
        outcome = await store.append(batch)
        assert sorted(await events(store, before, EntriesAppended), key=lambda event: event.last_seq) == [
            EntriesAppended(other.id, 1, 1, other.version, 2, worker=0),
            EntriesAppended(chat.id, 1, 2, chat.version, 2, worker=0),
        ]
        assert (outcome.first_position, outcome.last_position) == (before + 1, before + 2)
        assert await head(store) == before + 2

    async def test_concurrent_batches_make_one_log_without_holes(self, store: Store) -> None:
        chat, other = await single(store), await single(store, "carl", "dora")
        batches = [
            [item(chat, "anna", f"{b}.{n}") if n % 2 else item(other, "carl", f"{b}.{n}") for n in range(10)]
            for b in range(20)
        ]
        outcomes = await asyncio.gather(*(store.append(batch) for batch in batches))
        for conversation, odd in ((chat, 1), (other, 0)):
            given = [outcome.results[n].seq for outcome in outcomes for n in range(odd, 10, 2)]
            assert sorted(given) == list(range(1, 101))
            for outcome in outcomes:
                own = [outcome.results[n].seq for n in range(odd, 10, 2)]
                assert own == sorted(own)
            log = await store.entries(conversation.id, 1, 200)
            assert [entry.seq for entry in log] == list(range(1, 101))
            assert [entry.created_at for entry in log] == sorted(entry.created_at for entry in log)

    async def test_find_keys_answers_in_order(self, store: Store) -> None:
        chat = await single(store)
        sent = [item(chat, "anna", "a"), item(chat, "bert", "a", "other")]
        first, second = (await store.append(sent)).results
        asked = [
            Key("bert", "a", sent[1].body_hash),
            Key("anna", "b", b""),
            Key("anna", "a", b"another"),
            Key("anna", "a", sent[0].body_hash),
        ]
        assert await store.find_keys(asked) == [
            second._replace(status=DUPLICATE),
            Appended(STALE, 0, 0, 0, 0),
            Appended(CONFLICT, 0, 0, 0, 0),
            first._replace(status=DUPLICATE),
        ]

    async def test_an_entry_is_found_by_its_id_whoever_may_see_it(self, store: Store) -> None:
        chat = await single(store)
        await store.append([item(chat, "anna", "a"), item(chat, "bert", "b")])
        for entry in await store.entries(chat.id, 1, 2):
            assert await store.entry(entry.message_id) == entry
        for unknown in (0, -1, 2**63 - 1):
            assert await store.entry(unknown) is None

    async def test_entries_are_found_by_key(self, store: Store) -> None:
        chat = await single(store)
        await store.append([item(chat, "bert", "k"), item(chat, "anna", "k"), item(chat, "anna", "K")])
        first, second, _ = await store.entries(chat.id, 1, 3)
        assert await store.entries_by_key("k", "", 9) == [second, first], "by sender; keys differ by case"
        assert await store.entries_by_key("k", "", 1) == [second]
        assert await store.entries_by_key("k", "bert", 9) == [first]
        assert await store.entries_by_key("k", "Bert", 9) == []
        assert await store.entries_by_key("", "", 9) == []

    async def test_an_empty_batch_changes_nothing(self, store: Store) -> None:
        assert await store.append([]) == ([], 0, 0)

    async def test_any_batches_leave_logs_without_holes_and_keys_once(self, store: Store, examples: Examples) -> None:
        """Duplicates, reused keys, stale versions, in any mixture: every answer is what the log says."""
        wish = st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 5), st.booleans(), st.booleans())
        batches = st.lists(st.lists(wish, max_size=12), min_size=1, max_size=6)
        await for_all(examples(30), partial(_check_batches, store), batches=batches, together=st.booleans())


async def _check_batches(store: Store, batches: list[list[tuple[str, str, int, bool, bool]]], together: bool) -> None:
    """Append batches of (conversation, sender, key, same body, fresh version) and compare the answers with the logs."""
    run = next(_message_ids)
    chats = {name: await single(store, f"{name}{run}", f"{name}{run}.") for name in "ab"}
    wishes = [
        [
            item(chats[c], f"{s}{run}", f"k{k}", "one" if same else "two", chats[c].version + (0 if fresh else 7))
            for c, s, k, same, fresh in batch
        ]
        for batch in batches
    ]
    if together:
        outcomes = await asyncio.gather(*(store.append(batch) for batch in wishes))
    else:
        outcomes = [await store.append(batch) for batch in wishes]
    logs: dict[str, list[Entry]] = {chat.id: await store.entries(chat.id, 1, 1000) for chat in chats.values()}
    for log in logs.values():
        assert [entry.seq for entry in log] == [entry.ordinal for entry in log] == list(range(1, len(log) + 1))
    written = [(entry.sender, entry.client_msg_id) for log in logs.values() for entry in log]
    assert len(set(written)) == len(written)
    for batch, outcome in zip(wishes, outcomes, strict=True):
        for wish, result in zip(batch, outcome.results, strict=True):
            _check_answer(wish, result, logs, written)


def _check_answer(
    wish: NewEntry,
    result: Appended,
    logs: dict[str, list[Entry]],
    written: list[tuple[str, str]],
) -> None:
    """Compare one answer with what is stored."""
    if result.status in (STORED, DUPLICATE):
        entry = logs[wish.conversation_id][result.seq - 1]
        assert (entry.sender, entry.client_msg_id, entry.content) == (wish.sender, wish.client_msg_id, wish.content)
        assert (entry.message_id, entry.ordinal, entry.created_at) == (
            result.message_id,
            result.ordinal,
            result.created_at,
        )
        assert (entry.message_id == wish.message_id) == (result.status == STORED)
    elif result.status == CONFLICT:
        assert (wish.sender, wish.client_msg_id) in written
