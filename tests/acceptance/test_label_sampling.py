"""More predictions than may wait: what is kept while they burst in, and what after."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from agent.labels.sample import unclosed
from tests.acceptance.scenario import Scenario
from tests.acceptance.test_labels import events, scene
from tests.acceptance.waiting import DAY, HOUR, START, move, of_hour


def labelled_events(second: int, n: int, every: float, name: str) -> list[dict[str, Any]]:
    """Return predictions that carry the right label."""
    return [
        {**row, "time": second + i * every, "id": f"{name}{i}", "label": row["approve"]}
        for i, row in enumerate(events(n))
    ]


def test_a_burst_in_panes_that_a_slow_partition_holds_open_is_cut_at_once() -> None:
    bound = 100
    scenario = scene(max_pending=bound)
    scenario.status(assigned=["0", "1"])
    scenario.push([{"time": START, "id": "slow"}], partition="1")
    # No pane holds more than its part of the bound, but sixty of them are open.
    for minute in range(60):
        rows = labelled_events(START + minute * 60, 40, 1.5, f"m{minute}-")
        scenario.push(rows, partition="0")
        assert open_rows(scenario) <= 2 * bound
    assert open_rows(scenario) > 0
    scenario.push([{"time": START + HOUR + 700, "id": "a"}], partition="0")
    reports = scenario.push([{"time": START + HOUR + 700, "id": "b"}], partition="1")
    first = of_hour(reports)[0]
    last = of_hour(move_both(scenario, START + 5 * DAY))[0]
    for report in (first, last):
        assert report.coverage.events == 60 * 40 + 1
        assert report.coverage.sampling in {2.0**-k for k in range(4, 9)}
        assert 0 < report.coverage.labelled <= bound
        # Of the ids that are kept nothing is missing.
        assert report.coverage.label_coverage == 1.0
        assert report.coverage.orphans.label == 0
    assert (first.final, last.final) == (False, True)
    assert last.coverage == first.coverage


def open_rows(scenario: Scenario) -> int:
    assert scenario.state.labels is not None
    return unclosed(scenario.state.labels.sample)


def move_both(scenario: Scenario, second: int) -> list[Any]:
    """Let event time pass a second in both partitions."""
    found = []
    for partition in ("0", "1"):
        rows = [{"time": second + 601, "id": f"tick{partition}"}]
        found += scenario.push(rows, partition=partition)
    return found


def test_once_a_burst_no_longer_waits_more_is_kept_again_a_step_a_day() -> None:
    scenario = scene(max_pending=200)
    shares = []
    for day in range(12):
        # The first day bursts; then fifteen predictions a day.
        n, every = (3_000, 1.0) if day == 0 else (15, 60.0)
        scenario.push(labelled_events(START + day * DAY, n, every, f"{day}-"))
        hour = of_hour(move(scenario, START + day * DAY + HOUR), 24 * day)[0]
        assert hour.coverage.events == n
        assert hour.coverage.label_coverage in (1.0, None if hour.coverage.labelled == 0 else 1.0)
        shares.append(hour.coverage.sampling)
    assert shares[0] in {2.0**-k for k in range(3, 9)}
    # The burst waits for two days and the half day of its longest window.
    assert shares[2] == shares[1] == shares[0]
    assert {later / share for share, later in pairwise(shares)} == {1.0, 2.0}
    assert (shares[-1], hour.coverage.labelled) == (1.0, 15)
