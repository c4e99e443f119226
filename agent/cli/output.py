"""Printing results: JSON Lines for programs, tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def print_json(document: Mapping[str, Any]) -> None:
    """Print one line of JSON on standard output."""
    sys.stdout.write(json.dumps(document, separators=(",", ":"), allow_nan=False) + "\n")


def print_lines(lines: Iterable[bytes]) -> None:
    """Print lines of UTF-8 bytes on standard output, exactly as they are."""
    sys.stdout.flush()
    for line in lines:
        sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], indent: int = 0) -> None:
    """Print rows under headings, columns aligned; texts are printed as they are, never cut."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print((" " * indent + "  ".join(cells)).rstrip())
