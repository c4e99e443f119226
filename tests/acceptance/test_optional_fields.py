"""`pantau backtest` on an hour as usual and an hour in which everything goes wrong at once.

Every signal that optional fields, outputs and feedback make must move, and by as much as it should.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import main
from policies.model import rfc3339
from tests.support.decisions import Row, as_lines, decisions, write_lines

START = 1_767_225_600  # 2026-01-01T00:00:00Z
HOUR = 3_600
EVERY = 3
PER_HOUR = HOUR // EVERY

CONFIG = """\
systems:
  - id: loans
    event:
      id: id
      time: at
      prediction: approve
      score: score
      latency: {path: took, unit: ms}
      status: http
      human: {decision: human.decision, reviewer: human.by, decided_at: human.at}
      feedback: {path: said, complaint: [complaint, angry]}
      scores: {toxicity: llm.toxic, groundedness: llm.grounded, evaluation: llm.rated}
      refused: llm.refused
      tokens: llm.tokens
      cost: llm.usd
      energy: {path: wh, unit: Wh}
    task: classification
    favourable: 1
    features: {income: numeric, purpose: categorical}
    reference: {data: past.jsonl}
    windows: [1h]
    review: {last: 2025-12-02, cadence_days: 30}
    latency_slo: 0.5
    baselines: {complaint_rate: 25, appeal_rate: 8}
    grid_intensity: {value: 0.5, origin: made up for this test}
collectors:
  - {type: file, path: live.jsonl}
"""


def hour(number: int, *, wrong: bool) -> list[Row]:
    """Return an hour of decisions, each with everything that can come beside it."""
    start = START + number * HOUR
    rows = decisions(PER_HOUR, start=start, every=EVERY, seed=number)
    rng = random.Random(number)
    for i, row in enumerate(rows):
        row |= {
            "score": round(0.45 + 0.1 * rng.random() if wrong else rng.random(), 4),
            "took": (800 if wrong else 100) * (1 + rng.random() / 10),
            "http": 500 if i % 100 < (9 if wrong else 1) else 200,
            "human": {
                "decision": row["approve"] if i % 4 and wrong else int(i % 10 > 2),
                "by": None if wrong and i % 2 else "officer",
                "at": rfc3339(start + i * EVERY + (1 if wrong else 60)),
            },
            "llm": {
                "toxic": 0.9 if i % 50 < (5 if wrong else 1) else 0.01,
                "grounded": 0.4 if wrong else 0.9,
                "rated": 2.0 if wrong else 4.0,
                "refused": i % 100 < (30 if wrong else 2),
                "tokens": 3_000 if wrong else 1_000,
                "usd": 0.03 if wrong else 0.01,
            },
            "wh": 9 if wrong else 3,
        }
        if wrong:
            row["approve"] = int(i % 20 != 0)
            if i % 10 == 0:
                row |= {"income": 900.0, "purpose": "yacht"}
    said = [("complaint", 36 if wrong else 3), ("appeal", 12 if wrong else 1), ("praise", 20)]
    for kind, times in said:
        rows += [
            {"id": f"{kind}-{number}-{k}", "at": rfc3339(start + 7 + k), "said": kind}
            for k in range(times)
        ]
    return sorted(rows, key=lambda row: str(row["at"]))


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return the reports of the hour as usual and of the hour gone wrong."""
    folder = tmp_path_factory.mktemp("loans")
    past = [row for number in (-4, -3, -2) for row in hour(number, wrong=False)]
    write_lines(folder / "past.jsonl", as_lines(past))
    live = [*hour(0, wrong=False), *hour(1, wrong=True)]
    write_lines(folder / "live.jsonl", as_lines(live))
    (folder / "pantau.yaml").write_text(CONFIG)
    return backtest(folder)


def backtest(folder: Path) -> list[dict[str, Any]]:
    """Return the reports on all versions together that a backtest prints."""
    printed = io.TextIOWrapper(io.BytesIO())
    with contextlib.redirect_stdout(printed):
        arguments = ["backtest", "-c", str(folder / "pantau.yaml"), "--output", "json"]
        assert main([*arguments, "--fail-on", "never"]) == 0
    printed.seek(0)
    found = [json.loads(line) for line in printed]
    return [report for report in found if report["model_version"] == "*"]


def test_a_review_beyond_its_own_cadence_is_a_finding_though_young(
    reports: list[dict[str, Any]],
) -> None:
    states = {v["rule"]: (v["state"], v["severity"]) for v in reports[0]["verdicts"]}
    assert states["AC-2"] == ("ok", "info")
    assert states["AC-2-cadence"] == ("warn", "ticket")


def signal(report: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the one signal of a name that is of the system or of an output."""
    (found,) = (s for s in report["signals"] if s["name"] == name)
    assert isinstance(found, dict)
    return found


def near(value: float, relative: float = 0.02) -> Any:
    return pytest.approx(value, rel=relative)


@pytest.mark.parametrize(
    ("name", "usual", "wrong"),
    [
        ("reliability.error_rate", 0.01, 0.09),
        ("oversight.review_seconds", near(60), near(1)),
        ("oversight.reviewed_share", 1.0, 1.0),
        ("oversight.unsure_reviewed_share", 1.0, 1.0),
        ("oversight.unattributed_rate", 0.0, 0.5),
        ("oversight.unmatched_decisions", 0.0, 0.0),
        ("feedback.complaint_rate", near(25.0), near(300.0)),
        ("feedback.appeal_rate", near(1e4 / PER_HOUR), near(100.0)),
        ("feedback.complaint_ratio", near(1.0), near(12.0)),
        ("feedback.appeal_ratio", near(1e4 / PER_HOUR / 8), near(12.5)),
        ("generative.evaluation_score", near(4.0, 1e-6), near(2.0, 1e-6)),
        ("generative.groundedness", near(0.9, 1e-6), near(0.4, 1e-6)),
        ("generative.toxicity_rate", 0.02, 0.1),
        ("generative.refusal_rate", 0.02, 0.3),
        ("generative.tokens_per_prediction", near(1_000, 1e-6), near(3_000, 1e-6)),
        ("generative.cost_per_thousand", near(10, 1e-6), near(30, 1e-6)),
        ("sustainability.energy_per_thousand", near(3, 1e-6), near(9, 1e-6)),
        ("sustainability.carbon_per_thousand", near(1.5, 1e-6), near(4.5, 1e-6)),
        ("governance.review_age_days", near(30 + 1 / 24), near(30 + 2 / 24)),
        ("governance.review_age_ratio", near(1.0014, 1e-3), near(1.0028, 1e-3)),
        (
            "drift.positive_rate_difference",
            pytest.approx(0, abs=0.01),
            pytest.approx(0.25, abs=0.01),
        ),
        ("anomaly.prediction_concentration", near(1.0), near(0.95 / 0.7)),
        ("anomaly.low_confidence_share", pytest.approx(0.2, abs=0.04), 1.0),
        ("anomaly.low_confidence_ratio", pytest.approx(1, abs=0.2), pytest.approx(5, abs=0.4)),
        ("anomaly.outlier_share", pytest.approx(0.004, abs=0.008), pytest.approx(0.1, abs=0.01)),
    ],
)
def test_each_signal_moves_where_it_should(
    reports: list[dict[str, Any]], name: str, usual: Any, wrong: Any
) -> None:
    before, after = (signal(report, name) for report in reports)
    assert (before["status"], after["status"]) == ("ok", "ok")
    assert before["value"] == usual
    assert after["value"] == wrong
    for one in (before, after):
        assert one["low"] <= one["value"] <= one["high"]
    if usual != wrong and not name.startswith("governance"):
        # Moved for certain, not by chance.
        assert before["high"] < after["low"] or after["high"] < before["low"]


def test_latency_and_overrides_move_and_outliers_multiply(reports: list[dict[str, Any]]) -> None:
    before, after = (signal(report, "reliability.latency_p95") for report in reports)
    assert before["value"] == pytest.approx(0.1095, rel=0.02)
    assert after["value"] == pytest.approx(0.876, rel=0.02)
    assert signal(reports[1], "reliability.latency_ratio")["value"] == pytest.approx(
        1.752, rel=0.02
    )
    overrides = [signal(report, "oversight.override_rate") for report in reports]
    assert overrides[0]["n"] == overrides[1]["n"] == PER_HOUR
    assert overrides[0]["value"] != overrides[1]["value"]
    assert signal(reports[1], "anomaly.outlier_ratio")["low"] > 8
    assert signal(reports[0], "anomaly.outlier_ratio")["low"] < 2


def test_feedback_is_no_prediction(reports: list[dict[str, Any]]) -> None:
    for report in reports:
        assert report["coverage"]["events"] == PER_HOUR
        assert report["coverage"]["duplicates"] == 0
        assert signal(report, "quality.duplicate_rate")["value"] == 0


def test_silence_needs_a_clock(reports: list[dict[str, Any]]) -> None:
    assert signal(reports[0], "anomaly.silence")["reason"] == "only_in_run"


def test_nobody_owns_what_stands_open(reports: list[dict[str, Any]], tmp_path: Path) -> None:
    assert standing(reports) == [0, 1]  # that the review is overdue
    live = [row for number in (0, 1, 2) for row in hour(number, wrong=number > 0)]
    write_lines(tmp_path / "past.jsonl", as_lines(hour(-4, wrong=False)))
    write_lines(tmp_path / "live.jsonl", as_lines(live))
    (tmp_path / "pantau.yaml").write_text(CONFIG)
    assert standing(backtest(tmp_path)) == [0, 1, 10]
    owned = CONFIG.replace("  - id: loans\n", "  - id: loans\n    owner: risk@bank.example\n")
    (tmp_path / "pantau.yaml").write_text(owned)
    assert standing(backtest(tmp_path)) == [0, 0, 0]


def standing(reports: list[dict[str, Any]]) -> list[float]:
    return [signal(report, "governance.open_without_owner")["value"] for report in reports]


# Odd streams.


def run_one(folder: Path, rows: list[Row], extra: str = "") -> dict[str, Any]:
    """Return the report of one hour of `rows`."""
    write_lines(folder / "past.jsonl", as_lines(hour(-4, wrong=False)))
    in_order = sorted(rows, key=lambda row: str(row["at"]))
    write_lines(folder / "live.jsonl", as_lines(in_order))
    (folder / "pantau.yaml").write_text(CONFIG + extra)
    (report,) = backtest(folder)
    return report


def verdict(report: dict[str, Any], rule: str) -> dict[str, Any]:
    """Return the one verdict of a rule."""
    (found,) = (v for v in report["verdicts"] if v["rule"] == rule)
    assert isinstance(found, dict)
    return found


def test_unsure_predictions_that_no_human_sees_are_a_breach(tmp_path: Path) -> None:
    rows = hour(0, wrong=False)
    unsure = [row for row in rows if 0.4 <= row.get("score", 0) < 0.6]
    for row in unsure[: len(unsure) // 2]:
        del row["human"]["decision"]
    packs = "policies: {packs: [asean-guide]}\n"
    report = run_one(tmp_path, rows, packs)
    found = signal(report, "oversight.unsure_reviewed_share")
    assert (found["n"], found["value"]) == (len(unsure), pytest.approx(0.5, abs=0.01))
    assert verdict(report, "PF-3-routed")["state"] == "breach"


def test_a_decision_without_its_prediction_is_counted_and_judges_nothing(tmp_path: Path) -> None:
    rows = decisions(PER_HOUR, start=START, every=EVERY)
    later = [
        {"id": row["id"], "at": row["at"], "human": {"decision": 1, "by": "officer"}}
        for row in rows[:40]
    ]
    # The last one comes twice.
    report = run_one(tmp_path, [*rows, *later, later[-1]])
    assert report["coverage"]["events"] == PER_HOUR
    assert (report["coverage"]["duplicates"], report["coverage"]["conflicts"]) == (0, 0)
    assert signal(report, "oversight.unmatched_decisions")["value"] == 40
    for name in ("oversight.override_rate", "oversight.reviewed_share"):
        found = signal(report, name)
        assert (found["status"], found["reason"]) == (
            "insufficient_data",
            "decisions_without_prediction",
        )


def test_a_complaint_about_a_decision_is_no_second_decision(tmp_path: Path) -> None:
    rows = decisions(PER_HOUR, start=START, every=EVERY)
    complaint = {"id": rows[5]["id"], "at": rows[9]["at"], "said": "angry"}
    appeal = {"id": rows[5]["id"], "at": rows[9]["at"], "said": "appeal"}
    nameless = {"at": rows[9]["at"], "said": "complaint"}
    report = run_one(tmp_path, [*rows, complaint, complaint, appeal, nameless, nameless])
    assert report["coverage"]["events"] == PER_HOUR
    assert report["coverage"]["conflicts"] == 0
    # The same complaint once; without an id nobody can tell whether it is the same.
    assert signal(report, "feedback.complaint_rate")["value"] == pytest.approx(3e4 / PER_HOUR)
    assert signal(report, "feedback.appeal_rate")["value"] == pytest.approx(1e4 / PER_HOUR)


def test_a_failed_request_is_an_event_though_it_predicts_nothing(tmp_path: Path) -> None:
    rows = decisions(PER_HOUR, start=START, every=EVERY)
    for row in rows[:120]:
        row |= {"approve": None, "score": None, "http": 503, "human": {"decision": 1}}
    for row in rows[120:]:
        row["http"] = 200
    report = run_one(tmp_path, rows)
    assert report["coverage"]["events"] == PER_HOUR
    assert signal(report, "reliability.error_rate")["value"] == 0.1
    assert signal(report, "oversight.unmatched_decisions")["value"] == 120


def test_values_that_cannot_be_are_told_and_left_out(tmp_path: Path) -> None:
    rows = decisions(PER_HOUR, start=START, every=EVERY)
    odd: list[Any] = [-5, 1e300, "soon", None, [], True]
    for i, row in enumerate(rows):
        row["took"] = odd[i] if i < len(odd) else 100.0
    report = run_one(tmp_path, rows)
    assert report["coverage"]["events"] == PER_HOUR
    latency = signal(report, "reliability.latency_p95")
    # -5 and 1e300 are impossible, two have the wrong type, one is missing; true is 1 ms.
    assert (latency["n"], latency["value"]) == (PER_HOUR - 5, pytest.approx(0.1, rel=1 / 64))
    by_field = {(s["name"], s["subject"].get("output")): s["value"] for s in report["signals"]}
    assert by_field["quality.type_mismatch_rate", "latency"] == pytest.approx(2 / PER_HOUR)
    assert by_field["quality.out_of_range_rate", "latency"] == pytest.approx(2 / (PER_HOUR - 3))


def test_complaints_alone_have_no_rate(tmp_path: Path) -> None:
    said = [{"id": str(i), "at": rfc3339(START + i), "said": "angry"} for i in range(50)]
    one = decisions(1, start=START + 1_000, every=1)
    report = run_one(tmp_path, [*said, *one])
    assert signal(report, "feedback.complaint_rate")["value"] == 50 * 1e4
    assert signal(report, "reliability.latency_p95")["status"] == "insufficient_data"


def test_labels_beside_them_change_nothing_of_the_others(
    reports: list[dict[str, Any]], tmp_path: Path
) -> None:
    past = [row for number in (-4, -3, -2) for row in hour(number, wrong=False)]
    write_lines(tmp_path / "past.jsonl", as_lines(past))
    live = [*hour(0, wrong=False), *hour(1, wrong=True)]
    # Records of labels make batches come in parts.
    for i, row in enumerate([row for row in live if "approve" in row]):
        if i % 3 == 0:
            live.append({"id": row["id"], "at": row["at"], "repaid": i % 2, "said": "angry"})
    live.sort(key=lambda row: str(row["at"]))
    write_lines(tmp_path / "live.jsonl", as_lines(live))
    labelled = CONFIG.replace("      score: score\n", "      score: score\n      label: repaid\n")
    (tmp_path / "pantau.yaml").write_text(labelled)
    families = ("reliability", "oversight", "generative", "sustainability", "feedback", "anomaly")
    again = backtest(tmp_path)
    assert len(again) == len(reports) == 2
    for report, expected in zip(again, reports, strict=True):
        assert report["coverage"]["labelled"] > 0
        found = [s for s in report["signals"] if s["name"].startswith(families)]
        for one, other in zip(
            found, (s for s in expected["signals"] if s["name"].startswith(families)), strict=True
        ):
            # The reference knows labels as well, so it has another digest.
            assert {**one, "reference": None} == {**other, "reference": None}
