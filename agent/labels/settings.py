"""What joining labels needs to know of a system's configuration."""

from __future__ import annotations

from dataclasses import dataclass

from agent.labels.kinds import LABELS, Kind


@dataclass(frozen=True, slots=True)
class LabelSettings:
    """How labels are joined (contract C9, C12); times in seconds.

    `horizon`: how long after its event, and after its window's end, a label counts.
    `pair_horizon`: how far a label may come before its event.  `max_pending`: rows kept before only
    a share of the ids is.  `min_coverage`: share of predictions with a label below which nothing
    is decided.  `attributes` are the layout's; `numeric` tells that predictions and labels are
    numbers (regression).  `kind`: what stands in the place of labels.
    """

    pane: int
    lateness: int
    lengths: tuple[str, ...]
    attributes: tuple[str, ...]
    numeric: bool
    horizon: int = 30 * 86_400
    pair_horizon: int = 600
    max_pending: int = 1_000_000
    min_coverage: float = 0.8
    kind: Kind = LABELS
