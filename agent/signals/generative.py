"""Generative AI: scores that the stream already carries.  Nothing is scored here."""

from __future__ import annotations

from agent.signals.context import SignalContext
from agent.signals.extra import mean_of, yes_share
from collectors.decoders.columns import COST, EVALUATION, GROUNDEDNESS, REFUSED, TOKENS, TOXICITY
from policies.model import Signal


def evaluation_score(context: SignalContext) -> list[Signal]:
    """Mean evaluation, on the stream's own scale; normal interval of a mean."""
    return mean_of(context, "generative.evaluation_score", EVALUATION)


def groundedness(context: SignalContext) -> list[Signal]:
    """Mean groundedness, 0 to 1 as scorers have it; normal interval of a mean."""
    return mean_of(context, "generative.groundedness", GROUNDEDNESS)


def toxicity_rate(context: SignalContext) -> list[Signal]:
    """Share of answers whose toxicity is at least `toxicity_threshold`; Wilson interval."""
    return yes_share(context, "generative.toxicity_rate", TOXICITY)


def refusal_rate(context: SignalContext) -> list[Signal]:
    """Share of answers that the model refused to give; Wilson interval."""
    return yes_share(context, "generative.refusal_rate", REFUSED)


def tokens_per_prediction(context: SignalContext) -> list[Signal]:
    """Mean tokens of a prediction; normal interval of a mean."""
    return mean_of(context, "generative.tokens_per_prediction", TOKENS)


def cost_per_thousand(context: SignalContext) -> list[Signal]:
    """Cost of 1,000 predictions, in the stream's currency; normal interval of a mean."""
    return mean_of(context, "generative.cost_per_thousand", COST, factor=1000)
