"""The metrics and health port, as a scraper and a probe see it."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from exporters.agent_metrics import AgentMetrics
from exporters.base import ExportError, Numbered, Standing
from exporters.context import Context
from exporters.health import Health
from exporters.prometheus import PrometheusExporter, PrometheusOptions, build
from policies.model import Notice, Report
from tests.unit.exporters.samples import alert, gap, psi, rate, report, verdict

NOTHING = Standing((), ())


class Served:
    def __init__(self, **options: object) -> None:
        self.metrics, self.health = AgentMetrics("1.2.3"), Health()
        self.exporter = PrometheusExporter(
            PrometheusOptions.model_validate({"host": "127.0.0.1", "port": 0, **options}),
            self.metrics,
            self.health,
        )

    def start(self, *reports: Report) -> str:
        self.exporter.start(Standing(reports, ()))
        return f"http://127.0.0.1:{self.exporter.port}"


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    yield made
    made.exporter.stop(5.0)


def test_a_scrape_sees_systems_and_the_agent(served: Served) -> None:
    url = served.start(report([psi("income")], [verdict()]))
    served.metrics.rejected("kafka", "undecodable", 3)
    answer = httpx.get(f"{url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    assert any(line.startswith("pantau_signal_value{") and "income" in line for line in lines)
    assert (
        'pantau_events_rejected_total{reason="undecodable",source="kafka"} 3.0' in lines
        or 'pantau_events_rejected_total{source="kafka",reason="undecodable"} 3.0' in lines
    )
    assert any('version="1.2.3"' in line for line in lines)
    assert "pantau_series 12.0" in lines


def test_what_is_exported_later_is_seen_and_other_items_are_ignored(served: Served) -> None:
    url = served.start()
    assert "drift.psi" not in httpx.get(f"{url}/metrics").text
    notice = Notice(name="agent.start", id="1", time=0, system=None, data={})
    items = [Numbered(1, notice), Numbered(2, alert()), Numbered(3, report([psi("income")]))]
    served.exporter.export(items)
    assert 'signal="drift.psi"' in httpx.get(f"{url}/metrics").text


def test_it_compresses_for_those_who_ask(served: Served) -> None:
    url = served.start(report([psi("income")]))
    plain = httpx.get(f"{url}/metrics", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    refused = httpx.get(f"{url}/metrics", headers={"Accept-Encoding": "gzip;q=0, br"})
    assert "content-encoding" not in refused.headers
    with httpx.stream("GET", f"{url}/metrics", headers={"Accept-Encoding": "br, gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert b"drift.psi" in gzip.decompress(b"".join(answer.iter_raw()))


def test_head_has_the_headers_and_no_body(served: Served) -> None:
    served.start()
    with socket.create_connection(("127.0.0.1", served.exporter.port)) as client:
        client.sendall(b"HEAD /livez HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(4_096), b""))
    assert answer.startswith(b"HTTP/1.0 200 ")
    assert b"\r\nContent-Length: 3\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("GET", "/livez?verbose=1", 200),
        ("GET", "/", 404),
        ("GET", "/metrics/../../etc/passwd", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/readyz", 405),
    ],
)
def test_paths_and_methods(served: Served, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, served.start() + path)
    assert answer.status_code == status
    if status == 404:
        assert "/metrics" in answer.text
    if status == 405:
        assert answer.headers["allow"] == "GET, HEAD"


def test_ready_only_when_everybody_says_so(served: Served) -> None:
    url = served.start()
    problem: list[str | None] = ["no partitions assigned"]
    served.health.require("collector kafka", lambda: problem[0])
    served.health.require("store", lambda: None)

    def ready() -> tuple[int, dict[str, object]]:
        answer = httpx.get(f"{url}/readyz")
        return answer.status_code, json.loads(answer.text)

    assert ready() == (
        503,
        {
            "ready": False,
            "reasons": {"agent": "starting", "collector kafka": "no partitions assigned"},
        },
    )
    served.health.started()
    assert ready()[0] == 503
    problem[0] = None
    assert ready() == (200, {"ready": True, "reasons": {}})
    problem[0] = "broker away"
    assert ready()[0] == 503
    assert httpx.get(f"{url}/livez").status_code == 200, "alive all the same"


def test_a_check_that_raises_reads_as_not_ready(served: Served) -> None:
    url = served.start()
    served.health.started()

    def broken() -> str | None:
        raise KeyError("s3cret")

    served.health.require("store", broken)
    answer = httpx.get(f"{url}/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == {"store": "the check itself failed: KeyError"}


def test_a_port_in_use_is_said_clearly(served: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        blocked = Served(port=port)
        for attempt in (blocked.exporter.check, lambda: blocked.exporter.start(NOTHING)):
            with pytest.raises(ExportError) as caught:
                attempt()
            assert f"127.0.0.1:{port}: Address already in use" in str(caught.value)
            assert "another `port`" in str(caught.value)
            assert not caught.value.retry
    assert "can listen" in blocked.exporter.check()


def test_the_port_is_free_again_after_stop(served: Served) -> None:
    served.start()
    port = served.exporter.port
    served.exporter.stop(5.0)
    served.exporter.stop(5.0)
    socket.create_server(("127.0.0.1", port)).close()


def test_many_silent_clients_do_not_shut_out_the_scraper_for_ever(served: Served) -> None:
    url = served.start()
    silent = [socket.create_connection(("127.0.0.1", served.exporter.port)) for _ in range(40)]
    for client in silent:
        client.close()
    for _ in range(100):
        try:
            if httpx.get(f"{url}/livez").status_code == 200:
                return
        except httpx.HTTPError:
            continue
    pytest.fail("the server no longer answers")


CANARIES = ("0.61234567", "987654", "canary-group", "canary-event-id", "canary-reviewer")


def test_nothing_personal_is_exposed_by_default(served: Served) -> None:
    """Rates of groups, their sizes, ids and free text are planted and found nowhere."""
    made = report(
        [
            rate("race", "canary-group", 0.61234567, n=987_654),
            gap("race", "black", "white"),
            psi("income"),
        ],
        [verdict()],
    )
    url = served.start(made)
    notice = Notice(
        name="human.decision", id="canary-event-id", time=0, system=None, data={"id": CANARIES}
    )
    paged = alert(summary=" ".join(CANARIES))
    served.exporter.export([Numbered(1, notice), Numbered(2, paged), Numbered(3, made)])
    text = httpx.get(f"{url}/metrics").text
    assert 'feature="income"' in text
    assert [canary for canary in CANARIES if canary in text] == []


def test_group_rates_are_exposed_on_request() -> None:
    asked = Served(group_values=True)
    asked.exporter.export([Numbered(1, report([rate("race", "black", 0.61234567)]))])
    assert b"0.61234567" in asked.exporter.metrics_page()


def test_series_left_out_are_counted() -> None:
    small = Served(max_series=6)
    small.exporter.export([Numbered(1, report([psi("a"), psi("b")]))])
    assert b'pantau_series_dropped_total{reason="max_series"} 6.0' in small.exporter.metrics_page()


def test_the_factory_uses_what_the_context_offers(tmp_path: Path) -> None:
    metrics, health = AgentMetrics("1"), Health()
    context = Context(
        agent_version="1",
        bootid="b",
        config_digest="sha256:0",
        systems=(),
        base=tmp_path,
        metrics=metrics,
        health=health,
    )
    metrics.events("file", 42)
    page = build(PrometheusOptions(), context).metrics_page()
    assert b'pantau_events_total{source="file"} 42.0' in page


def test_options_have_the_contracts_defaults_and_refuse_typos() -> None:
    assert (PrometheusOptions().port, PrometheusOptions().group_values) == (9464, False)
    with pytest.raises(ValidationError, match="prot"):
        PrometheusOptions.model_validate({"type": "prometheus", "prot": 1})
    for port in (-1, 65_536):
        with pytest.raises(ValidationError):
            PrometheusOptions(port=port)


@pytest.fixture
def agent_metrics() -> AgentMetrics:
    return AgentMetrics("1", clock=lambda: 1_000.0)


def sample(metrics: AgentMetrics) -> Callable[..., float | None]:
    return lambda name, **labels: metrics.registry.get_sample_value(name, labels)


def test_lag_of_partitions_that_went_away_disappears(agent_metrics: AgentMetrics) -> None:
    value = sample(agent_metrics)
    agent_metrics.source("kafka", connected=True, lag={"0": 5, "1": 7}, assigned=2, total=4)
    agent_metrics.source("kafka", connected=False, lag={"1": 8}, assigned=1, total=4)
    assert value("pantau_source_lag_records", source="kafka", partition="0") is None
    assert value("pantau_source_lag_records", source="kafka", partition="1") == 8
    assert value("pantau_source_connected", source="kafka") == 0
    assert value("pantau_source_partitions_assigned", source="kafka") == 1
    assert value("pantau_source_partitions", source="kafka") == 4


def test_an_empty_outbox_is_as_old_as_the_present(agent_metrics: AgentMetrics) -> None:
    value = sample(agent_metrics)
    assert value("pantau_outbox_oldest_timestamp_seconds") == 1_000.0
    agent_metrics.outbox(3, 900.0)
    assert value("pantau_outbox_oldest_timestamp_seconds") == 900.0
    assert value("pantau_outbox_items") == 3


def test_only_the_present_configuration_is_named(agent_metrics: AgentMetrics) -> None:
    agent_metrics.config("sha256:a")
    agent_metrics.config("sha256:b")
    text = agent_metrics.exposition()
    assert b'pantau_config_info{digest="sha256:b"} 1.0' in text
    assert b"sha256:a" not in text


def test_reasons_are_bounded(agent_metrics: AgentMetrics) -> None:
    for i in range(1_000):
        agent_metrics.rejected("kafka", f"reason-{i}")
    value = sample(agent_metrics)
    assert value("pantau_events_rejected_total", source="kafka", reason="other") == 1_000 - 64
