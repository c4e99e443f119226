"""Events to a reference profile."""

from __future__ import annotations

from collections.abc import Iterable

from agent.reference.gather import feature_key, gather
from agent.reference.profile import Reference, seal
from collectors.batch import EventBatch
from collectors.schema import EventSchema

_MICROSECONDS = 1_000_000


class BuildError(ValueError):
    """Data that no profile can be made from; the message is for a person."""


def build(
    batches: Iterable[EventBatch],
    schema: EventSchema,
    *,
    favourable: Iterable[str] = (),
    attributes: Iterable[str] | None = None,
    k_display: int = 10,
) -> Reference:
    """Return the profile of all events in `batches`, which follow the resolved `schema`.

    Repeats of an event id and label records (a label without a prediction) are left out.
    Quantiles are exact: all values are held in memory.  The result depends on the set of events
    only, not on their order or the batches.  `attributes` (default: the schema's) may name
    intersections.  Categories and groups with fewer rows than `k_display` are not named.  Raises
    `BuildError` when there is no event.
    """
    texts = frozenset(favourable)
    gathered = gather(
        batches, schema, texts, tuple(schema.audit if attributes is None else attributes)
    )
    keep = gathered.distinct()
    if not keep.any():
        raise BuildError(
            "the reference data holds no usable event; see the reasons of the rejected records, "
            "and check the paths under `event`"
        )
    times = gathered.whole("time")[keep]
    columns = {name: gathered.profile(name, keep, k_display) for name in gathered.columns}
    return seal(
        Reference(
            task=schema.task or "classification",
            rows=int(keep.sum()),
            duplicates=int(len(keep) - keep.sum()),
            data_start=int(times.min()) // _MICROSECONDS,
            data_end=int(times.max()) // _MICROSECONDS,
            k_display=k_display,
            features={
                name: columns[feature_key(name)]
                for name in sorted(schema.features or {})
                if feature_key(name) in columns
            },
            prediction=columns.get("prediction"),
            score=columns.get("score"),
            favourable=tuple(sorted(texts)),
            groups=gathered.groups(keep, k_display),
            model_versions=gathered.versions(keep),
        )
    )
