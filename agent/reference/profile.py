"""The reference profile: its document, and the digest that pins it."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import rfc8785

from collectors.schema import Task

SCHEMA = "pantau.reference/1"

BINS = 200
"""Most bins of a numeric column (contract C7)."""

SMALLEST_SCALE = 0.001
"""Least standard deviation by which anything is divided (contract C7)."""


class NumericProfile(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="numeric"):
    """A numeric column of the reference.

    `n` counts the values that were there, infinite ones included; `minimum` to `sd` are of the
    finite ones (`sd` with divisor n) and None if there are none.  `edges` (at most 199, ascending)
    cut the `len(edges) + 1` bins of contract C7; `counts`, `sums`, `squares` and `far_squares` are
    of the values in units of `scale` = max(sd, 0.001) from `centre`, as in `agent.binning`.
    """

    n: int
    missing: int
    mismatch: int
    infinite: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    sd: float | None
    centre: float
    scale: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    sums: tuple[int, ...]
    squares: int
    far_squares: int


class CategoricalProfile(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="categorical"
):
    """A categorical column of the reference.

    `categories` maps a category to its rows.  Categories with fewer rows than `k_display` are not
    named: their rows are in `other`, and `rare` holds a hash of each, so that a known rare
    category is not taken for a new one.  `rare_complete` is false when there were too many.
    """

    n: int
    missing: int
    mismatch: int
    categories: dict[str, int]
    other: int
    rare: tuple[str, ...]
    rare_complete: bool = True


ColumnProfile = NumericProfile | CategoricalProfile


class GroupProfile(msgspec.Struct, frozen=True):
    """Rows of a group, those with a prediction, and those with a favourable one."""

    n: int
    predicted: int
    favourable: int


class GroupOutcomeProfile(msgspec.Struct, frozen=True):
    """A group's rows with prediction and label, by whether these are favourable."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int


class MeasureProfile(msgspec.Struct, frozen=True):
    """A performance measure of the reference's labelled rows, with its interval."""

    value: float
    low: float
    high: float
    n: int


class OutcomeProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What the reference's labels say: the accepted baseline of performance and of gaps.

    `labelled` counts rows with prediction and label.  `measures` are by signal name.  `groups`:
    audit attribute -> group -> counts; groups with fewer than `k_display` labelled rows are left
    out, and all of them where labels are selective.
    """

    labelled: int
    measures: dict[str, MeasureProfile]
    groups: dict[str, dict[str, GroupOutcomeProfile]]


class NumberCosts(msgspec.Struct, frozen=True, kw_only=True):
    """What the values of a numeric feature cost: `costs[i]` in bin i of `edges`, `missing` none.

    Bin i holds the values x with `searchsorted(edges, x, side="right") == i`.
    """

    edges: tuple[float, ...]
    costs: tuple[int, ...]
    missing: int


class CategoryCosts(msgspec.Struct, frozen=True, kw_only=True):
    """What the values of a categorical feature cost; `named` in the order of the categories."""

    named: tuple[int, ...]
    rare: int
    new: int
    missing: int


class OutlierProfile(msgspec.Struct, frozen=True, kw_only=True):
    """How unusual events are scored (`agent.outliers`); costs are in units of 1/4096.

    Of the reference's `rows` rows, `above` have a score above `threshold`.
    """

    threshold: int
    rows: int
    above: int
    numbers: dict[str, NumberCosts]
    categories: dict[str, CategoryCosts]


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What the system is compared with: pinned by `digest`, made once, never changed.

    `data_start` and `data_end` are the times of the first and last row in epoch seconds.
    `groups`: audit attribute -> group -> counts, groups below `k_display` left out.  `favourable`
    says which predictions counted as favourable.  `ungrouped` counts the rows without a group of an
    attribute; it, `outcomes` (without labels) and `outliers` (of fewer than 200 rows) may be
    absent, as in profiles of older versions.
    """

    schema: str = SCHEMA
    task: Task
    rows: int
    duplicates: int
    data_start: int
    data_end: int
    k_display: int
    features: dict[str, ColumnProfile]
    prediction: ColumnProfile | None
    score: ColumnProfile | None
    favourable: tuple[str, ...]
    groups: dict[str, dict[str, GroupProfile]]
    model_versions: dict[str, int]
    ungrouped: dict[str, int] | None = None
    outcomes: OutcomeProfile | None = None
    outliers: OutlierProfile | None = None
    digest: str = ""


def seal(reference: Reference) -> Reference:
    """Return the reference with the digest of its content."""
    return msgspec.structs.replace(reference, digest=digest_of(reference))


def digest_of(reference: Reference) -> str:
    """Return `sha256:` and the hex SHA-256 of the JCS text (RFC 8785) without `digest`."""
    document = _document(reference)
    del document["digest"]
    return "sha256:" + hashlib.sha256(rfc8785.dumps(document)).hexdigest()


def encode(reference: Reference) -> bytes:
    """Return the reference as one line of JCS JSON; equal references, equal bytes."""
    return rfc8785.dumps(_document(reference)) + b"\n"


def _document(reference: Reference) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(reference)
    for name in ("ungrouped", "outcomes", "outliers"):
        if document[name] is None:
            # A key that an older version did not know must not change the digest of its profiles.
            del document[name]
    return document


def hash_category(text: str) -> str:
    """Return what stands for a rare category's text in a profile: 16 hex digits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
