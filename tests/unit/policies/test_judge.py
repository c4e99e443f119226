"""The boundaries of the four states, for each operator."""

from __future__ import annotations

import msgspec
import pytest

from policies.judge import interval, judge
from policies.model import Operator, Threshold
from tests.unit.policies.samples import psi, without


@pytest.mark.parametrize(
    ("op", "low", "high", "state"),
    [
        (">", 0.21, 0.30, "breach"),
        (">", 0.20, 0.30, "warn"),  # touching the breach limit is not beyond it
        (">", 0.11, 0.30, "warn"),
        (">", 0.10, 0.30, "not_assessable"),  # touching the warn limit from outside
        (">", 0.00, 0.10, "ok"),  # the limit itself is inside
        (">", 0.00, 0.11, "not_assessable"),
        ("abs>", 0.21, 0.30, "breach"),
        ("abs>", -0.30, -0.21, "breach"),
        ("abs>", -0.30, -0.20, "warn"),
        ("abs>", -0.30, 0.30, "not_assessable"),  # beyond on both sides is not wholly beyond one
        ("abs>", -0.10, 0.10, "ok"),
        ("abs>", -0.11, 0.10, "not_assessable"),
        ("abs>", -0.10, 0.11, "not_assessable"),
    ],
)
def test_an_interval_against_warn_0_1_and_breach_0_2(
    op: Operator, low: float, high: float, state: str
) -> None:
    assert judge(Threshold(op, 0.1, 0.2), low, high) == state


@pytest.mark.parametrize(
    ("low", "high", "state"),
    [
        (0.60, 0.79, "breach"),
        (0.60, 0.80, "warn"),  # a ratio of exactly 0.80 keeps the four-fifths rule
        (0.60, 0.89, "warn"),
        (0.60, 0.90, "not_assessable"),
        (0.90, 1.20, "ok"),
        (0.89, 1.20, "not_assessable"),
    ],
)
def test_a_ratio_against_warn_0_9_and_breach_0_8(low: float, high: float, state: str) -> None:
    assert judge(Threshold("<", 0.9, 0.8), low, high) == state


@pytest.mark.parametrize(("count", "state"), [(0, "ok"), (1, "warn"), (2, "breach")])
def test_a_count_against_0_and_1_calls_one_a_warning_and_more_a_breach(
    count: int, state: str
) -> None:
    assert judge(Threshold(">", 0, 1), count, count) == state


@pytest.mark.parametrize(("share", "state"), [(1.0, "ok"), (0.9995, "warn"), (0.998, "breach")])
def test_completeness_below_one_is_never_ok(share: float, state: str) -> None:
    assert judge(Threshold("<", 1.0, 0.999), share, share) == state


def test_a_signal_without_a_sound_interval_cannot_be_judged() -> None:
    good = psi(0.1, 0.2)
    assert interval(good) == (0.1, 0.2)
    assert interval(without({})) is None
    assert interval(msgspec.structs.replace(good, status="suppressed")) is None
    for broken in ({"low": None}, {"high": float("nan")}, {"low": 0.3}, {"value": float("inf")}):
        assert interval(msgspec.structs.replace(good, **broken)) is None
