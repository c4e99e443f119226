"""Which of the configured systems a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.config.model import Config
    from agent.config.system import System


def choose_system(config: Config, wanted: str | None) -> System:
    """Return the system called `wanted`, or the only one; raises `ConfigError`."""
    from agent.config.components import did_you_mean
    from agent.config.problems import of_file

    ids = [system.id for system in config.systems]
    if wanted is None and len(ids) == 1:
        return config.systems[0]
    if wanted is None:
        raise of_file("--system", f"missing; several systems are configured: {', '.join(ids)}")
    if wanted not in ids:
        hint = did_you_mean(wanted, ids) or f"; configured: {', '.join(ids)}"
        raise of_file("--system", f"no system is called {wanted!r}{hint}")
    return config.systems[ids.index(wanted)]
