"""Changes that the holder of a log's key can make to its records, one check of `verify` each.

Each takes the records of the clean log and returns them changed; `Lab.resign` numbers and signs
them again.
"""

from __future__ import annotations

from typing import Any

from exporters.audit.record import report_id
from exporters.audit.types import Span

Documents = list[dict[str, Any]]


def window_at(documents: Documents, index: int) -> int:
    """Return the place of the `index`-th window record."""
    return [i for i, d in enumerate(documents) if ".window.signals." in d["type"]][index]


def verdicts_at(documents: Documents, index: int) -> dict[str, Any]:
    """Return what the record of the `index`-th window's verdicts says."""
    data: dict[str, Any] = documents[window_at(documents, index) + 1]["data"]
    return data


def resume_at(documents: Documents) -> int:
    """Return the place of the record that says that the log goes on."""
    return next(i for i, d in enumerate(documents) if ".log.resume." in d["type"])


# Forms.


def add_field(documents: Documents) -> Documents:
    documents[resume_at(documents)]["data"]["customer"] = "Siti"
    return documents


def move_window(documents: Documents) -> Documents:
    """Let a window and its verdicts be of another length, under the ids that they had."""
    place = window_at(documents, 10)
    for document in documents[place : place + 2]:
        document["data"]["window"]["length"] = "2h"
    return documents


def repeat_alert(documents: Documents) -> Documents:
    """Let an alert be raised twice."""
    place = next(i for i, d in enumerate(documents) if ".alert.raised." in d["type"])
    return [*documents[: place + 1], dict(documents[place]), *documents[place + 1 :]]


# Parts.


def announce_part(documents: Documents) -> Documents:
    """Let a window have another part, which does not come."""
    documents[window_at(documents, 10)]["data"]["part"]["of"] = 2
    return documents


def remove_first_part(documents: Documents) -> Documents:
    """Leave of a window's verdicts only what would be their second part."""
    record = documents[window_at(documents, 10) + 1]
    data = record["data"]
    data["part"] = {"i": 2, "of": 2}
    model, window = record["model"], Span(**data["window"])
    place = (model["name"], model["version"], window, data["revision"])
    record["id"] = report_id(*place, "policy.verdict", 2)
    return documents


# Runs and clocks.


def remove_resume(documents: Documents) -> Documents:
    place = resume_at(documents)
    return documents[:place] + documents[place + 1 :]


def turn_clock_back(documents: Documents) -> Documents:
    """Take a second off the monotonic clock of one record, and leave the wall clock."""
    record = documents[window_at(documents, 10)]
    record["mono"] = str(int(record["mono"]) - 1_000_000_000)
    return documents


def remove_and_count(documents: Documents) -> Documents:
    """Remove a window and its verdicts, and let heartbeat and restart count without them."""
    place = window_at(documents, 10)
    beat = next(d["data"] for d in documents[place:] if ".heartbeat." in d["type"])
    beat["records"] -= 2
    beat["reports"] -= 1
    documents[resume_at(documents)]["data"]["size"] -= 2
    return documents[:place] + documents[place + 2 :]


# What verdicts hang on.  In the last window, where it matters to no later one.


def remove_verdict(documents: Documents) -> Documents:
    del verdicts_at(documents, 10)["verdicts"][0]
    return documents


def shorten(documents: Documents) -> Documents:
    """Leave out the last window's signals, and say that the disk was full."""
    data = documents[window_at(documents, -1)]["data"]
    data |= {"shortened": True, "signals": []}
    return documents


def remove_judging(documents: Documents) -> Documents:
    del verdicts_at(documents, -1)["judging"]
    return documents


def call_judged_again(documents: Documents) -> Documents:
    """Say of verdicts that they were kept from a judgement that the log does not have."""
    verdicts_at(documents, -1)["judging"]["labels"] = {
        "signals": [],
        "mature": True,
        "coverage": 1.0,
        "needed": 0.8,
        "of": "predictions",
        "only": True,
    }
    return documents


def date_back(documents: Documents) -> Documents:
    """Say that a state has held since before it is in the log."""
    data = next(d["data"] for d in documents if ".policy.verdict." in d["type"])
    data["verdicts"][0]["since"] = "2025-12-01T00:00:00Z"
    return documents


# Record 0.


def remove_genesis(documents: Documents) -> Documents:
    return documents[1:]


def rename_genesis(documents: Documents) -> Documents:
    documents[0]["data"]["origin"] += "/other"
    return documents
