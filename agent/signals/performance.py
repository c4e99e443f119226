"""Performance: how predictions compare with what became known (contract C9, C13).

Over rows with prediction and label, which `n` counts (for scores: with score and label).  With two
classes the positive one is the favourable; with several, precision, recall and F1 are the mean over
classes under `{}` and one class against the rest under `{"class": c}`.
"""

from __future__ import annotations

from agent.signals.context import SignalContext
from agent.signals.measures import CLASSES, REGRESSION, Found
from policies.model import Signal, Subject, measured, unmeasured

NO_LABEL = "not_configured: label"


def accuracy(context: SignalContext) -> list[Signal]:
    """Share of predictions that equal the label, 0 to 1; Wilson's interval."""
    return _whole(context, "performance.accuracy")


def precision(context: SignalContext) -> list[Signal]:
    """Share of the predictions of a class that were right, 0 to 1; Wilson's interval.

    Mean over the classes that were predicted, where there are several (`by_class.macro`).
    """
    return _with_classes(context, "performance.precision")


def recall(context: SignalContext) -> list[Signal]:
    """Share of the rows of a class that were predicted so, 0 to 1; Wilson's interval.

    Mean over the classes that occurred, where there are several (`by_class.macro`).
    """
    return _with_classes(context, "performance.recall")


def f1(context: SignalContext) -> list[Signal]:
    """Harmonic mean of precision and recall, 0 to 1; see `by_class.f1`.

    Mean over the classes predicted or occurred, where there are several (`by_class.macro`).
    """
    return _with_classes(context, "performance.f1")


def roc_auc(context: SignalContext) -> list[Signal]:
    """Chance that a favourable row scores above another one, ties as half; see `scored.roc_auc`."""
    return _whole(context, "performance.roc_auc")


def log_loss(context: SignalContext) -> list[Signal]:
    """Mean of -ln(probability of what happened), in nats; see `scored.log_loss`."""
    return _whole(context, "performance.log_loss")


def brier(context: SignalContext) -> list[Signal]:
    """Mean squared difference of outcome and score, 0 to 1; see `scored.brier`."""
    return _whole(context, "performance.brier")


def ece(context: SignalContext) -> list[Signal]:
    """Expected calibration error in 10 bins of equal mass, 0 to 1; see `calibration.ece`."""
    return _whole(context, "performance.ece")


def mae(context: SignalContext) -> list[Signal]:
    """Mean absolute error of a regression, in the label's unit; see `scored.mean_error`."""
    return _whole(context, "performance.mae")


def rmse(context: SignalContext) -> list[Signal]:
    """Root mean square error of a regression, in its unit; see `scored.root_mean_square`."""
    return _whole(context, "performance.rmse")


def of_system(context: SignalContext, name: str) -> Found:
    """Return a measure of the whole system, whose reason says so if there are no labels at all."""
    if context.outcomes is not None:
        return context.measures[name]
    numeric = context.is_regression
    if numeric is not None and numeric != (name in ("performance.mae", "performance.rmse")):
        return Found(0, "none", reason=REGRESSION if numeric else CLASSES)
    return Found(0, "none", reason=NO_LABEL)


def _whole(context: SignalContext, name: str) -> list[Signal]:
    return [_signal(name, {}, of_system(context, name))]


def _with_classes(context: SignalContext, name: str) -> list[Signal]:
    signals = _whole(context, name)
    for text, found in context.class_measures.get(name, {}).items():
        signals.append(_signal(name, {"class": text}, found))
    return signals


def _signal(name: str, subject: Subject, found: Found) -> Signal:
    if found.estimate is None:
        reason = found.reason or "no_value"
        return unmeasured(
            name, subject, "insufficient_data", reason, n=found.n, method=found.method
        )
    return measured(name, subject, *found.estimate, n=found.n, method=found.method)
