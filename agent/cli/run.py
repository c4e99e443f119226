"""`pantau run`: the agent."""

from __future__ import annotations

from agent.cli.options import ConfigFile


def run(config: ConfigFile) -> int:
    """Run the agent until it is told to stop (SIGTERM or Ctrl-C; a second one exits at once)."""
    from agent.config.load import load, require_collector

    loaded = load(config)
    require_collector(loaded, config)
    from agent.run import run as run_agent
    from exporters.log import configure

    configure(loaded.agent.log_level)
    run_agent(loaded)
    return 0
