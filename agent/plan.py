"""What is fixed while a system runs: its settings, schema, layout, reference and policy."""

from __future__ import annotations

from dataclasses import dataclass

from agent.labels.settings import LabelSettings
from agent.layout import Layout
from agent.reference.profile import Reference
from agent.signals.context import Settings
from collectors.schema import EventSchema
from policies.effective import Policy


@dataclass(frozen=True, slots=True)
class TimeSettings:
    """Contract C12, in seconds.

    `restate_horizon`: how long after its closing a window can still be restated by events of a
    partition that was idle; 0 makes every window final when it closes.
    """

    pane: int = 60
    lateness: int = 600
    idle: int = 120
    future_skew: int = 300
    dedup_horizon: int = 600
    restate_horizon: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides how a system's events become reports, and never changes meanwhile.

    `lengths` are window names, short first.  `max_lost_share`: the share of records received that
    may be undecodable or late before a report counts as incomplete.  `labels`: how labels are
    joined, None where none can come; `reviews`: how human decisions that come later are.
    """

    system: str
    time: TimeSettings
    lengths: tuple[str, ...]
    schema: EventSchema
    layout: Layout
    reference: Reference | None
    settings: Settings
    policy: Policy
    max_lost_share: float = 0.05
    max_versions: int = 20
    max_empty_windows: int = 1_000
    labels: LabelSettings | None = None
    reviews: LabelSettings | None = None
