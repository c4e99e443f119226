"""Event batches to summaries: the one place where events become counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from agent.binning import (
    MISMATCH,
    MISSING,
    Entries,
    category_cells,
    join_entries,
    scatter_numeric,
    tally_codes,
    tally_numeric,
)
from agent.layout import GROUP_COUNTS, PREDICTION, Column, Layout
from agent.outcomes import audit_column, outcomes
from agent.summary import EVENTS, NO_GROUP, NO_VERSION, Summary, bound
from collectors.batch import Categorical, EventBatch, Ints
from collectors.batch import Column as Values

COLUMNWISE_FROM = 64
"""Rows of one key from which counting column by column is faster than scattering them."""

_CHUNK = 1 << 14
"""Values counted at a time: few enough for their temporary arrays to stay in cache."""

_SCATTERED_CHUNK = 1 << 14


class _Prepared(NamedTuple):
    """What a batch needs once, however many keys its rows have."""

    columns: list[tuple[Column, Values | None, Ints | None]]
    attributes: list[tuple[str, Categorical]]
    outcomes: Ints


def summarise(layout: Layout, batch: EventBatch, rows: Ints) -> Summary:
    """Return the summary of the batch's `rows` (int64 indices into the batch, unique)."""
    return _summarise_together(layout, batch, _prepare(layout, batch), rows)


def summarise_by(layout: Layout, batch: EventBatch, rows: Ints, keys: Ints) -> dict[int, Summary]:
    """Return one summary for each distinct key, keys ascending.

    `rows` (int64 indices into the batch, unique) and `keys` (int64) have equal length; row
    `rows[i]` belongs to `keys[i]`.
    """
    if len(rows) == 0:
        return {}
    prepared = _prepare(layout, batch)
    if keys[0] == keys[-1] and (keys == keys[0]).all():
        return {int(keys[0]): _summarise_together(layout, batch, prepared, rows)}
    order = np.argsort(keys, kind="stable")
    rows, keys = rows[order], keys[order]
    starts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
    lengths = np.diff(starts, append=len(keys))
    result: dict[int, Summary] = {}
    few = lengths < COLUMNWISE_FROM
    if few.any():
        chosen = np.repeat(few, lengths)
        ordinals = np.repeat(np.cumsum(few) - 1, lengths)[chosen]
        names = keys[starts[few]].tolist()
        result |= _summarise_apart(layout, batch, prepared, rows[chosen], ordinals, names)
    for start, length in zip(starts[~few].tolist(), lengths[~few].tolist(), strict=True):
        part = rows[start : start + length]
        result[int(keys[start])] = _summarise_together(layout, batch, prepared, part)
    return dict(sorted(result.items()))


def _prepare(layout: Layout, batch: EventBatch) -> _Prepared:
    columns = []
    for column in layout.columns:
        values = _values(batch, column)
        cells = None
        if isinstance(values, Categorical) and column.categories is not None:
            cells = category_cells(values.values, column.categories)
        columns.append((column, values, cells))
    attributes = [
        (name, found)
        for name in layout.attributes
        if (found := audit_column(batch, name)) is not None
    ]
    return _Prepared(
        columns, attributes, outcomes(batch, layout.favourable) if attributes else _NONE
    )


_NONE = np.zeros(0, np.int64)


def _values(batch: EventBatch, column: Column) -> Values | None:
    values: Values | None
    if column.source == "feature":
        values = batch.features.get(column.name)
    else:
        values = batch.prediction if column.name == PREDICTION else batch.score
    if values is not None and isinstance(values, Categorical) != (column.kind == "categorical"):
        raise TypeError(
            f"{column.source} {column.name!r} is {column.kind} by the schema but came otherwise "
            f"from source {batch.source!r}: its decoder does not keep to the schema"
        )
    return values


def _summarise_together(
    layout: Layout, batch: EventBatch, prepared: _Prepared, rows: Ints
) -> Summary:
    cells = np.zeros(layout.size, np.int64)
    everything = len(rows) == batch.n
    for column, values, targets in prepared.columns:
        block = cells[column.start : column.stop]
        flags = batch.mismatched.get(column.mismatch_key)
        if flags is not None:
            block[MISMATCH] += int(np.count_nonzero(flags[rows]))
        if values is None:
            block[MISSING] += len(rows)
        elif isinstance(values, Categorical):
            codes = values.codes if everything else values.codes[rows]
            if targets is None:
                block[MISSING] += int(np.count_nonzero(codes < 0))
            else:
                tally_codes(targets, codes, block)
        elif column.bins is None:
            block[MISSING] += int(np.count_nonzero(np.isnan(values[rows])))
        else:
            for first in range(0, len(rows), _CHUNK):
                piece = slice(first, first + _CHUNK)
                chunk = values[piece] if everything else values[rows[piece]]
                tally_numeric(column.bins, chunk, block)
    summary = Summary(layout, cells, None, {}, {}, {EVENTS: len(rows)} if len(rows) else {})
    _count_groups(batch, prepared, rows, np.zeros(len(rows), np.int64), [summary])
    return summary


def _summarise_apart(
    layout: Layout,
    batch: EventBatch,
    prepared: _Prepared,
    rows: Ints,
    ordinals: Ints,
    names: list[int],
) -> dict[int, Summary]:
    """Summarise many small sets at once; `ordinals` (ascending) say which set a row is in."""
    parts: list[Entries] = []
    # In pieces, so that memory stays bounded whatever the size of the batch.
    for first in range(0, len(rows), _SCATTERED_CHUNK):
        piece = slice(first, first + _SCATTERED_CHUNK)
        parts.append(_summed(layout, _entries(batch, prepared, rows[piece]), ordinals[piece]))
    joined = join_entries(parts)
    # A set may straddle two pieces: sum again.
    whole = joined if len(parts) == 1 else _sum_entries(layout, joined)
    sets = np.arange(len(names) + 1)
    bounds = whole.rows.searchsorted(sets).tolist()
    sizes = np.bincount(ordinals, minlength=len(names)).tolist()
    summaries = []
    for i in range(len(names)):
        part = slice(bounds[i], bounds[i + 1])
        summaries.append(
            Summary(
                layout,
                whole.amounts[part].copy(),
                whole.cells[part].copy(),
                {},
                {},
                {EVENTS: sizes[i]},
            )
        )
    _count_groups(batch, prepared, rows, ordinals, summaries)
    return dict(zip(names, summaries, strict=True))


def _entries(batch: EventBatch, prepared: _Prepared, rows: Ints) -> Entries:
    """Return what each row adds to which cell of the whole vector."""
    parts: list[Entries] = []
    every = np.arange(len(rows))
    for column, values, targets in prepared.columns:
        flags = batch.mismatched.get(column.mismatch_key)
        if flags is not None:
            parts.append(_ones(np.flatnonzero(flags[rows]), column.start + MISMATCH))
        if values is None:
            parts.append(_ones(every, column.start + MISSING))
        elif isinstance(values, Categorical):
            codes = values.codes[rows]
            if targets is None:
                parts.append(_ones(np.flatnonzero(codes < 0), column.start + MISSING))
            else:
                cells = column.start + targets[codes + 1]
                parts.append(Entries(every, cells, np.ones(len(rows), np.int64)))
        elif column.bins is None:
            parts.append(_ones(np.flatnonzero(np.isnan(values[rows])), column.start + MISSING))
        else:
            found = scatter_numeric(column.bins, values[rows])
            parts.append(Entries(found.rows, column.start + found.cells, found.amounts))
    return join_entries(parts)


def _ones(rows: Ints, cell: int) -> Entries:
    return Entries(rows, np.full(len(rows), cell, np.int64), np.ones(len(rows), np.int64))


def _summed(layout: Layout, entries: Entries, ordinals: Ints) -> Entries:
    return _sum_entries(layout, Entries(ordinals[entries.rows], entries.cells, entries.amounts))


def _sum_entries(layout: Layout, entries: Entries) -> Entries:
    """Add up entries of equal (row, cell); the result is in that order."""
    if len(entries.rows) == 0:
        return entries
    keys = entries.rows * layout.size + entries.cells
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    amounts = np.add.reduceat(entries.amounts[order], starts)
    used = keys[starts]
    return Entries(used // layout.size, used % layout.size, amounts)


def _count_groups(
    batch: EventBatch,
    prepared: _Prepared,
    rows: Ints,
    ordinals: Ints,
    summaries: list[Summary],
) -> None:
    """Count audit groups and model versions into the summaries that `ordinals` name."""
    if len(rows) == 0:
        return
    for attribute, column in prepared.attributes:
        states = prepared.outcomes[rows]
        found = _counted(column, rows, ordinals, states)
        for ordinal, group, counts in found:
            summary = summaries[ordinal]
            if group is None:
                summary.counts[NO_GROUP + attribute] = int(counts[0])
            else:
                held = summary.groups.setdefault(attribute, {})
                held[group] = held[group] + counts if group in held else counts
    if batch.model_version is not None:
        none = np.zeros(len(rows), np.int64)
        for ordinal, version, counts in _counted(batch.model_version, rows, ordinals, none):
            summary = summaries[ordinal]
            if version is None:
                summary.counts[NO_VERSION] = int(counts[0])
            else:
                summary.versions[version] = summary.versions.get(version, 0) + int(counts[0])
    else:
        for summary in summaries:
            summary.counts[NO_VERSION] = summary.counts[EVENTS]
    for summary in summaries:
        bound(summary)


def _counted(
    column: Categorical, rows: Ints, ordinals: Ints, states: Ints
) -> Iterator[tuple[int, str | None, Ints]]:
    """Yield (set, text or None if missing, [rows, with prediction, favourable]) that occur."""
    width = len(column.values) + 1
    keys = (ordinals * width + column.codes[rows] + 1) * GROUP_COUNTS + states
    if int(keys.max()) < 16 * len(keys) + 1024:
        counted = np.bincount(keys)
        used = np.flatnonzero(counted)
        amounts = counted[used]
    else:
        used, amounts = np.unique(keys, return_counts=True)
    held: dict[int, Ints] = {}
    for key, amount in zip(used.tolist(), amounts.tolist(), strict=True):
        place, state = divmod(key, GROUP_COUNTS)
        counts = held.get(place)
        if counts is None:
            counts = held[place] = np.zeros(GROUP_COUNTS, np.int64)
        counts[: state + 1] += amount
    for place, counts in held.items():
        ordinal, code = divmod(place, width)
        yield ordinal, column.values[code - 1] if code else None, counts
