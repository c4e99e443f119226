"""When a changed rule asks for less than before; each way is named, so that a waiver can answer.

Looser is: a limit farther out, a level without limits, a lower severity, a later stage, more
windows before a finding is raised, fewer before it clears, and a chain that reaches somebody
later or no more.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.part import MATURITY, OVERSIGHT, Maturity
from policies.rule_spec import Defaults, Escalation, RuleSpec, Step

_LOUDNESS = ("info", "ticket", "page")


def loosened(before: RuleSpec, after: RuleSpec, defaults: Defaults) -> list[str]:
    """Return in words how `after` asks for less than `before`; empty when it does not."""
    return [
        *_limits(before, after),
        *_severity(before, after),
        *_stage(before, after),
        *_windows(before, after, defaults),
        *_escalation(before, after, defaults),
    ]


def _limits(before: RuleSpec, after: RuleSpec) -> Iterator[str]:
    for level in OVERSIGHT:
        old, new = before.limits(level), after.limits(level)
        if old is None or new is None:
            continue
        for name in ("warn", "breach"):
            was, now = getattr(old, name), getattr(new, name)
            if was is None or now is None:
                continue
            if (now.at < was.at) if before.op == "<" else (now.at > was.at):
                yield f"{level} {name} from {was.at:g} to {now.at:g}"


def _severity(before: RuleSpec, after: RuleSpec) -> Iterator[str]:
    for name in ("breach", "warn"):
        was, now = getattr(before.severity, name), getattr(after.severity, name)
        if _LOUDNESS.index(now) < _LOUDNESS.index(was):
            yield f"severity of {name} from {was} to {now}"


def _stage(before: RuleSpec, after: RuleSpec) -> Iterator[str]:
    found = dict.fromkeys((before.stage_at(level), after.stage_at(level)) for level in OVERSIGHT)
    for was, now in found:
        if MATURITY.index(now) > MATURITY.index(was):
            yield f"stage from {was} to {now}"


def _windows(before: RuleSpec, after: RuleSpec, defaults: Defaults) -> Iterator[str]:
    old, new = (rule.persistence or defaults.persistence for rule in (before, after))
    for stage in MATURITY:
        (k, m), (k_now, m_now) = getattr(old, stage), getattr(new, stage)
        alone = _alone(before, defaults, stage) and not _alone(after, defaults, stage)
        if k_now > k or (m_now < m and k_now > 1) or (alone and k_now > 1):
            once = ", or one beyond doubt," if alone else ""
            yield f"persistence at {stage} from {k} of {m}{once} to {k_now} of {m_now}"
    was, now = ((rule.clear_after or defaults.clear_after).windows for rule in (before, after))
    if now < was:
        yield f"clear_after from {was} to {now} windows"


def _alone(rule: RuleSpec, defaults: Defaults, stage: Maturity) -> bool:
    """Tell whether one window that leaves no doubt raises a finding."""
    at_once = defaults.at_once
    return rule.persistence is None and at_once is not None and stage in at_once.stages


def _escalation(before: RuleSpec, after: RuleSpec, defaults: Defaults) -> Iterator[str]:
    for level in OVERSIGHT:
        old, new = (
            _told(rule.escalation or defaults.escalation, level) for rule in (before, after)
        )
        for role, times in old.items():
            now = new.get(role, [])
            if len(now) < len(times):
                how = f"only {len(now)} of {len(times)} times" if now else "no longer"
                yield f"escalation at {level}: {role} is told {how}"
            for was, then in zip(times, now, strict=False):
                if then.seconds > was.seconds:
                    yield f"escalation at {level}: {role} from {was.after} to {then.after}"


def _told(escalation: Escalation | None, level: str) -> dict[str, list[Step]]:
    """Return the steps of a chain by role, the soonest first."""
    found: dict[str, list[Step]] = {}
    for step in sorted(_chain(escalation, level), key=lambda step: step.seconds):
        found.setdefault(step.role, []).append(step)
    return found


def _chain(escalation: Escalation | None, level: str) -> tuple[Step, ...]:
    chain: tuple[Step, ...] = () if escalation is None else getattr(escalation, level)
    return chain
