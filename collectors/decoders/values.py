"""What one value of a record means for its column (contract C13).

Each function returns the value in its canonical form, None if it is missing, or `MISMATCH` if it is
of the wrong type.  The functions for JSON take what a JSON parser returns; those for CSV take a
cell's text, in which a number or a boolean is known by its spelling alone.
"""

from __future__ import annotations

import enum
import math
import re
from typing import Literal, TypeVar

T = TypeVar("T")


class Mismatch(enum.Enum):
    """The type of `MISMATCH`."""

    MISMATCH = enum.auto()


MISMATCH: Literal[Mismatch.MISMATCH] = Mismatch.MISMATCH
"""Stands for a value whose type is wrong for its column."""

Number = float | None | Literal[Mismatch.MISMATCH]
Text = str | None | Literal[Mismatch.MISMATCH]


class NotUnicodeError(ValueError):
    """A text that is to be read is not valid Unicode; its record is rejected as `bad_encoding`."""


def number(value: object) -> Number:
    """Read a numeric value: numbers as they are (infinities too), true 1.0, false 0.0."""
    if isinstance(value, float):
        return None if value != value else value
    if isinstance(value, int):
        return _as_float(value)
    return None if value is None or value == "" else MISMATCH


def text(value: object) -> Text:
    """Read a categorical value: texts as they are, 1 and 1.0 as `1`, true as `true`.

    Raises `NotUnicodeError` for a text with lone surrogates.
    """
    if isinstance(value, str):
        return _checked(value) or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float_text(value)
    return None if value is None else MISMATCH


def outcome(value: object) -> Text:
    """Read a prediction or label: as `text`, but 1, 1.0, "1" and true are one value, `1`."""
    if isinstance(value, bool):
        return "1" if value else "0"
    return text(value)


def identifier(value: object) -> Text:
    """Read an event id: as `text`, but a boolean is no id."""
    return MISMATCH if isinstance(value, bool) else text(value)


_WHOLE_FLOAT = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
NAN = frozenset({"nan", "NaN", "NAN"})
"""Cells that are missing, besides blank ones."""

_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INFINITE = {
    sign + word: math.copysign(math.inf, -1.0 if sign == "-" else 1.0)
    for sign in ("", "+", "-")
    for word in ("inf", "infinity")
}


def cell_number(cell: str) -> Number:
    """Read a CSV cell of a numeric column; blank and NaN are missing."""
    stripped = cell.strip()
    if _NUMBER.fullmatch(stripped):
        return float(stripped)
    if not stripped or stripped.lower().lstrip("+-") == "nan":
        return None
    if stripped in _TRUE or stripped in _FALSE:
        return float(stripped in _TRUE)
    return _INFINITE.get(stripped.lower(), MISMATCH)


def cell_text(cell: str) -> str | None:
    """Read a CSV cell of a categorical column; `1.0` is `1`, `True` is `true`, `NaN` is missing."""
    if not cell or cell in NAN:
        return None
    if cell in _TRUE or cell in _FALSE:
        return cell.lower()
    whole = _WHOLE_FLOAT.fullmatch(cell)
    return (whole[1] if whole[1] != "-0" else "0") if whole else cell


def cell_outcome(cell: str) -> str | None:
    """Read a CSV cell of a prediction or label; as `cell_text`, but `true` is `1`."""
    if cell in _TRUE or cell in _FALSE:
        return "1" if cell in _TRUE else "0"
    return cell_text(cell)


def cell_value(cell: str) -> object:
    """Return what a JSON parser would have returned for the same value; for inference only."""
    read = cell_number(cell)
    if isinstance(read, Mismatch):
        return cell
    if cell in _TRUE or cell in _FALSE:
        return cell in _TRUE
    return int(read) if read is not None and re.fullmatch(r"-?[0-9]{1,15}", cell) else read


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _float_text(value: float) -> str | None:
    if value != value:
        return None
    return str(int(value)) if value.is_integer() else repr(value)


def _checked(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise NotUnicodeError("a text holds a lone surrogate") from error
    return value
