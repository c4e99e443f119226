"""Reading a reference profile, and refusing one that is not what it says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import msgspec

from agent.reference.profile import (
    SCHEMA,
    CategoricalProfile,
    ColumnProfile,
    NumericProfile,
    Reference,
    digest_of,
    encode,
)
from exporters.audit import disk

_AGAIN = "build it again with `pantau reference build`"


class LoadError(ValueError):
    """A profile that cannot be used; the message names the file and what to do."""


def load(path: Path | str) -> Reference:
    """Return the profile in the file.

    Raises `LoadError` when it is missing, unreadable, of another schema, inconsistent, or when its
    content does not have the digest that it states.
    """
    try:
        body = Path(path).read_bytes()
    except OSError as error:
        raise LoadError(
            f"reference {path}: {error.strerror or error}; correct `reference.path`, or write "
            "it with `pantau reference build`"
        ) from None
    try:
        reference = msgspec.json.decode(body, type=Reference)
    except msgspec.MsgspecError as error:
        raise LoadError(
            f"reference {path}: is not a reference profile ({error}); {_AGAIN}"
        ) from None
    if reference.schema != SCHEMA:
        raise LoadError(
            f"reference {path}: has schema {reference.schema!r}, this version reads {SCHEMA!r}; "
            f"{_AGAIN}"
        )
    actual = digest_of(reference)
    if actual != reference.digest:
        raise LoadError(
            f"reference {path}: was changed after it was built (it states {reference.digest}, its "
            f"content is {actual}); restore the original file or {_AGAIN}"
        )
    for name, column in _columns(reference):
        problem = _problem(column)
        if problem:
            raise LoadError(f"reference {path}: {name}: {problem}; {_AGAIN}")
    problem = _outlier_problem(reference)
    if problem:
        raise LoadError(f"reference {path}: outliers: {problem}; {_AGAIN}")
    return reference


def save(reference: Reference, path: Path | str) -> None:
    """Write the profile durably, in whole or not at all.  Raises `OSError`, which names `path`."""
    target = Path(path)
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(encode(reference))  # A pipe, say, which no file may replace.
        else:
            disk.write_whole(target.resolve(), encode(reference))
    except OSError as error:
        error.filename = str(path)
        raise


def _columns(reference: Reference) -> list[tuple[str, ColumnProfile]]:
    named = [(f"feature {name!r}", column) for name, column in reference.features.items()]
    for name, column in (("prediction", reference.prediction), ("score", reference.score)):
        if column is not None:
            named.append((name, column))
    return named


def _problem(column: ColumnProfile) -> str | None:
    """Return what is inconsistent, or None.  A wrong digest is not the only way to be wrong."""
    if isinstance(column, CategoricalProfile):
        total = sum(column.categories.values()) + column.other
        return None if total == column.n else "its categories do not add up to n"
    return _numeric_problem(column)


def _outlier_problem(reference: Reference) -> str | None:
    found = reference.outliers
    if found is None:
        return None
    for name, numbers in found.numbers.items():
        if not isinstance(reference.features.get(name), NumericProfile):
            return f"there is no numeric feature {name!r}"
        if len(numbers.costs) != len(numbers.edges) + 1:
            return f"{name!r} needs a cost for each bin"
        if any(a >= b for a, b in pairwise(numbers.edges)):
            return f"the edges of {name!r} are not ascending"
    for name, categories in found.categories.items():
        profile = reference.features.get(name)
        if not isinstance(profile, CategoricalProfile):
            return f"there is no categorical feature {name!r}"
        if len(categories.named) != len(profile.categories):
            return f"{name!r} needs a cost for each category"
    return None


def _numeric_problem(column: NumericProfile) -> str | None:
    bins = len(column.edges) + 1
    if len(column.counts) != bins or len(column.sums) != bins:
        return f"{bins} bins need as many counts and sums"
    if any(a >= b for a, b in pairwise(column.edges)):
        return "its edges are not ascending"
    if min(column.counts) < 0 or sum(column.counts) != column.n:
        return "its counts do not add up to n"
    if column.scale <= 0:
        return "its scale is not positive"
    return None
