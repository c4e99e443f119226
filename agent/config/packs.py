"""The packs that hold for each configured system."""

from __future__ import annotations

from agent.config.model import Config
from agent.config.system import System
from policies.load import load_packs
from policies.pack import Pack
from policies.select import Chosen, choose


def chosen_packs(config: Config, system: System) -> list[Chosen]:
    """Return the packs that hold for a system, each with why it is there."""
    if not config.policies.automatic:
        return [Chosen(name, "configured") for name in config.policies.packs]
    return choose(config.policies.packs, sector=system.sector, country=system.country)


def packs_of(config: Config, system: System) -> list[Pack]:
    """Return the packs that hold for a system and what they include.  Raises `PackError`."""
    return load_packs([pack.name for pack in chosen_packs(config, system)])
