"""Up to where a consumer is done with the outbox, when its events went through partitions.

Every process's `LiveDelivery` asks the store for that: what is not done, no gateway was given.
"""

from __future__ import annotations

from collections.abc import Mapping

from resonance.engines.kafka.cluster import Cluster, Done


async def done_up_to(cluster: Cluster, consumer: str, epoch: str, published: int) -> int:
    """Return the position up to which a consumer has done everything.

    Args:
        published: up to where the relay had published when it was asked last; the order matters: all of that is in
            the partitions that are looked at after it.
    """
    ends = await cluster.ends(cluster.topic)
    return low_watermark(published, epoch, ends, await cluster.done(consumer, cluster.topic, sorted(ends)))


def low_watermark(published: int, epoch: str, ends: Mapping[int, int], done: Mapping[int, Done]) -> int:
    """Return the least of what partitions say; one in which nothing waits holds nothing back.

    Positions rise within a partition, but for repetitions: see `relay`. So behind the last event that is done
    only later ones wait.
    """
    behind = [_position(done[n], epoch) for n, end in ends.items() if done[n].offset < end]
    return min([published, *behind])


def _position(done: Done, epoch: str) -> int:
    return done.place.position if done.place.epoch == epoch else 0
