"""Which signals are made from labels (contract C9), or from human decisions."""

from __future__ import annotations

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

REVIEW_BASED: frozenset[str] = frozenset(
    {
        "oversight.override_rate",
        "oversight.reviewed_share",
        "oversight.unattributed_rate",
        "oversight.unmatched_decisions",
        "oversight.unsure_reviewed_share",
    }
)
"""Signals made from human decisions: where these come later, provisional until they are in."""
