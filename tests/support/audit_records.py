"""Reading an audit log in a test: its records, and the reports in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from exporters.audit.frames import Good, scan
from exporters.audit.place import epochs, find


def records(directory: Path) -> list[dict[str, Any]]:
    """Return every record of the log, in order."""
    place = find(directory)
    found = []
    for epoch in epochs(place):
        for segment in sorted((place.wal / epoch).glob("*.wal")):
            with segment.open("rb") as file:
                end = file.seek(0, 2)
                found += [json.loads(f.payload) for f in scan(file, end) if isinstance(f, Good)]
    return found


def reports(directory: Path, until: str | None = None) -> dict[tuple[str, ...], str]:
    """Return what the log says of each window, by (type, version, length, start, revision, part).

    Only windows that end at or before `until` (RFC 3339), if given.
    """
    found: dict[tuple[str, ...], str] = {}
    for record in records(directory):
        name = record["type"].removeprefix("io.pantau.audit.").removesuffix(".v1")
        if name not in ("window.signals", "window.restated", "policy.verdict"):
            continue
        data = record["data"]
        window = data["window"]
        if until is not None and window["end"] > until:
            continue
        key = (
            name,
            record["model"]["version"],
            window["length"],
            window["start"],
            str(data["revision"]),
            str(data["part"]["i"]),
        )
        assert key not in found, f"recorded twice: {key}"
        found[key] = json.dumps(data, sort_keys=True)
    return found
