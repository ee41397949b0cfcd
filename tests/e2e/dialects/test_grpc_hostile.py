"""No bytes that reach a gRPC service under another system's name are a mistake of ours: refusals say whose."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import MagicMock

import grpc.aio
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor

from resonance.config import Settings
from resonance.gateway.dialects import enabled
from resonance.rpc.foreign import Servant
from tests.e2e.dialects.client import WAIT_S
from tests.e2e.dialects.resonance_client import ResonanceClient
from tests.e2e.dialects.scenarios import clients
from tests.e2e.servers import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "services of another system know it"
ENVIRONMENT = {"RESONANCE_DIALECTS__GRPC_LISTEN": "127.0.0.1:0", "RESONANCE_RPC__SECRET": SECRET}


def _procedures() -> Iterator[tuple[str, MethodDescriptor]]:
    """Return every RPC of every dialect, with the role that serves it."""
    for dialect in enabled(Settings()):
        by_role: dict[str, Sequence[Servant]] = {
            "logic": dialect.logic_servants(MagicMock()),
            "gateway": dialect.gateway_servants(MagicMock()),
        }
        for role, servants in by_role.items():
            for servant in servants:
                for method in servant.service.methods:
                    yield role, method


PROCEDURES = list(_procedures())
_HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"
_TEXTS = ["", "0", "ann", "si_a_b", "\0", "x" * 5_000, "💥", "text", "~x", "a b", "9" * 19, "world", _HASH]
_NUMBERS = [0, 1, -1, 2, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63)]


def _fill(message: Any, rng: random.Random) -> None:
    """Fill a message with whatever its fields can hold."""
    for field in message.DESCRIPTOR.fields:
        if rng.random() < 0.3:
            continue
        if field.message_type is not None:
            _fill(getattr(message, field.name).add() if field.is_repeated else getattr(message, field.name), rng)
        elif field.cpp_type == field.CPPTYPE_STRING:
            text = rng.choice(_TEXTS)
            if field.is_repeated:
                getattr(message, field.name).append(text)
            else:
                setattr(message, field.name, text)
        elif field.cpp_type == field.CPPTYPE_INT64:
            setattr(message, field.name, rng.choice(_NUMBERS))
        else:
            setattr(message, field.name, rng.choice(_NUMBERS[:6]))


def _hostile(kind: type[Any], rng: random.Random) -> bytes:
    """Return bytes, a request, or a request with bytes changed."""
    if rng.random() < 0.2:
        return rng.randbytes(rng.randrange(40))
    message = kind()
    _fill(message, rng)
    payload = bytearray(message.SerializeToString())
    if payload and rng.random() < 0.4:
        payload[rng.randrange(len(payload))] = rng.randrange(256)
    return bytes(payload)


async def test_no_bytes_break_a_service(deployment: Deployment) -> None:
    assert len(PROCEDURES) > 15
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    if deployment.topology == "serve":
        addresses = dict.fromkeys(("logic", "gateway"), deployment.front.addresses["grpc"])
    else:
        logic = deployment.processes["logic"].addresses["logic"]
        addresses = {"logic": logic, "gateway": deployment.front.addresses["grpc"]}
    channels = {role: grpc.aio.insecure_channel(address) for role, address in addresses.items()}
    try:
        for role, method in PROCEDURES:
            call: Any = channels[role].unary_unary(f"/{method.containing_service.full_name}/{method.name}")
            for _ in range(10):
                payload = _hostile(message_factory.GetMessageClass(method.input_type), rng)
                made = call(payload, metadata=(("authorization", f"Bearer {SECRET}"),))
                code = await asyncio.wait_for(made.code(), WAIT_S)
                assert code not in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN), (method.full_name, payload)
    finally:
        for channel in channels.values():
            await channel.close()
    ann, bob = await clients(ResonanceClient, deployment.url, "ann", "bob")
    await ann.send(await ann.open_single(bob.name), "still here")
    await bob.wait_content("still here")
