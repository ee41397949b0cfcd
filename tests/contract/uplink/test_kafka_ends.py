"""The ends of the queue between gateways and logic, over a real broker: order, repetition, what others write there."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from resonance.config.engines import KafkaConfig
from resonance.domain.content import Kind
from resonance.domain.errors import ServiceError
from resonance.domain.model import SendItem
from resonance.engines.kafka.cluster import Cluster
from resonance.engines.kafka.intake import KafkaIntake
from resonance.engines.kafka.uplink import KafkaDownward, KafkaGatewayEnd
from resonance.observe import metrics
from resonance.ports.uplink import Parcel, Sent
from tests.engines.kafka import KafkaServer, kafka_server

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def kafka() -> Iterator[KafkaServer]:
    with kafka_server() as running:
        yield running


@pytest.fixture
def cluster(kafka: KafkaServer) -> Cluster:
    """Topics and groups that nobody else uses."""
    name = f"test-{secrets.token_hex(6)}"
    config = KafkaConfig(
        brokers=(kafka.address,),
        upstream=f"{name}-up",
        upstream_group=name,
        downstream=f"{name}-down-",
        partitions=3,
        session=2,
    )
    return Cluster(config)


def item(ref: int, conversation: str = "", content: str = "hi", kind: int = Kind.TEXT) -> SendItem:
    return SendItem(ref, 7, "ann", f"k{ref}", conversation, "" if conversation else "bob", kind, content, "", "t")


async def gateway(cluster: Cluster, name: str = "g1", epoch: int = 1) -> KafkaGatewayEnd:
    """Return a started end; a topic that was just made may not be known everywhere."""
    async with asyncio.timeout(20):
        while True:
            end = KafkaGatewayEnd(cluster, name, epoch)
            try:
                await end.start()
            except ServiceError:
                await end.close()
            else:
                return end


async def take(intake: KafkaIntake, count: int) -> tuple[list[Sent], int]:
    """Take this many messages; return them and the last mark."""
    found: list[Sent] = []
    mark = 0
    async with asyncio.timeout(30):
        while len(found) < count:
            taken = await intake.take(50, 200)
            found += taken.messages
            mark = taken.mark
    return found, mark


async def test_messages_of_a_conversation_keep_their_order_and_their_fields(cluster: Cluster) -> None:
    end, intake = await gateway(cluster, epoch=5), None
    try:
        sent = [item(ref, f"c{ref % 7}" if ref % 7 else "", f"text {ref} – ü😀") for ref in range(300)]
        assert end.send(sent) == []
        intake = KafkaIntake(cluster)
        taken, _ = await take(intake, len(sent))
        assert {(one.gateway, one.epoch) for one in taken} == {("g1", 5)}
        assert sorted(one.item for one in taken) == sorted(sent)
        for conversation in {one.conversation_id for one in sent}:
            refs = [one.item.ref for one in taken if one.item.conversation_id == conversation]
            assert refs == sorted(refs)
    finally:
        await end.close()
        if intake is not None:
            await intake.close()


async def test_what_is_not_committed_comes_again_and_what_is_does_not(cluster: Cluster) -> None:
    end = await gateway(cluster)
    first, second, third = KafkaIntake(cluster), None, None
    try:
        end.send([item(1, "c")])
        taken, mark = await take(first, 1)
        first.commit(mark)
        end.send([item(2, "c")])
        await take(first, 1)
        await first.close()
        second = KafkaIntake(cluster)
        again, mark = await take(second, 1)
        assert [one.item.ref for one in again] == [2]
        second.commit(mark)
        await second.close()
        end.send([item(3, "c")])
        third = KafkaIntake(cluster)
        assert [one.item.ref for one in (await take(third, 1))[0]] == [3]
        assert [one.item.ref for one in taken] == [1]
    finally:
        await end.close()
        if third is not None:
            await third.close()


def foreign() -> list[bytes]:
    """Return records that no gateway of ours writes."""
    good = {
        "trace_id": "", "user_id": "ann", "gateway_id": "g1", "conversation_id": "c", "message_type": 0, "content": "x",
        "client_msg_id": "k", "timestamp": 0, "headers": {"ref": "1", "connection": "0", "epoch": "1", "to_user": ""},
        "extra": "",
    }  # fmt: skip
    changes: list[dict[str, object]] = [
        {"content": 5}, {"content": None}, {"user_id": []}, {"message_type": "1"}, {"message_type": True},
        {"message_type": 2**70}, {"headers": None}, {"headers": []}, {"headers": {}}, {"gateway_id": "../x y"},
        {"content": "\ud800"}, {"headers": {"ref": "one", "connection": "0", "epoch": "1", "to_user": ""}},
        {"headers": {"ref": str(2**80), "connection": "0", "epoch": "1", "to_user": ""}},
        {"headers": {"ref": "9" * 5000, "connection": "0", "epoch": "1", "to_user": ""}},
    ]  # fmt: skip
    bodies = [json.dumps({**good, **change}).encode() for change in changes]
    return [b"", b"\xff\xfe", b"null", b"[]", b'"text"', b"{}", b"[" * 100_000, *bodies]


async def test_records_of_others_are_skipped_and_counted(cluster: Cluster, kafka: KafkaServer) -> None:
    end, intake = await gateway(cluster), None
    try:
        before = metrics.upstream_skipped._value.get()
        end.send([item(1, "c")])
        stranger = Producer({"bootstrap.servers": kafka.address})
        for value in foreign():
            for partition in range(3):
                stranger.produce(cluster.upstream, value, b"c", partition)
        stranger.flush(20)
        end.send([item(2, "c")])
        intake = KafkaIntake(cluster)
        taken, _ = await take(intake, 2)
        assert [one.item.ref for one in taken] == [1, 2]
        async with asyncio.timeout(20):
            while metrics.upstream_skipped._value.get() - before < 3 * len(foreign()):
                assert not (await intake.take(50, 200)).messages
    finally:
        await end.close()
        if intake is not None:
            await intake.close()


async def test_what_no_record_carries_is_given_back(cluster: Cluster) -> None:
    end, intake = await gateway(cluster), None
    try:
        bad = [item(2, "c", content="\ud800"), item(3, "c", kind=2**70)]
        assert end.send([item(1, "c"), *bad, item(4, "c")]) == bad
        intake = KafkaIntake(cluster)
        assert [one.item.ref for one in (await take(intake, 2))[0]] == [1, 4]
    finally:
        await end.close()
        if intake is not None:
            await intake.close()


async def test_a_logic_that_leaves_and_one_that_comes_share_the_partitions(cluster: Cluster) -> None:
    """Everything is taken, and what a rebalance repeats is what was not committed."""
    end = await gateway(cluster)
    intakes = [KafkaIntake(cluster)]
    try:
        end.send([item(ref, f"c{ref % 20}") for ref in range(100)])
        found, mark = await take(intakes[0], 100)
        intakes[0].commit(mark)
        intakes.append(KafkaIntake(cluster))
        counts = [0, 0]
        ref = 100
        async with asyncio.timeout(40):
            while not all(counts):
                end.send([item(number, f"c{number % 20}") for number in range(ref, ref + 20)])
                ref += 20
                for index, intake in enumerate(intakes):
                    taken = await intake.take(50, 100)
                    counts[index] += len(taken.messages)
                    found += taken.messages
                    intake.commit(taken.mark)
        await intakes.pop(0).close()
        refs = {one.item.ref for one in found}
        async with asyncio.timeout(40):
            while len(refs) < ref:
                refs.update(one.item.ref for one in (await intakes[0].take(50, 200)).messages)
        assert refs == set(range(ref))
    finally:
        await end.close()
        for intake in intakes:
            await intake.close()


async def receive(end: KafkaGatewayEnd, count: int) -> list[Parcel]:
    found: list[Parcel] = []
    async with asyncio.timeout(60):
        while len(found) < count:
            found += await end.receive()
    return found


async def test_a_gateway_reads_what_is_written_from_its_start_on_in_order(cluster: Cluster) -> None:
    await (await gateway(cluster)).close()
    downward = KafkaDownward(cluster)
    try:
        await downward.send("g1", Parcel(1, 1, b"of a run before"))
        end = await gateway(cluster, epoch=2)
        other = await gateway(cluster, "g2")
        sent = [Parcel(2, ref % 3, b"%d" % ref) for ref in range(200)]
        for parcel in sent:
            downward.send("g1", parcel)
        downward.send("g2", Parcel(1, 0, b"for another"))
        assert await receive(end, len(sent)) == sent
        assert await receive(other, 1) == [Parcel(1, 0, b"for another")]
        await end.close()
        await other.close()
    finally:
        await downward.close()


async def test_answers_for_a_gateway_that_never_was_stop_nobody(cluster: Cluster) -> None:
    end, downward = await gateway(cluster), KafkaDownward(cluster)
    try:
        nowhere = downward.send("nobody", Parcel(1, 0, b"x"))
        async with asyncio.timeout(40):
            await nowhere
            await downward.send("g1", Parcel(1, 0, b"y"))
        assert (await receive(end, 1))[0].frame == b"y"
    finally:
        await end.close()
        await downward.close()


async def test_a_topic_that_is_gone_is_told(cluster: Cluster) -> None:
    end = await gateway(cluster)
    try:
        await asyncio.wrap_future(cluster.admin.delete_topics([cluster.downstream("g1")])[cluster.downstream("g1")])
        with pytest.raises(ServiceError):
            await receive(end, 1)
    finally:
        await end.close()
