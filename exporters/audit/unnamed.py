"""Deleting the blobs that no kept record names, once the epochs that named them are deleted.

What to look for is noted before an epoch goes, so that what was interrupted is done later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from exporters.audit import blobs, disk, vault
from exporters.audit.place import EPOCHS, Place
from exporters.audit.tree_files import TILES
from exporters.log import get_logger

MARK = "unnamed-before"
_DIGEST = re.compile(rb"sha256:([0-9a-f]{64})")

_log = get_logger(__name__)


def look_for(at: Place, ended: float) -> None:
    """Note durably that an epoch that ended at `ended` (epoch seconds) is about to be deleted."""
    disk.write_whole(at.state / MARK, str(ended).encode(), 0o600)


def due(at: Place) -> bool:
    """Tell whether blobs are to be looked for."""
    return (at.state / MARK).exists()


def delete(at: Place, going_on: Callable[[], bool]) -> int:
    """Delete what nothing names, with its keys; return how many.  Raises OSError.

    Only what is older than the end of the deleted epoch: a record that names a younger one may
    still be on its way.  Reads every record that is kept; nothing is deleted unless `going_on`.
    """
    before = float((at.state / MARK).read_bytes())
    old = blobs.older(at.public, before)
    for path in _records(at) if old else ():
        old.difference_update(name.decode() for name in _DIGEST.findall(path.read_bytes()))
        if not going_on():
            return 0
    gone = [name for name in sorted(old) if blobs.remove_older(at.public, name, before)]
    vault.destroy(at.state, at.public, [vault.Target(path=f"blobs/{name}") for name in gone])
    (at.state / MARK).unlink()
    _log.info("audit_blobs_deleted", count=len(gone))
    return len(gone)


def _records(at: Place) -> Iterator[Path]:
    """Yield the files that hold records: those not in a tree yet first, as they may get there."""
    yield from sorted(at.wal.glob("*/*.wal"))
    kept = sorted(at.public.glob(f"{EPOCHS}/*"))
    for folder in (at.public, *kept):
        yield from (p for p in (folder / TILES / "entries").rglob("*") if p.is_file())
