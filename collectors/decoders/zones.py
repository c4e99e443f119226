"""From local times without an offset to UTC, for streams whose configuration names their zone."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from functools import lru_cache

import numpy as np

from collectors.base import CollectorError
from collectors.batch import Ints

_OFFSET = re.compile(r"(?:UTC)?([+-])([0-9]{2}):?([0-9]{2})")
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - wall clock times, on purpose
_STEP = 900
"""Seconds: since 1970 every zone has changed its offset on a quarter of an hour."""
_FIRST, _LAST = -70 * 366 * 86_400, 330 * 366 * 86_400


def zone(name: str) -> dt.tzinfo:
    """Return the zone called `name`, IANA or such as `+08:00`; `CollectorError` if none."""
    fixed = _OFFSET.fullmatch(name)
    if fixed:
        delta = dt.timedelta(hours=int(fixed[2]), minutes=int(fixed[3]))
        if delta < dt.timedelta(days=1):
            return dt.timezone(delta if fixed[1] == "+" else -delta)
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CollectorError(
            f"the time zone {name!r} is not known here; set systems[].event.timezone to an IANA "
            "name such as Asia/Singapore, or to an offset such as +08:00"
        ) from error


def to_utc(local: Ints, tz: dt.tzinfo) -> Ints:
    """Return `local` (microseconds of wall clock time since 1970) as microseconds UTC.

    A time that occurs twice (clocks set back) is taken as the first, one that never occurs (clocks
    set forward) by the offset before the change.
    """
    steps, inverse = np.unique(local // (_STEP * 1_000_000), return_inverse=True)
    offsets = [_offset(tz, max(_FIRST, min(_LAST, step * _STEP))) for step in steps.tolist()]
    utc: Ints = local - np.array(offsets, dtype=np.int64)[inverse] * 1_000_000
    return utc


@lru_cache(maxsize=4_096)
def _offset(tz: dt.tzinfo, local_seconds: int) -> int:
    offset = tz.utcoffset(_EPOCH + dt.timedelta(seconds=local_seconds))
    return 0 if offset is None else round(offset.total_seconds())
