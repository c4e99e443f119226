"""What the verifier found: the result, how it reads, and the exit code it gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from typing import Any, Literal

import msgspec

Result = Literal["PASS", "FAIL", "UNKNOWN"]

MOST_PER_CODE = 100
"""Findings of one code that are listed; the rest are counted."""

NOT_COVERED = (
    "Not covered: these are the private files behind the log, and their checksums are against "
    "accidents: whoever can write to them can change a record and its checksum together. "
    "Verify the published directory: its tree is signed."
)

Checks = dict[str, tuple[str, tuple[str, ...]]]
"""Each check by its name: what it means if it passes, and the finding codes that belong to it."""

_RECORDS: Checks = {
    "origin": ("every record is of this log", ("wrong_origin",)),
    "schema": (
        "every record is canonical JSON and says only what its type lists",
        ("not_canonical", "schema_violation"),
    ),
    "ids": (
        "ids are unique and follow from what the records say",
        ("id_mismatch", "duplicate_id"),
    ),
    "blobs": (
        "the texts named by digest are there",
        ("blob_missing", "blob_altered", "note_missing"),
    ),
    "policies": (
        "records name the policy and the configuration that were in force",
        ("policy_unknown", "config_unknown"),
    ),
    "alerts": ("alerts agree with the verdicts that they are about", ("alert_differs",)),
}

OF_RECORDS = (
    *("sequence", "origin", "schema", "ids", "blobs", "policies", "alerts"),
    *("windows", "continuity", "time", "replay"),
)
"""The checks of a published log that need all its records."""

PUBLISHED: Checks = {
    "signature": (
        "the newest checkpoint is signed by the log's key",
        (
            "no_records",
            "checkpoint_missing",
            "checkpoint_malformed",
            "signature_invalid",
            "key_unknown",
            "key_unvouched",
        ),
    ),
    "tree": (
        "entries, tiles and the signed root agree",
        (
            "bundle_missing",
            "bundle_damaged",
            "entry_altered",
            "tile_missing",
            "tile_altered",
            "root_mismatch",
        ),
    ),
    "history": (
        "every checkpoint that the log kept is of this tree",
        ("kept_checkpoint_altered", "history_forked", "checkpoint_behind"),
    ),
    "memory": (
        "the log continues what others remember of it",
        (
            "rollback",
            "fork",
            "wrong_log",
            "epoch_expired",
            "checkpoint_unverified",
            "no_external_checkpoint",
        ),
    ),
    "epochs": (
        "record 0 says whose log this is; each epoch names the one before, each key the next",
        ("genesis_missing", "epoch_unlinked", "epoch_missing", "key_unlinked"),
    ),
    "sequence": (
        "every record has the number of its place",
        ("seq_mismatch", "gap_recorded", "record_after_close"),
    ),
    **_RECORDS,
    "windows": (
        "every verdict follows the signals it judges, and no window is left out",
        (
            "window_unknown",
            "window_missing",
            "window_span",
            "part_missing",
            "part_awaited",
            "signal_unknown",
        ),
    ),
    "continuity": (
        "heartbeats come in time and count the records between them",
        (
            "heartbeat_missing",
            "heartbeat_late",
            "count_mismatch",
            "restart_untold",
            "stop_missing",
        ),
    ),
    "time": (
        "the wall clock agrees with the monotonic clock, or a step was told",
        ("clock_unexplained",),
    ),
}
"""The checks of a published log, in the order they are shown."""

REPLAY: Checks = {
    "replay": (
        "the logged signals and the logged policy give the logged verdicts",
        ("verdict_differs", "verdict_missing", "seal_broken", "verdict_not_replayed"),
    ),
}
"""The check that `--replay` adds."""

CHECKS: Checks = {
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
    **_RECORDS,
    "windows": (
        "every verdict follows the signals it judges",
        ("window_unknown", "window_span", "part_missing", "part_awaited", "signal_unknown"),
    ),
}
"""The checks of the private write-ahead log, in the order they are shown."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong (FAIL) or cannot be known (UNKNOWN), and where."""

    code: str
    result: Result
    where: str
    detail: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome: `size` is the newest epoch's number of records, `root` its tree's, in base64.

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
        self.prefix = ""

    def __bool__(self) -> bool:
        """Tell whether anything was found."""
        return bool(self._counts)

    def add(self, code: str, where: str, detail: str, result: Result = "FAIL") -> None:
        """Add a finding; `prefix` goes before its place."""
        self._counts[code, result] += 1
        if self._counts[code, result] <= MOST_PER_CODE:
            self._listed.append(Finding(code, result, self.prefix + where, detail))

    def conclude(
        self,
        origin: str | None,
        size: int,
        root: str | None = None,
        *,
        checks: Checks = CHECKS,
        notes: tuple[str, ...] = (NOT_COVERED,),
        unmade: Container[str] = (),
    ) -> Verification:
        """Return the verification; of `checks` those that are `unmade` cannot pass."""
        listed = list(self._listed)
        for (code, result), count in self._counts.items():
            if count > MOST_PER_CODE:
                more = f"{count - MOST_PER_CODE} more of this kind"
                listed.append(Finding(code, result, "elsewhere", more))
        results = {
            name: _worst(f.result for f in listed if f.code in codes)
            for name, (_, codes) in checks.items()
        }
        for name, found in results.items():
            if found == "PASS" and name in unmade:
                results[name] = "UNKNOWN"
        return Verification(
            result=_worst(f.result for f in listed),
            origin=origin,
            size=size,
            root=root,
            findings=tuple(listed),
            checks=results,
            notes=notes,
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
    if verification.root is not None:
        lines.insert(2, f"root     {verification.root}")
    meanings = CHECKS if verification.checks.keys() == CHECKS.keys() else PUBLISHED | REPLAY
    for name, result in verification.checks.items():
        meaning, codes = meanings[name]
        lines.append(f"{result:8} {name:10} {meaning}")
        for finding in verification.findings:
            if finding.code in codes:
                lines.append(f"         - {finding.code} at {finding.where}: {finding.detail}")
    return "\n".join([*lines, "", f"Result: {verification.result}", *verification.notes])


def _worst(results: Any) -> Result:
    present = set(results)
    return "FAIL" if "FAIL" in present else "UNKNOWN" if "UNKNOWN" in present else "PASS"
