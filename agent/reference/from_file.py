"""A reference profile straight from a file of past events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agent.reference.build import Baseline, BuildError, build
from agent.reference.profile import Reference
from collectors.base import CollectorError, EndOfInput, Item, SchemaResolved
from collectors.batch import EventBatch
from collectors.file import read_batches
from collectors.schema import EventSchema

_ID_KEY = b"pantau reference"
"""Key of the id hashes: fixed, since they never leave the memory of one run."""


def _nothing(_records: int) -> None:
    """Tell nobody how far the reading is."""


@dataclass
class Reading:
    """What became known while a file was read, filled in by `build_from_file`.

    `notes`: what was inferred and why.  `rejected`: records left out, by reason.  `advance` is
    called with the number of records of each batch.
    """

    advance: Callable[[int], None] = _nothing
    notes: tuple[str, ...] = ()
    rejected: Counter[str] = field(default_factory=Counter)


def build_from_file(
    path: Path,
    schema: EventSchema,
    *,
    favourable: Iterable[str] = (),
    attributes: Iterable[str] | None = None,
    k_display: int = 10,
    baseline: Baseline | None = None,
    reading: Reading | None = None,
) -> Reference:
    """Return the profile of the events in a file; what the schema leaves open is inferred.

    Raises `CollectorError` when the file cannot be read, `BuildError` when it holds no event.
    """
    reading = reading or Reading()
    items = read_batches(path, schema, _ID_KEY)
    first = next(iter(items), None)
    if isinstance(first, SchemaResolved):
        schema, reading.notes = first.schema, first.notes
    elif isinstance(first, EndOfInput):
        raise CollectorError(first.error or f"{path}: holds no event to build a reference from")
    try:
        return build(
            _batches(items, reading),
            schema,
            favourable=favourable,
            attributes=attributes,
            k_display=k_display,
            baseline=baseline,
        )
    except BuildError as error:
        counts = ", ".join(f"{reason} {n}" for reason, n in sorted(reading.rejected.items()))
        raise BuildError(f"{path}: {error} (rejected: {counts or 'none'})") from error


def _batches(items: Iterable[Item], reading: Reading) -> Iterator[EventBatch]:
    for item in items:
        if isinstance(item, EventBatch):
            reading.rejected.update(one.reason for one in item.rejected)
            reading.advance(item.n + len(item.rejected))
            yield item
        elif isinstance(item, EndOfInput) and item.error is not None:
            raise CollectorError(item.error)
