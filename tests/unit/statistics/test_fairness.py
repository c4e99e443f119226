"""Fairness values against fairlearn, whom they may name, and what is kept back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    demographic_parity_ratio,
    selection_rate,
)
from sklearn.metrics import accuracy_score, confusion_matrix

from agent.layout import build_layout
from agent.signals.context import Settings, SignalContext
from agent.signals.disclosure import Signals
from agent.signals.table import compute
from agent.summarise import summarise
from policies.model import Signal, Window
from tests.unit.statistics.events import FAVOURABLE, batch, schema_of

DEFAULTS = Settings()

RATE = "fairness.selection_rate"
DIFFERENCE = "fairness.statistical_parity_difference"
RATIO = "fairness.disparate_impact_ratio"

Counts = Mapping[str | None, tuple[int, int]]


def fairness(
    groups: Counts, settings: Settings = DEFAULTS, *, length: str = "1d", favourable: bool = True
) -> Signals:
    """Return the signals of selection rates of groups given as (rows, favourable ones)."""
    sex: list[str | None] = []
    predictions: list[str] = []
    for group, (n, chosen) in groups.items():
        sex += [group] * n
        predictions += ["1"] * chosen + ["0"] * (n - chosen)
    events = batch(prediction=predictions, audit={"sex": sex}, n=len(sex))
    layout = build_layout(schema_of(events), favourable=FAVOURABLE if favourable else ())
    summary = summarise(layout, events, np.arange(events.n))
    context = SignalContext(layout, summary, None, Window(0, 86_400, length), settings)
    found = compute(context)
    return Signals(
        [s for s in found.published if s.name in (RATE, DIFFERENCE, RATIO)],
        [s for s in found.hidden if s.name in (RATE, DIFFERENCE, RATIO)],
    )


def one(signals: list[Signal], name: str, *groups: str) -> Signal:
    """Return the signal of an attribute, a group or a pair."""
    subject = dict(zip(("attribute", "group", "against"), ("sex", *groups), strict=False))
    return next(s for s in signals if s.name == name and s.subject == subject)


GROUPS: Counts = {"f": (400, 180), "m": (600, 420), "x": (150, 60)}


def test_values_equal_fairlearn() -> None:
    found = fairness(GROUPS).published
    sex = np.repeat(list(GROUPS), [n for n, _ in GROUPS.values()])
    chosen = np.concatenate([np.arange(n) < k for n, k in GROUPS.values()]).astype(int)
    rates = MetricFrame(
        metrics=selection_rate, y_true=chosen, y_pred=chosen, sensitive_features=sex
    ).by_group
    for group in GROUPS:
        signal = one(found, RATE, str(group))
        assert signal.value == pytest.approx(rates[group], rel=1e-12)
        assert signal.n == GROUPS[group][0]
    gap = demographic_parity_difference(chosen, chosen, sensitive_features=sex)
    ratio = demographic_parity_ratio(chosen, chosen, sensitive_features=sex)
    # fairlearn gives the gap without a sign, from the group with the highest rate.
    assert one(found, DIFFERENCE).value == pytest.approx(-gap, rel=1e-12)
    assert one(found, RATIO).value == pytest.approx(ratio, rel=1e-12)


def test_selection_rates_equal_scikit_learn() -> None:
    found = fairness(GROUPS).published
    for group, (n, chosen) in GROUPS.items():
        actual = np.repeat([1, 0], [chosen, n - chosen])
        table = confusion_matrix(np.ones(n, int), actual, labels=[0, 1])
        signal = one(found, RATE, str(group))
        assert signal.value == pytest.approx(table[1, 1] / table[1].sum(), rel=1e-12)
        assert signal.value == pytest.approx(accuracy_score(np.ones(n, int), actual), rel=1e-12)


def test_without_privileged_the_highest_rate_is_compared_with() -> None:
    found = fairness(GROUPS).published
    assert one(found, DIFFERENCE, "f", "m").value == pytest.approx(0.45 - 0.7)
    assert one(found, RATIO, "x", "m").value == pytest.approx(0.4 / 0.7)
    assert one(found, DIFFERENCE, "f", "m").n == 400


def test_with_privileged_the_sign_is_group_minus_privileged() -> None:
    found = fairness(GROUPS, Settings(privileged={"sex": "f"})).published
    assert one(found, DIFFERENCE, "m", "f").value == pytest.approx(0.7 - 0.45)
    assert one(found, DIFFERENCE).value == pytest.approx(0.25), "the largest in absolute value"
    assert one(found, RATIO).value == pytest.approx(0.4 / 0.45), "the smallest"


def test_the_worst_pair_is_corrected_for_the_number_of_pairs() -> None:
    found = fairness(GROUPS, Settings(privileged={"sex": "m"})).published
    pair, overall = one(found, DIFFERENCE, "x", "m"), one(found, DIFFERENCE)
    assert overall.value == pair.value
    assert overall.high is not None
    assert pair.high is not None
    assert overall.high > pair.high
    assert overall.method == "newcombe+bonferroni(2)"
    chosen = one(fairness(GROUPS).published, DIFFERENCE)
    assert chosen.method == "newcombe+bonferroni(3)", "any of three pairs could have been picked"


def test_a_small_group_is_insufficient_and_does_not_make_the_worst_pair() -> None:
    found = fairness({"f": (200, 100), "m": (300, 160), "x": (99, 0)}).published
    assert (one(found, RATE, "x").status, one(found, RATE, "x").n) == ("insufficient_data", 99)
    assert one(found, DIFFERENCE, "x", "m").reason == "below_min_group_n"
    assert one(found, DIFFERENCE).value == pytest.approx(0.5 - 160 / 300)


def test_a_configured_group_that_nobody_saw_appears_with_n_0() -> None:
    settings = Settings(groups={"sex": ("f", "m", "nb")}, privileged={"sex": "m"})
    found = fairness({"f": (200, 100), "m": (300, 160)}, settings).published
    for name, groups in ((RATE, ("nb",)), (DIFFERENCE, ("nb", "m")), (RATIO, ("nb", "m"))):
        signal = one(found, name, *groups)
        assert (signal.status, signal.n, signal.reason) == ("insufficient_data", 0, "not_seen")


def test_a_zero_denominator_gives_no_ratio() -> None:
    settings = Settings(privileged={"sex": "m"})
    found = fairness({"f": (200, 10), "m": (300, 0)}, settings).published
    assert one(found, RATIO, "f", "m").reason == "zero_denominator"
    assert one(found, RATIO).reason == "zero_denominator"
    assert one(found, DIFFERENCE).value == pytest.approx(0.05)


def test_groups_below_k_are_suppressed_with_their_n() -> None:
    counts: Counts = {"f": (200, 100), "m": (300, 160), "x": (4, 4), "y": (8, 1)}
    found = fairness(counts, Settings(groups={"sex": tuple(map(str, counts))})).published
    for signal in (one(found, RATE, "x"), one(found, DIFFERENCE, "y", "m")):
        assert (signal.status, signal.value, signal.n) == ("suppressed", None, None)
        assert signal.reason == "below_k_display"
    assert one(found, RATE, "f").status == "ok", "x and y together are 12 people"


def test_a_single_small_group_cannot_be_worked_out_from_the_others() -> None:
    counts: Counts = {"f": (200, 100), "m": (300, 160), "x": (4, 4)}
    found = fairness(counts, Settings(groups={"sex": tuple(map(str, counts))}))
    assert one(found.published, RATE, "x").status == "suppressed"
    assert one(found.published, RATE, "f").reason == "would_reveal_small_group"
    assert one(found.published, RATE, "m").status == "ok"
    assert one(found.published, DIFFERENCE).status == "suppressed"
    shown = [s.n for s in found.published if s.n is not None]
    assert shown == [300]
    # The verdict is made all the same.
    assert one(found.hidden, DIFFERENCE).value == pytest.approx(0.5 - 160 / 300)


MAIL = "siti@example.com"


@pytest.mark.parametrize("length", ["1d", "1h"])
@pytest.mark.parametrize("groups", [{}, {"sex": ("f", "m")}], ids=["nobody named any", "named"])
def test_what_stands_where_a_group_should_is_not_repeated(
    groups: dict[str, tuple[str, ...]], length: str
) -> None:
    """Not even as the name of something that is suppressed."""
    counts: Counts = {"f": (200, 100), "m": (300, 160), MAIL: (1, 1), "x*y": (2, 2), None: (30, 3)}
    found = fairness(counts, Settings(groups=groups), length=length)
    told = {g for s in (*found.published, *found.hidden) for g in s.subject.values()}
    assert told <= {"sex", "f", "m", "other"}
    assert {"f", "m"} <= told
    judged = found.published if length == "1d" else found.hidden
    assert one(judged, RATE, "f").n == 200


def test_other_values_than_the_named_groups_count_together() -> None:
    counts: Counts = {"f": (200, 100), "m": (300, 160), MAIL: (150, 20), "x": (50, 5), "w": (0, 0)}
    found = fairness(counts, Settings(groups={"sex": ("f", "m", "w")})).published
    assert {s.subject.get("group") for s in found} == {None, "f", "m", "w", "other"}
    other = one(found, RATE, "other")
    assert other.n == 200
    assert other.value == pytest.approx(25 / 200)
    assert one(found, DIFFERENCE, "other", "m").value == pytest.approx(25 / 200 - 160 / 300)
    # Nobody said what the groups are: then they are those with enough people.
    found = fairness(counts, Settings(privileged={"sex": "m"})).published
    assert {s.subject.get("group") for s in found} == {None, "f", "m", "x", MAIL}


def test_people_without_a_group_hide_a_small_one_as_well() -> None:
    found = fairness({"f": (200, 100), "m": (300, 160), "x": (4, 4), None: (30, 3)}).published
    assert one(found, RATE, "f").status == "ok"


def test_other_lengths_publish_no_group_value_but_let_it_be_judged() -> None:
    found = fairness(GROUPS, length="1h")
    assert {s.status for s in found.published} == {"suppressed"}
    assert {s.reason for s in found.published} == {"published_at:1d"}
    assert {s.n for s in found.published} == {None}
    assert one(found.hidden, DIFFERENCE).value == pytest.approx(0.4 - 0.7)
    assert {(s.name, str(s.subject)) for s in found.hidden} == {
        (s.name, str(s.subject)) for s in found.published
    }


def test_other_lengths_do_not_even_name_a_small_group() -> None:
    found = fairness({**GROUPS, "rare": (3, 1), "odd": (9, 2)}, length="1h")
    names = {s.subject.get("group") for s in (*found.published, *found.hidden)}
    assert names == {"f", "m", "x", None}


def test_without_a_favourable_outcome_fairness_is_not_configured() -> None:
    found = fairness(GROUPS, favourable=False).published
    assert {s.reason for s in found} == {"not_configured: favourable"}
    assert {s.status for s in found} == {"insufficient_data"}


def test_an_attribute_with_countless_values_is_not_assessed() -> None:
    groups: dict[str | None, tuple[int, int]] = {f"id{i}": (1, 1) for i in range(1200)}
    found = fairness(groups, Settings(groups={"sex": ("f",)})).published
    assert {s.reason for s in found} == {"too_many_groups"}
    assert {s.subject.get("group") for s in found} == {"f", None}


def test_nobody_seen_is_insufficient() -> None:
    found = fairness({None: (50, 20)}).published
    assert {(s.name, s.status, s.reason) for s in found} == {
        (DIFFERENCE, "insufficient_data", "not_seen"),
        (RATIO, "insufficient_data", "not_seen"),
    }


def test_a_privileged_group_that_does_not_occur_is_the_reason() -> None:
    found = fairness(GROUPS, Settings(privileged={"sex": "Male"})).published
    assert {s.reason for s in found if s.name in (DIFFERENCE, RATIO)} == {"not_seen: privileged"}
    assert {s.status for s in found} == {"insufficient_data"}
