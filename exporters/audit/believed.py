"""Which witnesses were believed without a proof that a log is an older copy: each only once.

An older copy of the private state does not remember it, so there the witness is believed again.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from exporters.audit import disk

NAME = "believed.json"


class Believed:
    """Notes in the private state `folder` which log each witness ended by its bare word."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def once(self, vkey: str, origin: str) -> bool:
        """Tell whether to believe a witness on the log `origin`; noted durably before.

        It is believed on the same log again: that one may not have been ended yet.  Raises OSError.
        """
        known = self._read()
        if vkey not in known:
            disk.write_whole(self._path, msgspec.json.encode({**known, vkey: origin}), 0o600)
            return True
        return known[vkey] == origin

    def _read(self) -> dict[str, str]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])
        except (FileNotFoundError, msgspec.MsgspecError):
            return {}
