"""A reference profile straight from a file of past events (`reference: {data: ...}`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.reference.build import BuildError, build
from agent.reference.profile import Reference
from collectors.base import CollectorError, EndOfInput, SchemaResolved
from collectors.batch import EventBatch
from collectors.file import read_batches
from collectors.schema import EventSchema

_ID_KEY = b"pantau reference"
"""Key of the id hashes: fixed, since they never leave the memory of one run."""


def build_from_file(
    path: Path, schema: EventSchema, *, favourable: Iterable[str] = (), k_display: int = 10
) -> Reference:
    """Return the profile of the events in a file; what the schema leaves open is inferred.

    Raises `CollectorError` when the file cannot be read, `BuildError` when it holds no event.
    """
    items = read_batches(path, schema, _ID_KEY)
    first = next(iter(items), None)
    if isinstance(first, SchemaResolved):
        schema = first.schema
    elif isinstance(first, EndOfInput):
        raise CollectorError(first.error or f"{path}: holds no event to build a reference from")

    rejected: Counter[str] = Counter()

    def batches() -> Iterator[EventBatch]:
        for item in items:
            if isinstance(item, EventBatch):
                rejected.update(one.reason for one in item.rejected)
                yield item
            elif isinstance(item, EndOfInput) and item.error is not None:
                raise CollectorError(item.error)

    try:
        return build(batches(), schema, favourable=favourable, k_display=k_display)
    except BuildError as error:
        counts = ", ".join(f"{reason} {n}" for reason, n in sorted(rejected.items()))
        raise BuildError(f"{path}: {error} (rejected: {counts or 'none'})") from error
