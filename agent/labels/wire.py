"""What is stored of an event whose label may come: a few bytes beside its id and second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

NO_TIME = int(np.iinfo(np.int64).min)
"""`recorded` of a label without a time."""

Records = NDArray[Any]
"""A structured array."""


class Formats(NamedTuple):
    """The structured types of a row's body, and of the label that its event itself carried."""

    body: np.dtype[Any]
    own: np.dtype[Any]


def formats(attributes: int, *, numeric: bool) -> Formats:
    """Return the types for so many audit attributes; values are numbers or codes of texts."""
    value = "<f8" if numeric else "<u2"
    body: list[Any] = [
        ("version", "<u2"),
        ("origin", "<u2"),
        ("prediction", value),
        ("score", "<f8"),
    ]
    if attributes:
        body.append(("groups", "<u2", (attributes,)))
    own = [("recorded", "<i8"), ("place", "<i8"), ("label", value)]
    return Formats(np.dtype(body), np.dtype(own))


def pieces(records: Records) -> list[bytes]:
    """Return the bytes of each record."""
    raw, size = records.tobytes(), records.dtype.itemsize
    return [raw[i : i + size] for i in range(0, len(raw), size)]


def joined(parts: Sequence[bytes], dtype: np.dtype[Any]) -> Records:
    """Return records from the bytes of each."""
    return np.frombuffer(b"".join(parts), dtype)
