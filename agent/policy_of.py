"""The policy that each configured system is judged by."""

from __future__ import annotations

from agent.config.model import Config
from agent.config.packs import packs_of
from agent.config.system import System
from agent.known_signals import known_signals
from policies.effective import Policy, effective
from policies.load import load_pack
from policies.pack import Pack
from policies.table import PACKS


def policy_of(config: Config, system: System) -> Policy:
    """Return the packs as they hold for this system.  Raises `PackError`."""
    packs = packs_of(config, system)
    # The names in shipped packs are tested, so that most commands need not import the signals.
    tested = all(not pack.rules or _is_shipped(pack) for pack in packs)
    signals = None if tested else known_signals()
    return effective(
        packs,
        oversight=system.oversight,
        maturity=system.maturity,
        country=system.country,
        sector=system.sector,
        signals=signals,
    )


def _is_shipped(pack: Pack) -> bool:
    """Tell whether a pack is one of ours; a file may call itself by the same name."""
    return pack.id in PACKS and pack is load_pack(pack.id)
