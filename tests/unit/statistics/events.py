"""Event batches for tests of summaries and signals, made from plain lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from agent.layout import Layout, build_layout
from agent.reference.build import build
from agent.reference.profile import Reference
from collectors.batch import Categorical, Column, EventBatch, Flags
from collectors.schema import EventSchema, ExtraField, FeatureField, Task

FAVOURABLE = frozenset({"1"})

Values = Sequence[float | None] | Sequence[str | None] | np.ndarray | Categorical


def texts(values: Sequence[str | None]) -> Categorical:
    """Dictionary-code texts, None = missing."""
    known = sorted({v for v in values if v is not None})
    code = {text: i for i, text in enumerate(known)}
    codes = [-1 if v is None else code[v] for v in values]
    return Categorical(np.array(codes, np.int32), tuple(known))


def column(values: Values) -> Column:
    """Texts become a categorical column, anything else but a column a numeric one."""
    if isinstance(values, Categorical):
        return values
    if any(isinstance(v, str) for v in values):
        return texts(cast(Sequence[str | None], values))
    return np.array([np.nan if v is None else v for v in values], np.float64)


def batch(
    features: Mapping[str, Values] | None = None,
    *,
    n: int | None = None,
    prediction: Values | None = None,
    score: Values | None = None,
    label: Values | None = None,
    audit: Mapping[str, Sequence[str | None]] | None = None,
    version: Sequence[str | None] | None = None,
    ids: Sequence[int] | None = None,
    time: Sequence[int] | None = None,
    mismatched: Mapping[str, Sequence[bool]] | None = None,
    extra: Mapping[str, Values] | None = None,
    reviewer: Sequence[int] | None = None,
) -> EventBatch:
    """Return a batch of as many events as its columns have values."""
    features = features or {}
    given = [*features.values(), *(v for v in (prediction, score, version) if v is not None)]
    size = n if n is not None else len([*given, *(audit or {}).values()][0])
    flags: dict[str, Flags] = {k: np.array(v, np.bool_) for k, v in (mismatched or {}).items()}
    return EventBatch(
        source="test",
        partition="0",
        next_offset=size,
        n=size,
        event_time=np.array(range(size) if time is None else time, np.int64) * 1_000_000,
        offset=np.arange(size),
        event_id=np.array(range(1, size + 1) if ids is None else ids, np.uint64),
        body=np.zeros(size, np.uint32),
        model_version=None if version is None else texts(version),
        prediction=None if prediction is None else column(prediction),
        score=None if score is None else cast(np.ndarray, column(score)),
        label=None if label is None else column(label),
        features={name: column(values) for name, values in features.items()},
        audit={name: texts(values) for name, values in (audit or {}).items()},
        extra={name: column(values) for name, values in (extra or {}).items()},
        reviewer=None if reviewer is None else np.array(reviewer, np.uint64),
        mismatched=flags,
    )


def schema_of(events: EventBatch, task: Task = "classification") -> EventSchema:
    """Return the resolved schema of a batch."""
    return EventSchema(
        id="id",
        time="time",
        prediction=None if events.prediction is None else "prediction",
        score=None if events.score is None else "score",
        label=None if events.label is None else "label",
        model_version=None if events.model_version is None else "version",
        features={
            name: FeatureField(name, "categorical" if isinstance(c, Categorical) else "numeric")
            for name, c in events.features.items()
        },
        audit={name: name for name in events.audit},
        extra={
            name: ExtraField(name)
            for name in [
                *events.extra,
                *(["human.reviewer"] if events.reviewer is not None else []),
            ]
        },
        task=task,
    )


def _extras(events: EventBatch) -> list[str]:
    return [*events.extra, *(["human.reviewer"] if events.reviewer is not None else [])]


def referenced(
    events: EventBatch, *, attributes: Sequence[str] | None = None, group_limit: int = 1000
) -> tuple[Layout, Reference]:
    """Return the reference of a batch, and the layout of its schema with that reference."""
    schema = schema_of(events)
    reference = build([events], schema, favourable=FAVOURABLE, attributes=attributes)
    layout = build_layout(
        schema, reference, favourable=FAVOURABLE, attributes=attributes, group_limit=group_limit
    )
    return layout, reference
