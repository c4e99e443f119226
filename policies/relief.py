"""When windows of a longer length end what stands at a shorter one (ADR 31).

A short window with few people may stay undecided for ever, so that a finding on it would never
end although the same people, taken together in longer windows, are found to be well inside the
limit.  Only such a judgement ends it, never that nothing can be told.
"""

from __future__ import annotations

from collections.abc import Mapping

from policies.effective import Rule
from policies.memory import Memory, Observation, at_every_length
from policies.model import Window

SILENT: frozenset[Observation] = frozenset({"ok", "inconclusive", "unmeasured", "unnoticed"})
"""What a window may say, so that longer ones speak for it: not that it is broken, nor worse."""


def is_relieved(
    base: Memory | None,
    memory: Mapping[str, Memory],
    *,
    rule: Rule,
    model_version: str,
    subject: str,
    window: Window,
    seen: Observation,
) -> bool:
    """Tell whether what stands in `base`, the memory before `window`, is over by longer windows.

    So it is if the newest `clear_after` windows of a longer length were ok, all of them after the
    last window that showed it.  Longer windows that end with `window` or later do not count yet:
    which of them are known would depend on what was read first.
    """
    if base is None or base.requirement is None or seen not in SILENT:
        return False
    shown = base.window_end if base.shown_end is None else base.shown_end
    for entry in at_every_length(memory, rule.id, model_version, subject):
        known = entry if entry.window_end < window.end else entry.before
        if known is None or known.window_end >= window.end:
            continue
        starts = known.ok_starts
        enough = len(starts) >= rule.clear_after and starts[-rule.clear_after] >= shown
        if enough and known.window_end - starts[-1] > window.end - window.start:
            return True
    return False
