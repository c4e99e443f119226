"""The outcomes of n observations that tell most of a signal, for rules of each sort.

The intervals are those that the signals themselves are told with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from agent.config.resolve import favourable_texts
from agent.config.system import System
from agent.field_settings import uncertain_range
from agent.layout import PREDICTION, Layout
from agent.reference.profile import CategoricalProfile, NumericProfile, Reference
from agent.signals import calibration, scored
from agent.signals.baseline import Change
from agent.signals.by_class import share
from agent.signals.distributions import shares
from agent.signals.feedback import PER
from agent.signals.intervals import (
    Interval,
    count_ratio,
    log_ratio,
    newcombe,
    poisson,
    two_sided_z,
    wilson,
)
from agent.signals.labelled import Scores
from agent.signals.outputs import uncertain_bins
from agent.signals.scored import Estimate
from agent.state import HISTORY
from policies.model import Operator

Outcomes = Callable[[int], Iterable[Interval]]
"""From n to the intervals of outcomes of n observations, the farthest to each side among them."""

LARGE = 10**9
"""Rows of a reference that is not at hand: so many that its own error does not show."""

FEW = 4
"""The interval of a ratio is not always the lowest at a count of 0."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a system; `reference` and `layout` None: not read, or there is none."""

    system: System
    op: Operator
    reference: Reference | None = None
    layout: Layout | None = None


def shares_of(known: Known) -> list[Outcomes]:
    """Return a share of which nothing is known."""
    return [lambda n: (wilson(0, n), wilson(n, n))]


def complaints(usual: Callable[[System], float | None]) -> Callable[[Known], list[Outcomes]]:
    """Return a rate per 10,000 predictions over the usual one."""

    def outcomes(known: Known) -> list[Outcomes]:
        unit = usual(known.system) or 1.0

        def of(n: int) -> Iterator[Interval]:
            for count in (0, n):
                low, high = poisson(count)
                yield low * PER / n / unit, high * PER / n / unit

        return [of]

    return outcomes


def volume(known: Known) -> list[Outcomes]:
    """Take n for the usual number: it has to be inside, and silence or a flood beyond."""

    def of(n: int) -> Iterator[Interval]:
        error = math.sqrt(math.pi / 2 * n / HISTORY)
        for count in (n, 0 if known.op == "<" else 1_000 * n):
            yield count_ratio(count, n, error)

    return [of]


def _ratio(part: float, rows: int) -> list[Outcomes]:
    return [lambda n: (log_ratio(a, n, part, rows) for a in {*range(min(FEW, n + 1)), n})]


def outliers(known: Known) -> list[Outcomes] | str:
    """Return the share of outliers over the reference's."""
    if known.reference is None:
        return _ratio(LARGE * 0.005, LARGE)
    profile = known.reference.outliers
    if profile is None:
        return "the reference has no outliers: fewer than 200 rows"
    return _ratio(max(profile.above, 0.5), profile.rows)


def unsure(known: Known) -> list[Outcomes] | str:
    """Return the share of scores of low confidence over the reference's."""
    if known.reference is None:
        return []
    score = known.reference.score
    if not isinstance(score, NumericProfile):
        return "no score in the reference"
    first, last = uncertain_bins(score, uncertain_range(known.system))
    part = sum(score.counts[first:last])
    return _ratio(part, score.n) if part else "no unsure score in the reference"


def concentration(known: Known) -> list[Outcomes] | str:
    """Return the share of the most frequent prediction over the reference's."""
    layout = known.layout
    if known.reference is None or layout is None:
        return []
    column = layout.column("output", PREDICTION)
    of = shares(layout, np.zeros(layout.size, np.int64))
    places = [i for i, one in enumerate(of.columns) if one is column]
    if not places:
        return "no prediction in the reference"
    ends = [*of.starts.tolist(), len(of.reference)]
    part = of.reference[ends[places[0]] : ends[places[0] + 1]]
    classes, most, rows = len(part), int(part.max()), int(part.sum())
    z = two_sided_z(classes)
    return [lambda n: (log_ratio(a, n, most, rows, z) for a in (math.ceil(n / classes), n))]


def missing(known: Known) -> list[Outcomes]:
    """Return the rise of the share of missing values, of each feature of the reference."""
    if known.reference is None:
        return [_rise(0, LARGE)]
    profiles = known.reference.features.values()
    return [_rise(p.missing, p.n + p.missing) for p in profiles if p.n + p.missing]


def positive(known: Known) -> list[Outcomes] | str:
    """Return the difference of the share of favourable predictions and the reference's."""
    if known.reference is None:
        return [_rise(LARGE // 2, LARGE)]
    profile = known.reference.prediction
    if not isinstance(profile, CategoricalProfile):
        return "predictions are no classes"
    texts = (favourable_texts(known.system.favourable) or {"1"}) & set(profile.categories)
    if not texts:
        return "no favourable prediction in the reference"
    return [_rise(sum(profile.categories[text] for text in texts), profile.n)]


def _rise(b: int, m: int) -> Outcomes:
    """Return the difference of a share and the reference's: none, all, and as many as there."""

    def of(n: int) -> Iterator[Interval]:
        for a in {0, n * b // m, n}:
            low, high = newcombe(a, n, b, m)
            yield min(low, a / n - b / m), max(high, a / n - b / m)

    return of


def scores_of(favourable: int, others: int) -> Scores:
    """Return scores of 1 of whoever was favourable, and of 0 of all others."""
    return Scores(np.ones(favourable), np.zeros(others))


def wrong(n: int) -> Scores:
    """Return n scores of 0 that all turned out to be favourable."""
    return Scores(np.zeros(n), np.zeros(0))


def against_baseline(
    measure: str, change: Change, now: Callable[[int, float], Iterable[Estimate | None]]
) -> Callable[[Known], list[Outcomes] | str]:
    """Return how a measure compares with the reference's own; `now(n, of the reference)`."""

    def outcomes(known: Known) -> list[Outcomes] | str:
        if known.reference is None:
            return []
        if known.reference.outcomes is None:
            return "no labels in the reference"
        then = known.reference.outcomes.measures.get(measure)
        if then is None:
            return "not measured in the reference"

        def of(n: int) -> Iterator[Interval]:
            for estimate in now(n, then.value):
                found = None if estimate is None else change(estimate, then)
                if found is not None:
                    yield found.low, found.high

        return [of]

    return outcomes


def hits(n: int, then: float) -> Iterable[Estimate | None]:
    """Return a share of right predictions: all, or none."""
    return (share(n, n), share(0, n))


def ranked(n: int, then: float) -> Iterable[Estimate | None]:
    """Return the area under the ROC curve of a perfect and of an inverted ranking."""
    good = scores_of(n // 2, n - n // 2)
    return (scored.roc_auc(good), scored.roc_auc(Scores(good.negatives, good.positives)))


def calibrated(n: int, then: float) -> Iterable[Estimate | None]:
    """Return the calibration error of scores that are all right, and all wrong."""
    return (calibration.ece(scores_of(0, n)), calibration.ece(wrong(n)))


def errors(n: int, then: float) -> Iterable[Estimate | None]:
    """Return a mean error of exactly 0, and of nine times what it was."""
    return (Estimate(0.0, 0.0, 0.0), Estimate(9 * then, 9 * then, 9 * then))
