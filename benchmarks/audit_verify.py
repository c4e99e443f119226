"""Verification of a log of a million records: processor seconds on one core, and memory.

Run by hand: `python -m benchmarks.audit_verify [records]`.  The records are heartbeats, in a tree
signed as the agent signs it; they are verified in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exporters.audit.format import bundle, checkpoint, merkle, note, tiles
from exporters.audit.read.evidence import Evidence, read_checkpoint
from exporters.audit.read.verify import verify_published
from exporters.audit.record import Author, Draft, seal
from exporters.audit.types import SCHEMA_VERSION

ORIGIN = "bench/log/01J00000000000000000000000"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
AIM_RECORDS, AIM_SECONDS = 1_000_000, 60.0
AUTHOR = Author(ORIGIN, "boot", "0", "sha256:" + "c" * 64)


def records(count: int) -> Iterator[bytes]:
    """Yield the records, a second apart."""
    vkey = str(note.vkey(ORIGIN, note.public_bytes(KEY)))
    genesis = {
        "origin": ORIGIN,
        "epoch": ORIGIN[-26:],
        "schema": SCHEMA_VERSION,
        "created_by": "bench",
        "previous": None,
        "vkeys": [vkey],
    }
    beat = {"interval_seconds": 1, "records": 1, "reports": 0, "alerts": 0, "events": 60}
    for seq in range(count):
        first = seq == 0
        name, data = ("log.genesis", genesis) if first else ("heartbeat", beat)
        draft = Draft(name=name, id=None, data=data)
        yield seal(draft, AUTHOR, seq=seq, time=1.8e9 + seq, mono=seq * 10**9)


def write(folder: Path, count: int) -> None:
    """Write the published log, one bundle at a time."""
    made = records(count)
    level: list[bytes] = []
    for tile in tiles.tiles_at(-1, count):
        entries = [next(made) for _ in range(tile.width)]
        _put(folder / tile.path, bundle.pack(entries))
        level += map(merkle.leaf_hash, entries)
    root = merkle.root(level)
    for number in range(tiles.tile_levels(count)):
        for tile in tiles.tiles_at(number, count):
            first = tile.index * tiles.WIDTH
            _put(folder / tile.path, b"".join(level[first : first + tile.width]))
        whole = range(0, len(level) - tiles.WIDTH + 1, tiles.WIDTH)
        level = [tiles.subtree_of(level[i : i + tiles.WIDTH]) for i in whole]
    text = checkpoint.text(ORIGIN, count, root)
    _put(folder / "checkpoint", note.sign(text, [(ORIGIN, KEY)]))


def measure(folder: Path) -> None:
    """Verify a log, and print what that took."""
    before = _peak()
    evidence = Evidence(
        (note.vkey(ORIGIN, note.public_bytes(KEY)),),
        (read_checkpoint(str(folder / "checkpoint")),),
    )
    started, clock = time.process_time(), time.perf_counter()
    found = verify_published(folder, evidence)
    seconds, elapsed = time.process_time() - started, time.perf_counter() - clock
    after = _peak()
    print(f"{found.result}: {found.size} records, {len(found.findings)} findings")
    print(f"{seconds:.1f} s of processor time, {elapsed:.1f} s elapsed")
    if found.size >= AIM_RECORDS:
        reached = found.result == "PASS" and seconds < AIM_SECONDS
        aim = "REACHED" if reached else "MISSED"
        print(f"under {AIM_SECONDS:.0f} s for {AIM_RECORDS:,} records on one core: {aim}")
    else:
        print(f"too few records to tell whether the aim is reached: {AIM_RECORDS:,} are needed")
    print(f"peak resident {after:.0f} MiB, of which {before:.0f} MiB before")


def _peak() -> float:
    """Return the most memory this process has had resident, in MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main(arguments: Sequence[str]) -> None:
    """Write a log and let another process verify it."""
    if arguments[:1] == ["--verify"]:
        measure(Path(arguments[1]))
        return
    with tempfile.TemporaryDirectory(prefix="pantau-bench-") as place:
        write(Path(place) / "audit", int(arguments[0]) if arguments else 1_000_000)
        command = [sys.executable, "-m", "benchmarks.audit_verify", "--verify", f"{place}/audit"]
        subprocess.run(command, check=True)


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    main(sys.argv[1:])
