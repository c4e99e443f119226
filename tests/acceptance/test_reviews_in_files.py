"""`pantau backtest`: human decisions give the same bytes however they come."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from policies.model import rfc3339
from tests.support.backtests import Backtest, reports
from tests.support.decisions import Row, decisions, write_csv

START = 1_767_225_600  # 2026-01-01T00:00:00Z
N = 1_500

SYSTEM = """\
systems:
  - id: loans
    oversight: human_in_the_loop
    maturity: advanced
    event: {id: id, time: at, prediction: approve, score: score, model_version: version,
            recorded_time: recorded_at,
            human: {decision: human.decision, reviewer: human.by, later: true}}
    task: classification
    favourable: 1
    features: {income: numeric, purpose: categorical}
    windows: [5m, 1h]
policies: {packs: [asean-guide]}
"""
ONE_FILE = SYSTEM + "collectors:\n  - {type: file, path: live.jsonl, batch_size: {size}}\n"
WITHIN = ONE_FILE.replace("later: true", "later: false")
TWO_FILES = (
    WITHIN
    + "  - {type: file, path: reviews.csv, batch_size: {size}, "
    + "reviews: {id: application, decision: verdict, reviewer: officer, recorded_time: known_at}}\n"
)


def events() -> list[Row]:
    rows = decisions(N, start=START, every=10, seed=5, approved=(8, 5))
    rng = random.Random(9)
    for row in rows:
        row["score"] = round(rng.random(), 3)
    for row in rows[700:]:
        row["version"] = "v2"
    return rows


def decided(rows: list[Row]) -> dict[str, dict[str, Any]]:
    """Return what humans decided about four of five of the rows, and who, where somebody is named.

    One in ten decides otherwise.
    """
    rng = random.Random(6)
    found = {}
    for row in rows:
        if rng.random() < 0.8:
            approve = row["approve"] if rng.random() < 0.9 else 1 - row["approve"]
            found[str(row["id"])] = {"decision": approve} | (
                {"by": "officer 7"} if rng.random() < 0.95 else {}
            )
    return found


def in_the_event(rows: list[Row]) -> list[Row]:
    known = decided(rows)
    return [
        {**row, "human": known[str(row["id"])]} if str(row["id"]) in known else row for row in rows
    ]


def later(rows: list[Row], after: int = 40_000) -> list[Row]:
    """Return the decisions as records of their own, with the time of the record."""
    return [
        {
            "id": key,
            "at": rfc3339(START + after + i),
            "human": human,
            "recorded_at": rfc3339(START + after + i),
        }
        for i, (key, human) in enumerate(decided(rows).items())
    ]


@pytest.fixture
def backtest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Backtest:
    return Backtest(tmp_path, capsys, ONE_FILE)


def signal(report: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (s for s in report["signals"] if s["name"] == name)
    assert isinstance(found, dict)
    return found


def on_decisions(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the verdicts that are made from human decisions."""
    return [v for v in report["verdicts"] if any(b["name"] in OVERSIGHT for b in v["because"])]


OVERSIGHT = (
    "oversight.override_rate",
    "oversight.reviewed_share",
    "oversight.unattributed_rate",
    "oversight.unmatched_decisions",
    "oversight.unsure_reviewed_share",
)


def test_decisions_late_shuffled_twice_or_before_give_the_bytes_of_decisions_in_the_event(
    backtest: Backtest,
) -> None:
    rows = events()
    expected = backtest.output(in_the_event(rows))
    for report in reports(expected):
        assert report["final"]
        assert report["coverage"]["orphans"] == {
            "request": 0,
            "response": 0,
            "label": 0,
            "review": 0,
        }
    reviews = later(rows)
    shuffled = random.Random(1).sample(reviews, len(reviews))
    half = {one["id"] for one in reviews[::2]}
    mixed = [
        {k: v for k, v in row.items() if k != "human" or row["id"] not in half}
        for row in in_the_event(rows)
    ]
    for name, records in {
        "late": rows + reviews,
        "shuffled": rows + shuffled,
        "twice": rows + shuffled + reviews,
        "before": shuffled + rows,
        "some in the event": mixed + reviews[::2],
    }.items():
        assert backtest.output(records) == expected, name


def test_joined_decisions_count_like_those_that_were_in_the_record_all_along(
    backtest: Backtest,
) -> None:
    rows = events()
    expected = reports(backtest.output(in_the_event(rows), config=WITHIN))
    found = reports(backtest.output(rows + later(rows)))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for name in OVERSIGHT:
            assert signal(one, name) == signal(other, name)
        assert on_decisions(one) == on_decisions(other)
    pooled = [r for r in found if (r["window"]["length"], r["model_version"]) == ("1h", "*")]
    hours = [signal(report, "oversight.override_rate") for report in pooled]
    known, predicted = decided(rows), {str(r["id"]): r["approve"] for r in rows}
    unlike = sum(h["decision"] != predicted[key] for key, h in known.items())
    assert sum(round(hour["value"] * hour["n"]) for hour in hours) == unlike
    assert sum(hour["n"] for hour in hours) == len(known)


def test_without_late_decisions_nothing_is_joined_and_nothing_said_of_it(
    backtest: Backtest,
) -> None:
    rows = events()
    records = sorted(rows + later(rows[:300], 100), key=lambda row: str(row["at"]))
    found = reports(backtest.output(records, config=WITHIN))
    assert all("review" not in r["coverage"]["orphans"] for r in found)
    pooled = [r for r in found if r["model_version"] == "*"]
    hour = next(r for r in pooled if r["window"]["length"] == "1h")
    assert signal(hour, "oversight.unmatched_decisions")["value"] > 0
    assert "provisional" not in {v["reason"] for r in found for v in r["verdicts"]}


def test_decisions_of_another_file_are_joined_by_their_own_paths(
    backtest: Backtest, tmp_path: Path
) -> None:
    rows = events()
    expected = backtest.output(in_the_event(rows))
    reviews = [
        {
            "application": one["id"],
            "verdict": one["human"]["decision"],
            "officer": one["human"].get("by", ""),
            "known_at": one["recorded_at"],
        }
        for one in later(rows)
    ]
    write_csv(tmp_path / "reviews.csv", random.Random(2).sample(reviews, len(reviews)))
    assert backtest.output(rows, config=TWO_FILES) == expected
    assert backtest.output(rows, config=TWO_FILES, size=7) == expected
    assert "officer 7" not in expected


def test_the_size_of_batches_does_not_show_in_any_revision(backtest: Backtest) -> None:
    rows = events()
    known = decided(rows)
    records: list[Row] = []
    for row in rows:
        records.append(row)
        human = known.get(str(row["id"]))
        if human is not None:
            records.append({"id": row["id"], "at": row["at"], "human": human})
    records += later(rows[:300])
    expected = backtest.output(records, "--revisions")
    assert {r["revision"] for r in reports(expected)} == {0, 1}
    for size in (1, 13, 700):
        assert backtest.output(records, "--revisions", size=size) == expected, size


def test_a_source_of_reviews_rejects_records_without_an_id_or_a_decision(
    backtest: Backtest, tmp_path: Path
) -> None:
    rows = events()
    blank = {"application": "", "verdict": "", "officer": "", "known_at": ""}
    reviews = [{**blank, "application": r["id"], "verdict": 1} for r in rows[:100]]
    reviews += [{**blank, "verdict": 1}] * 3
    reviews += [{**blank, "application": "e"}] * 2
    write_csv(tmp_path / "reviews.csv", reviews)
    found = reports(backtest.output(rows, config=TWO_FILES))
    rejected = [r["coverage"]["rejected"] for r in found if r["coverage"]["rejected"]]
    assert {"missing_id": 3, "missing_decision": 2} in rejected
    assert all(r["coverage"]["complete"] for r in found)
    hours = [r for r in found if (r["window"]["length"], r["model_version"]) == ("1h", "*")]
    assert sum(signal(r, "oversight.override_rate")["n"] for r in hours) == 100


def test_a_backtest_says_what_became_of_decisions_that_do_not_count(backtest: Backtest) -> None:
    rows = events()
    reviews = later(rows)
    late = [{**one, "recorded_at": rfc3339(START + 8 * 86_400)} for one in reviews[:100]]
    lost = [{**one, "id": f"nobody {i}"} for i, one in enumerate(reviews[:7])]
    told, notes = backtest.told([*rows, *reviews[100:], *late, *lost])
    why = "recorded before or after their time counts (time.pair_horizon, time.review_horizon)"
    assert f"note: human decisions: 100 {why}; 7 of ids without an event" in notes
    assert "nobody" not in told + notes


def test_quantities_that_humans_correct_later_are_overrides_like_those_in_the_event(
    backtest: Backtest,
) -> None:
    rng = random.Random(3)
    rows = [{**row, "approve": 100 + rng.random()} for row in events()]
    for row in rows:
        del row["score"]
    config = ONE_FILE.replace("task: classification\n    favourable: 1", "task: regression")
    config = config.replace(" score: score,", "")
    other = [{**one, "human": {"decision": one["human"]["decision"] + 1}} for one in later(rows)]
    half = [other[i] if i % 2 else one for i, one in enumerate(later(rows))]
    known = {one["id"]: one["human"] for one in half}
    within = [{**r, "human": known[r["id"]]} if r["id"] in known else r for r in rows]
    expected = backtest.output(within, config=config)
    shuffled = random.Random(4).sample(half, len(half))
    assert backtest.output(rows + shuffled, config=config) == expected
    hours = [r for r in reports(expected) if r["window"]["length"] == "1h"]
    rates = [signal(r, "oversight.override_rate")["value"] for r in hours]
    assert all(0.4 < rate < 0.75 for rate in rates)
