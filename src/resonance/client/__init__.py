"""The Python client: async, typed, reconnecting, resending, gap-filling, syncing."""

from resonance.client.api import FriendEntry
from resonance.client.client import Client, Options, ReadUpTo, Sent
from resonance.client.events import Event
from resonance.client.rest import TokenPair
from resonance.domain.content import Kind
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import ConversationView, Entry, EntryPage
from resonance.protocol.actions import Merged, Offline, Online, Reset

__all__ = [
    "Client",
    "Code",
    "ConversationView",
    "Entry",
    "EntryPage",
    "Event",
    "FriendEntry",
    "Kind",
    "Merged",
    "Offline",
    "Online",
    "Options",
    "ReadUpTo",
    "Reset",
    "Sent",
    "ServiceError",
    "TokenPair",
]
