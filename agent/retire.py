"""Letting go of what can no longer change by itself: alerts of rules and versions that are gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.plan import Plan
from agent.state import SystemState
from agent.windows import LENGTHS
from policies.alerts import COVERAGE_RULE, retire
from policies.memory import version_of
from policies.model import ALL_VERSIONS, Alert

UNSEEN_WINDOWS = 3
"""Longest windows without an event of a model version after which it is forgotten."""


def retire_rules(plan: Plan, state: SystemState, at: int) -> list[Alert]:
    """Close the alerts of rules that the policy no longer has; `at` in epoch seconds."""

    def keep(labels: Mapping[str, str]) -> bool:
        rule = labels["rule"]
        return rule == COVERAGE_RULE or plan.policy.rule(rule) is not None

    return _close(state, keep, at, "the policy no longer has this rule")


def retire_versions(plan: Plan, state: SystemState, at: int) -> list[Alert]:
    """Forget model versions not seen for 3 longest windows, at the window end `at`.

    Without this an alert of a version that was taken out of service would stand for ever.
    """
    newest = {key: report.window.end for key, report in state.latest.items()}
    gone = unseen(newest, plan.lengths[-1], at)
    if not gone:
        return []
    _forget(state, gone)
    why = f"no event of this model version for {UNSEEN_WINDOWS} windows of {plan.lengths[-1]}"
    return _close(state, lambda labels: labels["model_version"] not in gone, at, why)


def unseen(newest: Mapping[tuple[str, str], int], longest: str, at: int) -> set[str]:
    """Return the versions of which nothing was seen for 3 longest windows.

    `newest`: end of the newest window, by version and length.
    """
    seen: dict[str, int] = {}
    for (version, _), end in newest.items():
        seen[version] = max(seen.get(version, 0), end)
    # A version that is just coming back is forgotten too: what has been read of it beyond `at`
    # depends on the batches, and that must not show.
    return {
        version
        for version, end in seen.items()
        if version != ALL_VERSIONS and at - end >= UNSEEN_WINDOWS * LENGTHS[longest]
    }


def _forget(state: SystemState, gone: set[str]) -> None:
    for version_and_length in [key for key in state.latest if key[0] in gone]:
        del state.latest[version_and_length]
        state.history.pop(version_and_length, None)
        state.dirty.latest.add(version_and_length)
    for memory in [key for key in state.memory if version_of(key) in gone]:
        del state.memory[memory]
        state.dirty.memory.add(memory)
    state.versions -= gone
    state.dirty.core = True


def _close(
    state: SystemState, keep: Callable[[Mapping[str, str]], bool], at: int, why: str
) -> list[Alert]:
    folded = retire(state.causes, keep, at=at, why=why)
    for key in folded.changed:
        del state.causes[key]
        state.dirty.causes.add(key)
    return list(folded.alerts)
