"""Signals on optional fields: scipy and numpy referee values and intervals on the same rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from scipy import stats

from agent.beside import APPEALS, COMPLAINTS, OTHER, UNMATCHED
from agent.extras import Meanings
from agent.layout import build_layout
from agent.reference.build import build
from agent.signals.context import Settings, SignalContext
from agent.signals.intervals import mean_interval, poisson, quantile_ranks
from agent.signals.table import compute
from agent.summarise import summarise
from agent.unsure import count_unsure
from collectors.batch import EventBatch
from policies.model import Signal, Window
from tests.unit.statistics.events import FAVOURABLE, Values, batch, referenced, schema_of, texts

DAY = Window(0, 86_400, "1d")
RNG = np.random.default_rng(11)

DIGEST_OF_0_1 = "sha256:f01e1a5b1437b46fdc059fc17d42389647a0e941dbd9e709c9e0505b0357e1bf"


def signals(
    new: EventBatch,
    settings: Settings | None = None,
    meanings: Meanings | None = None,
    counts: Mapping[str, int] | None = None,
) -> dict[str, Signal]:
    """Return the signals about the system, and those about optional fields as `name field`."""
    layout = build_layout(schema_of(new), favourable=FAVOURABLE, meanings=meanings)
    summary = summarise(layout, new, np.arange(new.n))
    summary.counts |= counts or {}
    context = SignalContext(layout, summary, None, DAY, settings or Settings())
    found = compute(context).published
    return {" ".join([s.name, *s.subject.values()]): s for s in found}


def of(extra: Mapping[str, Values], n: int | None = None, **more: object) -> dict[str, Signal]:
    """Return the signals of a window that has nothing but optional fields."""
    size = n if n is not None else len(next(iter(extra.values())))
    return signals(batch(n=size, extra=extra), **more)  # type: ignore[arg-type]


# Reliability.


def test_errors_are_statuses_from_500_on_and_words_for_failure() -> None:
    status = ["200"] * 90 + ["404"] * 4 + ["500", "503", "error", "TIMEOUT", "5e2", "ok"] + [None]
    found = of({"status": status})["reliability.error_rate"]
    assert (found.value, found.n) == (0.05, 100)
    low, high = stats.binomtest(5, 100).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((low, high))


def test_what_an_error_is_can_be_configured() -> None:
    own = Meanings(errors=frozenset({"declined"}), errors_from=400.0)
    found = of({"status": ["404", "error", "Declined", "200"]}, meanings=own)
    assert found["reliability.error_rate"].value == 0.5


def test_the_percentile_is_the_value_that_95_in_100_do_not_exceed() -> None:
    # 0.95 x 110 is 104.5: the 105th value, a minute; the 104th is a second.
    found = of({"latency": [1.0] * 104 + [60.0] * 6})["reliability.latency_p95"]
    assert found.value == pytest.approx(60.0, rel=1 / 64)


@pytest.mark.parametrize("n", [100, 1_000, 20_000])
def test_latency_is_the_percentile_with_the_order_statistics_around_it(n: int) -> None:
    latency = RNG.lognormal(-2, 0.8, n)
    found = of({"latency": latency})["reliability.latency_p95"]
    ordered = np.sort(latency)
    # numpy's `inverted_cdf` is the value of rank ceil(0.95 n).
    true = np.quantile(latency, 0.95, method="inverted_cdf")
    assert found.value == pytest.approx(true, rel=1 / 64)
    first, last = stats.binom.ppf([0.025, 0.975], n, 0.95).astype(int)
    assert found.low is not None
    assert found.high is not None
    # Outwards of the exact ranks, by no more than the parts' width and two ranks.
    assert ordered[max(first - 3, 0)] / 1.04 <= found.low <= ordered[first - 1]
    assert ordered[min(last, n - 1)] <= found.high <= ordered[min(last + 2, n - 1)] * 1.04


def test_the_interval_of_a_percentile_holds_as_often_as_it_says() -> None:
    for n in (100, 400):
        first, last = quantile_ranks(n, 0.95)
        held = stats.binom.cdf(last - 1, n, 0.95) - stats.binom.cdf(first - 1, n, 0.95)
        assert held >= 0.95


def test_a_latency_is_compared_with_its_objective() -> None:
    found = of({"latency": [0.9] * 100}, settings=Settings(latency_slo=0.6))
    assert found["reliability.latency_ratio"].value == pytest.approx(1.5, rel=1 / 64)
    assert of({"latency": [0.9] * 100})["reliability.latency_ratio"].reason == (
        "not_configured: latency_slo"
    )


def test_a_percentile_that_no_sample_can_bound_is_not_told() -> None:
    found = of({"latency": [1.0] * 60}, settings=Settings(min_field_n=10))
    assert found["reliability.latency_p95"].reason == "below_min_field_n"


# Oversight.


def test_overrides_are_decisions_unlike_the_prediction() -> None:
    new = batch(
        prediction=["1"] * 60 + ["0"] * 40 + [None] * 5,
        extra={"human.decision": ["1"] * 50 + ["0"] * 10 + ["0"] * 35 + [None] * 5 + ["1"] * 5},
        reviewer=[7] * 90 + [0] * 15,
    )
    found = signals(new, counts={UNMATCHED: 3})
    override = found["oversight.override_rate"]
    assert (override.value, override.n) == (10 / 95, 95)
    assert found["oversight.reviewed_share"].value == pytest.approx(100 / 105)
    assert found["oversight.unattributed_rate"].value == 10 / 100
    unmatched = found["oversight.unmatched_decisions"]
    assert (unmatched.value, unmatched.n) == (8.0, 103)


def test_quantities_are_overridden_by_other_quantities() -> None:
    new = batch(
        prediction=np.array([1.5, 2.0, 3.0]), extra={"human.decision": np.array([1.5, 2.5, np.nan])}
    )
    layout = build_layout(schema_of(new, "regression"))
    summary = summarise(layout, new, np.arange(3))
    found = compute(SignalContext(layout, summary, None, DAY, Settings())).published
    (override,) = (s for s in found if s.name == "oversight.override_rate")
    assert (override.value, override.n) == (0.5, 2)


def test_decisions_that_no_prediction_stands_beside_are_told() -> None:
    new = batch(prediction=["1"] * 9, extra={"human.decision": [None] * 9})
    found = signals(new, counts={UNMATCHED: 4})["oversight.override_rate"]
    assert (found.status, found.reason) == ("insufficient_data", "decisions_without_prediction")
    assert signals(new)["oversight.override_rate"].reason == "no_values"
    reviewed = signals(new, counts={UNMATCHED: 4})["oversight.reviewed_share"]
    assert (reviewed.value, reviewed.reason) == (None, "decisions_without_prediction")
    assert signals(new)["oversight.reviewed_share"].value == 0


def test_a_decision_that_comes_by_itself_may_be_about_any_event() -> None:
    new = batch(prediction=["1"] * 100, extra={"human.decision": ["1"] * 60 + [None] * 40})
    for apart, most in ((0, 60), (30, 90), (1_000, 100)):
        found = signals(new, counts={UNMATCHED: apart})["oversight.reviewed_share"]
        low, _ = stats.binomtest(60, 100).proportion_ci(method="wilson")
        _, high = stats.binomtest(most, 100).proportion_ci(method="wilson")
        assert (found.value, found.n) == (0.6, 100)
        assert found.low == pytest.approx(low)
        assert found.high == pytest.approx(high)


def unsure(scores: list[float], decisions: list[str | None], **more: object) -> Signal:
    """Return the share of unsure predictions that a human decided, as the agent counts it."""
    new = batch(
        prediction=["1"] * len(scores),
        score=np.array(scores),
        extra={"human.decision": decisions},
    )
    settings = Settings(uncertain=(0.4, 0.6), **more)  # type: ignore[arg-type]
    counts = {
        name: len(rows)
        for name, rows in count_unsure(new, settings.uncertain, np.ones(new.n, np.bool_))
    }
    return signals(new, settings, counts=counts)["oversight.unsure_reviewed_share"]


def test_unsure_predictions_are_counted_to_the_digit_with_those_that_a_human_decided() -> None:
    # Of the ends of the range only the lower one is in it; a missing score is not unsure.
    scores = [0.4, 0.59, 0.5, 0.6, 0.39, float("nan")] * 50
    decisions = (["1", None, "0", "1", "1", "1"] * 50)[: len(scores)]
    found = unsure(scores, decisions)
    low, high = stats.binomtest(100, 150).proportion_ci(method="wilson")
    assert (found.value, found.n, found.method) == (100 / 150, 150, "wilson")
    assert (found.low, found.high) == pytest.approx((low, high))


def test_few_unsure_predictions_and_none_say_nothing() -> None:
    assert unsure([0.5] * 99, [None] * 99).reason == "below_min_field_n"
    assert unsure([0.9] * 200, ["1"] * 200).reason == "no_values"
    assert unsure([0.5] * 30, [None] * 30, min_field_n=30).value == 0


def test_an_unsure_prediction_may_be_what_a_decision_by_itself_is_about() -> None:
    new = batch(
        prediction=["1"] * 200,
        score=np.full(200, 0.5),
        extra={"human.decision": ["1"] * 150 + [None] * 50},
    )
    counts = {name: len(rows) for name, rows in count_unsure(new, (0.4, 0.6), np.ones(200, bool))}
    found = signals(new, counts={**counts, UNMATCHED: 20})["oversight.unsure_reviewed_share"]
    _, high = stats.binomtest(170, 200).proportion_ci(method="wilson")
    assert found.value == 0.75
    assert found.high == pytest.approx(high)


def test_unsure_predictions_need_a_score() -> None:
    new = batch(prediction=["1"] * 100, extra={"human.decision": ["1"] * 100})
    found = signals(new)["oversight.unsure_reviewed_share"]
    assert (found.status, found.reason) == ("insufficient_data", "not_configured: event.score")


def test_the_median_time_of_a_review_tells_a_rubber_stamp() -> None:
    seconds = np.concatenate([RNG.exponential(60, 400), [-5.0, np.inf, np.nan]])
    found = of({"human.decision": ["1"] * 403, "human.seconds": seconds})
    review = found["oversight.review_seconds"]
    kept = seconds[:400]
    assert review.n == 400
    true = np.quantile(kept, 0.5, method="inverted_cdf")
    assert review.value == pytest.approx(true, rel=1 / 64)
    assert found["quality.out_of_range_rate human.seconds"].value == 2 / 402


# Feedback.


def test_feedback_is_per_ten_thousand_with_an_exact_interval() -> None:
    found = of({"feedback": [None] * 2_000}, counts={COMPLAINTS: 7, APPEALS: 0, OTHER: 50})
    complaints, appeals = found["feedback.complaint_rate"], found["feedback.appeal_rate"]
    assert (complaints.value, complaints.n) == (35.0, 2_000)
    exact = stats.chi2.ppf(0.025, 14) / 2, stats.chi2.ppf(0.975, 16) / 2
    assert (complaints.low, complaints.high) == pytest.approx([5 * x for x in exact], rel=0.02)
    assert (appeals.value, appeals.low) == (0.0, 0.0)
    assert appeals.high == pytest.approx(5 * stats.chi2.ppf(0.975, 2) / 2, rel=0.02)


def test_feedback_is_compared_with_what_is_usual() -> None:
    usual = Settings(complaint_rate=10.0)
    found = of({"feedback": [None] * 2_000}, counts={COMPLAINTS: 7}, settings=usual)
    assert found["feedback.complaint_ratio"].value == 3.5
    assert found["feedback.appeal_ratio"].reason == "not_configured: baselines.appeal_rate"


@pytest.mark.parametrize("count", [0, 1, 2, 5, 20, 400])
def test_the_interval_of_a_count_is_close_to_the_exact_one(count: int) -> None:
    low, high = poisson(count)
    exact_low = stats.chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    assert low == pytest.approx(exact_low, rel=0.02, abs=0.04)
    assert high == pytest.approx(stats.chi2.ppf(0.975, 2 * count + 2) / 2, rel=0.02)


# Generative AI and sustainability.


@pytest.mark.parametrize(
    ("field", "name", "factor"),
    [
        ("scores.evaluation", "generative.evaluation_score", 1),
        ("scores.groundedness", "generative.groundedness", 1),
        ("tokens", "generative.tokens_per_prediction", 1),
        ("cost", "generative.cost_per_thousand", 1_000),
        ("energy", "sustainability.energy_per_thousand", 1_000),
    ],
)
def test_means_are_numpys(field: str, name: str, factor: float) -> None:
    values = RNG.gamma(2.0, 0.3, 800)
    found = of({field: np.append(values, [np.nan, -1.0])})[name]
    assert found.n == 800
    assert found.value == pytest.approx(values.mean() * factor, rel=1e-6)
    error = stats.sem(values)
    expected = stats.norm.interval(0.95, values.mean(), error)
    assert (found.low, found.high) == pytest.approx([x * factor for x in expected], rel=1e-5)


def test_shares_of_toxic_and_refused_answers() -> None:
    toxicity = [0.5, 0.9, 0.49, 0.0, float("nan"), -0.1, float("inf")]
    refused = ["1", "0", "yes", "No", None, "maybe", "false"]
    found = of({"scores.toxicity": np.array(toxicity), "refused": refused})
    assert (found["generative.toxicity_rate"].value, found["generative.toxicity_rate"].n) == (
        0.5,
        4,
    )
    assert found["quality.out_of_range_rate scores.toxicity"].value == pytest.approx(2 / 6)
    assert (found["generative.refusal_rate"].value, found["generative.refusal_rate"].n) == (0.4, 5)
    strict = of({"scores.toxicity": np.array(toxicity)}, meanings=Meanings(toxic_from=0.9))
    assert strict["generative.toxicity_rate"].value == 0.25


def test_carbon_is_energy_times_the_grid_and_names_its_origin() -> None:
    energy = [0.002] * 200
    grid = Settings(grid_intensity=0.5, grid_origin="a table of 2025")
    found = of({"energy": energy}, settings=grid)["sustainability.carbon_per_thousand"]
    assert found.value == pytest.approx(1.0)
    assert found.method == "normal, 0.5 kgCO2e/kWh (a table of 2025)"
    missing = of({"energy": energy})["sustainability.carbon_per_thousand"]
    assert missing.reason == "not_configured: grid_intensity"


# What every one of them does with nothing.

BY_FIELD = {
    "latency": ["reliability.latency_p95"],
    "status": ["reliability.error_rate"],
    "human.decision": ["oversight.override_rate"],
    "human.seconds": ["oversight.review_seconds"],
    "scores.toxicity": ["generative.toxicity_rate"],
    "scores.groundedness": ["generative.groundedness"],
    "scores.evaluation": ["generative.evaluation_score"],
    "refused": ["generative.refusal_rate"],
    "tokens": ["generative.tokens_per_prediction"],
    "cost": ["generative.cost_per_thousand"],
    "energy": ["sustainability.energy_per_thousand"],
}
TEXTS = {"status", "human.decision", "refused"}


def constant(field: str, n: int) -> dict[str, Values]:
    return {field: ["1"] * n if field in TEXTS else [0.5] * n}


@pytest.mark.parametrize("field", BY_FIELD)
def test_a_field_that_is_mapped_and_never_there_is_never_ok(field: str) -> None:
    values: Values = texts([None] * 300) if field in TEXTS else [None] * 300
    found = of({field: values}, n=300)
    for name in BY_FIELD[field]:
        assert (found[name].status, found[name].n) == ("insufficient_data", 0)


@pytest.mark.parametrize("field", sorted(set(BY_FIELD) - TEXTS - {"scores.toxicity"}))
def test_one_value_is_too_few_and_a_constant_has_no_spread(field: str) -> None:
    (name,) = BY_FIELD[field]
    one = of(constant(field, 1))[name]
    assert (one.reason, one.n) == ("below_min_field_n", 1)
    many = of(constant(field, 500))[name]
    assert many.status == "ok"
    assert many.value is not None
    assert many.value in (0.5, 500.0) or many.value == pytest.approx(0.5, rel=1 / 64)


@pytest.mark.parametrize("field", BY_FIELD)
def test_a_field_that_is_not_mapped_says_which_key_to_set(field: str) -> None:
    found = signals(batch({"x": [1.0] * 10}))
    for name in BY_FIELD[field]:
        assert found[name].reason == f"not_configured: event.{field}"


@pytest.mark.parametrize("field", BY_FIELD)
def test_values_of_the_wrong_type_are_a_share_of_all_events(field: str) -> None:
    flags = [i < 30 for i in range(300)]
    new = batch(n=300, extra=constant(field, 300), mismatched={f"extra.{field}": flags})
    found = signals(new)[f"quality.type_mismatch_rate {field}"]
    assert (found.value, found.n) == (0.1, 300)


def test_fields_that_are_not_mapped_leave_the_layout_as_it_was() -> None:
    new = batch({"x": [1.0] * 300, "k": ["a"] * 300}, prediction=["1"] * 300)
    plain = build_layout(schema_of(new))
    # What version 0.1 wrote; a store of that time must still be readable.
    assert plain.digest == DIGEST_OF_0_1
    assert build_layout(schema_of(new), meanings=Meanings(toxic_from=0.9)).digest == plain.digest


def test_what_values_mean_is_part_of_the_layout_that_counts_them() -> None:
    schema = schema_of(batch(n=1, extra={"scores.toxicity": [0.5]}))
    usual, strict = (build_layout(schema, meanings=Meanings(toxic_from=x)) for x in (0.5, 0.9))
    assert usual.digest != strict.digest


def test_the_normal_interval_of_a_mean_is_cut_at_nothing() -> None:
    assert mean_interval(1.0, 400.0, 5)[0] == 0.0
    values = RNG.normal(3, 1, 50)
    expected = stats.norm.interval(0.95, values.mean(), stats.sem(values))
    assert mean_interval(values.mean(), values.var(), 50) == pytest.approx(expected)


# Outputs beside the reference's.

PAST = batch(
    prediction=["1"] * 300 + ["0"] * 700,
    score=np.linspace(0, 1, 1_000),
    audit={"sex": ["f"] * 1_000},
)


def against(past: EventBatch, new: EventBatch, **more: object) -> dict[str, Signal]:
    layout, reference = referenced(past)
    summary = summarise(layout, new, np.arange(new.n))
    settings = Settings(**more)  # type: ignore[arg-type]
    context = SignalContext(layout, summary, reference, DAY, settings)
    found = compute(context).published
    return {s.name: s for s in found if s.subject.get("output", "prediction") != "x"}


def test_concentration_is_the_rise_of_the_most_frequent_answer() -> None:
    new = batch(
        prediction=["1"] * 45 + ["0"] * 455, score=np.full(500, 0.1), audit={"sex": ["f"] * 500}
    )
    found = against(PAST, new)["anomaly.prediction_concentration"]
    assert found.value == pytest.approx(0.91 / 0.7)
    assert (found.n, found.method) == (500, "log_delta+bonferroni(3)")
    # The risk ratio's interval of Katz et al., for any of three classes to come out on top.
    p, q = 455.5 / 501, 700.5 / 1_001
    error = np.sqrt((1 - p) / (p * 501) + (1 - q) / (q * 1_001))
    half = stats.norm.ppf(1 - 0.05 / (2 * 3)) * error
    expected = np.exp([np.log(p / q) - half, np.log(p / q) + half])
    assert (found.low, found.high) == pytest.approx(expected.tolist())
    same = against(PAST, PAST)["anomaly.prediction_concentration"]
    assert same.value == 1.0


def test_concentration_of_a_quantity_is_that_of_its_tenths() -> None:
    past = batch(prediction=np.arange(1_000.0))
    new = batch(prediction=np.concatenate([np.full(400, 55.0), np.arange(0.0, 1_000.0, 10.0)]))
    schema = schema_of(past, "regression")
    reference = build([past], schema)
    layout = build_layout(schema, reference)
    summary = summarise(layout, new, np.arange(500))
    context = SignalContext(layout, summary, reference, DAY, Settings())
    found = {s.name: s for s in compute(context).published}["anomaly.prediction_concentration"]
    assert found.value == pytest.approx((410 / 500) / 0.1)


def test_the_positive_rate_is_compared_with_the_references() -> None:
    new = batch(prediction=["1"] * 200 + ["0"] * 300, score=np.full(500, 0.5))
    found = against(PAST, new)["drift.positive_rate_difference"]
    assert found.value == pytest.approx(0.1)
    assert found.n == 500
    few = batch(prediction=["1"] * 20, score=np.full(20, 0.5))
    assert against(PAST, few)["drift.positive_rate_difference"].reason == "below_min_drift_n"


def test_scores_near_the_threshold_are_of_low_confidence() -> None:
    new = batch(
        prediction=["1"] * 500, score=np.concatenate([np.full(300, 0.5), np.full(200, 0.9)])
    )
    found = against(PAST, new)
    share, ratio = found["anomaly.low_confidence_share"], found["anomaly.low_confidence_ratio"]
    assert (share.value, share.n) == (0.6, 500)
    # A fifth of the reference's scores lies in 0.4 to 0.6.
    assert ratio.value == pytest.approx(3.0, abs=0.05)
    assert ratio.low is not None
    assert ratio.low > 2.5
    floor = against(PAST, new, uncertain=(-np.inf, 0.6))["anomaly.low_confidence_share"]
    assert floor.value == 0.6
    all_of_them = against(PAST, new, uncertain=(-np.inf, 2.0))["anomaly.low_confidence_share"]
    assert all_of_them.value == 1.0
    none = against(PAST, new, uncertain=(1.5, 2.0))["anomaly.low_confidence_ratio"]
    assert none.status == "insufficient_data"


def test_outputs_without_a_reference_have_no_value() -> None:
    found = {k.split()[0]: s for k, s in signals(PAST).items()}
    for name in (
        "anomaly.prediction_concentration",
        "anomaly.low_confidence_share",
        "anomaly.low_confidence_ratio",
        "drift.positive_rate_difference",
    ):
        assert (found[name].status, found[name].reason) == ("no_reference", "no_reference")
