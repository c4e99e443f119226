"""Windows where event time makes a leap: what is reported must not hang on the reader's steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.acceptance.scenario import Scenario
from tests.support.events import seconds

START = seconds("2026-03-02 00:00")
HOUR = 3_600
MOST = 20
"""`max_empty_windows` here."""


def scene(now: float) -> Scenario:
    scenario = Scenario(START, now=now)
    scenario.plan = replace(scenario.plan, max_empty_windows=MOST)
    return scenario


def event(second: float) -> dict[str, Any]:
    return {"time": START + second, "id": f"e{second}", "approve": "1"}


def reported(scenario: Scenario, steps: list[list[dict[str, Any]]]) -> list[tuple[int, int]]:
    """Return (hour, events) of the one-hour reports that come of these batches and the end."""
    reports = [report for step in steps for report in scenario.push(step)] + scenario.finish()
    return [
        ((r.window.start - START) // HOUR, r.coverage.events)
        for r in reports
        if r.window.length == "1h" and r.model_version == "*"
    ]


@pytest.mark.parametrize("empty", [5, MOST - 1, MOST, MOST + 1, MOST + 2, 3 * MOST])
def test_reports_on_a_long_hole_do_not_depend_on_the_batches(empty: int) -> None:
    behind = (empty + 1) * HOUR
    # The second event behind the hole is out of order, within the lateness.
    times = [0, behind + 400, behind, behind + 3 * HOUR]
    one_by_one = [[event(t)] for t in times]
    now = START + behind + 5 * HOUR
    expected = reported(scene(now), [[event(t) for t in times]])
    assert reported(scene(now), one_by_one) == expected
    assert sum(events for _, events in expected) == len(times)
    hours = [hour for hour, _ in expected]
    assert hours[: 1 + min(empty, MOST)] == list(range(1 + min(empty, MOST)))
    assert hours[1 + min(empty, MOST)] == empty + 1


def test_while_the_clock_closes_windows_no_empty_one_is_left_out() -> None:
    scenario = scene(START + HOUR)
    scenario.status(assigned=("0",), caught_up=("0",))
    scenario.push([event(0)])
    ends = []
    for _ in range(MOST + 20):
        ends += [r.window.end for r in scenario.wait(HOUR) if r.window.length == "1h"]
    assert ends == [START + HOUR * (i + 1) for i in range(MOST + 20)]


def test_a_version_that_comes_back_is_new_again_whatever_the_batches() -> None:
    def versioned(hour: float, version: str) -> dict[str, Any]:
        return {**event(hour * HOUR), "version": version}

    # Away for more than three of the longest windows (12 h), and back just behind an end.
    rows = [versioned(0, "old"), *(versioned(h, "new") for h in range(1, 60))]
    rows += [versioned(60.1, "old"), versioned(60.3, "new"), versioned(72.5, "new")]

    def runs(steps: list[list[dict[str, Any]]]) -> list[tuple[int, int]]:
        scenario = Scenario(START, now=START + 80 * HOUR)
        reports = [report for step in steps for report in scenario.push(step)] + scenario.finish()
        return [
            (r.window.start - START, v.since - START)
            for r in reports
            if r.model_version == "old" and r.window.length == "12h"
            for v in r.verdicts
        ]

    expected = runs([[row] for row in rows])
    assert {since for start, since in expected if start == 60 * HOUR} == {60 * HOUR}
    assert runs([rows[:-1], rows[-1:]]) == expected
    assert runs([rows]) == expected
