"""What the verifier found: the result, how it reads, and the exit code it gives."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import msgspec

Result = Literal["PASS", "FAIL", "UNKNOWN"]

MOST_PER_CODE = 100
"""Findings of one code that are listed; the rest are counted."""

NOT_COVERED = (
    "Not covered: this command does not look at the Merkle tree and its signature yet. Somebody "
    "who can write to the private files can change a record and its checksum together unnoticed."
)

CHECKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "framing": (
        "every byte belongs to a whole frame with a matching checksum",
        ("no_records", "frame_damaged", "torn_tail", "segment_header"),
    ),
    "sequence": (
        "records are numbered from 0 without a gap or a repeat",
        ("record_missing", "record_repeated", "gap_recorded"),
    ),
    "genesis": (
        "record 0 says whose log this is, and what came before it",
        ("genesis_missing", "epoch_unlinked"),
    ),
    "origin": ("every record is of this log", ("wrong_origin",)),
    "schema": (
        "every record is canonical JSON and says only what its type lists",
        ("not_canonical", "schema_violation"),
    ),
    "ids": (
        "ids are unique and follow from what the records say",
        ("id_mismatch", "duplicate_id"),
    ),
    "blobs": ("the texts named by digest are there", ("blob_missing", "blob_altered")),
    "policies": ("every verdict names the policy that was in force", ("policy_unknown",)),
    "windows": ("every verdict follows the signals it judges", ("window_unknown",)),
}
"""The checks, in the order they are shown, and the finding codes that belong to each."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong (FAIL) or cannot be known (UNKNOWN), and where."""

    code: str
    result: Result
    where: str
    detail: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome: `size` is the newest epoch's number of records, `root` its tree's (not yet).

    `checks` gives each check's own result; `notes` say what was not checked.
    """

    result: Result
    origin: str | None
    size: int
    root: str | None
    findings: tuple[Finding, ...]
    checks: dict[str, Result]
    notes: tuple[str, ...]


class Findings:
    """Collects findings, listing at most `MOST_PER_CODE` of each code."""

    def __init__(self) -> None:
        self._listed: list[Finding] = []
        self._counts: Counter[tuple[str, Result]] = Counter()

    def add(self, code: str, where: str, detail: str, result: Result = "FAIL") -> None:
        """Add a finding."""
        self._counts[code, result] += 1
        if self._counts[code, result] <= MOST_PER_CODE:
            self._listed.append(Finding(code, result, where, detail))

    def conclude(self, origin: str | None, size: int) -> Verification:
        """Return the verification."""
        listed = list(self._listed)
        for (code, result), count in self._counts.items():
            if count > MOST_PER_CODE:
                more = f"{count - MOST_PER_CODE} more of this kind"
                listed.append(Finding(code, result, "elsewhere", more))
        checks = {
            name: _worst(f.result for f in listed if f.code in codes)
            for name, (_, codes) in CHECKS.items()
        }
        return Verification(
            result=_worst(checks.values()),
            origin=origin,
            size=size,
            root=None,
            findings=tuple(listed),
            checks=checks,
            notes=(NOT_COVERED,),
        )


def exit_code(verification: Verification, *, strict: bool = False) -> int:
    """Return 0 for PASS, 1 for FAIL, and for UNKNOWN 4, or 1 if `strict`."""
    unknown = 1 if strict else 4
    return {"PASS": 0, "FAIL": 1, "UNKNOWN": unknown}[verification.result]


def document(verification: Verification) -> dict[str, Any]:
    """Return the object that `--json` prints (contract C16)."""
    found: dict[str, Any] = msgspec.to_builtins(verification)
    return found


def render(verification: Verification) -> str:
    """Return the verification as lines for a person."""
    lines = [f"log      {verification.origin or '(unknown)'}", f"records  {verification.size}", ""]
    for name, result in verification.checks.items():
        lines.append(f"{result:8} {name:9} {CHECKS[name][0]}")
        codes = CHECKS[name][1]
        for finding in verification.findings:
            if finding.code in codes:
                lines.append(f"         - {finding.code} at {finding.where}: {finding.detail}")
    return "\n".join([*lines, "", f"Result: {verification.result}", *verification.notes])


def _worst(results: Any) -> Result:
    present = set(results)
    return "FAIL" if "FAIL" in present else "UNKNOWN" if "UNKNOWN" in present else "PASS"
