"""The metrics port: Prometheus metrics, `/healthz` and `/readyz` of one process, away from the clients' port.

It runs in a thread of its own, so that it still answers when the event loop does not.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer

import structlog
from prometheus_client import REGISTRY
from prometheus_client.exposition import MetricsHandler

import resonance.observe.metrics  # noqa: F401 (declares everything that the page shows)
from resonance.config.settings import Metrics

_log = structlog.get_logger(__name__)


class MetricsServer:
    """Serves this process's metrics from `start` to `close`.

    When the default port is taken a free one is used, so that several roles start on one machine without being told
    ports; a port that somebody configured is an error when it is taken.
    """

    def __init__(self, config: Metrics, ready: Callable[[], bool]) -> None:
        """`ready` answers `/readyz` and is called from another thread."""
        self._config = config
        self._ready = ready
        self._http: ThreadingHTTPServer | None = None  # the listening socket; None before start and after close
        self._thread: threading.Thread | None = None  # runs the accept loop of _http

    def start(self) -> str:
        """Listen, and return the address of the metrics page.

        Raises:
            OSError: the configured address cannot be listened on.
        """
        self._http = self._listen()
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="metrics", daemon=True)
        self._thread.start()
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}{self._config.path}"

    def close(self) -> None:
        """Stop listening and join the thread. Idempotent."""
        if self._http is not None and self._thread is not None:
            self._http.shutdown()
            self._thread.join()
            self._http.server_close()
        self._http = self._thread = None

    def _listen(self) -> ThreadingHTTPServer:
        address = (self._config.host, self._config.port)
        handler = _handler(self._config.path, self._ready)
        try:
            return ThreadingHTTPServer(address, handler)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise OSError(
                    error.errno, f"observability.metrics: cannot listen on {address[0]}:{address[1]}: {error.strerror}"
                ) from error
            if "port" in self._config.model_fields_set:
                raise OSError(
                    errno.EADDRINUSE,
                    f"observability.metrics.port: {address[1]} is in use; choose another one, or 0 for any free one",
                ) from error
        server = ThreadingHTTPServer((self._config.host, 0), handler)
        _log.warning("metrics port taken", port=address[1], instead=server.server_address[1])
        return server


def _handler(path: str, ready: Callable[[], bool]) -> type[MetricsHandler]:
    class Handler(MetricsHandler):
        registry = REGISTRY
        timeout = 10  # seconds until a silent client is let go

        def do_GET(self) -> None:  # noqa: N802 (the base class's name)
            page = self.path.partition("?")[0]
            if page == path:
                super().do_GET()
            elif page == "/healthz":
                self._answer(200, "ok")
            elif page == "/readyz":
                self._answer(200, "ready") if ready() else self._answer(503, "not ready")
            else:
                self._answer(404, f"{path}, /healthz and /readyz are here")

        def _answer(self, status: int, text: str) -> None:
            body = f"{text}\n".encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
