"""Windows with labels for tests of the signals made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from agent.labels.rows import OutcomeRows
from agent.layout import build_layout
from agent.reference.build import build
from agent.reference.profile import Reference
from agent.signals.context import Settings, SignalContext
from agent.signals.disclosure import Signals
from agent.signals.measures import Ask
from agent.signals.outcome_profile import outcome_profile
from agent.signals.table import compute
from agent.summarise import summarise
from collectors.batch import Categorical, EventBatch
from collectors.schema import Task
from policies.model import Signal, Window
from tests.support.public_data import Modelled
from tests.unit.statistics.events import FAVOURABLE, batch, schema_of, texts

Texts = Sequence[str | None]

DEFAULTS = Settings()


def as_texts(values: np.ndarray | Sequence[Any]) -> Texts:
    """Return values as the texts that a decoder makes of them, None and NaN as missing."""
    return [None if v is None or v != v else str(v) for v in list(values)]


def events_of(
    prediction: Any,
    label: Any,
    score: Any = None,
    groups: Mapping[str, Any] | None = None,
    *,
    regression: bool = False,
) -> EventBatch:
    """Return the events of a window, with their labels in them."""
    n = len(prediction)
    if not regression:
        # texts() even of nothing but None, which column() would take for numbers.
        prediction, label = texts(as_texts(prediction)), texts(as_texts(label))
    if score is not None:
        score = np.array([np.nan if v is None else v for v in score], np.float64)
    return batch(
        n=n,
        prediction=prediction,
        label=label,
        score=score,
        audit={a: as_texts(g) for a, g in (groups or {}).items()},
    )


def rows_of(events: EventBatch, *, sampling: float = 1.0, mature: bool = True) -> OutcomeRows:
    """Return the outcome rows of events whose labels are in them."""
    assert events.prediction is not None
    assert events.label is not None
    prediction, label = events.prediction, events.label
    if isinstance(prediction, Categorical) and isinstance(label, Categorical):
        prediction, label = _same_values(prediction, label)
    return OutcomeRows(
        n=events.n,
        prediction=prediction,
        label=label,
        score=np.full(events.n, np.nan) if events.score is None else events.score,
        groups=events.audit,
        sampling=sampling,
        mature=mature,
    )


def context_of(
    events: EventBatch,
    *,
    settings: Settings = DEFAULTS,
    reference: Reference | None = None,
    favourable: frozenset[str] = FAVOURABLE,
    length: str = "1d",
    mature: bool = True,
    sampling: float = 1.0,
) -> SignalContext:
    """Return the window of events whose labels are in them."""
    task: Task = "classification" if isinstance(events.prediction, Categorical) else "regression"
    layout = build_layout(schema_of(events, task), reference, favourable=favourable)
    return SignalContext(
        layout,
        summarise(layout, events, np.arange(events.n)),
        reference,
        Window(0, 86_400, length),
        settings,
        outcomes=rows_of(events, sampling=sampling, mature=mature),
    )


def reference_of(
    events: EventBatch, *, favourable: frozenset[str] = FAVOURABLE, ask: Ask | None = None
) -> Reference:
    """Return the reference of events whose labels are in them."""
    task: Task = "classification" if isinstance(events.prediction, Categorical) else "regression"
    return build(
        [events],
        schema_of(events, task),
        favourable=favourable,
        baseline=partial(outcome_profile, ask=ask or Ask()),
    )


def modelled_events(model: Modelled, rows: np.ndarray | slice = slice(None)) -> EventBatch:
    """Return the events of a modelled data set."""
    regression = model.label.dtype.kind == "f"
    scored = not np.isnan(model.score).all()
    return events_of(
        model.prediction[rows],
        model.label[rows],
        model.score[rows] if scored else None,
        {a: g[rows] for a, g in model.groups.items()},
        regression=regression,
    )


def signals_of(context: SignalContext) -> Signals:
    """Return every signal of a window."""
    return compute(context)


def one(signals: Sequence[Signal], name: str, *subject: str, **by: str) -> Signal:
    """Return a signal by name: of an attribute (and group, and group against), or of `by`."""
    wanted = dict(zip(("attribute", "group", "against"), subject, strict=False)) | by
    return next(s for s in signals if s.name == name and s.subject == wanted)


def value_of(signal: Signal) -> float:
    """Return the value of a signal that must have one."""
    assert signal.status == "ok", signal
    assert signal.value is not None
    assert signal.low is not None
    assert signal.high is not None
    assert signal.low <= signal.value <= signal.high
    return signal.value


def _same_values(a: Categorical, b: Categorical) -> tuple[Categorical, Categorical]:
    values = tuple(sorted({*a.values, *b.values}))
    return _recoded(a, values), _recoded(b, values)


def _recoded(column: Categorical, values: tuple[str, ...]) -> Categorical:
    table = np.array([-1, *(values.index(text) for text in column.values)], np.int32)
    return Categorical(table[column.codes + 1], values)
