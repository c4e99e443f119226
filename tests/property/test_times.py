"""Times read thousands at once are those that the standard library reads one by one."""

from __future__ import annotations

import datetime as dt
import zoneinfo

from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.decoders.times import NO_TIME, TimeReader

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(
    lambda minutes: dt.timezone(dt.timedelta(minutes=minutes))
)
moments = st.datetimes(
    min_value=dt.datetime(2000, 1, 2),  # noqa: DTZ001
    max_value=dt.datetime(2199, 12, 30),  # noqa: DTZ001
    timezones=offsets | st.just(dt.UTC),
)
specs = st.sampled_from(["seconds", "milliseconds", "microseconds"])


def microseconds(moment: dt.datetime) -> int:
    return (moment - EPOCH) // dt.timedelta(microseconds=1)


@given(st.lists(st.tuples(moments, specs, st.booleans(), st.sampled_from("Tt ")), max_size=20))
def test_rfc3339_is_read_as_the_standard_library_reads_it(
    rows: list[tuple[dt.datetime, str, bool, str]],
) -> None:
    texts = []
    for moment, spec, zulu, separator in rows:
        text = moment.isoformat(timespec=spec).replace("T", separator)
        texts.append(text.replace("+00:00", "Z") if zulu else text)
    standard = [microseconds(dt.datetime.fromisoformat(text.upper())) for text in texts]
    times = TimeReader(None).read(texts)
    assert times.microseconds.tolist() == standard
    assert times.reasons == {}


@settings(max_examples=300)
@given(
    st.lists(
        st.from_regex(
            r"[0-3][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,6})?"
            r"(Z|[+-][0-2][0-9]:[0-9]{2})",
            fullmatch=True,
        ),
        min_size=1,
        max_size=12,
    )
)
def test_the_neighbours_of_a_text_do_not_matter(texts: list[str]) -> None:
    reader = TimeReader(None)
    together = reader.read(texts)
    for row, text in enumerate(texts):
        alone = reader.read([text])
        assert alone.microseconds[0] == together.microseconds[row]
        assert alone.reasons.get(0) == together.reasons.get(row)
        # With another first row, the text is read by another layout or by itself.
        after = reader.read(["2026-03-01", *([text] * 2)])
        assert after.microseconds[1] == alone.microseconds[0]


@given(st.lists(st.from_type(object) | st.text() | st.floats() | st.integers(), max_size=8))
def test_any_value_has_a_time_or_a_reason(values: list[object]) -> None:
    times = TimeReader("Asia/Singapore").read(values)
    for row, microsecond in enumerate(times.microseconds.tolist()):
        assert (microsecond == NO_TIME) == (row in times.reasons)


@given(
    st.lists(
        st.datetimes(
            min_value=dt.datetime(2000, 1, 2),  # noqa: DTZ001
            max_value=dt.datetime(2037, 1, 1),  # noqa: DTZ001
        ),
        min_size=1,
        max_size=10,
    ),
    st.sampled_from(["Asia/Singapore", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_naive_times_are_local_times(locals_: list[dt.datetime], name: str) -> None:
    zone = zoneinfo.ZoneInfo(name)
    times = TimeReader(name).read([moment.isoformat() for moment in locals_])
    expected = [microseconds(moment.replace(tzinfo=zone)) for moment in locals_]
    assert times.microseconds.tolist() == expected
