"""Human decisions on a clock that tests move: provisional, restated, mature, beside labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.dedup import DedupIndex
from agent.labels.kinds import REVIEWS
from agent.labels.room import Waiting
from agent.labels.state import temporary
from agent.layout import build_layout
from agent.persist import collect, restore
from agent.signals.label_based import REVIEW_BASED
from agent.signals.table import label_based
from agent.store import Changes, Store
from collectors.schema import ExtraField
from policies.model import Report, Verdict
from tests.acceptance.scenario import Scenario, label_settings
from tests.acceptance.test_audit_replay import logged, of_replay
from tests.acceptance.test_labels import labels
from tests.acceptance.waiting import DAY, HORIZON, HOUR, START, matured, move, of_hour
from tests.support.events import SCHEMA


def scene(*, label_horizon: int | None = None, **changes: Any) -> Scenario:
    """Return a system whose reviews come within two days, with labels if they have a horizon."""
    scenario = Scenario(START, now=START + 30 * DAY)
    schema = msgspec.structs.replace(
        SCHEMA,
        extra={
            "human.decision": ExtraField("decision"),
            "human.reviewer": ExtraField("by"),
            "feedback": ExtraField("said"),
        },
    )
    layout = build_layout(schema, favourable=("1",))
    labelled = {**changes, "attributes": layout.attributes, "horizon": label_horizon or 1}
    scenario.with_labels(**labelled)
    known = scenario.state.labels if label_horizon else None
    scenario.state.labels = known
    scenario.plan = replace(
        scenario.plan,
        schema=schema,
        layout=layout,
        labels=scenario.plan.labels if label_horizon else None,
        reviews=label_settings(**{"kind": REVIEWS, "horizon": HORIZON, **changes}),
    )
    room = None if known is None else known.room
    scenario.state.reviews = temporary("loans", 60, kind=REVIEWS, room=room)
    return scenario


def events(n: int = 240, every: int = 15, **more: Any) -> list[dict[str, Any]]:
    """Return an hour of decisions, seven of ten favourable, one in three unsure."""
    return [
        {
            "time": START + i * every,
            "id": f"e{i}",
            "approve": str(int(i % 10 < 7)),
            "score": 0.5 if i % 3 == 0 else 0.9,
            "gender": "mf"[i % 2],
            **more,
        }
        for i in range(n)
    ]


def review(i: int, value: int | None = None, at: float = START + DAY) -> dict[str, Any]:
    """Return what a human decided, as a record of its own."""
    right = int(i % 10 < 7) if value is None else value
    return {"id": f"e{i}", "time": at, "decision": str(right), "by": "officer 7"}


def reviews(n: int = 240, at: float = START + DAY) -> list[dict[str, Any]]:
    return [review(i, at=at) for i in range(n)]


def value(report: Report, name: str) -> float | None:
    return next(s.value for s in report.signals if s.name == f"oversight.{name}")


def on_reviews(report: Report) -> list[Verdict]:
    """Return the verdicts that are made from human decisions."""
    return [v for v in report.verdicts if any(b.name in REVIEW_BASED for b in v.because)]


def made(verdict: Verdict) -> set[str]:
    """Return the names of the signals that a verdict is made from."""
    return {pointer.name for pointer in verdict.because}


def orphans(report: Report) -> object:
    return report.coverage.orphans.review


def test_a_window_is_provisional_until_its_reviews_are_due_and_then_decided_once() -> None:
    scenario = scene()
    scenario.push(events())
    first = of_hour(move(scenario, START + HOUR))
    assert [(r.revision, r.final) for r in first] == [(0, False)]
    assert {v.reason for v in on_reviews(first[0])} == {"provisional"}
    assert of_hour(scenario.push(reviews())) == []
    assert of_hour(move(scenario, START + HORIZON + HOUR - 60)) == []
    mature = of_hour(move(scenario, START + HORIZON + HOUR))
    assert [(r.revision, r.final) for r in mature] == [(1, True)]
    assert (value(mature[0], "reviewed_share"), value(mature[0], "override_rate")) == (1.0, 0.0)
    assert "provisional" not in {v.reason for v in on_reviews(mature[0])}
    routed = next(v for v in mature[0].verdicts if v.rule == "HO-1-reviewed")
    assert routed.state != "breach"
    # What does not hang on reviews is as it was said.
    others = [[s for s in r.signals if s.name not in REVIEW_BASED] for r in (first[0], mature[0])]
    assert others[0] == others[1]
    assert of_hour(move(scenario, START + HORIZON + 5 * HOUR)) == []


def test_who_reviews_nothing_breaches_when_the_reviews_are_due_and_not_before() -> None:
    scenario = scene()
    for hour in range(37):
        rows = [{**r, "time": r["time"] + hour * HOUR, "id": f"{hour}-{r['id']}"} for r in events()]
        scenario.push(rows)
        scenario.push([{**review(i), "id": f"{hour}-e{i}"} for i in range(120)])

    def told() -> set[str]:
        raised = {a.labels["rule"] for a in scenario.alerts if a.labels["alertname"] != ""}
        return raised & {"HO-1-reviewed"}

    move(scenario, START + 38 * HOUR)
    assert told() == set()
    reports = move(scenario, START + HORIZON + 40 * HOUR)
    states = {v.state for r in reports for v in r.verdicts if v.rule == "HO-1-reviewed"}
    assert "breach" in states
    assert "ok" not in states
    assert told() == {"HO-1-reviewed"}


def test_restatements_come_once_an_hour_and_only_if_something_changed() -> None:
    scenario = scene()
    scenario.push(events())
    move(scenario, START + HOUR)
    scenario.push(reviews(60))
    assert of_hour(scenario.wait(HOUR - 60)) == []
    again = of_hour(scenario.wait(120))
    assert [(r.revision, r.final, value(r, "reviewed_share")) for r in again] == [(1, False, 0.25)]
    scenario.push(reviews(60))
    assert of_hour(scenario.wait(2 * HOUR)) == []
    scenario.push(reviews(90))
    scenario.push(reviews(120))
    again = of_hour(scenario.wait(2 * HOUR))
    assert [(r.revision, value(r, "reviewed_share")) for r in again] == [(2, 0.5)]
    mature = of_hour(move(scenario, START + HORIZON + HOUR))
    assert [(r.revision, r.final) for r in mature] == [(3, True)]


def mature_after(*steps: Sequence[dict[str, Any]], **changes: Any) -> Report:
    """Return the final report of the first hour after these batches."""
    return matured(scene(**changes), *steps)


def test_two_decisions_that_differ_the_later_recorded_then_the_later_read_holds() -> None:
    rows = events()
    early, late = START + DAY, START + DAY + 60
    other = [review(i, 1 - int(i % 10 < 7), early) for i in range(240)]
    same = reviews(at=late)
    for steps, overridden in (
        ((rows, other, same), 0.0),
        ((rows, same, other), 0.0),
        ((rows, other, reviews(at=early)), 0.0),
        ((rows, reviews(at=early), other), 1.0),
        ((other, same, rows), 0.0),
    ):
        assert value(mature_after(*steps), "override_rate") == overridden


def test_a_later_decision_holds_over_the_one_in_the_event() -> None:
    rows = [{**r, "decision": r["approve"], "by": "officer 7"} for r in events()]
    changed = [{**review(i, 0), "by": None} for i in range(100)]
    report = mature_after(rows, changed)
    assert value(report, "override_rate") == 70 / 240
    assert value(report, "unattributed_rate") == 100 / 240
    assert value(report, "unsure_reviewed_share") is None  # 80 of them are too few
    assert value(mature_after(rows), "override_rate") == 0.0


def test_unsure_predictions_count_as_reviewed_when_the_review_comes_later() -> None:
    rows = [{**row, "score": 0.5} for row in events()]
    report = mature_after(rows, reviews(180))
    assert value(report, "unsure_reviewed_share") == 0.75
    assert value(report, "unmatched_decisions") == 0.0


def test_a_prediction_without_an_id_counts_as_one_that_nobody_decided_about() -> None:
    rows = [{**row, "score": 0.5} for row in events()]
    nameless = [{k: v for k, v in row.items() if k != "id"} for row in rows[:60]]
    report = mature_after(nameless + rows[60:], reviews())
    assert value(report, "reviewed_share") == 180 / 240
    assert value(report, "unsure_reviewed_share") == 180 / 240


def test_a_decision_for_an_unknown_id_is_an_orphan_of_the_window_of_its_time() -> None:
    unknown = [
        {"id": f"x{i}", "decision": "1", "by": "officer 7", "time": START + 60 * i}
        for i in range(7)
    ]
    report = mature_after(events(), unknown, unknown, reviews())
    assert (orphans(report), report.coverage.orphans.label) == (7, 0)
    assert value(report, "reviewed_share") == 1.0
    assert orphans(mature_after(unknown, events(), reviews())) == 7


def test_a_decision_without_an_id_is_joined_to_nothing_and_widens_what_may_be() -> None:
    lone = [{"time": START + HOUR - 60, "decision": "1", "by": "officer 7"}]
    report = mature_after(events(), reviews(120), lone)
    assert value(report, "unmatched_decisions") == 1.0
    assert orphans(report) == 0


def test_a_decision_recorded_after_its_horizon_does_not_count() -> None:
    scenario = scene()
    scenario.push(events())
    scenario.push(reviews(at=START + HORIZON + 2 * HOUR))
    report = of_hour(move(scenario, START + HORIZON + 13 * HOUR))[-1]
    assert value(report, "reviewed_share") == 0.0


def test_a_review_is_no_event_and_moves_no_window() -> None:
    scenario = scene()
    scenario.push(events())
    assert scenario.push(reviews(at=START + 5 * DAY)) == []
    report = of_hour(move(scenario, START + HOUR))[0]
    assert (report.coverage.events, report.coverage.late_dropped) == (240, 0)


def test_feedback_in_the_record_of_a_review_counts_at_its_own_time() -> None:
    scenario = scene()
    scenario.push(events())
    said = [{**review(i, at=START + HOUR - 60), "said": "complaint"} for i in range(3)]
    scenario.push(said)
    report = of_hour(move(scenario, START + HOUR))[0]
    rate = next(s for s in report.signals if s.name == "feedback.complaint_rate")
    assert rate.value == pytest.approx(10_000 * 3 / 240)
    assert value(report, "reviewed_share") == 3 / 240
    assert value(report, "unmatched_decisions") == 0.0


@pytest.mark.parametrize("label_horizon", [DAY, 4 * DAY])
def test_labels_and_reviews_are_each_decided_once_at_their_own_horizon(
    label_horizon: int, tmp_path: Path
) -> None:
    scenario = scene(label_horizon=label_horizon)
    reports = scenario.push(events())
    reports += move(scenario, START + HOUR)
    scenario.push(labels(recorded=START + 2 * HOUR))
    scenario.push(reviews(at=START + 2 * HOUR))
    first, second = sorted((label_horizon, HORIZON))
    early = label_based() if label_horizon < HORIZON else REVIEW_BASED
    late = REVIEW_BASED if label_horizon < HORIZON else label_based()
    one = move(scenario, START + HOUR + first)
    assert [(r.revision, r.final) for r in of_hour(one)] == [(1, False)]
    waiting = {
        name for v in of_hour(one)[0].verdicts if v.reason == "provisional" for name in made(v)
    }
    assert waiting
    assert waiting <= late
    # What was decided stays so, whatever still comes.
    scenario.push([{"id": f"e{i}", "label": "0", "recorded": START + 3 * HOUR} for i in range(99)])
    scenario.push([review(i, 0, at=START + 3 * HOUR) for i in range(99)])
    two = scenario.wait(2 * HOUR)
    assert [(r.revision, r.final) for r in of_hour(two)] == [(2, False)]
    three = move(scenario, START + HOUR + second)
    assert [(r.revision, r.final) for r in of_hour(three)] == [(3, True)]
    assert "provisional" not in {v.reason for v in of_hour(three)[0].verdicts}
    for names, same in ((early, True), (late, False)):
        said = [[s for s in of_hour(r)[0].signals if s.name in names] for r in (one, three)]
        assert (said[0] == said[1]) is same
    judged = [[v for v in of_hour(r)[0].verdicts if made(v) & early] for r in (one, three)]
    assert judged[0] == judged[1]
    reports += [*one, *two, *three, *scenario.finish()]
    found = logged(tmp_path, scenario.plan.policy, reports)
    assert of_replay(found) == []


def test_windows_that_waited_for_reviews_can_be_judged_again_from_the_log(tmp_path: Path) -> None:
    scenario = scene()
    reports = scenario.push(events())
    reports += move(scenario, START + HOUR)
    scenario.push(reviews(100))
    reports += scenario.wait(2 * HOUR)
    scenario.push(reviews(200))
    reports += move(scenario, START + 13 * HOUR + HORIZON)
    reports += scenario.finish()
    waited = [v for r in reports for v in r.verdicts if v.reason == "provisional"]
    assert waited
    found = logged(tmp_path, scenario.plan.policy, reports)
    assert of_replay(found) == []
    records = (tmp_path / "audit").rglob("*")
    assert not any(b"officer" in r.read_bytes() for r in records if r.is_file())


def test_beyond_the_bound_a_sample_of_the_predictions_is_kept_and_told() -> None:
    rows = events(2_000, every=1)
    report = mature_after(rows, reviews(2_000), max_pending=500)
    assert 0 < report.coverage.sampling < 1
    share = next(s for s in report.signals if s.name == "oversight.reviewed_share")
    assert share.value == 1.0
    assert share.n is not None
    assert share.n <= 500


def test_a_report_says_nothing_of_reviews_where_none_can_come_later() -> None:
    scenario = Scenario(START, now=START + 30 * DAY)
    scenario.push(events())
    report = of_hour(move(scenario, START + HOUR))[0]
    assert "review" not in json.loads(msgspec.json.encode(report.coverage))["orphans"]
    assert report.judging is not None
    assert "reviews" not in msgspec.to_builtins(report.judging)


def test_windows_that_waited_before_there_were_reviews_wait_for_labels_alone() -> None:
    older = msgspec.msgpack.encode((START + HOUR, 2, 5.0, True, False))
    assert msgspec.msgpack.decode(older, type=Waiting).awaits == ("labels",)


@pytest.mark.parametrize("label_horizon", [None, 4 * DAY])
def test_windows_no_longer_wait_for_what_is_no_longer_configured(
    tmp_path: Path, label_horizon: int | None
) -> None:
    scenario = scene(label_horizon=4 * DAY)
    plan, index = scenario.plan, DedupIndex(600, 1_000)
    store = Store(tmp_path / "store")
    scenario.state = restore(store, "loans", plan.layout, index, plan.labels, plan.reviews)
    scenario.push(events())
    assert len(of_hour(move(scenario, START + HOUR))) == 1
    changes = Changes()
    collect("loans", plan.layout, scenario.state, changes)
    store.commit(changes)
    store.close()
    store = Store(tmp_path / "store")
    labels_too = plan.labels if label_horizon else None
    reviews = None if label_horizon else plan.reviews
    scenario.plan = replace(plan, labels=labels_too, reviews=reviews)
    scenario.state = restore(store, "loans", plan.layout, index, labels_too, reviews)
    later = of_hour(move(scenario, START + HOUR + (4 * DAY if label_horizon else HORIZON)))
    store.close()
    assert [(r.revision, r.final) for r in later] == [(1, True)]
