"""`audit_failure`: what follows when a required exporter has failed for too long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog

from agent.running import LOG_NAME, Running
from exporters.delivery import Delivery

_log = structlog.get_logger(LOG_NAME)


def failed(deliveries: Sequence[Delivery], after: float, now: float) -> Delivery | None:
    """Return a required exporter that has failed for `after` seconds, None if there is none.

    `now` is the monotonic clock's: a step of the wall clock makes no failure longer.
    """
    found = None
    for delivery in deliveries:
        since = delivery.failing_since
        if delivery.required and since is not None and now - since >= after:
            found = delivery
    return found


def why_to_stop(delivery: Delivery, after: float) -> str:
    """Return what a person must know when the agent stops for a failed exporter."""
    return (
        f"exporter {delivery.name} has failed for {after:g} s:"
        f" {delivery.last_error}; stopping, as store.audit_failure says"
    )


def degrade(systems: Iterable[Running], failed: Delivery | None) -> None:
    """Let nothing be judged while an exporter has failed; None: all is well again."""
    because = None if failed is None else f"{failed.name}_unavailable"
    for running in systems:
        if running.state is not None and running.state.degraded != because:
            running.state.degraded = because
            if because is None:
                _log.info("verdicts_restored", system=running.system)
            else:
                _log.error("verdicts_degraded", system=running.system, because=because)
