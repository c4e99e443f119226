"""Do two copies of a log tell one story?  If not, each has been shown to somebody else."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from exporters.audit.findings import Findings, Result
from exporters.audit.format.note import Vkey
from exporters.audit.read.epochs import Epoch, find_epochs
from exporters.audit.read.source import Folder, SourceError
from exporters.audit.read.vouched import Doubtful, keys_of, proven_root, require_signed


@dataclass(frozen=True, slots=True)
class Compared:
    """How two copies of one epoch stand to each other; `first_different` is None if they agree.

    `code` says of an UNKNOWN what it comes of.
    """

    origin: str
    sizes: tuple[int, int]
    result: Result
    first_different: int | None = None
    code: str = ""
    detail: str = ""


def compare(one: Path, other: Path, keys: Collection[Vkey] = ()) -> list[Compared]:
    """Compare the epochs that both copies have, oldest first; none if they have none in common.

    A proof of a split view is the two checkpoints, if `keys` signed both; without any, if keys did
    that one of the copies names itself.  Entries are read only where it takes them to know a key.
    Raises `SourceError`, also if one of them holds no log.
    """
    ours, theirs = _epochs(one), _epochs(other)
    return [_compare(ours[origin], theirs[origin], keys) for origin in ours if origin in theirs]


def _epochs(directory: Path) -> dict[str, Epoch]:
    found = {epoch.origin: epoch for epoch in find_epochs(Folder(directory), Findings())}
    if not found:
        raise SourceError(f"{directory} holds no published log that can be read")
    return found


def _compare(ours: Epoch, theirs: Epoch, keys: Collection[Vkey]) -> Compared:
    sizes = (ours.checkpoint.size, theirs.checkpoint.size)
    shorter = min(sizes)
    try:
        _require_signed(ours, theirs, keys)
        if shorter == 0:
            raise Doubtful("no_records", "of no records nothing can be said")
        same = proven_root(ours, shorter) == proven_root(theirs, shorter)
        first = None if same else _first_different(ours, theirs, shorter)
    except Doubtful as error:
        return Compared(ours.origin, sizes, "UNKNOWN", code=error.code, detail=error.detail)
    return Compared(ours.origin, sizes, "PASS" if same else "FAIL", first)


def _require_signed(ours: Epoch, theirs: Epoch, keys: Collection[Vkey]) -> None:
    """Require that keys which one of the copies begins with signed both. Raises `Doubtful`."""
    both = (ours, theirs)
    doubts = []
    for start in (keys_of(epoch, keys) for epoch in both):
        try:
            for epoch in both:
                require_signed(epoch, start, [(f"{epoch.source.name}/checkpoint", epoch.signed)])
            return
        except Doubtful as error:
            doubts.append(error)
    raise doubts[0]


def _first_different(ours: Epoch, theirs: Epoch, size: int) -> int:
    """Return the first record of which the copies differ: roots agree up to it and not after."""
    low, high = 0, size
    while high - low > 1:
        middle = (low + high) // 2
        if proven_root(ours, middle) == proven_root(theirs, middle):
            low = middle
        else:
            high = middle
    return low
