"""Audit logs for tests: a writer on a clock that stands still, and the records in a log."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from exporters.audit import place
from exporters.audit.exporter import AuditExporter
from exporters.audit.frames import Good, encode_frame, encode_header, scan
from exporters.audit.jcs import canonical
from exporters.audit.options import AuditOptions
from exporters.audit.wal import segments
from exporters.base import Numbered, Standing
from exporters.context import Context, SystemInfo
from policies.model import Notice, Outgoing, Report
from tests.unit.exporters.samples import START, alert, gap, psi, report, verdict

POLICY_TEXT = '{"schema":"pantau.policy/1"}'
POLICY = "sha256:" + hashlib.sha256(POLICY_TEXT.encode()).hexdigest()
ORIGIN = "test/loan-approval"
NOTHING = Standing([], [])


class Hands:
    """A wall clock and a monotonic clock that only the test moves; counts of events."""

    def __init__(self) -> None:
        self.wall = START + 0.25
        self.mono = 1_000_000_000
        self.events = 0

    def pass_time(self, seconds: float) -> None:
        self.wall += seconds
        self.mono += round(seconds * 1e9)


def context(base: Path, hands: Hands, boot: str = "boot-1") -> Context:
    return Context(
        agent_version="0.1.0",
        bootid=boot,
        config_digest="sha256:" + "c" * 64,
        systems=(SystemInfo("loan-approval"),),
        base=base,
        clock=lambda: hands.wall,
        monotonic_ns=lambda: hands.mono,
        counters=lambda: {"events": hands.events},
    )


def writer(
    base: Path, hands: Hands | None = None, boot: str = "boot-1", **options: Any
) -> AuditExporter:
    """Return a writer of the log `base/audit`, not started."""
    hands = hands or Hands()
    given = AuditOptions.model_validate({"origin": ORIGIN, **options})
    return AuditExporter(given, context(base, hands, boot))


def number(items: Sequence[Outgoing]) -> list[Numbered]:
    return [Numbered(place_, item) for place_, item in enumerate(items, start=1)]


def policy_change(digest: str = POLICY, text: str = POLICY_TEXT, at: int = START) -> Notice:
    return Notice(
        name="policy.change",
        id=f"policy.change/loan-approval/{digest}/{at}",
        time=at,
        system="loan-approval",
        data={"digest": digest, "text": text},
    )


def judged(index: int = 0, revision: int = 0) -> Report:
    """Return a report with signals and a verdict under the policy of `policy_change`."""
    judgement = msgspec.structs.replace(verdict(), policy=POLICY)
    signals = (psi("income"), gap("race", "Black", "White"))
    return report(signals, (judgement,), index=index, revision=revision)


def write_log(base: Path, items: Sequence[Outgoing] | None = None, boot: str = "boot-1") -> Path:
    """Write a log, stop in order, and return its published directory."""
    exporter = writer(base, boot=boot)
    exporter.start(NOTHING)
    exporter.export(number(items if items is not None else usual_items()))
    exporter.stop(1.0)
    return base / "audit"


def usual_items() -> list[Outgoing]:
    return [policy_change(), judged(0), judged(1), judged(0, revision=1), alert()]


def segment_paths(log: Path) -> list[Path]:
    """Return the segments of all epochs, in order."""
    at = place.find(log)
    return [path for epoch in place.epochs(at) for _, path in segments(at.wal / epoch)]


def payloads(log: Path) -> list[bytes]:
    """Return the bytes of all records, in order."""
    found = []
    for path in segment_paths(log):
        with path.open("rb") as file:
            frames = list(scan(file, path.stat().st_size))
        found += [frame.payload for frame in frames if isinstance(frame, Good)]
    return found


def records(log: Path) -> list[dict[str, Any]]:
    """Return all records, in order."""
    return [msgspec.json.decode(payload) for payload in payloads(log)]


def names(log: Path) -> list[str]:
    """Return the records' names, in order."""
    return [record["type"].split(".", 3)[3].removesuffix(".v1") for record in records(log)]


def rewrite(log: Path, frames: Sequence[bytes]) -> None:
    """Replace the log's only segment by these records, with matching checksums."""
    (path,) = segment_paths(log)
    origin = msgspec.json.decode(payloads(log)[0])["source"]
    path.write_bytes(encode_header(origin, 0) + b"".join(map(encode_frame, frames)))


def edited(payload: bytes, change: Mapping[str, Any]) -> bytes:
    """Return the record with other attributes, canonical again; dots in keys lead inwards."""
    document = msgspec.json.decode(payload)
    for path, value in change.items():
        *outer, last = path.split(".")
        inner = document
        for key in outer:
            inner = inner[int(key) if isinstance(inner, list) else key]
        inner[last] = value
    return canonical(document)
