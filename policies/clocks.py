"""Incident clocks: how long is left to tell somebody.  They start, run and draft; people decide.

A clock starts from a moment that a human states (`confirmed_at`, `aware_at`, ...).  Nothing here
decides whether an incident must be told, and nothing is ever sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, get_args

import msgspec

from policies.effective import Clock
from policies.model import rfc3339
from policies.regime import LONGEST_CLOCK
from policies.visible import shown

ClockState = Literal["waiting", "running", "overdue", "closed"]
Stage = Literal["waiting", "running", "due_soon", "overdue"]
"""How urgent an open clock is; `due_soon`: little of its time is left."""
STAGES: tuple[Stage, ...] = get_args(Stage)
LITTLE_SHARE = 3
"""Little time is left in the last third of a clock, ..."""
LITTLE_AT_MOST = 86_400
"""... and at most for its last day (seconds).  Both numbers are ours."""
RESPONSES = ("confirmed", "assessed", "closed")
"""What the time from detection or awareness is measured to."""
Outcome = Literal["in_time", "overdue", "not_started"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
EVENT_WORDS = {
    "ai_incident": "an incident of the AI system",
    "data_breach": "a breach of personal data",
}
EVENTS = tuple(EVENT_WORDS)
_IN_DAYS = 4 * 1_440
"""Minutes from which time is told in days: the clocks of law mostly run for 72 hours."""
MOMENTS = ("detected_at", "aware_at", "confirmed_at", "assessed_notifiable_at")
EARLIEST = 0
LATEST = 253_402_300_799 - LONGEST_CLOCK
"""Where a moment may lie (epoch seconds), so that the longest clock ends in time as well."""
Definition = Literal["in_force", "other", "gone"]
"""Whether the policy in force has a clock as the incident has it, otherwise, or no longer."""
DEFINITION_WORDS: dict[Definition, str] = {
    "in_force": "",
    "other": "the policy in force gives this clock another length or start than it had when the "
    "incident was stated: what is due first counts",
    "gone": "the policy in force no longer has this clock: it goes on as it was when the incident "
    "was stated, until a human closes it",
}


class Ended(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When somebody ended a clock (epoch seconds), who, and why."""

    at: int
    by: str
    reason: str


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody said of a moment: when it was (epoch seconds), and who said so."""

    moment: str
    at: int
    by: str


class Incident(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What humans have said of an incident; times in epoch seconds.

    `moments`: when what happened; `by`: who said so, by moment; `earlier`: what was said of them
    before, oldest first.  `closed`: when somebody ended all
    clocks, for a reason (told, not notifiable, false alarm: theirs to say); `ended`: single clocks
    that were ended before, by their ids.  `clocks`: those of the policy when the incident was
    stated, so that no change of the policy ends one.
    """

    id: str
    system: str
    event: str
    moments: dict[str, int]
    by: dict[str, str]
    closed: int | None = None
    closed_by: str | None = None
    reason: str | None = None
    ended: dict[str, Ended] = {}
    earlier: tuple[Statement, ...] = ()
    clocks: tuple[Clock, ...] = ()

    def former(self, moment: str) -> list[Statement]:
        """Return what was said of a moment before, oldest first."""
        return [one for one in self.earlier if one.moment == moment]


class Ticking(msgspec.Struct, frozen=True, kw_only=True):
    """A clock of an incident.

    `waiting`: nobody has said yet when it starts.  `left`: seconds, negative when overdue, None
    while it waits or once it is closed, which was at `closed` by the word of `closed_by`.
    """

    clock: Clock
    state: ClockState
    started: int | None = None
    due: int | None = None
    left: float | None = None
    closed: int | None = None
    closed_by: str | None = None
    definition: Definition = "in_force"


def ticking(clocks: Sequence[Clock], incident: Incident, now: float) -> list[Ticking]:
    """Return the clocks that this kind of incident has, as they stand at `now`.

    `clocks`: those of the policy in force.  Those that the incident was stated with go on without
    it; of two definitions of one clock that which is due first counts.
    """
    in_force = [clock for clock in clocks if clock.event == incident.event]
    kept = {clock.id: clock for clock in incident.clocks if clock.event == incident.event}
    found = [_first_due(clock, kept.pop(clock.id, clock), incident, now) for clock in in_force]
    gone = (_one(clock, incident, now) for clock in kept.values())
    return found + [msgspec.structs.replace(one, definition="gone") for one in gone]


def with_clocks(incident: Incident, clocks: Sequence[Clock]) -> Incident:
    """Return the incident with the definitions of its clocks that it has not kept yet."""
    known = {clock.id for clock in incident.clocks}
    more = tuple(c for c in clocks if c.event == incident.event and c.id not in known)
    return msgspec.structs.replace(incident, clocks=incident.clocks + more) if more else incident


def stated(incident: Incident, moments: Mapping[str, int], by: str) -> Incident:
    """Return the incident with what somebody says of moments; what was said before is kept."""
    former = tuple(
        Statement(moment=moment, at=incident.moments[moment], by=incident.by.get(moment, ""))
        for moment, at in moments.items()
        if moment in incident.moments
        and (incident.moments[moment], incident.by.get(moment)) != (at, by)
    )
    return msgspec.structs.replace(
        incident,
        moments={**incident.moments, **moments},
        by={**incident.by, **dict.fromkeys(moments, by)},
        earlier=incident.earlier + former,
    )


def out_of_order(incident: Incident) -> list[str]:
    """Return a sentence for each moment that cannot have come when it is stated to have.

    Nothing is confirmed or assessed before it was detected or known.
    """
    at = incident.moments
    begun = [moment for moment in ("detected_at", "aware_at") if moment in at]
    if not begun:
        return []
    first = min(begun, key=at.__getitem__)
    return [
        f"{moment} ({rfc3339(at[moment])}) is before {first} ({rfc3339(at[first])}), which cannot "
        "be: state the wrong one again"
        for moment in ("confirmed_at", "assessed_notifiable_at")
        if moment in at and at[moment] < at[first]
    ]


def stage_of(one: Ticking) -> Stage | None:
    """Return how urgent a clock is, None for one that is closed."""
    if one.left is None:
        return "waiting" if one.state == "waiting" else None
    if one.left < 0:
        return "overdue"
    little = min(one.clock.seconds // LITTLE_SHARE, LITTLE_AT_MOST)
    return "due_soon" if one.left <= little else "running"


def left_words(left: float) -> str:
    """Return `71 h 5 min left`, or `overdue by 3 h 0 min`; from four days on in days and hours."""
    minutes = int(abs(left) // 60)
    text = f"{minutes // 60} h {minutes % 60} min"
    if minutes >= _IN_DAYS:
        text = f"{minutes // 1_440} d {minutes % 1_440 // 60} h"
    return f"overdue by {text}" if left < 0 else f"{text} left"


def responses(incident: Incident) -> dict[str, int]:
    """Return the seconds from detection or awareness to each stage of `RESPONSES` that came.

    They count from the first of `detected_at` and `aware_at`; a stage before that says nothing.
    """
    begun = [incident.moments[m] for m in ("detected_at", "aware_at") if m in incident.moments]
    ended = {
        "confirmed": incident.moments.get("confirmed_at"),
        "assessed": incident.moments.get("assessed_notifiable_at"),
        "closed": incident.closed,
    }
    return {
        stage: at - min(begun)
        for stage, at in ended.items()
        if begun and at is not None and at >= min(begun)
    }


def outcome_of(one: Ticking) -> Outcome | None:
    """Return how a clock ended, None while it is open."""
    if one.closed is None:
        return None
    if one.due is None:
        return "not_started"
    return "in_time" if one.closed <= one.due else "overdue"


def draft(incident: Incident, clocks: Sequence[Ticking], facts: Sequence[str]) -> str:
    """Return a text to start a notification from; `facts` are lines about the system.

    It says what is known, where the clocks come from, and what a human must add and decide.
    """
    return "\n".join(_lines(incident, clocks, facts)) + "\n"


def _first_due(now_is: Clock, was: Clock, incident: Incident, now: float) -> Ticking:
    """Return a clock by the definition in force, or by the kept one if that is due earlier."""
    current = _one(now_is, incident, now)
    if _runs(was) == _runs(now_is):
        return current
    former = _one(was, incident, now)
    earlier = former.due is not None and (current.due is None or former.due < current.due)
    return msgspec.structs.replace(former if earlier else current, definition="other")


def _runs(clock: Clock) -> tuple[str, int]:
    return clock.starts, clock.seconds


def _one(clock: Clock, incident: Incident, now: float) -> Ticking:
    started = incident.moments.get(clock.starts)
    due = None if started is None else started + clock.seconds
    ended = incident.ended.get(clock.id)
    closed, by = (incident.closed, incident.closed_by) if ended is None else (ended.at, ended.by)
    if closed is not None:
        return Ticking(
            clock=clock, state="closed", started=started, due=due, closed=closed, closed_by=by
        )
    if due is None:
        return Ticking(clock=clock, state="waiting")
    left = due - now
    return Ticking(
        clock=clock,
        state="overdue" if left < 0 else "running",
        started=started,
        due=due,
        left=left,
    )


def _lines(incident: Incident, clocks: Sequence[Ticking], facts: Sequence[str]) -> Iterator[str]:
    yield f"# DRAFT, not sent: {incident.event} {incident.id} of {incident.system}"
    yield ""
    yield "A human decides whether this must be notified, to whom, and sends it. Not legal advice."
    yield ""
    yield "## What is known"
    for moment, at in sorted(incident.moments.items(), key=lambda item: item[1]):
        before = "".join(
            f"; before: {rfc3339(one.at)}, stated by {shown(one.by)}"
            for one in reversed(incident.former(moment))
        )
        who = shown(incident.by.get(moment, "unknown"))
        yield f"- {moment}: {rfc3339(at)}, stated by {who}{before}"
    yield from (f"- CHECK: {problem}" for problem in out_of_order(incident))
    yield from (f"- {fact}" for fact in facts)
    yield ""
    yield "## Clocks"
    for one in clocks:
        clock = one.clock
        due = f"due {rfc3339(one.due)}" if one.due is not None else f"starts with {clock.starts}"
        yield f"- {clock.title} ({clock.id}): {one.state}, {due}; to {clock.recipient}"
        yield f"  {clock.length} from {clock.starts}"
        yield (
            f"  source {clock.source}, verified {clock.verified_on}, confidence "
            f"{clock.confidence}; check it before relying on it"
        )
        if DEFINITION_WORDS[one.definition]:
            yield f"  {DEFINITION_WORDS[one.definition]}"
    if not clocks:
        yield "- none in the policy of this system for this kind of event"
    yield ""
    yield "## To be written by a human"
    for question in (
        "what happened, and how it was found",
        "who and how many are concerned, and what harm is likely",
        "what has been done, and what will be done and by when",
        "who can be asked",
        "whether this must be notified, decided by whom",
    ):
        yield f"- [ ] {question}"
