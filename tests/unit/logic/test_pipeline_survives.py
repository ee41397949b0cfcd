"""Nothing that goes wrong behind a commit stops the next one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from resonance.domain.errors import Code, ServiceError
from resonance.logic.delivery import Committed
from resonance.ports.store import Store
from tests.unit.logic.live import running


@pytest.mark.parametrize("failure", [ServiceError(Code.UNAVAILABLE), KeyError("a mistake")])
async def test_a_push_that_fails_delays_nobody(
    store: Store, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(store) as live:
        await live.people("ann", "bob")

        async def fail(committed: Sequence[Committed], positions: Iterable[int]) -> None:
            raise failure

        monkeypatch.setattr(live.delivery, "committed", fail)
        first = await live.send("ann", "", to="bob")
        second = await live.send("ann", first.conversation_id)
        assert [first.seq, second.seq] == [1, 2]
