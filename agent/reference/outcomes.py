"""The labels of past events, each with the event that it belongs to."""

from __future__ import annotations

import numpy as np

from agent.labels.rows import OutcomeRows
from agent.reference.gather import Gathered
from collectors.batch import NO_ID, Categorical, Column, Flags, Ints


def outcome_rows(gathered: Gathered, keep: Flags) -> OutcomeRows | None:
    """Return the events to `keep` with their labels, None if there are no labels in the schema.

    A label joins its event by the id; the latest recorded wins, then the highest offset.
    """
    if not {"label", "prediction"} <= set(gathered.arrays):
        return None
    events = np.flatnonzero(keep)
    labels = _label_rows(gathered, keep)
    n = len(events)
    score = np.full(n, np.nan)
    if "score" in gathered.arrays:
        score = np.asarray(gathered.whole("score")[events], np.float64)
    return OutcomeRows(
        n=n,
        prediction=_column(gathered, "prediction", events),
        label=_column(gathered, "label", labels),
        score=score,
        groups={a: _categorical(gathered, f"audit.{a}", events) for a in gathered.attributes},
        mature=True,
    )


def _label_rows(gathered: Gathered, keep: Flags) -> Ints:
    """Return, for each event to keep, the row that its label stands in (its own if none)."""
    ids, events = gathered.whole("id"), np.flatnonzero(keep)
    record = ~np.asarray(gathered.whole("is_event"), np.bool_)
    having = np.flatnonzero((keep | record) & _there(gathered) & (ids != NO_ID))
    order = having[
        np.lexsort(
            (gathered.whole("offset")[having], gathered.whole("recorded")[having], ids[having])
        )
    ]
    if len(order) == 0:
        return events
    last = np.append(ids[order][1:] != ids[order][:-1], True)
    known, rows = ids[order][last], order[last]
    place = np.minimum(known.searchsorted(ids[events]), len(known) - 1)
    found = (known[place] == ids[events]) & (ids[events] != NO_ID)
    joined: Ints = np.where(found, rows[place], events)
    return joined


def _there(gathered: Gathered) -> Flags:
    values = gathered.whole("label")
    there: Flags = values >= 0 if "label" in gathered.texts else ~np.isnan(values)
    return there


def _column(gathered: Gathered, name: str, rows: Ints) -> Column:
    if name in gathered.texts:
        return _categorical(gathered, name, rows)
    return np.asarray(gathered.whole(name)[rows], np.float64)


def _categorical(gathered: Gathered, name: str, rows: Ints) -> Categorical:
    codes = np.asarray(gathered.whole(name)[rows], np.int32)
    return Categorical(codes, tuple(gathered.texts[name].codes))
