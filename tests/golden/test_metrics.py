"""The whole exposition, byte by byte: a change of a metric is a change of the contract (C15).

After an intended change: `PANTAU_GOLDEN=write pytest tests/golden`, then read the difference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from exporters.agent_metrics import AgentMetrics
from exporters.signal_series import Picture
from policies.model import measured
from tests.real.prometheus import promtool_problems
from tests.unit.exporters.samples import (
    HOUR,
    START,
    gap,
    psi,
    rate,
    report,
    too_few,
    verdict,
)

GOLDEN = Path(__file__).parent / "metrics.txt"

_OF_THIS_MACHINE = re.compile(rb"^(?:# \w+ )?process_.*\n|(?<=python=\")[^\"]*(?=\")", re.MULTILINE)


def exposition() -> bytes:
    """Return what an agent exposes in which everything happened at least once."""
    picture = Picture()
    signals = [
        psi("income"),
        too_few("age"),
        measured("drift.psi", {"output": "score"}, 0.01, 0.005, 0.02, n=5_000, method="m"),
        gap("race", "black", "white"),
        rate("race", "black", 0.5),
        measured("anomaly.volume", {}, 5_000.0, 4_900.0, 5_100.0, n=5_000, method="m"),
        measured("performance.recall", {"class": "1"}, 0.8, 0.7, 0.9, n=700, method="m"),
    ]
    subject = {"attribute": "race", "group": "black", "against": "white"}
    verdicts = [
        verdict(),
        verdict(
            "fairness.parity",
            subject=subject,
            principle="P2",
            signal="fairness.statistical_parity_difference",
            state="not_assessable",
        ),
    ]
    picture.update(
        [
            report(signals, verdicts),
            report([psi("income")], version='v"2\\', length="1d", seconds=24 * HOUR),
        ]
    )
    metrics = AgentMetrics("0.0.0", clock=lambda: float(START))
    metrics.series(picture.series, {"max_series": 6})
    everything(metrics)
    return _OF_THIS_MACHINE.sub(b"", picture.text + metrics.exposition())


def everything(metrics: AgentMetrics) -> None:
    """Call every method once."""
    metrics.events("kafka", 1_000)
    metrics.rejected("kafka", "undecodable", 3)
    metrics.lost("kafka", 10)
    metrics.read_anew("kafka")
    metrics.source("kafka", connected=True, lag={"0": 5, "1": 0}, assigned=2, total=2)
    metrics.queued("kafka", 500)
    metrics.late("loan-approval", 2)
    metrics.duplicates("loan-approval", 4)
    metrics.conflicts("loan-approval", 1)
    metrics.dedup("loan-approval", 990)
    metrics.evidence("made")
    metrics.telemetry_delivered("traces", 500)
    metrics.telemetry_dropped("logs", "queue_full", 7)
    metrics.watermark("loan-approval", START)
    clock = ("loan-approval", "vn-ai-serious-incident")
    metrics.incident_clocks({clock: 255_600.0}, {(*clock, "running"): 1, (*clock, "overdue"): 0})
    metrics.labels("loan-approval", {"joined": 90, "orphan": 2, "late": 0})
    metrics.label_delays("loan-approval", [30.0, 90_000.0])
    metrics.label_coverage("loan-approval", "1h", 0.93)
    metrics.label_store("loan-approval", rows=1_000, sampling=0.5)
    metrics.reviews("loan-approval", {"joined": 40, "orphan": 1, "late": 0})
    metrics.review_store("loan-approval", rows=1_000, sampling=1.0)
    metrics.windows_waiting("loan-approval", 48)
    metrics.window_closed("loan-approval", "1h")
    metrics.reported("loan-approval", 2)
    metrics.committed(0.004)
    metrics.store_size(4_096)
    metrics.config("sha256:" + "0" * 64)
    metrics.audit_appended(0.002)
    metrics.audit_published("bank/prod/loans/01K", 9, "A" * 43 + "=")
    metrics.audit_unpublished(2)
    metrics.audit_witness("witness.example", "cosigned")
    metrics.audit_checkpoint_sent("sent")
    metrics.outbox(3, START - 5.0)
    metrics.exporter_delivered("audit", 3, 0.002)
    metrics.exporter_failed("alertmanager")
    metrics.exporter_dropped("alertmanager", "queue_full", 2)
    metrics.exporter_state("alertmanager", waiting=7, failing=True)


def test_the_exposition_is_the_recorded_one() -> None:
    now = exposition()
    if os.environ.get("PANTAU_GOLDEN") == "write":
        GOLDEN.write_bytes(now)
    assert now.decode().splitlines() == GOLDEN.read_text().splitlines()


def test_everything_that_is_declared_is_counted_somewhere() -> None:
    metrics = AgentMetrics("0.0.0")
    everything(metrics)
    metrics.series(1, {"max_series": 1})
    families = list(metrics.registry.collect())
    assert len(families) > 40
    assert [family.name for family in families if not family.samples] == []


def test_a_checkpoint_that_was_not_sent_is_no_telemetry() -> None:
    metrics = AgentMetrics("0.0.0")
    metrics.audit_checkpoint_sent("failed")
    metrics.telemetry_delivered("logs", 3)
    values = metrics.registry.get_sample_value
    assert values("pantau_audit_checkpoints_sent_total", {"outcome": "failed"}) == 1
    assert values("pantau_telemetry_items_delivered_total", {"signal": "logs"}) == 3
    assert values("pantau_telemetry_items_delivered_total", {"signal": "failed"}) is None


@pytest.mark.integration
def test_promtool_is_content_with_it() -> None:
    assert promtool_problems(exposition()) == ""
