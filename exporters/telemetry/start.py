"""Start what is wanted, and stop it in time whatever the endpoint does."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from opentelemetry.sdk.resources import OTELResourceDetector, Resource

from exporters.agent_metrics import AgentMetrics
from exporters.deadline import Deadline
from exporters.log import get_logger
from exporters.telemetry import names
from exporters.telemetry.gate import Gate, limits
from exporters.telemetry.log_lines import OtlpHandler
from exporters.telemetry.measures import OtlpMetrics
from exporters.telemetry.spans import OtelTracer
from exporters.telemetry.wanted import Wanted

_log = get_logger(__name__)

STOP_WITHIN = 5.0
"""Seconds that the last sending may take, if the agent's own deadline leaves as many."""


@dataclass
class Telemetry:
    """What sends; each part is None where it is not wanted."""

    tracer: OtelTracer | None = None
    metrics: OtlpMetrics | None = None
    handler: OtlpHandler | None = None
    gates: list[Gate] = field(default_factory=list)
    stopped: bool = False

    def stop(self, deadline: Deadline) -> None:
        """Send what waits, at most `STOP_WITHIN` seconds and never beyond the deadline.

        What an endpoint that hangs keeps is given up, and told.  A second call does nothing.
        """
        if self.stopped:
            return
        self.stopped = True
        end = Deadline(min(STOP_WITHIN, deadline.remaining()))
        if self.handler is not None:
            logging.getLogger().removeHandler(self.handler)
        ends: list[tuple[str, Callable[[], None]]] = []
        if self.tracer is not None:
            ends.append(("traces", self.tracer.stop))
        if self.metrics is not None:
            ends.append(("metrics", self.metrics.close))
        if self.handler is not None:
            ends.append(("logs", self.handler.stop))
        threads = [
            threading.Thread(target=stop, name=f"telemetry-{name}", daemon=True)
            for name, stop in ends
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(end.remaining())
        late = [name for (name, _), one in zip(ends, threads, strict=True) if one.is_alive()]
        if late:
            waiting = sum(gate.waiting for gate in self.gates)
            _log.warning("telemetry_given_up", signals=late, waiting=waiting)


def start(wanted: Wanted, metrics: AgentMetrics, *, version: str, bootid: str) -> Telemetry:
    """Start what is wanted; nothing is connected before there is something to send."""
    quieten()
    origin = resource(version, bootid)
    found = Telemetry()
    if wanted.traces:
        queue, batch = limits("BSP")
        gate = Gate("traces", queue, metrics, batch)
        found.tracer = OtelTracer(origin, gate, version)
        found.gates.append(gate)
    if wanted.metrics:
        found.metrics = OtlpMetrics(origin, Gate("metrics", 1, metrics), version, metrics)
    if wanted.logs:
        queue, batch = limits("BLRP")
        gate = Gate("logs", queue, metrics, batch)
        found.handler = OtlpHandler(origin, gate, version)
        found.gates.append(gate)
        logging.getLogger().addHandler(found.handler)
    _log.info("telemetry_started", traces=wanted.traces, metrics=wanted.metrics, logs=wanted.logs)
    return found


def resource(version: str, bootid: str) -> Resource:
    """Return who sends; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` go before our own."""
    ours = Resource(
        {
            names.SERVICE_NAME: "pantau",
            names.SERVICE_VERSION: version,
            names.SERVICE_INSTANCE_ID: bootid,
            names.PROCESS_PID: os.getpid(),
        }
    )
    return Resource.create({}).merge(ours).merge(OTELResourceDetector().detect())


def quieten() -> None:
    """Keep OpenTelemetry from telling each failed attempt; `Gate` tells that it fails."""
    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
