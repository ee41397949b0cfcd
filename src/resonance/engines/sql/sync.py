"""Sync: everything of a user that changed since a token, read from the truth.

A token is opaque to clients: the store's epoch, the time from which on changes are wanted, and where the pages are.
All pages of one round carry the time of its first page, so what changes between two pages is seen in the next round.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from resonance.domain.errors import ServiceError
from resonance.domain.ids import OPEN_CONVERSATION
from resonance.domain.model import ConversationKind, ConversationView, SyncPage
from resonance.engines.sql.cursors import decode_cursor, encode_cursor
from resonance.engines.sql.house import epoch
from resonance.engines.sql.rows import (
    FRIEND,
    FRIEND_REQUEST,
    USER,
    friend_request_row,
    friend_row,
    qualified,
    user_of,
    values_of,
)
from resonance.engines.sql.tx import Row, Tx
from resonance.engines.sql.views import SEEN, UPDATED_AT, VIEW, pair_of, views_of
from resonance.ports.store import MAX_TRANSACTION_MS

_DONE = ":"
"""In place of a key: this sort has no further page. No key begins with a colon."""


@dataclass(frozen=True, slots=True)
class Round:
    """Where a client is in a round of sync.

    Attributes:
        since: changes at or after this time are wanted, in ms; 0 for everything.
        time: the store's clock at the round's first page; 0 between two rounds.
        conversation, friend, request, user: the last key given out of each sort; _DONE after the last page.
    """

    epoch: str
    since: int
    time: int
    conversation: str = ""
    friend: str = ""
    request: str = ""
    user: str = ""

    @property
    def more(self) -> bool:
        """Whether a page follows."""
        return {self.conversation, self.friend, self.request, self.user} != {_DONE}


async def sync(tx: Tx, user_id: str, token: str, limit: int, retention_ms: int) -> SyncPage:
    """See `Store.sync`.

    Args:
        retention_ms: how long tombstones are kept; a token from before means starting anew.
    """
    here = await epoch(tx)
    given = _parse(token)
    full = given is None or given.epoch != here or max(given.since, given.time) < tx.now - retention_ms
    now = Round(here, 0, tx.now) if given is None or full else replace(given, time=given.time or tx.now)
    conversations, conversation = await _conversations(tx, user_id, now, limit)
    friends, friend = await _page(tx, _FRIENDS, user_id, now.since, now.friend, limit, _friend_key)
    requests, request = await _page(tx, _REQUESTS, user_id, now.since, now.request, limit, _request_key)
    users, user = await _page(tx, _USERS, user_id, now.since, now.user, limit, _user_key)
    after = replace(now, conversation=conversation, friend=friend, request=request, user=user)
    return SyncPage(
        full=full,
        conversations=conversations,
        friends=[friend_row(row) for row in friends],
        requests=[friend_request_row(row) for row in requests],
        users=[user_of(values_of(row)) for row in users],
        token=_token(after),
        more=after.more,
    )


def _token(after: Round) -> str:
    """Return the token for the next page, or for the next round, which overlaps by the longest transaction."""
    if not after.more:
        after = Round(after.epoch, max(after.time - MAX_TRANSACTION_MS, 1), 0)
    return encode_cursor(
        after.epoch, after.since, after.time, after.conversation, after.friend, after.request, after.user
    )


def _parse(token: str) -> Round | None:
    """Return what a token says; None for "" and for text that no store made."""
    try:
        here, since, time, *keys = decode_cursor(token, str, int, int, str, str, str, str)
    except ServiceError:
        return None
    return Round(str(here), int(since), int(time), *map(str, keys))


# ---------------------------------------------------------------- the four sorts

_CONVERSATIONS = f"""
    SELECT {VIEW} FROM {SEEN}
    WHERE c.id IN (SELECT conversation_id FROM members WHERE user_id = :me UNION SELECT '{OPEN_CONVERSATION}')
        AND c.id > :after AND ({UPDATED_AT} >= :since OR m.updated_at >= :since)
    ORDER BY c.id LIMIT :limit
"""  # noqa: S608 - constants
_FRIENDS = f"""
    SELECT {FRIEND} FROM friends
    WHERE user_id = :me AND updated_at >= :since AND friend_id > :after
        AND (:since > 0 OR is_friend = 1 OR blocked = 1)
    ORDER BY friend_id LIMIT :limit
"""  # noqa: S608 - constants
_REQUESTS = f"""
    SELECT {FRIEND_REQUEST} FROM friend_requests
    WHERE (sender = :me OR recipient = :me) AND updated_at >= :since
        AND (sender > :after OR (sender = :after AND recipient > :second))
    ORDER BY sender, recipient LIMIT :limit
"""  # noqa: S608 - constants
_USERS = f"""
    SELECT DISTINCT {qualified(USER, "u")} FROM users u JOIN (
        SELECT :me AS id, 0 AS known_since
        UNION ALL SELECT friend_id, updated_at FROM friends WHERE user_id = :me AND is_friend = 1
        UNION ALL SELECT o.user_id, c.created_at FROM members m
            JOIN conversations c ON c.id = m.conversation_id AND c.kind = {int(ConversationKind.SINGLE)}
            JOIN members o ON o.conversation_id = c.id AND o.user_id <> :me
            WHERE m.user_id = :me
    ) k ON k.id = u.id
    WHERE u.id > :after AND (u.updated_at >= :since OR k.known_since >= :since)
    ORDER BY u.id LIMIT :limit
"""  # noqa: S608 - constants


def _conversation_key(row: Row) -> str:
    return str(row["c_id"])


def _friend_key(row: Row) -> str:
    return str(row["friend_id"])


def _request_key(row: Row) -> str:
    return f"{row['sender']}:{row['recipient']}"


def _user_key(row: Row) -> str:
    return str(row["id"])


async def _page(
    tx: Tx, sql: str, me: str, since: int, after: str, limit: int, key: Callable[[Row], str]
) -> tuple[list[Row], str]:
    """Return the rows of one sort after a key, and the key to go on from."""
    if after == _DONE:
        return [], _DONE
    first, _, second = after.partition(":")
    params = {"me": me, "since": since, "after": after, "limit": limit + 1}
    if sql is _REQUESTS:
        params |= {"after": first, "second": second}
    rows = await tx.all(sql, **params)
    return (rows, _DONE) if len(rows) <= limit else (rows[:limit], key(rows[limit - 1]))


async def _conversations(tx: Tx, user_id: str, now: Round, limit: int) -> tuple[list[ConversationView], str]:
    """Return changed conversations, the open one among them although its members may have no row."""
    rows, after = await _page(tx, _CONVERSATIONS, user_id, now.since, now.conversation, limit, _conversation_key)
    return await views_of(tx, user_id, [pair_of(user_id, row) for row in rows]), after
