"""A sample of the events that a reference profile was built from, to compare windows with."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from agent.evidence.reservoir import columns_of
from agent.evidence.sample import Sample, add, encode
from collectors.base import CollectorError, EndOfInput, SchemaResolved
from collectors.batch import EventBatch
from collectors.file import read_batches
from collectors.schema import EventSchema
from exporters.audit import disk

_ID_KEY = b"pantau reference sample"
"""Fixed: the same file gives the same sample, and its rows carry no id."""


def sample_of_file(path: Path, schema: EventSchema, size: int, *, attributes: bool) -> bytes:
    """Return the encoded sample of at most `size` events of a file; raises `CollectorError`."""
    sample: Sample | None = None
    for item in read_batches(path, schema, _ID_KEY):
        if isinstance(item, SchemaResolved):
            sample = Sample(size, tuple(columns_of(item.schema, attributes=attributes)))
        elif isinstance(item, EventBatch) and sample is not None:
            add(sample, item, np.arange(item.n))
        elif isinstance(item, EndOfInput) and item.error is not None:
            raise CollectorError(item.error)
    if sample is None or not sample.rows:
        raise CollectorError(f"{path}: holds no event to sample")
    return encode(sample)


def drawn_once(
    path: Path, schema: EventSchema, size: int, *, attributes: bool
) -> Callable[[], bytes]:
    """Return what draws the sample of a file when it is first asked for, and then remembers it.

    That raises `CollectorError`; then the next call reads the file again.
    """

    @functools.cache
    def draw() -> bytes:
        return sample_of_file(path, schema, size, attributes=attributes)

    return draw


def write_sample(file: Path, body: bytes) -> None:
    """Write a sample that only its owner may read, durably, in whole or not at all."""
    disk.write_whole(file.resolve(), body, 0o600)
