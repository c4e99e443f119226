"""Human oversight: what reviewers do with the predictions they see.

Too few overrides are as telling as too many: who never disagrees may not be looking (automation
bias; EU Regulation 2024/1689 Art. 14(4)(b)).
"""

from __future__ import annotations

from agent.amounts import INVALID
from agent.beside import UNMATCHED
from agent.extras import AGREED, OVERRIDDEN, UNNAMED
from agent.layout import SCORE
from agent.signals.context import SignalContext
from agent.signals.extra import missing, share_of, timed, too_few, unmapped
from agent.signals.intervals import wilson
from agent.signals.reliability import quantile
from agent.unsure import UNSURE, UNSURE_REVIEWED, count_name
from collectors.decoders.columns import DECISION, REVIEW_SECONDS, REVIEWER
from policies.model import Signal, measured

WITHOUT_PREDICTION = "decisions_without_prediction"

_KEY = f"event.{DECISION}"


def override_rate(context: SignalContext) -> list[Signal]:
    """Share of human decisions unlike the prediction beside them; Wilson interval.

    n: decisions with a prediction in the same record.
    """
    name, block = "oversight.override_rate", context.optional(DECISION)
    if block is None:
        return [unmapped(name, _KEY, "wilson")]
    overridden = int(block[OVERRIDDEN])
    reviewed = overridden + int(block[AGREED])
    if reviewed == 0 and _unmatched(context):
        return [missing(name, WITHOUT_PREDICTION, 0, "wilson")]
    return [share_of(name, overridden, reviewed)]


def reviewed_share(context: SignalContext) -> list[Signal]:
    """Share of the events that carry a human decision; Wilson interval.  n: the events.

    A decision in a record of its own may be about any event, so it could be one more that was
    reviewed: `high` counts it as one (worst-case bounds; Manski, Partial Identification of
    Probability Distributions, 2003).  Where decisions come in no other way nothing is known.
    """
    name, block = "oversight.reviewed_share", context.optional(DECISION)
    if block is None:
        return [unmapped(name, _KEY, "wilson")]
    reviewed = int(block[OVERRIDDEN]) + int(block[AGREED]) + int(block[INVALID])
    return [_reviewed_of(context, name, reviewed, context.events)]


def unsure_reviewed_share(context: SignalContext) -> list[Signal]:
    """Share of the predictions of low confidence that a human decided; Wilson interval.

    Low is a score in the range of `low_confidence`, to the digit.  n: these predictions; below
    `min_field_n` nothing is told.  Decisions in records of their own as in `reviewed_share`.
    """
    name = "oversight.unsure_reviewed_share"
    if context.optional(DECISION) is None:
        return [unmapped(name, _KEY, "wilson")]
    if context.layout.column("output", SCORE) is None:
        return [unmapped(name, "event.score", "wilson")]
    unsure, reviewed = (
        context.count(count_name(kind, context.settings.uncertain))
        for kind in (UNSURE, UNSURE_REVIEWED)
    )
    reason = too_few(context, unsure)
    if reason is not None:
        return [missing(name, reason, unsure, "wilson")]
    return [_reviewed_of(context, name, reviewed, unsure)]


def review_seconds(context: SignalContext) -> list[Signal]:
    """Median time of a review in seconds, with the interval of `reliability.latency_p95`."""
    name = "oversight.review_seconds"
    block = timed(context, name, REVIEW_SECONDS, "order_statistics")
    return [block] if isinstance(block, Signal) else [quantile(name, block, 0.5)]


def unattributed_rate(context: SignalContext) -> list[Signal]:
    """Share of human decisions that name no reviewer; Wilson interval.

    n: decisions that came with their event.
    """
    name, block = "oversight.unattributed_rate", context.optional(DECISION)
    if block is None:
        return [unmapped(name, _KEY, "wilson")]
    if REVIEWER not in context.layout.mapped:
        return [unmapped(name, "event.human.reviewer", "wilson")]
    decided = int(block[OVERRIDDEN]) + int(block[AGREED]) + int(block[INVALID])
    return [share_of(name, int(block[UNNAMED]), decided)]


def unmatched_decisions(context: SignalContext) -> list[Signal]:
    """Human decisions about which no prediction is in the record: counted exactly, never judged.

    n: all human decisions.
    """
    name, block = "oversight.unmatched_decisions", context.optional(DECISION)
    if block is None:
        return [unmapped(name, _KEY, "exact")]
    count = _unmatched(context)
    n = count + int(block[OVERRIDDEN]) + int(block[AGREED])
    return [measured(name, {}, count, count, count, n=n, method="exact")]


def _reviewed_of(context: SignalContext, name: str, reviewed: int, n: int) -> Signal:
    """Return the share `reviewed / n`; each decision apart could be about one more of the n."""
    apart = context.count(UNMATCHED)
    if apart == 0 or n == 0:
        return share_of(name, reviewed, n)
    if reviewed == 0:
        return missing(name, WITHOUT_PREDICTION, 0, "wilson")
    low, high = wilson(reviewed, n)[0], wilson(min(reviewed + apart, n), n)[1]
    return measured(name, {}, reviewed / n, low, high, n=n, method="wilson")


def _unmatched(context: SignalContext) -> int:
    block = context.optional(DECISION)
    within = 0 if block is None else int(block[INVALID])
    return within + context.count(UNMATCHED)
