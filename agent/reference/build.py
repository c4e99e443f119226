"""Events to a reference profile."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agent.labels.rows import OutcomeRows
from agent.reference.gather import feature_key, gather
from agent.reference.outcomes import outcome_rows
from agent.reference.outliers import fit
from agent.reference.profile import OutcomeProfile, Reference, seal
from collectors.batch import EventBatch
from collectors.schema import EventSchema

Baseline = Callable[[OutcomeRows, frozenset[str], int], OutcomeProfile | None]
"""From events with labels, the favourable texts and `k_display` to what is kept of them."""

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
    baseline: Baseline | None = None,
) -> Reference:
    """Return the profile of all events in `batches`, which follow the resolved `schema`.

    Repeats of an event id are left out; label records (a label without a prediction) give their
    label to the event with their id (contract C9), and `baseline` tells what to keep of these.
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
    rows = outcome_rows(gathered, keep) if baseline is not None else None
    columns = {name: gathered.profile(name, keep, k_display) for name in gathered.columns}
    features = {
        name: columns[feature_key(name)]
        for name in sorted(schema.features or {})
        if feature_key(name) in columns
    }
    return seal(
        Reference(
            task=schema.task or "classification",
            rows=int(keep.sum()),
            duplicates=int(len(keep) - keep.sum()),
            data_start=int(times.min()) // _MICROSECONDS,
            data_end=int(times.max()) // _MICROSECONDS,
            k_display=k_display,
            features=features,
            prediction=columns.get("prediction"),
            score=columns.get("score"),
            favourable=tuple(sorted(texts)),
            groups=gathered.groups(keep, k_display),
            model_versions=gathered.versions(keep),
            ungrouped=gathered.ungrouped(keep),
            outcomes=None if rows is None or baseline is None else baseline(rows, texts, k_display),
            outliers=fit(gathered, keep, features),
        )
    )
