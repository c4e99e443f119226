"""Which columns a schema asks for, and how the values of each are to be read."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from collectors.base import CollectorError
from collectors.schema import EventSchema


class Role(Enum):
    """How a value is read."""

    IDENTIFIER = auto()
    TIME = auto()
    NUMBER = auto()
    TEXT = auto()
    OUTCOME = auto()


class Column(NamedTuple):
    """One column: `key` as in `EventBatch.mismatched`, the dotted `path` of its value, its role."""

    key: str
    path: str
    role: Role


EVENT_ID, EVENT_TIME, RECORDED_TIME = "event_id", "event_time", "recorded_time"
MODEL_VERSION, PREDICTION, SCORE, LABEL = "model_version", "prediction", "score", "label"
FEATURES, AUDIT = "features.", "audit."


def columns_of(schema: EventSchema) -> tuple[Column, ...]:
    """Return the columns of a resolved schema; `CollectorError` if something is left open."""
    if schema.features is None or not schema.is_resolved():
        raise CollectorError("the event schema is not complete: time, task or a feature is open")
    outcome = Role.NUMBER if schema.task == "regression" else Role.OUTCOME
    single = [
        (EVENT_ID, schema.id, Role.IDENTIFIER),
        (EVENT_TIME, schema.time if isinstance(schema.time, str) else None, Role.TIME),
        (RECORDED_TIME, schema.recorded_time, Role.TIME),
        (MODEL_VERSION, schema.model_version, Role.TEXT),
        (PREDICTION, schema.prediction, outcome),
        (SCORE, schema.score, Role.NUMBER),
        (LABEL, schema.label, outcome),
    ]
    columns = [Column(key, path, role) for key, path, role in single if path is not None]
    for name, feature in schema.features.items():
        role = Role.NUMBER if feature.kind == "numeric" else Role.TEXT
        columns.append(Column(FEATURES + name, feature.path, role))
    columns += [Column(AUDIT + name, path, Role.TEXT) for name, path in schema.audit.items()]
    return tuple(columns)
