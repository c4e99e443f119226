"""What an alert says: what, how bad, since when, probably why, and what to do next.

Values of groups come only from published signals (contract C8); groups are named only where a
verdict's own subject names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from policies.clocks import EVENT_WORDS
from policies.effective import Policy, Rule
from policies.judge import INCONCLUSIVE
from policies.model import (
    LOST_REASONS,
    PRINCIPLES,
    Severity,
    State,
    Subject,
    Threshold,
    Window,
    rfc3339,
)
from policies.part import after_words
from policies.subjects import subject_kind

SHOWN = 5
"""How many subjects an alert names before it says how many more there are."""

_OF_DATA = frozenset({"P3", "P5"})
"""Principles whose rules may see personal data go astray: security, and privacy."""

Kind = Literal["breach", "warn", "not_assessable", "inconclusive"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One standing finding inside an alert: one subject at one window length; JSON-able.

    The numbers are those of the newest window that showed it; None where nothing was published.
    `now` is the state of the newest window, which is better than `kind` while it waits to clear.
    `raised`: end of the window that raised the first finding of the run; None: kept by an older
    build.
    """

    kind: Kind
    severity: Severity
    subject: Subject
    signal: str
    window: Window
    since: int
    now: State
    threshold: Threshold
    value: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    n: int | None = None
    reason: str | None = None
    reference: str | None = None
    raised: int | None = None


def alert_texts(
    parts: Sequence[Part], *, system: str, model_version: str, policy: Policy, rule: Rule | None
) -> dict[str, str]:
    """Return the annotations of an alert over `parts`, the most telling first; all are text.

    `rule` None: the windows themselves are incomplete, which concerns every rule.
    """
    head = parts[0]
    texts = {
        "summary": _summary(head, rule, system),
        "state": head.kind,
        "principle": _principle(rule),
        "window": f"{head.window.length} {_window(head.window)}",
        "since": rfc3339(min(part.since for part in parts)),
        "model_version": model_version,
        "policy": policy.digest,
        "likely_cause": _likely_cause(head, rule),
        "recommended_action": _action(head, rule),
    }
    if rule is not None and head.kind != "not_assessable":
        texts["threshold"] = _limit(head.threshold, head.kind)
    clocks = _clocks(policy, rule) if rule is not None and head.kind == "breach" else ""
    if clocks:
        texts["incident_clocks"] = clocks
    if rule is not None and rule.escalation:
        texts["escalation"] = ", ".join(
            f"{step.role} {after_words(step.after)}" for step in rule.escalation
        )
    if head.value is not None:
        texts["value"] = _number(head.value)
        texts["interval"] = f"[{_number(head.low)}, {_number(head.high)}]"
    if head.n is not None:
        texts["n"] = str(head.n)
    if head.reason is not None:
        texts["reason"] = head.reason
    references = sorted({part.reference for part in parts if part.reference is not None})
    if references:
        texts["reference"] = ", ".join(references)
    features = _unique(part.subject["feature"] for part in parts if "feature" in part.subject)
    if features:
        texts["features"] = _joined(features)
    texts["description"] = _description(parts, texts, rule)
    return texts


def _clocks(policy: Policy, rule: Rule) -> str:
    """Return the clocks that a breach of this rule may start, each after what it is about.

    Personal data can be concerned where a rule serves one of `_OF_DATA`; drift is no such breach.
    """
    of_data = not _OF_DATA.isdisjoint((rule.principle, *rule.also))
    kinds = [kind for kind in EVENT_WORDS if kind != "data_breach" or of_data]
    found = {kind: [clock for clock in policy.clocks if clock.event == kind] for kind in kinds}
    return "; ".join(
        f"if this is {EVENT_WORDS[kind]}: "
        + "; ".join(
            f"{clock.title}: {clock.length} from {clock.starts}, to {clock.recipient}"
            for clock in clocks
        )
        for kind, clocks in found.items()
        if clocks
    )


def _summary(head: Part, rule: Rule | None, system: str) -> str:
    if rule is None:
        return f"Windows of {system} are incomplete, so its rules cannot be assessed."
    attribute = head.subject.get("attribute")
    what = f'"{rule.title}" ({attribute})' if attribute else f'"{rule.title}"'
    says = {
        "breach": "is beyond its breach limit",
        "warn": "is beyond its warning limit",
        "not_assessable": "cannot be assessed",
        "inconclusive": "stays undecided",
    }[head.kind]
    return f"{what} {says} in {system}: {_principle(rule)}."


def _description(parts: Sequence[Part], texts: dict[str, str], rule: Rule | None) -> str:
    head = parts[0]
    sentences = [_what(head, texts), f"It has been so since {texts['since']}."]
    if head.now in ("ok", "warn") and head.now != head.kind:
        sentences.append(f"The newest window is {head.now}; it clears when that lasts.")
    others = _unique(subject_words(part.subject) for part in parts if part.subject)
    if rule is not None and len(others) > 1:
        sentences.append(f"Concerned: {_joined(others)}.")
    sentences.append(f"Likely cause: {texts['likely_cause']}.")
    sentences.append(f"Next step: {texts['recommended_action']}.")
    if rule is not None:
        sentences.append(f"Basis: {rule.basis.rstrip('.')}.")
    evidence = f"Judged for model version {texts['model_version']} by policy {texts['policy']}"
    if "reference" in texts:
        evidence += f" against reference {texts['reference']}"
    return " ".join([*sentences, evidence + "."])


def _what(head: Part, texts: dict[str, str]) -> str:
    if not head.signal:
        return f"The {head.window.length} window {_window(head.window)} is {head.reason}."
    subject = subject_words(head.subject)
    name = f"{head.signal} of {subject}" if subject else head.signal
    where = f"in the {head.window.length} window {_window(head.window)}"
    if head.kind in ("not_assessable", "inconclusive"):
        measured = ""
        if head.value is not None:
            measured = f" {texts['value']}, {_interval(head)},"
        return f"{name} is{measured} not assessable ({head.reason}) {where}."
    limit = "breach" if head.kind == "breach" else "warn"
    beyond = f"beyond the {limit} limit {texts['threshold']}"
    if head.value is None:
        return f"{name} is {beyond} {where}; its value is not published at this length."
    return f"{name} is {texts['value']}, {_interval(head)}, {beyond} {where}."


def _interval(part: Part) -> str:
    """Return the interval and n in words; a count or an age has no interval worth the name."""
    if part.low == part.high:
        return "known exactly"
    level = f"{100 * part.level:g} %" if part.level is not None else "?"
    count = f", n {part.n}" if part.n is not None else ""
    return f"{level} interval {_number(part.low)} to {_number(part.high)}{count}"


def _likely_cause(head: Part, rule: Rule | None) -> str:
    if rule is None:
        return "the agent or the source lost, skipped or did not receive part of the stream"
    if head.kind in ("breach", "warn"):
        return rule.likely_cause
    return _CAUSES[_lack(head)]


def _action(head: Part, rule: Rule | None) -> str:
    if rule is None:
        return "look at coverage in the report and at the agent's log, and restore the stream"
    if head.kind in ("breach", "warn"):
        return rule.action
    return _REMEDIES[_lack(head)].replace("$LENGTH", head.window.length)


Lack = Literal["history", "labels", "anything", "values", "certainty"]

_CAUSES: dict[Lack, str] = {
    "history": "the rule compares with earlier windows, and there are too few of them yet",
    "labels": "the labels of this system do not come, or come later than time.label_horizon",
    "anything": "no one of the group, or of a second one, was seen; its field may have changed",
    "values": "too little usable data for this rule in the window",
    "certainty": "too few observations to tell on which side of the limit the value is",
}

_REMEDIES: dict[Lack, str] = {
    "history": "find out why earlier windows had no usable events",
    "labels": (
        "look at what delivers the labels; if they are late, set a longer time.label_horizon, and "
        "if there are never more, a lower min_label_coverage"
    ),
    "anything": (
        "compare the field and its values in newer events with older ones; if the group is gone "
        "for good, take it out of the configured groups or build the reference again"
    ),
    "values": (
        "find out why values are few; if that is normal for this system, judge it over a longer "
        "window (add one to windows; the longest is $LENGTH now) or accept wider intervals by a "
        "lower minimum (min_group_n, min_drift_n or min_performance_n)"
    ),
    "certainty": (
        "find out whether observations have become fewer; if so many are normal for this system, "
        "judge it over a longer window (add one to windows; the longest is $LENGTH now)"
    ),
}
"""Why a rule cannot tell, and what people can do about each; `$LENGTH` is the longest window."""


def _lack(head: Part) -> Lack:
    reason = head.reason or ""
    if reason.endswith("earlier windows"):
        return "history"
    if reason.startswith("label_coverage"):
        return "labels"
    if reason.removeprefix("insufficient_data: ").startswith(LOST_REASONS):
        return "anything"
    return "certainty" if reason == INCONCLUSIVE else "values"


def _principle(rule: Rule | None) -> str:
    if rule is None:
        return "all principles"
    return f"{rule.principle} {PRINCIPLES[rule.principle]}"


def _limit(threshold: Threshold, kind: Kind) -> str:
    limit = threshold.breach if kind == "breach" else threshold.warn
    return f"{threshold.op} {_number(limit)}"


def subject_words(subject: Subject) -> str:
    """Return a subject in words; empty for the system itself."""
    kind = subject_kind(subject)
    if kind == "pair":
        return f"{subject['attribute']} ({subject['group']} against {subject['against']})"
    if kind == "group":
        return f"{subject['attribute']} ({subject['group']})"
    if kind == "class":
        return f"class {subject['class']}"
    return next(iter(subject.values()), "")


def _window(window: Window) -> str:
    return f"{rfc3339(window.start)} to {rfc3339(window.end)}"


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"


def _unique(names: object) -> list[str]:
    return list(dict.fromkeys(names))  # type: ignore[call-overload]


def _joined(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    text = ", ".join(names[:SHOWN])
    return f"{text} and {more} more" if more > 0 else text
