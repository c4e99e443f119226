"""What independent libraries say each signal is, on windows of public data.

One line of `REFEREES` per signal: the data sets, who referees, and a function from a case to the
expected values by subject.  Where scikit-learn, fairlearn and scipy have no such measure, numpy
computes it from the raw rows; signals of dates and counts of the configuration, which no rows can
referee, are in `HELD_ELSEWHERE` with the test that holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from fairlearn import metrics as fair
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn import metrics
from sklearn.calibration import calibration_curve

from tests.unit.statistics.cases import (
    BINARY,
    COSTS,
    GRID,
    LEAST,
    REGRESSION,
    SLO,
    USUAL,
    Case,
    Half,
)

Subject = tuple[str, ...]
"""The values of a signal's subject."""

Expected = Mapping[Subject, float]


@dataclass(frozen=True)
class Referee:
    """Who says what a signal is, and how closely the two must agree.

    With `some`, other subjects than the expected ones may have a value too.
    """

    by: str
    expected: Callable[[Case], Expected]
    sets: tuple[str, ...] = BINARY
    rel: float = 1e-9
    within: float = 1e-12
    some: bool = False


# Performance: scikit-learn.


def _of_half(measure: str, half: Half) -> float:
    y, p, s = half.label, half.prediction, half.score
    measures: dict[str, Callable[[], Any]] = {
        "accuracy": lambda: metrics.accuracy_score(y, p),
        "precision": lambda: metrics.precision_score(y, p),
        "recall": lambda: metrics.recall_score(y, p),
        "f1": lambda: metrics.f1_score(y, p),
        "roc_auc": lambda: metrics.roc_auc_score(y, s),
        "log_loss": lambda: metrics.log_loss(y, s),
        "brier": lambda: metrics.brier_score_loss(y, s),
        "ece": lambda: _ece(half),
        "mae": lambda: metrics.mean_absolute_error(y, p),
        "rmse": lambda: metrics.root_mean_squared_error(y, p),
    }
    return float(measures[measure]())


def _ece(half: Half) -> float:
    # The halves have a multiple of ten rows, so that scikit-learn's ten quantile bins are equal
    # and the mean over them is the mean over rows.
    happened, said = calibration_curve(half.label, half.score, n_bins=10, strategy="quantile")
    assert len(happened) == 10
    return float(np.abs(happened - said).mean())


def _now(measure: str, case: Case) -> Expected:
    return {(): _of_half(measure, case.now)}


def _relative(measure: str, sign: int, case: Case) -> Expected:
    then, now = _of_half(measure, case.past), _of_half(measure, case.now)
    return {(): sign * (now - then) / then}


def _ece_rise(case: Case) -> Expected:
    return {(): _ece(case.now) - _ece(case.past)}


# Fairness: fairlearn's MetricFrame, scikit-learn's calibration_curve.


def _positive_labels(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return fair.selection_rate(y_true, y_true)  # type: ignore[no-any-return]


RATES = {
    "selected": fair.selection_rate,
    "tpr": fair.true_positive_rate,
    "fpr": fair.false_positive_rate,
    "fnr": fair.false_negative_rate,
    "base": _positive_labels,
}


def _rates(half: Half, attribute: str, rate: str) -> dict[str, float]:
    frame = fair.MetricFrame(
        metrics=RATES[rate],
        y_true=half.label,
        y_pred=half.prediction,
        sensitive_features=half.groups[attribute],
    )
    return {str(group): float(value) for group, value in frame.by_group.items()}


def _best(half: Half, attribute: str) -> str:
    rates = _rates(half, attribute, "selected")
    return max(rates, key=rates.__getitem__)


def _groups(rate: str, counted: str, case: Case) -> Expected:
    return {
        (attribute, group): value
        for attribute in case.now.groups
        for group, value in _rates(case.now, attribute, rate).items()
        if _enough(case.now, attribute, group, counted)
    }


def _enough(half: Half, attribute: str, group: str, counted: str) -> bool:
    """Tell whether a group has so many `rows`, `positives`, `negatives` or of `both` as asked."""
    member = half.groups[attribute] == group
    positives = np.count_nonzero(member & (half.label == 1))
    negatives = np.count_nonzero(member & (half.label == 0))
    sizes = {
        "rows": positives + negatives,
        "positives": positives,
        "negatives": negatives,
        "both": min(positives, negatives),
    }
    return bool(sizes[counted] >= LEAST)


Pair = Callable[[Case, str, str, str], float]


def _pairs(pair: Pair, counted: str, worst: Callable[[float], float], case: Case) -> Expected:
    found: dict[Subject, float] = {}
    for attribute, values in case.now.groups.items():
        best = _best(case.now, attribute)
        of: dict[Subject, float] = {
            (attribute, str(g), best): pair(case, attribute, str(g), best)
            for g in np.unique(values)
            if g != best and _enough(case.now, attribute, str(g), counted)
        }
        found |= of
        found[(attribute,)] = max(of.values(), key=worst)
    return found


def _gap(half: Half, rate: str, attribute: str, group: str, best: str) -> float:
    rates = _rates(half, attribute, rate)
    return rates[group] - rates[best]


def _gap_now(rate: str, case: Case, *pair: str) -> float:
    return _gap(case.now, rate, *pair)


def _odds(case: Case, *pair: str) -> float:
    return (_gap_now("tpr", case, *pair) + _gap_now("fpr", case, *pair)) / 2


def _ratio(case: Case, attribute: str, group: str, best: str) -> float:
    rates = _rates(case.now, attribute, "selected")
    return rates[group] / rates[best]


def _worsening(rate: str, case: Case, *pair: str) -> float:
    return abs(_gap(case.now, rate, *pair)) - abs(_gap(case.past, rate, *pair))


def _calibration(case: Case, attribute: str, group: str, best: str) -> float:
    now = case.now
    rows = [now.groups[attribute] == g for g in (group, best)]
    smaller = np.sort(now.score[min(rows, key=np.count_nonzero)])
    bins = min(10, max(1, len(smaller) // 100))
    cuts = [smaller[-(-len(smaller) * k // bins)] for k in range(1, bins)]
    total = weight = 0.0
    for low, high in pairwise([-np.inf, *np.unique(cuts), np.inf]):
        within = (now.score >= low) & (now.score < high)
        gaps = []
        for of in rows:
            chosen = within & of
            if chosen.any():
                # A single bin: the mean outcome and the mean score of its rows.
                mean = calibration_curve(now.label[chosen], now.score[chosen], n_bins=1)
                gaps.append(float(mean[0][0] - mean[1][0]))
        if len(gaps) == 2:
            n = np.count_nonzero(within & (rows[0] | rows[1]))
            total, weight = total + n * abs(gaps[0] - gaps[1]), weight + n
    return total / weight


def _representation(case: Case) -> Expected:
    return {(a,): _psi_of_classes(case.past.groups[a], case.now.groups[a]) for a in case.now.groups}


# Distributions: scipy, on the raw rows.


def _smoothed(counts: np.ndarray) -> np.ndarray:
    shares: np.ndarray = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    return shares


def _class_shares(old: np.ndarray, new: np.ndarray, *others: int) -> tuple[np.ndarray, np.ndarray]:
    classes = np.union1d(old, new)
    counts = [np.array([*((half == c).sum() for c in classes), *others]) for half in (old, new)]
    return _smoothed(counts[0]), _smoothed(counts[1])


def _union_shares(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # Contract C7 from the rows: each value's bin begins at the last edge that it reaches, and the
    # bin's tenth goes by the share of the reference below that edge.
    order = np.sort(old)
    m = len(order)
    edge, times = np.unique([order[-(-m * k // 200)] for k in range(1, 200)], return_counts=True)
    starts = np.union1d(edge, np.nextafter(edge[times > 1], np.inf))
    starts = np.concatenate([[-np.inf], starts[starts > order[0]]])
    tenth = np.minimum([10 * np.count_nonzero(order < start) // m for start in starts], 9)
    counts = [
        np.bincount(tenth[np.searchsorted(starts, x, side="right") - 1], minlength=10)
        for x in (old, new)
    ]
    used = counts[0] > 0
    return _smoothed(counts[0][used]), _smoothed(counts[1][used])


def _psi(p: np.ndarray, q: np.ndarray) -> float:
    return float(stats.entropy(p, q) + stats.entropy(q, p))


def _psi_of_classes(old: np.ndarray, new: np.ndarray) -> float:
    return _psi(*_class_shares(old, new))


def _js(p: np.ndarray, q: np.ndarray) -> float:
    return float(jensenshannon(p, q, base=2))


def _drift(of: Callable[[np.ndarray, np.ndarray], float], case: Case) -> Expected:
    found: dict[Subject, float] = {
        (f,): of(*_union_shares(case.past.numbers[f], case.now.numbers[f])) for f in case.continuous
    }
    found[("score",)] = of(*_union_shares(case.past.score, case.now.score))
    # Contract C7: the reference's categories and one for all others, here of nobody.
    found[("prediction",)] = of(*_class_shares(case.past.prediction, case.now.prediction, 0))
    return found


def _distance(of: Callable[[np.ndarray, np.ndarray], float], case: Case) -> Expected:
    found: dict[Subject, float] = {
        (f,): of(case.past.numbers[f], case.now.numbers[f]) for f in case.continuous
    }
    found[("score",)] = of(case.past.score, case.now.score)
    return found


def _wasserstein(old: np.ndarray, new: np.ndarray) -> float:
    return float(stats.wasserstein_distance(old, new) / np.std(old))


def _share_of_drifted(case: Case) -> Expected:
    # Each feature's PSI is refereed by itself, or held by tests/unit/statistics/test_drift.py.
    psis = [s for s in case.found if s.name == "drift.psi" and "feature" in s.subject]
    return {(): float(np.mean([s.value is not None and s.value >= 0.1 for s in psis]))}


def _positive_rate(case: Case) -> Expected:
    halves = (case.now, case.past)
    now, past = (fair.selection_rate(h.label, h.prediction) for h in halves)
    return {("prediction",): float(now - past)}


def _concentration(case: Case) -> Expected:
    now, past = (stats.mode(h.prediction).count / h.n for h in (case.now, case.past))
    return {("prediction",): float(now / past)}


def _unsure(half: Half) -> float:
    return float(np.mean((half.score >= 0.4) & (half.score < 0.6)))


def _low_confidence(case: Case) -> Expected:
    return {("score",): _unsure(case.now)}


def _low_confidence_ratio(case: Case) -> Expected:
    return {("score",): _unsure(case.now) / _unsure(case.past)}


# Outliers: the histogram-based score of Goldstein and Dengel by numpy's own histograms.


def _outlier_scores(past: Half, half: Half) -> np.ndarray:
    total = np.zeros(half.n)
    for name, old in past.numbers.items():
        there = np.sort(old[~np.isnan(old)])
        m = len(there)
        low, high = there[-(-m // 100) - 1], there[-(-99 * m // 100) - 1]
        inner = np.linspace(low, high, 21)
        ends = [-np.inf, there[0], *inner, np.nextafter(there[-1], np.inf), np.inf]
        edges = np.unique(ends)
        counts, _ = np.histogram(there, edges)
        bins = len(counts) + 1
        share = (counts + 0.5) / (past.n + 0.5 * bins)
        gone = (np.isnan(old).sum() + 0.5) / (past.n + 0.5 * bins)
        new = half.numbers[name]
        places = np.digitize(np.nan_to_num(new), edges) - 1
        total -= np.log(np.where(np.isnan(new), gone, share[places]))
    for name, texts in past.texts.items():
        classes, counts = np.unique(texts, return_counts=True)
        named = {c: k for c, k in zip(classes, counts, strict=True) if k >= 10}
        rare = [k for k in counts if k < 10]
        bins = len(named) + 3
        for text in np.unique(half.texts[name]):
            k = named.get(text, np.mean(rare or [0]) if text in classes else 0)
            total[half.texts[name] == text] -= np.log((k + 0.5) / (past.n + 0.5 * bins))
    return total


def _outliers(case: Case) -> tuple[float, float]:
    then = _outlier_scores(case.past, case.past)
    threshold = np.sort(then)[int(np.ceil(0.995 * case.past.n)) - 1] + 0.002
    now = _outlier_scores(case.past, case.now)
    return float((now > threshold).mean()), float((then > threshold).mean())


def _outlier_share(case: Case) -> Expected:
    return {(): _outliers(case)[0]}


def _outlier_ratio(case: Case) -> Expected:
    now, then = _outliers(case)
    return {(): now / then}


# Quality: numpy on the raw rows.


def _by_column(of: Callable[[Half], Mapping[str, float]], case: Case) -> Expected:
    return {(name,): value for name, value in of(case.now).items()}


def _missing(half: Half) -> dict[str, float]:
    found = {name: float(np.isnan(values).mean()) for name, values in half.numbers.items()}
    return found | dict.fromkeys([*half.texts, "prediction", "score"], 0.0)


def _missing_rise(case: Case) -> Expected:
    now, past = _missing(case.now), _missing(case.past)
    return {(name,): now[name] - past[name] for name in now}


def _out_of_range(case: Case) -> Expected:
    found: dict[Subject, float] = {}
    columns = {**{f: (case.past.numbers[f], case.now.numbers[f]) for f in case.now.numbers}}
    columns["score"] = (case.past.score, case.now.score)
    for name, (old, new) in columns.items():
        there = new[~np.isnan(new)]
        outside = (there < np.nanmin(old)) | (there > np.nanmax(old))
        found[(name,)] = float(outside.mean())
    # No number of an optional field is impossible: none is negative, none beyond a year.
    return found | {(name,): 0.0 for name, v in case.now.extra.items() if v.dtype.kind == "f"}


def _new_categories(case: Case) -> Expected:
    found: dict[Subject, float] = {
        (f,): float(1 - np.isin(case.now.texts[f], case.past.texts[f]).mean())
        for f in case.now.texts
    }
    return found | {("prediction",): 0.0}


def _mismatched(case: Case) -> Expected:
    names = [*case.now.numbers, *case.now.texts, *case.now.extra]
    names += ["prediction", "score"]
    return {(n,): float(np.mean(case.now.flags.get(n, 0.0))) for n in names}


# Optional fields: numpy and scikit-learn on the raw rows.


def _mean(field: str, factor: float, case: Case) -> Expected:
    return {(): float(case.now.extra[field].mean() * factor)}


def _quantile(field: str, share: float, unit: float, case: Case) -> Expected:
    return {(): float(np.quantile(case.now.extra[field], share, method="inverted_cdf") / unit)}


def _share(of: Callable[[Half], np.ndarray], case: Case) -> Expected:
    return {(): float(of(case.now).mean())}


def _unsure_reviewed(case: Case) -> Expected:
    unsure = np.abs(case.now.score - 0.5) < 0.1
    return {(): 1 - float(case.now.beside["decisions"][unsure].mean())}


def _feedback(which: str, unit: float, case: Case) -> Expected:
    return {(): 10_000 * float(case.now.beside[which].mean()) / unit}


SKLEARN, FAIRLEARN, SCIPY, NUMPY = "scikit-learn", "fairlearn", "scipy", "numpy"


def _size(gap: float) -> float:
    return abs(gap)


def _value(gap: float) -> float:
    return gap


def _smallest(ratio: float) -> float:
    return -ratio


_GAPS: dict[str, Callable[[Case], Expected]] = {
    "average_odds_difference": partial(_pairs, _odds, "both", _size),
    "calibration_difference": partial(_pairs, _calibration, "rows", _value),
    "disparate_impact_ratio": partial(_pairs, _ratio, "rows", _smallest),
    "equal_opportunity_difference": partial(_pairs, partial(_gap_now, "tpr"), "positives", _size),
    "equal_opportunity_worsening": partial(_pairs, partial(_worsening, "tpr"), "positives", _value),
    "false_negative_rate_difference": partial(_pairs, partial(_gap_now, "fnr"), "positives", _size),
    "false_positive_rate_difference": partial(_pairs, partial(_gap_now, "fpr"), "negatives", _size),
    "false_positive_rate_worsening": partial(
        _pairs, partial(_worsening, "fpr"), "negatives", _value
    ),
    "statistical_parity_difference": partial(_pairs, partial(_gap_now, "selected"), "rows", _size),
    "statistical_parity_worsening": partial(
        _pairs, partial(_worsening, "selected"), "rows", _value
    ),
}

REFEREES: dict[str, Referee] = {
    "anomaly.low_confidence_ratio": Referee(NUMPY, _low_confidence_ratio, rel=0.08),
    "anomaly.low_confidence_share": Referee(NUMPY, _low_confidence, within=0.01),
    "anomaly.outlier_ratio": Referee(NUMPY, _outlier_ratio),
    "anomaly.outlier_share": Referee(NUMPY, _outlier_share),
    "anomaly.prediction_concentration": Referee(SCIPY, _concentration),
    "drift.js_distance": Referee(SCIPY, partial(_drift, _js), some=True),
    "drift.ks": Referee(
        SCIPY,
        partial(_distance, lambda a, b: float(stats.ks_2samp(a, b).statistic)),
        within=0.015,
        some=True,
    ),
    "drift.positive_rate_difference": Referee(FAIRLEARN, _positive_rate),
    "drift.psi": Referee(SCIPY, partial(_drift, _psi), some=True),
    "drift.share": Referee(SCIPY, _share_of_drifted),
    "drift.wasserstein_normed": Referee(
        SCIPY, partial(_distance, _wasserstein), within=0.005, some=True
    ),
    "fairness.average_odds_difference": Referee(FAIRLEARN, _GAPS["average_odds_difference"]),
    "fairness.base_rate": Referee(FAIRLEARN, partial(_groups, "base", "rows")),
    "fairness.calibration_difference": Referee(SKLEARN, _GAPS["calibration_difference"]),
    "fairness.disparate_impact_ratio": Referee(FAIRLEARN, _GAPS["disparate_impact_ratio"]),
    "fairness.equal_opportunity_difference": Referee(
        FAIRLEARN, _GAPS["equal_opportunity_difference"]
    ),
    "fairness.equal_opportunity_worsening": Referee(
        FAIRLEARN, _GAPS["equal_opportunity_worsening"]
    ),
    "fairness.false_negative_rate": Referee(FAIRLEARN, partial(_groups, "fnr", "positives")),
    "fairness.false_negative_rate_difference": Referee(
        FAIRLEARN, _GAPS["false_negative_rate_difference"]
    ),
    "fairness.false_positive_rate": Referee(FAIRLEARN, partial(_groups, "fpr", "negatives")),
    "fairness.false_positive_rate_difference": Referee(
        FAIRLEARN, _GAPS["false_positive_rate_difference"]
    ),
    "fairness.false_positive_rate_worsening": Referee(
        FAIRLEARN, _GAPS["false_positive_rate_worsening"]
    ),
    "fairness.representation_gap": Referee(SCIPY, _representation),
    "fairness.selection_rate": Referee(FAIRLEARN, partial(_groups, "selected", "rows")),
    "fairness.statistical_parity_difference": Referee(
        FAIRLEARN, _GAPS["statistical_parity_difference"]
    ),
    "fairness.statistical_parity_worsening": Referee(
        FAIRLEARN, _GAPS["statistical_parity_worsening"]
    ),
    "fairness.true_positive_rate": Referee(FAIRLEARN, partial(_groups, "tpr", "positives")),
    "feedback.appeal_rate": Referee(NUMPY, partial(_feedback, "appeals", 1)),
    "feedback.appeal_ratio": Referee(NUMPY, partial(_feedback, "appeals", USUAL)),
    "feedback.complaint_rate": Referee(NUMPY, partial(_feedback, "complaints", 1)),
    "feedback.complaint_ratio": Referee(NUMPY, partial(_feedback, "complaints", USUAL)),
    "generative.cost_per_thousand": Referee(NUMPY, partial(_mean, "cost", 1_000), rel=COSTS),
    "generative.evaluation_score": Referee(
        NUMPY, partial(_mean, "scores.evaluation", 1), rel=COSTS
    ),
    "generative.groundedness": Referee(NUMPY, partial(_mean, "scores.groundedness", 1), rel=COSTS),
    "generative.refusal_rate": Referee(NUMPY, partial(_share, lambda h: h.extra["refused"] == "1")),
    "generative.tokens_per_prediction": Referee(NUMPY, partial(_mean, "tokens", 1), rel=COSTS),
    "generative.toxicity_rate": Referee(
        NUMPY, partial(_share, lambda h: h.extra["scores.toxicity"] >= 0.5)
    ),
    "oversight.override_rate": Referee(
        SKLEARN,
        lambda case: {(): float(metrics.zero_one_loss(case.now.label, case.now.prediction))},
    ),
    "oversight.review_seconds": Referee(
        NUMPY, partial(_quantile, "human.seconds", 0.5, 1), rel=1 / 64
    ),
    "oversight.reviewed_share": Referee(NUMPY, lambda _: {(): 1.0}),
    "oversight.unattributed_rate": Referee(NUMPY, partial(_share, lambda h: h.reviewer == 0)),
    "oversight.unmatched_decisions": Referee(
        NUMPY, lambda case: {(): float(case.now.beside["decisions"].sum())}
    ),
    "oversight.unsure_reviewed_share": Referee(NUMPY, _unsure_reviewed),
    "performance.accuracy": Referee(SKLEARN, partial(_now, "accuracy")),
    "performance.accuracy_drop": Referee(SKLEARN, partial(_relative, "accuracy", -1)),
    "performance.brier": Referee(SKLEARN, partial(_now, "brier")),
    "performance.ece": Referee(SKLEARN, partial(_now, "ece")),
    "performance.ece_rise": Referee(SKLEARN, _ece_rise),
    "performance.f1": Referee(SKLEARN, partial(_now, "f1")),
    "performance.log_loss": Referee(SKLEARN, partial(_now, "log_loss")),
    "performance.mae": Referee(SKLEARN, partial(_now, "mae"), sets=REGRESSION),
    "performance.mae_rise": Referee(SKLEARN, partial(_relative, "mae", 1), sets=REGRESSION),
    "performance.precision": Referee(SKLEARN, partial(_now, "precision")),
    "performance.recall": Referee(SKLEARN, partial(_now, "recall")),
    "performance.recall_drop": Referee(SKLEARN, partial(_relative, "recall", -1)),
    "performance.rmse": Referee(SKLEARN, partial(_now, "rmse"), sets=REGRESSION),
    "performance.rmse_rise": Referee(SKLEARN, partial(_relative, "rmse", 1), sets=REGRESSION),
    "performance.roc_auc": Referee(SKLEARN, partial(_now, "roc_auc")),
    "performance.roc_auc_drop": Referee(SKLEARN, partial(_relative, "roc_auc", -1)),
    "quality.missing_rate": Referee(NUMPY, partial(_by_column, _missing)),
    "quality.missing_rate_rise": Referee(NUMPY, _missing_rise),
    "quality.new_category_rate": Referee(NUMPY, _new_categories),
    "quality.out_of_range_rate": Referee(NUMPY, _out_of_range),
    "quality.type_mismatch_rate": Referee(NUMPY, _mismatched),
    "reliability.error_rate": Referee(NUMPY, partial(_share, lambda h: h.extra["status"] == "500")),
    "reliability.latency_p95": Referee(NUMPY, partial(_quantile, "latency", 0.95, 1), rel=1 / 64),
    "reliability.latency_ratio": Referee(
        NUMPY, partial(_quantile, "latency", 0.95, SLO), rel=1 / 64
    ),
    "sustainability.carbon_per_thousand": Referee(
        NUMPY, partial(_mean, "energy", 1_000 * GRID), rel=COSTS
    ),
    "sustainability.energy_per_thousand": Referee(
        NUMPY, partial(_mean, "energy", 1_000), rel=COSTS
    ),
}

_INVENTORY = "tests/unit/statistics/test_inventory_signals.py"
_RESOLUTION = "tests/unit/statistics/test_resolution_signals.py"
_FIELDS = "tests/acceptance/test_optional_fields.py"
_OTHER = "tests/unit/statistics/test_other_signals.py"

HELD_ELSEWHERE: dict[str, str] = {
    "anomaly.silence": "tests/acceptance/test_silence.py::"
    "test_a_report_tells_of_silence_at_the_shortest_window_for_all_versions",
    "anomaly.volume": f"{_OTHER}::test_volume_is_relative_to_the_median_of_earlier_windows",
    "governance.assessment_expired_days": f"{_INVENTORY}::"
    "test_an_assessment_holds_until_the_end_of_its_last_day",
    "governance.assessment_missing": f"{_INVENTORY}::"
    "test_a_missing_assessment_counts_above_minimal_risk",
    "governance.audit_completeness": f"{_OTHER}::"
    "test_completeness_counts_rejected_and_late_records_as_lost",
    "governance.basis_expired_days": f"{_INVENTORY}::"
    "test_each_attribute_answers_for_its_own_legal_basis",
    "governance.drill_age_days": f"{_INVENTORY}::test_a_drill_ages_from_its_day",
    "governance.oldest_finding_hours": f"{_RESOLUTION}::"
    "test_a_finding_has_stood_since_it_was_raised_as_far_as_windows_tell",
    "governance.open_without_owner": f"{_FIELDS}::test_nobody_owns_what_stands_open",
    "governance.oversight_shortfall": f"{_INVENTORY}::"
    "test_the_matrix_gives_the_tier_and_what_oversight_is_short_of",
    "governance.reference_age_days": f"{_OTHER}::"
    "test_the_reference_ages_by_the_window_not_the_clock",
    "governance.review_age_days": f"{_FIELDS}::test_each_signal_moves_where_it_should",
    "governance.review_age_ratio": f"{_FIELDS}::test_each_signal_moves_where_it_should",
    "governance.uncorrected_days": f"{_RESOLUTION}::"
    "test_a_correction_in_effect_starts_the_days_anew",
    "governance.unregistered_version": f"{_OTHER}::"
    "test_versions_that_nobody_registered_are_counted",
    "governance.waiver_expired_days": f"{_INVENTORY}::"
    "test_the_waiver_that_expired_first_counts_and_none_is_fine",
    "quality.duplicate_rate": f"{_OTHER}::test_duplicates_are_a_share_of_what_came",
}
"""Signals of dates, of the clock, and of counts that are made before a row is one."""
