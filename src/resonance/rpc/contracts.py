"""The one table of what is called between processes: each abstract class, its gRPC service, and what may be repeated.

Every method of a class is in exactly one of three sets (tested):

* `reads` change nothing;
* `keyed` are commands whose caller made an id that makes a repetition find what the first attempt did;
* `once` is everything else: after a failure the outcome is unknown, and only the caller can decide.

Calls of the first two are repeated by the proxy when the other process could not be reached.

Where several processes offer a service, calls take turns over them, but for those in `by`: what has the same key goes
to the same one, as messages on links do, so that batches form and pushes of one conversation come from one place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from google.protobuf.descriptor import ServiceDescriptor

from resonance._proto.accounts.v1 import accounts_pb2
from resonance._proto.conversations.v1 import conversations_pb2
from resonance._proto.delivery.v1 import delivery_pb2
from resonance._proto.friends.v1 import friends_pb2
from resonance._proto.messages.v1 import messages_pb2
from resonance._proto.store.v1 import store_pb2
from resonance.domain.ids import order_key
from resonance.domain.model import Audience, Caller, Entry, SendItem
from resonance.ports.store import Store
from resonance.services.accounts import Accounts
from resonance.services.conversations import Conversations
from resonance.services.delivery import Delivery
from resonance.services.friends import Friends
from resonance.services.messages import Messages


@dataclass(frozen=True, slots=True)
class Contract:
    """A gRPC service that mirrors an abstract class, and the class's methods by what repeating one does."""

    service: ServiceDescriptor
    reads: frozenset[str]
    keyed: frozenset[str]
    once: frozenset[str]
    by: Mapping[str, Callable[..., str]] = field(default_factory=dict)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _key_of_item(_caller: Caller, item: SendItem) -> str:
    return order_key(item.conversation_id, item.sender, item.to_user)


def _key_of_entries(entries: Sequence[Entry], _audience: Sequence[Audience]) -> str:
    return entries[0].conversation_id if entries else ""


CONTRACTS: dict[object, Contract] = {
    Store: Contract(
        store_pb2.DESCRIPTOR.services_by_name["StoreService"],
        reads=_names(
            """
            info users credentials search_users list_users count_users devices device_states relation friends
            blocked friend_requests friend_edges states join_requests members audience conversation conversations
            find_keys read_entries pick_entries entries entry entries_by_key heads readers sync read_inbox outbox
            consumer_position parked
            """  # read_inbox fills the inbox before it reads, which finds nothing to do the second time
        ),
        keyed=_names("lease_worker lease append open_single ensure_open enter_open"),
        once=_names(
            """
            create_user create_invitation update_user set_password set_user_status touch_last_seen open_device
            rotate_refresh close_devices request_friend decide_friend remove_friend set_remark set_blocked create_group
            change_group request_join reject_join set_member mark_read fill_inbox commit_position park unpark prune
            forget_consumer upgrade_hash
            """
        ),
    ),
    Accounts: Contract(
        accounts_pb2.DESCRIPTOR.services_by_name["AccountsService"],
        reads=_names("authenticate devices user users search presence"),
        keyed=_names(""),
        once=_names(
            """
            register create_user verify_password login refresh logout change_password revoke_device set_disabled
            create_invitation update_profile
            """
        ),
    ),
    Friends: Contract(
        friends_pb2.DESCRIPTOR.services_by_name["FriendsService"],
        reads=_names("requests page blocked"),
        keyed=_names(""),
        once=_names("request decide remove set_remark set_blocked"),
    ),
    Conversations: Contract(
        conversations_pb2.DESCRIPTOR.services_by_name["ConversationsService"],
        reads=_names("get page join_requests members"),
        keyed=_names("open_single open_to_all"),
        once=_names(
            """
            create_group set_member join decide_join add_members remove_member leave set_role transfer mute_member
            update_group dissolve
            """  # create_group: its id may be left to the server
        ),
    ),
    Messages: Contract(
        messages_pb2.DESCRIPTOR.services_by_name["MessagesService"],
        reads=_names("history pull pick heads readers sync inbox"),
        keyed=_names("send"),
        once=_names("mark_read typing"),
        by={"send": _key_of_item},
    ),
    Delivery: Contract(
        delivery_pb2.DESCRIPTOR.services_by_name["DeliveryService"],
        reads=_names("offline"),
        keyed=_names(""),
        once=_names("deliver_entries deliver_signals"),
        by={"deliver_entries": _key_of_entries},
    ),
}
