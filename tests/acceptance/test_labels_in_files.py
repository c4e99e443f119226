"""`pantau backtest`: labels give the same bytes however they come (contract C9)."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import main
from policies.model import rfc3339
from tests.support.decisions import LABELLED, Row, as_lines, decisions, write_csv, write_lines

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


def output(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    records: list[Row],
    *more: str,
    size: int = 5_000,
    config: str = ONE_FILE,
) -> str:
    write_lines(folder / "live.jsonl", as_lines(records))
    (folder / "pantau.yaml").write_text(config.replace("{size}", str(size)))
    command = ["backtest", "-c", str(folder / "pantau.yaml"), "--output", "json"]
    assert main([*command, "--fail-on", "never", *more]) == 0
    return capsys.readouterr().out


def coverage(text: str) -> list[dict[str, Any]]:
    return [json.loads(line)["coverage"] for line in text.splitlines()]


def test_labels_late_shuffled_twice_or_before_give_the_bytes_of_labels_in_the_event(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = events()
    expected = output(tmp_path, capsys, in_the_event(rows))
    of_all = [json.loads(line) for line in expected.splitlines()]
    assert all(report["final"] for report in of_all)
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
        assert output(tmp_path, capsys, records) == expected, name


def untimed_in(rows: list[Row]) -> list[Row]:
    known = outcomes(rows)
    return [{"id": row["id"], "repaid": known[str(row["id"])]} for row in rows]


def test_labels_of_another_file_are_joined_by_their_own_paths(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = events()
    expected = output(tmp_path, capsys, in_the_event(rows))
    labels = [
        {"application": one["id"], "outcome": one["repaid"], "known_at": one["recorded_at"]}
        for one in later(rows)
    ]
    write_csv(tmp_path / "labels.csv", random.Random(2).sample(labels, len(labels)))
    assert output(tmp_path, capsys, rows, config=TWO_FILES) == expected
    assert output(tmp_path, capsys, rows, config=TWO_FILES, size=7) == expected


def test_the_size_of_batches_does_not_show_in_any_revision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = events()
    records = [one for pair in zip(rows, untimed_in(rows), strict=True) for one in pair]
    records += later(rows[:300])
    expected = output(tmp_path, capsys, records, "--revisions")
    assert {json.loads(line)["revision"] for line in expected.splitlines()} == {0, 1}
    for size in (1, 13, 700):
        assert output(tmp_path, capsys, records, "--revisions", size=size) == expected, size


def test_a_source_of_labels_rejects_records_without_an_id_or_a_label(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = events()
    labels = [{"application": r["id"], "outcome": 1, "known_at": ""} for r in rows[:100]]
    labels += [{"application": "", "outcome": 1, "known_at": ""}] * 3
    labels += [{"application": "e", "outcome": "", "known_at": ""}] * 2
    write_csv(tmp_path / "labels.csv", labels)
    found = coverage(output(tmp_path, capsys, rows, config=TWO_FILES))
    rejected = [c["rejected"] for c in found if c["rejected"]]
    assert {"missing_id": 3, "missing_label": 2} in rejected
    assert sum(c["labelled"] for c in found) == 4 * 100


def test_a_backtest_says_what_became_of_labels_that_do_not_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = events()
    labels = later(rows)
    late = [{**one, "recorded_at": rfc3339(START + 40 * 86_400)} for one in labels[:100]]
    lost = [{**one, "id": f"nobody {i}"} for i, one in enumerate(labels[:7])]
    write_lines(tmp_path / "live.jsonl", as_lines([*rows, *labels[100:], *late, *lost]))
    (tmp_path / "pantau.yaml").write_text(ONE_FILE.replace("{size}", "5000"))
    main(["backtest", "-c", str(tmp_path / "pantau.yaml"), "--fail-on", "never"])
    told = capsys.readouterr()
    why = "recorded before or after their time counts (time.pair_horizon, time.label_horizon)"
    assert f"note: labels: 100 {why}; 7 of ids without an event" in told.err
    assert "nobody" not in told.out + told.err
    pooled = [one for one in told.out.splitlines() if " version *  events " in one]
    assert "  events 30  labelled 0 (0%)  " in pooled[0]
    assert "  labelled 30 (100%)  " in pooled[-3]
