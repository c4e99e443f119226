"""Spans, metrics and log lines on their way to OTLP, with exporters that only keep or refuse."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import structlog
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.metrics.export import Metric
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import Histogram

from exporters.agent_metrics import AgentMetrics
from exporters.base import ExportError, Numbered
from exporters.deadline import Deadline
from exporters.log import configure
from exporters.telemetry.gate import Gate
from exporters.telemetry.log_lines import OtlpHandler
from exporters.telemetry.measures import as_otlp
from exporters.telemetry.spans import OtelTracer
from exporters.telemetry.start import Telemetry, resource
from exporters.traced import delivering
from exporters.tracing import TraceRef, in_log_lines
from policies.model import Notice

NOWHERE = Resource({})
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOTICE = Notice(name="heartbeat", id="x", time=0, system=None, data={})
REMOTE = TraceRef("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


@pytest.fixture
def metrics() -> AgentMetrics:
    return AgentMetrics("test")


def counted(metrics: AgentMetrics, name: str) -> dict[str, float]:
    """Return the counter's values by its label values joined by a space."""
    return {
        " ".join(sample.labels.values()): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == f"pantau_telemetry_items_{name}_total"
    }


class Stuck(SpanExporter):
    """Takes the first batch and does not come back until it is let go."""

    def __init__(self) -> None:
        self.entered, self.released = threading.Event(), threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        del spans
        self.entered.set()
        self.released.wait()
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.released.set()


def test_spans_keep_times_parents_links_and_failures(metrics: AgentMetrics) -> None:
    kept = InMemorySpanExporter()
    tracer = OtelTracer(NOWHERE, Gate("traces", 10, metrics), "1", kept)
    root = tracer.start("root", at=1_000, kind="consumer", parent=REMOTE, links=[REMOTE])
    child = tracer.start("child", at=2_000, parent=root.ref, attributes={"n": 3})
    child.end(3_000, error="ValueError", attributes={"more": "x"})
    root.end(4_000)
    tracer.stop()

    one, two = kept.get_finished_spans()
    assert (one.name, one.start_time, one.end_time) == ("child", 2_000, 3_000)
    assert one.attributes == {"n": 3, "error.type": "ValueError", "more": "x"}
    assert one.status.status_code.name == "ERROR"
    assert one.parent is not None
    assert two.context is not None
    assert one.parent.span_id == two.context.span_id
    assert f"{two.context.trace_id:032x}" == root.ref.trace_id == REMOTE.trace_id
    assert [f"{link.context.span_id:016x}" for link in two.links] == [REMOTE.span_id]
    assert counted(metrics, "delivered") == {"traces": 2}


def test_a_trace_context_is_read_or_nothing(metrics: AgentMetrics) -> None:
    tracer = OtelTracer(NOWHERE, Gate("traces", 10, metrics), "1", InMemorySpanExporter())
    assert tracer.remote(TRACEPARENT) == REMOTE
    assert tracer.remote(TRACEPARENT[:-1] + "0") == REMOTE._replace(sampled=False)
    for garbage in ("", "x", TRACEPARENT[:-5], TRACEPARENT.replace("0af7", "zzzz"), "\ufffd" * 55):
        assert tracer.remote(garbage) is None
    assert tracer.remote(f"00-{'0' * 32}-b7ad6b7169203331-01") is None
    tracer.stop()


def test_what_a_producer_does_not_sample_is_not_sent(metrics: AgentMetrics) -> None:
    kept = InMemorySpanExporter()
    tracer = OtelTracer(NOWHERE, Gate("traces", 10, metrics), "1", kept)
    span = tracer.start("root", parent=REMOTE._replace(sampled=False))
    span.end()
    tracer.stop()
    assert kept.get_finished_spans() == ()
    assert span.ref.trace_id == REMOTE.trace_id, "log lines name it all the same"


def test_a_stuck_endpoint_bounds_the_queue_and_the_stop(metrics: AgentMetrics) -> None:
    stuck, gate = Stuck(), Gate("traces", 8, metrics)
    telemetry = Telemetry(tracer=OtelTracer(NOWHERE, gate, "1", stuck), gates=[gate])
    assert telemetry.tracer is not None
    for _ in range(8):
        telemetry.tracer.start("x").end()
    assert stuck.entered.wait(10)  # All 8 are being sent now, so that 8 may wait again.
    for _ in range(20):
        telemetry.tracer.start("x").end()
    assert counted(metrics, "dropped") == {"traces queue_full": 12}
    telemetry.stop(Deadline(0.05))
    telemetry.stop(Deadline(60))  # Does nothing, so it does not wait for what hangs.
    stuck.released.set()


def test_a_refusing_endpoint_is_counted_and_told_once(metrics: AgentMetrics) -> None:
    told = io.StringIO()
    configure(stream=told)

    class Refusing(InMemorySpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            raise OSError("password=hunter2") if len(spans) > 1 else AssertionError

    tracer = OtelTracer(NOWHERE, Gate("traces", 10, metrics), "1", Refusing())
    for _ in range(3):
        tracer.start("x").end()
    tracer.stop()
    assert counted(metrics, "dropped") == {"traces failed": 3}
    lines = [json.loads(line) for line in told.getvalue().splitlines()]
    (failed,) = (line for line in lines if line["event"] == "telemetry_failed")
    assert (failed["signal"], failed["items"]) == ("traces", 3)
    assert "hunter2" not in told.getvalue()


@pytest.fixture
def handler(metrics: AgentMetrics) -> Iterator[tuple[OtlpHandler, InMemoryLogRecordExporter]]:
    configure(stream=io.StringIO())
    kept = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    handler = OtlpHandler(NOWHERE, Gate("logs", 100, metrics), "1", kept)
    logging.getLogger().addHandler(handler)
    yield handler, kept
    logging.getLogger().removeHandler(handler)
    handler.stop()


def sent(
    handler: tuple[OtlpHandler, InMemoryLogRecordExporter],
) -> list[ReadableLogRecord]:
    handler[0].stop()
    return list(handler[1].get_finished_logs())


def test_a_line_becomes_a_record_with_its_trace(handler: Any) -> None:
    with in_log_lines(REMOTE):
        structlog.get_logger("agent.x").warning("window_closed", events=3, items=["a"], none=None)
    (one,) = sent(handler)
    record = one.log_record
    assert (record.body, record.event_name) == ("window_closed", "pantau.window_closed")
    assert record.severity_text == "WARNING"
    assert record.attributes == {
        "pantau.log.events": 3,
        "pantau.log.items": ("a",),
        "pantau.log.logger": "agent.x",
    }
    assert f"{record.trace_id:032x}" == REMOTE.trace_id
    assert f"{record.span_id:016x}" == REMOTE.span_id


def test_secrets_of_any_logger_are_blanked(handler: Any) -> None:
    structlog.get_logger("a").info("x", password="hunter2", to="http://u:hunter2@h/")
    logging.getLogger("elsewhere").warning("token=%s", "hunter2")
    try:
        raise ValueError("password=hunter2")
    except ValueError:
        structlog.get_logger("a").exception("failed")
    records = sent(handler)
    assert len(records) == 3
    assert "hunter2" not in repr([(r.log_record.body, r.log_record.attributes) for r in records])


def test_lines_of_what_sends_are_not_sent(handler: Any) -> None:
    for name in ("opentelemetry.sdk", "urllib3.connectionpool", "requests"):
        logging.getLogger(name).critical("failed")
    assert sent(handler) == []


def test_a_histogram_keeps_its_buckets() -> None:
    metrics = AgentMetrics("test")
    seconds = Histogram("h", "Text.", ["x"], buckets=(0.1, 1.0), registry=None)
    for value in (0.05, 0.5, 0.6, 7.0):
        seconds.labels("a").observe(value)
    del metrics
    (found,) = as_otlp(seconds.collect(), 1, 2)
    (point,) = points(found)
    assert (list(point.explicit_bounds), list(point.bucket_counts)) == ([0.1, 1.0], [1, 2, 1])
    assert (point.count, point.sum, point.attributes) == (4, pytest.approx(8.15), {"x": "a"})


def test_counters_and_gauges_say_what_the_page_says(metrics: AgentMetrics) -> None:
    metrics.events("kafka", 12)
    metrics.store_size(5)
    found = {metric.name: metric for metric in as_otlp(metrics.registry.collect(), 1, 2)}
    events, size = found["pantau_events"], found["pantau_store_size_bytes"]
    assert [(p.attributes, p.value) for p in points(events)] == [({"source": "kafka"}, 12)]
    assert type(events.data).__name__ == "Sum"
    assert [p.value for p in points(size)] == [5]
    assert type(size.data).__name__ == "Gauge"
    assert "pantau_events_late" not in found, "a counter without a series is left out"


def points(metric: Metric) -> list[Any]:
    return list(metric.data.data_points)


def test_who_sends_may_be_said_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = resource("1.2", "boot").attributes
    assert (ours["service.name"], ours["service.instance.id"]) == ("pantau", "boot")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "watch")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.version=9,k8s.pod.name=p")
    theirs = resource("1.2", "boot").attributes
    assert (theirs["service.name"], theirs["service.version"]) == ("watch", "9")
    assert theirs["k8s.pod.name"] == "p"


def test_a_delivery_is_one_span_per_trace_and_fails_with_it(metrics: AgentMetrics) -> None:
    kept = InMemorySpanExporter()
    tracer = OtelTracer(NOWHERE, Gate("traces", 10, metrics), "1", kept)
    other = TraceRef("1" * 32, "2" * 16)
    items = [
        Numbered(number, NOTICE, trace)
        for number, trace in enumerate([REMOTE, None, other, REMOTE])
    ]

    def fail() -> None:
        with delivering(tracer, "audit", items) as traced:
            assert [one.number for one in traced] == [0, 1, 2, 3]
            assert traced[1].trace is None
            assert traced[0].trace == traced[3].trace != REMOTE
            raise ExportError("secret")

    with pytest.raises(ExportError, match="secret"):
        fail()
    tracer.stop()
    spans = kept.get_finished_spans()
    assert [span.name for span in spans] == ["export audit"] * 2
    assert [dict(span.attributes or {}) for span in spans] == [
        {"pantau.exporter": "audit", "pantau.items": items, "error.type": "ExportError"}
        for items in (2, 1)
    ]
    assert "secret" not in "".join(span.to_json() for span in spans)


def test_without_a_tracer_items_are_handed_on_as_they_are() -> None:
    items = [Numbered(1, NOTICE)]
    with delivering(None, "audit", items) as same:
        assert same is items
