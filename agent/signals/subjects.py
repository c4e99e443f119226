"""What each signal is about: the kinds of subject (contract C5) that a rule may judge it of.

A signal that has no line here is about the system alone.
"""

from __future__ import annotations

_COLUMNS = ("feature", "output")
_GAP = ("attribute",)
_RATE = ("group",)

SUBJECTS: dict[str, tuple[str, ...]] = {
    "anomaly.low_confidence_ratio": ("output",),
    "anomaly.low_confidence_share": ("output",),
    "anomaly.prediction_concentration": ("output",),
    "drift.js_distance": _COLUMNS,
    "drift.ks": _COLUMNS,
    "drift.positive_rate_difference": ("output",),
    "drift.psi": _COLUMNS,
    "drift.wasserstein_normed": _COLUMNS,
    "fairness.average_odds_difference": _GAP,
    "fairness.base_rate": _RATE,
    "fairness.calibration_difference": _GAP,
    "fairness.disparate_impact_ratio": _GAP,
    "fairness.equal_opportunity_difference": _GAP,
    "fairness.equal_opportunity_worsening": _GAP,
    "fairness.false_negative_rate": _RATE,
    "fairness.false_negative_rate_difference": _GAP,
    "fairness.false_positive_rate": _RATE,
    "fairness.false_positive_rate_difference": _GAP,
    "fairness.false_positive_rate_worsening": _GAP,
    "fairness.representation_gap": _GAP,
    "fairness.selection_rate": _RATE,
    "fairness.statistical_parity_difference": _GAP,
    "fairness.statistical_parity_worsening": _GAP,
    "fairness.true_positive_rate": _RATE,
    "governance.basis_expired_days": ("attribute",),
    "performance.f1": ("system", "class"),
    "performance.precision": ("system", "class"),
    "performance.recall": ("system", "class"),
    "quality.missing_rate": _COLUMNS,
    "quality.missing_rate_rise": _COLUMNS,
    "quality.new_category_rate": _COLUMNS,
    "quality.out_of_range_rate": _COLUMNS,
    "quality.type_mismatch_rate": _COLUMNS,
}
"""Gaps are also told of each pair of groups; a rule judges the worst pair, of the attribute."""


def subjects_of(name: str) -> frozenset[str]:
    """Return the kinds of subject that a signal of our table is about."""
    return frozenset(SUBJECTS.get(name, ("system",)))
