"""What signals look at besides the stream: the system's card, and the findings that wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from policies.guide import Tier
from policies.wording import Part


@dataclass(frozen=True, slots=True)
class Correction:
    """Something done about a rule's findings, in effect from `at` on.  `attribute` None: of any."""

    rule: str
    attribute: str | None
    at: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A finding of an alert that stands, and the rule and attribute that the alert is of."""

    rule: str
    attribute: str
    part: Part


@dataclass(frozen=True, slots=True)
class Inventory:
    """Facts of a card, times in epoch seconds.

    A day is over at its end, UTC.  `tier`: by the risk matrix of the base pack.  `shortfall`: how
    many categories of human involvement the system is below the least that fits its tier.
    `assessed_until`: end of the impact assessment, None without one; `assessed_from`: its date.
    `basis_until`: by audit attribute.  `waived_until`: of every waiver in the policy and the card.
    `drilled_at`: start of the day of the last drill, None without one.
    """

    tier: Tier = "high"
    shortfall: int = 0
    assessed_until: int | None = None
    assessed_from: int = 0
    basis_until: Mapping[str, int] = field(default_factory=dict)
    waived_until: tuple[int, ...] = ()
    drilled_at: int | None = None
