"""What the packs of a system refuse in its card: attributes, features, too little involvement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

from agent.config.card import category_of
from agent.config.model import Config
from agent.config.packs import chosen_packs, packs_of
from agent.config.system import AuditAttribute, System
from policies.complaint import PackError
from policies.load import is_path, pack_files
from policies.nearest import did_you_mean
from policies.pack import Pack
from policies.part import MATURITY, OVERSIGHT
from policies.regime import AttributeRule, Category
from policies.table import PACKS

Place = tuple[str | int, ...]

PLAIN = ("asean-guide",)
"""Bases: they refuse nothing by themselves, so most configurations are read without their packs."""


def unknown_packs(config: Config) -> Iterator[tuple[Place, str]]:
    """Give configured names that no pack has, each with its place in the file."""
    for i, name in enumerate(config.policies.packs):
        if not is_path(name) and name not in PACKS and name not in (known := pack_files()):
            yield (
                ("policies", "packs", i),
                f"there is no policy pack {name!r}{did_you_mean(name, known)}",
            )


def refused(config: Config) -> Iterator[tuple[Place, str]]:
    """Give what the packs do not allow, with its place in the file and why.

    Packs that cannot be read are told where they are used, not here.
    """
    for i, system in enumerate(config.systems):
        plain = all(pack.name in PLAIN for pack in chosen_packs(config, system))
        if plain and not system.mitigations:
            continue
        try:
            packs = packs_of(config, system)
        except PackError:
            continue
        yield from _demands(system, packs, ("systems", i))
        yield from _attributes(system, packs, ("systems", i, "audit_attributes"))
        yield from _features(system, packs, ("systems", i, "features"))
        yield from _mitigations(system, packs, ("systems", i, "mitigations"))


def _demands(system: System, packs: Sequence[Pack], at: Place) -> Iterator[tuple[Place, str]]:
    for pack in packs:
        for demand in pack.requires:
            least = demand.oversight
            if least and OVERSIGHT.index(system.oversight) > OVERSIGHT.index(least):
                yield (
                    (*at, "oversight"),
                    (
                        f"is {system.oversight}, but the pack {pack.id} asks for at least {least}: "
                        f"{demand.reason}"
                    ),
                )
            stage = demand.maturity
            if stage and MATURITY.index(system.maturity) < MATURITY.index(stage):
                yield (
                    (*at, "maturity"),
                    (
                        f"is {system.maturity}, but the pack {pack.id} asks for at least {stage}: "
                        f"{demand.reason}"
                    ),
                )


def _attributes(system: System, packs: Sequence[Pack], at: Place) -> Iterator[tuple[Place, str]]:
    for pack in packs:
        for rule in pack.attributes:
            for name, attribute in system.audit_attributes.items():
                why = _refusal(name, attribute, rule, pack)
                if why is not None:
                    yield (*at, name), why


def _features(system: System, packs: Sequence[Pack], at: Place) -> Iterator[tuple[Place, str]]:
    forbidding = [(p, r) for p in packs for r in p.attributes if r.processing == "forbidden"]
    for pack, rule in forbidding:
        for name, feature in (system.features or {}).items():
            about = [category_of(name, None), *_by_path(feature.path or name)]
            limited = next((one for one in about if one in rule.categories), None)
            if limited is not None:
                yield (
                    (*at, name),
                    (
                        f"is about {limited}, which is off in {_what(rule, pack)}: {rule.reason} "
                        "Take it out of the features"
                    ),
                )


def _mitigations(system: System, packs: Sequence[Pack], at: Place) -> Iterator[tuple[Place, str]]:
    """Refuse what no rule could ever judge; a rule that is not in force here may be one day."""
    rules = {rule.id: rule for pack in packs for rule in pack.rules}
    of_gaps = [rule.id for rule in rules.values() if "attribute" in rule.subjects]
    for i, mitigation in enumerate(system.mitigations):
        name = mitigation.rule
        if name not in rules:
            why = f"no rule of its packs is called {name!r}{did_you_mean(name, rules)}"
            yield (*at, i, "rule"), why
        elif mitigation.attribute is not None and name not in of_gaps:
            yield (
                (*at, i, "attribute"),
                (
                    f"the rule {name} judges no gap between groups, so none could be measured: "
                    f"leave `attribute` out, or name one of {', '.join(of_gaps)}"
                ),
            )


def _refusal(name: str, attribute: AuditAttribute, rule: AttributeRule, pack: Pack) -> str | None:
    if attribute.waiver is not None or rule.processing == "safeguards":
        return None
    told = list(_told(name, attribute))
    what = _what(rule, pack)
    if not told:
        return (
            f"its name does not tell what it is about, and {what} limits the processing of "
            f"{', '.join(rule.categories)}: say what it is about with `category` (one of "
            f"{', '.join(get_args(Category))})"
        )
    limited = next((one for one in told if one[0] in rule.categories), None)
    if limited is None:
        return None
    category, how = limited
    if rule.processing == "forbidden":
        return (
            f"is about {category}{how}, which is off in {what}: {rule.reason} Take it out, or "
            "answer for it with a `waiver: {by, reason, expires}` on legal advice"
        )
    if "consent" in attribute.lawful_basis.casefold():
        return None
    return f"is about {category}{how}, which {what} allows with consent only: {rule.reason}"


def _told(name: str, attribute: AuditAttribute) -> Iterator[tuple[Category, str]]:
    """Give what an attribute is about and what says so: none of them undoes another."""
    stated, named = attribute.category, category_of(name, None)
    if stated is not None:
        yield stated, ""
    if named is not None:
        yield named, " by its name" if stated else ""
    for category in _by_path(attribute.path or ""):
        yield category, " by its path"


def _by_path(path: str) -> list[Category]:
    """Return what the parts of a path say, as in `applicant.ethnicity.code`."""
    found = [category_of(part, None) for part in path.split(".")]
    return [category for category in found if category is not None]


def _what(rule: AttributeRule, pack: Pack) -> str:
    """Return the country or text that limits, and how sure that is."""
    return f"{pack.title} ({rule.source}; confidence {rule.confidence}, {rule.verified_on})"
