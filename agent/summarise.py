"""Event batches to summaries: the one place where events become counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from agent.amounts import Added
from agent.binning import (
    MISMATCH,
    MISSING,
    Entries,
    category_cells,
    count_per_set,
    join_entries,
    scatter_numeric,
    tally_codes,
    tally_numeric_sets,
)
from agent.extras import added
from agent.layout import GROUP_COUNTS, PREDICTION, Column, Layout
from agent.outcomes import audit_column, outcomes
from agent.outliers import Scorer, number_costs, outlying
from agent.summary import EVENTS, NO_GROUP, NO_VERSION, Summary, bound
from collectors.batch import Categorical, EventBatch, Ints
from collectors.batch import Column as Values

COLUMNWISE_FROM = 12
"""Rows of one key from which counting column by column is faster than scattering them."""

_SETS_AT_ONCE = 32
"""Sets counted in one pass: more would need too much memory for their cells."""

_CHUNK = 1 << 14
"""Values counted at a time: few enough for their temporary arrays to stay in cache."""

_SCATTERED_CHUNK = 1 << 14


class _Prepared(NamedTuple):
    """What a batch needs once, however many keys its rows have.

    `extra`: first and last cell of a block, and what each row adds to it.
    """

    columns: list[tuple[Column, Values | None, Ints | None]]
    attributes: list[tuple[str, Categorical]]
    outcomes: Ints
    extra: list[tuple[int, int, Added]]


def summarise(layout: Layout, batch: EventBatch, rows: Ints) -> Summary:
    """Return the summary of the batch's `rows` (int64 indices into the batch, unique)."""
    return _summarise_columns(layout, batch, _prepare(layout, batch), rows, None, 1)[0]


def summarise_by(layout: Layout, batch: EventBatch, rows: Ints, keys: Ints) -> dict[int, Summary]:
    """Return one summary for each distinct key, keys ascending.

    `rows` (int64 indices into the batch, unique) and `keys` (int64) have equal length; row
    `rows[i]` belongs to `keys[i]`.
    """
    if len(rows) == 0:
        return {}
    prepared = _prepare(layout, batch)
    if keys[0] == keys[-1] and (keys == keys[0]).all():
        return {int(keys[0]): _summarise_columns(layout, batch, prepared, rows, None, 1)[0]}
    order = np.argsort(keys, kind="stable")
    rows, keys = rows[order], keys[order]
    starts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
    lengths = np.diff(starts, append=len(keys))
    few = lengths < COLUMNWISE_FROM
    result: dict[int, Summary] = {}
    for chosen, summarised in ((few, _summarise_apart), (~few, _summarise_together)):
        if chosen.any():
            picked = np.repeat(chosen, lengths)
            sets = np.repeat(np.cumsum(chosen) - 1, lengths)[picked]
            names = keys[starts[chosen]].tolist()
            found = summarised(layout, batch, prepared, rows[picked], sets, len(names))
            result.update(zip(names, found, strict=True))
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
        columns,
        attributes,
        outcomes(batch, layout.favourable) if attributes else _NONE,
        _extra(layout, batch, columns),
    )


def _extra(
    layout: Layout, batch: EventBatch, columns: list[tuple[Column, Values | None, Ints | None]]
) -> list[tuple[int, int, Added]]:
    """Return what the optional fields and the outlier score add."""
    found = [
        (extra.start, extra.stop, one)
        for extra in layout.extras
        for one in added(extra, batch, layout.meanings)
    ]
    scorer = layout.outliers
    if scorer is not None:
        costs = [_costs(scorer, batch.n, *one) for one in columns if one[0].source == "feature"]
        kinds = outlying(scorer, [cost for cost in costs if cost is not None], batch.n)
        found.append((scorer.start, scorer.stop, Added(kinds)))
    return found


def _costs(
    scorer: Scorer, n: int, column: Column, values: Values | None, targets: Ints | None
) -> Ints | None:
    """Return what a feature adds to each row's outlier score, None if it takes no part in it."""
    scale = scorer.numbers.get(column.name)
    if scale is not None:
        gone = np.full(n, scale.missing)
        return gone if not isinstance(values, np.ndarray) else number_costs(scale, values)
    by_cell = scorer.categories.get(column.name)
    if by_cell is None:
        return None
    if not isinstance(values, Categorical) or targets is None:
        return np.full(n, by_cell[MISSING])
    found: Ints = by_cell[targets][values.codes + 1]
    return found


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
    layout: Layout, batch: EventBatch, prepared: _Prepared, rows: Ints, sets: Ints, n: int
) -> list[Summary]:
    """Summarise `n` sets of some size, several in one pass; `sets` (ascending) as for rows."""
    found: list[Summary] = []
    for first in range(0, n, _SETS_AT_ONCE):
        last = min(n, first + _SETS_AT_ONCE)
        low, high = sets.searchsorted([first, last]).tolist()
        part = sets[low:high] - first if last - first > 1 else None
        found += _summarise_columns(layout, batch, prepared, rows[low:high], part, last - first)
    return found


def _summarise_columns(
    layout: Layout, batch: EventBatch, prepared: _Prepared, rows: Ints, sets: Ints | None, n: int
) -> list[Summary]:
    """Summarise `n` sets column by column; `sets[i]` is that of `rows[i]`, None: all are in one."""
    cells = np.zeros((n, layout.size), np.int64)
    for first in range(0, len(rows), _CHUNK):
        piece = slice(first, first + _CHUNK)
        _tally(batch, prepared, rows[piece], None if sets is None else sets[piece], cells)
    owners = np.zeros(len(rows), np.int64) if sets is None else sets
    sizes = np.bincount(owners, minlength=n).tolist()
    summaries = [
        # A row of its own, so that one summary does not keep the others' memory.
        Summary(layout, cells[i].copy(), None, {}, {}, {EVENTS: sizes[i]} if sizes[i] else {})
        for i in range(n)
    ]
    _count_groups(batch, prepared, rows, owners, summaries)
    return summaries


def _tally(
    batch: EventBatch, prepared: _Prepared, rows: Ints, sets: Ints | None, cells: Ints
) -> None:
    """Add rows to the rows of `cells` (sets, layout.size) that `sets` names."""
    everything = len(rows) == batch.n and (sets is None or bool((np.diff(rows) == 1).all()))
    n = len(cells)
    for column, values, targets in prepared.columns:
        blocks = cells[:, column.start : column.stop]
        flags = batch.mismatched.get(column.mismatch_key)
        if flags is not None:
            blocks[:, MISMATCH] += count_per_set(flags[rows], sets, n)
        if values is None:
            blocks[:, MISSING] += count_per_set(np.ones(len(rows), np.bool_), sets, n)
        elif isinstance(values, Categorical):
            codes = values.codes if everything else values.codes[rows]
            if targets is None:
                blocks[:, MISSING] += count_per_set(codes < 0, sets, n)
            else:
                tally_codes(targets, codes, sets, blocks)
        elif column.bins is None:
            blocks[:, MISSING] += count_per_set(np.isnan(values[rows]), sets, n)
        else:
            chosen = values if everything else values[rows]
            tally_numeric_sets(column.bins, chosen, sets, blocks)
    for start, stop, one in prepared.extra:
        width = stop - start
        places = one.cells if everything else one.cells[rows]
        if sets is not None:
            places = places + sets * width
        # Of a chunk no sum reaches 2^53, so that floats add whole numbers exactly.
        weights = None if one.amounts is None else one.amounts[rows]
        sums = np.bincount(places, weights, n * width).reshape(n, width)
        cells[:, start:stop] += sums.astype(np.int64)


def _summarise_apart(
    layout: Layout, batch: EventBatch, prepared: _Prepared, rows: Ints, ordinals: Ints, n: int
) -> list[Summary]:
    """Summarise `n` tiny sets at once; `ordinals` (ascending) say which set a row is in."""
    parts: list[Entries] = []
    # In pieces, so that memory stays bounded whatever the size of the batch.
    for first in range(0, len(rows), _SCATTERED_CHUNK):
        piece = slice(first, first + _SCATTERED_CHUNK)
        parts.append(_summed(layout, _entries(batch, prepared, rows[piece]), ordinals[piece]))
    joined = join_entries(parts)
    # A set may straddle two pieces: sum again.
    whole = joined if len(parts) == 1 else _sum_entries(layout, joined)
    sets = np.arange(n + 1)
    bounds = whole.rows.searchsorted(sets).tolist()
    sizes = np.bincount(ordinals, minlength=n).tolist()
    summaries = []
    for i in range(n):
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
    return summaries


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
    for start, _, one in prepared.extra:
        cells, amounts = start + one.cells[rows], one.amounts
        if amounts is None:
            parts.append(Entries(every, cells, np.ones(len(rows), np.int64)))
        else:
            used = np.flatnonzero(amounts[rows])
            parts.append(Entries(used, cells[used], amounts[rows][used]))
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
