"""Delivery: committed entries and signals to whoever is online.

The fast path pushes what the pipeline committed, from memory. A sweep reads the outbox behind it and pushes what the
fast path did not: what was committed when a call's answer got lost. Each logic sweeps for what it has committed by
itself. `position` says up to where a gateway has been given everything by this one; a gateway that was cut off hands
its own in and gets the rest again, also what a logic that is gone has left behind.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import NamedTuple

import structlog

from resonance.domain.errors import ServiceError
from resonance.domain.events import EntriesAppended, Event, decode
from resonance.domain.model import SMALL_CONVERSATION, Audience, Entry
from resonance.domain.windows import Window, sees
from resonance.logic.links import Links
from resonance.logic.seams import Clock
from resonance.logic.states import CachedState, States
from resonance.observe import metrics
from resonance.ports.routes import Routes
from resonance.ports.store import Store
from resonance.services.delivery import CONSUMERS, Delivery, SignalTo
from resonance.services.link import Push, PushBatch, SignalPush

log = structlog.get_logger(__name__)

SWEEP_AFTER_MS = 1_000
"""The fast path has this long before the sweep pushes an event itself."""
SWEEP_PAGE = 1_000
REPLAY_LIMIT = 5_000
"""A gateway that missed more events than this is told to let its clients sync instead."""

ORIGINS = 50_000
"""Messages to large conversations whose origin is remembered until task fans them out."""

Origin = tuple[str, int]
"""The gateway and connection an entry was sent from; ("", 0) for none."""
_NOWHERE: Origin = ("", 0)


class Committed(NamedTuple):
    """Entries of one conversation, ascending, that were just committed with the rights of one state."""

    cached: CachedState
    entries: list[Entry]
    origins: list[Origin]


class LiveDelivery(Delivery):
    """Pushes through the links of the gateways that hold the recipients' connections."""

    def __init__(
        self,
        store: Store,
        states: States,
        routes: Routes,
        links: Links,
        clock: Clock,
        is_own: Callable[[int, int], bool] = lambda _worker, _at: True,
    ) -> None:
        """Begin with nothing pushed.

        Args:
            is_own: says whether this process made message ids as a worker at a time, in ms UTC.
        """
        self._store = store
        self._states = states
        self._routes = routes
        self._links = links
        self._clock = clock
        self._is_own = is_own
        # where the outbox ended when this logic started: it has committed nothing before
        self.started = 0
        # everything up to here was pushed, by the fast path, the sweep or (large groups, signals) task
        self.position = 0
        # where the sweep stands
        self._swept = 0
        # the outbox's head at the sweep before
        self._head_before = 0
        # positions beyond the sweep that the fast path has pushed
        self._pushed: set[int] = set()
        # by message id, where the newest messages to large conversations were sent from
        self._origins: OrderedDict[int, Origin] = OrderedDict()

    # ------------------------------------------------------------ fast path

    async def committed(self, committed: Sequence[Committed], positions: Iterable[int]) -> None:
        """Push what was just committed to small conversations; larger ones are task's."""
        small: list[Committed] = []
        for item in committed:
            if item.cached.state.complete:
                small.append(item)
            else:
                await self._committed_incomplete(item)
        await self._push_complete(small)
        self._pushed.update(position for position in positions if position > self._swept)

    async def _push_complete(self, small: Sequence[Committed]) -> None:
        """Push to conversations whose members are all at hand; no window has to be looked at, for they are present."""
        users: set[str] = set()
        for item in small:
            users.update(item.cached.audience)
        located = await self._locate(users)
        for gateway, present in located.items():
            here = set(present)
            pushes = []
            for item in small:
                recipients = [user for user in item.cached.audience if user in here]
                if recipients:
                    origins = [number if origin == gateway else 0 for origin, number in item.origins]
                    pushes.append(_push(item.entries, recipients, origins))
            if pushes:
                self._links.send(gateway, PushBatch(self.position, pushes, []))

    async def _committed_incomplete(self, item: Committed) -> None:
        """Remember who sent what, for task's fan-out; push by ourselves where only those who left are many."""
        for entry, origin in zip(item.entries, item.origins, strict=True):
            self._origins[entry.message_id] = origin
        while len(self._origins) > ORIGINS:
            self._origins.popitem(last=False)
        conversation = item.cached.state.conversation
        if 0 < conversation.member_count <= SMALL_CONVERSATION:
            await self.deliver_entries(
                item.entries, await self._store.audience(conversation.id, "", SMALL_CONVERSATION)
            )

    async def _locate(self, user_ids: Collection[str]) -> dict[str, list[str]]:
        """Return where users are; everywhere when nobody knows, for gateways push to those whom they hold."""
        located = await self._routes.locate(user_ids)
        if located is not None:
            return located
        everybody = list(user_ids)
        return dict.fromkeys(self._links.sessions, everybody)

    # ------------------------------------------------------------ for task

    async def deliver_entries(self, entries: Sequence[Entry], audience: Sequence[Audience]) -> None:
        if not entries:
            return
        by_user = {member.user_id: member for member in audience}
        senders = [self._origins.get(entry.message_id, _NOWHERE) for entry in entries]
        for gateway, users in (await self._locate(by_user)).items():
            origins = [number if origin == gateway else 0 for origin, number in senders]
            pushes = list(_clamped(list(entries), origins, [by_user[user] for user in users]))
            if pushes:
                self._links.send(gateway, PushBatch(self.position, pushes, []))
                metrics.task_fanout_pushes.inc(len(users))

    async def deliver_signals(self, signals: Sequence[SignalTo]) -> None:
        await self.signal(signals)

    async def offline(self, user_ids: Sequence[str]) -> list[str]:
        located = await self._routes.locate(user_ids)
        if located is None:  # a notification too many is better than none: only who is surely here gets none
            online = set(await self._routes.routes_of(user_ids))
        else:
            online = {user for users in located.values() for user in users}
        return [user for user in user_ids if user not in online]

    async def signal(self, signals: Sequence[SignalTo], except_connection: Origin = _NOWHERE) -> None:
        """Push signals; `except_connection` is left out (whose own doing they are)."""
        located = await self._locate({user for signal in signals for user in signal.users})
        for gateway, present in located.items():
            here = set(present)
            number = except_connection[1] if except_connection[0] == gateway else 0
            pushes = [
                SignalPush(signal.signal, users, number)
                for signal in signals
                if (users := [user for user in signal.users if user in here])
            ]
            self._links.send(gateway, PushBatch(self.position, [], pushes))

    # ------------------------------------------------------------ the sweep

    async def start_sweep(self) -> None:
        """Begin behind what the outbox holds now: whoever was connected before comes back with a position."""
        page = await self._store.outbox(2**62, 1, 0)
        self._swept = self._head_before = self.position = self.started = page.head

    async def sweep(self) -> None:
        """Push what the fast path left behind, and move the position on.

        The fast path has had its time with an event that is old enough, or that was there at the sweep before: clocks
        may go back, turns do not.
        """
        before = self._clock() - SWEEP_AFTER_MS
        while True:
            self._pass_pushed()
            page = await self._store.outbox(self._swept, SWEEP_PAGE, 0, [EntriesAppended.kind])
            for event in page.events:
                if event.position not in self._pushed:
                    if event.created_at > before and event.position > self._head_before:
                        break
                    await self._push_event(event)
                self._pushed.discard(event.position)
                self._swept = event.position
            else:
                self._swept = max(self._swept, page.end)
                if len(page.events) == SWEEP_PAGE:
                    continue
            break
        self._head_before = page.head
        delivered = [await self._store.consumer_position(consumer) for consumer in CONSUMERS]
        self.position = min(self._swept, *delivered)

    def _pass_pushed(self) -> None:
        """Pass over what the fast path pushed without reading it: under load that is nearly everything."""
        while self._swept + 1 in self._pushed:
            self._swept += 1
            self._pushed.discard(self._swept)

    async def _push_event(self, event: Event) -> None:
        """Push the entries of one event to everybody; those of large conversations are task's, others' are theirs."""
        appended = decode(event)
        assert isinstance(appended, EntriesAppended)
        if appended.by_task or not self._is_own(appended.worker, event.created_at):
            return
        metrics.logic_swept.inc()
        await self._each_recipient(appended, self.deliver_entries)

    async def _each_recipient(
        self,
        appended: EntriesAppended,
        deliver: Callable[[Sequence[Entry], Sequence[Audience]], Awaitable[None]],
    ) -> None:
        entries = await self._store.entries(appended.conversation_id, appended.first_seq, appended.last_seq)
        after = ""
        while True:
            audience = await self._store.audience(appended.conversation_id, after, SMALL_CONVERSATION)
            await deliver(entries, audience)
            if len(audience) < SMALL_CONVERSATION:
                return
            after = audience[-1].user_id

    # ------------------------------------------------------------ a gateway that was cut off

    async def replay(self, gateway: str, position: int, *, own: bool = False, signals: bool = True) -> bool:
        """Push again to one gateway what was committed after `position`; return False when clients have to sync.

        That is the case when there is too much of it, when the outbox no longer holds it, or when it holds more than
        entries: signals are not repeated.

        Args:
            own: only what this logic has committed by itself.
            signals: whether other events than entries matter.
        """
        page = await self._store.outbox(position, REPLAY_LIMIT + 1, 0, [] if signals else [EntriesAppended.kind])
        if len(page.events) > REPLAY_LIMIT or position + 1 < page.oldest:
            return False
        if any(event.kind != EntriesAppended.kind for event in page.events):
            return False

        async def deliver(entries: Sequence[Entry], audience: Sequence[Audience]) -> None:
            by_user = {member.user_id: member for member in audience}
            users = (await self._locate(by_user)).get(gateway, [])
            pushes = list(_clamped(list(entries), [0] * len(entries), [by_user[user] for user in users]))
            if pushes:
                self._links.send(gateway, PushBatch(self.position, pushes, []))

        for event in page.events:
            appended = decode(event)
            assert isinstance(appended, EntriesAppended)
            if not own or (self._is_own(appended.worker, event.created_at) and not appended.system):
                await self._each_recipient(appended, deliver)
            await asyncio.sleep(0)
        return True


def _clamped(entries: list[Entry], origins: list[int], recipients: Sequence[Audience]) -> Iterable[Push]:
    """Yield pushes such that everybody gets exactly the entries their window shows: mostly a single push."""
    first, last = entries[0].seq, entries[-1].seq
    all_of_it: list[str] = []
    for user_id, min_seq, max_seq, _ in recipients:
        if min_seq <= first and (max_seq is None or max_seq >= last):
            all_of_it.append(user_id)
            continue
        window = Window(min_seq, max_seq)
        visible = [at for at, entry in enumerate(entries) if sees(window, entry.seq)]
        if visible:
            yield _push([entries[at] for at in visible], [user_id], [origins[at] for at in visible])
    if all_of_it:
        yield _push(entries, all_of_it, origins)


def _push(entries: list[Entry], users: list[str], origins: list[int]) -> Push:
    """Return a push. It has no holes: one append gives consecutive seqs, ranges are read whole, windows are intervals.

    Gateways rely on that: whether a client lacks entries they see from where a push begins (`gateway/ws/fanout.py`).
    """
    assert entries[-1].seq - entries[0].seq == len(entries) - 1, "a push with a hole would hide what is lacking"
    return Push(entries, users, origins)


async def run_sweep(delivery: LiveDelivery, interval: float) -> None:
    """Sweep for ever; a store that cannot answer now is asked again at the next turn."""
    while True:
        await asyncio.sleep(interval)
        try:
            await delivery.sweep()
        except ServiceError as exc:
            log.warning("sweep postponed", error=str(exc))
        except Exception:
            log.exception("sweep failed; it goes on")
