"""The lookup gives exactly the bins that `searchsorted` gives, for any edges and values."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.lookup import build_lookup, find_bins
from agent.reference.columns import quantile_edges

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-3, 3),
    st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1.0, 1e308, -1e308]),
)


@given(
    st.lists(NUMBERS, max_size=60),
    st.lists(st.one_of(NUMBERS, st.sampled_from([math.inf, -math.inf])), max_size=60),
)
@settings(deadline=None, max_examples=300)
def test_any_edges_and_values(cuts: list[float], drawn: list[float]) -> None:
    edges = np.unique(np.array(cuts, np.float64))
    with np.errstate(over="ignore"):
        beside = [np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf)]
    values = np.concatenate([np.array(drawn, np.float64), edges, *beside])
    found = find_bins(build_lookup(edges), edges, values)
    assert found.tolist() == edges.searchsorted(values, side="right").tolist()


COLUMNS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "normal": lambda r: r.normal(size=5000),
    "lognormal": lambda r: r.lognormal(0, 2, size=5000),
    "uniform": lambda r: r.uniform(1e6, 1e6 + 1, size=5000),
    "counts": lambda r: r.poisson(4, size=5000).astype(float),
    "flag": lambda r: (r.random(5000) < 0.1).astype(float),
    "mostly zero": lambda r: np.where(r.random(5000) < 0.6, 0.0, r.lognormal(8, 1.5, size=5000)),
    "cauchy": lambda r: r.standard_cauchy(size=5000),
    "epoch times": lambda r: 1.7e9 + r.exponential(1e5, size=5000),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_ordinary_columns_have_a_grid(name: str) -> None:
    """Otherwise they would be counted several times slower, and nobody would notice."""
    values = COLUMNS[name](np.random.default_rng(1))
    edges = quantile_edges(np.sort(values))
    lookup = build_lookup(edges)
    assert lookup is not None
    assert find_bins(lookup, edges, values).tolist() == edges.searchsorted(values, "right").tolist()
