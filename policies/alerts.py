"""Findings folded into alerts: one per cause, whatever the number of features, windows or pairs.

A cause is (system, model version, rule, attribute), and what cannot be assessed is another cause
than what is breached.  A window that is incomplete or empty as a whole is one cause for all rules
(label `rule` = `coverage`).  Pure: state in, state out, times are window ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from policies.alert_changes import Stands, changes, closed, settled
from policies.effective import Policy
from policies.engine import Finding
from policies.model import Alert, Severity, Signal, Verdict, Window, subject_text
from policies.wording import Part, alert_texts

BREACH = "PantauBreach"
NOT_ASSESSABLE = "PantauNotAssessable"
COVERAGE_RULE = "coverage"
COVERAGE_PRINCIPLE = "P7"

LABELS = ("alertname", "system", "model_version", "principle", "rule", "attribute", "severity")
"""Exactly the labels of an alert (contract C15); a label that does not apply is empty."""

_LOUDNESS: dict[Severity, int] = {"info": 0, "ticket": 1, "page": 2}
_WEIGHT = {"breach": 3, "warn": 2, "not_assessable": 1, "inconclusive": 0}


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """The findings of one evaluation, with the signals that its report publishes."""

    model_version: str
    findings: tuple[Finding, ...]
    signals: tuple[Signal, ...]


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that stands and the findings it stands for; JSON-able."""

    alert: Alert
    parts: dict[str, Part]


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts to send, in a fixed order, and the causes that changed; None: stands no longer."""

    alerts: tuple[Alert, ...]
    changed: dict[str, Cause | None]


def alerts(
    judged: Sequence[Judged], standing: Mapping[str, Cause], *, system: str, policy: Policy
) -> Folded:
    """Fold evaluations that end at the same time into the alerts that stand for a system.

    Give all windows that end together in one call, so that an alert that moves from one length to
    another does not close and open again.  A changed alert is `raised`, `updated` (other
    annotations) or `closed`; a closed one is complete and carries `resolved_at`.  A change of
    severity changes the labels, so the new alert is raised and the old one closed.  Findings of
    severity `info` alert nobody.  `standing` is by `cause_key`.
    """
    parts: dict[str, dict[str, Part]] = {key: dict(c.parts) for key, c in standing.items()}
    touched: dict[str, _Touched] = {}
    for evaluation in judged:
        published = {(s.name, subject_text(s.subject)): s for s in evaluation.signals}
        for finding in evaluation.findings:
            labels = _labels(finding, system, evaluation.model_version)
            key = cause_key(labels)
            before = standing[key].parts if key in standing else {}
            _apply(parts.setdefault(key, {}), finding, policy, published, before)
            ended = finding.window.end
            if key in touched:
                ended = max(touched[key].at, ended)
            touched[key] = _Touched(labels, ended, finding)
    sent: list[Alert] = []
    changed: dict[str, Cause | None] = {}
    for key in sorted(touched):
        labels, at, last = touched[key]
        old = standing.get(key)
        stood = None if old is None else old.alert
        new = _stand(labels, list(parts[key].values()), policy)
        sent.extend(changes(stood, new, at, why=_resolution(last)))
        now = None if new is None else Cause(alert=settled(stood, new, at), parts=parts[key])
        if now != old:
            changed[key] = now
    return Folded(alerts=tuple(sent), changed=changed)


def retire(
    standing: Mapping[str, Cause], keep: Callable[[Mapping[str, str]], bool], *, at: int, why: str
) -> Folded:
    """Close every alert whose labels `keep` refuses, such as one of a rule or version now gone."""
    gone = [key for key in sorted(standing) if not keep(standing[key].alert.labels)]
    over = []
    for key in gone:
        alert = standing[key].alert
        over.append(closed(alert, at, {**alert.annotations, "resolution": why}))
    return Folded(alerts=tuple(over), changed=dict.fromkeys(gone))


def cause_key(labels: Mapping[str, str]) -> str:
    """Return the identity of a cause: its labels without the severity."""
    return json.dumps([labels[name] for name in LABELS[:-1]], ensure_ascii=False)


def _labels(finding: Finding, system: str, model_version: str) -> dict[str, str]:
    """Return the labels of the cause, severity left open."""
    shared = finding.scope == "window"
    judged = finding.kind in ("breach", "warn")
    return {
        "alertname": BREACH if judged else NOT_ASSESSABLE,
        "system": system,
        "model_version": model_version,
        "principle": COVERAGE_PRINCIPLE if shared else finding.verdict.principle,
        "rule": COVERAGE_RULE if shared else finding.verdict.rule,
        "attribute": "" if shared else finding.verdict.subject.get("attribute", ""),
        "severity": "",
    }


def _apply(
    parts: dict[str, Part],
    finding: Finding,
    policy: Policy,
    published: Mapping[tuple[str, str], Signal],
    before: Mapping[str, Part],
) -> None:
    """Change the parts of one cause by one finding; `before`: those that stood before this fold."""
    shared = finding.scope == "window"
    subject = {} if shared else finding.verdict.subject
    key = f"{finding.length}|{subject_text(subject)}"
    if finding.action == "clear" or finding.severity == "info":
        parts.pop(key, None)
        return
    old = parts.get(key)
    verdict = finding.verdict
    if finding.action == "keep" and old is not None and not _shows(finding):
        parts[key] = msgspec.structs.replace(old, now=verdict.state)
        return
    rule = policy.rule(verdict.rule)
    signal = None if shared else _pointed_at(verdict, published)
    # A verdict that was not assessable before the window broke says nothing of when it broke.
    began = finding.window.start if shared else verdict.since
    # A warning that becomes a breach is cleared and raised in one go, and is no new finding.
    earlier = old or before.get(key)
    parts[key] = Part(
        kind=finding.kind,
        severity=finding.severity,
        subject=subject,
        signal=rule.signal if rule and not shared else "",
        window=finding.window,
        since=began if old is None else min(began, old.since),
        now=verdict.state,
        threshold=verdict.threshold,
        value=signal.value if signal else None,
        low=signal.low if signal else None,
        high=signal.high if signal else None,
        level=signal.level if signal else None,
        n=signal.n if signal else None,
        reason=verdict.reason,
        reference=signal.reference if signal else None,
        raised=finding.window.end if earlier is None else earlier.raised,
    )


def _shows(finding: Finding) -> bool:
    """Tell whether this window says something of what stands; others leave the words as they are.

    One that is incomplete has an alert of its own, and one without a signal says nothing.
    """
    verdict = finding.verdict
    incomplete = (verdict.reason or "").startswith("incomplete")
    if finding.scope == "rule" and (incomplete or not verdict.because):
        return False
    judged = finding.kind in ("breach", "warn")
    return verdict.state != "ok" and (verdict.state in ("breach", "warn")) == judged


def _pointed_at(verdict: Verdict, published: Mapping[tuple[str, str], Signal]) -> Signal | None:
    pointers = ((pointer.name, subject_text(pointer.subject)) for pointer in verdict.because)
    return next((published[p] for p in pointers if p in published), None)


class _Touched(NamedTuple):
    labels: dict[str, str]
    at: int
    last: Finding


def _stand(labels: dict[str, str], parts: list[Part], policy: Policy) -> Stands | None:
    if not parts:
        return None
    loudest = max((part.severity for part in parts), key=_LOUDNESS.__getitem__)
    return Stands(
        {**labels, "severity": loudest},
        alert_texts(
            sorted(parts, key=_telling),
            system=labels["system"],
            model_version=labels["model_version"],
            policy=policy,
            rule=policy.rule(labels["rule"]),
        ),
    )


def _telling(part: Part) -> tuple[float | str, ...]:
    """Sort key: worst kind, newest window, longest window, farthest value, then the name."""
    far = 0.0
    if part.value is not None:
        far = abs(part.value) if part.threshold.op == "abs>" else part.value
        far = -far if part.threshold.op == "<" else far
    return (
        -_WEIGHT[part.kind],
        -part.window.end,
        -_seconds(part.window),
        -far,
        subject_text(part.subject),
    )


def _seconds(window: Window) -> int:
    return window.end - window.start


def _resolution(last: Finding) -> str:
    """Return why an alert that stands no longer is over, by the finding that ended it."""
    if last.kind in ("breach", "warn"):
        return "back inside the limit"
    verdict = last.verdict
    if verdict.state != "not_assessable" or last.scope == "window":
        return "assessable again"
    return f"no longer awaited in windows of {last.length}: {verdict.reason}"
