"""Traces by OTLP: `exporters.tracing.Tracer` on the OpenTelemetry SDK."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from exporters.telemetry import names
from exporters.telemetry.gate import Gate
from exporters.tracing import NONE, Attributes, Kind, Span, TraceRef

_KINDS: dict[Kind, trace.SpanKind] = {
    "internal": trace.SpanKind.INTERNAL,
    "client": trace.SpanKind.CLIENT,
    "consumer": trace.SpanKind.CONSUMER,
    "producer": trace.SpanKind.PRODUCER,
}
_CONTEXT = TraceContextTextMapPropagator()


class OtelSpan:
    """See `exporters.tracing.Span`."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def ref(self) -> TraceRef:
        """Where it is."""
        context = self._span.get_span_context()
        return TraceRef(
            trace.format_trace_id(context.trace_id),
            trace.format_span_id(context.span_id),
            context.trace_flags.sampled,
        )

    def end(
        self, at: int | None = None, *, error: str | None = None, attributes: Attributes = NONE
    ) -> None:
        """Finish it; see the protocol."""
        if attributes:
            self._span.set_attributes(dict(attributes))
        if error is not None:
            self._span.set_attribute(names.ERROR_TYPE, error)
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end(at)


class OtelTracer:
    """See `exporters.tracing.Tracer`."""

    def __init__(
        self, resource: Resource, gate: Gate, version: str, exporter: SpanExporter | None = None
    ) -> None:
        counted = _Counted(exporter or OTLPSpanExporter(), gate)
        self._processor = BatchSpanProcessor(
            counted, max_queue_size=gate.capacity, max_export_batch_size=gate.batch
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(_Gated(self._processor, gate))
        self._tracer = self._provider.get_tracer(names.SCOPE, version)

    def start(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        at: int | None = None,
        parent: TraceRef | None = None,
        links: Sequence[TraceRef] = (),
        attributes: Attributes = NONE,
    ) -> Span:
        """Begin a span; see the protocol."""
        span = self._tracer.start_span(
            name,
            context=Context() if parent is None else _under(parent),
            kind=_KINDS[kind],
            attributes=dict(attributes),
            links=[trace.Link(_span_context(link)) for link in links],
            start_time=at,
        )
        return OtelSpan(span)

    def remote(self, traceparent: str) -> TraceRef | None:
        """Return what a `traceparent` names; see the protocol."""
        found = _CONTEXT.extract({"traceparent": traceparent}, context=Context())
        context = trace.get_current_span(found).get_span_context()
        return OtelSpan(trace.NonRecordingSpan(context)).ref if context.is_valid else None

    def stop(self) -> None:
        """Send what waits and end; blocks as long as the endpoint does."""
        self._provider.shutdown()


class _Gated(SpanProcessor):
    """Lets no more spans to the queue than it holds, so that it never drops one uncounted."""

    def __init__(self, inner: SpanProcessor, gate: Gate) -> None:
        self._inner, self._gate = inner, gate

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled and self._gate.admit():
            self._inner.on_end(span)

    def shutdown(self) -> None:
        self._inner.shutdown()


class _Counted(SpanExporter):
    def __init__(self, inner: SpanExporter, gate: Gate) -> None:
        self._inner, self._gate = inner, gate

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._gate.take(len(spans))
        result = SpanExportResult.FAILURE
        try:
            result = self._inner.export(spans)
        finally:
            note = self._gate.delivered if result is SpanExportResult.SUCCESS else self._gate.failed
            note(len(spans))
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


def _span_context(ref: TraceRef) -> trace.SpanContext:
    return trace.SpanContext(
        int(ref.trace_id, 16),
        int(ref.span_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED if ref.sampled else 0),
    )


def _under(parent: TraceRef) -> Context:
    return trace.set_span_in_context(trace.NonRecordingSpan(_span_context(parent)), Context())
