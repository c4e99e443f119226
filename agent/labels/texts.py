"""The texts of predictions, labels, groups, versions and origins, each as a small integer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collectors.batch import Categorical, Floats, Ints

Small = NDArray[np.uint16]

MISSING = 0
"""The code of a missing text."""

LIMIT = 65_000
"""Different texts of a system; a further one counts as missing."""


class Texts:
    """A dictionary that only grows, to `LIMIT`; `overflow` counts values that found no place."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.texts: list[str] = list(texts)
        self._codes = {text: i + 1 for i, text in enumerate(self.texts)}
        self.overflow = 0

    def code(self, text: str) -> int:
        """Return a text's code, from 1; `MISSING` if there is no room for another one."""
        found = self._codes.get(text)
        if found is None:
            if len(self.texts) >= LIMIT:
                self.overflow += 1
                return MISSING
            self.texts.append(text)
            found = self._codes[text] = len(self.texts)
        return found

    def column(self, column: Categorical, rows: Ints) -> Small:
        """Return the codes of a column's rows."""
        codes = column.codes[rows]
        table = np.zeros(len(column.values) + 1, np.uint16)
        for code in np.unique(codes[codes >= 0]).tolist():
            table[code + 1] = self.code(column.values[code])
        return table[codes + 1]

    def decode(self, *columns: Small) -> tuple[Categorical, ...]:
        """Return columns of codes as categorical ones that share their values, which are sorted.

        So they are the same whatever the order in which the texts were first met.  Where texts are
        few their codes are int16: of a large window there are millions.
        """
        used = np.unique(np.concatenate([np.unique(c) for c in columns]) if columns else [])
        texts = sorted(self.texts[code - 1] for code in used.tolist() if code != MISSING)
        small = len(texts) < np.iinfo(np.int16).max
        table: Any = np.full(len(self.texts) + 1, -1, np.int16 if small else np.int32)
        for place, text in enumerate(texts):
            table[self._codes[text]] = place
        return tuple(Categorical(table[c], tuple(texts)) for c in columns)


def numbers_of(column: Categorical) -> Floats:
    """Return texts as numbers, NaN where one is none."""
    values = np.full(len(column.values) + 1, np.nan)
    for place, text in enumerate(column.values):
        try:
            values[place + 1] = float(text)
        except ValueError:
            continue
    return values[column.codes + 1]


def texts_of(column: Floats) -> Categorical:
    """Return numbers as texts: 1.0 as `1`, as a decoder reads them; NaN is missing."""
    known, codes = np.unique(column, return_inverse=True)
    texts = tuple(str(int(v)) if v.is_integer() else repr(v) for v in known.tolist())
    return Categorical(np.where(np.isnan(column), -1, codes).astype(np.int32), texts)
