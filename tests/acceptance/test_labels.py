"""Labels on a clock that tests move: provisional, restated, mature; and what comes at odds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from agent.labels.state import AWAITED_FOR
from agent.signals.table import label_based
from agent.system import observe_status
from collectors.base import SourceStatus
from policies.model import Alert, Report, Verdict, Window
from tests.acceptance.scenario import Scenario
from tests.acceptance.waiting import DAY, HORIZON, HOUR, START, matured, move, of_hour


def scene(**changes: Any) -> Scenario:
    """Return a system with labels, windows of 1h and 12h, and a label horizon of two days."""
    scenario = Scenario(START, now=START + 30 * DAY)
    scenario.with_labels(**{"horizon": HORIZON, **changes})
    return scenario


def events(n: int = 240, every: int = 15, **more: Any) -> list[dict[str, Any]]:
    """Return an hour of decisions, seven of ten favourable."""
    return [
        {
            "time": START + i * every,
            "id": f"e{i}",
            "approve": str(int(i % 10 < 7)),
            "gender": "mf"[i % 2],
            **more,
        }
        for i in range(n)
    ]


def label(i: int, value: int | None = None, recorded: float | None = None) -> dict[str, Any]:
    right = int(i % 10 < 7) if value is None else value
    return {"id": f"e{i}", "label": str(right), "recorded": recorded}


def labels(n: int = 240, recorded: float | None = START + DAY) -> list[dict[str, Any]]:
    return [label(i, recorded=recorded) for i in range(n)]


def on_labels(report: Report) -> list[Verdict]:
    """Return the verdicts that are made from labels."""
    return [v for v in report.verdicts if any(b.name in label_based() for b in v.because)]


def value(report: Report, name: str = "performance.accuracy") -> float | None:
    return next(s.value for s in report.signals if s.name == name and s.subject == {})


def test_a_window_is_provisional_until_its_labels_are_due_and_then_decided_once() -> None:
    scenario = scene()
    scenario.push(events())
    first = of_hour(move(scenario, START + HOUR))
    assert [(r.revision, r.final, r.coverage.label_coverage) for r in first] == [(0, False, 0.0)]
    assert {v.reason for v in on_labels(first[0])} == {"provisional"}
    assert of_hour(scenario.push(labels())) == []
    assert of_hour(move(scenario, START + HORIZON + HOUR - 60)) == []
    mature = of_hour(move(scenario, START + HORIZON + HOUR))
    assert [(r.revision, r.final, r.coverage.label_coverage) for r in mature] == [(1, True, 1.0)]
    assert value(mature[0]) == 1.0
    assert "provisional" not in {v.reason for v in on_labels(mature[0])}
    # What does not hang on labels is as it was said.
    names = {s.name for s in first[0].signals}
    assert names == {s.name for s in mature[0].signals}
    assert {v.rule for v in first[0].verdicts} == {v.rule for v in mature[0].verdicts}
    assert of_hour(move(scenario, START + HORIZON + 5 * HOUR)) == []


def test_restatements_come_once_an_hour_and_only_if_something_changed() -> None:
    scenario = scene()
    scenario.push(events())
    move(scenario, START + HOUR)
    scenario.push(labels(100))
    assert of_hour(scenario.wait(HOUR - 60)) == []
    again = of_hour(scenario.wait(120))
    assert [(r.revision, r.final, r.coverage.labelled) for r in again] == [(1, False, 100)]
    scenario.push(labels(100))
    assert of_hour(scenario.wait(2 * HOUR)) == []
    scenario.push(labels(120))
    scenario.push(labels(150))
    again = of_hour(scenario.wait(2 * HOUR))
    assert [(r.revision, r.coverage.labelled) for r in again] == [(2, 150)]
    mature = of_hour(move(scenario, START + HORIZON + HOUR))
    assert [(r.revision, r.final) for r in mature] == [(3, True)]


def mature_after(*steps: Sequence[Mapping[str, Any]], **changes: Any) -> Report:
    """Return the final report of the first hour after these batches."""
    return matured(scene(**changes), *steps)


def test_two_labels_that_disagree_the_later_recorded_then_the_later_read_holds() -> None:
    rows = events()
    early, late = START + DAY, START + DAY + 60
    wrong = [label(i, 1 - int(i % 10 < 7), early) for i in range(240)]
    right = [label(i, recorded=late) for i in range(240)]
    assert value(mature_after(rows, wrong, right)) == 1.0
    assert value(mature_after(rows, right, wrong)) == 1.0
    same = [label(i, recorded=early) for i in range(240)]
    assert value(mature_after(rows, wrong, same)) == 1.0
    assert value(mature_after(rows, same, wrong)) == 0.0


def test_a_label_recorded_after_its_horizon_does_not_count() -> None:
    rows = events()
    late = [label(i, recorded=START + HORIZON + 2 * HOUR) for i in range(240)]
    scenario = scene()
    scenario.push(rows)
    scenario.push(late)
    assert scenario.label_outcomes["late"] == 240
    report = of_hour(move(scenario, START + HORIZON + 13 * HOUR))[-1]
    assert report.coverage.labelled == 0
    # One that was recorded before still counts, whichever is read first.
    assert mature_after(rows, late, labels()).coverage.labelled == 240
    assert mature_after(rows, labels(), late).coverage.labelled == 240


def test_a_label_for_an_unknown_id_is_an_orphan_of_the_window_of_its_time() -> None:
    unknown = [{"id": f"x{i}", "label": "1", "recorded": START + 60 * i} for i in range(7)]
    report = mature_after(events(), unknown, unknown, labels())
    assert report.coverage.orphans.label == 7
    assert report.coverage.labelled == 240
    assert mature_after(unknown, events(), labels()).coverage.orphans.label == 7


def test_a_label_before_its_prediction_waits_for_it() -> None:
    rows = events()
    ahead = [label(i, recorded=row["time"]) for i, row in enumerate(rows)]
    report = mature_after(ahead, rows)
    assert (report.coverage.labelled, report.coverage.orphans.label) == (240, 0)


def test_a_label_is_no_event_and_moves_no_window() -> None:
    scenario = scene()
    scenario.push(events())
    assert scenario.push(labels(recorded=START + 5 * DAY), source="labels") == []
    assert scenario.push([label(0, recorded=None)], source="labels") == []
    report = of_hour(move(scenario, START + HOUR))[0]
    assert (report.coverage.events, report.coverage.late_dropped) == (240, 0)


def test_below_the_coverage_nothing_is_decided_and_above_it_is() -> None:
    few = on_labels(mature_after(events(), labels(191)))
    assert {v.state for v in few} == {"not_assessable"}
    assert "label_coverage: 0.80 of predictions, needed 0.8" in {v.reason for v in few}
    assert mature_after(events(), labels(191)).coverage.label_coverage == 191 / 240
    enough = on_labels(mature_after(events(), labels(192)))
    assert not any((v.reason or "").startswith("label_coverage") for v in enough)


def test_a_provisional_verdict_calls_nobody_and_a_mature_one_does() -> None:
    scenario = scene()
    for hour in range(36):
        # Everybody would have repaid, and of f only three in ten are approved.
        rows = [
            {
                **row,
                "time": row["time"] + hour * HOUR,
                "id": f"{hour}-{row['id']}",
                "approve": str(int((i // 2) % 10 < (9 if i % 2 == 0 else 3))),
            }
            for i, row in enumerate(events())
        ]
        scenario.push(rows)
        scenario.push([{"id": row["id"], "label": "1"} for row in rows])
    move(scenario, START + 37 * HOUR)
    assert [a for a in scenario.alerts if about_labels(scenario, a)] == []
    reports = move(scenario, START + HORIZON + 40 * HOUR)
    assert any(v.state == "breach" for r in reports for v in on_labels(r))
    raised = [a for a in scenario.alerts if about_labels(scenario, a)]
    assert "PantauBreach" in {a.labels["alertname"] for a in raised}


def test_labels_whose_source_is_assigned_late_after_a_start_are_not_passed_over() -> None:
    scenario = scene()
    assert scenario.state.labels is not None
    now = scenario.clock.now()
    scenario.state.labels.expect({"outcomes"}, now)
    scenario.push(events())
    # Its partitions of an earlier life count as another member's while nothing is assigned.
    assert of_hour(move(scenario, START + HORIZON + 2 * HOUR))[0].final is False
    nothing = SourceStatus("outcomes", frozenset(), 2, frozenset())
    observe_status(scenario.plan, scenario.state, nothing, now)
    assert [r for r in of_hour(scenario.wait(250)) if r.final] == []
    both = frozenset({"0", "1"})
    observe_status(
        scenario.plan, scenario.state, SourceStatus("outcomes", both, 2, frozenset()), now
    )
    assert [r for r in of_hour(scenario.wait(5)) if r.final] == []
    scenario.push(labels(), source="outcomes")
    observe_status(scenario.plan, scenario.state, SourceStatus("outcomes", both, 2, both), now)
    last = [r for r in of_hour(scenario.wait(5)) if r.final]
    assert [r.coverage.label_coverage for r in last] == [1.0]


def test_a_source_of_labels_that_is_never_assigned_holds_maturity_for_a_bounded_time() -> None:
    scenario = scene()
    assert scenario.state.labels is not None
    scenario.state.labels.expect({"outcomes"}, scenario.clock.now())
    scenario.push(events())
    nothing = SourceStatus("outcomes", frozenset(), 2, frozenset())
    observe_status(scenario.plan, scenario.state, nothing, scenario.clock.now())
    assert of_hour(move(scenario, START + HORIZON + 2 * HOUR))[0].final is False
    assert [r for r in of_hour(scenario.wait(AWAITED_FOR - 1)) if r.final] == []
    last = [r for r in of_hour(scenario.wait(1)) if r.final]
    assert [r.coverage.label_coverage for r in last] == [0.0]
    assert last[0].coverage.incomplete_because == "partial_assignment"


def test_a_window_whose_content_is_lost_while_it_waits_has_no_verdict_any_more() -> None:
    scenario = scene()
    scenario.push(events())
    first = of_hour(move(scenario, START + HOUR))[0]
    assert "ok" in {v.state for v in first.verdicts}
    assert scenario.state.labels is not None
    # As when the agent starts again with other features.
    for waiting in scenario.state.labels.room.waiting.values():
        waiting.lost = True
    mature = of_hour(move(scenario, START + HORIZON + HOUR))[0]
    assert (mature.final, mature.coverage.complete) == (True, False)
    assert {(v.state, v.reason) for v in mature.verdicts} == {
        ("not_assessable", "incomplete: state_lost")
    }


def about_labels(scenario: Scenario, alert: Alert) -> bool:
    rule = scenario.plan.policy.rule(alert.labels["rule"])
    return rule is not None and rule.signal in label_based()


def days(known: Sequence[int]) -> tuple[Report, set[str]]:
    """Return the final report of the second half day, and the rules on labels that alert by then.

    Of 960 decisions in one and a half days, favourable where `i % 10 < 7`, those of `known` have
    labels.
    """
    scenario = scene()
    scenario.push(events(960, 135))
    scenario.push([label(i, recorded=START + 2 * DAY) for i in known])
    move(scenario, START + 37 * HOUR)
    assert [a for a in scenario.alerts if about_labels(scenario, a)] == []
    reports = move(scenario, START + HORIZON + 40 * HOUR)
    second = Window(start=START + 12 * HOUR, end=START + DAY, length="12h")
    report = [r for r in reports if r.window == second and r.model_version == "*"][-1]
    assert report.final
    told = {a.labels["rule"] for a in scenario.alerts if about_labels(scenario, a)}
    return report, told


ACCEPTED = [i for i in range(960) if i % 10 < 7]
OPPORTUNITY = "fairness.equal_opportunity_difference"


def on_opportunity(report: Report) -> list[Verdict]:
    return [v for v in report.verdicts if any(b.name == OPPORTUNITY for b in v.because)]


def test_labels_of_accepted_cases_only_make_rates_not_assessable() -> None:
    report, told = days(ACCEPTED)
    names = (OPPORTUNITY, "fairness.true_positive_rate")
    rates = [s for s in report.signals if s.name in names]
    assert {(s.status, s.reason) for s in rates} == {("insufficient_data", "selective_labels")}
    assert {(v.state, v.reason) for v in on_opportunity(report)} == {
        ("not_assessable", "insufficient_data: selective_labels")
    }
    assert told.isdisjoint(v.rule for v in on_opportunity(report))


@pytest.mark.parametrize("one_in", [0, 20])
def test_a_few_labels_of_accepted_cases_are_too_few_and_somebody_hears_of_it(one_in: int) -> None:
    report, told = days(ACCEPTED[::one_in] if one_in else [])
    assert (report.coverage.labelled > 0) == bool(one_in)
    share = f"{report.coverage.label_coverage:.2f}"
    assert {(v.state, v.reason) for v in on_opportunity(report)} == {
        ("not_assessable", f"label_coverage: {share} of predictions, needed 0.8")
    }
    assert {v.rule for v in on_opportunity(report)} <= told


@pytest.mark.parametrize("bound", [40, 100])
def test_beyond_the_bound_a_consistent_sample_is_kept(bound: int) -> None:
    report = mature_after(events(960, 3), labels(960), max_pending=bound)
    share = report.coverage.sampling
    assert share in {2.0**-k for k in range(1, 8)}
    assert 0 < report.coverage.labelled <= bound
    assert report.coverage.label_coverage == 1.0
    assert report.coverage.orphans.label == 0
    again = mature_after(*[[e] for e in events(960, 3)], labels(960), max_pending=bound)
    assert again == report
