"""From findings to alerts: one per cause, complete, with the contract's labels."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from policies.alerts import LABELS, Cause, Judged, alerts, cause_key, retire
from policies.effective import Clock, effective
from policies.engine import LabelGate, evaluate
from policies.load import load_packs
from policies.model import Alert, Coverage, Signal, Threshold, Window, rfc3339
from tests.unit.policies.samples import (
    BREACH,
    DAY,
    HISPANIC,
    OK,
    RACE,
    UNDECIDED,
    WARN,
    Watch,
    day,
    fairness_rule,
    gap,
    policy,
    psi,
    rule,
    without,
)


def _changes(alerts: list[Alert]) -> list[tuple[str, str, str]]:
    return [(a.change, a.labels["alertname"], a.labels["severity"]) for a in alerts]


def test_the_labels_are_exactly_those_of_the_contract() -> None:
    (alert,) = Watch(fairness_rule()).alert(0, gap(-0.3, -0.2))
    assert alert.labels == {
        "alertname": "PantauBreach",
        "system": "loan",
        "model_version": "v1",
        "principle": "P2",
        "rule": "FA-1",
        "attribute": "race",
        "severity": "page",
    }
    assert tuple(alert.labels) == LABELS
    assert (alert.starts_at, alert.resolved_at) == (DAY, None)


def test_an_alert_says_what_how_bad_since_when_why_and_what_next() -> None:
    watch = Watch(rule())
    (alert,) = watch.alert(0, psi(*BREACH, reference="sha256:feed"))
    texts = alert.annotations
    assert texts["summary"] == (
        '"Drift of a feature" is beyond its breach limit in loan: P7 Robustness and Reliability.'
    )
    for part in (
        "drift.psi of income is 0.3, 95 % interval 0.25 to 0.35, n 1000",
        "beyond the breach limit > 0.2",
        "1970-01-01T00:00:00Z to 1970-01-02T00:00:00Z",
        "since 1970-01-01T00:00:00Z",
        "Likely cause: a changed unit.",
        "Next step: ask the source.",
        "model version v1",
        "policy sha256:0",
        "reference sha256:feed",
    ):
        assert part in texts["description"]
    assert texts["value"] == "0.3"
    assert texts["interval"] == "[0.25, 0.35]"
    assert texts["n"] == "1000"
    assert texts["threshold"] == "> 0.2"


def test_what_is_known_exactly_has_no_interval_in_words() -> None:
    (alert,) = Watch(rule()).alert(0, psi(112, 112))
    told = alert.annotations["description"]
    assert "drift.psi of income is 112, known exactly, beyond the breach limit > 0.2" in told
    assert alert.annotations["interval"] == "[112, 112]"


def test_many_features_are_one_alert_that_names_the_five_worst() -> None:
    signals = [psi(0.3 + i / 10, 0.4 + i / 10, feature=f"f{i}") for i in range(8)]
    (alert,) = Watch(rule()).alert(0, *signals)
    assert alert.annotations["features"] == "f7, f6, f5, f4, f3 and 3 more"
    assert "drift.psi of f7 is 1.05" in alert.annotations["description"]


def test_the_worst_of_a_lower_limit_is_the_smallest() -> None:
    low = rule(threshold=Threshold("<", 0.9, 0.8))
    (alert,) = Watch(low).alert(0, psi(0.5, 0.6, "a"), psi(0.1, 0.2, "b"))
    assert alert.annotations["features"] == "b, a"


def test_a_breach_and_a_gap_in_knowledge_are_two_causes() -> None:
    watch = Watch(fairness_rule())
    assert _changes(watch.alert(0, gap(-0.3, -0.2))) == [("raised", "PantauBreach", "page")]
    sent = watch.alert(1, gap(-0.3, -0.2), without(HISPANIC))
    assert _changes(sent) == [
        ("updated", "PantauBreach", "page"),
        ("raised", "PantauNotAssessable", "ticket"),
    ]
    assert "race (hispanic)" in sent[1].annotations["description"]
    assert "74 of 100 rows" in sent[1].annotations["reason"]
    assert sent[1].annotations["n"] == "74"


def test_a_standing_alert_is_updated_when_its_numbers_change_and_silent_when_not() -> None:
    watch = Watch(rule())
    watch.alert(0, psi(*BREACH))
    assert _changes(watch.alert(1, psi(0.4, 0.5))) == [("updated", "PantauBreach", "ticket")]
    hour = Window(2 * DAY, 2 * DAY + 3600, "1h")
    assert watch.alert(2, psi(*OK), window=hour) == []


def test_a_closed_alert_is_complete_and_says_when() -> None:
    watch = Watch(rule())
    (raised,) = watch.alert(0, psi(*BREACH))
    (waiting,) = watch.alert(1, psi(*OK))
    assert waiting.change == "updated"
    assert "The newest window is ok" in waiting.annotations["description"]
    assert waiting.annotations["value"] == "0.3"
    (closed,) = watch.alert(2, psi(*OK))
    assert closed.change == "closed"
    assert (closed.starts_at, closed.resolved_at) == (DAY, 3 * DAY)
    assert closed.labels == raised.labels
    assert raised.annotations.keys() < closed.annotations.keys()
    assert watch.standing == {}


def test_a_change_of_severity_raises_the_new_alert_and_closes_the_old() -> None:
    watch = Watch(fairness_rule())
    assert _changes(watch.alert(0, gap(0.06, 0.09))) == [("raised", "PantauBreach", "ticket")]
    assert _changes(watch.alert(1, gap(0.2, 0.3))) == [
        ("raised", "PantauBreach", "page"),
        ("closed", "PantauBreach", "ticket"),
    ]
    (cause,) = watch.standing.values()
    assert (cause.alert.labels["severity"], cause.alert.starts_at) == ("page", 2 * DAY)


def test_an_alert_is_as_loud_as_its_loudest_window() -> None:
    watch = Watch(fairness_rule())
    watch.alert(0, gap(0.06, 0.09))
    hour = Window(DAY, DAY + 3600, "1h")
    assert _changes(watch.alert(1, gap(0.2, 0.3), window=hour)) == [
        ("raised", "PantauBreach", "page"),
        ("closed", "PantauBreach", "ticket"),
    ]


def test_since_is_when_it_began_even_if_a_window_in_between_was_fine() -> None:
    watch = Watch(rule())
    for i, interval in enumerate((OK, BREACH, OK, BREACH)):
        watch.alert(i, psi(*interval))
    (cause,) = watch.standing.values()
    assert cause.alert.annotations["since"] == "1970-01-02T00:00:00Z"


def test_info_alerts_nobody() -> None:
    assert Watch(rule(warn_severity="info")).alert(0, psi(*WARN)) == []
    assert Watch(rule()).alert(0) == []


def test_an_incomplete_window_is_one_alert_for_all_rules() -> None:
    coverage = Coverage(events=5, complete=False, incomplete_because="state_lost")
    watch = Watch(rule(), fairness_rule())
    (alert,) = watch.alert(0, psi(*BREACH), gap(0.2, 0.3), coverage=coverage)
    assert alert.labels["alertname"] == "PantauNotAssessable"
    assert alert.labels["rule"] == "coverage"
    assert "incomplete: state_lost" in alert.annotations["description"]
    (closed,) = watch.alert(1, psi(*OK), gap(0, 0))
    assert (closed.change, closed.labels["rule"]) == ("closed", "coverage")


def test_an_incomplete_window_is_not_older_than_itself_where_a_rule_was_never_assessable() -> None:
    watch = Watch(fairness_rule())
    watch.alert(0, without(RACE))
    lost = Coverage(events=5, complete=False, incomplete_because="state_lost")
    (first,) = [a for a in watch.alert(1, without(RACE), coverage=lost) if a.change == "raised"]
    assert first.annotations["since"] == rfc3339(day(1).start)
    (again,) = watch.alert(2, without(RACE), coverage=lost)
    assert again.annotations["since"] == rfc3339(day(1).start)


def test_an_incomplete_window_neither_closes_a_standing_ticket_nor_takes_over_its_words() -> None:
    watch = Watch(fairness_rule())
    (ticket,) = [a for i in range(7) for a in watch.alert(i, without(RACE))]
    lost = Coverage(events=5, complete=False, incomplete_because="state_lost")
    (coverage,) = watch.alert(7, without(RACE), coverage=lost)
    assert (coverage.change, coverage.labels["rule"]) == ("raised", "coverage")
    changed = {a.change: a for a in watch.alert(8, without(RACE))}
    assert changed["closed"].labels == coverage.labels
    assert changed["closed"].annotations["resolution"] == "assessable again"
    assert changed["updated"].labels == ticket.labels
    assert "74 of 100 rows" in changed["updated"].annotations["reason"]


def test_a_group_that_a_window_does_not_speak_of_leaves_the_words_of_its_ticket() -> None:
    watch = Watch(fairness_rule())
    for i in range(7):
        watch.alert(i, gap(0, 0), without(HISPANIC))
    assert watch.alert(7, gap(0, 0)) == []
    (cause,) = watch.standing.values()
    assert "74 of 100 rows" in cause.alert.annotations["reason"]


def test_a_ticket_closes_as_assessable_only_when_it_is() -> None:
    def ended(how: Callable[[Watch], list[Alert]]) -> str:
        watch = Watch(fairness_rule())
        for i in range(7):
            watch.alert(i, without(RACE))
        (closed,) = [a for a in how(watch) if a.change == "closed"]
        return closed.annotations["resolution"]

    def judged(watch: Watch) -> list[Alert]:
        return [a for i in range(7, 14) for a in watch.alert(i, gap(0, 0))]

    assert ended(judged) == "assessable again"
    lasting = ended(lambda watch: watch.alert(7, without(RACE, "no_reference", "none")))
    assert lasting == "no longer awaited in windows of 1d: no_reference: none"
    longer = ended(lambda watch: watch.alert(7, without(RACE), longest=False))
    assert longer == "no longer awaited in windows of 1d: insufficient_data: 74 of 100 rows"


def test_a_ticket_says_what_to_do_about_its_own_lack() -> None:
    def remedy(*signals: Signal) -> str:
        watch = Watch(fairness_rule())
        (ticket,) = [a for i in range(7) for a in watch.alert(i, *signals)]
        assert ticket.annotations["recommended_action"] in ticket.annotations["description"]
        return ticket.annotations["recommended_action"]

    few = remedy(without(RACE))
    assert "longer window" in few
    assert "longest is 1d" in few
    assert "min_group_n" in few
    undecided = remedy(gap(-0.2, 0.04))
    assert "longer window" in undecided
    assert "min_group_n" not in undecided
    assert "earlier windows" in remedy(without(RACE, reason="fewer than 3 earlier windows"))
    assert "older ones" in remedy(without(RACE, reason="not_seen"))
    assert "longer window" not in remedy(without(RACE, reason="single_group"))


def test_labels_that_do_not_come_are_told_at_once_and_where_to_look() -> None:
    gate = LabelGate(
        signals=frozenset({"drift.psi"}), mature=True, coverage=0.1, needed=0.8, favourable=0.1
    )
    judged = policy(rule())
    found = evaluate(
        judged,
        model_version="v1",
        window=day(0),
        signals=[psi(*OK)],
        coverage=Coverage(events=1000),
        memory={},
        longest=True,
        labels=gate,
    )
    step = Judged(model_version="v1", findings=found.findings, signals=())
    (ticket,) = alerts([step], {}, system="loan", policy=judged).alerts
    assert ticket.annotations["reason"].startswith("label_coverage: 0.10")
    assert "min_label_coverage" in ticket.annotations["recommended_action"]


def test_two_lengths_are_one_alert_that_stays_until_both_are_clear() -> None:
    watch = Watch(rule(clear_after=1))
    hour = Window(DAY - 3600, DAY, "1h")
    assert len(watch.alert(0, psi(*BREACH), window=hour)) == 1
    assert _changes(watch.alert(0, psi(*BREACH))) == [("updated", "PantauBreach", "ticket")]
    next_hour = Window(DAY, DAY + 3600, "1h")
    watch.alert(1, psi(*OK), window=next_hour)
    assert len(watch.standing) == 1
    assert _changes(watch.alert(1, psi(*OK))) == [("closed", "PantauBreach", "ticket")]


def test_windows_that_end_together_do_not_close_and_raise_again() -> None:
    watch = Watch(rule(clear_after=1))
    watch.alert(0, psi(*BREACH), window=Window(DAY - 7200, DAY - 3600, "1h"))
    hour = watch.judge(0, psi(*OK), window=Window(DAY - 3600, DAY, "1h"))
    whole = watch.judge(0, psi(*BREACH))
    judged = [
        Judged(model_version="v1", findings=e.findings, signals=(psi(*BREACH),))
        for e in (hour, whole)
    ]
    folded = alerts(judged, watch.standing, system="loan", policy=watch.policy)
    assert _changes(list(folded.alerts)) == [("updated", "PantauBreach", "ticket")]


def test_values_that_are_not_published_at_this_length_are_not_in_the_alert() -> None:
    shown = without(RACE, "suppressed", "published at 1d")
    watch = Watch(fairness_rule())
    sent = watch.alert(0, shown, hidden=[gap(-0.377, -0.211, n=139), without(HISPANIC)])
    text = " ".join(v for a in sent for v in a.annotations.values())
    assert _changes(sent)[0] == ("raised", "PantauBreach", "page")
    assert "its value is not published at this length" in text
    for secret in ("0.377", "0.211", "0.294", "139", "74"):
        assert secret not in text


def test_undecided_for_long_is_a_ticket_with_its_interval() -> None:
    watch = Watch(rule())
    sent = [a for i in range(7) for a in watch.alert(i, psi(*UNDECIDED))]
    assert _changes(sent) == [("raised", "PantauNotAssessable", "ticket")]
    assert "0.05 to 0.15" in sent[0].annotations["description"]
    assert sent[0].annotations["reason"] == "inconclusive"


def test_state_survives_json() -> None:
    watch = Watch(rule(), fairness_rule())
    watch.alert(0, psi(*BREACH), gap(-0.3, -0.2), without(HISPANIC))
    assert len(watch.standing) == 2
    for key, cause in watch.standing.items():
        assert key == cause_key(cause.alert.labels)
        assert msgspec.json.decode(msgspec.json.encode(cause), type=Cause) == cause


def test_retiring_closes_what_is_no_longer_watched() -> None:
    watch = Watch(rule())
    watch.alert(0, psi(*BREACH), version="v1")
    watch.alert(0, psi(*BREACH), version="v2")
    gone = retire(
        watch.standing, lambda labels: labels["model_version"] != "v1", at=9, why="version retired"
    )
    (closed,) = gone.alerts
    assert (closed.change, closed.resolved_at) == ("closed", 9)
    assert closed.annotations["resolution"] == "version retired"
    assert list(gone.changed.values()) == [None]


def test_a_finding_keeps_the_time_of_its_raising_until_it_clears() -> None:
    watch = Watch(fairness_rule())

    def raised() -> int | None:
        (cause,) = watch.standing.values()
        (one,) = cause.parts.values()
        return one.raised

    watch.alert(0, gap(0.06, 0.09))
    watch.alert(1, gap(0.2, 0.3))
    assert raised() == DAY
    watch.alert(2, gap(0.2, 0.3))
    watch.alert(3, gap(0.0, 0.01))
    assert raised() == DAY
    watch.alert(4, gap(0.0, 0.01))
    watch.alert(5, gap(0.2, 0.3))
    assert raised() == 6 * DAY


LAWS = effective(
    load_packs(["country-vn"]), oversight="human_in_the_loop", maturity="baseline"
).clocks


def _clocks(principle: str, also: tuple[str, ...] = ()) -> str | None:
    watch = Watch(rule(principle=principle, also=also))
    watch.policy = msgspec.structs.replace(watch.policy, clocks=LAWS)
    (alert,) = watch.alert(0, psi(*BREACH))
    return alert.annotations.get("incident_clocks")


def test_clocks_in_an_alert_say_what_they_are_about_and_are_of_its_kind() -> None:
    ai = "; ".join(_of(clock) for clock in LAWS if clock.event == "ai_incident")
    data = "; ".join(_of(clock) for clock in LAWS if clock.event == "data_breach")
    assert ai
    assert data
    # Drift is no breach of personal data.
    assert _clocks("P7") == f"if this is an incident of the AI system: {ai}"
    both = f"if this is an incident of the AI system: {ai}; if this is a breach of personal data: "
    assert _clocks("P5") == _clocks("P7", ("P5",)) == _clocks("P3") == both + data


def test_working_days_in_an_alert_are_called_so() -> None:
    (law,) = (clock for clock in LAWS if clock.event == "ai_incident")
    five = msgspec.structs.replace(law, seconds=5 * DAY, calendar=False)
    watch = Watch(rule())
    watch.policy = msgspec.structs.replace(watch.policy, clocks=(five,))
    (alert,) = watch.alert(0, psi(*BREACH))
    assert ": 5 working days (counted as 120 h, " in alert.annotations["incident_clocks"]


def test_an_alert_of_another_kind_than_every_clock_names_none() -> None:
    laws = load_packs(["country-my"])
    watch = Watch(rule())
    clocks = effective(laws, oversight="human_in_the_loop", maturity="baseline").clocks
    watch.policy = msgspec.structs.replace(watch.policy, clocks=clocks)
    (alert,) = watch.alert(0, psi(*BREACH))
    assert {clock.event for clock in clocks} == {"data_breach"}
    assert "incident_clocks" not in alert.annotations


def _of(clock: Clock) -> str:
    return f"{clock.title}: {clock.seconds // 3_600} h from {clock.starts}, to {clock.recipient}"
