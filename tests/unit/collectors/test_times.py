"""Event times, case by case (contract C13)."""

from __future__ import annotations

import numpy as np
import pytest

from collectors.base import CollectorError
from collectors.decoders.times import NO_TIME, TimeReader

NOON = 1_772_366_400_000_000  # 2026-03-01T12:00:00Z


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01t12:00:00z",
        "2026-03-01 12:00:00.000000000+00:00",
        "2026-03-01T20:00:00+08:00",
        "2026-03-01T20:00:00+0800",
        "2026-03-01T20:00+08",
        "2026-03-01T07:30:00-04:30",
        " 2026-03-01T12:00:00Z ",
        "2026-03-01T11:59:60Z",
        1_772_366_400,
        1_772_366_400.0,
        "1772366400",
        "1772366400.000",
        1_772_366_400_000,
        "1772366400000",
        1_772_366_400_000_000,
        1_772_366_400_000_000_000,
        1.7723664e18,
    ],
)
def test_every_form_of_a_time_is_the_same_moment(value: object) -> None:
    assert TimeReader(None).read([value]).microseconds.tolist() == [NOON]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "missing_time"),
        ("", "missing_time"),
        ("  ", "missing_time"),
        ("NaN", "missing_time"),
        (float("nan"), "missing_time"),
        ("soon", "unreadable_time"),
        (True, "unreadable_time"),
        ([], "unreadable_time"),
        ({"$date": 1}, "unreadable_time"),
        ("2026-02-30T00:00:00Z", "unreadable_time"),
        ("2026-13-01T00:00:00Z", "unreadable_time"),
        ("2026-03-01T24:00:00Z", "unreadable_time"),
        ("2026-03-01T12:60:00Z", "unreadable_time"),
        ("2026-03-01T12:00:61Z", "unreadable_time"),
        ("2026-03-01T12:00:00+24:00", "unreadable_time"),
        ("2026-03-01T12:00:00+08:60", "unreadable_time"),
        ("\u0662\u0660\u0662\u0666-03-01T12:00:00Z", "unreadable_time"),
        ("2026-03-01T12:00:00Zx", "unreadable_time"),
        ("2026-03-01T12:00:00", "naive_time"),
        ("2026-03-01", "naive_time"),
        ("1970-01-01T00:00:00Z", "implausible_time"),
        ("1999-12-31T23:59:59Z", "implausible_time"),
        ("2200-01-01T00:00:01Z", "implausible_time"),
        ("9999-12-31T23:59:59Z", "implausible_time"),
        ("0001-01-01T00:00:00Z", "implausible_time"),
        (0, "implausible_time"),
        (-1, "implausible_time"),
        (10**40, "implausible_time"),
        (-(10**40), "implausible_time"),
        (float("inf"), "implausible_time"),
        ("1e400", "implausible_time"),
        ("9" * 40, "unreadable_time"),
    ],
)
def test_what_is_no_time_has_a_reason(value: object, reason: str) -> None:
    times = TimeReader(None).read(["2026-03-01T12:00:00Z", value])
    assert times.reasons == {1: reason}
    assert times.microseconds.tolist() == [NOON, NO_TIME]


def test_the_first_and_the_last_plausible_moment() -> None:
    times = TimeReader(None).read(["2000-01-01T00:00:00Z", "2200-01-01T00:00:00Z"])
    assert times.reasons == {}


def test_microseconds_are_kept_and_finer_digits_dropped() -> None:
    texts = [
        "2026-03-01T12:00:00.123456Z",
        "2026-03-01T12:00:00.1234569Z",
        "2026-03-01T12:00:00.1Z",
    ]
    found = TimeReader(None).read(texts).microseconds - NOON
    assert found.tolist() == [123_456, 123_456, 100_000]


@pytest.mark.parametrize("name", ["+08:00", "UTC+08:00", "Asia/Singapore", "Asia/Kuala_Lumpur"])
def test_a_naive_time_is_taken_in_the_configured_zone(name: str) -> None:
    times = TimeReader(name).read(
        ["2026-03-01T20:00:00", "2026-03-01T12:00:00Z", "2026-03-01 20:00"]
    )
    assert times.microseconds.tolist() == [NOON] * 3


def test_clocks_that_change_are_followed() -> None:
    # Berlin: 02:00 became 03:00 on 2026-03-29, and 03:00 became 02:00 on 2026-10-25.
    texts = ["2026-03-29T01:59:59", "2026-03-29T03:00:00", "2026-10-25T02:30:00"]
    found = TimeReader("Europe/Berlin").read(texts).microseconds
    assert found[1] - found[0] == 1_000_000
    first_half_past_two = np.datetime64("2026-10-25T00:30:00", "us").astype(np.int64)
    assert found[2] == first_half_past_two


def test_an_unknown_zone_is_named_with_its_key() -> None:
    with pytest.raises(CollectorError, match=r"'Asia/Singapur'.*systems\[\]\.event\.timezone"):
        TimeReader("Asia/Singapur")
