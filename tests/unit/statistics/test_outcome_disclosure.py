"""What of the signals made from labels may be told, and what cannot be worked out from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agent.signals.context import Settings
from agent.signals.disclosure import Signals
from agent.signals.label_based import LABEL_BASED
from agent.signals.withhold import COMPLEMENT, SMALL, Counted, withhold
from policies.model import Signal
from tests.unit.statistics.outcomes import context_of, events_of, one, signals_of, value_of

TPR = "fairness.true_positive_rate"
FPR = "fairness.false_positive_rate"
BASE = "fairness.base_rate"
RATE = "fairness.selection_rate"
EOD = "fairness.equal_opportunity_difference"

Cells = tuple[int, int, int, int]
"""True positives, false negatives, false positives, true negatives of a group."""


def window(
    groups: dict[str | None, Cells], unlabelled: dict[str, int] | None = None, **how: Any
) -> Signals:
    """Return the fairness signals of a window with these outcomes."""
    prediction: list[int] = []
    label: list[int | None] = []
    sex: list[str | None] = []
    for group, (tp, fn, fp, tn) in groups.items():
        prediction += [1] * tp + [0] * fn + [1] * fp + [0] * tn
        label += [1] * (tp + fn) + [0] * (fp + tn)
        sex += [group] * (tp + fn + fp + tn)
    for name, n in (unlabelled or {}).items():
        prediction += [1, 0] * (n // 2)
        label += [None] * (n // 2 * 2)
        sex += [name] * (n // 2 * 2)
    score = np.linspace(0, 1, len(sex))
    found = signals_of(context_of(events_of(prediction, label, score, {"sex": sex}), **how))
    return Signals(
        [s for s in found.published if s.name.startswith("fairness.")],
        [s for s in found.hidden if s.name.startswith("fairness.")],
    )


USUAL: dict[str | None, Cells] = {"f": (150, 100, 60, 190), "m": (220, 60, 90, 130)}


def label_based(signals: list[Signal]) -> list[Signal]:
    return [s for s in signals if s.name in LABEL_BASED]


def test_before_maturity_no_group_value_is_told_but_all_are_judged() -> None:
    found = window(USUAL, mature=False)
    told = [s for s in label_based(found.published) if s.status != "no_reference"]
    assert {s.status for s in told} == {"suppressed"}
    assert {s.reason for s in told} == {"published_at_maturity"}
    assert {s.n for s in told} == {None}
    assert value_of(one(found.hidden, EOD, "sex")) == pytest.approx(150 / 250 - 220 / 280)
    # What needs no labels does not wait for them.
    value_of(one(found.published, RATE, "sex", "f"))
    assert value_of(one(window(USUAL).published, EOD, "sex")) == pytest.approx(
        150 / 250 - 220 / 280
    )


def test_group_values_appear_at_one_length_only() -> None:
    found = window(USUAL, length="1h")
    assert {s.status for s in found.published if s.n != 0} == {"suppressed"}
    assert {s.n for s in found.published} <= {None, 0}
    assert value_of(one(found.hidden, EOD, "sex")) == pytest.approx(150 / 250 - 220 / 280)


def test_few_positives_hide_all_rates_of_the_group() -> None:
    """The base rate and the false positive rate would tell how many positives there are."""
    groups = {**USUAL, "x": (3, 2, 100, 100), "y": (200, 100, 90, 80)}
    found = window(groups).published
    for name in (TPR, FPR, BASE, "fairness.false_negative_rate"):
        signal = one(found, name, "sex", "x")
        assert (signal.status, signal.n, signal.reason) == ("suppressed", None, SMALL), name
        assert one(found, name, "sex", "y").reason == COMPLEMENT, "the total is public"
        value_of(one(found, name, "sex", "f"))
    value_of(one(found, RATE, "sex", "x"))
    assert one(found, RATE, "sex", "x").n == 205, "of predictions there are enough"


def test_the_worst_pair_does_not_speak_for_a_group_that_is_withheld() -> None:
    groups = {**USUAL, "x": (3, 2, 100, 100), "y": (60, 240, 90, 80)}
    found = window(groups, settings=Settings(privileged={"sex": "m"}))
    assert value_of(one(found.published, EOD, "sex")) == pytest.approx(150 / 250 - 220 / 280)
    assert value_of(one(found.hidden, EOD, "sex")) == pytest.approx(60 / 300 - 220 / 280)


def test_one_withheld_group_alone_is_never_left() -> None:
    """Whatever the counts: published n and values leave no count below k to be solved for."""
    rng = np.random.default_rng(4)
    for _ in range(40):
        groups: dict[str | None, Cells] = {
            g: tuple(int(c) for c in rng.integers(0, rng.choice([4, 40, 400]), 4))  # type: ignore[misc]
            for g in "abcde"
        }
        k = 10
        found = window(groups, settings=Settings(min_group_n=1, k_display=k)).published
        shown = {
            s.subject["group"]
            for s in found
            if s.name in (TPR, FPR, BASE) and "group" in s.subject and (s.n or 0) > 0
        }
        hidden = [g for g in groups if g not in shown]
        counts = {
            "labelled": {g: sum(c) for g, c in groups.items()},
            "positives": {g: c[0] + c[1] for g, c in groups.items()},
            "negatives": {g: c[2] + c[3] for g, c in groups.items()},
        }
        for name, sizes in counts.items():
            assert not [g for g in shown if 0 < sizes[str(g)] < k], (name, groups)
            rest = [sizes[str(g)] for g in hidden if sizes[str(g)] > 0]
            if rest and shown:
                assert len(rest) >= 2, (name, groups)
                assert sum(rest) >= k, (name, groups)


def test_withholding_looks_at_every_count() -> None:
    rows = Counted({"a": 300, "b": 200, "c": 100}, 0)
    positives = Counted({"a": 200, "b": 100, "c": 4}, 0)
    assert withhold([rows, positives], 10) == {"c": SMALL, "b": COMPLEMENT}
    assert withhold([rows], 10) == {}
    assert withhold([rows, positives._replace(nowhere=50)], 10) == {"c": SMALL, "b": COMPLEMENT}, (
        "in the rows c would stand alone"
    )
    nowhere = [rows._replace(nowhere=60), positives._replace(nowhere=50)]
    assert withhold(nowhere, 10) == {"c": SMALL}


def test_rows_without_a_label_are_no_group() -> None:
    found = window(USUAL, {"f": 300, "m": 300}).published
    assert one(found, BASE, "sex", "f").n == 500
    assert one(found, RATE, "sex", "f").n == 800
