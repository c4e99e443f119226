"""What a rule remembers of one subject from window to window: persistence and hysteresis.

Two tracks run side by side and never touch each other:

- *requirement*: none -> `warn` -> `breach`, raised when k of the last m windows show it, lowered
  after `clear_after` windows in a row that are better;
- *assessability*: none -> `unmeasured` or `inconclusive` when `inconclusive_after` longest windows
  in a row were one or the other, and none again when as many in a row could be judged; or
  `permanent`.

So a breach still stands while later windows cannot be judged, and a window that cannot be judged
never clears anything.  Whether the window itself is `incomplete` stands beside both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    "spoken_for",
    "gone",
]
"""What one window says to the two tracks.

`unmeasured`: the signal has no value (too few rows, suppressed). `window`: the window itself is
incomplete or empty, whatever the rule. `permanent`: known and lasting (no reference, no such
signal, not configured). `unnoticed`: without a value in a window too short to mind. `spoken_for`:
without a value, which is remembered of another subject. `gone`: no signal speaks of this subject
any more.
"""
Requirement = Literal["warn", "breach"]
Assessability = Literal["unmeasured", "window", "inconclusive", "permanent"]

JUDGED: frozenset[Observation] = frozenset({"ok", "warn", "breach"})
UNTOLD: frozenset[Observation] = frozenset({"unmeasured", "inconclusive"})


class Memory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule's memory of one subject at one window length and model version; JSON-able.

    `untold_run` counts longest windows in a row in which the rule could not tell, `judged_run`
    windows in a row in which it could, or in which nothing was left of what was awaited; a window
    that says neither leaves both as they are.  `ok_starts` are the starts of the newest ok windows
    in a row in which nothing was left unjudged, at most `clear_after`; `shown_end` is the end of
    the newest window that showed what stands, None also as it was kept before.  `before` is the
    memory as it was before the window that ends at `window_end`, so that the same window can be
    judged again at a higher revision with the same result.
    """

    window_end: int
    state: State
    since: int
    recent: tuple[Observation, ...] = ()
    requirement: Requirement | None = None
    assessability: Assessability | None = None
    ok_run: int = 0
    better_run: int = 0
    judged_run: int = 0
    # The name under which it was kept when it counted undecided windows alone.
    untold_run: int = msgspec.field(default=0, name="inconclusive_run")
    incomplete: bool = False
    ok_starts: tuple[int, ...] = ()
    shown_end: int | None = None
    before: Memory | None = None

    @property
    def is_incomplete(self) -> bool:
        """Whether the window is incomplete or empty, also as it was kept before `incomplete`."""
        return self.incomplete or self.assessability == "window"


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


def at_every_length(
    memory: Mapping[str, Memory], rule: str, model_version: str, subject: str
) -> Iterator[Memory]:
    """Yield the entries of a rule and subject, of all window lengths, in no certain order."""
    start = f"{rule}|{_escaped(model_version)}|"
    for key, entry in memory.items():
        if key.startswith(start) and key.removeprefix(start).partition("|")[2] == subject:
            yield entry


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
    urgent: bool = False,
    whole: bool = True,
    relieved: bool = False,
) -> Memory:
    """Return the memory after `window`, which must not end before `known.window_end`.

    `clear`: the state that this window shows beyond doubt, so that it needs no other beside it.
    `urgent`: if this window is without a value, somebody has to hear of it at once.
    `whole`: nothing that the subject speaks for was left unjudged.  `relieved`: what stood is over
    by longer windows (`policies.relief`).
    """
    base = base_of(known, window)
    start = since(known, state, window)
    blank = Memory(window_end=window.start, state=state, since=start)
    prior = base or blank
    k, m = _persistence(rule, longest)
    recent = (*prior.recent, observation)[-m:]
    firm = observation == "ok" and whole
    after = msgspec.structs.replace(
        prior,
        window_end=window.end,
        state=state,
        since=start,
        recent=recent,
        ok_run=prior.ok_run + 1 if observation == "ok" else 0,
        better_run=prior.better_run + 1 if observation in ("ok", "warn") else 0,
        judged_run=_judged_run(prior, observation),
        untold_run=_untold_run(prior, observation, longest),
        incomplete=observation == "window",
        ok_starts=(*prior.ok_starts, window.start)[-rule.clear_after :] if firm else (),
        before=msgspec.structs.replace(base, before=None) if base is not None else None,
    )
    requirement = _requirement(prior.requirement, after, observation, k, rule.clear_after, clear)
    stands = None if relieved else requirement
    return _with_assessability(
        msgspec.structs.replace(
            after,
            requirement=stands,
            shown_end=None if stands is None else _shown_end(prior, observation, window),
        ),
        observation,
        needed=rule.inconclusive_after,
        longest=longest,
        urgent=urgent or prior.requirement is not None,
    )


def _persistence(rule: Rule, longest: bool) -> tuple[int, int]:
    return rule.persistence if longest or rule.shorter is None else rule.shorter


def _shown_end(prior: Memory, seen: Observation, window: Window) -> int | None:
    if seen in ("warn", "breach"):
        return window.end
    return prior.window_end if prior.shown_end is None else prior.shown_end


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


def _with_assessability(
    after: Memory, seen: Observation, *, needed: int, longest: bool, urgent: bool
) -> Memory:
    """Return the memory with what stands of "cannot tell" after a window that was seen so."""
    stood = after.assessability
    if seen == "permanent":
        return _settled(after, "permanent")
    # Windows that are not the longest any more would never be seen to recover.
    if not longest or seen == "spoken_for" or after.judged_run >= needed:
        return _settled(after, None)
    if stood in UNTOLD:
        return after
    if seen in UNTOLD:
        enough = after.untold_run >= needed or (urgent and seen == "unmeasured")
        return msgspec.structs.replace(after, assessability=seen if enough else None)
    return msgspec.structs.replace(after, assessability=None)


def _settled(after: Memory, assessability: Assessability | None) -> Memory:
    return msgspec.structs.replace(after, assessability=assessability, untold_run=0)


def _judged_run(prior: Memory, seen: Observation) -> int:
    awaited = prior.untold_run > 0 or prior.assessability in UNTOLD
    if seen in JUDGED or (seen == "gone" and awaited):
        return prior.judged_run + 1
    return 0 if seen in UNTOLD else prior.judged_run


def _untold_run(prior: Memory, seen: Observation, longest: bool) -> int:
    if seen in JUDGED:
        return 0
    return prior.untold_run + (1 if seen in UNTOLD and longest else 0)


def _escaped(model_version: str) -> str:
    return model_version.replace("%", "%25").replace("|", "%7C")
