"""When a rule cannot tell: a small group waits to be told of, what has broken is told at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.scenario import Scenario
from tests.support.events import seconds

START = seconds("2026-03-02 00:00")
HALF_DAY = 43_200
PEOPLE = 3_000


def half_day(number: int, women: int = PEOPLE // 2, *, gender: bool = True) -> list[dict[str, Any]]:
    """Return one longest window's events; half of each gender is approved."""
    rows = []
    for i in range(PEOPLE):
        row = {
            "id": f"{number}-{i}",
            "time": START + number * HALF_DAY + i * HALF_DAY // PEOPLE,
            "approve": str(i // 2 % 2),
            "version": "v1",
        }
        if gender:
            row["gender"] = "female" if i < 2 * women and i % 2 else "male"
        rows.append(row)
    return rows


def told(windows: list[list[dict[str, Any]]]) -> list[int]:
    """Return at the end of which windows somebody was told that FA-1 cannot be assessed."""
    scenario = Scenario(START, now=START + len(windows) * HALF_DAY)
    for rows in windows:
        scenario.push(rows)
    scenario.finish()
    scenario.wait(1)
    return [
        (alert.starts_at - START) // HALF_DAY - 1
        for alert in scenario.alerts
        if alert.labels["rule"] == "FA-1"
        and alert.labels["alertname"] == "PantauNotAssessable"
        and alert.labels["model_version"] == "*"
        and alert.change == "raised"
    ]


def test_a_group_about_the_least_that_is_judged_calls_nobody() -> None:
    assert told([half_day(i, 90 if i % 3 else PEOPLE // 2) for i in range(16)]) == []


def test_a_group_that_stays_too_small_is_told_of_once_after_seven_windows() -> None:
    assert told([half_day(i, 90) for i in range(16)]) == [6]


@pytest.mark.parametrize("lost", [{"gender": False}, {"women": 0}])
def test_an_attribute_or_a_group_that_vanishes_is_told_with_the_first_window(
    lost: dict[str, Any],
) -> None:
    windows = [half_day(i) for i in range(8)]
    assert told([*windows, half_day(8, **lost), half_day(9)]) == [8]
