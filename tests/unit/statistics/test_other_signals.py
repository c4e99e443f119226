"""Quality, anomaly and governance."""

from __future__ import annotations

import numpy as np
import pytest

from agent.layout import build_layout
from agent.signals.context import Settings, SignalContext
from agent.signals.intervals import newcombe, wilson
from agent.signals.table import compute
from agent.summarise import summarise
from agent.summary import empty
from collectors.batch import EventBatch
from policies.model import Signal, Window
from tests.unit.statistics.events import batch, referenced, schema_of

DEFAULTS = Settings()

OLD = batch(
    {"x": [float(i) for i in range(190)] + [None] * 10, "k": ["a", "b"] * 100},
    version=["v1"] * 200,
    time=range(200),
)


def found(
    new: EventBatch,
    *,
    history: tuple[int, ...] = (),
    settings: Settings = DEFAULTS,
    counts: dict[str, int] | None = None,
    end: int = 86_400,
) -> dict[tuple[str, str], Signal]:
    """Return the signals of a window of `new` against `OLD`."""
    layout, reference = referenced(OLD)
    summary = summarise(layout, new, np.arange(new.n))
    summary.counts |= counts or {}
    window = Window(start=end - 86_400, end=end, length="1d")
    context = SignalContext(layout, summary, reference, window, settings, history)
    return {(s.name, (*s.subject.values(), "")[0]): s for s in compute(context).published}


def test_missing_counts_all_events_and_rises_against_the_reference() -> None:
    new = batch({"x": [1.0] * 60 + [None] * 40, "k": ["a"] * 100})
    signals = found(new)
    missing = signals[("quality.missing_rate", "x")]
    assert (missing.value, missing.n) == (0.4, 100)
    assert (missing.low, missing.high) == pytest.approx(wilson(40, 100))
    rise = signals[("quality.missing_rate_rise", "x")]
    assert rise.value == pytest.approx(0.35)
    assert (rise.low, rise.high) == pytest.approx(newcombe(40, 100, 10, 200))
    assert signals[("quality.missing_rate", "k")].value == 0.0


def test_new_categories_and_range_count_the_values_that_are_there() -> None:
    new = batch(
        {"x": [-1.0, 5.0, 500.0, None], "k": ["a", "c", None, None]},
        mismatched={"features.k": [False, False, True, False]},
    )
    signals = found(new)
    assert (signals[("quality.new_category_rate", "k")].value) == 0.5
    assert (signals[("quality.new_category_rate", "k")].n) == 2
    assert signals[("quality.out_of_range_rate", "x")].value == pytest.approx(2 / 3)
    assert signals[("quality.type_mismatch_rate", "k")].value == 0.25


def test_duplicates_are_a_share_of_what_came() -> None:
    signal = found(batch({"x": [1.0] * 90}), counts={"duplicates": 10})[
        ("quality.duplicate_rate", "")
    ]
    assert (signal.value, signal.n) == (0.1, 100)


def test_completeness_counts_rejected_and_late_records_as_lost() -> None:
    signal = found(
        batch({"x": [1.0] * 90}),
        counts={"duplicates": 5, "rejected.json": 3, "late_dropped": 2},
    )[("governance.audit_completeness", "")]
    assert (signal.value, signal.low, signal.high, signal.n) == (0.95, 0.95, 0.95, 100)


def test_volume_is_relative_to_the_median_of_earlier_windows() -> None:
    new = batch({"x": [1.0] * 150})
    signal = found(new, history=(90, 100, 110, 1000))[("anomaly.volume", "")]
    assert signal.value == pytest.approx(150 / 105)
    usual = found(new, history=(148, 150, 151, 149))[("anomaly.volume", "")]
    assert usual.low is not None
    assert usual.high is not None
    assert usual.low < 1 < usual.high
    assert found(new, history=(1, 2))[("anomaly.volume", "")].status == "insufficient_data"
    assert found(new, history=(0, 0, 0))[("anomaly.volume", "")].reason == "zero_denominator"


def test_an_empty_window_has_a_volume_of_zero_and_nothing_else() -> None:
    signals = found(batch({"x": []}, n=0), history=(100, 100, 100))
    volume = signals.pop(("anomaly.volume", ""))
    assert (volume.value, volume.low) == (0.0, 0.0)
    assert volume.high is not None
    assert 0.02 < volume.high < 0.2
    assert signals.pop(("governance.reference_age_days", "")).status == "ok"
    for name in ("open_without_owner", "oldest_finding_hours", "uncorrected_days"):
        assert signals.pop((f"governance.{name}", "")).value == 0
    # What the card says does not depend on events.
    for name in ("assessment_missing", "oversight_shortfall", "waiver_expired_days"):
        assert signals.pop((f"governance.{name}", "")).status == "ok"
    assert {s.status for s in signals.values()} == {"insufficient_data"}


def test_the_reference_ages_by_the_window_not_the_clock() -> None:
    signal = found(batch({"x": [1.0]}), end=86_400 * 10)[("governance.reference_age_days", "")]
    assert signal.value == pytest.approx(10 - 199 / 86_400)


def test_versions_that_nobody_registered_are_counted() -> None:
    new = batch({"x": [1.0] * 7}, version=["v1", "v1", "v2", "v2", "v3", None, "v1"])
    name = ("governance.unregistered_version", "")
    assert found(new, settings=Settings(registered=frozenset({"v1"})))[name].value == 3.0
    assert found(new)[name].reason == "not_configured: versions"
    unnamed = batch({"x": [1.0] * 6})
    settings = Settings(registered=frozenset({"v1"}))
    assert found(unnamed, settings=settings)[name].reason == "no_model_version"


def test_a_signal_that_fails_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.signals import table

    def broken(context: SignalContext) -> list[Signal]:
        raise ZeroDivisionError("income 1234 of Ms X")

    monkeypatch.setitem(table.SIGNALS, "fairness.selection_rate", broken)
    table.all_signals.cache_clear()
    layout = build_layout(schema_of(batch({"x": [1.0]})))
    context = SignalContext(layout, empty(layout), None, Window(0, 60, "1d"), Settings())
    try:
        signals = {s.name: s for s in compute(context).published}
    finally:
        monkeypatch.undo()
        table.all_signals.cache_clear()
    assert signals["fairness.selection_rate"].status == "insufficient_data"
    assert signals["fairness.selection_rate"].reason == "failed: ZeroDivisionError"
    assert "quality.missing_rate" in signals
