"""Fairness by labels against fairlearn and scikit-learn, on models of public data."""

from __future__ import annotations

import numpy as np
import pytest
from fairlearn.metrics import (
    MetricFrame,
    equal_opportunity_difference,
    false_negative_rate,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from sklearn.metrics import confusion_matrix

from agent.signals.context import Settings
from agent.signals.intervals import newcombe, wilson
from tests.support.public_data import Modelled, modelled
from tests.unit.statistics.outcomes import (
    context_of,
    modelled_events,
    one,
    signals_of,
    value_of,
)

SETS = [("loans", "race"), ("pensions", "sex"), ("pensions", "household"), ("recidivism", "race")]


def base_rate(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return float(y_true.mean())


RATES = {
    "fairness.true_positive_rate": true_positive_rate,
    "fairness.false_positive_rate": false_positive_rate,
    "fairness.false_negative_rate": false_negative_rate,
    "fairness.base_rate": base_rate,
}

GAPS = {
    "fairness.equal_opportunity_difference": true_positive_rate,
    "fairness.false_positive_rate_difference": false_positive_rate,
    "fairness.false_negative_rate_difference": false_negative_rate,
}

FEW = Settings(min_group_n=20)


def frame(model: Modelled, attribute: str, metrics: object) -> MetricFrame:
    return MetricFrame(
        metrics=metrics,
        y_true=model.label,
        y_pred=model.prediction,
        sensitive_features=model.groups[attribute],
    )


@pytest.mark.parametrize(("name", "attribute"), SETS)
def test_rates_equal_fairlearn(name: str, attribute: str) -> None:
    model = modelled(name)
    found = signals_of(context_of(modelled_events(model), settings=FEW)).published
    for signal_name, metric in RATES.items():
        for group, rate in frame(model, attribute, metric).by_group.items():
            signal = one(found, signal_name, attribute, str(group))
            assert value_of(signal) == pytest.approx(rate, rel=1e-12)
            mine = model.groups[attribute] == group
            (tn, fp), (fn, tp) = confusion_matrix(model.label[mine], model.prediction[mine])
            n = {
                "fairness.true_positive_rate": tp + fn,
                "fairness.false_negative_rate": tp + fn,
                "fairness.false_positive_rate": fp + tn,
                "fairness.base_rate": tp + fn + fp + tn,
            }[signal_name]
            assert signal.n == n
            assert (signal.low, signal.high) == pytest.approx(wilson(round(rate * n), n))


@pytest.mark.parametrize(("name", "attribute"), SETS)
def test_gaps_equal_fairlearn(name: str, attribute: str) -> None:
    model = modelled(name)
    found = signals_of(context_of(modelled_events(model), settings=FEW)).published
    # Whom the others are compared with: the group that is selected most often.
    best = str(frame(model, attribute, selection_rate).by_group.idxmax())
    for signal_name, metric in GAPS.items():
        rates = frame(model, attribute, metric).by_group
        gaps = {g: r - rates[best] for g, r in rates.items() if g != best}
        for group, gap in gaps.items():
            assert value_of(one(found, signal_name, attribute, group, best)) == pytest.approx(gap)
        worst = max(gaps.values(), key=abs)
        assert value_of(one(found, signal_name, attribute)) == pytest.approx(worst)
    both = [frame(model, attribute, m).by_group for m in (true_positive_rate, false_positive_rate)]
    odds = {g: np.mean([rates[g] - rates[best] for rates in both]) for g in gaps}
    for group, gap in odds.items():
        signal = one(found, "fairness.average_odds_difference", attribute, group, best)
        assert value_of(signal) == pytest.approx(gap)


def test_the_largest_gap_of_two_groups_is_fairlearns_equal_opportunity_difference() -> None:
    for name, attribute in (("pensions", "sex"), ("recidivism", "race")):
        model = modelled(name)
        found = signals_of(context_of(modelled_events(model), settings=FEW)).published
        theirs = equal_opportunity_difference(
            model.label, model.prediction, sensitive_features=model.groups[attribute]
        )
        mine = value_of(one(found, "fairness.equal_opportunity_difference", attribute))
        assert abs(mine) == pytest.approx(theirs)


def test_the_sign_is_group_minus_privileged_and_the_worst_is_corrected() -> None:
    model = modelled("loans")
    settings = Settings(min_group_n=20, privileged={"race": "white"})
    found = signals_of(context_of(modelled_events(model), settings=settings)).published
    rates = frame(model, "race", true_positive_rate).by_group
    pair = one(found, "fairness.equal_opportunity_difference", "race", "black", "white")
    assert value_of(pair) == pytest.approx(rates["black"] - rates["white"])
    counts = {
        g: (int((m & (model.prediction == 1)).sum()), int(m.sum()))
        for g in ("black", "white")
        for m in [(model.groups["race"] == g) & (model.label == 1)]
    }
    assert (pair.low, pair.high) == pytest.approx(newcombe(*counts["black"], *counts["white"]))
    assert pair.n == counts["black"][1]
    worst = one(found, "fairness.equal_opportunity_difference", "race")
    assert worst.method == "newcombe+bonferroni(2)"


def test_n_counts_what_was_sampled() -> None:
    model = modelled("pensions")
    half = modelled_events(model, slice(0, 4000))
    context = context_of(half, settings=FEW, sampling=0.43)
    found = signals_of(context).published
    total = sum(one(found, "fairness.base_rate", "sex", g).n or 0 for g in ("male", "female"))
    assert total == 4000
    assert one(found, "performance.accuracy").n == 4000
