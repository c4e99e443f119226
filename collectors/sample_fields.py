"""What a sample of records shows about each of its fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from collectors.decoders.times import TimeReader
from collectors.decoders.values import number

MAX_DEPTH = 12
MAX_FIELDS = 2_000
_MOST_COUNTED = 100_000
"""Where counting the fields beyond `MAX_FIELDS` ends."""


@dataclass(slots=True)
class Field:
    """The values of one dotted path: every scalar that is not missing, in order."""

    path: str
    values: list[object] = field(default_factory=list)

    @property
    def numbers(self) -> list[float]:
        """The numeric values; booleans are none."""
        candidates = (number(v) for v in self.values if not isinstance(v, bool))
        return [v for v in candidates if isinstance(v, float)]

    @property
    def numeric(self) -> bool:
        """Whether at least four in five values are numbers."""
        return bool(self.values) and len(self.numbers) >= 0.8 * len(self.values)

    @property
    def distinct(self) -> int:
        """The number of different values."""
        return len({(type(v), v) for v in self.values})


class Fields(NamedTuple):
    """The fields of a sample by path; `left_out` is how many more there are, at least."""

    by_path: dict[str, Field]
    left_out: int


def fields_of(
    sample: Sequence[Mapping[str, object]],
    *,
    flat: bool = False,
    wanted: Collection[str] = (),
) -> Fields:
    """Return the scalar fields of the records by path, in the order of their first appearance.

    The first `MAX_FIELDS` of them, and those `wanted` wherever they stand.  Lists are not entered.
    Where a path holds an object in some records and a scalar in others, the more frequent form
    counts, so that a few odd records do not hide a field.  A key with a dot in it cannot be
    addressed by a path and is left out, unless the records are `flat` (CSV), where a path is a key.
    """
    found: dict[str, Field] = {}
    beyond: set[str] = set()
    inner: Counter[str] = Counter()
    for record in sample:
        for path, value in _scalars(record, "", inner, flat):
            if path in found or len(found) < MAX_FIELDS or path in wanted:
                one = found.setdefault(path, Field(path))
                if value is not None and value != "" and value == value:
                    one.values.append(value)
            elif len(beyond) < _MOST_COUNTED:
                beyond.add(path)
    objects = {p for p, n in inner.items() if p not in found or n >= len(found[p].values)}
    odd = tuple(f"{path}." for path in inner.keys() - objects)
    by_path = {p: one for p, one in found.items() if p not in objects and not p.startswith(odd)}
    return Fields(by_path, len(beyond))


def readable_times(values: Sequence[object], timezone: str | None) -> int:
    """Return how many of `values` are event times; naive ones count only with a time zone."""
    return len(values) - len(TimeReader(timezone).read(values).reasons)


def naive_times(values: Sequence[object]) -> int:
    """Return how many of `values` are times without an offset."""
    reasons = TimeReader(None).read(values).reasons.values()
    return sum(1 for reason in reasons if reason == "naive_time")


def _scalars(
    record: Mapping[str, object], prefix: str, inner: Counter[str], flat: bool
) -> Iterator[tuple[str, object]]:
    for key, value in record.items():
        if "." in key and not flat:
            continue
        path = prefix + key
        if isinstance(value, Mapping):
            inner[path] += 1
            if path.count(".") < MAX_DEPTH:
                yield from _scalars(value, path + ".", inner, flat)
        elif value is None or isinstance(value, str | int | float):
            yield path, value
