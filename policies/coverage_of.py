"""What covers the places of a law, standard or framework, and which places nothing covers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, get_args

from policies.complaint import PackError
from policies.frameworks import Framework, covered_by, frameworks
from policies.nearest import did_you_mean
from policies.pack import Pack
from policies.regime import AttributeRule, Requirement, Retention

Kind = Literal["rules", "clocks", "retention", "attributes", "requires"]
"""What covers a place: rules that judge a signal; clocks that run for people; a least time for
which something is kept; limits on audit attributes, and the least oversight or stage, both of
which the loader holds."""
KINDS: tuple[Kind, ...] = get_args(Kind)

_PARTIAL = "The list is of a part of the text: {}. Of the rest this says nothing."
_EVIDENCE = (
    "What covers a place gives evidence for it or serves it; none of it is a finding of "
    "compliance. Which of it is in force for a system, `pantau policy explain` says."
)


class _Said(NamedTuple):
    """That something in a pack refers to a place."""

    reference: str
    pack: str
    kind: Kind
    name: str


def framework_called(name: str) -> Framework:
    """Return a framework by its id or key (`eu-ai-act`, `EUAIA`).  Raises `PackError`."""
    for framework in frameworks().values():
        if name in (framework.id, framework.key):
            return framework
    known = [framework.id for framework in frameworks().values()]
    raise PackError(f"there is no framework {name!r}{did_you_mean(name, known)}")


def coverage(framework: Framework, packs: Iterable[Pack]) -> list[dict[str, Any]]:
    """Return one JSON-able row per place of a framework: what covers it, in these packs.

    `covered_by`: the kinds of what refers to the place or to a part of it, and under each kind
    what that is: `rules` (and changes of rules) and `clocks` by id, `retention`,
    `attributes` and `requires` in words.  A rule that speaks to a place is evidence for it, not
    compliance with it.  `only_with`: where the base alone does not cover the place, the overlays
    that do.  `partial`: the framework's list holds but a part of the text.
    """
    packs = list(packs)
    bases = {pack.id for pack in packs if pack.kind == "base"}
    said = [one for pack in packs for one in _said(pack)]
    references = {one.reference for one in said}
    rows = []
    for item in framework.items:
        found = set(covered_by(framework, item, references))
        here = [one for one in said if one.reference in found]
        names: dict[str, list[str]] = {
            kind: sorted({one.name for one in here if one.kind == kind}) for kind in KINDS
        }
        by = {one.pack for one in here}
        rows.append(
            {
                "framework": framework.id,
                "partial": framework.partial is not None,
                "item": item.id,
                "title": item.title,
                "applies_from": None if item.applies_from is None else str(item.applies_from),
                "covered": bool(here),
                "covered_by": [kind for kind in KINDS if names[kind]],
                **names,
                "only_with": [] if by & bases else sorted(by),
            }
        )
    return rows


def coverage_text(framework: Framework, rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the rows as lines for a person."""
    lines = [
        (
            f"{framework.title}  ({framework.id}; verified {framework.verified_on}, "
            f"confidence {framework.confidence})"
        )
    ]
    if framework.note:
        lines.append(framework.note)
    if framework.partial is not None:
        lines.append(_PARTIAL.format(framework.partial))
    lines.append(f"{_counts(rows)} {_EVIDENCE}")
    width = max(len(str(row["item"])) for row in rows)
    for row in rows:
        what = ", ".join(_words(row)) or "not covered"
        since = (
            f" (applies from {row['applies_from']} at the earliest)" if row["applies_from"] else ""
        )
        overlay = f" (only with {' or '.join(row['only_with'])})" if row["only_with"] else ""
        lines.append(f"  {row['item']:<{width}}  {what}{overlay}  {row['title']}{since}")
    return lines


def _said(pack: Pack) -> Iterator[_Said]:
    """Give every reference of a pack to a place, with what makes it."""
    named: list[tuple[Kind, str, tuple[str, ...]]] = [
        *(("rules", rule.id, rule.crosswalk) for rule in pack.rules),
        *(("rules", change.rule, change.crosswalk) for change in pack.changes),
        *(("clocks", clock.id, clock.places) for clock in pack.clocks),
        *(("retention", _kept(kept), kept.places) for kept in pack.retention),
        *(("attributes", _limited(limit), limit.places) for limit in pack.attributes),
        *(("requires", _least(need), (need.source or "",)) for need in pack.requires),
    ]
    for kind, name, places in named:
        for place in places:
            yield _Said(place, pack.id, kind, name)


def _kept(kept: Retention) -> str:
    by = "" if kept.in_the_log else ", kept by people"
    return f"{kept.what.replace('_', ' ')} {kept.days} d{by}"


def _limited(limit: AttributeRule) -> str:
    return f"{', '.join(limit.categories)} ({limit.processing.replace('_', ' ')})"


def _least(need: Requirement) -> str:
    return f"at least {need.oversight or need.maturity}"


def _counts(rows: Sequence[dict[str, Any]]) -> str:
    """Say how many of the list are covered, and by what; a place may count under several kinds."""
    covered = sum(1 for row in rows if row["covered"])
    by = [(kind, sum(1 for row in rows if kind in row["covered_by"])) for kind in KINDS]
    how = ", ".join(f"{n} by {kind}" for kind, n in by if n)
    said = f"{covered} of the {len(rows)} places in this list are covered"
    return f"{said} ({how})." if how else f"{said}."


def _words(row: dict[str, Any]) -> Iterator[str]:
    yield from row["rules"]
    yield from (f"clock {name}" for name in row["clocks"])
    yield from (f"retention of {name}" for name in row["retention"])
    yield from (f"attributes {name}" for name in row["attributes"])
    yield from (f"required {name}" for name in row["requires"])
