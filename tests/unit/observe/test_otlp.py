"""Spans reach a collector under our own trace ids, and cost nothing when nobody exports them."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from resonance.config.settings import Trace
from resonance.observe import trace
from resonance.observe.otlp import start_tracing


@pytest.fixture
def current() -> Iterator[str]:
    """A current trace id that the default and the half sampler both take (its low 64 bits are small)."""
    trace_id = "a" * 16 + "0" * 15 + "1"
    token = trace.set_trace(trace_id)
    yield trace_id
    trace.reset_trace(token)


def test_a_span_is_nothing_while_nobody_exports(current: str) -> None:
    first = trace.span("a", size=1)
    assert first is trace.span("b")
    with first, trace.span("c"):
        pass


def test_disabled_tracing_exports_nothing(current: str) -> None:
    stop = start_tracing(Trace(disable=True), "logic-service")
    assert trace.span("a") is trace.span("b")
    stop()


def test_spans_reach_the_collector_under_our_trace_id(current: str) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="needs the extra otel")
    from opentelemetry.proto.collector.trace.v1 import (  # type: ignore[import-not-found,unused-ignore]
        trace_service_pb2,
        trace_service_pb2_grpc,
    )

    received: queue.Queue[Any] = queue.Queue()

    class Collector(trace_service_pb2_grpc.TraceServiceServicer):  # type: ignore[misc,unused-ignore]
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
            received.put(request)
            return trace_service_pb2.ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(1))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Collector(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    stop = start_tracing(Trace(endpoint=f"127.0.0.1:{port}", sampler=0.5), "logic-service")
    try:
        with trace.span("outer", size=3), trace.span("inner"):
            pass
        unsampled = trace.set_trace("a" * 16 + "f" * 16)
        with trace.span("not sampled"):
            pass
        trace.reset_trace(unsampled)
    finally:
        stop()
        server.stop(None)

    [resource] = received.get(timeout=10).resource_spans
    spans = {span.name: span for scope in resource.scope_spans for span in scope.spans}
    assert set(spans) == {"outer", "inner"}
    assert {span.trace_id.hex() for span in spans.values()} == {current}
    assert spans["inner"].parent_span_id == spans["outer"].span_id
    assert trace.span("after") is trace.span("the end")
