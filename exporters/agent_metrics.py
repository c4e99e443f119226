"""The agent's metrics about itself, `pantau_<noun>_<unit>[_total]`, in one registry.

Called per batch, window, commit or delivery, never per event.  Label values come from the
configuration or from lists in the code, so the number of series is bounded; nothing here is
personal data.
"""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_DAYS = (
    *(60.0, 600.0, 3_600.0, 6 * 3_600.0, 86_400.0, 2 * 86_400.0),
    *(4 * 86_400.0, 7 * 86_400.0, 14 * 86_400.0, 21 * 86_400.0, 30 * 86_400.0, 60 * 86_400.0),
)
_MAX_REASONS = 64
OTHER = "other"
"""Reasons beyond the first 64 different ones are counted under this one."""


class AgentMetrics:
    """Counters and gauges with one method per thing that happens; every method is thread-safe."""

    def __init__(self, version: str, *, clock: Callable[[], float] = time.time) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._clock = clock
        self._lock = threading.Lock()
        self._reasons: set[str] = set()
        self._partitions: dict[str, set[str]] = {}
        self._left: set[tuple[str, str]] = set()
        self._oldest: float | None = None
        self._declare_input()
        self._declare_systems()
        self._declare_joins()
        self._declare_windows()
        self._declare_audit()
        self._declare_delivery()
        self._declare_rest()
        ProcessCollector(registry=self.registry)
        Info("pantau_build", "The running agent.", registry=self.registry).info(
            {"version": version, "python": platform.python_version()}
        )

    def _declare_input(self) -> None:
        self._events = self._counter("events", "Events accepted from a source.", "source")
        self._rejected = self._counter(
            "events_rejected", "Records that could not become events.", "source", "reason"
        )
        self._lost = self._counter(
            "source_records_lost", "Records gone before they could be read.", "source"
        )
        self._anew = self._counter(
            "source_read_anew",
            "Times that a source's content was another, and was read from its beginning.",
            "source",
        )
        self._lag = self._gauge(
            "source_lag_records", "Records not yet read.", "source", "partition"
        )
        self._connected = self._gauge(
            "source_connected", "1 while the source can be reached.", "source"
        )
        self._assigned = self._gauge(
            "source_partitions_assigned", "Partitions that this agent reads.", "source"
        )
        self._total = self._gauge("source_partitions", "Partitions that there are.", "source")
        self._queued = self._gauge(
            "queue_events", "Events waiting between a collector and the pipeline.", "source"
        )

    def _declare_systems(self) -> None:
        self._late = self._counter(
            "events_late", "Events dropped because their window could change no more.", "system"
        )
        self._duplicates = self._counter("events_duplicate", "Repeats of an event id.", "system")
        self._conflicts = self._counter(
            "events_conflicting", "Repeats of an event id with another body.", "system"
        )
        self._dedup = self._gauge("dedup_ids", "Event ids remembered to find repeats.", "system")
        self._watermark = self._gauge(
            "watermark_timestamp_seconds", "Event time up to which input is complete.", "system"
        )

    def _declare_joins(self) -> None:
        self._labels = self._counter(
            "labels", "Labels by what became of them.", "system", "outcome"
        )
        self._label_delay = Histogram(
            "pantau_label_delay_seconds",
            "Time from an event to the recording of its label.",
            ("system",),
            buckets=_DAYS,
            registry=self.registry,
        )
        self._label_coverage = self._gauge(
            "label_coverage_ratio",
            "Share of predictions with a label in the newest final window.",
            "system",
            "window",
        )
        self._label_rows = self._gauge(
            "label_rows", "Predictions kept until their windows are mature.", "system"
        )
        self._label_sampling = self._gauge(
            "label_sampling_ratio", "Share of predictions of which labels are kept.", "system"
        )
        self._reviews = self._counter(
            "reviews",
            "Human decisions that came later, by what became of them.",
            "system",
            "outcome",
        )
        self._review_rows = self._gauge(
            "review_rows", "Predictions kept until their reviews are in.", "system"
        )
        self._review_sampling = self._gauge(
            "review_sampling_ratio", "Share of predictions of which reviews are kept.", "system"
        )
        self._windows_waiting = self._gauge(
            "windows_waiting", "Reported windows whose labels or reviews may still come.", "system"
        )

    def _declare_windows(self) -> None:
        self._windows = self._counter("windows_closed", "Windows closed.", "system", "window")
        self._reports = self._counter("reports", "Reports made, revisions included.", "system")
        self._clocks = self._gauge(
            "incident_clock_remaining_seconds",
            "Least time left on a running incident clock; negative when it is overdue.",
            "system",
            "clock",
        )
        self._clocks_open = self._gauge(
            "incident_clocks_open",
            "Incidents with this clock, by state: waiting, running, due_soon, overdue.",
            "system",
            "clock",
            "state",
        )
        self._commit = self._histogram(
            "commit_duration_seconds", "Time of one transaction of the store."
        )
        self._store = self._gauge("store_size_bytes", "Size of the store's files.")
        self._config = self._gauge("config_info", "Digest of the configuration in use.", "digest")

    def _declare_audit(self) -> None:
        self._audit = self._histogram(
            "audit_append_duration_seconds", "Time of one append to the audit log, with its fsync."
        )
        self._audit_size = self._gauge(
            "audit_checkpoint_size", "Records under the newest signed checkpoint.", "origin"
        )
        self._audit_info = self._gauge(
            "audit_checkpoint_info",
            "A recent signed checkpoint of the audit log, `size:root`; remember it.",
            "origin",
            "checkpoint",
        )
        self._audit_waiting = self._gauge(
            "audit_unpublished_records", "Durable records that no checkpoint covers yet."
        )
        self._cosignatures = self._counter(
            "audit_witness_answers", "What witnesses answered to checkpoints.", "witness", "outcome"
        )
        self._checkpoints_sent = self._counter(
            "audit_checkpoints_sent", "Checkpoints for the Kafka topic.", "outcome"
        )

    def _declare_delivery(self) -> None:
        self._pending = self._gauge("outbox_items", "Outgoing items not yet acknowledged.")
        oldest = self._gauge(
            "outbox_oldest_timestamp_seconds",
            "When the oldest outgoing item was made; the present while there is none.",
        )
        oldest.set_function(lambda: self._clock() if self._oldest is None else self._oldest)
        self._delivered = self._counter(
            "exporter_items_delivered", "Outgoing items delivered.", "exporter"
        )
        self._failures = self._counter(
            "exporter_failures", "Deliveries that failed, retries included.", "exporter"
        )
        self._dropped = self._counter(
            "exporter_items_dropped", "Outgoing items given up.", "exporter", "reason"
        )
        self._waiting = self._gauge("exporter_queue_items", "Items waiting.", "exporter")
        self._failing = self._gauge(
            "exporter_failing", "1 while the latest delivery failed.", "exporter"
        )
        self._duration = self._histogram(
            "exporter_duration_seconds", "Time of one successful delivery.", "exporter"
        )

    def _declare_rest(self) -> None:
        self._evidence = self._counter(
            "evidence_reports", "Reports rendered from samples, by how that ended.", "result"
        )
        self._telemetry_delivered = self._counter(
            "telemetry_items_delivered", "Spans, metrics and log records sent by OTLP.", "signal"
        )
        self._telemetry_dropped = self._counter(
            "telemetry_items_dropped",
            "Spans, metrics and log records that OTLP lost.",
            "signal",
            "reason",
        )
        self._series = self._gauge("series", "Series about systems exposed at present.")
        self._series_dropped = self._counter(
            "series_dropped", "Series of a new report that were not exposed.", "reason"
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"pantau_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"pantau_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"pantau_{name}", text, labels, buckets=_FAST, registry=self.registry)

    # What comes in.

    def events(self, source: str, n: int) -> None:
        """Count `n` accepted events."""
        self._events.labels(source).inc(n)

    def rejected(self, source: str, reason: str, n: int = 1) -> None:
        """Count `n` quarantined records; `reason` is a code, never a text with values."""
        self._rejected.labels(source, self._known(reason)).inc(n)

    def lost(self, source: str, n: int) -> None:
        """Count `n` records that were gone before they could be read."""
        self._lost.labels(source).inc(n)

    def read_anew(self, source: str) -> None:
        """Count that a source holds other content than before and is read from its beginning."""
        self._anew.labels(source).inc()

    def source(
        self,
        source: str,
        *,
        connected: bool,
        lag: Mapping[str, int],
        assigned: int,
        total: int,
    ) -> None:
        """Set what a collector knows of its source; the lag of partitions not named is removed."""
        self._connected.labels(source).set(connected)
        self._assigned.labels(source).set(assigned)
        self._total.labels(source).set(total)
        with self._lock:
            for gone in self._partitions.get(source, set()) - lag.keys():
                self._lag.remove(source, gone)
            self._partitions[source] = set(lag)
            for partition, records in lag.items():
                self._lag.labels(source, partition).set(records)

    def queued(self, source: str, n: int) -> None:
        """Set the events waiting for the pipeline."""
        self._queued.labels(source).set(n)

    # What happens to it.

    def late(self, system: str, n: int) -> None:
        """Count `n` events dropped as late."""
        self._late.labels(system).inc(n)

    def duplicates(self, system: str, n: int) -> None:
        """Count `n` repeats of event ids."""
        self._duplicates.labels(system).inc(n)

    def conflicts(self, system: str, n: int) -> None:
        """Count `n` repeats with another body."""
        self._conflicts.labels(system).inc(n)

    def dedup(self, system: str, ids: int) -> None:
        """Set the number of remembered event ids."""
        self._dedup.labels(system).set(ids)

    def watermark(self, system: str, epoch_seconds: float) -> None:
        """Set the watermark."""
        self._watermark.labels(system).set(epoch_seconds)

    def labels(self, system: str, outcomes: Mapping[str, int]) -> None:
        """Count labels by what became of them."""
        for outcome, n in outcomes.items():
            if n:
                self._labels.labels(system, outcome).inc(n)

    def label_delays(self, system: str, seconds: Iterable[float]) -> None:
        """Record how long after their events labels were recorded."""
        delay = self._label_delay.labels(system)
        for one in seconds:
            delay.observe(max(0.0, one))

    def label_coverage(self, system: str, window: str, share: float) -> None:
        """Set the share of labelled predictions in the newest final window of a length."""
        self._label_coverage.labels(system, window).set(share)

    def label_store(self, system: str, *, rows: int, sampling: float) -> None:
        """Set what is kept for labels that may still come."""
        self._label_rows.labels(system).set(rows)
        self._label_sampling.labels(system).set(sampling)

    def reviews(self, system: str, outcomes: Mapping[str, int]) -> None:
        """Count human decisions that came later by what became of them."""
        for outcome, n in outcomes.items():
            if n:
                self._reviews.labels(system, outcome).inc(n)

    def review_store(self, system: str, *, rows: int, sampling: float) -> None:
        """Set what is kept for human decisions that may still come."""
        self._review_rows.labels(system).set(rows)
        self._review_sampling.labels(system).set(sampling)

    def windows_waiting(self, system: str, n: int) -> None:
        """Set the windows to which something may still be joined."""
        self._windows_waiting.labels(system).set(n)

    def window_closed(self, system: str, window: str, n: int = 1) -> None:
        """Count `n` closed windows of one length, such as `1h`."""
        self._windows.labels(system, window).inc(n)

    def reported(self, system: str, n: int = 1) -> None:
        """Count `n` reports."""
        self._reports.labels(system).inc(n)

    def incident_clocks(
        self, left: Mapping[tuple[str, str], float], counts: Mapping[tuple[str, str, str], int]
    ) -> None:
        """Set the time left by system and clock, and how many there are by state as well.

        Clocks not named are removed, without a moment at which the others are not there: rules
        that page look at these series.
        """
        with self._lock:
            for gone in self._left - left.keys():
                self._clocks.remove(*gone)
            self._left = set(left)
            for (system, clock), seconds in left.items():
                self._clocks.labels(system, clock).set(seconds)
            for series, n in counts.items():
                self._clocks_open.labels(*series).set(n)

    def committed(self, seconds: float) -> None:
        """Record the time of one store transaction."""
        self._commit.observe(seconds)

    def store_size(self, size: int) -> None:
        """Set the size of the store in bytes."""
        self._store.set(size)

    def config(self, digest: str) -> None:
        """Set the digest of the configuration in use; the one before it is removed."""
        with self._lock:
            self._config.clear()
            self._config.labels(digest).set(1)

    # What goes out.

    def audit_appended(self, seconds: float) -> None:
        """Record the time of one durable append to the audit log."""
        self._audit.observe(seconds)

    def audit_published(self, origin: str, size: int, root: str | None) -> None:
        """Set the newest checkpoint; with its root also the series that names both.

        The origin before it is removed, so there is one series of each.
        """
        with self._lock:
            self._audit_size.clear()
            self._audit_size.labels(origin).set(size)
            if root is not None:
                self._audit_info.clear()
                self._audit_info.labels(origin, f"{size}:{root}").set(1)

    def audit_unpublished(self, records: int) -> None:
        """Set how many durable records no checkpoint covers yet."""
        self._audit_waiting.set(records)

    def audit_witness(self, witness: str, outcome: str) -> None:
        """Count an answer of a configured witness."""
        self._cosignatures.labels(witness, outcome).inc()

    def audit_checkpoint_sent(self, outcome: str) -> None:
        """Count a checkpoint that was `sent` to the topic, or `failed`."""
        self._checkpoints_sent.labels(outcome).inc()

    def outbox(self, pending: int, oldest: float | None) -> None:
        """Set the unacknowledged items and when (epoch seconds) the oldest was made."""
        self._pending.set(pending)
        self._oldest = oldest

    def exporter_delivered(self, exporter: str, items: int, seconds: float) -> None:
        """Count a successful delivery of `items` items."""
        self._delivered.labels(exporter).inc(items)
        self._duration.labels(exporter).observe(seconds)

    def exporter_failed(self, exporter: str) -> None:
        """Count a failed delivery."""
        self._failures.labels(exporter).inc()

    def exporter_dropped(self, exporter: str, reason: str, items: int = 1) -> None:
        """Count items given up, with `reason` as `Delivery` names it."""
        self._dropped.labels(exporter, reason).inc(items)

    def exporter_state(self, exporter: str, *, waiting: int, failing: bool) -> None:
        """Set the queue's length and whether the exporter fails at present."""
        self._waiting.labels(exporter).set(waiting)
        self._failing.labels(exporter).set(failing)

    def evidence(self, result: str) -> None:
        """Count a report that was rendered (`made`) or was not, with the reason in a word."""
        self._evidence.labels(result).inc()

    def telemetry_delivered(self, signal: str, items: int) -> None:
        """Count what an OTLP endpoint took; `signal` is `traces`, `metrics` or `logs`."""
        self._telemetry_delivered.labels(signal).inc(items)

    def telemetry_dropped(self, signal: str, reason: str, items: int = 1) -> None:
        """Count what was lost: `queue_full`, or `failed` to be delivered."""
        self._telemetry_dropped.labels(signal, reason).inc(items)

    def series(self, exposed: int, dropped: Mapping[str, int]) -> None:
        """Set the exposed series and count those left out, by reason."""
        self._series.set(exposed)
        for reason, n in dropped.items():
            self._series_dropped.labels(reason).inc(n)

    def exposition(self) -> bytes:
        """Return all of it in the Prometheus text format 0.0.4."""
        return generate_latest(self.registry)

    def _known(self, reason: str) -> str:
        with self._lock:
            if reason in self._reasons or len(self._reasons) < _MAX_REASONS:
                self._reasons.add(reason)
                return reason
            return OTHER
