"""What predictions in waiting cost: a quarter of the million that the budget is written for."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.labels import measure

PENDING = 250_000
DISK_EACH, MEMORY = 150, 50_000_000
"""Bytes on disk for each prediction in waiting, and bytes of memory for all of them."""

WRITE_AHEAD = 16_000_000
"""Bytes of SQLite's write-ahead log, which is there whatever the number of rows."""


@pytest.mark.slow
def test_a_prediction_in_waiting_costs_no_more_than_its_part_of_the_budget(tmp_path: Path) -> None:
    found = measure(tmp_path, PENDING)
    assert found["pending"] == PENDING
    assert found["disk_bytes"] <= PENDING * DISK_EACH
    assert found["memory_bytes"] <= MEMORY
    assert found["disk_bytes_labelled"] <= PENDING * DISK_EACH + WRITE_AHEAD
    assert found["memory_bytes_labelled"] <= MEMORY
