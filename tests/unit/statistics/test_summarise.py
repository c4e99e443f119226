"""What is counted where."""

from __future__ import annotations

import numpy as np
import pytest

from agent.binning import FIRST_BIN, INFINITE, MISMATCH, MISSING, NEW, OUT_OF_RANGE, RARE
from agent.layout import LayoutError, build_layout
from agent.summarise import summarise, summarise_by
from agent.summary import GROUPS_OVERFLOW, NO_GROUP, NO_VERSION, dense
from collectors.batch import Ints
from tests.unit.statistics.events import FAVOURABLE, Values, batch, referenced, schema_of


def block(reference: Values, current: Values, mismatched: list[bool] | None = None) -> Ints:
    """Return the block of a single feature `x`."""
    layout, _ = referenced(batch({"x": reference}))
    flags = {} if mismatched is None else {"features.x": mismatched}
    events = batch({"x": current}, mismatched=flags)
    return dense(summarise(layout, events, np.arange(events.n)))


def test_numeric_counts_equal_searchsorted_per_value() -> None:
    rng = np.random.default_rng(1)
    old, new = rng.normal(size=2000), rng.normal(0.5, 2, size=777)
    layout, reference = referenced(batch({"x": old}))
    edges = np.array(reference.features["x"].edges)  # type: ignore[union-attr]
    cells = dense(summarise(layout, batch({"x": new}), np.arange(777)))
    bins = len(edges) + 1
    expected = np.bincount(np.searchsorted(edges, new, side="right"), minlength=bins)
    assert cells[FIRST_BIN : FIRST_BIN + bins].tolist() == expected.tolist()
    assert cells[OUT_OF_RANGE] == ((new < old.min()) | (new > old.max())).sum() > 0
    total = cells[FIRST_BIN + bins : FIRST_BIN + 2 * bins].sum() / 4096 / 777
    assert total == pytest.approx((new.mean() - old.mean()) / old.std(), abs=1e-4)


def test_missing_infinite_and_mismatched_values_are_counted_apart() -> None:
    cells = block(
        [float(i) for i in range(100)],
        [1.0, None, float("inf"), float("-inf"), 500.0, None],
        [False, True, False, False, False, False],
    )
    assert cells[[MISSING, MISMATCH, OUT_OF_RANGE, INFINITE]].tolist() == [2, 1, 3, 2]
    assert cells[FIRST_BIN] == 1
    assert cells[FIRST_BIN + 99] == 2


def test_rare_categories_of_the_reference_are_not_new() -> None:
    cells = block(["a"] * 50 + ["b"] * 40 + ["seldom"], ["a", "seldom", "never", None, "b", "b"])
    assert cells[[MISSING, RARE, NEW]].tolist() == [1, 1, 1]
    assert cells[4:6].tolist() == [1, 2]


def test_groups_count_rows_predictions_and_favourable_ones() -> None:
    events = batch(
        prediction=["1", "0", None, "1", "1"],
        audit={"sex": ["f", "f", "f", "m", None], "place": ["x", "y", "x", None, "x"]},
        version=["v1", "v1", "v2", None, "v1"],
    )
    layout = build_layout(schema_of(events), favourable=FAVOURABLE, attributes=["sex", "sex*place"])
    summary = summarise(layout, events, np.arange(5))
    assert {g: v.tolist() for g, v in summary.groups["sex"].items()} == {
        "f": [3, 2, 1],
        "m": [1, 1, 1],
    }
    assert {g: v.tolist() for g, v in summary.groups["sex*place"].items()} == {
        "f*x": [2, 1, 1],
        "f*y": [1, 1, 0],
    }
    assert summary.versions == {"v1": 3, "v2": 1}
    assert summary.counts == {
        "events": 5,
        NO_GROUP + "sex": 1,
        NO_GROUP + "sex*place": 2,
        NO_VERSION: 1,
    }


def test_groups_beyond_the_limit_are_counted_as_overflow() -> None:
    events = batch(prediction=["1"] * 20, audit={"sex": [f"g{i % 10}" for i in range(20)]})
    layout = build_layout(schema_of(events), favourable=FAVOURABLE, group_limit=4)
    summary = summarise(layout, events, np.arange(20))
    assert len(summary.groups["sex"]) == 4
    assert summary.counts[GROUPS_OVERFLOW + "sex"] == 12


def test_without_a_reference_only_missing_values_are_counted() -> None:
    events = batch({"x": [1.0, None], "k": [None, "a"]})
    layout = build_layout(schema_of(events))
    assert layout.size == 4
    assert dense(summarise(layout, events, np.arange(2))).tolist() == [1, 0, 1, 0]


def test_a_column_that_the_batch_lacks_is_missing() -> None:
    layout, _ = referenced(batch({"x": [1.0, 2.0], "k": ["a", "b"]}))
    events = batch(n=3, prediction=["1", "1", "0"])
    cells = dense(summarise(layout, events, np.arange(3)))
    assert [cells[c.start + MISSING] for c in layout.columns] == [3, 3]
    apart = summarise_by(layout, events, np.arange(3), np.array([5, 6, 5]))
    assert {k: int(dense(s)[MISSING]) for k, s in apart.items()} == {5: 2, 6: 1}


def test_only_the_given_rows_count() -> None:
    layout, _ = referenced(batch({"x": [float(i) for i in range(50)]}))
    events = batch({"x": [1.0, None, 3.0, None]})
    summary = summarise(layout, events, np.array([1, 2]))
    assert summary.counts["events"] == 2
    assert dense(summary)[MISSING] == 1
    assert events.features["x"][0] == 1.0, "the batch itself is left alone"


def test_a_reference_with_another_kind_is_refused() -> None:
    _, reference = referenced(batch({"x": [1.0, 2.0]}))
    with pytest.raises(LayoutError, match="'x' is categorical in the events but numeric"):
        build_layout(schema_of(batch({"x": ["a"]})), reference)


def test_an_intersection_of_an_unmapped_attribute_is_refused() -> None:
    events = batch(prediction=["1"], audit={"sex": ["f"]})
    with pytest.raises(LayoutError, match="'country'"):
        build_layout(schema_of(events), attributes=["sex*country"])
