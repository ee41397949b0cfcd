"""The metrics port answers, moves away from a taken default port and refuses a taken configured one."""

from __future__ import annotations

import errno
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from resonance.config.settings import Metrics
from resonance.observe.server import MetricsServer


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_metrics_and_health_are_served_until_close() -> None:
    ready = False
    server = MetricsServer(Metrics(port=0, path="/m"), lambda: ready)
    url = server.start()
    root = url.removesuffix("/m")
    try:
        status, page = get(url)
        assert (status, "gateway_websocket_connections_active" in page) == (200, True)
        assert get(f"{root}/healthz") == (200, "ok\n")
        assert get(f"{root}/readyz")[0] == 503
        ready = True
        assert get(f"{root}/readyz?x=1") == (200, "ready\n")
        assert get(f"{root}/metrics")[0] == 404
    finally:
        server.close()
    server.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)).close()


def test_a_taken_default_port_is_left_to_its_owner(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Metrics.model_construct(_fields_set=set(), port=taken)
    server = MetricsServer(config, lambda: True)
    with capture_logs() as logs:
        url = server.start()
    try:
        assert get(url)[0] == 200
        assert urlsplit(url).port != taken
        assert [(line["event"], line["port"], line["log_level"]) for line in logs] == [
            ("metrics port taken", taken, "warning")
        ]
    finally:
        server.close()


def test_a_taken_port_that_was_configured_is_an_error(taken: int) -> None:
    with pytest.raises(OSError, match=rf"observability\.metrics\.port: {taken} is in use") as caught:
        MetricsServer(Metrics(port=taken), lambda: True).start()
    assert caught.value.errno == errno.EADDRINUSE


def test_an_address_of_another_machine_is_an_error() -> None:
    with pytest.raises(OSError, match=r"observability\.metrics: cannot listen on 192\.0\.2\.1:0"):
        MetricsServer(Metrics(host="192.0.2.1", port=0), lambda: True).start()
