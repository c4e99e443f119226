"""One JSON record, read with patience: what the typed decoder refuses is tried here once more."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

from collectors.decoders.base import MAX_RECORD_BYTES, Record


class Unreadable(NamedTuple):
    """Why a record cannot be read; `detail` never quotes it."""

    reason: str
    detail: str


TOO_LARGE = Unreadable("too_large", f"more than {MAX_RECORD_BYTES:,} bytes")


def parse(record: Record) -> dict[str, Any] | Unreadable:
    """Return the object that a record holds.

    Beyond RFC 8259 this takes a byte order mark, control characters inside of texts, NaN and
    Infinity, and texts that are not UTF-8, as surrogates, so that only reading one is an error.
    """
    if len(record) > MAX_RECORD_BYTES:
        return TOO_LARGE
    raw = bytes(record)
    try:
        found = json.loads(
            raw.decode("utf-8", "surrogateescape").removeprefix("\ufeff"),
            strict=False,
            parse_int=_integer,
        )
    except RecursionError:
        return Unreadable("invalid_json", "nested too deeply")
    except json.JSONDecodeError as error:
        return _why_invalid(raw, error)
    if not isinstance(found, dict):
        return Unreadable("not_an_object", f"the record is {_KINDS[type(found)]}")
    return found


def without_nan(record: Record) -> bytes | None:
    """Return the record with NaN, which means missing, as null; None if it has none.

    Texts are left as they are.  A record that was not JSON does not become JSON by this.
    """
    raw = bytes(record)
    if b"NaN" not in raw:
        return None
    # Where an escaped quote cannot be mistaken for the end of a text; of the same length.
    plain = raw.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in raw else raw
    parts, copied, at, quotes = [], 0, 0, 0
    while (found := raw.find(b"NaN", at)) >= 0:
        quotes += plain.count(b'"', at, found)
        at = found + len(b"NaN")
        if not quotes & 1:
            parts += [raw[copied:found], b"null"]
            copied = at
    return b"".join([*parts, raw[copied:]])


_KINDS = {
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


def _integer(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:  # more digits than the interpreter converts
        return -math.inf if digits.startswith("-") else math.inf


def _why_invalid(raw: bytes, error: json.JSONDecodeError) -> Unreadable:
    if not raw.strip():
        return Unreadable("invalid_json", "the record is empty")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as bad:
        return Unreadable("bad_encoding", f"not UTF-8 at byte {bad.start}")
    return Unreadable("invalid_json", f"{error.msg} at character {error.pos}")
