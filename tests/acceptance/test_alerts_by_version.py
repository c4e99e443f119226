"""One alert per cause: a version that runs alone does not repeat what the pool says."""

from __future__ import annotations

from typing import Any

from tests.acceptance.scenario import Scenario
from tests.support.events import seconds

START = seconds("2026-03-02 00:00")


def decisions(hour: int, versions: list[str]) -> list[dict[str, Any]]:
    """Return an hour of decisions in which women are refused three times as often."""
    rows = []
    for i in range(1_200):
        woman = i % 2 == 0
        rows.append(
            {
                "time": START + hour * 3_600 + i * 3,
                "id": f"{hour}-{i}",
                "approve": "0" if i % 10 < (6 if woman else 1) else "1",
                "gender": "f" if woman else "m",
                "version": versions[(i // 2) % len(versions)],
            }
        )
    return rows


def alerting_versions(scenario: Scenario) -> set[str]:
    """Return the model versions of the fairness alerts so far."""
    found = [a for a in scenario.alerts if a.labels["rule"] == "FA-1"]
    return {a.labels["model_version"] for a in found}


def test_a_single_version_alerts_as_the_pool() -> None:
    scenario = Scenario(START, now=START + 5 * 3_600)
    for hour in range(4):  # of windows of an hour, three in a row have to show it
        scenario.push(decisions(hour, ["v1"]))
    assert alerting_versions(scenario) == {"*"}


def test_two_versions_alert_apart() -> None:
    scenario = Scenario(START, now=START + 5 * 3_600)
    for hour in range(4):  # of windows of an hour, three in a row have to show it
        scenario.push(decisions(hour, ["v1", "v2"]))
    assert alerting_versions(scenario) == {"*", "v1", "v2"}
