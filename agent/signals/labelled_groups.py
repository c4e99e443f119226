"""The groups of audit attributes among the rows whose outcome is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from agent.layout import SCORE
from agent.signals.context import SignalContext
from agent.signals.gaps import Attribute
from agent.signals.groups import GroupRate, attributes
from agent.signals.labelled import GroupOutcome, Labelled, Scores
from agent.signals.measures import NO_LABELS, NO_SCORE, OTHER_VALUES, SELECTIVE, SEVERAL, selective

NO_LABEL = "not_configured: label"


@dataclass(frozen=True)
class ScoredGroup:
    """A group of an attribute with its scores, which are read from the rows when asked for."""

    group: str
    n: int
    attribute: str
    labelled: Labelled

    @cached_property
    def scores(self) -> Scores:
        """The scores of the group's rows with a label."""
        return self.labelled.scores(self.attribute, self.group)


def labelled_attributes(context: SignalContext) -> list[Attribute[GroupOutcome]]:
    """Return the audit attributes with the outcomes of their groups.

    Groups, and which one the others are compared with, are those of the predictions (contract C8).
    Where the system has no labels there are no groups.
    """
    labelled = context.labelled
    if labelled is None:
        return [_without_labels(one) for one in attributes(context)]
    found = []
    for one in attributes(context):
        seen, _ = labelled.groups(one.name)
        groups = tuple(seen.get(g.group, GroupOutcome(g.group, 0, 0, 0, 0)) for g in one.groups)
        found.append(
            Attribute(
                one.name,
                groups,
                None
                if one.against is None
                else next(g for g in groups if g.group == one.against.group),
                one.chosen,
                _problem(context, labelled, one),
                one.least,
            )
        )
    return found


def scored_attributes(context: SignalContext) -> list[Attribute[ScoredGroup]]:
    """Return the audit attributes with the scores of their groups' labelled rows."""
    labelled = context.labelled
    found: list[Attribute[ScoredGroup]] = []
    for one in labelled_attributes(context):
        groups = (
            tuple(ScoredGroup(g.group, g.scored, one.name, labelled) for g in one.groups)
            if labelled is not None
            else ()
        )
        problem = one.problem
        if context.layout.column("output", SCORE) is None and problem != NO_LABEL:
            problem = NO_SCORE
        elif problem is None and labelled is not None and labelled.positive is None:
            problem = SEVERAL
        against = one.against
        found.append(
            Attribute(
                one.name,
                groups,
                None if against is None else next(g for g in groups if g.group == against.group),
                one.chosen,
                problem,
                one.least,
            )
        )
    return found


def _without_labels(one: Attribute[GroupRate]) -> Attribute[GroupOutcome]:
    return Attribute(one.name, (), None, chosen=False, problem=NO_LABEL, least=one.least)


def _problem(context: SignalContext, labelled: Labelled, one: Attribute[GroupRate]) -> str | None:
    if selective(labelled, context.settings.label_observed):
        return SELECTIVE
    if one.problem is None and labelled.of_other_values(max(1, one.least)):
        return OTHER_VALUES
    return one.problem or (NO_LABELS if labelled.n == 0 else None)
