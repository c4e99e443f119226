"""Which rules cover the places of a law, standard or framework, and which places none covers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from policies.complaint import PackError
from policies.frameworks import Framework, covered_by, frameworks
from policies.nearest import did_you_mean
from policies.pack import Pack


def framework_called(name: str) -> Framework:
    """Return a framework by its id or key (`eu-ai-act`, `EUAIA`).  Raises `PackError`."""
    for framework in frameworks().values():
        if name in (framework.id, framework.key):
            return framework
    known = [framework.id for framework in frameworks().values()]
    raise PackError(f"there is no framework {name!r}{did_you_mean(name, known)}")


def coverage(framework: Framework, packs: Iterable[Pack]) -> list[dict[str, Any]]:
    """Return one JSON-able row per place of a framework: what covers it, in these packs.

    `rules`: rules (and changes of rules) that refer to the place or to a part of it.  A rule that
    speaks to a place is evidence for it, not compliance with it.  `only_with`: where the base
    alone does not cover the place, the overlays that do.
    """
    references: dict[str, set[str]] = {}
    said_by: dict[str, set[str]] = {}
    bases = set()
    for pack in packs:
        if pack.kind == "base":
            bases.add(pack.id)
        named = [(rule.id, rule.crosswalk) for rule in pack.rules]
        named += [(change.rule, change.crosswalk) for change in pack.changes]
        for rule, crosswalk in named:
            for reference in crosswalk:
                references.setdefault(reference, set()).add(rule)
                said_by.setdefault(reference, set()).add(pack.id)
    rows = []
    for item in framework.items:
        found = covered_by(framework, item, references)
        by = {pack for reference in found for pack in said_by[reference]}
        rules = sorted({rule for reference in found for rule in references[reference]})
        rows.append(
            {
                "framework": framework.id,
                "item": item.id,
                "title": item.title,
                "applies_from": None if item.applies_from is None else str(item.applies_from),
                "covered": bool(rules),
                "rules": rules,
                "only_with": [] if by & bases else sorted(by),
            }
        )
    return rows


def coverage_text(framework: Framework, rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the rows as lines for a person."""
    covered = sum(1 for row in rows if row["covered"])
    lines = [
        (
            f"{framework.title}  ({framework.id}; verified {framework.verified_on}, "
            f"confidence {framework.confidence})"
        )
    ]
    if framework.note:
        lines.append(framework.note)
    lines.append(
        f"{covered} of {len(rows)} places have a rule that gives evidence for them; none of it is "
        "a finding of compliance. Which of these rules are in force for a system, `pantau policy "
        "explain` says."
    )
    width = max(len(str(row["item"])) for row in rows)
    for row in rows:
        rules = ", ".join(row["rules"]) or "not covered"
        since = (
            f" (applies from {row['applies_from']} at the earliest)" if row["applies_from"] else ""
        )
        overlay = f" (only with {' or '.join(row['only_with'])})" if row["only_with"] else ""
        lines.append(f"  {row['item']:<{width}}  {rules}{overlay}  {row['title']}{since}")
    return lines
