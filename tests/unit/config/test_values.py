from __future__ import annotations

import datetime as dt

import pytest
from pydantic import TypeAdapter, ValidationError

from agent.config.countries import COUNTRIES
from agent.config.values import Day, Duration, Instant, PositiveDuration, Text, format_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("90s", 90), ("1m", 60), ("10m", 600), ("1h", 3_600), ("30d", 2_592_000)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert TypeAdapter(Duration).validate_python(text) == seconds
    assert TypeAdapter(Duration).validate_python(format_duration(seconds)) == seconds


@pytest.mark.parametrize("bad", ["", "10", "m", "1w", "1.5h", "-1m", "1 m", "1M", 600, None, True])
def test_anything_else_is_no_duration(bad: object) -> None:
    with pytest.raises(ValidationError, match="needs a number and a unit"):
        TypeAdapter(Duration).validate_python(bad)


def test_a_duration_may_have_to_be_longer_than_nothing() -> None:
    with pytest.raises(ValidationError, match="longer than nothing"):
        TypeAdapter(PositiveDuration).validate_python("0m")


def test_an_absurd_duration_is_refused() -> None:
    with pytest.raises(ValidationError, match="longer than 100 years"):
        TypeAdapter(Duration).validate_python("99999d")


@pytest.mark.parametrize("text", ["2026-01-01T08:00:00+08:00", "2026-01-01T00:00:00Z"])
def test_an_instant_is_utc_seconds(text: str) -> None:
    assert TypeAdapter(Instant).validate_python(text) == 1_767_225_600


@pytest.mark.parametrize("bad", ["2026-01-01T00:00:00", "2026-01-01", "soon", 5, None])
def test_an_instant_needs_its_offset(bad: object) -> None:
    with pytest.raises(ValidationError, match="with its offset from UTC"):
        TypeAdapter(Instant).validate_python(bad)


def test_a_day_is_written_year_month_day() -> None:
    assert TypeAdapter(Day).validate_python("2027-12-31") == dt.date(2027, 12, 31)
    for bad in ("20271231", "2027-02-30", "2027-W01-1", 2027, "2027-12-31T00:00:00"):
        with pytest.raises(ValidationError, match="YYYY-MM-DD"):
            TypeAdapter(Day).validate_python(bad)


@pytest.mark.parametrize(
    ("value", "text"), [("male", "male"), (1, "1"), (True, "1"), (False, "0"), ("1.10", "1.10")]
)
def test_values_of_the_stream_are_texts(value: object, text: str) -> None:
    assert TypeAdapter(Text).validate_python(value) == text


def test_an_unquoted_version_number_would_lose_digits() -> None:
    with pytest.raises(ValidationError, match="put it in quotes"):
        TypeAdapter(Text).validate_python(1.10)


def test_all_countries_are_there() -> None:
    assert len(COUNTRIES) == 249
    asean = {"BN", "ID", "KH", "LA", "MM", "MY", "PH", "SG", "TH", "TL", "VN"}
    assert asean <= COUNTRIES
