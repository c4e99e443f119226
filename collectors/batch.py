"""EventBatch: thousands of events as columns.  No per-event Python object after a decoder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from collectors.journey import Journey

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
Hashes = NDArray[np.uint64]
Checksums = NDArray[np.uint32]
Flags = NDArray[np.bool_]

NO_ID = 0
"""Value of `event_id` for a record without one; such events are never duplicates."""


class Categorical(NamedTuple):
    """A dictionary-coded string column: `values[codes[i]]` is row i's text, code -1 is missing.

    `values` may hold texts that no row of this batch uses.
    """

    codes: Codes
    values: tuple[str, ...]


Column = Floats | Categorical
"""A numeric column (float64, NaN = missing, infinities allowed) or a categorical one."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """One record that could not become an event.

    `row` is where it stood: the number of accepted rows of the same batch that came before it.
    `offset` is the record's offset (Kafka) or line (file).  `detail` never quotes the payload.
    """

    reason: str
    offset: int
    row: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Decoded events of one partition, in offset order.

    All arrays have length `n`.  `event_time` and `recorded_time` are microseconds since the Unix
    epoch, UTC; a missing `recorded_time` is the least int64.  `event_id` is a keyed 64-bit hash
    (`NO_ID` where the record has none), `body` a checksum of the record's content, for telling
    equal duplicates from conflicting ones.  `prediction` and `label` are categorical for
    classification, numeric for regression.  `mismatched` holds, only for columns with any, the rows
    whose value was of the wrong type; those values are missing in the column.  Its keys are the
    names of the fields here, `features.<name>`, `audit.<name>` and `extra.<name>`.  `extra` holds
    the optional fields that are mapped (`collectors.decoders.columns.EXTRA`), `reviewer` a keyed
    hash of who decided (`NO_ID`: nobody named).  `next_offset` is where reading resumes after
    this batch, and `identity` says of what: a text that is stored beside the position, for a source
    whose content may be another after a restart (empty: the position says enough).  `anew`: the
    content is not that of the position in the store, so reading has begun at its beginning.
    `journey` is noted only where `Channel.traced`.
    """

    source: str
    partition: str
    next_offset: int
    n: int
    event_time: Ints
    offset: Ints
    event_id: Hashes
    body: Checksums
    recorded_time: Ints | None = None
    model_version: Categorical | None = None
    prediction: Column | None = None
    score: Floats | None = None
    label: Column | None = None
    features: dict[str, Column] = field(default_factory=dict)
    audit: dict[str, Categorical] = field(default_factory=dict)
    extra: dict[str, Column] = field(default_factory=dict)
    reviewer: Hashes | None = None
    mismatched: dict[str, Flags] = field(default_factory=dict)
    rejected: tuple[Rejected, ...] = ()
    journey: Journey | None = None
    identity: str = ""
    anew: bool = False
