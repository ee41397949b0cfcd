"""Offline push into the log: who would have been told of which conversation, without the message's text."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from resonance.ports.push import Notification, OfflinePush

log = structlog.get_logger(__name__)


class LogPush(OfflinePush):
    """Writes one debug line per notification."""

    async def push(self, notifications: Sequence[Notification]) -> None:
        for notification in notifications:
            log.debug(
                "offline notification",
                user=notification.user_id,
                conversation=notification.conversation_id,
                seq=notification.seq,
            )
