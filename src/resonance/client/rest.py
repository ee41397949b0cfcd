"""Requests to the API, with the access token renewed unseen and every refusal as a `ServiceError`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx2

from resonance.client.wire import Json
from resonance.domain.errors import Code, ServiceError

Params = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a login gives; `refresh_token` is "" when there is none, and then the session ends with the access token."""

    access_token: str
    refresh_token: str = ""


class Rest:
    """The API of one server for one user.

    Args:
        url: where the server is, such as `http://localhost:8080`.
        timeout: seconds a request may take.
        transport: replaces the network, for tests.

    Attributes:
        tokens: the present tokens; set by `authorize` and by every refresh.
    """

    def __init__(self, url: str, timeout: float, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.tokens = TokenPair("")
        self._http = httpx2.AsyncClient(
            base_url=f"{url.rstrip('/')}/api/v1/", timeout=timeout, transport=transport, trust_env=False
        )
        self._refreshing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def authorize(self, path: str, body: Json) -> str:
        """Log in or register, keep the tokens and return the user's id."""
        data = await self._request("POST", path, None, body, "")
        self.tokens = TokenPair(data["access_token"], data["refresh_token"])
        user_id: str = data["user"]["id"]
        return user_id

    async def get(self, path: str, **params: str | int) -> Json:
        """Read something. Raises as `call`."""
        return await self.call("GET", path, params=params)

    async def call(self, method: str, path: str, *, params: Params | None = None, body: Json | None = None) -> Json:
        """Make a request as the user and return the answer's JSON, {} when it has none.

        Raises:
            ServiceError: what the server refused; UNAVAILABLE when it cannot be reached, DEADLINE when it does not
                answer in time.
        """
        token = self.tokens.access_token
        try:
            return await self._request(method, path, params, body, token)
        except ServiceError as error:
            if error.code is not Code.TOKEN_EXPIRED or not self.tokens.refresh_token:
                raise
        await self.refresh(token)
        return await self._request(method, path, params, body, self.tokens.access_token)

    async def refresh(self, stale: str) -> None:
        """Get fresh tokens, unless somebody else has since the token `stale` was current.

        Raises:
            ServiceError: TOKEN_EXPIRED when there is no refresh token; else as `call`.
        """
        async with self._refreshing:
            if self.tokens.access_token != stale:
                return
            if not self.tokens.refresh_token:
                raise ServiceError(Code.TOKEN_EXPIRED)
            await self.authorize("auth/refresh", {"refresh_token": self.tokens.refresh_token})

    async def _request(self, method: str, path: str, params: Params | None, body: Json | None, token: str) -> Json:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            response = await self._http.request(method, path, params=params, json=body, headers=headers)
        except httpx2.TimeoutException as exc:
            raise ServiceError(Code.DEADLINE, f"{method} {path}: no answer in time") from exc
        except httpx2.TransportError as exc:
            raise ServiceError(Code.UNAVAILABLE, f"{method} {path}: {exc or type(exc).__name__}") from exc
        if response.is_error:
            raise problem(response.status_code, response.content)
        answer: Json = response.json() if response.content else {}
        return answer


def problem(status: int, body: bytes) -> ServiceError:
    """Return the refusal that a response of HTTP is (RFC 9457), also one that a proxy on the way made."""
    try:
        data = httpx2.Response(status, content=body).json()
        code = Code.of(data["code"])
        return ServiceError(
            code, data["detail"], field=data.get("field", ""), retry_after_ms=data.get("retry_after_ms", 0)
        )
    except (ValueError, KeyError, TypeError):
        code = Code.UNAVAILABLE if status >= 502 else Code.UNAUTHENTICATED if status == 401 else Code.INTERNAL
        return ServiceError(code, f"the server answered {status}")
