"""The events of one window beside what is known of their outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from collectors.batch import Categorical, Column, Flags, Floats


@dataclass(frozen=True, slots=True)
class OutcomeRows:
    """The sampled events of a window that carry an id or a label, as columns of length `n`.

    `prediction` and `label` share a value space: both categorical (classification, the same
    `values`) or both float64 (regression); code -1 or NaN is missing, codes are int16 or int32.
    `score` is float64[n], NaN where missing.  `groups` holds, by attribute of the layout (an
    intersection is `a*b`), each row's group.  `sampling` is the share of the window's events that
    the sample was drawn at, 0 < sampling <= 1, by a hash of the id, so it does not depend on
    anything that is measured.  `mature` tells that no label can change these rows any more in the
    ordinary way (contract C9).  `unnamed`, of reviews alone: which name no reviewer.
    """

    n: int
    prediction: Column
    label: Column
    score: Floats
    groups: Mapping[str, Categorical] = field(default_factory=dict)
    sampling: float = 1.0
    mature: bool = False
    unnamed: Flags | None = None
