"""Silence: how long no event has come, by the wall clock, and whom it alerts (contract C12).

A window tells of silence when it closes, which is late, and before the first event there is none at
all.  So the rules on silence are also judged between windows, once a minute, and what they find
goes to the alerts at once.  Only a running agent does this: a backtest looks at no clock.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from agent.signals.quiet import silence_interval
from agent.state import SystemState
from agent.windows import LENGTHS
from policies.alerts import Judged, alerts
from policies.effective import Policy, Rule
from policies.engine import evaluate
from policies.memory import subjects_by_rule
from policies.model import ALL_VERSIONS, Alert, Coverage, Window, measured

NAME = "anomaly.silence"

EVERY = 60
"""Seconds from one look to the next."""


def minutes(state: SystemState, now: float) -> int | None:
    """Return the whole minutes without an event, None where no clock is looked at.

    After a start what waits at the source comes first: silence counts from the start until all
    partitions have been read to their ends.
    """
    if state.opened_at is None:
        return None
    known = list(state.partitions.values())
    arrived = [p.arrived_at for p in known if p.arrived_at is not None]
    last = max(arrived, default=state.opened_at)
    if not all(p.caught_up for p in known):
        last = max(last, state.opened_at)
    return max(0, int((now - last) // EVERY))


def is_due(state: SystemState, now: float) -> bool:
    """Tell whether it is time to look again: once a minute, and only where a clock is looked at."""
    return state.opened_at is not None and now - state.silence_told_at >= EVERY


def shift(state: SystemState, step: float) -> None:
    """Follow a step of the wall clock: it is no silence."""
    if state.opened_at is not None:
        state.opened_at += step
        state.silence_told_at += step
    for partition in state.partitions.values():
        if partition.arrived_at is not None:
            partition.arrived_at += step


def watch(
    system: str,
    policy: Policy,
    length: str,
    state: SystemState,
    now: float,
    coverage: Coverage | None = None,
) -> list[Alert]:
    """Return the alerts that change because nothing comes, or because something came again.

    Nothing where no look is due.  `length` is the system's shortest window: findings of reports and
    of this watch are the same ones.
    """
    silent = minutes(state, now)
    if silent is None or not is_due(state, now):
        return []
    state.silence_told_at = now
    rules = tuple(rule for rule in policy.rules if rule.signal == NAME)
    if not rules:
        return []
    end = int(now // EVERY * EVERY)
    history = state.history.get((ALL_VERSIONS, length), [])
    low, high = silence_interval(silent, history, LENGTHS[length])
    signals = [measured(NAME, {}, silent, low, high, n=0, method="poisson_gaps")]
    evaluation = evaluate(
        msgspec.structs.replace(policy, rules=rules),
        model_version=ALL_VERSIONS,
        window=Window(start=end - LENGTHS[length], end=end, length=length),
        signals=signals,
        coverage=coverage or Coverage(events=0),
        memory=state.memory,
        longest=False,
    )
    remembered, findings = evaluation.memory, evaluation.findings
    if _is_incomplete(state, rules, length):
        remembered = {
            key: msgspec.structs.replace(entry, incomplete=True)
            for key, entry in remembered.items()
        }
        findings = tuple(finding for finding in findings if finding.scope != "window")
    state.memory.update(remembered)
    state.dirty.memory.update(remembered)
    judged = Judged(model_version=ALL_VERSIONS, findings=findings, signals=tuple(signals))
    told = fold(system, policy, state, [judged])
    if any(finding.action != "keep" for finding in findings):
        return told
    # One more minute of a silence that is known is no news, and the audit log keeps all news.
    return [alert for alert in told if alert.change != "updated"]


def _is_incomplete(state: SystemState, rules: Sequence[Rule], length: str) -> bool:
    """Tell whether other rules found the newest window incomplete: a later window says otherwise.

    All rules share the alert on that, and no look between windows makes the records come back.
    """
    ours = {rule.id for rule in rules}
    known = subjects_by_rule(state.memory, ALL_VERSIONS, length)
    return any(
        entry.is_incomplete
        for rule, entries in known.items()
        if rule not in ours
        for entry in entries.values()
    )


def fold(system: str, policy: Policy, state: SystemState, judged: Sequence[Judged]) -> list[Alert]:
    """Return the alerts that change by what was found, and remember which stand."""
    folded = alerts(judged, state.causes, system=system, policy=policy)
    for key, cause in folded.changed.items():
        if cause is None:
            state.causes.pop(key, None)
        else:
            state.causes[key] = cause
        state.dirty.causes.add(key)
    return list(folded.alerts)


def hand_over(waiting: SystemState, state: SystemState) -> None:
    """Give what was found before the first event to the state that is kept from then on."""
    for key, entry in waiting.memory.items():
        state.memory.setdefault(key, entry)
        state.dirty.memory.add(key)
    for key, cause in waiting.causes.items():
        state.causes.setdefault(key, cause)
        state.dirty.causes.add(key)
