"""The engine: signals of one window, judged by a policy.  Pure functions; the caller keeps memory.

A verdict's *state* comes from this window's interval alone (`policies.judge`).  Whether somebody
is told (a `Finding`) depends also on earlier windows (`policies.memory`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Literal, NamedTuple

import msgspec

from policies.effective import Policy, Rule
from policies.judge import INCONCLUSIVE, beyond_doubt, interval, judge
from policies.memory import (
    Memory,
    Observation,
    base_of,
    memory_key,
    remember,
    since,
    subjects_by_rule,
)
from policies.model import (
    LOST_REASONS,
    AwaitedLabels,
    Because,
    Coverage,
    Judging,
    Severity,
    Signal,
    State,
    Subject,
    Verdict,
    Window,
    subject_text,
    verdict_order,
)
from policies.relief import is_relieved
from policies.subjects import group_of, subject_from, subject_kind

__all__ = [
    "Evaluation",
    "Finding",
    "LabelGate",
    "Memory",
    "evaluate",
    "gate_from",
    "judging_of",
    "not_any_more",
]

Kind = Literal["breach", "warn", "not_assessable", "inconclusive"]
Action = Literal["raise", "keep", "clear"]
Scope = Literal["rule", "window"]

SELECTIVE = "selective_labels"

LASTING_REASONS = (
    "not_applicable",
    "not_configured",
    "only_in_run",
    "published_at",
    SELECTIVE,
)
"""Reasons of signals that will not go away by waiting; they show, but call nobody."""


def lasting_reason(reason: str | None) -> str | None:
    """Return which of the lasting reasons a signal gives, None if it gives another or none."""
    return next((word for word in LASTING_REASONS if (reason or "").startswith(word)), None)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody may have to know, after persistence and hysteresis.

    `raise`: it stands from this window on; `keep`: it still stands (perhaps this window alone
    would not raise it); `clear`: it no longer stands.  `verdict` is this window's, whose state may
    therefore be better than `kind`; of a group that cannot be judged it is that of its pair.
    `severity` `info` is shown and alerts nobody.  `scope` is
    `window` when the window as a whole could not be judged, so that all rules share one cause.
    """

    kind: Kind
    action: Action
    verdict: Verdict
    window: Window
    severity: Severity
    scope: Scope = "rule"

    @property
    def length(self) -> str:
        """The window length on which it was found."""
        return self.window.length


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What one window came to.

    `verdicts` are in the order of contract C4.  `memory` has the entries that changed, by
    `memory_key`; the caller merges them into what it keeps.
    """

    verdicts: tuple[Verdict, ...]
    memory: dict[str, Memory]
    findings: tuple[Finding, ...]


ABSENT = "signal_not_available"
"""Reason of a verdict on a subject that no signal of the window speaks of."""

PROVISIONAL = "provisional"
"""Reason of a verdict that waits for labels or reviews; it is no finding."""


class LabelGate(msgspec.Struct, frozen=True, kw_only=True):
    """When verdicts on signals that are made from labels are decided (contract C9).

    So are those on signals made from human decisions that come later, by a gate of their own.

    `signals` names these signals.  Before the window is `mature` their verdicts are provisional:
    nothing is remembered and nobody is told.  Then they are decided once, if the share `coverage`
    of labelled predictions reaches `needed`; `of` says in words of what it is.  `favourable` is
    that share among favourable predictions, where labels were expected of all: if even these have
    too few, labels that look selective are missing, which somebody has to know.  `only`: judge
    only them, because everything else was judged before.
    """

    signals: frozenset[str]
    mature: bool
    coverage: float | None
    needed: float
    of: str = "predictions"
    favourable: float | None = None
    only: bool = False


def judging_of(
    policy: Policy,
    *,
    longest: bool,
    labels: LabelGate | None,
    reviews: LabelGate | None = None,
    between: Sequence[str] = (),
) -> Judging:
    """Return what `evaluate` was given that neither the signals nor the policy tell."""
    of_rules = {rule.signal for rule in policy.rules}
    return Judging(
        longest=longest,
        labels=_awaited(labels, of_rules),
        reviews=_awaited(reviews, of_rules) or msgspec.UNSET,
        between=tuple(name for name in between if name in of_rules),
    )


def _awaited(gate: LabelGate | None, of_rules: Set[str]) -> AwaitedLabels | None:
    if gate is None:
        return None
    return AwaitedLabels(
        signals=tuple(sorted(of_rules & gate.signals)),
        mature=gate.mature,
        coverage=gate.coverage,
        needed=gate.needed,
        of=gate.of,
        only=gate.only,
        favourable=gate.favourable,
    )


def gate_from(awaited: AwaitedLabels | msgspec.UnsetType | None) -> LabelGate | None:
    """Return the gate that a part of `judging_of` was made from."""
    if awaited is None or awaited is msgspec.UNSET:
        return None
    return LabelGate(
        signals=frozenset(awaited.signals),
        mature=awaited.mature,
        coverage=awaited.coverage,
        needed=awaited.needed,
        of=awaited.of,
        only=awaited.only,
        favourable=awaited.favourable,
    )


def not_any_more(said: Verdict, coverage: Coverage, window: Window) -> Verdict:
    """Return what is left of a verdict whose window has become incomplete (contract C11)."""
    return msgspec.structs.replace(
        said,
        state="not_assessable",
        severity="ticket",
        reason=f"incomplete: {coverage.incomplete_because}",
        since=said.since if said.state == "not_assessable" else window.start,
    )


class _Judgement(NamedTuple):
    subject: Subject
    state: State
    reason: str | None
    observation: Observation
    because: tuple[Because, ...]
    published: bool
    clear: State | None = None
    urgent: bool = False
    whole: bool = True
    heir_of: Memory | None = None


class _Scene(NamedTuple):
    """What every rule of one evaluation looks at."""

    policy: Policy
    model_version: str
    window: Window
    coverage: Coverage
    signals: dict[str, dict[str, Signal]]
    hidden: frozenset[tuple[str, str]]
    remembered: dict[str, dict[str, Memory]]
    longest: bool
    gates: tuple[LabelGate, ...]

    def gate(self, signal: str) -> LabelGate | None:
        """Return the gate that holds back verdicts on a signal."""
        return next((gate for gate in self.gates if signal in gate.signals), None)


def evaluate(
    policy: Policy,
    *,
    model_version: str,
    window: Window,
    signals: Sequence[Signal],
    coverage: Coverage,
    memory: Mapping[str, Memory],
    longest: bool,
    hidden: Sequence[Signal] = (),
    labels: LabelGate | None = None,
    reviews: LabelGate | None = None,
) -> Evaluation:
    """Judge one window of one model version.

    `hidden` are signals that may be judged but not published at this window length (contract C8);
    they take the place of published ones of the same name and subject, and verdicts made from
    them say no more than the status.  `longest` tells whether this is the longest window that the
    system has: only there do missing values and undecided verdicts become findings, since a short
    window with few rows is nothing to act on.

    The same window may come again at a higher revision: it is judged from the memory before it.
    A window older than what is remembered gets verdicts, but changes no memory and finds nothing.
    `labels` holds back the verdicts that wait for labels, `reviews` those that wait for human
    decisions; None holds back none.
    """
    scene = _Scene(
        policy=policy,
        model_version=model_version,
        window=window,
        coverage=coverage,
        signals=_by_name(signals, hidden),
        hidden=frozenset((s.name, subject_text(s.subject)) for s in hidden),
        remembered=subjects_by_rule(memory, model_version, window.length),
        longest=longest,
        gates=tuple(gate for gate in (labels, reviews) if gate is not None),
    )
    verdicts: list[Verdict] = []
    findings: list[Finding] = []
    changed: dict[str, Memory] = {}
    for rule in policy.rules:
        if any(gate.only for gate in scene.gates) and scene.gate(rule.signal) is None:
            continue
        if _must_wait(scene, rule):
            verdicts.extend(_provisional(scene, rule))
            continue
        for judgement in _judgements(scene, rule):
            key = memory_key(rule.id, model_version, window.length, subject_text(judgement.subject))
            known = memory.get(key, judgement.heir_of)
            verdict = _verdict(scene, rule, judgement, since(known, judgement.state, window))
            if judgement.published:
                verdicts.append(verdict)
            if known is not None and window.end < known.window_end:
                continue
            relieved = is_relieved(
                base_of(known, window),
                memory,
                rule=rule,
                model_version=model_version,
                subject=subject_text(judgement.subject),
                window=window,
                seen=judgement.observation,
            )
            entry = remember(
                known,
                rule=rule,
                window=window,
                state=judgement.state,
                observation=judgement.observation,
                clear=judgement.clear,
                longest=longest,
                urgent=judgement.urgent,
                whole=judgement.whole,
                relieved=relieved,
            )
            if entry != known:
                changed[key] = entry
            findings.extend(_findings(rule, known, entry, verdict, window))
    return Evaluation(
        verdicts=tuple(sorted(verdicts, key=verdict_order)),
        memory=changed,
        findings=tuple(findings),
    )


def _must_wait(scene: _Scene, rule: Rule) -> bool:
    gate = scene.gate(rule.signal)
    return gate is not None and not gate.mature


def _provisional(scene: _Scene, rule: Rule) -> Iterator[Verdict]:
    """Give the verdicts of a rule that waits, one for each subject that it will judge."""
    of_rule = [
        signal
        for _, signal in sorted(scene.signals.get(rule.signal, {}).items())
        if subject_kind(signal.subject) in rule.subjects
    ]
    pointers: list[tuple[Subject, tuple[Because, ...]]] = [
        (s.subject, (Because(s.name, s.subject),)) for s in of_rule
    ]
    for subject, because in pointers or [({}, ())]:
        judgement = _Judgement(
            subject=subject,
            state="not_assessable",
            reason=PROVISIONAL,
            observation="unnoticed",
            because=because,
            published=True,
        )
        yield _verdict(scene, rule, judgement, scene.window.start)


def _too_few_labels(scene: _Scene, rule: Rule) -> str | None:
    """Return why a mature window's labels do not suffice, None if they do or none are needed."""
    labels = scene.gate(rule.signal)
    if labels is None or labels.coverage is None:
        return None
    if labels.coverage >= labels.needed:
        return None
    return f"label_coverage: {labels.coverage:.2f} of {labels.of}, needed {labels.needed:g}"


def _whatever_labels_come(scene: _Scene, signal: Signal) -> bool:
    """Tell whether a signal lacks something that more labels would not mend."""
    labels = scene.gate(signal.name)
    if labels is not None and (signal.reason or "").startswith(SELECTIVE):
        return labels.favourable is None or labels.favourable >= labels.needed
    return _why_unmeasured(scene, signal) == "permanent"


def _by_name(signals: Sequence[Signal], hidden: Sequence[Signal]) -> dict[str, dict[str, Signal]]:
    found: dict[str, dict[str, Signal]] = {}
    for signal in (*signals, *hidden):
        found.setdefault(signal.name, {})[subject_text(signal.subject)] = signal
    return found


def _judgements(scene: _Scene, rule: Rule) -> Iterator[_Judgement]:
    """Give a judgement for each subject that the rule speaks of in this window, once each."""
    candidates = scene.signals.get(rule.signal, {})
    seen: set[str] = set()
    for text, signal in sorted(candidates.items()):
        kind = subject_kind(signal.subject)
        if kind in rule.subjects:
            seen.add(text)
            judgement = _judgement(scene, rule, text, signal)
            yield judgement._replace(whole=_is_whole(candidates, signal))
    if not seen:
        seen.add("{}")
        yield _absent(scene, rule, {})
    if "attribute" in rule.subjects:
        yield from _pairs(scene, rule, candidates, seen)
    yield from _vanished(scene, rule, seen)


def _is_whole(candidates: Mapping[str, Signal], signal: Signal) -> bool:
    """Tell whether every pair of groups that an attribute's worst pair speaks for has a value."""
    attribute = signal.subject.get("attribute")
    return attribute is None or all(
        interval(other) is not None
        for other in candidates.values()
        if other.subject.get("attribute") == attribute and subject_kind(other.subject) == "pair"
    )


def _judgement(scene: _Scene, rule: Rule, text: str, signal: Signal) -> _Judgement:
    because = (Because(signal.name, signal.subject),)
    if not scene.coverage.complete:
        return _incomplete(scene, rule, signal.subject, because)
    too_few = _too_few_labels(scene, rule)
    if too_few is not None and not _whatever_labels_come(scene, signal):
        return _Judgement(
            subject=signal.subject,
            state="not_assessable",
            reason=too_few,
            observation="unmeasured" if scene.longest else "unnoticed",
            because=because,
            published=True,
            # Labels that do not come are a broken feed, not a small system.
            urgent=True,
        )
    bounds = interval(signal)
    if bounds is None:
        is_hidden = (signal.name, text) in scene.hidden
        return _Judgement(
            subject=signal.subject,
            state="not_assessable",
            reason=_reason(signal, is_hidden),
            observation=_why_unmeasured(scene, signal),
            because=because,
            published=True,
            urgent=_is_lost(scene, rule, text, signal),
        )
    state = judge(rule.threshold, *bounds)
    undecided = state == "not_assessable"
    return _Judgement(
        subject=signal.subject,
        state=state,
        reason=INCONCLUSIVE if undecided else None,
        observation=_observation(state),
        because=because,
        published=True,
        clear=_clear(scene, rule, signal),
    )


def _clear(scene: _Scene, rule: Rule, signal: Signal) -> State | None:
    """Return what this window shows beyond doubt, where the rule lets one window do."""
    if rule.at_once is None or not scene.longest:
        return None
    return beyond_doubt(rule.threshold, signal, rule.at_once)


def _is_lost(scene: _Scene, rule: Rule, text: str, signal: Signal) -> bool:
    """Tell whether nothing came of what could be judged for long: not few people, but a break."""
    base = _before(scene, rule, text)
    if base is None or not (signal.reason or "").startswith(LOST_REASONS):
        return False
    return base.judged_run >= rule.inconclusive_after


def _before(scene: _Scene, rule: Rule, text: str) -> Memory | None:
    return base_of(scene.remembered.get(rule.id, {}).get(text), scene.window)


def _pairs(
    scene: _Scene, rule: Rule, candidates: dict[str, Signal], seen: set[str]
) -> Iterator[_Judgement]:
    """Give a verdict for each pair of groups that cannot be judged, so that none hides.

    A pair that can be judged is spoken for by the worst pair; it is only stepped through memory,
    when it could not be judged before.  That a pair cannot be judged is remembered of its group,
    since the group that it is compared with may be another in each window.
    """
    remembered = scene.remembered.get(rule.id, {})
    compared_with: dict[str, _Judgement] = {}
    for text, signal in sorted(candidates.items()):
        if subject_kind(signal.subject) != "pair":
            continue
        judgement = _judgement(scene, rule, text, signal)
        of_group = _of_group(scene, rule, judgement, signal)
        group = subject_text(of_group.subject)
        seen.update((text, group))
        if interval(signal) is None:
            small = judgement.observation == "unmeasured"
            yield judgement._replace(observation="spoken_for") if small else judgement
            if small or group in remembered:
                yield of_group
        else:
            if text in remembered:
                assessable: Observation = "ok" if scene.coverage.complete else "window"
                yield judgement._replace(observation=assessable, published=False)
            if group in remembered:
                yield of_group
            against = {"attribute": signal.subject["attribute"], "group": signal.subject["against"]}
            other = of_group._replace(subject=against, heir_of=None)
            if compared_with.setdefault(subject_text(against), other).observation != "ok":
                compared_with[subject_text(against)] = other
    for group in sorted(compared_with.keys() & remembered.keys()):
        seen.add(group)
        yield compared_with[group]


def _of_group(scene: _Scene, rule: Rule, pair: _Judgement, signal: Signal) -> _Judgement:
    """Return what a pair's judgement says of its group, which has no verdict of its own."""
    seen: Observation = "unnoticed"
    if pair.state != "not_assessable":
        seen = "ok"
    elif pair.observation == "inconclusive":
        seen = "inconclusive"
    elif pair.observation == "unmeasured" and interval(signal) is None:
        seen = "unmeasured"
    elif pair.observation == "permanent":
        seen = "spoken_for"
    of_attribute = _before(scene, rule, subject_text({"attribute": pair.subject["attribute"]}))
    was = scene.remembered.get(rule.id, {}).get(subject_text(pair.subject))
    return pair._replace(
        subject=group_of(pair.subject),
        observation=seen,
        published=False,
        clear=None,
        # A gap that nobody sees any more must not look like one that was closed.
        urgent=pair.urgent or (of_attribute is not None and of_attribute.requirement is not None),
        # Where it was remembered of the pair itself, as it once was, it still stands.
        heir_of=was if was is not None and was.assessability == "unmeasured" else None,
    )


def _vanished(scene: _Scene, rule: Rule, seen: set[str]) -> Iterator[_Judgement]:
    """Give the subjects that are remembered and that no signal speaks of any more.

    A standing breach without a signal reads as not assessable, never as ok; anything else (a pair
    against another group than before, a gap that is now filled) is let go without a verdict.
    """
    for text, entry in sorted(scene.remembered.get(rule.id, {}).items()):
        if text in seen or entry.window_end > scene.window.end:
            continue
        absent = _absent(scene, rule, subject_from(text))
        base = base_of(entry, scene.window)
        if base is not None and base.requirement is not None:
            yield absent
        else:
            yield absent._replace(observation="gone", published=False)


def _absent(scene: _Scene, rule: Rule, subject: Subject) -> _Judgement:
    if not scene.coverage.complete:
        return _incomplete(scene, rule, subject, ())
    return _Judgement(
        subject=subject,
        state="not_assessable",
        reason=f"{ABSENT}: {rule.signal}",
        observation="permanent",
        because=(),
        published=True,
    )


def _incomplete(
    scene: _Scene, rule: Rule, subject: Subject, because: tuple[Because, ...]
) -> _Judgement:
    # Of a window in waiting this was told when it closed.
    told = scene.gate(rule.signal) is not None
    return _Judgement(
        subject=subject,
        state="not_assessable",
        reason=f"incomplete: {scene.coverage.incomplete_because or 'unknown'}",
        observation="unnoticed" if told else "window",
        because=because,
        published=True,
    )


def _reason(signal: Signal, is_hidden: bool) -> str:
    """Return why a signal has no value; what is hidden gives its status alone (contract C8)."""
    if signal.status == "ok":
        return "insufficient_data: the signal has no valid interval"
    detail = (signal.reason or "").removeprefix(signal.status).removeprefix(":").strip()
    return signal.status if is_hidden or not detail else f"{signal.status}: {detail}"


def _why_unmeasured(scene: _Scene, signal: Signal) -> Observation:
    if signal.status == "no_reference" or lasting_reason(signal.reason) is not None:
        return "permanent"
    if not scene.longest:
        return "unnoticed"
    if scene.coverage.events:
        return "unmeasured"
    told = scene.gate(signal.name) is not None
    return "unnoticed" if told else "window"


def _observation(state: State) -> Observation:
    return "inconclusive" if state == "not_assessable" else state


def _verdict(scene: _Scene, rule: Rule, judgement: _Judgement, run_start: int) -> Verdict:
    return Verdict(
        rule=rule.id,
        principle=rule.principle,
        subject=judgement.subject,
        state=judgement.state,
        severity=_severity(rule, judgement.observation),
        threshold=rule.threshold,
        because=judgement.because,
        reason=judgement.reason,
        since=run_start,
        policy=scene.policy.digest,
    )


def _severity(rule: Rule, observation: Observation) -> Severity:
    """Return how loudly a window that was seen so asks for attention by itself."""
    if observation == "breach":
        return rule.breach_severity
    if observation == "warn":
        return rule.warn_severity
    return "ticket" if observation in ("unmeasured", "spoken_for", "window") else "info"


def _findings(
    rule: Rule, known: Memory | None, entry: Memory, verdict: Verdict, window: Window
) -> Iterator[Finding]:
    """Give what the step from `known` to `entry` means, what clears before what is raised."""
    before = _standing(rule, known)
    after = _standing(rule, entry)
    for kind, severity, scope in before:
        if (kind, severity, scope) not in after:
            yield Finding(
                kind=kind,
                action="clear",
                verdict=verdict,
                window=window,
                severity=severity,
                scope=scope,
            )
    for kind, severity, scope in after:
        yield Finding(
            kind=kind,
            action="keep" if (kind, severity, scope) in before else "raise",
            verdict=verdict,
            window=window,
            severity=severity,
            scope=scope,
        )


def _standing(rule: Rule, memory: Memory | None) -> list[tuple[Kind, Severity, Scope]]:
    if memory is None:
        return []
    stands: list[tuple[Kind, Severity, Scope]] = []
    if memory.requirement == "breach":
        stands.append(("breach", rule.breach_severity, "rule"))
    elif memory.requirement == "warn":
        stands.append(("warn", rule.warn_severity, "rule"))
    if memory.assessability == "inconclusive":
        stands.append(("inconclusive", "ticket", "rule"))
    elif memory.assessability == "unmeasured":
        stands.append(("not_assessable", "ticket", "rule"))
    elif memory.assessability == "permanent":
        stands.append(("not_assessable", "info", "rule"))
    if memory.is_incomplete:
        stands.append(("not_assessable", "ticket", "window"))
    return stands
