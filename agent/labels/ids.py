"""Ids of rows: how they are stored, and which of them a sample keeps.

A sample keeps the ids that, read as a number of 64 bits, begin with at least `cut` zeros.  An id
is a keyed hash, so this is a share of 2^-cut of them, whatever they stand for, and a larger cut
keeps a part of what a smaller one keeps.
"""

from __future__ import annotations

import numpy as np

from collectors.batch import NO_ID, EventBatch, Hashes, Ints

RANKS = 41
"""Ranks told apart: an id of rank 40 or more is one in 10^12."""

_SIGN = np.uint64(1 << 63)


def stored(ids: Hashes) -> Ints:
    """Return ids as the signed integers of the store, in the order of the unsigned ones."""
    return (ids ^ _SIGN).view(np.int64)


def highest(cut: int) -> int:
    """Return the largest stored id that a sample with this cut keeps."""
    return int(-(1 << 63) + (1 << (64 - cut)) - 1)


def rank(ids: Hashes) -> Ints:
    """Return the number of leading zeros of each id, at most `RANKS - 1`."""
    high = (ids >> np.uint64(32)).astype(np.float64)
    low = (ids & np.uint64(0xFFFFFFFF)).astype(np.float64)
    # A number below 2^53 is exact as a float, so its exponent is its length in bits.
    zeros = np.where(high > 0, 32 - np.frexp(high)[1], 64 - np.frexp(low)[1])
    return np.minimum(zeros.astype(np.int64), RANKS - 1)


def row_ids(batch: EventBatch, rows: Ints) -> Hashes:
    """Return the ids of rows; one without an id gets a hash of its content.

    Rows of equal content get the same one: nothing tells them apart.
    """
    ids = batch.event_id[rows].copy()
    nameless = ids == NO_ID
    if nameless.any():
        chosen = rows[nameless]
        mixed = _mixed(batch.event_time[chosen].view(np.uint64))
        mixed = _mixed(mixed ^ batch.body[chosen].astype(np.uint64))
        if batch.score is not None:
            mixed = _mixed(mixed ^ np.ascontiguousarray(batch.score[chosen]).view(np.uint64))
        ids[nameless] = mixed
    return ids


def _mixed(values: Hashes) -> Hashes:
    """Spread 64-bit values evenly (the finalizer of SplitMix64; Steele, Lea and Flood 2014)."""
    with np.errstate(over="ignore"):
        values = values + np.uint64(0x9E3779B97F4A7C15)
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return values ^ (values >> np.uint64(31))
