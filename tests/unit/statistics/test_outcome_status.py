"""Windows from which a number made of labels cannot be had: a defined status each."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from agent.layout import build_layout
from agent.signals.context import Settings, SignalContext
from agent.signals.label_based import LABEL_BASED
from agent.signals.table import SIGNALS, compute
from agent.summarise import summarise
from collectors.batch import Categorical
from policies.model import Signal, Window
from tests.unit.statistics.events import FAVOURABLE, batch, schema_of
from tests.unit.statistics.outcomes import (
    context_of,
    events_of,
    one,
    reference_of,
    signals_of,
    value_of,
)

EOD = "fairness.equal_opportunity_difference"
FPD = "fairness.false_positive_rate_difference"
TPR = "fairness.true_positive_rate"
SCORED = ("roc_auc", "log_loss", "brier", "ece")


def usual(n: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Return columns of a window in which everything can be measured."""
    rng = np.random.default_rng(seed)
    score = rng.random(n)
    return {
        "prediction": (score > 0.5).astype(int),
        "label": (rng.random(n) < score).astype(int),
        "score": score,
        "groups": {"sex": rng.choice(["f", "m"], n)},
    }


def found(settings: Settings | None = None, **columns: Any) -> list[Signal]:
    events = events_of(**(usual() | columns))
    return signals_of(context_of(events, settings=settings or Settings())).published


def reason(signals: list[Signal], name: str, *subject: str) -> str | None:
    signal = one(signals, name, *subject)
    assert signal.status == "insufficient_data", signal
    return signal.reason


def test_labels_that_nobody_maps_are_not_configured() -> None:
    events = batch(prediction=["0", "1"] * 200, audit={"sex": ["f", "m"] * 200})
    layout = build_layout(schema_of(events), favourable=FAVOURABLE)
    summary = summarise(layout, events, np.arange(events.n))
    context = SignalContext(layout, summary, None, Window(0, 86_400, "1d"), Settings())
    mine = [s for s in compute(context).published if s.name in LABEL_BASED]
    assert {s.name for s in mine} == LABEL_BASED
    assert {s.status for s in mine} == {"insufficient_data"}
    errors = {s.name for s in mine if s.reason == "not_applicable: predictions are classes"}
    assert errors == {f"performance.{e}{w}" for e in ("mae", "rmse") for w in ("", "_rise")}
    assert {s.reason for s in mine if s.name not in errors} == {"not_configured: label"}
    assert {s.n for s in mine} == {0}


def test_the_label_based_names_are_in_the_table() -> None:
    assert set(SIGNALS) >= LABEL_BASED


def test_a_window_before_any_label_came() -> None:
    signals = found(label=[None] * 1000)
    for name in ("accuracy", "precision", "recall", "f1", *SCORED):
        assert reason(signals, f"performance.{name}") == "no_labels", name
    assert reason(signals, EOD, "sex") == "no_labels"
    assert reason(signals, TPR, "sex", "f") == "no_labels"


def test_labels_of_favourable_predictions_only_are_selective() -> None:
    columns = usual()
    seen = np.array(columns["label"], object)
    seen[columns["prediction"] == 0] = None
    # One unfavourable row in a hundred is labelled: still below a tenth of the others' coverage.
    refused = np.flatnonzero(columns["prediction"] == 0)[::100]
    seen[refused] = columns["label"][refused]
    signals = found(label=seen)
    for name in ("accuracy", "recall", "f1", "roc_auc"):
        assert reason(signals, f"performance.{name}") == "selective_labels", name
    for name in ("precision", "log_loss", "brier", "ece"):
        value_of(one(signals, f"performance.{name}"))
    for name in (EOD, FPD, "fairness.calibration_difference", "fairness.average_odds_difference"):
        assert reason(signals, name, "sex") == "selective_labels", name
    assert reason(signals, TPR, "sex", "f") == "selective_labels"
    assert reason(signals, "fairness.base_rate", "sex", "f") == "selective_labels"


def test_a_tenth_of_the_coverage_is_enough() -> None:
    columns = usual(n=4000)
    seen = np.array(columns["label"], object)
    seen[columns["prediction"] == 0] = None
    refused = np.flatnonzero(columns["prediction"] == 0)
    kept = refused[: -(-len(refused) // 10)]
    seen[kept] = columns["label"][kept]
    signals = found(**(columns | {"label": seen}))
    value_of(one(signals, "performance.recall"))
    seen[kept[:1]] = None
    assert reason(found(**(columns | {"label": seen})), "performance.recall") == "selective_labels"


def test_the_configuration_can_say_that_labels_are_selective() -> None:
    signals = found(Settings(label_observed="favourable_only"))
    assert reason(signals, EOD, "sex") == "selective_labels"
    assert reason(signals, "performance.recall") == "selective_labels"
    value_of(one(signals, "performance.precision"))


def test_too_few_labelled_rows() -> None:
    signals = found(label=[0, 1] * 49 + [1] + [None] * 901)
    for name in ("accuracy", "precision", "recall", "f1", *SCORED):
        signal = one(signals, f"performance.{name}")
        assert (signal.reason, signal.n) == ("below_min_performance_n", 99), name
    signals = found(label=[0, 1] * 50 + [None] * 900)
    assert one(signals, "performance.accuracy").n == 100
    value_of(one(signals, "performance.accuracy"))


def test_one_row() -> None:
    columns = {"prediction": [1], "label": [1], "score": [0.9], "groups": {"sex": ["f"]}}
    signals = found(Settings(min_performance_n=1, min_group_n=1, k_display=1), **columns)
    assert value_of(one(signals, "performance.accuracy")) == 1.0
    assert reason(signals, "performance.roc_auc") == "one_class"
    for name in ("log_loss", "brier", "ece"):
        assert reason(signals, f"performance.{name}") == "one_row"
    assert reason(signals, EOD, "sex") == "single_group"


@pytest.mark.parametrize("label", [0, 1])
def test_one_class(label: int) -> None:
    signals = found(label=[label] * 1000)
    assert reason(signals, "performance.roc_auc") == "one_class"
    if label == 0:
        assert reason(signals, "performance.recall") == "one_class"
        assert reason(signals, EOD, "sex") == "not_seen"
        value_of(one(signals, FPD, "sex"))
    else:
        value_of(one(signals, "performance.recall"))
        assert reason(signals, FPD, "sex") == "not_seen"
        assert reason(signals, "fairness.average_odds_difference", "sex") == "not_seen"
    for name in ("log_loss", "brier", "ece", "accuracy"):
        value_of(one(signals, f"performance.{name}"))


def test_constant_predictions_and_scores() -> None:
    signals = found(prediction=[0] * 1000, score=[0.25] * 1000)
    assert reason(signals, "performance.precision") == "zero_denominator"
    assert value_of(one(signals, "performance.recall")) == 0.0
    area = one(signals, "performance.roc_auc")
    assert value_of(area) == 0.5
    assert area.low is not None
    assert 0.4 < area.low < 0.5, "equal scores say nothing: the interval has a width"


def test_missing_columns() -> None:
    assert reason(found(score=None), "performance.brier") == "not_configured: score"
    assert (
        reason(found(score=None), "fairness.calibration_difference", "sex")
        == "not_configured: score"
    )
    assert reason(found(score=[None] * 1000), "performance.brier") == "no_scores"
    assert reason(found(prediction=[None] * 1000), "performance.accuracy") == "no_labels"
    signals = found(groups={"sex": [None] * 1000})
    assert reason(signals, EOD, "sex") == "not_seen"


def test_scores_that_are_no_probabilities() -> None:
    columns = usual()
    margin = np.log(columns["score"] / (1 - columns["score"]))
    signals = found(score=margin)
    whole = found()
    assert value_of(one(signals, "performance.roc_auc")) == pytest.approx(
        value_of(one(whole, "performance.roc_auc"))
    )
    for name in ("log_loss", "brier", "ece"):
        assert reason(signals, f"performance.{name}") == "score_is_no_probability"
    assert reason(signals, "fairness.calibration_difference", "sex") == "score_is_no_probability"


def test_infinite_scores_are_ranked_and_nothing_more() -> None:
    columns = usual()
    score = columns["score"].copy()
    score[:5], score[5:10] = np.inf, -np.inf
    signals = found(score=score)
    value_of(one(signals, "performance.roc_auc"))
    assert reason(signals, "performance.log_loss") == "score_is_no_probability"


def test_a_score_for_1_where_the_favourable_class_is_0() -> None:
    columns = usual()
    events = events_of(**columns)
    other = frozenset({"0", "0.0", "false"})
    mine = signals_of(context_of(events, favourable=other)).published
    whole = found()
    for name in ("roc_auc", "log_loss", "brier"):
        assert value_of(one(mine, f"performance.{name}")) == pytest.approx(
            value_of(one(whole, f"performance.{name}"))
        ), name


def test_one_score_for_several_classes() -> None:
    columns = usual()
    columns["label"] = columns["label"].astype(object)
    columns["label"][::3] = "2"
    signals = found(**columns)
    for name in SCORED:
        assert (
            reason(signals, f"performance.{name}")
            == "not_applicable: one score cannot tell several classes"
        )


def test_classes_that_the_reference_does_not_know_are_not_named() -> None:
    rng = np.random.default_rng(1)
    label = rng.choice(["a", "b", "c"], 900)
    old = events_of(label, label)
    new_label = np.where(np.arange(900) < 100, "Ms X", label)
    context = context_of(
        events_of(label, new_label), reference=reference_of(old), favourable=frozenset()
    )
    named = {s.subject["class"] for s in signals_of(context).published if "class" in s.subject}
    assert named == {"a", "b", "c"}
    bare = signals_of(context_of(events_of(label, new_label), favourable=frozenset())).published
    assert not [s for s in bare if "class" in s.subject]
    value_of(one(bare, "performance.f1"))


@pytest.mark.parametrize("countless", [False, True])
def test_labels_that_are_no_value_of_a_prediction_are_not_compared_with_them(
    countless: bool,
) -> None:
    n = 1000
    label = [f"case {i}" if countless else ("paid", "default")[i % 2] for i in range(n)]
    signals = found(label=label)
    for name in (TPR, EOD, FPD, "performance.accuracy", "performance.brier", "performance.f1"):
        assert {s.reason for s in signals if s.name == name} == {"labels_of_other_values"}, name
    assert not [s for s in signals if s.name in LABEL_BASED and s.value is not None]


def test_predictions_that_are_all_wrong_are_measured() -> None:
    signals = found(prediction=np.ones(1000, int), label=np.zeros(1000, int))
    assert value_of(one(signals, "performance.accuracy")) == 0.0


def test_few_labels_of_other_values_are_too_few_first() -> None:
    few = found(label=[("paid", "default")[i % 2] if i < 50 else None for i in range(1000)])
    assert reason(few, "performance.accuracy") == "below_min_performance_n"


def test_countless_classes_are_no_classes() -> None:
    texts = [f"id{i}" for i in range(1000)]
    signals = found(prediction=texts, label=texts)
    assert reason(signals, "performance.accuracy") == "too_many_classes"
    assert reason(signals, "performance.f1") == "too_many_classes"


def test_a_regression_with_infinite_or_absurd_errors() -> None:
    label = np.linspace(0, 1, 200)
    for wrong in (np.inf, -np.inf, 1.7e308):
        prediction = label.copy()
        prediction[3] = wrong
        events = events_of(prediction, label, regression=True)
        signals = signals_of(context_of(events, favourable=frozenset())).published
        assert reason(signals, "performance.mae") == "infinite_values"
        assert reason(signals, "performance.rmse") == "infinite_values"
    exact = events_of(label, label, regression=True)
    signals = signals_of(context_of(exact, favourable=frozenset())).published
    assert value_of(one(signals, "performance.rmse")) == 0.0
    missing = events_of(np.full(200, np.nan), label, regression=True)
    signals = signals_of(context_of(missing, favourable=frozenset())).published
    assert reason(signals, "performance.rmse") == "no_labels"


def test_a_group_with_few_positives_is_judged_by_negatives_alone() -> None:
    columns = usual(n=2000)
    f = columns["groups"]["sex"] == "f"
    label = columns["label"].copy()
    # Of the women 60 repaid; the number of those who did not is ample.
    label[f] = 0
    label[np.flatnonzero(f)[:60]] = 1
    settings = Settings(privileged={"sex": "m"})
    signals = found(settings, **(columns | {"label": label}))
    tpr = one(signals, TPR, "sex", "f")
    assert (tpr.reason, tpr.n) == ("below_min_group_n", 60)
    assert reason(signals, EOD, "sex", "f", "m") == "below_min_group_n"
    value_of(one(signals, FPD, "sex", "f", "m"))
    assert reason(signals, "fairness.average_odds_difference", "sex") == "below_min_group_n"


def test_a_configured_group_that_nobody_saw() -> None:
    settings = Settings(groups={"sex": ("f", "m", "nb")}, privileged={"sex": "m"})
    signals = found(settings)
    assert reason(signals, TPR, "sex", "nb") == "not_seen"
    assert one(signals, TPR, "sex", "nb").n == 0
    assert reason(signals, EOD, "sex", "nb", "m") == "not_seen"


def test_a_large_window_takes_little_memory_besides_its_rows() -> None:
    n = 400_000
    rng = np.random.default_rng(0)
    score = rng.random(n)
    events = batch(
        n=n,
        prediction=Categorical((score > 0.5).astype(np.int32), ("0", "1")),
        label=Categorical((rng.random(n) < score).astype(np.int32), ("0", "1")),
        score=score,
    )
    events.audit["sex"] = Categorical(rng.integers(0, 3, n).astype(np.int32), ("f", "m", "x"))
    context = context_of(events)
    tracemalloc.start()
    try:
        signals = compute(context).published
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    value_of(one(signals, "fairness.calibration_difference", "sex"))
    # 30 MB for a million rows.
    assert peak < 30 * n
