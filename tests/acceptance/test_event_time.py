"""Event time, lateness, idleness, empty windows and restatements, on a clock that tests move."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from collectors.base import SourceStatus
from collectors.batch import Rejected
from policies.model import Report
from tests.acceptance.scenario import Scenario
from tests.support.events import batch, seconds

START = seconds("2026-03-02 00:00")


def event(minute: float, number: int | None = None, **fields: Any) -> dict[str, Any]:
    """Return an event `minute` minutes after midnight."""
    key = number if number is not None else minute
    return {"time": START + minute * 60, "id": f"e{key}", "approve": "1", **fields}


def hours(reports: list[Report]) -> list[tuple[int, int, int]]:
    """Return (hour, revision, events) of the pooled one-hour reports."""
    return [
        ((r.window.start - START) // 3_600, r.revision, r.coverage.events)
        for r in reports
        if r.window.length == "1h" and r.model_version == "*"
    ]


def test_a_window_is_reported_when_the_watermark_has_passed_it_by_the_lateness() -> None:
    scenario = Scenario(START)
    assert hours(scenario.push([event(m) for m in (0, 30, 59)])) == []
    assert hours(scenario.push([event(69.9)])) == []
    assert hours(scenario.push([event(70)])) == [(0, 0, 3)]


def test_an_event_out_of_order_within_the_lateness_counts() -> None:
    scenario = Scenario(START)
    scenario.push([event(10), event(0.5), event(5)])
    assert hours(scenario.push([event(70)])) == [(0, 0, 3)]


def test_an_event_behind_its_partition_by_more_than_the_lateness_is_dropped_and_counted() -> None:
    scenario = Scenario(START)
    scenario.push([event(0), event(30), event(19.9), event(20)])
    report = next(r for r in scenario.push([event(70)]) if r.window.length == "1h")
    assert (report.coverage.events, report.coverage.late_dropped) == (3, 1)


def test_the_slowest_partition_decides_when_a_window_closes() -> None:
    scenario = Scenario(START)
    scenario.status(assigned=("0", "1"))
    assert hours(scenario.push([event(0), event(80)], partition="0")) == []
    assert hours(scenario.push([event(10, 1)], partition="1")) == []
    assert hours(scenario.push([event(75, 2)], partition="1")) == [(0, 0, 2)]


def test_a_partition_with_nothing_to_read_stops_holding_windows_back_after_idle() -> None:
    scenario = Scenario(START)
    scenario.status(assigned=("0", "1"))
    scenario.push([event(0), event(80)], partition="0")
    scenario.status(assigned=("0", "1"), caught_up=("1",))
    assert hours(scenario.wait(119)) == []
    scenario.push([event(81)], partition="0")
    assert hours(scenario.wait(1)) == [(0, 0, 1)]


def test_a_slow_partition_that_still_has_records_is_never_idle() -> None:
    scenario = Scenario(START)
    scenario.status(assigned=("0", "1"))
    scenario.push([event(0), event(80)], partition="0")
    assert hours(scenario.wait(3_000)) == []


def test_a_burst_after_silence_is_late_in_no_partition() -> None:
    scenario = Scenario(START, now=START + 9 * 3_600)
    scenario.status(assigned=("0", "1"))
    scenario.push([event(1, 1)], partition="0")
    scenario.push([event(2, 2)], partition="1")
    scenario.status(assigned=("0", "1"), caught_up=("0", "1"))
    scenario.clock.advance(300)
    scenario.push([event(100), event(200)], partition="0")
    reports = scenario.push([event(101), event(201)], partition="1") + scenario.finish()
    (half,) = [r for r in reports if r.window.length == "12h"]
    assert (half.coverage.events, half.coverage.late_dropped) == (6, 0)


def back_after_ten_minutes(started: int) -> Scenario:
    """Return a scenario whose broker is back after ten minutes, in which 70 minutes are over."""
    scenario = Scenario(started, now=started + 59 * 60)
    both = ("0", "1")
    scenario.status(assigned=both)
    scenario.push([event(m, m) for m in (0, 58)], partition="0")
    scenario.push([event(m, 100 + m) for m in (0, 58)], partition="1")
    scenario.status(assigned=both, caught_up=both)
    scenario.wait(60)
    scenario.status(assigned=both, connected=False)
    assert scenario.wait(11 * 60) == []
    scenario.status(assigned=both, caught_up=both)
    return scenario


def test_what_producers_send_again_once_the_broker_is_back_is_not_late() -> None:
    scenario = back_after_ten_minutes(START)
    assert scenario.wait(1) == []
    # Each partition has it in order, but the one before the other.
    again = (58.5, 59.5, 71)
    assert scenario.push([event(m, 200 + n) for n, m in enumerate(again)], partition="0") == []
    assert scenario.wait(60) == []
    (report, *_) = scenario.push([event(m, 300 + n) for n, m in enumerate(again)], partition="1")
    assert hours([report]) == [(0, 0, 8)]
    assert (report.coverage.complete, report.coverage.late_dropped) == (True, 0)


def test_a_partition_that_stays_silent_once_the_broker_is_back_is_idle_as_long_as_any() -> None:
    scenario = back_after_ten_minutes(START)
    assert scenario.wait(119) == []
    assert hours(scenario.wait(1)) == [(0, 0, 4)]


def test_when_all_partitions_are_idle_windows_close_with_the_clock() -> None:
    scenario = Scenario(START, now=START + 120)
    scenario.push([event(1), event(2)])
    scenario.status(assigned=("0",), caught_up=("0",))
    assert hours(scenario.wait(67 * 60)) == []
    assert hours(scenario.wait(60)) == [(0, 0, 2)]


def test_empty_windows_are_reported_and_nothing_in_them_reads_as_ok() -> None:
    scenario = Scenario(START)
    scenario.push([event(1)])
    reports = scenario.push([event(182)]) + scenario.finish()
    assert hours(reports)[:3] == [(0, 0, 1), (1, 0, 0), (2, 0, 0)]
    empty = [r for r in reports if r.coverage.events == 0]
    assert empty
    for report in empty:
        measured = {v.state for v in report.verdicts if v.because and v.rule[:2] in ("DR", "FA")}
        assert measured <= {"not_assessable"}


def test_years_without_events_give_a_bounded_number_of_reports() -> None:
    scenario = Scenario(START)
    scenario.plan = replace(scenario.plan, max_empty_windows=5)
    reports = scenario.push([event(-60 * 24 * 365 * 5), event(1)]) + scenario.finish()
    assert sum(r.coverage.events == 0 for r in reports) == 5 * len(scenario.plan.lengths)
    assert sum(r.coverage.events for r in reports if r.window.length == "1h") == 2


def test_an_event_ahead_of_the_clock_is_rejected_and_moves_nothing() -> None:
    scenario = Scenario(START)
    scenario.push([event(0), event(600), event(5)])
    report = next(r for r in scenario.finish() if r.window.length == "1h")
    assert report.coverage.events == 2
    assert report.coverage.rejected == {"future": 1}


def test_a_record_without_a_time_counts_in_the_window_of_the_newest_event_before_it() -> None:
    scenario = Scenario(START)
    broken = [Rejected("invalid_json", offset=1, row=0), Rejected("invalid_json", offset=3, row=2)]
    scenario.push([event(10), event(65)], rejected=broken)
    first, second = [r for r in scenario.finish() if r.window.length == "1h"]
    assert first.coverage.rejected == {"invalid_json": 1}
    assert second.coverage.rejected == {"invalid_json": 1}


def test_a_window_that_lost_much_of_its_input_is_not_assessable() -> None:
    scenario = Scenario(START)
    broken = [Rejected("invalid_json", offset=i, row=0) for i in range(10)]
    scenario.push([event(i) for i in range(20)], rejected=broken)
    report = next(r for r in scenario.finish() if r.window.length == "1h")
    assert report.coverage.complete is False
    assert report.coverage.incomplete_because == "rejected"
    assert {v.state for v in report.verdicts} == {"not_assessable"}


def test_lost_records_make_the_windows_around_the_hole_and_in_it_incomplete() -> None:
    scenario = Scenario(START, now=START + 86_400)
    scenario.push([event(30)])
    scenario.status(assigned=("0",), lost={"0": 5})
    reports = scenario.push([event(190)]) + scenario.push([event(250)]) + scenario.finish()
    reports = [r for r in reports if r.window.length == "1h"]
    assert [r.coverage.incomplete_because for r in reports] == ["state_lost"] * 4 + [None]


def test_a_hole_of_years_with_lost_records_gives_a_bounded_number_of_reports() -> None:
    scenario = Scenario(START)
    scenario.plan = replace(scenario.plan, max_empty_windows=5)
    early = scenario.push([event(-60 * 24 * 365 * 5)])
    scenario.status(assigned=("0",), lost={"0": None})
    reports = early + scenario.push([event(1)]) + scenario.finish()
    hours = [r for r in reports if r.window.length == "1h"]
    assert len(hours) <= 12
    assert [r.coverage.complete for r in hours[:6]] == [False] * 6
    assert not hours[-1].coverage.complete


def test_fewer_partitions_than_the_topic_has_is_not_assessable() -> None:
    scenario = Scenario(START)
    scenario.status(assigned=("0",), total=2)
    scenario.push([event(30)])
    report = next(r for r in scenario.finish() if r.window.length == "1h")
    assert report.coverage.incomplete_because == "partial_assignment"
    assert (report.coverage.partitions.assigned, report.coverage.partitions.total) == (1, 2)


def test_without_restatement_every_report_is_final_at_revision_0() -> None:
    scenario = Scenario(START)
    scenario.status(assigned=("0", "1"))
    scenario.push([event(1, 1)], partition="1")
    scenario.push([event(2), event(100)], partition="0")
    scenario.status(assigned=("0", "1"), caught_up=("1",))
    (report,) = [r for r in scenario.wait(121) if r.window.length == "1h"]
    assert (report.revision, report.final) == (0, True)
    scenario.push([event(3, 3)], partition="1")
    assert all(r.revision == 0 for r in scenario.finish())


def test_events_of_a_partition_that_was_idle_restate_the_window() -> None:
    scenario = Scenario(START, restate_horizon=7_200)
    scenario.status(assigned=("0", "1"))
    scenario.push([event(1, 1)], partition="1")
    scenario.push([event(2), event(75)], partition="0")
    scenario.status(assigned=("0", "1"), caught_up=("1",))
    first = scenario.wait(121)
    assert [(r.revision, r.final, r.coverage.events) for r in first] == [(0, False, 2)]
    scenario.push([event(3, 3)], partition="1")
    again = [r for r in scenario.wait(3_601) if r.window.start == START]
    assert [(r.revision, r.final, r.coverage.events) for r in again] == [(1, False, 3)]


def test_duplicates_are_counted_and_conflicting_ones_told_apart() -> None:
    scenario = Scenario(START)
    same = event(5, 1)
    scenario.push([same, same, {**same, "approve": "0"}])
    report = next(r for r in scenario.finish() if r.window.length == "1h")
    coverage = report.coverage
    assert (coverage.events, coverage.duplicates, coverage.conflicts) == (1, 2, 1)


def test_versions_are_reported_apart_and_pooled_last() -> None:
    scenario = Scenario(START)
    scenario.push([event(1, version="a"), event(2, version="b"), event(3, version="b"), event(4)])
    reports = [r for r in scenario.finish() if r.window.length == "1h"]
    assert [(r.model_version, r.coverage.events) for r in reports] == [("a", 1), ("b", 2), ("*", 4)]


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_reports_do_not_depend_on_batches_or_on_order_within_the_lateness(size: int) -> None:
    rng = random.Random(7)
    events = [
        event(i / 4, i, income=rng.gauss(50, 9), purpose=rng.choice("abc"), gender="f", version="v")
        for i in range(1_000)
    ]
    events += [dict(e) for e in events[100:110]]
    plain = Scenario(START, now=START + 86_400)
    expected = plain.push(sorted(events, key=lambda e: e["time"])) + plain.finish()

    shuffled = sorted(events, key=lambda e: e["time"] + rng.uniform(0, 9 * 60))
    other = Scenario(START, now=START + 86_400)
    found: list[Report] = []
    for at in range(0, len(shuffled), size):
        found += other.push(shuffled[at : at + size])
    found += other.finish()
    assert found == expected
    assert len(found) > 8


def test_a_status_of_a_new_source_is_remembered() -> None:
    scenario = Scenario(START)
    scenario.status(assigned=("0", "1", "2"))
    assert isinstance(scenario.last_status, SourceStatus)
    assert scenario.state.coverage_of_partitions().total == 3


def test_batches_keep_rows_and_rejects_apart() -> None:
    made = batch([event(1)], rejected=[Rejected("invalid_json", 1, 1)], first_offset=10)
    assert (made.n, made.next_offset) == (1, 12)


def test_windows_left_out_of_a_hole_are_counted() -> None:
    scenario = Scenario(START)
    scenario.push([event(-60 * 24 * 365), event(1)])
    scenario.finish()
    assert scenario.state.skipped > 7_000
