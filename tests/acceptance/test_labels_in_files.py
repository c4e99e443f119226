"""`pantau backtest`: labels give the same bytes however they come (contract C9)."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from policies.model import rfc3339
from tests.support.backtests import Backtest, reports
from tests.support.decisions import LABELLED, Row, decisions, write_csv

START = 1_767_225_600  # 2026-01-01T00:00:00Z
N = 1_500

SYSTEM = LABELLED + "    windows: [5m, 1h]\n"
ONE_FILE = SYSTEM + "collectors:\n  - {type: file, path: live.jsonl, batch_size: {size}}\n"
TWO_FILES = (
    ONE_FILE
    + "  - {type: file, path: labels.csv, batch_size: {size}, "
    + "labels: {id: application, label: outcome, recorded_time: known_at}}\n"
)


def events() -> list[Row]:
    rows = decisions(N, start=START, every=10, seed=5, approved=(8, 5))
    for row in rows[700:]:
        row["version"] = "v2"
    return rows


def outcomes(rows: list[Row]) -> dict[str, int]:
    rng = random.Random(6)
    return {str(r["id"]): int(rng.random() < (0.8 if r["approve"] else 0.3)) for r in rows}


def in_the_event(rows: list[Row]) -> list[Row]:
    known = outcomes(rows)
    return [{**row, "repaid": known[str(row["id"])]} for row in rows]


def later(rows: list[Row], after: int = 40_000) -> list[Row]:
    """Return the labels as records of their own."""
    return [
        {"id": key, "repaid": value, "recorded_at": rfc3339(START + after + i)}
        for i, (key, value) in enumerate(outcomes(rows).items())
    ]


@pytest.fixture
def backtest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Backtest:
    return Backtest(tmp_path, capsys, ONE_FILE)


def coverage(text: str) -> list[dict[str, Any]]:
    return [report["coverage"] for report in reports(text)]


def test_labels_late_shuffled_twice_or_before_give_the_bytes_of_labels_in_the_event(
    backtest: Backtest,
) -> None:
    rows = events()
    expected = backtest.output(in_the_event(rows))
    assert all(report["final"] for report in reports(expected))
    assert sum(c["labelled"] for c in coverage(expected)) == 4 * N  # two lengths, and by version
    assert all(c["label_coverage"] == 1.0 and c["sampling"] == 1.0 for c in coverage(expected))

    labels = later(rows)
    shuffled = random.Random(1).sample(labels, len(labels))
    untimed = [{"id": one["id"], "repaid": one["repaid"]} for one in shuffled]
    between = [one for pair in zip(rows, untimed_in(rows), strict=True) for one in pair]
    for name, records in {
        "late": rows + labels,
        "shuffled": rows + shuffled,
        "twice": rows + shuffled + labels,
        "without a time": rows + untimed,
        "between": between,
        "before": untimed + rows,
    }.items():
        assert backtest.output(records) == expected, name


def untimed_in(rows: list[Row]) -> list[Row]:
    known = outcomes(rows)
    return [{"id": row["id"], "repaid": known[str(row["id"])]} for row in rows]


def test_labels_of_another_file_are_joined_by_their_own_paths(
    backtest: Backtest, tmp_path: Path
) -> None:
    rows = events()
    expected = backtest.output(in_the_event(rows))
    labels = [
        {"application": one["id"], "outcome": one["repaid"], "known_at": one["recorded_at"]}
        for one in later(rows)
    ]
    write_csv(tmp_path / "labels.csv", random.Random(2).sample(labels, len(labels)))
    assert backtest.output(rows, config=TWO_FILES) == expected
    assert backtest.output(rows, config=TWO_FILES, size=7) == expected


def test_the_size_of_batches_does_not_show_in_any_revision(backtest: Backtest) -> None:
    rows = events()
    records = [one for pair in zip(rows, untimed_in(rows), strict=True) for one in pair]
    records += later(rows[:300])
    expected = backtest.output(records, "--revisions")
    assert {r["revision"] for r in reports(expected)} == {0, 1}
    for size in (1, 13, 700):
        assert backtest.output(records, "--revisions", size=size) == expected, size


def test_a_source_of_labels_rejects_records_without_an_id_or_a_label(
    backtest: Backtest, tmp_path: Path
) -> None:
    rows = events()
    labels = [{"application": r["id"], "outcome": 1, "known_at": ""} for r in rows[:100]]
    labels += [{"application": "", "outcome": 1, "known_at": ""}] * 3
    labels += [{"application": "e", "outcome": "", "known_at": ""}] * 2
    write_csv(tmp_path / "labels.csv", labels)
    found = coverage(backtest.output(rows, config=TWO_FILES))
    rejected = [c["rejected"] for c in found if c["rejected"]]
    assert {"missing_id": 3, "missing_label": 2} in rejected
    assert sum(c["labelled"] for c in found) == 4 * 100


def test_a_backtest_says_what_became_of_labels_that_do_not_count(backtest: Backtest) -> None:
    rows = events()
    labels = later(rows)
    late = [{**one, "recorded_at": rfc3339(START + 40 * 86_400)} for one in labels[:100]]
    lost = [{**one, "id": f"nobody {i}"} for i, one in enumerate(labels[:7])]
    told, notes = backtest.told([*rows, *labels[100:], *late, *lost])
    why = "recorded before or after their time counts (time.pair_horizon, time.label_horizon)"
    assert f"note: labels: 100 {why}; 7 of ids without an event" in notes
    assert "nobody" not in told + notes
    pooled = [one for one in told.splitlines() if " version *  events " in one]
    assert "  events 30  labelled 0 (0%)  " in pooled[0]
    assert "  labelled 30 (100%)  " in pooled[-3]
