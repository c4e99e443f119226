"""Tables about packs as Markdown, for the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from policies.frameworks import Framework
from policies.pack import OVERSIGHT, Pack
from policies.regime import ClockSpec
from policies.rule_spec import Change, RuleSpec

HOUR, DAY = 3_600, 86_400


def watched_markdown(packs: Sequence[Pack], principle: str) -> str:
    """Return what the rules of a principle watch, those that serve it beside another last."""
    own = [(p, r) for p in packs for r in p.rules if r.principle == principle]
    others = [(p, r) for p in packs for r in p.rules if principle in r.also]
    rows = [[_rule(rule), rule.title, f"`{rule.signal}`", _from(pack, rule)] for pack, rule in own]
    table = _table(["Rule", "Watches", "Signal", "From"], rows)
    if not others:
        return table
    return f"{table}\nAlso: {', '.join(_rule(rule) for _, rule in others)}.\n"


def questions_markdown(base: Pack) -> str:
    """Return the questions of Annex A, who answers each, and the rules that speak to it."""
    rows = []
    for question in base.questions:
        rules = [_rule(rule) for rule in base.rules if question.id in rule.evidence]
        rows.append(
            [question.id, question.title, question.evidence, question.by, ", ".join(rules) or "-"]
        )
    return _table(["No.", "Asks", "Answer", "By", "Rules"], rows)


def overlay_markdown(pack: Pack) -> str:
    """Return what an overlay requires, adds and changes."""
    lines = [f"**`{pack.id}`** {pack.title}", ""]
    for need in pack.requires:
        lines.append(f"- Requires `{need.oversight or need.maturity}`: {need.reason}")
    for rule in pack.rules:
        lines.append(f"- Adds {_rule(rule)} {rule.title} (`{rule.signal}`): {rule.basis}")
    for change in pack.changes:
        lines.append(f"- `{change.rule}`: {_changed(change)}. {change.reason}")
    return "\n".join(lines) + "\n"


def countries_markdown(packs: Iterable[Pack]) -> str:
    """Return one row per country: laws, clocks, limits on attributes, retention."""
    rows = []
    for pack in packs:
        laws = [f"{law.title} ({law.status}, {law.confidence})" for law in pack.laws]
        clocks = [
            f"{clock.title}: {_length(clock)} from `{clock.starts}` ({clock.confidence})"
            for clock in pack.clocks
        ]
        limits = [f"{', '.join(a.categories)}: {a.processing}" for a in pack.attributes]
        kept = [f"{r.what}: {r.days} days" for r in pack.retention]
        cells = [laws, clocks, limits, kept]
        rows.append([f"`{pack.id}` {pack.title}", *("<br>".join(cell) or "none" for cell in cells)])
    head = ["Pack", "Laws and guidelines", "Clocks", "Attributes", "Kept at least"]
    return _table(head, rows)


def frameworks_markdown(frameworks: Iterable[Framework]) -> str:
    """Return the texts that rules refer to, with how many places each list has."""
    rows = [
        [
            f"`{f.id}`",
            f"`{f.key}`",
            f.title,
            f"{len(f.items)}, {'whole' if f.partial is None else 'a part'}",
            f"{f.confidence}, {f.verified_on.isoformat()}",
        ]
        for f in sorted(frameworks, key=lambda framework: framework.id)
    ]
    return _table(["Framework", "Key", "Text", "Places", "Confidence, looked up"], rows)


def _rule(rule: RuleSpec) -> str:
    return f"`{rule.id}`"


def _from(pack: Pack, rule: RuleSpec) -> str:
    own = {level: limits.stage for level in OVERSIGHT if (limits := rule.limits(level))}
    said = [rule.stage, *(f"{stage} at `{level}`" for level, stage in own.items() if stage)]
    return ", ".join(said if pack.kind == "base" else [*said, f"`{pack.id}`"])


def _length(clock: ClockSpec) -> str:
    if not clock.calendar:
        return clock.length
    if clock.seconds % DAY == 0 and clock.hours is None:
        return f"{clock.seconds // DAY} calendar days"
    return f"{clock.seconds // HOUR} hours"


def _changed(change: Change) -> str:
    said = []
    if change.disable:
        said.append("disabled")
    if change.thresholds is not None:
        said.append("limits")
    if change.stage is not None:
        said.append(f"from {change.stage}")
    if change.severity is not None:
        loud = change.severity.model_dump(exclude_none=True)
        said.append(", ".join(f"{state} {severity}" for state, severity in loud.items()))
    if change.crosswalk:
        said.append("crosswalk")
    if change.evidence:
        said.append("evidence")
    return "; ".join(said)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
