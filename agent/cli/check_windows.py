"""The smallest configured window in which a rule can be expected to say anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.cli.check_kinds import (
    EVENT,
    GAP,
    KINDS,
    LABEL,
    LABELLED,
    LABELLED_GAP,
    WITHOUT_EVENTS,
    Kind,
    Of,
)
from agent.cli.check_optional import lacking
from agent.cli.check_outcomes import Known, Outcomes
from agent.config.system import System
from agent.layout import Layout
from agent.reference.profile import Reference
from agent.signals.intervals import Interval
from agent.signals.table import all_signals, label_based
from agent.windows import LENGTHS
from collectors.schema import EventSchema
from policies.judge import judge
from policies.model import Threshold

_AGAINST_REFERENCE = (
    "anomaly.low_confidence_ratio",
    "anomaly.low_confidence_share",
    "anomaly.outlier_ratio",
    "anomaly.outlier_share",
    "anomaly.prediction_concentration",
    "fairness.equal_opportunity_worsening",
    "fairness.false_positive_rate_worsening",
    "fairness.representation_gap",
    "fairness.statistical_parity_worsening",
    "governance.reference_age_days",
    "performance.accuracy_drop",
    "performance.ece_rise",
    "performance.mae_rise",
    "performance.recall_drop",
    "performance.rmse_rise",
    "performance.roc_auc_drop",
    "quality.missing_rate_rise",
    "quality.new_category_rate",
    "quality.out_of_range_rate",
)

NONE, UNKNOWN = "none", "unknown"

Never = Literal["ok", "warn"]
Told = Literal["inside", "beyond"]

_CANNOT: dict[Never, str] = {"ok": "can never be ok", "warn": "can only be ok"}


@dataclass(frozen=True, slots=True)
class Need:
    """How many observations of which sort a signal takes, or why it cannot be had at all.

    `n` 0: it does not hang on events; `because` says on what.  `never`: what the rule cannot say,
    however many there are.
    """

    n: int
    of: Of
    impossible: str | None = None
    never: Never | None = None
    because: str | None = None

    def text(self) -> str:
        """Return it for a person, such as `100 people per group`."""
        if self.n == 0:
            return f"no events: {self.because}"
        some = "1 event" if (self.n, self.of) == (1, "events") else f"{self.n} {self.of}"
        return some if self.never is None else f"{some}, {_CANNOT[self.never]}"


@dataclass(frozen=True, slots=True)
class Stream:
    """How much comes in: events per second, the share that is labelled, the groups' shares.

    `labelled` is None where labels come later or from a source of their own, `decided`, the share
    that a human decided, where no decision was seen.
    """

    source: Literal["sample", "reference"] | None
    rate: float | None
    labelled: float | None
    groups: Mapping[str, Mapping[str, float]]
    decided: float | None = None


def need_of(
    signal: str,
    system: System,
    *,
    has_reference: bool,
    schema: EventSchema | None,
    threshold: Threshold | None = None,
    reference: Reference | None = None,
    layout: Layout | None = None,
    labels_elsewhere: bool = False,
) -> Need:
    """Return what a rule on a signal, with that threshold, needs in this system.

    That is the fewest observations of which an interval can lie inside the warn limit, and of which
    one can lie beyond it: with fewer the rule is `not_assessable`, or cannot but say one thing.
    How many it takes in practice hangs on the stream, and is more.
    `labels_elsewhere`: labels come from a source of their own, whatever `schema` says.
    """
    if signal not in all_signals():
        return Need(1, "events", "not computed in this version")
    kind = _kind(signal)
    impossible = _impossible(signal, system, has_reference, schema, labels_elsewhere)
    if signal in WITHOUT_EVENTS:
        return Need(0, "events", impossible, because=WITHOUT_EVENTS[signal])
    least = kind.least(system)
    if impossible is not None or threshold is None:
        return Need(least * kind.each, kind.of, impossible)
    rows = None if reference is None else reference.rows
    if kind.against_rows and rows is not None and rows < least:
        return Need(least, kind.of, f"only {rows} rows in the reference")
    found = kind.outcomes(Known(system, threshold.op, reference, layout))
    if isinstance(found, str):
        return Need(least * kind.each, kind.of, found)
    if not found:
        return Need(least * kind.each, kind.of)
    return _fewest(kind, least, found, threshold)


def _fewest(kind: Kind, least: int, subjects: Sequence[Outcomes], threshold: Threshold) -> Need:
    """Return the need of the subject that needs least: one that can be told is enough."""
    attempts: tuple[tuple[Never | None, frozenset[Told]], ...] = (
        (None, frozenset(("inside", "beyond"))),
        ("ok", frozenset(("beyond",))),
        ("warn", frozenset(("inside",))),
    )
    for never, wanted in attempts:
        fewest = [_search(of, threshold, wanted, least, kind.most) for of in subjects]
        reached = [n for n in fewest if n is not None]
        if reached:
            return Need(min(reached) * kind.each, kind.of, never=never)
    return Need(least * kind.each, kind.of, "no number of events decides: see the reference")


def _search(
    outcomes: Outcomes, threshold: Threshold, wanted: frozenset[Told], least: int, most: int
) -> int | None:
    def tells(n: int) -> bool:
        return wanted <= told(threshold, outcomes(n))

    enough = least
    while not tells(enough):
        if enough >= most:
            return None
        enough = min(2 * enough, most)
    too_few = max(enough // 2, least - 1)
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        enough, too_few = (middle, too_few) if tells(middle) else (enough, middle)
    return enough


def told(threshold: Threshold, intervals: Iterable[Interval]) -> set[Told]:
    """Return which sides of the warn limit some of these intervals are on, as the engine judges."""
    states = {judge(threshold, low, high) for low, high in intervals}
    inside: set[Told] = {"inside"} if "ok" in states else set()
    beyond: set[Told] = {"beyond"} if states & {"warn", "breach"} else set()
    return inside | beyond


def _kind(signal: str) -> Kind:
    """Return how a signal grows certain; of those that no shipped pack judges the least only."""
    labelled, family = signal in label_based(), signal.partition(".")[0]
    if signal in KINDS:
        return KINDS[signal]
    if family == "fairness":
        return LABELLED_GAP if labelled else GAP
    if family == "performance":
        return LABELLED
    return LABEL if labelled else EVENT


def _impossible(
    signal: str,
    system: System,
    has_reference: bool,
    schema: EventSchema | None,
    labels_elsewhere: bool,
) -> str | None:
    """Return what the configuration lacks for a signal, or None."""
    family = signal.partition(".")[0]
    if not has_reference and (family == "drift" or signal in _AGAINST_REFERENCE):
        return "no reference"
    if family == "fairness":
        reason = _no_fairness(system)
        if reason is not None:
            return reason
    unlabelled = schema is not None and schema.label is None and not labels_elsewhere
    if signal in label_based() and unlabelled:
        return "no label in the stream"
    if signal == "governance.unregistered_version" and system.versions is None:
        return "no registered versions"
    return lacking(signal, system)


def smallest_window(need: Need, system: System, stream: Stream) -> str:
    """Return the shortest window whose expected n reaches the need, `none`, or `unknown`.

    Expected n = rate * length * share, where the share of a gap is that of its smaller group, for
    the pair of groups that needs least.
    """
    if need.impossible is not None:
        return NONE
    if need.n == 0:
        return system.windows[0]
    share = _share(need, system, stream)
    if stream.rate is None or share is None:
        return UNKNOWN
    for name in system.windows:
        if stream.rate * LENGTHS[name] * share >= need.n:
            return name
    return NONE


def _no_fairness(system: System) -> str | None:
    if not system.audit_attributes:
        return "no audit attribute"
    return "no favourable outcome" if system.favourable is None else None


def _share(need: Need, system: System, stream: Stream) -> float | None:
    if need.of == "events":
        return 1.0
    if need.of in ("human decisions", "unsure predictions"):
        return stream.decided if need.of == "human decisions" else None
    if need.of != "people per group" and stream.labelled is None:
        return None
    if need.of == "labelled events":
        return stream.labelled
    pairs = [
        _easiest_pair(groups, system.audit_attributes[attribute].privileged)
        for attribute, groups in stream.groups.items()
        if attribute in system.audit_attributes
    ]
    if not pairs:
        return None
    return max(pairs) * ((stream.labelled or 0.0) if need.of == "labelled people per group" else 1)


def _easiest_pair(groups: Mapping[str, float], privileged: str | None) -> float:
    """Return the smaller share of the pair of groups in which that is largest."""
    if privileged is not None:
        others = (share for group, share in groups.items() if group != privileged)
        return min(groups.get(privileged, 0.0), max(others, default=0.0))
    ordered = sorted(groups.values(), reverse=True)
    return ordered[1] if len(ordered) > 1 else 0.0
