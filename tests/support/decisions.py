"""Loan decisions with a known approval gap, as rows and as files."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from policies.model import rfc3339

Row = dict[str, Any]

SYSTEM = """\
systems:
  - id: loans
    event: {id: id, time: at, prediction: approve, score: score, model_version: version}
    task: classification
    favourable: 1
    features: {income: numeric, purpose: categorical}
    audit_attributes:
      gender: {privileged: m, lawful_basis: test, purpose: test, dpia_ref: T-1, expires: 2099-12-31}
"""
"""The head of a configuration that reads these decisions."""

LABELLED = SYSTEM.replace(
    "model_version: version}",
    "model_version: version,\n            label: repaid, recorded_time: recorded_at}",
)
"""The same where labels come beside the decisions, or later."""


def decisions(
    n: int, *, start: int, every: float, seed: int = 1, approved: tuple[int, int] = (7, 7)
) -> list[Row]:
    """Return n decisions, `every` seconds apart, by turns of an m and an f.

    Of ten m in a row `approved[0]` are approved, of ten f `approved[1]`, so that the rates are
    exact over any multiple of 20 rows.
    """
    rng = random.Random(seed)
    return [
        {
            "id": f"{seed}-{i}",
            "at": rfc3339(int(start + i * every)),
            "approve": int((i // 2) % 10 < approved[i % 2]),
            "score": round(rng.random(), 4),
            "version": "v1",
            "income": round(rng.gauss(50, 9), 2),
            "purpose": rng.choice(["car", "home", "shop"]),
            "gender": "mf"[i % 2],
        }
        for i in range(n)
    ]


def as_lines(rows: Sequence[Row]) -> list[bytes]:
    """Return the rows as JSON."""
    return [json.dumps(row).encode() for row in rows]


def write_lines(path: Path, lines: Sequence[bytes]) -> Path:
    """Write one record a line, compressed if the name ends in .gz."""
    return _write(path, b"".join(line + b"\n" for line in lines))


def write_csv(path: Path, rows: Sequence[Row]) -> Path:
    """Write the rows as CSV, compressed if the name ends in .gz."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return _write(path, text.getvalue().encode())


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path
