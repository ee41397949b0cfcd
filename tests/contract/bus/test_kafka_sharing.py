"""What several processes, and outages, make of a bus over Kafka: nothing is lost, and order per key is kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from resonance.config.engines import KafkaTopics
from resonance.domain.errors import ServiceError
from resonance.domain.events import EntriesAppended, Event
from resonance.engines.kafka.bus import KafkaBus
from resonance.engines.kafka.producer import Publisher
from resonance.engines.kafka.records import Record
from resonance.engines.sql.store import SqlStore
from resonance.engines.sql.tx import Tx
from resonance.ports.publications import Fact, Publication
from resonance.ports.store import Store
from tests.contract.bus.kafka_world import CONSUMERS, KafkaWorld
from tests.contract.bus.suite_bus import PATIENCE_S, by_key, take, take_with_position
from tests.contract.store.making import head, people, say
from tests.engines.kafka import KafkaServer

pytestmark = pytest.mark.kafka


async def eventually(so: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not await so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def many_chats(store: Store, count: int = 12) -> list[str]:
    """Make conversations, which are keys that fall into all partitions."""
    await people(store, *(f"user{n}" for n in range(count)))
    return [(await store.open_single("anna", f"user{n}")).id for n in range(count)]


class Process:
    """A process that consumes, notes what it was given, and commits it."""

    def __init__(self, bus: KafkaBus, consumer: str = "c") -> None:
        self.bus = bus
        self.events: list[Event] = []
        self.moved = 0
        self._consumer = consumer
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            events, position, moved = await self.bus.consume(self._consumer, 7, 200)
            self.events += events
            self.moved += moved
            try:
                await self.bus.commit(self._consumer, position)
            except ServiceError as exc:  # the group is being shared anew
                if not exc.code.value.retry:
                    raise

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def records(world: KafkaWorld, topic: str, count: int) -> list[Message]:
    """Read a topic from its beginning, as somebody else's consumer would."""
    reader = Consumer({"bootstrap.servers": world.config.brokers[0], "group.id": "reader", "enable.auto.commit": False})
    partitions = range(len(reader.list_topics(topic, timeout=10).topics[topic].partitions))
    reader.assign([TopicPartition(topic, n, 0) for n in partitions])
    found: list[Message] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(found) < count:
        assert time.monotonic() < deadline, len(found)
        found += [message for message in reader.consume(100, 0.2) if message.error() is None]
    reader.close()
    return found


async def written(store: Store) -> list[Event]:
    return (await store.outbox(0, 10_000, 0)).events


async def test_the_store_is_told_what_is_done_also_when_partitions_are_idle(
    kafka_world: KafkaWorld, store: Store, chat: str
) -> None:
    [other, *_] = await many_chats(store, 3)
    everyone = [Process(await kafka_world.bus(), consumer) for consumer in CONSUMERS]
    for _ in range(5):
        await say(store, chat, "anna")
    await say(store, other, "anna")
    end = await head(store)

    async def known() -> bool:
        return {await store.consumer_position(consumer) for consumer in ("relay", *CONSUMERS)} == {end}

    await eventually(known)
    assert await store.prune(0, 0, 1000) == end - 1
    await asyncio.gather(*(process.stop() for process in everyone))


async def test_what_waits_in_one_partition_holds_the_position_back(
    kafka_world: KafkaWorld, store: Store, chat: str
) -> None:
    """A gateway that was cut off is given again what comes behind the position: it has to be true."""
    bus = await kafka_world.bus()
    _, position = await take_with_position(bus, "c", await head(store))
    await bus.commit("c", position)
    before = await head(store)

    async def known_before() -> bool:
        return await store.consumer_position("c") == before

    await eventually(known_before)
    keys = await many_chats(store)
    events, _ = await take_with_position(bus, "c", await head(store) - before, limit=1)
    first = events[0].position
    for key in keys:
        await say(store, key, "anna")
    _, late = await take_with_position(bus, "c", len(keys))
    end = await head(store)

    fast = Process(await kafka_world.bus(), "fast")

    async def told() -> bool:
        return await store.consumer_position("fast") == end  # and of "c", which is looked at before it

    await eventually(told)
    assert before <= await store.consumer_position("c") < first
    await bus.commit("c", late)

    async def known() -> bool:
        return await store.consumer_position("c") == end

    await eventually(known)
    await fast.stop()


async def test_partitions_are_shared_and_those_of_a_dead_process_go_to_the_others(
    kafka_world: KafkaWorld, store: Store, chat: str
) -> None:
    keys = await many_chats(store)
    first, second = Process(await kafka_world.bus()), Process(await kafka_world.bus())

    async def both_work() -> bool:
        for key in keys:
            await say(store, key, "anna")
        return bool(first.moved and second.moved and first.events and second.events)

    await eventually(both_work)
    await first.stop()
    await kafka_world.killed(first.bus)
    moved = second.moved
    for key in keys * 3:
        await say(store, key, "anna")
    wanted = await written(store)

    async def all_done() -> bool:
        return {*first.events, *second.events} == set(wanted)

    await eventually(all_done)
    assert second.moved > moved
    for process in (first, second):
        for positions in by_key(process.events).values():
            fresh = [p for n, p in enumerate(positions) if p > max(positions[:n], default=0)]
            assert sorted(set(positions)) == fresh, "a later event of a key came before an earlier one"
    await second.stop()


async def test_a_process_that_commits_nothing_loses_nothing_when_it_is_joined(
    kafka_world: KafkaWorld, store: Store, chat: str
) -> None:
    """Rebalancing takes partitions from somebody who is not done with what it took of them."""
    keys = await many_chats(store)
    for key in keys:
        await say(store, key, "anna")
    wanted = await written(store)
    idle = await kafka_world.bus()
    taken, position = await take_with_position(idle, "c", len(wanted))
    assert set(taken) == set(wanted)
    active = Process(await kafka_world.bus())

    async def shared() -> bool:
        await idle.consume("c", 100, 100)
        return bool(active.events)

    await eventually(shared)
    await idle.commit("c", position)  # of what is still its own
    await kafka_world.killed(idle)

    async def nothing_waits() -> bool:
        return await kafka_world.waiting("c") == 0

    await eventually(nothing_waits)
    await active.stop()


async def test_two_relays_at_once_give_everything_once_and_in_order(
    kafka_world: KafkaWorld, store: Store, chat: str
) -> None:
    """One that was taken for dead goes on beside its successor."""
    keys = await many_chats(store)
    zombie = kafka_world.new_relay()
    zombie.start()
    for key in keys * 3:
        await say(store, key, "anna")
    wanted = await written(store)
    got = await take(await kafka_world.bus(), "c", len(wanted))
    assert sorted(got) == wanted
    assert by_key(got) == by_key(wanted)
    assert records(kafka_world, kafka_world.config.topic, len(wanted) + 1), "both have published"
    await zombie.close()


async def test_a_relay_goes_on_where_the_last_one_was_acked(kafka_world: KafkaWorld, store: Store, chat: str) -> None:
    await say(store, chat, "anna")
    first = await head(store)

    async def recorded() -> bool:
        return await store.consumer_position("relay") == await head(store)

    await eventually(recorded)
    await kafka_world.relay.close()
    await say(store, chat, "anna")
    kafka_world.relay = kafka_world.new_relay()
    kafka_world.relay.start()
    await eventually(recorded)
    published = records(kafka_world, kafka_world.config.topic, first + 1)
    positions = sorted(int(str(dict(one.headers() or [])["position"], "ascii")) for one in published)  # type: ignore[arg-type]
    assert positions == list(range(1, first + 2))


async def test_a_relay_begins_behind_what_was_done_over_another_bus(
    kafka_world: KafkaWorld, store: Store, chat: str
) -> None:
    await kafka_world.relay.close()
    done = await head(store)
    for consumer in ("x", "y"):
        await store.commit_position(consumer, done)
    await say(store, chat, "anna")
    kafka_world.relay = kafka_world.new_relay("x", "y")
    kafka_world.relay.start()
    [event] = await take(await kafka_world.bus(), "x", 1)
    assert event.position == done + 1


async def test_events_of_many_writers_all_arrive(kafka_world: KafkaWorld, store: Store, chat: str) -> None:
    keys = await many_chats(store)
    bus = await kafka_world.bus()

    async def talk(key: str) -> None:
        for _ in range(20):
            await say(store, key, "anna")

    _, got = await asyncio.gather(
        asyncio.gather(*(talk(key) for key in keys)), take(bus, "c", await head(store) + 20 * len(keys))
    )
    wanted = await written(store)
    assert sorted(got) == wanted
    assert by_key(got) == by_key(wanted)


async def test_what_is_written_while_kafka_is_away_arrives_afterwards(
    kafka_world: KafkaWorld, kafka: KafkaServer, store: Store, chat: str
) -> None:
    bus = await kafka_world.bus()
    _, position = await take_with_position(bus, "c", await head(store))
    await bus.commit("c", position)
    kafka.crash()
    for _ in range(3):
        await say(store, chat, "anna")  # nobody waits for Kafka
    assert (await bus.consume("c", 100, 500)).events == []
    await store.commit_position("other", await head(store))
    assert await store.prune(0, 0, 1000) <= position, "what is not published is kept"
    await asyncio.to_thread(kafka.start)
    got, position = await take_with_position(bus, "c", 3)
    assert [event.position for event in got] == list(range(await head(store) - 2, await head(store) + 1))
    await bus.commit("c", position)


async def test_positions_of_another_epoch_are_no_repetitions(kafka_world: KafkaWorld, store: Store, chat: str) -> None:
    """A store that was put back from a backup gives the positions of its last days again."""
    bus = await kafka_world.bus()
    end = await head(store)
    _, position = await take_with_position(bus, "c", end)
    await bus.commit("c", position)
    await kafka_world.relay.close()

    async def put_back(tx: Tx) -> None:
        await tx.run("UPDATE meta SET value = 'restored' WHERE name = 'epoch'")
        await tx.run("DELETE FROM consumers")

    assert isinstance(store, SqlStore)
    await store._write(put_back)  # as the operator would, behind the server's back
    kafka_world.relay = kafka_world.new_relay()
    kafka_world.relay.start()
    assert [event.position for event in await take(bus, "c", end)] == list(range(1, end + 1))


async def test_a_dead_letter_is_published_with_its_reason(kafka_world: KafkaWorld, store: Store, chat: str) -> None:
    bus = await kafka_world.bus()
    [event] = await take(bus, "c", 1, limit=1)
    await bus.park("fanout", event, "no luck", 3)
    [letter] = records(kafka_world, kafka_world.config.dead_letters, 1)
    assert (letter.key(), letter.value()) == (event.key.encode(), event.payload)
    headers = dict(letter.headers() or [])
    assert (headers["consumer"], headers["error"], headers["attempts"]) == (b"fanout", b"no luck", b"3")
    assert (headers["position"], headers["kind"]) == (str(event.position).encode(), event.kind.encode())


async def test_a_record_that_is_none_of_ours_is_passed_over(kafka_world: KafkaWorld, store: Store, chat: str) -> None:
    bus = await kafka_world.bus()
    await take(bus, "c", await head(store))
    publisher = Publisher(kafka_world.cluster)
    await publisher.publish([Record(kafka_world.config.topic, b"k", b"nonsense", [])] * 3)
    await publisher.close()
    await say(store, chat, "anna")
    [event], position = await take_with_position(bus, "c", 1)
    assert event.kind == "entries"
    await bus.commit("c", position)

    async def nothing_waits() -> bool:
        return await kafka_world.waiting("c") == 0

    await eventually(nothing_waits)


async def test_other_systems_find_every_event_once_in_their_words(
    kafka_world: KafkaWorld, store: Store, chat: str
) -> None:
    """And what has no topic is not published, what cannot be told of stops nobody."""
    await kafka_world.relay.close()
    topics = KafkaTopics(push_event=f"{kafka_world.config.topic}.push")
    world = KafkaWorld(store, kafka_world.config.model_copy(update={"topics": topics}))

    def translate(fact: Fact) -> list[Publication]:
        if not isinstance(fact.payload, EntriesAppended):
            raise TypeError("no words for it")
        return [
            Publication(stream, fact.payload.conversation_id, f"{stream} {fact.entries[0].seq}".encode())
            for stream in ("push_event", "user_events")
        ]

    world.translations.append(translate)
    world.relay.start()
    for _ in range(3):
        await say(store, chat, "anna")
    await take(await world.bus(), "c", await head(store))
    found = records(world, str(topics.push_event), 3)
    assert [(one.key(), one.value()) for one in found] == [
        (chat.encode(), f"push_event {seq}".encode()) for seq in (1, 2, 3)
    ]
    await world.close()
