"""What labels of past events say: the accepted baseline that a reference profile keeps."""

from __future__ import annotations

from agent.labels.rows import OutcomeRows
from agent.reference.profile import GroupOutcomeProfile, MeasureProfile, OutcomeProfile
from agent.signals.labelled import Labelled
from agent.signals.measures import Ask, measures, selective


def outcome_profile(
    rows: OutcomeRows, favourable: frozenset[str], k_display: int, ask: Ask
) -> OutcomeProfile | None:
    """Return performance and the groups' outcomes, None where no row has prediction and label.

    Groups with fewer than `k_display` labelled rows are left out, and all groups where labels are
    selective.
    """
    labelled = Labelled(rows, favourable, score_for=ask.score_for)
    if labelled.n == 0:
        return None
    groups: dict[str, dict[str, GroupOutcomeProfile]] = {}
    if not labelled.is_regression and not selective(labelled, ask.observed):
        groups = {attribute: _groups(labelled, attribute, k_display) for attribute in rows.groups}
    found = {
        name: MeasureProfile(*one.estimate, one.n)
        for name, one in measures(labelled, ask).items()
        if one.estimate is not None
    }
    return OutcomeProfile(labelled=labelled.n, measures=dict(sorted(found.items())), groups=groups)


def _groups(labelled: Labelled, attribute: str, k: int) -> dict[str, GroupOutcomeProfile]:
    found, _ = labelled.groups(attribute)
    return {
        name: GroupOutcomeProfile(
            one.true_positive, one.false_positive, one.false_negative, one.true_negative
        )
        for name, one in sorted(found.items())
        if one.labelled >= k
    }
