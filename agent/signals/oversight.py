"""Human oversight: what reviewers do with the predictions they see.

Too few overrides are as telling as too many: who never disagrees may not be looking (automation
bias; EU Regulation 2024/1689 Art. 14(4)(b)).  Where decisions may come later than their predictions
all but the review time is made from both, joined by the event's id, and decided once they are in.
"""

from __future__ import annotations

from agent.layout import SCORE
from agent.signals.context import SignalContext
from agent.signals.decided import Decided, decided
from agent.signals.extra import missing, share_of, timed, too_few, unmapped
from agent.signals.intervals import wilson
from agent.signals.reliability import quantile
from collectors.decoders.columns import DECISION, REVIEW_SECONDS, REVIEWER
from policies.model import Signal, measured

WITHOUT_PREDICTION = "decisions_without_prediction"

_KEY = f"event.{DECISION}"


def override_rate(context: SignalContext) -> list[Signal]:
    """Share of human decisions unlike their prediction; Wilson interval.

    n: decisions about a prediction.
    """
    name, found = "oversight.override_rate", decided(context)
    if found is None:
        return [unmapped(name, _KEY, "wilson")]
    n = found.overridden + found.agreed
    if n == 0 and found.lone + found.apart:
        return [missing(name, WITHOUT_PREDICTION, 0, "wilson")]
    return [share_of(name, found.overridden, n)]


def reviewed_share(context: SignalContext) -> list[Signal]:
    """Share of the events that a human decided; Wilson interval.  n: the events.

    A decision that is joined to nothing may be about any event, so it could be one more that was
    reviewed: `high` counts it as one (worst-case bounds; Manski, Partial Identification of
    Probability Distributions, 2003).  Where decisions come in no other way nothing is known.
    """
    name, found = "oversight.reviewed_share", decided(context)
    if found is None:
        return [unmapped(name, _KEY, "wilson")]
    return [_reviewed_of(name, found, found.reviewed, found.predictions)]


def unsure_reviewed_share(context: SignalContext) -> list[Signal]:
    """Share of the predictions of low confidence that a human decided; Wilson interval.

    Low is a score in the range of `low_confidence`, to the digit.  n: these predictions; below
    `min_field_n` nothing is told.  Decisions that are joined to nothing as in `reviewed_share`.
    """
    name, found = "oversight.unsure_reviewed_share", decided(context)
    if found is None:
        return [unmapped(name, _KEY, "wilson")]
    if context.layout.column("output", SCORE) is None:
        return [unmapped(name, "event.score", "wilson")]
    reason = too_few(context, found.unsure)
    if reason is not None:
        return [missing(name, reason, found.unsure, "wilson")]
    return [_reviewed_of(name, found, found.unsure_reviewed, found.unsure)]


def review_seconds(context: SignalContext) -> list[Signal]:
    """Median time of a review in seconds, with the interval of `reliability.latency_p95`."""
    name = "oversight.review_seconds"
    block = timed(context, name, REVIEW_SECONDS, "order_statistics")
    return [block] if isinstance(block, Signal) else [quantile(name, block, 0.5)]


def unattributed_rate(context: SignalContext) -> list[Signal]:
    """Share of human decisions that name no reviewer; Wilson interval.

    n: decisions that came with their event or are joined to it.
    """
    name, found = "oversight.unattributed_rate", decided(context)
    if found is None:
        return [unmapped(name, _KEY, "wilson")]
    if REVIEWER not in context.layout.mapped:
        return [unmapped(name, "event.human.reviewer", "wilson")]
    return [share_of(name, found.unnamed, found.reviewed)]


def unmatched_decisions(context: SignalContext) -> list[Signal]:
    """Human decisions about which no prediction is in the record: counted exactly, never judged.

    n: all human decisions.  One that waited for its prediction in vain is an orphan of the
    coverage instead.
    """
    name, found = "oversight.unmatched_decisions", decided(context)
    if found is None:
        return [unmapped(name, _KEY, "exact")]
    count = found.lone + found.apart
    n = count + found.overridden + found.agreed
    return [measured(name, {}, count, count, count, n=n, method="exact")]


def _reviewed_of(name: str, found: Decided, reviewed: int, n: int) -> Signal:
    """Return the share `reviewed / n`; each decision apart could be about one more of the n."""
    if found.apart == 0 or n == 0:
        return share_of(name, reviewed, n)
    if reviewed == 0:
        return missing(name, WITHOUT_PREDICTION, 0, "wilson")
    low, high = wilson(reviewed, n)[0], wilson(min(reviewed + found.apart, n), n)[1]
    return measured(name, {}, reviewed / n, low, high, n=n, method="wilson")
