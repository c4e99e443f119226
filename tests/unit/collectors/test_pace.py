"""A replay keeps to the clock."""

from __future__ import annotations

import numpy as np

from collectors.batch import EventBatch
from collectors.pace import Pace


def batch(*seconds: float) -> EventBatch:
    times = (np.array(seconds) * 1e6).astype(np.int64)
    n = len(seconds)
    return EventBatch(
        "f", "0", n, n, times, np.arange(n), np.zeros(n, np.uint64), np.zeros(n, np.uint32)
    )


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_event_is_due_at_its_distance_from_the_first_one() -> None:
    clock = Clock()
    pace = Pace(60, 5_000, clock)
    assert pace.until_due(batch(1_000)) == 0
    assert pace.until_due(batch(1_600)) == 10
    clock.now += 4
    assert pace.until_due(batch(1_600)) == 6
    clock.now += 60
    assert pace.until_due(batch(1_660)) < 0


def test_a_late_event_is_due_at_once_and_an_empty_batch_too() -> None:
    pace = Pace(1, 5_000, Clock())
    pace.until_due(batch(1_000))
    pace.until_due(batch(1_000))
    assert pace.until_due(batch(900)) <= 0
    assert pace.until_due(batch()) == 0


def test_batches_grow_with_the_density_of_events_and_shrink_again() -> None:
    pace = Pace(1, 64, Clock())
    assert pace.size() == 1
    start = 0.0
    for _ in range(10):  # 1,000 events a second
        n = pace.size()
        pace.until_due(batch(*(start + i / 1_000 for i in range(n))))
        start += n / 1_000
    assert pace.size() == 64
    pace.until_due(batch(*(start + i for i in range(64))))  # one a second
    assert pace.size() == 1
