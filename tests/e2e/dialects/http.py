"""HTTP for hand-written clients: the standard library, any status, any body."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

WAIT_S = 20


@dataclass(frozen=True)
class Response:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def request(
    url: str, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Send a request and return the response, whatever its status is."""

    def work() -> Response:
        wish = urllib.request.Request(f"{url}{path}", body, dict(headers or {}), method=method)
        try:
            with urllib.request.urlopen(wish, timeout=WAIT_S) as answer:
                return Response(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as refusal:
            return Response(refusal.code, dict(refusal.headers), refusal.read())

    return await asyncio.to_thread(work)
