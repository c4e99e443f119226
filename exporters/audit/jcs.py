"""JSON Canonicalization Scheme (RFC 8785), quick enough for a report in every window.

Why not the `rfc8785` package alone: it takes 8 ms for a report on 25 features, this takes a
fraction (`docs/audit.md`).  The package stays the referee: a property test compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

import msgspec

SAFE_INTEGER = 2**53 - 1
"""Larger integers do not survive a reader that keeps numbers as doubles; write them as strings."""


Put = Callable[[str], None]

_SORTED = msgspec.json.Encoder(order="sorted")


class NotCanonical(ValueError):
    """A value that has no canonical form: NaN, an infinity, a large integer, a lone surrogate."""


class Encoded(bytes):
    """Bytes that are canonical JSON already and are taken over as they are."""


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of `value`: None, bool, int, float, str, list, tuple, dict.

    Raises `NotCanonical` for what RFC 8785 does not represent.
    """
    out: list[str] = []
    try:
        _write(value, out.append)
        return "".join(out).encode()
    except (UnicodeEncodeError, RecursionError) as error:
        raise NotCanonical(str(error)) from error


def canonical_row(row: dict[str, Any], numbers: tuple[str, ...]) -> Encoded:
    """Return the canonical JSON of a row, faster: only the values under `numbers` are floats.

    Keys are ASCII, integers are within `SAFE_INTEGER`.  Whole numbers in `row` become integers.
    """
    for name in numbers:
        x = row[name]
        if x is None or (1e-5 <= abs(x) < 1e15 and x % 1):
            continue
        if not float(x).is_integer() or abs(x) > SAFE_INTEGER:
            return Encoded(canonical(row))
        row[name] = int(x)
    return Encoded(_SORTED.encode(row))


def is_canonical(text: bytes) -> bool:
    """Tell whether `text` is JSON in canonical form, byte for byte; never raises."""
    try:
        try:
            return canonical(msgspec.json.decode(text)) == text
        except NotCanonical:
            return canonical(json.loads(text, parse_int=_integer_or_double)) == text
    except (ValueError, RecursionError):
        return False


def _write(value: Any, put: Put) -> None:
    write = _WRITERS.get(type(value))
    if write is None:
        raise NotCanonical(f"no JSON form for {type(value).__name__}")
    write(value, put)


def _write_integer(value: int, put: Put) -> None:
    if not -SAFE_INTEGER <= value <= SAFE_INTEGER:
        raise NotCanonical(f"the integer {value} is not exact as a double")
    put(str(value))


def _write_object(value: dict[str, Any], put: Put) -> None:
    mark = "{"
    for key, name in _order(tuple(value)):
        put(mark + name)
        _write(value[key], put)
        mark = ","
    put("}" if mark == "," else "{}")


def _write_array(value: Iterable[Any], put: Put) -> None:
    mark = "["
    for item in value:
        put(mark)
        _write(item, put)
        mark = ","
    put("]" if mark == "," else "[]")


@lru_cache(maxsize=8192)
def _quoted(text: str) -> str:
    return encode_basestring(text)


@lru_cache(maxsize=1024)
def _order(keys: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the keys by UTF-16 code units (RFC 8785 §3.2.3), each with its text and colon."""
    return tuple((key, _quoted(key) + ":") for key in _sorted(keys))


def _sorted(keys: Iterable[str]) -> list[str]:
    try:
        return sorted(keys, key=lambda key: key.encode("utf-16-be"))
    except AttributeError as error:
        raise NotCanonical("an object's keys must be strings") from error


def _number(x: float) -> str:
    """Return the double as ECMAScript prints it (RFC 8785 §3.2.2.3).

    Python's shortest digits are the same; only the layout differs for whole numbers and
    exponents.
    """
    text = repr(x)
    if "e" not in text and not text.endswith(".0") and "n" not in text:
        return text
    if x != x or x in (float("inf"), float("-inf")):
        raise NotCanonical(f"{text} has no JSON form")
    if x == 0:
        return "0"
    sign, text = ("-", text[1:]) if x < 0 else ("", text)
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    return sign + _layout(whole.lstrip("0") + fraction, len(whole) + int(exponent or 0))


def _layout(digits: str, point: int) -> str:
    """Lay out `0.digits * 10**point`, `digits` without leading zeros, as ECMAScript does."""
    digits = digits.rstrip("0") or "0"
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"


def _integer_or_double(text: str) -> int | float:
    value = int(text)
    return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else float(value)


_WRITERS: dict[type, Callable[[Any, Put], None]] = {
    str: lambda value, put: put(_quoted(value)),
    float: lambda value, put: put(_number(value)),
    int: _write_integer,
    bool: lambda value, put: put("true" if value else "false"),
    type(None): lambda value, put: put("null"),
    dict: _write_object,
    list: _write_array,
    tuple: _write_array,
    Encoded: lambda value, put: put(value.decode()),
}
