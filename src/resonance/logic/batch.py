"""A batch on its way through the pipeline: its items, where each goes, and what became of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

import structlog

from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import UserId, check_handle, single_id
from resonance.domain.model import Appended, AppendStatus, Entry, NewEntry, SendAnswer, SendItem
from resonance.logic.delivery import Committed
from resonance.logic.states import CachedState

log = structlog.get_logger(__name__)
_LEVEL = logging.getLogger(__name__)
"""Knows whether anybody wants the lines of messages, which costs less to ask than to make them."""

# Making a NamedTuple through its own __new__ costs twice as much, and this is done several times per message.
_new = tuple.__new__


_STORED = int(AppendStatus.STORED)
_DUPLICATE = int(AppendStatus.DUPLICATE)
_STALE = int(AppendStatus.STALE)

Checked = tuple[int, NewEntry, CachedState]
"""An item that passed the checks: its index, what is stored of it, and the state it was checked on."""


class AnswerSink(Protocol):
    """Where answers go: a gateway's link, or a caller that waits for one.

    Attributes:
        gateway: the gateway's id, "" for none: entries are not pushed back to the connection they came from.
    """

    gateway: str

    @property
    def way(self) -> object:
        """Equal for all batches that came by it: the order behind a refusal is kept within one.

        After a link was lost the gateway keeps in order what goes another way.
        """

    def answer(self, answers: list[SendAnswer]) -> None:
        """Take answers, in the order in which their items were put."""


Queued = tuple[AnswerSink, SendItem, ServiceError | None, float]
"""An item in the queue: where its answer goes, why it is refused if it already is, and when it came (monotonic, s)."""


class Batch:
    """The items of one commit.

    Attributes:
        items, sinks, conversations: in arrival order; a conversation is "" where the recipient is no handle.
        times: when they came, on the monotonic clock, in s.
        refusals: why an item is not to be stored, by its index; it still may have been stored before.
        committed: what was stored, by the state it was allowed on, for delivery: the second try of a batch may write to
            a conversation whose members are no longer those of the first.
        positions: outbox positions that this batch got.
    """

    def __init__(self, batch: list[Queued]) -> None:
        self.sinks = [sink for sink, _, _, _ in batch]
        self.items = [item for _, item, _, _ in batch]
        self.times = [at for _, _, _, at in batch]
        self.refusals: dict[int, ServiceError] = {}
        self.conversations = [
            item.conversation_id or self._single(index, item) for index, item in enumerate(self.items)
        ]
        self.committed: dict[CachedState, Committed] = {}
        self.positions: list[int] = []
        self._answers: list[SendAnswer | None] = [None] * len(batch)
        for index, (_, _, refusal, _) in enumerate(batch):
            if refusal is not None:
                self.refuse(index, refusal)

    def _single(self, index: int, item: SendItem) -> str:
        """Return the id of the single conversation that an item names by its recipient."""
        try:
            return single_id(UserId(item.sender), check_handle(item.to_user, "to_user"))
        except ServiceError as exc:
            self.refusals[index] = exc
            return ""

    def unanswered(self, indices: list[int]) -> list[int]:
        """Return those of the items that have no answer yet."""
        return [index for index in indices if self._answers[index] is None]

    def settle(self, checked: Sequence[Checked], results: Sequence[Appended]) -> list[int]:
        """Note what an append came to; return the indices of those whose rights were checked on a stale version."""
        items, sinks, answers, committed = self.items, self.sinks, self._answers, self.committed
        stale = []
        for (index, entry, cached), result in zip(checked, results, strict=True):
            status, _, seq, ordinal, created_at = result
            if status != _STORED:
                if status == _STALE:
                    stale.append(index)
                elif status == _DUPLICATE:
                    self.answer(index, result)
                else:
                    self.refusals[index] = conflict(entry.client_msg_id)
                continue
            conversation_id, _, message_id, sender, key, _, kind, content, extra = entry
            item = items[index]
            connection = item[1]
            answers[index] = _new(
                SendAnswer,
                (item[0], connection, message_id, seq, ordinal, created_at, conversation_id, key, "", ""),
            )
            there = committed.get(cached)
            if there is None:
                there = committed[cached] = Committed(cached, [], [])
            there.entries.append(
                _new(Entry, (conversation_id, seq, message_id, sender, key, kind, content, extra, ordinal, created_at))
            )
            there.origins.append((sinks[index].gateway, connection))
        return stale

    def answer(self, index: int, found: Appended) -> None:
        """Note that an item was stored before."""
        item = self.items[index]
        self._answers[index] = SendAnswer(
            item.ref,
            item.connection,
            found.message_id,
            found.seq,
            found.ordinal,
            found.created_at,
            self.conversations[index],
            item.client_msg_id,
            "",
            "",
        )

    def refuse(self, index: int, refusal: ServiceError) -> None:
        """Note that an item is refused for good."""
        self.refusals[index] = refusal
        self._answers[index] = refused(self.items[index], self.conversations[index], refusal)

    def refuse_rest(self, refusal: ServiceError) -> None:
        """Refuse whatever has no answer yet."""
        for index in self.unanswered(list(range(len(self.items)))):
            self.refuse(index, self.refusals.get(index, refusal))

    def send_answers(self) -> None:
        """Hand every answer to its sink, in one list per sink; one that cannot take them takes none from the others."""
        by_sink: dict[AnswerSink, list[SendAnswer]] = {}
        last: AnswerSink | None = None
        for sink, answer in zip(self.sinks, self._answers, strict=True):
            if sink is not last:
                answers, last = by_sink.setdefault(sink, []), sink
            if answer is not None:
                answers.append(answer)
        for sink, answers in by_sink.items():
            try:
                sink.answer(answers)
            except Exception:
                log.exception("answers are lost", gateway=sink.gateway, messages=len(answers))

    def write_down(self) -> None:
        """Log what became of every message, where somebody wants to read that: it is a line per message."""
        if not _LEVEL.isEnabledFor(logging.DEBUG):
            return
        for item, answer in zip(self.items, self._answers, strict=True):
            if answer is None:
                continue
            told = {"conversation": answer.conversation_id, "user": item.sender, "client_msg_id": item.client_msg_id}
            if answer.code:
                log.debug("message refused", **told, code=answer.code, error=answer.error, trace_id=item.trace)
            else:
                log.debug("message sent", **told, seq=answer.seq, message_id=answer.message_id, trace_id=item.trace)

    def outcomes(self) -> dict[str, int]:
        """Return how many items were stored (now or before) and how many refused, by code."""
        counts: dict[str, int] = {}
        for refusal in self.refusals.values():
            counts[refusal.code.text] = counts.get(refusal.code.text, 0) + 1
        counts["stored"] = len(self.items) - len(self.refusals)
        return counts


def refused(item: SendItem, conversation_id: str, refusal: ServiceError) -> SendAnswer:
    """Return the answer to an item that is refused."""
    return SendAnswer(
        item.ref,
        item.connection,
        0,
        0,
        0,
        0,
        conversation_id,
        item.client_msg_id,
        refusal.code.text,
        refusal.message,
    )


def conflict(key: str) -> ServiceError:
    """Return the refusal of a key that stands for another message."""
    return ServiceError(
        Code.KEY_CONFLICT,
        f"client_msg_id {key!r} was used for another message: use a new one",
        field="client_msg_id",
    )
