"""The summary of a set of events: integers that are added, and nothing else.

Summaries of one layout form a commutative monoid: `empty` is the neutral element and `add` (or
`merge`) is exactly commutative and associative, because every number is an integer and the bound
on groups keeps a set that does not depend on the order (see `_keep_smallest`).
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import numpy as np

from agent.layout import Layout
from collectors.batch import Ints

EVENTS = "events"
"""Key in `counts`: events summarised."""

DUPLICATES = "duplicates"
"""Key in `counts`: repeats of an event id."""

CONFLICTS = "conflicts"
"""Key in `counts`: those of them with another body."""

LATE = "late_dropped"
"""Key in `counts`: events dropped because their window could change no more."""

LOST = "lost"
"""Key in `counts`: records gone before they could be read."""

REJECTED = "rejected."
"""Prefix in `counts`, then the reason: records that could not become events."""

REJECTED_LABELS = "rejected_labels"
"""Key in `counts`: those of them that came from a source of labels alone."""

NO_GROUP = "no_group."
"""Prefix in `counts`, then the attribute: events without a value of it."""

GROUPS_OVERFLOW = "groups_overflow."
"""Prefix in `counts`, then the attribute: events in groups beyond the layout's `group_limit`."""

NO_VERSION = "no_model_version"
"""Key in `counts`: events that name no model version."""

VERSIONS_OVERFLOW = "versions_overflow"
"""Key in `counts`: events of model versions beyond the layout's `group_limit`."""

_DENSE_SHARE = 4
"""A vector becomes dense when more than one cell in this many is in use."""

_WIRE = 1

_T = TypeVar("_T")


class SummaryError(ValueError):
    """Bytes that are not a summary of this layout."""


@dataclass(slots=True, eq=False)
class Summary:
    """Counts of a set of events.

    `cells` and `index` hold the vector that `layout` describes, int64[layout.size]: all of it when
    `index` is None, else only the cells `index` (ascending, unique), the others being zero; use
    `dense`.  `groups[attribute][group]` is int64[GROUP_COUNTS]: rows, rows with a prediction, rows
    with a favourable one.  `versions` counts events by model version.  `counts` holds named counts
    (`events`, `duplicates`, `rejected.<reason>`, ...); an absent name is 0.
    """

    layout: Layout
    cells: Ints
    index: Ints | None
    groups: dict[str, dict[str, Ints]]
    versions: dict[str, int]
    counts: dict[str, int]


def empty(layout: Layout) -> Summary:
    """Return the summary of no events."""
    none = np.zeros(0, np.int64)
    return Summary(layout, none, none, {}, {}, {})


def dense(summary: Summary) -> Ints:
    """Return the whole vector, int64[layout.size]; not to be written to."""
    if summary.index is None:
        return summary.cells
    whole = np.zeros(summary.layout.size, np.int64)
    whole[summary.index] = summary.cells
    return whole


def merge(a: Summary, b: Summary) -> Summary:
    """Return the summary of both sets of events; neither argument changes."""
    result = empty(a.layout)
    add(result, a)
    add(result, b)
    return result


def add(into: Summary, other: Summary) -> None:
    """Add `other` to `into`.  Raises `SummaryError` when their layouts differ."""
    if into.layout.digest != other.layout.digest:
        raise SummaryError("summaries of different layouts cannot be added")
    _add_cells(into, other)
    for attribute, groups in other.groups.items():
        held = into.groups.setdefault(attribute, {})
        for group, counts in groups.items():
            mine = held.get(group)
            held[group] = counts.copy() if mine is None else mine + counts
    for version, events in other.versions.items():
        into.versions[version] = into.versions.get(version, 0) + events
    for name, amount in other.counts.items():
        into.counts[name] = into.counts.get(name, 0) + amount
    bound(into)


def same(a: Summary, b: Summary) -> bool:
    """Tell whether two summaries of one layout say the same."""
    return (
        a.counts == b.counts
        and a.versions == b.versions
        and bool(np.array_equal(dense(a), dense(b)))
        and _sorted_groups(a) == _sorted_groups(b)
    )


def bound(summary: Summary) -> None:
    """Hold groups and versions to the layout's limit; what goes is counted as overflow."""
    limit = summary.layout.group_limit
    for attribute, groups in summary.groups.items():
        if len(groups) > limit:
            gone = _keep_smallest(groups, limit, lambda counts: int(counts[0]))
            name = GROUPS_OVERFLOW + attribute
            summary.counts[name] = summary.counts.get(name, 0) + gone
    if len(summary.versions) > limit:
        gone = _keep_smallest(summary.versions, limit, lambda events: events)
        summary.counts[VERSIONS_OVERFLOW] = summary.counts.get(VERSIONS_OVERFLOW, 0) + gone


def encode(summary: Summary) -> bytes:
    """Return the summary as bytes; equal content, equal bytes, however the cells are held."""
    whole = summary.cells
    index = summary.index
    used = np.flatnonzero(whole)
    place = used if index is None else index[used]
    head = msgspec.msgpack.encode(
        (
            _WIRE,
            summary.layout.digest,
            _sorted_groups(summary),
            sorted(summary.versions.items()),
            sorted((k, v) for k, v in summary.counts.items() if v),
            np.diff(place, prepend=-1).astype("<u4").tobytes(),
            _planes(whole[used]),
        )
    )
    return zlib.compress(head, 1)


def decode(layout: Layout, body: bytes) -> Summary:
    """Return the summary that `encode` wrote.

    Raises `SummaryError` when the bytes are damaged or belong to another layout.
    """
    try:
        wire, digest, groups, versions, counts, gaps, planes = msgspec.msgpack.decode(
            zlib.decompress(body), type=_Wire
        )
    except (zlib.error, msgspec.MsgspecError) as error:
        raise SummaryError(f"the stored summary is damaged ({error})") from None
    if wire != _WIRE or digest != layout.digest:
        raise SummaryError("the stored summary was made with another layout")
    place = np.cumsum(np.frombuffer(gaps, "<u4").astype(np.int64)) - 1
    values = _from_planes(planes)
    if len(place) != len(values) or (len(place) and place[-1] >= layout.size):
        raise SummaryError("the stored summary is damaged (cells)")
    summary = Summary(
        layout,
        values,
        place,
        {a: {g: np.asarray(v, np.int64) for g, v in of} for a, of in groups},
        dict(versions),
        dict(counts),
    )
    _settle(summary)
    return summary


_Wire = tuple[
    int,
    str,
    list[tuple[str, list[tuple[str, list[int]]]]],
    list[tuple[str, int]],
    list[tuple[str, int]],
    bytes,
    bytes,
]


def _add_cells(into: Summary, other: Summary) -> None:
    if into.index is None:
        if other.index is None:
            into.cells += other.cells
        else:
            into.cells[other.index] += other.cells
    elif other.index is None:
        whole = other.cells.copy()
        whole[into.index] += into.cells
        into.cells, into.index = whole, None
    elif len(into.index) == 0:
        into.cells, into.index = other.cells.copy(), other.index
        _settle(into)
    elif len(into.index) + len(other.index) > into.layout.size // _DENSE_SHARE:
        into.cells, into.index = dense(into), None
        into.cells[other.index] += other.cells
    else:
        both = np.union1d(into.index, other.index)
        cells = np.zeros(len(both), np.int64)
        cells[both.searchsorted(into.index)] = into.cells
        cells[both.searchsorted(other.index)] += other.cells
        into.cells, into.index = cells, both


def _settle(summary: Summary) -> None:
    """Make the vector dense when so many cells are in use that it is the smaller form."""
    index = summary.index
    if index is not None and len(index) > summary.layout.size // _DENSE_SHARE:
        summary.cells, summary.index = dense(summary), None


def _keep_smallest(held: dict[str, _T], limit: int, weight: Callable[[_T], int]) -> int:
    """Keep the `limit` keys with the smallest hash; return the weight of what went.

    A key among the smallest of a union is among the smallest of every part that has it, so a kept
    key was never dropped before and its count is exact, whatever the order of adding.
    """
    ranked = sorted(held, key=lambda k: (_hash(k), k))
    return sum(weight(held.pop(key)) for key in ranked[limit:])


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _sorted_groups(summary: Summary) -> list[tuple[str, list[tuple[str, list[int]]]]]:
    return [
        (attribute, [(g, v.tolist()) for g, v in sorted(groups.items(), key=lambda item: item[0])])
        for attribute, groups in sorted(summary.groups.items())
        if groups
    ]


def _planes(values: Ints) -> bytes:
    """Zigzag and transpose bytes: small numbers become runs of zero bytes, which compress."""
    folded = ((values << 1) ^ (values >> 63)).astype("<i8")
    return np.ascontiguousarray(folded.view(np.uint8).reshape(-1, 8).T).tobytes()


def _from_planes(planes: bytes) -> Ints:
    if len(planes) % 8:
        raise SummaryError("the stored summary is damaged (values)")
    raw = np.frombuffer(planes, np.uint8).reshape(8, -1).T
    folded = np.ascontiguousarray(raw).view("<u8").reshape(-1)
    halves = (folded >> np.uint64(1)).astype(np.int64)
    signs = -(folded & np.uint64(1)).astype(np.int64)
    result: Ints = halves ^ signs
    return result
