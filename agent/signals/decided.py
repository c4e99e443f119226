"""What humans decided about a window's predictions: in their events, or joined to them later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.amounts import INVALID
from agent.beside import UNMATCHED
from agent.extras import AGREED, OVERRIDDEN, UNNAMED, agrees
from agent.labels.rows import OutcomeRows
from agent.outcomes import present
from agent.signals.context import SignalContext
from agent.unsure import UNREVIEWABLE, UNSURE, UNSURE_REVIEWED, count_name, is_unsure
from collectors.batch import Ints
from collectors.decoders.columns import DECISION


@dataclass(frozen=True, slots=True)
class Decided:
    """Counts of a window.

    `agreed` and `overridden` are decisions about a prediction; `lone` such about an event that has
    none; `apart` such in records of their own that are joined to nothing.  `unnamed` of the first
    three name no reviewer.  `predictions` are those that a decision could be about, `reviewed`
    those of them that one is; `unsure` and `unsure_reviewed` likewise of low confidence.
    """

    agreed: int
    overridden: int
    lone: int
    apart: int
    unnamed: int
    predictions: int
    reviewed: int
    unsure: int
    unsure_reviewed: int


def decided(context: SignalContext) -> Decided | None:
    """Return what humans decided, None where no decision is mapped."""
    block = context.optional(DECISION)
    if block is None:
        return None
    if context.reviews is not None:
        return _joined(context, context.reviews, block)
    agreed, overridden, lone = int(block[AGREED]), int(block[OVERRIDDEN]), int(block[INVALID])
    low = context.settings.uncertain
    return Decided(
        agreed=agreed,
        overridden=overridden,
        lone=lone,
        apart=context.count(UNMATCHED),
        unnamed=int(block[UNNAMED]),
        predictions=context.events,
        reviewed=agreed + overridden + lone,
        unsure=context.count(count_name(UNSURE, low)),
        unsure_reviewed=context.count(count_name(UNSURE_REVIEWED, low)),
    )


def _joined(context: SignalContext, rows: OutcomeRows, block: Ints) -> Decided:
    """Return the counts of the rows: of a sample, where one is kept.

    A prediction without an id and a decision of its own can be joined to nothing: it counts as one
    that nobody decided about.
    """
    given = present(rows.label)
    same = agrees(rows.prediction, rows.label)
    low = context.settings.uncertain
    unsure = is_unsure(rows.score, low)
    named = np.ones(rows.n, np.bool_) if rows.unnamed is None else ~rows.unnamed
    reviewed, agreed = int(given.sum()), int((given & same).sum())
    lost, lost_unsure = (
        round(context.count(name) * rows.sampling)
        for name in (UNREVIEWABLE, count_name(UNREVIEWABLE, low))
    )
    return Decided(
        agreed=agreed,
        overridden=reviewed - agreed,
        lone=int(block[INVALID]),
        apart=context.count(UNMATCHED),
        unnamed=int((given & ~named).sum()),
        predictions=rows.n + lost,
        reviewed=reviewed,
        unsure=int(unsure.sum()) + lost_unsure,
        unsure_reviewed=int((unsure & given).sum()),
    )
