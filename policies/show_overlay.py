"""What `pantau policy show` prints of a pack besides its rules: changes, law, clocks, retention."""

from __future__ import annotations

from collections.abc import Iterator

from policies.pack import OVERSIGHT, Pack
from policies.part import Verified
from policies.regime import AttributeRule, Cited, ClockSpec, Law, Requirement, Retention
from policies.rule_spec import Change, ThresholdsChange

_LIMITS = ("warn", "breach")


def overlay_lines(pack: Pack) -> Iterator[str]:
    """Give everything that the pack says besides rules, each part under its heading."""
    parts = {
        "Changes in rules of packs before it": [line for c in pack.changes for line in _change(c)],
        "Required of a system": [line for need in pack.requires for line in _requirement(need)],
        "Audit attributes": [line for rule in pack.attributes for line in _attribute(rule)],
        "Incident clocks (started by a human; nothing is ever sent)": [
            line for clock in pack.clocks for line in _clock(clock)
        ],
        "Kept at least": [line for kept in pack.retention for line in _kept(kept)],
        "Laws and guidelines": [line for law in pack.laws for line in _law(law)],
    }
    for heading, lines in parts.items():
        if lines:
            yield heading
            yield from (f"  {line}" for line in lines)
            yield ""


def _change(change: Change) -> Iterator[str]:
    yield f"{change.rule}: {'; '.join(_changed(change))}"
    yield f"  because: {change.reason}"
    if change.waiver is not None:
        waiver = change.waiver
        yield f"  waiver until {waiver.expires}, by {waiver.by}: {waiver.reason}"


def _changed(change: Change) -> Iterator[str]:
    if change.disable:
        yield "disabled"
    yield from _limits(change.thresholds)
    for name in _LIMITS:
        severity = getattr(change.severity, name, None)
        if severity is not None:
            yield f"severity of {name} {severity}"
    if change.stage is not None:
        yield f"from stage {change.stage} on"
    for name in ("persistence", "clear_after", "escalation", "evidence"):
        if name in change.model_fields_set:
            yield f"sets {name}"
    if change.crosswalk:
        yield f"also refers to {', '.join(change.crosswalk)}"


def _limits(thresholds: ThresholdsChange | None) -> Iterator[str]:
    for level in OVERSIGHT:
        limits = getattr(thresholds, level, None)
        for name in _LIMITS:
            limit = getattr(limits, name, None)
            if limit is not None:
                yield f"{level} {name} {limit.at:g} ({limit.origin})"


def _requirement(need: Requirement) -> Iterator[str]:
    what = "oversight" if need.oversight is not None else "maturity"
    source = "" if need.source is None else f" ({need.source})"
    yield f"{what} at least {need.oversight or need.maturity}: {need.reason}{source}"


def _attribute(rule: AttributeRule) -> Iterator[str]:
    yield f"{rule.processing}: {', '.join(rule.categories)}"
    yield f"  because: {rule.reason}"
    yield from _cited(rule)


def _clock(clock: ClockSpec) -> Iterator[str]:
    length = f"{clock.days} days" if clock.calendar and clock.days else clock.length
    yield f"{clock.id}: {length} from {clock.starts} ({clock.event}), to {clock.recipient}"
    yield f"  {clock.title}"
    yield from _cited(clock)


def _kept(kept: Retention) -> Iterator[str]:
    yield f"{kept.what.replace('_', ' ')} {kept.days} days: {kept.reason}"
    yield from _cited(kept)


def _cited(fact: Cited) -> Iterator[str]:
    yield from _verified(fact, fact.source)
    if fact.crosswalk:
        yield f"  also refers to {', '.join(fact.crosswalk)}"


def _law(law: Law) -> Iterator[str]:
    yield f"{law.title}: {law.status.replace('_', ' ')}"
    yield from _verified(law, law.source)


def _verified(part: Verified, source: str) -> Iterator[str]:
    yield f"  {source}, verified {part.verified_on}, confidence {part.confidence}"
    if part.note is not None:
        yield f"  note: {part.note}"
