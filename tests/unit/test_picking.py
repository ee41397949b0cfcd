"""Which instance a call goes to: everybody chooses alike, and few keys move."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from resonance.ports.registry import Instance
from resonance.rpc.picking import by_key, ranking, willing

INSTANCES = [Instance("logic-service", f"logic-{number:03}", f"127.0.0.1:{number}") for number in range(1, 6)]
KEYS = [f"conversation {number}" for number in range(5_000)]

some = st.lists(st.text(max_size=8), min_size=1, max_size=6, unique=True).map(
    lambda ids: [Instance("s", id_, id_) for id_ in ids]
)


def test_the_draining_get_nothing_while_others_are_there() -> None:
    draining = replace(INSTANCES[0], draining=True)
    assert willing([draining, *INSTANCES[1:]]) == INSTANCES[1:]
    assert willing([draining]) == [draining]
    assert willing([]) == []


@given(st.text(), some, st.randoms(use_true_random=False))
def test_everybody_who_knows_the_same_chooses_alike(key: str, instances: list[Instance], random: Random) -> None:
    shuffled = random.sample(instances, len(instances))
    assert by_key(key, instances) == by_key(key, shuffled) == ranking(key, shuffled)[0]
    assert sorted(one.id for one in ranking(key, instances)) == sorted(one.id for one in instances)


@given(st.text(), some, st.data())
def test_only_who_preferred_the_gone_moves(key: str, instances: list[Instance], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(instances))
    rest = [one for one in instances if one != gone]
    assert ranking(key, rest) == [one for one in ranking(key, instances) if one != gone]


def test_keys_spread_evenly() -> None:
    counts = Counter(by_key(key, INSTANCES).id for key in KEYS)
    fair = len(KEYS) / len(INSTANCES)
    assert all(0.85 * fair < counts[one.id] < 1.15 * fair for one in INSTANCES), counts


def test_the_choice_does_not_change_between_releases() -> None:
    """Processes of two releases serve side by side while a new one is rolled out."""
    chosen = [by_key(key, INSTANCES).id for key in KEYS[:6]]
    assert chosen == ["logic-003", "logic-005", "logic-003", "logic-001", "logic-005", "logic-005"]
