"""Performance against scikit-learn, on models of public data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from agent.signals.context import Settings
from agent.signals.measures import Ask
from tests.support.public_data import modelled
from tests.unit.statistics.outcomes import (
    context_of,
    events_of,
    modelled_events,
    one,
    reference_of,
    signals_of,
    value_of,
)

BINARY = ["loans", "pensions", "recidivism", "cancer"]


@pytest.mark.parametrize("name", BINARY)
def test_binary_measures_equal_scikit_learn(name: str) -> None:
    model = modelled(name)
    found = signals_of(context_of(modelled_events(model))).published
    y, p, s = model.label, model.prediction, model.score
    expected = {
        "performance.accuracy": metrics.accuracy_score(y, p),
        "performance.precision": metrics.precision_score(y, p),
        "performance.recall": metrics.recall_score(y, p),
        "performance.f1": metrics.f1_score(y, p),
        "performance.roc_auc": metrics.roc_auc_score(y, s),
        "performance.log_loss": metrics.log_loss(y, s),
        "performance.brier": metrics.brier_score_loss(y, s),
    }
    for signal, value in expected.items():
        assert value_of(one(found, signal)) == pytest.approx(value, rel=1e-9), signal
        assert one(found, signal).n == len(y)
    assert one(found, "performance.mae").reason == "not_applicable: predictions are classes"


@pytest.mark.parametrize("name", BINARY)
def test_roc_auc_equals_the_mann_whitney_statistic(name: str) -> None:
    model = modelled(name)
    found = signals_of(context_of(modelled_events(model))).published
    pos, neg = model.score[model.label == 1], model.score[model.label == 0]
    u = stats.mannwhitneyu(pos, neg).statistic / (len(pos) * len(neg))
    assert value_of(one(found, "performance.roc_auc")) == pytest.approx(u)


@pytest.mark.parametrize("name", ["pensions", "recidivism", "cancer"])
def test_ece_is_that_of_bins_of_equal_mass(name: str) -> None:
    model = modelled(name)
    found = signals_of(context_of(modelled_events(model))).published
    order = np.sort(model.score)
    edges = np.unique([order[-(-len(order) * k // 10)] for k in range(1, 10)])
    bins = np.digitize(model.score, edges)
    expected = sum(
        (bins == b).mean() * abs(model.label[bins == b].mean() - model.score[bins == b].mean())
        for b in np.unique(bins)
    )
    assert value_of(one(found, "performance.ece")) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["wine", "digits"])
def test_several_classes_equal_scikit_learn(name: str) -> None:
    model = modelled(name)
    events = modelled_events(model)
    context = context_of(events, reference=reference_of(events), favourable=frozenset())
    found = signals_of(context).published
    y, p = model.label, model.prediction
    assert value_of(one(found, "performance.accuracy")) == pytest.approx(
        metrics.accuracy_score(y, p)
    )
    for signal, score in (
        ("performance.precision", metrics.precision_score),
        ("performance.recall", metrics.recall_score),
        ("performance.f1", metrics.f1_score),
    ):
        assert value_of(one(found, signal)) == pytest.approx(score(y, p, average="macro")), signal
        for c, value in zip(np.unique(y), score(y, p, average=None), strict=True):
            mine = one(found, signal, **{"class": str(c)})
            assert value_of(mine) == pytest.approx(value), (signal, c)
            assert mine.n == len(y)
    assert value_of(one(found, "performance.recall")) == pytest.approx(
        metrics.balanced_accuracy_score(y, p)
    )


@pytest.mark.parametrize("name", ["diabetes", "wages"])
def test_regression_equals_scikit_learn(name: str) -> None:
    model = modelled(name)
    found = signals_of(context_of(modelled_events(model), favourable=frozenset())).published
    y, p = model.label, model.prediction
    assert value_of(one(found, "performance.mae")) == pytest.approx(
        metrics.mean_absolute_error(y, p)
    )
    assert value_of(one(found, "performance.rmse")) == pytest.approx(
        metrics.root_mean_squared_error(y, p)
    )
    low, high = stats.norm.interval(0.95, np.abs(y - p).mean(), stats.sem(np.abs(y - p)))
    mae = one(found, "performance.mae")
    assert (mae.low, mae.high) == pytest.approx((low, high))
    assert one(found, "performance.accuracy").reason == "not_applicable: predictions are quantities"


OF_SCORES = ("roc_auc", "log_loss", "brier", "ece")


@pytest.mark.parametrize("favourable", ["repaid", "default"])
@pytest.mark.parametrize("told", [True, False])
def test_a_score_for_the_other_class_is_read_as_such(favourable: str, told: bool) -> None:
    model = modelled("loans")
    words = np.array(["default", "repaid"])
    y, p = words[model.label], words[model.prediction]
    # The score is the chance of a default.
    events = events_of(p, y, 1 - model.score, {"race": model.groups["race"]})
    score_for = frozenset({"default"}) if told else frozenset[str]()
    favourables = frozenset({favourable})
    reference = reference_of(events, favourable=favourables, ask=Ask(score_for=score_for))
    settings = Settings(score_for=score_for, min_group_n=20)
    context = context_of(events, settings=settings, reference=reference, favourable=favourables)
    found = signals_of(context).published
    right = told or favourable == "default"
    happened = y == favourable
    chance = model.score if favourable == "repaid" else 1 - model.score
    expected = metrics.roc_auc_score(happened, chance if right else 1 - chance)
    assert value_of(one(found, "performance.roc_auc")) == pytest.approx(expected)
    assert (expected > 0.6) == right
    expected = metrics.brier_score_loss(happened, chance if right else 1 - chance)
    assert value_of(one(found, "performance.brier")) == pytest.approx(expected)
    assert value_of(one(found, "performance.roc_auc_drop")) == pytest.approx(0.0)


def test_a_score_for_a_class_that_does_not_exist_is_not_turned_around() -> None:
    model = modelled("loans")
    settings = Settings(score_for=frozenset({"aproved"}), min_group_n=20)
    found = signals_of(context_of(modelled_events(model), settings=settings)).published
    reason = "not_configured: event.score_for is no class of these predictions"
    for name in OF_SCORES:
        assert one(found, f"performance.{name}").reason == reason
    gaps = [s for s in found if s.name == "fairness.calibration_difference"]
    assert gaps
    assert {s.status for s in gaps} == {"insufficient_data"}
    value_of(one(found, "performance.accuracy"))
