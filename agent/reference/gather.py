"""All rows of many batches, column by column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.beside import beside
from agent.outcomes import (
    FAVOURABLE,
    NO_PREDICTION,
    audit_column,
    label_records,
    outcomes,
)
from agent.reference.columns import categorical_profile, numeric_profile
from agent.reference.profile import ColumnProfile, GroupProfile
from collectors.batch import NO_ID, Categorical, Column, EventBatch, Flags, Ints
from collectors.schema import EventSchema


def feature_key(name: str) -> str:
    """Return a feature's key among the gathered columns (and in `EventBatch.mismatched`)."""
    return f"features.{name}"


@dataclass
class _Texts:
    """Codes of one categorical column over all batches, against one growing dictionary."""

    codes: dict[str, int] = field(default_factory=dict)

    def translate(self, column: Categorical) -> Ints:
        known = self.codes
        table = np.array([-1] + [known.setdefault(t, len(known)) for t in column.values], np.int64)
        translated: Ints = table[column.codes + 1]
        return translated


@dataclass
class Gathered:
    """All rows, as lists of one array per batch."""

    arrays: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    texts: dict[str, _Texts] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)

    def put(self, name: str, array: NDArray[Any]) -> None:
        """Append one batch's rows of an array."""
        self.arrays.setdefault(name, []).append(array)

    def put_column(self, name: str, column: Column | None, batch: EventBatch, kind: str) -> None:
        """Append a feature or output; a column that the batch lacks is missing throughout."""
        flags = batch.mismatched.get(name)
        self.put(f"mismatch:{name}", np.zeros(batch.n, np.bool_) if flags is None else flags)
        if kind == "numeric":
            gone = np.full(batch.n, np.nan)
            self.put(name, column if isinstance(column, np.ndarray) else gone)
        else:
            self.put_texts(name, column if isinstance(column, Categorical) else None, batch.n)

    def put_texts(self, name: str, column: Categorical | None, n: int) -> None:
        """Append a categorical column's `n` rows."""
        texts = self.texts.setdefault(name, _Texts())
        self.put(name, np.full(n, -1, np.int64) if column is None else texts.translate(column))

    def whole(self, name: str) -> NDArray[Any]:
        """Return all rows of an array."""
        parts = self.arrays.get(name, [])
        if len(parts) != 1:
            self.arrays[name] = [np.concatenate(parts) if parts else np.zeros(0)]
        return self.arrays[name][0]

    def distinct(self) -> Flags:
        """Return which rows are events, of those with one id the earliest, then of least body.

        Not the first read: the profile must not depend on the order of the rows.
        """
        is_event = np.asarray(self.whole("is_event"), np.bool_)
        if len(is_event) == 0:
            return is_event
        ids = self.whole("id")
        first = np.zeros(len(ids), np.bool_)
        order = np.lexsort((self.whole("body"), self.whole("time"), ids))
        order = order[is_event[order]]
        first[order[np.unique(ids[order], return_index=True)[1]]] = True
        kept: Flags = is_event & (first | (ids == NO_ID))
        return kept

    def profile(self, name: str, keep: Flags, k_display: int) -> ColumnProfile:
        """Return a column's profile over the rows to `keep`."""
        mismatch = int(np.count_nonzero(self.whole(f"mismatch:{name}")[keep]))
        values = self.whole(name)[keep]
        if name not in self.texts:
            return numeric_profile(np.asarray(values, np.float64), mismatch)
        counts, missing = self.counted(name, keep)
        return categorical_profile(counts, missing=missing, mismatch=mismatch, k_display=k_display)

    def counted(self, name: str, rows: Flags) -> tuple[Counter[str], int]:
        """Return the rows of each text of a column that occurs, and the rows without any."""
        names = list(self.texts[name].codes)
        codes = np.asarray(self.whole(name)[rows], np.int64)
        amounts = np.bincount(codes + 1, minlength=len(names) + 1).tolist()
        return Counter({t: n for t, n in zip(names, amounts[1:], strict=True) if n}), amounts[0]

    def groups(self, keep: Flags, k_display: int) -> dict[str, dict[str, GroupProfile]]:
        """Return the counts of each audit group of at least `k_display` rows."""
        decided = self.whole("outcome")
        result = {}
        for attribute in self.attributes:
            name = f"audit.{attribute}"
            rows, _ = self.counted(name, keep)
            predicted, _ = self.counted(name, keep & (decided != NO_PREDICTION))
            favourable, _ = self.counted(name, keep & (decided == FAVOURABLE))
            result[attribute] = {
                group: GroupProfile(n, predicted[group], favourable[group])
                for group, n in sorted(rows.items())
                if n >= k_display
            }
        return result

    def ungrouped(self, keep: Flags) -> dict[str, int]:
        """Return the rows without a group of each attribute."""
        return {a: self.counted(f"audit.{a}", keep)[1] for a in self.attributes}

    def versions(self, keep: Flags) -> dict[str, int]:
        """Return the rows of each model version."""
        counts, _ = self.counted("model_version", keep)
        return dict(sorted(counts.items()))


def gather(
    batches: Iterable[EventBatch],
    schema: EventSchema,
    favourable: frozenset[str],
    attributes: tuple[str, ...],
) -> Gathered:
    """Gather the columns that `schema` names, and the outcome of each row."""
    gathered = Gathered(attributes=list(attributes))
    kinds = {feature_key(name): f.kind or "numeric" for name, f in (schema.features or {}).items()}
    if schema.prediction is not None or schema.score is not None:
        kinds["prediction"] = "numeric" if schema.task == "regression" else "categorical"
    if schema.score is not None:
        kinds["score"] = "numeric"
    gathered.columns = list(kinds)
    for batch in batches:
        decided = outcomes(batch, favourable)
        gathered.put("id", batch.event_id)
        gathered.put("time", batch.event_time)
        gathered.put("body", batch.body)
        gathered.put("outcome", decided)
        gathered.put("is_event", ~(label_records(batch) | beside(batch)))
        for name, kind in kinds.items():
            gathered.put_column(name, _column(batch, name), batch, kind)
        for attribute in attributes:
            gathered.put_texts(f"audit.{attribute}", audit_column(batch, attribute), batch.n)
        gathered.put_texts("model_version", batch.model_version, batch.n)
        if schema.label is not None:
            _gather_labels(gathered, batch, kinds.get("prediction", "categorical"))
    return gathered


def _gather_labels(gathered: Gathered, batch: EventBatch, kind: str) -> None:
    recorded = batch.recorded_time
    never = np.full(batch.n, np.iinfo(np.int64).min)
    gathered.put("recorded", never if recorded is None else recorded)
    gathered.put("offset", batch.offset)
    gathered.put_column("label", batch.label, batch, kind)


def _column(batch: EventBatch, name: str) -> Column | None:
    if name == "prediction":
        return batch.prediction
    if name == "score":
        return batch.score
    return batch.features.get(name.removeprefix("features."))
