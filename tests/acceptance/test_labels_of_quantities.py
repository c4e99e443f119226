"""`pantau backtest` of a regression: labels are quantities, and come later under the same id."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from agent.cli.main import main
from policies.model import rfc3339
from tests.support.decisions import Row, as_lines, write_lines

START = 1_767_225_600  # 2026-01-01T00:00:00Z
N = 720
CONFIG = """\
systems:
  - id: prices
    event: {id: id, time: at, prediction: price, label: paid, recorded_time: known_at}
    task: regression
    features: {size: numeric}
    maturity: advanced
    windows: [1h]
collectors:
  - {type: file, path: live.jsonl, batch_size: 50}
"""


def predictions() -> list[Row]:
    """Return two hours of prices; those of the second hour are far off."""
    rng = random.Random(3)
    return [
        {
            "id": f"p{i}",
            "at": rfc3339(START + i * 10),
            "price": round(rng.gauss(200, 30), 2),
            "size": round(rng.gauss(80, 10), 1),
        }
        for i in range(N)
    ]


def paid(rows: list[Row]) -> dict[str, float]:
    rng = random.Random(4)
    return {
        str(row["id"]): round(float(row["price"]) + rng.gauss(0, 5 if i < N // 2 else 50), 2)
        for i, row in enumerate(rows)
    }


def backtest(
    folder: Path, capsys: pytest.CaptureFixture[str], records: list[Row]
) -> list[dict[str, Any]]:
    write_lines(folder / "live.jsonl", as_lines(records))
    (folder / "pantau.yaml").write_text(CONFIG)
    command = ["backtest", "-c", str(folder / "pantau.yaml"), "--output", "json"]
    assert main([*command, "--fail-on", "never"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def signal(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(s for s in report["signals"] if s["name"] == name)


def test_quantities_that_become_known_later_give_the_errors_of_those_in_the_event(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = predictions()
    known = paid(rows)
    late = [
        {"id": key, "paid": value, "known_at": rfc3339(START + 90_000 + i)}
        for i, (key, value) in enumerate(known.items())
    ]
    wrong = [{**one, "paid": 0, "known_at": rfc3339(START + 80_000)} for one in late[::3]]
    expected = backtest(tmp_path, capsys, [{**r, "paid": known[str(r["id"])]} for r in rows])
    shuffled = random.Random(1).sample(late, len(late))
    assert backtest(tmp_path, capsys, [*rows, *shuffled, *late]) == expected
    # What was corrected before it was due does not show.
    assert backtest(tmp_path, capsys, [*rows, *late, *wrong]) == expected
    assert backtest(tmp_path, capsys, [*rows, *wrong, *late]) == expected

    assert len(expected) == 2
    for report, part in zip(expected, (rows[: N // 2], rows[N // 2 :]), strict=True):
        told = [known[str(r["id"])] for r in part]
        prices = [r["price"] for r in part]
        mae, rmse = signal(report, "performance.mae"), signal(report, "performance.rmse")
        assert mae["n"] == rmse["n"] == report["coverage"]["labelled"] == N // 2
        assert mae["value"] == pytest.approx(mean_absolute_error(told, prices))
        assert rmse["value"] == pytest.approx(root_mean_squared_error(told, prices))
        assert mae["low"] < mae["value"] < mae["high"]
        accuracy = signal(report, "performance.accuracy")
        assert (accuracy["value"], accuracy["status"]) == (None, "insufficient_data")
        assert accuracy["reason"] == "not_applicable: predictions are quantities"


def test_a_label_that_is_no_quantity_is_missing_and_an_endless_one_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = predictions()[: N // 2]
    known = paid(rows)
    odd: list[Any] = ["dear", None, "", [], "NaN"]
    some = [{**r, "paid": odd[i] if i < 5 else known[str(r["id"])]} for i, r in enumerate(rows)]
    (report,) = backtest(tmp_path, capsys, some)
    assert report["coverage"]["labelled"] == N // 2 - 5
    assert signal(report, "performance.mae")["n"] == N // 2 - 5
    some[0]["paid"] = float("inf")
    (report,) = backtest(tmp_path, capsys, some)
    mae = signal(report, "performance.mae")
    assert (mae["value"], mae["reason"]) == (None, "infinite_values")
