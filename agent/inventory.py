"""What a system's card says about its governance, in the form in which windows judge it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from agent.config.system import System
from agent.field_settings import midnight
from agent.signals.card import Inventory
from policies.effective import Policy
from policies.guide import Risk, Tier
from policies.pack import Pack
from policies.part import OVERSIGHT

_DAY = 86_400


def inventory_of(system: System, packs: Sequence[Pack], policy: Policy) -> Inventory:
    """Return the facts of a system's card, judged by the matrix of its packs."""
    tier = tier_of(system, packs)
    assessment, drill = system.impact_assessment, system.oversight_drill
    attributes = system.audit_attributes
    waived = [dt.date.fromisoformat(waiver.expires) for waiver in policy.waivers]
    waived += [a.waiver.expires for a in attributes.values() if a.waiver is not None]
    return Inventory(
        tier=tier,
        shortfall=_shortfall(system, packs, tier),
        assessed_until=None if assessment is None else end_of(assessment.expires),
        assessed_from=0 if assessment is None else end_of(assessment.date) - _DAY,
        basis_until={name: end_of(a.expires) for name, a in sorted(attributes.items())},
        waived_until=tuple(sorted(end_of(day) for day in waived)),
        drilled_at=None if drill is None else midnight(drill.last),
    )


def tier_of(system: System, packs: Sequence[Pack]) -> Tier:
    """Return the system's tier by the matrix of its base pack.

    Without a matrix: low on both axes is minimal, high on either is high, anything else medium.
    """
    risk = _matrix(packs)
    if risk is not None:
        return risk.tier(system.risk.probability, system.risk.severity)
    axes = {system.risk.probability, system.risk.severity}
    if axes == {"low"}:
        return "minimal"
    return "high" if "high" in axes else "medium"


def end_of(day: dt.date) -> int:
    """Return the end of a day in UTC, in epoch seconds."""
    return int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp()) + _DAY


def _shortfall(system: System, packs: Sequence[Pack], tier: Tier) -> int:
    risk = _matrix(packs)
    if risk is None or system.oversight in risk.allowed(tier):
        return 0
    least = max(OVERSIGHT.index(level) for level in risk.allowed(tier))
    return max(0, OVERSIGHT.index(system.oversight) - least)


def _matrix(packs: Sequence[Pack]) -> Risk | None:
    return next((pack.risk for pack in packs if pack.risk is not None), None)
