"""What clients ask, in whatever dialect: it becomes a message for the link, or a call of logic's services."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import structlog

from resonance.config.settings import WsConfig
from resonance.domain.content import Kind, parse_kind
from resonance.domain.errors import Code, ServiceError, no_conversation
from resonance.domain.ids import MAX_CONVERSATION_ID, SERVER_KEY_MARK, check_client_key, check_handle
from resonance.domain.limits import TokenBuckets
from resonance.domain.model import SendAnswer
from resonance.gateway.seams import Uplink
from resonance.gateway.ws.commands import Ask, Claimed, Command, Refused
from resonance.gateway.ws.connection import Connection
from resonance.observe.trace import new_trace, set_trace
from resonance.protocol.commands import Chat, Pulse, Read, ReadAcked, Writing
from resonance.services import LogicServices

log = structlog.get_logger(__name__)

REQUESTS = 4_096
"""Requests to logic (not messages) under way at most, for all connections together."""


class Executor:
    """Does what packets ask. Messages cost no task; requests cost one each, of a bounded set.

    Attributes:
        chats, pulses: packets since the counters were last read.
    """

    def __init__(self, uplink: Uplink, services: LogicServices, config: WsConfig) -> None:
        self.chats = 0
        self.pulses = 0
        self._uplink = uplink
        self._services = services
        self._key_prefix = f"{SERVER_KEY_MARK}{uplink.gateway_id}.{uplink.epoch}"
        self._config = config
        self._buckets = TokenBuckets(lambda: config.packets_per_second, time.monotonic, config.max_connections)
        self._requests: set[asyncio.Task[None]] = set()

    def handle(self, connection: Connection, packet: Command) -> None:
        """Do one packet; whatever is wrong with it is answered."""
        if self._config.packets_per_second:
            try:
                self._buckets.take(str(connection.number), "packets")
            except ServiceError as error:
                self._put_off(connection, packet, error)
                return
        self._do(connection, packet)

    def _put_off(self, connection: Connection, packet: Command, error: ServiceError) -> None:
        """Refuse a packet for now; a message keeps its place before those that follow it."""
        user_id = connection.principal.caller.user_id
        chat = packet.packet if isinstance(packet, Claimed) and packet.user_id == user_id else packet
        if isinstance(chat, Chat):
            with suppress(ServiceError):  # what is no message is not expected again
                self._uplink.put_off(
                    connection.number, user_id, self._key(connection, chat), *_destination(chat), error.code
                )
        _refuse(connection, packet, error)

    def _do(self, connection: Connection, packet: Command) -> None:
        if type(packet) is Chat:
            self._chat(connection, packet)
        elif type(packet) is Pulse:
            self.pulses += 1
            connection.send(connection.codec.pulse())
        elif isinstance(packet, Read | Writing | Ask):
            self._request(connection, packet)
        elif isinstance(packet, Claimed):
            self._claimed(connection, packet)
        elif isinstance(packet, Refused):
            connection.send(connection.codec.fault(packet.error, packet.ref))

    def _claimed(self, connection: Connection, claim: Claimed) -> None:
        """Do a packet that names its sender, if it names the right one."""
        if claim.user_id == connection.principal.caller.user_id:
            self._do(connection, claim.packet)
        else:
            connection.send(connection.codec.fault(claim.error, claim.ref))

    def stop(self) -> None:
        """Give up the requests under way. Idempotent."""
        for request in self._requests:
            request.cancel()

    # ------------------------------------------------------------ messages

    def _chat(self, connection: Connection, chat: Chat) -> None:
        """Put a message into the link's next batch; the answer comes by `Connection.answered`."""
        self.chats += 1
        connection.sent += 1
        try:
            ref = self._uplink.submit(
                connection.number,
                connection.principal.caller.user_id,
                self._key(connection, chat),
                *_destination(chat),
                parse_kind(chat.kind) if chat.kind else Kind.TEXT,
                chat.content,
                chat.extra,
                f"{connection.trace}{connection.sent:08x}",
            )
        except ServiceError as error:
            _refuse(connection, chat, error)
            return
        connection.unanswered[ref] = chat.seq
        connection.in_flight += 1

    def _key(self, connection: Connection, chat: Chat) -> str:
        """Return the client's own key, or one that makes our own retries of this message safe."""
        if chat.client_msg_id:
            return check_client_key(chat.client_msg_id)
        return f"{self._key_prefix}.{connection.number}.{connection.sent}"

    # ------------------------------------------------------------ requests

    def _request(self, connection: Connection, packet: Read | Writing | Ask) -> None:
        if len(self._requests) >= REQUESTS:
            _refuse(connection, packet, ServiceError(Code.BUSY, "the gateway has too many requests under way"))
            return
        connection.in_flight += 1
        request = asyncio.create_task(self._run(connection, _ref(packet), self._work(connection, packet)))
        self._requests.add(request)
        request.add_done_callback(self._requests.discard)

    def _work(self, connection: Connection, packet: Read | Writing | Ask) -> Coroutine[None, None, bytes | None]:
        if isinstance(packet, Read):
            return self._read(connection, packet)
        if isinstance(packet, Writing):
            return self._typing(connection, packet)
        return self._ask(connection, packet)

    async def _run(self, connection: Connection, seq: Any, work: Coroutine[None, None, bytes | None]) -> None:
        """Answer one request, and let the connection's window move whatever happens."""
        set_trace(new_trace())
        answer: bytes | None = None
        try:
            answer = await work
        except ServiceError as error:
            answer = connection.codec.fault(error, seq)
        except Exception:
            log.exception("a request failed", connection=connection.number)
            answer = connection.codec.fault(ServiceError(Code.INTERNAL), seq)
        finally:
            connection.finish(answer)

    async def _read(self, connection: Connection, read: Read) -> bytes:
        caller = connection.principal.caller
        state = await self._services.messages.mark_read(caller, read.conversation_id, read.read_seq)
        ack = ReadAcked(read.seq, state.conversation_id, state.read_seq, state.unread)
        return connection.codec.read_ack(ack)

    async def _typing(self, connection: Connection, writing: Writing) -> None:
        await self._services.messages.typing(connection.principal.caller, writing.conversation_id)

    async def _ask(self, connection: Connection, ask: Ask) -> bytes:
        return await ask.work(self._services, connection.principal.caller)


def _destination(chat: Chat) -> tuple[str, str]:
    """Return the conversation and the recipient that a message names, as they are known everywhere: what is remembered
    by conversation must be bounded, and the same for both forms of a name.

    Raises:
        ServiceError: CONVERSATION_NOT_FOUND for what is too long for one, INVALID_ARGUMENT for what is no handle.
    """
    if len(chat.conversation_id) > MAX_CONVERSATION_ID:
        raise no_conversation(chat.conversation_id[:MAX_CONVERSATION_ID])
    if chat.conversation_id:
        return chat.conversation_id, chat.to_user
    return "", check_handle(chat.to_user, "to_user")


def _ref(packet: Command) -> Any:
    """Return what a client calls its packet."""
    return packet.ref if isinstance(packet, Ask | Refused | Claimed) else packet.seq


def _refuse(connection: Connection, packet: Command, error: ServiceError) -> None:
    """Answer what is not done: a message by an ack with the error, anything else by a fault."""
    if isinstance(packet, Chat):
        answer = SendAnswer(
            ref=0,
            connection=connection.number,
            message_id=0,
            seq=0,
            ordinal=0,
            created_at=0,
            conversation_id=packet.conversation_id,
            client_msg_id=packet.client_msg_id,
            code=error.code.text,
            error=error.message,
        )
        connection.send(connection.codec.ack(answer, packet.seq))
    else:
        connection.send(connection.codec.fault(error, _ref(packet)))
