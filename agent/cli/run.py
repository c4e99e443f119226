"""`pantau run`: the agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.cli.options import ConfigFile

if TYPE_CHECKING:
    from agent.config.model import Config


def run(config: ConfigFile) -> int:
    """Run the agent until it is told to stop (SIGTERM or Ctrl-C; a second one exits at once)."""
    from agent.config.load import load, require_collector

    loaded = load(config)
    require_collector(loaded, config)
    from agent.run import run as run_agent
    from exporters.log import configure

    configure(loaded.agent.log_level)
    _warn_if_unheard(loaded)
    run_agent(loaded)
    return 0


def _warn_if_unheard(config: Config) -> None:
    import structlog

    from agent.reach import reaches_nobody
    from exporters.telemetry.wanted import wanted

    why = reaches_nobody(config, metrics_by_otlp=wanted().metrics)
    if why is not None:
        _log = structlog.get_logger("agent.run")
        _log.warning("alerts_unheard", problem=why)
