"""Where the canonical fields stand in an incoming record, and what kind each feature is."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["numeric", "categorical"]
Task = Literal["classification", "regression"]


HUMAN_DECISION = "human.decision"
"""Name of the optional field that holds what a human decided."""


class TimeRule(msgspec.Struct, frozen=True):
    """For files without a time: row i happened at `start + i * every` (both in seconds)."""

    start: int
    every: int


class FeatureField(msgspec.Struct, frozen=True):
    """One feature: dotted `path` in the record and its kind; kind None = to be inferred."""

    path: str
    kind: Kind | None = None


class ExtraField(msgspec.Struct, frozen=True):
    """One optional field: dotted `path`, and the `factor` that brings its numbers to our unit."""

    path: str
    factor: float = 1.0


class EventSchema(msgspec.Struct, frozen=True, kw_only=True):
    """The mapping from a record to the canonical fields.

    Every field is a dotted path.  `time` is a path or a `TimeRule`.  `features` None means "infer
    them", and so do None paths when the record has a field of a well-known name; after
    `collectors.infer.resolve` nothing is left open: `features` is a dict and every kind is set,
    and a None path means the record has no such field.  `extra` are the optional fields that are
    mapped, by their names in `collectors.decoders.columns.EXTRA`; they are never inferred.
    `labels_only`: a record is a label for an event that comes from elsewhere, or where no label but
    `HUMAN_DECISION` is mapped a human decision about it; it needs an id and that, and no time.
    `labels_elsewhere`: labels have a source of their own, so events without any are nothing to warn
    of; only looked at while fields are resolved.
    """

    id: str | None = None
    time: str | TimeRule | None = None
    prediction: str | None = None
    score: str | None = None
    label: str | None = None
    model_version: str | None = None
    recorded_time: str | None = None
    features: dict[str, FeatureField] | None = None
    audit: dict[str, str] = msgspec.field(default_factory=dict)
    extra: dict[str, ExtraField] = msgspec.field(default_factory=dict)
    task: Task | None = None
    timezone: str | None = None
    threshold: float = 0.5
    labels_only: bool = False
    labels_elsewhere: bool = False

    @property
    def alone(self) -> str | None:
        """The path of what a source with `labels_only` holds."""
        decision = self.extra.get(HUMAN_DECISION)
        return self.label if decision is None else decision.path

    def is_resolved(self) -> bool:
        """Tell whether nothing is left to infer."""
        if self.labels_only:
            return self.id is not None and self.alone is not None and self.task is not None
        return (
            self.features is not None
            and self.task is not None
            and self.time is not None
            and all(f.kind is not None for f in self.features.values())
        )
