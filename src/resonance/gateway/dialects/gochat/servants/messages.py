"""`im.repo.v1.MessageService` (generation A): messages as GoChat's services save and read them."""

from __future__ import annotations

import secrets
from typing import ClassVar

from google.protobuf.descriptor import ServiceDescriptor

from resonance._proto.im.repo.v1 import repo_pb2 as pb
from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.ids import SERVER_KEY_MARK, check_client_key, check_handle
from resonance.domain.model import Entry
from resonance.gateway.dialects.gochat.servants import values
from resonance.gateway.dialects.gochat.servants.reading import PAGE, conversation_of, named_conversations, size_of
from resonance.gateway.dialects.gochat.servants.sending import send
from resonance.gateway.seams import Records
from resonance.rpc.foreign import Call, Servant
from resonance.services import LogicServices

_LAST_ID = 2**63 - 1
LATEST_BYTES = 3 * 1024 * 1024
"""Bytes of GetLatestMessages' answer: gRPC's clients take 4 MiB if not told otherwise."""
FRAMING = 256
"""What a message takes in it beside its own bytes, the conversation's id included."""


class MessageServant(Servant):
    """For services alone: nobody's window is applied.

    It stands on logic rather than on repo, because saving a message is sending it: rights, ids, the order behind
    refused messages and pushes are the pipeline's, and a second way to `Store.append` would have to have them again.
    """

    service: ClassVar[ServiceDescriptor] = pb.DESCRIPTOR.services_by_name["MessageService"]

    def __init__(self, services: LogicServices, records: Records) -> None:
        self._messages = services.messages
        self._records = records

    async def save_message(self, request: pb.SaveMessageRequest, call: Call) -> pb.SaveMessageResponse:
        """Send a message for its sender, once per key: `client_msg_id`, else the caller's own `message_id`.

        Which id and seq the caller had in mind is not believed: the answer says what the message was given, the same
        whenever it is saved again.
        """
        await call.service()
        caller = await call.user(request.sender_id, "sender_id")
        entry = await send(
            self._messages,
            caller,
            _key(request),
            request.conversation_id,
            request.message_type,
            request.content,
            request.extra,
        )
        return pb.SaveMessageResponse(message=values.repo_message(entry))

    async def get_message(self, request: pb.GetMessageRequest, call: Call) -> pb.GetMessageResponse:
        """Return a message by the id that it was given here."""
        await call.service()
        return pb.GetMessageResponse(message=values.repo_message(await self._entry(request.message_id)))

    async def generate_seq_id(self, request: pb.GenerateSeqIDRequest, call: Call) -> pb.GenerateSeqIDResponse:
        """Return the seq that would be given next: a hint, and no reservation.

        A seq is given in the transaction that stores the message. One that is given away before makes a hole when its
        caller dies, and every client would try to fill it for ever. Two callers may be told the same seq; each learns
        from SaveMessage which one its message has.
        """
        await call.service()
        head = (await conversation_of(self._records, request.conversation_id)).max_seq
        return pb.GenerateSeqIDResponse(seq_id=head + 1)

    async def check_message_idempotency(
        self, request: pb.CheckMessageIdempotencyRequest, call: Call
    ) -> pb.CheckMessageIdempotencyResponse:
        """Say whether a message with this key is stored; keys last for ever here, whatever `ttl_seconds` says.

        Here a key is its sender's, in GoChat everybody's. So the answer without `sender_id` is no: saving finds out
        whose key it is and stores nothing twice, while a yes because of somebody else's would lose a message.
        """
        await call.service()
        key = check_client_key(request.client_msg_id)
        if not request.sender_id:
            return pb.CheckMessageIdempotencyResponse()
        found = await self._records.entries_by_key(key, check_handle(request.sender_id, "sender_id"), 1)
        if not found:
            return pb.CheckMessageIdempotencyResponse()
        return pb.CheckMessageIdempotencyResponse(exists=True, existing_message_id=str(found[0].message_id))

    async def delete_message(self, request: pb.DeleteMessageRequest, call: Call) -> pb.DeleteMessageResponse:
        """Refuse, always: what is stored stays, because a log without this seq has a hole.

        Raises:
            ServiceError: NOT_FOUND for a message that is none; else APPEND_ONLY.
        """
        await call.service()
        await self._entry(request.message_id)
        raise ServiceError(
            Code.APPEND_ONLY,
            "messages cannot be deleted: a conversation is a log without holes. Send another message that says so",
        )

    async def get_conversation_messages(
        self, request: pb.GetConversationMessagesRequest, call: Call
    ) -> pb.GetConversationMessagesResponse:
        """Return messages between two seqs."""
        await call.service()
        head = (await conversation_of(self._records, request.conversation_id)).max_seq
        size = size_of(request.limit)
        first = max(request.start_seq_id, 1)
        last = min(request.end_seq_id, head) if request.end_seq_id > 0 else head
        if request.ascending:
            begin, end = first, min(last, first + size - 1)
        else:
            begin, end = max(first, last - size + 1), last
        entries = await self._records.entries(request.conversation_id, begin, end) if begin <= end else []
        more = end < last if request.ascending else begin > first
        beyond = (end + 1 if request.ascending else begin - 1) if more else 0
        told = [values.repo_message(entry) for entry in (entries if request.ascending else reversed(entries))]
        return pb.GetConversationMessagesResponse(messages=told, has_more=more, next_seq_id=beyond)

    async def get_latest_messages(
        self, request: pb.GetLatestMessagesRequest, call: Call
    ) -> pb.GetLatestMessagesResponse:
        """Return the newest messages of several conversations, the newest first.

        In all `LATEST_BYTES` at most: conversations, in the order of their names in the request, are told until nothing
        more fits; those that are left out can be asked for again.
        """
        await call.service()
        response = pb.GetLatestMessagesResponse()
        size, room = min(size_of(request.limit_per_conversation), PAGE), LATEST_BYTES
        for wanted in named_conversations(request.conversation_ids):
            for state in await self._records.states([wanted], []):  # of many at once, all members would be read
                head = state.conversation.max_seq
                for entry in reversed(await self._records.entries(wanted, max(head - size + 1, 1), head)):
                    told = values.repo_message(entry)
                    room -= told.ByteSize() + FRAMING
                    if room < 0:
                        return response
                    response.conversation_messages[wanted].messages.append(told)
        return response

    async def _entry(self, message_id: str) -> Entry:
        """Return an entry by its id as a text. Raises INVALID_ARGUMENT, NOT_FOUND."""
        if not (message_id.isascii() and message_id.isdigit() and len(message_id) <= 19):
            raise invalid("message_id", f"{message_id[:80]!r} is no id of a message: those given here are numbers")
        found = await self._records.entry(int(message_id)) if int(message_id) <= _LAST_ID else None
        if found is None:
            raise ServiceError(Code.NOT_FOUND, f"there is no message {message_id}", field="message_id")
        return found


def _key(request: pb.SaveMessageRequest) -> str:
    """Return what makes a repetition the same message; without any id of the caller's every call is a new one."""
    if request.client_msg_id:
        return check_client_key(request.client_msg_id)
    if request.message_id:
        # a key of our own sort, so that no client's key is in its way
        return f"{SERVER_KEY_MARK}gochat:{check_client_key(request.message_id, 'message_id')}"
    return f"{SERVER_KEY_MARK}{secrets.token_hex(16)}"
