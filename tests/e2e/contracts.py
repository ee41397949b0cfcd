"""Packets for test clients, generated from the protos into a pool of their own: nothing of the server's codec."""

from __future__ import annotations

import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parents[2] / "proto"


@cache
def packet_class() -> Any:
    """Return a class for WsPacket, compiled from packet.proto."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "set.bin"
        code = protoc.main(
            [
                "protoc",
                f"--proto_path={PROTO}",
                f"--proto_path={files('grpc_tools') / '_proto'}",
                "--include_imports",
                f"--descriptor_set_out={output}",
                str(PROTO / "resonance/gateway/v1/packet.proto"),
            ]
        )
        assert code == 0
        descriptors = descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in descriptors.file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("resonance.gateway.v1.WsPacket"))
