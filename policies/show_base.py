"""What `pantau policy show` prints of a base besides its rules: defaults, risk, questions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from policies.guide import Level, Risk, Tier
from policies.pack import Pack
from policies.part import MATURITY, OVERSIGHT, after_words
from policies.rule_spec import Defaults, Escalation, Persistence, Windows

_LEVELS: tuple[Level, ...] = get_args(Level)
_TIERS: tuple[Tier, ...] = get_args(Tier)


def base_lines(pack: Pack) -> Iterator[str]:
    """Give what only a base says, each part under its heading; nothing of an overlay."""
    parts = {
        "Unless a rule says otherwise": [] if pack.defaults is None else _defaults(pack.defaults),
        "Tier, by probability and severity of harm": [] if pack.risk is None else _risk(pack.risk),
        "Questions of Annex A": [
            f"{one.id} {one.title} ({one.component}; {one.evidence}) {one.by}"
            for one in pack.questions
        ],
    }
    for heading, lines in parts.items():
        found = list(lines)
        if found:
            yield heading
            yield from (f"  {line}" for line in found)
            yield ""


def persistence_text(persistence: Persistence) -> str:
    """Return after how many windows a finding is raised, by stage."""
    counts = {stage: "{} of {}".format(*getattr(persistence, stage)) for stage in MATURITY}
    text = ", ".join(f"{count} at {stage}" for stage, count in counts.items())
    if len(set(counts.values())) == 1:
        text = counts["baseline"]
    return f"raised by {text} windows ({persistence.origin})"


def clear_text(windows: Windows) -> str:
    """Return after how many windows a finding is cleared."""
    return f"cleared by {windows.windows} windows in a row ({windows.origin})"


def escalation_lines(escalation: Escalation) -> Iterator[str]:
    """Give who is told of a finding that stands, by oversight level."""
    for level in OVERSIGHT:
        chain = getattr(escalation, level)
        steps = ", ".join(f"{step.role} {after_words(step.seconds)}" for step in chain)
        yield f"escalation at {level}: {steps or 'nobody'} ({escalation.origin})"


def _defaults(defaults: Defaults) -> Iterator[str]:
    yield persistence_text(defaults.persistence)
    if defaults.at_once is not None:
        once = defaults.at_once
        yield (
            f"raised at {', '.join(once.stages)} by one window whose interval, {once.widened:g} "
            f"times as wide, is beyond the limit ({once.origin})"
        )
    if defaults.shorter is not None:
        k, m = defaults.shorter.persistence
        yield f"raised by {k} of {m} of the shorter windows ({defaults.shorter.origin})"
    yield clear_text(defaults.clear_after)
    undecided = defaults.inconclusive_after
    yield f"told as inconclusive after {undecided.windows} windows ({undecided.origin})"
    if defaults.escalation is not None:
        yield from escalation_lines(defaults.escalation)


def _risk(risk: Risk) -> Iterator[str]:
    for probability in _LEVELS:
        tiers = "; ".join(f"severity {s}: {risk.tier(probability, s)}" for s in _LEVELS)
        yield f"probability {probability}, {tiers}"
    for tier in _TIERS:
        yield f"tier {tier} is for {', '.join(risk.allowed(tier))}"
    if risk.note is not None:
        yield risk.note
