"""What the holder of the key can write that no honest agent writes, and what finds it.

Each takes the records of the clean log and returns others, which are numbered and signed again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, NamedTuple

from exporters.audit import types
from exporters.audit.jcs import canonical
from exporters.audit.read.content import expected_id
from tests.support.tampering_records import Documents


class Forgery(NamedTuple):
    """What the holder of the key does, and what an auditor with the public key finds."""

    what: str
    codes: str
    change: Callable[[Documents], Documents]


def named(document: dict[str, Any], name: str) -> bool:
    """Tell whether a record is of a type."""
    return bool(document["type"] == f"{types.PREFIX}{name}{types.SUFFIX}")


def places(documents: Documents, *names: str) -> list[int]:
    """Return where records of some types stand."""
    return [i for i, d in enumerate(documents) if any(named(d, name) for name in names)]


def with_its_id(document: dict[str, Any]) -> dict[str, Any]:
    """Give a report's or alert's record the id that follows from what it says now."""
    envelope, data = types.read(canonical(document))
    record_id = expected_id(types.record_name(envelope.type), envelope, data)
    assert record_id is not None
    document["id"] = record_id
    return document


def count_again(documents: Documents) -> Documents:
    """Let every heartbeat count what is there."""
    counts = {"records": 0, "reports": 0, "alerts": 0}
    boot = ""
    for document in documents:
        if document["bootid"] != boot:
            boot, counts = document["bootid"], dict.fromkeys(counts, 0)
        if named(document, "heartbeat"):
            document["data"] |= counts
            counts = dict.fromkeys(counts, 0)
        data = document["data"]
        counts["records"] += 1
        counts["reports"] += ".window." in document["type"] and data["part"]["i"] == 1
        counts["alerts"] += ".alert." in document["type"]
    return documents


def date_nowhere(documents: Documents) -> Documents:
    documents[5]["time"] = "2026-02-30T00:00:00.000Z"
    return documents


def stretch_window(documents: Documents) -> Documents:
    """Let one window of an hour hide those after it."""
    windows = places(documents, "window.signals")
    first, last = windows[10], windows[20]
    window, verdicts = documents[first], documents[first + 1]
    for document in (window, verdicts):
        document["data"]["window"]["end"] = documents[last]["data"]["window"]["end"]
        with_its_id(document)
    verdicts["corr"]["window"] = window["corr"]["window"] = window["id"]
    return count_again(documents[: first + 2] + documents[last + 2 :])


def shift_window(documents: Documents) -> Documents:
    """Let the last window start and end a minute later than windows do."""
    for document in documents[places(documents, "window.signals")[-1] :][:2]:
        for key in ("start", "end"):
            moment = dt.datetime.fromisoformat(document["data"]["window"][key])
            later = moment + dt.timedelta(minutes=1)
            document["data"]["window"][key] = f"{later:%Y-%m-%dT%H:%M:%SZ}"
        with_its_id(document)
    window, verdicts = documents[places(documents, "window.signals")[-1] :][:2]
    verdicts["corr"]["window"] = window["corr"]["window"] = window["id"]
    return documents


FORGERIES = [
    Forgery("dates a record on a day that there is not", "schema_violation", date_nowhere),
    Forgery("lets one window stand for eleven", "window_span", stretch_window),
    Forgery("reports a window that is not aligned", "window_missing window_span", shift_window),
]
