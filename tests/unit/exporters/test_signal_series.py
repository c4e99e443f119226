"""Which series stand for a report, and what becomes of them when newer reports come."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import permutations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from exporters.signal_series import FAMILIES, STATES, Picture, escape
from policies.model import (
    NO_LIMIT,
    AwaitedLabels,
    Judging,
    Operator,
    Report,
    Signal,
    Threshold,
    Verdict,
    measured,
    unmeasured,
)
from tests.unit.exporters.samples import (
    HOUR,
    START,
    gap,
    psi,
    rate,
    report,
    too_few,
    verdict,
)

LABELS = [
    "system",
    "model_version",
    "signal",
    "principle",
    "feature",
    "output",
    "attribute",
    "group",
    "against",
    "class",
    "window",
]
RULE_LABELS = ["rule" if label == "signal" else label for label in LABELS]

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parse(picture: Picture) -> Series:
    found: Series = {}
    for family in text_string_to_metric_families(picture.text.decode()):
        for sample in family.samples:
            key = (sample.name, tuple(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def shown(picture: Picture, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Return the values of one metric by the named labels."""
    return {
        tuple(dict(pairs)[label] for label in labels): value
        for (metric, pairs), value in parse(picture).items()
        if metric == name
    }


def picture_of(*reports: Report, **options: object) -> Picture:
    picture = Picture(**options)  # type: ignore[arg-type]
    picture.update(reports)
    return picture


def test_a_signal_has_exactly_the_series_and_labels_of_the_contract() -> None:
    picture = picture_of(report([psi("income")], [verdict()]))
    found = parse(picture)
    expected = {
        "pantau_signal_value": 0.25,
        "pantau_signal_low": 0.125,
        "pantau_signal_high": 0.5,
        "pantau_signal_samples": 5_000,
        "pantau_signal_window_end_timestamp_seconds": START + HOUR,
    }
    values = ("loan-approval", "*", "drift.psi", "P7", "income", "", "", "", "", "", "1h")
    labels = tuple(zip(LABELS, values, strict=True))
    for name, value in expected.items():
        assert found[name, labels] == value
    assert found["pantau_signal_status", (*labels, ("status", "ok"))] == 1
    assert len([name for name, _ in found if name.startswith("pantau_signal")]) == 6


def test_a_verdict_has_its_thresholds_and_each_state() -> None:
    found = parse(picture_of(report([psi("income")], [verdict(state="warn")])))
    values = ("loan-approval", "*", "drift.feature", "P7", "income", "", "", "", "", "", "1h")
    labels = tuple(zip(RULE_LABELS, values, strict=True))
    assert found["pantau_rule_threshold", (*labels, ("level", "warn"))] == 0.1
    assert found["pantau_rule_threshold", (*labels, ("level", "breach"))] == 0.2
    states = {s: found["pantau_verdict_state", (*labels, ("state", s))] for s in STATES}
    assert states == {"ok": 0, "warn": 1, "breach": 0, "not_assessable": 0}


@pytest.mark.parametrize(("op", "sign"), [(">", 1), ("<", -1)])
def test_a_rule_that_only_warns_breaches_at_infinity(op: Operator, sign: int) -> None:
    never = Threshold(op, 0.1, sign * NO_LIMIT)
    found = parse(picture_of(report([psi("income")], [verdict(threshold=never)])))
    limits = {
        dict(labels)["level"]: value
        for (name, labels), value in found.items()
        if name == "pantau_rule_threshold"
    }
    assert limits == {"warn": 0.1, "breach": sign * math.inf}


@pytest.mark.parametrize("status", ["insufficient_data", "no_reference", "suppressed"])
def test_a_signal_without_a_value_exports_only_its_status(status: str) -> None:
    signal = unmeasured(
        "drift.psi",
        {"feature": "age"},
        status,  # type: ignore[arg-type]
        "why",
        n=74,
        method="m",
    )
    picture = picture_of(report([signal]))
    assert shown(picture, "pantau_signal_status", "feature", "status") == {("age", status): 1}
    assert {name for name, _ in parse(picture)} == {"pantau_signal_status"}


def test_the_subject_goes_into_its_own_labels() -> None:
    one = measured("performance.recall", {"class": "fraud"}, 0.5, 0.4, 0.6, n=10, method="m")
    two = measured("drift.psi", {"output": "score"}, 0.5, 0.4, 0.6, n=10, method="m")
    picture = picture_of(report([one, two, gap("race", "black", "white")]))
    assert shown(
        picture, "pantau_signal_value", "class", "output", "attribute", "group", "against"
    ) == {
        ("fraud", "", "", "", ""): 0.5,
        ("", "score", "", "", ""): 0.5,
        ("", "", "race", "black", "white"): -0.26,
    }


def test_group_rates_are_shown_only_when_asked_for() -> None:
    made = report([rate("race", "black", 0.6123), gap("race", "black", "white")])
    default = picture_of(made)
    assert b"fairness.selection_rate" not in default.text
    assert b"0.6123" not in default.text
    asked = picture_of(made, group_values=True)
    assert shown(asked, "pantau_signal_value", "group", "against")["black", ""] == 0.6123


def test_a_newer_report_replaces_the_older_one_as_a_whole() -> None:
    picture = picture_of(report([psi("income"), psi("age")], [verdict()]))
    picture.update([report([psi("income", 0.5)], index=1)])
    assert shown(picture, "pantau_signal_value", "feature") == {("income",): 0.5}
    assert shown(picture, "pantau_verdict_state", "state") == {}


def test_a_value_that_is_gone_leaves_no_frozen_number() -> None:
    picture = picture_of(report([psi("age")]))
    picture.update([report([too_few("age")], index=1)])
    assert shown(picture, "pantau_signal_value", "feature") == {}
    assert shown(picture, "pantau_signal_status", "status") == {("insufficient_data",): 1}


def test_a_restatement_counts_and_an_older_window_does_not() -> None:
    picture = picture_of(report([psi("income", 0.3)], index=5))
    picture.update([report([psi("income", 0.9)], index=4, revision=7)])
    assert shown(picture, "pantau_signal_value", "feature") == {("income",): 0.3}
    picture.update([report([psi("income", 0.4)], index=5, revision=1)])
    assert shown(picture, "pantau_signal_value", "feature") == {("income",): 0.4}
    picture.update([report([psi("income", 0.3)], index=5, revision=0)])
    assert shown(picture, "pantau_signal_value", "feature") == {("income",): 0.4}


def test_lengths_versions_and_systems_stand_side_by_side() -> None:
    picture = picture_of(
        report([psi("a", 0.1)]),
        report([psi("a", 0.2)], length="1d", seconds=24 * HOUR),
        report([psi("a", 0.3)], version="v2"),
        report([psi("a", 0.4)], system="fraud"),
    )
    assert shown(picture, "pantau_signal_value", "system", "model_version", "window") == {
        ("loan-approval", "*", "1h"): 0.1,
        ("loan-approval", "*", "1d"): 0.2,
        ("loan-approval", "v2", "1h"): 0.3,
        ("fraud", "*", "1h"): 0.4,
    }


def test_a_version_that_stopped_disappears_after_three_windows() -> None:
    picture = picture_of(report([psi("a")], version="v1"), report([psi("a")], version="v2"))
    for index in (1, 2):
        picture.update([report([psi("a")], version="v2", index=index)])
    assert ("v1",) in shown(picture, "pantau_signal_value", "model_version")
    picture.update([report([psi("a")], version="v2", index=3)])
    assert set(shown(picture, "pantau_signal_value", "model_version")) == {("v2",)}


def test_the_principle_of_a_signal_is_that_of_its_rule_and_stays() -> None:
    quality = verdict("quality.missing", principle="P5", signal="quality.missing_rate")
    signals = [psi("income"), gap("race", "black", "white")]
    picture = picture_of(report(signals, [verdict(), quality]))
    by_signal = {("drift.psi", "P7"), ("fairness.statistical_parity_difference", "")}
    assert set(shown(picture, "pantau_signal_value", "signal", "principle")) == by_signal
    picture.update([report(signals, index=1)])
    assert set(shown(picture, "pantau_signal_value", "signal", "principle")) == by_signal


def test_there_are_never_more_series_than_allowed_and_the_rest_is_counted() -> None:
    made = report([psi(f"f{i}") for i in range(10)], [verdict()])
    picture = Picture(max_series=6 + 6 * 4)
    assert picture.update([made]) == {"max_series": 6 * 6}
    assert picture.series == 30
    assert len(parse(picture)) == 30
    assert len(shown(picture, "pantau_verdict_state", "state")) == 4, "verdicts come first"
    assert picture.update([]) == {}, "what was counted once is not counted again"


def test_pooled_versions_are_kept_before_single_ones() -> None:
    picture = picture_of(
        report([psi("a")], version="v9"), report([psi("a")], version="*"), max_series=6
    )
    assert set(shown(picture, "pantau_signal_value", "model_version")) == {("*",)}


def test_equal_labels_are_exposed_once_so_that_the_scrape_stays_valid() -> None:
    odd = measured("x.y", {"segment": "north"}, 1.0, 0.0, 2.0, n=10, method="m")
    same = measured("x.y", {"segment": "south"}, 3.0, 0.0, 4.0, n=10, method="m")
    picture = Picture()
    assert picture.update([report([odd, same])]) == {"duplicate": 6}
    assert shown(picture, "pantau_signal_value", "signal") == {("x.y",): 1.0}


def test_infinite_thresholds_are_written_as_prometheus_reads_them() -> None:
    open_ended = Threshold(">", 0.1, math.inf)
    picture = picture_of(report([], [verdict(threshold=open_ended)]))
    assert shown(picture, "pantau_rule_threshold", "level")["breach",] == math.inf


def test_long_values_are_cut_but_stay_apart() -> None:
    one, two = escape("v" * 5_000 + "1"), escape("v" * 5_000 + "2")
    assert len(one) == len(two) == 160
    assert one != two


nasty = st.text(st.one_of(st.characters(), st.sampled_from('\\"\n\r\t\x00{},= #')), max_size=300)


@given(st.lists(nasty, unique=True, max_size=5), nasty)
def test_any_text_in_a_label_leaves_the_exposition_valid(
    features: Iterable[str], version: str
) -> None:
    picture = picture_of(report([psi(f) for f in features], [verdict()], version=version))
    found = shown(picture, "pantau_signal_value", "feature")
    assert len(found) <= len(list(features))
    assert picture.series == len(parse(picture))
    names = {line.split(b"{")[0] for line in picture.text.split(b"\n") if not line.startswith(b"#")}
    assert names <= {name.encode() for name in FAMILIES} | {b""}


def test_of_a_rule_that_waits_for_labels_the_newest_final_window_is_shown() -> None:
    def accuracy(value: float) -> Signal:
        return measured("performance.accuracy", {}, value, value, value, n=500, method="m")

    final = verdict("P-ACCURACY", subject={}, signal="performance.accuracy", state="breach")
    waits = msgspec.structs.replace(final, state="not_assessable", reason="provisional")
    early = report([accuracy(0.7), psi("income")], [final, verdict()], index=0)
    late = report([accuracy(0.2), psi("income")], [waits, verdict()], index=5)
    early = msgspec.structs.replace(early, final=True)
    for reports in ([early, late], [late, early]):
        picture = Picture()
        picture.update(reports)
        text = picture.text.decode()
        assert 'signal="performance.accuracy"' in text
        values = [line for line in text.splitlines() if line.startswith("pantau_signal_value")]
        assert [v.split()[-1] for v in values if "accuracy" in v] == ["0.7"]
        states = [line for line in text.splitlines() if line.startswith("pantau_verdict_state")]
        assert [s.split()[-1] for s in states if "ACCURACY" in s and '"breach"' in s] == ["1"]
        ends = [line for line in text.splitlines() if "window_end_timestamp" in line]
        of_drift = [e.split()[-1] for e in ends if "drift.psi" in e]
        of_labels = [e.split()[-1] for e in ends if "accuracy" in e]
        assert float(of_labels[0]) < float(of_drift[0])


def test_where_reviews_are_decided_before_labels_each_is_shown_of_its_newest_window() -> None:
    def share(name: str, value: float) -> Signal:
        return measured(name, {}, value, value, value, n=500, method="m")

    def rule(name: str, signal: str, *, waits: bool) -> Verdict:
        found = verdict(name, subject={}, signal=signal, state="breach")
        waiting = msgspec.structs.replace(found, state="not_assessable", reason="provisional")
        return waiting if waits else found

    def one(index: int, value: float, *, labels: bool, reviews: bool) -> Report:
        made = report(
            [share("performance.accuracy", value), share("oversight.reviewed_share", value)],
            [
                rule("P-ACCURACY", "performance.accuracy", waits=not labels),
                rule("HO-REVIEWED", "oversight.reviewed_share", waits=not reviews),
                verdict(),
            ],
            index=index,
        )
        gate = AwaitedLabels(
            signals=(), mature=reviews, coverage=None, needed=0.0, of="predictions", only=reviews
        )
        judging = Judging(longest=True, labels=None, reviews=gate)
        return msgspec.structs.replace(made, judging=judging, final=labels and reviews)

    final = one(0, 0.7, labels=True, reviews=True)
    partly = one(5, 0.4, labels=False, reviews=True)
    newest = one(9, 0.2, labels=False, reviews=False)
    for reports in permutations([final, partly, newest]):
        picture = Picture()
        for each in reports:
            picture.update([each])
        assert shown(picture, "pantau_signal_value", "signal") == {
            ("performance.accuracy",): 0.7,
            ("oversight.reviewed_share",): 0.4,
        }
    found = shown(picture_of(partly, newest), "pantau_verdict_state", "rule", "state")
    assert found["HO-REVIEWED", "breach"] == 1
    assert found["P-ACCURACY", "not_assessable"] == 1
