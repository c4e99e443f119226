"""Every signal there is: its name and the function that computes it.

To add one: write a function `(SignalContext) -> list[Signal]` in its family's file and a line here;
one in `agent/signals/subjects.py` if it is not about the system alone; one in
`agent/cli/check_kinds.py` if a shipped rule judges it, for what `check` says that it takes; and a
line in `tests/unit/statistics/referees.py`, which says who referees its values.
A package outside gives an entry point of the group `pantau.signals` under the signal's name.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import lru_cache
from importlib.metadata import entry_points

import structlog

from agent.signals import (
    anomaly,
    baseline,
    drift,
    error_rates,
    fairness,
    feedback,
    generative,
    governance,
    inventory,
    outputs,
    oversight,
    performance,
    quality,
    reliability,
    representation,
    resolution,
    sustainability,
    trend,
)
from agent.signals.context import SignalContext
from agent.signals.disclosure import FAMILY, Signals, disclose
from agent.signals.known_groups import with_known_groups
from agent.signals.label_based import LABEL_BASED
from policies.model import Signal, unmeasured

__all__ = ["LABEL_BASED", "SIGNALS", "all_signals", "compute"]

SignalFunction = Callable[[SignalContext], list[Signal]]

SIGNALS: dict[str, SignalFunction] = {
    "anomaly.low_confidence_ratio": outputs.low_confidence_ratio,
    "anomaly.low_confidence_share": outputs.low_confidence_share,
    "anomaly.outlier_ratio": anomaly.outlier_ratio,
    "anomaly.outlier_share": anomaly.outlier_share,
    "anomaly.prediction_concentration": outputs.prediction_concentration,
    "anomaly.silence": anomaly.silence,
    "anomaly.volume": anomaly.volume,
    "drift.js_distance": drift.js_distance,
    "drift.ks": drift.ks,
    "drift.positive_rate_difference": outputs.positive_rate_difference,
    "drift.psi": drift.psi,
    "drift.share": drift.share,
    "drift.wasserstein_normed": drift.wasserstein_normed,
    "fairness.average_odds_difference": error_rates.average_odds_difference,
    "fairness.base_rate": error_rates.base_rate,
    "fairness.calibration_difference": error_rates.calibration_difference,
    "fairness.disparate_impact_ratio": fairness.disparate_impact_ratio,
    "fairness.equal_opportunity_difference": error_rates.equal_opportunity_difference,
    "fairness.equal_opportunity_worsening": trend.equal_opportunity_worsening,
    "fairness.false_negative_rate": error_rates.false_negative_rate,
    "fairness.false_negative_rate_difference": error_rates.false_negative_rate_difference,
    "fairness.false_positive_rate": error_rates.false_positive_rate,
    "fairness.false_positive_rate_difference": error_rates.false_positive_rate_difference,
    "fairness.false_positive_rate_worsening": trend.false_positive_rate_worsening,
    "fairness.representation_gap": representation.representation_gap,
    "fairness.selection_rate": fairness.selection_rate,
    "fairness.statistical_parity_difference": fairness.statistical_parity_difference,
    "fairness.statistical_parity_worsening": trend.statistical_parity_worsening,
    "fairness.true_positive_rate": error_rates.true_positive_rate,
    "feedback.appeal_rate": feedback.appeal_rate,
    "feedback.appeal_ratio": feedback.appeal_ratio,
    "feedback.complaint_rate": feedback.complaint_rate,
    "feedback.complaint_ratio": feedback.complaint_ratio,
    "generative.cost_per_thousand": generative.cost_per_thousand,
    "generative.evaluation_score": generative.evaluation_score,
    "generative.groundedness": generative.groundedness,
    "generative.refusal_rate": generative.refusal_rate,
    "generative.tokens_per_prediction": generative.tokens_per_prediction,
    "generative.toxicity_rate": generative.toxicity_rate,
    "governance.assessment_expired_days": inventory.assessment_expired_days,
    "governance.assessment_missing": inventory.assessment_missing,
    "governance.audit_completeness": governance.audit_completeness,
    "governance.basis_expired_days": inventory.basis_expired_days,
    "governance.drill_age_days": inventory.drill_age_days,
    "governance.oldest_finding_hours": resolution.oldest_finding_hours,
    "governance.open_without_owner": governance.open_without_owner,
    "governance.oversight_shortfall": inventory.oversight_shortfall,
    "governance.reference_age_days": governance.reference_age_days,
    "governance.review_age_days": governance.review_age_days,
    "governance.review_age_ratio": governance.review_age_ratio,
    "governance.uncorrected_days": resolution.uncorrected_days,
    "governance.unregistered_version": governance.unregistered_version,
    "governance.waiver_expired_days": inventory.waiver_expired_days,
    "oversight.override_rate": oversight.override_rate,
    "oversight.review_seconds": oversight.review_seconds,
    "oversight.reviewed_share": oversight.reviewed_share,
    "oversight.unattributed_rate": oversight.unattributed_rate,
    "oversight.unmatched_decisions": oversight.unmatched_decisions,
    "oversight.unsure_reviewed_share": oversight.unsure_reviewed_share,
    "performance.accuracy": performance.accuracy,
    "performance.accuracy_drop": baseline.accuracy_drop,
    "performance.brier": performance.brier,
    "performance.ece": performance.ece,
    "performance.ece_rise": baseline.ece_rise,
    "performance.f1": performance.f1,
    "performance.log_loss": performance.log_loss,
    "performance.mae": performance.mae,
    "performance.mae_rise": baseline.mae_rise,
    "performance.precision": performance.precision,
    "performance.recall": performance.recall,
    "performance.recall_drop": baseline.recall_drop,
    "performance.rmse": performance.rmse,
    "performance.rmse_rise": baseline.rmse_rise,
    "performance.roc_auc": performance.roc_auc,
    "performance.roc_auc_drop": baseline.roc_auc_drop,
    "quality.duplicate_rate": quality.duplicate_rate,
    "quality.missing_rate": quality.missing_rate,
    "quality.missing_rate_rise": quality.missing_rate_rise,
    "quality.new_category_rate": quality.new_category_rate,
    "quality.out_of_range_rate": quality.out_of_range_rate,
    "quality.type_mismatch_rate": quality.type_mismatch_rate,
    "reliability.error_rate": reliability.error_rate,
    "reliability.latency_p95": reliability.latency_p95,
    "reliability.latency_ratio": reliability.latency_ratio,
    "sustainability.carbon_per_thousand": sustainability.carbon_per_thousand,
    "sustainability.energy_per_thousand": sustainability.energy_per_thousand,
}

GROUP = "pantau.signals"
"""Entry points of this group add signals."""

FAILED = "failed: "
"""Start of the reason of a signal whose function raised an exception."""

_log = structlog.get_logger(__name__)


@lru_cache(maxsize=1)
def all_signals() -> dict[str, SignalFunction]:
    """Return the table with what installed packages add; a name of ours cannot be replaced."""
    added = {point.name: point.load() for point in entry_points(group=GROUP)}
    return dict(sorted({**added, **SIGNALS}.items()))


@lru_cache(maxsize=1)
def label_based() -> frozenset[str]:
    """Return the names of the signals that are made from labels.

    A function of another package says so by an attribute `label_based` that is true.
    """
    added = (n for n, function in all_signals().items() if getattr(function, "label_based", False))
    return LABEL_BASED.union(added)


def compute(context: SignalContext, only: Container[str] | None = None) -> Signals:
    """Return every signal of a window, in an order that depends on nothing but their content.

    `only`: of these names, None for all.

    A function that fails gives one `insufficient_data` signal about the system: a defect in a
    signal must neither stop the agent nor look like calm.
    """
    context = with_known_groups(context)
    public: list[Signal] = []
    fair: list[Signal] = []
    for name, function in all_signals().items():
        if only is not None and name not in only:
            continue
        found = _run(name, function, context)
        (fair if name.startswith(FAMILY) else public).extend(found)
    shown = disclose(context, fair)
    return shown._replace(published=[*public, *shown.published])


def _run(name: str, function: SignalFunction, context: SignalContext) -> list[Signal]:
    try:
        return function(context)
    except Exception as error:  # noqa: BLE001 - whatever a signal does, the others go on
        # Not the message: it may quote a value of somebody.
        reason = FAILED + type(error).__name__
        _log.error("signal failed", signal=name, window=context.window.length, reason=reason)
        return [unmeasured(name, {}, "insufficient_data", reason, n=None, method="none")]
