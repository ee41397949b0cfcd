"""What the roles offer one another: abstract classes that a caller uses without knowing where the role runs.

In `resonance serve` a service is the role's own object, called directly. Between processes the same class stands in
front of gRPC (`resonance.rpc`), whose messages mirror these signatures: the request holds the parameters by name, the
response one field `result`. A contract test refuses any drift between the two.
"""

from __future__ import annotations

from dataclasses import dataclass

from resonance.services.accounts import Accounts
from resonance.services.conversations import Conversations
from resonance.services.friends import Friends
from resonance.services.messages import Messages


@dataclass(frozen=True, slots=True)
class LogicServices:
    """Everything that logic offers to a gateway's requests, wherever it runs.

    Guests are refused a part of it (ROLE_INSUFFICIENT): see `logic.guests`.
    """

    accounts: Accounts
    friends: Friends
    conversations: Conversations
    messages: Messages
