"""The smallest configured window in which a rule can be expected to say anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from agent.cli.check_optional import lacking
from agent.config.system import System
from agent.signals.table import all_signals, label_based
from agent.windows import LENGTHS
from collectors.schema import EventSchema

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

Of = Literal["events", "people per group", "labelled events", "labelled people per group"]

NONE, UNKNOWN = "none", "unknown"


@dataclass(frozen=True, slots=True)
class Need:
    """How many observations of which sort a signal takes, or why it cannot be had at all."""

    n: int
    of: Of
    impossible: str | None = None

    def text(self) -> str:
        """Return it for a person, such as `100 people per group`."""
        return "1 event" if self == Need(1, "events", self.impossible) else f"{self.n} {self.of}"


@dataclass(frozen=True, slots=True)
class Stream:
    """How much comes in: events per second, the share that is labelled, the groups' shares.

    `labelled` is None where labels come later or from a source of their own.
    """

    source: Literal["sample", "reference"] | None
    rate: float | None
    labelled: float | None
    groups: Mapping[str, Mapping[str, float]]


def need_of(
    signal: str,
    system: System,
    *,
    has_reference: bool,
    schema: EventSchema | None,
    warn: float | None = None,
    labels_elsewhere: bool = False,
) -> Need:
    """Return what a rule on a signal, with that `warn` limit, needs in this system.

    `labels_elsewhere`: labels come from a source of their own, whatever `schema` says.

    A rate can be told to be inside its limit only from so many events on that the interval of a
    rate of zero lies below it; with fewer the verdict stays inconclusive.
    """
    family = signal.partition(".")[0]
    if signal not in all_signals():
        return Need(1, "events", "not computed in this version")
    if family == "drift":
        return Need(system.min_drift_n, "events", None if has_reference else "no reference")
    impossible = "no reference" if signal in _AGAINST_REFERENCE and not has_reference else None
    if family == "quality" and warn is not None and 0 < warn < 1:
        return Need(events_to_clear(warn), "events", impossible)
    if impossible is not None:
        return Need(1, "events", impossible)
    no_label = None
    if signal in label_based() and schema is not None and schema.label is None:
        no_label = None if labels_elsewhere else "no label in the stream"
    if family == "fairness":
        reason = _no_fairness(system) or no_label
        by_label = signal in label_based()
        of: Of = "labelled people per group" if by_label else "people per group"
        return Need(system.min_group_n, of, reason)
    if family == "performance":
        return Need(system.min_performance_n, "labelled events", no_label)
    if no_label is not None:
        return Need(1, "labelled events", no_label)
    if signal == "governance.unregistered_version" and system.versions is None:
        return Need(1, "events", "no registered versions")
    return Need(1, "events", lacking(signal, system))


def events_to_clear(warn: float) -> int:
    """Return the events from which Wilson's 95 % interval of a rate of 0 lies within `warn`.

    Its upper end is z^2 / (n + z^2).
    """
    squared = NormalDist().inv_cdf(0.975) ** 2
    return math.ceil(squared * (1 - warn) / warn)


def smallest_window(need: Need, system: System, stream: Stream) -> str:
    """Return the shortest window whose expected n reaches the need, `none`, or `unknown`.

    Expected n = rate * length * share, where the share of a gap is that of its smaller group, for
    the pair of groups that needs least.
    """
    if need.impossible is not None:
        return NONE
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
