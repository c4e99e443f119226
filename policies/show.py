"""What `pantau policy list` and `pantau policy show` print: plain data and plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from policies.load import load_pack, pack_files
from policies.model import PRINCIPLES
from policies.pack import OVERSIGHT, Oversight, Pack, RuleSpec
from policies.show_base import base_lines, clear_text, escalation_lines, persistence_text
from policies.show_overlay import overlay_lines


def list_packs() -> list[dict[str, Any]]:
    """Return one JSON-able row per known pack, by name.  Raises `PackError`."""
    rows = []
    for name in sorted(pack_files()):
        pack = load_pack(name)
        rows.append(
            {
                "id": pack.id,
                "kind": pack.kind,
                "title": pack.title,
                "version": pack.version,
                "voluntary": pack.voluntary,
                "rules": len(pack.rules),
                "changes": len(pack.changes),
                "clocks": len(pack.clocks),
                "laws": len(pack.laws),
                "principles": sorted({rule.principle for rule in pack.rules}),
            }
        )
    return rows


def show_pack(name: str) -> dict[str, Any]:
    """Return a pack (by name or path) as the JSON-able form of its file.  Raises `PackError`."""
    return load_pack(name).model_dump(mode="json", exclude_none=True)


def show_text(name: str) -> str:
    """Return a pack as text for a person: header, rules under their principle, the rest."""
    pack = load_pack(name)
    lines = [f"{pack.title}  ({pack.id} {pack.version})", pack.disclaimer or "", ""]
    if pack.include:
        lines += [f"laid over {', '.join(pack.include)}, whose rules hold as well", ""]
    for principle, title in PRINCIPLES.items():
        rules = _rule_lines(pack, principle)
        if rules:
            lines += [f"{principle} {title}", *rules, ""]
    lines += [*base_lines(pack), *overlay_lines(pack)]
    return "\n".join(lines).rstrip()


def rules_markdown(pack: Pack) -> str:
    """Return the rules of a pack as Markdown tables, one per principle, for the documentation."""
    blocks = []
    for principle, title in PRINCIPLES.items():
        rules = [rule for rule in pack.rules if rule.principle == principle]
        blocks.append(f"#### {principle} {title}\n\n{_table(rules)}")
    return "\n\n".join(blocks) + "\n"


def _rule_lines(pack: Pack, principle: str) -> list[str]:
    lines = []
    for rule in pack.rules:
        if rule.principle != principle:
            continue
        lines.append(f"  {rule.id}  {rule.title}")
        lines.append(f"    signal {rule.signal} of {', '.join(rule.subjects)}; from {rule.stage}")
        for level in OVERSIGHT:
            lines.append(f"    {level}: {_limits(rule, level)}")
        lines.append(f"    basis: {rule.basis}")
        lines.append(f"    next step: {rule.action}")
        lines += [f"    {line}" for line in _manner(rule)]
    return lines


def _manner(rule: RuleSpec) -> Iterator[str]:
    """Give how loud a rule is, what of it is not the pack's default, and what it speaks to."""
    yield f"severity: {rule.severity.breach} for a breach, {rule.severity.warn} for a warning"
    if rule.persistence is not None:
        yield persistence_text(rule.persistence)
    if rule.clear_after is not None:
        yield clear_text(rule.clear_after)
    if rule.escalation is not None:
        yield from escalation_lines(rule.escalation)
    if not rule.waivable:
        yield "no pack may ask for less, with a waiver or without"
    if rule.evidence:
        named = ", ".join(f"{question} ({how})" for question, how in rule.evidence.items())
        yield f"evidence for Annex A: {named}"
    if rule.crosswalk:
        yield f"refers to: {', '.join(rule.crosswalk)}"


def _table(rules: Sequence[RuleSpec]) -> str:
    head = (
        "| Rule | Signal (subject) | In the loop | Over the loop | Out of the loop | From "
        "| Severity (breach, warn) | Basis |\n|---|---|---|---|---|---|---|---|"
    )
    return "\n".join([head, *(_row(rule) for rule in rules)])


def _row(rule: RuleSpec) -> str:
    cells = [
        f"`{rule.id}` {rule.title}",
        f"`{rule.signal}` ({', '.join(rule.subjects)})",
        *(_limits(rule, level) for level in OVERSIGHT),
        rule.stage,
        f"{rule.severity.breach}, {rule.severity.warn}",
        rule.basis,
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _limits(rule: RuleSpec, level: Oversight) -> str:
    limits = rule.limits(level)
    if limits is None:
        return "not run"
    warn, breach = limits.warn, limits.breach
    breaches = "nothing" if breach is None else f"{rule.op} {breach.at:g} ({breach.origin})"
    stage = "" if limits.stage is None else f", from {limits.stage}"
    return f"{rule.op} {warn.at:g} ({warn.origin}) warns, {breaches} breaches{stage}"
