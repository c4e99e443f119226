"""The packs that hold for each configured system."""

from __future__ import annotations

from agent.config.model import Config
from agent.config.system import System
from policies.complaint import PackError, UnreadableError
from policies.load import load_packs
from policies.pack import Pack
from policies.select import Chosen, choose


def chosen_packs(config: Config, system: System) -> list[Chosen]:
    """Return the packs that hold for a system, each with why it is there.

    Without `policies.automatic`, those of its sector and country are `limits_only`, and only those
    that forbid or require something.
    """
    return [one for one in _found(config, system) if not one.limits_only or _limits(one)]


def switched_off(config: Config, system: System) -> list[str]:
    """Return the packs of a system's sector and country of which more is off than limits."""
    return [one.name for one in _found(config, system) if one.limits_only]


def packs_of(config: Config, system: System) -> list[Pack]:
    """Return the packs that hold for a system and what they include.  Raises `PackError`."""
    chosen = chosen_packs(config, system)
    try:
        packs = load_packs([one.name for one in chosen if not one.limits_only])
    except UnreadableError as error:
        raise PackError(f"policies.packs: {error}") from error
    known = {pack.id for pack in packs}
    limits = {pack.id: pack for one in chosen if one.limits_only for pack in _limiting(one)}
    return packs + [pack.limits() for pack in limits.values() if pack.id not in known]


def _found(config: Config, system: System) -> list[Chosen]:
    return choose(
        config.policies.packs,
        sector=system.sector,
        country=system.country,
        whole=config.policies.automatic,
    )


def _limits(chosen: Chosen) -> bool:
    try:
        return bool(_limiting(chosen))
    except PackError:
        # Told where it is used, as of every other pack.
        return True


def _limiting(chosen: Chosen) -> list[Pack]:
    """Return the packs that forbid or require something, of one and what it includes."""
    return [pack for pack in load_packs([chosen.name]) if pack.requires or pack.attributes]
