"""The samples of open windows in the store: written with the state that they belong to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from agent.config.model import Evidence
from agent.evidence.reservoir import Place, Reservoir, columns_of
from agent.store import Changes, Document, Store
from collectors.schema import EventSchema

KIND = "sample"

_JOIN = "\x1f"


def collect(system: str, reservoir: Reservoir, changes: Changes) -> None:
    """Add the samples that changed to `changes`."""
    for place in sorted(reservoir.dirty):
        key = _JOIN.join((place.length, str(place.start)))
        body = reservoir.stored(place)
        if body is None:
            changes.delete.append((system, KIND, key))
        else:
            changes.put.append(Document(system, KIND, key, body))


def restore(
    store: Store,
    system: str,
    schema: EventSchema,
    lengths: Sequence[str],
    options: Evidence,
    *,
    expires: Mapping[str, dt.date],
) -> Reservoir | None:
    """Return the samples as of the last commit; None where none are kept.

    Where an earlier run kept some and this one shall not, they are removed with the first commit.
    """
    stored = store.documents(system, KIND)
    if not options.enabled and not stored:
        return None
    reservoir = Reservoir(
        options.sample if options.enabled else 0,
        lengths,
        columns_of(schema, attributes=options.attributes),
        expires,
    )
    for key, body in stored.items():
        length, start = key.rsplit(_JOIN, 1)
        reservoir.restore(Place(length, int(start)), body)
    return reservoir
