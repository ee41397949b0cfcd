"""Conversations of every kind: making single and open ones, states for checking rights, the caller's list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from resonance.domain.events import ConversationUpdated, MemberSettingsChanged
from resonance.domain.ids import ConversationId, UserId, single_id
from resonance.domain.model import (
    Conversation,
    ConversationKind,
    ConversationPage,
    ConversationState,
    ConversationView,
    Member,
    MemberSettings,
)
from resonance.engines.sql.accounts import require_users
from resonance.engines.sql.cursors import decode_cursor, encode_cursor
from resonance.engines.sql.outbox import emit
from resonance.engines.sql.queries import all_in
from resonance.engines.sql.rows import CONVERSATION, MEMBER, conversation_row, member_row
from resonance.engines.sql.tx import Row, Tx
from resonance.engines.sql.views import membership, views_of
from resonance.ports.store import SMALL_CONVERSATION

INSERT_MEMBER = (
    f"INSERT INTO members ({MEMBER}) VALUES (:conversation_id, :user_id, :role, :status, :min_seq, :max_seq, :read_seq,"
    " :read_ordinal, :end_ordinal, :pinned, :recv_opt, :muted_until, :nickname, :inviter, :joined_at, :updated_at)"
)
