"""What every exporter in the table must do: a new line there is tested here at once."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from exporters import table
from exporters.agent_metrics import AgentMetrics
from exporters.base import Exporter, ExportError, Numbered, Standing
from exporters.context import Context, SystemInfo
from exporters.deadline import Deadline
from exporters.delivery import Delivery, Retry
from exporters.health import Health
from policies.model import Notice, Outgoing
from tests.real.processes import free_port
from tests.support.unclosed import open_files
from tests.unit.exporters.audit.logs import names
from tests.unit.exporters.samples import START, alert, psi, report, too_few, verdict

SMALLEST: dict[str, Callable[[], dict[str, Any]]] = {
    "prometheus": lambda: {"host": "127.0.0.1", "port": 0},
    "audit": lambda: {"path": "audit"},
    # Nothing listens there: an exporter must come through its target's absence.
    "alertmanager": lambda: {"url": f"http://127.0.0.1:{free_port()}", "timeout": "1s"},
}
"""The least that each type can be configured with here; a new exporter adds its line."""


def serves_the_newest_window(exporter: Any, base: Path) -> None:
    end = REPORTS[2].window.end
    series = re.findall(
        r"^pantau_signal_window_end_timestamp_seconds\{.*\} (\S+)$",
        exporter.metrics_page().decode(),
        re.MULTILINE,
    )
    assert {float(value) for value in series} == {float(end)}


def recorded_each_item_once(exporter: Any, base: Path) -> None:
    assert Counter(names(base / "audit")) == {
        "log.genesis": 1,
        "agent.start": 1,
        "window.signals": 3,
        "policy.verdict": 3,
        "alert.raised": 1,
        "alert.closed": 1,
    }


def holds_no_closed_alert_for_firing(exporter: Any, base: Path) -> None:
    assert exporter.firing() == 0


TAKEN: dict[str, Callable[[Any, Path], None]] = {
    "prometheus": serves_the_newest_window,
    "audit": recorded_each_item_once,
    "alertmanager": holds_no_closed_alert_for_firing,
}
"""What shows that each type has taken all of `ITEMS`; a new exporter adds its line."""

NOTHING = Standing((), ())
REPORTS = tuple(report([psi("income"), too_few("age")], [verdict()], index=i) for i in range(3))
NOTICE = Notice(
    name="agent.start", id="agent.start/b0", time=START, system=None, data={"version": "0"}
)
OUTGOING: list[Outgoing] = [
    NOTICE,
    REPORTS[0],
    alert(),
    REPORTS[1],
    alert(closed_at=START + 60),
    REPORTS[2],
]
ITEMS = [Numbered(number, item) for number, item in enumerate(OUTGOING, start=1)]


@pytest.fixture(params=table.names())
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def options(kind: str) -> BaseModel:
    assert kind in SMALLEST, f"add the smallest options of exporter {kind!r} to SMALLEST"
    return table.options_model(kind).model_validate({"type": kind, **SMALLEST[kind]()})


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(
        agent_version="0.0.0",
        bootid="b0",
        config_digest="sha256:" + "0" * 64,
        systems=(SystemInfo("loan-approval", "credit-risk@bank.example"),),
        base=tmp_path,
        metrics=AgentMetrics("0.0.0"),
        health=Health(),
    )


@pytest.fixture
def exporter(options: BaseModel, context: Context) -> Exporter:
    return table.build(options, context)


def attempt(action: Callable[[], object]) -> None:
    """Run `action`; the only exception it may raise is `ExportError`, with a message."""
    said = ["fine"]
    try:
        action()
    except ExportError as error:
        said.append(str(error).strip())
    assert all(said)


def test_options_name_their_type_and_refuse_unknown_keys(kind: str) -> None:
    model = table.options_model(kind)
    assert model.model_fields["type"].default == kind
    with pytest.raises(ValidationError, match="not_a_key"):
        model.model_validate({"type": kind, **SMALLEST[kind](), "not_a_key": 1})
    assert model.model_json_schema()["additionalProperties"] is False


def test_it_has_a_name_and_says_whether_it_is_required(exporter: Exporter) -> None:
    assert exporter.name
    assert isinstance(exporter.required, bool)


def test_check_answers_in_one_line(exporter: Exporter) -> None:
    try:
        answer = exporter.check()
    except ExportError as error:
        answer = str(error)
    assert answer
    assert "\n" not in answer


def test_stop_without_start_and_twice(exporter: Exporter) -> None:
    exporter.stop(1.0)
    exporter.stop(1.0)


def test_start_and_stop_twice(exporter: Exporter) -> None:
    exporter.start(NOTHING)
    exporter.stop(5.0)
    exporter.stop(5.0)


def test_a_whole_life(kind: str, exporter: Exporter, context: Context) -> None:
    assert kind in TAKEN, f"say in TAKEN what shows that exporter {kind!r} has taken its items"
    exporter.start(Standing(REPORTS[:1], (alert(),)))
    exporter.export([])
    exporter.export(ITEMS[:3])
    attempt(lambda: exporter.tick(START + 200.0))
    exporter.export(ITEMS[3:])
    exporter.export(ITEMS[3:])  # at least once: after a crash the same items come again
    attempt(lambda: exporter.tick(START + 201.0))
    TAKEN[kind](exporter, context.base)
    attempt(lambda: exporter.stop(2.0))
    attempt(lambda: exporter.stop(2.0))


def test_nothing_is_left_behind(exporter: Exporter) -> None:
    """Threads, files and sockets are closed by `stop`."""
    threads, files = threading.active_count(), open_files()
    exporter.start(NOTHING)
    exporter.export(ITEMS)
    attempt(lambda: exporter.tick(START + 200.0))
    attempt(lambda: exporter.stop(5.0))
    assert threading.active_count() == threads
    assert open_files() == files


def test_it_works_behind_a_delivery(exporter: Exporter, context: Context) -> None:
    assert context.metrics is not None
    delivery = Delivery(exporter, metrics=context.metrics, retry=Retry(0.001, 0.002))
    delivery.start(NOTHING)
    delivery.submit(ITEMS)
    assert delivery.wait_delivered(len(ITEMS), 30.0)
    delivery.stop(Deadline(10.0))
    assert delivery.pending() == 0
    assert not any(t.name == f"exporter-{exporter.name}" for t in threading.enumerate())


def test_what_reports_withhold_is_given_to_the_audit_log_alone(
    kind: str, exporter: Exporter
) -> None:
    assert getattr(exporter, "takes_withheld", False) is (kind == "audit")
