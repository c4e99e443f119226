"""From the configuration's words to what the collectors and signals take."""

from __future__ import annotations

import msgspec
from pydantic import BaseModel

from agent.config.extra import FACTORS, Human
from agent.config.model import Config
from agent.config.system import EventPaths, System
from agent.labels.kinds import LABELS, REVIEWS, Kind
from collectors.decoders.columns import DECISION, EXTRA, REVIEWER
from collectors.label_paths import LabelPaths, ReviewPaths
from collectors.schema import EventSchema, ExtraField, FeatureField, Task, TimeRule

_TRUE = frozenset({"1", "1.0", "true", "True", "TRUE"})
_FALSE = frozenset({"0", "0.0", "false", "False", "FALSE"})


def source_schema(
    system: System, options: BaseModel, task: Task | None = None, *, apart: bool = False
) -> EventSchema:
    """Return the schema of one source of the system: of its events, or of labels or reviews alone.

    `task` is what is known of the system's, should the configuration leave it open; `apart` says
    that it has a source of labels alone.
    """
    labels, reviews, event = labels_of(options), reviews_of(options), system.event
    if labels is None and reviews is None:
        return event_schema(system, apart=apart)
    alone = EventSchema(
        id=event.id,
        features={},
        task=system.task or task,
        timezone=event.timezone,
        labels_only=True,
    )
    if labels is not None:
        return msgspec.structs.replace(
            alone,
            id=labels.id or event.id,
            label=labels.label or event.label,
            recorded_time=labels.recorded_time or event.recorded_time,
        )
    return _schema_of_reviews(alone, system, reviews or ReviewPaths())


def _schema_of_reviews(alone: EventSchema, system: System, reviews: ReviewPaths) -> EventSchema:
    event, human = system.event, system.event.human or Human()
    paths = {
        DECISION: reviews.decision or human.decision,
        REVIEWER: reviews.reviewer or human.reviewer,
    }
    return msgspec.structs.replace(
        alone,
        id=reviews.id or event.id,
        extra={name: ExtraField(path) for name, path in paths.items() if path is not None},
        recorded_time=reviews.recorded_time or human.decided_at or event.recorded_time,
    )


def alone_of(options: BaseModel) -> Kind | None:
    """Return what a source holds that holds no events, None if it holds events."""
    if labels_of(options) is not None:
        return LABELS
    return None if reviews_of(options) is None else REVIEWS


def labels_of(options: BaseModel) -> LabelPaths | None:
    """Return where labels stand in a source that holds them alone; None: it does not."""
    found = getattr(options, "labels", None)
    return found if isinstance(found, LabelPaths) else None


def reviews_of(options: BaseModel) -> ReviewPaths | None:
    """Return where human decisions stand in a source that holds them alone; None: it does not."""
    found = getattr(options, "reviews", None)
    return found if isinstance(found, ReviewPaths) else None


def event_schema(system: System, *, apart: bool = False) -> EventSchema:
    """Return the system's event schema, open (None) where the configuration leaves it open.

    `apart` says that the system has a source of labels alone.
    """
    event = system.event
    time = event.time
    features = system.features
    return EventSchema(
        id=event.id,
        time=time if time is None or isinstance(time, str) else TimeRule(time.start, time.every),
        prediction=event.prediction,
        score=event.score,
        label=event.label,
        model_version=event.model_version,
        recorded_time=event.recorded_time,
        features=None
        if features is None
        else {name: FeatureField(f.path or name, f.type) for name, f in features.items()},
        audit={name: a.path or name for name, a in system.audit_attributes.items()},
        extra=extra_fields(event),
        task=system.task,
        timezone=event.timezone,
        threshold=system.threshold,
        labels_elsewhere=apart,
    )


def brings_labels(config: Config, system: System) -> bool:
    """Tell whether a label can come to the system, from its events or from a source of labels."""
    return system.event.label is not None or labels_elsewhere(config, system)


def labels_elsewhere(config: Config, system: System) -> bool:
    """Tell whether the system has a source of labels alone."""
    return any(
        labels_of(options) is not None
        for options in config.collectors
        if getattr(options, "system", None) in (None, system.id)
    )


def brings_reviews(config: Config, system: System) -> bool:
    """Tell whether a human decision can come to the system later than its prediction."""
    human = system.event.human
    if human is None or human.decision is None:
        return False
    return human.later or any(
        reviews_of(options) is not None
        for options in config.collectors
        if getattr(options, "system", None) in (None, system.id)
    )


def extra_fields(event: EventPaths) -> dict[str, ExtraField]:
    """Return the optional fields that are mapped, by their names in the event schema."""
    paths: dict[str, str | None] = {
        "status": event.status.path if event.status else None,
        "feedback": event.feedback.path if event.feedback else None,
        "refused": event.refused,
        "tokens": event.tokens,
        "cost": event.cost,
    }
    for section in ("human", "scores"):
        inner = getattr(event, section)
        if inner is not None:
            paths |= {
                f"{section}.{name}": getattr(inner, name)
                for name in type(inner).model_fields
                if f"{section}.{name}" in EXTRA
            }
    found = {name: ExtraField(path) for name, path in paths.items() if path is not None}
    for name, measured in (("latency", event.latency), ("energy", event.energy)):
        if measured is not None:
            found[name] = ExtraField(measured.path, FACTORS[measured.unit])
    return dict(sorted(found.items()))


def favourable_texts(value: str | int | float | bool | None) -> frozenset[str]:
    """Return the texts that a decoded prediction or label may have when it is `value` (C13).

    1, 1.0, "1" and true are one value, and so are 0, 0.0, "0" and false; a number is also found in
    the spellings of a text file (`2`, `2.0`); any other text equals itself only.  None: no text.
    """
    if value is None:
        return frozenset()
    text = value if isinstance(value, str) else _spelling(value)
    for same in (_TRUE, _FALSE):
        if text in same:
            return same
    if isinstance(value, str) or "." in text:
        return frozenset({text})
    return frozenset({text, f"{text}.0"})


def _spelling(value: int | float | bool) -> str:
    if isinstance(value, float) and not value.is_integer():
        return repr(value)
    return str(int(value))
