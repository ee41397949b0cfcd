"""Which instance a call goes to. Pure; callers that know the same instances choose alike by key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from resonance.ports.registry import Instance


def willing(instances: Iterable[Instance]) -> list[Instance]:
    """Return the instances that want new work; all of them when none does, for somebody has to do it."""
    known = list(instances)
    return [instance for instance in known if not instance.draining] or known


def ranking(key: str, instances: Iterable[Instance]) -> list[Instance]:
    """Return instances in the order in which a key prefers them (rendezvous hashing).

    Keys spread evenly over first places. When an instance comes or goes, only those keys move that prefer it: the
    others keep their order.
    """
    return sorted(instances, key=lambda instance: _score(key, instance.id), reverse=True)


def by_key(key: str, instances: Sequence[Instance]) -> Instance:
    """Return the instance that a key prefers. Raises ValueError when there is none."""
    return max(instances, key=lambda instance: _score(key, instance.id))


def _score(key: str, instance_id: str) -> bytes:
    # lengths apart: ("ab", "c") and ("a", "bc") are two
    return hashlib.blake2b(key.encode(errors="surrogatepass"), key=_secret(instance_id), digest_size=8).digest()


def _secret(instance_id: str) -> bytes:
    """Return a hash of an id, as short as blake2b wants its key."""
    return hashlib.blake2b(instance_id.encode(errors="surrogatepass"), digest_size=32).digest()
