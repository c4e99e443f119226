"""Sustainability: the energy that predictions take, and the carbon of it."""

from __future__ import annotations

from agent.signals.context import SignalContext
from agent.signals.extra import mean_of, unmapped
from collectors.decoders.columns import ENERGY
from policies.model import Signal


def energy_per_thousand(context: SignalContext) -> list[Signal]:
    """Energy of 1,000 predictions in kWh; normal interval of a mean."""
    return mean_of(context, "sustainability.energy_per_thousand", ENERGY, factor=1000)


def carbon_per_thousand(context: SignalContext) -> list[Signal]:
    """Carbon of 1,000 predictions in kgCO2e: their energy times the grid's intensity.

    `method` names intensity and origin; the interval is that of the energy, since no grid factor
    comes with one.
    """
    name, intensity = "sustainability.carbon_per_thousand", context.settings.grid_intensity
    if intensity is None:
        return [unmapped(name, "grid_intensity", "normal")]
    origin = context.settings.grid_origin or "configuration"
    method = f"normal, {intensity:g} kgCO2e/kWh ({origin})"
    return mean_of(context, name, ENERGY, factor=1000 * intensity, method=method)
