"""The outlier score, refereed by an own computation with numpy's histogram on the same rows."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from agent.layout import build_layout
from agent.reference.build import build
from agent.reference.load import LoadError, load, save
from agent.reference.profile import NumericProfile, OutlierProfile, Reference, seal
from agent.signals.context import Settings, SignalContext
from agent.signals.table import SIGNALS
from agent.summarise import summarise, summarise_by
from agent.summary import dense
from collectors.batch import EventBatch
from policies.model import Signal, Window
from tests.unit.statistics.events import batch, schema_of

DAY = Window(0, 86_400, "1d")
RNG = np.random.default_rng(8)
N = 4_000
AMOUNTS = np.concatenate([RNG.normal(50, 10, N - 400), RNG.exponential(40, 400)])
SIZES = RNG.lognormal(0, 1, N)
KINDS = RNG.choice(["a", "b", "c"], N, p=[0.7, 0.27, 0.03])
PAST = batch({"amount": AMOUNTS, "size": SIZES, "kind": KINDS.tolist()})


def outliers_of(reference: Reference) -> OutlierProfile:
    assert isinstance(reference.outliers, OutlierProfile)
    return reference.outliers


def independent_scores(amount: np.ndarray, size: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Return -ln of the product of the smoothed shares of the past, by another road."""
    total = np.zeros(len(amount))
    for past, new in ((AMOUNTS, amount), (SIZES, size)):
        low, high = np.sort(past)[[int(0.01 * N) - 1, int(0.99 * N) - 1]]
        edges = [
            -np.inf,
            past.min(),
            *np.linspace(low, high, 21),
            np.nextafter(past.max(), np.inf),
            np.inf,
        ]
        counts, _ = np.histogram(past, edges)
        share = (counts + 0.5) / (N + 0.5 * (len(counts) + 1))
        total -= np.log(share[np.digitize(new, edges) - 1])
    for text in np.unique(kind):
        share_of = ((text == KINDS).sum() + 0.5) / (N + 0.5 * 6)
        total[kind == text] -= np.log(share_of)
    return total


def signals(reference: Reference | None, new: EventBatch) -> dict[str, Signal]:
    layout = build_layout(schema_of(new), reference)
    summary = summarise(layout, new, np.arange(new.n))
    context = SignalContext(layout, summary, reference, DAY, Settings())
    return {
        name: SIGNALS[name](context)[0]
        for name in ("anomaly.outlier_share", "anomaly.outlier_ratio")
    }


def test_the_threshold_is_the_references_own_995th_permille() -> None:
    found = outliers_of(build([PAST], schema_of(PAST)))
    scores = independent_scores(AMOUNTS, SIZES, KINDS)
    assert found.threshold / 4096 == pytest.approx(np.sort(scores)[3_979], abs=0.002)
    assert found.rows == N
    assert found.above == int((scores > found.threshold / 4096 + 0.002).sum())
    assert 0 < found.above <= 0.005 * N


def test_a_window_like_the_past_has_its_rate_and_strange_rows_multiply_it() -> None:
    reference = build([PAST], schema_of(PAST))
    rng = np.random.default_rng(9)
    amount = np.concatenate([rng.normal(50, 10, 950), np.full(50, 400.0)])
    size, kind = rng.lognormal(0, 1, 1_000), rng.choice(["a", "b"], 1_000)
    kind[-25:] = "never seen"
    new = batch({"amount": amount, "size": size, "kind": kind.tolist()})
    expected = independent_scores(amount, size, kind) > outliers_of(reference).threshold / 4096
    found = signals(reference, new)
    share, ratio = found["anomaly.outlier_share"], found["anomaly.outlier_ratio"]
    assert share.value == expected.mean()
    assert expected.mean() >= 0.05
    past = outliers_of(reference)
    assert ratio.value == pytest.approx(expected.mean() / (past.above / past.rows))
    assert ratio.low is not None
    assert ratio.low > 4
    usual = signals(reference, PAST)["anomaly.outlier_ratio"]
    assert usual.value == 1.0


def test_rows_together_and_rows_apart_score_alike() -> None:
    reference = build([PAST], schema_of(PAST))
    layout = build_layout(schema_of(PAST), reference)
    assert layout.outliers is not None
    block = slice(layout.outliers.start, layout.outliers.stop)
    above = outliers_of(reference).above
    assert dense(summarise(layout, PAST, np.arange(N)))[block].tolist() == [N - above, above]
    apart = summarise_by(layout, PAST, np.arange(N), np.arange(N) // 3).values()
    assert np.sum([dense(one)[block] for one in apart], axis=0).tolist() == [N - above, above]


def test_missing_values_are_scored_as_often_as_they_were_missing() -> None:
    holes = AMOUNTS.copy()
    holes[:800] = np.nan
    often = batch({"amount": holes, "kind": [None if i % 5 == 0 else "a" for i in range(N)]})
    reference = build([often], schema_of(often))
    costs = outliers_of(reference)
    bins = len(costs.numbers["amount"].costs) + 1
    expected = -np.log((800 + 0.5) / (N + 0.5 * bins))
    assert costs.numbers["amount"].missing / 4096 == pytest.approx(expected, abs=1e-3)
    gone = batch({"amount": [None] * 300, "kind": [None if i < 60 else "a" for i in range(300)]})
    assert signals(reference, gone)["anomaly.outlier_share"].value == 0.0


def test_a_reference_without_outliers_says_so() -> None:
    few = batch({"amount": AMOUNTS[:150]})
    reference = build([few], schema_of(few))
    assert reference.outliers is None
    found = signals(reference, few)["anomaly.outlier_share"]
    assert (found.status, found.reason) == (
        "no_reference",
        "no_reference: built without outliers, from fewer than 200 rows",
    )
    assert signals(None, few)["anomaly.outlier_ratio"].reason == "no_reference"


def test_a_stream_without_one_of_the_features_is_not_scored() -> None:
    reference = build([PAST], schema_of(PAST))
    found = signals(reference, batch({"amount": AMOUNTS, "kind": KINDS.tolist()}))
    assert found["anomaly.outlier_share"].reason == "features_differ_from_reference"


def test_few_events_and_constant_columns_have_a_status() -> None:
    constant = batch({"amount": [7.0] * 300, "kind": ["a"] * 300})
    reference = build([constant], schema_of(constant))
    assert outliers_of(reference).above == 0
    one = batch({"amount": [7.0], "kind": ["a"]})
    assert signals(reference, one)["anomaly.outlier_share"].reason == "below_min_field_n"
    same = signals(reference, constant)
    assert (same["anomaly.outlier_share"].value, same["anomaly.outlier_ratio"].value) == (0.0, 0.0)
    other = signals(reference, batch({"amount": [7.5] * 300, "kind": ["a"] * 300}))
    assert other["anomaly.outlier_share"].value == 1.0
    assert other["anomaly.outlier_ratio"].low is not None


def test_profiles_of_earlier_versions_load_and_keep_their_digest(tmp_path: Path) -> None:
    old = seal(msgspec.structs.replace(build([PAST], schema_of(PAST)), outliers=None))
    save(old, tmp_path / "ref.json")
    assert b"outliers" not in (tmp_path / "ref.json").read_bytes()
    assert load(tmp_path / "ref.json") == old


def test_a_profile_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    reference = build([PAST], schema_of(PAST))
    assert isinstance(reference.features["amount"], NumericProfile)
    outliers = outliers_of(reference)
    short = msgspec.structs.replace(outliers.numbers["amount"], costs=(1, 2))
    for wrong, message in (
        ({"numbers": {"amount": short}}, "a cost for each bin"),
        ({"numbers": {"kind": outliers.numbers["amount"]}}, "no numeric feature 'kind'"),
        ({"categories": {"size": outliers.categories["kind"]}}, "no categorical feature 'size'"),
    ):
        broken = msgspec.structs.replace(
            reference, outliers=msgspec.structs.replace(outliers, **wrong)
        )
        save(seal(broken), tmp_path / "ref.json")
        with pytest.raises(LoadError, match=message):
            load(tmp_path / "ref.json")
