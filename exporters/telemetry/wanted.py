"""Which telemetry the environment asks for, by OpenTelemetry's own variables.

Nothing is wanted unless a variable says so.  The variables and their meaning: OpenTelemetry
specification, "Environment Variable Specification" and "OTLP Exporter Configuration".
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

SIGNALS = ("traces", "metrics", "logs")

_PROTOCOL = "http/protobuf"
_POSITIVE = (
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BLRP_MAX_QUEUE_SIZE",
    "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_BLRP_SCHEDULE_DELAY",
    "OTEL_METRIC_EXPORT_INTERVAL",
)


class TelemetryError(Exception):
    """An `OTEL_*` variable that cannot be followed: which, and what it may say."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is sent by OTLP, and whether the trace context of incoming records is followed."""

    traces: bool = False
    metrics: bool = False
    logs: bool = False
    follow: bool = True

    def __bool__(self) -> bool:
        return self.traces or self.metrics or self.logs


def wanted(environment: Mapping[str, str] = os.environ) -> Wanted:
    """Return what the environment asks for; raises `TelemetryError`.

    A signal is wanted if `OTEL_<SIGNAL>_EXPORTER` is `otlp`, or if it is not set and an OTLP
    endpoint is.  `OTEL_SDK_DISABLED=true` turns everything off.
    """
    if _get(environment, "OTEL_SDK_DISABLED").lower() == "true":
        return Wanted()
    on = {signal: _signal(environment, signal) for signal in SIGNALS}
    propagators = _get(environment, "OTEL_PROPAGATORS")
    found = Wanted(**on, follow=not propagators or "tracecontext" in _items(propagators))
    if found:
        for signal in SIGNALS:
            if on[signal]:
                _require_sendable(environment, signal)
        _require_numbers(environment)
    return found


def _signal(environment: Mapping[str, str], signal: str) -> bool:
    name = f"OTEL_{signal.upper()}_EXPORTER"
    asked = _items(_get(environment, name))
    if not asked:
        return bool(_endpoint(environment, signal)[1])
    unknown = [item for item in asked if item not in ("otlp", "none")]
    if unknown:
        raise TelemetryError(
            f"{name}={_get(environment, name)}: {unknown[0]} is not possible; it may be `otlp` or "
            "`none` (Prometheus reads this agent's own port: `exporters: [{type: prometheus}]`)"
        )
    return "otlp" in asked


def _require_sendable(environment: Mapping[str, str], signal: str) -> None:
    for name in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = _get(environment, name)
        if protocol and protocol != _PROTOCOL:
            raise TelemetryError(
                f"{name}={protocol}: this agent sends OTLP as {_PROTOCOL} only (port 4318 of a "
                "collector): set it so, or remove it"
            )
        if protocol:
            break
    name, endpoint = _endpoint(environment, signal)
    if not endpoint:
        return
    try:
        parts = urlsplit(endpoint)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        # The address may hold a password: it is not repeated.
        raise TelemetryError(f"{name} is not an address like http://collector.example:4318")


def _require_numbers(environment: Mapping[str, str]) -> None:
    for name in _POSITIVE:
        text = _get(environment, name)
        if text and not (text.isascii() and text.isdigit() and int(text) > 0):
            raise TelemetryError(f"{name}={text}: needs a whole number above 0")


def _endpoint(environment: Mapping[str, str], signal: str) -> tuple[str, str]:
    own = f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"
    if _get(environment, own):
        return own, _get(environment, own)
    return "OTEL_EXPORTER_OTLP_ENDPOINT", _get(environment, "OTEL_EXPORTER_OTLP_ENDPOINT")


def _get(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name, "").strip()


def _items(text: str) -> list[str]:
    return [item.strip().lower() for item in text.split(",") if item.strip()]
