"""Which findings wait for somebody: those of standing alerts that every run of the stream shares.

Left out are findings about governance, which would count themselves; those on labels, and on human
decisions where these come later, which a backtest decides at the end of its input; and silence,
which only a running agent tells.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.signals.card import Waiting
from agent.signals.label_based import REVIEW_BASED
from agent.signals.table import label_based
from agent.silence import NAME
from policies.alerts import BREACH, Cause

_GOVERNANCE = "governance."
_OWNERLESS = "governance.open_without_owner"


def waiting(causes: Mapping[str, Cause], *, reviews_later: bool = False) -> tuple[Waiting, ...]:
    """Return the findings beyond a limit that somebody is alerted of, in the order of causes."""
    without = {*label_based(), NAME, *(REVIEW_BASED if reviews_later else ())}
    return tuple(
        Waiting(rule=labels["rule"], attribute=labels["attribute"], part=part)
        for _, cause in sorted(causes.items())
        if (labels := cause.alert.labels)["alertname"] == BREACH
        for _, part in sorted(cause.parts.items())
        if part.signal not in without and not part.signal.startswith(_GOVERNANCE)
    )


def open_findings(causes: Mapping[str, Cause]) -> int:
    """Return how many alerts stand, the one that says that nobody owns them left out."""
    return sum(
        1
        for cause in causes.values()
        if all(part.signal != _OWNERLESS for part in cause.parts.values())
    )
