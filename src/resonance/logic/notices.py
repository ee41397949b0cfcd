"""System entries: what a conversation's log says of its members and settings, in a form that any client can word.

The content is a JSON object: `action` (as in `GroupChange`), `actor`, `users` (whom it is about, the first
`MAX_NAMED`), `count` (how many they are in all) and `changes`: of `updated` the new values by field, enumerations by
name; of `created` and `joined` the group's `name`, which the clients of those who come may not know yet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import Enum

MAX_NAMED = 50
"""Users that one entry names, so that bringing in a thousand people stays a small entry."""

QUIET = frozenset({"role", "muted"})
"""Actions that concern one member only: they are signalled, and leave no entry in everybody's log."""

Change = str | int | bool


def notice(action: str, actor: str, users: Sequence[str] = (), changes: Mapping[str, Change] | None = None) -> str:
    """Return the content of the system entry that tells of an action; "" for one that is told quietly."""
    if action in QUIET:
        return ""
    document: dict[str, object] = {
        "action": action,
        "actor": actor,
        "users": list(users[:MAX_NAMED]),
        "count": len(users),
    }
    if changes:
        document["changes"] = {
            name: value.name.lower() if isinstance(value, Enum) else value for name, value in changes.items()
        }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
