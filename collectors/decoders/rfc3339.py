"""RFC 3339 texts to microseconds, thousands at a time.

Texts of one stream nearly always have one layout, so they are laid side by side as a matrix of
characters and read by column.  What does not fit is read one by one, by the same grammar.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from collectors.batch import Flags, Ints

# RFC 3339 section 5.6, and what ISO 8601 producers leave out: the time of day, the seconds, the
# offset or its colon.
_GRAMMAR = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
    r" ?([Zz]|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_FIXED = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.([0-9]+))?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_MAX_LAYOUTS = 4
_FIRST_YEAR, _END_YEAR = 1900, 2300

_MONTHS = np.arange(f"{_FIRST_YEAR}-01", f"{_END_YEAR + 1}-01", dtype="datetime64[M]")
_MONTH_START: Ints = _MONTHS.astype("datetime64[D]").astype(np.int64)
_MONTH_DAYS: Ints = np.diff(_MONTH_START)
_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()


class Parsed(NamedTuple):
    """Microseconds since 1970, which rows have them, and which of these had no offset."""

    microseconds: Ints
    found: Flags
    naive: Flags


class _Layout(NamedTuple):
    """How one text is laid out: which characters are digits, and what the others are."""

    width: int
    digits: list[int]
    fraction: int
    others: list[tuple[int, int]]
    sign: int | None
    naive: bool


def parse_many(texts: Sequence[str]) -> Parsed:
    """Return the time of every text; one that is no RFC 3339 time has `found` false."""
    n = len(texts)
    parsed = Parsed(np.zeros(n, np.int64), np.zeros(n, np.bool_), np.zeros(n, np.bool_))
    widths = np.fromiter(map(len, texts), np.int64, n)
    waiting = np.arange(n)
    for _ in range(_MAX_LAYOUTS):
        layout = _layout(texts[waiting[0]]) if len(waiting) else None
        if layout is None:
            break
        fits = widths[waiting] == layout.width
        rows = waiting[fits]
        chosen = texts if len(rows) == n else [texts[i] for i in rows.tolist()]
        _read_matrix(layout, chosen, rows, parsed)
        waiting = waiting[~parsed.found[waiting]]
    for i in waiting.tolist():
        _read_one(texts[i], i, parsed)
    return parsed


def _layout(sample: str) -> _Layout | None:
    match = _FIXED.fullmatch(sample)
    if match is None:
        return None
    width, zone = len(sample), match[2] or ""
    sign = width - 6 if len(zone) == 6 else None
    digits = [i for i, character in enumerate(sample) if character.isdigit()]
    others = [(i, ord(sample[i])) for i in range(width) if i not in set(digits) and i != sign]
    return _Layout(width, digits, len(match[1] or ""), others, sign, naive=not zone)


def _read_matrix(layout: _Layout, texts: Sequence[str], rows: Ints, parsed: Parsed) -> None:
    joined = "".join(texts)
    if not joined.isascii():
        return
    # Transposed, so that each character position is contiguous.
    matrix = np.frombuffer(joined.encode(), np.uint8).reshape(len(rows), layout.width).T.copy()
    good = np.ones(len(rows), np.bool_)
    for at, expected in layout.others:
        good &= matrix[at] == expected
    digits = matrix - np.uint8(ord("0"))  # anything but a digit wraps to 10 or more
    for at in layout.digits:
        good &= digits[at] < 10

    def two(at: int) -> Ints:
        pair: Ints = (digits[at] * np.uint8(10) + digits[at + 1]).astype(np.int64)
        return pair

    year, month, day = two(0) * 100 + two(2), two(5), two(8)
    hour, minute, second = two(11), two(14), two(17)
    good &= (year >= _FIRST_YEAR) & (year < _END_YEAR) & (month >= 1) & (month <= 12)
    index = np.where(good, (year - _FIRST_YEAR) * 12 + month - 1, 0)
    good &= (day >= 1) & (day <= _MONTH_DAYS[index])
    good &= (hour < 24) & (minute < 60) & (second <= 60)
    seconds = (_MONTH_START[index] + day - 1) * 86_400 + hour * 3_600 + minute * 60 + second
    if layout.sign is not None:
        sign = matrix[layout.sign]
        hours, minutes = two(layout.sign + 1), two(layout.sign + 4)
        good &= ((sign == ord("+")) | (sign == ord("-"))) & (hours < 24) & (minutes < 60)
        shift = hours * 3_600 + minutes * 60
        seconds -= np.where(sign == ord("-"), -shift, shift)
    fraction = np.zeros(len(rows), np.int32)
    for place in range(min(layout.fraction, 6)):
        fraction += digits[20 + place] * np.int32(10 ** (5 - place))
    parsed.microseconds[rows] = seconds * 1_000_000 + fraction
    parsed.found[rows] = good
    parsed.naive[rows] = good & layout.naive


def _read_one(text: str, row: int, parsed: Parsed) -> None:
    match = _GRAMMAR.fullmatch(text.strip())
    if match is None:
        return
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        days = dt.date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        return
    shift = _shift(match[8])
    if hour > 23 or minute > 59 or second > 60 or shift is None:
        return
    seconds = days * 86_400 + hour * 3_600 + (minute - shift) * 60 + second
    parsed.microseconds[row] = seconds * 1_000_000 + int(((match[7] or "") + "000000")[:6])
    parsed.found[row] = True
    parsed.naive[row] = match[8] is None


def _shift(zone: str | None) -> int | None:
    """Return an offset in minutes, None if there is no such offset."""
    if zone is None or zone in {"Z", "z", "UTC"}:
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:]) if len(zone) > 3 else 0
    if hours > 23 or minutes > 59:
        return None
    return (hours * 60 + minutes) * (-1 if zone[0] == "-" else 1)
