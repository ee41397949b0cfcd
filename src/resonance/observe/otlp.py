"""Exporting spans over OTLP, when the extra `resonance-im[otel]` is installed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from resonance.config.settings import Trace
from resonance.observe.trace import Attribute, export_spans

_EXPORT_S = 2
"""Seconds that one export may take, retries included; also what a missing collector may delay the shutdown by."""


def start_tracing(config: Trace, service: str) -> Callable[[], None]:
    """Export this process's spans to the collector, and return what flushes and ends that.

    Nothing happens when tracing is disabled, the extra is not installed, or nobody named a collector: the default
    endpoint alone would make every server without one complain. Whether a trace is sampled follows from its
    id, so that every role decides alike without being told.
    """
    if config.disable or "endpoint" not in config.model_fields_set:
        return _nothing
    try:
        from opentelemetry import trace as api
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # type: ignore[import-not-found,unused-ignore]
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # type: ignore[import-not-found,unused-ignore]
        from opentelemetry.sdk.trace import TracerProvider  # type: ignore[import-not-found,unused-ignore]
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # type: ignore[import-not-found,unused-ignore]
        from opentelemetry.sdk.trace.sampling import TraceIdRatioBased  # type: ignore[import-not-found,unused-ignore]
    except ModuleNotFoundError:
        return _nothing

    provider = TracerProvider(
        resource=Resource.create({"service.name": service}), sampler=TraceIdRatioBased(config.sampler)
    )
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(endpoint=config.endpoint, insecure=True, timeout=_EXPORT_S))
    )
    tracer = provider.get_tracer("resonance")

    def make(name: str, trace: str, attributes: Mapping[str, Attribute]) -> AbstractContextManager[object]:
        if api.get_current_span().get_span_context().trace_id == int(trace, 16):
            context = None  # inside another span of the trace: that one is the parent
        else:
            origin = api.SpanContext(int(trace, 16), int(trace[:16], 16) or 1, is_remote=True)
            context = api.set_span_in_context(api.NonRecordingSpan(origin))
        span: AbstractContextManager[object] = tracer.start_as_current_span(name, context, attributes=attributes)
        return span

    def stop() -> None:
        export_spans(None)
        provider.shutdown()

    logging.getLogger("opentelemetry.exporter.otlp.proto.grpc.exporter").addFilter(_say_once())
    export_spans(make)
    return stop


def _say_once() -> Callable[[logging.LogRecord], bool]:
    """Return a log filter for a collector that is not there: the exporter would say so every few seconds."""
    said: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        known = str(record.msg) in said
        said.add(str(record.msg))
        return not known

    return is_new


def _nothing() -> None:
    """End an export that never began."""
