"""Windows of public data for the referees: past and present halves of a data set, raw rows kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np

from agent.beside import APPEALS, COMPLAINTS, UNMATCHED
from agent.signals.context import Settings
from agent.signals.table import compute
from agent.unsure import count_unsure
from collectors.batch import EventBatch
from policies.model import Signal
from tests.support.public_data import modelled, table
from tests.unit.statistics.events import batch, texts
from tests.unit.statistics.outcomes import as_texts, context_of, modelled_events, reference_of

BINARY = ("loans", "pensions")
REGRESSION = ("diabetes", "wages")

SLO, USUAL, GRID, LEAST = 2.0, 50.0, 0.4, 20

COSTS = 1e-6
"""Means of optional fields are kept to about seven digits."""

SETTINGS = Settings(
    min_group_n=LEAST,
    min_field_n=LEAST,
    latency_slo=SLO,
    complaint_rate=USUAL,
    appeal_rate=USUAL,
    grid_intensity=GRID,
)


@dataclass(frozen=True, eq=False)
class Half:
    """Rows of a data set: columns of one length.

    `numbers` and `texts` are the features; `extra` the optional fields by their name; `flags` mark
    values of a wrong type; `beside` mark the rows on which something came beside a prediction.
    """

    prediction: np.ndarray
    label: np.ndarray
    score: np.ndarray
    groups: Mapping[str, np.ndarray]
    numbers: Mapping[str, np.ndarray] = field(default_factory=dict)
    texts: Mapping[str, np.ndarray] = field(default_factory=dict)
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)
    reviewer: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))
    flags: Mapping[str, np.ndarray] = field(default_factory=dict)
    beside: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.label)

    def part(self, rows: slice) -> Half:
        """Return some of the rows."""

        def of(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {name: values[rows] for name, values in columns.items()}

        return Half(
            self.prediction[rows],
            self.label[rows],
            self.score[rows],
            of(self.groups),
            of(self.numbers),
            of(self.texts),
            of(self.extra),
            self.reviewer[rows],
            of(self.flags),
            of(self.beside),
        )

    def events(self) -> EventBatch:
        """Return the rows as a window of events with their labels in them."""
        return batch(
            {**self.numbers, **{f: v.tolist() for f, v in self.texts.items()}},
            n=self.n,
            prediction=texts(as_texts(self.prediction)),
            label=texts(as_texts(self.label)),
            score=self.score,
            audit={a: g.tolist() for a, g in self.groups.items()},
            extra={
                **{f: v if v.dtype.kind == "f" else v.tolist() for f, v in self.extra.items()},
                # What came of it is counted beside the events.
                "feedback": texts([None] * self.n),
            },
            reviewer=self.reviewer.tolist(),
            mismatched={f"features.{f}": v.tolist() for f, v in self.flags.items()},
        )


@dataclass(frozen=True, eq=False)
class Case:
    """A data set: its first half made the reference, its second half is the window.

    `continuous`: features whose values hardly ever repeat.
    """

    past: Half
    now: Half
    continuous: tuple[str, ...] = ()

    @cached_property
    def without_reference(self) -> list[Signal]:
        """Every published signal of the window where nothing is known of the past."""
        return list(compute(context_of(self.now.events(), settings=SETTINGS)).published)

    @cached_property
    def found(self) -> list[Signal]:
        """Every published signal of the window."""
        reference = reference_of(self.past.events())
        context = context_of(self.now.events(), reference=reference, settings=SETTINGS)
        for key, name in (
            (COMPLAINTS, "complaints"),
            (APPEALS, "appeals"),
            (UNMATCHED, "decisions"),
        ):
            context.summary.counts[key] = int(self.now.beside[name].sum())
        for key, rows in count_unsure(
            self._decided_beside().events(), SETTINGS.uncertain, np.ones(self.now.n, np.bool_)
        ):
            context.summary.counts[key] = len(rows)
        return list(compute(context).published)

    def _decided_beside(self) -> Half:
        """Return the window with the decisions that came by themselves left out of the events."""
        within = self.now.extra["human.decision"].astype(object)
        within[self.now.beside["decisions"]] = None
        return replace(self.now, extra={**self.now.extra, "human.decision": within})


@dataclass(frozen=True, eq=False)
class RegressionCase(Case):
    """A data set of quantities."""

    name: str = ""

    @cached_property
    def found(self) -> list[Signal]:
        """Every published signal of the window."""
        model, half = modelled(self.name), self.past.n
        reference = reference_of(modelled_events(model, slice(0, half)), favourable=frozenset())
        now = modelled_events(model, slice(half, half + self.now.n))
        context = context_of(now, reference=reference, favourable=frozenset())
        return list(compute(context).published)


@lru_cache
def case(name: str) -> Case:
    """Return the case of a data set, in halves of one size that ten divides."""
    found = ROWS[name]() if name in ROWS else _plain(name)
    size = found.n // 20 * 10
    past, now = found.part(slice(0, size)), found.part(slice(size, 2 * size))
    if name in REGRESSION:
        return RegressionCase(past, now, name=name)
    return Case(past, now, CONTINUOUS[name])


def _plain(name: str) -> Half:
    model = modelled(name)
    return Half(model.prediction, model.label, model.score, model.groups)


def _loans() -> Half:
    columns = table("loanapp")
    wrong = columns["unver"] == 1
    return replace(
        _plain("loans"),
        numbers={
            "expenses": columns["hexp"],
            "price": np.where(wrong, np.nan, columns["price"]),
            "income": columns["atotinc"],
            "minority": columns["min30"],
        },
        texts={"purpose": _words(columns["typur"]), "term": _words(columns["term"])},
        extra={
            "latency": columns["hexp"] / 1_000,
            "status": np.where(columns["pubrec"] == 1, "500", "200"),
            # The bank's decision, which the model foretells.
            "human.decision": _words(columns["approve"]),
            "human.seconds": columns["loanamt"],
            "scores.evaluation": columns["hrat"] / 72,
            "scores.groundedness": columns["loanprc"],
            "scores.toxicity": columns["obrat"] / 72,
            "refused": _words(columns["gift"]),
            "tokens": columns["price"],
            "cost": columns["apr"] / 1_000,
            "energy": columns["loanamt"] / 1e5,
        },
        reviewer=np.where(columns["self"] == 1, 0, 7).astype(np.uint64),
        flags={"price": wrong},
        beside={
            "complaints": columns["mortlat1"] == 1,
            "appeals": columns["cosign"] == 1,
            "decisions": columns["mortlat2"] == 1,
        },
    )


def _pensions() -> Half:
    columns = table("401ksubs")
    wrong = (columns["fsize"] > 6) & (columns["marr"] == 0)
    return replace(
        _plain("pensions"),
        numbers={
            "income": columns["inc"],
            "age": np.where(wrong, np.nan, columns["age"]),
            # Known of those alone who have an account of their own.
            "savings": np.where(columns["pira"] == 1, columns["nettfa"], np.nan),
        },
        texts={"family": _words(columns["fsize"])},
        extra={
            "latency": columns["inc"] / 40,
            "status": np.where(columns["fsize"] > 5, "500", "200"),
            "human.decision": _words(columns["e401k"]),
            "human.seconds": columns["age"],
            "scores.evaluation": columns["age"] / 64,
            "scores.groundedness": columns["inc"] / 200,
            "scores.toxicity": columns["incsq"] / 10_000,
            "refused": _words(columns["marr"]),
            "tokens": columns["agesq"],
            "cost": columns["inc"] / 1_000,
            "energy": columns["agesq"] / 1e5,
        },
        reviewer=np.where(columns["pira"] == 1, 0, 7).astype(np.uint64),
        flags={"age": wrong},
        beside={
            "complaints": columns["fsize"] > 7,
            "appeals": columns["nettfa"] < -30,
            "decisions": columns["nettfa"] > 500,
        },
    )


def _words(values: np.ndarray) -> np.ndarray:
    return np.array([f"{v:g}" for v in values.tolist()])


ROWS: dict[str, Callable[[], Half]] = {"loans": _loans, "pensions": _pensions}

CONTINUOUS = {"loans": ("expenses",), "pensions": ("income",)}
