"""Who people are and what they typed, out of what is about to be recorded.

A name becomes this quarter's pseudonym, and words become a sealed blob: see `vault`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from exporters.audit import vault
from exporters.audit.place import Place
from exporters.audit.record import CHANGES

Data = Mapping[str, Any]


class People:
    """Takes names and words out of the data of records.

    What was sealed for a record is kept until it is in the log, so that a record that has to be
    tried again, on a full disk for instance, leaves no blob that nothing names.
    """

    def __init__(self, at: Place, clock: Callable[[], float]) -> None:
        self._at, self._clock = at, clock
        self._made: dict[str, dict[str, Any]] = {}

    def without(self, name: str, record_id: str, data: Data) -> dict[str, Any]:
        """Return the data of record `name` with nobody in it.  Raises OSError."""
        if name == "incident.clock":
            return self._clock_of(data)
        if name not in CHANGES:
            return dict(data)
        if record_id not in self._made:
            self._made[record_id] = self._sealed(data)
        return {key: data[key] for key in data.keys() - _TYPED} | self._made[record_id]

    def written(self, record_ids: Iterable[str]) -> None:
        """Forget what was made for records that are in the log now."""
        for record_id in record_ids:
            self._made.pop(record_id, None)

    def _clock_of(self, data: Data) -> dict[str, Any]:
        found = self._named(data)
        if "earlier" in data:
            found["earlier"] = [self._named(one) for one in data["earlier"]]
        return found

    def _sealed(self, data: Data) -> dict[str, Any]:
        """Return what takes the place of the parts of a change that were typed."""
        found: dict[str, Any] = {}
        if data.get("waivers"):
            found["waivers"] = [self._waiver(one) for one in data["waivers"]]
        if data.get("words"):
            found["note"] = self._seal(json.dumps(data["words"], sort_keys=True))
        return found

    def _waiver(self, waiver: Data) -> dict[str, Any]:
        found = self._named(waiver)
        reason = found.pop("reason", None)
        if reason is not None:
            found["note"] = self._seal(str(reason))
        return found

    def _named(self, data: Data) -> dict[str, Any]:
        """Return the data with the pseudonym of whom it names."""
        found = dict(data)
        if found.get("by") is not None:
            account = _whole(str(found["by"])).decode()
            found["by"] = vault.pseudonym(self._at.state, account, self._clock())
        return found

    def _seal(self, content: str) -> str:
        return vault.seal(self._at.state, self._at.public, _whole(content))


def _whole(text: str) -> bytes:
    """Return a text as UTF-8, whatever half characters somebody typed."""
    return text.encode("utf-8", "replace")


_TYPED = {"waivers", "words"}
