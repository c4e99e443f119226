"""What rules on optional fields of an event need in a system's configuration."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.system import System
from policies.grid import grid_of

FIELDS = {
    "reliability.error_rate": "status",
    "reliability.latency": "latency",
    "oversight.": "human",
    "feedback.": "feedback",
    "generative.toxicity": "scores.toxicity",
    "generative.groundedness": "scores.groundedness",
    "generative.evaluation": "scores.evaluation",
    "generative.refusal": "refused",
    "generative.tokens": "tokens",
    "generative.cost": "cost",
    "sustainability.": "energy",
}
"""Beginning of a signal's name -> the field of `event` that it is made from."""


def lacking(signal: str, system: System) -> str | None:
    """Return what the signal lacks in the configuration, such as `no event.refused`, or None."""
    return next(_lacking(signal, system), None)


def _lacking(signal: str, system: System) -> Iterator[str]:
    for beginning, field in FIELDS.items():
        if signal.startswith(beginning) and not _has(system, field):
            yield f"no event.{field}"
    if signal == "reliability.latency_ratio" and system.latency_slo is None:
        yield "no latency_slo"
    for rate in ("complaint", "appeal"):
        if signal == f"feedback.{rate}_ratio" and getattr(system.baselines, f"{rate}_rate") is None:
            yield f"no baselines.{rate}_rate"
    if signal == "oversight.unsure_reviewed_share" and system.event.score is None:
        yield "no event.score"
    if signal == "governance.drill_age_days" and system.oversight_drill is None:
        yield "no oversight_drill"
    is_carbon = signal == "sustainability.carbon_per_thousand"
    if is_carbon and system.grid_intensity is None and grid_of(system.country) is None:
        yield "no grid_intensity"


def _has(system: System, field: str) -> bool:
    value: object = system.event
    for name in field.split("."):
        value = getattr(value, name, None)
    return value is not None
