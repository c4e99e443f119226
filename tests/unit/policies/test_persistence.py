"""When one window is enough, when it takes several, and why short windows take more."""

from __future__ import annotations

import pytest

from policies.complaint import PackError
from policies.effective import effective
from policies.judge import beyond_doubt
from policies.load import load_pack, load_text, pack_files
from policies.model import Threshold, measured
from policies.pack import MATURITY, Maturity
from tests.unit.policies.samples import OK, RACE, Watch, fairness_rule, gap, psi, rule, told

CLEAR, NARROW = (0.25, 0.35), (0.205, 0.305)
"""Both are beyond 0.2; the first also when half as wide again."""


def watch(**changes: object) -> Watch:
    return Watch(rule(persistence=(2, 3), shorter=(3, 3), at_once=1.5, **changes))


def raised(found: list[tuple[str, str, str]]) -> list[str]:
    return [kind for action, kind, _ in found if action == "raise"]


def test_one_window_beyond_doubt_is_enough() -> None:
    assert raised(told(watch().judge(0, psi(*CLEAR)))) == ["breach"]


def test_a_window_that_could_be_chance_needs_another() -> None:
    system = watch()
    assert raised(told(system.judge(0, psi(*NARROW)))) == ["warn"]  # beyond doubt for the warning
    assert raised(told(system.judge(1, psi(*OK)))) == []
    assert raised(told(system.judge(2, psi(*NARROW)))) == ["breach"]


def test_without_at_once_even_a_clear_window_needs_another() -> None:
    system = Watch(rule(persistence=(2, 3), shorter=(3, 3), at_once=None))
    assert raised(told(system.judge(0, psi(*CLEAR)))) == []
    assert raised(told(system.judge(1, psi(*CLEAR)))) == ["breach"]


def test_a_short_window_needs_its_own_persistence_however_clear() -> None:
    system = watch()
    found = [raised(told(system.judge(i, psi(*CLEAR), longest=False))) for i in range(4)]
    assert found == [[], [], ["breach"], []]


def test_a_short_window_in_between_that_is_ok_starts_the_count_again() -> None:
    system = watch()
    bounds = [CLEAR, CLEAR, OK, CLEAR, CLEAR, CLEAR]
    found = [raised(told(system.judge(i, psi(*b), longest=False))) for i, b in enumerate(bounds)]
    assert found == [[], [], [], [], [], ["breach"]]


def test_what_is_known_exactly_is_beyond_doubt() -> None:
    assert raised(told(watch().judge(0, psi(0.25, 0.25)))) == ["breach"]


@pytest.mark.parametrize(
    ("threshold", "value", "low", "high", "state"),
    [
        (Threshold("<", 0.9, 0.8), 0.5, 0.35, 0.65, "breach"),
        (Threshold("<", 0.9, 0.8), 0.5, 0.35, 0.75, "warn"),
        (Threshold("<", 0.9, 0.8), 0.5, 0.35, 0.79, None),
        (Threshold("abs>", 0.05, 0.1), -0.26, -0.35, -0.17, "breach"),
        (Threshold("abs>", 0.05, 0.1), -0.26, -0.43, -0.13, "warn"),
        (Threshold(">", 0.1, 0.2), 0.3, 0.15, 0.5, None),
    ],
)
def test_each_side_is_stretched_about_the_value(
    threshold: Threshold, value: float, low: float, high: float, state: str | None
) -> None:
    signal = measured("x.y", {}, value, low, high, n=100, method="m")
    assert beyond_doubt(threshold, signal, 1.5) == state


def test_a_value_outside_its_interval_never_makes_the_interval_narrower() -> None:
    signal = measured("x.y", {}, 0.5, 0.05, 0.4, n=100, method="m")
    assert beyond_doubt(Threshold(">", 0.1, 0.2), signal, 1.5) is None


def test_the_gap_of_a_real_disparity_pages_on_the_first_day() -> None:
    system = Watch(fairness_rule(persistence=(2, 3), shorter=(3, 3), at_once=1.5))
    assert told(system.judge(0, gap(-0.35, -0.17, RACE))) == [("raise", "breach", "page")]


@pytest.mark.parametrize("stage", MATURITY)
def test_our_pack_lets_one_window_do_except_at_the_advanced_stage(stage: Maturity) -> None:
    policy = effective([load_pack("asean-guide")], oversight="human_in_the_loop", maturity=stage)
    fair, exact = policy.rule("FA-1"), policy.rule("TR-1")
    assert fair is not None
    assert exact is not None
    assert (fair.persistence, fair.shorter) == ((2, 3), (3, 3))
    assert fair.at_once == (None if stage == "advanced" else 1.5)
    assert (exact.persistence, exact.shorter, exact.at_once) == ((1, 1), None, None)


def test_an_impossible_count_for_short_windows_is_refused() -> None:
    text = pack_files()["asean-guide"].read_text(encoding="utf-8")
    with pytest.raises(PackError, match="3 of 2 cannot happen"):
        load_text(text.replace("persistence: [3, 3]", "persistence: [3, 2]", 1), "mine.yaml")
