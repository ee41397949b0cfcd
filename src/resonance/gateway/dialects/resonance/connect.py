"""The Connect protocol, unary: https://connectrpc.com/docs/protocol. Protobuf or its JSON in, the same out.

The `connectrpc` package would serve this, but brings a second protobuf runtime whose messages are not ours.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from starlette.exceptions import HTTPException

from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.model import Caller
from resonance.gateway.dialects.resonance.tables import connect_code
from resonance.gateway.http.context import Context, context_of
from resonance.rpc.foreign import method_name

PROTO, JSON = "application/proto", "application/json"
VERSION = "1"
_JSON_TYPES = {
    FieldDescriptor.CPPTYPE_STRING: "string",
    FieldDescriptor.CPPTYPE_INT64: "string",
    FieldDescriptor.CPPTYPE_INT32: "integer",
    FieldDescriptor.CPPTYPE_BOOL: "boolean",
}
"""What the fields of our messages are in JSON; numbers of 64 bits are texts there."""

_STATUS = {
    "invalid_argument": 400,
    "unauthenticated": 401,
    "permission_denied": 403,
    "not_found": 404,
    "already_exists": 409,
    "failed_precondition": 400,
    "aborted": 409,
    "out_of_range": 400,
    "resource_exhausted": 429,
    "internal": 500,
    "unimplemented": 501,
    "unavailable": 503,
    "deadline_exceeded": 504,
}
"""HTTP's status for each of Connect's codes that we use (protocol, "Error codes")."""
_OF_HTTP = frozenset({404, 405, 413, 415})
"""Statuses that say more than the code's."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and what is there to answer with."""

    context: Context
    request: Request

    @property
    def address(self) -> str:
        """Where the request comes from."""
        address: str = self.request.state.address
        return address

    @property
    def token(self) -> str:
        """The token of `Authorization: Bearer …`, of a raw `Authorization`, or of the query, "" for none."""
        given = self.request.headers.get("authorization", "").strip()
        scheme, _, credentials = given.partition(" ")
        return (
            credentials.strip() if scheme.lower() == "bearer" else given or self.request.query_params.get("token", "")
        )

    async def caller(self) -> Caller:
        """Return who asks. Refusals are those of `Accounts.authenticate`."""
        caller = (await self.context.authenticator.authenticate(self.token)).caller
        self.request.state.user_id = caller.user_id
        return caller


def connect_router(apis: Mapping[ServiceDescriptor, object]) -> APIRouter:
    """Return a route for every procedure of some services.

    Args:
        apis: an object for each service, with `async def get_session_list(self, request, asked)` for `GetSessionList`.
    """
    router = APIRouter()
    for service, api in apis.items():
        for rpc in service.methods:
            message = message_factory.GetMessageClass(rpc.input_type)
            endpoint = _endpoint(message, getattr(api, method_name(rpc)))
            router.add_api_route(
                f"/{service.full_name}/{rpc.name}",
                endpoint,
                methods=["POST"],
                name=f"{service.name}_{rpc.name}",
                summary=rpc.name,
                responses={200: {"content": _content(rpc.output_type)}},
                openapi_extra={"requestBody": {"content": _content(rpc.input_type), "required": True}},
            )
    return router


def _content(message: Descriptor) -> dict[str, Any]:
    """Return what OpenAPI says of a message: its JSON form, and that it may be protobuf as well."""
    described = f"{message.full_name} in protobuf."
    return {
        JSON: {"schema": _schema(message)},
        PROTO: {"schema": {"type": "string", "format": "binary", "description": described}},
    }


def _schema(message: Descriptor) -> dict[str, Any]:
    """Return the JSON Schema of a message's JSON form (https://protobuf.dev/programming-guides/json)."""
    return {"type": "object", "properties": {field.json_name: _field_schema(field) for field in message.fields}}


def _field_schema(field: FieldDescriptor) -> dict[str, Any]:
    one = _schema(field.message_type) if field.message_type else {"type": _JSON_TYPES[field.cpp_type]}
    return {"type": "array", "items": one} if field.is_repeated else one


def refusal(error: ServiceError, status: int) -> Response:
    """Return a Connect error; `error` beside it is what Resonance's gateway says outside of its procedures."""
    code = connect_code(error.code)
    status = status if status in _OF_HTTP else _STATUS[code]
    text = f"unauthorized: {error.message}" if status == 401 else error.message
    headers = {"Accept-Post": f"{PROTO}, {JSON}"} if status == 415 else {"Allow": "POST"} if status == 405 else None
    body = {"code": code, "message": error.message, "error": text}
    return Response(json.dumps(body, ensure_ascii=False), status, headers, JSON)


def _endpoint(
    message: type[Message], work: Callable[[Any, Asked], Awaitable[Message]]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        form = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if form not in (PROTO, JSON):
            raise HTTPException(415, f"{form[:80]!r} is no form of a message: {PROTO} and {JSON} are")
        encoding = request.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise HTTPException(415, f"{encoding[:80]!r} is no encoding of this server's: only identity is")
        version = request.headers.get("connect-protocol-version", VERSION)
        if version != VERSION:
            raise invalid("connect-protocol-version", f"{version[:40]!r} is no version of the protocol: {VERSION} is")
        asked = Asked(await context_of(request), request)
        wish = _read(message, form, await request.body())
        try:
            async with asyncio.timeout(_timeout_s(request)):
                answer = await work(wish, asked)
        except TimeoutError:
            raise ServiceError(Code.DEADLINE) from None
        return Response(_write(answer, form), media_type=form)

    return endpoint


def _timeout_s(request: Request) -> float | None:
    """Return how long the caller waits."""
    value = request.headers.get("connect-timeout-ms")
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) <= 10):
        raise invalid("connect-timeout-ms", f"{value[:40]!r} is no time-out: up to ten digits are")
    return int(value) / 1000


def _read(message: type[Message], form: str, body: bytes) -> Message:
    try:
        if form == PROTO:
            return message.FromString(body)
        return json_format.Parse(body or b"{}", message(), ignore_unknown_fields=True)
    except (DecodeError, json_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        said = str(error).encode(errors="replace").decode()  # it may show halves of surrogate pairs
        raise ServiceError(
            Code.MALFORMED_PACKET, f"the body is no {message.DESCRIPTOR.full_name}: {said}"[:300]
        ) from error


def _write(message: Message, form: str) -> bytes:
    if form == PROTO:
        return message.SerializeToString()
    return json_format.MessageToJson(message, indent=None).encode()
