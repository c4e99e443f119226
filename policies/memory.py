"""What a rule remembers of one subject from window to window: persistence and hysteresis.

Two tracks run side by side and never touch each other:

- *requirement*: none -> `warn` -> `breach`, raised when k of the last m windows show it, lowered
  after `clear_after` windows in a row that are better;
- *assessability*: none -> `unmeasured`, `window`, `inconclusive` or `permanent`.

So a breach still stands while later windows cannot be judged, and a window that cannot be judged
never clears anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from policies.effective import Rule
from policies.model import State, Window

Observation = Literal[
    "ok",
    "warn",
    "breach",
    "inconclusive",
    "unmeasured",
    "window",
    "permanent",
    "unnoticed",
    "gone",
]
"""What one window says to the two tracks.

`unmeasured`: the signal has no value (too few rows, suppressed). `window`: the window itself is
incomplete or empty, whatever the rule. `permanent`: known and lasting (no reference, no such
signal, not configured). `unnoticed`: without a value in a window too short to mind. `gone`: no
signal speaks of this subject any more.
"""
Requirement = Literal["warn", "breach"]
Assessability = Literal["unmeasured", "window", "inconclusive", "permanent"]

JUDGED: frozenset[Observation] = frozenset({"ok", "warn", "breach"})


class Memory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule's memory of one subject at one window length and model version; JSON-able.

    `before` is the memory as it was before the window that ends at `window_end`, so that the same
    window can be judged again at a higher revision with the same result.
    """

    window_end: int
    state: State
    since: int
    recent: tuple[Observation, ...] = ()
    requirement: Requirement | None = None
    assessability: Assessability | None = None
    ok_run: int = 0
    better_run: int = 0
    decided_run: int = 0
    inconclusive_run: int = 0
    before: Memory | None = None


def memory_key(rule: str, model_version: str, length: str, subject: str) -> str:
    """Return the key of an entry; `subject` is its sorted-key JSON (contract C4)."""
    return f"{rule}|{_escaped(model_version)}|{length}|{subject}"


def version_of(key: str) -> str:
    """Return the model version that an entry's key is of."""
    return key.split("|", 2)[1].replace("%7C", "|").replace("%25", "%")


def subjects_by_rule(
    memory: Mapping[str, Memory], model_version: str, length: str
) -> dict[str, dict[str, Memory]]:
    """Return rule -> subject text -> entry, for one model version and window length."""
    found: dict[str, dict[str, Memory]] = {}
    version = _escaped(model_version)
    for key in sorted(memory):
        rule, of_version, of_length, subject = key.split("|", 3)
        if of_version == version and of_length == length:
            found.setdefault(rule, {})[subject] = memory[key]
    return found


def base_of(known: Memory | None, window: Window) -> Memory | None:
    """Return the memory from which `window` is judged: the entry, or the one before a repeat."""
    if known is not None and known.window_end == window.end:
        return known.before
    return known


def since(known: Memory | None, state: State, window: Window) -> int:
    """Return the start of the first window of the run of `state` that `window` belongs to.

    For a window older than the memory this is known only within the memory's current run; a
    window before that run counts as its own start.  A window that did not speak of the subject
    ends a run.
    """
    if known is not None and window.end < known.window_end:
        run = known if known.state == state and known.since <= window.start else None
    else:
        base = base_of(known, window)
        unbroken = base is not None and base.state == state and base.recent[-1:] != ("gone",)
        run = base if unbroken else None
    return run.since if run is not None else window.start


def remember(
    known: Memory | None,
    *,
    rule: Rule,
    window: Window,
    state: State,
    observation: Observation,
    longest: bool,
    clear: State | None = None,
) -> Memory:
    """Return the memory after `window`, which must not end before `known.window_end`.

    `clear`: the state that this window shows beyond doubt, so that it needs no other beside it.
    """
    base = base_of(known, window)
    start = since(known, state, window)
    blank = Memory(window_end=window.start, state=state, since=start)
    prior = base or blank
    k, m = _persistence(rule, longest)
    recent = (*prior.recent, observation)[-m:]
    after = msgspec.structs.replace(
        prior,
        window_end=window.end,
        state=state,
        since=start,
        recent=recent,
        ok_run=prior.ok_run + 1 if observation == "ok" else 0,
        better_run=prior.better_run + 1 if observation in ("ok", "warn") else 0,
        decided_run=_decided_run(prior, observation),
        inconclusive_run=_inconclusive_run(prior, observation, longest),
        before=msgspec.structs.replace(base, before=None) if base is not None else None,
    )
    return msgspec.structs.replace(
        after,
        requirement=_requirement(prior.requirement, after, observation, k, rule.clear_after, clear),
        assessability=_assessability(prior.assessability, after, observation, rule),
    )


def _persistence(rule: Rule, longest: bool) -> tuple[int, int]:
    return rule.persistence if longest or rule.shorter is None else rule.shorter


def _requirement(
    stood: Requirement | None,
    after: Memory,
    seen: Observation,
    k: int,
    clear_after: int,
    clear: State | None,
) -> Requirement | None:
    breaches = after.recent.count("breach")
    if seen == "breach" and (breaches >= k or clear == "breach"):
        return "breach"
    beyond = breaches + after.recent.count("warn")
    if stood is None:
        enough = beyond >= k or clear is not None
        return "warn" if seen in ("warn", "breach") and enough else None
    if after.ok_run >= clear_after:
        return None
    if stood == "breach" and after.better_run >= clear_after:
        return "warn"
    return stood


def _assessability(
    stood: Assessability | None, after: Memory, seen: Observation, rule: Rule
) -> Assessability | None:
    # A window without a value leaves no doubt about that.
    k = 1 if rule.at_once is not None else rule.persistence[0]
    if seen == "permanent":
        return "permanent"
    if (seen == "window" or seen == "unmeasured") and after.recent.count(seen) >= k:
        return seen
    if seen == "inconclusive" and after.inconclusive_run >= rule.inconclusive_after:
        return "inconclusive"
    return None if _recovered(stood, after, seen, rule.clear_after) else stood


def _recovered(
    stood: Assessability | None, after: Memory, seen: Observation, clear_after: int
) -> bool:
    if seen == "gone":
        return True
    if stood in ("permanent", "window"):
        return seen != stood
    if stood == "unmeasured":
        return after.decided_run >= clear_after
    return seen in JUDGED


def _decided_run(prior: Memory, seen: Observation) -> int:
    """Count windows in a row whose signal had a value, inconclusive ones included."""
    return prior.decided_run + 1 if seen in JUDGED or seen == "inconclusive" else 0


def _inconclusive_run(prior: Memory, seen: Observation, longest: bool) -> int:
    """Count undecided longest windows; a window without a value neither adds nor ends the run."""
    if seen in JUDGED:
        return 0
    return prior.inconclusive_run + (1 if seen == "inconclusive" and longest else 0)


def _escaped(model_version: str) -> str:
    return model_version.replace("%", "%25").replace("|", "%7C")
