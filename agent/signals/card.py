"""The facts of a system's card that signals look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from policies.guide import Tier


@dataclass(frozen=True, slots=True)
class Inventory:
    """Facts of a card, times in epoch seconds.

    A day is over at its end, UTC.  `tier`: by the risk matrix of the base pack.  `shortfall`: how
    many categories of human involvement the system is below the least that fits its tier.
    `assessed_until`: end of the impact assessment, None without one.  `basis_until`: by audit
    attribute.  `waived_until`: of every waiver in the policy and the card.
    """

    tier: Tier = "high"
    shortfall: int = 0
    assessed_until: int | None = None
    basis_until: Mapping[str, int] = field(default_factory=dict)
    waived_until: tuple[int, ...] = ()
