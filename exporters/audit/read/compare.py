"""Do two copies of a log tell one story?  If not, each has been shown to somebody else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from exporters.audit.findings import Findings, Result
from exporters.audit.format.tiles import TileError
from exporters.audit.read.epochs import Epoch, find_epochs
from exporters.audit.read.prove import root_at
from exporters.audit.read.source import Folder, SourceError


@dataclass(frozen=True, slots=True)
class Compared:
    """How two copies of one epoch stand to each other; `first_different` is None if they agree."""

    origin: str
    sizes: tuple[int, int]
    result: Result
    first_different: int | None = None
    detail: str = ""


def compare(one: Path, other: Path) -> list[Compared]:
    """Compare the epochs that both copies have, oldest first; none if they have none in common.

    A proof of a split view is the two signed checkpoints; entries are not read.  Raises
    `SourceError`, also if one of them holds no log.
    """
    ours, theirs = _epochs(one), _epochs(other)
    return [_compare(ours[origin], theirs[origin]) for origin in ours if origin in theirs]


def _epochs(directory: Path) -> dict[str, Epoch]:
    found = {epoch.origin: epoch for epoch in find_epochs(Folder(directory), Findings())}
    if not found:
        raise SourceError(f"{directory} holds no published log that can be read")
    return found


def _compare(ours: Epoch, theirs: Epoch) -> Compared:
    sizes = (ours.checkpoint.size, theirs.checkpoint.size)
    shorter = min(sizes)
    for epoch in (ours, theirs):
        try:
            if root_at(epoch.source, epoch.checkpoint.size, epoch.checkpoint.size) != (
                epoch.checkpoint.root
            ):
                detail = f"the tiles in {epoch.source.name} are not those of its checkpoint"
                return Compared(ours.origin, sizes, "UNKNOWN", detail=detail)
        except TileError as error:
            return Compared(ours.origin, sizes, "UNKNOWN", detail=f"{epoch.source.name}: {error}")
    if _same(ours, theirs, shorter):
        return Compared(ours.origin, sizes, "PASS")
    return Compared(ours.origin, sizes, "FAIL", _first_different(ours, theirs, shorter))


def _first_different(ours: Epoch, theirs: Epoch, size: int) -> int:
    """Return the first record of which the copies differ: roots agree up to it and not after."""
    low, high = 0, size
    while high - low > 1:
        middle = (low + high) // 2
        if _same(ours, theirs, middle):
            low = middle
        else:
            high = middle
    return low


def _same(ours: Epoch, theirs: Epoch, size: int) -> bool:
    here = root_at(ours.source, size, ours.checkpoint.size)
    return here == root_at(theirs.source, size, theirs.checkpoint.size)
