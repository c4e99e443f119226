"""The shape of a policy pack file, and what a pack must keep besides its shape."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, StringConstraints

from policies.model import PRINCIPLES, Operator, Severity
from policies.nearest import did_you_mean

Oversight = Literal["human_in_the_loop", "human_over_the_loop", "human_out_of_the_loop"]
Maturity = Literal["baseline", "intermediate", "advanced"]
Origin = Literal["convention", "tool_default", "law_elsewhere", "ours"]
"""Where a number comes from.  None of them is an ASEAN requirement: the Guide gives no numbers.

`convention`: the literature or common practice. `tool_default`: a well-known tool ships it.
`law_elsewhere`: a law outside ASEAN states it. `ours`: this project chose it.
"""
SubjectKind = Literal["system", "feature", "output", "attribute", "group", "class"]
PrincipleId = Literal["P1", "P2", "P3", "P4", "P5", "P6", "P7"]
Confidence = Literal["high", "medium", "low"]

OVERSIGHT: tuple[Oversight, ...] = (
    "human_in_the_loop",
    "human_over_the_loop",
    "human_out_of_the_loop",
)
MATURITY: tuple[Maturity, ...] = ("baseline", "intermediate", "advanced")
"""Stages, in order: a rule runs from its stage on.  The names are this project's, not ASEAN's."""

Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Count = Annotated[int, Strict(), Field(ge=1, le=100)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
RuleId = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$")]
SignalName = Annotated[str, StringConstraints(pattern=r"^[a-z]+(_[a-z]+)*\.[a-z0-9_]+$")]
PackId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]


class Part(BaseModel):
    """Everything in a pack: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Limit(Part):
    """One number and where it comes from."""

    at: Number
    origin: Origin


class Limits(Part):
    """Where `warn` and `breach` begin at one oversight level."""

    warn: Limit
    breach: Limit


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


class Defaults(Part):
    """What holds for each rule that does not say otherwise."""

    persistence: Persistence
    clear_after: Windows
    inconclusive_after: Windows


class Severities(Part):
    """How loud a finding is: `page` wakes somebody, `ticket` waits, `info` only shows."""

    breach: Severity
    warn: Severity


class RuleSpec(Part):
    """One control: a signal, its limits, and what to do when they are passed.

    `principle` is the one that verdicts carry; `also` names others that the control serves.
    `subjects` are the kinds of contract C5 that it judges; `attribute` is the worst pairwise gap.
    `basis` tells a reader where the limits come from; a limit that is not `ours` also needs
    `sources`, which are ids of the pack's sources.
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
    likely_cause: Text
    action: Text
    crosswalk: tuple[Text, ...] = ()


class Crosswalk(Part):
    """A text that rules refer to as `<key>:<place>`; how sure we are of it, and since when."""

    title: Text
    kind: Literal["guide", "standard", "law", "framework"]
    confidence: Confidence
    verified_on: dt.date
    note: Text | None = None


class Source(Part):
    """Something that the pack was written from; rules refer to it by `id`."""

    id: PackId
    title: Text
    note: Text | None = None


class Pack(Part):
    """A pack file."""

    id: PackId
    title: Text
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]
    voluntary: bool
    disclaimer: Text
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    principles: dict[PrincipleId, Text]
    crosswalks: dict[str, Crosswalk]
    defaults: Defaults
    rules: Annotated[tuple[RuleSpec, ...], Field(min_length=1)]


Place = tuple[str | int, ...]
"""A path into the file, such as `("rules", 3, "crosswalk", 0)`."""


def problems(pack: Pack) -> Iterator[tuple[Place, str]]:
    """Give what is wrong with a well-formed pack, each with its place in the file."""
    yield from _principle_problems(pack)
    yield from _persistence_problems(pack.defaults.persistence, ("defaults", "persistence"))
    first: dict[str, int] = {}
    for i, rule in enumerate(pack.rules):
        if rule.id in first:
            yield ("rules", i, "id"), f"the id is used twice (first by rule {first[rule.id] + 1})"
        first.setdefault(rule.id, i)
        yield from _rule_problems(pack, rule, ("rules", i))


def _principle_problems(pack: Pack) -> Iterator[tuple[Place, str]]:
    for key, name in PRINCIPLES.items():
        given = pack.principles.get(key)  # type: ignore[call-overload]
        if given is None:
            yield ("principles",), f"{key} ({name}) is missing; a pack names all seven principles"
        elif given != name:
            yield ("principles", key), f"{key} is called {name!r} in the Guide, not {given!r}"


def _rule_problems(pack: Pack, rule: RuleSpec, at: Place) -> Iterator[tuple[Place, str]]:
    if rule.principle in rule.also:
        yield (*at, "also"), f"{rule.principle} is already the rule's principle"
    if not any(getattr(rule.thresholds, level) for level in OVERSIGHT):
        yield (*at, "thresholds"), "no oversight level has limits, so the rule would never run"
    for level in OVERSIGHT:
        limits: Limits | None = getattr(rule.thresholds, level)
        if limits is not None:
            yield from _limit_problems(rule.op, limits, (*at, "thresholds", level))
    if rule.persistence is not None:
        yield from _persistence_problems(rule.persistence, (*at, "persistence"))
    yield from _source_problems(pack, rule, at)
    for j, reference in enumerate(rule.crosswalk):
        target, colon, place = reference.partition(":")
        if not (colon and place):
            yield (*at, "crosswalk", j), f"{reference!r} must read <text>:<place>"
        elif target not in pack.crosswalks:
            hint = did_you_mean(target, pack.crosswalks)
            yield (*at, "crosswalk", j), f"{target!r} is not among this pack's crosswalks{hint}"


def _source_problems(pack: Pack, rule: RuleSpec, at: Place) -> Iterator[tuple[Place, str]]:
    known = [source.id for source in pack.sources]
    for j, name in enumerate(rule.sources):
        if name not in known:
            hint = did_you_mean(name, known)
            yield (*at, "sources", j), f"{name!r} is not among this pack's sources{hint}"
    for level in OVERSIGHT:
        limits: Limits | None = getattr(rule.thresholds, level)
        borrowed = limits is not None and {limits.warn.origin, limits.breach.origin} != {"ours"}
        if borrowed and not rule.sources:
            place = (*at, "thresholds", level)
            yield place, "a limit that is not 'ours' needs `sources` to tell where it comes from"


def _limit_problems(op: Operator, limits: Limits, at: Place) -> Iterator[tuple[Place, str]]:
    warn, breach = limits.warn.at, limits.breach.at
    if op == "<" and breach > warn:
        yield at, f"op is '<', so breach ({breach:g}) must not be above warn ({warn:g})"
    if op != "<" and breach < warn:
        yield at, f"op is '{op}', so breach ({breach:g}) must not be below warn ({warn:g})"
    if op == "abs>" and warn < 0:
        yield at, f"op is 'abs>', so limits are sizes and cannot be negative (warn is {warn:g})"


def _persistence_problems(persistence: Persistence, at: Place) -> Iterator[tuple[Place, str]]:
    for stage in MATURITY:
        k, m = getattr(persistence, stage)
        if k > m:
            yield (*at, stage), f"[k, m] means k of the last m windows; {k} of {m} cannot happen"
