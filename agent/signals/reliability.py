"""Reliability of the service that predicts."""

from __future__ import annotations

from agent.amounts import at_rank, counted
from agent.signals.context import SignalContext
from agent.signals.extra import TOO_FEW, missing, timed, unmapped, yes_share
from agent.signals.intervals import LEVEL, quantile_ranks
from collectors.batch import Ints
from collectors.decoders.columns import LATENCY, STATUS
from policies.model import Signal, measured

_P95 = 0.95
_METHOD = "order_statistics"


def error_rate(context: SignalContext) -> list[Signal]:
    """Share of failed requests among the events that carry a status; Wilson interval."""
    return yes_share(context, "reliability.error_rate", STATUS)


def latency_p95(context: SignalContext) -> list[Signal]:
    """95th percentile of the latency in seconds: the value of rank ceil(0.95 n).

    From a histogram with 32 parts per octave, so at most 1.6 % from that value; the interval goes
    from order statistic to order statistic and includes the width of the parts.
    """
    return _p95(context, "reliability.latency_p95", 1.0)


def latency_ratio(context: SignalContext) -> list[Signal]:
    """95th percentile of the latency over `latency_slo`; 1 is just kept."""
    name, slo = "reliability.latency_ratio", context.settings.latency_slo
    if slo is None:
        return [unmapped(name, "latency_slo", _METHOD)]
    return _p95(context, name, slo)


def _p95(context: SignalContext, name: str, unit: float) -> list[Signal]:
    block = timed(context, name, LATENCY, _METHOD)
    return [block] if isinstance(block, Signal) else [quantile(name, block, _P95, unit)]


def quantile(name: str, block: Ints, share: float, unit: float = 1.0) -> Signal:
    """Return a quantile of a quantile block, in units of `unit` seconds.

    No interval holds with 95 % where all n values may well be below the population's quantile.
    """
    n = counted(block)
    if share**n > (1 - LEVEL) / 2:
        return missing(name, TOO_FEW, n, _METHOD)
    first, last = quantile_ranks(n, share)
    # In whole numbers: 0.95 n must not become 95.00000000000001.
    rank = -(-round(share * 100) * n // 100)
    value, low, high = at_rank(block, rank), at_rank(block, first), at_rank(block, last)
    return measured(
        name, {}, value.middle / unit, low.low / unit, high.high / unit, n=n, method=_METHOD
    )
