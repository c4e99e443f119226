"""Where a lost store would have to be rebuilt from: the start of the oldest open window."""

from __future__ import annotations

from tests.acceptance.scenario import Scenario
from tests.support.events import seconds

START = seconds("2026-03-02 00:00")


def test_it_is_the_start_of_the_longest_window_until_that_closes() -> None:
    scenario = Scenario(START, now=START + 30 * 3_600)
    lengths = scenario.plan.lengths
    assert scenario.state.oldest_open(lengths) is None
    scenario.push([{"time": START + 600, "id": "a"}])
    assert scenario.state.oldest_open(lengths) == START
    scenario.push([{"time": START + 11 * 3_600, "id": "b"}])
    assert scenario.state.oldest_open(lengths) == START
    scenario.push([{"time": START + 13 * 3_600, "id": "c"}])
    assert scenario.state.oldest_open(lengths) == START + 12 * 3_600
