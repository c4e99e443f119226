"""What counts as an event, of which version, judged how: the contract's words at their edges."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import main
from tests.support.decisions import SYSTEM, Row, as_lines, decisions, write_csv, write_lines

START = 1_767_225_600  # 2026-01-01T00:00:00Z

Reports = list[dict[str, Any]]


def backtest(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    rows: Sequence[Row],
    *,
    system: str = SYSTEM,
    more: str = "",
    csv: bool = False,
) -> Reports:
    """Return the reports on `rows` in windows of a day."""
    path = folder / ("live.csv" if csv else "live.jsonl")
    if csv:
        write_csv(path, rows)
    else:
        write_lines(path, as_lines(rows))
    config = folder / "pantau.yaml"
    config.write_text(system + f"    windows: [1d]\n{more}")
    command = ["backtest", "-c", str(config), "--input", str(path)]
    assert main([*command, "--output", "json", "--fail-on", "never"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_version_called_like_the_pool_counts_in_the_pool_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = decisions(100, start=START, every=60)
    for row in rows[::2]:
        row["version"] = "*"
    reports = backtest(tmp_path, capsys, rows)
    events = {report["model_version"]: report["coverage"]["events"] for report in reports}
    assert events == {"v1": 50, "*": 100}


def test_a_label_without_any_mapped_prediction_is_a_field_of_an_event(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = decisions(50, start=START, every=60)
    for row in rows:
        row["label"] = row.pop("approve")
        del row["score"]
    system = SYSTEM.replace("prediction: approve, score: score,", "label: label,")
    [_, pooled] = backtest(tmp_path, capsys, rows, system=system)
    assert pooled["coverage"]["events"] == 50


def test_a_record_with_a_label_and_no_prediction_is_no_event(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = decisions(50, start=START, every=60)
    labels = [{"id": row["id"], "at": row["at"], "repaid": 1} for row in rows]
    system = SYSTEM.replace("score: score,", "score: score, label: repaid,")
    [_, pooled] = backtest(tmp_path, capsys, [*rows, *labels], system=system)
    assert (pooled["coverage"]["events"], pooled["coverage"]["duplicates"]) == (50, 0)


def test_a_predicted_quantity_has_no_favourable_value_and_never_reads_as_fair(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = decisions(600, start=START, every=60)
    for row in rows:
        row["approve"] = row["income"]
    system = SYSTEM.replace("task: classification", "task: regression")
    [report, _] = backtest(tmp_path, capsys, rows, system=system)
    fair = [s for s in report["signals"] if s["name"].startswith("fairness.")]
    assert {s["status"] for s in fair} == {"insufficient_data", "no_reference"}
    decided = ("selection_rate", "statistical_parity_difference", "disparate_impact_ratio")
    rates = [s for s in fair if s["name"].removeprefix("fairness.") in decided]
    assert {s["reason"] for s in rates} == {
        "not_configured: favourable needs predictions that are classes"
    }
    fairness = [v["state"] for v in report["verdicts"] if v["principle"] == "P2"]
    assert set(fairness) == {"not_assessable"}


def test_nan_in_a_csv_is_no_event_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = decisions(60, start=START, every=60)
    for row in rows[::2]:
        row["id"] = "NaN"
    [_, pooled] = backtest(tmp_path, capsys, rows, csv=True)
    assert (pooled["coverage"]["events"], pooled["coverage"]["duplicates"]) == (60, 0)


def test_another_input_than_the_configured_file_goes_by_its_extension(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = "collectors:\n  - {type: file, path: live.txt, format: jsonl}\n"
    [_, pooled] = backtest(
        tmp_path, capsys, decisions(40, start=START, every=60), more=more, csv=True
    )
    assert pooled["coverage"]["events"] == 40


def test_of_several_files_of_a_system_none_is_left_out_silently(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "pantau.yaml"
    config.write_text(
        SYSTEM
        + "collectors:\n  - {type: file, path: a.jsonl, name: a}\n"
        + "  - {type: file, path: b.jsonl, name: b}\n"
    )
    assert main(["backtest", "-c", str(config), "--output", "json"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "several files" in printed.err
    assert "--input" in printed.err


def test_a_reference_does_not_depend_on_the_order_of_conflicting_rows(tmp_path: Path) -> None:
    rows = decisions(300, start=START, every=60)
    # Later, at the same time, and earlier than the row whose id they bear.
    for i, step in ((10, 5), (20, 0), (30, -5)):
        rows.append({**rows[i + step], "id": rows[i]["id"], "income": 1_000.0 + i})
    config = tmp_path / "pantau.yaml"
    config.write_text(SYSTEM)
    profiles = []
    for name, ordered in (("a", rows), ("b", rows[::-1])):
        path = write_lines(tmp_path / f"{name}.jsonl", as_lines(ordered))
        profile = tmp_path / f"{name}.json"
        command = ["reference", "build", "-c", str(config), "--input", str(path)]
        assert main([*command, "-o", str(profile)]) == 0
        profiles.append(profile.read_bytes())
    assert profiles[0] == profiles[1]


@pytest.mark.parametrize(("favourable", "states"), [("1", {"ok"}), ("yes", {"not_assessable"})])
def test_a_favourable_value_that_nobody_predicts_never_reads_as_fair(
    favourable: str,
    states: set[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = decisions(4_000, start=START, every=20, approved=(5, 5))
    write_lines(tmp_path / "past.jsonl", as_lines(rows))
    system = SYSTEM.replace("favourable: 1", f"favourable: '{favourable}'")
    system += "    reference: {data: past.jsonl}\n"
    [report, _] = backtest(tmp_path, capsys, rows, system=system)
    assert {v["state"] for v in report["verdicts"] if v["rule"] == "FA-1"} == states
