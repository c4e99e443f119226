"""The groups of an audit attribute in one window, and whom each is compared with."""

from __future__ import annotations

from dataclasses import dataclass

from agent.layout import PREDICTION
from agent.reference.profile import CategoricalProfile
from agent.signals.context import SignalContext
from agent.signals.gaps import Attribute
from agent.summary import GROUPS_OVERFLOW


@dataclass(frozen=True, slots=True)
class GroupRate:
    """A group's rows with a prediction, and those of them with a favourable one."""

    group: str
    n: int
    favourable: int

    @property
    def rate(self) -> float:
        """The selection rate; only for n > 0."""
        return self.favourable / self.n


def attributes(context: SignalContext) -> list[Attribute[GroupRate]]:
    """Return the layout's audit attributes as this window shows them."""
    return [_attribute(context, name) for name in context.layout.attributes]


def least(context: SignalContext) -> int:
    """Return the fewest rows with which a group's rate is judged."""
    return max(context.settings.min_group_n, context.settings.k_display, 1)


def _attribute(context: SignalContext, name: str) -> Attribute[GroupRate]:
    enough = least(context)
    seen = context.summary.groups.get(name, {})
    overflow = context.count(GROUPS_OVERFLOW + name) > 0
    privileged = context.settings.privileged.get(name)
    names = _configured(context, name)
    if privileged is not None:
        names.add(privileged)
    if not overflow:
        # With more groups than can be counted this is no group attribute; which of them were kept
        # says nothing, so only those that somebody configured are reported.
        names |= set(seen)
    groups = tuple(
        GroupRate(group, int(seen[group][1]), int(seen[group][2]))
        if group in seen
        else GroupRate(group, 0, 0)
        for group in sorted(names)
    )
    problem = None
    prediction = context.layout.column("output", PREDICTION)
    if not context.layout.favourable:
        problem = "not_configured: favourable"
    elif prediction is not None and prediction.kind == "numeric":
        # A quantity is never the favourable value: rates of 0 everywhere would read as fair.
        problem = "not_configured: favourable needs predictions that are classes"
    elif overflow:
        problem = "too_many_groups"
    elif not any(g.n for g in groups):
        problem = "not_seen"
    elif not any(g.favourable for g in groups) and _never_predicted(context):
        # Most likely a typing error, and rates of 0 everywhere would read as fair.
        problem = "not_configured: favourable is no prediction of the window or the reference"
    elif privileged is not None and not any(g.n for g in groups if g.group == privileged):
        # Nothing can be compared, whatever came of the others: most likely a typing error, too.
        problem = "not_seen: privileged"
    if privileged is not None:
        against = next(g for g in groups if g.group == privileged)
        return Attribute(name, groups, against, False, problem, enough)
    candidates = [g for g in groups if g.n >= enough]
    best = max(candidates, key=lambda g: g.rate, default=None)
    return Attribute(name, groups, best, True, problem, enough)


def _never_predicted(context: SignalContext) -> bool:
    """Tell whether the reference knows all predictions and none of them is favourable."""
    profile = None if context.reference is None else context.reference.prediction
    if not isinstance(profile, CategoricalProfile) or profile.other:
        return False
    return profile.n > 0 and context.layout.favourable.isdisjoint(profile.categories)


def _configured(context: SignalContext, name: str) -> set[str]:
    """Return the groups to report even when unseen: those configured, else the reference's."""
    configured = context.settings.groups.get(name)
    if configured is not None:
        return set(configured)
    if context.reference is None:
        return set()
    return set(context.reference.groups.get(name, {}))
