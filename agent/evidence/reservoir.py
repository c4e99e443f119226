"""The samples of a system's open windows: fed with what counts, closed with the windows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from agent.evidence.sample import ColumnName, Kind, Sample, add, decode, digest, encode
from agent.windows import LENGTHS
from collectors.batch import EventBatch, Flags
from collectors.schema import EventSchema
from policies.model import Window

_MICROSECONDS = 1_000_000


class Place(NamedTuple):
    """An open window: its length's name and its start in epoch seconds."""

    length: str
    start: int


class Reservoir:
    """One sample for each open window, over all model versions.  `size` 0 keeps nothing.

    `expires`: by attribute the day from which its lawful basis no longer holds; values of events
    from that day on are left out.  `dirty` holds the places whose stored sample is behind.
    """

    def __init__(
        self,
        size: int,
        lengths: Sequence[str],
        columns: Sequence[ColumnName],
        expires: Mapping[str, dt.date] | None = None,
    ) -> None:
        self._size, self._lengths = size, tuple(lengths)
        self._columns, self._expires = tuple(columns), dict(expires or {})
        self._open: dict[Place, Sample] = {}
        self.dirty: set[Place] = set()

    def add(self, batch: EventBatch, counted: Flags, next_start: Mapping[str, int]) -> None:
        """Offer the events of a batch that count.

        `next_start`: by length the first window not reported; a window before it that is not open
        here is final, and takes nothing.
        """
        rows = np.flatnonzero(counted)
        if not self._size or not len(rows):
            return
        seconds = batch.event_time[rows] // _MICROSECONDS
        for length in self._lengths:
            starts = seconds // LENGTHS[length] * LENGTHS[length]
            for start in np.unique(starts).tolist():
                place = Place(length, start)
                if place not in self._open:
                    if start < next_start.get(length, start):
                        continue
                    self._open[place] = self._empty(place)
                sample = self._open[place]
                if not sample.closed and add(sample, batch, rows[starts == start]):
                    self.dirty.add(place)

    def close(self, window: Window, *, final: bool) -> tuple[str, bytes] | None:
        """Return the digest and the bytes of a window's sample; None if it has none.

        When the window is restated, the digest is that of its first report, and there are no bytes
        any more; until the window is final the digest is remembered.
        """
        place = Place(window.length, window.start)
        sample = self._open.get(place)
        if sample is None or not (sample.rows or sample.closed):
            return None
        self.dirty.add(place)
        body = b"" if sample.closed else encode(sample)
        named = sample.closed or digest(body)
        if final:
            del self._open[place]
        else:
            self._open[place] = Sample(sample.size, sample.columns, closed=named)
        return named, body

    def stored(self, place: Place) -> bytes | None:
        """Return what to store for a place; None where nothing is to be stored any more."""
        sample = self._open.get(place)
        return None if sample is None else encode(sample)

    def restore(self, place: Place, body: bytes) -> None:
        """Take back what was stored; a sample of other columns or another size is dropped."""
        sample = decode(body)
        fits = sample.size == self._size and sample.columns == self._empty(place).columns
        if fits and place.length in self._lengths:
            self._open[place] = sample
        else:
            self.dirty.add(place)

    def _empty(self, place: Place) -> Sample:
        end = dt.datetime.fromtimestamp(place.start + LENGTHS[place.length], dt.UTC).date()
        columns = tuple(
            column
            for column in self._columns
            if end < self._expires.get(column.name.removeprefix("audit."), dt.date.max)
            or not column.name.startswith("audit.")
        )
        return Sample(self._size, columns)


def columns_of(schema: EventSchema, *, attributes: bool) -> list[ColumnName]:
    """Return what a sample holds: features, score and prediction; attributes only if asked."""
    features = schema.features or {}
    found = [
        ColumnName(f"features.{n}", f.kind)
        for n, f in sorted(features.items())
        if f.kind is not None
    ]
    if schema.score is not None:
        found.append(ColumnName("score", "numeric"))
    if schema.prediction is not None or schema.score is not None:
        kind: Kind = "numeric" if schema.task == "regression" else "categorical"
        found.append(ColumnName("prediction", kind))
    if attributes:
        found += [ColumnName(f"audit.{name}", "categorical") for name in sorted(schema.audit)]
    return found
