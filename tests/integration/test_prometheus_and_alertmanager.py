"""A real Prometheus scrapes the agent's port, a real Alertmanager shows what fires."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from exporters.agent_metrics import AgentMetrics
from exporters.alertmanager import AlertmanagerExporter, AlertmanagerOptions
from exporters.base import Numbered, Standing
from exporters.deadline import Deadline
from exporters.delivery import Delivery, Retry
from exporters.health import Health
from exporters.prometheus import PrometheusExporter, PrometheusOptions
from policies.model import Alert
from tests.real.alertmanager import Alertmanager, Receiver
from tests.real.processes import eventually
from tests.real.prometheus import Prometheus, promtool_problems
from tests.unit.exporters.samples import alert, gap, psi, report, verdict

pytestmark = pytest.mark.integration

NOTHING = Standing((), ())
Start = Callable[..., Delivery]


@pytest.fixture
def deliver() -> Iterator[Start]:
    """Return `deliver(exporter)`: a running delivery, stopped at the end."""
    running: list[Delivery] = []

    def start(exporter: Any, standing: Standing = NOTHING) -> Delivery:
        retry = Retry(base=0.05, cap=0.2)
        delivery = Delivery(exporter, metrics=AgentMetrics("0"), retry=retry, tick_every=0.05)
        running.append(delivery)
        delivery.start(standing)
        return delivery

    yield start
    for delivery in running:
        delivery.stop(Deadline(5.0))


def metrics_exporter() -> PrometheusExporter:
    options = PrometheusOptions(host="127.0.0.1", port=0)
    return PrometheusExporter(options, AgentMetrics("0.0.0"), Health())


def test_prometheus_scrapes_values_thresholds_and_states(
    deliver: Start, start_prometheus: Callable[..., Prometheus]
) -> None:
    exporter = metrics_exporter()
    delivery = deliver(exporter)
    awkward = 'v"1\\\n\x00\x07é'
    delivery.submit(
        [
            Numbered(1, report([psi("income", 0.25), gap("race", "black", "white")], [verdict()])),
            Numbered(2, report([psi("income", 0.5)], version=awkward)),
        ]
    )
    assert delivery.wait_delivered(2, 10.0)
    prometheus = start_prometheus(f"127.0.0.1:{exporter.port}")

    signal = 'pantau_signal_value{signal="drift.psi",feature="income",model_version="*"}'
    (drift,) = prometheus.await_query(signal)
    assert drift["value"][1] == "0.25"
    assert drift["metric"]["principle"] == "P7"
    assert drift["metric"]["window"] == "1h"
    (parity,) = prometheus.await_query('pantau_signal_value{attribute="race"} < -0.1')
    assert (parity["metric"]["group"], parity["metric"]["against"]) == ("black", "white")
    (state,) = prometheus.await_query('pantau_verdict_state{rule="drift.feature"} == 1')
    assert state["metric"]["state"] == "breach"

    # What C15 is for: a rule on the values needs no number of its own.
    beyond = prometheus.await_query(
        f"{signal} > on (system, model_version, feature, window) "
        'pantau_rule_threshold{rule="drift.feature",level="breach"}'
    )
    assert [one["metric"]["feature"] for one in beyond] == ["income"]
    assert len(prometheus.await_query('pantau_signal_value{model_version!="*"}')) == 1
    assert prometheus.await_query("pantau_build_info")[0]["metric"]["version"] == "0.0.0"
    assert prometheus.target()["health"] == "up"
    assert prometheus.target()["lastError"] == ""

    # A signal that can no longer be measured does not stay at its last value.
    delivery.submit([Numbered(3, report([], [verdict()], index=1))])
    eventually(lambda: prometheus.query(signal) == [] or None, "end of the old value")


def test_promtool_is_content_with_a_scrape(deliver: Start) -> None:
    exporter = metrics_exporter()
    delivery = deliver(exporter)
    delivery.submit([Numbered(1, report([psi("income")], [verdict()]))])
    assert delivery.wait_delivered(1, 10.0)
    assert promtool_problems(httpx.get(f"http://127.0.0.1:{exporter.port}/metrics").content) == ""


def alert_exporter(server: Alertmanager, **options: Any) -> AlertmanagerExporter:
    settings = {"url": server.url, "repost": "1s", "ends_after": "4h", **options}
    return AlertmanagerExporter(AlertmanagerOptions.model_validate(settings))


def recent(**options: Any) -> Alert:
    return alert(starts_at=int(time.time()) - 60, **options)


def test_an_alert_stands_with_exact_labels_and_resolves_with_its_annotations(
    deliver: Start, alertmanager: Alertmanager, receiver: Receiver
) -> None:
    exporter = alert_exporter(alertmanager)
    assert f"{alertmanager.url}: Alertmanager 0." in exporter.check()
    delivery = deliver(exporter)
    delivery.submit([Numbered(1, report()), Numbered(2, recent())])
    (standing,) = alertmanager.await_alerts(1)
    assert standing["labels"] == alert().labels
    assert standing["annotations"] == alert().annotations
    ends_in = _epoch(standing["endsAt"]) - time.time()
    assert 3.9 * 3_600 < ends_in <= 4 * 3_600, "a dead agent does not read as resolved"

    eventually(lambda: receiver.alerts("firing") or None, "notification of the alert")
    delivery.submit([Numbered(3, recent(closed_at=int(time.time())))])
    alertmanager.await_alerts(0)
    (resolved,) = eventually(lambda: receiver.alerts("resolved") or None, "resolved notification")
    assert resolved["labels"] == alert().labels
    assert resolved["annotations"] == alert().annotations


def test_repeated_resolves_notify_once_and_a_new_breach_notifies_again(
    deliver: Start, alertmanager: Alertmanager, receiver: Receiver
) -> None:
    delivery = deliver(alert_exporter(alertmanager))
    delivery.submit([Numbered(1, recent())])
    eventually(lambda: receiver.alerts("firing") or None, "notification of the alert")
    delivery.submit([Numbered(2, recent(closed_at=int(time.time())))])
    eventually(lambda: receiver.alerts("resolved") or None, "resolved notification")
    # By the time a second alert has come through, resolves were repeated each second.
    delivery.submit([Numbered(3, recent(rule="drift.feature"))])
    eventually(lambda: len(receiver.alerts("firing")) >= 2 or None, "second alert")
    delivery.submit([Numbered(4, recent(rule="drift.feature", closed_at=int(time.time())))])
    eventually(lambda: len(receiver.alerts("resolved")) >= 2 or None, "its resolve")
    rules = [one["labels"]["rule"] for one in receiver.alerts("resolved")]
    assert rules == ["fairness.parity", "drift.feature"]
    delivery.submit([Numbered(5, recent())])
    eventually(lambda: len(receiver.alerts("firing")) >= 3 or None, "third alert")
    assert [one["labels"]["rule"] for one in alertmanager.alerts()] == ["fairness.parity"]


def test_alertmanager_goes_away_and_comes_back(deliver: Start, alertmanager: Alertmanager) -> None:
    exporter = alert_exporter(alertmanager)
    delivery = deliver(exporter)
    delivery.submit([Numbered(1, recent()), Numbered(2, recent(rule="drift.feature"))])
    alertmanager.await_alerts(2)

    alertmanager.stop()
    delivery.submit([Numbered(3, recent(closed_at=int(time.time())))])
    delivery.submit([Numbered(4, recent(rule="quality.missing"))])
    eventually(lambda: delivery.failing_since, "failure to be seen")
    assert "cannot be reached" in (delivery.last_error or "")

    alertmanager.start()
    alertmanager.await_alerts(2)
    rules = {one["labels"]["rule"] for one in alertmanager.alerts()}
    assert rules == {"drift.feature", "quality.missing"}
    eventually(lambda: delivery.failing_since is None or None, "recovery")


def test_after_a_restart_of_the_agent_the_alert_still_stands_and_can_resolve(
    deliver: Start, alertmanager: Alertmanager
) -> None:
    first = deliver(alert_exporter(alertmanager))
    first.submit([Numbered(1, recent())])
    alertmanager.await_alerts(1)
    assert first.stop(Deadline(5.0))
    assert len(alertmanager.alerts()) == 1

    second = deliver(alert_exporter(alertmanager), Standing((), (recent(),)))
    second.submit([Numbered(2, recent(closed_at=int(time.time())))])
    alertmanager.await_alerts(0)


def test_an_alert_that_alertmanager_refuses_leaves_the_others_standing(
    deliver: Start, alertmanager: Alertmanager
) -> None:
    nameless = recent()
    nameless.labels.clear()
    delivery = deliver(alert_exporter(alertmanager))
    delivery.submit([Numbered(1, recent()), Numbered(2, nameless)])
    delivery.submit([Numbered(3, recent(rule="drift.feature"))])
    assert len(alertmanager.await_alerts(2)) == 2


def _epoch(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()
