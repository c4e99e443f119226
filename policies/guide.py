"""What the base pack holds of the Guide besides rules: components, human involvement, risk."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policies.part import Evidence, Oversight, Part, QuestionId, Text

Level = Literal["low", "medium", "high"]
Tier = Literal["minimal", "medium", "high"]
ComponentId = Literal["C1", "C2", "C3", "C4"]


class Component(Part):
    """One of the Guide's four components of AI governance."""

    id: ComponentId
    title: Text


class Involvement(Part):
    """One of the Guide's three categories of human involvement."""

    id: Oversight
    title: Text
    meaning: Text


class Severities3(Part):
    """The tier by severity of harm, at one probability."""

    low: Tier
    medium: Tier
    high: Tier


class Matrix(Part):
    """The tier by probability of harm, then by its severity."""

    low: Severities3
    medium: Severities3
    high: Severities3


class Allowed(Part):
    """The categories of human involvement that fit each tier."""

    minimal: Annotated[tuple[Oversight, ...], Field(min_length=1)]
    medium: Annotated[tuple[Oversight, ...], Field(min_length=1)]
    high: Annotated[tuple[Oversight, ...], Field(min_length=1)]


class Risk(Part):
    """The Guide's risk matrix (C.2) and the human involvement that it asks for."""

    matrix: Matrix
    oversight: Allowed
    note: Text | None = None

    def tier(self, probability: Level, severity: Level) -> Tier:
        """Return the tier of a system with this probability and severity of harm."""
        by_severity: Severities3 = getattr(self.matrix, probability)
        tier: Tier = getattr(by_severity, severity)
        return tier

    def allowed(self, tier: Tier) -> tuple[Oversight, ...]:
        """Return the categories of human involvement that fit a tier."""
        fit: tuple[Oversight, ...] = getattr(self.oversight, tier)
        return fit


class Question(Part):
    """A question of Annex A and who answers it; `by` says with what."""

    id: QuestionId
    title: Text
    component: ComponentId
    evidence: Evidence
    by: Text
