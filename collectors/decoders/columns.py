"""Which columns a schema asks for, and how the values of each are to be read."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from collectors.base import CollectorError
from collectors.schema import HUMAN_DECISION, EventSchema


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
FEATURES, AUDIT, EXTRAS = "features.", "audit.", "extra."

LATENCY, STATUS, FEEDBACK, REFUSED = "latency", "status", "feedback", "refused"
TOKENS, COST, ENERGY = "tokens", "cost", "energy"
DECISION, REVIEWER = HUMAN_DECISION, "human.reviewer"
DECIDED_AT, REVIEW_SECONDS = "human.decided_at", "human.seconds"
TOXICITY, GROUNDEDNESS, EVALUATION = "scores.toxicity", "scores.groundedness", "scores.evaluation"

EXTRA: dict[str, Role] = {
    LATENCY: Role.NUMBER,
    STATUS: Role.TEXT,
    DECISION: Role.OUTCOME,
    REVIEWER: Role.IDENTIFIER,
    DECIDED_AT: Role.TIME,
    REVIEW_SECONDS: Role.NUMBER,
    FEEDBACK: Role.TEXT,
    TOXICITY: Role.NUMBER,
    GROUNDEDNESS: Role.NUMBER,
    EVALUATION: Role.NUMBER,
    REFUSED: Role.OUTCOME,
    TOKENS: Role.NUMBER,
    COST: Role.NUMBER,
    ENERGY: Role.NUMBER,
}
"""The optional fields of an event and how each is read.

Latencies and reviews are in seconds, energy in kWh, cost in the currency of the stream.  Of
`human.decided_at` a batch holds `human.seconds`, the time from the event to it; of `human.reviewer`
a keyed hash.  `human.decision` has the value space of the prediction.
"""


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
    for name, extra in schema.extra.items():
        role = outcome if name == DECISION else EXTRA[name]
        columns.append(Column(EXTRAS + name, extra.path, role))
    return tuple(columns)
