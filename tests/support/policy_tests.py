"""Writes the matrix of shipped policy tests: every rule, at every oversight level, in every state.

`python -m tests.support.policy_tests` writes `policies/tests/`.  The files state limits as plain
numbers, so that a limit that is changed by accident fails them; write them again only after a
change that was meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import policies
from policies.effective import Policy, Rule, effective
from policies.load import load_pack, load_packs
from policies.model import Threshold
from policies.part import OVERSIGHT
from policies.table import PACKS

FOLDER = Path(policies.__file__).parent / "tests"
SUBJECTS = {
    "system": "{}",
    "feature": "{feature: income}",
    "output": "{output: score}",
    "attribute": "{attribute: gender}",
    "group": "{attribute: gender, group: female}",
    "class": "{class: one}",
}
HEAD = """\
# Every rule of {name}{what}, at every oversight level: inside, across and beyond
# its limits, and without a value.  Written by `python -m tests.support.policy_tests`; run it with
# `pantau policy test policies/tests/{file}`.
packs: [{name}]
maturity: advanced
tests:
"""


def written() -> dict[str, str]:
    """Return file name -> text, for each pack that brings or changes rules."""
    found = {}
    for name in PACKS:
        body = "".join(_tests(name))
        if body:
            what = "" if load_pack(name).kind == "base" else " that it adds or changes"
            found[f"{name}.yaml"] = HEAD.format(name=name, what=what, file=f"{name}.yaml") + body
    return found


def _tests(name: str) -> Iterator[str]:
    told: dict[tuple[str, str, Threshold, str, str], list[str]] = {}
    for level in OVERSIGHT:
        if not _level_is_allowed(name, level):
            continue
        policy = effective(load_packs([name]), oversight=level, maturity="advanced")
        base = effective(load_packs(["asean-guide"]), oversight=level, maturity="advanced")
        for rule in policy.rules:
            if not _is_of(name, rule, base):
                continue
            for kind in rule.subjects:
                key = (rule.id, kind, rule.threshold, rule.breach_severity, rule.warn_severity)
                told.setdefault(key, []).append(level)
    for (rule_id, kind, threshold, breach, warn), levels in told.items():
        signal = next(r.signal for p in load_packs([name]) for r in p.rules if r.id == rule_id)
        yield _test(rule_id, signal, SUBJECTS[kind], threshold, breach, warn, levels)


def _level_is_allowed(name: str, level: str) -> bool:
    return all(demand.oversight in (None, level) for demand in load_pack(name).requires)


def _is_of(name: str, rule: Rule, base: Policy) -> bool:
    """Tell whether a pack brings a rule or changes what it decides."""
    known = base.rule(rule.id)
    if load_pack(name).kind == "base" or known is None:
        return True
    changed = {change.rule for change in load_pack(name).changes}
    return rule.id in changed


def _test(
    rule: str,
    signal: str,
    subject: str,
    threshold: Threshold,
    breach: str,
    warn: str,
    levels: list[str],
) -> str:
    lines = [
        f"  - name: {rule} {threshold.op} {threshold.warn:g}, {_breach(threshold)} of {subject}",
        f"    oversight: [{', '.join(levels)}]",
        "    windows:",
    ]
    for state, severity, reason, given in _states(threshold, breach, warn):
        what = f"name: {signal}, subject: {subject}, {given}"
        expected = f"rule: {rule}, subject: {subject}, state: {state}"
        if severity:
            expected += f", severity: {severity}"
        if reason:
            expected += f', reason: "{reason}"'
        lines.append(f"      - {{signals: [{{{what}}}], expect: [{{{expected}}}]}}")
    quoted = lines[0].replace("name: ", 'name: "', 1) + '"'
    return "\n".join([quoted, *lines[1:]]) + "\n"


def _breach(threshold: Threshold) -> str:
    return f"{threshold.breach:g}" if threshold.can_breach else "never"


def _states(limits: Threshold, breach: str, warn: str) -> Iterator[tuple[str, str, str, str]]:
    """Give state, severity, reason and the signal's numbers."""
    # Where nothing is a breach, twice as far as the warn limit, or by 1, stays a warning.
    w = limits.warn
    b = limits.breach if limits.can_breach else 2 * (w or 1)
    half = abs(b - w) / 2
    if limits.op == "<":
        across = f"low: {w - half:.6g}, high: {w:.6g}"
        beyond = b - half
    else:
        across = f"low: {max(w - half, 0):.6g}, high: {w + half:.6g}"
        beyond = -(b + half) if limits.op == "abs>" else b + half
    yield "ok", "info", "", f"value: {w:.6g}"
    yield "not_assessable", "info", "inconclusive", across
    yield "warn", warn, "", f"value: {(w + b) / 2:.6g}"
    if limits.can_breach:
        yield "breach", breach, "", f"value: {beyond:.6g}"
    else:
        yield "warn", warn, "", f"value: {beyond:.6g}"
    yield (
        "not_assessable",
        "",
        "insufficient_data: too few",
        "status: insufficient_data, reason: too few, n: 3",
    )


if __name__ == "__main__":
    for file_name, text in written().items():
        (FOLDER / file_name).write_text(text, encoding="utf-8")
        print(f"wrote policies/tests/{file_name}")
