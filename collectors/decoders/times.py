"""Event times (contract C13): RFC 3339, or seconds to nanoseconds since 1970 by magnitude."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from collectors.batch import Flags, Ints
from collectors.decoders import rfc3339
from collectors.decoders.zones import to_utc, zone

NO_TIME = int(np.iinfo(np.int64).min)
"""Where there is no readable time; the value of `EventBatch.recorded_time` for such a row."""

EARLIEST = 946_684_800 * 1_000_000
"""2000-01-01 UTC in microseconds; an earlier time is `implausible_time`."""
LATEST = 7_258_118_400 * 1_000_000
"""2200-01-01 UTC in microseconds; a later time is `implausible_time`."""

MISSING, UNREADABLE, IMPLAUSIBLE, NAIVE = (
    "missing_time",
    "unreadable_time",
    "implausible_time",
    "naive_time",
)

_MOST = 2**63 - 1
_DIGITS = re.compile(r"-?[0-9]{1,30}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?")


class Times(NamedTuple):
    """Microseconds since 1970 UTC, and for each row without a readable time its reason."""

    microseconds: Ints
    reasons: dict[int, str]


class TimeReader:
    """Reads times; `timezone` is the zone of those without an offset, None to refuse them."""

    def __init__(self, timezone: str | None) -> None:
        self._zone: dt.tzinfo | None = None if timezone is None else zone(timezone)

    def read(self, values: Sequence[object]) -> Times:
        """Return the time of each value: texts, numbers, None; anything else is unreadable."""
        times = Times(np.full(len(values), NO_TIME, dtype=np.int64), {})
        kinds = set(map(type, values))
        if len(kinds) == 1:
            self._read_kind(kinds.pop(), np.arange(len(values)), values, times)
        else:
            of = list(map(type, values))
            for kind in kinds:
                rows = np.array([i for i, k in enumerate(of) if k is kind], dtype=np.int64)
                self._read_kind(kind, rows, [values[i] for i in rows.tolist()], times)
        return _plausible(times)

    def _read_kind(self, kind: type, rows: Ints, values: Sequence[object], times: Times) -> None:
        if kind is str:
            self._read_texts(rows, values, times)  # type: ignore[arg-type]
        elif kind is int:
            times.microseconds[rows] = epoch_of_ints(values)  # type: ignore[arg-type]
        elif kind is float:
            _read_floats(rows, values, times)  # type: ignore[arg-type]
        else:
            reason = MISSING if kind is type(None) else UNREADABLE
            times.reasons.update(dict.fromkeys(rows.tolist(), reason))

    def _read_texts(self, rows: Ints, texts: Sequence[str], times: Times) -> None:
        read = rfc3339.parse_many(texts)
        good = read.found
        local = read.microseconds
        if read.naive.any():
            if self._zone is None:
                naive = rows[read.naive].tolist()
                times.reasons.update(dict.fromkeys(naive, NAIVE))
                good = good & ~read.naive
            else:
                local = local.copy()
                local[read.naive] = to_utc(local[read.naive], self._zone)
        times.microseconds[rows[good]] = local[good]
        for i in np.flatnonzero(~read.found).tolist():
            self._read_number(int(rows[i]), texts[i].strip(), times)

    def _read_number(self, row: int, text: str, times: Times) -> None:
        """Read a text that is no date: a number since 1970, as CSV has it, or nothing."""
        if _DIGITS.fullmatch(text):
            times.microseconds[row] = epoch_of_ints([int(text)])[0]
        elif _DECIMAL.fullmatch(text):
            _read_floats(np.array([row]), [float(text)], times)
        else:
            missing = not text or text in {"NaN", "nan", "NAN"}
            times.reasons[row] = MISSING if missing else UNREADABLE


def epoch_of_ints(values: Sequence[int]) -> Ints:
    """Return microseconds: below 1e11 a value is in s, below 1e14 ms, below 1e17 us, else ns."""
    try:
        v = np.array(values, dtype=np.int64)
    except OverflowError:
        v = np.array([max(-_MOST, min(_MOST, x)) for x in values], dtype=np.int64)
    size = np.abs(v)
    return np.where(
        size < 10**11,
        v * 1_000_000,
        np.where(size < 10**14, v * 1_000, np.where(size < 10**17, v, v // 1_000)),
    )


def _read_floats(rows: Ints, values: Sequence[float], times: Times) -> None:
    v = np.array(values, dtype=np.float64)
    for row in rows[np.isnan(v)].tolist():
        times.reasons[row] = MISSING
    v = np.clip(np.nan_to_num(v, nan=0.0, posinf=math.inf, neginf=-math.inf), -9.2e18, 9.2e18)
    size = np.abs(v)
    scaled = np.where(
        size < 1e11, v * 1e6, np.where(size < 1e14, v * 1e3, np.where(size < 1e17, v, v / 1e3))
    )
    times.microseconds[rows] = np.rint(scaled).astype(np.int64)


def _plausible(times: Times) -> Times:
    microseconds, reasons = times
    outside: Flags = (microseconds < EARLIEST) | (microseconds > LATEST)
    if outside.any():
        for row in np.flatnonzero(outside).tolist():
            reasons.setdefault(row, IMPLAUSIBLE)
        microseconds[outside] = NO_TIME
    return times
