"""Whether findings reach anybody, by the configuration."""

from __future__ import annotations

from agent.config.model import Config

_RULES = "the rules of docs/operations.md"


def reaches_nobody(config: Config, *, metrics_by_otlp: bool) -> str | None:
    """Say why nobody hears of a finding, or what is configured for it in vain, and what to do.

    `metrics_by_otlp`: metrics leave by OTLP, so that rules can be evaluated elsewhere.
    """
    types = {getattr(options, "type", None) for options in config.exporters}
    if config.alerts.route == "agent":
        if "alertmanager" in types:
            return None
        return (
            "findings reach nobody: add an `alertmanager` exporter, or set `alerts.route` to "
            f"prometheus and load {_RULES}"
        )
    unused = "" if "alertmanager" not in types else ", so the `alertmanager` exporter sends nothing"
    if "prometheus" not in types and not metrics_by_otlp:
        return (
            f"findings reach nobody: `alerts.route` is prometheus{unused}, and there is no "
            "`prometheus` exporter whose metrics rules could read; add one, or set `alerts.route` "
            "to agent"
        )
    if unused:
        return (
            f"`alerts.route` is prometheus{unused}: load {_RULES} into Prometheus, or set "
            "`alerts.route` to agent"
        )
    return None
