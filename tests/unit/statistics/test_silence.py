"""A seldom used system is not silent, and a busy one is at once."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agent.signals.quiet import CHANCE, HORIZON, silence_interval

HOUR = 3_600


def test_without_a_usual_rate_nothing_is_explained() -> None:
    assert silence_interval(45, [], HOUR) == (45.0, 45.0)
    assert silence_interval(45, [12, 13], HOUR) == (45.0, 45.0)


def test_a_busy_stream_explains_next_to_nothing() -> None:
    low, high = silence_interval(45, [3_600] * 14, HOUR)
    assert 44 < low < 45
    assert high == 45


def test_a_seldom_used_system_may_be_quiet_for_an_hour() -> None:
    low, high = silence_interval(60, [12] * 14, HOUR)
    assert (low, high) == (0.0, 60.0)


def test_the_silence_itself_does_not_become_usual() -> None:
    before = silence_interval(300, [600] * 14, HOUR)
    assert silence_interval(300, [600] * 9 + [0] * 5, HOUR) == before
    assert silence_interval(900, [0] * 14, HOUR) == (900.0, 900.0)


@pytest.mark.parametrize("a_day", [300, 3_000])
def test_traffic_that_does_not_change_is_hardly_ever_called_silent(a_day: int) -> None:
    """The longest gap of 90 days, simulated 200 times, against what is explained."""
    rng = np.random.default_rng(5)
    gap = 86_400 / a_day
    gaps = int(HORIZON / gap)
    explained = 10**6 - silence_interval(10**6, [a_day] * 14, 86_400)[0]
    longest = np.array([rng.exponential(gap, gaps).max() for _ in range(200)]) / 60
    assert (longest > explained).mean() <= 3 * CHANCE
    assert explained == pytest.approx(gap * math.log(HORIZON / gap / CHANCE) / 60)
