"""The pipeline: where a message is accepted.

Items queue; one committer takes whatever queued while the batch before was committing, checks rights on cached
states, and appends the allowed ones in one transaction. Answers and pushes go out after the commit, never before.
Nothing is done per message that can be done per batch.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from resonance.config.settings import FriendsConfig, MessagesConfig
from resonance.domain import rights
from resonance.domain.content import body_hash, check_content
from resonance.domain.errors import Code, ServiceError, no_conversation
from resonance.domain.fences import Fences, Place, keeps_order, place_of
from resonance.domain.ids import OPEN_CONVERSATION, UserId, check_handle, single_id
from resonance.domain.limits import TokenBuckets
from resonance.domain.model import AppendStatus, NewEntry, SendItem
from resonance.domain.rights import Action
from resonance.logic.batch import AnswerSink, Batch, Checked, Queued, conflict, refused
from resonance.logic.delivery import LiveDelivery
from resonance.logic.first_contact import check_first_contact
from resonance.logic.lookups import Lookups
from resonance.logic.seams import Clock
from resonance.logic.snowflake import Snowflakes
from resonance.logic.states import CachedState, States
from resonance.observe import metrics
from resonance.observe.trace import set_trace, span
from resonance.ports.store import Key, Store

log = structlog.get_logger(__name__)

_DUPLICATE = int(AppendStatus.DUPLICATE)
_STALE = int(AppendStatus.STALE)
_new = tuple.__new__
_BUSY = ServiceError(Code.BUSY)


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
        lookups: Lookups | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._lookups = lookups or Lookups(store)
        self._states = states
        self._ids = ids
        self._delivery = delivery
        self._settings = settings
        self._strangers = friends.strangers
        self._clock = clock
        self._clock_s = clock_s
        self._fences = Fences(clock_s)
        self._buckets = TokenBuckets(lambda: settings.per_user_per_second, time.monotonic)
        self._open_buckets = TokenBuckets(lambda: settings.open_per_user_per_second, time.monotonic)
        # items that wait for a commit, in arrival order
        self._queue: deque[Queued] = deque()
        self._late = 0  # how many of them came when it was full
        self._filled = asyncio.Event()
        self._closing = False
        self._committer: asyncio.Task[None] | None = None

    @property
    def rates(self) -> dict[str, TokenBuckets]:
        """The buckets that senders' tokens come from, by kind: other logics may share them (`logic.rates`)."""
        return {"messages": self._buckets, "open": self._open_buckets}

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
        """Queue items in their order; those over the queue's limit are refused.

        Whoever keeps an order is refused in it, for what follows must know that; what they wait for is bounded by the
        windows of gateways.
        """
        if self._closing:
            sink.answer([refused(item, item.conversation_id, _BUSY) for item in items])
            return
        # what only waits for its refusal takes nobody's room: those who send again at once would never find any
        room = max(0, self._settings.queue_limit - len(self._queue) + self._late)
        at = self._clock_s()
        self._queue.extend([(sink, item, None, at) for item in (items if len(items) <= room else items[:room])])
        if len(items) > room:
            late = items[room:]
            kept = [item._replace(content="", extra="") for item in late if keeps_order(item, Code.BUSY)]
            self._queue.extend([(sink, item, _BUSY, at) for item in kept])
            self._late += len(kept)
            at_once = [refused(item, item.conversation_id, _BUSY) for item in late if not keeps_order(item, Code.BUSY)]
            if at_once:
                sink.answer(at_once)
        if self._queue:
            self._filled.set()

    # ------------------------------------------------------------ the committer

    async def _run(self) -> None:
        while not (self._closing and not self._queue):
            await self._filled.wait()
            self._filled.clear()
            if self._settings.commit_delay:
                await asyncio.sleep(self._settings.commit_delay)
            while self._queue:
                try:
                    await self._commit(self._take())
                except Exception:  # without this task nobody would be answered any more
                    log.exception("a batch did not come to its end")

    def _take(self) -> list[Queued]:
        queue, most = self._queue, self._settings.batch_max
        if len(queue) <= most:
            batch = list(queue)
            queue.clear()
        else:
            batch = [queue.popleft() for _ in range(most)]
        if self._late:
            self._late -= sum(refusal is not None for _, _, refusal, _ in batch)
        metrics.logic_queue.set(len(queue))
        metrics.logic_batch_size.observe(len(batch))
        return batch

    async def _commit(self, queued: list[Queued]) -> None:
        """Carry one batch from checks to answers; whatever goes wrong, every item is answered.

        A batch belongs to many traces; its log lines and its span carry the first one's.
        """
        set_trace(queued[0][1].trace)
        batch = Batch(queued)
        with metrics.logic_append_seconds.time(), span("commit batch", items=len(queued)):
            try:
                self._keep_back_late(batch)
                await self._decide(batch)
            except ServiceError as exc:
                batch.refuse_rest(exc)
            except Exception:
                log.exception("batch failed", items=len(queued))
                batch.refuse_rest(ServiceError(Code.INTERNAL))
        if self._fences or batch.refusals:
            self._keep_order(batch)
        batch.send_answers()
        batch.write_down()
        for outcome, count in batch.outcomes().items():
            metrics.logic_messages.labels(outcome).inc(count)
        if batch.committed:
            for cached, there in batch.committed.items():
                self._lookups.committed(cached.id, there.entries)
            await self._push(batch)

    def _keep_back_late(self, batch: Batch) -> None:
        """Have what follows those that came when the queue was full wait for them: they have come, and are refused."""
        for index, refusal in batch.refusals.items():
            way, item, at = batch.sinks[index].way, batch.items[index], batch.times[index]
            with suppress(ServiceError):
                self._fences.pass_or_refuse(way, item, at)
            self._fences.put_up(way, item, refusal.code, batch.times[0])

    def _keep_order(self, batch: Batch) -> None:
        """Wait for what was refused for now, and no more for what is decided."""
        for index, item in enumerate(batch.items):
            way, refusal = batch.sinks[index].way, batch.refusals.get(index)
            if refusal is None or not self._fences.put_up(way, item, refusal.code, batch.times[0]):
                self._fences.take_down(way, item)

    async def _push(self, batch: Batch) -> None:
        """Push what was stored. What cannot be pushed now the sweep pushes: nobody's next message waits for it."""
        try:
            await self._delivery.committed(list(batch.committed.values()), batch.positions)
        except ServiceError as exc:
            log.warning("pushes are left to the sweep", error=str(exc))
        except Exception:
            log.exception("pushes are left to the sweep")

    async def _decide(self, batch: Batch) -> None:
        """Check and append; then once more, on fresh states, what a stale one may have decided; then settle the rest.

        Stale states show in two ways: the store refuses their version, or they forbid what is allowed by now.
        """
        pending = [index for index in range(len(batch.items)) if index not in batch.refusals]
        for last_try in (False, True):
            states = await self._load_states(batch, pending)
            allowed, forbidden = await self._check(batch, pending, states, charge=not last_try)
            stale = await self._append(batch, allowed) if allowed else []
            again = sorted(stale + forbidden)
            if last_try:
                for index in stale:
                    batch.refusals[index] = ServiceError(Code.BUSY, "the conversation keeps changing: send it again")
            if not again or last_try:
                break
            for index in again:
                self._states.forget(batch.conversations[index])
                batch.refusals.pop(index, None)
            pending = again
        if batch.refusals:
            await self._settle_refusals(batch)

    async def _load_states(self, batch: Batch, pending: list[int]) -> dict[str, CachedState]:
        """Return the states of the batch's conversations that exist, each covering the senders to it."""
        states: dict[str, CachedState | None] = {}
        wanted: dict[str, list[str]] = {}
        for index in pending:
            conversation_id = batch.conversations[index]
            if conversation_id in states:
                cached = states[conversation_id]
            else:
                cached = states[conversation_id] = self._states.peek(conversation_id)
            sender = batch.items[index].sender
            if cached is None or not (sender in cached.senders or cached.covers(sender)):
                wanted.setdefault(conversation_id, []).append(sender)
        if wanted:
            await self._states.load(wanted)
            states.update((conversation_id, self._states.peek(conversation_id)) for conversation_id in wanted)
        return {conversation_id: cached for conversation_id, cached in states.items() if cached is not None}

    async def _check(
        self, batch: Batch, pending: list[int], states: dict[str, CachedState], *, charge: bool
    ) -> tuple[list[Checked], list[int]]:
        """Return the items that may be stored, and those to which the state gives no right.

        Every item that may not be stored gets its refusal noted. With `charge` an item takes a token of its sender's
        rate: on the first try only.
        """
        now = self._clock()
        checked: list[Checked] = []
        forbidden: list[int] = []
        conversations = batch.conversations
        buckets = self._buckets if charge and self._settings.per_user_per_second else None
        open_buckets = self._open_buckets if charge and self._settings.open_per_user_per_second else None
        fences, standing = self._fences, bool(self._fences)
        for message_id, index in zip(self._ids.take(len(pending)), pending, strict=True):
            item = batch.items[index]
            _, _, sender, key, _, _, kind, content, extra, _ = item
            try:
                if standing:
                    fences.pass_or_refuse(batch.sinks[index].way, item, batch.times[index])
                cached = states.get(conversations[index]) or await self._first_contact(item, states)
                if sender not in cached.senders and not self._has_right(batch, index, cached, now):
                    forbidden.append(index)
                    continue
                if buckets is not None:
                    buckets.take(sender, "messages")
                if open_buckets is not None and cached.id == OPEN_CONVERSATION:
                    open_buckets.take(sender, "messages to everybody")
                check_content(kind, content, extra)
                conversation_id = cached.id
                body = body_hash(conversation_id, kind, content, extra)
            except ServiceError as exc:
                batch.refusals[index] = exc
                standing = fences.put_up(batch.sinks[index].way, item, exc.code, batch.times[0]) or standing
                continue
            entry = _new(
                NewEntry,
                (conversation_id, cached.version, message_id, sender, key, body, kind, content, extra),
            )
            checked.append((index, entry, cached))
        return checked, forbidden

    def _has_right(self, batch: Batch, index: int, cached: CachedState, now: int) -> bool:
        """Say whether an item's sender may send; remember one who keeps the right for as long as this version holds."""
        sender = batch.items[index].sender
        try:
            rights.check(Action.SEND, cached.state, sender, now, strangers=self._strangers)
        except ServiceError as exc:
            batch.refusals[index] = exc
            return False
        cached.senders.add(sender)
        return True

    async def _first_contact(self, item: SendItem, states: dict[str, CachedState]) -> CachedState:
        """Return the state of a conversation that does not exist yet: a first message opens a single conversation.

        Nothing is opened for somebody who would not be allowed to write in it.
        """
        peer = _peer(item)
        await check_first_contact(self._store, item.sender, peer, strangers=self._strangers)
        conversation = await self._store.open_single(item.sender, peer)
        await self._states.load({conversation.id: [item.sender]})
        cached = self._states.peek(conversation.id)
        if cached is None:
            raise no_conversation(conversation.id)
        states[conversation.id] = cached
        return cached

    async def _append(self, batch: Batch, checked: list[Checked]) -> list[int]:
        """Append and note the outcomes; return the indices of those whose rights were checked on a stale version."""
        outcome = await self._store.append([entry for _, entry, _ in checked])
        stale = batch.settle(checked, outcome.results)
        if outcome.last_position:
            batch.positions.extend(range(outcome.first_position, outcome.last_position + 1))
        return stale

    async def _settle_refusals(self, batch: Batch) -> None:
        """Answer what was refused; a key that is stored gets its first ack again, whatever happened since."""
        refused_ones = batch.unanswered(sorted(batch.refusals))
        keys = [self._key(batch, index) for index in refused_ones]
        for index, found in zip(refused_ones, await self._store.find_keys(keys), strict=True):
            self._states.forget(batch.conversations[index])
            if found.status == _DUPLICATE:
                del batch.refusals[index]
                batch.answer(index, found)
            elif found.status == _STALE:
                batch.refuse(index, batch.refusals[index])
            else:
                batch.refuse(index, conflict(batch.items[index].client_msg_id))
        if self._fences:
            await self._let_go(batch, refused_ones)

    async def _let_go(self, batch: Batch, refused_ones: list[int]) -> None:
        """Wait no more for what has come another way and is stored: through another logic, or over HTTP."""
        waited: dict[Place, tuple[object, SendItem]] = {}
        for index in refused_ones:
            way, item = batch.sinks[index].way, batch.items[index]
            key = self._fences.first(way, item)
            if key is not None:
                waited[place_of(way, item)] = way, item._replace(client_msg_id=key)
        if not waited:
            return
        keys = [Key(item.sender, item.client_msg_id, b"") for _, item in waited.values()]
        for (way, item), found in zip(waited.values(), await self._store.find_keys(keys), strict=True):
            if found.status != _STALE:
                self._fences.take_down(way, item)

    def _key(self, batch: Batch, index: int) -> Key:
        """Return the key of a refused item; a body that cannot be hashed is none that was ever stored."""
        item = batch.items[index]
        try:
            body = body_hash(batch.conversations[index], item.kind, item.content, item.extra)
        except ServiceError:
            body = b""
        return Key(item.sender, item.client_msg_id, body)


def _peer(item: SendItem) -> UserId:
    """Return with whom an item opens a conversation: its recipient, where that is the conversation it is for.

    A recipient beside the id of any other conversation opens nothing: who probes for conversations of others would
    learn from the difference which of them exist.

    Raises:
        ServiceError: CONVERSATION_NOT_FOUND.
    """
    with suppress(ServiceError):  # with what is no handle nothing is opened either
        peer = check_handle(item.to_user, "to_user")
        if item.conversation_id in ("", single_id(UserId(item.sender), peer)):
            return peer
    raise no_conversation(item.conversation_id)
