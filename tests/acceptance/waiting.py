"""Windows that wait two days for what comes later: how time passes, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from policies.model import Report
from tests.acceptance.scenario import Scenario
from tests.support.events import seconds

START = seconds("2026-03-02 00:00")
HOUR, DAY = 3_600, 86_400
HORIZON = 2 * DAY


def move(scenario: Scenario, second: float) -> list[Report]:
    """Let event time pass a second, by an event without a prediction."""
    return scenario.push([{"time": second + 601, "id": f"tick{second}"}])


def of_hour(reports: Sequence[Report], hour: int = 0) -> list[Report]:
    """Return what is said of an hour, of all versions together."""
    return [
        r
        for r in reports
        if r.window.length == "1h"
        and r.window.start == START + hour * HOUR
        and r.model_version == "*"
    ]


def matured(scenario: Scenario, *steps: Sequence[Mapping[str, Any]]) -> Report:
    """Return the final report of the first hour after these batches."""
    for step in steps:
        scenario.push(step)
    found = of_hour(move(scenario, START + HORIZON + 13 * HOUR))
    assert found[-1].final
    return found[-1]
