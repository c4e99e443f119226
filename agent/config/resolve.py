"""From the configuration's words to what the collectors and signals take."""

from __future__ import annotations

from pydantic import BaseModel

from agent.config.extra import FACTORS
from agent.config.model import Config
from agent.config.system import EventPaths, System
from collectors.label_paths import LabelPaths
from collectors.schema import EventSchema, ExtraField, FeatureField, Task, TimeRule

_TRUE = frozenset({"1", "1.0", "true", "True", "TRUE"})
_FALSE = frozenset({"0", "0.0", "false", "False", "FALSE"})


def source_schema(
    system: System, options: BaseModel, task: Task | None = None, *, apart: bool = False
) -> EventSchema:
    """Return the schema of one source of the system: of its events, or of labels alone.

    `task` is what is known of the system's, should the configuration leave it open; `apart` says
    that it has a source of labels alone.
    """
    labels = labels_of(options)
    if labels is None:
        return event_schema(system, apart=apart)
    event = system.event
    return EventSchema(
        id=labels.id or event.id,
        label=labels.label or event.label,
        recorded_time=labels.recorded_time or event.recorded_time,
        features={},
        task=system.task or task,
        timezone=event.timezone,
        labels_only=True,
    )


def labels_of(options: BaseModel) -> LabelPaths | None:
    """Return where labels stand in a source that holds them alone; None: it holds events."""
    found = getattr(options, "labels", None)
    return found if isinstance(found, LabelPaths) else None


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
                f"{section}.{name}": getattr(inner, name) for name in type(inner).model_fields
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
