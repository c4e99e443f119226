"""What each cell of a summary's vector counts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec
import numpy as np

from agent.binning import FIRST_CATEGORY, NEW, RARE, UNREFERENCED_CELLS, NumericBins, numeric_bins
from agent.extras import Extra, Meanings, blocks
from agent.outliers import Scorer, category_scale, number_scale
from agent.reference.profile import (
    CategoricalProfile,
    ColumnProfile,
    NumericProfile,
    Reference,
    hash_category,
)
from collectors.schema import EventSchema, Kind
from policies.model import Subject

FORMAT = 1
"""Raised whenever the meaning of a cell or of a group's counts changes."""

GROUP_COUNTS = 3
"""Length of a group's vector: rows, rows with a prediction, rows with a favourable one."""

PREDICTION, SCORE = "prediction", "score"


class LayoutError(ValueError):
    """A reference that does not fit the event schema; the message says what to do."""


class Categories(Mapping[str, int]):
    """The cell of any text within a categorical block: its own, `RARE` or `NEW`."""

    def __init__(self, profile: CategoricalProfile) -> None:
        self._named = {
            text: FIRST_CATEGORY + i for i, text in enumerate(sorted(profile.categories))
        }
        self._rare = frozenset(profile.rare)

    def __getitem__(self, text: str) -> int:
        cell = self._named.get(text)
        if cell is not None:
            return cell
        return RARE if self._rare and hash_category(text) in self._rare else NEW

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def __len__(self) -> int:
        return len(self._named)


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A feature or an output, and its block of cells `[start, stop)` (see `agent.binning`).

    `bins` is set for a numeric and `categories` for a categorical column that the reference has
    values of; without either the block holds only missing and mismatched values.  `profile` is
    what the reference says of it.
    """

    source: Literal["feature", "output"]
    name: str
    kind: Kind
    start: int
    stop: int
    bins: NumericBins | None = None
    categories: Categories | None = None
    profile: ColumnProfile | None = None

    @property
    def subject(self) -> Subject:
        """The signal subject of this column (contract C5)."""
        return {self.source: self.name}

    @property
    def mismatch_key(self) -> str:
        """The column's key in `EventBatch.mismatched`."""
        return f"features.{self.name}" if self.source == "feature" else self.name


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The meaning of a summary; two summaries can be added when their `digest` is equal.

    `size` is the length of the vector.  `attributes` are the audit attributes, with `a*b` for an
    intersection (contract C5).  `favourable` are the texts of the favourable prediction.
    `group_limit` bounds the distinct groups of an attribute and the distinct model versions.
    `extras` are the optional fields that are counted, and `meanings` what their values mean;
    `mapped` are all optional fields that the schema maps.
    `outliers` scores events, None where the reference cannot.
    """

    columns: tuple[Column, ...]
    attributes: tuple[str, ...]
    favourable: frozenset[str]
    group_limit: int
    size: int
    reference: str | None
    digest: str = field(repr=False)
    extras: tuple[Extra, ...] = ()
    meanings: Meanings = field(default_factory=Meanings)
    mapped: frozenset[str] = frozenset()
    outliers: Scorer | None = None

    def block_of(self, name: str) -> Extra | None:
        """Return the block of an optional field, None if it is not mapped."""
        return next((extra for extra in self.extras if extra.name == name), None)

    def column(self, source: str, name: str) -> Column | None:
        """Return the column of that subject, or None."""
        for column in self.columns:
            if column.source == source and column.name == name:
                return column
        return None


def build_layout(
    schema: EventSchema,
    reference: Reference | None = None,
    *,
    favourable: Iterable[str] = (),
    attributes: Iterable[str] | None = None,
    group_limit: int = 1000,
    meanings: Meanings | None = None,
) -> Layout:
    """Return the layout for a resolved schema.

    `attributes` defaults to those of the schema.  Raises `LayoutError` when the reference knows a
    column under another kind, or an intersection names an attribute that the schema lacks.
    """
    columns: list[Column] = []
    start = 0
    for source, name, kind in _schema_columns(schema):
        column = _column(source, name, kind, start, _profile(reference, source, name))
        columns.append(column)
        start = column.stop
    named = tuple(schema.audit if attributes is None else attributes)
    for attribute in named:
        for part in attribute.split("*"):
            if part not in schema.audit:
                raise LayoutError(
                    f"audit attribute {attribute!r}: the events have no attribute {part!r}; "
                    f"map it under audit_attributes (mapped now: {sorted(schema.audit)})"
                )
    texts = frozenset(favourable)
    meanings = meanings or Meanings()
    extras = blocks(schema, start)
    start = extras[-1].stop if extras else start
    outliers = _scorer(schema, reference, start)
    start = outliers.stop if outliers else start
    identity: list[object] = [
        FORMAT,
        [(c.source, c.name, c.kind, c.start, c.stop) for c in columns],
        named,
        sorted(texts),
        group_limit,
        reference.digest if reference else None,
    ]
    if extras:
        # Only then, so that the summaries of systems without optional fields stay readable.
        identity += [[(e.name, e.start, e.stop) for e in extras], meanings.identity()]
    digest = hashlib.sha256(msgspec.json.encode(identity)).hexdigest()
    return Layout(
        columns=tuple(columns),
        attributes=named,
        favourable=texts,
        group_limit=group_limit,
        size=start,
        reference=reference.digest if reference else None,
        digest=f"sha256:{digest}",
        extras=extras,
        meanings=meanings,
        mapped=frozenset(schema.extra),
        outliers=outliers,
    )


def _scorer(schema: EventSchema, reference: Reference | None, start: int) -> Scorer | None:
    """Return what scores events, if the stream has every feature that the threshold was made of."""
    if reference is None or reference.outliers is None:
        return None
    profile = reference.outliers
    if not {*profile.numbers, *profile.categories} <= set(schema.features or {}):
        return None
    return Scorer(
        start,
        profile.threshold,
        {n: number_scale(c.edges, c.costs, c.missing) for n, c in profile.numbers.items()},
        {
            n: category_scale(c.named, rare=c.rare, new=c.new, missing=c.missing)
            for n, c in profile.categories.items()
        },
    )


def _schema_columns(
    schema: EventSchema,
) -> Iterator[tuple[Literal["feature", "output"], str, Kind]]:
    for name, feature in sorted((schema.features or {}).items()):
        yield "feature", name, feature.kind or "numeric"
    # A score alone gives a prediction too, by the threshold (contract C13).
    if schema.prediction is not None or schema.score is not None:
        yield "output", PREDICTION, "numeric" if schema.task == "regression" else "categorical"
    if schema.score is not None:
        yield "output", SCORE, "numeric"


def _profile(reference: Reference | None, source: str, name: str) -> ColumnProfile | None:
    if reference is None:
        return None
    if source == "feature":
        return reference.features.get(name)
    return reference.prediction if name == PREDICTION else reference.score


def _column(
    source: Literal["feature", "output"],
    name: str,
    kind: Kind,
    start: int,
    profile: ColumnProfile | None,
) -> Column:
    if profile is None:
        return Column(source, name, kind, start, start + UNREFERENCED_CELLS)
    known: Kind = "numeric" if isinstance(profile, NumericProfile) else "categorical"
    if known != kind:
        raise LayoutError(
            f"{source} {name!r} is {kind} in the events but {known} in the reference; set "
            f"`features: {{{name}: {known}}}` or build the reference again"
        )
    if isinstance(profile, CategoricalProfile):
        categories = Categories(profile)
        stop = start + FIRST_CATEGORY + len(categories)
        return Column(source, name, kind, start, stop, None, categories, profile)
    if profile.minimum is None or profile.maximum is None:
        return Column(source, name, kind, start, start + UNREFERENCED_CELLS, profile=profile)
    bins = numeric_bins(
        np.asarray(profile.edges, np.float64),
        low=profile.minimum,
        high=profile.maximum,
        centre=profile.centre,
        scale=profile.scale,
    )
    return Column(source, name, kind, start, start + bins.cells, bins, None, profile)
