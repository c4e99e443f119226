"""Packs laid over one another: one set of rules, and who set what in each of them.

Precedence is by kind (base, sector, country, topic, team), then by order.  A later pack adds rules
and changes those of earlier ones; what asks for less than before needs a waiver.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from policies.complaint import PackError
from policies.frameworks import Framework
from policies.loosening import loosened
from policies.nearest import did_you_mean
from policies.pack import Pack, Place
from policies.pack_problems import limit_problems, unsourced
from policies.part import KINDS, OVERSIGHT
from policies.references import reference_problems
from policies.rule_spec import (
    Change,
    Defaults,
    Limits,
    RuleSpec,
    Severities,
    SeveritiesChange,
    Thresholds,
    ThresholdsChange,
    Waiver,
)
from policies.subjects import KnownSignals
from policies.table import PACKS


@dataclass(frozen=True, slots=True)
class Composed:
    """A rule after every change: what holds, whose rule it is, and who set which part of it.

    `set_by`: part (`human_in_the_loop.warn`, `severity.breach`, `stage`, `persistence`,
    `clear_after`, `escalation`) -> pack, for parts that another pack than `pack` set.  `reasons`:
    why, by that pack.
    """

    spec: RuleSpec
    pack: str
    defaults: Defaults
    set_by: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waived:
    """A waiver and what it loosens."""

    rule: str
    pack: str
    loosens: tuple[str, ...]
    waiver: Waiver


@dataclass(slots=True)
class Composition:
    """What packs come to, in order of precedence; `off`: disabled rule -> by which pack."""

    packs: tuple[Pack, ...]
    rules: dict[str, Composed] = field(default_factory=dict)
    off: dict[str, str] = field(default_factory=dict)
    waivers: list[Waived] = field(default_factory=list)


def compose(
    packs: Sequence[Pack],
    *,
    frameworks: Mapping[str, Framework] | None = None,
    signals: KnownSignals | None = None,
) -> Composition:
    """Lay packs over one another.

    `frameworks` by key (`EUAIA`): what crosswalks may point at.  `signals`: every one that a rule
    may judge; None leaves them unchecked.  Raises `PackError` with every problem found, each with
    file, line, rule and the nearest valid name.
    """
    if not packs:
        raise PackError("no policy pack is configured; set policies.packs to [asean-guide]")
    ordered = tuple(sorted(packs, key=lambda pack: KINDS.index(pack.kind)))
    base = next((pack for pack in ordered if pack.kind == "base"), None)
    if base is None or base.defaults is None:
        names = ", ".join(pack.id for pack in packs)
        raise PackError(
            f"no base among the policy packs ({names}); add asean-guide to policies.packs, or "
            "`include: [asean-guide]` to one of them"
        )
    found = _bases(ordered)
    if found:
        raise PackError("\n".join(found))
    composition = Composition(ordered)
    found = _twice(ordered) + _clocks_twice(ordered)
    for pack in ordered:
        found += _add_rules(composition, pack, pack.defaults or base.defaults)
        found += _apply_changes(composition, pack)
    found += reference_problems(ordered, frameworks or {})
    if signals is not None:
        found += _signal_problems(composition, signals)
    if found:
        raise PackError("\n".join(dict.fromkeys(found)))
    return composition


def _bases(packs: Sequence[Pack]) -> list[str]:
    """Refuse a second base: its matrix and defaults would ask for less without a waiver."""
    bases = [pack for pack in packs if pack.kind == "base"]
    first = next((pack for pack in bases if pack.id in PACKS), bases[0])
    return [
        pack.complain(
            ("kind",),
            f"a second base beside {first.id}; one policy has one base. Make this pack `kind: "
            f"team` and lay it over {first.id}, or use it alone: without {first.id} in "
            "policies.packs and in `include`, and with `policies.automatic: false` if a pack of "
            f"the sector or the country brings {first.id} along",
        )
        for pack in bases
        if pack is not first
    ]


def _twice(packs: Sequence[Pack]) -> list[str]:
    """Refuse one id for two packs: who set a number is told by the id alone."""
    first: dict[str, Pack] = {}
    found = []
    for pack in packs:
        other = first.setdefault(pack.id, pack)
        if other is not pack:
            text = (
                f"{other.where} calls itself {pack.id!r} as well; give each pack an id of its own"
            )
            found.append(pack.complain(("id",), text))
    return found


def _clocks_twice(packs: Sequence[Pack]) -> list[str]:
    """Refuse one id for two clocks: an incident's clocks are told, alerted and ended by it."""
    first: dict[str, Pack] = {}
    found = []
    for pack in packs:
        for i, clock in enumerate(pack.clocks):
            other = first.setdefault(clock.id, pack)
            if other is not pack:
                text = (
                    f"the clock {clock.id} is in two packs: {other.id} and {pack.id}; give the one "
                    "in your own pack another id, or use one of the packs"
                )
                found.append(pack.complain(("clocks", i, "id"), text))
    return found


def _add_rules(composition: Composition, pack: Pack, defaults: Defaults) -> list[str]:
    found = []
    for i, spec in enumerate(pack.rules):
        first = composition.rules.get(spec.id)
        if first is not None:
            what = (
                f"{spec.id} is in two packs: {first.pack} and {pack.id}; use one of them, change "
                "it under `changes`, or rename the rule in your own"
            )
            found.append(pack.complain(("rules", i, "id"), f"rule {what}"))
        else:
            composition.rules[spec.id] = Composed(spec, pack.id, defaults)
    return found


def _apply_changes(composition: Composition, pack: Pack) -> list[str]:
    found = []
    for i, change in enumerate(pack.changes):
        old = composition.rules.get(change.rule)
        at: Place = ("changes", i)
        if old is None:
            by = composition.off.get(change.rule)
            why = f"; it was disabled by {by}" if by else _nearest(change, composition)
            text = f"no pack before this one has the rule {change.rule!r}{why}"
            found.append(pack.complain((*at, "rule"), text))
            continue
        try:
            spec, parts = _changed(old.spec, change)
        except _Incomplete as error:
            found.append(pack.complain((*at, "thresholds"), str(error)))
            continue
        found += [pack.complain(p, m) for p, m in _limits_now(spec, change, at)]
        loosens = ["disabled"] if change.disable else loosened(old.spec, spec, old.defaults)
        if loosens and not old.spec.waivable:
            text = (
                f"asks for less than before ({'; '.join(loosens)}), which {old.pack} lets no pack "
                "do, with a waiver or without; take the change out"
            )
            found.append(pack.complain(at, text))
        elif loosens and change.waiver is None:
            text = (
                f"asks for less than before ({'; '.join(loosens)}), which needs a "
                "`waiver: {by, reason, expires}`"
            )
            found.append(pack.complain(at, text))
        elif change.waiver is not None and loosens:
            waived = Waived(change.rule, pack.id, tuple(loosens), change.waiver)
            composition.waivers.append(waived)
        if change.disable:
            del composition.rules[change.rule]
            composition.off[change.rule] = pack.id
            continue
        composition.rules[change.rule] = Composed(
            spec,
            old.pack,
            old.defaults,
            {**old.set_by, **dict.fromkeys(parts, pack.id)},
            {**old.reasons, pack.id: change.reason},
        )
    return found


def _nearest(change: Change, composition: Composition) -> str:
    return did_you_mean(change.rule, composition.rules)


class _Incomplete(Exception):
    """A change that adds a level without both of its limits."""


def _changed(spec: RuleSpec, change: Change) -> tuple[RuleSpec, list[str]]:
    """Return the rule after a change, and the names of the parts that it set."""
    new: dict[str, Any] = {}
    parts: list[str] = []
    if change.thresholds is not None:
        new["thresholds"], changed = _thresholds(spec.thresholds, change.thresholds)
        parts += changed
    if change.severity is not None:
        new["severity"] = _severities(spec.severity, change.severity)
        parts += [f"severity.{name}" for name in change.severity.model_fields_set]
    if change.stage is not None:
        new["thresholds"] = _without_stages(new.get("thresholds", spec.thresholds))
    for name in ("stage", "persistence", "clear_after", "escalation"):
        value = getattr(change, name)
        if value is not None:
            new[name] = value
            parts.append(name)
    new["crosswalk"] = tuple(dict.fromkeys((*spec.crosswalk, *change.crosswalk)))
    new["sources"] = tuple(dict.fromkeys((*spec.sources, *change.sources)))
    new["evidence"] = {**spec.evidence, **change.evidence}
    return spec.model_copy(update=new), sorted(parts)


def _thresholds(old: Thresholds, change: ThresholdsChange) -> tuple[Thresholds, list[str]]:
    levels: dict[str, Limits | None] = {}
    parts = []
    for level in OVERSIGHT:
        was: Limits | None = getattr(old, level)
        new = getattr(change, level)
        levels[level] = was
        if new is None:
            continue
        if was is None:
            if new.warn is None or new.breach is None:
                raise _Incomplete(f"the rule has no limits at {level} yet: give warn and breach")
            levels[level] = Limits(warn=new.warn, breach=new.breach)
        else:
            limits = {"warn": new.warn or was.warn, "breach": new.breach or was.breach}
            levels[level] = was.model_copy(update=limits)
        parts += [f"{level}.{name}" for name in ("warn", "breach") if getattr(new, name)]
    return old.model_copy(update=levels), parts


def _without_stages(thresholds: Thresholds) -> Thresholds:
    """Return thresholds without the stages of single levels, which a change of stage is about."""
    levels = {level: getattr(thresholds, level) for level in OVERSIGHT}
    return thresholds.model_copy(
        update={
            level: limits.model_copy(update={"stage": None})
            for level, limits in levels.items()
            if limits is not None
        }
    )


def _severities(old: Severities, change: SeveritiesChange) -> Severities:
    return Severities(breach=change.breach or old.breach, warn=change.warn or old.warn)


def _limits_now(spec: RuleSpec, change: Change, at: Place) -> list[tuple[Place, str]]:
    found = []
    for level in OVERSIGHT:
        limits: Limits | None = getattr(spec.thresholds, level)
        touched = change.thresholds is not None and getattr(change.thresholds, level) is not None
        if limits is not None and touched:
            found += list(limit_problems(spec.op, limits, (*at, "thresholds", level)))
            found += list(unsourced(spec, limits, (*at, "thresholds", level)))
    return found


def _signal_problems(composition: Composition, known: KnownSignals) -> list[str]:
    return [
        pack.complain(("rules", i, place), message)
        for pack in composition.packs
        for i, spec in enumerate(pack.rules)
        for place, message in _signal_problem(spec, known)
    ]


def _signal_problem(spec: RuleSpec, known: KnownSignals) -> Iterator[tuple[str, str]]:
    """Give what is wrong, and in which field: an unknown signal, or one about something else."""
    kinds = known.get(spec.signal)
    if kinds is None:
        yield "signal", f"no signal is called {spec.signal!r}{did_you_mean(spec.signal, known)}"
        return
    for subject in spec.subjects:
        if kinds and subject not in kinds:
            has = ", ".join(sorted(kinds))
            yield "subjects", f"{spec.signal} is never measured of {subject!r}, only of: {has}"
