"""Reading an audit log in a test: its records, and the reports in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from exporters.audit import vault
from exporters.audit.frames import Good, scan
from exporters.audit.place import epochs, find
from exporters.audit.seal import ReplayKey, log_of, unseal
from exporters.audit.types import SealData


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

    Only windows that end at or before `until` (RFC 3339), if given.  What is sealed is opened: two
    ciphertexts of the same values differ.
    """
    found: dict[tuple[str, ...], str] = {}
    keys = {key.id: key for key in vault.replay_keys(find(directory).state)}
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
        if "sealed" in data:
            data["sealed"] = opened(keys, record)
        found[key] = json.dumps(data, sort_keys=True)
    return found


def opened(keys: Mapping[str, ReplayKey], record: dict[str, Any]) -> str:
    """Return what a record seals."""
    sealed = msgspec.convert(record["data"]["sealed"], SealData)
    piece = unseal(keys[sealed.key], log_of(record["source"]), record["id"], sealed)
    return hashlib.sha256(piece).hexdigest()
