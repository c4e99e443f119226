"""How often the drift intervals hold the truth: simulated from known populations, seeded.

`python -m tests.unit.statistics.coverage` prints the table of docs/signals.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from agent.binning import FIRST_CATEGORY, NEW, RARE, tally_numeric
from agent.layout import Column, Layout, build_layout
from agent.reference.columns import categorical_profile, numeric_profile
from agent.reference.profile import (
    CategoricalProfile,
    ColumnProfile,
    NumericProfile,
    Reference,
    seal,
)
from agent.signals.distributions import curves, shares, union_counts
from agent.signals.divergence import Divergences, divergences
from agent.signals.transport import kolmogorov_smirnov, wasserstein
from collectors.schema import EventSchema, FeatureField

Draw = Callable[[np.random.Generator, int], np.ndarray]
Curve = Callable[[np.ndarray], np.ndarray]

POPULATIONS = {
    "normal": stats.norm(),
    "lognormal": stats.lognorm(0.8),
    "student t3": stats.t(3),
    "uniform": stats.uniform(),
}

CHANGES: dict[str, tuple[float, float]] = {
    "none": (0.0, 1.0),
    "shift 0.1 sd": (0.1, 1.0),
    "shift 0.3 sd": (0.3, 1.0),
    "shift 1 sd": (1.0, 1.0),
    "spread x1.5": (0.0, 1.5),
}
"""Location added in standard deviations, and factor of the spread about the median."""

CATEGORIES = {
    "2 categories": np.array([0.7, 0.3]),
    "8 categories": np.array([0.3, 0.2, 0.15, 0.12, 0.1, 0.06, 0.05, 0.02]),
    "40 categories": np.arange(40, 0, -1) / np.arange(41).sum(),
}

TILTS = {"none": 0.0, "tilt 0.2": 0.2, "tilt 0.5": 0.5}


@dataclass(frozen=True)
class Coverage:
    """Share of simulations whose interval held the truth, and of those with `low` above 0.1."""

    signal: str
    population: str
    change: str
    n: int
    m: int
    held: float
    too_high: float
    too_low: float
    false_alarms: float
    truth: float
    width: float


def numeric(
    population: str, change: str, n: int, m: int, *, runs: int, seed: int
) -> Iterator[Coverage]:
    """Simulate `runs` pairs of reference and window of a numeric feature."""
    rng = np.random.default_rng(seed)
    old = POPULATIONS[population]
    sd, middle = float(old.std()), float(old.median())
    shift, factor = CHANGES[change]
    profiles = [
        numeric_profile(old.rvs(m, random_state=rng).astype(np.float64)) for _ in range(runs)
    ]
    layout = _layout(profiles)
    cells = np.zeros(layout.size, np.int64)
    for column in layout.columns:
        values = middle + factor * (old.rvs(n, random_state=rng) - middle) + shift * sd
        assert column.bins is not None
        tally_numeric(column.bins, values, cells[column.start : column.stop])

    def new_cdf(x: np.ndarray) -> np.ndarray:
        found: np.ndarray = old.cdf((x - shift * sd - middle) / factor + middle)
        return found

    truths = [_numeric_truth(p, old.cdf, new_cdf, n) for p in profiles]
    psi, js = divergences(shares(layout, cells))
    of = curves(layout, cells)
    distance = _transport_truth(old, new_cdf, shift * sd, factor)
    scales = np.array([p.scale for p in profiles])
    for signal, found, truth in (
        ("drift.psi", psi, np.array([t[0] for t in truths])),
        ("drift.js_distance", _rooted(js), np.sqrt([t[1] / np.log(2) for t in truths])),
        ("drift.ks", kolmogorov_smirnov(of), np.array([t[2] for t in truths])),
        ("drift.wasserstein_normed", wasserstein(of), distance / scales),
    ):
        yield _coverage(signal, population, change, n, m, found, truth)


def categorical(
    population: str, change: str, n: int, m: int, *, runs: int, seed: int
) -> Iterator[Coverage]:
    """Simulate `runs` pairs of reference and window of a categorical feature."""
    rng = np.random.default_rng(seed)
    p = CATEGORIES[population]
    tilt = np.exp(TILTS[change] * np.linspace(-1.5, 1.5, len(p)))
    q = p * tilt / (p * tilt).sum()
    names = [f"c{i:02}" for i in range(len(p))]
    samples = rng.multinomial(m, p, size=runs)
    profiles = [
        categorical_profile(
            Counter({t: c for t, c in zip(names, row.tolist(), strict=True) if c}), missing=0
        )
        for row in samples
    ]
    layout = _layout(profiles)
    cells = np.zeros(layout.size, np.int64)
    truths = []
    for column, profile, row in zip(
        layout.columns, profiles, rng.multinomial(n, q, size=runs), strict=True
    ):
        assert column.categories is not None
        place = np.array([_category_cell(profile, column, t) for t in names])
        np.add.at(cells, column.start + place, row)
        size = column.stop - column.start
        named = [RARE, *range(FIRST_CATEGORY, size)]
        old_shares = np.bincount(np.where(place == NEW, RARE, place), p, size)[named]
        new_shares = np.bincount(np.where(place == NEW, RARE, place), q, size)[named]
        truths.append(_divergence_truth(old_shares, new_shares, m, n))
    psi, js = divergences(shares(layout, cells))
    for signal, found, truth in (
        ("drift.psi", psi, np.array([t[0] for t in truths])),
        ("drift.js_distance", _rooted(js), np.sqrt([t[1] / np.log(2) for t in truths])),
    ):
        yield _coverage(signal, population, change, n, m, found, truth)


def _coverage(
    signal: str,
    population: str,
    change: str,
    n: int,
    m: int,
    found: Divergences,
    truth: np.ndarray,
) -> Coverage:
    held = (found.low <= truth + 1e-12) & (truth <= found.high + 1e-12)
    return Coverage(
        signal,
        population,
        change,
        n,
        m,
        float(held.mean()),
        float((found.low > truth + 1e-12).mean()),
        float((found.high < truth - 1e-12).mean()),
        float((found.low > 0.1).mean()),
        float(truth.mean()),
        float((found.high - found.low).mean()),
    )


def _layout(profiles: Sequence[ColumnProfile]) -> Layout:
    features: dict[str, ColumnProfile] = {f"f{i:05}": p for i, p in enumerate(profiles)}
    reference = seal(
        Reference(
            task="classification",
            rows=profiles[0].n,
            duplicates=0,
            data_start=0,
            data_end=0,
            k_display=10,
            features=features,
            prediction=None,
            score=None,
            favourable=(),
            groups={},
            model_versions={},
        )
    )
    kind = "numeric" if isinstance(profiles[0], NumericProfile) else "categorical"
    return build_layout(
        EventSchema(
            time="t",
            task="classification",
            features={name: FeatureField(name, kind) for name in features},  # type: ignore[arg-type]
        ),
        reference,
    )


def _category_cell(profile: CategoricalProfile, column: Column, text: str) -> int:
    assert column.categories is not None
    return column.categories[text]


def _numeric_truth(
    profile: NumericProfile, old: Curve, new: Curve, n: int
) -> tuple[float, float, float]:
    edges = np.array(profile.edges)
    f, g = old(edges), new(edges)
    union, _ = union_counts(np.array(profile.counts, np.int64))
    p = np.bincount(union, np.diff(f, prepend=0, append=1))
    q = np.bincount(union, np.diff(g, prepend=0, append=1))
    return (*_divergence_truth(p, q, profile.n, n), float(np.abs(f - g).max()))


def _divergence_truth(p: np.ndarray, q: np.ndarray, m: int, n: int) -> tuple[float, float]:
    """Return the populations' PSI and Jensen-Shannon divergence.

    Where a bin of one population is empty in the other PSI is infinite, and no sample can tell how
    empty: there the truth is that of the expected counts, smoothed as contract C7 smooths.
    """
    if (np.minimum(m * p, n * q)[(p > 0) | (q > 0)] < 1).any():
        p = (m * p + 0.5) / (m + 0.5 * len(p))
        q = (n * q + 0.5) / (n + 0.5 * len(q))
    there = p > 0
    psi = float(((p - q)[there] * np.log(p[there] / q[there])).sum())
    return psi, float(stats.entropy(p, (p + q) / 2) + stats.entropy(q, (p + q) / 2)) / 2


def _rooted(found: Divergences) -> Divergences:
    return Divergences(*(np.sqrt(part / np.log(2)) for part in found))


def _transport_truth(old: stats.rv_continuous, new: Curve, shift: float, factor: float) -> float:
    if factor == 1.0:
        return abs(shift)
    x = np.unique(
        np.concatenate(
            [
                old.ppf(np.linspace(1e-7, 1 - 1e-7, 20001)),
                old.median() + np.linspace(-40, 40, 20001),
            ]
        )
    )
    return float(np.trapezoid(np.abs(old.cdf(x) - new(x)), x))


SIZES = ((100, 600), (100, 10_000), (500, 600), (500, 10_000), (5_000, 600), (5_000, 10_000))


def simulate(
    sizes: Sequence[tuple[int, int]] = SIZES, *, runs: int = 400, seed: int = 1
) -> Iterator[Coverage]:
    """Simulate every population and change at each (n, m)."""
    for n, m in sizes:
        for population in POPULATIONS:
            for change in CHANGES:
                yield from numeric(population, change, n, m, runs=runs, seed=seed)
        for population in CATEGORIES:
            for change in TILTS:
                yield from categorical(population, change, n, m, runs=runs, seed=seed)


def table(found: Sequence[Coverage]) -> str:
    """Return the results as the Markdown table of docs/signals.md."""
    lines = [
        "| signal | n | m | held, no drift | held, drift: mean (lowest) | `low` > 0.1, no drift |",
        "|---|---|---|---|---|---|",
    ]
    for signal in dict.fromkeys(c.signal for c in found):
        for n, m in dict.fromkeys((c.n, c.m) for c in found):
            here = [c for c in found if (c.signal, c.n, c.m) == (signal, n, m)]
            calm = [c for c in here if c.change == "none"]
            drifted = [c.held for c in here if c.change != "none"]
            lines.append(
                f"| `{signal}` | {n:,} | {m:,} | {np.mean([c.held for c in calm]):.3f} "
                f"| {np.mean(drifted):.3f} ({min(drifted):.3f}) "
                f"| {np.mean([c.false_alarms for c in calm]):.4f} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(list(simulate())))
