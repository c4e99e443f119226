"""What the packs of a system refuse in its card: attributes, too little human involvement."""

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
        if all(pack.name in PLAIN for pack in chosen_packs(config, system)):
            continue
        try:
            packs = packs_of(config, system)
        except PackError:
            continue
        yield from _demands(system, packs, ("systems", i))
        yield from _attributes(system, packs, ("systems", i, "audit_attributes"))


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


def _refusal(name: str, attribute: AuditAttribute, rule: AttributeRule, pack: Pack) -> str | None:
    if attribute.waiver is not None or rule.processing == "safeguards":
        return None
    category = attribute.category
    if category is None or category not in rule.categories:
        # What a name says is not undone by another category.
        category = category_of(name, None) or category
    by_name = " by its name" if category != attribute.category and attribute.category else ""
    what = f"{pack.title} ({rule.source}; confidence {rule.confidence}, {rule.verified_on})"
    if category is None:
        return (
            f"its name does not tell what it is about, and {what} limits the processing of "
            f"{', '.join(rule.categories)}: say what it is about with `category` (one of "
            f"{', '.join(get_args(Category))})"
        )
    if category not in rule.categories:
        return None
    if rule.processing == "forbidden":
        return (
            f"is about {category}{by_name}, which is off in {what}: {rule.reason} Take it out, or "
            "answer for it with a `waiver: {by, reason, expires}` on legal advice"
        )
    if "consent" in attribute.lawful_basis.casefold():
        return None
    return f"is about {category}, which {what} allows with consent only: {rule.reason}"
