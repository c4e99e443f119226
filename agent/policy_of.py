"""The policy that each configured system is judged by."""

from __future__ import annotations

from agent.config.model import Config
from agent.config.system import System
from agent.known_signals import known_signals
from policies.effective import Policy, effective
from policies.load import load_packs
from policies.pack import Pack
from policies.select import Chosen, choose
from policies.table import PACKS


def chosen_packs(config: Config, system: System) -> list[Chosen]:
    """Return the packs that hold for a system, each with why it is there."""
    if not config.policies.automatic:
        return [Chosen(name, "configured") for name in config.policies.packs]
    return choose(config.policies.packs, sector=system.sector, country=system.country)


def packs_of(config: Config, system: System) -> list[Pack]:
    """Return the packs that hold for a system and what they include.  Raises `PackError`."""
    return load_packs([pack.name for pack in chosen_packs(config, system)])


def policy_of(config: Config, system: System) -> Policy:
    """Return the packs as they hold for this system.  Raises `PackError`."""
    packs = packs_of(config, system)
    # Shipped packs are tested; their names need no look at every other pack.
    signals = None if all(pack.id in PACKS for pack in packs) else known_signals()
    return effective(
        packs,
        oversight=system.oversight,
        maturity=system.maturity,
        country=system.country,
        sector=system.sector,
        signals=signals,
    )
