"""What is wrong with a well-formed pack, seen by itself; `policies.compose` sees packs together."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator

from pydantic import BaseModel

from policies.guide import Matrix, Severities3
from policies.model import PRINCIPLES, Operator
from policies.pack import Pack, Place
from policies.part import MATURITY, OVERSIGHT
from policies.rule_spec import MOST_WAIVED, Change, Limits, Persistence, RuleSpec, Waiver

Problems = Iterator[tuple[Place, str]]

_ONLY_BASE = ("principles", "components", "involvement", "risk", "questions", "defaults")
_ONLY_OVERLAYS = ("changes", "requires", "attributes", "retention", "clocks", "country", "laws")


def problems(pack: Pack, today: dt.date) -> Problems:
    """Give what is wrong on a day, each with its place in the file.

    The day limits how far ahead a waiver may expire, so what is right once stays right.
    """
    yield from _base_problems(pack) if pack.kind == "base" else _overlay_problems(pack)
    if pack.kind != "team" and pack.disclaimer is None:
        yield ("disclaimer",), "the key 'disclaimer' is missing"
    if pack.kind != "team" and not pack.sources:
        yield ("sources",), "the key 'sources' is missing; a pack names what it was written from"
    if pack.defaults is not None:
        yield from persistence_problems(pack.defaults.persistence, ("defaults", "persistence"))
    if pack.defaults is not None and pack.defaults.shorter is not None:
        shorter = pack.defaults.shorter.persistence
        yield from _impossible(shorter, ("defaults", "shorter", "persistence"))
    for part in ("sources", "questions", "components", "involvement", "laws", "clocks"):
        yield from _repeated(pack, part)
    first: dict[str, int] = {}
    for i, rule in enumerate(pack.rules):
        if rule.id in first:
            yield ("rules", i, "id"), f"the id is used twice (first by rule {first[rule.id] + 1})"
        first.setdefault(rule.id, i)
        yield from rule_problems(rule, ("rules", i))
    for i, change in enumerate(pack.changes):
        yield from _change_problems(change, ("changes", i))
        yield from _nulls(change, ("changes", i))
        yield from _waiver_problems(change.waiver, today, ("changes", i, "waiver"))


def rule_problems(rule: RuleSpec, at: Place) -> Problems:
    """Give what is wrong with one rule, its references left out."""
    if rule.principle in rule.also:
        yield (*at, "also"), f"{rule.principle} is already the rule's principle"
    if not any(getattr(rule.thresholds, level) for level in OVERSIGHT):
        yield (*at, "thresholds"), "no oversight level has limits, so the rule would never run"
    for level in OVERSIGHT:
        limits: Limits | None = getattr(rule.thresholds, level)
        if limits is not None:
            yield from limit_problems(rule.op, limits, (*at, "thresholds", level))
            yield from unsourced(rule, limits, (*at, "thresholds", level))
    if rule.persistence is not None:
        yield from persistence_problems(rule.persistence, (*at, "persistence"))
    for j, reference in enumerate(rule.crosswalk):
        yield from _form_of_reference(reference, (*at, "crosswalk", j))


def limit_problems(op: Operator, limits: Limits, at: Place) -> Problems:
    """Give what is wrong with the two limits of a level."""
    warn = limits.warn.at
    breach = warn if limits.breach is None else limits.breach.at
    if op == "<" and breach > warn:
        yield at, f"op is '<', so breach ({breach:g}) must not be above warn ({warn:g})"
    if op != "<" and breach < warn:
        yield at, f"op is '{op}', so breach ({breach:g}) must not be below warn ({warn:g})"
    if op == "abs>" and warn < 0:
        yield at, f"op is 'abs>', so limits are sizes and cannot be negative (warn is {warn:g})"


def persistence_problems(persistence: Persistence, at: Place) -> Problems:
    """Give what is wrong with k of m."""
    for stage in MATURITY:
        yield from _impossible(getattr(persistence, stage), (*at, stage))


def _impossible(counts: tuple[int, int], at: Place) -> Problems:
    k, m = counts
    if k > m:
        yield at, f"[k, m] means k of the last m windows; {k} of {m} cannot happen"


def _base_problems(pack: Pack) -> Problems:
    for key, name in PRINCIPLES.items():
        given = pack.principles.get(key)  # type: ignore[call-overload]
        if given is None:
            yield ("principles",), f"{key} ({name}) is missing; a base names all seven principles"
        elif given != name:
            yield ("principles", key), f"{key} is called {name!r} in the Guide, not {given!r}"
    if pack.defaults is None:
        yield ("defaults",), "the key 'defaults' is missing"
    if not pack.rules:
        yield ("rules",), "the key 'rules' is missing"
    for key in _ONLY_OVERLAYS:
        if getattr(pack, key):
            yield (key,), f"{key!r} is for overlays; this pack is of kind 'base'"
    if pack.risk is not None:
        yield from _risk_problems(pack.risk.matrix)


def _risk_problems(matrix: Matrix) -> Problems:
    """Refuse a matrix by which more harm would be a lower tier."""
    tiers = ("minimal", "medium", "high")
    levels = ("low", "medium", "high")
    rows: list[Severities3] = [getattr(matrix, level) for level in levels]
    grid = [[tiers.index(getattr(row, level)) for level in levels] for row in rows]
    for lines in (grid, [list(column) for column in zip(*grid, strict=True)]):
        if any(line != sorted(line) for line in lines):
            yield ("risk", "matrix"), "a higher probability or severity gives a lower tier"
            return


def _overlay_problems(pack: Pack) -> Problems:
    for key in _ONLY_BASE:
        if getattr(pack, key):
            yield (key,), f"{key!r} is for the base; this pack is of kind {pack.kind!r}"
    if pack.kind == "country" and pack.country is None:
        yield ("country",), "the key 'country' is missing; a country pack names its ISO code"
    if pack.kind != "country" and pack.country is not None:
        yield ("country",), f"a pack of kind {pack.kind!r} has no country"


def _repeated(pack: Pack, part: str) -> Problems:
    times = Counter(entry.id for entry in getattr(pack, part))
    for i, entry in enumerate(getattr(pack, part)):
        if times[entry.id] > 1:
            yield (part, i, "id"), f"{part}: the id {entry.id!r} is used twice"
            times[entry.id] = 0


def _change_problems(change: Change, at: Place) -> Problems:
    if not any(name in change.model_fields_set for name in _SAYS) and not change.disable:
        yield at, f"changes nothing; it needs one of {', '.join(_SAYS)}, disable"
    if change.disable and any(name in change.model_fields_set for name in _SAYS):
        yield (*at, "disable"), "a disabled rule has nothing else to change"
    if change.persistence is not None:
        yield from persistence_problems(change.persistence, (*at, "persistence"))
    for j, reference in enumerate(change.crosswalk):
        yield from _form_of_reference(reference, (*at, "crosswalk", j))


def _nulls(part: BaseModel, at: Place) -> Problems:
    """Refuse what is set to nothing, which reads like a way to take it away."""
    for name in sorted(part.model_fields_set):
        value = getattr(part, name)
        if value is None:
            yield (*at, name), f"{name!r} is null, which changes nothing; leave it out"
        elif isinstance(value, BaseModel):
            yield from _nulls(value, (*at, name))


def _waiver_problems(waiver: Waiver | None, today: dt.date, at: Place) -> Problems:
    if waiver is not None and waiver.expires - today > MOST_WAIVED:
        last = today + MOST_WAIVED
        text = (
            f"expires on {waiver.expires}, more than two years from today, {today}; the last "
            f"possible day is {last}, and a waiver can be renewed"
        )
        yield (*at, "expires"), text


_SAYS = (
    "thresholds",
    "severity",
    "stage",
    "persistence",
    "clear_after",
    "escalation",
    "crosswalk",
    "evidence",
    "sources",
)


def unsourced(rule: RuleSpec, limits: Limits, at: Place) -> Problems:
    """Give that limits of a rule are borrowed, and that nothing tells from where."""
    borrowed = {limit.origin for limit in limits.given} != {"ours"}
    if borrowed and not rule.sources:
        yield at, "a limit that is not 'ours' needs `sources` to tell where it comes from"


def _form_of_reference(reference: str, at: Place) -> Problems:
    _, colon, place = reference.partition(":")
    if not (colon and place):
        yield at, f"{reference!r} must read <text>:<place>"
