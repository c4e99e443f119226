"""What labels cost: a quarter of the million predictions that the budget is written for."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.labels import apart, measure, measure_window

PENDING = 250_000
DISK_EACH, MEMORY = 150, 50_000_000
"""Bytes on disk for each prediction in waiting, and bytes of memory for all of them."""

WINDOW = 16_000_000
"""Bytes of memory to measure a window of as many."""

WRITE_AHEAD = 16_000_000
"""Bytes of SQLite's write-ahead log, which is there whatever the number of rows."""


@pytest.mark.slow
def test_a_prediction_in_waiting_costs_no_more_than_its_part_of_the_budget(tmp_path: Path) -> None:
    found = apart(measure, tmp_path, PENDING)
    assert found["pending"] == PENDING
    assert found["disk_bytes"] <= PENDING * DISK_EACH
    assert found["memory_bytes"] <= MEMORY
    assert found["disk_bytes_labelled"] <= PENDING * DISK_EACH + WRITE_AHEAD
    assert found["memory_bytes_labelled"] <= MEMORY


@pytest.mark.slow
def test_measuring_a_large_window_takes_its_part_of_the_memory(tmp_path: Path) -> None:
    found = apart(measure_window, tmp_path, PENDING)
    assert found["window_rows"] == PENDING
    assert found["window_signals"] > 5
    assert found["window_peak_bytes"] <= WINDOW
