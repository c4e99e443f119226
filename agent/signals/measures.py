"""Every number of the family `performance` for one set of labelled rows, or why there is none.

Pure in the rows: windows and references are measured by the same code.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

from agent.signals import by_class, calibration, scored
from agent.signals.labelled import FAVOURABLE, UNFAVOURABLE, Confusion, Labelled, Scores
from agent.signals.scored import Estimate

NO_SCORE = "not_configured: score"
NO_POSITIVE = "not_configured: favourable"
REGRESSION = "not_applicable: predictions are quantities"
CLASSES = "not_applicable: predictions are classes"
SEVERAL = "not_applicable: one score cannot tell several classes"
SELECTIVE = "selective_labels"
OTHER_VALUES = "labels_of_other_values"
NO_LABELS = "no_labels"
NO_SCORES = "no_scores"
SCORE_FOR = "not_configured: event.score_for is no class of these predictions"
TOO_FEW = "below_min_performance_n"
ONE_CLASS = "one_class"
ONE_ROW = "one_row"
ZERO = "zero_denominator"
NO_PROBABILITY = "score_is_no_probability"
INFINITE = "infinite_values"
TOO_MANY = "too_many_classes"

TEN = 10
"""Labels are selective when unfavourable predictions have them this many times less often (C9)."""

_FARTHEST = 1e300
"""An error beyond this cannot be averaged in a float64 with an interval."""


class Found(NamedTuple):
    """A measure's number, or else the reason why it has none; `n` counts the rows it used."""

    n: int
    method: str
    estimate: Estimate | None = None
    reason: str | None = None


class Ask(NamedTuple):
    """What is asked of the rows.

    `has_score` tells whether events have a score at all.  `least` is `min_performance_n`.
    `score_for` goes by `Labelled`.
    """

    has_score: bool = True
    observed: Literal["all", "favourable_only"] = "all"
    least: int = 100
    score_for: frozenset[str] = frozenset()


class _Measure(NamedTuple):
    method: str
    of: by_class.OneClass
    none: str = ZERO
    selective: bool = False


_OF_CLASSES: dict[str, _Measure] = {
    # Of precision nobody who was refused is asked, so selective labels do it no harm.
    "performance.precision": _Measure("wilson", by_class.precision),
    "performance.recall": _Measure("wilson", by_class.recall, ONE_CLASS, selective=True),
    "performance.f1": _Measure("wilson_f", by_class.f1, selective=True),
}

_OF_SCORES: dict[str, tuple[str, Callable[[Scores], Estimate]]] = {
    "performance.roc_auc": ("delong+newcombe", scored.roc_auc),
    "performance.log_loss": ("normal_mean", scored.log_loss),
    "performance.brier": ("normal_mean", scored.brier),
    "performance.ece": ("folded_normal", calibration.ece),
}

_OF_ERRORS = {"performance.mae": "normal_mean", "performance.rmse": "log_delta"}

ACCURACY, ROC_AUC = "performance.accuracy", "performance.roc_auc"

MEASURES = (ACCURACY, *_OF_CLASSES, *_OF_SCORES, *_OF_ERRORS)
"""The signals of the family that are measured on one set of rows."""


def measures(labelled: Labelled, ask: Ask) -> dict[str, Found]:
    """Return each of `MEASURES` for the whole system."""
    if labelled.is_regression:
        nothing = {name: Found(0, "none", reason=REGRESSION) for name in MEASURES}
        return nothing | _regression(labelled, ask)
    nothing = {name: Found(0, "none", reason=CLASSES) for name in _OF_ERRORS}
    return nothing | _classification(labelled, ask)


def class_measures(labelled: Labelled, ask: Ask) -> dict[str, dict[str, Found]]:
    """Return precision, recall and F1 of each class, one against the rest, by signal and class.

    Empty for a binary task.  Only classes that the reference knows are named, since a text that
    it does not know might be anything (design §9).
    """
    matrix = labelled.confusion
    if labelled.is_regression or matrix is None or labelled.positive is not None:
        return {}
    named = {labelled.name(text) for text in labelled.known}
    found: dict[str, dict[str, Found]] = {name: {} for name in _OF_CLASSES}
    for place, text in enumerate(matrix.classes):
        counts = by_class.one_against_rest(matrix.counts, place)
        for name, measure in _OF_CLASSES.items():
            if text in named:
                reason = _why_not(labelled, ask, measure.selective)
                one = None if reason else measure.of(*counts)
                found[name][text] = _found(labelled.n, measure.method, one, reason or measure.none)
    return found


def selective(labelled: Labelled, observed: str) -> bool:
    """Tell whether labels are known of favourable predictions (almost) only (contract C9)."""
    if observed == "favourable_only":
        return True
    if not labelled.favourable:
        return False
    rows = labelled.states.sum(axis=1).tolist()
    known = labelled.states[:, UNFAVOURABLE:].sum(axis=1).tolist()
    # Whole numbers: known/rows of one below a tenth of known/rows of the other.
    return bool(
        TEN * known[UNFAVOURABLE] * rows[FAVOURABLE] < known[FAVOURABLE] * rows[UNFAVOURABLE]
    )


def _classification(labelled: Labelled, ask: Ask) -> dict[str, Found]:
    n, matrix = labelled.n, labelled.confusion
    positive = labelled.positive
    found: dict[str, Found] = {}
    reason = _why_not(labelled, ask, selective_matters=True)
    hits = None
    if matrix is not None and n:
        hits = by_class.share(int(matrix.counts.trace()), n)
    found[ACCURACY] = _found(n, "wilson", None if reason else hits, reason or TOO_MANY)
    for name, measure in _OF_CLASSES.items():
        reason = _why_not(labelled, ask, measure.selective)
        found[name] = (
            _found(n, measure.method, None, reason or TOO_MANY)
            if reason is not None or matrix is None
            else _of_classes(matrix, positive, n, measure)
        )
    return found | _of_scores(labelled, ask, positive)


def _of_classes(matrix: Confusion, positive: str | None, n: int, measure: _Measure) -> Found:
    if positive is None:
        one = by_class.macro(matrix.counts, measure.of)
        return _found(n, f"{measure.method}+mover", one, measure.none)
    if positive not in matrix.classes:
        return _found(n, measure.method, None, measure.none)
    counts = by_class.one_against_rest(matrix.counts, matrix.classes.index(positive))
    return _found(n, measure.method, measure.of(*counts), measure.none)


def _of_scores(labelled: Labelled, ask: Ask, positive: str | None) -> dict[str, Found]:
    reason, matrix = None, labelled.confusion
    if not ask.has_score:
        reason = NO_SCORE
    elif positive is None:
        several = labelled.favourable or matrix is None or len(matrix.classes) > 2
        reason = SEVERAL if several else NO_POSITIVE
        if labelled.of_other_values(ask.least):
            reason = OTHER_VALUES
    elif labelled.scores_for_nothing:
        reason = SCORE_FOR
    if reason is not None:
        return {name: _found(0, method, None, reason) for name, (method, _) in _OF_SCORES.items()}
    scores = labelled.scores()
    return {
        name: _of_score(labelled, ask, scores, name, method, measure)
        for name, (method, measure) in _OF_SCORES.items()
    }


def _of_score(
    labelled: Labelled,
    ask: Ask,
    scores: Scores,
    name: str,
    method: str,
    measure: Callable[[Scores], Estimate],
) -> Found:
    ranks = name == ROC_AUC
    reason = None
    if ranks and selective(labelled, ask.observed):
        reason = SELECTIVE
    elif labelled.n and not scores.n:
        reason = NO_SCORES
    else:
        reason = _too_few(scores.n, ask)
        if reason is None and labelled.of_other_values(ask.least):
            reason = OTHER_VALUES
    if reason is None and ranks and not (len(scores.positives) and len(scores.negatives)):
        reason = ONE_CLASS
    if reason is None and not ranks:
        if scores.n < 2:
            reason = ONE_ROW
        elif not scored.are_probabilities(scores):
            reason = NO_PROBABILITY
    return _found(scores.n, method, None if reason else measure(scores), reason or ZERO)


def _regression(labelled: Labelled, ask: Ask) -> dict[str, Found]:
    errors = labelled.errors()
    n = len(errors)
    reason = _too_few(n, ask) or (ONE_ROW if n < 2 else None)
    if reason is None and errors[-1] > _FARTHEST:
        reason = INFINITE
    if reason is not None:
        return {name: _found(n, method, None, reason) for name, method in _OF_ERRORS.items()}
    mae, rmse = scored.mean_error(errors), scored.root_mean_square(errors)
    return {
        "performance.mae": Found(n, _OF_ERRORS["performance.mae"], mae),
        "performance.rmse": Found(n, _OF_ERRORS["performance.rmse"], rmse),
    }


def _why_not(labelled: Labelled, ask: Ask, selective_matters: bool) -> str | None:
    if selective_matters and selective(labelled, ask.observed):
        return SELECTIVE
    reason = _too_few(labelled.n, ask)
    if reason is None and labelled.of_other_values(ask.least):
        reason = OTHER_VALUES
    return reason or (TOO_MANY if labelled.confusion is None else None)


def _too_few(n: int, ask: Ask) -> str | None:
    if n == 0:
        return NO_LABELS
    return TOO_FEW if n < ask.least else None


def _found(n: int, method: str, estimate: Estimate | None, reason: str) -> Found:
    if estimate is None or not all(map(math.isfinite, estimate)):
        return Found(n, method, None, reason)
    return Found(n, method, estimate)
