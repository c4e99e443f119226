"""When longer windows end what stands at a shorter length, and when they do not."""

from __future__ import annotations

import msgspec
import pytest

from policies.memory import memory_key
from policies.model import Coverage, Signal, Window, subject_text
from tests.unit.policies.samples import (
    DAY,
    HISPANIC,
    RACE,
    Watch,
    fairness_rule,
    gap,
    told,
    without,
)

HOUR = 3_600
BAD, WARN, FINE, UNSURE = gap(0.2, 0.3), gap(0.06, 0.09), gap(-0.02, 0.02), gap(-0.1, 0.2)
FEW = without(RACE)


def hours(watch: Watch, start: int, *signals: Signal, coverage: Coverage | None = None) -> str:
    """Judge hours one after the other, from `start` (in hours); return what was told."""
    said = []
    for place, signal in enumerate(signals, start):
        window = Window(place * HOUR, (place + 1) * HOUR, "1h")
        found = watch.judge(0, signal, window=window, longest=False, coverage=coverage)
        said += [f"{action} {kind}" for action, kind, _ in told(found)]
    return ", ".join(one for one in said if not one.startswith("keep"))


def days(watch: Watch, start: int, *windows: tuple[Signal, ...] | Signal) -> None:
    """Judge days one after the other, from `start` (in days)."""
    for number, signals in enumerate(windows, start):
        some = (signals,) if isinstance(signals, Signal) else signals
        watch.judge(number, *some, window=Window(number * DAY, (number + 1) * DAY, "1d"))


def stands(watch: Watch, length: str = "1h") -> str | None:
    key = memory_key("FA-1", "v1", length, subject_text(RACE))
    return watch.memory[key].requirement


def broken(*, hour: int = 20) -> Watch:
    """Return a system with a finding by an hour of the first day, undecided since."""
    watch = Watch(fairness_rule())
    assert hours(watch, hour, BAD, UNSURE) == "raise breach"
    return watch


def test_what_stands_at_an_hour_ends_when_two_days_after_it_were_ok() -> None:
    watch = broken()
    days(watch, 1, FINE)
    assert hours(watch, 48, UNSURE) == ""
    days(watch, 2, FINE)
    assert hours(watch, 72, UNSURE) == "clear breach"
    assert stands(watch) is None
    assert hours(watch, 73, BAD) == "raise breach"


def test_the_day_in_which_it_was_shown_does_not_count() -> None:
    watch = broken()
    days(watch, 0, FINE, FINE)
    assert hours(watch, 48, UNSURE) == ""
    assert stands(watch) == "breach"


def test_a_day_counts_once_it_has_ended_before_the_hour() -> None:
    watch = broken()
    days(watch, 1, FINE, FINE)
    assert hours(watch, 71, UNSURE) == ""
    assert hours(watch, 72, UNSURE) == "clear breach"


@pytest.mark.parametrize("between", [UNSURE, WARN, BAD, FEW], ids=["unsure", "warn", "bad", "few"])
def test_days_that_are_not_ok_in_a_row_end_nothing(between: Signal) -> None:
    watch = broken()
    days(watch, 1, FINE, between, FINE)
    assert hours(watch, 96, UNSURE) == ""
    assert stands(watch) == "breach"


@pytest.mark.parametrize("later", [UNSURE, FEW], ids=["unsure", "few"])
def test_that_nothing_can_be_told_ends_nothing_however_long(later: Signal) -> None:
    watch = broken()
    days(watch, 1, *[later] * 30)
    assert hours(watch, 24, *[later] * 24 * 30) == ""
    assert stands(watch) == "breach"


@pytest.mark.parametrize("again", [WARN, BAD], ids=["warn", "bad"])
def test_a_later_hour_that_shows_it_again_starts_anew(again: Signal) -> None:
    watch = broken()
    hours(watch, 30, again)
    days(watch, 1, FINE, FINE)
    assert hours(watch, 72, UNSURE) == ""
    days(watch, 3, FINE)
    assert hours(watch, 96, UNSURE) == "clear breach"


def test_an_hour_that_shows_it_is_not_overruled_by_days() -> None:
    watch = broken()
    days(watch, 1, FINE, FINE)
    assert hours(watch, 72, BAD, UNSURE) == ""
    assert stands(watch) == "breach"


def test_an_incomplete_hour_ends_nothing_and_the_next_one_does() -> None:
    watch = broken()
    days(watch, 1, FINE, FINE)
    coverage = Coverage(events=9, complete=False, incomplete_because="late")
    assert "clear breach" not in hours(watch, 72, UNSURE, coverage=coverage)
    assert "clear breach" in hours(watch, 73, UNSURE)


def test_days_in_which_a_group_could_not_be_judged_end_nothing() -> None:
    watch = broken()
    few = without(HISPANIC)
    days(watch, 1, (FINE, few), (FINE, few))
    assert hours(watch, 72, UNSURE) == ""
    both = (FINE, gap(-0.02, 0.02, HISPANIC))
    days(watch, 3, both, both)
    assert hours(watch, 120, UNSURE) == "clear breach"


def test_shorter_windows_end_nothing_of_longer_ones_nor_other_versions_nor_subjects() -> None:
    watch = Watch(fairness_rule())
    days(watch, 0, BAD)
    hours(watch, 24, *[FINE] * 24)
    days(watch, 1, UNSURE, UNSURE)
    assert stands(watch, "1d") == "breach"
    watch = broken()
    for number in (1, 2):
        watch.judge(number, FINE, version="v2")
        watch.judge(number, gap(-0.02, 0.02, {"attribute": "gender"}))
    assert hours(watch, 72, UNSURE) == ""


def test_an_hour_judged_again_after_the_day_has_gone_on_says_the_same() -> None:
    watch = broken()
    days(watch, 1, FINE, FINE)
    assert hours(watch, 72, UNSURE) == "clear breach"
    days(watch, 3, BAD)
    assert hours(watch, 72, UNSURE) == ""
    assert stands(watch) is None


def test_memory_of_before_does_not_know_when_it_was_shown_and_counts_from_its_newest_window() -> (
    None
):
    watch = broken()
    hours(watch, 25, UNSURE)
    watch.memory = {
        key: msgspec.structs.replace(entry, shown_end=None, before=None)
        for key, entry in watch.memory.items()
    }
    days(watch, 1, FINE, FINE)
    assert hours(watch, 72, UNSURE) == ""
    days(watch, 3, FINE)
    assert hours(watch, 96, UNSURE) == "clear breach"
