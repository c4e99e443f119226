"""The newest checkpoint in metrics, in alerts and on a topic."""

from __future__ import annotations

import dataclasses
import gc
from pathlib import Path
from typing import Any

import httpx
import pytest

from exporters.agent_metrics import AgentMetrics
from exporters.alertmanager import AlertmanagerExporter, AlertmanagerOptions
from exporters.audit import checkpoint_topic
from exporters.audit.checkpoint_topic import TopicSender
from exporters.audit.exporter import AuditExporter
from exporters.audit.options import AuditOptions, CheckpointTopic
from exporters.base import ExportError
from policies.model import Notice
from tests.support.audit_tree import newest, require_whole
from tests.support.unclosed import open_files
from tests.unit.exporters.audit.logs import NOTHING, ORIGIN, Hands, context, number
from tests.unit.exporters.samples import START, alert

TOPIC = CheckpointTopic.model_validate({"brokers": "127.0.0.1:1", "topic": "checkpoints"})


def test_metrics_name_the_newest_checkpoint_in_one_series(tmp_path: Path) -> None:
    hands, metrics = Hands(), AgentMetrics("0")
    given = dataclasses.replace(context(tmp_path, hands), metrics=metrics)
    exporter = AuditExporter(AuditOptions(origin=ORIGIN), given)
    exporter.start(NOTHING)
    publisher = exporter._publisher
    assert publisher is not None
    publisher.publish()
    for index in range(3):
        hands.pass_time(300)
        exporter.export(number([alert(closed_at=START + index)]))
        publisher.publish()
    page = metrics.exposition().decode()
    said = newest(tmp_path / "audit")
    assert f'pantau_audit_checkpoint_size{{origin="{said.origin}"}} 4.0' in page
    (info,) = [li for li in page.splitlines() if li.startswith("pantau_audit_checkpoint_info{")]
    # The series that carries the root changes every ten minutes only.
    assert 'checkpoint="3:' in info
    exporter.export(number([alert()]))
    exporter.tick(hands.wall)
    assert "pantau_audit_unpublished_records 2.0" in metrics.exposition().decode()
    exporter.stop(1.0)
    assert given.published.newest() is not None
    assert str(given.published.newest()).startswith(f"{said.origin} ")


def test_every_alert_carries_the_newest_checkpoint(tmp_path: Path) -> None:
    posted: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        posted.append(request)
        return httpx.Response(200)

    given = context(tmp_path, Hands())
    audit = AuditExporter(AuditOptions(origin=ORIGIN), given)
    audit.start(NOTHING)
    alerts = AlertmanagerExporter(
        AlertmanagerOptions.model_validate({"url": "http://alertmanager.test"}),
        clock=lambda: START + 60.0,
        transport=httpx.MockTransport(answer),
        published=given.published,
    )
    alerts.start(NOTHING)
    alerts.export(number([alert()]))
    alerts.tick(START + 60.0)
    assert b"audit_checkpoint" not in posted[-1].content
    audit.stop(1.0)
    alerts.tick(START + 180.0)
    alerts.stop(1.0)
    said = given.published.newest()
    assert said is not None
    assert f'"audit_checkpoint":"{said}"'.encode() in posted[-1].content.replace(b": ", b":")


def test_what_became_of_an_alert_is_recorded_beside_it(tmp_path: Path) -> None:
    answers = [httpx.Response(503), httpx.Response(200), httpx.Response(200)]
    told: list[Notice] = []
    alerts = AlertmanagerExporter(
        AlertmanagerOptions.model_validate({"url": "http://alertmanager.test"}),
        clock=lambda: START + 60.0,
        transport=httpx.MockTransport(lambda _: answers.pop(0)),
        announce=told.append,
    )
    alerts.start(NOTHING)
    alerts.export(number([alert()]))
    with pytest.raises(ExportError):
        alerts.tick(START + 60.0)
    assert told == []
    alerts.tick(START + 61.0)
    alerts.tick(START + 180.0)  # repeated, which is no news
    alerts.stop(1.0)
    (receipt,) = told
    audit = AuditExporter(AuditOptions(origin=ORIGIN), context(tmp_path, Hands()))
    audit.start(NOTHING)
    audit.export(number([alert(), receipt]))
    audit.stop(1.0)
    _, raised, delivered = require_whole(tmp_path / "audit")
    assert delivered["data"]["outcome"] == "delivered"
    assert delivered["data"]["status"] == 200
    assert delivered["data"]["labels"] == raised["data"]["labels"]
    assert delivered["corr"]["alert"] == raised["corr"]["alert"]


class Broker:
    """Stands for the client: keeps what was sent, or fails."""

    def __init__(self, fails: bool = False) -> None:
        self.fails, self.sent, self.closed = fails, list[tuple[str, bytes, bytes]](), False

    def send(self, topic: str, key: bytes, value: bytes) -> Any:
        from kafka.future import Future

        future = Future()
        if self.fails:
            future.failure(TimeoutError("away"))
        else:
            self.sent.append((topic, key, value))
            future.success(None)
        return future

    def close(self, timeout: float) -> None:
        del timeout
        self.closed = True


def test_a_checkpoint_goes_to_the_topic_under_its_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    sender, broker = TopicSender(TOPIC, Path(), counted.append), Broker()
    monkeypatch.setattr(sender, "_connect", lambda: broker)
    sender.send("bank/1", b"note")
    sender.close(1.0)
    assert broker.sent == [("checkpoints", b"bank/1", b"note")]
    assert counted == ["sent"]
    assert broker.closed


def test_a_topic_that_cannot_be_reached_is_counted_and_holds_up_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[str] = []
    sender = TopicSender(TOPIC, Path(), counted.append)
    monkeypatch.setattr(sender, "_connect", lambda: (_ for _ in ()).throw(OSError("no broker")))
    sender.send("bank/1", b"note")
    monkeypatch.setattr(sender, "_connect", lambda: Broker(fails=True))
    sender.send("bank/1", b"note")
    sender.close(1.0)
    assert counted == ["failed", "failed"]


def test_a_topic_whose_brokers_are_away_leaves_no_connection_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(checkpoint_topic, "_BLOCK_MS", 300)
    sender = TopicSender(TOPIC, Path(), counted.append)
    gc.collect()
    open_before = open_files()
    sender.send("bank/1", b"note")
    assert open_files() <= open_before
    assert counted == ["failed"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"protocol": "SASL_SSL"},
        {"username": "pantau"},
        {"protocol": "SASL_SSL", "mechanism": "PLAIN", "username": "pantau"},
        {"brokers": []},
    ],
)
def test_a_topic_that_could_never_be_written_is_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="CheckpointTopic"):
        CheckpointTopic.model_validate({"brokers": "a:1", "topic": "t", **wrong})
