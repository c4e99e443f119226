"""What a system joins to its predictions later: of each kind how it is done, and what is known."""

from __future__ import annotations

from typing import NamedTuple

from agent.labels.kinds import Kind
from agent.labels.settings import LabelSettings
from agent.labels.state import LabelState
from agent.plan import Plan
from agent.state import SystemState


class Join(NamedTuple):
    """One kind of join of a system."""

    settings: LabelSettings
    state: LabelState

    @property
    def kind(self) -> Kind:
        """What is joined."""
        return self.settings.kind


def joins(plan: Plan, state: SystemState) -> list[Join]:
    """Return the joins of a system, none where nothing can come later."""
    pairs = ((plan.labels, state.labels), (plan.reviews, state.reviews))
    return [Join(how, known) for how, known in pairs if how is not None and known is not None]
