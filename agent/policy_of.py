"""The policy that each configured system is judged by."""

from __future__ import annotations

from agent.config.model import Config
from agent.config.packs import packs_of
from agent.config.system import System
from agent.known_signals import known_signals
from policies.effective import Policy, effective
from policies.table import PACKS


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
