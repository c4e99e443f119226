"""Metrics by OTLP: what `/metrics` tells, under the same names, and the conventions' of messaging.

The families of the agent's own registry and those of its systems' newest reports are turned into
OTLP data points at each collection, so that both ways out say the same.  Counters lose the suffix
`_total`, as the OpenTelemetry specification says of Prometheus names ("Prometheus and
OpenMetrics Compatibility").
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Counter, Histogram, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    PeriodicExportingMetricReader,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Histogram as HistogramData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.semconv._incubating.metrics import messaging_metrics, process_metrics
from prometheus_client import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from exporters.agent_metrics import AgentMetrics
from exporters.base import Numbered, Standing
from exporters.signal_series import Picture
from exporters.telemetry import names
from exporters.telemetry.gate import Gate
from exporters.tracing import Attributes
from policies.model import Report

_CUMULATIVE = AggregationTemporality.CUMULATIVE


class OtlpMetrics:
    """An exporter that keeps the newest reports, and what sends them with the agent's own metrics.

    Sending is on a thread of OpenTelemetry's, every `OTEL_METRIC_EXPORT_INTERVAL` (60 s).
    """

    name = "otlp"
    required = False

    def __init__(
        self,
        resource: Resource,
        gate: Gate,
        version: str,
        metrics: AgentMetrics,
        exporter: MetricExporter | None = None,
    ) -> None:
        self._picture, self._metrics = Picture(), metrics
        sender = _Sender(exporter or OTLPMetricExporter(), gate, self.families, version)
        self._provider = MeterProvider(
            metric_readers=[PeriodicExportingMetricReader(sender)],
            resource=resource,
            shutdown_on_exit=False,
        )
        self.messaging = MessagingMetrics(self._provider, version)

    def families(self) -> list[Family]:
        """Return what `/metrics` would tell now."""
        self._picture.render()
        systems = text_string_to_metric_families(self._picture.text.decode())
        return [*self._metrics.registry.collect(), *systems]

    def check(self) -> str:
        """Say that nothing is tested: telemetry is sent as far as the endpoint takes it."""
        return "OTLP metrics"

    def start(self, standing: Standing) -> None:
        """Take the newest reports."""
        self._picture.take(standing.reports)

    def export(self, items: Sequence[Numbered]) -> None:
        """Replace what newer reports replace."""
        self._picture.take(one.item for one in items if isinstance(one.item, Report))

    def tick(self, now: float) -> None:
        """Do nothing: metrics are collected by OpenTelemetry's own clock."""

    def stop(self, timeout: float) -> None:
        """Do nothing: `close` comes last, with the other signals."""

    def close(self) -> None:
        """Send once more and end; blocks as long as the endpoint does."""
        self._provider.shutdown()


class MessagingMetrics:
    """The conventions' metrics of a consumer; called per batch."""

    def __init__(self, provider: MeterProvider, version: str) -> None:
        meter = provider.get_meter(names.SCOPE, version)
        self._consumed: Counter = messaging_metrics.create_messaging_client_consumed_messages(meter)
        self._polled: Histogram = messaging_metrics.create_messaging_client_operation_duration(
            meter
        )
        self._processed: Histogram = messaging_metrics.create_messaging_process_duration(meter)
        # Without one that always has a value, nothing at all is sent before the first batch.
        began = time.monotonic()
        process_metrics.create_process_uptime(
            meter, [lambda _: [Observation(time.monotonic() - began)]]
        )

    def consumed(self, messages: int, polling: float, attributes: Attributes) -> None:
        """Count messages that came, and the seconds that fetching them took."""
        self._consumed.add(messages, dict(attributes))
        self._polled.record(polling, dict(attributes))

    def processed(self, seconds: float, attributes: Attributes) -> None:
        """Record the seconds that a batch took."""
        self._processed.record(seconds, dict(attributes))


class _Sender(MetricExporter):
    """Adds the families to what OpenTelemetry collected itself, sends, and counts."""

    def __init__(
        self,
        inner: MetricExporter,
        gate: Gate,
        families: Callable[[], Iterable[Family]],
        version: str,
    ) -> None:
        super().__init__()
        self._inner, self._gate, self._families = inner, gate, families
        self._scope = InstrumentationScope(names.METRICS_SCOPE, version)
        self._since = time.time_ns()

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        ours = as_otlp(self._families(), self._since, time.time_ns())
        items = len(ours)
        result = MetricExportResult.FAILURE
        try:
            data = _with(metrics_data, ScopeMetrics(self._scope, ours, ""))
            result = self._inner.export(data, timeout_millis=timeout_millis, **kwargs)
        finally:
            success = result is MetricExportResult.SUCCESS
            (self._gate.delivered if success else self._gate.failed)(items)
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        self._inner.shutdown(timeout_millis, **kwargs)


def as_otlp(families: Iterable[Family], since: int, now: int) -> list[Metric]:
    """Return families as OTLP metrics; `since` and `now` in nanoseconds since the Unix epoch.

    Units are not told: the names say them, and a receiver would append them once more.
    """
    found = []
    for family in families:
        points = _points(family, since, now)
        if points is not None:
            found.append(Metric(family.name, family.documentation, "", points))
    return found


def _points(family: Family, since: int, now: int) -> Gauge | Sum | HistogramData | None:
    samples = family.samples
    if not samples:
        return None
    if family.type == "histogram":
        return HistogramData(_histograms(family, since, now), _CUMULATIVE)
    points = [NumberDataPoint(dict(s.labels), since, now, s.value) for s in samples]
    if family.type == "counter":
        return Sum(points, _CUMULATIVE, is_monotonic=True)
    return Gauge([NumberDataPoint(p.attributes, 0, now, p.value) for p in points])


def _histograms(family: Family, since: int, now: int) -> list[HistogramDataPoint]:
    """Return the data points of a classic histogram: its buckets count up, those of OTLP do not."""
    buckets: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    sums: dict[tuple[tuple[str, str], ...], float] = {}
    for sample in family.samples:
        labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
        if sample.name.endswith("_bucket"):
            buckets.setdefault(labels, []).append((float(sample.labels["le"]), sample.value))
        elif sample.name.endswith("_sum"):
            sums[labels] = sample.value
    points = []
    for labels, cumulative in buckets.items():
        cumulative.sort()
        counts = [int(count) for _, count in cumulative]
        points.append(
            HistogramDataPoint(
                attributes=dict(labels),
                start_time_unix_nano=since,
                time_unix_nano=now,
                count=counts[-1],
                sum=sums.get(labels, 0.0),
                bucket_counts=[b - a for a, b in zip([0, *counts], counts, strict=False)],
                explicit_bounds=[bound for bound, _ in cumulative[:-1]],
                # Not known; None leaves them out of the message, where they are optional.
                min=None,  # type: ignore[arg-type]
                max=None,  # type: ignore[arg-type]
            )
        )
    return points


def _with(data: MetricsData, scope: ScopeMetrics) -> MetricsData:
    first, *rest = data.resource_metrics
    grown = ResourceMetrics(
        resource=first.resource,
        scope_metrics=[*first.scope_metrics, scope],
        schema_url=first.schema_url,
    )
    return MetricsData(resource_metrics=[grown, *rest])
