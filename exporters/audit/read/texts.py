"""Are the texts there that records name by digest: of policies and configurations, and notes?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from exporters.audit import types
from exporters.audit.findings import Findings

BlobProblem = Callable[[str], str | None]
"""Says what is wrong with the blob of a digest: `missing`, `altered`, or None."""

_WITH_TEXT = ("config.change", "policy.change")


class TextChecks:
    """Takes the records of all epochs in order; `conclude` says which notes are gone unexplained.

    A sealed note may be erased at any time, which a later record says.
    """

    def __init__(self, findings: Findings, blob_problem: BlobProblem) -> None:
        self._findings, self._blob_problem = findings, blob_problem
        self._notes: dict[str, str] = {}
        self._erased: set[str] = set()
        self._older_gone: bool | None = None

    def take(self, name: str, data: Any, where: str) -> None:
        """Check the text that a record names, and remember its notes."""
        if isinstance(data, types.ChangeData):
            self._change(name, data, where)
        elif isinstance(data, types.ErasureData) and data.blob is not None:
            self._erased.add(data.blob)
        elif isinstance(data, types.GenesisData) and self._older_gone is None:
            self._older_gone = data.previous is not None
        for note in _notes(data):
            # What an epoch repeats may have been erased in one that is deleted.
            again = isinstance(data, types.ChangeData) and data.old == data.digest
            if not (again and self._older_gone):
                self._notes.setdefault(note, where)

    def conclude(self) -> None:
        """Look for the notes: they may be erased, and never edited."""
        for note, where in self._notes.items():
            problem = self._blob_problem(note)
            if problem == "altered":
                self._findings.add("blob_altered", where, f"blobs/{note[7:]} is altered")
            elif problem is not None and note not in self._erased:
                detail = (
                    f"blobs/{note[7:]} is not there and no record says that it was erased, which "
                    "the agent records when it runs next"
                )
                self._findings.add("note_missing", where, detail, "UNKNOWN")

    def _change(self, name: str, data: types.ChangeData, where: str) -> None:
        if data.blob is None:
            if name in _WITH_TEXT:
                detail = f"it does not name the text of {data.digest}"
                self._findings.add("blob_missing", where, detail)
            return
        problem = self._blob_problem(data.blob)
        if problem is not None:
            self._findings.add(f"blob_{problem}", where, f"blobs/{data.blob[7:]} is {problem}")
        elif data.blob != data.digest:
            detail = f"blobs/{data.blob[7:]} is not the text of {data.digest}"
            self._findings.add("blob_altered", where, detail)


def _notes(data: Any) -> Iterator[str]:
    """Yield the sealed texts that a record names."""
    if isinstance(data, types.ChangeData | types.DecisionData) and data.note is not None:
        yield data.note
    if isinstance(data, types.ChangeData):
        yield from (waiver.note for waiver in data.waivers)
