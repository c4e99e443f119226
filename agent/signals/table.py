"""Every signal there is: its name and the function that computes it.

To add one: write a function `(SignalContext) -> list[Signal]` in its family's file and a line here.
A package outside gives an entry point of the group `pantau.signals` under the signal's name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import entry_points

import structlog

from agent.signals import anomaly, drift, fairness, governance, quality
from agent.signals.context import SignalContext
from agent.signals.disclosure import FAMILY, Signals, disclose
from policies.model import Signal, unmeasured

SignalFunction = Callable[[SignalContext], list[Signal]]

SIGNALS: dict[str, SignalFunction] = {
    "anomaly.volume": anomaly.volume,
    "drift.js_distance": drift.js_distance,
    "drift.ks": drift.ks,
    "drift.psi": drift.psi,
    "drift.share": drift.share,
    "drift.wasserstein_normed": drift.wasserstein_normed,
    "fairness.disparate_impact_ratio": fairness.disparate_impact_ratio,
    "fairness.selection_rate": fairness.selection_rate,
    "fairness.statistical_parity_difference": fairness.statistical_parity_difference,
    "governance.audit_completeness": governance.audit_completeness,
    "governance.reference_age_days": governance.reference_age_days,
    "governance.unregistered_version": governance.unregistered_version,
    "quality.duplicate_rate": quality.duplicate_rate,
    "quality.missing_rate": quality.missing_rate,
    "quality.missing_rate_rise": quality.missing_rate_rise,
    "quality.new_category_rate": quality.new_category_rate,
    "quality.out_of_range_rate": quality.out_of_range_rate,
    "quality.type_mismatch_rate": quality.type_mismatch_rate,
}

LABEL_BASED: frozenset[str] = frozenset(
    {
        "fairness.average_odds_difference",
        "fairness.base_rate",
        "fairness.calibration_difference",
        "fairness.equal_opportunity_difference",
        "fairness.equal_opportunity_worsening",
        "fairness.false_negative_rate",
        "fairness.false_negative_rate_difference",
        "fairness.false_positive_rate",
        "fairness.false_positive_rate_difference",
        "fairness.false_positive_rate_worsening",
        "fairness.true_positive_rate",
        "performance.accuracy",
        "performance.accuracy_drop",
        "performance.brier",
        "performance.ece",
        "performance.ece_rise",
        "performance.f1",
        "performance.log_loss",
        "performance.mae",
        "performance.mae_rise",
        "performance.precision",
        "performance.recall",
        "performance.recall_drop",
        "performance.rmse",
        "performance.rmse_rise",
        "performance.roc_auc",
        "performance.roc_auc_drop",
    }
)
"""Signals made from labels: what they say is provisional until the labels are in (contract C9)."""

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


def compute(context: SignalContext) -> Signals:
    """Return every signal of a window, in an order that depends on nothing but their content.

    A function that fails gives one `insufficient_data` signal about the system: a defect in a
    signal must neither stop the agent nor look like calm.
    """
    public: list[Signal] = []
    fair: list[Signal] = []
    for name, function in all_signals().items():
        found = _run(name, function, context)
        (fair if name.startswith(FAMILY) else public).extend(found)
    shown = disclose(context, fair)
    return Signals([*public, *shown.published], shown.hidden)


def _run(name: str, function: SignalFunction, context: SignalContext) -> list[Signal]:
    try:
        return function(context)
    except Exception as error:  # noqa: BLE001 - whatever a signal does, the others go on
        # Not the message: it may quote a value of somebody.
        reason = FAILED + type(error).__name__
        _log.error("signal failed", signal=name, window=context.window.length, reason=reason)
        return [unmeasured(name, {}, "insufficient_data", reason, n=None, method="none")]
