"""What the environment asks for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agent.cli.exits import USAGE, report
from exporters.telemetry.wanted import TelemetryError, Wanted, wanted

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


def test_nothing_is_wanted_unless_it_is_asked_for() -> None:
    assert wanted({}) == Wanted()
    assert not wanted({})
    assert not wanted({"OTEL_SERVICE_NAME": "x", "OTEL_EXPORTER_OTLP_ENDPOINT": " "})


def test_an_endpoint_asks_for_all_three() -> None:
    assert wanted(ENDPOINT) == Wanted(traces=True, metrics=True, logs=True)


def test_an_endpoint_of_one_signal_asks_for_that_one() -> None:
    asked = {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://collector/v1/logs"}
    assert wanted(asked) == Wanted(logs=True)


def test_each_signal_can_be_left_out_or_asked_for() -> None:
    assert wanted(ENDPOINT | {"OTEL_METRICS_EXPORTER": "none"}) == Wanted(traces=True, logs=True)
    assert wanted({"OTEL_TRACES_EXPORTER": "otlp"}) == Wanted(traces=True)


def test_the_sdk_can_be_disabled() -> None:
    assert not wanted(ENDPOINT | {"OTEL_SDK_DISABLED": "True"})
    assert wanted(ENDPOINT | {"OTEL_SDK_DISABLED": "1"}), "only `true` disables"


def test_trace_context_is_followed_unless_other_propagators_are_asked_for() -> None:
    assert wanted(ENDPOINT).follow
    assert wanted(ENDPOINT | {"OTEL_PROPAGATORS": "baggage, tracecontext"}).follow
    assert not wanted(ENDPOINT | {"OTEL_PROPAGATORS": "none"}).follow


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER=zipkin"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"),
        ({"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/json"}, "_LOGS_PROTOCOL=http/json"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "is not an address"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1"}, "is not an address"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "many"}, "OTEL_BSP_MAX_QUEUE_SIZE=many"),
        ({"OTEL_METRIC_EXPORT_INTERVAL": "0"}, "OTEL_METRIC_EXPORT_INTERVAL=0"),
    ],
)
def test_what_cannot_be_followed_is_named(more: dict[str, str], named: str) -> None:
    with pytest.raises(TelemetryError, match=named) as refused:
        wanted(ENDPOINT | more)
    assert report(refused.value) == USAGE


def test_what_is_not_wanted_is_not_checked() -> None:
    assert not wanted({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    asked = ENDPOINT | {"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "grpc", "OTEL_LOGS_EXPORTER": "none"}
    assert wanted(asked) == Wanted(traces=True, metrics=True)


def test_a_password_in_the_address_is_not_repeated() -> None:
    with pytest.raises(TelemetryError) as refused:
        wanted({"OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://agent:hunter2@collector"})
    assert "hunter2" not in str(refused.value)


def test_asking_for_nothing_imports_nothing_of_opentelemetry() -> None:
    code = "import sys, agent.run; print([m for m in sys.modules if 'opentelemetry' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
