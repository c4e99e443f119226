"""What every exporter's factory is given about the agent that runs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from exporters.open_clocks import OpenClocks
from exporters.published import Published
from policies.model import Notice

if TYPE_CHECKING:
    from exporters.agent_metrics import AgentMetrics
    from exporters.health import Health
    from exporters.tracing import Tracer


@dataclass(frozen=True, slots=True)
class SystemInfo:
    """One configured system: its id and the team that owns it ("" if none is named)."""

    id: str
    owner: str = ""


def no_counters() -> Mapping[str, int]:
    """Return no counters: the agent does not tell any."""
    return {}


def tell_nobody(notice: Notice) -> None:
    """Take a notice that nobody records."""
    del notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The agent as its exporters see it.

    `bootid` is unique per start of the program.  `config_digest` is `sha256:<hex>` of the
    configuration in force.  Relative paths in options are relative to `base`.  `clock` gives
    epoch seconds, `monotonic_ns` nanoseconds that never step.  `counters` gives totals since the
    start of the program by name (`events`: events taken in); it may be called from any thread.
    `metrics` and `health` are what `/metrics` and `/readyz` tell of the agent itself.
    `announce` hands a notice to the audit log, from any thread.  `published` holds the audit log's
    newest checkpoint, `open_clocks` the incident clocks that run.
    `tracer` makes spans where the environment asks for traces.
    """

    agent_version: str
    bootid: str
    config_digest: str
    systems: tuple[SystemInfo, ...]
    base: Path = Path()
    clock: Callable[[], float] = time.time
    monotonic_ns: Callable[[], int] = time.monotonic_ns
    counters: Callable[[], Mapping[str, int]] = no_counters
    announce: Callable[[Notice], None] = tell_nobody
    published: Published = field(default_factory=Published)
    open_clocks: OpenClocks = field(default_factory=OpenClocks)
    metrics: AgentMetrics | None = None
    health: Health | None = None
    tracer: Tracer | None = None
