"""Drift values against scipy on the same data, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from agent.layout import build_layout
from agent.reference.profile import NumericProfile
from agent.signals.context import Settings, SignalContext
from agent.signals.table import compute
from agent.summarise import summarise
from collectors.batch import EventBatch
from policies.model import Signal, Window
from tests.unit.statistics.events import Values, batch, referenced, schema_of

DAY = Window(start=0, end=86_400, length="1d")
DEFAULTS = Settings()


def signals(
    old: EventBatch, new: EventBatch, settings: Settings = DEFAULTS
) -> dict[tuple[str, str], Signal]:
    """Return the published signals by name and the last word of their subject."""
    layout, reference = referenced(old)
    summary = summarise(layout, new, np.arange(new.n))
    context = SignalContext(layout, summary, reference, DAY, settings)
    return {(s.name, (*s.subject.values(), "")[0]): s for s in compute(context).published}


def drift(old: Values, new: Values, name: str) -> Signal:
    """Return one drift signal of a single feature."""
    return signals(batch({"x": old}), batch({"x": new}))[(f"drift.{name}", "x")]


def ten_shares(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return smoothed shares in ten reference deciles: contract C7, written anew."""
    order = np.sort(old)
    m = len(order)
    cuts = order[[-(-m * k // 10) for k in range(1, 10)]]
    counts = [np.bincount(np.searchsorted(cuts, x, side="right"), minlength=10) for x in (old, new)]
    p, q = ((c + 0.5) / (c.sum() + 5) for c in counts)
    return p, q


SAMPLES = {
    "same": lambda rng: rng.normal(size=3000),
    "shifted": lambda rng: rng.normal(0.5, 1, size=1500),
    "wider": lambda rng: rng.normal(0, 2, size=700),
    "elsewhere": lambda rng: rng.normal(9, 0.1, size=200),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_psi_and_js_equal_scipy_on_the_same_bins(name: str) -> None:
    rng = np.random.default_rng(11)
    old, new = rng.normal(size=2000), SAMPLES[name](rng)
    p, q = ten_shares(old, new)
    psi, js = drift(old, new, "psi"), drift(old, new, "js_distance")
    assert psi.value == pytest.approx(stats.entropy(p, q) + stats.entropy(q, p), rel=1e-12)
    assert js.value == pytest.approx(jensenshannon(p, q, base=2), rel=1e-9)


@pytest.mark.parametrize("name", SAMPLES)
def test_ks_equals_scipy_within_a_bin(name: str) -> None:
    rng = np.random.default_rng(12)
    old, new = rng.normal(size=2000), SAMPLES[name](rng)
    exact = stats.ks_2samp(old, new).statistic
    found = drift(old, new, "ks").value
    assert found is not None
    # Between two edges at most one bin's share of either sample can hide.
    edges = np.quantile(old, np.arange(1, 200) / 200)
    share = np.bincount(np.searchsorted(edges, new), minlength=200).max() / len(new)
    assert exact - max(share, 1 / 200) - 1e-9 <= found <= exact + 1e-9
    assert name != "shifted" or found == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("skewed", [False, True])
def test_wasserstein_equals_scipy_within_half_a_percent_of_a_deviation(
    name: str, skewed: bool
) -> None:
    rng = np.random.default_rng(13)
    old, new = rng.normal(size=2000), SAMPLES[name](rng)
    if skewed:
        old, new = np.exp(old / 2), np.exp(new / 2)
    exact = stats.wasserstein_distance(old, new) / np.std(old)
    found = drift(old, new, "wasserstein_normed").value
    assert found == pytest.approx(exact, abs=0.005)
    assert found is not None
    assert found <= exact + 3e-4, "never more, but for rounding to 1/4096"


def test_wasserstein_of_a_constant_reference_is_divided_by_a_thousandth() -> None:
    found = drift([5.0] * 200, [5.0] * 100 + [5.002] * 100, "wasserstein_normed")
    assert found.value == pytest.approx(1.0, abs=1e-3)


def test_identical_data_shows_no_distance_at_all() -> None:
    values = np.random.default_rng(1).lognormal(size=1500)
    for name in ("psi", "js_distance", "ks", "wasserstein_normed"):
        signal = drift(values, values, name)
        assert signal.value == 0.0, name
        assert signal.low == 0.0


def test_categorical_psi_counts_the_rest_as_other() -> None:
    old = ["a"] * 60 + ["b"] * 30 + ["rare"] * 10 + ["tiny"] * 5
    new = ["a"] * 50 + ["b"] * 40 + ["unheard"] * 20
    p = (np.array([60, 30, 10, 5]) + 0.5) / (105 + 2)
    q = (np.array([50, 40, 0, 20]) + 0.5) / (110 + 2)
    assert drift(old, new, "psi").value == pytest.approx(stats.entropy(p, q) + stats.entropy(q, p))
    assert drift(old, new, "js_distance").value == pytest.approx(jensenshannon(p, q, base=2))


def test_a_binary_number_has_the_psi_of_two_classes() -> None:
    old = np.array([0.0] * 140 + [1.0] * 60)
    new = np.array([0.0] * 100 + [1.0] * 200)
    p = (np.array([140, 60]) + 0.5) / 201
    q = (np.array([100, 200]) + 0.5) / 301
    assert drift(old, new, "psi").value == pytest.approx(stats.entropy(p, q) + stats.entropy(q, p))


def test_a_flag_that_was_never_set_drifts_when_it_is_set() -> None:
    found = signals(batch({"x": [0.0] * 500}), batch({"x": [1.0] * 500}))
    for name in ("psi", "js_distance", "ks", "wasserstein_normed"):
        low = found[(f"drift.{name}", "x")].low
        assert low is not None
        assert low > 0.5, name


def test_infinite_values_fall_into_the_edge_bins() -> None:
    rng = np.random.default_rng(2)
    old = rng.normal(size=500)
    new = np.concatenate([rng.normal(size=100), np.full(100, np.inf)])
    ends = np.concatenate([new[:100], np.full(100, old.max())])
    assert drift(old, new, "psi").value == pytest.approx(drift(old, ends, "psi").value)
    assert drift(old, new, "wasserstein_normed").value == pytest.approx(
        drift(old, ends, "wasserstein_normed").value, abs=1e-6
    )
    rate = signals(batch({"x": old}), batch({"x": new}))[("quality.out_of_range_rate", "x")]
    assert rate.value == pytest.approx(0.5, abs=0.02)


def test_n_is_the_values_that_are_there_and_few_of_them_are_not_judged() -> None:
    old = np.random.default_rng(3).normal(size=400)
    enough = np.concatenate([old[:100], np.full(50, np.nan)])
    few = np.concatenate([old[:99], np.full(51, np.nan)])
    assert (drift(old, enough, "psi").n, drift(old, enough, "psi").status) == (100, "ok")
    signal = drift(old, few, "psi")
    assert (signal.n, signal.status, signal.reason, signal.value) == (
        99,
        "insufficient_data",
        "below_min_drift_n",
        None,
    )
    assert drift(old[:99], old, "psi").reason == "reference_below_min_drift_n"


def test_without_a_reference_there_is_no_drift_and_no_silence_about_it() -> None:
    new = batch({"x": [1.0] * 200, "k": ["a"] * 200}, prediction=["1"] * 200)
    layout = build_layout(schema_of(new))
    summary = summarise(layout, new, np.arange(200))
    found = compute(SignalContext(layout, summary, None, DAY, Settings())).published
    statuses = {(s.name, str(s.subject)): s.status for s in found if s.name.startswith("drift.")}
    assert set(statuses.values()) == {"no_reference"}
    # Three columns by two measures, one numeric one by two more, the share, the positive rate.
    assert len(statuses) == 2 * 3 + 2 + 1 + 1


def test_a_feature_that_the_reference_lacks_says_so() -> None:
    old = batch({"x": [float(i) for i in range(200)]})
    new = batch({"x": [float(i) for i in range(200)], "y": [1.0] * 200})
    _, reference = referenced(old)
    layout = build_layout(schema_of(new), reference)
    summary = summarise(layout, new, np.arange(200))
    found = {
        (s.name, s.subject.get("feature")): s
        for s in compute(SignalContext(layout, summary, reference, DAY, Settings())).published
    }
    assert found[("drift.psi", "y")].status == "no_reference"
    assert found[("drift.psi", "x")].status == "ok"
    share = found[("drift.share", None)]
    assert (share.low, share.value, share.high) == (0.0, 0.0, 0.5), "y may have drifted"


def test_share_counts_drifted_features_and_doubts() -> None:
    rng = np.random.default_rng(5)
    old = {f"x{i}": rng.normal(size=2000) for i in range(5)}
    new = {f"x{i}": rng.normal(2.0 if i < 2 else 0.0, 1, size=1000) for i in range(5)}
    new["x4"] = np.full(1000, np.nan)
    share = signals(batch(old), batch(new))[("drift.share", "")]
    assert (share.low, share.value, share.high) == (2 / 5, 2 / 4, 3 / 5)
    assert share.n == 1000


def test_no_threshold_is_crossed_by_chance_in_a_small_window() -> None:
    """The bare PSI of 100 undrifted values is near 0.1; the interval knows."""
    rng = np.random.default_rng(6)
    old = {f"x{i}": rng.normal(size=600) for i in range(200)}
    new = {name: rng.normal(size=100) for name in old}
    found = signals(batch(old), batch(new))
    values = [found[("drift.psi", name)] for name in old]
    assert sum((s.value or 0) > 0.1 for s in values) > 40
    assert sum((s.low or 0) > 0.1 for s in values) == 0


def test_bins_of_the_profile_are_those_of_the_contract() -> None:
    values = np.random.default_rng(8).normal(size=600)
    _, reference = referenced(batch({"x": values}))
    profile = reference.features["x"]
    assert isinstance(profile, NumericProfile)
    assert len(profile.counts) == 200
    assert set(profile.counts) == {3}


@pytest.mark.parametrize("extreme", [1e308, 1.7e308, 5e-324])
def test_numbers_at_the_ends_of_the_range_give_a_value_or_a_reason(extreme: float) -> None:
    rng = np.random.default_rng(5)
    old = rng.normal(size=400)
    for values in (
        np.concatenate([old[:300], np.full(100, extreme)]),
        np.concatenate([np.full(200, -extreme), np.full(200, extreme)]),
    ):
        for reference in (old, values, np.full(400, extreme), np.append(old, [-extreme, extreme])):
            found = signals(batch({"x": reference}), batch({"x": values}))
            for (name, subject), signal in found.items():
                if subject != "x":
                    continue
                assert (signal.value is None) == (signal.status != "ok"), name
                assert not (signal.reason or "").startswith("failed"), name
