"""What an hour with few people cannot show to be over, longer windows can."""

from __future__ import annotations

from pathlib import Path

from exporters.audit.read.unseal import read_keys
from policies.model import Report
from tests.acceptance.scenario import Scenario
from tests.acceptance.test_audit_replay import logged, of_replay
from tests.acceptance.test_policy_backtest import differing, judged_by, write
from tests.acceptance.unfair_hours import HOUR, START, decisions

UNFAIR_HOURS, HOURS = 4, 42


def lived() -> Scenario:
    scenario = Scenario(START, now=START + (HOURS + 1) * HOUR)
    for hour in range(HOURS):
        scenario.push(decisions(hour, UNFAIR_HOURS))
    return scenario


def states(scenario: Scenario, rule: str, length: str) -> dict[int, str]:
    """Return the states of a rule's verdicts, by the end of their windows, in hours."""
    reports = [item for item in scenario.items if isinstance(item, Report)]
    return {
        (report.window.end - START) // HOUR: verdict.state
        for report in reports
        for verdict in report.verdicts
        if (report.window.length, report.model_version, verdict.rule) == (length, "*", rule)
        and verdict.subject in ({}, {"attribute": "gender"})
    }


def test_a_gap_of_some_hours_is_over_once_two_half_days_after_it_were_fair(tmp_path: Path) -> None:
    scenario = lived()
    hourly = states(scenario, "FA-1", "1h")
    assert {hourly[hour] for hour in range(1, 5)} == {"breach"}
    assert {hourly[hour] for hour in range(5, HOURS)} == {"not_assessable"}
    assert states(scenario, "FA-1", "12h") == {12: "breach", 24: "ok", 36: "ok"}
    told = [
        (alert.change, ((alert.resolved_at or alert.starts_at) - START) // HOUR)
        for alert in scenario.alerts
        if alert.labels["rule"] == "FA-1" and alert.change != "updated"
    ]
    # The hour that ends after the second half-day is the first to know of it.
    assert told == [("raised", 3), ("closed", 37)]
    oldest = states(scenario, "HO-2", "1h")
    assert (oldest[37], oldest[38]) == ("not_assessable", "ok")

    policy = scenario.plan.policy
    reports = [item for item in scenario.items if isinstance(item, Report)]
    assert of_replay(logged(tmp_path / "replay", policy, reports)) == []
    folder = write(tmp_path / "backtest", scenario)
    again = judged_by(folder, policy, read_keys(tmp_path / "backtest" / "audit.state"))
    assert {row.rule for row in again.rows} >= {"FA-1", "FA-2"}
    assert differing(again) == []
