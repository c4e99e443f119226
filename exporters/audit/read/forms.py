"""The forms that records are exported in: the table that `audit export --format` reads."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from exporters.audit.read.export import Row
from exporters.audit.read.ocsf import event, name_of

COLUMNS = (
    "origin",
    "index",
    "leaf_hash",
    "name",
    "time",
    "subject",
    "severity",
    "actor_type",
    "actor_id",
    "window",
    "alert",
    "record",
)
ROWS_AT_ONCE = 1_000


def write_jsonl(rows: Iterator[Row], path: Path) -> int:
    """One JSON object a line: `origin`, `index`, `leaf_hash`, `record`."""
    return _write_lines(
        path,
        (
            {"origin": r.origin, "index": r.index, "leaf_hash": r.leaf, "record": r.record}
            for r in rows
        ),
    )


def write_ocsf(rows: Iterator[Row], path: Path) -> int:
    """One OCSF 1.9 event a line."""
    return _write_lines(path, (event(row) for row in rows))


def write_csv(rows: Iterator[Row], path: Path) -> int:
    """The columns of `COLUMNS`; `record` is the whole record as JSON."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for row in rows:
            table.writerow([_harmless(value) for value in _cells(row)])
            count += 1
    return count


def write_parquet(rows: Iterator[Row], path: Path) -> int:
    """The same columns as Parquet. Raises ImportError where pyarrow is not installed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"index": pa.int64()}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    count = 0
    with pq.ParquetWriter(path, schema) as writer:
        while chunk := list(islice(rows, ROWS_AT_ONCE)):
            columns = list(zip(*map(_cells, chunk), strict=True))
            writer.write_table(pa.table(dict(zip(COLUMNS, columns, strict=True)), schema=schema))
            count += len(chunk)
    return count


FORMS: dict[str, Callable[[Iterator[Row], Path], int]] = {
    "jsonl": write_jsonl,
    "csv": write_csv,
    "parquet": write_parquet,
    "ocsf": write_ocsf,
}


def _write_lines(path: Path, documents: Iterator[dict[str, Any]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for document in documents:
            file.write(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    return count


def _cells(row: Row) -> list[Any]:
    record = row.record
    return [
        row.origin,
        row.index,
        row.leaf,
        name_of(record),
        record["time"],
        record.get("subject"),
        record["sev"],
        record["actor"]["type"],
        record["actor"]["id"],
        record["corr"].get("window"),
        record["corr"].get("alert"),
        json.dumps(record, ensure_ascii=False, separators=(",", ":"), sort_keys=True),
    ]


def _harmless(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula."""
    dangerous = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{value}" if dangerous else value
