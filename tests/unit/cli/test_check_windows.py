"""How many observations `check` says that a rule takes, held against the signals themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import pytest

from agent.cli.check_kinds import KINDS, WITHOUT_EVENTS
from agent.cli.check_outcomes import Known
from agent.cli.check_windows import Need, Stream, need_of, smallest_window, told
from agent.config.system import System
from agent.known_signals import known_signals
from agent.reference.profile import Reference
from agent.signals.context import Settings, SignalContext
from agent.signals.table import compute
from collectors.decoders.columns import (
    DECISION,
    FEEDBACK,
    LATENCY,
    REFUSED,
    REVIEW_SECONDS,
    STATUS,
    TOXICITY,
)
from policies.effective import effective
from policies.judge import interval, judge
from policies.load import load_packs
from policies.model import Threshold
from policies.part import MATURITY, OVERSIGHT
from policies.table import PACKS
from tests.unit.cli.test_check import GROUND, system_with
from tests.unit.statistics.events import batch, texts
from tests.unit.statistics.outcomes import context_of, reference_of

SLO, USUAL = 2.0, 20.0
SETTINGS = Settings(latency_slo=SLO, complaint_rate=USUAL, appeal_rate=USUAL)
CARD: dict[str, Any] = {
    "favourable": 1,
    "versions": ["v1"],
    "latency_slo": SLO,
    "baselines": {"complaint_rate": USUAL, "appeal_rate": USUAL},
    "audit_attributes": {"gender": {"privileged": "a", **GROUND}},
    "oversight_drill": {"last": "2026-01-01", "reference": "D-1"},
    "country": "MY",
    "event": {
        **dict.fromkeys(("prediction", "score", "status", "latency", "feedback"), "a"),
        **dict.fromkeys(("refused", "tokens", "cost", "energy"), "b"),
        "human": {"decision": "d", "reviewer": "w"},
        "scores": {"toxicity": "x", "groundedness": "g", "evaluation": "v"},
    },
}

Columns = dict[str, Any]
Make = Callable[[int, bool], Columns]
"""From n and whether it is bad to the columns of a window that differ from the usual ones."""


def _rows(n: int, **columns: Any) -> Columns:
    """Return n events like those of the reference, half of each group, but for some columns."""
    usual = {
        "features": {"x": [float(i % 10) for i in range(n)], "k": ["uv"[i % 2] for i in range(n)]},
        "prediction": texts([str(i % 2) for i in range(n)]),
        "label": texts([str(i % 2) for i in range(n)]),
        "audit": {"gender": ["ab"[i // 2 % 2] for i in range(n)]},
    }
    return {"n": n, **usual, **columns}


@lru_cache(maxsize=1)
def _reference() -> Reference:
    rows = _rows(4_000)
    rows["label"] = texts([str((i + (i % 20 == 0)) % 2) for i in range(4_000)])
    return reference_of(batch(**rows))


def _extra(name: str, calm: Any, bad: Any) -> Make:
    def make(n: int, is_bad: bool) -> Columns:
        values = [bad if is_bad else calm] * n
        return _rows(n, extra={name: texts(values) if isinstance(calm, str) else values})

    return make


def _groups(calm: tuple[str, str], bad: tuple[str, str], labels: Sequence[str]) -> Make:
    """Return n people a group and label; what is predicted of a's and b's, in both cases."""

    def make(n: int, is_bad: bool) -> Columns:
        people = [(g, label) for label in labels for g in "ab" for _ in range(n)]
        of = dict(zip("ab", bad if is_bad else calm, strict=True))
        return _rows(
            len(people),
            audit={"gender": [g for g, _ in people]},
            prediction=texts([of[g] for g, _ in people]),
            label=texts([label for _, label in people]),
        )

    return make


def _decisions(n: int, is_bad: bool) -> Columns:
    decided = texts([("0" if is_bad else "1")] * n)
    return _rows(n, prediction=texts(["1"] * n), extra={DECISION: decided})


def _named(n: int, is_bad: bool) -> Columns:
    decided = texts(["1"] * n)
    return _rows(n, extra={DECISION: decided}, reviewer=[0 if is_bad else 7] * n)


def _reviewed(n: int, is_bad: bool) -> Columns:
    return _rows(n, extra={DECISION: texts([None if is_bad else "1"] * n)})


def _missing(n: int, is_bad: bool) -> Columns:
    rows = _rows(n)
    if is_bad:
        rows["features"] = {**rows["features"], "x": [float("nan")] * n}
    return rows


def _strange(n: int, is_bad: bool) -> Columns:
    rows = _rows(n)
    if is_bad:
        rows["features"] = {"x": [99.0] * n, "k": ["w"] * n}
    return rows


def _mismatched(n: int, is_bad: bool) -> Columns:
    return _rows(n, mismatched={"features.x": [is_bad] * n})


def _predicted(n: int, is_bad: bool) -> Columns:
    return _rows(n, prediction=texts(["1"] * n)) if is_bad else _rows(n)


def _right(n: int, is_bad: bool) -> Columns:
    return _rows(n, label=texts([str((i + is_bad) % 2) for i in range(n)]))


ENGINE: dict[str, Make] = {
    "drift.js_distance": _strange,
    "drift.positive_rate_difference": _predicted,
    "drift.psi": _strange,
    "drift.share": _strange,
    "fairness.average_odds_difference": _groups(("0", "0"), ("1", "0"), "10"),
    "fairness.disparate_impact_ratio": _groups(("1", "1"), ("1", "0"), "1"),
    "fairness.equal_opportunity_difference": _groups(("0", "0"), ("1", "0"), "1"),
    "fairness.false_negative_rate_difference": _groups(("1", "1"), ("1", "0"), "1"),
    "fairness.false_positive_rate_difference": _groups(("0", "0"), ("1", "0"), "0"),
    "fairness.representation_gap": lambda n, bad: (
        _rows(n, audit={"gender": ["a"] * n}) if bad else _rows(n)
    ),
    "fairness.statistical_parity_difference": _groups(("0", "0"), ("1", "0"), "1"),
    "generative.refusal_rate": _extra(REFUSED, "false", "true"),
    "generative.toxicity_rate": _extra(TOXICITY, 0.0, 1.0),
    "oversight.override_rate": _decisions,
    "oversight.review_seconds": _extra(REVIEW_SECONDS, 100.0, 0.5),
    "oversight.reviewed_share": _reviewed,
    "oversight.unattributed_rate": _named,
    "performance.accuracy_drop": _right,
    "performance.recall_drop": _right,
    "quality.missing_rate_rise": _missing,
    "quality.new_category_rate": _strange,
    "quality.out_of_range_rate": _strange,
    "quality.type_mismatch_rate": _mismatched,
    "reliability.error_rate": _extra(STATUS, "200", "500"),
    "reliability.latency_ratio": _extra(LATENCY, 0.1, 50.0),
}


@lru_cache(maxsize=1)
def _shipped() -> dict[str, set[Threshold]]:
    """Return the thresholds of every rule of every shipped pack, by signal."""
    found: dict[str, set[Threshold]] = {}
    for name in PACKS:
        for oversight in OVERSIGHT:
            for maturity in MATURITY:
                policy = effective(
                    load_packs([name]),
                    oversight=oversight,
                    maturity=maturity,
                    signals=known_signals(),
                )
                for rule in policy.rules:
                    found.setdefault(rule.signal, set()).add(rule.threshold)
    return found


def _need(signal: str, threshold: Threshold, **more: Any) -> Need:
    given = {"has_reference": True, "schema": None, "threshold": threshold, **more}
    return need_of(signal, system_with(**CARD), **given)


def _context(signal: str, n: int, bad: bool) -> SignalContext:
    events = batch(**ENGINE[signal](n, bad))
    return context_of(events, reference=_reference(), settings=SETTINGS)


def _sides(signal: str, threshold: Threshold, n: int) -> set[str]:
    """Return what the engine says of n observations that are all calm, and that are all bad."""
    said: set[str] = set()
    for bad in (False, True):
        if n < 1:
            continue
        found = compute(_context(signal, n, bad), {signal})
        for one in (*found.published, *found.hidden):
            bounds = interval(one)
            if bounds is not None and "group" not in one.subject:
                state = judge(threshold, *bounds)
                said |= {"ok"} if state == "ok" else set()
                said |= {"beyond"} if state in ("warn", "breach") else set()
    return said


@pytest.mark.parametrize("signal", sorted(ENGINE))
def test_of_as_many_as_are_printed_the_engine_can_say_both_and_of_one_fewer_not(
    signal: str,
) -> None:
    thresholds = _shipped()[signal]
    for threshold in thresholds:
        need = _need(signal, threshold, reference=_reference())
        assert (need.impossible, need.never) == (None, None), threshold
        each = KINDS[signal].each
        assert _sides(signal, threshold, need.n // each) == {"ok", "beyond"}, (threshold, need)
        assert _sides(signal, threshold, need.n // each - 1) != {"ok", "beyond"}, (threshold, need)


def test_each_rule_of_each_shipped_pack_names_the_fewest_that_decide_it_or_why_none() -> None:
    system = system_with(**CARD)
    for signal, thresholds in _shipped().items():
        for threshold in thresholds:
            need = _need(signal, threshold)
            assert need.impossible is None, signal
            if signal in WITHOUT_EVENTS:
                assert need.text() == f"no events: {WITHOUT_EVENTS[signal]}"
                continue
            kind, n = KINDS[signal], need.n // KINDS[signal].each
            outcomes = kind.outcomes(Known(system, threshold.op))
            assert not isinstance(outcomes, str), signal
            both = {"inside", "beyond"}
            for few, enough in ((n, True), (n - 1, False)):
                decides = any(told(threshold, of(few)) == both for of in outcomes if few > 0)
                assert (few >= kind.least(system) and (decides or not outcomes)) is enough, signal


def test_complaints_and_volumes_need_as_many_as_their_own_intervals_do() -> None:
    for signal, count, thresholds in (
        ("feedback.complaint_ratio", "complaints", _shipped()["feedback.complaint_ratio"]),
        ("feedback.appeal_ratio", "appeals", _shipped()["feedback.appeal_ratio"]),
    ):
        for threshold in thresholds:
            need = _need(signal, threshold)
            for n, is_enough in ((need.n, True), (need.n - 1, False)):
                rows = _rows(n, extra={FEEDBACK: texts([None] * n)})
                context = context_of(batch(**rows), settings=SETTINGS)
                assert context.count(count) == 0
                (calm,) = compute(context, {signal}).published
                bounds = interval(calm)
                assert bounds is not None
                assert (judge(threshold, *bounds) == "ok") is is_enough
    for threshold in _shipped()["anomaly.volume"]:
        need = _need("anomaly.volume", threshold)
        assert _volumes(threshold, need.n) == {"ok", "beyond"}
        assert _volumes(threshold, need.n - 1) != {"ok", "beyond"}


def _volumes(threshold: Threshold, usual: int) -> set[str]:
    said = set()
    for n in (usual, 0 if threshold.op == "<" else 1_000 * usual):
        context = context_of(batch(**_rows(1)), settings=SETTINGS)
        context.summary.counts["events"] = n
        heard = SignalContext(
            context.layout, context.summary, None, context.window, SETTINGS, (usual,) * 14
        )
        (signal,) = compute(heard, {"anomaly.volume"}).published
        bounds = interval(signal)
        assert bounds is not None
        said.add("ok" if judge(threshold, *bounds) == "ok" else "beyond")
        if judge(threshold, *bounds) == "not_assessable":
            said.discard("beyond")
    return said


@pytest.mark.parametrize(
    ("signal", "threshold", "text"),
    [
        ("reliability.error_rate", Threshold(">", 0.005, 0.01), "765 events"),
        ("oversight.override_rate", Threshold("<", 0.005, 0.001), "765 human decisions"),
        ("oversight.review_seconds", Threshold("<", 10, 3), "100 human decisions"),
        ("oversight.unsure_reviewed_share", Threshold("<", 0.99, 0.95), "381 unsure predictions"),
        ("governance.audit_completeness", Threshold("<", 1, 0.999), "1 event"),
        ("anomaly.silence", Threshold(">", 10, 30), "no events: a time by the clock"),
    ],
)
def test_what_a_rule_needs_is_said_in_words(signal: str, threshold: Threshold, text: str) -> None:
    assert _need(signal, threshold).text() == text


def test_a_reference_too_small_or_without_what_is_compared_is_told() -> None:
    drift = Threshold(">", 0.1, 0.2)
    few = reference_of(batch(**_rows(60)))
    assert _need("drift.psi", drift, reference=few).impossible == "only 60 rows in the reference"
    outliers = _need("anomaly.outlier_ratio", Threshold(">", 2, 4), reference=few)
    assert outliers.impossible == "the reference has no outliers: fewer than 200 rows"
    some = reference_of(batch(**_rows(400)))
    rate = _need("drift.positive_rate_difference", Threshold("abs>", 0.03, 0.05), reference=some)
    # Half of 400 rows is known to within 5 % only: no window can be told to be within 3 %.
    assert (rate.never, rate.impossible) == ("ok", None)
    assert rate.text().endswith(" events, can never be ok")
    unscored = _need("performance.roc_auc_drop", Threshold(">", 0.02, 0.05), reference=some)
    assert unscored.impossible == "not measured in the reference"


def test_a_window_is_named_only_if_as_many_come() -> None:
    error, hourly = Threshold(">", 0.005, 0.01), Stream("sample", 60 / 3_600, None, {})
    assert smallest_window(_need("reliability.error_rate", error), _day(), hourly) == "1d"
    half = Stream("sample", 60 / 3_600, None, {}, decided=0.5)
    low = _need("oversight.override_rate", Threshold("<", 0.005, 0.001))
    assert smallest_window(low, _day(), hourly) == "unknown"
    # 720 of a day's 1,440 are decided by a human.
    assert smallest_window(low, _day(), half) == "none"
    hasty = _need("oversight.review_seconds", Threshold("<", 10, 3))
    assert smallest_window(hasty, _day(), half) == "1d"
    card = _need("governance.assessment_missing", Threshold(">", 0, 1))
    assert smallest_window(card, _day(), Stream(None, None, None, {})) == "1h"


def _day() -> System:
    return system_with(**{**CARD, "windows": ["1h", "1d"]})
