"""The systems in the pipeline, and the channels that feed them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agent.dedup import DedupIndex
from agent.labels.kinds import Kind
from agent.notices import Announced
from agent.plan import Plan
from agent.state import SystemState
from collectors.base import Channel, SourceStatus
from collectors.schema import EventSchema
from policies.model import Outgoing

LOG_NAME = "agent.pipeline"
"""The name in the log of all that the pipeline's thread has to say."""


@dataclass
class Opened:
    """A system whose schema is known: what it runs by, where it stands, what to record of it."""

    plan: Plan
    state: SystemState
    announced: Announced


@dataclass
class Running:
    """One system in the pipeline.  `plan` and `state` are None until its schema is known.

    `open` makes both from a resolved schema; it may raise for a person to read.  Before that
    `while_unopened` tells once a second what there is to say when nothing comes at all; `unopened`
    is what it remembers.  `ended`: sources from which nothing more comes; `failed`: those among
    them that ended where they should not.
    """

    system: str
    open: Callable[[EventSchema], Opened]
    plan: Plan | None = None
    state: SystemState | None = None
    sources: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    finished: bool = False
    skipped: int = 0
    waiting: list[SourceStatus] = field(default_factory=list)
    while_unopened: Callable[[SystemState, float], Sequence[Outgoing]] = lambda state, now: ()
    unopened: SystemState = field(default_factory=lambda: SystemState(dedup=DedupIndex(1, 1)))

    def wait_to_tell(self, status: SourceStatus) -> None:
        """Keep a status until the system is open: of each source the newest, and every loss."""
        kept = [one for one in self.waiting if one.source != status.source or one.lost]
        self.waiting = [*kept, status]


@dataclass
class Input:
    """A collector's channel and the system that its events belong to.

    `alone`: it holds no events, but labels or reviews for those of other sources.
    """

    source: str
    system: str
    channel: Channel
    alone: Kind | None = None
