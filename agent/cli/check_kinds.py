"""What each signal is made of, and from how many observations on it can be told."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

from agent.cli import check_outcomes as outcomes
from agent.cli import check_pairs as pairs
from agent.cli.check_outcomes import Known, Outcomes
from agent.config.system import System
from agent.signals import error_rates, fairness, trend
from agent.signals.baseline import difference, drop, rise
from agent.signals.intervals import LEVEL

Of = Literal[
    "events",
    "people per group",
    "labelled events",
    "labelled people per group",
    "human decisions",
    "unsure predictions",
]

MANY = 10**12
ROWS = 10**5
"""Most observations that are tried, where they are counts and where they are arrays."""


class Kind(NamedTuple):
    """How a signal grows certain.

    `least`: the fewest observations with which it is told.  `outcomes`: one for each subject that
    it can be about, or why it cannot be told; none where no more than `least` is asked.  `most`:
    up to where they are tried; `each`: observations of the sort `of` for one of n.
    `against_rows`: the reference needs as many rows as the window.
    """

    of: Of
    least: Callable[[System], int]
    outcomes: Callable[[Known], list[Outcomes] | str] = lambda known: []
    most: int = MANY
    each: int = 1
    against_rows: bool = False


def _one(system: System) -> int:
    return 1


def _drift(system: System) -> int:
    return max(system.min_drift_n, 1)


def _group(system: System) -> int:
    return max(system.min_group_n, system.k_display, 1)


def _labels(system: System) -> int:
    return max(system.min_performance_n, 1)


def _field(system: System) -> int:
    return max(system.min_field_n, 2)


def _quantile(of_population: float) -> Callable[[System], int]:
    """Return the fewest values of which an interval of that quantile can be told."""
    fewest = math.ceil(math.log((1 - LEVEL) / 2) / math.log(of_population))
    return lambda system: max(_field(system), fewest)


EVENT = Kind("events", _one)
GAP = Kind("people per group", _group)
LABEL = Kind("labelled events", _one)
LABELLED = Kind("labelled events", _labels)
LABELLED_GAP = Kind("labelled people per group", _group)

_DRIFT = Kind("events", _drift, against_rows=True)
_MEAN = Kind("events", _field)
_SHARE = Kind("events", _one, outcomes.shares_of)
_DECISIONS: Of = "human decisions"
_PEOPLE: Of = "people per group"
_LABELLED: Of = "labelled people per group"
_ROWS: Of = "labelled events"

KINDS: dict[str, Kind] = {
    "anomaly.low_confidence_ratio": Kind("events", _drift, outcomes.unsure, against_rows=True),
    "anomaly.low_confidence_share": Kind("events", _drift, outcomes.shares_of, against_rows=True),
    "anomaly.outlier_ratio": Kind("events", _field, outcomes.outliers),
    "anomaly.outlier_share": Kind("events", _field, outcomes.shares_of),
    "anomaly.prediction_concentration": Kind(
        "events", _drift, outcomes.concentration, against_rows=True
    ),
    "anomaly.volume": Kind("events", _one, outcomes.volume),
    "drift.js_distance": _DRIFT,
    "drift.ks": _DRIFT,
    "drift.positive_rate_difference": Kind("events", _drift, outcomes.positive, against_rows=True),
    "drift.psi": _DRIFT,
    "drift.share": _DRIFT,
    "drift.wasserstein_normed": _DRIFT,
    "fairness.average_odds_difference": Kind(
        _LABELLED, _group, pairs.gap_of(error_rates.AVERAGE_ODDS, pairs.both), each=2
    ),
    "fairness.calibration_difference": Kind(_LABELLED, _group, pairs.calibrated_groups, ROWS),
    "fairness.disparate_impact_ratio": Kind(
        _PEOPLE, _group, pairs.gap_of(fairness.RATIO, pairs.selected)
    ),
    "fairness.equal_opportunity_difference": Kind(
        _LABELLED, _group, pairs.gap_of(error_rates.EQUAL_OPPORTUNITY, pairs.found)
    ),
    "fairness.equal_opportunity_worsening": Kind(
        _LABELLED,
        _group,
        pairs.worsening(trend.EQUAL_OPPORTUNITY, pairs.found, pairs.outcomes_then),
    ),
    "fairness.false_negative_rate_difference": Kind(
        _LABELLED, _group, pairs.gap_of(error_rates.FALSE_NEGATIVE, pairs.missed)
    ),
    "fairness.false_positive_rate_difference": Kind(
        _LABELLED, _group, pairs.gap_of(error_rates.FALSE_POSITIVE, pairs.burdened)
    ),
    "fairness.false_positive_rate_worsening": Kind(
        _LABELLED,
        _group,
        pairs.worsening(trend.FALSE_POSITIVE, pairs.burdened, pairs.outcomes_then),
    ),
    "fairness.representation_gap": _DRIFT,
    "fairness.statistical_parity_difference": Kind(
        _PEOPLE, _group, pairs.gap_of(fairness.DIFFERENCE, pairs.selected)
    ),
    "fairness.statistical_parity_worsening": Kind(
        _PEOPLE,
        _group,
        pairs.worsening(trend.STATISTICAL_PARITY, pairs.selected, pairs.rates_then),
    ),
    "feedback.appeal_rate": Kind("events", _one, outcomes.complaints(lambda system: 1.0)),
    "feedback.appeal_ratio": Kind(
        "events", _one, outcomes.complaints(lambda system: system.baselines.appeal_rate)
    ),
    "feedback.complaint_rate": Kind("events", _one, outcomes.complaints(lambda system: 1.0)),
    "feedback.complaint_ratio": Kind(
        "events", _one, outcomes.complaints(lambda system: system.baselines.complaint_rate)
    ),
    "generative.cost_per_thousand": _MEAN,
    "generative.evaluation_score": _MEAN,
    "generative.groundedness": _MEAN,
    "generative.refusal_rate": _SHARE,
    "generative.tokens_per_prediction": _MEAN,
    "generative.toxicity_rate": _SHARE,
    "governance.audit_completeness": Kind("events", _one),
    "governance.unregistered_version": Kind("events", _one),
    "oversight.override_rate": Kind(_DECISIONS, _one, outcomes.shares_of),
    "oversight.review_seconds": Kind(_DECISIONS, _quantile(0.5)),
    "oversight.reviewed_share": _SHARE,
    "oversight.unattributed_rate": Kind(_DECISIONS, _one, outcomes.shares_of),
    "oversight.unsure_reviewed_share": Kind("unsure predictions", _field, outcomes.shares_of),
    "performance.accuracy_drop": Kind(
        _ROWS, _labels, outcomes.against_baseline("performance.accuracy", drop, outcomes.hits)
    ),
    "performance.ece_rise": Kind(
        _ROWS,
        _labels,
        outcomes.against_baseline("performance.ece", difference, outcomes.calibrated),
        ROWS,
    ),
    "performance.mae_rise": Kind(
        _ROWS, _labels, outcomes.against_baseline("performance.mae", rise, outcomes.errors)
    ),
    "performance.recall_drop": Kind(
        _ROWS, _labels, outcomes.against_baseline("performance.recall", drop, outcomes.hits)
    ),
    "performance.rmse_rise": Kind(
        _ROWS, _labels, outcomes.against_baseline("performance.rmse", rise, outcomes.errors)
    ),
    "performance.roc_auc_drop": Kind(
        _ROWS,
        _labels,
        outcomes.against_baseline("performance.roc_auc", drop, outcomes.ranked),
        ROWS,
    ),
    "quality.duplicate_rate": _SHARE,
    "quality.missing_rate": _SHARE,
    "quality.missing_rate_rise": Kind("events", _one, outcomes.missing),
    "quality.new_category_rate": _SHARE,
    "quality.out_of_range_rate": _SHARE,
    "quality.type_mismatch_rate": _SHARE,
    "reliability.error_rate": _SHARE,
    "reliability.latency_p95": Kind("events", _quantile(0.95)),
    "reliability.latency_ratio": Kind("events", _quantile(0.95)),
    "sustainability.carbon_per_thousand": _MEAN,
    "sustainability.energy_per_thousand": _MEAN,
}
"""What is told with fewer observations than these kinds ask for is `insufficient_data`, or always
inconclusive."""

WITHOUT_EVENTS: dict[str, str] = {
    "anomaly.silence": "a time by the clock",
    "governance.assessment_expired_days": "a date of the card",
    "governance.assessment_missing": "what the card says",
    "governance.basis_expired_days": "a date of the card",
    "governance.drill_age_days": "a date of the card",
    "governance.oldest_finding_hours": "how long alerts stand",
    "governance.open_without_owner": "what the card says",
    "governance.oversight_shortfall": "what the card says",
    "governance.reference_age_days": "a date of the reference",
    "governance.review_age_days": "a date of the card",
    "governance.review_age_ratio": "a date of the card",
    "governance.uncorrected_days": "how long alerts stand",
    "governance.waiver_expired_days": "a date of the packs",
}
"""What is known exactly whatever comes, and what it is instead of a count of events."""
