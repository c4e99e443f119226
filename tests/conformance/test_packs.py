"""What every policy pack of the table must keep; a new line in the table is tested at once."""

from __future__ import annotations

import itertools
from functools import cache

import msgspec
import pytest

from agent.signals.table import all_signals
from policies.alerts import Judged, alerts
from policies.effective import Policy, Rule, effective
from policies.engine import Finding, evaluate
from policies.load import load_pack, load_packs
from policies.memory import Memory
from policies.model import (
    PRINCIPLES,
    Alert,
    Coverage,
    Signal,
    Subject,
    Verdict,
    Window,
    measured,
    unmeasured,
)
from policies.pack import MATURITY, OVERSIGHT, Maturity, Oversight
from policies.table import PACKS

MAX_TEXT = 1_000_000
"""Bytes of a policy's text; the audit log keeps it once per digest, beside the records."""

WINDOW = Window(0, 86_400, "1d")
SUBJECTS: dict[str, Subject] = {
    "system": {},
    "feature": {"feature": "income"},
    "output": {"output": "score"},
    "attribute": {"attribute": "race"},
    "group": {"attribute": "race", "group": "white"},
    "class": {"class": "1"},
}

every_pack = pytest.mark.parametrize("name", sorted(PACKS))
every_base = pytest.mark.parametrize(
    "name", [name for name in sorted(PACKS) if load_pack(name).kind == "base"]
)
every_level = pytest.mark.parametrize("level", OVERSIGHT)


@cache
def _policy(name: str, level: Oversight, stage: Maturity = "advanced") -> Policy:
    return effective(load_packs([name]), oversight=level, maturity=stage)


def _judge(rule: Rule, signal: Signal | None) -> list[Verdict]:
    policy = Policy(id="one", rules=(rule,), digest="sha256:0", text=b"")
    signals = () if signal is None else (signal,)
    return list(
        evaluate(
            policy,
            model_version="*",
            window=WINDOW,
            signals=signals,
            coverage=Coverage(events=1000),
            memory={},
            longest=True,
        ).verdicts
    )


def _signal(rule: Rule, kind: str, low: float, high: float) -> Signal:
    middle = (low + high) / 2
    return measured(rule.signal, SUBJECTS[kind], middle, low, high, n=1000, method="synthetic")


def _intervals(rule: Rule) -> dict[str, tuple[float, float]]:
    """Return an interval for each state: beyond breach, between the limits, inside, across."""
    warn, breach = rule.threshold.warn, rule.threshold.breach
    step = 1e-6
    if not rule.threshold.can_breach:
        over, under = (warn + step, warn + 1), (warn, warn + 1)
        return {"warn": over, "ok": (0.0, warn), "not_assessable": under}
    if rule.threshold.op == "<":
        between = (breach, warn - step)
        return {
            "breach": (breach - step, breach - step),
            "warn": between,
            "ok": (warn, warn + step),
            "not_assessable": (breach - step, warn),
        }
    return {
        "breach": (breach + step, breach + 1),
        "warn": (warn + step, breach),
        "ok": (0.0, warn),
        "not_assessable": (warn, breach + 1),
    }


@every_base
def test_all_seven_principles_have_a_rule_at_every_level_and_stage(name: str) -> None:
    for level, stage in itertools.product(OVERSIGHT, MATURITY):
        rules = _policy(name, level, stage).rules
        assert {rule.principle for rule in rules} == set(PRINCIPLES), (level, stage)


@every_pack
def test_ids_are_unique_and_say_what_they_are(name: str) -> None:
    pack = load_pack(name)
    ids = [rule.id for rule in pack.rules]
    assert len(set(ids)) == len(ids)
    assert pack.id == name
    assert pack.disclaimer
    if pack.kind == "base":
        assert pack.voluntary
        assert "not ASEAN requirements" in pack.disclaimer


@every_pack
def test_every_number_has_an_origin_and_borrowed_ones_name_their_source(name: str) -> None:
    pack = load_pack(name)
    sources = {source.id for one in load_packs([name]) for source in one.sources}
    for rule in pack.rules:
        levels = [getattr(rule.thresholds, level) for level in OVERSIGHT]
        given = [limits for limits in levels if limits is not None]
        origins = {limit.origin for limits in given for limit in limits.given}
        assert origins <= {"convention", "tool_default", "law_elsewhere", "ours"}
        assert set(rule.sources) <= sources
        assert (origins == {"ours"}) == (rule.sources == ()), rule.id
        assert rule.basis


@every_pack
def test_rules_judge_signals_that_there_are(name: str) -> None:
    assert {rule.signal for rule in load_pack(name).rules} <= set(all_signals())


@every_pack
def test_law_is_referred_to_with_a_date_and_how_sure_we_are(name: str) -> None:
    for key, target in load_pack(name).crosswalks.items():
        assert target.verified_on is not None, key
        assert target.confidence in ("high", "medium", "low")


@every_pack
def test_drift_alone_never_pages_and_nothing_less_than_a_breach_does(name: str) -> None:
    for rule in load_pack(name).rules:
        assert rule.severity.warn != "page", rule.id
        if rule.signal.startswith("drift."):
            assert rule.severity.breach == "ticket", rule.id


@every_pack
@every_level
def test_each_rule_reaches_each_state_at_each_level(name: str, level: Oversight) -> None:
    for rule in _policy(name, level).rules:
        for kind, (state, bounds) in itertools.product(rule.subjects, _intervals(rule).items()):
            (verdict,) = _judge(rule, _signal(rule, kind, *bounds))
            assert (verdict.state, verdict.subject) == (state, SUBJECTS[kind]), rule.id
            assert verdict.reason == ("inconclusive" if state == "not_assessable" else None)


@every_pack
@every_level
def test_no_rule_reads_a_gap_as_ok(name: str, level: Oversight) -> None:
    for rule in _policy(name, level).rules:
        (absent,) = _judge(rule, None)
        assert (absent.state, absent.subject) == ("not_assessable", {})
        assert absent.reason == f"signal_not_available: {rule.signal}"
        for status in ("insufficient_data", "no_reference", "suppressed"):
            for kind in rule.subjects:
                signal = unmeasured(
                    rule.signal, SUBJECTS[kind], status, "too few", n=3, method="synthetic"
                )
                (verdict,) = _judge(rule, signal)
                assert verdict.state == "not_assessable"
                assert verdict.reason == f"{status}: too few"


@every_pack
def test_the_tighter_the_oversight_the_tighter_the_limits(name: str) -> None:
    """More human control is asked for where harm is greater, so limits never loosen with it."""
    for spec in load_pack(name).rules:
        levels = [getattr(spec.thresholds, level) for level in OVERSIGHT]
        given = [limits for limits in levels if limits is not None]
        sign = -1 if spec.op == "<" else 1
        for tight, loose in itertools.pairwise(given):
            if spec.id == "HO-1":
                continue  # a supervisor overrides less often than somebody who decides each case
            assert sign * tight.warn.at <= sign * loose.warn.at, spec.id
            if tight.breach is None or loose.breach is None:
                assert loose.breach is None, spec.id
                continue
            assert sign * tight.breach.at <= sign * loose.breach.at, spec.id


@every_pack
def test_the_effective_policy_is_json_of_a_size_to_keep(name: str) -> None:
    for level, stage in itertools.product(OVERSIGHT, MATURITY):
        policy = _policy(name, level, stage)
        assert msgspec.json.decode(policy.text)["rules"]
        assert len(policy.text) <= MAX_TEXT


@every_pack
@every_level
def test_an_alert_names_principle_rule_reason_and_the_next_step(
    name: str, level: Oversight
) -> None:
    policy = _policy(name, level, "baseline")
    for rule in policy.rules:
        worst = _intervals(rule)
        _, high = worst["breach" if rule.threshold.can_breach else "warn"]
        signal = _signal(rule, rule.subjects[0], high, high)
        told = _alerts(policy, rule, signal)
        for alert in told:
            texts = alert.annotations
            assert alert.labels["rule"] == rule.id
            assert alert.labels["principle"] == rule.principle
            assert f"{rule.principle} {PRINCIPLES[rule.principle]}" in texts["summary"]
            assert rule.title in texts["summary"]
            assert texts["likely_cause"] == rule.likely_cause
            assert texts["recommended_action"] == rule.action
            assert rule.basis.rstrip(".") in texts["description"]
            assert texts["threshold"].startswith(rule.threshold.op)
        loudest = rule.breach_severity if rule.threshold.can_breach else rule.warn_severity
        assert bool(told) == (loudest != "info")


def _alerts(policy: Policy, rule: Rule, signal: Signal) -> tuple[Alert, ...]:
    """Return what a rule sends when its three longest windows in a row are in breach."""
    memory: dict[str, Memory] = {}
    findings: list[Finding] = []
    alone = msgspec.structs.replace(policy, rules=(rule,))
    for day in range(3):
        window = Window(day * 86_400, (day + 1) * 86_400, "1d")
        found = evaluate(
            alone,
            model_version="*",
            window=window,
            signals=(signal,),
            coverage=Coverage(events=1000),
            memory=memory,
            longest=True,
        )
        memory.update(found.memory)
        findings = list(found.findings)
    judged = Judged(model_version="*", findings=tuple(findings), signals=(signal,))
    return alerts([judged], {}, system="loans", policy=policy).alerts
