"""Which verdicts a window gets."""

from __future__ import annotations

import msgspec

from policies.memory import Memory, memory_key
from policies.model import Because, Coverage, subject_text
from tests.unit.policies.samples import (
    BREACH,
    DAY,
    HISPANIC,
    OK,
    RACE,
    UNDECIDED,
    Watch,
    fairness_rule,
    gap,
    psi,
    rule,
    states,
    told,
    without,
)


def test_a_verdict_says_what_the_contract_asks() -> None:
    (verdict,) = Watch(rule()).judge(3, psi(*BREACH)).verdicts
    assert (verdict.rule, verdict.principle, verdict.state) == ("DR-1", "P7", "breach")
    assert (verdict.severity, verdict.reason, verdict.policy) == ("ticket", None, "sha256:0")
    assert verdict.because == (Because("drift.psi", {"feature": "income"}),)
    assert verdict.since == 3 * 86_400


def test_a_rule_judges_each_subject_of_its_kind_and_no_other() -> None:
    output = psi(*BREACH)
    output.subject.clear()
    output.subject["output"] = "score"
    found = Watch(rule()).judge(0, psi(*OK, feature="b"), psi(*BREACH, feature="a"), output)
    assert states(found) == [
        ("DR-1", {"feature": "a"}, "breach", None),
        ("DR-1", {"feature": "b"}, "ok", None),
    ]


def test_undecided_is_not_assessable_with_its_reason() -> None:
    found = Watch(rule()).judge(0, psi(*UNDECIDED))
    assert states(found) == [("DR-1", {"feature": "income"}, "not_assessable", "inconclusive")]


def test_each_status_but_ok_is_not_assessable_and_says_why() -> None:
    for status in ("insufficient_data", "no_reference", "suppressed"):
        signal = without({"feature": "x"}, status, "because", name="drift.psi")
        (verdict,) = Watch(rule()).judge(0, signal).verdicts
        assert (verdict.state, verdict.reason) == ("not_assessable", f"{status}: because")


def test_a_missing_signal_is_not_assessable_on_the_system_and_points_nowhere() -> None:
    found = Watch(rule()).judge(0)
    assert states(found) == [("DR-1", {}, "not_assessable", "signal_not_available: drift.psi")]
    assert found.verdicts[0].because == ()


def test_lasting_gaps_are_info_and_other_gaps_are_tickets() -> None:
    def severity(*signals: object) -> list[tuple[str, str, str]]:
        return told(Watch(rule()).judge(0, *signals))  # type: ignore[arg-type]

    feature = {"feature": "x"}
    info = [("raise", "not_assessable", "info")]
    assert severity() == info
    assert severity(without(feature, "no_reference", "none", name="drift.psi")) == info
    assert severity(without(feature, reason="not_configured", name="drift.psi")) == info
    assert severity(without(feature, reason="selective_labels", name="drift.psi")) == info
    ticket = [("raise", "not_assessable", "ticket")]
    few = without(feature, name="drift.psi")
    watch = Watch(rule())
    assert [told(watch.judge(i, few)) for i in range(7)] == [[]] * 6 + [ticket]


def test_an_incomplete_window_makes_every_verdict_not_assessable_with_the_cause() -> None:
    coverage = Coverage(events=9, complete=False, incomplete_because="partial_assignment")
    found = Watch(rule(), fairness_rule()).judge(0, psi(*BREACH), coverage=coverage)
    assert [(v.state, v.reason) for v in found.verdicts] == [
        ("not_assessable", "incomplete: partial_assignment")
    ] * 2
    assert {f.scope for f in found.findings} == {"window"}


def test_a_group_too_small_to_judge_does_not_hide_behind_an_ok() -> None:
    found = Watch(fairness_rule()).judge(0, gap(-0.02, 0.02), without(HISPANIC))
    assert states(found) == [
        ("FA-1", HISPANIC, "not_assessable", "insufficient_data: 74 of 100 rows"),
        ("FA-1", RACE, "ok", None),
    ]
    assert [v.severity for v in found.verdicts] == ["ticket", "info"]


def test_a_pair_that_can_be_judged_is_spoken_for_by_the_worst_pair() -> None:
    found = Watch(fairness_rule()).judge(0, gap(-0.3, -0.2), gap(-0.3, -0.2, HISPANIC))
    assert states(found) == [("FA-1", RACE, "breach", None)]


def test_a_pair_that_can_be_judged_again_clears_without_a_verdict_of_its_own() -> None:
    watch = Watch(fairness_rule(inconclusive_after=2))
    watch.judge(0, gap(0, 0), without(HISPANIC))
    ticket = watch.judge(1, gap(0, 0), without(HISPANIC))
    assert told(ticket) == [("raise", "not_assessable", "ticket")]
    assert ticket.findings[0].verdict.subject == {"attribute": "race", "group": "hispanic"}
    watch.judge(2, gap(0, 0), gap(0, 0, HISPANIC))
    found = watch.judge(3, gap(0, 0), gap(0, 0, HISPANIC))
    assert told(found) == [("clear", "not_assessable", "ticket")]
    assert states(found) == [("FA-1", RACE, "ok", None)]


def test_a_group_is_counted_as_one_whichever_it_is_compared_with() -> None:
    watch = Watch(fairness_rule(inconclusive_after=3))
    other = {**HISPANIC, "against": "asian"}
    found = [watch.judge(i, gap(0, 0), without(pair)) for i, pair in enumerate([HISPANIC, other])]
    assert [told(one) for one in found] == [[], []]
    assert [v.subject for v in found[1].verdicts] == [other, RACE]
    assert told(watch.judge(2, gap(0, 0), without(HISPANIC))) == [
        ("raise", "not_assessable", "ticket")
    ]
    assert told(watch.judge(3, gap(0, 0), without(other))) == [("keep", "not_assessable", "ticket")]


def test_a_group_that_is_undecided_whenever_it_can_be_measured_does_not_escape() -> None:
    watch = Watch(fairness_rule(inconclusive_after=4))
    wide = gap(-0.2, 0.04, HISPANIC)
    days = [without(HISPANIC), wide, without(HISPANIC), wide]
    found = [told(watch.judge(i, gap(0, 0), day)) for i, day in enumerate(days)]
    assert found == [[], [], [], [("raise", "inconclusive", "ticket")]]


def test_a_group_that_others_are_compared_with_can_be_judged() -> None:
    watch = Watch(fairness_rule(inconclusive_after=2))
    turned = {"attribute": "race", "group": "white", "against": "hispanic"}
    days = [without(HISPANIC), gap(0, 0, turned)] * 3
    assert [told(watch.judge(i, gap(0, 0), day)) for i, day in enumerate(days)] == [[]] * 6
    wide = gap(-0.2, 0.04, turned)
    assert told(watch.judge(6, gap(0, 0), without(HISPANIC))) == []
    assert told(watch.judge(7, gap(0, 0), wide)) == [("raise", "inconclusive", "ticket")]


def test_a_group_that_nothing_speaks_of_any_more_does_not_stand_for_ever() -> None:
    watch = Watch(fairness_rule(inconclusive_after=2))
    for i in range(2):
        watch.judge(i, gap(0, 0), without(HISPANIC))
    kept, cleared = (told(watch.judge(i, gap(0, 0))) for i in (2, 3))
    assert kept == [("keep", "not_assessable", "ticket")]
    assert cleared == [("clear", "not_assessable", "ticket")]


def test_a_group_that_cannot_be_measured_any_more_while_a_gap_stands_is_told_at_once() -> None:
    watch = Watch(fairness_rule())
    watch.judge(0, gap(-0.3, -0.2), gap(-0.3, -0.2, HISPANIC))
    found = watch.judge(1, gap(0, 0), without(HISPANIC))
    assert told(found) == [("keep", "breach", "page"), ("raise", "not_assessable", "ticket")]
    for i in range(2, 9):
        found = watch.judge(i, gap(0, 0), without(HISPANIC))
    assert told(found) == [("keep", "not_assessable", "ticket")]


def test_an_attribute_of_which_nothing_comes_any_more_is_told_at_once() -> None:
    def days_until_told(judged: int, reason: str) -> int:
        watch = Watch(fairness_rule())
        for i in range(judged):
            watch.judge(i, gap(0, 0))
        lost = without(RACE, reason=reason)
        return 1 + next(i for i in range(9) if told(watch.judge(judged + i, lost)))

    assert days_until_told(7, "not_seen") == 1
    assert days_until_told(6, "not_seen") == 7
    assert days_until_told(7, "below_min_group_n") == 7


def test_what_an_earlier_build_remembered_of_a_pair_goes_on_standing_as_its_group() -> None:
    watch = Watch(fairness_rule())
    key = memory_key("FA-1", "v1", "1d", subject_text(HISPANIC))
    stood = {"window_end": DAY, "state": "not_assessable", "since": 0, "recent": ["unmeasured"]}
    old = {**stood, "assessability": "unmeasured", "decided_run": 0}
    watch.memory[key] = msgspec.convert({**old, "inconclusive_run": 0}, Memory)
    found = watch.judge(1, gap(0, 0), without(HISPANIC))
    assert sorted((f.action, subject_text(f.verdict.subject)) for f in found.findings) == [
        ("clear", subject_text(HISPANIC)),
        ("keep", subject_text({"attribute": "race", "group": "hispanic"})),
    ]
    assert found.verdicts[0].since == 0
    assert told(watch.judge(2, gap(0, 0), without(HISPANIC))) == [
        ("keep", "not_assessable", "ticket")
    ]


def test_a_breach_whose_signal_is_gone_is_not_assessable_and_still_stands() -> None:
    watch = Watch(rule())
    watch.judge(0, psi(*BREACH, feature="a"), psi(*OK, feature="b"))
    found = watch.judge(1, psi(*OK, feature="b"))
    assert states(found)[0] == (
        "DR-1",
        {"feature": "a"},
        "not_assessable",
        "signal_not_available: drift.psi",
    )
    assert ("keep", "breach", "ticket") in told(found)


def test_hidden_values_are_judged_and_only_their_status_is_told() -> None:
    shown = without(RACE, "suppressed", "group values are published at 1d")
    pair = without(HISPANIC, "suppressed", "group values are published at 1d")
    found = Watch(fairness_rule()).judge(
        0, shown, pair, hidden=[gap(-0.3, -0.2), without(HISPANIC, reason="74 of 100 rows")]
    )
    assert states(found) == [
        ("FA-1", HISPANIC, "not_assessable", "insufficient_data"),
        ("FA-1", RACE, "breach", None),
    ]
    assert found.verdicts[1].because == (Because("fairness.statistical_parity_difference", RACE),)


def test_an_empty_window_is_one_cause_for_all_rules() -> None:
    signals = [
        without({"feature": "x"}, reason="no events", name="drift.psi"),
        without(RACE, reason="no events"),
    ]
    found = Watch(rule(), fairness_rule()).judge(0, *signals, coverage=Coverage(events=0))
    assert {f.scope for f in found.findings} == {"window"}
    assert all(v.state == "not_assessable" for v in found.verdicts)


def test_a_version_has_a_memory_of_its_own() -> None:
    watch = Watch(rule())
    watch.judge(0, psi(*BREACH), version="v1")
    assert watch.judge(1, psi(*BREACH), version="v2").verdicts[0].since == 86_400
