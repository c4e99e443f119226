"""What a signal function may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from agent.binning import MISSING
from agent.labels.rows import OutcomeRows
from agent.layout import PREDICTION, SCORE, Column, Layout
from agent.reference.profile import CategoricalProfile, Reference
from agent.signals.card import Correction, Inventory, Waiting
from agent.signals.distributions import Curves, Shares, curves, shares
from agent.signals.divergence import Divergences, divergences
from agent.signals.labelled import Labelled
from agent.signals.measures import Ask, Found, class_measures, measures
from agent.summary import EVENTS, Summary, dense
from collectors.batch import Ints
from policies.model import Window


@dataclass(frozen=True, slots=True)
class Settings:
    """A system's settings for signals; defaults are the contract's.

    `groups` are the configured groups of an audit attribute, reported even when unseen.
    `registered` are the model versions of the inventory, None when nobody listed them.
    `label_observed` tells whose outcome can become known at all.  `score_for`: texts of the class
    that a high score speaks for, empty for the usual one.
    `uncertain`: scores from the first to below the second number are of low confidence.
    `latency_slo` in seconds; `complaint_rate` and `appeal_rate`, the usual ones, per 10,000
    predictions; `reviewed_at`, the last governance review, in epoch seconds; `grid_intensity` in
    kgCO2e per kWh, `grid_origin` where that is from; None: not configured.  `silence_window`: the
    one length at which silence is told.
    """

    fairness_window: str = "1d"
    min_drift_n: int = 100
    min_group_n: int = 100
    min_performance_n: int = 100
    k_display: int = 10
    share_threshold: float = 0.1
    privileged: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    registered: frozenset[str] | None = None
    inventory: Inventory = field(default_factory=Inventory)
    label_observed: Literal["all", "favourable_only"] = "all"
    min_field_n: int = 100
    uncertain: tuple[float, float] = (0.4, 0.6)
    latency_slo: float | None = None
    complaint_rate: float | None = None
    appeal_rate: float | None = None
    owned: bool = False
    reviewed_at: int | None = None
    review_cadence_days: int | None = None
    grid_intensity: float | None = None
    grid_origin: str | None = None
    silence_window: str | None = None
    corrections: tuple[Correction, ...] = ()
    score_for: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SignalContext:
    """One window of one model version.

    `history`: event counts of earlier complete windows of this length, in any order.  `outcomes`:
    its events beside their labels, None where the system has no labels; `reviews`: beside what
    humans decided about them, None where that comes with the events alone.  `silence`: whole
    minutes since an event was last read, None where no clock is looked at (backtest).
    `open_findings`: the alerts of the system that stand when the window is judged; `waiting`: the
    findings among them whose time is taken.
    """

    layout: Layout
    summary: Summary
    reference: Reference | None
    window: Window
    settings: Settings
    history: tuple[int, ...] = ()
    outcomes: OutcomeRows | None = None
    reviews: OutcomeRows | None = None
    silence: int | None = None
    open_findings: int = 0
    waiting: tuple[Waiting, ...] = ()

    @cached_property
    def cells(self) -> Ints:
        """The summary's whole vector."""
        return dense(self.summary)

    @cached_property
    def shares(self) -> Shares:
        """Counts by union of bins or by category, beside the reference's."""
        return shares(self.layout, self.cells)

    @cached_property
    def curves(self) -> Curves:
        """Distribution functions on the bins, beside the reference's."""
        return curves(self.layout, self.cells)

    @cached_property
    def divergences(self) -> tuple[Divergences, Divergences]:
        """PSI and Jensen-Shannon divergence of the columns of `shares`."""
        return divergences(self.shares)

    @property
    def is_regression(self) -> bool | None:
        """Tell whether predictions are quantities, None if there are no predictions."""
        column = self.layout.column("output", PREDICTION)
        return None if column is None else column.kind == "numeric"

    @cached_property
    def labelled(self) -> Labelled | None:
        """The window's rows with their labels, None where the system has no labels."""
        if self.outcomes is None:
            return None
        profile = None if self.reference is None else self.reference.prediction
        known = tuple(profile.categories) if isinstance(profile, CategoricalProfile) else ()
        score_for = self.settings.score_for
        return Labelled(self.outcomes, self.layout.favourable, known, score_for)

    @cached_property
    def measures(self) -> dict[str, Found]:
        """Every performance measure of the whole system; empty without labels."""
        return {} if self.labelled is None else measures(self.labelled, self.ask)

    @cached_property
    def class_measures(self) -> dict[str, dict[str, Found]]:
        """Performance measures of single classes, by signal and class."""
        return {} if self.labelled is None else class_measures(self.labelled, self.ask)

    @property
    def ask(self) -> Ask:
        """What performance is measured by."""
        return Ask(
            has_score=self.layout.column("output", SCORE) is not None,
            observed=self.settings.label_observed,
            least=self.settings.min_performance_n,
            score_for=self.settings.score_for,
        )

    @property
    def events(self) -> int:
        """Distinct events of the window."""
        return self.count(EVENTS)

    @property
    def digest(self) -> str | None:
        """The digest of the reference."""
        return None if self.reference is None else self.reference.digest

    def count(self, name: str) -> int:
        """Return a named count, 0 if absent."""
        return self.summary.counts.get(name, 0)

    def block(self, column: Column) -> Ints:
        """Return a column's cells (see `agent.binning`)."""
        return self.cells[column.start : column.stop]

    def optional(self, name: str) -> Ints | None:
        """Return the cells of an optional field (see `agent.extras`), None if it is not mapped."""
        found = self.layout.block_of(name)
        return None if found is None else self.cells[found.start : found.stop]

    def present(self, column: Column) -> int:
        """Return the number of values of a column that are not missing."""
        return self.events - int(self.block(column)[MISSING])
