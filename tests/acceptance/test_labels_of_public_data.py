"""Reference, backtest and report over a modelled public data set with labels, as users run it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, true_positive_rate
from sklearn.metrics import accuracy_score, roc_auc_score

from agent.cli.main import main
from tests.support.public_data import Modelled, modelled

CONFIG = """systems:
  - id: pensions
    event: {id: id, time: at, prediction: eligible, score: score, label: truth}
    task: classification
    features: {}
    favourable: 1
    audit_attributes:
      sex: {lawful_basis: consent, purpose: p, dpia_ref: D, expires: 2099-12-31}
      household: {lawful_basis: consent, purpose: p, dpia_ref: D, expires: 2099-12-31}
    intersections: [[sex, household]]
    reference: {path: ref.json}
    windows: [1d, 7d]
policies: {packs: [asean-guide]}
"""


def write(folder: Path, model: Modelled) -> int:
    """Write a past and a week of decisions with labels; return the row at which the week begins."""
    half = len(model.label) // 2
    for name, rows in (("past", range(half)), ("live", range(half, len(model.label)))):
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(["id", "at", "eligible", "score", "truth", *model.groups])
            for i in rows:
                minutes = 2 * (i - rows[0])
                day, minute = 1 + minutes // 1440, minutes % 1440
                at = f"2026-01-{day:02}T{minute // 60:02}:{minute % 60:02}:00Z"
                groups = [g[i] for g in model.groups.values()]
                score = repr(float(model.score[i]))
                out.writerow([i, at, model.prediction[i], score, model.label[i], *groups])
    (folder / "pantau.yaml").write_text(CONFIG, encoding="utf-8")
    return half


def week(out: str) -> dict[str, Any]:
    """Return the signals of the 7-day window that has most events, by name and subject."""
    reports = [json.loads(line) for line in out.splitlines()]
    mine = [r for r in reports if r["window"]["length"] == "7d" and r["model_version"] == "*"]
    report = max(mine, key=lambda r: r["coverage"]["events"])
    assert report["final"]
    return {f"{s['name']} {' '.join(s['subject'].values())}".strip(): s for s in report["signals"]}


def test_numbers_of_a_week_equal_scikit_learn_and_fairlearn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = modelled("pensions")
    half = write(tmp_path, model)
    config = ["-c", str(tmp_path / "pantau.yaml")]
    past, ref = str(tmp_path / "past.csv"), str(tmp_path / "ref.json")
    assert main(["reference", "build", *config, "--input", past, "-o", ref]) == 0
    assert "sex*household" in json.loads(Path(ref).read_text())["groups"]
    capsys.readouterr()
    live = str(tmp_path / "live.csv")
    assert (
        main(["backtest", *config, "--input", live, "--output", "json", "--fail-on", "never"]) == 0
    )
    found = week(capsys.readouterr().out)
    n = found["performance.accuracy"]["n"]
    # 2026-01-01 is a Thursday, on which weeks of the epoch begin.
    rows = slice(half, half + n)
    assert n > 4000
    assert found["performance.accuracy"]["value"] == pytest.approx(
        accuracy_score(model.label[rows], model.prediction[rows])
    )
    assert found["performance.roc_auc"]["value"] == pytest.approx(
        roc_auc_score(model.label[rows], model.score[rows])
    )
    then = roc_auc_score(model.label[:half], model.score[:half])
    assert found["performance.roc_auc_drop"]["value"] == pytest.approx(
        1 - found["performance.roc_auc"]["value"] / then
    )
    rates = MetricFrame(
        metrics=true_positive_rate,
        y_true=model.label[rows],
        y_pred=model.prediction[rows],
        sensitive_features={name: g[rows] for name, g in model.groups.items()},
    ).by_group
    shown = 0
    for (sex, household), rate in rates.items():
        signal = found.get(
            f"fairness.true_positive_rate sex*household {sex}*{household}", {"status": "absent"}
        )
        if signal["status"] == "ok":
            shown += 1
            assert signal["value"] == pytest.approx(rate)
    assert shown >= 3
    assert found["fairness.representation_gap sex*household"]["status"] == "ok"
    assert not np.isnan([s["value"] for s in found.values() if s["value"] is not None]).any()


def test_a_score_for_the_other_class_gives_the_same_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = modelled("pensions")
    turned = replace(model, score=1 - model.score)
    found = []
    for folder, rows, key in (("plain", model, ""), ("turned", turned, ", score_for: 0")):
        home = tmp_path / folder
        home.mkdir()
        write(home, rows)
        text = (home / "pantau.yaml").read_text(encoding="utf-8")
        text = text.replace("score: score", "score: score" + key)
        text = text.replace("{path: ref.json}", "{data: past.csv}")
        (home / "pantau.yaml").write_text(text, encoding="utf-8")
        options = ["--input", str(home / "live.csv"), "--output", "json", "--fail-on", "never"]
        assert main(["backtest", "-c", str(home / "pantau.yaml"), *options]) == 0
        found.append(week(capsys.readouterr().out))
    plain, other = found
    for name in ("roc_auc", "roc_auc_drop", "brier", "log_loss", "ece", "ece_rise"):
        value = plain[f"performance.{name}"]["value"]
        assert other[f"performance.{name}"]["value"] == pytest.approx(value, abs=1e-3), name
    name = "fairness.calibration_difference sex"
    assert other[name]["value"] == pytest.approx(plain[name]["value"], abs=5e-3)
