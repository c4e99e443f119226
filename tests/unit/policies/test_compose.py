"""Packs laid over one another: precedence, changes, waivers, and what is refused."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import pytest

import policies.load
from agent.known_signals import known_signals
from policies.complaint import PackError
from policies.compose import compose
from policies.effective import Policy, effective, typed
from policies.frameworks import Framework, covers, frameworks
from policies.load import load_pack, load_packs, load_text
from policies.model import Threshold
from policies.pack import OVERSIGHT, Pack

BASE = load_pack("asean-guide")
HITL = "human_in_the_loop"
HEAD = "kind: {kind}\ntitle: T\nversion: 1.0.0\ndisclaimer: none\nsources: [{{id: s, title: S}}]\n"
WAIVER = "    waiver: {by: ann, reason: agreed, expires: 2026-01-31}\n"
TODAY = dt.datetime.now(dt.UTC).date()


def overlay(body: str, kind: str = "team", name: str = "mine") -> Pack:
    return load_text(f"id: {name}\n" + HEAD.format(kind=kind) + body, f"{name}.yaml")


def change(rule: str, what: str, waiver: str = "") -> str:
    return f"changes:\n  - rule: {rule}\n    {what}\n    reason: because\n{waiver}"


def policy(*packs: Pack, **how: Any) -> Policy:
    chosen: dict[str, Any] = {"oversight": HITL, "maturity": "advanced", **how}
    return effective([BASE, *packs], **chosen)


def refusal(*packs: Pack, **how: Any) -> str:
    with pytest.raises(PackError) as raised:
        compose([BASE, *packs], **{"frameworks": frameworks(), **how})
    return str(raised.value)


def warn_at(limit: float) -> str:
    return f"thresholds: {{{HITL}: {{warn: {{at: {limit}, origin: ours}}}}}}"


def test_a_tighter_limit_needs_no_waiver_and_says_who_set_it() -> None:
    rule = policy(overlay(change("FA-2", warn_at(0.95)))).rule("FA-2")
    assert rule is not None
    assert rule.threshold == Threshold("<", 0.95, 0.80)
    assert (rule.pack, rule.set_by) == ("asean-guide", {"warn": "mine"})
    assert rule.because == {"mine": "because"}


def test_a_change_of_stage_is_about_every_level() -> None:
    pack = overlay(change("HO-3", "stage: baseline"))
    for level in OVERSIGHT:
        rule = effective([BASE, pack], oversight=level, maturity="baseline").rule("HO-3")
        assert rule is not None
        assert (rule.stage, rule.set_by) == ("baseline", {"stage": "mine"})


def test_a_breach_limit_where_there_was_none_asks_for_more() -> None:
    breach = f"thresholds: {{{HITL}: {{breach: {{at: 0.5, origin: ours}}}}}}"
    rule = policy(overlay(change("HO-5", breach))).rule("HO-5")
    assert rule is not None
    assert rule.threshold == Threshold(">", 0, 0.5)


@pytest.mark.parametrize("kinds", [("sector", "country"), ("topic", "sector"), ("team", "base")])
def test_precedence_is_by_kind_and_not_by_the_order_of_naming(kinds: tuple[str, str]) -> None:
    later = "country" if "country" in kinds else kinds[0]
    packs = []
    for kind in kinds:
        if kind != "base":
            more = "country: MY\n" if kind == "country" else ""
            limit = 0.97 if kind == later else 0.95
            packs.append(overlay(more + change("FA-2", warn_at(limit)), kind, kind))
    for order in (packs, packs[::-1]):
        rule = effective([*order, BASE], oversight="human_in_the_loop", maturity="advanced").rule(
            "FA-2"
        )
        assert rule is not None
        assert (rule.threshold.warn, rule.set_by) == (0.97, {"warn": later})


LOOSER = {
    "a limit farther out": (
        *("FA-2", warn_at(0.85)),
        "human_in_the_loop warn from 0.9 to 0.85",
    ),
    "a limit farther out above": ("DR-1", warn_at(0.15), "human_in_the_loop warn from 0.1 to 0.15"),
    "a lower severity": ("FA-1", "severity: {breach: ticket}", "severity of breach from page"),
    "a later stage at a level": ("HO-3", "stage: advanced", "stage from intermediate to advanced"),
    "a later stage": ("DR-1", "stage: advanced", "stage from baseline to advanced"),
    "slower to raise": (
        "DR-1",
        "persistence: {baseline: [2, 3], intermediate: [1, 1], advanced: [2, 3], origin: ours}",
        "persistence at baseline from 2 of 3, or one beyond doubt, to 2 of 3",
    ),
    "quicker to clear": (
        "DR-1",
        "clear_after: {windows: 1, origin: ours}",
        "clear_after from 2 to 1 windows",
    ),
    "switched off": ("DR-1", "disable: true", "disabled"),
}


@pytest.mark.parametrize("way", LOOSER)
@pytest.mark.parametrize("kind", ["sector", "team"])
def test_what_asks_for_less_needs_a_waiver(way: str, kind: str) -> None:
    rule, what, says = LOOSER[way]
    message = refusal(overlay(change(rule, what), kind))
    assert message.startswith(f"mine.yaml:8: rule {rule}: asks for less than before")
    assert says in message
    waived = policy(overlay(change(rule, what, WAIVER), kind))
    (waiver,) = waived.waivers
    assert (waiver.rule, waiver.by, waiver.expires) == (rule, "ann", "2026-01-31")
    assert says in "; ".join(waiver.loosens)
    assert waiver.reason == "agreed"


@pytest.mark.parametrize("kind", ["sector", "team"])
def test_the_text_of_a_policy_has_its_waivers_but_nobody_in_them(kind: str) -> None:
    def waived(waiver: str, reason: str = "because") -> Policy:
        what = change("DR-1", warn_at(0.15), waiver).replace("because", reason)
        return policy(overlay(what, kind))

    first, other = waived(WAIVER), waived(WAIVER.replace("ann", "bob"), "bob said so")
    (kept,) = json.loads(first.text)["waivers"]
    assert set(kept) == {"rule", "pack", "loosens", "expires"}
    assert (first.text, first.digest) == (other.text, other.digest)
    assert waived(WAIVER.replace("01-31", "01-30")).digest != first.digest
    assert typed(other) == {
        "waivers": [{"rule": "DR-1", "by": "bob", "reason": "agreed"}],
        "because": {"DR-1": {"mine": "bob said so"}},
    }
    assert "waivers" not in typed(other, 1)
    # Why our own packs change a rule is part of them, and published with them.
    ours = [rule for rule in shipped().rules if rule.because]
    assert ours
    assert all(rule.because == told(shipped(), rule.id) for rule in ours)
    assert typed(shipped()) == {}


def shipped() -> Policy:
    packs = load_packs(["asean-guide", "sector-healthcare"])
    return effective(packs, oversight="human_in_the_loop", maturity="advanced")


def told(found: Policy, rule_id: str) -> dict[str, str]:
    """Return why a rule was changed, as the text of the policy says it."""
    (reasons,) = [r["because"] for r in json.loads(found.text)["rules"] if r["id"] == rule_id]
    return dict(reasons)


KEPT = {
    "AC-5": ("disable: true", "disabled"),
    "PR-2": ("severity: {breach: info}", "severity of breach from ticket to info"),
    "TR-1": ("stage: advanced", "stage from baseline to advanced"),
}


@pytest.mark.parametrize("rule", KEPT)
def test_what_every_record_rests_on_cannot_be_waived(rule: str) -> None:
    what, says = KEPT[rule]
    for waiver in ("", WAIVER):
        message = refusal(overlay(change(rule, what, waiver)))
        assert message.startswith(f"mine.yaml:8: rule {rule}: asks for less than before ({says})")
        assert "asean-guide lets no pack do, with a waiver or without" in message
    assert policy(overlay(change(rule, "severity: {warn: page}"))).rule(rule) is not None


def test_which_rules_cannot_be_waived() -> None:
    assert {rule.id for rule in BASE.rules if not rule.waivable} == set(KEPT)


def until(day: dt.date) -> Pack:
    waiver = f"    waiver: {{by: ann, reason: agreed, expires: {day}}}\n"
    return overlay(change("DR-1", "disable: true", waiver))


def test_a_waiver_ends_within_two_years() -> None:
    last = TODAY + dt.timedelta(days=731)
    assert policy(until(last)).waivers[0].expires == last.isoformat()
    with pytest.raises(PackError) as raised:
        until(last + dt.timedelta(days=2))  # a midnight may pass during the test
    assert "mine.yaml:11: rule DR-1: expires on" in str(raised.value)
    assert "more than two years from today" in str(raised.value)


def test_two_packs_of_one_id_are_refused() -> None:
    one, two = overlay("", name="our-bank"), overlay(change("FA-1", "stage: baseline"))
    again = load_text(
        "id: our-bank\n" + HEAD.format(kind="team") + change("FA-2", "stage: baseline"),
        "other.yaml",
    )
    says = "other.yaml:1: our-bank.yaml calls itself 'our-bank' as well"
    assert refusal(one, two, again).startswith(says)


def a_clock(name: str, source: str = "our handbook") -> str:
    return (
        "clocks:\n"
        f"  - {{id: {name}, title: Board told, event: ai_incident, starts: confirmed_at,\n"
        f'     hours: 720, recipient: the board, source: "{source}",\n'
        "     verified_on: 2026-11-22, confidence: low}\n"
    )


def test_a_clock_of_another_pack_cannot_be_taken_over() -> None:
    law = load_pack("country-vn")
    assert refusal(law, overlay(a_clock("vn-ai-serious-incident"))) == (
        "mine.yaml:8: the clock vn-ai-serious-incident is in two packs: country-vn and mine; give "
        "the one in your own pack another id, or use one of the packs"
    )
    clocks = {clock.id: clock.pack for clock in policy(law, overlay(a_clock("board"))).clocks}
    assert clocks["board"] == "mine"
    assert clocks["vn-ai-serious-incident"] == "country-vn"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("VN-D142:99.9.z", "Viet Nam, Decree 142/2026 has no '99.9.z'; one of: 11.5, 12.6"),
        ("VN-D143:19.3.a", "'VN-D143' is not among this pack's crosswalks; did you mean 'VN-D142'"),
    ],
)
def test_a_source_that_is_a_reference_leads_to_a_place_that_is_there(
    source: str, says: str
) -> None:
    message = refusal(overlay(a_clock("board", source)))
    assert message.startswith("mine.yaml:9: ")
    assert says in message
    kept = "retention:\n  - {what: dossier, days: 9, reason: r, verified_on: 2026-11-22, "
    assert says in refusal(overlay(f'{kept}confidence: low, source: "{source}"}}\n'))


@pytest.mark.parametrize("source", ["our handbook", "ISO 27035: 6.2", "https://a.example/b"])
def test_a_source_may_be_words_for_a_human(source: str) -> None:
    compose([BASE, overlay(a_clock("board", source))], frameworks=frameworks())


def test_a_source_may_refer_to_the_packs_own_texts() -> None:
    text = (
        "crosswalks: {BOARD: {title: B, kind: guide, verified_on: 2026-11-22, confidence: low}}\n"
    )
    compose([BASE, overlay(text + a_clock("board", "BOARD:7"))], frameworks=frameworks())


def test_a_chain_that_reaches_people_later_asks_for_less() -> None:
    def chain(after: str) -> str:
        steps = [("system-owner", "0m"), ("deputy-owner", "1h"), ("risk-committee", after)]
        told = ", ".join(f"{{role: {role}, after: {when}}}" for role, when in steps)
        levels = ", ".join(f"{level}: [{told}]" for level in OVERSIGHT)
        return f"escalation: {{{levels}, origin: ours}}"

    first = overlay(change("FA-1", chain("2h")), "sector", "one")
    slower = overlay(change("FA-1", chain("1d")), "team", "two")
    assert "from 2h to 1d" in refusal(first, slower)
    rule = policy(first, overlay(change("FA-1", chain("90m")), "team", "two")).rule("FA-1")
    assert rule is not None
    assert [(step.role, step.after) for step in rule.escalation] == [
        ("system-owner", 0),
        ("deputy-owner", 3600),
        ("risk-committee", 5400),
    ]
    assert rule.set_by["escalation"] == "two"


TOLD = [("system-owner", "0m"), ("deputy-owner", "1h"), ("risk-committee", "4h")]
CHAINS: dict[str, tuple[list[tuple[str, str]], str | None]] = {
    "somebody else": (
        [("nobody", after) for _, after in TOLD],
        "system-owner is told no longer; ",
    ),
    "one fewer": (TOLD[:2], "risk-committee is told no longer"),
    "later, at the same hours": (
        [("deputy-owner", "0m"), ("risk-committee", "1h"), ("system-owner", "4h")],
        "system-owner from 0m to 4h",
    ),
    "one more": ([*TOLD, ("board", "8h")], None),
    "in another order": (TOLD[::-1], None),
    "sooner": ([(role, "0m") for role, _ in TOLD], None),
}


@pytest.mark.parametrize("way", CHAINS)
def test_a_chain_asks_for_less_when_somebody_in_it_is_told_later_or_no_more(way: str) -> None:
    steps, says = CHAINS[way]
    told = ", ".join(f"{{role: {role}, after: {after}}}" for role, after in steps)
    # At the other levels the base's own chain is sooner than this one nowhere.
    levels = (
        f"{HITL}: [{told}], human_over_the_loop: [{SOONEST}], human_out_of_the_loop: [{SOONEST}]"
    )
    pack = change("FA-1", f"escalation: {{{levels}, origin: ours}}")
    if says is None:
        assert not policy(overlay(pack)).waivers
    else:
        assert f"(escalation at {HITL}: {says}" in refusal(overlay(pack))
        assert policy(overlay(pack + WAIVER)).waivers


def test_a_role_that_is_told_twice_is_not_told_once_without_a_waiver() -> None:
    def chain(*hours: int) -> str:
        steps = [("system-owner", "0m"), ("deputy-owner", "0m"), ("risk-committee", "0m")]
        steps += [("system-owner", f"{after}h") for after in hours]
        told = ", ".join(f"{{role: {role}, after: {after}}}" for role, after in steps)
        levels = ", ".join(f"{level}: [{told}]" for level in OVERSIGHT)
        return change("FA-1", f"escalation: {{{levels}, origin: ours}}")

    first = overlay(chain(1, 2), "sector", "one")
    says = f"escalation at {HITL}: system-owner is told only 2 of 3 times"
    assert says in refusal(first, overlay(chain(1), "team", "two"))
    assert "system-owner from 2h to 3h" in refusal(first, overlay(chain(1, 3), "team", "two"))


SOONEST = ", ".join(f"{{role: {role}, after: 0m}}" for role, _ in TOLD)


def test_a_rule_that_is_off_is_gone_and_cannot_be_changed_later() -> None:
    off = overlay(change("DR-1", "disable: true", WAIVER), "sector", "one")
    assert policy(off).rule("DR-1") is None
    assert json.loads(policy(off).text)["disabled"] == {"DR-1": "one"}
    message = refusal(off, overlay(change("DR-1", warn_at(0.05)), "team", "two"))
    assert "no pack before this one has the rule 'DR-1'; it was disabled by one" in message


def test_an_overlay_adds_rules_that_take_the_bases_defaults() -> None:
    text = json.dumps(load_pack("asean-guide").rules[0].model_dump(mode="json", exclude_none=True))
    added = overlay("rules: [" + text.replace("TR-1", "TR-9") + "]\n", "sector", "one")
    rule = policy(added).rule("TR-9")
    assert rule is not None
    assert (rule.pack, rule.inconclusive_after) == ("one", 7)


REFUSED = {
    "an unknown rule": (
        change("FA-22", "stage: baseline"),
        "mine.yaml:8: rule FA-22: no pack before this one has the rule 'FA-22'; did you mean",
    ),
    "limits in the wrong order": (
        change("FA-2", warn_at(0.7), WAIVER),
        "op is '<', so breach (0.8) must not be above warn (0.7)",
    ),
    "half a level": (
        change("HO-1", "thresholds: {human_out_of_the_loop: {warn: {at: 0.1, origin: ours}}}"),
        "rule HO-1: the rule has no limits at human_out_of_the_loop yet: give warn and breach",
    ),
    "an unknown text": (
        change("FA-2", 'crosswalk: ["FEET:1"]'),
        "'FEET' is not among this pack's crosswalks; did you mean 'FEAT'?",
    ),
    "an unknown source": (
        change("FA-2", "sources: [aif36]"),
        "'aif36' is not among this pack's sources; did you mean 'aif360'?",
    ),
    "a borrowed limit without a source": (
        change("DQ-2", f"thresholds: {{{HITL}: {{warn: {{at: 170, origin: law_elsewhere}}}}}}"),
        "mine.yaml:9: rule DQ-2: a limit that is not 'ours' needs `sources` to tell where it comes",
    ),
    "a borrowed limit of a new level": (
        change(
            "HO-1",
            "thresholds: {human_out_of_the_loop: {warn: {at: 0.1, origin: ours}, breach: {at: 0.2, "
            "origin: convention}}}",
        ),
        "mine.yaml:9: rule HO-1: a limit that is not 'ours' needs `sources`",
    ),
}


def test_a_borrowed_limit_may_name_its_source_in_the_change() -> None:
    borrowed = f"thresholds: {{{HITL}: {{warn: {{at: 170, origin: law_elsewhere}}}}}}"
    rule = policy(overlay(change("DQ-2", borrowed + "\n    sources: [s]"))).rule("DQ-2")
    assert rule is not None
    assert rule.origin["warn"] == "law_elsewhere"


@pytest.mark.parametrize("what", REFUSED)
def test_a_change_that_cannot_be_made_is_named_with_file_line_and_rule(what: str) -> None:
    body, says = REFUSED[what]
    assert says in refusal(overlay(body))


ALONE = {
    "nothing changed": ("changes:\n  - {rule: FA-1, reason: none}\n", "changes nothing"),
    "principles": ("principles: {P1: Transparency}\n", "'principles' is for the base"),
    "a country": ("country: MY\n", "a pack of kind 'team' has no country"),
    "a key": (
        "changes:\n  - {rule: FA-1, reason: none, stagee: baseline}\n",
        "mine.yaml:8: rule FA-1: unknown key 'stagee'; did you mean 'stage'?",
    ),
    "a clock without a length": (
        (
            "clocks:\n  - {id: c, title: C, event: data_breach, starts: aware_at, recipient: r, "
            "source: s, verified_on: 2026-11-22, confidence: high}\n"
        ),
        "needs exactly one of `hours` and `days`",
    ),
    "an hour that is a working day": (
        a_clock("c").replace("hours: 720", "hours: 720, calendar: false"),
        "`calendar: false` is of `days`: an hour is no working day",
    ),
    "a clock whose id fits into no label": (
        a_clock("c" * 101),
        "should have at most 100 characters",
    ),
    "a clock whose source fits into no record": (
        a_clock("c", "s" * 501),
        "should have at most 500 characters",
    ),
    "an unknown start": (
        (
            "clocks:\n  - {id: c, title: C, event: data_breach, starts: awear_at, hours: 1, "
            "recipient: r, source: s, verified_on: 2026-11-22, confidence: high}\n"
        ),
        "'awear_at' is not valid; did you mean 'aware_at'?",
    ),
    "an oversight": (
        "requires: [{oversight: human_in_loop, reason: r}]\n",
        "'human_in_loop' is not valid; did you mean 'human_in_the_loop'?",
    ),
    "a level set to nothing": (
        change("FA-2", "thresholds: {human_in_the_loop: null}"),
        "mine.yaml:9: rule FA-2: 'human_in_the_loop' is null, which changes nothing; leave it out",
    ),
    "a severity set to nothing": (
        change("FA-2", "severity: {breach: }"),
        "rule FA-2: 'breach' is null, which changes nothing; leave it out",
    ),
    "a waiver without a day": (
        change("FA-2", "disable: true", "    waiver: {by: ann, reason: r}\n"),
        "rule FA-2: the key 'waiver.expires' is missing",
    ),
    "a day that is none": (
        change("FA-2", "disable: true", "    waiver: {by: ann, reason: r, expires: soon}\n"),
        "rule FA-2: waiver.expires:",
    ),
    "a week for a day": (
        change("FA-2", "disable: true", WAIVER.replace("2026-01-31", "'2027-W10-1'")),
        "mine.yaml:11: rule FA-2: waiver.expires: needs a day, YYYY-MM-DD (found '2027-W10-1')",
    ),
    "a day without dashes": (
        change("FA-2", "disable: true", WAIVER.replace("2026-01-31", "'20270630'")),
        "waiver.expires: needs a day, YYYY-MM-DD (found '20270630')",
    ),
    "an approver that nobody can see": (
        change("FA-2", "disable: true", WAIVER.replace("ann", '"\\u200b"')),
        "mine.yaml:11: rule FA-2: waiver.by: needs at least one character that can be seen",
    ),
    "a reason that nobody can see": (
        change("FA-2", "disable: true").replace("because", '"\\u3164\\u2060"'),
        "mine.yaml:10: rule FA-2: reason: needs at least one character that can be seen",
    ),
}


@pytest.mark.parametrize("what", ALONE)
def test_an_overlay_that_is_wrong_by_itself_is_refused(what: str) -> None:
    body, says = ALONE[what]
    with pytest.raises(PackError) as raised:
        overlay(body)
    assert says in str(raised.value)


def test_a_base_is_needed() -> None:
    with pytest.raises(PackError, match=r"no base among the policy packs \(mine\)"):
        compose([overlay("")])


def base(name: str) -> Pack:
    """Return a base whose matrix makes every tier minimal."""
    document = BASE.model_dump(mode="json", exclude_none=True) | {"id": name}
    document["rules"] = [document["rules"][0] | {"id": "XX-1"}]
    document["risk"]["matrix"] = {
        level: dict.fromkeys(("low", "medium", "high"), "minimal")
        for level in ("low", "medium", "high")
    }
    return load_text(json.dumps(document, indent=1), f"{name}.yaml")


def test_a_second_base_is_refused_whichever_comes_first() -> None:
    mine = base("mine")
    for packs in ([mine, BASE], [BASE, mine]):
        with pytest.raises(PackError) as raised:
            compose(packs)
        says = "mine.yaml:3: a second base beside asean-guide; one policy has one base."
        assert str(raised.value).startswith(says)
        assert len(str(raised.value).splitlines()) == 1
    with pytest.raises(PackError, match=r"^other.yaml:3: a second base beside mine; "):
        compose([mine, base("other")])
    assert list(compose([mine], frameworks=frameworks()).rules) == ["XX-1"]


def test_an_unknown_signal_is_named_with_the_nearest() -> None:
    known = {rule.signal for rule in BASE.rules} - {"drift.psi"} | {"drift.psy"}
    message = refusal(signals=dict.fromkeys(known, frozenset()))
    assert "rule DR-1: no signal is called 'drift.psi'; did you mean 'drift.psy'?" in message
    assert message.startswith("asean-guide.yaml:")


def test_a_rule_about_something_that_its_signal_is_never_measured_of_is_refused() -> None:
    text = json.dumps(
        {
            **next(r for r in BASE.rules if r.id == "DR-1").model_dump(mode="json"),
            "id": "DR-9",
            "subjects": ["feature", "attribute"],
            "persistence": BASE.defaults.persistence.model_dump(mode="json")
            if BASE.defaults
            else None,
            "clear_after": None,
            "escalation": None,
        }
    )
    mine = overlay(f"rules: [{text}]\n")
    message = refusal(mine, signals=known_signals())
    says = "drift.psi is never measured of 'attribute', only of: feature, output"
    assert message == f"mine.yaml:7: rule DR-9: {says}"
    # Of a signal of another package nothing more than its name may be known.
    assert policy(mine, signals={**known_signals(), "drift.psi": frozenset()}).rule("DR-9")


def test_a_framework_holds_the_list_of_its_places() -> None:
    feat = Framework.model_validate(
        {
            "id": "mas-feat",
            "key": "FEAT",
            "title": "FEAT",
            "kind": "guide",
            "verified_on": "2026-11-22",
            "confidence": "high",
            "items": [{"id": str(i), "title": "x"} for i in (1, 3, 4)],
        }
    )
    message = refusal(frameworks={"FEAT": feat})
    assert "rule HO-1: 'FEAT:6': FEAT has no '6'; one of: 1, 3, 4" in message


@pytest.mark.parametrize(
    ("reference", "item", "is_covered"),
    [
        ("Art12(2)(a)", "Art12", True),
        ("Art12", "Art12", True),
        ("14.1.c", "14.1", True),
        ("MEASURE-2.11", "MEASURE-2.1", False),
        ("Art12", "Art12(2)", False),
    ],
)
def test_a_place_is_covered_by_its_parts_only(reference: str, item: str, is_covered: bool) -> None:
    assert covers(reference, item) is is_covered


def _write(folder: Path, name: str, include: str) -> str:
    file = folder / f"{name}.yaml"
    file.write_text(f"id: {name}\n" + HEAD.format(kind="team") + f"include: {include}\n")
    return str(file)


def test_includes_come_along_once_and_circles_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = _write(tmp_path, "one", "[two.yaml, asean-guide]")
    two = _write(tmp_path, "two", "[asean-guide]")
    assert [pack.id for pack in load_packs([one, two])] == ["asean-guide", "two", "one"]
    _write(tmp_path, "two", "[one.yaml]")
    circle = r"^two.yaml:7: the packs include each other in a circle: one -> two -> one; "
    with pytest.raises(PackError, match=circle + "take 'one.yaml' out of `include`, or break it"):
        load_packs([one])
    three = _write(tmp_path, "three", "[asean-giude]")
    with pytest.raises(PackError, match=r"three.yaml:7: .*'asean-giude'; did you mean 'asean-gui"):
        load_packs([three])


def test_one_file_is_one_pack_however_it_is_spelled(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    one = _write(tmp_path, "one", "[asean-guide]")
    _write(tmp_path, "two", "[./sub/../one.yaml]")
    names = [one, str(tmp_path / "sub" / ".." / "two.yaml")]
    assert [pack.id for pack in load_packs(names)] == ["asean-guide", "one", "two"]


def test_a_pack_that_includes_itself_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PackError, match=r"^self.yaml:7: the packs .* in a circle: self -> self; "):
        load_packs([_write(tmp_path, "self", "[self.yaml]")])


def test_what_cannot_be_included_is_told_where_it_is_included(tmp_path: Path) -> None:
    (tmp_path / "sub.yaml").mkdir()
    (tmp_path / "bad.yaml").write_bytes(b"id: a\ntitle: \xff")
    _write(tmp_path, "our-bank", "[asean-guide]")
    _write(tmp_path, "deep", "[asean-guide, our-bnak.yaml]")
    for include, says in (
        ("nowhere.yaml", "'nowhere.yaml' cannot be read: there is no such file$"),
        ("our-bnk.yaml", "no such file; did you mean 'our-bank.yaml'[?]$"),
        ("asean-guide.yaml", "no such file; did you mean 'asean-guide'[?]$"),
        ("none/our-bank.yaml", "no such file$"),
        ("sub.yaml", "'sub.yaml' cannot be read: it is a folder$"),
        ("bad.yaml", "'bad.yaml' cannot be read as UTF-8 text: the byte 0xff on line 2 is none$"),
        ("/dev/null/x.yaml", "'/dev/null/x.yaml' cannot be read: Not a directory$"),
    ):
        one = _write(tmp_path, "one", f"[asean-guide, {include}]")
        with pytest.raises(PackError, match=f"^{one}:7: .*{says}"):
            load_packs([one])
    one = _write(tmp_path, "one", "[deep.yaml]")
    with pytest.raises(PackError, match=f"^{tmp_path}/deep.yaml:7: 'our-bnak.yaml' cannot be read"):
        load_packs([one])


def test_a_pack_is_no_pipe_and_no_device(tmp_path: Path) -> None:
    """Reading one may never end."""
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    for name in ("pipe.yaml", "zero.yaml"):
        with pytest.raises(PackError, match="cannot be read: it is no regular file"):
            load_packs([str(tmp_path / name)])


def test_packs_that_include_each_other_without_end_are_refused(tmp_path: Path) -> None:
    for i in range(400):
        _write(tmp_path, f"p{i}", f"[p{i + 1}.yaml]")
    with pytest.raises(PackError, match=r"p49.yaml:7: 'p50.yaml' is included through 50 packs"):
        load_packs([str(tmp_path / "p0.yaml")])


def test_files_of_one_name_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        names.append(_write(tmp_path / folder, "same", "[asean-guide]"))
    with pytest.raises(PackError, match=r"^b/same.yaml:1: a/same.yaml calls itself 'same' as well"):
        compose(load_packs(names), frameworks=frameworks())


def test_country_data_is_in_the_policy_and_in_its_digest() -> None:
    clock = (
        "clocks:\n  - {{id: c, title: C, event: data_breach, starts: confirmed_at, hours: {hours}, "
        "recipient: r, source: s, verified_on: 2026-11-22, confidence: high}}\n"
    )

    def digest(hours: int) -> str:
        body = "country: VN\n" + clock.format(hours=hours)
        made = policy(overlay(body, "country", "country-vn"))
        assert [(c.starts, c.seconds) for c in made.clocks] == [("confirmed_at", hours * 3600)]
        return made.digest

    assert digest(72) != digest(73)


def test_a_shipped_pack_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    load_pack("asean-guide")
    monkeypatch.setattr(policies.load, "load_file", None)
    assert load_pack("asean-guide") is BASE
