"""The codecs of the link's frames: each travels as the one field of a stream's message."""

from __future__ import annotations

from resonance._proto.link.v1 import link_pb2
from resonance.rpc.codec import Codec, field_codec
from resonance.services.link import DownFrame, UpFrame

UP: Codec[UpFrame] = field_codec("frame", UpFrame, link_pb2.LinkRequest.DESCRIPTOR)
DOWN: Codec[DownFrame] = field_codec("frame", DownFrame, link_pb2.LinkResponse.DESCRIPTOR)

_SERVICE = link_pb2.DESCRIPTOR.services_by_name["LinkService"]
SERVICE_NAME: str = _SERVICE.full_name
METHOD_NAME: str = _SERVICE.methods[0].name
