"""The web client at /app: files that were built before (`scripts/web.py`), and a page that lets in nothing else.

The page is the same for every address below /app that is no file, because the client routes by itself. It may load
scripts, styles and pictures of this server only, and no inline script; the one style element that the component library
makes carries a nonce that is new for each answer. See docs/web.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response

from resonance.config.settings import Web
from resonance.domain.errors import Code, ServiceError

PATH = "/app"
PLACEHOLDER = "%CSP_NONCE%"
"""What stands for the nonce in the page as it was built."""
INDEX = "index.html"

_FOREVER = "public, max-age=31536000, immutable"
_CHECKED = "no-cache"
"""A browser may keep it, but asks each time whether it is still the same."""
_HASHED = "assets/"
"""Below here a file's name holds a hash of what is in it."""

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
"""By suffix; Python's own table depends on what the machine has in /etc/mime.types."""


def policy(nonce: str) -> str:
    """Return the Content-Security-Policy of the page. The WebSocket of this server is of its origin, too (CSP 3)."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' 'nonce-{nonce}'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "font-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the client, and the same compressed, if it was worth it."""

    path: Path
    compressed: Path | None
    media_type: str

    def respond(self, name: str, asked: Headers) -> Response:
        """Return the file in the form that the browser takes, or that it has that form already."""
        path = self.path
        headers = {"Cache-Control": _FOREVER if name.startswith(_HASHED) else _CHECKED}
        if self.compressed is not None:
            headers["Vary"] = "Accept-Encoding"
            if "gzip" in asked.get("accept-encoding", ""):
                path = self.compressed
                headers["Content-Encoding"] = "gzip"
        response = FileResponse(path, media_type=self.media_type, headers=headers, stat_result=path.stat())
        if asked.get("if-none-match") == response.headers["etag"]:
            return Response(status_code=304, headers=headers | {"ETag": response.headers["etag"]})
        return response


class WebClient:
    """The built client, as it was when the server started: what is not in its table is not there."""

    def __init__(self, folder: Path) -> None:
        self._page = (folder / INDEX).read_text(encoding="utf-8")
        self._files = _table(folder)

    def respond(self, name: str, headers: Headers) -> Response:
        """Return the file of this name, or the page for an address of the client's own.

        Raises:
            ServiceError: NOT_FOUND for a file that is not there: the page in its place would be a puzzle.
        """
        if found := self._files.get(name):
            return found.respond(name, headers)
        if name.startswith(_HASHED):
            raise ServiceError(Code.NOT_FOUND, f"the web client has no file {name}")
        nonce = secrets.token_urlsafe(16)
        return HTMLResponse(
            self._page.replace(PLACEHOLDER, nonce),
            headers={
                "Content-Security-Policy": policy(nonce),
                "Cross-Origin-Opener-Policy": "same-origin",
                "Cache-Control": _CHECKED,
            },
        )


def _table(folder: Path) -> Mapping[str, _File]:
    table = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix == ".gz" or path.name.startswith(".") or path == folder / INDEX:
            continue
        compressed = path.with_name(f"{path.name}.gz")
        kind = _TYPES.get(path.suffix, "application/octet-stream")
        table[path.relative_to(folder).as_posix()] = _File(path, compressed if compressed.is_file() else None, kind)
    return table


def install(app: FastAPI, config: Web) -> None:
    """Serve the client at /app and lead the front page there; without a client, the front page is the API's.

    A clone whose client was not built says so, and how that is done; where it is turned off, nothing is at /app.
    """
    client = WebClient(_folder(config)) if is_served(config) else None

    @app.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse(f"{PATH}/" if client else "/docs")

    if not config.enabled:
        return

    @app.get(PATH, include_in_schema=False)
    async def bare() -> RedirectResponse:
        return RedirectResponse(f"{PATH}/")

    @app.api_route(f"{PATH}/{{name:path}}", methods=["GET", "HEAD"], include_in_schema=False)
    async def respond(name: str, request: Request) -> Response:
        if client is None:
            return PlainTextResponse(
                "The web client is not built. In a clone of the repository, `make web` builds it; restart the server "
                "then.\nThe API is documented at /docs.\n",
                status_code=404,
            )
        return client.respond(name, request.headers)


def is_served(config: Web) -> bool:
    """Say whether there is a client to open."""
    return config.enabled and (_folder(config) / INDEX).is_file()


def _folder(config: Web) -> Path:
    return config.folder or Path(str(files("resonance") / "_web"))
