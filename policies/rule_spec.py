"""A rule as a pack file writes it, and a change of one."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import Field, SerializerFunctionWrapHandler, Strict, model_serializer

from policies.model import Operator, Severity
from policies.part import (
    After,
    Count,
    Day,
    Evidence,
    Maturity,
    Number,
    Origin,
    Oversight,
    Part,
    PrincipleId,
    QuestionId,
    RuleId,
    SignalName,
    SubjectKind,
    Text,
    seconds,
)

MOST_WAIVED = dt.timedelta(days=731)
"""How far ahead a waiver may expire: two years, a leap year among them.  The number is ours."""


class Limit(Part):
    """One number and where it comes from."""

    at: Number
    origin: Origin


class Limits(Part):
    """Where `warn` and `breach` begin at one oversight level.

    `breach` null: the rule only warns there.  `stage`: the one from which it runs at this level,
    where that is not the rule's.
    """

    warn: Limit
    breach: Limit | None
    stage: Maturity | None = None

    @model_serializer(mode="wrap")
    def _say_never(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        document: dict[str, Any] = dump(self)
        return document if self.breach is not None else {**document, "breach": None}

    @property
    def given(self) -> tuple[Limit, ...]:
        """The limits that there are."""
        return (self.warn,) if self.breach is None else (self.warn, self.breach)


class Thresholds(Part):
    """Limits by oversight level; a level left out means that the rule does not run there."""

    human_in_the_loop: Limits | None = None
    human_over_the_loop: Limits | None = None
    human_out_of_the_loop: Limits | None = None


class Persistence(Part):
    """`[k, m]` by stage: a finding is raised when k of the last m windows show it."""

    baseline: tuple[Count, Count]
    intermediate: tuple[Count, Count]
    advanced: tuple[Count, Count]
    origin: Origin


class Windows(Part):
    """A number of consecutive windows."""

    windows: Count
    origin: Origin


class Shorter(Part):
    """`[k, m]` for windows shorter than the system's longest, which are looked at more often."""

    persistence: tuple[Count, Count]
    origin: Origin


class AtOnce(Part):
    """At these stages one longest window raises a finding alone when it leaves no doubt.

    That is so when an interval `widened` times as wide still lies beyond the limit.
    """

    stages: tuple[Maturity, ...]
    widened: Annotated[float, Strict(), Field(ge=1, le=10)]
    origin: Origin


class Step(Part):
    """Who is told of a finding that still stands `after` it was raised."""

    role: Text
    after: After

    @property
    def seconds(self) -> int:
        """`after` in seconds."""
        return seconds(self.after)


class Escalation(Part):
    """The chain of people by oversight level; a level left out has none."""

    human_in_the_loop: tuple[Step, ...] = ()
    human_over_the_loop: tuple[Step, ...] = ()
    human_out_of_the_loop: tuple[Step, ...] = ()
    origin: Origin


class Defaults(Part):
    """What holds for each rule that does not say otherwise.

    After `inconclusive_after` longest windows in a row in which a rule cannot tell (undecided, or
    too few observations) that is a ticket, and after as many in which it can the ticket closes.
    `shorter` and `at_once` go with `persistence`: a rule with its own has neither.
    """

    persistence: Persistence
    clear_after: Windows
    inconclusive_after: Windows
    shorter: Shorter | None = None
    at_once: AtOnce | None = None
    escalation: Escalation | None = None


class Severities(Part):
    """How loud a finding is: `page` wakes somebody, `ticket` waits, `info` only shows."""

    breach: Severity
    warn: Severity


class RuleSpec(Part):
    """One control: a signal, its limits, and what to do when they are passed.

    `principle` is the one that verdicts carry; `also` names others that the control serves.
    `subjects` are the kinds of contract C5 that it judges; `attribute` is the worst pairwise gap.
    `basis` tells a reader where the limits come from; a limit that is not `ours` also needs
    `sources`, which are ids of the pack's sources.  `evidence`: what the rule's verdicts show for
    questions of Annex A.  `waivable` false: no pack may ask for less, whatever waiver it shows.
    """

    id: RuleId
    principle: PrincipleId
    also: tuple[PrincipleId, ...] = ()
    title: Text
    signal: SignalName
    subjects: Annotated[tuple[SubjectKind, ...], Field(min_length=1)]
    op: Operator
    thresholds: Thresholds
    basis: Text
    sources: tuple[Text, ...] = ()
    stage: Maturity
    severity: Severities
    persistence: Persistence | None = None
    clear_after: Windows | None = None
    escalation: Escalation | None = None
    likely_cause: Text
    action: Text
    evidence: dict[QuestionId, Evidence] = Field(default={})
    crosswalk: tuple[Text, ...] = ()
    waivable: bool = True

    def limits(self, level: Oversight) -> Limits | None:
        """Return the limits at a level, None where the rule does not run."""
        limits: Limits | None = getattr(self.thresholds, level)
        return limits

    def stage_at(self, level: Oversight) -> Maturity:
        """Return the stage from which the rule runs at a level."""
        limits = self.limits(level)
        return (limits.stage if limits else None) or self.stage


class Waiver(Part):
    """Somebody's answer for loosening what is required, until a day.

    The day is at most `MOST_WAIVED` from the day that the pack is read.
    """

    by: Annotated[Text, Field(max_length=200)]
    reason: Annotated[Text, Field(max_length=1_000)]
    expires: Day


class LimitsChange(Part):
    """New limits at one oversight level; what is left out stays."""

    warn: Limit | None = None
    breach: Limit | None = None


class ThresholdsChange(Part):
    """New limits by oversight level."""

    human_in_the_loop: LimitsChange | None = None
    human_over_the_loop: LimitsChange | None = None
    human_out_of_the_loop: LimitsChange | None = None


class SeveritiesChange(Part):
    """New severities; what is left out stays."""

    breach: Severity | None = None
    warn: Severity | None = None


class Change(Part):
    """What a pack changes in a rule of a pack before it.

    What is left out stays; `crosswalk`, `evidence` and `sources` are added.  A change that loosens
    the rule (see `policies.loosening`) needs a `waiver`.
    """

    rule: RuleId
    thresholds: ThresholdsChange | None = None
    severity: SeveritiesChange | None = None
    stage: Maturity | None = None
    persistence: Persistence | None = None
    clear_after: Windows | None = None
    escalation: Escalation | None = None
    disable: bool = False
    crosswalk: tuple[Text, ...] = ()
    evidence: dict[QuestionId, Evidence] = Field(default={})
    sources: tuple[Text, ...] = ()
    reason: Text
    waiver: Waiver | None = None
