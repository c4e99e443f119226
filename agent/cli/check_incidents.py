"""Open incidents with clocks that no policy in force has, and incidents that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator

from agent.clock import SystemClock
from agent.config.model import Config
from agent.config.system import System
from agent.incidents_known import Known, known
from policies.clocks import DEFINITION_WORDS, ticking
from policies.effective import Policy
from policies.visible import shown


def incident_gaps(config: Config, system: System, policy: Policy) -> Iterator[str]:
    """Give one sentence per open clock that the policy does not have as its incident has it.

    With the first system also what concerns none that is configured.
    """
    found = known(config.store.path)
    for incident in found.incidents.values():
        if incident.system != system.id:
            continue
        for one in ticking(policy.clocks, incident, SystemClock().now()):
            why = DEFINITION_WORDS[one.definition]
            if why and one.state != "closed":
                yield shown(
                    f"the incident {incident.id} is open, with the clock {one.clock.id} "
                    f"({one.state}): {why}; `pantau policy clock list` says when it is due"
                )
    if system is config.systems[0]:
        yield from _of_nobody(config, found)


def _of_nobody(config: Config, found: Known) -> Iterator[str]:
    systems = {system.id for system in config.systems}
    for incident in found.incidents.values():
        if incident.closed is None and incident.system not in systems:
            yield shown(
                f"the incident {incident.id} is open, and its system {incident.system!r} is not "
                "configured: none of its clocks runs; configure the system until a human has "
                "closed the incident"
            )
    yield from (f"an incident cannot be read: {problem}" for problem in found.problems)
