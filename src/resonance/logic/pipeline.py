"""The pipeline: where a message is accepted.

Items queue; one committer takes whatever queued while the batch before was committing, checks rights on cached
states, and appends the allowed ones in one transaction. Answers and pushes go out after the commit, never before.
Nothing is done per message that can be done per batch.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import structlog

from resonance.config.settings import FriendsConfig, MessagesConfig
from resonance.domain import rights
from resonance.domain.content import body_hash, check_content
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import UserId, check_handle, single_id
from resonance.domain.limits import TokenBuckets
from resonance.domain.model import Appended, AppendStatus, Entry, NewEntry, SendAnswer, SendItem
from resonance.domain.rights import Action
from resonance.logic.delivery import Committed, LiveDelivery
from resonance.logic.seams import Clock
from resonance.logic.snowflake import Snowflakes
from resonance.logic.states import CachedState, States
from resonance.observe import metrics
from resonance.ports.store import Key, Store

log = structlog.get_logger(__name__)

_STORED = AppendStatus.STORED
_DUPLICATE = AppendStatus.DUPLICATE
_STALE = AppendStatus.STALE


class AnswerSink(Protocol):
    """Where answers go: a gateway's link, or a caller that waits for one.

    Attributes:
        gateway: the gateway's id, "" for none: entries are not pushed back to the connection they came from.
    """

    gateway: str

    def answer(self, answers: list[SendAnswer]) -> None:
        """Take answers, in the order in which their items were put."""


class _Checked(NamedTuple):
    """An item that passed the checks: its place in the batch, what is stored of it, the state it was checked on."""

    at: int
    entry: NewEntry
    cached: CachedState


class Pipeline:
    """Accepts items from every link and door and answers each exactly once."""

    def __init__(
        self,
        store: Store,
        states: States,
        ids: Snowflakes,
        delivery: LiveDelivery,
        settings: MessagesConfig,
        friends: FriendsConfig,
        clock: Clock,
    ) -> None:
        self._store = store
        self._states = states
        self._ids = ids
        self._delivery = delivery
        self._settings = settings
        self._strangers = friends.strangers
        self._clock = clock
        rate = settings.per_user_per_second
        self._buckets = TokenBuckets(rate, time.monotonic) if rate else None
        # items that wait for a commit, in arrival order, each with where its answer goes
        self._queue: deque[tuple[AnswerSink, SendItem]] = deque()
        self._filled = asyncio.Event()
        self._closing = False
        self._committer: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Begin to commit."""
        self._committer = asyncio.create_task(self._run(), name="pipeline")

    def close(self) -> None:
        """Stop accepting; what is queued is still committed."""
        self._closing = True
        self._filled.set()

    async def join(self) -> None:
        """Wait until everything queued is committed and answered."""
        if self._committer is not None:
            await self._committer

    # ------------------------------------------------------------ in

    def put(self, sink: AnswerSink, items: Sequence[SendItem]) -> None:
        """Queue items in their order; over the queue's limit they are answered BUSY at once."""
        room = 0 if self._closing else self._settings.queue_limit - len(self._queue)
        if room < len(items):
            refused = ServiceError(Code.BUSY)
            sink.answer([_refusal(item, item.conversation_id, refused) for item in items[max(room, 0) :]])
            items = items[: max(room, 0)]
        self._queue.extend([(sink, item) for item in items])
        if items:
            self._filled.set()

    # ------------------------------------------------------------ the committer

    async def _run(self) -> None:
        while not (self._closing and not self._queue):
            await self._filled.wait()
            self._filled.clear()
            if self._settings.commit_delay:
                await asyncio.sleep(self._settings.commit_delay)
            while self._queue:
                await self._commit(self._take())

    def _take(self) -> list[tuple[AnswerSink, SendItem]]:
        queue, most = self._queue, self._settings.batch_max
        if len(queue) <= most:
            batch = list(queue)
            queue.clear()
        else:
            batch = [queue.popleft() for _ in range(most)]
        metrics.logic_queue.set(len(queue))
        metrics.logic_batch_size.observe(len(batch))
        return batch

    async def _commit(self, batch: list[tuple[AnswerSink, SendItem]]) -> None:
        """Carry one batch from checks to answers; whatever goes wrong, every item is answered."""
        work = _Batch(batch)
        with metrics.logic_append_seconds.time():
            try:
                await self._decide(work)
            except ServiceError as exc:
                work.refuse_rest(exc)
            except Exception:
                log.exception("batch failed", items=len(batch))
                work.refuse_rest(ServiceError(Code.INTERNAL))
        work.send_answers()
        if work.committed:
            await self._delivery.committed(list(work.committed.values()), work.positions)

    async def _decide(self, work: _Batch) -> None:
        """Check and append; then once more, on fresh states, what a stale one may have decided; then settle the rest.

        Stale states show in two ways: the store refuses their version, or they forbid what is allowed by now.
        """
        pending: Sequence[int] = [index for index in range(len(work.items)) if index not in work.refusals]
        for last_try in (False, True):
            await self._load_states(work, pending)
            allowed, forbidden = await self._check(work, pending)
            stale = await self._append(work, allowed) if allowed else []
            again = sorted(stale + forbidden)
            if last_try:
                for index in stale:
                    work.refusals[index] = ServiceError(Code.BUSY, "the conversation keeps changing: send it again")
            if not again or last_try:
                break
            for index in again:
                self._states.forget(work.conversations[index])
                work.refusals.pop(index, None)
            pending = again
        await self._settle_refusals(work)

    async def _load_states(self, work: _Batch, pending: Sequence[int]) -> None:
        wanted: dict[str, list[str]] = {}
        for index in pending:
            conversation_id = work.conversations[index]
            cached = self._states.peek(conversation_id)
            sender = work.items[index].sender
            if cached is None or not cached.covers(sender):
                wanted.setdefault(conversation_id, []).append(sender)
        if wanted:
            await self._states.load(wanted)  # type: ignore[arg-type]

    async def _check(self, work: _Batch, pending: Sequence[int]) -> tuple[list[_Checked], list[int]]:
        """Return the items that may be stored, and those to which the state gives no right.

        Every item that may not be stored gets its refusal noted.
        """
        now = self._clock()
        checked: list[_Checked] = []
        forbidden: list[int] = []
        message_ids = self._ids.take(len(pending))
        for message_id, index in zip(message_ids, pending, strict=True):
            item = work.items[index]
            try:
                cached = self._states.peek(work.conversations[index]) or await self._first_contact(work, index)
                if item.sender not in cached.senders and not self._has_right(work, index, cached, now):
                    forbidden.append(index)
                    continue
                if self._buckets is not None:
                    self._buckets.take(item.sender, "messages")
                check_content(item.kind, item.content, item.extra)
            except ServiceError as exc:
                work.refusals[index] = exc
                continue
            conversation = cached.state.conversation
            entry = NewEntry(
                conversation.id,
                conversation.version,
                message_id,
                item.sender,
                item.client_msg_id,
                body_hash(conversation.id, item.kind, item.content, item.extra),
                item.kind,
                item.content,
                item.extra,
            )
            checked.append(_Checked(index, entry, cached))
        return checked, forbidden

    def _has_right(self, work: _Batch, index: int, cached: CachedState, now: int) -> bool:
        """Say whether an item's sender may send; remember one who keeps the right for as long as this version holds."""
        sender = work.items[index].sender
        try:
            rights.check(Action.SEND, cached.state, sender, now, strangers=self._strangers)
        except ServiceError as exc:
            work.refusals[index] = exc
            return False
        cached.senders.add(sender)
        return True

    async def _first_contact(self, work: _Batch, index: int) -> CachedState:
        """Return the state of a conversation that is not cached: a first message opens the single conversation.

        Nothing is opened for somebody who would not be allowed to write in it.
        """
        item = work.items[index]
        if not item.to_user:
            raise ServiceError(Code.CONVERSATION_NOT_FOUND, f"there is no conversation {item.conversation_id[:160]!r}")
        relation = await self._store.relation(item.sender, item.to_user)
        if relation.blocked_by:
            raise ServiceError(Code.BLOCKED)
        if not (self._strangers or relation.friends or item.to_user == item.sender):
            raise ServiceError(Code.STRANGERS_REFUSED)
        conversation = await self._store.open_single(item.sender, item.to_user)
        await self._states.load({conversation.id: [item.sender]})
        cached = self._states.peek(conversation.id)
        if cached is None:
            raise ServiceError(Code.CONVERSATION_NOT_FOUND)
        return cached

    async def _append(self, work: _Batch, checked: list[_Checked]) -> list[int]:
        """Append and note the outcomes; return the indices of those whose rights were checked on a stale version."""
        outcome = await self._store.append([item.entry for item in checked])
        stale = []
        for (index, entry, cached), result in zip(checked, outcome.results, strict=True):
            status = result.status
            if status == _STORED:
                work.store(index, entry, result, cached)
            elif status == _DUPLICATE:
                work.answer(index, result)
            elif status == _STALE:
                stale.append(index)
            else:
                work.refusals[index] = _conflict(entry.client_msg_id)
        if outcome.last_position:
            work.positions.extend(range(outcome.first_position, outcome.last_position + 1))
        return stale

    async def _settle_refusals(self, work: _Batch) -> None:
        """Answer what was refused; a key that is stored gets its first ack again, whatever happened since."""
        refused = [index for index in work.refusals if work.answers[index] is None]
        if not refused:
            return
        keys = []
        for index in refused:
            item, conversation_id = work.items[index], work.conversations[index]
            body = body_hash(conversation_id, item.kind, item.content, item.extra) if _is_text(item) else b""
            keys.append(Key(item.sender, item.client_msg_id, body))
            self._states.forget(conversation_id)
        for index, found in zip(refused, await self._store.find_keys(keys), strict=True):
            if found.status == _DUPLICATE:
                work.answer(index, found)
                continue
            refusal = work.refusals[index]
            if found.status != _STALE:
                refusal = _conflict(work.items[index].client_msg_id)
            work.refuse(index, refusal)


class _Batch:
    """A batch on its way: its items, where each goes, and what became of it."""

    def __init__(self, batch: list[tuple[AnswerSink, SendItem]]) -> None:
        self.sinks = [sink for sink, _ in batch]
        self.items = [item for _, item in batch]
        self.conversations: list[str] = []
        self.answers: list[SendAnswer | None] = [None] * len(batch)
        self.refusals: dict[int, ServiceError] = {}
        self.committed: dict[str, Committed] = {}
        self.positions: list[int] = []
        for index, item in enumerate(self.items):
            self.conversations.append(item.conversation_id or self._single(index, item))

    def _single(self, index: int, item: SendItem) -> str:
        """Return the id of the single conversation that an item names by its recipient."""
        try:
            return single_id(UserId(item.sender), check_handle(item.to_user, "to_user"))
        except ServiceError as exc:
            self.refusals[index] = exc
            return ""

    def store(self, index: int, entry: NewEntry, result: Appended, cached: CachedState) -> None:
        """Note a stored item: its answer, and the entry for delivery."""
        self.answer(index, result)
        committed = self.committed.get(entry.conversation_id)
        if committed is None:
            committed = self.committed[entry.conversation_id] = Committed(cached, [], [])
        committed.entries.append(
            Entry(
                entry.conversation_id,
                result.seq,
                result.message_id,
                entry.sender,
                entry.client_msg_id,
                entry.kind,
                entry.content,
                entry.extra,
                result.ordinal,
                result.created_at,
            )
        )
        committed.origins.append((self.sinks[index].gateway, self.items[index].connection))

    def answer(self, index: int, result: Appended) -> None:
        """Note that an item is stored, now or before."""
        item = self.items[index]
        self.answers[index] = SendAnswer(
            item.ref,
            item.connection,
            result.message_id,
            result.seq,
            result.ordinal,
            result.created_at,
            self.conversations[index],
            item.client_msg_id,
            "",
            "",
        )

    def refuse(self, index: int, refusal: ServiceError) -> None:
        """Note that an item is refused for good."""
        self.answers[index] = _refusal(self.items[index], self.conversations[index], refusal)

    def refuse_rest(self, refusal: ServiceError) -> None:
        """Refuse whatever has no answer yet."""
        for index, answer in enumerate(self.answers):
            if answer is None:
                self.refuse(index, self.refusals.get(index, refusal))

    def send_answers(self) -> None:
        """Hand every answer to its sink, in one list per sink."""
        by_sink: dict[AnswerSink, list[SendAnswer]] = {}
        for sink, answer in zip(self.sinks, self.answers, strict=True):
            if answer is not None:
                by_sink.setdefault(sink, []).append(answer)
        for sink, answers in by_sink.items():
            sink.answer(answers)
        _count(self.answers)


def _refusal(item: SendItem, conversation_id: str, refusal: ServiceError) -> SendAnswer:
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


def _conflict(key: str) -> ServiceError:
    return ServiceError(
        Code.KEY_CONFLICT,
        f"client_msg_id {key!r} was used for another message: use a new one",
        field="client_msg_id",
    )


def _is_text(item: SendItem) -> bool:
    """Say whether the item's body can be hashed at all (a refused one may hold half a surrogate pair)."""
    try:
        item.content.encode()
        item.extra.encode()
    except UnicodeEncodeError:
        return False
    return True


def _count(answers: Sequence[SendAnswer | None]) -> None:
    outcomes: dict[str, int] = {}
    for answer in answers:
        if answer is not None:
            outcome = answer.code or "stored"
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
    for outcome, count in outcomes.items():
        metrics.logic_messages.labels(outcome).inc(count)
