"""What a reference keeps of labels and groups, and windows measured against it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, recall_score, roc_auc_score

from agent.reference.build import build
from agent.reference.load import load, save
from agent.reference.profile import Reference, seal
from agent.signals.context import Settings
from agent.signals.measures import Ask
from agent.signals.outcome_profile import outcome_profile
from tests.support.public_data import modelled
from tests.unit.statistics.events import FAVOURABLE, batch, schema_of
from tests.unit.statistics.outcomes import (
    context_of,
    events_of,
    modelled_events,
    one,
    reference_of,
    signals_of,
    value_of,
)

FEW = Settings(min_group_n=20)


@pytest.mark.parametrize("name", ["pensions", "loans"])
def test_drops_are_relative_to_what_scikit_learn_finds_in_the_reference(name: str) -> None:
    model = modelled(name)
    half = len(model.label) // 2
    old, new = slice(0, half), slice(half, None)
    reference = reference_of(modelled_events(model, old))
    found = signals_of(context_of(modelled_events(model, new), reference=reference)).published
    for signal, score, guess in (
        ("accuracy", accuracy_score, model.prediction),
        ("recall", recall_score, model.prediction),
        ("roc_auc", roc_auc_score, model.score),
    ):
        then = score(model.label[old], guess[old])
        now = score(model.label[new], guess[new])
        drop = one(found, f"performance.{signal}_drop")
        assert value_of(drop) == pytest.approx((then - now) / then)
        assert drop.n == len(model.label[new])
        assert drop.reference == reference.digest


def test_a_regression_that_got_worse_is_told_from_one_that_did_not() -> None:
    model = modelled("diabetes")
    reference = reference_of(modelled_events(model), favourable=frozenset())
    away = model.label + 2 * (model.prediction - model.label)
    worse = events_of(away, model.label, regression=True)
    context = context_of(worse, reference=reference, favourable=frozenset())
    for error in ("mae", "rmse"):
        rise = one(signals_of(context).published, f"performance.{error}_rise")
        assert value_of(rise) == pytest.approx(1.0)
        assert rise.low is not None
        assert rise.low > 0.7
    same = context_of(modelled_events(model), reference=reference, favourable=frozenset())
    assert value_of(one(signals_of(same).published, "performance.rmse_rise")) == pytest.approx(0.0)


def test_gaps_that_widened_are_told_by_their_size_not_their_sign() -> None:
    def window(f: int, m: int) -> object:
        prediction = [1] * f + [0] * (500 - f) + [1] * m + [0] * (500 - m)
        return events_of(prediction, [1] * 1000, None, {"sex": ["f"] * 500 + ["m"] * 500})

    settings = Settings(privileged={"sex": "m"})
    reference = reference_of(window(250, 300))  # type: ignore[arg-type]
    for f, m, worsening in ((250, 300, 0.0), (200, 300, 0.1), (400, 300, 0.1), (300, 300, -0.1)):
        context = context_of(window(f, m), reference=reference, settings=settings)  # type: ignore[arg-type]
        found = signals_of(context).published
        for name in ("statistical_parity", "equal_opportunity"):
            signal = one(found, f"fairness.{name}_worsening", "sex", "f", "m")
            assert value_of(signal) == pytest.approx(worsening), (name, f, m)
            assert value_of(one(found, f"fairness.{name}_worsening", "sex")) == pytest.approx(
                worsening
            )
        fpr = one(found, "fairness.false_positive_rate_worsening", "sex")
        assert fpr.reason == "not_seen", "nobody's label is unfavourable"


def test_a_representation_gap_is_the_psi_of_the_groups() -> None:
    def window(**counts: int) -> object:
        race = [g for g, n in counts.items() for _ in range(n)]
        return events_of(
            ["1", "0"] * (len(race) // 2), ["1", "0"] * (len(race) // 2), None, {"r": race}
        )

    old, new = {"a": 600, "b": 300, "c": 100}, {"a": 500, "b": 420, "c": 80}
    reference = reference_of(window(**old))  # type: ignore[arg-type]
    found = signals_of(context_of(window(**new), reference=reference))  # type: ignore[arg-type]
    p = np.array([n + 0.5 for n in old.values()]) / (1000 + 1.5)
    q = np.array([n + 0.5 for n in new.values()]) / (1000 + 1.5)
    signal = one(found.published, "fairness.representation_gap", "r")
    assert value_of(signal) == pytest.approx(stats.entropy(p, q) + stats.entropy(q, p))
    assert signal.n == 1000
    # A group of which the reference knows nothing is a change too.
    strange = one(
        signals_of(context_of(window(a=500, z=500), reference=reference)).published,  # type: ignore[arg-type]
        "fairness.representation_gap",
        "r",
    )
    assert value_of(strange) > 1
    assert strange.low is not None
    assert strange.low > 1


def test_a_representation_gap_does_not_tell_the_size_of_a_small_group() -> None:
    def gap(x: int, nobody: int = 0) -> tuple[float, int | None]:
        race: list[str | None] = ["a"] * 500 + ["b"] * (300 - x) + ["x"] * x + [None] * nobody
        prediction = ["1", "0"] * (len(race) // 2)
        events = events_of(prediction, prediction, None, {"r": race})
        signal = one(
            signals_of(context_of(events, reference=reference)).published,
            "fairness.representation_gap",
            "r",
        )
        return value_of(signal), signal.n

    race = ["a"] * 500 + ["b"] * 250 + ["x"] * 50
    reference = reference_of(events_of(["1", "0"] * 400, ["1", "0"] * 400, None, {"r": race}))
    # x is withheld with b, and only their sum, which is public, is in the value.
    assert {gap(x) for x in (2, 4, 8)} == {gap(6)}
    assert gap(6)[1] == 800


def test_old_profiles_load_and_give_no_baseline(tmp_path: Path) -> None:
    reference = reference_of(modelled_events(modelled("loans")))
    old = seal(msgspec.structs.replace(reference, ungrouped=None, outcomes=None))
    save(old, tmp_path / "old.json")
    assert b"outcomes" not in (tmp_path / "old.json").read_bytes(), "as older versions wrote it"
    assert load(tmp_path / "old.json") == old
    save(reference, tmp_path / "new.json")
    assert load(tmp_path / "new.json") == reference
    context = context_of(modelled_events(modelled("loans")), reference=old, settings=FEW)
    found = signals_of(context).published
    for name in ("performance.accuracy_drop", "performance.ece_rise"):
        signal = one(found, name)
        assert (signal.status, signal.reason) == (
            "no_reference",
            "no_reference: no labels in the reference",
        )
    worsening = one(found, "fairness.equal_opportunity_worsening", "race")
    assert worsening.reason == "no_reference: no labels in the reference"
    value_of(one(found, "fairness.statistical_parity_worsening", "race"))


def test_a_reference_for_another_favourable_outcome_is_no_baseline() -> None:
    events = modelled_events(modelled("loans"))
    reference = reference_of(events)
    context = context_of(events, reference=reference, favourable=frozenset({"0"}), settings=FEW)
    found = signals_of(context).published
    assert one(found, "performance.recall_drop").status == "no_reference"
    assert one(found, "fairness.equal_opportunity_worsening", "race").status == "no_reference"


def test_selective_labels_leave_no_gap_to_compare_with() -> None:
    events = modelled_events(modelled("loans"))
    reference = reference_of(events, ask=Ask(observed="favourable_only"))
    assert reference.outcomes is not None
    assert reference.outcomes.groups == {}
    assert "performance.recall" not in reference.outcomes.measures
    assert "performance.precision" in reference.outcomes.measures


def whole(labels_apart: bool, order: np.ndarray | None = None) -> Reference:
    """Return a reference of 300 events whose labels are in them, or in records of their own."""
    n = 300
    prediction = ["1" if i % 3 else "0" for i in range(n)]
    label = ["1" if i % 2 else "0" for i in range(n)]
    sex = ["f" if i % 5 else "m" for i in range(n)]
    if not labels_apart:
        events = batch(prediction=prediction, label=label, audit={"sex": sex}, n=n)
    else:
        # Each event twice: without a label, and as a record of a label alone.
        rows = np.arange(2 * n) if order is None else order
        events = batch(
            n=2 * n,
            prediction=[prediction[i] if i < n else None for i in rows],
            label=[None if i < n else label[i - n] for i in rows],
            audit={"sex": [sex[i] if i < n else None for i in rows]},
            ids=[int(i % n) + 1 for i in rows],
            time=[int(i % n) for i in rows],
        )
    return build(
        [events],
        schema_of(events),
        favourable=FAVOURABLE,
        baseline=partial(outcome_profile, ask=Ask()),
    )


def test_labels_in_records_of_their_own_join_by_id_in_any_order() -> None:
    expected = whole(labels_apart=False)
    assert expected.outcomes is not None
    assert expected.outcomes.labelled == 300
    shuffled = np.random.default_rng(2).permutation(600)
    for order in (None, shuffled):
        found = whole(True, order)
        assert found.outcomes == expected.outcomes
        assert found.rows == 300
